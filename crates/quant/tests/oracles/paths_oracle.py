"""Writes paths_oracle.json: volatility regimes, resampled paths and break-even costs, by libraries that this project did not write.

    python -m venv venv && venv/bin/pip install arch==8.0.0 scipy==1.17.1 pandas==3.1.1
    venv/bin/python paths_oracle.py inference_oracle.json risk_oracle.json paths_oracle.json

The series are those of the two files: real and made returns. Regimes are by pandas; block lengths and paths by arch, whose
random numbers are its own, so quantiles come with the error of the simulation, estimated over its batches; roots by scipy.
Costs are a rule that the test repeats.
"""

import json
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from scipy.interpolate import PPoly, make_interp_spline
from scipy.optimize import brentq

warnings.filterwarnings("ignore")

WINDOW = 20
BATCHES = 20
IN_BATCH = 500


def regimes(returns, reference, limits=None):
    returns = pd.Series(returns)
    volatility = pd.Series(reference).rolling(WINDOW).std().shift(1)
    if limits is None:
        limits = volatility.quantile([1 / 3, 2 / 3]).tolist()
    place = pd.cut(volatility, [-np.inf, *limits, np.inf], labels=[0, 1, 2])
    groups = returns.groupby(place, observed=False)
    total = returns[volatility.notna()].sum()
    return {
        "limits": limits,
        "observations": groups.count().tolist(),
        "mean": groups.mean().tolist(),
        "sharpe": (groups.mean() / groups.std()).tolist(),
        "profit_share": (groups.sum() / total).tolist() if total > 0 else None,
    }


def costs(returns):
    return 0.0001 * (np.arange(len(returns)) % 3) + 0.005 * np.abs(returns)


def break_even(returns):
    def growth(multiple):
        return np.log1p(returns - multiple * costs(returns)).sum()

    return brentq(growth, 0, 20, xtol=1e-15, rtol=1e-14) if growth(0) > 0 else 0.0


def grid(returns):
    multiples = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0]
    totals = [float(np.prod(1 + returns - multiple * costs(returns)) - 1) for multiple in multiples]
    roots = PPoly.from_spline(make_interp_spline(multiples, totals, k=1)).roots(extrapolate=False)
    first = float(np.min(roots)) if len(roots) else None
    return {"points": list(zip(multiples, totals)), "first_crossing": 0.0 if totals[0] <= 0 else first}


def figures(path):
    wealth = np.concatenate([[1.0], np.cumprod(1 + path)])
    fall = (1 - wealth / np.maximum.accumulate(wealth)).max()
    return path.mean() / path.std(ddof=1), wealth[-1], fall


def resampled(returns, seed):
    of_returns, of_squares = optimal_block_length(np.column_stack([returns, returns**2]))["stationary"]
    block = max(of_returns, of_squares, 1.0)
    drawn = StationaryBootstrap(block, returns, seed=seed)
    rows = np.array([figures(path) for (path,), _ in drawn.bootstrap(BATCHES * IN_BATCH)])
    quantiles, errors = {}, {}
    for name, column in zip(("sharpe", "final_wealth", "max_drawdown"), rows.T):
        quantiles[name] = np.quantile(column, [0.05, 0.5, 0.95]).tolist()
        batches = np.quantile(column.reshape(BATCHES, IN_BATCH), [0.05, 0.5, 0.95], axis=1)
        errors[name] = (batches.std(axis=1, ddof=1) / np.sqrt(BATCHES)).tolist()
    return {"block_length": float(block), "loss": float((rows[:, 1] < 1).mean()), "quantiles": quantiles, "errors": errors}


def main(inference, risk, out):
    series = np.array(json.loads(inference.read_text())["series"])
    named = [(case["name"], np.array(case["returns"])) for case in json.loads(risk.read_text())["cases"]]
    pairs = [(k, k) for k in range(24)] + [(k, k - k % 3) for k in range(24) if k % 3]
    given = [(k, (k + 5) % 24, [0.008, 0.012]) for k in range(0, 24, 4)]
    document = {
        "written_by": "paths_oracle.py",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("arch", "scipy", "numpy", "pandas")},
        "replicates": BATCHES * IN_BATCH,
        "regimes": [{"returns": a, "reference": b, "given": False} | regimes(series[a], series[b]) for a, b in pairs]
        + [{"returns": a, "reference": b, "given": True} | regimes(series[a], series[b], limits) for a, b, limits in given],
        "long_regimes": [{"name": name} | regimes(returns, returns) for name, returns in named],
        "break_even": [{"series": k, "multiple": float(break_even(series[k])), **grid(series[k])} for k in range(24)],
        "resampled": [{"name": name} | resampled(returns, 7 + at) for at, (name, returns) in enumerate(named)],
    }
    out.write_text(json.dumps(document, indent=None, allow_nan=False, separators=(",", ":")).replace("},", "},\n") + "\n")
    for of in document["resampled"]:
        print(of["name"], round(of["block_length"], 2), of["loss"], {k: np.round(v, 4).tolist() for k, v in of["quantiles"].items()})
    for of in document["break_even"]:
        print(of["series"], of["multiple"], of["first_crossing"])
    print([of["observations"] for of in document["regimes"]])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
