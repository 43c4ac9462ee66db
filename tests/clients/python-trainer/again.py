#!/usr/bin/env python3
"""Answers recorded requests again, as the check compares them: JSON lines of python-consumer in, JSON lines out.

Requests of Gauntlet's own ma-cross are answered as well, by the crossing of averages that this trainer has.
"""

import json
import os
import sys

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import protocol
from answers import answer
from bars import opened

REQUESTS = {
    protocol.TRAINING: protocol.TRAINING_REQUESTS, protocol.EVALUATION: protocol.EVALUATION_REQUESTS,
    protocol.WALK_FORWARD: protocol.EVALUATION_REQUESTS,
}


def main():
    lake = opened(os.environ)
    for line in sys.stdin:
        event = json.loads(line)
        asked, request = event["ce_type"], event["fields"]
        if asked not in REQUESTS:
            continue
        strategy = request["plan"]["strategy"]
        if strategy == "ma-cross":
            for tried in request.get("segments", [request]):
                tried["parameters"]["model"] = "ma-cross"
        for kind, fields in answer(asked, request, lake):
            event_id = protocol.place(REQUESTS[asked], kind, fields)[2]
            said = {"request": event["ce_id"], "ce_id": str(event_id), "ce_type": kind, "fields": fields}
            print(json.dumps({**said, "strategy": strategy}))


if __name__ == "__main__":
    main()
