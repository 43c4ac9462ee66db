//! Rows of views, experiments and comparisons as tables.

use std::collections::{BTreeMap, HashMap};

use gauntlet_domain::Timestamp;
use gauntlet_operations::browse::Comparison;
use gauntlet_operations::experiment_report::ExperimentReport;
use gauntlet_operations::noise::Noise;
use gauntlet_operations::rows::{GateVerdict, ViewRow};
use gauntlet_runtime::clock;
use gauntlet_views::{Table, Value};
use serde_json::Value as Json;

use super::runs::walk_summary;
use crate::table::{is_id, layout, number, shortened, table};

/// Columns that are shown first of a list: what people look for, in the order of importance. The others follow as the table
/// has them.
const FIRST: [(&str, &[&str]); 10] = [
    (
        "experiments",
        &["name", "status", "value", "verdict", "judgement", "age", "mandate", "experiment_id", "place"],
    ),
    ("runs", &["run_id", "phase", "status", "trial", "age", "model_id", "experiment_id"]),
    ("models", &["model_id", "confirmed", "trial", "experiment_id", "version"]),
    (
        "data_snapshots",
        &["snapshot_id", "instrument", "bars", "status", "rows", "range_from", "range_to", "hash"],
    ),
    ("tuning_results", &["trial", "value", "state", "trial_id", "experiment_id"]),
    ("configurations", &["config_id"]),
    ("quality", &["time", "instrument", "row", "reason", "action", "source"]),
    ("sources", &["instrument", "status", "rows", "accepted", "bars", "data_from", "data_to", "source"]),
    ("instruments", &["instrument", "bars", "data_from", "data_to", "accepted", "gaps"]),
    ("parked", &["experiment_id", "processor", "requests", "why"]),
];

/// Rows under the names of their columns.
pub fn listing(of: &Table, rows: &[ViewRow]) -> String {
    let first = FIRST.iter().find(|(table, _)| *table == of.name).map_or(&[][..], |(_, first)| first);
    let columns: Vec<&str> = of.key().chain(of.columns).map(|column| column.name).collect();
    let has_age = columns.contains(&"start") && layout().is_for_people();
    let is_there = |name: &&str| columns.contains(name) || (*name == "age" && has_age);
    let others = columns.iter().copied().filter(|name| !first.contains(name) && is_shown(name));
    let header: Vec<&str> = first.iter().copied().filter(is_there).chain(others).collect();
    let now = clock::now();
    let line = |row: &ViewRow| -> Vec<String> {
        header.iter().map(|name| if *name == "age" { age(row, now) } else { cell(row, name) }).collect()
    };
    let mut lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    if layout().is_for_people() {
        shorten(&mut lines);
    }
    table(&header, lines)
}

/// Cuts ids to what tells them apart.
pub fn shorten(lines: &mut [Vec<String>]) {
    let ids = lines.iter().flatten().flat_map(|cell| cell.split(':')).filter(|part| is_id(part));
    let short: HashMap<String, usize> =
        shortened(ids).into_iter().map(|(id, digits)| (id.to_owned(), digits)).collect();
    for cell in lines.iter_mut().flatten() {
        let parts = cell.split(':').map(|part| short.get(part).map_or(part, |digits| &part[..*digits]));
        *cell = parts.collect::<Vec<_>>().join(":");
    }
}

/// How long ago something began.
fn age(row: &ViewRow, now: Timestamp) -> String {
    let Some(Value::Timestamp(start)) = row.0.get("start") else { return "-".to_owned() };
    let seconds = now.0.saturating_sub(*start) / 1_000_000_000;
    match seconds {
        ..120 => format!("{}s", seconds.max(0)),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Columns that make a list unreadable are left to `show`.
fn is_shown(name: &str) -> bool {
    !matches!(
        name,
        "description"
            | "parameters"
            | "files"
            | "detail"
            | "key_metrics"
            | "metrics"
            | "verdict"
            | "warnings"
            | "summary"
            | "inference"
            | "denied"
    )
}

/// One row, a column a line; denied orders of a run in words below.
pub fn row(row: &ViewRow) -> String {
    let of = row.0.table;
    let names = of.key().chain(of.columns).map(|column| column.name).filter(|name| *name != "denied");
    let columns = table(&[of.name, ""], names.map(|name| vec![name.to_owned(), cell(row, name)]));
    match denied_of(row) {
        denied if denied.is_empty() => columns,
        denied => format!("{columns}\n{}", denied.trim_end()),
    }
}

/// The line about the denied orders of a run; nothing where there are none.
fn denied_of(run: &ViewRow) -> String {
    let counts: BTreeMap<String, i64> =
        run.text("denied").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    denied_orders(counts.iter().map(|(reason, count)| (reason, *count)))
}

/// A line about denied orders, by reason: `denied orders: max_leverage 12, rate_limit 3`; nothing where there are none.
pub fn denied_orders<'a>(counts: impl Iterator<Item = (&'a String, i64)>) -> String {
    let counts: Vec<String> = counts.map(|(reason, count)| format!("{reason} {count}")).collect();
    if counts.is_empty() { String::new() } else { format!("denied orders: {}\n", counts.join(", ")) }
}

pub fn cell(row: &ViewRow, name: &str) -> String {
    match row.0.get(name) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Long(long)) => long.to_string(),
        Some(Value::Double(double)) => number(Some(*double)),
        Some(Value::Bool(flag)) => if *flag { "yes" } else { "no" }.into(),
        Some(Value::Timestamp(nanos)) => time(Timestamp(*nanos)),
    }
}

/// A time: for people to the second, for programs whole.
pub fn time(time: Timestamp) -> String {
    let whole = time.to_string();
    match whole.split_at_checked(19) {
        Some((seconds, _)) if layout().is_for_people() => seconds.replace('T', " "),
        _ => whole,
    }
}

/// An experiment with its leaderboard.
pub fn experiment(report: &ExperimentReport) -> String {
    let row = &report.row;
    let counted: Vec<String> =
        report.trials.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let mut text = format!(
        "{} ({}) {}\n{}\n{}trials: {}\n",
        cell(row, "name"),
        cell(row, "mandate"),
        cell(row, "status"),
        row.text("experiment_id").unwrap_or_default(),
        bars(report),
        if counted.is_empty() { "none".into() } else { counted.join(", ") } + &looks(report.looks),
    );
    if let Some(exhausted) = &report.exhausted {
        text.push_str(&format!("{exhausted}\n"));
    }
    if let Some(detail) = row.text("detail").filter(|detail| !detail.is_empty()) {
        text.push_str(&format!("{detail}\n"));
    }
    if report.is_failed() {
        text.push_str("once the cause is mended: gauntlet submit FILE --again\n");
    }
    for cause in &report.waits_for {
        text.push_str(&format!("WAITS: {cause}\n"));
    }
    if let Some(warnings) = row.text("warnings") {
        text.push_str(&format!("WARNING: {warnings}\n"));
    }
    if let Some(run) = &report.walk_forward {
        text.push_str(&walk_forward(report, run));
    }
    if let Some(noise) = &report.noise {
        text.push_str(&noise_line(noise));
    }
    if !report.leaderboard.is_empty() {
        text.push_str(&leaderboard(report));
    }
    text
}

/// Where the period was cut, and how many bars lie on each side.
fn bars(report: &ExperimentReport) -> String {
    let (Some(tuning), Some(holdout)) = (report.tuning_bars, report.holdout_bars) else {
        return String::new();
    };
    let share = 100.0 * holdout.bars as f64 / (tuning.bars + holdout.bars).max(1) as f64;
    format!(
        "tuning: {} bars from {} to {}\nhold-out: {} bars to {}, {share:.1} % of all\n",
        tuning.bars, tuning.from, tuning.to, holdout.bars, holdout.to
    )
}

fn looks(looks: usize) -> String {
    if looks == 0 { String::new() } else { format!("; {looks} more before the folds of the walk-forward") }
}

/// What the procedure came to.
fn walk_forward(report: &ExperimentReport, run: &ViewRow) -> String {
    let objective = report.objective.as_deref().unwrap_or("objective");
    let document = |column| -> Json {
        run.text(column).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    };
    let summary = walk_summary(run.text("summary").unwrap_or("{}"));
    let interval = interval(&document("inference"));
    let interval = interval.map(|of| format!(", Sharpe ratio {of} (95 %)")).unwrap_or_default();
    let value = number(document("key_metrics")[objective].as_f64());
    let denied = denied_of(run);
    format!("walk-forward of the procedure: {objective} {value}{interval}; {summary}\n{denied}")
}

/// The 95 % interval of an annual Sharpe ratio, where it is defined.
fn interval(inference: &Json) -> Option<String> {
    let (low, high) = (inference["low"].as_f64()?, inference["high"].as_f64()?);
    Some(format!("{low:.2} to {high:.2}"))
}

/// How much more the trials of all experiments may deviate than those within each, before it is said.
const UNLIKE: f64 = 1.25;

/// What luck alone would have shown.
pub(super) fn noise_line(noise: &Noise) -> String {
    let Noise { experiments, trials, looks, holdout_looks, elsewhere, ceiling, effective, .. } = noise;
    let counted = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (experiments, finalists) = (counted(*experiments, "experiment"), counted(*holdout_looks, "finalist"));
    let pooled = match (noise.deviation, noise.deviation_within) {
        (Some(all), Some(within)) if all > UNLIKE * within => format!(
            "  the ceiling is high because these experiments differ: their Sharpe ratios deviate by {all:.2}, within an \
             experiment by {within:.2}\n"
        ),
        _ => String::new(),
    };
    let others = match elsewhere.experiments {
        0 => String::new(),
        others => format!(
            "  not counted: {} of other mandates tried {} on these bars\n",
            counted(others, "experiment"),
            counted(elsewhere.trials, "trial")
        ),
    };
    let ceiling = ceiling.map_or_else(|| "-".to_owned(), |ceiling| format!("{ceiling:.2}"));
    let differing = match (effective.number, &effective.undefined) {
        (Some(number), _) => {
            format!("  about {number} of them differ, by the returns of {} days\n", effective.days)
        }
        (None, Some(why)) => format!("  how many of them differ is not known: {why}\n"),
        (None, None) => String::new(),
    };
    format!(
        "noise ceiling: {trials} trials without skill ({experiments} of this mandate on these bars, {looks} more \
         looks) are expected to reach an annual Sharpe ratio of {ceiling}\n{differing}{pooled}{others}\
         hold-out: its bars were looked at for {finalists} of this mandate\n"
    )
}

fn leaderboard(report: &ExperimentReport) -> String {
    let lines = report.leaderboard.iter().map(|finalist| {
        let is_confirmed = finalist.row.0.get("confirmed") == Some(&Value::Bool(true));
        let known: Json = serde_json::from_str(&finalist.inference.0).unwrap_or_default();
        let share = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        let equals = finalist.equals.map(|place| format!(" (the trades of #{place})")).unwrap_or_default();
        let score = if cell(&finalist.row, "tuning") == "-" { "walk_forward" } else { "tuning" };
        vec![
            finalist.place.to_string(),
            cell(&finalist.row, "trial"),
            cell(&finalist.row, score),
            interval(&known).unwrap_or_else(|| "-".to_owned()),
            share(finalist.deflated),
            share(finalist.deflated_excess),
            cell(&finalist.row, "holdout"),
            if is_confirmed { "confirmed" } else { "REFUSED" }.into(),
            format!("{}{equals}", finalist.parameters.0),
        ]
    });
    let objective = report.objective.as_deref().unwrap_or("objective");
    let score = format!("{objective}, tuning");
    let header = [
        "#",
        "trial",
        score.as_str(),
        "Sharpe, 95 %",
        "deflated",
        "of excess",
        "hold-out",
        "verdict",
        "parameters",
    ];
    let refused = report.leaderboard.iter().filter(|finalist| finalist.verdict.starts_with("refused"));
    let reasons: String =
        refused.map(|finalist| format!("\n#{} {}", finalist.place, finalist.verdict)).collect();
    table(&header, lines) + &reasons + &selection(report)
}

/// What was decided, under which policy, and what the first place lacks.
fn selection(report: &ExperimentReport) -> String {
    let Some(judgement) = report.row.text("judgement") else {
        let is_over = report.row.text("status") == Some("completed");
        let waits = "\nnot judged yet: an earlier experiment of the mandate is under way";
        return if is_over { waits.to_owned() } else { String::new() };
    };
    let mut text = format!("\n{} under policy {}", judgement.to_uppercase(), cell(&report.row, "policy"));
    if let Some(model) = report.row.text("selected") {
        text.push_str(&format!(": model {model}"));
    }
    let Some(first) = report.leaderboard.first() else { return text };
    let refused = first.verdicts.iter().filter(|verdict| {
        let outcome = verdict.0.get("outcome").and_then(Value::as_text);
        !matches!(outcome, Some("passed" | "waived"))
    });
    let refused: Vec<String> = refused.map(margin).collect();
    if judgement != "selected" && !refused.is_empty() {
        text.push_str(&format!("; #1 does not pass {}", refused.join(", ")));
    }
    text + "; gauntlet show MODEL has every gate"
}

/// A gate with its statistic and how far that is from the threshold.
fn margin(verdict: &GateVerdict) -> String {
    let of = ViewRow(verdict.0.clone());
    let value = |name: &str| match verdict.0.get(name) {
        Some(Value::Double(value)) => Some(*value),
        _ => None,
    };
    match value("statistic").zip(value("threshold")) {
        Some((statistic, threshold)) => {
            let side = if of.text("comparison") == Some("at_most") { "at most" } else { "at least" };
            format!("{} ({}, {side} {})", cell(&of, "gate"), number(Some(statistic)), number(Some(threshold)))
        }
        None => format!("{} (undefined)", cell(&of, "gate")),
    }
}

/// Things side by side, a value a row.
pub fn comparison(comparison: &Comparison) -> String {
    let mut names: Vec<&String> = comparison.sides.iter().flat_map(|side| side.keys()).collect();
    names.sort();
    names.dedup();
    let plain = |value: Option<&Json>| match value {
        None | Some(Json::Null) => "-".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(n)) if n.is_f64() => number(n.as_f64()),
        Some(other) => other.to_string(),
    };
    let lines = names.iter().map(|name| {
        let values = comparison.sides.iter().map(|side| plain(side.get(*name)));
        std::iter::once((*name).clone()).chain(values).collect()
    });
    let ids = comparison.ids.iter().map(String::as_str);
    let header: Vec<&str> = std::iter::once(comparison.of.name).chain(ids).collect();
    table(&header, lines)
}
