"""One client of Python: produce, consume by partition, and a group that must be told at once."""

import asyncio
import sys
import time

RECORDS = 50
PATIENCE = 20  # seconds
TOPIC = f"{sys.argv[1]}-{time.time_ns()}"


def wants(name, got):
    want = [str(i).encode() for i in range(RECORDS)]
    if got != want:
        sys.exit(f"{name}: consumed {len(got)} records, {got[:3]} first; {RECORDS} were produced")
    print(f"{name}: {RECORDS} records there and back")


def told(name, began, error):
    took = time.monotonic() - began
    if "authoriz" not in str(error).lower() and "authoriz" not in type(error).__name__.lower():
        sys.exit(f"{name}, group: after {took:.1f} s {error!r}")
    print(f"{name}, group: told in {took:.1f} s: {error!r}")


def confluent(address):
    from confluent_kafka import Consumer, Producer, TopicPartition

    producer = Producer({"bootstrap.servers": address, "compression.type": "lz4", "enable.idempotence": True})
    for i in range(RECORDS):
        producer.produce(TOPIC, str(i).encode(), partition=0)
    producer.flush(PATIENCE)
    consumer = Consumer({"bootstrap.servers": address, "group.id": "none", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    got, end = [], time.monotonic() + PATIENCE
    while len(got) < RECORDS and time.monotonic() < end:
        message = consumer.poll(1)
        if message is not None and not message.error():
            got.append(message.value())
    wants("confluent-kafka", got)
    consumer.unassign()
    consumer.subscribe([TOPIC])
    began = time.monotonic()
    while time.monotonic() < began + PATIENCE:
        message = consumer.poll(1)
        if message is not None and message.error():
            return told("confluent-kafka", began, message.error())
    sys.exit("confluent-kafka, group: waits")


def kafka_python(address):
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition

    producer = KafkaProducer(bootstrap_servers=address, compression_type="gzip")
    for i in range(RECORDS):
        producer.send(TOPIC, str(i).encode(), partition=0).get(PATIENCE)
    consumer = KafkaConsumer(bootstrap_servers=address, consumer_timeout_ms=3000, group_id=None)
    consumer.assign([TopicPartition(TOPIC, 0)])
    consumer.seek_to_beginning()
    wants("kafka-python", [m.value for m, _ in zip(consumer, range(RECORDS))])
    began = time.monotonic()
    try:
        group = KafkaConsumer(TOPIC, bootstrap_servers=address, group_id="g", consumer_timeout_ms=PATIENCE * 1000)
        next(group)
    except Exception as error:
        return told("kafka-python", began, error)


def aiokafka(address):
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

    async def run():
        producer = AIOKafkaProducer(bootstrap_servers=address)
        await producer.start()
        for i in range(RECORDS):
            await producer.send_and_wait(TOPIC, str(i).encode(), partition=0)
        await producer.stop()
        consumer = AIOKafkaConsumer(bootstrap_servers=address)
        await consumer.start()
        consumer.assign([TopicPartition(TOPIC, 0)])
        await consumer.seek_to_beginning()
        wants("aiokafka", [(await asyncio.wait_for(consumer.getone(), PATIENCE)).value for _ in range(RECORDS)])
        await consumer.stop()
        group = AIOKafkaConsumer(TOPIC, bootstrap_servers=address, group_id="g")
        began = time.monotonic()
        try:
            await asyncio.wait_for(group.start(), PATIENCE)
            await asyncio.wait_for(group.getone(), PATIENCE)
        except Exception as error:
            told("aiokafka", began, error)
        finally:
            await group.stop()

    asyncio.run(run())


{"confluent": confluent, "kafka_python": kafka_python, "aiokafka": aiokafka}[sys.argv[1]](sys.argv[2])
