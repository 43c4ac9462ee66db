"""A Gauntlet and its experiments."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ._events import Event, subscribe
from ._http import Http, Problem
from ._table import Curve, Numbers, Query, Table

# Seconds between two looks at an experiment that goes on.
LOOK_EVERY = 0.5
# States in which nothing more comes of an experiment.
ENDED = {"completed", "failed", "cancelled"}


class Gauntlet:
    """A running Gauntlet.

    `token` is the secret that `gauntlet token issue` printed. `timeout` is how long an answer may take, in seconds.
    """

    def __init__(self, url: str, token: str, timeout: float = 60.0) -> None:
        self._http = Http(url, token, timeout)

    @staticmethod
    def of_directory(directory: str | Path, timeout: float = 60.0) -> Gauntlet:
        """The `gauntlet up` that has a directory of this machine open, in the name of who owns it."""
        path = Path(directory) / "up.json"
        try:
            address = json.loads(path.read_text())
        except FileNotFoundError:
            raise ConnectionError(f"no gauntlet up is running on {directory}: start it, or name another directory") from None
        return Gauntlet(f"http://{address['listen']}", address["token"], timeout)

    def me(self) -> dict[str, Any]:
        """Who asks: name, right, roles."""
        return self._http.document("GET", "/me")

    # Experiments.

    def submit(
        self,
        document: str | Path | Mapping[str, Any],
        *,
        ahead: bool = False,
        again: bool = False,
        key: str | None = None,
    ) -> Experiment:
        """Submits a document: a path, its text, or a dictionary. `key` makes sending it again the same command."""
        text = _text(document)
        answer = self._command("/experiments", text.encode(), key, {"ahead": _flag(ahead), "again": _flag(again)})
        return Experiment(self, answer["experiment_id"])

    def validate(self, document: str | Path | Mapping[str, Any]) -> dict[str, Any]:
        """The document as it would be submitted, resolved; raises `Problem` with `errors` where it does not hold."""
        return self._http.document("POST", "/experiments/validate", body=_text(document).encode())["document"]

    def experiment(self, name_or_id: str) -> Experiment:
        """An experiment by its id, the beginning of it, or its name."""
        return Experiment(self, self._http.document("GET", f"/experiments/{name_or_id}")["experiment_id"])

    # Tables and curves.

    def table(
        self,
        name: str,
        *,
        filter: str | None = None,
        sort: str | None = None,
        fields: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> Table:
        """A list or view: `runs`, `models`, `experiments`, `trials`, `verdicts`, … with `filter` as `gauntlet ls` has it."""
        query = {"filter": filter, "sort": sort, "fields": ",".join(fields) if fields else None}
        return Table(self._http, f"/{name}", query, limit)

    def show(self, kind: str, id: str) -> dict[str, Any]:
        """A single thing: `experiments`, `models`, `runs`, `snapshots` or `configs`, and its id."""
        return self._http.document("GET", f"/{kind}/{id}")

    def compare(self, *ids: str) -> list[dict[str, Any]]:
        """Two to eight things of one kind side by side."""
        return self._http.document("GET", "/compare", query={"ids": ",".join(ids)})

    def equity(self, run: str) -> Table:
        """The equity of a run, bar by bar: `time`, `equity`, `return`."""
        return Curve(self._http, f"/runs/{run}/equity", {}, name="equity")

    def bars(self, instrument: str, bars: str | None = None, start: str | None = None, end: str | None = None) -> Table:
        """Closed bars of a range, after all revisions. Times are RFC 3339 or dates."""
        query = {"bars": bars, "from": start, "to": end}
        return Numbers(self._http, f"/instruments/{instrument}/bars", query, name="bars")

    def ticks(self, instrument: str, start: str | None = None, end: str | None = None) -> Table:
        """Ticks of a range, as their source gave them."""
        return Numbers(self._http, f"/instruments/{instrument}/ticks", {"from": start, "to": end}, name="ticks")

    def sql(self, query: str, as_of: str | None = None) -> Table:
        """The rows of one statement that reads: `SELECT * FROM runs`. `SHOW TABLES` lists what there is. With `as_of` what was said at a
        recorded time that has passed: RFC 3339, a date, or `2h ago`."""
        return Query(self._http, query, as_of)

    # What is decided, and what is sent.

    def subscribe(
        self,
        *,
        topics: Iterable[str] = (),
        records: Iterable[str] = (),
        experiments: Iterable[str] = (),
        models: Iterable[str] = (),
        start: str = "now",
        after: str | None = None,
    ) -> Iterator[Event]:
        """Events as they come, for ever. `start` is `now` or `start`; `after` goes on behind the event of that id."""
        wanted = {"topics": topics, "records": records, "experiments": experiments, "models": models}
        query: dict[str, Any] = {name: ",".join(values) or None for name, values in wanted.items()}
        return subscribe(self._http, {**query, "from": start}, after)

    def ingest(self, instrument: str, source: str, batches: Iterable[Sequence[Mapping[str, Any]]], first: int = 0) -> int:
        """Sends batches of ticks of a source, and gives the number of the batch that comes next. Each is durable when the next
        one is sent. A batch has at most 10,000 ticks."""
        number = first
        for ticks in batches:
            body = {"instrument": instrument, "source": source, "batch": number, "ticks": ticks}
            self._http.document("POST", "/ticks", body=json.dumps(body).encode())
            number += 1
        return number

    def _command(self, path: str, body: bytes, key: str | None, query: Mapping[str, Any] | None = None) -> Any:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return self._http.document("POST", path, query=query, body=body, headers=headers)


class Experiment:
    """An experiment that was submitted."""

    def __init__(self, gauntlet: Gauntlet, id: str) -> None:
        self._gauntlet, self.id = gauntlet, id

    def __repr__(self) -> str:
        return f"Experiment({self.id!r})"

    def report(self) -> dict[str, Any]:
        """The experiment with its leaderboard, walk-forward, noise ceiling and verdicts."""
        return self._gauntlet.show("experiments", self.id)

    def trials(self, **more: Any) -> Table:
        """Its trials."""
        mine = f"experiment_id = '{self.id}'"
        given = more.pop("filter", None)
        return self._gauntlet.table("trials", filter=f"{mine} and ({given})" if given else mine, **more)

    def wait(self, progress: Callable[[str], Any] | None = None, timeout: float | None = None) -> dict[str, Any]:
        """Waits until it has ended and is judged, and gives its report. `progress` is told a line whenever more trials are done.

        Raises `TimeoutError` after so many seconds; the experiment goes on.
        """
        until = None if timeout is None else time.monotonic() + timeout
        told = -1
        while True:
            report = self._look()
            if report is not None and report["status"] in ENDED:
                if report["status"] != "completed" or report.get("judgement") is not None:
                    return report
            if report is not None and progress is not None:
                trials = report.get("trials") or {}
                done = sum(count for name, count in trials.items() if name in ("completed", "pruned", "failed"))
                if done != told:
                    told = done
                    progress(f"{report['name']}: {done} trials, {report['status']}")
            if until is not None and time.monotonic() >= until:
                raise TimeoutError(f"experiment {self.id} has not ended within {timeout} s; it goes on")
            time.sleep(LOOK_EVERY)

    def cancel(self, reason: str, key: str | None = None) -> None:
        """Asks for its end."""
        self._gauntlet._command(f"/experiments/{self.id}/cancel", json.dumps({"reason": reason}).encode(), key)

    def _look(self) -> dict[str, Any] | None:
        try:
            return self.report()
        except Problem as problem:
            # It lies on the log and is in no view yet.
            if problem.status == 404:
                return None
            raise


def _flag(flag: bool) -> str | None:
    return "true" if flag else None


def _text(document: str | Path | Mapping[str, Any]) -> str:
    if isinstance(document, Mapping):
        # JSON is YAML.
        return json.dumps(document)
    if isinstance(document, Path) or "\n" not in document:
        return Path(document).read_text()
    return document
