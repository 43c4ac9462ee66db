#!/usr/bin/env python3
"""Gauntlet's backtests against backtesting.py and vectorbt, trade for trade.

    compare.py GAUNTLET

Prints a line for every run. Ends with 1 when any trade differs, or when a difference that README.md names is not there
as it says, and with 0 otherwise.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

os.environ["TQDM_DISABLE"] = "1"  # no progress bars
sys.dont_write_bytecode = True  # nothing is left in the repository
import differences
import market
import peers
import rules
from gauntlet import Costs, Gauntlet

CAPITAL, PERCENT = 100_000, 95
TOLERANCE = 1e-9  # relative; quantities in backtesting.py are whole multiples of 1e-10
STRATEGIES = [
    ("ma-cross", {"fast": 10, "slow": 50}),
    ("ma-cross", {"fast": 8, "slow": 21, "kind": "ema"}),
    ("donchian-breakout", {"entry": 20, "exit": 10}),
    ("rsi-reversion", {"period": 14, "oversold": 30, "overbought": 70, "exit": 50}),
    ("bollinger-reversion", {"period": 20, "width": 2}),
]
FREE = Costs("none")
COSTS = Costs("2+3+1 bps", commission_bps=2, spread_bps=3, slippage_bps=1)
QUOTED = Costs("quoted, late", commission_bps=0.5, slippage_bps=0.2, quoted=True, latency_bars=1)
STOP = {"stop_atr": 2.5, "atr_period": 14}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("gauntlet", help="the binary")
    binary = arguments.parse_args().gauntlet
    with tempfile.TemporaryDirectory(prefix="gauntlet-peers-") as scratch:
        gauntlet = Gauntlet(binary, Path(scratch))
        print(f"{'':65}{'trades':>9}{'':23}{'equal':>13}{'largest difference':>21}")
        print(
            f"{'data':17}{'strategy':22}{'sides':7}{'costs':14}{'stop':5}"
            f"{'gauntlet':>9}{'backtesting':>13}{'vectorbt':>10}{'b':>8}{'v':>5}{'b':>12}{'v':>9}"
        )
        good, closed = True, pd.Series(dtype=int)
        for bars in market.all_bars(gauntlet, Path(scratch)):
            for strategy, parameters, short, costs in cases(bars):
                equal, reasons = compare(gauntlet, bars, strategy, parameters, short, costs)
                good, closed = good and equal, closed.add(reasons, fill_value=0)
        by = ", ".join(f"{count:.0f} by {reason}" for reason, count in closed.items())
        print(f"\n{closed.sum():.0f} trades, closed {by}\n")
        good = differences.check(gauntlet, market.gold_hours(), Path(scratch)) and good
    if not good:
        sys.exit("not everything is as README.md says")


def cases(bars):
    for strategy, parameters in STRATEGIES:
        for short in (False, True):
            yield strategy, parameters, short, FREE
            yield strategy, parameters, short, COSTS
            yield strategy, parameters | STOP, short, COSTS
            if bars.spread.any():
                yield strategy, parameters, short, QUOTED


def compare(gauntlet, bars, strategy, parameters, short, costs):
    """One line of the table: whether all is equal, and why the trades were closed."""
    ours, times, equity = gauntlet.backtest(bars, strategy, parameters, short, costs, PERCENT, CAPITAL)
    if list(times) != list(bars.frame["close_time"]):
        raise SystemExit(f"{bars.name}: gauntlet traded {len(times)} bars, {len(bars)} were expected")
    targets, distance = rules.wanted(bars, strategy, parameters, short)
    orders = peers.orders(bars, targets, distance, costs, PERCENT / 100, CAPITAL, costs.latency_bars)
    results = [peers.in_backtesting(bars, orders), peers.in_vectorbt(bars, orders)]
    counts, reasons, equal = [len(ours), *map(len, results)], ours["exit_reason"].value_counts(), len(ours) > 0
    ruined = "liquidation" in reasons
    if ruined:  # from here on the peers differ, as README.md says
        equal = ruin_is_right(bars, costs, ours, equity) and all(
            same_entry(ours.iloc[-1], theirs) for theirs in results
        )
        ours, results = ours[:-1], [theirs[theirs["entry_time"] < ours["entry_time"].iloc[-1]] for theirs in results]
    held = [same(ours, theirs) for theirs in results]
    equal = equal and all(len(ours) == len(theirs) == count for theirs, (count, _) in zip(results, held))
    if not ruined:
        equal = equal and all(abs(equity[-1] / (CAPITAL + theirs["pnl"].sum()) - 1) < TOLERANCE for theirs in results)
    label = f"{strategy} {parameters.get('kind', '')}"
    print(
        f"{bars.name:17}{label:22}{'both' if short else 'long':7}{costs.name:14}{'no' if distance is None else 'yes':5}"
        f"{counts[0]:9}{counts[1]:13}{counts[2]:10}{held[0][0]:8}{held[1][0]:5}{held[0][1]:12.1e}{held[1][1]:9.1e}"
        f"{'   liquidated' if ruined else ''}{'' if equal else '   DIFFERENT'}",
        flush=True,
    )
    if not equal:
        for name, theirs in zip(("backtesting.py", "vectorbt"), results):
            show_first(name, ours, theirs)
    return equal, reasons


def ruin_is_right(bars, costs, ours, equity):
    """The last trade was closed at the first mid at which nothing was left, or at the opening beyond it, and no trade
    follows. Computed here from the trades before it, which are equal in the peers."""
    trade, before = ours.iloc[-1], CAPITAL + ours["pnl"].iloc[:-1].sum()
    signed = trade["side"] * trade["quantity"]
    fee = costs.commission_bps / 1e4 * trade["quantity"] * trade["entry_price"]
    level = -(before - signed * trade["entry_price"] - fee) / signed
    entry = int(np.flatnonzero(bars.frame["open_time"] == trade["entry_time"])[0])
    touched = bars.low[entry:] <= level if signed > 0 else bars.high[entry:] >= level
    bar = entry + int(np.flatnonzero(touched)[0])
    mid = min(bars.open[bar], level) if signed > 0 else max(bars.open[bar], level)
    expected = peers.fill(costs, mid, -trade["side"], bars.spread[bar])
    return (
        trade["exit_reason"] == "liquidation"
        and trade["exit_time"] == bars.frame["close_time"][bar]
        and abs(trade["exit_price"] / expected - 1) <= TOLERANCE
        and abs(equity[-1] - max(0, before + trade["pnl"])) <= TOLERANCE * CAPITAL
    )


def same_entry(trade, theirs):
    """Whether the peer has opened this trade too."""
    peer = theirs[theirs["entry_time"] == trade["entry_time"]]
    return len(peer) == 1 and all(
        abs(peer[name].iloc[0] / trade[name] - 1) <= TOLERANCE for name in ("quantity", "entry_price", "side")
    )


def same(ours, theirs):
    """Trades that are equal in both, matched by their entry, and the largest relative difference among the matched.
    Profits are measured against the value of the position."""
    both = ours.merge(theirs, on=["entry_time", "side"], suffixes=("", "_peer"))
    value = both["quantity"] * both["entry_price"]
    scales = {
        "quantity": both["quantity"],
        "entry_price": both["entry_price"],
        "exit_price": both["exit_price"],
        "fees": value,
        "pnl": value,
    }
    apart = pd.DataFrame(
        {name: (both[name] - both[f"{name}_peer"]).abs() / scale for name, scale in scales.items()}
    ).max(axis=1)
    equal = (both["exit_time"] == both["exit_time_peer"]) & (apart <= TOLERANCE)
    return int(equal.sum()), float(apart.max()) if len(apart) else 0.0


def show_first(name, ours, theirs):
    """The first trade that differs, both sides."""
    for place in range(max(len(ours), len(theirs))):
        here, there = ours.iloc[place : place + 1], theirs.iloc[place : place + 1]
        if same(here, there)[0] != 1:
            print(f"  {name}, trade {place}:\n{pd.concat([here, there]).to_string(index=False)}")
            return


if __name__ == "__main__":
    main()
