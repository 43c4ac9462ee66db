"""Writes robustness_oracle.json: figures of recorded points and their values, by libraries that this project did not write.

    python -m venv venv && venv/bin/pip install SALib==1.6.0 scipy==1.17.1 numpy==2.4.6 statsmodels==0.15.0
    venv/bin/python robustness_oracle.py > robustness_oracle.json

robustness_points.csv is what an analysis wrote. The space is that of tests/case.rs; costs go from 0 to twice the plan's. The plateau
has the interval of statsmodels, quantiles are numpy's, Sobol indices scipy's, elementary effects SALib's. An axis with fewer values
than levels has steps of its own: the latency has three values, so a step is a half of the axis and not two thirds.
"""

import csv
import json
import os
import platform
from importlib.metadata import version

import numpy as np
import scipy.stats
from SALib.analyze import morris as analyze_morris
from statsmodels.stats.proportion import proportion_confint

# Name, lowest and highest value, number of values (none: continuous).
AXES = [
    ("costs.commission_bps", 0.0, 1.0, None),
    ("costs.latency_bars", 0, 2, 3),
    ("costs.slippage_bps", 0.0, 0.4, None),
    ("costs.spread", 0.0, 2.0, None),
    ("fast", 2, 10, 9),
    ("slow", 11, 60, 50),
    ("stop_atr", 1.0, 8.0, None),
]
NAMES = [name for name, *_ in AXES]
SIZE = len(AXES)


def unit(row):
    """Quantiles: of one of n values the middle of its n-th part."""
    at = []
    for (name, low, high, count), text in zip(AXES, (row[name] for name in NAMES)):
        x = float(text)
        at.append((x - low) / (high - low) if count is None else (x - low + 0.5) / count)
    return at


def main():
    with open(os.path.join(os.path.dirname(__file__), "robustness_points.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    values = np.array([float(row["value"]) for row in rows])
    design = np.array([row["design"] for row in rows])
    units = np.array([unit(row) for row in rows])
    best, centre = values[design == "finalist"][0], units[design == "finalist"][0]

    neighbours = values[design == "neighbours"]
    on = int((neighbours >= 0.8 * best).sum())
    low, high = proportion_confint(on, len(neighbours), alpha=0.05, method="wilson")
    far = np.abs(units - centre).max(axis=1)
    figures = {
        "plateau": on / len(neighbours),
        "plateau_low": low,
        "plateau_high": high,
        "neighbours_median": np.median(neighbours) / best,
        "neighbours_low": np.quantile(neighbours, 0.1) / best,
        "cliff_distance": far[values < 0.5 * best].min(),
        "cliff_radius": far.max(),
    }

    table = values[design == "sobol"].reshape(-1, SIZE + 2)
    a, b, mixed = table[:, 0], table[:, -1], table[:, 1:-1]
    sobol = scipy.stats.sobol_indices(
        func={"f_A": a[None], "f_B": b[None], "f_AB": mixed.T[:, None]}, n=len(table)
    )
    problem = {"num_vars": SIZE, "names": NAMES, "bounds": [[float(low), float(high)] for _, low, high, _ in AXES]}
    inputs = np.array([[float(row[name]) for name in NAMES] for row in rows])[design == "morris"]
    morris = analyze_morris.analyze(problem, inputs, values[design == "morris"], num_levels=4, seed=1)

    axes = {}
    for axis, (name, _, _, count) in enumerate(AXES):
        others = [other for other in range(SIZE) if other != axis]
        along = (design == "slice") & (np.abs(units[:, others] - centre[others]).max(axis=1) < 1e-12)
        _, first = np.unique(units[along, axis].round(12), return_index=True)
        f, u = values[along][first], units[along, axis][first]
        step = (2 / 3) / (1 / 2) if count == 3 else 1.0
        axes[name] = {
            "slice_range": f.max() - f.min(),
            "slice_steepest": np.abs(np.diff(f) / np.diff(u)).max(),
            "slice_best_at_edge": float(f.max() > f[1:-1].max()),
            "sobol_first": sobol.first_order[0][axis] if sobol.first_order.ndim > 1 else sobol.first_order[axis],
            "sobol_total": sobol.total_order[0][axis] if sobol.total_order.ndim > 1 else sobol.total_order[axis],
            "morris_mu": float(morris["mu"][axis]) * step,
            "morris_mu_star": float(morris["mu_star"][axis]) * step,
            "morris_sigma": float(morris["sigma"][axis]) * step,
        }
    versions = {name: version(name) for name in ["numpy", "scipy", "SALib", "statsmodels"]}
    versions["python"] = platform.python_version()
    answer = {"versions": versions, "figures": figures, "axes": axes}
    print(json.dumps(answer, indent=1, default=float))


main()
