#!/usr/bin/env bash
# Produces to a server and consumes by partition with unmodified clients of other languages, and asks
# each to consume as a group, which must end with a reason: docs/clients/try.sh ADDRESS.
# Needs python3 with venv, node and npm; what it installs goes to a directory of its own, removed at the end.
set -euo pipefail
address=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install -q confluent-kafka kafka-python aiokafka
for client in confluent kafka_python aiokafka; do
  python/bin/python "$here/try.py" "$client" "$address"
done
npm install --silent --no-fund --no-audit kafkajs >/dev/null
NODE_PATH="$work/node_modules" KAFKAJS_NO_PARTITIONER_WARNING=1 node "$here/try.js" "$address"
