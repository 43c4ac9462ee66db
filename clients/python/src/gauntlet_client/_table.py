"""Rows of a list, read when they are asked for: as dictionaries, Arrow, pandas or polars."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ._http import Http

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

# Rows of a page.
PAGE = 1_000


class Table:
    """Rows of a path. Nothing is read before one of the methods asks for it, and each asks anew."""

    def __init__(self, http: Http, path: str, query: Mapping[str, Any], limit: int | None = None, name: str = "rows") -> None:
        self._http, self._path, self._query, self._limit, self._name = http, path, dict(query), limit, name

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows as dictionaries, page by page: times as text, documents as documents."""
        left, cursor = self._limit, None
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = self._http.document("GET", self._path, query={**self._query, "limit": size, "cursor": cursor})
            yield from page["rows"]
            cursor = page["next"]
            left = None if left is None else left - len(page["rows"])
            if cursor is None:
                return

    def rows(self) -> list[dict[str, Any]]:
        """All rows as dictionaries."""
        return list(self)

    def _file(self, ending: str) -> bytes:
        return self._http.ask("GET", f"{self._path}.{ending}", query={**self._query, "limit": self._limit})

    def arrow(self) -> pyarrow.Table:
        """An Arrow table: times as timestamps in UTC, documents as text."""
        import pyarrow.ipc

        return pyarrow.ipc.open_stream(self._file("arrow")).read_all()

    def pandas(self) -> pandas.DataFrame:
        """A pandas data frame."""
        return self.arrow().to_pandas()

    def polars(self) -> polars.DataFrame:
        """A polars data frame."""
        import polars

        return polars.read_ipc_stream(io.BytesIO(self._file("arrow")))

    def csv(self) -> str:
        """CSV with a head."""
        return self._file("csv").decode()


class Query(Table):
    """The rows of a statement in SQL, which come whole."""

    def __init__(self, http: Http, statement: str, as_of: str | None) -> None:
        super().__init__(http, "/sql", {})
        self._statement, self._as_of = statement, as_of

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield from json.loads(self._file("json"))["rows"]

    def _file(self, ending: str) -> bytes:
        body = json.dumps({"query": self._statement, "format": ending, "as_of": self._as_of}).encode()
        return self._http.ask("POST", self._path, body=body)


class Numbers(Table):
    """Bars or ticks of a range, which come whole."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield from self._http.document("GET", self._path, query=self._query)[self._name]


class Curve(Table):
    """The equity of a run, bar by bar."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield from self._http.document("GET", self._path, query=self._query)[self._name]

    def arrow(self) -> pyarrow.Table:
        """An Arrow table with `time` (UTC), `equity` and `return`."""
        import datetime

        import pyarrow

        rows = self.rows()
        times = [datetime.datetime.fromisoformat(row["time"].replace("Z", "+00:00")) for row in rows]
        columns: dict[str, Any] = {"time": pyarrow.array(times, pyarrow.timestamp("ns", "UTC"))}
        for name in ("equity", "return"):
            columns[name] = pyarrow.array([row[name] for row in rows], pyarrow.float64())
        return pyarrow.table(columns)

    def polars(self) -> polars.DataFrame:
        """A polars data frame."""
        import polars

        frame = polars.from_arrow(self.arrow())
        assert isinstance(frame, polars.DataFrame)
        return frame
