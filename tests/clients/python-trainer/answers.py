"""From a request to its answer: a function of the request and of the bars that it names, and of nothing else."""

import math

from bars import Unavailable
from metrics import Unknown, metrics, objective
from models import InvalidParameters, TrainingFailed, model
from simulator import Outcome, play

SAME = ("experiment_id", "trial", "trial_id", "parameters")


def answer(topic, request, lake):
    """The answer's record and its fields. Whatever goes wrong is an answer too, but for a lake that does not respond."""
    training = topic.startswith("training.")
    try:
        return (trial if training else evaluation)(request, lake)
    except Unavailable as error:
        reason, detail = "data_unavailable", error
    except InvalidParameters as error:
        # An evaluation has no reason of that name: what it is asked about has been a trial.
        reason, detail = "invalid_parameters" if training else "training_failed", error
    except (TrainingFailed, Unknown) as error:
        reason, detail = "training_failed", error
    except OSError:
        raise
    except Exception as error:
        reason, detail = "panicked", repr(error)
    # The word twice: as text for readers of the first version of these records, as an enum for all others.
    failure = {"reason": reason, "reason_code": reason, "detail": str(detail)}
    if training:
        return "TrialFailed", {**same(request), **failure}
    return "EvaluationFailed", {**{name: request[name] for name in ("experiment_id", "model_id", "trial")}, **failure}


def trial(request, lake):
    """Fold by fold, until the thresholds of the request say stop."""
    plan = request["plan"]
    bars = lake.bars(plan["data"])
    tried = model(request["parameters"], bars, plan["seed"])
    run, values = Outcome(), []
    for fold in range(len(plan["folds"])):
        run.extend(walk(plan, fold, tried, bars))
        values.append(objective(run, plan))
        threshold = fallen_behind(request["pruning_thresholds"], fold, values, plan["maximize"])
        if threshold is not None and fold + 1 < len(plan["folds"]):
            return "TrialPruned", {**same(request), "fold": fold, "threshold": threshold, "fold_values": values}
    return "TrialCompleted", {**same(request), "value": values[-1], "fold_values": values, "metrics": all_of(run, plan)}


def evaluation(request, lake):
    """The folds once more, then a model of all tuning bars over the hold-out."""
    plan = request["plan"]
    tuning, holdout = lake.bars(plan["data"]), lake.bars(request["holdout"])
    tried = model(request["parameters"], tuning, plan["seed"])
    run, folds = Outcome(), []
    for fold, bounds in enumerate(plan["folds"]):
        alone = walk(plan, fold, tried, tuning)
        run.extend(alone)
        folds.append({
            "from": tuning.open_time[bounds["test_from"]], "to": tuning.close_time[bounds["test_to"] - 1],
            "value": objective(alone, plan), "total_return": all_of(alone, plan)["total_return"],
        })
    joined = tuning + holdout
    tried = model(request["parameters"], joined, plan["seed"])
    held = segment(plan, tried, tried.fitted(0, len(tuning), []), joined, len(tuning), len(joined))
    verdict = judge(request, objective(run, plan), objective(held, plan))
    return "EvaluationCompleted", {
        **{name: request[name] for name in ("experiment_id", "model_id", "trial", "parameters")},
        "walk_forward": all_of(run, plan), "folds": folds, "holdout": all_of(held, plan),
        "confirmed": verdict["outcome"] == "passed", "verdict": sentence(verdict), "artifact": None,
        "holdout_verdict": verdict,
    }


def walk(plan, fold, tried, bars):
    """One fold: learn from its training range, less the embargo after earlier tests; trade its test range."""
    bounds, embargo = plan["folds"][fold], plan["embargo_bars"]
    holes = [range(earlier["test_to"], earlier["test_to"] + embargo) for earlier in plan["folds"][:fold]]
    fit = tried.fitted(bounds["train_from"], bounds["train_to"], holes)
    return segment(plan, tried, fit, bars, bounds["test_from"], bounds["test_to"])


def segment(plan, tried, fit, bars, first, end):
    decided = max(first - 1 - plan["costs"]["latency_bars"], 0)
    return play(bars, first, end, tried.targets(fit, decided, end), plan)


def fallen_behind(thresholds, fold, values, maximize):
    """The threshold that the best value so far misses; a fold without a threshold keeps the trial, and so does a tie."""
    threshold = thresholds[fold] if fold < len(thresholds) else None
    if threshold is None or math.isnan(threshold):
        return None
    defined = [value for value in values if value is not None]
    if not defined:
        return threshold
    behind = max(defined) < threshold if maximize else min(defined) > threshold
    return threshold if behind else None


def judge(request, walked, held):
    """At least the share asked for of a gain, not more than its inverse of a loss; the undefined never passes."""
    plan, keeps = request["plan"], request["holdout_keeps"]
    maximize, needed, outcome = plan["maximize"], None, "undefined"
    if walked is not None:
        gain = walked >= 0.0 if maximize else walked <= 0.0
        if gain:
            needed = walked * keeps
        else:
            needed = walked / keeps if keeps else math.copysign(math.inf, walked)
        if held is not None:
            outcome = "passed" if (held >= needed if maximize else held <= needed) else "refused"
    return {
        "gate": "holdout", "statistic": held, "threshold": needed,
        "comparison": "at_least" if maximize else "at_most", "outcome": outcome, "waiver": None,
        "evidence": {
            "metric": plan["objective"], "model_id": str(request["model_id"]), "phase": "holdout",
            "data": request["holdout"]["content_hash"], "remark": None,
            "numbers": {"walk_forward": walked, "holdout_keeps": keeps},
        },
    }


def sentence(verdict):
    """The verdict in words, as Gauntlet says them."""
    held, needed, evidence = verdict["statistic"], verdict["threshold"], verdict["evidence"]
    name, walked = evidence["metric"], evidence["numbers"]["walk_forward"]
    if verdict["outcome"] == "undefined":
        return f"refused: {name} is undefined on the walk-forward or on the hold-out"
    word = "confirmed" if verdict["outcome"] == "passed" else "refused"
    bound = verdict["comparison"].replace("_", " ")
    return f"{word}: {name} {held:.4f} on the hold-out, {bound} {needed:.4f} needed ({walked:.4f} walked forward)"


def all_of(run, plan):
    return metrics(run, plan["periods_per_year"], plan["account"]["benchmark"] != "none")


def same(request):
    return {name: request[name] for name in SAME}
