"""Writes sensitivity_oracle.json: sensitivity indices of recorded points and values, by libraries that this project did not write.

    python -m venv venv && venv/bin/pip install SALib==1.6.0 scipy==1.17.1 numpy==2.4.6
    venv/bin/python sensitivity_oracle.py > sensitivity_oracle.json

Where SALib differs on purpose:
- Sobol: it subtracts the mean of all values, also those of AB_i, and divides by their deviation; we subtract the mean of f_A and f_B,
  as scipy does. Totals are the same. First orders are recorded from scipy and, under `salib`, from SALib's own estimator on values
  that are centred as ours are.
- PAWN: its slices are open on the right, so the largest input is in none. `median` and `max` are scipy's Kolmogorov-Smirnov
  distances over the same slices with the last one closed; `salib` is what SALib answers.
"""

import json
import platform

import numpy as np
import scipy
import scipy.stats
import SALib
from importlib.metadata import version
from SALib.analyze import morris as analyze_morris
from SALib.analyze import pawn as analyze_pawn
from SALib.analyze import sobol as analyze_sobol
from SALib.sample import latin
from SALib.sample import morris as sample_morris
from SALib.sample import sobol as sample_sobol
from SALib.sample.morris.brute import BruteForce
from SALib.test_functions import Ishigami, Sobol_G

G = [0.0, 1.0, 4.5, 9.0]


def problem(dimensions):
    return {"num_vars": dimensions, "names": [f"x{i}" for i in range(dimensions)], "bounds": [[0.0, 1.0]] * dimensions}


def ishigami(unit):
    return Ishigami.evaluate(-np.pi + 2.0 * np.pi * unit)


def g_function(unit):
    return Sobol_G.evaluate(unit, a=np.array(G))


MODELS = {"ishigami": (3, ishigami), "g": (4, g_function)}


def sobol(dimensions, model):
    rows = 128
    points = sample_sobol.sample(problem(dimensions), rows, calc_second_order=False, seed=11)
    # A score far from zero: the centring matters.
    values = model(points) + 5.0
    table = values.reshape(rows, dimensions + 2)
    a, b, mixed = table[:, 0], table[:, -1], table[:, 1:-1]
    by_scipy = scipy.stats.sobol_indices(func={"f_A": a[None], "f_B": b[None], "f_AB": mixed.T[:, None]}, n=rows)
    mean = np.concatenate([a, b]).mean()
    by_salib = analyze_sobol.analyze(problem(dimensions), values, calc_second_order=False, num_resamples=10, seed=1)
    return {
        "rows": rows,
        "dimensions": dimensions,
        "values": values.tolist(),
        "first": by_scipy.first_order.ravel().tolist(),
        "total": by_scipy.total_order.ravel().tolist(),
        "salib": {
            "first_centred": [
                float(analyze_sobol.first_order(a - mean, mixed[:, i] - mean, b - mean)) for i in range(dimensions)
            ],
            "first": by_salib["S1"].tolist(),
            "total": by_salib["ST"].tolist(),
        },
    }


def morris(dimensions, model, levels):
    trajectories = 12
    points = sample_morris.sample(problem(dimensions), trajectories, num_levels=levels, seed=5)
    values = model(points)
    found = analyze_morris.analyze(problem(dimensions), points, values, num_levels=levels, num_resamples=10, seed=1)
    brute = BruteForce()
    distances = brute.compute_distance_matrix(points, trajectories, dimensions)
    best = brute.find_most_distant(points, trajectories, dimensions, 4)
    return {
        "levels": levels,
        "dimensions": dimensions,
        "points": points.tolist(),
        "values": values.tolist(),
        "mu": np.asarray(found["mu"]).tolist(),
        "mu_star": np.asarray(found["mu_star"]).tolist(),
        "sigma": np.asarray(found["sigma"]).tolist(),
        # Lower triangle, in single precision.
        "distances": distances.astype(float).tolist(),
        # Score of every choice of four, largest first: the root of the sum of squared distances.
        "best_of_four": float(np.max(best)),
    }


def slices_closed(column, values):
    edges = np.quantile(column, np.linspace(0.0, 1.0, 11))
    found = []
    for s in range(10):
        inside = (column >= edges[s]) & ((column < edges[s + 1]) if s < 9 else (column <= edges[s + 1]))
        if inside.any():
            found.append(scipy.stats.ks_2samp(values[inside], values).statistic)
    return [float(np.median(found)), float(np.max(found))]


def pawn(points, values):
    by_salib = analyze_pawn.analyze(problem(points.shape[1]), points, values, S=10, seed=1)
    closed = [slices_closed(points[:, i], values) for i in range(points.shape[1])]
    return {
        "points": points.tolist(),
        "values": values.tolist(),
        "median": [pair[0] for pair in closed],
        "max": [pair[1] for pair in closed],
        "salib": {"median": by_salib["median"].tolist(), "max": by_salib["maximum"].tolist()},
    }


def wilson(count, total):
    interval = scipy.stats.binomtest(count, total).proportion_ci(0.95, method="wilson")
    return {"count": count, "total": total, "low": float(interval.low), "high": float(interval.high)}


tied = latin.sample(problem(3), 203, seed=3)
tied[:, 0] = np.floor(tied[:, 0] * 4) / 4
rough = np.round(ishigami(tied), 0)
print(
    json.dumps(
        {
            "versions": {
                "python": platform.python_version(),
                "SALib": version("SALib"),
                "scipy": scipy.__version__,
                "numpy": np.__version__,
            },
            "sobol": {name: sobol(*of) for name, of in MODELS.items()},
            "morris": {f"{name}_{levels}": morris(*of, levels) for name, of in MODELS.items() for levels in (4, 6)},
            "pawn": {
                "ishigami": pawn(points := latin.sample(problem(3), 250, seed=2), ishigami(points)),
                "tied": pawn(tied, rough),
            },
            "wilson": [wilson(count, total) for count, total in [(0, 64), (1, 64), (38, 64), (64, 64), (3, 7)]],
        }
    )
)
