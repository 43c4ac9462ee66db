"""Records unscrambled Sobol points from scipy: python sobol.py > sobol.json (needs scipy)."""

import json

import scipy
from scipy.stats import qmc

DIMENSIONS = 32
COUNT = 256

engine = qmc.Sobol(DIMENSIONS, scramble=False)
points = engine.random(COUNT)
far = qmc.Sobol(DIMENSIONS, scramble=False).fast_forward(100_000).random(4)
print(
    json.dumps(
        {
            "versions": {"scipy": scipy.__version__},
            "first_index": [0, 100_000],
            # Multiples of 2^-30, so that the record is exact and short.
            "points": [[[int(x * 2**30) for x in row] for row in block] for block in (points, far)],
        },
        separators=(",", ":"),
    )
)
