"""What the clients saw, held against each other and against what Gauntlet says itself. Comparing nothing fails."""

import csv
import json
from collections import Counter, defaultdict
from datetime import datetime

from installation import fail, say

SECOND = 1_000_000_000
REQUESTS = ("TrainingRequested", "EvaluationRequested", "WalkForwardRequested")
CHUNKS = ("TradeLogChunk", "EquityCurveChunk")
STATES = {"TrialCompleted": "completed", "TrialPruned": "pruned", "TrialFailed": "failed"}


def both(python, java):
    """The events, which both clients have to have seen in the same words and numbers."""
    seen = {name: Counter(canonical(line) for line in text.splitlines()) for name, text in
            (("Python", python), ("Java", java))}
    for one, other in (("Python", "Java"), ("Java", "Python")):
        only = seen[one] - seen[other]
        if only:
            fail(f"{only.total()} lines only from {one}, such as {next(iter(only))[:1000]}")
    events = [json.loads(line) for line in seen["Python"].elements()]
    some(events, "events")
    for event in events:
        if event["record"].rpartition(".")[2] != event["ce_type"]:
            fail(f"the header says {event['ce_type']}, the schema {event['record']}")
    say(f"Python and Java agree on {len(events)} records of {len({event['record'] for event in events})} kinds")
    return events


def digest(events, topics):
    """As many distinct events and repetitions as the digest counts."""
    distinct = len({event["ce_id"] for event in events})
    expected = sum(topic["events"] for topic in topics.values())
    repeated = sum(topic["duplicates"] for topic in topics.values())
    if (distinct, len(events) - distinct) != (expected, repeated):
        fail(f"{distinct} events in {len(events)} records; digest has {expected} and {repeated} repetitions")
    if repeated == 0:
        fail("nothing was published twice")
    say(f"the digest counts the same: {expected} events, {repeated} repetitions")


def quotes(events, instrument, file):
    """Every row of the file is an event, in its numbers."""
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    expected = {(nanos(row["time"]), billionths(row["bid"]), billionths(row["ask"])) for row in rows}
    found = of(events, "Quote", instrument)
    numbers = {(event["fields"]["time"], event["fields"]["bid"], event["fields"]["ask"]) for event in found}
    if numbers != expected or len({event["ce_id"] for event in found}) != len(expected):
        fail(f"the quotes are not those of the file: {sorted(numbers ^ expected)}")
    say(f"{len(some(expected, 'quotes'))} quotes are those of the file")


def bars(events, instrument, report):
    """The pipeline's bars are those of the file; its last one is still open."""
    columns = ("open", "high", "low", "close", "open_spread", "close_spread")
    expected = {
        nanos(bar["open_time"]): (nanos(bar["close_time"]), bar["ticks"], *(round(bar[name] * 1e9) for name in columns))
        for bar in report["bars"][:-1]
    }
    found = of(events, "Bar", instrument)
    numbers = {
        bar["open_time"]: (bar["close_time"], bar["ticks"], *(bar[name] for name in columns))
        for bar in (event["fields"] for event in found)
    }
    if numbers != expected or len(found) != len(expected):
        fail(f"the bars are not those of the file: {numbers}, expected {expected}")
    say(f"{len(some(expected, 'bars'))} bars are those of the file")


def trials(events, rows):
    """The list of trials says what their events say."""
    found = {}
    for event in events:
        if state := STATES.get(event["ce_type"]):
            fields = event["fields"]
            found[fields["trial_id"]] = (state, fields["experiment_id"], fields["trial"], fields["parameters"],
                                         fields.get("metrics") or None)
    expected = {
        row["trial_id"]: (row["state"], row["experiment_id"], row["trial"], row["hyperparameters"],
                          row["metrics"] or None)
        for row in rows
    }
    same(found, expected, "trials")


def experiments(events, rows):
    """The list of experiments too; and what headers and keys say about their events hangs together."""
    by_kind = defaultdict(dict)
    for event in events:
        by_kind[event["ce_type"]][event["fields"].get("experiment_id")] = event
    completed = {name: "completed" for name in by_kind["ExperimentCompleted"]}
    same(completed, {row["experiment_id"]: row["status"] for row in rows}, "experiments")
    for name in completed:
        submitted, started = by_kind["ExperimentSubmitted"][name], by_kind["ExperimentStarted"][name]
        if submitted["ce_correlationid"] != by_kind["SubmitExperiment"][name]["ce_id"]:
            fail(f"ExperimentSubmitted should hang on its SubmitExperiment: {submitted}")
        trials = [event for event in events if event["ce_type"] in STATES and event["fields"]["experiment_id"] == name]
        for event in some(trials, f"trials of {name}"):
            if (event["key"], event["ce_correlationid"]) != (name, started["ce_correlationid"]):
                fail(f"a trial should have the key {name} and hang on what started it: {event}")


def outside(events, report):
    """Every trial, walk-forward and finalist of an experiment was answered exactly once, with each chunk of trades and equity
    once; how many records there are of it."""
    own = [event for event in events if event["fields"].get("experiment_id") == report["experiment_id"]]
    asked, answered, chunks = Counter(), Counter(), Counter()
    for event in own:
        fields, kind = event["fields"], event["ce_type"]
        about = fields.get("trial_id") or fields.get("model_id") or fields["experiment_id"]
        if kind in REQUESTS:
            asked[about] += 1
        elif kind in STATES or kind.startswith(("Evaluation", "WalkForward")):
            answered[about] += 1
        elif kind in CHUNKS:
            chunks[kind, about, fields["phase"], fields["chunk"]] += 1
    finalists = [event["fields"]["model_id"] for event in own if event["ce_type"] == "EvaluationCompleted"]
    runs = {(model, phase) for model in finalists for phase in ("tuning", "holdout")}
    if report["walk_forward"]:
        runs.add((report["experiment_id"], "walk_forward"))
    curves = {(about, phase) for kind, about, phase, _ in chunks if kind == "EquityCurveChunk"}
    if curves != runs or set(chunks.values()) != {1}:
        fail(f"runs are {runs}, of which there are {chunks}")
    if asked != answered or set(answered.values()) != {1}:
        fail(f"asked {asked}, answered {answered}")
    places = [(place["trial"], bool(place["verdict"])) for place in report["leaderboard"]]
    finalists = [event["fields"]["trial"] for event in own if event["ce_type"] == "EvaluationCompleted"]
    if sorted(places) != sorted((trial, True) for trial in finalists):
        fail(f"the leaderboard has {places}, evaluated were {finalists}")
    say(f"{len(some(answered, 'answers'))} requests to the trainer outside have one answer each, with {len(chunks)} chunks")
    return len(answered) + len(chunks)


def again(events, text):
    """What the trainer in Python answers again: its own requests with the same bits; those of Gauntlet's ma-cross with
    Gauntlet's own numbers, so that both can stand on one leaderboard."""
    recorded = {event["ce_id"]: event for event in events}
    requests = {event["ce_id"] for event in events if event["ce_type"] in REQUESTS}
    compared, answered, furthest = Counter(), set(), 0.0
    for answer in map(json.loads, text.splitlines()):
        event, strategy = recorded.get(answer["ce_id"]), answer["strategy"]
        if event is None or event["ce_type"] != answer["ce_type"]:
            fail(f"this was answered differently before: {answer}")
        fields = event["fields"]
        if strategy != "ma-cross":
            # What the trainer leaves out stands on the log with the schema's default.
            said = {name: value for name, value in fields.items() if name in answer["fields"] or value not in (None, {})}
            if canonical(json.dumps(said)) != canonical(json.dumps(answer["fields"])):
                fail(f"the same request has another answer: {answer}, before {fields}")
        else:
            furthest = max(furthest, distance(fields, answer["fields"], answer["ce_type"]))
        compared[strategy, answer["ce_type"]] += 1
        answered.add(answer["request"])
    chunks = sum(event["ce_type"] in CHUNKS for event in events)
    kinds = {"TrialCompleted", "EvaluationCompleted", "WalkForwardCompleted", *CHUNKS}
    missing = {(strategy, kind) for strategy in ("ma-cross", "external:sklearn") for kind in kinds} - set(compared)
    if answered != requests or compared.total() != len(requests) + chunks or missing:
        fail(f"{len(requests)} requests with {chunks} chunks, answered again: {compared}, not compared: {missing}")
    if furthest > 1e-9:
        fail(f"Gauntlet's numbers and the trainer's differ by {furthest}")
    say(f"{len(requests)} requests answered again, with {chunks} chunks: the same; built-in numbers within {furthest:.1e}")


def distance(ours, theirs, what):
    """How far the numbers of two answers lie apart, relative above one; words have to be the same. Metrics are compared
    where both have them, parameters not at all."""
    if isinstance(ours, dict):
        names = ours.keys() & theirs.keys() - {"parameters"}
        if what in ("metrics", "tuning", "holdout", "inference") and len(names) < 11:
            fail(f"only {names} of {what} to compare")
        if not names and what != "walk_forward":
            fail(f"{what} has nothing to compare: {ours}, {theirs}")
        return max((distance(ours[name], theirs[name], name) for name in names), default=0.0)
    if isinstance(ours, list):
        if len(ours) != len(theirs):
            fail(f"{what}: {ours}, {theirs}")
        return max((distance(one, other, what) for one, other in zip(ours, theirs)), default=0.0)
    if isinstance(ours, float) and isinstance(theirs, float):
        return abs(ours - theirs) / max(abs(ours), 1.0)
    if ours != theirs:
        fail(f"{what}: {ours}, {theirs}")
    return 0.0


def same(found, expected, what):
    differing = [name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)]
    for name in differing[:1]:
        fail(f"{len(differing)} {what} differ, such as {name}: {found.get(name)}, listed as {expected.get(name)}")
    say(f"{len(some(expected, what))} {what} are those of the list")


def some(things, what):
    if not things:
        fail(f"no {what} were compared")
    return things


def of(events, kind, instrument):
    return [event for event in events if event["ce_type"] == kind and event["fields"]["instrument"] == instrument]


def canonical(line):
    return json.dumps(json.loads(line), sort_keys=True)


def nanos(text):
    """Times of the check's own file have milliseconds at most."""
    return round(datetime.fromisoformat(text).timestamp() * 1000) * (SECOND // 1000)


def billionths(text):
    return round(float(text) * 1e9)
