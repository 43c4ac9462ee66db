"""The data sets: for each the file that Gauntlet reads, and the same bars read here from the source."""

import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
GOLD = ROOT / "data/gold"
SHARED = Path(os.environ.get("GAUNTLET_SHARED_DATA", ROOT.parent / "shared/data")) / "bars"


@dataclass
class Bars:
    """Bars in columns; prices are mids."""

    name: str
    path: Path
    instrument: str
    spec: str
    frame: pd.DataFrame  # open_time, close_time, open, high, low, close, spread (ask minus bid at the opening)
    last_spread: float = 0.0  # at the last close

    def __getattr__(self, column):
        return self.frame[column].to_numpy()

    def __len__(self):
        return len(self.frame)


def all_bars(gauntlet, scratch):
    """Two data sets of this repository, and two more where the further market data files are."""
    yield gold_hours()
    yield gold_minutes(gauntlet, scratch)
    if not SHARED.is_dir():
        print(f"no market data in {SHARED.parent}: bitcoin and Apple are left out; set GAUNTLET_SHARED_DATA")
    if (path := SHARED / "btc_perp_1m_202201.csv.gz").exists():
        yield bars_csv("bitcoin minutes", "BTC", "time:1m", pd.read_csv(path, nrows=6000), scratch)
    if (path := SHARED / "us_stocks_daily.csv.gz").exists():
        rows = pd.read_csv(path).query("Ticker == 'AAPL'").rename(columns=str.lower)
        rows = rows[["date", "open", "high", "low", "close"]].rename(columns={"date": "timestamp"})
        yield bars_csv("Apple days", "AAPL", "time:1d", rows, scratch)


def gold_hours():
    """Hourly bid and ask bars of 2012, with the spread of each opening."""
    path = GOLD / "xauusd_oanda_hour_20060320_20140501.zip"
    sides = [f"{side}_{name}" for side in ("bid", "ask") for name in ("open", "high", "low", "close", "size")]
    with zipfile.ZipFile(path) as archive:
        rows = pd.read_csv(io.BytesIO(archive.read(archive.namelist()[0])), names=["time", *sides])
    opened = pd.to_datetime(rows["time"], format="%Y%m%d %H:%M", utc=True)
    frame = frame_of(
        opened, "1h", {n: (rows[f"bid_{n}"] + rows[f"ask_{n}"]) / 2 for n in ("open", "high", "low", "close")}
    )
    frame["spread"] = (rows["ask_open"] - rows["bid_open"]).round(9)
    year = (opened >= "2012-01-01") & (frame["close_time"] <= pd.Timestamp("2013-01-01", tz="UTC"))
    last = rows[year].iloc[-1]
    spread = round(last["ask_close"] - last["bid_close"], 9)
    return Bars("gold hours", path, "XAUUSD", "time:1h", frame[year].reset_index(drop=True), spread)


def gold_minutes(gauntlet, scratch):
    """Minutes of a week of quotes, made by `gauntlet bars` and stamped by their openings, as a file of bars is read."""
    days = []
    for path in sorted(GOLD.glob("*_quote.zip")):
        day = scratch / f"{path.stem}.csv"
        gauntlet.call("bars", path, "--spec", "time:1m", "--stamp", "open", "--out", day)
        days.append(pd.read_csv(day, dtype=str))
    rows = pd.concat(days)
    path = scratch / "gold_minutes.csv"
    rows.to_csv(path, index=False)
    frame = frame_of(pd.to_datetime(rows["open_time"], utc=True), "1min", rows)
    return Bars("gold minutes", path, "XAUUSD", "time:1m", frame)


def bars_csv(name, instrument, spec, rows, scratch):
    """Bars of a CSV file; Gauntlet gets the rows that are compared, as they are in the source."""
    path = scratch / f"{instrument}.csv"
    rows.to_csv(path, index=False)
    unit = {"time:1m": "1min", "time:1d": "1d"}[spec]
    return Bars(name, path, instrument, spec, frame_of(pd.to_datetime(rows["timestamp"], utc=True), unit, rows))


def frame_of(opened, interval, prices):
    columns = {name: np.asarray(prices[name], dtype=float).round(9) for name in ("open", "high", "low", "close")}
    frame = pd.DataFrame({"open_time": opened.to_numpy(), **columns, "spread": 0.0})
    frame["open_time"] = pd.to_datetime(frame["open_time"], utc=True).astype("datetime64[ns, UTC]")
    frame.insert(1, "close_time", frame["open_time"] + pd.Timedelta(interval))
    return frame.reset_index(drop=True)
