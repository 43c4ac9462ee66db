"""Records log densities of Optuna's Parzen estimator: python parzen.py > parzen.json (needs optuna).

Continuous densities are per unit of x, or of ln x where `log` is set; discrete ones are probabilities.
"""

import functools
import json

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_weights

# Observations can tie, and then the kernels' widths depend on the order of a sort that numpy leaves open: stable here.
np.argsort = functools.partial(np.argsort, kind="stable")
random = np.random.RandomState(7)
parameters = _ParzenEstimatorParameters(1.0, True, False, default_weights, False)
spaces = [
    ({"float": [-5.0, 10.0]}, FloatDistribution(-5.0, 10.0)),
    ({"float": [1.0, 8.0], "log": True}, FloatDistribution(1.0, 8.0, log=True)),
    ({"float": [0.0, 2.0], "step": 0.25}, FloatDistribution(0.0, 2.0, step=0.25)),
    ({"int": [5, 60]}, IntDistribution(5, 60)),
    ({"int": [10, 100], "step": 10}, IntDistribution(10, 100, step=10)),
    ({"int": [1, 1000], "log": True}, IntDistribution(1, 1000, log=True)),
    ({"categorical": ["0", "1", "2", "3"]}, CategoricalDistribution(["0", "1", "2", "3"])),
]


def draw(distribution, count):
    if isinstance(distribution, CategoricalDistribution):
        return [float(v) for v in random.randint(0, 4, count)]
    u = random.rand(count)
    if distribution.log:
        x = distribution.low * (distribution.high / distribution.low) ** u
    else:
        x = distribution.low + u * (distribution.high - distribution.low)
    if distribution.step is not None:
        x = distribution.low + np.round((x - distribution.low) / distribution.step) * distribution.step
    return [float(v) for v in x]


cases = []
for domain, distribution in spaces:
    for count in (0, 1, 2, 7, 40):
        observed = draw(distribution, count)
        points = draw(distribution, 8)
        estimator = _ParzenEstimator({"p": np.array(observed)}, {"p": distribution}, parameters)
        log_density = estimator.log_pdf({"p": np.array(points)})
        cases.append(
            {"domain": domain, "observed": observed, "points": points, "log_density": [float(v) for v in log_density]}
        )
print(
    json.dumps(
        {"versions": {"optuna": optuna.__version__, "numpy": np.__version__}, "cases": cases}, separators=(",", ":")
    )
)
