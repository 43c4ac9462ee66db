"""Records the best values that Optuna's TPE and random samplers find: python tpe.py > tpe.json (needs optuna)."""

import json
import math
import warnings

import numpy
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")
TRIALS = 100
SEEDS = range(20)


def branin(trial):
    x = trial.suggest_float("x", -5, 10)
    y = trial.suggest_float("y", 0, 15)
    a = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return a * a + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


ALPHA = [1.0, 1.2, 3.0, 3.2]
A = [
    [10, 3, 17, 3.5, 1.7, 8],
    [0.05, 10, 17, 0.1, 8, 14],
    [3, 3.5, 1.7, 10, 17, 8],
    [17, 8, 0.05, 10, 0.1, 14],
]
P = [
    [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
    [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
]


def hartmann6(trial):
    x = [trial.suggest_float(f"x{i}", 0, 1) for i in range(6)]
    return -sum(
        ALPHA[i] * math.exp(-sum(A[i][j] * (x[j] - P[i][j]) ** 2 for j in range(6))) for i in range(4)
    )


def quadratic(trial):
    centre = [1.0, -2.0, 3.0, -4.0]
    return sum((trial.suggest_float(f"x{i}", -10, 10) - c) ** 2 for i, c in enumerate(centre))


def mixed(trial):
    """An integer, a log float and a category: what an experiment's parameters look like."""
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    period = trial.suggest_int("period", 5, 400, log=True)
    stop = trial.suggest_float("stop", 0.001, 10.0, log=True)
    shift = {"a": 1.0, "b": 0.0, "c": 2.0}[kind]
    return shift + math.log(period / 40.0) ** 2 + math.log(stop / 0.1) ** 2


SAMPLERS = {
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "tpe_independent": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=False),
    "tpe_multivariate": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True),
}

best = {}
for function in (branin, hartmann6, quadratic, mixed):
    best[function.__name__] = {}
    for name, build in SAMPLERS.items():
        values = []
        for seed in SEEDS:
            study = optuna.create_study(sampler=build(seed))
            study.optimize(function, n_trials=TRIALS)
            values.append(study.best_value)
        best[function.__name__][name] = values

print(
    json.dumps(
        {
            "versions": {"optuna": optuna.__version__, "numpy": numpy.__version__},
            "trials": TRIALS,
            "best": best,
        },
        indent=1,
    )
)
