"""Requests over HTTP: problems as exceptions, and requests that are sent again where that is safe."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any

# Seconds between two attempts where the server does not name them, and attempts in all.
PAUSE = 0.5
ATTEMPTS = 8
# What the server asks to be asked again for.
COME_AGAIN = {429, 503}


class Problem(Exception):
    """Why there is no answer (RFC 9457).

    `type` is what programs decide by, `detail` what people read; `members` holds what else the server says.
    """

    def __init__(self, status: int, members: Mapping[str, Any]) -> None:
        self.status = status
        self.type: str = str(members.get("type", "about:blank"))
        self.detail: str = str(members.get("detail", ""))
        self.members: dict[str, Any] = dict(members)
        super().__init__(f"{self.detail or members.get('title') or status} ({self.type})")

    @staticmethod
    def of(error: urllib.error.HTTPError) -> Problem:
        """The problem in an answer; an answer without one is a problem all the same."""
        body = error.read()
        try:
            members = json.loads(body)
        except ValueError:
            members = {"detail": body.decode("utf-8", "replace")[:500]}
        return Problem(error.code, members if isinstance(members, dict) else {})


class Http:
    """A server and who asks."""

    def __init__(self, url: str, token: str, timeout: float) -> None:
        self.url, self.token, self.timeout = url.rstrip("/"), token, timeout
        # The server is mostly on this machine: a proxy would only learn the token.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def open(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> HTTPResponse:
        """Sends a request once."""
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{self.url}/api/v1{path}" + (f"?{urllib.parse.urlencode(asked)}" if asked else "")
        request = urllib.request.Request(url, data=body, method=method)
        for name, value in {"Authorization": f"Bearer {self.token}", **(headers or {})}.items():
            request.add_header(name, value)
        try:
            return self._opener.open(request, timeout=self.timeout if timeout is None else timeout)
        except urllib.error.HTTPError as error:
            problem = Problem.of(error)
            problem.members.setdefault("retry_after", error.headers.get("Retry-After"))
            raise problem from None

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Sends a request that may be sent again: a question, or a command under a key."""
        for attempt in range(ATTEMPTS):
            is_last = attempt == ATTEMPTS - 1
            try:
                with self.open(method, path, query, body, headers) as answer:
                    return answer.read()
            except Problem as problem:
                if is_last or problem.status not in COME_AGAIN:
                    raise
                time.sleep(float(problem.members.get("retry_after") or PAUSE))
            except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError) as error:
                if is_last:
                    raise ConnectionError(f"{self.url} does not answer: {error}: is gauntlet up running?") from error
                time.sleep(PAUSE * 2**attempt if attempt < 4 else 8 * PAUSE)
        raise AssertionError("the last attempt returns or raises")

    def document(self, method: str, path: str, **more: Any) -> Any:
        """The document of an answer."""
        return json.loads(self.ask(method, path, **more))
