"""What differs when the peers are used as they come.

Each difference is looked for in a run of its own, which must be what the difference says, trade by trade. README.md
says who is right.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import vectorbt
from backtesting import Backtest

import market
import peers
import rules
from gauntlet import Costs

CAPITAL, PERCENT = 100_000, 95
RULE = ("ma-cross", {"fast": 10, "slow": 50})
FREE = Costs("none")
COSTS = Costs("all", commission_bps=2, spread_bps=3, slippage_bps=1)


@dataclass
class Difference:
    peer: str
    name: str
    trades: int  # that differ by it
    of: int
    as_described: bool


def check(gauntlet, bars, scratch):
    """A line for each difference; true when all are as described."""
    looked = [
        whole_units(gauntlet, bars),
        spread_once(gauntlet, bars),
        open_at_the_end(gauntlet, bars),
        finalized(gauntlet, bars),
        ruin_in_backtesting(gauntlet, scratch),
        ruin_in_vectorbt(gauntlet, scratch),
        fill_at_the_close(gauntlet, bars),
        percent(gauntlet, bars),
        reversal(gauntlet, bars),
        marked_at_the_end(gauntlet, bars),
        *stop_in_the_bar_of_an_order(gauntlet, bars),
    ]
    for found in looked:
        found.as_described = bool(found.as_described and found.trades > 0)
        verdict = "as described" if found.as_described else "DIFFERENT"
        print(f"{verdict:14}{found.peer:16}{found.name:66}{found.trades:5} of {found.of}")
    return all(found.as_described for found in looked)


def case(gauntlet, bars, costs, percent=PERCENT, short=True, rule=RULE):
    """Gauntlet's trades, and the same as orders with their prices."""
    ours, _, _ = gauntlet.backtest(bars, *rule, short, costs, percent, CAPITAL)
    return ours, peers.orders(bars, *rules.wanted(bars, *rule, short), costs, percent / 100, CAPITAL)


def mids(bars, last=None):
    """What backtesting.py is usually given; `last` is the opening of a row behind the last bar."""
    data = pd.DataFrame({name.capitalize(): bars.frame[name] for name in ("open", "high", "low", "close")})
    return data if last is None else pd.concat([data, pd.DataFrame(last, [0], data.columns)], ignore_index=True)


def in_backtesting(bars, o, data, **settings):
    return peers.backtesting_table(bars, o, peers.backtesting_trades(data, o, **settings))


def in_vectorbt(bars, o, early=0, **settings):
    """Trades where orders come at the opening at which they trade, or `early` bars before; one row a bar."""
    changed = np.diff(o.wanted, prepend=0) != 0
    orders = [o.wanted > 0, o.wanted <= 0, o.wanted < 0, o.wanted >= 0]
    orders = [pd.Series(np.r_[(changed & kind)[early:], np.zeros(early, dtype=bool)]) for kind in orders]
    settings = {"price": pd.Series(o.open), **settings}
    return vectorbt.Portfolio.from_signals(bars.frame["close"], *orders, init_cash=CAPITAL, **settings)


def near(a, b):
    return np.isclose(a, b, rtol=1e-9, atol=1e-9)


def whole_units(gauntlet, bars):
    ours, o = case(gauntlet, bars, FREE)
    theirs = in_backtesting(bars, o, mids(bars, last=o.last), kind=Backtest)
    before = CAPITAL + theirs["pnl"].cumsum() - theirs["pnl"]
    cut = theirs["quantity"] == np.floor(before * o.percent / theirs["entry_price"] + 1e-9)
    apart = (~near(ours["quantity"], theirs["quantity"])).sum()
    return Difference("backtesting.py", "whole units: fractions are cut off", apart, len(ours), cut.all())


def spread_once(gauntlet, bars):
    rate = 3e-4
    ours, o = case(gauntlet, bars, Costs("spread", spread_bps=rate * 1e4))
    theirs = in_backtesting(bars, o, mids(bars, last=bars.close[-1]), spread=rate)
    side = ours["side"]
    entry = near(theirs["entry_price"] / (1 + side * rate), ours["entry_price"] / (1 + side * rate / 2))
    exit = near(theirs["exit_price"], ours["exit_price"] / (1 - side * rate / 2))
    apart = (~near(ours["exit_price"], theirs["exit_price"])).sum()
    name = "the whole spread at the entry, none at the exit"
    return Difference("backtesting.py", name, apart, len(ours), (entry & exit).all())


def open_at_the_end(gauntlet, bars):
    ours, o = case(gauntlet, bars, FREE)
    theirs = in_backtesting(bars, o, mids(bars))
    same = len(ours) == len(theirs) + 1 and near(theirs["exit_price"], ours["exit_price"][:-1]).all()
    name = "a position that is open at the end is not reported"
    return Difference("backtesting.py", name, len(ours) - len(theirs), len(ours), same)


def finalized(gauntlet, bars):
    bars = replace(bars, frame=bars.frame[:-1])  # in the last bar of this year the price does not move
    ours, o = case(gauntlet, bars, FREE)
    theirs = in_backtesting(bars, o, mids(bars), finalize_trades=True)
    apart = (~near(theirs["exit_price"], ours["exit_price"])).sum()
    at_opening = apart == 1 and theirs["exit_price"].iloc[-1] == bars.open[-1]
    name = "finalize_trades closes it at the opening of the last bar"
    return Difference("backtesting.py", name, apart, len(ours), at_opening)


def ruin(gauntlet, scratch):
    """All equity sold short at 99, and a bar from 96 to 250: Gauntlet leaves at 198, where nothing is left."""
    close = np.array([100, 99, 98, 97, 96, 250, 240, 230, 220, 210.0])
    opened = np.r_[100, close[:-1]]
    dates = pd.date_range("2024-01-01", periods=len(close)).strftime("%Y-%m-%d")
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    rows = pd.DataFrame({"timestamp": dates, "open": opened, "high": high, "low": low, "close": close})
    bars = market.bars_csv("ruin", "RUIN", "time:1d", rows, scratch)
    ours, o = case(gauntlet, bars, FREE, percent=100, rule=("ma-cross", {"fast": 1, "slow": 2}))
    trade = ours.iloc[-1]
    held = len(ours) == 1 and trade["exit_reason"] == "liquidation" and near(trade["exit_price"], 198)
    return bars, o, held and near(trade["pnl"], -CAPITAL)


def ruin_in_backtesting(gauntlet, scratch):
    bars, o, held = ruin(gauntlet, scratch)
    trades = in_backtesting(bars, replace(o, percent=0.999999), mids(bars))  # a size of 1 is one unit
    held = held and len(trades) == 1 and near(trades["exit_price"][0], 250) and trades["pnl"][0] < -CAPITAL
    return Difference("backtesting.py", "ruin: closed at the close, a loss beyond the capital", len(trades), 1, held)


def ruin_in_vectorbt(gauntlet, scratch):
    bars, o, held = ruin(gauntlet, scratch)
    never = np.zeros(len(bars), dtype=bool)
    value = vectorbt.Portfolio.from_signals(
        bars.frame["close"],
        short_entries=pd.Series(np.diff(o.wanted, prepend=0) < 0),
        short_exits=pd.Series(never),
        price=pd.Series(o.open),
        init_cash=CAPITAL,
    ).value()
    held = held and near(value.iloc[5], CAPITAL - CAPITAL / 99 * (250 - 99))
    name = "ruin: no liquidation, the equity goes on below zero"
    return Difference("vectorbt", name, int(value.min() < 0), 1, held)


def fill_at_the_close(gauntlet, bars):
    ours, o = case(gauntlet, bars, FREE, percent=100)
    theirs = in_vectorbt(bars, o, early=1, price=None).trades.records
    decided = theirs["entry_idx"].to_numpy()
    held = len(ours) == len(theirs) and near(theirs["entry_price"], bars.close[decided]).all()
    held = held and list(bars.frame["open_time"].iloc[decided + 1]) == list(ours["entry_time"])
    apart = (~near(theirs["entry_price"], ours["entry_price"])).sum()
    return Difference("vectorbt", "fills at the close at which the signal is decided", apart, len(ours), held)


def percent(gauntlet, bars):
    _, o = case(gauntlet, bars, COSTS)
    try:
        in_vectorbt(bars, o, size=o.percent, size_type="percent")
        refused = False
    except ValueError as error:
        refused = "reversal" in str(error)
    name = "a size in percent is refused where a position is reversed"
    return Difference("vectorbt", name, int(refused), 1, refused)


def reversal(gauntlet, bars):
    ours, o = case(gauntlet, bars, COSTS, percent=100)
    theirs = in_vectorbt(bars, o, fees=o.commission).trades.records
    closed, ours_closed = theirs[theirs["status"] == 1], ours[:-1]
    columns = {"size": "quantity", "entry_price": "entry_price", "exit_price": "exit_price", "pnl": "pnl"}
    same = len(closed) == len(ours_closed)
    same = same and all(near(closed[name], ours_closed[own]).all() for name, own in columns.items())
    name = "with all the cash one order reverses, and the trades are equal"
    return Difference("vectorbt", name, len(closed), len(ours), same)


def marked_at_the_end(gauntlet, bars):
    ours, o = case(gauntlet, bars, COSTS, percent=100)
    theirs = in_vectorbt(bars, o, fees=o.commission).trades.records
    mine, last = ours.iloc[-1], theirs.iloc[-1]
    costs = mine["quantity"] * (abs(bars.close[-1] - mine["exit_price"]) + mine["exit_price"] * o.commission)
    held = last["status"] == 0 and near(last["pnl"], mine["pnl"] + costs)
    name = "a position that is open at the end is marked without exit costs"
    return Difference("vectorbt", name, (theirs["status"] == 0).sum(), len(ours), held)


def stop_in_the_bar_of_an_order(gauntlet, bars):
    """One row a bar. Trades that end elsewhere than Gauntlet's have their stop in the bar of their entry, or in the bar
    at whose opening a signal has closed them; there are no others."""
    rule = (RULE[0], RULE[1] | {"stop_atr": 0.5, "atr_period": 14})
    ours, o = case(gauntlet, bars, FREE, short=False, rule=rule)
    columns = {name: pd.Series(getattr(o, name)) for name in ("open", "high", "low")}
    stop = {"sl_stop": np.abs(1 - o.level / o.open), "stop_entry_price": "fillprice"}
    theirs = in_vectorbt(bars, o, size=o.percent, size_type="percent", **stop, **columns).trades.records
    place = {time: bar for bar, time in enumerate(bars.frame["open_time"])}
    entry = ours["entry_time"].map(place).to_numpy()
    stopped, by_signal = (ours["exit_reason"] == reason for reason in ("stop", "signal"))
    at_entry = stopped & (bars.frame["close_time"].iloc[entry].to_numpy() == ours["exit_time"])
    low_after = [bars.low[place[time]] if time in place else np.nan for time in ours["exit_time"]]
    at_exit = by_signal & (low_after <= o.level[entry])
    apart = ~near(theirs["exit_price"], ours["exit_price"])
    held = list(theirs["entry_idx"]) == list(entry) and not (apart & ~at_entry & ~at_exit).any()
    names = ["a stop within the bar of the entry is not seen", "a stop comes before the exit at the same bar's opening"]
    for name, kind in zip(names, (at_entry, at_exit), strict=True):
        yield Difference("vectorbt", name, (apart & kind).sum(), len(ours), held)
