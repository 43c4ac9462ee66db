#!/usr/bin/env python3
"""SQL over archived ticks and bars beside DuckDB on the same Parquet files, in one run.

    benches/sql.py GAUNTLET DIRECTORY [ROUNDS]

GAUNTLET is a release build with the feature `sql`; DIRECTORY has its ticks archived (`archive.file_kb` small enough that all but the
last range has closed) and nobody serves it. Of Gauntlet the whole process is timed, with opening the directory and printing; of
DuckDB the query alone. What lies on the log and in no file yet DuckDB does not see: both say how many ticks they counted. Prints the
median of the rounds, and the ratio of the two.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/clients"))


def queries(archive):
    ticks = f"""(SELECT tick_block.instrument AS instrument, unnest(tick_block.ticks) AS tick
                 FROM '{archive}/market.ticks.v1/*/*.parquet' WHERE tick_block IS NOT NULL)"""
    bars = f"(SELECT bar.* FROM '{archive}/market.bars.v1/*/*.parquet' WHERE record = 'Bar')"
    return {
        "count": ("SELECT count(*) AS n FROM ticks", f"SELECT count(*) AS n FROM {ticks}"),
        "group by": (
            "SELECT instrument, count(*) AS n, avg(bid) AS bid, max(ask) AS ask FROM ticks GROUP BY instrument ORDER BY 1",
            f"SELECT instrument, count(*) AS n, avg(tick.price) AS bid, max(tick.ask) AS ask FROM {ticks} GROUP BY ALL ORDER BY 1",
        ),
        "join": (
            """SELECT b.instrument, count(*) AS n, avg(t.bid - b.close) AS gap
               FROM ticks t JOIN bars b ON b.instrument = t.instrument AND b.open_time = date_trunc('minute', t.time)
               WHERE b.spec = 'time:1m' GROUP BY 1 ORDER BY 1""",
            f"""SELECT b.instrument, count(*) AS n, avg(t.tick.price - b.close) AS gap
                FROM {ticks} t JOIN {bars} b ON b.instrument = t.instrument AND b.open_time = date_trunc('minute', t.tick.time)
                WHERE b.spec = 'time:1m' GROUP BY 1 ORDER BY 1""",
        ),
    }


def main():
    import duckdb

    gauntlet, directory = Path(sys.argv[1]), Path(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    print(f"DuckDB {duckdb.__version__}, {database.execute('SELECT current_setting($$threads$$)').fetchone()[0]} threads")
    for name, (ours, theirs) in queries(directory / "lake/archive").items():
        times = {"gauntlet": [], "duckdb": []}
        for _ in range(rounds):
            began = time.monotonic()
            command = [gauntlet, "--dir", directory, "--json", "sql", ours]
            answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["rows"]
            times["gauntlet"].append(time.monotonic() - began)
            began = time.monotonic()
            rows = database.execute(theirs).fetchall()
            times["duckdb"].append(time.monotonic() - began)
        counted = sum(row["n"] for row in answer), sum(row[0 if len(row) == 1 else 1] for row in rows)
        median = {who: statistics.median(of) for who, of in times.items()}
        print(
            f"{name:9} gauntlet {median['gauntlet']:.2f} s, duckdb {median['duckdb']:.2f} s, "
            f"ratio {median['gauntlet'] / median['duckdb']:.2f}; ticks counted {counted[0]:,} and {counted[1]:,}"
        )


def in_readers():
    """Runs again with the packages of tests/readers."""
    import tools

    python = tools.python(HERE.parent / "tests/readers")
    sys.exit(subprocess.run([python, __file__, *sys.argv[1:]]).returncode)


try:
    import duckdb  # noqa: F401
except ImportError:
    in_readers()
main()
