"""Numbers from which others can judge a score, by Gauntlet's formulas (crates/walkforward/src/inference.rs and
crates/quant/src/inference): how sure a Sharpe ratio is. None is undefined. Sums run in the order of the bars.
"""

import math
from statistics import NormalDist

from metrics import NOISE, beyond_risk_free, moments

# Bars below which the normal approximation is not used for a probability.
LEAST = 30
# Confidence of the interval.
LEVEL = 0.95


def inference(run, plan):
    """All of them, by name, beyond the risk-free rate. `excess_` is of the returns less the mean exposure times the
    benchmark's return."""
    year = plan["periods_per_year"]
    returns, benchmark = beyond_risk_free(run, plan)
    exposure = moments(run.exposures)[0] if run.exposures else None
    found = {
        **judged("", returns, year), "observations": float(len(returns)),
        "periods_per_year": year if year > 0.0 else None, "mean_exposure": exposure,
    }
    if benchmark:
        excess = [r - exposure * b for r, b in zip(returns, benchmark)]
        found |= judged("excess_", excess, year)
    return {name: value if value is not None and math.isfinite(value) else None for name, value in found.items()}


def judged(prefix, returns, year):
    """What a series says of its Sharpe ratio; the interval is annual, everything else of one bar."""
    names = ("sharpe", "skewness", "kurtosis", "standard_error", "low", "high", "psr")
    found = dict.fromkeys((prefix + name for name in names))
    mean, deviation = moments(returns)
    if deviation is None or deviation <= NOISE:
        return found
    count = len(returns)
    sharpe, population = mean / deviation, deviation * math.sqrt((count - 1) / count)
    standard = [(value - mean) / population for value in returns]
    skewness, kurtosis = sum(z ** 3 for z in standard) / count, sum(z ** 4 for z in standard) / count
    error = standard_error(standard, sharpe)
    found |= {prefix + "sharpe": sharpe, prefix + "skewness": skewness, prefix + "kurtosis": kurtosis,
              prefix + "standard_error": error}
    if error is not None and year > 0.0:
        half = NormalDist().inv_cdf(0.5 + LEVEL / 2.0) * error
        found |= {prefix + "low": (sharpe - half) * math.sqrt(year), prefix + "high": (sharpe + half) * math.sqrt(year)}
    # The variance of a Sharpe ratio of independent returns, times their number (Mertens 2002).
    factor = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    if count >= LEAST and factor > 0.0:
        found[prefix + "psr"] = NormalDist().cdf(sharpe * math.sqrt(count - 1) / math.sqrt(factor))
    return found


def standard_error(standard, sharpe):
    """Of a Sharpe ratio of dependent returns: Bartlett weights, with the lag of Newey and West (1994)."""
    count = len(standard)
    lag = math.floor(4.0 * (count / 100.0) ** (2.0 / 9.0))
    if count < lag + 1:
        return None
    influence = [z - sharpe / 2.0 * (z * z - 1.0) for z in standard]
    variance = covariance(influence, 0)
    for step in range(1, lag + 1):
        variance += 2.0 * (1.0 - step / (lag + 1)) * covariance(influence, step)
    return math.sqrt(variance / count) if variance > 0.0 else None


def covariance(values, lag):
    return sum(a * b for a, b in zip(values[lag:], values)) / len(values)
