"""The walk-forward of a procedure: each fold is traded by what the search before it chose, and the folds are one account."""

from folds import outline, segment
from inference import inference
from metrics import all_of
from models import model
from series import series
from simulator import Account, Outcome


def walk_forward(request, lake):
    """Trades the folds one after the other; gives the chunks of the run, then the outcome."""
    plan, experiment_id = request["plan"], request["experiment_id"]
    bars = lake.bars(plan["data"])
    account = Account(plan["costs"], plan["account"])
    run, folds = Outcome(), []
    for place, chosen in enumerate(request["segments"]):
        bounds = chosen["bars"]
        tried = fit = None
        # Without a choice the fold is flat: what is still held is closed at its first opening.
        if chosen["trial"] is not None:
            tried = model(chosen["parameters"], bars, plan["seed"])
            # Fitted again, to the whole window of its search.
            fit = tried.fitted(bounds["train_from"], bounds["train_to"], [])
        last = place + 1 == len(request["segments"])
        alone = segment(account, plan, tried, fit, bars, (bounds["test_from"], bounds["test_to"]), last)
        run.extend(alone)
        annual_return = all_of(alone, plan)["annual_return"]
        folds.append({"segment": chosen, **outline(alone, plan, bars, bounds), "annual_return": annual_return})
    completed = {
        "experiment_id": experiment_id, "metrics": all_of(run, plan), "folds": folds, "summary": summary(folds),
        "inference": inference(run, plan),
    }
    # The run of a walk-forward has the experiment in the place of a model.
    return [*series(experiment_id, experiment_id, "walk_forward", run, plan), ("WalkForwardCompleted", completed)]


def summary(folds):
    """What the folds say together; None is undefined. See crates/walkforward/src/procedure.rs."""
    traded = [fold for fold in folds if fold["segment"]["trial"] is not None]
    outside = inside = 0.0
    for fold in traded:
        if fold["annual_return"] is not None and fold["segment"]["in_sample_return"] is not None:
            outside += fold["annual_return"]
            inside += fold["segment"]["in_sample_return"]
    gains = sum(fold["total_return"] is not None and fold["total_return"] > 0.0 for fold in folds)
    said = {
        "efficiency": outside / inside if inside > 0.0 else None,
        "profitable_folds": gains / len(folds) if folds else None,
        "flat_folds": float(len(folds) - len(traded)),
    }
    chosen = [fold["segment"]["parameters"] for fold in traded]
    for name in sorted({name for parameters in chosen for name in parameters}):
        said[f"drift.{name}"] = drift([parameters.get(name) for parameters in chosen])
    return said


def drift(values):
    """Mean change from fold to fold: of numbers their distance, of anything else whether it changed."""
    changes = [abs(after - before) if is_number(before) and is_number(after) else float(before != after)
               for before, after in zip(values, values[1:])]
    return sum(changes) / len(changes) if changes else None


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
