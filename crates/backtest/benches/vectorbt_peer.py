"""The same moving-average pairs in vectorbt, for benches/kernel.rs.

    python -m venv VENV && VENV/bin/pip install vectorbt
    VENV/bin/python vectorbt_peer.py DIR/bars/btc_perp_1m_202201.csv.gz

The fill convention is Gauntlet's: levels decided at the close, filled at the next opening, all cash, long only,
fees on the notional, marked at the close. vectorbt leaves the last position open, so its closing fee is taken off
before returns are compared. Compilation is not timed: everything runs once before it is measured.
"""

import gc
import itertools
import platform
import sys
import time

import numpy
import pandas
import vectorbt

WINDOWS = range(2, 32)
FEES = 5e-4
COMPARED = [(2, 3), (2, 31), (5, 20), (10, 30), (17, 23), (30, 31)]


def run(opening, close, windows):
    """Total returns, Sharpe ratios and drawdowns of every pair, with the seconds to each stage."""
    start = time.perf_counter()
    fast, slow = vectorbt.MA.run_combs(close, window=windows, r=2, short_names=["fast", "slow"])
    entries = fast.ma_above(slow).vbt.signals.fshift(1)
    exits = fast.ma_below(slow).vbt.signals.fshift(1)
    portfolio = vectorbt.Portfolio.from_signals(
        close, entries, exits, price=opening, fees=FEES, init_cash=100_000.0, freq="1min"
    )
    total = portfolio.total_return()
    returns_at = time.perf_counter() - start
    portfolio.sharpe_ratio(), portfolio.max_drawdown(), portfolio.trades.count()
    return portfolio, total, returns_at, time.perf_counter() - start


frame = pandas.read_csv(sys.argv[1])
opening, close = frame["open"].astype(float), frame["close"].astype(float)
index = pandas.date_range("2022-01-01", periods=len(frame), freq="1min")
opening.index = close.index = index
run(opening.iloc[:500], close.iloc[:500], [2, 3, 4])  # compiles

best = None
for _ in range(2):
    gc.collect()
    result = run(opening, close, list(WINDOWS))
    if best is None or result[3] < best[3]:
        best = result
portfolio, total, to_total, to_all = best

pairs = list(itertools.combinations(WINDOWS, 2))
assert len(total) == len(pairs)
held = portfolio.assets().iloc[-1].to_numpy()
closing_fee = held * close.iloc[-1] * FEES / 100_000.0
returns = dict(zip(pairs, total.to_numpy() - closing_fee))
print(
    f"vectorbt {vectorbt.__version__}, numpy {numpy.__version__}, Python {platform.python_version()}: "
    f"{len(pairs)} pairs, {len(close)} bars"
)
answers = {f"{fast},{slow}": returns[fast, slow] for fast, slow in COMPARED}
answers |= {"seconds,total_return": to_total, "seconds,all": to_all}
print(" ".join(f"{key}={float(value)!r}" for key, value in answers.items()))
