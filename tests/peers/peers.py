"""The same orders in backtesting.py and in vectorbt.

Both get executable prices instead of mids: at each opening the price at which a buyer (or a seller, whichever the order
of that bar is) trades, spread and slippage included. Neither has a quoted spread, and backtesting.py has a spread on
entries only. Sizes, commissions, the order of events, stops and profits are the peers' own.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import vectorbt
from backtesting import Strategy
from backtesting.lib import FractionalBacktest

UNIT = 1e-10  # smallest quantity in backtesting.py, which counts in whole units


@dataclass
class Orders:
    """What is to be done at each opening, and at which prices."""

    wanted: np.ndarray  # position from the opening of each bar on: 1, 0, -1
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    leave: np.ndarray  # opening price for who leaves within the bar
    close: np.ndarray  # mids: only marks open positions
    last: float  # price at which what is open after the last bar is closed
    level: np.ndarray  # of the stop of a position that is opened at this bar; NaN for none
    percent: float
    commission: float  # share of the traded value
    capital: float

    @property
    def changes(self):
        return np.flatnonzero(np.diff(self.wanted, prepend=0))


def fill(costs, mid, side, spread):
    """Price at which a buyer (side 1) or a seller (-1) trades when the mid is `mid`."""
    half = spread / 2 if costs.quoted else mid * costs.spread_bps / 2e4
    return (mid + side * half) * (1 + side * costs.slippage_bps / 1e4)


def orders(bars, targets, distance, costs, percent, capital, latency=0):
    """`targets` are wanted at the close of their bar and traded at the opening of the next, `latency` bars later."""
    delay = 1 + latency
    targets = targets if distance is None else np.where(np.isnan(distance), 0, targets)
    wanted = np.r_[np.zeros(delay, dtype=int), targets[:-delay]]
    change = np.diff(wanted, prepend=0)
    side = np.sign(np.where(change != 0, change, -wanted))  # 1 buys, -1 sells, 0 nobody trades at this opening

    opening, level = fill(costs, bars.open, side, bars.spread), np.full(len(bars), np.nan)
    if distance is not None:
        level = opening - wanted * np.r_[np.full(delay, np.nan), distance[:-delay]]
        level = fill(costs, level, -wanted, 0.0)
    return Orders(
        wanted=wanted,
        open=opening,
        high=fill(costs, bars.high, -wanted, bars.spread),
        low=fill(costs, bars.low, -wanted, bars.spread),
        leave=fill(costs, bars.open, -wanted, bars.spread),
        close=bars.close,
        last=fill(costs, bars.close[-1], -wanted[-1], bars.last_spread),
        level=level,
        percent=percent,
        commission=costs.commission_bps / 1e4,
        capital=capital,
    )


def in_backtesting(bars, o):
    """A bar a row; market orders fill at the next opening. One row is added: the last close, as an opening.

    With stops two rows a bar, the opening and the rest: a stop is set when the fill is known, and within the bar of its
    entry a position is left at the other side of the quote.
    """
    columns = {"Open": o.open, "High": o.high, "Low": o.low, "Close": o.close}
    rows = 1
    if not np.isnan(o.level).all():
        rows = 2
        rest = {**columns, "Open": o.leave}
        columns = {name: np.column_stack([o.open, rest[name]]).ravel() for name in columns}
    data = pd.DataFrame({name: np.r_[values, o.last] for name, values in columns.items()})
    return backtesting_table(bars, o, backtesting_trades(data, o, rows=rows, commission=o.commission))


def backtesting_trades(data, o, rows=1, kind=FractionalBacktest, **settings):
    """The trades of backtesting.py as it reports them, with bars for rows. What is open after the last bar is closed if
    a row follows."""
    last, unit = len(o.wanted) - 1, {}
    if kind is FractionalBacktest:
        unit = {"fractional_unit": UNIT}

    class Follow(Strategy):
        def init(self):
            pass

        def next(self):
            bar, part = divmod(len(self.data) - 1, rows)
            if part < rows - 1:
                for trade in self.trades:
                    trade.sl = trade.sl or o.level[bar] * UNIT
            elif bar >= last:
                if len(data) > len(self.data):
                    self.position.close()
            elif (side := o.wanted[bar + 1]) != o.wanted[bar]:
                if side == 0:
                    self.position.close()
                else:
                    (self.buy if side > 0 else self.sell)(size=o.percent)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the index has no dates, and that a position is open at the end
        test = kind(data.assign(Volume=0.0), Follow, cash=o.capital, exclusive_orders=True, **unit, **settings)
        trades = test.run()["_trades"]
    return trades.assign(EntryBar=trades["EntryBar"] // rows, ExitBar=trades["ExitBar"] // rows)


def backtesting_table(bars, o, trades):
    return table(
        bars,
        o,
        entry=trades["EntryBar"],
        exit=trades["ExitBar"],
        side=np.sign(trades["Size"]),
        quantity=trades["Size"].abs(),
        entry_price=trades["EntryPrice"],
        exit_price=trades["ExitPrice"],
        fees=trades["Commission"],
        pnl=trades["PnL"],
    )


def in_vectorbt(bars, o):
    """Three rows a bar: exits at the opening, entries at the opening, the bar. One row is added: the last close.

    A size in percent cannot reverse a position in one order, and a stop is not looked at in the row of its entry.
    """
    count = len(bars)
    at = lambda place: np.arange(count) * 3 + place
    size = count * 3 + 1
    column = lambda kind=float, value=np.nan: np.full(size, value, dtype=kind)
    price, opening, high, low, close = (column() for _ in range(5))
    price[at(0)] = price[at(1)] = o.open
    price[at(2)] = close[at(2)] = o.close
    opening[at(2)], high[at(2)], low[at(2)] = o.leave, o.high, o.low
    price[-1] = close[-1] = o.last
    entries, changed = {side: column(bool, False) for side in (1, -1)}, o.changes
    for side, column_of in entries.items():
        column_of[at(1)[changed[o.wanted[changed] == side]]] = True
    leaves = column(bool, False)
    leaves[at(0)[changed]] = leaves[-1] = True
    stop = column()
    stop[at(1)] = np.abs(1 - o.level / o.open)
    result = vectorbt.Portfolio.from_signals(
        *(pd.Series(values) for values in (close, entries[1], leaves, entries[-1], leaves)),
        size=o.percent,
        size_type="percent",
        price=price,
        fees=o.commission,
        init_cash=o.capital,
        open=opening,
        high=high,
        low=low,
        sl_stop=stop,
        stop_entry_price="fillprice",
        stop_exit_price="stoplimit",
    )
    trades = result.trades.records
    if (trades["status"] != 1).any():
        raise AssertionError("a trade is open after the last row")
    return table(
        bars,
        o,
        entry=trades["entry_idx"] // 3,
        exit=trades["exit_idx"] // 3,
        side=np.where(trades["direction"] == 0, 1, -1),
        quantity=trades["size"],
        entry_price=trades["entry_price"],
        exit_price=trades["exit_price"],
        fees=trades["entry_fees"] + trades["exit_fees"],
        pnl=trades["pnl"],
    )


def table(bars, o, entry, exit, side, **columns):
    """Trades in the columns of Gauntlet. An exit counts at the opening, a stop and the end at their bar's close."""
    entry, exit = np.asarray(entry, dtype=int), np.asarray(exit, dtype=int)
    opened, closed = bars.frame["open_time"], bars.frame["close_time"]
    bar = np.minimum(exit, len(bars) - 1)
    by_signal = np.isin(exit, o.changes) & (exit > entry)
    columns = {name: np.asarray(values, dtype=float) for name, values in columns.items()}
    frame = pd.DataFrame(
        {
            "entry_time": opened[entry].to_numpy(),
            "exit_time": np.where(by_signal, opened[bar], closed[bar]),
            "side": np.asarray(side, dtype=int),
            **columns,
        }
    )
    return frame.sort_values("entry_time", ignore_index=True)
