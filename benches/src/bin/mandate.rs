//! How long the selector takes for the next experiment of a mandate that has had many, and what it remembers of them.
//!
//! `cargo run --release -p gauntlet-benches --bin mandate [-- EXPERIMENTS]`, 10,000 when left out. Every experiment saw the
//! same bars, so each counts in the deflation of every later one; three finalists each, refused by the default policy.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::time::{Duration, Instant};

use gauntlet_benches::hardware;
use gauntlet_domain::experiment::*;
use gauntlet_domain::gates::{Gate, Policy, Stage, hash_of, in_effect};
use gauntlet_domain::robustness::Reasons;
use gauntlet_domain::selection::{CandidateRisk, PolicyRef, RiskVerdictIssued};
use gauntlet_domain::verdict::{Comparison, Evidence, judge};
use gauntlet_domain::words::{ExperimentEnd, TuningEnd};
use gauntlet_domain::{BarSpec, ContentHash, Event, ExperimentId, Input, ModelId, SnapshotId, Timestamp};
use gauntlet_processor::machine::Machine;
use gauntlet_selector::Selector;

const MANDATE: &str = "WALK";
const FINALISTS: i64 = 3;

fn data(from: i64, to: i64) -> DataRef {
    DataRef {
        snapshot_id: SnapshotId::derive(&[&from.to_be_bytes()]),
        content_hash: ContentHash::of(&from.to_be_bytes()),
        instrument: "WALK.SIM".into(),
        spec: BarSpec::Time { seconds: 86_400 },
        from: Timestamp(from),
        to: Timestamp(to),
        rows: to - from,
    }
}

fn model(place: i64, trial: i64) -> ModelId {
    ModelId::derive(&[&place.to_be_bytes(), &trial.to_be_bytes()])
}

fn entered(place: i64) -> Event {
    LedgerEntered {
        mandate: MANDATE.into(),
        experiment_id: ExperimentId::derive(&[&place.to_be_bytes()]),
        place,
        data: data(0, 2_000),
        ended: TuningEnd::BudgetSpent,
        requested: 100,
        completed: 100,
        pruned: 0,
        failed: 0,
        finalists: (0..FINALISTS).map(|trial| model(place, trial)).collect(),
        sharpe: SharpeMoments {
            count: 100,
            mean: Some(0.1),
            variance: Some(0.2),
            skewness: None,
            kurtosis: None,
        },
        looks: 500,
        holdout_from: Some(Timestamp(2_000)),
        holdout_to: Some(Timestamp(2_500)),
        family: Metrics::from([("pbo".to_owned(), Some(0.7))]),
        representatives: Vec::new(),
        series: None,
    }
    .into()
}

fn finalist(place: i64, trial: i64) -> CandidateRisk {
    let figure = |name: &str, value| (format!("inference.{name}"), Some(value));
    CandidateRisk {
        model_id: model(place, trial),
        trial,
        rank: trial + 1,
        artifact: None,
        verdicts: vec![judge("plateau", Some(0.1), Comparison::AtLeast, Some(0.6), Evidence::default())],
        figures: Metrics::from([
            figure("observations", 2_000.0),
            figure("periods_per_year", 250.0),
            figure("sharpe", 0.05),
            figure("skewness", 0.0),
            figure("kurtosis", 3.0),
        ]),
        undefined: Reasons::new(),
        series: None,
        logic: Some("7".into()),
    }
}

fn issued(place: i64, gates: &[Gate]) -> Event {
    RiskVerdictIssued {
        mandate: MANDATE.into(),
        experiment_id: ExperimentId::derive(&[&place.to_be_bytes()]),
        place,
        ended: ExperimentEnd::Completed,
        submitted_by: "walker".into(),
        config_hash: ContentHash::of(&place.to_be_bytes()),
        policy: PolicyRef { name: "default".into(), hash: hash_of(gates) },
        ledger_gates: serde_json::to_string(gates).expect("JSON"),
        data: Some(data(0, 2_000)),
        holdout: Some(data(2_000, 2_500)),
        candidates: (0..FINALISTS).map(|trial| finalist(place, trial)).collect(),
    }
    .into()
}

fn main() {
    hardware();
    let count: i64 = std::env::args().nth(1).map_or(10_000, |arg| arg.parse().expect("a number"));
    let gates = in_effect(&Policy::default_policy(), &Default::default()).expect("the default policy");
    let is_of_ledger = |gate: &Gate| gate.definition().is_some_and(|of| of.stage == Stage::Ledger);
    let gates: Vec<Gate> = gates.into_iter().filter(is_of_ledger).collect();
    let mut selector = Selector::default();
    let mut slowest = Duration::ZERO;
    for place in 1..=count {
        let (entered, issued) = (entered(place), issued(place, &gates));
        selector.step(Input { event: &entered, writer: "tuner" });
        let began = Instant::now();
        let decisions = selector.step(Input { event: &issued, writer: "risk" }).len() as i64;
        assert_eq!(decisions, FINALISTS + 1, "each finalist and the experiment");
        let took = began.elapsed();
        slowest = slowest.max(took);
        if [count / 100, count / 10, count].contains(&place) {
            let began = Instant::now();
            let state = selector.save().expect("a state").len();
            println!(
                "{place} experiments: the next is judged in {took:.2?} (slowest so far {slowest:.2?}); state of {:.2} MB, saved in {:.2?}",
                state as f64 / 1e6,
                began.elapsed()
            );
        }
    }
}
