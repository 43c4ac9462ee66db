"""Records decisions of Optuna's MedianPruner: python pruner.py > pruner.json (needs optuna).

Histories mix completed, pruned and failed trials, with folds missing; `null` is a value that was reported as NaN.
"""

import json
import math
import warnings

import numpy as np
import optuna
from optuna.trial import TrialState, create_trial

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")
random = np.random.RandomState(11)
FOLDS = 6
STATES = {"completed": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def values(count):
    return [None if random.rand() < 0.08 else round(float(random.randn()), 3) for _ in range(count)]


def as_steps(folds):
    return {f: math.nan if v is None else v for f, v in enumerate(folds)}


cases = []
for case in range(60):
    direction = ["minimize", "maximize"][case % 2]
    startup, warmup = int(random.choice([0, 1, 5])), int(random.choice([0, 1, 2]))
    pruner = optuna.pruners.MedianPruner(n_startup_trials=startup, n_warmup_steps=warmup)
    study = optuna.create_study(direction=direction, pruner=pruner)
    history = []
    for _ in range(int(random.randint(0, 12))):
        state = str(random.choice(["completed", "completed", "completed", "pruned", "failed"]))
        folds = values(FOLDS if state == "completed" else int(random.randint(0, FOLDS)))
        history.append({"state": state, "folds": folds})
        study.add_trial(
            create_trial(
                state=STATES[state],
                value=0.0 if state == "completed" else None,
                intermediate_values=as_steps(folds),
            )
        )
    own = values(FOLDS)
    prune = []
    for fold in range(FOLDS):
        running = create_trial(state=TrialState.RUNNING, intermediate_values=as_steps(own[: fold + 1]))
        prune.append(bool(pruner.prune(study, running)))
    cases.append(
        {
            "direction": direction,
            "startup_trials": startup,
            "warmup_folds": warmup,
            "history": history,
            "own": own,
            "prune": prune,
        }
    )
print(json.dumps({"versions": {"optuna": optuna.__version__}, "cases": cases}, separators=(",", ":")))
