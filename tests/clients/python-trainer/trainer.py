#!/usr/bin/env python3
"""Answers the trials, walk-forwards and evaluations of strategy external:NAME, each exactly once.

An answer and the position behind its request are one transaction, so that a trainer which is killed does some work again
and answers nothing twice. Ends with 1 where something outside does not respond: start it again then.
"""

import argparse
import os
import signal
import sys
import time

# One thread for sums, whatever the machine: the same request gives the same bits.
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

import protocol
from answers import answer
from bars import opened

PATIENCE_SECONDS = 30
# An answer may take so long before the group takes the trainer for dead.
LONGEST_ANSWER_SECONDS = 3600


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--name", required=True, help="NAME of external:NAME")
    options.add_argument("--instance", default="0", help="number among the trainers of this name, each another (0)")
    args = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    trainer = Trainer(args.name, args.instance)
    print(f"trainer {args.name}: ready", flush=True)
    try:
        trainer.run()
    finally:
        trainer.consumer.close()


class Trainer:
    def __init__(self, name, instance):
        self.name, self.prefix = name, setting("GAUNTLET_TOPICS__PREFIX", "gauntlet.")
        self.lake = opened(os.environ)
        self.registry = SchemaRegistryClient({"url": setting("GAUNTLET_REGISTRY__URL")})
        subject = {"subject.name.strategy": topic_record_subject_name_strategy}
        self.decode = AvroDeserializer(self.registry, conf=subject)
        self.encoders = {}
        group = f"{self.prefix}trainer.{name}"
        brokers = {"bootstrap.servers": setting("GAUNTLET_KAFKA__BOOTSTRAP_SERVERS")}
        self.consumer = Consumer({
            **brokers,
            "group.id": group,
            # Whoever comes back under its number has its partitions at once.
            "group.instance.id": f"{group}.{instance}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            # Requests that were there before the first start are answered as well.
            "auto.offset.reset": "earliest",
            "max.poll.interval.ms": LONGEST_ANSWER_SECONDS * 1000,
        })
        self.producer = Producer({
            **brokers,
            # Taking the id over ends what a killed predecessor has left open.
            "transactional.id": f"{group}.{instance}",
            # The partition that Java clients and Gauntlet itself choose for a key; librdkafka's default is another.
            "partitioner": "murmur2_random",
            "transaction.timeout.ms": 10_000,
        })
        self.producer.init_transactions(PATIENCE_SECONDS)
        self.consumer.subscribe([self.prefix + topic for topic in protocol.ANSWERED_ON])

    def run(self):
        while True:
            passed = {}
            for message in self.consumer.consume(100, 1.0):
                if message.error():
                    raise KafkaException(message.error())
                passed[message.topic(), message.partition()] = message.offset() + 1
                produced = self.answered(message)
                if produced and not self.commit(passed, produced):
                    break
                if produced:
                    passed = {}
            # What is left are requests to others.
            if passed:
                self.commit(passed)

    def answered(self, message):
        """The records that answer a request of ours; the work is done here, outside any transaction."""
        topic = message.topic().removeprefix(self.prefix)
        request = self.decode(message.value(), SerializationContext(message.topic(), MessageField.VALUE))
        if not protocol.is_for(self.name, topic, request):
            return []
        began = time.monotonic()
        answered = answer(protocol.kind(topic, request), request, self.lake)
        took = time.monotonic() - began
        what = f"trial {request['trial']}" if "trial" in request else "walk-forward"
        print(f"trainer {self.name}: {what} of {request['experiment_id']}: {answered[-1][0]}", flush=True)
        cause = {name: value.decode() for name, value in message.headers()}
        source = f"{protocol.ANSWERED_BY[topic]}.{self.name}"
        return [self.record(topic, kind, fields, source, cause, took) for kind, fields in answered]

    def record(self, topic, kind, fields, source, cause, took):
        """What is produced for a record of an answer."""
        name, key, event = protocol.place(topic, kind, fields)
        to = self.prefix + name
        return {
            "topic": to,
            "key": key,
            "value": self.encoder(to, kind)(fields, SerializationContext(to, MessageField.VALUE)),
            "headers": protocol.headers(kind, event, source, cause["ce_id"], cause["ce_correlationid"], took),
        }

    def encoder(self, topic, kind):
        """Writes with what the registry has, and never registers: only a release does."""
        if kind not in self.encoders:
            schema = self.registry.get_latest_version(f"{topic}-{protocol.NAMESPACE}.{kind}").schema
            self.encoders[kind] = AvroSerializer(self.registry, schema.schema_str, conf={
                "auto.register.schemas": False,
                "use.latest.version": True,
                "subject.name.strategy": topic_record_subject_name_strategy,
            })
        return self.encoders[kind]

    def commit(self, passed, produced=()):
        """The answer and how far has been read, both or neither. False: neither, and reading goes on where it was."""
        positions = [TopicPartition(topic, partition, offset) for (topic, partition), offset in passed.items()]
        self.producer.begin_transaction()
        try:
            for record in produced:
                self.producer.produce(**record)
            member = self.consumer.consumer_group_metadata()
            self.producer.send_offsets_to_transaction(positions, member, PATIENCE_SECONDS)
            self.producer.commit_transaction(PATIENCE_SECONDS)
            return True
        except KafkaException as error:
            # A partition may have gone to another trainer meanwhile. Anything worse, a successor with this number
            # above all, ends this one.
            if not error.args[0].txn_requires_abort():
                raise
            self.producer.abort_transaction(PATIENCE_SECONDS)
        for place in self.consumer.committed(self.consumer.assignment(), PATIENCE_SECONDS):
            if place.offset < 0:
                place.offset = OFFSET_BEGINNING
            self.consumer.seek(place)
        return False


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
    except (KafkaException, OSError) as error:
        sys.exit(f"trainer: {error}: start it again when that is mended")
