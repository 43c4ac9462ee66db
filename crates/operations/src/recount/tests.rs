//! The recount on small ledgers that are written here.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use gauntlet_domain::experiment::*;
use gauntlet_domain::{Envelope, Timestamp, TrialId};
use gauntlet_quant::metrics::OnlineMoments;
use gauntlet_search::rng::Stream;
use gauntlet_wire::Codec;

use super::*;

const BUDGET: i64 = 40;

fn experiment() -> ExperimentId {
    ExperimentId::derive(&[b"recount"])
}

fn trial_id(trial: i64) -> TrialId {
    TrialId::derive(&[experiment().0.as_bytes(), &trial.to_be_bytes()])
}

/// From its fixture, with two searches.
fn started() -> ExperimentStarted {
    let frame = include_bytes!("../../../../schemas/fixtures/048-ExperimentStarted.v3.bin");
    let Event::ExperimentStarted(started) = Codec::default().decode(Some(frame)).unwrap() else {
        panic!("the fixture holds another event")
    };
    let windows = started.windows[..1].to_vec();
    ExperimentStarted { experiment_id: experiment(), windows, ..*started }
}

fn submitted() -> ExperimentSubmitted {
    let document = format!(
        r#"{{"name":"x","data":{{"instrument":"A","venue":"B","bars":"time:1h","from":"2010-01-01","to":"2020-01-01"}},
            "model":{{"strategy":"ma-cross"}},"tuning":{{"trials":{BUDGET},"seed":1}},"validation":{{}}}}"#
    );
    ExperimentSubmitted {
        experiment_id: experiment(),
        name: "x".into(),
        mandate: "A".into(),
        place: 1,
        config_hash: ContentHash::of(document.as_bytes()),
        document,
        tuning_snapshot: started().plan.data.snapshot_id,
        holdout_snapshot: started().holdout.snapshot_id,
        submitted_by: String::new(),
    }
}

fn requested(trial: i64) -> Event {
    TrainingRequested {
        experiment_id: experiment(),
        trial,
        trial_id: trial_id(trial),
        parameters: Parameters::new(),
        plan: started().plan,
        pruning_thresholds: Vec::new(),
        addressee: "trainer".into(),
    }
    .into()
}

/// Some are pruned, some fail, some have no Sharpe ratio.
fn sharpe(trial: i64) -> Option<f64> {
    (trial % 5 != 3).then(|| (trial as f64 * 0.7).sin() * 1e3_f64.powi((trial % 3) as i32))
}

fn answered(trial: i64) -> Event {
    let (experiment_id, trial_id, parameters) = (experiment(), trial_id(trial), Parameters::new());
    match trial % 7 {
        5 => TrialPruned {
            experiment_id,
            trial,
            trial_id,
            parameters,
            fold: 0,
            threshold: 0.0,
            fold_values: vec![],
        }
        .into(),
        6 => TrialFailed {
            experiment_id,
            trial,
            trial_id,
            parameters,
            reason: TrialFailure::TrainingFailed,
            detail: String::new(),
        }
        .into(),
        _ => {
            let metrics = Metrics::from([("sharpe".to_owned(), sharpe(trial))]);
            TrialCompleted {
                experiment_id,
                trial,
                trial_id,
                parameters,
                value: None,
                fold_values: vec![],
                metrics,
            }
            .into()
        }
    }
}

/// What the first trials of the search come to, folded in their order.
fn entry(ended: TuningEnd, requested: i64, answered: i64, looks: i64) -> LedgerEntered {
    let (mut moments, mut counts) = (OnlineMoments::new(), [0; 3]);
    for trial in 0..answered {
        counts[usize::try_from((trial % 7 - 4).max(0)).unwrap()] += 1;
        if trial % 7 < 5 {
            sharpe(trial).into_iter().for_each(|sharpe| moments.push(sharpe));
        }
    }
    let started = started();
    LedgerEntered {
        mandate: "A".into(),
        experiment_id: experiment(),
        place: 1,
        data: started.plan.data,
        ended,
        requested,
        completed: counts[0],
        pruned: counts[1],
        failed: counts[2],
        finalists: Vec::new(),
        sharpe: SharpeMoments {
            count: moments.count() as i64,
            mean: moments.mean(),
            variance: moments.variance(),
            skewness: None,
            kurtosis: None,
        },
        looks,
        holdout_from: Some(started.holdout.from),
        holdout_to: Some(started.holdout.to),
        family: Metrics::new(),
        representatives: Vec::new(),
        series: None,
    }
}

/// A log that is shown to a recount, event by event.
struct Log {
    recount: Recount,
    offset: u64,
    problems: Vec<String>,
}

impl Log {
    fn of(entry: LedgerEntered, decided_at: Option<&str>) -> Log {
        let versions = BTreeMap::from([("tuner", "1"), ("selector", "1"), ("experiments", "2")]);
        let recount = Recount { versions, ..Recount::default() };
        let mut log = Log { recount, offset: 0, problems: Vec::new() };
        log.show(entry.into(), decided_at, true);
        log.see(submitted());
        log.see(started());
        log.offset = 0;
        log
    }

    fn see(&mut self, event: impl Into<Event>) {
        self.show(event.into(), None, true);
    }

    fn show(&mut self, event: Event, decided_at: Option<&str>, is_of_writer: bool) {
        let id = event.id();
        let envelope = Envelope {
            id,
            causation: id,
            correlation: id,
            source: String::new(),
            recorded_at: Timestamp(0),
            logic: None,
            took_micros: None,
            decided_at: decided_at.map(str::to_owned),
            trace: None,
        };
        let record = Record {
            partition: Arc::new(TopicPartition::new(event.topic().name, 0)),
            offset: self.offset,
            key: event.key().into_bytes(),
            headers: Vec::new(),
            value: None,
            timestamp_micros: 0,
        };
        self.offset += 1;
        let recorded = Recorded { event, envelope };
        self.recount.see(&record, &recorded, is_of_writer, &mut self.problems);
    }

    /// Results from the first offset on.
    fn answers(&mut self, trials: impl IntoIterator<Item = i64>) {
        self.offset = 0;
        trials.into_iter().for_each(|trial| self.see(answered(trial)));
    }

    fn end(mut self) -> (Recounted, Vec<String>) {
        let recounted = self.recount.finish(&mut self.problems);
        (recounted, self.problems)
    }
}

fn shuffled(seed: u64, mut numbers: Vec<i64>) -> Vec<i64> {
    let draw = |number: &i64| Stream::new(seed).at(*number as u64).bits();
    numbers.sort_by_key(draw);
    numbers
}

/// Requests and results in any order, some of them twice: the same bits.
#[test]
fn orders_and_repetitions_change_nothing() {
    let all: Vec<i64> = (0..2 * BUDGET).collect();
    for seed in 0..50 {
        let mut log = Log::of(entry(TuningEnd::BudgetSpent, BUDGET, BUDGET, BUDGET), None);
        let twice = |part: u64| all.iter().copied().chain(all.iter().copied().skip(part as usize).step_by(3));
        shuffled(seed, twice(seed % 3).collect()).into_iter().for_each(|trial| log.see(requested(trial)));
        log.answers(shuffled(seed + 1_000, twice(1).collect()));
        let (recounted, problems) = log.end();
        assert_eq!((recounted.ledger_entries, problems), (1, vec![]), "seed {seed}");
        assert_eq!(recounted.not_compared, []);
    }
}

#[test]
fn a_search_that_was_cancelled_counts_what_had_come_by_then() {
    let cancelled = || entry(TuningEnd::Cancelled, 20, 12, 7);
    let of = |decided_at, answers: Vec<i64>| {
        let mut log = Log::of(cancelled(), Some(decided_at));
        (0..20).chain(BUDGET..BUDGET + 7).for_each(|trial| log.see(requested(trial)));
        log.answers(answers);
        log.end().1
    };
    let twelve = "experiments.v1/0=2;trial.results.v1/0=12";
    assert_eq!(of(twelve, (0..15).collect()), Vec::<String>::new());
    let backwards = || (0..12).rev().chain([13]);
    assert_eq!(of(twelve, backwards().collect()), Vec::<String>::new());
    // Of the input that decided, the record has the own offset.
    assert_eq!(of("trial.results.v1/0=11;experiments.v1/0=2", (0..15).collect()), Vec::<String>::new());
    let problems = of("experiments.v1/0=2;trial.results.v1/0=11", (0..15).collect());
    assert!(
        problems
            .iter()
            .any(|problem| problem.contains("is 12 in the ledger") || problem.contains("completed is"))
    );
    // Nothing had been read.
    let problems = of("experiments.v1/0=2", (0..15).collect());
    assert!(
        problems.iter().any(|problem| problem.contains("sharpe.count") && problem.contains(", 0 by")),
        "{problems:?}"
    );
}

/// The missing one has no Sharpe ratio, so the moments are those of the first five.
#[test]
fn a_result_behind_one_that_never_came_counts() {
    let five = entry(TuningEnd::Cancelled, 6, 5, 0);
    let mut log = Log::of(LedgerEntered { completed: five.completed - 1, ..five }, None);
    (0..6).for_each(|trial| log.see(requested(trial)));
    log.answers([4, 2, 0, 1]);
    assert_eq!(log.end().1, Vec::<String>::new());
}

#[test]
fn answers_that_nobody_asked_for_do_not_count() {
    let mut log = Log::of(entry(TuningEnd::Cancelled, 4, 4, 0), None);
    (0..4).for_each(|trial| log.see(requested(trial)));
    log.answers([0, 1, 2, 3, 4, BUDGET, 2 * BUDGET, 9_000_000_000, -1]);
    // Of another trial's id, and by somebody else.
    let Event::TrialCompleted(completed) = answered(0) else { panic!("trial 0 is completed") };
    let other = |trial| TrialCompleted { trial, metrics: Metrics::new(), ..completed.clone() };
    log.see(other(2));
    log.show(answered(4), None, false);
    assert_eq!(log.end().1, Vec::<String>::new());
}

#[test]
fn requests_that_retention_has_removed_are_told_from_results_where_all_have_one() {
    let of = |entry: LedgerEntered| {
        let mut log = Log::of(entry, None);
        log.recount.are_requests_gone = true;
        log.answers(0..2 * BUDGET);
        log.end()
    };
    let whole = |requested| entry(TuningEnd::BudgetSpent, requested, BUDGET, BUDGET);
    let (recounted, problems) = of(whole(BUDGET));
    assert_eq!((recounted.ledger_entries, problems), (1, vec![]));
    let (_, problems) = of(whole(BUDGET + 1));
    assert!(
        problems[0].contains("requested is 41 in the ledger, 40 by the trials on the log"),
        "{problems:?}"
    );
    let (recounted, problems) = of(entry(TuningEnd::Cancelled, 30, 20, 0));
    assert_eq!((recounted.ledger_entries, problems), (0, vec![]));
    let left_out = NotRecounted {
        what: "entries of the ledger",
        why: "retention has removed requests for trials".into(),
        events: 1,
    };
    assert_eq!(recounted.not_compared, [left_out]);
}

#[test]
fn an_end_that_the_tuner_has_seen_has_an_entry() {
    let ended = |read: u64, version: &'static str| {
        let recount = Recount {
            versions: BTreeMap::from([("experiments", version)]),
            tuned: Positions::from([(TopicPartition::new("experiments.v1", 0), read)]),
            ..Recount::default()
        };
        let mut log = Log { recount, offset: 0, problems: Vec::new() };
        log.see(submitted());
        log.see(ExperimentCancelled { experiment_id: experiment(), reason: String::new() });
        log.end().1
    };
    assert_eq!(ended(1, "2"), Vec::<String>::new(), "not yet");
    assert_eq!(ended(2, "3"), Vec::<String>::new(), "by another version");
    let [problem] = ended(2, "2").try_into().unwrap();
    assert!(problem.ends_with("place 1 has no entry in the ledger, and it has ended"), "{problem}");
}
