"""What DuckDB, pandas and polars read from the lake is what Gauntlet says."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas
import polars
from fsspec.implementations.http import HTTPFileSystem
from gauntlet_client import Gauntlet

DIRECTORY = Path(os.environ["GAUNTLET_DIR"])
ARCHIVE = DIRECTORY / "lake/archive"


def files(topic):
    return f"'{ARCHIVE}/{topic}/*/*.parquet'"


# The same question to both: over the files by themselves, and in SQL of Gauntlet over archived records alone.
PAIRS = {
    "ticks": (
        f"""SELECT instrument, tick.kind AS kind, count(*) AS n, min(tick.time) AS first, max(tick.price) AS high
            FROM (SELECT tick_block.instrument AS instrument, unnest(tick_block.ticks) AS tick
                  FROM {files("market.ticks.v1")} WHERE tick_block IS NOT NULL)
            GROUP BY ALL ORDER BY ALL""",
        """SELECT i AS instrument, tick.kind AS kind, count(*) AS n, min(tick.time) AS first, max(tick.price) AS high
           FROM (SELECT instrument AS i, unnest(ticks) AS tick FROM events.tick_block WHERE {archived})
           GROUP BY 1, 2 ORDER BY 1, 2""",
    ),
    "bars": (
        f"""SELECT bar.instrument AS instrument, bar.spec AS spec, count(*) AS n, max(bar.high) AS high, min(bar.open_time) AS first
            FROM {files("market.bars.v1")} WHERE record = 'Bar' GROUP BY ALL ORDER BY ALL""",
        """SELECT instrument, spec, count(*) AS n, max(high) AS high, min(open_time) AS first
           FROM events.bar WHERE {archived} GROUP BY 1, 2 ORDER BY 1, 2""",
    ),
    "curves": (
        f"""SELECT equity_curve_chunk.phase AS phase, count(*) AS n, max(len(equity_curve_chunk.values)) AS points
            FROM {files("results.series.v1")} WHERE equity_curve_chunk IS NOT NULL GROUP BY ALL ORDER BY ALL""",
        """SELECT phase, count(*) AS n, max(array_length(values)) AS points
           FROM events.equity_curve_chunk WHERE {archived} GROUP BY 1 ORDER BY 1""",
    ),
}


class Web(HTTPFileSystem):
    """Files over HTTP, for DuckDB, which asks when a file was changed: none ever is."""

    def modified(self, path):
        return datetime.fromtimestamp(0, UTC)


def archived(topic):
    """The condition that a record lies in the archive: what is newer no file has."""
    last = {}
    for path in ARCHIVE.glob(f"{topic}/*/*.parquet"):
        partition, _, end = path.stem.split("-")
        last[int(partition)] = max(last.get(int(partition), -1), int(end))
    return " OR ".join(f"(_partition = {p} AND _offset <= {o})" for p, o in last.items()) or "false"


def main():
    gauntlet = Gauntlet.of_directory(DIRECTORY)
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    topics = {"ticks": "market.ticks.v1", "bars": "market.bars.v1", "curves": "results.series.v1"}
    for name, (of_files, of_gauntlet) in PAIRS.items():
        read = database.sql(of_files).arrow().read_all().to_pylist()
        asked = gauntlet.sql(of_gauntlet.format(archived=archived(topics[name]))).arrow().to_pylist()
        assert read, f"{name}: no rows"
        assert read == asked, f"{name}: DuckDB {read[:3]} … Gauntlet {asked[:3]} …"
        print(f"holds  {name}: {len(read)} rows of DuckDB and of Gauntlet")

    # Verdicts beside the ticks of the archive: what is too new for a file comes as Arrow.
    verdicts = gauntlet.sql("SELECT experiment_id, ended, _recorded FROM events.risk_verdict_issued").arrow()
    joined = database.sql(
        f"""SELECT v.experiment_id, v.ended, count(*) AS blocks, sum(len(t.tick_block.ticks)) AS ticks
            FROM verdicts v JOIN {files("market.ticks.v1")} t ON t.recorded <= v._recorded
            WHERE t.tick_block IS NOT NULL GROUP BY ALL"""
    ).fetchall()
    assert len(joined) == len(verdicts) > 0 and all(row[3] > 100_000 for row in joined), joined
    print(f"holds  {len(joined)} verdicts beside {joined[0][3]} ticks")

    # The same files over HTTP, by ranges of bytes.
    headers = {"Authorization": f"Bearer {gauntlet._http.token}"}
    lake = f"{gauntlet._http.url}/lake"
    web = Web(client_kwargs={"headers": headers})
    listed = json.loads(web.cat_file(lake))["files"]
    path = next(path for path in listed if path.startswith("archive/market.bars.v1/"))
    local = pandas.read_parquet(DIRECTORY / "lake" / path, columns=["offset", "record"])
    remote = pandas.read_parquet(f"{lake}/{path}", columns=["offset", "record"], storage_options=headers)
    assert local.equals(remote) and len(local) > 0
    with web.open(f"{lake}/{path}") as file:
        frame = polars.read_parquet(file, columns=["offset", "record"])
    assert frame["offset"].to_list() == list(local["offset"])
    database.register_filesystem(web)
    counted = database.sql(f"SELECT count(*) FROM read_parquet('{lake}/{path}')").fetchall()
    assert counted == [(len(local),)], counted
    print(f"holds  {path}: {len(local)} rows by pandas, polars and DuckDB over HTTP")


main()
