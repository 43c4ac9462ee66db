"""Records the best values that Optuna's default sampler finds: python functions.py > functions.json (needs optuna)."""

import json
import math
import warnings

import numpy
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")
BUDGETS = [100, 200]
SEEDS = range(15)

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


def floats(trial, n, low, high):
    return [trial.suggest_float(f"x{i}", low, high) for i in range(n)]


def hartmann6(trial):
    x = floats(trial, 6, 0, 1)
    return -sum(
        ALPHA[i] * math.exp(-sum(A[i][j] * (x[j] - P[i][j]) ** 2 for j in range(6))) for i in range(4)
    )


def rosenbrock5(trial):
    x = floats(trial, 5, -5, 10)
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))


def ackley10(trial):
    x = floats(trial, 10, -32.768, 32.768)
    square = sum(v * v for v in x) / len(x)
    cosine = sum(math.cos(2 * math.pi * v) for v in x) / len(x)
    return -20 * math.exp(-0.2 * math.sqrt(square)) - math.exp(cosine) + 20 + math.e


def rastrigin5(trial):
    x = floats(trial, 5, -5.12, 5.12)
    return 10 * len(x) + sum(v * v - 10 * math.cos(2 * math.pi * v) for v in x)


def branin(trial):
    x = trial.suggest_float("x0", -5, 10)
    y = trial.suggest_float("x1", 0, 15)
    a = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return a * a + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


best = {}
for function in (hartmann6, rosenbrock5, ackley10, rastrigin5, branin):
    rows = {budget: [] for budget in BUDGETS}
    for seed in SEEDS:
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        study.optimize(function, n_trials=max(BUDGETS))
        values = [trial.value for trial in study.trials]
        # The sampler does not know the budget: the best of the first trials is that of a shorter search.
        for budget in BUDGETS:
            rows[budget].append(min(values[:budget]))
    best[function.__name__] = {
        str(budget): {"quartiles": numpy.percentile(row, [25, 50, 75]).tolist(), "values": row}
        for budget, row in rows.items()
    }

versions = {"optuna": optuna.__version__, "numpy": numpy.__version__}
print(json.dumps({"versions": versions, "seeds": len(SEEDS), "best": best}, indent=1))
