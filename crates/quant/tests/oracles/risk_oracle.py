"""Writes risk_oracle.json: risk figures of real and made return series, computed by libraries that this project did not write.

    python -m venv venv
    venv/bin/pip install skfolio==1.12.0 riskfolio-lib==7.4.0 empyrical-reloaded==0.7.1 scipy==1.17.1 mpmath==1.4.1 vartests==0.4.1
    venv/bin/python risk_oracle.py DATA_DIRECTORY risk_oracle.json

DATA_DIRECTORY has `bars/us_stocks_adjclose_10.csv.gz` (adjusted closes, from the Python package skfolio, BSD-3-Clause) and
`bars/sp500_index_daily.csv.gz` (S&P 500 index, from the Python package arch, NCSA licence).

Every value names its source. No library on PyPI has the figures of Cornish and Fisher: their quantile is written here as a
series of Hermite polynomials, with moments of scipy, and their expected shortfall is that quantile integrated by mpmath.
"""

import json
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import empyrical as ep
import mpmath
import numpy as np
import pandas as pd
import riskfolio.src.RiskFunctions as rk
import scipy.stats
import skfolio.measures as sk
import vartests
from numpy.polynomial import hermite_e

warnings.filterwarnings("ignore")
mpmath.mp.dps = 30


def simple_returns(prices):
    return (prices / prices.shift(1) - 1).dropna().to_numpy()


def series(data):
    stocks = pd.read_csv(data / "bars/us_stocks_adjclose_10.csv.gz", index_col="Date", parse_dates=True)
    index = pd.read_csv(data / "bars/sp500_index_daily.csv.gz", index_col="Date", parse_dates=True)["Adj Close"]
    random = np.random.default_rng(20)
    normal = random.normal(0.0005, 0.01, 400)
    student = 0.01 * random.standard_t(3, 1000)
    extreme = random.normal(0.0005, 0.01, 250)
    extreme[100] = -0.6
    return {
        "AAPL, 1000 days from 2007": (simple_returns(stocks["AAPL"].loc["2007-01-01":].iloc[:1001]), [0.01, 0.05, 0.0333]),
        "S&P 500, 500 days from 2008": (simple_returns(index.loc["2008-01-01":].iloc[:501]), [0.05, 0.025, 0.1]),
        "normal": (normal.round(6), [0.05, 0.03, 0.5]),
        "Student t with 3 degrees": (student.round(6), [0.01, 0.05, 0.01234]),
        "ties: returns in steps of a half percent": ((0.01 * random.standard_t(4, 400)).round(2) / 2, [0.05, 0.1, 0.25]),
        "one extreme": (extreme.round(6), [0.05, 0.1]),
    }


def cornish_fisher(r, alpha):
    """Hermite polynomials He1 to He3 stand for z, z² - 1 and z³ - 3z; 2z³ - 5z is 2·He3 + He1."""
    skewness, excess = scipy.stats.skew(r, bias=True), scipy.stats.kurtosis(r, bias=True)
    weights = [0, 1 - skewness**2 / 36, skewness / 6, excess / 24 - 2 * skewness**2 / 36]
    mean, std_dev = np.mean(r), np.std(r, ddof=1)
    z = scipy.stats.norm.ppf(alpha)
    quantile = hermite_e.hermeval(z, weights)
    polynomial = [float(c) for c in hermite_e.herme2poly(weights)]
    tail = mpmath.quad(lambda x: mpmath.polyval(polynomial[::-1], x) * mpmath.npdf(x), [-mpmath.inf, -8, -4, z]) / alpha
    slope = np.polynomial.Polynomial(polynomial).deriv()
    # The derivative is a parabola: it is never below zero where it has no two real roots and is above zero somewhere.
    roots = slope.roots()
    rises = slope(0.0) > 0 and not (len(roots) == 2 and np.all(np.abs(np.imag(roots)) < 1e-12))
    return -(mean + std_dev * quantile), -(mean + std_dev * float(tail)), bool(rises)


def figures(r, alpha):
    n = len(r)
    beta = 1 - alpha
    mean, std_dev = np.mean(r), np.std(r, ddof=1)
    z = scipy.stats.norm.ppf(alpha)
    quantile, tail, _ = cornish_fisher(r, alpha)
    expected = {
        "var_historical": [(sk.value_at_risk(r, beta), "skfolio.measures.value_at_risk")],
        "var_historical_linear": [
            (-ep.value_at_risk(r, alpha), "empyrical.value_at_risk, sign changed"),
            (-np.quantile(r, alpha), "numpy.quantile, sign changed"),
        ],
        "expected_shortfall": [
            (sk.cvar(r, beta), "skfolio.measures.cvar"),
            (rk.CVaR_Hist(r, alpha), "riskfolio.CVaR_Hist"),
        ],
        "var_normal": [(-scipy.stats.norm.ppf(alpha, mean, std_dev), "scipy.stats.norm.ppf, sign changed")],
        "es_normal": [
            (
                -scipy.stats.truncnorm.mean(-np.inf, z, mean, std_dev),
                "scipy.stats.truncnorm.mean below the quantile, sign changed",
            )
        ],
        "var_cornish_fisher": [(quantile, "numpy.polynomial.hermite_e with moments of scipy.stats")],
        "es_cornish_fisher": [(tail, "mpmath.quad of that quantile over the tail")],
        "evar": [
            (sk.evar(r, beta), "skfolio.measures.evar"),
            (rk.EVaR_Hist(r, alpha)[0], "riskfolio.EVaR_Hist"),
        ],
        "max_drawdown": [
            (-ep.max_drawdown(r), "empyrical.max_drawdown, sign changed"),
            (rk.MDD_Rel(r), "riskfolio.MDD_Rel"),
        ],
        "cdar": [
            (rk.CDaR_Rel(r, alpha), "riskfolio.CDaR_Rel"),
        ],
        "worst_loss": [(sk.worst_realization(r), "skfolio.measures.worst_realization")],
    }
    whole = abs(n * alpha - round(n * alpha)) < 1e-9
    if not whole:
        # It takes the ceiling of n·alpha, which is the same order statistic.
        expected["var_historical"].append((rk.VaR_Hist(r, alpha), "riskfolio.VaR_Hist"))
    assert all(np.isfinite(value) for values in expected.values() for value, _ in values)
    return {name: [{"value": float(value), "source": source} for value, source in values] for name, values in expected.items()}


def case(name, r, alphas):
    return {
        "name": name,
        "returns": [float(x) for x in r],
        "figures": [
            {"alpha": alpha, "cornish_fisher_valid": cornish_fisher(r, alpha)[2], "expected": figures(r, alpha)}
            for alpha in alphas
        ],
    }


def tests(name, hits, alpha):
    hits = np.asarray(hits, dtype=int)
    n, x = len(hits), int(hits.sum())
    table = np.zeros((2, 2))
    for before, after in zip(hits[:-1], hits[1:]):
        table[before, after] += 1
    coverage = vartests.kupiec_test(hits, 1 - alpha)
    by_scipy = scipy.stats.power_divergence([x, n - x], [n * alpha, n * (1 - alpha)], lambda_="log-likelihood")
    expected = {
        "kupiec": [
            {"lr": coverage["statistic"], "p": coverage["p-value"], "source": "vartests.kupiec_test"},
        ]
    }
    if x > 0:
        expected["kupiec"].append(
            {"lr": by_scipy.statistic, "p": by_scipy.pvalue, "source": "scipy.stats.power_divergence, log-likelihood"}
        )
    if table.sum(axis=0).all() and table.sum(axis=1).all():
        independent = scipy.stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
        source = "scipy.stats.chi2_contingency, log-likelihood"
        expected["christoffersen"] = [{"lr": independent.statistic, "p": independent.pvalue, "source": source}]
        lr = coverage["statistic"] + independent.statistic
        source = "the sum of both, scipy.stats.chi2.sf with two degrees"
        expected["conditional_coverage"] = [{"lr": lr, "p": scipy.stats.chi2.sf(lr, 2), "source": source}]
    for values in expected.values():
        for value in values:
            value["lr"], value["p"] = float(value["lr"]), float(value["p"])
    return {"name": name, "periods": n, "alpha": alpha, "hits": np.flatnonzero(hits).tolist(), "expected": expected}


def hits_of_a_window(r, alpha, days):
    """The historical value at risk of the days before, against the day."""
    forecasts = np.array([sk.value_at_risk(r[t - days : t], 1 - alpha) for t in range(days, len(r))])
    return -r[days:] > forecasts


def clustered(random, periods, after_none, after_hit):
    hits = [0]
    for draw in random.random(periods - 1):
        hits.append(int(draw < (after_hit if hits[-1] else after_none)))
    return hits


def main(data, out):
    cases = [case(name, r, alphas) for name, (r, alphas) in series(data).items()]
    stocks = pd.read_csv(data / "bars/us_stocks_adjclose_10.csv.gz", index_col="Date", parse_dates=True)
    real = simple_returns(stocks["MSFT"].loc["2005-01-01":].iloc[:2251])
    random = np.random.default_rng(21)
    year = np.zeros(252)
    year[[50, 51, 52, 150, 151, 152]] = 1
    backtests = [
        tests("MSFT, 2000 days against the 250 before each, 95 %", hits_of_a_window(real, 0.05, 250), 0.05),
        tests("MSFT, 2000 days against the 250 before each, 99 %", hits_of_a_window(real, 0.01, 250), 0.01),
        tests("a year, six hits of which four follow a hit", year, 0.01),
        tests("no hit", np.zeros(500), 0.01),
        tests("independent, as stated", random.random(1000) < 0.05, 0.05),
        tests("twice as many as stated", random.random(1000) < 0.1, 0.05),
        tests("clustered", clustered(random, 1000, 0.03, 0.3), 0.05),
        tests("clustered, 20,000 days", clustered(random, 20_000, 0.008, 0.05), 0.01),
    ]
    document = {
        "written_by": "risk_oracle.py",
        "versions": {"python": platform.python_version()}
        | {
            name: version(name)
            for name in ("skfolio", "riskfolio-lib", "empyrical-reloaded", "vartests", "scipy", "mpmath", "numpy", "pandas")
        },
        "cases": cases,
        "backtests": backtests,
    }
    out.write_text(json.dumps(document, indent=None, allow_nan=False, separators=(",", ":")).replace("},", "},\n") + "\n")
    count = sum(len(values) for one in cases for of in one["figures"] for values in of["expected"].values())
    print(count, "values in", len(cases), "cases,", len(backtests), "backtests")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
