//! Every event gives the rows that it should, and nothing that is written on the log gives a row that does not fit.

use crate::story::*;
use gauntlet_domain::experiment::*;
use gauntlet_domain::market::*;
use gauntlet_domain::*;
use gauntlet_projector::{TOPICS, row_that_shows, rows};
use gauntlet_views::{Upsert, Value};
use gauntlet_wire::codec::Codec;
use proptest::prelude::*;

/// A row as a person reads it: `table @stamp [key] column=value …`.
fn show(row: &Upsert) -> String {
    let value = |value: &Value| match value {
        Value::Null => "null".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Long(number) => number.to_string(),
        Value::Double(number) => format!("{number:?}"),
        Value::Bool(flag) => flag.to_string(),
        Value::Timestamp(nanos) => format!("t{nanos}"),
    };
    let key: Vec<String> = row.key.iter().map(value).collect();
    let cells: Vec<String> = row.cells.iter().map(|(name, cell)| format!("{name}={}", value(cell))).collect();
    format!("{} @{} [{}] {}", row.table.name, row.stamp, key.join(", "), cells.join(" | "))
}

#[track_caller]
fn gives(event: impl Into<Event>, expected: &[String]) {
    let rows = rows(&recorded(event));
    assert_eq!(rows.iter().map(show).collect::<Vec<_>>(), expected);
    rows.iter().for_each(|row| row.check().unwrap());
}

const OBSERVED: &str = "start=t1699999997500000000 | end=t1700000000000000000";

#[test]
fn cleaning_gives_a_row_a_tick_and_one_a_source() {
    let mark = |row: i64, reason: &str, rest: &str| {
        format!("quality @1 [XAUUSD.OANDA, t1, {row}, {reason}, a] {rest}")
    };
    gives(
        rejected("a", "crossed"),
        &[mark(4, "crossed", "action=rejected"), mark(9, "crossed", "action=rejected")],
    );
    gives(
        corrected("a", "out_of_order"),
        &[mark(4, "out_of_order", "action=corrected"), mark(9, "out_of_order", "action=corrected")],
    );
    gives(
        gap("a"),
        &["quality @1 [XAUUSD.OANDA, t3600000000000, 8, gap, a] action=gap | until=t10800000000000 | gaps=2"
            .into()],
    );
    gives(
        cleaned("a"),
        &["sources @1 [XAUUSD.OANDA, a] name=gold.csv | rows=100 | accepted=97 | \
           rejected={\"crossed\":2,\"stale\":1} | corrected={} | gaps=1 | \
           data_from=t3600000000000 | data_to=t32400000000000 | bars=time:1m, time:1h | status=cleaned"
            .into()],
    );
}

#[test]
fn a_snapshot_goes_through_its_stages_in_one_row() {
    let command = tuning();
    let row = |stamp: i64, rest: String| {
        format!(
            "data_snapshots @{stamp} [{}] source=OANDA | range_from=t0 | range_to=t360000000000000 | \
             instrument=XAUUSD.OANDA | spec=time:1h | {rest}",
            command.snapshot_id
        )
    };
    gives(command.clone(), &[row(1, "revision=0 | status=requested".into())]);
    gives(due(&command), &[row(2, "revision=0 | status=due".into())]);
    let (bars, file) = (hash("bars"), hash("file"));
    let files = format!(r#"[{{"path":"snapshots/a.parquet","sha256":"{file}","rows":100}}]"#);
    gives(sealed(&command), &[row(3, format!("status=sealed | hash={bars} | rows=100 | files={files}"))]);
}

#[test]
fn an_experiment_goes_through_its_stages_in_one_row() {
    let id = experiment("gold");
    let submitted = submitted("gold", 4);
    let (config, document) = (submitted.config_hash, submitted.document.clone());
    let configuration = format!("configurations @1 [{config}] parameters={document}");
    gives(ConfigRegistered { config_hash: config, document }, std::slice::from_ref(&configuration));
    let experiment = format!(
        "experiments @1 [{id}] name=gold | description=about gold | config_id={config} | mandate=XAUUSD | place=4 | \
         status=submitted | tuning_snapshot={} | holdout_snapshot={} | submitted_by=ann",
        tuning().snapshot_id,
        holdout().snapshot_id
    );
    gives(submitted, &[experiment, configuration]);
    gives(started("gold"), &[format!("experiments @2 [{id}] status=running | start=t1700000000000000000")]);
    let ended = |status: &str, rest: &str| {
        format!("experiments @3 [{id}] status={status} | end=t1700000000000000000{rest}")
    };
    gives(ExperimentCompleted { experiment_id: id, ranking: vec![] }, &[ended("completed", "")]);
    gives(
        ExperimentCancelled { experiment_id: id, reason: "typo".into() },
        &[ended("cancelled", " | detail=typo")],
    );
    gives(
        ExperimentFailed { experiment_id: id, reason: "no_data".into(), detail: "nothing there".into() },
        &[ended("failed", " | detail=no_data: nothing there")],
    );
}

#[test]
fn a_trial_is_a_run_and_a_tuning_result() {
    let (id, trial_id) = (experiment("gold"), trial(2));
    let run = |state: &str, rest: &str| {
        format!("runs @1 [{id}, {trial_id}] status={state} | phase=tuning | trial=2 | {OBSERVED}{rest}")
    };
    let result = |state: &str, rest: &str| {
        let parameters = r#"{"fast":2,"stop":2.0}"#;
        format!(
            "tuning_results @1 [{id}, 2] trial_id={trial_id} | hyperparameters={parameters} | state={state} | {rest}"
        )
    };
    let metrics = r#"{"sharpe":0.30000000000000004,"win_rate":null}"#;
    gives(
        trial_completed("gold", 2),
        &[
            run("completed", &format!(" | key_metrics={metrics}")),
            result("completed", &format!("metrics={metrics} | value=0.5")),
        ],
    );
    gives(
        trial_pruned("gold", 2),
        &[run("pruned", ""), result("pruned", "detail=after fold 1 with 0.125, threshold 0.5")],
    );
    gives(
        trial_failed("gold", 2, "panicked"),
        &[run("failed", ""), result("failed", "detail=panicked: index out of range")],
    );
}

#[test]
fn what_is_no_number_is_undefined_in_rows_too() {
    for wild in [f64::NAN, f64::INFINITY] {
        let mut trial = trial_completed("gold", 2);
        (trial.value, trial.metrics) = (Some(wild), metrics(&[("sharpe", Some(wild))]));
        let mut undefined = trial.clone();
        (undefined.value, undefined.metrics) = (None, metrics(&[("sharpe", None)]));
        assert_eq!(rows(&recorded(trial)), rows(&recorded(undefined)));
        let mut outcome = evaluated("gold", 2);
        outcome.holdout = metrics(&[("sharpe", Some(wild))]);
        let mut undefined = outcome.clone();
        undefined.holdout = metrics(&[("sharpe", None)]);
        assert_eq!(rows(&recorded(outcome)), rows(&recorded(undefined)));
    }
}

#[test]
fn an_evaluation_is_a_model_two_runs_and_its_places() {
    let (id, model) = (experiment("gold"), model(2));
    let run = |phase: &str, status: &str, rest: &str| {
        format!(
            "runs @1 [{id}, {model}:{phase}] model_id={model} | status={status} | phase={phase} | trial=2 | \
             {OBSERVED}{rest}"
        )
    };
    let tuning = concat!(
        r#" | key_metrics={"beta":0.5,"max_drawdown":0.08333333333333333,"sharpe":2.0,"sortino":null}"#,
        r#" | inference={"psr":0.75}"#
    );
    gives(
        evaluated("gold", 2),
        &[
            format!(
                "models @1 [{model}] version=1 | experiment_id={id} | trial=2 | artifact_path=artifacts/{} | \
                 parameters={{\"fast\":2,\"stop\":2.0}} | confirmed=true | verdict=confirmed: sharpe 0.7500 on the hold-out, \
                 at least 0.5000 needed (1.0000 walked forward)",
                hash("model")
            ),
            format!(
                "verdicts @1 [{model}, holdout] experiment_id={id} | statistic=0.75 | threshold=0.5 | \
                 comparison=at_least | outcome=passed | evidence={}",
                r#"{"data":null,"metric":"sharpe","model_id":null,"numbers":{"walk_forward":1.0},"phase":"holdout","remark":null}"#
            ),
            run("tuning", "completed", tuning),
            run("holdout", "completed", r#" | key_metrics={"max_drawdown":null,"sharpe":0.75}"#),
            // Less drawdown is better, beta only describes, an undefined Sortino ratio wins nothing.
            format!(
                "leaderboards @1 [{id}, max_drawdown, -0.08333333333333333, 2] model_id={model} | \
                 tuning=0.08333333333333333 | confirmed=true"
            ),
            format!(
                "leaderboards @1 [{id}, sharpe, 2.0, 2] model_id={model} | tuning=2.0 | holdout=0.75 | \
                 confirmed=true"
            ),
        ],
    );
    gives(
        EvaluationFailed {
            experiment_id: id,
            model_id: model,
            trial: 2,
            reason: "panicked".into(),
            detail: "".into(),
        },
        &[
            format!(
                "models @1 [{model}] version=1 | experiment_id={id} | trial=2 | confirmed=false | \
                 verdict=not evaluated: panicked"
            ),
            format!(
                "verdicts @1 [{model}, holdout] experiment_id={id} | comparison=unknown | outcome=undefined | "
            ) + &format!(r#"evidence={{"data":null,"metric":"","model_id":"{model}","#)
                + r#""numbers":{},"phase":null,"remark":null}"#,
            run("tuning", "failed", ""),
            run("holdout", "failed", ""),
        ],
    );
}

#[test]
fn denied_orders_stand_beside_the_metrics_of_their_run() {
    let denied = |count| DeniedOrders::from([("max_leverage".to_owned(), count)]);
    let mut limited = evaluated("gold", 2);
    (limited.denied, limited.holdout_denied) = (denied(12), denied(3));
    let mut walk = walked("gold");
    walk.denied = denied(4);
    let found = [rows(&recorded(limited)), rows(&recorded(walk))].concat();
    let found: Vec<String> = found.iter().map(show).collect();
    let of = |phase: &str| {
        let run = found.iter().find(|row| row.starts_with("runs") && row.contains(&format!("phase={phase}")));
        run.unwrap().rsplit_once(" | denied=").unwrap().1.to_owned()
    };
    assert_eq!(of("tuning"), r#"{"max_leverage":12}"#);
    assert_eq!(of("holdout"), r#"{"max_leverage":3}"#);
    assert_eq!(of("walk_forward"), r#"{"max_leverage":4}"#);
}

#[test]
fn a_walk_forward_is_a_run_and_its_folds() {
    let id = experiment("gold");
    gives(
        walked("gold"),
        &[
            format!("runs @1 [{id}, {id}:walk_forward] status=completed | phase=walk_forward | {OBSERVED}")
                + r#" | key_metrics={"sharpe":0.5} | summary={"efficiency":0.5,"flat_folds":1.0} | inference={"psr":0.625}"#,
            format!(
                "walk_forward_folds @1 [{id}, 1] range_from=t36000000000000 | range_to=t72000000000000 | trial=10 | completed=5 | "
            ) + r#"parameters={"fast":10,"stop":2.0} | in_sample=1.5 | in_sample_return=0.5 | value=0.75 | "#
                + "total_return=0.125 | annual_return=0.25",
            format!(
                "walk_forward_folds @1 [{id}, 2] range_from=t72000000000000 | range_to=t108000000000000 | completed=0 | "
            ) + "parameters={} | total_return=0.125",
        ],
    );
    gives(
        WalkForwardFailed { experiment_id: id, reason: "training_failed".into(), detail: "one class".into() },
        &[format!("runs @1 [{id}, {id}:walk_forward] status=failed | phase=walk_forward | {OBSERVED}")
            + r#" | summary={"failed":"training_failed: one class"}"#],
    );
}

#[test]
fn a_drawdown_of_zero_is_the_best_and_no_negative_zero() {
    let mut flat = evaluated("gold", 2);
    flat.tuning = metrics(&[("max_drawdown", Some(0.0)), ("made_up", Some(9.0))]);
    let rows = rows(&recorded(flat));
    let places: Vec<_> = rows.iter().filter(|row| row.table.name == "leaderboards").collect();
    // A metric without a definition has no better and no worse.
    assert_eq!(places.len(), 1);
    assert_eq!(places[0].key[2].as_double().unwrap().to_bits(), 0.0_f64.to_bits());
    places[0].check().unwrap();
}

#[test]
fn series_give_a_row_an_entry() {
    let (model, second) = (model(1), (1_i64 << 32) + 1);
    gives(
        trades(1, "holdout", 1, 2),
        &[
            format!(
                "trade_logs @1 [{model}:holdout, t0, {}] asset=XAUUSD.OANDA | action=buy | price=1300.5 | \
                 quantity=10.0 | pnl=0.0",
                second - 1
            ),
            format!(
                "trade_logs @1 [{model}:holdout, t3600000000000, {second}] asset=XAUUSD.OANDA | action=sell | \
                 price=1301.5 | quantity=11.0 | pnl=1.0"
            ),
        ],
    );
    gives(
        equity(1, "walk_forward", 0, 2),
        &[
            format!("equity_curves @1 [{model}:walk_forward, t0] portfolio_value=100000.0"),
            format!("equity_curves @1 [{model}:walk_forward, t3600000000000] portfolio_value=100001.0"),
        ],
    );
}

#[test]
fn the_ledger_gives_a_row_an_experiment() {
    gives(
        entered("gold", 7, "budget_spent"),
        &[format!(
            "trial_ledger @1 [XAUUSD, 7] experiment_id={} | ended=budget_spent | requested=8 | completed=5 | pruned=2 | \
             failed=1 | finalists=[\"{}\",\"{}\"] | \
             sharpe={{\"count\":5,\"kurtosis\":3.0,\"mean\":0.5,\"skewness\":null,\"variance\":0.25}} | looks=40 | instrument=XAUUSD.OANDA | \
             data_from=t0 | data_to=t360000000000000 | holdout_from=t3600000000000 | family={{}} | representatives=[]",
            experiment("gold"),
            model(2),
            model(1)
        )],
    );
}

/// The verdicts of the decision stand over that of the evaluator, those of a later attempt over an earlier one's.
#[test]
fn a_later_decision_takes_the_place_of_an_earlier_one() {
    let stamps = |event: Event| -> Vec<(&str, i64)> {
        rows(&recorded(event)).iter().map(|row| (row.table.name, row.stamp)).collect()
    };
    let decisions: Vec<Event> = selection()
        .into_iter()
        .filter(|event| matches!(event, Event::CandidateRejected(_) | Event::CandidateSelected(_)))
        .collect();
    let [first, second] = decisions.as_slice() else { panic!("two decisions") };
    assert_eq!(stamps(first.clone()), [("selections", 1), ("verdicts", 2)]);
    // A waiver selects a model of an experiment that was rejected: its judgement is the later one.
    assert_eq!(stamps(second.clone()), [("selections", 2), ("verdicts", 3), ("experiments", 5)]);
    let judged = selection().into_iter().find(|event| matches!(event, Event::ExperimentJudged(_))).unwrap();
    assert_eq!(stamps(judged), [("experiments", 4)]);
    let judgement = rows(&recorded(second.clone())).into_iter().find(|row| row.table.name == "experiments");
    assert_eq!(judgement.unwrap().cells[0], ("judgement", "selected".into()));
    let evaluated = stamps(evaluated("gold", 1).into());
    assert!(evaluated.contains(&("verdicts", 1)), "{evaluated:?}");
}

#[test]
fn codes_of_a_newer_version_pass_through() {
    let shown = |event: Event| rows(&recorded(event)).iter().map(show).collect::<Vec<_>>().join("\n");
    assert!(shown(rejected("a", "moon_phase").into()).contains("moon_phase"));
    assert!(shown(trial_failed("gold", 1, "moon_phase").into()).contains("detail=moon_phase: "));
    assert!(shown(entered("gold", 1, "moon_phase").into()).contains("ended=moon_phase"));
    assert!(shown(trades(1, "moon_phase", 0, 1).into()).contains(":moon_phase, "));
    let reason = "moon_phase";
    let failed =
        ExperimentFailed { experiment_id: experiment("gold"), reason: reason.into(), detail: "".into() };
    assert!(shown(failed.into()).ends_with("detail=moon_phase"));
    let counts =
        SourceCleaned { corrected: vec![ReasonCount { reason: reason.into(), count: 3 }], ..cleaned("a") };
    assert!(shown(counts.into()).contains(r#"corrected={"moon_phase":3}"#));
}

#[test]
fn without_a_duration_the_beginning_is_unknown() {
    let mut event = recorded(trial_completed("gold", 1));
    event.envelope.took_micros = None;
    let run = &rows(&event)[0];
    assert!(run.cells.iter().all(|(name, _)| *name != "start"));
    assert!(run.cells.iter().any(|(name, _)| *name == "end"));
}

#[test]
fn every_topic_is_read_once_in_the_order_of_the_table() {
    let of_table: Vec<_> = topics::ALL.iter().filter(|topic| TOPICS.contains(topic)).collect();
    assert_eq!(of_table, TOPICS);
    assert!(TOPICS.len() >= 10);
}

#[test]
fn an_event_from_outside_shows_in_a_row_that_it_or_its_answer_makes() {
    let config_hash = hash("c");
    let submitted = submitted("e", 1);
    let experiment_id = submitted.experiment_id;
    let document = String::new();
    let cases: [(Event, Event); 4] = [
        (
            ConfigRegistered { config_hash, document: document.clone() }.into(),
            ConfigRegistered { config_hash, document: document.clone() }.into(),
        ),
        (tuning().into(), tuning().into()),
        (
            SubmitExperiment {
                experiment_id,
                config_hash,
                document: document.clone(),
                submitted_by: String::new(),
            }
            .into(),
            submitted.into(),
        ),
        (
            SubmitExperiment { experiment_id, config_hash, document, submitted_by: String::new() }.into(),
            ExperimentFailed { experiment_id, reason: "invalid_document".into(), detail: String::new() }
                .into(),
        ),
    ];
    for (event, answer) in cases {
        let (table, key) = row_that_shows(&event).unwrap();
        let made = rows(&recorded(answer));
        assert!(made.iter().any(|row| row.table == table && row.key == key), "{} {key:?}", table.name);
    }
    let cancel = CancelExperiment { experiment_id, reason: String::new() };
    assert!(row_that_shows(&cancel.into()).is_none());
}

/// Every record version that was ever published.
fn published() -> Vec<Event> {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/fixtures");
    let mut files: Vec<_> = std::fs::read_dir(fixtures).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "bin"));
    files.sort();
    let codec = Codec::default();
    files.iter().map(|path| codec.decode(Some(&std::fs::read(path).unwrap())).unwrap()).collect()
}

#[test]
fn every_record_of_its_topics_gives_rows_and_no_other_does() {
    let (mut with, mut without) = (0, 0);
    for event in published() {
        let topic = event.kind().topic();
        let rows = rows(&recorded(event.clone()));
        // The entry in the ledger says it again.
        let is_said_later = matches!(event, Event::TrialFamilyMeasured(_));
        let is_shown = TOPICS.contains(&topic) && !is_said_later;
        assert_eq!(!rows.is_empty(), is_shown, "{} on {}", event.kind().name(), topic.name);
        rows.iter().for_each(|row| row.check().unwrap());
        if rows.is_empty() { without += 1 } else { with += 1 }
    }
    assert!(with >= 21 && without >= 11, "{with} with rows, {without} without");
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![prop::num::f64::ANY, Just(f64::NAN), Just(-0.0), Just(f64::INFINITY), -2.0..2.0_f64]
}

proptest! {
    #[test]
    fn whatever_an_event_says_its_rows_fit(
        text in "[\\x00a.é\"]{0,3}",
        number in any::<i64>(),
        value in any_number(),
        metric in prop::sample::select(vec!["sharpe", "max_drawdown", "beta", ""]),
        lengths in (0..3_usize, 0..3_usize, 0..3_usize),
        took in prop::option::of(any::<i64>()),
        at in any::<i64>(),
    ) {
        let source = text.as_str();
        let mut submitted = submitted("gold", number);
        (submitted.mandate, submitted.document, submitted.name) = (text.clone(), text.clone(), text.clone());
        let mut trial = trial_completed("gold", number);
        (trial.value, trial.metrics) = (Some(value), metrics(&[(metric, Some(value)), (source, None)]));
        trial.parameters.insert(text.clone(), ParameterValue::Float(value));
        let mut pruned = trial_pruned("gold", number);
        (pruned.threshold, pruned.fold_values) = (value, vec![Some(value); lengths.0]);
        let mut evaluated = evaluated("gold", number);
        evaluated.tuning = metrics(&[(metric, Some(value)), (source, Some(value))]);
        evaluated.holdout = evaluated.tuning.clone();
        (evaluated.verdict.gate, evaluated.verdict.statistic) = (text.clone(), Some(value));
        evaluated.verdict.threshold = Some(value);
        evaluated.verdict.evidence.numbers = evaluated.tuning.clone();
        let mut trades = TradeLogChunk { chunk: number, ..trades(1, source, 0, 2) };
        trades.prices = vec![value; lengths.0];
        trades.actions.truncate(lengths.1);
        trades.pnls = vec![value; lengths.2];
        let mut equity = equity(1, source, 0, 2);
        (equity.times, equity.values) = (vec![number; 2], vec![value; lengths.0]);
        let mut entered = entered("gold", number, source);
        (entered.mandate, entered.sharpe.mean) = (text.clone(), Some(value));
        let mut rejected = rejected(source, source);
        (rejected.instrument, rejected.times) = (text.clone(), vec![number; lengths.0]);
        let counts = vec![ReasonCount { reason: text.clone(), count: number }; lengths.0];
        let cleaned = SourceCleaned { instrument: text.clone(), rejected: counts, ..cleaned(source) };
        let snapshot = SnapshotDue { instrument: text.clone(), ..due(&tuning()) };
        let events: [Event; 10] = [
            submitted.into(), trial.into(), pruned.into(), evaluated.into(), trades.into(), equity.into(),
            entered.into(), rejected.into(), cleaned.into(), snapshot.into(),
        ];
        for event in events {
            let mut event = recorded(event);
            (event.envelope.recorded_at, event.envelope.took_micros) = (Timestamp(at), took);
            for row in rows(&event) {
                prop_assert!(row.check().is_ok(), "{:?}: {}", row.check(), show(&row));
            }
        }
    }
}
