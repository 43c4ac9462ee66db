"""One account, a bar at a time, by Gauntlet's rules, operation by operation those of crates/backtest/src/simulator.rs.

What is wanted at a close is filled at the opening one bar and the latency later. Every fill pays half the spread,
slippage and commission. A position is sized once, at its entry. What is open at the end of the range is closed there.
A model that wants stops of its own says so by its targets.
"""

import math
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What happened in one range, or in several, one after the other."""

    returns: list = field(default_factory=list)
    benchmark: list = field(default_factory=list)
    positions: list = field(default_factory=list)
    pnls: list = field(default_factory=list)

    def extend(self, later):
        self.returns += later.returns
        self.benchmark += later.benchmark
        self.positions += later.positions
        self.pnls += later.pnls


class Account:
    def __init__(self, costs, account):
        self.commission = costs["commission_bps"] / 1e4
        self.slippage = costs["slippage_bps"] / 1e4
        self.quoted, self.spread = costs["quoted_spread"], costs["spread_bps"] / 2e4
        self.share = account["percent"] / 100.0
        self.allow_short = account["allow_short"]
        self.cash = account["capital"]
        self.side, self.quantity, self.entry_price, self.entry_fee = 0, 0.0, 0.0, 0.0
        self.pnls = []

    def trade(self, target, mid, quoted):
        """Takes the position that is wanted: -1 short, 0 none, 1 long."""
        if target < 0 and not self.allow_short:
            target = 0
        if target != self.side:
            self.close(mid, quoted)
            if target:
                self.open(target, mid, quoted)

    def open(self, side, mid, quoted):
        price = self.price(side, mid, quoted)
        if not (price > 0.0 and self.cash > 0.0):
            return
        units = self.cash * self.share / (price * (1.0 + self.commission))
        if not (units > 0.0 and math.isfinite(units)):
            return
        self.side, self.quantity, self.entry_price = side, side * units, price
        self.entry_fee = units * price * self.commission
        self.cash -= self.quantity * price
        self.cash -= self.entry_fee

    def close(self, mid, quoted):
        if self.side == 0:
            return
        price = self.price(-self.side, mid, quoted)
        fee = abs(self.quantity) * price * self.commission
        self.cash += self.quantity * price
        self.cash -= fee
        self.pnls.append(self.quantity * (price - self.entry_price) - (self.entry_fee + fee))
        self.side, self.quantity = 0, 0.0

    def price(self, side, mid, quoted):
        """A buyer pays more than the mid, a seller gets less."""
        half = quoted * 0.5 if self.quoted else mid * self.spread
        if side > 0:
            return (mid + half) * (1.0 + self.slippage)
        return max((mid - half) * (1.0 - self.slippage), 0.0)

    def equity(self, price):
        return self.cash + self.quantity * price if self.side else self.cash


def play(bars, first, end, targets, plan):
    """Trades the bars from `first` to before `end`; `targets[i]` is what is wanted at the close of bar i."""
    account = Account(plan["costs"], plan["account"])
    delay = 1 + plan["costs"]["latency_bars"]
    outcome = Outcome(pnls=account.pnls)
    previous = plan["account"]["capital"]
    for bar in range(first, end):
        if bar >= delay:
            account.trade(targets[bar - delay], bars.open[bar], bars.open_spread[bar])
        if bar + 1 == end:
            account.close(bars.close[bar], bars.close_spread[bar])
        equity = account.equity(bars.close[bar])
        # Nothing is earned on equity that is gone.
        outcome.returns.append(equity / previous - 1.0 if previous > 0.0 else 0.0)
        outcome.positions.append(account.quantity)
        # Who holds the same bars begins at the very first opening.
        before = bars.close[bar - 1] if bar else bars.open[bar]
        outcome.benchmark.append(bars.close[bar] / before - 1.0 if before else 0.0)
        previous = equity
    return outcome
