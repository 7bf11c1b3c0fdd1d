#!/usr/bin/env bash
# Produces to a server and consumes by partition with unmodified clients of other languages, and asks
# each to consume as a group, which must end with a reason: docs/clients/try.sh ADDRESS.
# Needs python3 with venv, node and npm, mvn and Java 17; what it installs goes to a directory of its own, removed at the end.
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

cat >pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>c10klab</groupId><artifactId>java-clients</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies><dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>4.1.0</version></dependency></dependencies>
</project>
POM
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DincludeScope=runtime -DoutputDirectory=java
topic="java-$$"
tool() { timeout 60 java -cp 'java/*' "org.apache.kafka.tools.$@" 2>&1; }
wants() { # TEXT OUTPUT
  grep -qF -- "$1" <<<"$2" || { echo "java 4.1.0: no \"$1\" in: $2"; exit 1; }
}
wants "Created topic $topic." "$(tool TopicCommand --bootstrap-server "$address" --create --topic "$topic" --partitions 2 --config retention.ms=3600000)"
wants "retention.ms=3600000" "$(tool TopicCommand --bootstrap-server "$address" --describe --topic "$topic")"
wants "1000 records sent" "$(tool ProducerPerformance --topic "$topic" --num-records 1000 --record-size 100 --throughput -1 --producer-props "bootstrap.servers=$address" compression.type=zstd)"
seq 10 | tool ConsoleProducer --bootstrap-server "$address" --topic "$topic"
wants "Processed a total of 1 messages" "$(tool consumer.ConsoleConsumer --bootstrap-server "$address" --topic "$topic" --partition 0 --offset earliest --max-messages 1)"
total=0
while IFS=: read -r _ _ offset; do total=$((total + offset)); done < <(tool GetOffsetShell --bootstrap-server "$address" --topic "$topic" --time -1 | grep "^$topic:")
[ "$total" = 1010 ] || { echo "java 4.1.0: $total records, sent 1010"; exit 1; }
# Without a logger it does not say why, but it ends at once.
wants "Processed a total of 0 messages" "$(tool consumer.ConsoleConsumer --bootstrap-server "$address" --topic "$topic" --from-beginning || true)"
tool TopicCommand --bootstrap-server "$address" --delete --topic "$topic"
echo "java 4.1.0: ok"
