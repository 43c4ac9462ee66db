"""What makes an answer a Gauntlet event: its topic, its key, its id, its headers. Python's own library is enough for it.

../TRAINERS.md says it in words.
"""

import hashlib
import uuid
from datetime import datetime, timezone

TRAINING_REQUESTS, TRIAL_RESULTS = "training.requests.v1", "trial.results.v1"
EVALUATION_REQUESTS, EVALUATION_OUTCOMES = "evaluation.requests.v1", "evaluation.outcomes.v1"
RESULTS_SERIES = "results.series.v1"
# The requests, and the records that go to a topic of their own.
TRAINING, EVALUATION, WALK_FORWARD = "TrainingRequested", "EvaluationRequested", "WalkForwardRequested"
CHUNKS = ("TradeLogChunk", "EquityCurveChunk")
# Where the answers to the requests of a topic go.
ANSWERED_ON = {TRAINING_REQUESTS: TRIAL_RESULTS, EVALUATION_REQUESTS: EVALUATION_OUTCOMES}
# What stands before the trainer's name in the addressee of a request and in the source of its answer.
ANSWERED_BY = {TRAINING_REQUESTS: "trainer", EVALUATION_REQUESTS: "evaluator"}
NAMESPACE = "gauntlet.research"


def is_for(name, topic, request):
    """Whether the trainer of this name is to answer. A request of version 1 names nobody; its strategy does."""
    if addressee := request.get("addressee"):
        return addressee == f"{ANSWERED_BY[topic]}.{name}"
    return request["plan"]["strategy"] == f"external:{name}"


def kind(topic, request):
    """Which request it is. Of the two records on the topic of evaluations, that of a walk-forward has segments."""
    if topic == TRAINING_REQUESTS:
        return TRAINING
    return WALK_FORWARD if "segments" in request else EVALUATION


def derived(kind, *parts):
    """UUIDv5 under the DNS namespace; each part of the name has its length in four bytes before it."""
    name = b"".join(len(part).to_bytes(4, "big") + part for part in (kind.encode(), *parts))
    # As uuid.uuid5, which takes bytes for a name only from Python 3.12 on.
    return uuid.UUID(bytes=hashlib.sha1(uuid.NAMESPACE_DNS.bytes + name).digest()[:16], version=5)


def trial_id(experiment, trial):
    return derived("trial", experiment.bytes, trial.to_bytes(8, "big"))


def model_id(experiment, trial):
    return derived("model", experiment.bytes, trial.to_bytes(8, "big"))


def event_id(kind, about):
    """Of a request or an answer: it is about a trial, a model, or the walk-forward of an experiment."""
    return derived("event", kind.encode(), about.bytes)


def place(topic, kind, fields):
    """Topic, key and id of a record that answers a request of a topic. Those of a chunk are of its run."""
    ids = [uuid.UUID(str(fields[name])) for name in ("trial_id", "model_id", "experiment_id") if name in fields]
    if kind not in CHUNKS:
        return ANSWERED_ON[topic], str(fields["experiment_id"]), event_id(kind, ids[0])
    parts = kind.encode(), ids[0].bytes, fields["phase"].encode(), fields["chunk"].to_bytes(8, "big")
    return RESULTS_SERIES, f"{ids[0]}:{fields['phase']}", derived("event", *parts)


def headers(kind, event, source, causation, correlation, took_seconds):
    """CloudEvents in binary mode: the answer hangs on its request and belongs to its request's chain."""
    words = {
        "ce_specversion": "1.0",
        "ce_id": str(event),
        "ce_type": kind,
        "ce_source": source,
        "ce_time": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        "ce_causationid": causation,
        "ce_correlationid": correlation,
        "ce_tookmicros": str(round(took_seconds * 1e6)),
        "content-type": "application/avro",
    }
    return [(name, value.encode()) for name, value in words.items()]
