"""One account, a bar at a time, by Gauntlet's rules, operation by operation those of crates/backtest/src/simulator.rs.

What is wanted at a close is filled at the opening one bar and the latency later. Every fill pays half the spread,
slippage and commission. A position is sized once, at its entry. It is liquidated where nothing is left of the equity,
and the account stays flat from there on. Ranges that follow each other are one account; what is open at the end of the
last one is closed there. A model that wants stops of its own says so by its targets.
"""

import math
from dataclasses import dataclass, field, fields


@dataclass
class Trade:
    """A position from entry to exit: fill prices, units without a sign, profit after all costs."""

    side: int
    entry_time: int
    entry_price: float
    exit_time: int
    exit_price: float
    quantity: float
    pnl: float


@dataclass
class Outcome:
    """What happened in one range, or in several, one after the other: a value for each bar, and the trades in the order of
    their exits."""

    opened: list = field(default_factory=list)
    times: list = field(default_factory=list)
    returns: list = field(default_factory=list)
    benchmark: list = field(default_factory=list)
    positions: list = field(default_factory=list)
    # Value of the position at the close before, over the equity there, signed.
    exposures: list = field(default_factory=list)
    trades: list = field(default_factory=list)

    @property
    def pnls(self):
        return [trade.pnl for trade in self.trades]

    def extend(self, later):
        for column in fields(Outcome):
            getattr(self, column.name).extend(getattr(later, column.name))


class Account:
    def __init__(self, costs, account):
        self.commission = costs["commission_bps"] / 1e4
        self.slippage = costs["slippage_bps"] / 1e4
        self.quoted, self.spread = costs["quoted_spread"], costs["spread_bps"] / 2e4
        self.share = account["percent"] / 100.0
        self.allow_short = account["allow_short"]
        self.margin = account["maintenance_margin"]
        self.cash = account["capital"]
        self.side, self.quantity = 0, 0.0
        self.entry_time, self.entry_price, self.entry_fee = 0, 0.0, 0.0
        self.previous, self.liquidated = self.cash, False
        self.trades = []

    def trade(self, target, mid, quoted, time):
        """Takes the position that is wanted: -1 short, 0 none, 1 long."""
        if self.liquidated:
            return
        if target < 0 and not self.allow_short:
            target = 0
        if target != self.side:
            self.close(mid, quoted, time)
            if target:
                self.open(target, mid, quoted, time)

    def open(self, side, mid, quoted, time):
        price = self.price(side, mid, quoted)
        if self.liquidated or not (price > 0.0 and self.cash > 0.0):
            return
        units = self.cash * self.share / (price * (1.0 + self.commission))
        if not (units > 0.0 and math.isfinite(units)):
            return
        self.side, self.quantity = side, side * units
        self.entry_time, self.entry_price = time, price
        self.entry_fee = units * price * self.commission
        self.cash -= self.quantity * price
        self.cash -= self.entry_fee

    def close(self, mid, quoted, time):
        if self.side == 0:
            return
        price = self.price(-self.side, mid, quoted)
        fee = abs(self.quantity) * price * self.commission
        self.cash += self.quantity * price
        self.cash -= fee
        pnl = self.quantity * (price - self.entry_price) - (self.entry_fee + fee)
        entry = self.side, self.entry_time, self.entry_price
        self.trades.append(Trade(*entry, time, price, abs(self.quantity), pnl))
        self.side, self.quantity = 0, 0.0
        if self.cash <= 0.0:
            # What is owed beyond that is not the account's.
            self.cash, self.liquidated = 0.0, True

    def liquidate(self, opening, high, low, quoted, time):
        """Closes a position at the mid at which no more than the margin is left, or at an opening beyond it."""
        if self.side == 0:
            return
        level = -self.cash / (self.quantity * (1.0 - self.side * self.margin))
        if low <= level if self.side > 0 else high >= level:
            self.close(min(opening, level) if self.side > 0 else max(opening, level), quoted, time)
            self.liquidated = True

    def price(self, side, mid, quoted):
        """A buyer pays more than the mid, a seller gets less."""
        half = quoted * 0.5 if self.quoted else mid * self.spread
        if side > 0:
            return (mid + half) * (1.0 + self.slippage)
        return max((mid - half) * (1.0 - self.slippage), 0.0)

    def equity(self, price):
        return self.cash + self.quantity * price if self.side else self.cash


def play(account, bars, first, end, targets, delay, last):
    """Trades the bars from `first` to before `end`; `targets[i]` is what is wanted at the close of bar i. What is open at
    the end is closed when this is the last range of the account."""
    account.trades = []
    outcome = Outcome(trades=account.trades)
    for bar in range(first, end):
        if bar >= delay:
            account.trade(targets[bar - delay], bars.open[bar], bars.open_spread[bar], bars.open_time[bar])
        held, closing = account.quantity, bars.close_time[bar]
        account.liquidate(bars.open[bar], bars.high[bar], bars.low[bar], bars.open_spread[bar], closing)
        if last and bar + 1 == end:
            account.close(bars.close[bar], bars.close_spread[bar], closing)
        equity = account.equity(bars.close[bar])
        outcome.opened.append(bars.open_time[bar])
        outcome.times.append(closing)
        # Nothing is earned on equity that is gone.
        outcome.returns.append(equity / account.previous - 1.0 if account.previous > 0.0 else 0.0)
        outcome.positions.append(held)
        # Who holds the same bars begins at the very first opening.
        before = bars.close[bar - 1] if bar else bars.open[bar]
        outcome.benchmark.append(bars.close[bar] / before - 1.0 if before else 0.0)
        outcome.exposures.append(held * before / account.previous if equity > 0.0 and account.previous > 0.0 else 0.0)
        account.previous = equity
    return outcome
