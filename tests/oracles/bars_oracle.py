"""Bars of one real day of gold quotes, made by pandas: the oracle of `cleaning.rs`.

    python3 -m venv VENV && VENV/bin/pip install pandas
    VENV/bin/python tests/oracles/bars_oracle.py > tests/oracles/bars.json

Independent of Gauntlet: reads the Lean zip itself, leaves out quotes that are wrong on their face (crossed, or repeated to
the nanosecond; this day has none, and no price that the rule of levels rejects), and resamples.
Prices are mids in whole billionths, so that equal means equal.
"""

import hashlib
import io
import json
import pathlib
import sys
import zipfile
from fractions import Fraction

import pandas as pd

DAY = "20140505"
FILE = pathlib.Path(__file__).parents[2] / "data" / "gold" / f"{DAY}_quote.zip"
RULES = {"time:1s": "1s", "time:1m": "1min", "time:1h": "1h"}


def quotes():
    """Row, nanoseconds since the epoch, bid and ask in billionths."""
    with zipfile.ZipFile(FILE) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    midnight = pd.Timestamp(DAY, tz="UTC").value
    for row, line in enumerate(text.splitlines(), 1):
        millis, bid, ask = line.split(",")
        time = midnight + int(Fraction(millis) * 1_000_000)
        yield row, time, int(Fraction(bid) * 10**9), int(Fraction(ask) * 10**9)


def clean(rows):
    kept, rejected = [], {}

    def reject(reason):
        rejected[reason] = rejected.get(reason, 0) + 1

    before = None
    for _, time, bid, ask in rows:
        if bid > ask:
            reject("crossed")
        elif before == (time, bid, ask):
            reject("duplicate")
        else:
            before = (time, bid, ask)
            kept.append((time, bid + (ask - bid) // 2))
    return kept, rejected


def main():
    rows = list(quotes())
    kept, rejected = clean(rows)
    frame = pd.DataFrame(kept, columns=["time", "mid"])
    frame.index = pd.to_datetime(frame["time"], utc=True)
    specs = {}
    for spec, rule in RULES.items():
        made = frame["mid"].resample(rule, closed="left", label="left").agg(["first", "max", "min", "last", "count"])
        made = made[made["count"] > 0].astype("int64")
        opened = made.index.as_unit("ns").asi8
        lines = [",".join(map(str, line)) for line in zip(opened, *(made[c] for c in made.columns))]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        step = {"time:1s": 600, "time:1m": 30, "time:1h": 1}[spec]
        specs[spec] = {"bars": len(lines), "sha256": digest, "every": step, "lines": lines[::step]}
    json.dump(
        {
            "made_with": {"python": sys.version.split()[0], "pandas": pd.__version__},
            "file": FILE.name,
            "read": len(rows),
            "rejected": rejected,
            "line": "open time ns, open, high, low, close in billionths, ticks",
            "specs": specs,
        },
        sys.stdout,
        indent=1,
    )
    print()


main()
