//! Fixed lag, endings, and the properties of every machine.

use std::collections::BTreeSet;

use crate::common::*;
use gauntlet_domain::experiment::*;
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{Event, ModelId, Recorded, TrialId};
use gauntlet_processor::harness::{Partitions, check_interleavings, check_properties, given, recorded, run};
use gauntlet_processor::machine::{Machine, Output};
use gauntlet_search::pruner::Median;
use gauntlet_search::{FoldHistory, FoldState, PRUNERS, Pruner, observable_trials};
use gauntlet_tuner::Tuner;
use proptest::prelude::*;
use serde_json::{Value, json};

fn with(tuning: Value) -> ExperimentSpec {
    spec("search", tuning)
}

fn sampled(sampler: &str, trials: u32, parallelism: u32) -> ExperimentSpec {
    with(json!({ "sampler": sampler, "trials": trials, "parallelism": parallelism }))
}

fn in_order(waiting: usize) -> usize {
    let _ = waiting;
    0
}

fn latest_first(waiting: usize) -> usize {
    waiting - 1
}

fn ledger(played: &Played) -> &LedgerEntered {
    let mut ledgers = played.rest.iter().filter_map(|output| match &output.event {
        Event::LedgerEntered(ledger) => Some(ledger),
        _ => None,
    });
    let ledger = ledgers.next().unwrap();
    assert_eq!(ledgers.next(), None);
    ledger
}

fn evaluations(played: &Played) -> Vec<&EvaluationRequested> {
    let evaluations = played.rest.iter().filter_map(|output| match &output.event {
        Event::EvaluationRequested(e) => Some(&**e),
        _ => None,
    });
    evaluations.collect()
}

/// Requests and everything after them, in an order that no arrival has touched.
fn sorted(played: Played) -> (Vec<TrainingRequested>, Vec<Event>) {
    let mut requests = played.requests;
    requests.sort_by_key(|request| request.trial);
    (requests, played.rest.into_iter().map(|output| output.event).collect())
}

fn completed(request: &TrainingRequested, value: Option<f64>) -> Event {
    TrialCompleted {
        experiment_id: request.experiment_id,
        trial: request.trial,
        trial_id: request.trial_id,
        parameters: request.parameters.clone(),
        value,
        fold_values: vec![value; FOLDS],
        metrics: Metrics::from([("sharpe".into(), value)]),
    }
    .into()
}

/// What the machine asks for at the start.
fn first_requests(spec: &ExperimentSpec) -> Vec<TrainingRequested> {
    let requests =
        run::<Tuner>(&[submitted(spec), started(spec).into()]).into_iter().map(|event| match event {
            Event::TrainingRequested(request) => *request,
            other => panic!("{other:?}"),
        });
    requests.collect()
}

#[test]
fn it_has_the_properties_of_every_machine() {
    for sampler in ["tpe", "random", "tpe()", "random()", "sobol()"] {
        let played = play(&sampled(sampler, 60, 8), latest_first);
        assert_eq!(check_properties::<Tuner>(&played.history), 60 + 1 + 1 + 3);
    }
}

#[test]
fn a_cancelled_search_has_the_properties_of_every_machine_too() {
    let mut history = play(&sampled("tpe", 40, 8), latest_first).history;
    history.insert(25, cancelled(&sampled("tpe", 40, 8)));
    assert!(check_properties::<Tuner>(&history) > 20);
}

/// Experiments and results are two topics: one can be read far ahead of the other, as long as a result comes after its
/// request.
#[test]
fn experiments_and_results_in_any_order_give_the_same() {
    let tuning = json!({ "sampler": "tpe", "trials": 30, "parallelism": 4 });
    let mut histories = ["first", "second", "third"]
        .map(|name| play(&spec(name, tuning.clone()), latest_first).history.into_iter());
    let mut history = Vec::new();
    for round in 0..40 {
        histories.iter_mut().enumerate().for_each(|(lag, one)| history.extend(one.take((round + lag) % 3)));
    }
    histories.into_iter().for_each(|rest| history.extend(rest));
    assert_eq!(history.len(), 3 * (2 + 30 + 1));
    let of = |event: &Event| match event {
        Event::TrialCompleted(_) | Event::TrialPruned(_) | Event::TrialFailed(_) => "results".to_owned(),
        Event::TrialFamilyMeasured(_) => "outcomes".to_owned(),
        _ => "experiments".to_owned(),
    };
    let asked = |event: &Event| match event {
        Event::TrialCompleted(e) => Some(e.trial_id),
        Event::TrialPruned(e) => Some(e.trial_id),
        Event::TrialFailed(e) => Some(e.trial_id),
        _ => None,
    };
    let is_possible = |event: &Event, outputs: &[Event]| {
        let requested = |id: TrialId| {
            outputs.iter().any(|output| matches!(output, Event::TrainingRequested(r) if r.trial_id == id))
        };
        let family = |of: &TrialFamilyMeasured| {
            let same = |output: &Event| matches!(output, Event::TrialFamilyRequested(r) if r.experiment_id == of.experiment_id);
            outputs.iter().any(same)
        };
        match event {
            Event::TrialFamilyMeasured(measured) => family(measured),
            _ => asked(event).is_none_or(requested),
        }
    };
    let partitions = Partitions { of: &of, is_possible: &is_possible };
    assert!(check_interleavings::<Tuner>(&history, &partitions, 20) >= 24 * 3 * (30 + 1 + 1 + 3));
}

#[test]
fn a_request_carries_the_trial_its_id_and_the_plan() {
    let spec = sampled("random", 10, 4);
    let requests = first_requests(&spec);
    assert_eq!(requests.len(), 4);
    for (trial, request) in requests.iter().enumerate() {
        let trial = trial as u64;
        let id = TrialId::derive(&[spec.experiment_id().0.as_bytes(), &trial.to_be_bytes()]);
        assert_eq!((request.trial as u64, request.trial_id), (trial, id));
        assert_eq!(request.plan, started(&spec).plan);
        assert_eq!(request.parameters.len(), 3);
        assert!(request.pruning_thresholds.is_empty());
    }
}

// Fixed lag.

#[test]
fn results_in_order_and_backwards_give_the_same_search() {
    for sampler in ["tpe", "random", "sobol", "grid", "tpe()", "random()", "sobol()"] {
        for parallelism in [1, 4, 16] {
            let spec = sampled(sampler, 50, parallelism);
            assert_eq!(
                sorted(play(&spec, in_order)),
                sorted(play(&spec, latest_first)),
                "{sampler} {parallelism}"
            );
        }
    }
}

#[test]
fn the_lag_is_used_to_the_full() {
    for parallelism in [1, 4, 16] {
        let played = play(&sampled("random", 40, parallelism), in_order);
        assert_eq!(played.furthest_ahead, i64::from(parallelism));
    }
}

#[test]
fn another_lag_is_another_search() {
    let requests = |parallelism| sorted(play(&sampled("tpe", 50, parallelism), in_order)).0;
    let parameters =
        |parallelism| -> Vec<_> { requests(parallelism).into_iter().map(|r| r.parameters).collect() };
    assert_ne!(parameters(1), parameters(8));
}

#[test]
fn pruning_thresholds_come_from_the_results_that_the_lag_shows_and_no_later_ones() {
    let spec = with(json!({ "sampler": "random", "trials": 60, "parallelism": 8 }));
    let played = play(&spec, latest_first);
    let mut answers: Vec<(i64, FoldHistory)> =
        played.requests.iter().map(|r| (r.trial, history_of(r))).collect();
    answers.sort_by_key(|answer| answer.0);
    let answers: Vec<FoldHistory> = answers.into_iter().map(|answer| answer.1).collect();
    let mut pruning = 0;
    for request in &played.requests {
        let seen = observable_trials(request.trial as u64, 8) as usize;
        let mut median = Median::new(5, 1);
        answers[..seen].iter().for_each(|trial| median.observe(trial));
        let expected = median.thresholds();
        pruning += usize::from(!expected.is_empty());
        assert_eq!(request.pruning_thresholds, expected, "trial {}", request.trial);
    }
    assert!(pruning > 30, "only {pruning} requests had thresholds to compare");
}

fn history_of(request: &TrainingRequested) -> FoldHistory {
    match answer(request) {
        Event::TrialCompleted(e) => FoldHistory { state: FoldState::Completed, values: e.fold_values },
        Event::TrialPruned(e) => FoldHistory { state: FoldState::Pruned, values: e.fold_values },
        _ => FoldHistory { state: FoldState::Failed, values: vec![] },
    }
}

#[test]
fn without_a_pruner_there_are_no_thresholds() {
    let played = play(&with(json!({ "sampler": "random", "pruner": "none", "trials": 40 })), in_order);
    assert!(played.requests.iter().all(|request| request.pruning_thresholds.is_empty()));
    assert_eq!(ledger(&played).pruned, 0);
}

#[test]
fn every_pruner_that_a_document_can_name_prunes_here() {
    let mut pruned = 0;
    for kind in PRUNERS.iter().filter(|kind| kind.name != "none") {
        let played = play(&with(json!({ "sampler": "random", "pruner": kind.name, "trials": 60 })), in_order);
        assert!(ledger(&played).pruned > 0, "{} prunes nothing", kind.name);
        pruned += 1;
    }
    assert!(pruned > 0);
}

// Documents.

/// The submission with another text in its document.
fn submitted_with(spec: &ExperimentSpec, from: &str, to: &str) -> Event {
    let Event::ExperimentSubmitted(submitted) = submitted(spec) else { unreachable!() };
    let document = submitted.document.replacen(from, to, 1);
    assert_ne!(document, submitted.document);
    ExperimentSubmitted { document, ..*submitted }.into()
}

/// Experiments has accepted what this version cannot read: nothing is searched by a stand-in.
#[test]
fn a_document_that_cannot_be_read_ends_the_search_by_name() {
    let spec = sampled("random", 10, 4);
    for (from, to) in [
        ("\"holdout_keeps\":0.25", "\"holdout_keeps\":\"much\""),
        ("\"pruner\":\"median\"", "\"pruner\":\"percentile\""),
        ("\"sampler\":\"random\"", "\"sampler\":\"dice\""),
        ("\"direction\":\"maximize\"", "\"direction\":\"sideways\""),
        ("\"int\":[5,60]", "\"int\":[60,5]"),
        ("\"tuning\"", "\"tunning\""),
    ] {
        let history = [submitted_with(&spec, from, to)];
        let outputs = given::<Tuner>(history.clone()).when(started(&spec)).outputs();
        let [output] = outputs.as_slice() else { panic!("{to}: {outputs:?}") };
        let Event::LedgerEntered(ledger) = &output.event else { panic!("{to}: {outputs:?}") };
        assert!(output.raced);
        assert_eq!((ledger.ended.word(), ledger.requested), ("invalid_document", 0), "{to}");
        assert!(ledger.finalists.is_empty());
        let history = [history.to_vec(), vec![started(&spec).into()]].concat();
        for event in [started(&spec).into(), cancelled(&spec)] {
            given::<Tuner>(history.clone()).when(event).then_nothing();
        }
    }
}

#[test]
fn a_result_counts_once() {
    let spec = sampled("tpe", 30, 4);
    let requests = first_requests(&spec);
    let better = completed(&requests[2], Some(99.0));
    let history = vec![submitted(&spec), started(&spec).into(), answer(&requests[2]), answer(&requests[0])];
    given::<Tuner>(history.clone()).when(answer(&requests[0])).then_nothing();
    given::<Tuner>(history.clone()).when(better.clone()).then_nothing();
    // The first answer counts, also while it waits for its predecessor.
    let end = |repeated: Option<Event>| {
        let history = [history.clone(), repeated.into_iter().collect(), vec![answer(&requests[1])]].concat();
        run::<Tuner>(&history)
    };
    assert_eq!(end(Some(better)), end(None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_completion_changes_nothing(
        sampler in prop::sample::select(vec!["tpe", "random", "grid", "tpe()"]),
        parallelism in prop::sample::select(vec![1_u32, 4, 16]),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 45),
    ) {
        let spec = sampled(sampler, 45, parallelism);
        let mut choices = choices.into_iter();
        let played = play(&spec, |waiting| choices.next().map_or(0, |choice| choice.index(waiting)));
        prop_assert!(played.furthest_ahead <= i64::from(parallelism));
        prop_assert_eq!(sorted(played), sorted(play(&spec, in_order)));
    }
}

// Endings.

#[test]
fn the_ledger_counts_every_trial_and_names_the_best() {
    let spec = sampled("random", 60, 8);
    let played = play(&spec, in_order);
    let answers: Vec<Event> = played.requests.iter().map(answer).collect();
    let count = |state: fn(&Event) -> bool| answers.iter().filter(|event| state(event)).count() as i64;
    let mut values: Vec<(f64, i64)> = answers
        .iter()
        .filter_map(|event| match event {
            Event::TrialCompleted(e) => Some((e.value?, e.trial)),
            _ => None,
        })
        .collect();
    values.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let finalists: Vec<ModelId> = values[..3]
        .iter()
        .map(|(_, trial)| ModelId::derive(&[spec.experiment_id().0.as_bytes(), &trial.to_be_bytes()]))
        .collect();
    let ledger = ledger(&played);
    assert_eq!((ledger.ended.word(), ledger.requested), ("budget_spent", 60));
    assert_eq!(ledger.completed, count(|event| matches!(event, Event::TrialCompleted(_))));
    assert_eq!(ledger.pruned, count(|event| matches!(event, Event::TrialPruned(_))));
    assert_eq!(ledger.failed, count(|event| matches!(event, Event::TrialFailed(_))));
    assert!(ledger.completed > 3 && ledger.pruned > 3 && ledger.failed > 3, "{ledger:?}");
    assert_eq!(ledger.completed + ledger.pruned + ledger.failed, 60);
    assert_eq!(ledger.finalists, finalists);
    assert_eq!(ledger.sharpe.count, values.len() as i64, "undefined ratios are left out");
    assert_eq!((ledger.mandate.as_str(), ledger.place), ("XAUUSD", 3));
    assert_eq!(ledger.data, started(&spec).plan.data);
}

#[test]
fn finalists_are_sent_to_evaluation_best_first_and_only_the_ledger_raced() {
    let spec = sampled("random", 60, 8);
    let played = play(&spec, in_order);
    let ledger = ledger(&played);
    let evaluations = evaluations(&played);
    assert_eq!(evaluations.iter().map(|e| e.model_id).collect::<Vec<_>>(), ledger.finalists);
    assert_eq!(evaluations.iter().map(|e| e.finalist).collect::<Vec<_>>(), [1, 2, 3]);
    for evaluation in evaluations {
        let request = played.requests.iter().find(|request| request.trial == evaluation.trial).unwrap();
        assert_eq!(evaluation.parameters, request.parameters);
        assert_eq!((&evaluation.plan, &evaluation.holdout), (&started(&spec).plan, &started(&spec).holdout));
        assert_eq!(evaluation.holdout_keeps, 0.25);
    }
    let raced: Vec<bool> = played.rest.iter().map(|output| output.raced).collect();
    assert_eq!(raced, [true, false, false, false]);
}

#[test]
fn an_undefined_objective_never_wins() {
    for direction in ["maximize", "minimize"] {
        let spec =
            with(json!({ "sampler": "random", "trials": 3, "parallelism": 3, "direction": direction }));
        let requests = first_requests(&spec);
        let values = [None, Some(-4.0), None];
        let mut history = vec![submitted(&spec), started(&spec).into()];
        history.extend(requests.iter().zip(values).map(|(request, value)| completed(request, value)));
        let Some(Event::TrialFamilyRequested(family)) = run::<Tuner>(&history).pop() else { panic!("asked") };
        history.push(measured(&family));
        let outputs = run::<Tuner>(&history);
        let Event::LedgerEntered(ledger) = &outputs[4] else { panic!("{outputs:?}") };
        assert_eq!((ledger.family["pbo"], &ledger.representatives), (Some(0.25), &vec![0]));
        let winner = ModelId::derive(&[spec.experiment_id().0.as_bytes(), &1_u64.to_be_bytes()]);
        assert_eq!((ledger.completed, &ledger.finalists), (3, &vec![winner]));
        assert_eq!(outputs.len(), 6);
    }
}

#[test]
fn the_least_wins_when_the_objective_is_minimised() {
    let spec = with(json!({ "sampler": "random", "trials": 3, "parallelism": 3, "direction": "minimize" }));
    let requests = first_requests(&spec);
    let mut history = vec![submitted(&spec), started(&spec).into()];
    history
        .extend(requests.iter().zip([0.3, 0.1, 0.2]).map(|(request, value)| completed(request, Some(value))));
    let Some(Event::TrialFamilyRequested(family)) = run::<Tuner>(&history).pop() else { panic!("asked") };
    history.push(measured(&family));
    let trials = run::<Tuner>(&history).into_iter().filter_map(|event| match event {
        Event::EvaluationRequested(e) => Some(e.trial),
        _ => None,
    });
    assert_eq!(trials.collect::<Vec<_>>(), [1, 2, 0]);
}

#[test]
fn a_search_in_which_nothing_completes_ends_without_finalists() {
    let spec = sampled("random", 2, 2);
    let mut history = vec![submitted(&spec), started(&spec).into()];
    history.extend(first_requests(&spec).iter().map(|request| completed(request, None)));
    let outputs = run::<Tuner>(&history);
    let Some(Event::LedgerEntered(ledger)) = outputs.last() else { panic!("{outputs:?}") };
    assert_eq!((ledger.completed, ledger.finalists.len()), (2, 0));
}

#[test]
fn a_grid_ends_when_it_has_no_more_points() {
    let mut spec = sampled("grid", 100, 4);
    spec.model.parameters = serde_json::from_value(
        json!({ "fast": { "int": [5, 7] }, "stop_atr": { "categorical": [1.0, 2.5] } }),
    )
    .unwrap();
    for choose in [in_order, latest_first] {
        let played = play(&spec, choose);
        let mut tried: Vec<String> =
            played.requests.iter().map(|request| format!("{:?}", request.parameters)).collect();
        tried.sort();
        tried.dedup();
        assert_eq!(tried.len(), 6);
        assert_eq!((ledger(&played).ended.word(), ledger(&played).requested), ("space_exhausted", 6));
        assert_eq!(evaluations(&played).len(), 3);
    }
}

#[test]
fn a_grid_of_exactly_the_budget_has_spent_it() {
    let mut spec = sampled("grid", 3, 4);
    spec.model.parameters =
        serde_json::from_value(json!({ "fast": { "int": [5, 7] }, "stop_atr": 2.0 })).unwrap();
    assert_eq!(ledger(&play(&spec, in_order)).ended, TuningEnd::BudgetSpent);
}

// Cancelling and failing.

fn cancelled(spec: &ExperimentSpec) -> Event {
    ExperimentCancelled { experiment_id: spec.experiment_id(), reason: "enough".into() }.into()
}

#[test]
fn a_cancelled_search_enters_what_it_tried_and_nothing_follows() {
    let spec = sampled("random", 30, 4);
    let requests = first_requests(&spec);
    let mut history =
        vec![submitted(&spec), started(&spec).into(), answer(&requests[0]), answer(&requests[3])];
    let outputs = given::<Tuner>(history.clone()).when(cancelled(&spec)).outputs();
    let [output] = outputs.as_slice() else { panic!("{outputs:?}") };
    let Event::LedgerEntered(ledger) = &output.event else { panic!("{outputs:?}") };
    assert!(output.raced);
    assert_eq!((ledger.ended.word(), ledger.requested, ledger.completed), ("cancelled", 5, 2));
    assert_eq!((ledger.finalists.len(), ledger.sharpe.count), (0, 2), "results that came early count too");
    history.push(cancelled(&spec));
    for event in [answer(&requests[1]), cancelled(&spec), started(&spec).into(), submitted(&spec)] {
        given::<Tuner>(history.clone()).when(event).then_nothing();
    }
}

#[test]
fn a_search_that_is_cancelled_before_it_begins_has_tried_nothing() {
    let spec = sampled("random", 30, 4);
    let (experiment_id, reason) = (spec.experiment_id(), ExperimentFailure::NoData);
    let failed = ExperimentFailed { experiment_id, reason, detail: String::new() };
    for ending in [cancelled(&spec), failed.into()] {
        let outputs = given::<Tuner>([submitted(&spec)]).when(ending.clone()).outputs();
        let [output] = outputs.as_slice() else { panic!("{outputs:?}") };
        let Event::LedgerEntered(ledger) = &output.event else { panic!("{outputs:?}") };
        // Its place is in the ledger all the same, so that nobody waits for it.
        assert!(output.raced);
        assert_eq!((ledger.ended.word(), ledger.place, ledger.requested), ("not_begun", 3, 0));
        assert_eq!((ledger.data.rows, ledger.data.snapshot_id), (0, started(&spec).plan.data.snapshot_id));
        given::<Tuner>([submitted(&spec), ending]).when(started(&spec)).then_nothing();
    }
}

#[test]
fn cancelling_after_the_end_changes_nothing() {
    let spec = sampled("random", 10, 4);
    given::<Tuner>(play(&spec, in_order).history).when(cancelled(&spec)).then_nothing();
}

#[test]
fn nothing_follows_a_failed_experiment() {
    let spec = sampled("random", 30, 4);
    let requests = first_requests(&spec);
    let (experiment_id, reason) = (spec.experiment_id(), ExperimentFailure::NoData);
    let failed = ExperimentFailed { experiment_id, reason, detail: String::new() };
    let history = [submitted(&spec), started(&spec).into(), failed.into()];
    given::<Tuner>(history).when(answer(&requests[0])).then_nothing();
}

#[test]
fn results_of_an_experiment_that_is_not_known_are_nothing_to_it() {
    let requests = first_requests(&sampled("random", 30, 4));
    given::<Tuner>([]).when(answer(&requests[0])).then_nothing();
}

// Several experiments.

#[test]
fn experiments_in_one_partition_do_not_disturb_each_other() {
    let tuning = json!({ "sampler": "tpe", "trials": 30, "parallelism": 4 });
    let plays = ["first", "second"].map(|name| play(&spec(name, tuning.clone()), latest_first));
    let mut machine = Tuner::default();
    let mut outputs = Vec::new();
    let longest = plays.iter().map(|played| played.history.len()).max().unwrap();
    for step in 0..longest {
        for event in plays.iter().filter_map(|played| played.history.get(step)) {
            outputs
                .extend(machine.step(recorded(event.clone()).input()).into_iter().map(|output| output.event));
        }
    }
    for (name, played) in ["first", "second"].iter().zip(plays) {
        let id = spec(name, tuning.clone()).experiment_id();
        let own = |event: &&Event| match event {
            Event::TrainingRequested(e) => e.experiment_id == id,
            Event::EvaluationRequested(e) => e.experiment_id == id,
            Event::LedgerEntered(e) => e.experiment_id == id,
            Event::TrialFamilyRequested(e) => e.experiment_id == id,
            other => panic!("{other:?}"),
        };
        let own: Vec<Event> = outputs.iter().filter(own).cloned().collect();
        assert_eq!(own, run::<Tuner>(&played.history));
    }
}

// Trainers outside.

/// The same search, left to a program outside.
fn outside(name: &str) -> ExperimentSpec {
    let mut spec = spec("outside", json!({ "sampler": "tpe", "trials": 24, "parallelism": 4, "seed": 3 }));
    spec.model.strategy = format!("external:{name}");
    spec
}

/// A tuner whose search has begun, and its first requests.
fn begun(spec: &ExperimentSpec) -> (Tuner, Vec<TrainingRequested>) {
    let mut tuner = Tuner::default();
    tuner.step(recorded(submitted(spec)).input());
    let outputs = tuner.step(recorded(Event::from(started(spec))).input());
    (tuner, outputs.into_iter().map(|output| asked(&output)).collect())
}

fn asked(output: &Output) -> TrainingRequested {
    match &output.event {
        Event::TrainingRequested(request) => *request.clone(),
        other => panic!("{other:?}"),
    }
}

/// It is refused with these words, and changes nothing.
#[track_caller]
fn refused(tuner: &mut Tuner, answer: &Recorded, words: &str) {
    let before = tuner.save().unwrap();
    let why = tuner.refuses(answer.input()).unwrap_or_else(|| panic!("taken in: {answer:?}"));
    assert!(why.contains(words), "{why}");
    assert_eq!(tuner.step(answer.input()), []);
    assert_eq!(tuner.save().unwrap(), before);
}

#[test]
fn a_trainer_outside_is_asked_what_one_of_our_own_is_asked() {
    let ours = spec("outside", json!({ "sampler": "tpe", "trials": 24, "parallelism": 4, "seed": 3 }));
    let (mut tuner, mut waiting) = begun(&outside("sklearn"));
    let mut asked_outside = waiting.clone();
    while !waiting.is_empty() {
        let request = waiting.remove(0);
        let answer = from_outside("sklearn", answer(&request));
        assert_eq!(tuner.refuses(answer.input()), None);
        let outputs = tuner.step(answer.input());
        let new =
            outputs.iter().filter(|output| matches!(output.event, Event::TrainingRequested(_))).map(asked);
        waiting.extend(new.clone());
        asked_outside.extend(new);
    }
    let parameters = |requests: &[TrainingRequested]| -> Vec<Parameters> {
        requests.iter().map(|request| request.parameters.clone()).collect()
    };
    assert_eq!(parameters(&asked_outside), parameters(&play(&ours, in_order).requests));
    assert_eq!(asked_outside.len(), 24);
}

/// Whom the requests of a search are for, of both kinds.
fn addressees(spec: &ExperimentSpec, answer: impl Fn(&TrainingRequested) -> Recorded) -> Vec<String> {
    let (mut tuner, mut waiting) = begun(spec);
    let mut found: BTreeSet<String> = waiting.iter().map(|request| request.addressee.clone()).collect();
    while !waiting.is_empty() {
        for output in tuner.step(answer(&waiting.remove(0)).input()) {
            found.extend(output.event.addressee().map(str::to_owned));
            if let Event::TrainingRequested(request) = output.event {
                waiting.push(*request);
            }
        }
    }
    found.into_iter().collect()
}

#[test]
fn a_request_names_who_is_to_answer_it() {
    let ours = addressees(&sampled("random", 30, 4), |request| recorded(answer(request)));
    assert_eq!(ours, ["evaluator", "trainer"]);
    let outside = addressees(&outside("sklearn"), |request| from_outside("sklearn", answer(request)));
    assert_eq!(outside, ["evaluator.sklearn", "trainer.sklearn"]);
}

#[test]
fn an_answer_by_anybody_else_than_the_trainer_that_was_asked_is_refused() {
    let (mut tuner, requests) = begun(&outside("sklearn"));
    refused(&mut tuner, &recorded(answer(&requests[0])), "written by trainer: ");
    refused(&mut tuner, &from_outside("torch", answer(&requests[0])), "answered by trainer.sklearn");
    let (mut tuner, requests) = begun(&sampled("random", 30, 4));
    refused(&mut tuner, &from_outside("sklearn", answer(&requests[0])), "answered by trainer");
    assert_eq!(tuner.refuses(recorded(answer(&requests[0])).input()), None);
}

#[test]
fn an_answer_to_what_nobody_asked_is_refused() {
    let (mut tuner, requests) = begun(&outside("sklearn"));
    let other = |change: &dyn Fn(&mut TrainingRequested)| {
        let mut request = requests[0].clone();
        change(&mut request);
        from_outside("sklearn", answer(&request))
    };
    refused(&mut tuner, &other(&|r| r.trial = 4), "trial 4 of experiment");
    refused(&mut tuner, &other(&|r| r.trial = -1), "was not asked for");
    refused(&mut tuner, &other(&|r| r.trial_id = requests[1].trial_id), ", not ");
    let elsewhere = outside("elsewhere").experiment_id();
    refused(&mut tuner, &other(&|r| r.experiment_id = elsewhere), "there is no experiment");
    let mut waiting = Tuner::default();
    waiting.step(recorded(submitted(&outside("sklearn"))).input());
    refused(&mut waiting, &other(&|_| {}), "has not begun");
}

#[test]
fn a_second_answer_to_a_trial_changes_nothing_whatever_it_says() {
    let (mut tuner, requests) = begun(&outside("sklearn"));
    for first in [&requests[1], &requests[0]] {
        tuner.step(from_outside("sklearn", answer(first)).input());
        let before = tuner.save().unwrap();
        let TrainingRequested { experiment_id, trial, trial_id, parameters, .. } = first.clone();
        let (reason, detail) = (TrialFailure::Panicked, String::new());
        let other = TrialFailed { experiment_id, trial, trial_id, parameters, reason, detail };
        for second in [answer(first), other.into()] {
            let second = from_outside("sklearn", second);
            assert_eq!(tuner.refuses(second.input()), None, "a repetition is no fault");
            assert_eq!(tuner.step(second.input()), []);
            assert_eq!(tuner.save().unwrap(), before);
        }
    }
}

#[test]
fn what_is_no_number_is_undefined_and_what_was_asked_was_tried() {
    let spec = outside("sklearn");
    let (mut honest, requests) = begun(&spec);
    let (mut misled, _) = begun(&spec);
    for request in &requests {
        let TrainingRequested { experiment_id, trial, trial_id, parameters, .. } = request.clone();
        let completed = |value, parameters| {
            let metrics = Metrics::from([("sharpe".to_owned(), value)]);
            let fold_values = vec![value; FOLDS];
            TrialCompleted { experiment_id, trial, trial_id, parameters, value, fold_values, metrics }
        };
        honest.step(from_outside("sklearn", completed(None, parameters).into()).input());
        let wild = Parameters::from([("fast".to_owned(), ParameterValue::Flag(true))]);
        let value = [f64::NAN, f64::INFINITY][trial as usize % 2];
        misled.step(from_outside("sklearn", completed(Some(value), wild).into()).input());
    }
    assert_eq!(honest.save().unwrap(), misled.save().unwrap());
}
