"""The metrics that this trainer reports, by Gauntlet's formulas (crates/quant/src/metrics): None is undefined, losses
are positive, no risk-free rate. Sums run in the order of the bars.
"""

import math

# A denominator of this size is rounding noise.
NOISE = 1e-12


class Unknown(Exception):
    """This trainer has no such metric."""


def metrics(outcome, periods_per_year, with_benchmark):
    """All of them, by name."""
    r, year = outcome.returns, periods_per_year
    mean, deviation = moments(r)
    growth, drawdown = path(r)
    annual_return = annual(growth, len(r), year)
    alpha, beta = against(r, outcome.benchmark, year) if with_benchmark else (None, None)
    shortfall = math.sqrt(sum(x * x for x in r if x < 0.0) / len(r))
    gain = sum(pnl for pnl in outcome.pnls if pnl > 0.0)
    loss = sum(-pnl for pnl in outcome.pnls if pnl < 0.0)
    trades = len(outcome.pnls)
    found = {
        "total_return": growth - 1.0,
        "annual_return": annual_return,
        "annual_volatility": times(deviation, math.sqrt(year)),
        "sharpe": times(ratio(mean, deviation), math.sqrt(year)),
        "sortino": times(ratio(mean, shortfall), math.sqrt(year)) if len(r) > 1 else None,
        "calmar": ratio(annual_return, drawdown),
        "max_drawdown": drawdown,
        "win_rate": sum(pnl > 0.0 for pnl in outcome.pnls) / trades if trades else None,
        "profit_factor": ratio(gain, loss) if trades else None,
        "trade_count": float(trades),
        "time_in_market": sum(units != 0.0 for units in outcome.positions) / len(r),
        "alpha": alpha,
        "beta": beta,
    }
    return {name: value if value is not None and math.isfinite(value) else None for name, value in found.items()}


def all_of(outcome, plan):
    """The same by the terms of a plan."""
    return metrics(outcome, plan["periods_per_year"], plan["account"]["benchmark"] != "none")


def objective(outcome, plan):
    """The metric that the experiment optimises."""
    found = all_of(outcome, plan)
    if plan["objective"] not in found:
        raise Unknown(f"objective {plan['objective']} is none of {', '.join(found)}")
    return found[plan["objective"]]


def moments(values):
    """Mean and sample standard deviation, one value at a time (Welford): a constant series has exactly zero."""
    count, mean, squares = 0, 0.0, 0.0
    for value in values:
        count += 1
        before = value - mean
        mean += before / count
        squares += before * (value - mean)
    return mean, math.sqrt(squares / (count - 1)) if count > 1 else None


def path(returns):
    """End wealth over start wealth, and the deepest fall from a peak; a return of -1 or less is ruin."""
    wealth, peak, deepest = 1.0, 1.0, 0.0
    for value in returns:
        wealth *= 0.0 if value <= -1.0 else 1.0 + value
        peak = max(peak, wealth)
        deepest = max(deepest, 1.0 - wealth / peak)
    return wealth, deepest


def annual(growth, periods, year):
    try:
        return growth ** (year / periods) - 1.0
    except OverflowError:  # a good hour, a year long
        return None


def against(returns, benchmark, year):
    """Jensen's alpha a year, and beta."""
    if len(returns) < 2:
        return None, None
    mean_r, mean_b = moments(returns)[0], moments(benchmark)[0]
    bb = sum((b - mean_b) * (b - mean_b) for b in benchmark)
    br = sum((b - mean_b) * (r - mean_r) for r, b in zip(returns, benchmark))
    if math.sqrt(bb / len(returns)) <= NOISE:
        return None, None
    beta = br / bb
    growth = 1.0 + moments(r - beta * b for r, b in zip(returns, benchmark))[0]
    return (annual(growth, 1, year) if growth > 0.0 else None), beta


def ratio(numerator, denominator):
    if numerator is None or denominator is None or abs(denominator) <= NOISE:
        return None
    return numerator / denominator


def times(value, factor):
    return None if value is None else value * factor
