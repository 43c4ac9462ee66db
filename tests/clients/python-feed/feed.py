#!/usr/bin/env python3
"""Publishes the quotes of a CSV file (time,bid,ask) the way a live feed does, one record a tick.

The instrument's definition goes first, FeedCompleted last. A source is the SHA-256 of its file and every tick has its
number in it, so the same file again is recognised and adds nothing.
"""

import argparse
import csv
import hashlib
import os
import sys
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

import events

PATIENCE_SECONDS = 30


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("file", type=Path, help="CSV with the columns time, bid, ask")
    options.add_argument("--instrument", required=True, help="symbol, such as XAUUSD")
    options.add_argument("--venue", required=True, help="venue, such as OANDA")
    options.add_argument("--bars", default="time:1m", help="bars to build, separated by commas")
    args = options.parse_args()

    instrument = f"{args.instrument}.{args.venue}".upper()
    source = hashlib.sha256(args.file.read_bytes()).hexdigest()
    rows = 0
    publisher = Publisher()
    publisher.publish(events.instrument_defined(instrument, args.bars.split(",")))
    with args.file.open(newline="") as lines:
        for rows, row in enumerate(csv.DictReader(lines), start=1):
            try:
                quote = events.quote(instrument, source, rows, row["time"], row["bid"], row["ask"])
            except (KeyError, ValueError, ArithmeticError) as error:
                sys.exit(f"{args.file} row {rows}: {error!r}")
            publisher.publish(quote)
    publisher.publish(events.feed_completed(instrument, source, args.file.name, rows))
    publisher.finish()
    print(f"{rows} quotes of {instrument}")


class Publisher:
    """Events to the topic of ticks, by the schemas that a release has registered."""

    def __init__(self):
        self.topic = setting("GAUNTLET_TOPICS__PREFIX", "gauntlet.") + "market.ticks.v1"
        self.registry = SchemaRegistryClient({"url": setting("GAUNTLET_REGISTRY__URL")})
        self.serializers = {}
        self.producer = Producer({
            "bootstrap.servers": setting("GAUNTLET_KAFKA__BOOTSTRAP_SERVERS"),
            # Order within a key, and no tick twice, when the network fails in between.
            "enable.idempotence": True,
            # The partition that Java clients and Gauntlet itself choose for a key; librdkafka's default is another.
            "partitioner": "murmur2_random",
            "delivery.timeout.ms": PATIENCE_SECONDS * 1000,
        })
        self.refused = None

    def publish(self, event):
        encode = self.serializers.get(event.record) or self.serializer(event.record)
        self.producer.poll(0)
        while True:
            try:
                self.producer.produce(
                    self.topic,
                    key=event.fields["instrument"],
                    value=encode(event.fields, SerializationContext(self.topic, MessageField.VALUE)),
                    headers=event.headers(),
                    on_delivery=self.delivered,
                )
                return
            except BufferError:  # more on its way than the client holds
                self.producer.poll(1)

    def serializer(self, record):
        """Writes with what the registry has, and never registers: only a release does."""
        schema = self.registry.get_latest_version(f"{self.topic}-{record}").schema
        self.serializers[record] = AvroSerializer(self.registry, schema.schema_str, conf={
            "auto.register.schemas": False,
            "use.latest.version": True,
            "subject.name.strategy": topic_record_subject_name_strategy,
        })
        return self.serializers[record]

    def delivered(self, error, _message):
        self.refused = self.refused or error

    def finish(self):
        waiting = self.producer.flush(PATIENCE_SECONDS)
        if self.refused:
            raise KafkaException(self.refused)
        if waiting:
            sys.exit(f"{waiting} records were not acknowledged: run it again, what is there already does no harm")


def setting(name, default=None):
    value = os.environ.get(name, default)
    if not value:
        sys.exit(f"{name} is not set")
    return value


if __name__ == "__main__":
    main()
