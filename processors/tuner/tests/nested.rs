//! Searches before the folds of a walk-forward, and what is asked when all are over.

use crate::common::*;
use gauntlet_domain::experiment::*;
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_domain::{Event, ModelId, Recorded};
use gauntlet_processor::harness::{Partitions, check_interleavings, check_properties, recorded};
use gauntlet_processor::machine::{Machine, Output};
use gauntlet_tuner::Tuner;
use serde_json::json;

const TRIALS: i64 = 20;

fn nested(name: &str) -> ExperimentSpec {
    spec(name, json!({ "sampler": "tpe", "trials": TRIALS, "parallelism": 4 }))
}

/// Two folds, each with a window of its own.
fn started_nested(spec: &ExperimentSpec) -> ExperimentStarted {
    let fold = |from: i64, to: i64| FoldRange { train_from: 0, train_to: 0, test_from: from, test_to: to };
    let window = |end: i64| SearchWindow {
        folds: (0..FOLDS as i64).map(|block| fold(block * end / 4, (block + 1) * end / 4)).collect(),
        walk: FoldRange { train_from: 0, train_to: end, test_from: end, test_to: end + 100 },
    };
    ExperimentStarted { windows: vec![window(200), window(300)], ..started(spec) }
}

/// What the evaluator might answer.
fn walked(request: &WalkForwardRequested) -> Event {
    WalkForwardCompleted {
        experiment_id: request.experiment_id,
        metrics: Metrics::from([("sharpe".into(), Some(0.5)), ("total_return".into(), Some(0.125))]),
        folds: Vec::new(),
        summary: Metrics::new(),
        inference: Metrics::new(),
        denied: DeniedOrders::new(),
    }
    .into()
}

/// Everything that goes in and comes out, when waiting requests are answered as `choose` says; `fails` are trials without
/// a result.
fn played(
    spec: &ExperimentSpec,
    mut choose: impl FnMut(usize) -> usize,
    fails: impl Fn(i64) -> bool,
) -> (Vec<Event>, Vec<Event>) {
    let mut machine = Tuner::default();
    let (mut history, mut outputs) = (Vec::new(), Vec::new());
    let mut inputs = vec![submitted(spec), started_nested(spec).into()];
    let mut waiting: Vec<Event> = Vec::new();
    loop {
        for event in inputs.drain(..) {
            let step = machine.step(recorded(event.clone()).input());
            let step: Vec<Event> = step.into_iter().map(|output| output.event).collect();
            outputs.extend(step.clone());
            waiting.extend(step);
            history.push(event);
        }
        waiting.retain(|event| {
            matches!(
                event,
                Event::TrainingRequested(_) | Event::WalkForwardRequested(_) | Event::TrialFamilyRequested(_)
            )
        });
        if waiting.is_empty() {
            return (history, outputs);
        }
        inputs.push(match waiting.remove(choose(waiting.len())) {
            Event::TrainingRequested(request) if fails(request.trial) => {
                let TrainingRequested { experiment_id, trial, trial_id, parameters, .. } = *request;
                let (reason, detail) = ("training_failed".into(), "no".into());
                TrialFailed { experiment_id, trial, trial_id, parameters, reason, detail }.into()
            }
            Event::TrainingRequested(request) => answer(&request),
            Event::WalkForwardRequested(request) => walked(&request),
            Event::TrialFamilyRequested(request) => measured(&request),
            other => panic!("{other:?}"),
        });
    }
}

fn requests(outputs: &[Event]) -> Vec<&TrainingRequested> {
    let mut requests = Vec::new();
    for event in outputs {
        if let Event::TrainingRequested(request) = event {
            requests.push(&**request);
        }
    }
    requests
}

fn walk(outputs: &[Event]) -> &WalkForwardRequested {
    let walks: Vec<_> = outputs
        .iter()
        .filter_map(|event| match event {
            Event::WalkForwardRequested(walk) => Some(&**walk),
            _ => None,
        })
        .collect();
    assert_eq!(walks.len(), 1);
    walks[0]
}

/// The best value among the results of a search, by hand.
fn best(history: &[Event], search: i64) -> (i64, f64) {
    let mut found: Vec<(i64, f64)> = history
        .iter()
        .filter_map(|event| match event {
            Event::TrialCompleted(e) if e.trial / TRIALS == search => Some((e.trial, e.value?)),
            _ => None,
        })
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found[0]
}

#[test]
fn every_search_has_its_budget_its_numbers_and_its_window() {
    let spec = nested("nested");
    let (_, outputs) = played(&spec, |_| 0, |_| false);
    let requests = requests(&outputs);
    assert_eq!(requests.len() as i64, 3 * TRIALS);
    let started = started_nested(&spec);
    for request in &requests {
        let folds = match request.trial / TRIALS {
            0 => &started.plan.folds,
            search => &started.windows[search as usize - 1].folds,
        };
        assert_eq!(&request.plan.folds, folds, "trial {}", request.trial);
        assert_eq!(
            TrialPlan { folds: Vec::new(), ..request.plan.clone() },
            TrialPlan { folds: Vec::new(), ..started.plan.clone() }
        );
    }
    // Each draws numbers of its own.
    let first = |search: i64| &requests.iter().find(|r| r.trial == search * TRIALS).unwrap().parameters;
    assert!(first(0) != first(1) && first(1) != first(2));
}

#[test]
fn each_fold_is_traded_by_the_best_trial_before_it_and_the_finalists_come_from_the_last_search() {
    let spec = nested("nested");
    let (history, outputs) = played(&spec, |waiting| waiting - 1, |_| false);
    let walk = walk(&outputs);
    assert_eq!(walk.addressee, "evaluator");
    for (search, segment) in (1..).zip(&walk.segments) {
        let (trial, value) = best(&history, search);
        assert_eq!((segment.trial, segment.in_sample), (Some(trial), Some(value)));
        let chosen = requests(&outputs).into_iter().find(|request| request.trial == trial).unwrap();
        assert_eq!(segment.parameters, chosen.parameters);
        assert_eq!(segment.bars, started_nested(&spec).windows[search as usize - 1].walk);
    }
    let [.., ledger, first, second, third] = outputs.as_slice() else { panic!("{outputs:?}") };
    let Event::LedgerEntered(ledger) = ledger else { panic!("{ledger:?}") };
    assert_eq!((ledger.requested, ledger.looks, ledger.ended.word()), (TRIALS, 2 * TRIALS, "budget_spent"));
    for (place, event) in (1..).zip([first, second, third]) {
        let Event::EvaluationRequested(request) = event else { panic!("{event:?}") };
        assert!(request.trial < TRIALS, "a finalist is of the search over all tuning bars");
        assert_eq!(request.finalist, place);
        let procedure = request.procedure.unwrap();
        assert_eq!((procedure.value, procedure.total_return), (Some(0.5), Some(0.125)));
        assert_eq!(request.plan, started_nested(&spec).plan);
    }
    let Event::EvaluationRequested(first) = first else { unreachable!() };
    assert_eq!(first.trial, best(&history, 0).0);
    assert_eq!(
        ledger.finalists[0],
        ModelId::derive(&[spec.experiment_id().0.as_bytes(), &first.trial.to_be_bytes()])
    );
}

#[test]
fn the_order_of_answers_changes_nothing() {
    let outcome = |choose: fn(usize) -> usize| {
        let (_, mut outputs) = played(&nested("nested"), choose, |_| false);
        outputs.sort_by_key(Event::id);
        outputs
    };
    let expected = outcome(|_| 0);
    assert_eq!(outcome(|waiting| waiting - 1), expected);
    assert_eq!(outcome(|waiting| waiting / 2), expected);
}

#[test]
fn a_search_in_which_all_trials_fail_leaves_its_fold_flat() {
    let (_, outputs) = played(&nested("nested"), |_| 0, |trial| trial / TRIALS == 1);
    let [first, second] = walk(&outputs).segments.as_slice() else { panic!("two folds") };
    assert_eq!((first.trial, first.completed, first.in_sample), (None, 0, None));
    assert!(first.parameters.is_empty() && second.trial.is_some());
}

/// Without a finalist there is nothing to hold against it.
#[test]
fn where_the_last_search_finds_nothing_there_is_no_walk_forward() {
    let (_, outputs) = played(&nested("nested"), |_| 0, |trial| trial < TRIALS);
    let Some(Event::LedgerEntered(ledger)) = outputs.last() else { panic!("{outputs:?}") };
    assert!(ledger.finalists.is_empty());
    assert!(!outputs.iter().any(|event| matches!(event, Event::WalkForwardRequested(_))));
}

#[test]
fn nested_searches_have_the_properties_of_every_machine() {
    let (history, outputs) = played(&nested("nested"), |waiting| waiting / 3, |_| false);
    assert_eq!(check_properties::<Tuner>(&history), outputs.len());
    let of = |event: &Event| match event {
        Event::TrialCompleted(_) | Event::TrialPruned(_) | Event::TrialFailed(_) => "results".to_owned(),
        Event::WalkForwardCompleted(_) | Event::TrialFamilyMeasured(_) => "outcomes".to_owned(),
        _ => "experiments".to_owned(),
    };
    let is_possible = |event: &Event, outputs: &[Event]| {
        let id = match event {
            Event::TrialCompleted(e) => e.trial_id,
            Event::TrialPruned(e) => e.trial_id,
            Event::TrialFailed(e) => e.trial_id,
            Event::WalkForwardCompleted(_) => {
                return outputs.iter().any(|output| matches!(output, Event::WalkForwardRequested(_)));
            }
            Event::TrialFamilyMeasured(_) => {
                return outputs.iter().any(|output| matches!(output, Event::TrialFamilyRequested(_)));
            }
            _ => return true,
        };
        outputs.iter().any(|output| matches!(output, Event::TrainingRequested(r) if r.trial_id == id))
    };
    let partitions = Partitions { of: &of, is_possible: &is_possible };
    assert!(check_interleavings::<Tuner>(&history, &partitions, 10) >= 10 * outputs.len());
}

#[test]
fn an_outcome_that_nobody_asked_for_is_refused() {
    let spec = nested("nested");
    let (history, outputs) = played(&spec, |_| 0, |_| false);
    let outcome = |source: &str| {
        let mut outcome = recorded(walked(walk(&outputs)));
        outcome.envelope.source = source.into();
        outcome
    };
    let mut machine = Tuner::default();
    let refused = |machine: &Tuner, source: &str| machine.refuses(outcome(source).input());
    assert!(refused(&machine, "evaluator").unwrap().starts_with("there is no experiment"));
    // The last three are the last trial and the two answers.
    for event in &history[..history.len() - 3] {
        machine.step(recorded(event.clone()).input());
    }
    assert!(refused(&machine, "evaluator").unwrap().ends_with("was not asked for"));
    assert_eq!(machine.step(outcome("evaluator").input()), []);
    machine.step(recorded(history[history.len() - 3].clone()).input());
    let family = history.iter().find(|event| matches!(event, Event::TrialFamilyMeasured(_))).unwrap();
    assert_eq!(machine.step(recorded(family.clone()).input()), [], "the walk-forward is awaited");
    assert!(refused(&machine, "outside").unwrap().starts_with("written by outside"));
    assert_eq!(machine.step(outcome("outside").input()), []);
    assert_eq!(refused(&machine, "evaluator"), None);
    assert_eq!(machine.step(outcome("evaluator").input()).len(), 4);
    assert_eq!(refused(&machine, "evaluator"), None, "late, and no more");
}

// Trainers outside.

/// The same searches, left to a program outside.
fn outside() -> ExperimentSpec {
    let mut spec = nested("outside");
    spec.model.strategy = "external:sklearn".into();
    spec
}

/// An answer as the program writes it, in the name that the request was addressed to.
fn from_program(request: &Event) -> Recorded {
    let mut answer = recorded(match request {
        Event::TrainingRequested(request) => answer(request),
        Event::WalkForwardRequested(request) => walked(request),
        other => panic!("{other:?}"),
    });
    answer.envelope.source = request.addressee().unwrap().to_owned();
    answer
}

/// A tuner that waits for the walk-forward of a program outside, all trials of which are answered, and the request.
fn waiting_for_the_walk(spec: &ExperimentSpec) -> (Tuner, Event) {
    let mut tuner = Tuner::default();
    tuner.step(recorded(submitted(spec)).input());
    let started: Event = started_nested(spec).into();
    let mut waiting: Vec<Output> = tuner.step(recorded(started).input());
    loop {
        let request = waiting.remove(0).event;
        if matches!(request, Event::WalkForwardRequested(_)) {
            assert_eq!(waiting, [], "the walk-forward is asked for when all searches are over");
            return (tuner, request);
        }
        assert_eq!(request.addressee(), Some("trainer.sklearn"));
        waiting.extend(tuner.step(from_program(&request).input()));
    }
}

#[test]
fn a_program_outside_is_asked_for_the_walk_forward_and_its_answer_counts() {
    let spec = outside();
    let (mut tuner, request) = waiting_for_the_walk(&spec);
    assert_eq!(request.addressee(), Some("evaluator.sklearn"));
    let Event::WalkForwardRequested(asked) = &request else { unreachable!() };
    assert!(asked.segments.len() == 2 && asked.segments.iter().all(|segment| segment.trial.is_some()));
    let answer = from_program(&request);
    for other in ["evaluator", "evaluator.torch", "trainer.sklearn"] {
        let mut answer = answer.clone();
        answer.envelope.source = other.into();
        let why = tuner.refuses(answer.input()).unwrap();
        assert!(
            why.starts_with(&format!("written by {other}: ")) && why.ends_with("by evaluator.sklearn"),
            "{why}"
        );
        assert_eq!(tuner.step(answer.input()), []);
    }
    let outputs = tuner.step(answer.input());
    assert_eq!(outputs.len(), 4, "the ledger and three finalists");
    for output in &outputs[1..] {
        let Event::EvaluationRequested(finalist) = &output.event else { panic!("{output:?}") };
        assert_eq!(finalist.addressee, "evaluator.sklearn");
        assert_eq!(finalist.procedure.unwrap().value, Some(0.5));
    }
}

/// Nobody waits with a clock: as for every other request, a person ends what no program answers, and the ledger says so.
#[test]
fn a_walk_forward_that_no_program_answers_ends_as_cancelled_and_a_late_answer_changes_nothing() {
    let spec = outside();
    let (mut tuner, request) = waiting_for_the_walk(&spec);
    let (experiment_id, reason) = (spec.experiment_id(), "the trainer is gone".into());
    let cancelled: Event = ExperimentCancelled { experiment_id, reason }.into();
    let outputs = tuner.step(recorded(cancelled).input());
    let [Output { event: Event::LedgerEntered(ledger), .. }] = outputs.as_slice() else {
        panic!("{outputs:?}")
    };
    assert_eq!((ledger.ended.word(), ledger.requested, ledger.looks), ("cancelled", TRIALS, 2 * TRIALS));
    assert!(ledger.finalists.is_empty(), "no finalist is asked for");
    let late = from_program(&request);
    assert_eq!(tuner.refuses(late.input()), None, "late, and no more");
    let before = tuner.save().unwrap();
    assert_eq!(tuner.step(late.input()), []);
    assert_eq!(tuner.save().unwrap(), before);
}

/// What a program outside cannot do is an answer too: the finalists are evaluated, and nothing is promised of them.
#[test]
fn a_walk_forward_that_a_program_could_not_compute_leaves_nothing_to_hold_a_finalist_against() {
    let (mut tuner, request) = waiting_for_the_walk(&outside());
    let mut failed = from_program(&request);
    let experiment_id = failed.event.experiment().unwrap();
    let (reason, detail) = ("training_failed".into(), "all labels alike".into());
    failed.event = WalkForwardFailed { experiment_id, reason, detail }.into();
    let outputs = tuner.step(failed.input());
    assert_eq!(outputs.len(), 4);
    for output in &outputs[1..] {
        let Event::EvaluationRequested(finalist) = &output.event else { panic!("{output:?}") };
        let procedure = finalist.procedure.unwrap();
        assert_eq!((procedure.value, procedure.total_return), (None, None));
    }
}

#[test]
fn a_restarted_machine_goes_on_with_every_search() {
    let spec = nested("nested");
    let (history, expected) = played(&spec, |_| 0, |_| false);
    let mut machine = Tuner::default();
    let mut outputs = Vec::new();
    for event in history {
        let saved = machine.save().unwrap();
        machine = Tuner::default();
        machine.restore(&saved).unwrap();
        outputs.extend(machine.step(recorded(event).input()).into_iter().map(|output| output.event));
    }
    outputs.sort_by_key(Event::id);
    let mut expected = expected;
    expected.sort_by_key(Event::id);
    assert_eq!(outputs, expected);
}
