#!/usr/bin/env python3
"""Answers recorded requests again, as the check compares them: JSON lines of python-consumer in, JSON lines out.

Requests of Gauntlet's own ma-cross are answered as well, by the crossing of averages that this trainer has.
"""

import json
import os
import sys
import uuid

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import protocol
from answers import answer
from bars import opened

REQUESTS = {"TrainingRequested": protocol.TRAINING_REQUESTS, "EvaluationRequested": protocol.EVALUATION_REQUESTS}


def main():
    lake = opened(os.environ)
    for line in sys.stdin:
        event = json.loads(line)
        request = event["fields"]
        if event["ce_type"] not in REQUESTS:
            continue
        if request["plan"]["strategy"] == "ma-cross":
            request["parameters"]["model"] = "ma-cross"
        topic = REQUESTS[event["ce_type"]]
        kind, fields = answer(topic, request, lake)
        about = uuid.UUID(request[protocol.ABOUT[topic]])
        said = {"ce_id": str(protocol.event_id(kind, about)), "ce_type": kind, "fields": fields}
        print(json.dumps({**said, "strategy": request["plan"]["strategy"]}))


if __name__ == "__main__":
    main()
