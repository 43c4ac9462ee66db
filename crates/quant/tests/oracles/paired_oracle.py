"""Writes paired_oracle.json: differences of Sharpe ratios and of means, from the papers' formulas on top of libraries that this
project did not write.

    python -m venv venv && venv/bin/pip install arch==8.0.0 scipy==1.17.1 statsmodels==0.15.0
    venv/bin/python paired_oracle.py inference_oracle.json paired_oracle.json

The series are those of inference_oracle.json: real returns, correlated, some flat for weeks. No library on PyPI has the test of
Ledoit and Wolf (2008). Its pieces are from libraries: autoregressions from statsmodels, long-run covariances with Parzen's
kernel and draws of the circular block bootstrap from arch. Gradient, kernel at a bandwidth that is not whole, and the
studentised statistic are written here from the paper, with its matrices of four moments.

arch stops one lag earlier at a bandwidth that is not whole, and counts bandwidths from zero: its 4 is 5 here. Its automatic
bandwidth rests on autocovariances (Newey and West 1994), not on autoregressions: it is recorded, not compared.
"""

import json
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import scipy.stats
from arch.bootstrap import CircularBlockBootstrap
from arch.covariance.kernel import Parzen
from statsmodels.tsa.ar_model import AutoReg

warnings.filterwarnings("ignore")

REPLICATES = 20_000
PERIODS = 252
LIFT = 0.0006


def deviations(x, y):
    moments = np.column_stack([x, y, x * x, y * y])
    return moments - moments.mean(0)


def gradient(x, y):
    (m1, m2), (g1, g2) = (x.mean(), y.mean()), ((x * x).mean(), (y * y).mean())
    return np.array([g1, -g2, -m1 / 2, m2 / 2]) / np.array([g1 - m1**2, g2 - m2**2, g1 - m1**2, g2 - m2**2]) ** 1.5


def bandwidth(columns):
    fits = [AutoReg(column, 1, trend="c").fit() for column in columns.T]
    rho, variance = np.array([fit.params[1] for fit in fits]), np.array([fit.sigma2 for fit in fits])
    alpha = (4 * rho**2 * variance**2 / (1 - rho) ** 8).sum() / (variance**2 / (1 - rho) ** 4).sum()
    return 2.6614 * (alpha * len(columns)) ** 0.2


def long_run(columns, width):
    """Ledoit and Wolf's program: lags below the bandwidth, and a factor for the estimated moments by the caller."""
    n = len(columns)
    total = columns.T @ columns / n
    for lag in range(1, n):
        if lag >= width:
            break
        z = lag / width
        weight = 1 - 6 * z**2 + 6 * z**3 if z <= 0.5 else 2 * (1 - z) ** 3
        covariance = columns[lag:].T @ columns[:-lag] / n
        total = total + weight * (covariance + covariance.T)
    return total


def standard_error(x, y, psi):
    return float(np.sqrt(gradient(x, y) @ psi @ gradient(x, y) / len(x)))


def difference(x, y):
    return x.mean() / x.std(ddof=1) - y.mean() / y.std(ddof=1)


def memmel(x, y):
    a, b, rho = x.mean() / x.std(ddof=1), y.mean() / y.std(ddof=1), scipy.stats.pearsonr(x, y).statistic
    return float(np.sqrt((2 - 2 * rho + (a**2 + b**2 - 2 * a * b * rho**2) / 2) / len(x)))


def bootstrap(x, y, block, error, seed):
    n, blocks = len(x), len(x) // block
    assert n == block * blocks
    observed = difference(x, y)
    extreme = 0
    drawn = CircularBlockBootstrap(block, x, y, seed=seed)
    for (u, v), _ in drawn.bootstrap(REPLICATES):
        zeta = deviations(u, v).reshape(blocks, block, 4).sum(1) / np.sqrt(block)
        error_star = standard_error(u, v, zeta.T @ zeta / blocks)
        extreme += abs(difference(u, v) - observed) / error_star >= abs(observed) / error
    return {"block": block, "p": (1 + int(extreme)) / (REPLICATES + 1)}


def case(x, y, first, second, lift, blocks):
    v, n = deviations(x, y), len(x)
    width = bandwidth(v)
    error = standard_error(x, y, long_run(v, width) * n / (n - 4))
    whole = int(np.ceil(width)) + 1
    d = x - y
    d_width = bandwidth(d[:, None])
    centred = (d - d.mean())[:, None]
    mean_error = float(np.sqrt(long_run(centred, d_width)[0, 0] / (n - 1)))
    return {
        "challenger": first,
        "champion": second,
        "lift": lift,
        "difference": difference(x, y),
        "bandwidth": width,
        "arch_bandwidth": Parzen(v).bandwidth + 1,
        "standard_error": error,
        "p_value": float(2 * scipy.stats.norm.sf(abs(difference(x, y)) / error)),
        "whole_bandwidth": whole,
        "standard_error_of_arch": standard_error(x, y, np.asarray(Parzen(v, bandwidth=whole - 1, df_adjust=4).cov.long_run)),
        "memmel": memmel(x, y),
        "mean_bandwidth": d_width,
        "per_year": float(d.mean() * PERIODS),
        "mean_error_per_year": mean_error * PERIODS,
        "lower_bound": float(scipy.stats.norm.ppf(0.1, d.mean() * PERIODS, mean_error * PERIODS)),
        "long_run_of_arch": [
            [width, float(np.squeeze(Parzen(d, bandwidth=width - 1).cov.long_run))] for width in (1, 2, 5, 12, 40)
        ],
        "bootstrap": [bootstrap(x, y, block, error, 10 * first + block) for block in blocks],
    }


def main(source, out):
    series = np.array(json.loads(source.read_text())["series"])
    pairs = [(k, (k + step) % 24, 0.0) for k in range(24) for step in (1, 7)] + [(k, (k + 4) % 24, LIFT) for k in range(0, 24, 3)]
    drawn = {(0, 7): (5, 10), (3, 10): (5, 10), (6, 10): (5, 10), (9, 13): (10,), (21, 1): (5, 10), (12, 16): (5, 10)}
    cases = [case(series[a] + lift, series[b], a, b, lift, drawn.get((a, b), ())) for a, b, lift in pairs]
    document = {
        "written_by": "paired_oracle.py",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("arch", "scipy", "statsmodels", "numpy")},
        "periods_per_year": PERIODS,
        "replicates": REPLICATES,
        "cases": cases,
    }
    out.write_text(json.dumps(document, indent=None, allow_nan=False, separators=(",", ":")).replace("},", "},\n") + "\n")
    for at in cases:
        print(at["challenger"], at["champion"], *(round(at[name], 4) for name in ("bandwidth", "arch_bandwidth", "p_value")), at["bootstrap"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
