//! The decisions: places, joins in any order, endings; and the properties of every machine.

use crate::common::*;
use gauntlet_domain::experiment::*;
use gauntlet_domain::verdict::{Evidence, HOLDOUT};
use gauntlet_domain::{Event, Recorded, Verdict};
use gauntlet_experiments::{Experiments, plan};
use gauntlet_processor::Folded;
use gauntlet_processor::harness::{Partitions, check_interleavings, check_properties, given, recorded, run};
use gauntlet_processor::machine::Machine;
use serde_json::{Value, json};

type Subject = Folded<Experiments>;

/// Places by experiment name.
fn places(history: &[Event]) -> Vec<(String, String, i64)> {
    let place = |event: Event| match event {
        Event::ExperimentSubmitted(e) => Some((e.name, e.mandate, e.place)),
        _ => None,
    };
    run::<Subject>(history).into_iter().filter_map(place).collect()
}

/// The only failure among the outputs: reason and detail.
fn failure(history: &[Event]) -> (String, String) {
    let outputs = run::<Subject>(history);
    let mut failures = outputs.into_iter().filter_map(|event| match event {
        Event::ExperimentFailed(e) => Some((e.reason.word().to_owned(), e.detail)),
        _ => None,
    });
    let first = failures.next().unwrap();
    assert_eq!(failures.next(), None);
    first
}

/// Trials of the ranking, best first.
fn ranking(history: &[Event]) -> Vec<(i64, Option<f64>)> {
    let outputs = run::<Subject>(history);
    let Some(Event::ExperimentCompleted(completed)) = outputs.last() else {
        panic!("not completed: {outputs:?}")
    };
    completed.ranking.iter().map(|model| (model.trial, model.tuning)).collect()
}

fn begun(document: &Value) -> Vec<Event> {
    vec![submit(document), tuning_sealed(document, 1200), holdout_sealed(document, 300)]
}

fn history() -> Vec<Event> {
    let (first, second) = (document(), with("name", json!("second")));
    let (third, fourth) = (with("data.to", json!("2020-06-01")), with("tuning.trials", json!(7)));
    let broken = with("tuning.sampler", json!("dice"));
    let mut history = vec![submit(&first), holdout_sealed(&first, 300), submit(&broken), submit(&third)];
    history.extend([tuning_sealed(&first, 1200), submit(&second), cancel(&third), submit(&fourth)]);
    history.extend([evaluated(&first, 4, Some(1.0)), ledger(&first, &[4, 2]), ledger(&second, &[])]);
    history.extend([
        not_evaluated(&first, 2),
        tuning_sealed(&third, 0),
        cancel(&first),
        ledger(&fourth, &[1]),
    ]);
    history.extend([not_evaluated(&fourth, 1), cancel(&broken)]);
    history
}

#[test]
fn it_has_the_properties_of_every_machine() {
    assert_eq!(check_properties::<Subject>(&history()), 12);
}

/// Commands, snapshots, ledgers and outcomes are four topics, read in any order by a restart: only a cancellation races.
#[test]
fn commands_data_and_results_in_any_order_give_the_same() {
    let mut history: Vec<Event> =
        history().into_iter().filter(|event| !matches!(event, Event::CancelExperiment(_))).collect();
    history.extend([holdout_sealed(&with("data.to", json!("2020-06-01")), 9)]);
    let of = |event: &Event| match event {
        Event::SubmitExperiment(_) => "commands".to_owned(),
        Event::SnapshotSealed(_) => "snapshots".to_owned(),
        Event::LedgerEntered(_) => "ledger".to_owned(),
        _ => "outcomes".to_owned(),
    };
    let partitions = Partitions { of: &of, is_possible: &|_, _| true };
    assert_eq!(check_interleavings::<Subject>(&history, &partitions, 200), 208 * 12);
}

#[test]
fn every_ending_is_marked_as_a_race_and_nothing_else_is() {
    let mut machine = Subject::default();
    let outputs = history().into_iter().flat_map(|event| machine.step(recorded(event).input()));
    let mut endings = 0;
    for output in outputs {
        let before = matches!(output.event, Event::ExperimentSubmitted(_) | Event::ExperimentStarted(_));
        assert_eq!(output.raced, !before, "{:?}", output.event);
        endings += usize::from(output.raced);
    }
    assert_eq!(endings, 5);
}

// Submission.

/// Under another name what was tried on its bars would not be counted; a venue more or less is no other instrument.
#[test]
fn an_instrument_belongs_to_one_mandate() {
    let mut renamed = with("mandate", json!("metals"));
    renamed["data"]["venue"] = json!("FXCM");
    // A document from before there were policies keeps what it says.
    let outputs = run::<Subject>(&[submit(&document()), submit(&renamed)]);
    assert!(matches!(outputs.last(), Some(Event::ExperimentSubmitted(_))), "{outputs:?}");
    renamed["policy"] = json!("default");
    let outputs = run::<Subject>(&[submit(&document()), submit(&renamed)]);
    let Some(Event::ExperimentFailed(failed)) = outputs.last() else { panic!("{outputs:?}") };
    assert_eq!(failed.experiment_id, id(&renamed));
    assert!(failed.detail.contains("XAUUSD belongs to mandate XAUUSD"), "{}", failed.detail);
    assert!(failed.detail.ends_with("write `mandate: XAUUSD`"), "{}", failed.detail);
}

#[test]
fn submissions_of_a_mandate_get_its_places_in_their_order() {
    let named = |name: &str| with("name", json!(name));
    let mut other = named("other");
    other["mandate"] = json!("metals");
    other["data"]["instrument"] = json!("XAGUSD");
    let history = [submit(&named("a")), submit(&other), submit(&named("b"))];
    let expected = [("a", "XAUUSD", 1), ("other", "metals", 1), ("b", "XAUUSD", 2)];
    assert_eq!(places(&history), expected.map(|(name, mandate, place)| (name.into(), mandate.into(), place)));
}

#[test]
fn a_document_that_was_submitted_before_does_nothing() {
    given::<Subject>([submit(&document())]).when(submit(&document())).then_nothing();
    let cancelled = [submit(&document()), cancel(&document())];
    given::<Subject>(cancelled).when(submit(&document())).then_nothing();
    let again = [submit(&document()), submit(&document()), submit(&with("name", json!("b")))];
    assert_eq!(places(&again)[1].2, 2, "a repetition takes no place");
}

#[test]
fn an_invalid_document_fails_with_its_fields_named_and_takes_no_place() {
    let mut broken = with("tuning.sampler", json!("dice"));
    broken["account"] = json!({ "capital": 0.0 });
    let (reason, detail) = failure(&[submit(&broken)]);
    assert_eq!(reason, "invalid_document");
    assert!(
        detail.starts_with("account.capital: 0 is not a positive amount; tuning.sampler: unknown"),
        "{detail}"
    );
    given::<Subject>([submit(&broken)]).when(submit(&broken)).then_nothing();
    assert_eq!(places(&[submit(&broken), submit(&document())])[0].2, 1);
}

#[test]
fn what_is_no_document_fails_with_the_key_named() {
    let Event::SubmitExperiment(command) = submit(&document()) else { unreachable!() };
    let text = command.document.replacen("\"tuning\"", "\"tunning\"", 1);
    let (reason, detail) = failure(&[SubmitExperiment { document: text, ..command }.into()]);
    assert_eq!(reason, "invalid_document");
    assert!(detail.contains("unknown field `tunning`"), "{detail}");
}

/// State that another version has written can hold a document that this one cannot read.
#[test]
fn a_kept_document_that_cannot_be_read_fails_by_name_when_its_data_are_there() {
    let document = document();
    let mut machine = Subject::default();
    for event in [submit(&document), tuning_sealed(&document, 1200)] {
        machine.step(recorded(event).input());
    }
    let saved = String::from_utf8(machine.save().unwrap()).unwrap();
    let other = saved.replace(r#"\"holdout_keeps\":0.5"#, r#"\"holdout_keeps\":\"half\""#);
    assert_ne!(other, saved);
    machine.restore(other.as_bytes()).unwrap();
    let outputs = machine.step(recorded(holdout_sealed(&document, 300)).input());
    let [output] = outputs.as_slice() else { panic!("{outputs:?}") };
    let Event::ExperimentFailed(failed) = &output.event else { panic!("{outputs:?}") };
    assert_eq!((failed.reason.word(), output.raced), ("invalid_document", true));
    assert!(failed.detail.contains("'half' is not a share"), "{}", failed.detail);
    assert_eq!(machine.step(recorded(ledger(&document, &[])).input()), []);
}

#[test]
fn a_document_that_the_tuner_cannot_read_fails_the_experiment_by_name() {
    let document = document();
    let Event::LedgerEntered(mut entry) = ledger(&document, &[]) else { unreachable!() };
    entry.ended = TuningEnd::InvalidDocument;
    let (reason, detail) = failure(&[begun(&document), vec![Event::LedgerEntered(entry)]].concat());
    assert_eq!(reason, "invalid_document");
    assert!(detail.contains("run one version everywhere"), "{detail}");
}

// The data.

#[test]
fn snapshots_in_any_order_before_or_after_the_submission_start_it_alike() {
    let mut expected = None;
    for order in orders(&begun(&document())) {
        let mut outputs = run::<Subject>(&order);
        outputs.sort_by_key(Event::id);
        assert_eq!(outputs.len(), 2);
        assert_eq!(*expected.get_or_insert(outputs.clone()), outputs);
    }
}

#[test]
fn what_starts_carries_the_plan_and_both_snapshots() {
    let document = document();
    let outputs = run::<Subject>(&begun(&document));
    let Some(Event::ExperimentStarted(started)) = outputs.last() else { panic!("not started: {outputs:?}") };
    let (Event::SnapshotSealed(tuning), Event::SnapshotSealed(holdout)) =
        (tuning_sealed(&document, 1200), holdout_sealed(&document, 300))
    else {
        unreachable!()
    };
    let (tuning, holdout) = (plan::Sealed::of(&tuning), plan::Sealed::of(&holdout));
    let (of_document, windows) = plan::plans(&spec(&document), &tuning, &holdout).unwrap();
    assert_eq!((&started.plan, &started.windows), (&of_document, &windows));
    assert_eq!(started.holdout, holdout.data);
    assert!(windows.is_empty(), "a stored document without a version of its scheme has one search");
    let plan = &started.plan;
    assert_eq!((plan.folds.len(), plan.folds[0].test_from, plan.folds[4].test_to), (5, 200, 1200));
    assert_eq!((plan.estimator.as_deref(), plan.maximize), (None, true));
    // Both snapshots, of 91 days together.
    assert!((plan.periods_per_year - 1500.0 / (91.0 / 365.25)).abs() < 1e-9);
}

#[test]
fn the_plan_says_what_the_document_says() {
    let mut document = document();
    document["model"] = json!({ "strategy": "ml", "features": ["rsi(14)"] });
    document["validation"] = json!({ "folds": 3, "mode": "rolling", "purge": 10, "embargo": "1%" });
    document["costs"] = json!({ "spread": 4.0, "latency_ms": 2.5 * 3_600_000.0 });
    document["account"] = json!({ "capital": 500.0, "sizing": { "percent": 50.0 }, "allow_short": false });
    document["tuning"] = json!({ "objective": "max_drawdown", "direction": "minimize", "seed": 9 });
    let (Event::SnapshotSealed(tuning), Event::SnapshotSealed(holdout)) =
        (tuning_sealed(&document, 1200), holdout_sealed(&document, 300))
    else {
        unreachable!()
    };
    let (tuning, holdout) = (plan::Sealed::of(&tuning), plan::Sealed::of(&holdout));
    let (plan, _) = plan::plans(&spec(&document), &tuning, &holdout).unwrap();
    assert_eq!((plan.strategy.as_str(), plan.estimator.as_deref()), ("ml", Some("gbdt")));
    assert_eq!(plan.features, ["rsi(14)"]);
    let fold =
        |train_from, train_to, test_from, test_to| FoldRange { train_from, train_to, test_from, test_to };
    // The embargo of 12 bars after the first test delays the third training.
    assert_eq!(plan.folds, [fold(0, 290, 300, 600), fold(300, 590, 600, 900), fold(612, 890, 900, 1200)]);
    assert_eq!(plan.embargo_bars, 12);
    assert_eq!((plan.costs.quoted_spread, plan.costs.spread_bps, plan.costs.latency_bars), (false, 4.0, 2));
    assert_eq!((plan.account.capital, plan.account.percent, plan.account.allow_short), (500.0, 50.0, false));
    assert_eq!((plan.objective.as_str(), plan.maximize, plan.seed), ("max_drawdown", false, 9));
}

#[test]
fn one_snapshot_can_start_several_experiments() {
    let (a, b) = (document(), with("name", json!("b")));
    let outputs = run::<Subject>(&[submit(&a), submit(&b), tuning_sealed(&a, 1200), holdout_sealed(&a, 300)]);
    let started = outputs.iter().filter(|event| matches!(event, Event::ExperimentStarted(_)));
    assert_eq!(started.count(), 2);
}

#[test]
fn a_period_without_data_fails_with_the_part_that_lacks_it() {
    let document = document();
    let (reason, detail) =
        failure(&[submit(&document), tuning_sealed(&document, 0), holdout_sealed(&document, 3)]);
    assert_eq!(reason, "no_data");
    assert!(detail.starts_with("there is no time:1h bar of XAUUSD.OANDA between 2020-01-01"), "{detail}");
    assert!(detail.contains("which is what tuning needs"), "{detail}");
    let (reason, detail) =
        failure(&[holdout_sealed(&document, 0), tuning_sealed(&document, 1200), submit(&document)]);
    assert_eq!(reason, "no_data");
    assert!(detail.contains("which is what the hold-out needs"), "{detail}");
}

#[test]
fn too_few_bars_for_the_folds_say_how_many_are_needed() {
    let document = document();
    let (reason, detail) =
        failure(&[submit(&document), tuning_sealed(&document, 5), holdout_sealed(&document, 3)]);
    assert_eq!(reason, "too_few_bars");
    assert!(detail.contains("need at least 6 bars, there are 5"), "{detail}");
}

// The results.

#[test]
fn tuning_without_finalists_fails_with_the_counts() {
    let history = [begun(&document()), vec![ledger(&document(), &[])]].concat();
    let (reason, detail) = failure(&history);
    assert_eq!(reason, "no_completed_trial");
    assert!(detail.starts_with("none of 20 trials has a defined sharpe: 12 pruned, 5 failed"), "{detail}");
}

/// A restart reads topics in the order of their names, so results can come before their experiment's submission.
#[test]
fn everything_in_any_order_ends_alike() {
    let document = document();
    let results =
        [ledger(&document, &[7, 3]), evaluated(&document, 7, Some(0.5)), not_evaluated(&document, 3)];
    let mut expected = None;
    for order in orders(&[begun(&document), results.to_vec()].concat()) {
        let mut outputs = run::<Subject>(&order);
        outputs.sort_by_key(Event::id);
        assert_eq!(outputs.len(), 3, "submitted, started, completed");
        assert_eq!(*expected.get_or_insert(outputs.clone()), outputs);
    }
}

#[test]
fn outcomes_in_any_order_rank_alike_by_tuning_score_with_ties_to_the_earlier_trial() {
    let document = document();
    let results = [
        ledger(&document, &[9, 8, 5, 1, 4]),
        evaluated(&document, 9, Some(-0.5)),
        evaluated(&document, 8, Some(2.0)),
        evaluated(&document, 5, None),
        not_evaluated(&document, 1),
        evaluated(&document, 4, Some(2.0)),
    ];
    let expected = [(4, Some(2.0)), (8, Some(2.0)), (9, Some(-0.5)), (1, None), (5, None)];
    for order in orders(&results) {
        assert_eq!(ranking(&[begun(&document), order].concat()), expected);
    }
}

#[test]
fn less_is_better_when_the_objective_is_minimised_and_zero_has_no_sign() {
    let mut document = with("tuning.objective", json!("max_drawdown"));
    document["tuning"]["direction"] = json!("minimize");
    let results = [
        ledger(&document, &[9, 8, 5, 1, 4]),
        evaluated(&document, 9, Some(0.0)),
        evaluated(&document, 8, Some(0.25)),
        evaluated(&document, 5, None),
        evaluated(&document, 1, Some(0.125)),
        evaluated(&document, 4, Some(-0.0)),
    ];
    let trials: Vec<i64> =
        ranking(&[begun(&document), results.to_vec()].concat()).into_iter().map(|ranked| ranked.0).collect();
    assert_eq!(trials, [4, 9, 1, 8, 5]);
}

#[test]
fn a_ranked_model_says_what_the_hold_out_said() {
    let document = document();
    let history =
        [begun(&document), vec![evaluated(&document, 2, Some(1.0)), not_evaluated(&document, 3)]].concat();
    let ranked = |trial, tuning, holdout, verdict| RankedModel {
        model_id: model(trial),
        trial,
        tuning,
        walk_forward: None,
        holdout,
        verdict,
    };
    let evidence = Evidence {
        metric: "sharpe".into(),
        model_id: Some(model(3)),
        phase: Some(Phase::Holdout),
        ..Evidence::default()
    };
    let unmeasured = Verdict::undefined(HOLDOUT, evidence);
    assert!(!unmeasured.passes(), "what could not be measured is not confirmed");
    let confirmed = Verdict::of_version_1(true, "");
    let ranking = vec![ranked(2, Some(1.0), Some(0.25), confirmed), ranked(3, None, None, unmeasured)];
    let completed = ExperimentCompleted { experiment_id: id(&document), ranking };
    given::<Subject>(history).when(ledger(&document, &[3, 2])).then([completed.into()]);
}

#[test]
fn an_experiment_whose_evaluations_all_failed_has_failed() {
    let document = document();
    let results = [ledger(&document, &[1, 2]), not_evaluated(&document, 1), not_evaluated(&document, 2)];
    for order in orders(&results) {
        assert_eq!(failure(&[begun(&document), order].concat()).0, "no_evaluation");
    }
}

#[test]
fn the_first_answer_about_a_finalist_counts() {
    let document = document();
    let results = [
        not_evaluated(&document, 1),
        evaluated(&document, 1, Some(9.0)),
        ledger(&document, &[1, 2]),
        ledger(&document, &[1]),
        evaluated(&document, 2, Some(1.0)),
    ];
    let history = [begun(&document), results.to_vec()].concat();
    assert_eq!(ranking(&history), [(2, Some(1.0)), (1, None)]);
}

// Cancelling.

#[test]
fn it_can_be_cancelled_before_and_after_it_starts() {
    let document = document();
    let cancelled = ExperimentCancelled { experiment_id: id(&document), reason: "enough".into() };
    for seen in 1..=3 {
        let history = begun(&document)[..seen].to_vec();
        given::<Subject>(history).when(cancel(&document)).then([cancelled.clone().into()]);
    }
}

#[test]
fn nothing_follows_a_cancellation() {
    let document = document();
    let history = [submit(&document), tuning_sealed(&document, 1200), cancel(&document)];
    for event in
        [holdout_sealed(&document, 300), cancel(&document), submit(&document), ledger(&document, &[])]
    {
        given::<Subject>(history.clone()).when(event).then_nothing();
    }
    let running = [begun(&document), vec![ledger(&document, &[1]), cancel(&document)]].concat();
    given::<Subject>(running).when(evaluated(&document, 1, Some(1.0))).then_nothing();
}

#[test]
fn what_has_ended_or_was_never_submitted_cannot_be_cancelled() {
    let document = document();
    given::<Subject>([]).when(cancel(&document)).then_nothing();
    given::<Subject>([ledger(&document, &[])]).when(cancel(&document)).then_nothing();
    let ended =
        [begun(&document), vec![ledger(&document, &[1]), evaluated(&document, 1, Some(1.0))]].concat();
    given::<Subject>(ended).when(cancel(&document)).then_nothing();
    let failed = [begun(&document), vec![ledger(&document, &[])]].concat();
    given::<Subject>(failed).when(cancel(&document)).then_nothing();
}

// Trainers outside.

/// An outcome as this evaluator writes it.
fn by(source: &str, outcome: Event) -> Recorded {
    let mut recorded = recorded(outcome);
    recorded.envelope.source = source.into();
    recorded
}

#[test]
fn a_finalist_is_evaluated_by_whom_the_strategy_names_whoever_else_says_something_and_in_any_order() {
    let outside = with("model", json!({ "strategy": "external:sklearn" }));
    for (document, ours, others) in [
        (document(), "evaluator", ["evaluator.sklearn", "outside"]),
        (outside, "evaluator.sklearn", ["evaluator", "evaluator.torch"]),
    ] {
        let events = [
            recorded(submit(&document)),
            by(ours, evaluated(&document, 4, Some(1.0))),
            by(others[0], evaluated(&document, 4, Some(9.0))),
            by(others[1], not_evaluated(&document, 4)),
        ];
        for order in orders_of(&events) {
            let mut machine = Subject::default();
            let rest =
                [tuning_sealed(&document, 1200), holdout_sealed(&document, 300), ledger(&document, &[4])];
            let all = order.into_iter().chain(rest.map(recorded));
            let outputs: Vec<Event> =
                all.flat_map(|event| machine.step(event.input())).map(|output| output.event).collect();
            let Some(Event::ExperimentCompleted(completed)) = outputs.last() else { panic!("{outputs:?}") };
            assert_eq!(completed.ranking[0].tuning, Some(1.0));
        }
    }
}

#[test]
fn an_outcome_from_somebody_else_is_refused_by_name() {
    let document = with("model", json!({ "strategy": "external:sklearn" }));
    let mut machine = Subject::default();
    begun(&document).into_iter().for_each(|event| drop(machine.step(recorded(event).input())));
    let why = machine.refuses(by("evaluator", evaluated(&document, 4, Some(9.0))).input()).unwrap();
    assert!(
        why.contains("written by evaluator: ") && why.ends_with("evaluated by evaluator.sklearn"),
        "{why}"
    );
    assert_eq!(machine.refuses(by("evaluator.sklearn", not_evaluated(&document, 4)).input()), None);
}
