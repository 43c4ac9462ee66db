"""Ranges of bars as one account: the folds of a plan, one after the other."""

from metrics import all_of, objective
from models import model
from simulator import Account, play


class Walk:
    """A model on its way through the folds of a plan."""

    def __init__(self, plan, parameters, bars):
        self.plan, self.bars = plan, bars
        self.tried = model(parameters, bars, plan["seed"])
        self.account = Account(plan["costs"], plan["account"])
        self.training = self.fit = None

    def fold(self, index):
        """Learns from the fold's training range, less the embargo after earlier tests; trades its test range. Folds that
        learn from the same bars share what is learned."""
        folds, embargo = self.plan["folds"], self.plan["embargo_bars"]
        bounds = folds[index]
        holes = [range(earlier["test_to"], earlier["test_to"] + embargo) for earlier in folds[:index] if embargo]
        training = (bounds["train_from"], bounds["train_to"], holes)
        if self.training != training:
            self.training, self.fit = training, self.tried.fitted(*training)
        judged, last = (bounds["test_from"], bounds["test_to"]), index + 1 == len(folds)
        return segment(self.account, self.plan, self.tried, self.fit, self.bars, judged, last)


def segment(account, plan, tried, fit, bars, bounds, last):
    """Trades a range with what a model wants; nothing, where there is no model."""
    (first, end), delay = bounds, 1 + plan["costs"]["latency_bars"]
    targets = tried.targets(fit, max(first - delay, 0), end) if tried else [0] * end
    return play(account, bars, first, end, targets, delay, last)


def outline(alone, plan, bars, bounds):
    """A range by itself: where it lies and what it came to."""
    return {
        "from": bars.open_time[bounds["test_from"]], "to": bars.close_time[bounds["test_to"] - 1],
        "value": objective(alone, plan), "total_return": all_of(alone, plan)["total_return"],
    }
