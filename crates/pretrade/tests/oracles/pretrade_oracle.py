"""Writes pretrade_oracle.json: buckets of tokens and exposures, computed by libraries that this project did not write.

    python -m venv venv
    venv/bin/pip install token-bucket==0.4.0 pyfolio-reloaded==0.10.1
    venv/bin/python pretrade_oracle.py pretrade_oracle.json

Times are whole numbers of 1/512 of a second, rates powers of two, prices quarters: all sums and products are exact in binary
floating point, so that an answer at the edge of a bucket is the same there and here. `token_bucket` reads a monotonic clock,
which is set by hand.
"""

import json
import platform
import random
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

warnings.filterwarnings("ignore")

import pandas as pd
import token_bucket
import token_bucket.storage
from pyfolio import pos, timeseries

TICKS_PER_SECOND = 512


class Clock:
    """In the place of the module `time`."""

    now = 0.0

    def monotonic(self):
        return self.now


def bucket(rng, rate, capacity):
    clock = Clock()
    token_bucket.storage.time = clock
    limiter = token_bucket.Limiter(rate, capacity, token_bucket.MemoryStorage())
    tick, times, taken = 0, [], []
    # Messages at about twice the rate, some at the same moment, some after a rest.
    mean = TICKS_PER_SECOND / rate / 2
    for _ in range(120):
        short, long = rng.randrange(int(3 * mean) + 1), rng.randrange(int(9 * mean) + 1)
        tick += rng.choice([0, 0, int(mean), int(2 * mean), short, long])
        clock.now = tick / TICKS_PER_SECOND
        times.append(tick)
        taken.append(limiter.consume("key"))
    return {"rate_per_second": rate, "capacity": capacity, "ticks": times, "taken": taken}


def exposure(rng):
    """Positions before and after an order that fills at the reference: its worst case where it goes with the net exposure."""
    bids = [rng.randrange(20, 900) for _ in range(3)]
    quotes = [(bid, bid + rng.randrange(1, 9)) for bid in bids]
    mids = [(bid + ask) / 8 for bid, ask in quotes]
    held = [rng.choice([-1, 1]) * rng.randrange(1, 200) for _ in range(3)]
    net = sum(quantity * mid for quantity, mid in zip(held, mids))
    with_net = [at for at in range(3) if held[at] * net > 0]
    at, quantity = rng.choice(with_net), rng.randrange(1, 100)
    paid_in = rng.randrange(60_000, 400_000)
    sign = 1 if net > 0 else -1
    after = [held[i] + (sign * quantity if i == at else 0) for i in range(3)]
    # All was bought and sold at its mid, so that equity is what was paid in.
    values = [quantity * mid for quantity, mid in zip(after, mids)]
    frame = pd.DataFrame([values + [paid_in - sum(values)]], columns=["a", "b", "c", "cash"])
    return {
        "quotes_in_quarters": quotes,
        "held": held,
        "paid_in": paid_in,
        "order": {"instrument": at, "signed_quantity": sign * quantity},
        "gross_leverage": float(timeseries.gross_lev(frame).iloc[0]),
        "net_exposure": float(pos.get_long_short_pos(frame)["net exposure"].iloc[0]),
    }


def main():
    rng = random.Random(20261130)
    packages = ["token-bucket", "pyfolio-reloaded", "pandas"]
    document = {
        "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
        "buckets": [bucket(rng, rate, capacity) for rate in (0.25, 1, 8, 64) for capacity in (1, 3, 10)],
        "exposures": [exposure(rng) for _ in range(40)],
    }
    text = json.dumps(document, separators=(",", ":"))
    for first in ("rate_per_second", "quotes_in_quarters"):
        text = text.replace(f'{{"{first}', f'\n{{"{first}')
    Path(sys.argv[1]).write_text(text + "\n")


if __name__ == "__main__":
    main()
