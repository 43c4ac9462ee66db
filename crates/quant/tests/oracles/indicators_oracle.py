"""Records what TA-Lib answers on a seeded random walk, for tests/indicators_oracle.rs.

    pip install TA-Lib numpy
    python indicators_oracle.py > indicators_talib.json
"""

import json

import numpy
import talib

rng = numpy.random.default_rng(20240229)
rows = 120
close = numpy.round(100.0 + numpy.cumsum(rng.normal(0.0, 1.0, rows)), 2)
close[40:50] = close[40]  # a flat stretch
opening = numpy.concatenate([[100.0], close[:-1]])
high = numpy.round(numpy.maximum(opening, close) + rng.uniform(0.0, 0.8, rows), 2)
low = numpy.round(numpy.minimum(opening, close) - rng.uniform(0.0, 0.8, rows), 2)

upper, middle, lower = talib.BBANDS(close, timeperiod=20, nbdevup=2.0, nbdevdn=2.0)
macd, signal, histogram = talib.MACD(close, fastperiod=12, slowperiod=26, signalperiod=9)
columns = {
    "sma(10)": talib.SMA(close, 10),
    "ema(10)": talib.EMA(close, 10),
    "atr(14)": talib.ATR(high, low, close, 14),
    "trange": talib.TRANGE(high, low, close),
    "rsi(14)": talib.RSI(close, 14),
    "rsi(3)": talib.RSI(close, 3),
    "stddev(10)": talib.STDDEV(close, 10, 1.0),
    "bbands.upper": upper,
    "bbands.middle": middle,
    "bbands.lower": lower,
    "max(15)": talib.MAX(high, 15),
    "min(15)": talib.MIN(low, 15),
    "roc(7)": talib.ROC(close, 7),
    "macd": macd,
    "macd.signal": signal,
    "macd.histogram": histogram,
}


def series(column):
    first = int(numpy.flatnonzero(~numpy.isnan(column))[0])
    return {"first": first, "values": [float(value) for value in column[first:]]}


print(
    json.dumps(
        {
            "versions": {"TA-Lib": talib.__version__, "C library": talib.__ta_version__.decode(), "numpy": numpy.__version__},
            "high": high.tolist(),
            "low": low.tolist(),
            "close": close.tolist(),
            "expected": {name: series(column) for name, column in columns.items()},
        },
        indent=1,
    )
)
