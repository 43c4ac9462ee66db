"""The metrics that this trainer reports, by Gauntlet's formulas (crates/quant/src/metrics): None is undefined, losses
are positive. Metrics that compare with a risk-free rate are of the returns less the rate of their bar. Sums run in the
order of the bars.
"""

import math
from bisect import bisect_right

# A denominator of this size is rounding noise.
NOISE = 1e-12


class Unknown(Exception):
    """This trainer has no such metric."""


def all_of(outcome, plan):
    """All of them by name, by the terms of a plan."""
    r, year = outcome.returns, plan["periods_per_year"]
    beyond, benchmark = beyond_risk_free(outcome, plan)
    # Where nobody knows the bars of a year, what is annual is undefined.
    root = math.sqrt(year) if year > 0.0 else None
    mean, deviation = moments(beyond)
    growth, drawdown = path(r)
    annual_return = annual(growth, len(r), year)
    alpha, _ = against(beyond, benchmark, year) if benchmark else (None, None)
    _, beta = against(r, outcome.benchmark, year) if benchmark else (None, None)
    shortfall = math.sqrt(sum(x * x for x in beyond if x < 0.0) / len(r))
    gain = sum(pnl for pnl in outcome.pnls if pnl > 0.0)
    loss = sum(-pnl for pnl in outcome.pnls if pnl < 0.0)
    trades = len(outcome.pnls)
    found = {
        "total_return": growth - 1.0,
        "annual_return": annual_return,
        "annual_volatility": times(moments(r)[1], root),
        "sharpe": times(ratio(mean, deviation), root),
        "sortino": times(ratio(mean, shortfall), root) if len(r) > 1 else None,
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


def beyond_risk_free(outcome, plan):
    """Returns, and those of the benchmark or none, less what the same money earned without risk in each bar: the latest of
    the annual rates that held when it opened."""
    benchmark = outcome.benchmark if plan["account"]["benchmark"] != "none" else []
    rates = plan["account"]["risk_free"]
    if not rates:
        return outcome.returns, benchmark
    since, year = [rate["from"] for rate in rates], plan["periods_per_year"]
    annual_rates = (rates[max(bisect_right(since, opened) - 1, 0)]["rate"] for opened in outcome.opened)
    # Undefined, and with it all that comes of it, where nobody knows the bars of a year.
    free = [(1.0 + rate) ** (1.0 / year) - 1.0 if year > 0.0 else math.nan for rate in annual_rates]
    return tuple([value - f for value, f in zip(values, free)] for values in (outcome.returns, benchmark))


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
    if year <= 0.0:
        return None
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
    return None if value is None or factor is None else value * factor
