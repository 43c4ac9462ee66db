#!/usr/bin/env python3
"""Prints what happens to experiments and trials, or on other topics, one JSON line an event.

Reads committed records only, keeps no position and joins no group: several can watch at once.
"""

import argparse
import base64
import json
import os
import sys

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

TOPICS = ("experiments.v1", "trial.results.v1")
PATIENCE_SECONDS = 30


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    instead = f"names without prefix, instead of {' '.join(TOPICS)}"
    options.add_argument("topics", nargs="*", default=TOPICS, metavar="TOPIC", help=instead)
    options.add_argument("--from-beginning", action="store_true", help="everything there is, not only what is new")
    options.add_argument("--once", action="store_true", help="ends at the end of the partitions")
    args = options.parse_args()

    registry = SchemaRegistryClient({"url": setting("GAUNTLET_REGISTRY__URL")})
    # Left to itself, the deserializer asks the registry for associations, which not every registry knows.
    decode = AvroDeserializer(registry, conf={"subject.name.strategy": topic_record_subject_name_strategy})
    consumer = Consumer({
        "bootstrap.servers": setting("GAUNTLET_KAFKA__BOOTSTRAP_SERVERS"),
        "group.id": "gauntlet-events",  # the client wants one; nothing is ever committed to it
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    })
    offset = OFFSET_BEGINNING if args.from_beginning else OFFSET_END
    try:
        for message in records(consumer, args.topics, offset, args.once):
            print(json.dumps(event(registry, decode, message), default=text), flush=True)
    finally:
        consumer.close()


def records(consumer, topics, offset, once):
    """Every record of the topics from an offset on; with `once` up to the end of each partition."""
    prefix = setting("GAUNTLET_TOPICS__PREFIX", "gauntlet.")
    unfinished = set()
    for topic in (prefix + name for name in topics):
        found = consumer.list_topics(topic, timeout=PATIENCE_SECONDS).topics[topic]
        if found.error:
            raise KafkaException(found.error)
        unfinished |= {(topic, partition) for partition in found.partitions}
    consumer.assign([TopicPartition(topic, partition, offset) for topic, partition in sorted(unfinished)])
    while unfinished or not once:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if not message.error():
            yield message
        elif message.error().code() == KafkaError._PARTITION_EOF:
            unfinished.discard((message.topic(), message.partition()))
        else:
            raise KafkaException(message.error())


def event(registry, decode, message):
    """A record as the line says it."""
    headers = {name: value.decode() for name, value in message.headers() or []}
    frame = message.value()
    # The frame: a zero, the schema's number in four bytes, the body.
    schema = json.loads(registry.get_schema(int.from_bytes(frame[1:5], "big")).schema_str)
    return {
        "record": f"{schema['namespace']}.{schema['name']}",
        "key": message.key().decode(),
        "ce_id": headers.get("ce_id"),
        "ce_type": headers.get("ce_type"),
        "ce_correlationid": headers.get("ce_correlationid"),
        "fields": decode(frame, SerializationContext(message.topic(), MessageField.VALUE)),
    }


def text(value):
    """What JSON does not have: bytes in base64, UUIDs as they are written."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def setting(name, default=None):
    value = os.environ.get(name, default)
    if not value:
        sys.exit(f"{name} is not set")
    return value


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
