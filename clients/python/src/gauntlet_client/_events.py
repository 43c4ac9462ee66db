"""Subscriptions: Server-Sent Events that go on after a lost connection."""

from __future__ import annotations

import json
import time
import urllib.error
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from typing import Any

from ._http import COME_AGAIN, PAUSE, Http, Problem

# The server says something every 15 s.
SILENCE = 45.0


class Event(dict[str, Any]):
    """A CloudEvent. `id` is where the subscription stands behind it: hand it to `after` to go on there."""

    def __init__(self, members: Mapping[str, Any], position: str, record: str) -> None:
        super().__init__(members)
        self.id, self.record = position, record


def subscribe(http: Http, query: Mapping[str, Any], after: str | None) -> Iterator[Event]:
    """Events for ever. A lost connection is made again behind the last event that was given."""
    while True:
        headers = {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = after
        try:
            with http.open("GET", "/events", query, headers=headers, timeout=SILENCE) as stream:
                for name, position, data in _frames(stream):
                    after = position
                    if name == "bye":
                        break
                    # What was removed cannot be told; the stream goes on with the oldest that there is.
                    yield Event(data, position, name)
        except Problem as problem:
            if problem.status not in COME_AGAIN:
                raise
            time.sleep(float(problem.members.get("retry_after") or PAUSE))
        except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError, OSError):
            time.sleep(PAUSE)


def _frames(stream: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, id and data of each event of a stream."""
    name = position = data = ""
    for line in stream:
        text = line.decode().rstrip("\r\n")
        if not text:
            if data:
                yield name, position, json.loads(data)
            name = data = ""
            continue
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                name = value
            case "id":
                position = value
            case "data":
                data = value
