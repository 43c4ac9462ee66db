//! Redelivery, order, batching and the wall clock change nothing: the views end in one state.

use std::collections::{BTreeMap, BTreeSet};

use crate::story::*;
use gauntlet_domain::experiment::*;
use gauntlet_domain::{Event, Recorded, Timestamp};
use gauntlet_projector::rows;
use gauntlet_views::schema::{EXPERIMENTS, History, LEADERBOARDS, QUALITY, RUNS, TRADE_LOGS, VIEWS};
use gauntlet_views::{EmbeddedStore, Row, TableDigest, Upsert, Value, ViewStore, joins};
use proptest::prelude::*;

/// Two sources cleaned, one experiment to its end, one cancelled, one refused, in an order in which it may have happened.
#[expect(clippy::too_many_lines, reason = "one course of events, told in its order")]
fn history() -> Vec<Recorded> {
    let mut events: Vec<Event> = Vec::new();
    for source in ["file a", "file b"] {
        events.push(rejected(source, "bad_time").into());
        events.push(rejected(source, "crossed").into());
        events.push(corrected(source, "out_of_order").into());
        events.push(gap(source).into());
        events.push(cleaned(source).into());
    }
    for (place, name) in ["gold", "stopped", "refused"].into_iter().enumerate() {
        let submitted = submitted(name, place as i64 + 1);
        let config =
            ConfigRegistered { config_hash: submitted.config_hash, document: submitted.document.clone() };
        events.extend([config.into(), submitted.into()]);
    }
    for snapshot in [tuning(), holdout()] {
        events.extend([snapshot.clone().into(), due(&snapshot).into(), sealed(&snapshot).into()]);
    }
    // A snapshot that is asked for and not yet due.
    events.push(command(0, 1_000 * HOUR).into());
    events.push(
        ExperimentFailed {
            experiment_id: experiment("refused"),
            reason: "invalid_document".into(),
            detail: "x".into(),
        }
        .into(),
    );
    for name in ["gold", "stopped"] {
        events.push(started(name).into());
        events.extend((0..5).map(|number| trial_completed(name, number).into()));
        events.extend((5..7).map(|number| trial_pruned(name, number).into()));
        events.push(trial_failed(name, 7, "panicked").into());
    }
    events.push(
        ExperimentCancelled { experiment_id: experiment("stopped"), reason: "wrong data".into() }.into(),
    );
    events.push(entered("stopped", 2, "cancelled").into());
    events.push(entered("gold", 1, "budget_spent").into());
    for number in 0..3 {
        events.push(evaluated("gold", number).into());
        for phase in ["tuning", "holdout"] {
            events.extend((0..2).map(|chunk| trades(number, phase, chunk, 7).into()));
            events.extend((0..2).map(|chunk| equity(number, phase, chunk, 20).into()));
        }
    }
    events.push(walked("gold").into());
    events.push(
        EvaluationFailed {
            experiment_id: experiment("gold"),
            model_id: model(3),
            trial: 3,
            reason: "data_unavailable".into(),
            detail: "no file".into(),
        }
        .into(),
    );
    let ranked = |number: i64| RankedModel {
        model_id: model(number),
        trial: number,
        tuning: Some(number as f64),
        walk_forward: None,
        holdout: Some(0.75),
        verdict: verdict(number),
    };
    events.extend(selection());
    let ranking = vec![ranked(2), ranked(1), ranked(0)];
    events.push(ExperimentCompleted { experiment_id: experiment("gold"), ranking }.into());
    events.into_iter().map(recorded).collect()
}

fn project(events: &[Recorded], batch: usize) -> EmbeddedStore {
    let store = EmbeddedStore::memory().unwrap();
    let all: Vec<Upsert> = events.iter().flat_map(rows).collect();
    for batch in all.chunks(batch) {
        store.write(batch, &[]).unwrap();
    }
    store
}

fn digest(events: &[Recorded], batch: usize) -> BTreeMap<&'static str, TableDigest> {
    project(events, batch).digest().unwrap()
}

fn texts(rows: &[Row], column: &str) -> Vec<String> {
    rows.iter().map(|row| row.get(column).unwrap().as_text().unwrap_or("null").to_owned()).collect()
}

#[test]
fn the_history_reaches_every_view() {
    let digests = digest(&history(), 1_000);
    for table in VIEWS {
        assert!(digests[table.name].rows > 0, "{} is empty", table.name);
    }
    assert_eq!(digests["experiments"].rows, 3);
    // Trials of two experiments, two phases of four finalists, a walk-forward.
    assert_eq!(digests["runs"].rows, 2 * 8 + 4 * 2 + 1);
    assert_eq!(digests["walk_forward_folds"].rows, 2);
    assert_eq!(digests["trade_logs"].rows, 3 * 2 * 2 * 7);
    assert_eq!(digests["equity_curves"].rows, 3 * 2 * 2 * 20);
    // Rows of two sources with one number, one time and one reason are two rows.
    assert_eq!(digests["quality"].rows, 2 * 7);
}

/// Views as of an earlier position rest on it (`History`).
#[test]
fn a_row_of_a_view_that_one_event_makes_is_made_by_one() {
    let (mut makers, mut said) = (BTreeMap::new(), BTreeMap::new());
    for event in history() {
        let rows = rows(&event);
        let keys: BTreeSet<_> = rows.iter().map(|row| (row.table.name, row.key.clone())).collect();
        assert_eq!(keys.len(), rows.len(), "{:?} writes a row twice", event.event.kind());
        for row in rows {
            let id = (row.table.name, row.key.clone());
            match row.table.history() {
                History::Once => {
                    let maker = makers.entry(id).or_insert(event.envelope.id);
                    assert_eq!(*maker, event.envelope.id, "{} {:?}", row.table.name, row.key);
                }
                History::Repeats(_) => {
                    let first = said.entry(id).or_insert_with(|| row.cells.clone());
                    assert_eq!(*first, row.cells, "{} {:?}", row.table.name, row.key);
                }
                History::Changes(_) => {}
                History::None => panic!("{} is no view", row.table.name),
            }
        }
    }
    assert!(makers.len() > 100 && said.len() > 2, "{} {}", makers.len(), said.len());
}

#[test]
fn what_people_ask_is_answered() {
    let store = project(&history(), 10);
    let status = |name: &str| {
        let row = store.row(&EXPERIMENTS, &[experiment(name).to_string().into()]).unwrap().unwrap();
        row.get("status").unwrap().as_text().unwrap().to_owned()
    };
    assert_eq!(["gold", "stopped", "refused"].map(status), ["completed", "cancelled", "failed"]);
    let gold = experiment("gold").to_string();
    for metric in ["sharpe", "max_drawdown"] {
        let board = store.partition(&LEADERBOARDS, &[gold.as_str().into(), metric.into()], None).unwrap();
        assert_eq!(texts(&board, "model_id"), [2, 1, 0].map(|number| model(number).to_string()), "{metric}");
    }
    let run = format!("{}:holdout", model(1));
    let fills = store.partition(&TRADE_LOGS, &[run.into()], None).unwrap();
    let prices: Vec<_> = fills.iter().map(|row| row.get("price").unwrap().as_double().unwrap()).collect();
    let chunk: Vec<f64> = (0..7).map(|i| 1_300.5 + f64::from(i)).collect();
    assert_eq!(prices, [chunk.clone(), chunk].concat(), "fills of one time keep their order across chunks");
    let marks = store.partition(&QUALITY, &["XAUUSD.OANDA".into()], Some(4)).unwrap();
    assert_eq!(texts(&marks, "source"), ["file a", "file b", "file a", "file b"]);
    // The runs' snapshots and the model's configuration are the experiment's.
    let runs = joins::runs(&store, &gold).unwrap();
    assert_eq!(runs.len(), 17);
    for run in &runs {
        let holdout_run = run.get("phase") == Some(&"holdout".into());
        let snapshot = if holdout_run { holdout() } else { tuning() }.snapshot_id.to_string();
        assert_eq!(run.get("snapshot_id"), Some(&Value::from(snapshot)));
    }
    let model = joins::model(&store, &model(2).to_string()).unwrap().unwrap();
    let config = submitted("gold", 1).config_hash.to_string();
    assert_eq!(model.get("training_config_id"), Some(&Value::from(config)));
}

#[test]
fn the_wall_clock_is_shown_and_in_no_digest() {
    let mut later = history();
    for (seconds, event) in (1..).zip(&mut later) {
        event.envelope.recorded_at = Timestamp(NOW.0 + seconds * 1_000_000_000);
        event.envelope.took_micros = (seconds % 3 != 0).then_some(seconds);
    }
    assert_eq!(digest(&later, 100), digest(&history(), 100));
    let ends = |events: &[Recorded]| {
        let rows = project(events, 100).scan(&RUNS, None).unwrap();
        rows.iter().map(|row| row.get("end").unwrap().clone()).collect::<Vec<_>>()
    };
    assert_ne!(ends(&later), ends(&history()));
}

#[test]
fn another_fact_gives_another_digest() {
    let history = history();
    let expected = digest(&history, 100);
    let mut compared = 0;
    for left_out in 0..history.len() {
        let mut others = history.clone();
        let gone = others.remove(left_out);
        // These are said again by a later event; every other fact would be missed.
        let repeated = matches!(
            gone.event,
            Event::ConfigRegistered(_)
                | Event::CreateSnapshot(_)
                | Event::SnapshotDue(_)
                | Event::ExperimentStarted(_)
                | Event::CandidateRejected(_)
                | Event::ExperimentJudged(_)
        );
        let same = digest(&others, 100) == expected;
        if !repeated {
            assert!(!same, "nobody misses {:?}", gone.event);
            compared += 1;
        }
    }
    assert!(compared > 60, "{compared}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn duplicates_order_and_batches_change_nothing(
        order in Just(history()).prop_shuffle(),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        batch in 1..200_usize,
    ) {
        let mut events = order;
        for index in again {
            let event = events[index.index(events.len())].clone();
            events.insert(index.index(events.len()), event);
        }
        prop_assert_eq!(digest(&events, batch), digest(&history(), 1_000));
    }
}
