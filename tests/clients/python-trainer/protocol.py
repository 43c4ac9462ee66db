"""What makes an answer a Gauntlet event: its topic, its key, its id, its headers. Python's own library is enough for it.

../TRAINERS.md says it in words.
"""

import hashlib
import uuid
from datetime import datetime, timezone

TRAINING_REQUESTS, TRIAL_RESULTS = "training.requests.v1", "trial.results.v1"
EVALUATION_REQUESTS, EVALUATION_OUTCOMES = "evaluation.requests.v1", "evaluation.outcomes.v1"
# Where the answers to the requests of a topic go.
ANSWERED_ON = {TRAINING_REQUESTS: TRIAL_RESULTS, EVALUATION_REQUESTS: EVALUATION_OUTCOMES}
# What a request is about; its answer too.
ABOUT = {TRAINING_REQUESTS: "trial_id", EVALUATION_REQUESTS: "model_id"}
# What stands before the trainer's name in the addressee of a request and in the source of its answer.
ANSWERED_BY = {TRAINING_REQUESTS: "trainer", EVALUATION_REQUESTS: "evaluator"}
NAMESPACE = "gauntlet.research"


def is_for(name, topic, request):
    """Whether the trainer of this name is to answer. A request of version 1 names nobody; its strategy does. The walk-forward
    of a procedure is Gauntlet's own: an experiment whose strategy is outside has none."""
    if is_walk_forward(request):
        return False
    if addressee := request.get("addressee"):
        return addressee == f"{ANSWERED_BY[topic]}.{name}"
    return request["plan"]["strategy"] == f"external:{name}"


def is_walk_forward(request):
    """Of the two records on the topic of evaluations, that of a walk-forward has segments."""
    return "segments" in request


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
    """Of a request or an answer: it is about a trial or a model."""
    return derived("event", kind.encode(), about.bytes)


def headers(kind, about, source, causation, correlation, took_seconds):
    """CloudEvents in binary mode: the answer hangs on its request and belongs to its request's chain."""
    words = {
        "ce_specversion": "1.0",
        "ce_id": str(event_id(kind, about)),
        "ce_type": kind,
        "ce_source": source,
        "ce_time": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        "ce_causationid": causation,
        "ce_correlationid": correlation,
        "ce_tookmicros": str(round(took_seconds * 1e6)),
        "content-type": "application/avro",
    }
    return [(name, value.encode()) for name, value in words.items()]
