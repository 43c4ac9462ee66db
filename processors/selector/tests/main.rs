//! The machine: experiments of a mandate in their order, against everything that was tried before; champions and waivers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

use gauntlet_domain::experiment::*;
use gauntlet_domain::gates::{Bound, Gate, Policy, hash_of, in_effect};
use gauntlet_domain::robustness::Reasons;
use gauntlet_domain::selection::*;
use gauntlet_domain::verdict::{Comparison, Evidence, Outcome, judge};
use gauntlet_domain::{BarSpec, ContentHash, Event, ExperimentId, ModelId, SnapshotId, Timestamp, Verdict};
use gauntlet_processor::harness::{Partitions, check_interleavings, check_properties, given, recorded, run};
use gauntlet_processor::machine::Machine;
use gauntlet_selector::Selector;

const DAY: i64 = 86_400_000_000_000;

fn experiment(place: i64) -> ExperimentId {
    ExperimentId::derive(&[&place.to_be_bytes()])
}

fn model(place: i64, trial: i64) -> ModelId {
    ModelId::derive(&[&place.to_be_bytes(), &trial.to_be_bytes()])
}

fn data(from: i64, to: i64) -> DataRef {
    DataRef {
        snapshot_id: SnapshotId::derive(&[&from.to_be_bytes()]),
        content_hash: ContentHash::of(&from.to_be_bytes()),
        instrument: "A.B".into(),
        spec: BarSpec::Time { seconds: 3600 },
        from: Timestamp(from * DAY),
        to: Timestamp(to * DAY),
        rows: 1_000,
    }
}

/// So many trials with a deviation of their annual Sharpe ratios of one half.
fn entered(place: i64, trials: i64) -> Event {
    LedgerEntered {
        mandate: "A".into(),
        experiment_id: experiment(place),
        place,
        data: data(0, 1_000),
        ended: "budget_spent".into(),
        requested: trials,
        completed: trials,
        pruned: 0,
        failed: 0,
        finalists: vec![model(place, 0), model(place, 1)],
        sharpe: SharpeMoments {
            count: trials,
            mean: Some(0.0),
            variance: Some(0.25),
            skewness: None,
            kurtosis: None,
        },
        looks: 7,
        holdout_from: Some(Timestamp(1_000 * DAY)),
        holdout_to: Some(Timestamp(1_250 * DAY)),
        family: Metrics::from([("pbo".to_owned(), Some(0.5))]),
        representatives: vec![],
        series: None,
    }
    .into()
}

fn plateau(passes: bool) -> Verdict {
    let statistic = Some(if passes { 0.9 } else { 0.1 });
    judge("plateau", statistic, Comparison::AtLeast, Some(0.6), Evidence::default())
}

/// A finalist whose daily returns have this Sharpe ratio over 1,000 days.
fn risk(place: i64, trial: i64, sharpe: f64, passes: bool) -> CandidateRisk {
    let figure = |name: &str, value| (format!("inference.{name}"), Some(value));
    CandidateRisk {
        model_id: model(place, trial),
        trial,
        rank: trial + 1,
        artifact: None,
        verdicts: vec![plateau(passes)],
        figures: Metrics::from([
            figure("observations", 1_000.0),
            figure("periods_per_year", 250.0),
            figure("sharpe", sharpe),
            figure("skewness", 0.0),
            figure("kurtosis", 3.0),
        ]),
        undefined: Reasons::new(),
        series: Some(ContentHash::of(&place.to_be_bytes())),
        logic: Some("7".into()),
    }
}

fn ledger_gates() -> Vec<Gate> {
    let gates = in_effect(&Policy::default_policy(), &Default::default()).unwrap();
    let names = ["deflated_sharpe", "pbo", "ledger_incomplete", "challenger"];
    gates.into_iter().filter(|gate| names.contains(&gate.name.as_str())).collect()
}

fn ended(place: i64, end: &str, candidates: Vec<CandidateRisk>) -> Event {
    RiskVerdictIssued {
        mandate: "A".into(),
        experiment_id: experiment(place),
        place,
        ended: end.into(),
        submitted_by: "ann".into(),
        config_hash: ContentHash::of(&place.to_be_bytes()),
        policy: PolicyRef { name: "default".into(), hash: hash_of(&ledger_gates()) },
        ledger_gates: serde_json::to_string(&ledger_gates()).unwrap(),
        data: Some(data(0, 1_000)),
        holdout: Some(data(1_000, 1_250)),
        candidates,
    }
    .into()
}

fn completed(place: i64, candidates: Vec<CandidateRisk>) -> Event {
    ended(place, "completed", candidates)
}

fn compared(challenger: ModelId, champion: ModelId, advantage: Option<f64>) -> Event {
    let undefined = match advantage {
        None => Reasons::from([("advantage".to_owned(), "too few days".to_owned())]),
        Some(_) => Reasons::new(),
    };
    ChallengeMeasured {
        mandate: "A".into(),
        experiment_id: experiment(2),
        challenger,
        champion,
        figures: Metrics::from([("advantage".to_owned(), advantage)]),
        undefined,
    }
    .into()
}

/// What was decided, a word each.
fn said(events: &[Event]) -> Vec<String> {
    let word = |event: &Event| match event {
        Event::CandidateSelected(e) => format!("selected {}", e.candidate.trial),
        Event::CandidateRejected(e) => format!("rejected {} by {}", e.candidate.trial, e.failed.join("+")),
        Event::ExperimentJudged(e) => format!("{} {}", e.place, e.judgement),
        Event::ChallengeRequested(e) => format!("compare {}", e.challenger.model_id == model(2, 0)),
        Event::WaiverGranted(e) => format!("granted {}", e.waive.gate),
        Event::WaiverRefused(e) => format!("not granted: {}", e.detail),
        other => panic!("{other:?}"),
    };
    events.iter().map(word).collect()
}

fn verdict(event: &Event, gate: &str) -> Verdict {
    let candidate = match event {
        Event::CandidateSelected(e) => &e.candidate,
        Event::CandidateRejected(e) => &e.candidate,
        other => panic!("{other:?}"),
    };
    candidate.verdicts.iter().find(|verdict| verdict.gate == gate).unwrap().clone()
}

/// Two experiments on the same bars, out of order, a cancelled one between them, a challenger that loses.
fn history() -> Vec<Event> {
    vec![
        completed(2, vec![risk(2, 0, 0.3, true), risk(2, 1, 0.3, true)]),
        entered(3, 5),
        entered(2, 100),
        completed(1, vec![risk(1, 0, 0.3, true), risk(1, 1, 0.3, false)]),
        entered(1, 100),
        compared(model(2, 0), model(1, 0), Some(-0.01)),
        ended(3, "cancelled", vec![]),
    ]
}

#[test]
fn it_has_the_properties_of_every_machine() {
    assert_eq!(check_properties::<Selector>(&history()), 8);
    let of = |event: &Event| event.topic().name.to_owned();
    // An answer comes after its question.
    let after = |event: &Event, outputs: &[Event]| {
        !matches!(event, Event::ChallengeMeasured(_))
            || outputs.iter().any(|output| matches!(output, Event::ChallengeRequested(_)))
    };
    let partitions = Partitions { of: &of, is_possible: &after };
    assert!(check_interleavings::<Selector>(&history(), &partitions, 100) > 100);
}

#[test]
fn experiments_are_judged_in_their_order_and_the_champion_stays_until_it_is_beaten() {
    let wanted = [
        "selected 0",
        "rejected 1 by plateau",
        "1 selected",
        "compare true",
        "rejected 0 by challenger",
        "rejected 1 by outranked",
        "2 rejected",
        "3 cancelled",
    ];
    assert_eq!(said(&run::<Selector>(&history())), wanted);
    // Undefined never wins, and a tie leaves the champion.
    for advantage in [None, Some(0.0)] {
        let mut history = history();
        history[5] = compared(model(2, 0), model(1, 0), advantage);
        assert_eq!(said(&run::<Selector>(&history)), wanted, "{advantage:?}");
    }
    let mut history = history();
    history[5] = compared(model(2, 0), model(1, 0), Some(0.01));
    let outputs = run::<Selector>(&history);
    assert_eq!(said(&outputs)[4..], ["selected 0", "rejected 1 by outranked", "2 selected", "3 cancelled"]);
    let Event::CandidateSelected(selected) = &outputs[4] else { panic!("selected") };
    assert_eq!(selected.replaces, Some(model(1, 0)));
}

/// Bailey and López de Prado (2014), with the trials of all experiments up to the candidate's: the more were tried, the less
/// the same Sharpe ratio is worth.
#[test]
fn the_deflation_counts_what_was_tried_before_and_nothing_later() {
    let outputs = run::<Selector>(&history());
    let (first, second) = (verdict(&outputs[0], "deflated_sharpe"), verdict(&outputs[4], "deflated_sharpe"));
    assert_eq!(first.evidence.numbers["ledger.trials"], Some(100.0));
    assert_eq!(second.evidence.numbers["ledger.trials"], Some(200.0));
    assert!(first.statistic.unwrap() > second.statistic.unwrap());
    // SR0 = 0.5 · E[max of 100], and the two groups have the same mean.
    let ceiling = first.evidence.numbers["ledger.ceiling"].unwrap();
    assert!((ceiling - 0.5 * 2.530_602).abs() < 1e-4, "{ceiling}");
    // PBO is at its threshold, which passes.
    assert_eq!(verdict(&outputs[0], "pbo").outcome, Outcome::Passed);
    assert_eq!(verdict(&outputs[0], "ledger_incomplete").statistic, Some(0.0));
}

#[test]
fn a_later_experiment_waits_for_every_earlier_one() {
    let history = [entered(1, 100), entered(2, 100), completed(2, vec![risk(2, 0, 0.3, true)])];
    assert!(run::<Selector>(&history).is_empty());
    // The ledger's entry alone ends nothing.
    let with = given::<Selector>(history.to_vec()).when(ended(1, "failed", vec![])).outputs();
    let events: Vec<Event> = with.into_iter().map(|output| output.event).collect();
    assert_eq!(said(&events), ["1 failed", "selected 0", "2 selected"]);
}

fn waive(gate: &str, author: &str, version: ContentHash, expires: i64) -> Waive {
    Waive {
        mandate: "A".into(),
        model_id: model(1, 0),
        version_hash: version,
        gate: gate.into(),
        author: author.into(),
        reason: "seen".into(),
        expires: Timestamp(expires * DAY),
    }
}

fn refused() -> (Vec<Event>, ContentHash) {
    let history = vec![entered(1, 100), completed(1, vec![risk(1, 0, 0.3, false)])];
    let outputs = run::<Selector>(&history);
    let Event::CandidateRejected(rejected) = &outputs[0] else { panic!("rejected") };
    (history, rejected.candidate.version_hash)
}

#[test]
fn a_waiver_lets_the_model_through_and_says_by_whom() {
    let (mut history, version) = refused();
    history.push(waive("plateau", "ben", version, 2_000).into());
    let outputs = run::<Selector>(&history);
    assert_eq!(said(&outputs)[2..], ["granted plateau", "selected 0"]);
    let verdict = verdict(&outputs[3], "plateau");
    assert_eq!((verdict.outcome, verdict.waiver.unwrap().author.as_str()), (Outcome::Waived, "ben"));
    let Event::CandidateSelected(selected) = &outputs[3] else { panic!("selected") };
    assert_eq!(selected.candidate.attempt, 2);
    assert_eq!(check_properties::<Selector>(&history), 4);
}

#[test]
fn a_waiver_that_does_not_hold_is_refused_by_name() {
    let (history, version) = refused();
    let other = ContentHash::of(b"another");
    let unknown = Waive { model_id: model(9, 9), ..waive("plateau", "ben", version, 2_000) };
    for (waive, said) in [
        (waive("plateau", "Ann", version, 2_000), "submitted the model"),
        (waive("plateau", "ann@example.org", version, 2_000), "submitted the model"),
        (waive("plateau", "\u{430}nn", version, 2_000), "no two names look alike"),
        (waive("plateau", "ben", other, 2_000), "look at it again"),
        (waive("plateau", "ben", version, 1_250), "choose a later expiry"),
        (waive("pbo", "ben", version, 2_000), "is passed"),
        (waive("ledger_incomplete", "ben", version, 2_000), "cannot be waived by anybody"),
        (waive("plateu", "ben", version, 2_000), "was not judged by a gate"),
        (Waive { reason: " ".into(), ..waive("plateau", "ben", version, 2_000) }, "has a reason"),
        (unknown, "was not refused"),
    ] {
        let outputs = given::<Selector>(history.clone()).when(waive).outputs();
        let [output] = outputs.as_slice() else { panic!("{outputs:?}") };
        let Event::WaiverRefused(refused) = &output.event else { panic!("{output:?}") };
        assert!(refused.detail.contains(said), "{}", refused.detail);
    }
}

/// What this release cannot read passes nothing.
#[test]
fn gates_of_another_release_are_undefined_and_never_passed() {
    let unknown = Gate { name: "capacity".into(), bound: Bound::Min(1.0) };
    for gates in ["no gates".to_owned(), serde_json::to_string(&[unknown]).unwrap()] {
        let Event::RiskVerdictIssued(mut issued) = completed(1, vec![risk(1, 0, 0.3, true)]) else {
            panic!()
        };
        issued.ledger_gates = gates;
        let outputs = run::<Selector>(&[entered(1, 100), Event::RiskVerdictIssued(issued)]);
        assert_eq!(said(&outputs), ["rejected 0 by gates", "1 rejected"]);
        assert_eq!(verdict(&outputs[0], "gates").outcome, Outcome::Undefined);
    }
}

/// A bound that a policy loosens is looser in the verdict, whose policy says by its hash that it is another.
#[test]
fn a_loosened_gate_has_another_hash() {
    let mut gates = ledger_gates();
    gates[1].bound = Bound::Max(0.9);
    assert_ne!(hash_of(&gates), hash_of(&ledger_gates()));
}

/// What is over costs its entry in the ledger and nothing else: evidence of refused models goes after a hundred places.
#[test]
fn what_is_remembered_of_an_experiment_that_is_over_is_its_entry_in_the_ledger() {
    let mut selector = Selector::default();
    let mut sizes = Vec::new();
    for place in 1..=600 {
        let candidates = vec![risk(place, 0, 0.01, false), risk(place, 1, 0.01, false)];
        for event in [entered(place, 100), completed(place, candidates)] {
            Machine::step(&mut selector, recorded(event).input());
        }
        if place % 200 == 0 {
            sizes.push(Machine::save(&selector).unwrap().len());
        }
    }
    let growth: Vec<usize> = sizes.windows(2).map(|pair| (pair[1] - pair[0]) / 200).collect();
    assert!(growth.iter().all(|bytes| *bytes < 400), "{growth:?} bytes an experiment");
    assert!(growth[0].abs_diff(growth[1]) < 10, "{growth:?}");
}
