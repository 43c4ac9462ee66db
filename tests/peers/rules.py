"""What each strategy wants at each close: 1 long, -1 short, 0 flat.

Written in NumPy from the sentences that `gauntlet strategies` prints, and not from Gauntlet's code. Simple averages are
compared as whole numbers: no rounding decides a tie.
"""

import numpy as np

UNIT = 10**6  # prices as whole millionths


def ma_cross(bars, fast, slow, kind="sma"):
    close = whole(bars.close)
    if kind == "sma":
        above = np.sign(sums(close, fast) * slow - sums(close, slow) * fast)
    else:
        above = np.sign(ema(bars.close, fast) - ema(bars.close, slow))
    first = max(fast, slow) - 1
    return holding(first, len(bars), lambda bar, held: above[bar] or held)


def donchian_breakout(bars, entry, exit):
    close, first = bars.close, max(entry, exit)
    upper, lower = rolling(np.max, bars.high, entry), rolling(np.min, bars.low, entry)
    out_upper, out_lower = rolling(np.max, bars.high, exit), rolling(np.min, bars.low, exit)

    def want(bar, held):
        before = bar - 1
        if close[bar] > upper[before]:
            return 1
        if close[bar] < lower[before]:
            return -1
        out = held > 0 and close[bar] < out_lower[before] or held < 0 and close[bar] > out_upper[before]
        return 0 if out else held

    return holding(first, len(bars), want)


def rsi_reversion(bars, period, oversold, overbought, exit):
    change = np.diff(bars.close, prepend=bars.close[0])
    gain, loss = wilder(np.maximum(change, 0), period, 1), wilder(np.maximum(-change, 0), period, 1)
    moved = gain + loss
    index = 100 * np.divide(gain, moved, out=np.zeros_like(moved), where=moved > 0)

    def want(bar, held):
        if index[bar] < oversold:
            return 1
        if index[bar] > overbought:
            return -1
        return 0 if held > 0 and index[bar] >= exit or held < 0 and index[bar] <= exit else held

    return holding(period, len(bars), want)


def bollinger_reversion(bars, period, width):
    # Everything times period: distance = period * close - sum, and deviation = sqrt(period * squares - sum^2).
    close = whole(bars.close)
    window = np.lib.stride_tricks.sliding_window_view(close, period) - close[period - 1 :, None]
    distance = padded(-window.sum(axis=1), period)
    deviation = padded(
        np.sqrt(period * (window.astype(float) ** 2).sum(axis=1) - window.sum(axis=1).astype(float) ** 2), period
    )

    def want(bar, held):
        if distance[bar] < -width * deviation[bar]:
            return 1
        if distance[bar] > width * deviation[bar]:
            return -1
        return 0 if held > 0 and distance[bar] >= 0 or held < 0 and distance[bar] <= 0 else held

    return holding(period - 1, len(bars), want)


RULES = {
    "ma-cross": ma_cross,
    "donchian-breakout": donchian_breakout,
    "rsi-reversion": rsi_reversion,
    "bollinger-reversion": bollinger_reversion,
}


def wanted(bars, strategy, parameters, short):
    """Targets at each close, and the distances of the stop or None."""
    own = {name: value for name, value in parameters.items() if name not in ("stop_atr", "atr_period")}
    targets, distance = RULES[strategy](bars, **own), None
    if "stop_atr" in parameters:
        distance = stop_distance(bars, parameters["stop_atr"], parameters["atr_period"])
    return (targets if short else np.maximum(targets, 0)), distance


def stop_distance(bars, multiple, period):
    """Distance of the stop at each close, in average true ranges; NaN while there is none."""
    previous = np.r_[np.nan, bars.close[:-1]]
    true_range = np.fmax(bars.high, previous) - np.fmin(bars.low, previous)
    distance = multiple * wilder(true_range, period, 1)
    distance[:period] = np.nan
    return distance


def holding(first, count, want):
    targets, held = np.zeros(count, dtype=int), 0
    for bar in range(first, count):
        targets[bar] = held = int(want(bar, held))
    return targets


def whole(prices):
    units = np.rint(prices * UNIT).astype(np.int64)
    assert np.allclose(units / UNIT, prices, rtol=0, atol=1e-9), "prices have more decimals than UNIT"
    return units


def sums(values, period):
    return padded(np.lib.stride_tricks.sliding_window_view(values, period).sum(axis=1), period)


def rolling(function, values, period):
    return padded(function(np.lib.stride_tricks.sliding_window_view(values, period), axis=1), period)


def padded(values, period):
    return np.concatenate([np.zeros(period - 1, dtype=values.dtype), values])


def wilder(values, period, first):
    """The mean of the first `period` values from place `first` on, then each value with weight 1 / period."""
    return smoothed(values, period, first, 1 / period)


def ema(values, period):
    return smoothed(values, period, 0, 2 / (period + 1))


def smoothed(values, period, first, weight):
    result, seed = np.zeros(len(values)), first + period
    result[seed - 1] = values[first:seed].mean()
    for place in range(seed, len(values)):
        result[place] = result[place - 1] + weight * (values[place] - result[place - 1])
    return result
