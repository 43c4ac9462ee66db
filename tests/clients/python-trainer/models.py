"""What can be tried: two classifiers of scikit-learn on lagged returns, and a crossing of averages, which Gauntlet has too
and which is here to compare the two.

A model sees the bars up to and including the one at whose close it decides. What it learns from ends with the training
range of its fold, labels included.
"""

import math

import numpy
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# Parameters by model: kind, default, least, most.
OF_ALL = {
    "lookback": (int, 12, 1, 500),
    "horizon": (int, 24, 1, 10_000),
    "threshold": (float, 0.0, 0.0, 0.5),
}
PARAMETERS = {
    "logistic": {**OF_ALL, "c": (float, 1.0, 1e-6, 1e6)},
    "forest": {**OF_ALL, "depth": (int, 4, 1, 50), "trees": (int, 30, 1, 1000)},
    "ma-cross": {"fast": (int, 10, 1, 10_000), "slow": (int, 50, 1, 10_000)},
}


class InvalidParameters(Exception):
    """No model can be made of these."""


class TrainingFailed(Exception):
    """The model cannot be fitted."""


def model(parameters, bars, seed):
    """The model of a trial, over all bars that it may be asked about."""
    values = dict(parameters)
    kind = values.pop("model", "logistic")
    if kind not in PARAMETERS:
        raise InvalidParameters(f"model is {kind!r}: give one of {', '.join(PARAMETERS)}")
    values = resolved(kind, values)
    if kind == "ma-cross":
        return MovingAverages(values, bars)
    return Classifier(kind, values, bars, seed)


def resolved(kind, values):
    """A space that holds several models gives each the parameters of all: those of another model are passed over."""
    known, of_any = PARAMETERS[kind], {name for parameters in PARAMETERS.values() for name in parameters}
    for name, value in values.items():
        if name not in of_any:
            raise InvalidParameters(f"no model has a parameter {name}: there are {', '.join(sorted(of_any))}")
        if name not in known:
            continue
        wanted, _, least, most = known[name]
        fits = isinstance(value, (int, wanted)) and not isinstance(value, bool) and least <= value <= most
        if not fits:
            raise InvalidParameters(f"{name} of {kind} is {value!r}: give {wanted.__name__} from {least} to {most}")
    return {name: values.get(name, default) for name, (_, default, _, _) in known.items()}


class Classifier:
    """Long where the probability of a rise is above one half and the threshold, short where it is below, else flat."""

    def __init__(self, kind, values, bars, seed):
        self.kind, self.values, self.seed = kind, values, seed
        close = numpy.array(bars.close)
        lookback, horizon = values["lookback"], values["horizon"]
        steps = numpy.diff(numpy.log(close), prepend=math.nan)
        # Row i holds the returns of the bars i, i - 1, … Rows that reach before the first bar are not there.
        self.first = lookback
        self.features = numpy.lib.stride_tricks.sliding_window_view(steps, lookback)[1:, ::-1]
        # Whether the close of bar i is below that of bar i + horizon.
        self.rises = close[horizon:] > close[:-horizon]

    def fitted(self, train_from, train_to, holes):
        """Fits to the bars of a range that are in no hole; no label looks beyond the range."""
        last = train_to - self.values["horizon"]
        rows = [i for i in range(max(train_from, self.first), last) if not any(i in hole for hole in holes)]
        if len(rows) < 100 or len(set(self.rises[rows].tolist())) < 2:
            raise TrainingFailed(f"{len(rows)} bars to learn from, from {train_from} to {train_to}: too few or all alike")
        rows = numpy.array(rows)
        return self.estimator().fit(self.features[rows - self.first], self.rises[rows])

    def estimator(self):
        # One thread and a seed: the same request gives the same model.
        if self.kind == "forest":
            return RandomForestClassifier(
                n_estimators=self.values["trees"], max_depth=self.values["depth"], min_samples_leaf=50,
                max_features="sqrt", random_state=self.seed, n_jobs=1,
            )
        return make_pipeline(StandardScaler(), LogisticRegression(C=self.values["c"], max_iter=500))

    def targets(self, fit, first, end):
        """What is wanted at the closes of a range; flat before it, where nobody asks."""
        begin = max(first, self.first)
        wanted = [0] * end
        if begin < end:
            rise = fit.predict_proba(self.features[begin - self.first:end - self.first])[:, 1]
            threshold = self.values["threshold"]
            wanted[begin:] = ((rise > 0.5 + threshold).astype(int) - (rise < 0.5 - threshold)).tolist()
        return wanted


class MovingAverages:
    """Gauntlet's ma-cross with simple averages: long while the fast one is above the slow one, short while below."""

    def __init__(self, values, bars):
        fast, slow = averages(bars.close, values["fast"]), averages(bars.close, values["slow"])
        wanted, self.wanted = 0, []
        for one, other in zip(fast, slow):
            if one is not None and other is not None and one != other:
                wanted = 1 if one > other else -1
            self.wanted.append(wanted)

    def fitted(self, train_from, train_to, holes):
        return None

    def targets(self, fit, first, end):
        return self.wanted


def averages(values, period):
    """A running sum: add the newest, divide, take the oldest away."""
    total, means = 0.0, []
    for i, value in enumerate(values):
        total += value
        if i + 1 < period:
            means.append(None)
            continue
        means.append(total / period)
        total -= values[i + 1 - period]
    return means
