"""From a request to its answer: a function of the request and of the bars that it names, and of nothing else."""

import math

import protocol
from bars import Unavailable
from folds import Walk, outline, segment
from inference import inference
from metrics import Unknown, all_of, objective
from models import InvalidParameters, TrainingFailed, model
from series import series
from simulator import Account, Outcome
from walk_forward import walk_forward

SAME = ("experiment_id", "trial", "trial_id", "parameters")


def answer(kind, request, lake):
    """The records of the answer to a request of this kind, as (record, fields); the last one says how it ended. Whatever
    goes wrong is an answer too, but for a lake that does not respond."""
    try:
        return ANSWERS[kind](request, lake)
    except Unavailable as error:
        reason, detail = "data_unavailable", error
    except InvalidParameters as error:
        # The others have no reason of that name: what they are asked about has been a trial.
        reason, detail = "invalid_parameters" if kind == protocol.TRAINING else "training_failed", error
    except (TrainingFailed, Unknown) as error:
        reason, detail = "training_failed", error
    except OSError:
        raise
    except Exception as error:
        reason, detail = "panicked", repr(error)
    return [failed(kind, request, reason, str(detail))]


def failed(kind, request, reason, detail):
    if kind == protocol.WALK_FORWARD:
        return "WalkForwardFailed", {"experiment_id": request["experiment_id"], "reason": reason, "detail": detail}
    # The word twice: as text for readers of the first version of these records, as an enum for all others.
    failure = {"reason": reason, "reason_code": reason, "detail": detail}
    if kind == protocol.TRAINING:
        return "TrialFailed", {**same(request), **failure}
    return "EvaluationFailed", {**{name: request[name] for name in ("experiment_id", "model_id", "trial")}, **failure}


def trial(request, lake):
    """Fold by fold, until the thresholds of the request say stop."""
    plan = request["plan"]
    walk = Walk(plan, request["parameters"], lake.bars(plan["data"]))
    run, values = Outcome(), []
    for fold in range(len(plan["folds"])):
        run.extend(walk.fold(fold))
        values.append(objective(run, plan))
        threshold = fallen_behind(request["pruning_thresholds"], fold, values, plan["maximize"])
        if threshold is not None and fold + 1 < len(plan["folds"]):
            return [("TrialPruned", {**same(request), "fold": fold, "threshold": threshold, "fold_values": values})]
    found = {"value": values[-1], "fold_values": values, "metrics": all_of(run, plan)}
    return [("TrialCompleted", {**same(request), **found})]


def evaluation(request, lake):
    """The folds once more, then a model of all tuning bars over the hold-out."""
    plan = request["plan"]
    tuning, holdout = lake.bars(plan["data"]), lake.bars(request["holdout"])
    walk, run, folds = Walk(plan, request["parameters"], tuning), Outcome(), []
    for fold, bounds in enumerate(plan["folds"]):
        alone = walk.fold(fold)
        run.extend(alone)
        folds.append(outline(alone, plan, tuning, bounds))
    joined = tuning + holdout
    tried = model(request["parameters"], joined, plan["seed"])
    fit, account = tried.fitted(0, len(tuning), []), Account(plan["costs"], plan["account"])
    held = segment(account, plan, tried, fit, joined, (len(tuning), len(joined)), last=True)
    verdict = judge(request, stretch(run, plan), stretch(held, plan))
    completed = {
        **{name: request[name] for name in ("experiment_id", "model_id", "trial", "parameters")},
        "tuning": all_of(run, plan), "walk_forward": {}, "inference": inference(run, plan), "folds": folds,
        "holdout": all_of(held, plan), "confirmed": verdict["outcome"] == "passed", "verdict": sentence(verdict),
        "artifact": None, "holdout_verdict": verdict,
    }
    of_model = request["experiment_id"], request["model_id"]
    chunks = [*series(*of_model, "tuning", run, plan), *series(*of_model, "holdout", held, plan)]
    return [*chunks, ("EvaluationCompleted", completed)]


ANSWERS = {protocol.TRAINING: trial, protocol.EVALUATION: evaluation, protocol.WALK_FORWARD: walk_forward}


def stretch(run, plan):
    """What is judged of a stretch of data: objective, total return, trades."""
    return objective(run, plan), all_of(run, plan)["total_return"], len(run.trades)


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


PASSES = {
    "at_least": lambda statistic, needed: statistic >= needed,
    "at_most": lambda statistic, needed: statistic <= needed,
    "more_than": lambda statistic, needed: statistic > needed,
}


def judge(request, tuned, held):
    """The verdict on the first that does not hold: enough trades, a promise that is a gain, a gain on the hold-out, the share
    kept. `tuned` and `held` are (objective, total return, trades); the promise is the walk-forward of the procedure, where there
    is one, and else the tuning score."""
    plan, keeps, least = request["plan"], request["holdout_keeps"], request["min_trades"]
    maximize, objective = plan["maximize"], plan["objective"]
    procedure = request["procedure"]
    promised, value, total_return = "tuning", tuned[0], tuned[1]
    if procedure is not None:
        promised, value, total_return = "walk_forward", procedure["value"], procedure["total_return"]

    def verdict(metric, phase, statistic, needed, comparison):
        outcome = "undefined"
        if statistic is not None and needed is not None:
            outcome = "passed" if PASSES[comparison](statistic, needed) else "refused"
        data = request["holdout"] if phase == "holdout" else plan["data"]
        return {
            "gate": "holdout", "statistic": statistic, "threshold": needed,
            "comparison": comparison, "outcome": outcome, "waiver": None,
            "evidence": {
                "metric": metric, "model_id": str(request["model_id"]), "phase": phase,
                "data": data["content_hash"], "remark": None,
                "numbers": {
                    promised: value, "holdout": held[0], "holdout_keeps": keeps,
                    "holdout_trades": float(held[2]), "min_trades": float(least),
                },
            },
        }

    def gains(phase, value, total_return):
        of_objective = [verdict(objective, phase, value, 0.0, "more_than")] if maximize else []
        return [*of_objective, verdict("total_return", phase, total_return, 0.0, "more_than")]

    needed = None
    if value is not None:
        needed = value * keeps if maximize else (value / keeps if keeps else math.inf)
    kept = verdict(objective, "holdout", held[0], needed, "at_least" if maximize else "at_most")
    first = [
        verdict("trade_count", "holdout", float(held[2]), float(least), "at_least"),
        *gains(promised, value, total_return), *gains("holdout", held[0], held[1]),
    ]
    return next((failed for failed in first if failed["outcome"] != "passed"), kept)


def sentence(verdict):
    """The verdict in words, as Gauntlet says them."""
    statistic, needed, evidence = verdict["statistic"], verdict["threshold"], verdict["evidence"]
    name, numbers = evidence["metric"], evidence["numbers"]
    place = {"holdout": "on the hold-out", "walk_forward": "on the walk-forward", "tuning": "in tuning"}[evidence["phase"]]
    if verdict["outcome"] == "undefined":
        return f"refused: {name} is undefined {place}"
    word = "confirmed" if verdict["outcome"] == "passed" else "refused"
    bound = verdict["comparison"].replace("_", " ")
    if name == "trade_count":
        return f"{word}: {name} {statistic:g} {place}, {bound} {needed:g} needed"
    if verdict["comparison"] == "more_than":
        return f"{word}: {name} {statistic:.4f} {place}, {bound} {needed:g} needed"
    promised, how = ("walk_forward", "walked forward") if "walk_forward" in numbers else ("tuning", "in tuning")
    return f"{word}: {name} {statistic:.4f} {place}, {bound} {needed:.4f} needed ({numbers[promised]:.4f} {how})"


def same(request):
    return {name: request[name] for name in SAME}
