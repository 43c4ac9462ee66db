//! The ledger of a mandate as text.

use gauntlet_operations::ledger::{CONFIDENCE, Entry, Ledger, Next};
use gauntlet_views::Value;
use serde_json::Value as Json;

use super::browse::{cell, shorten, time};
use crate::table::{layout, number, table};

/// What was tried, in the order of submission, and what that costs the next candidate.
pub fn ledger(answer: &Ledger) -> String {
    let header = [
        "place",
        "name",
        "trials",
        "looks",
        "mean",
        "deviation",
        "from",
        "to",
        "ended",
        "completed",
        "finalists",
        "experiment",
    ];
    let mut lines: Vec<Vec<String>> = answer.entries.iter().map(line).collect();
    if layout().is_for_people() {
        shorten(&mut lines);
    }
    let mut text = format!("mandate {}\n{}\n", answer.mandate, table(&header, lines));
    if !answer.under_way.is_empty() {
        text.push_str(&format!("{} more have a place and have not ended\n", answer.under_way.len()));
    }
    text.push_str(
        "mean and deviation are of the annual Sharpe ratios of the completed trials over the tuning bars\n\n",
    );
    let header = ["bars of", "from", "to", "trials", "differ", "looks", "hold-out", "ceiling", "needed"];
    text.push_str(&table(&header, answer.next.iter().map(next)));
    text.push_str(&format!(
        "\ntrials: with those of the next experiment, which --trials gives. differ: clusters of those that were tried, by their \
         daily returns. ceiling: the annual Sharpe ratio that the best of \
         as many without skill is expected to reach. needed: with normal returns over these bars, for a deflated Sharpe ratio of \
         {CONFIDENCE}. hold-out: finalists that have looked at it."
    ));
    if answer.left_off > 0 {
        text.push_str(&format!("\n{} older stretches of bars are left out", answer.left_off));
    }
    text
}

fn line(entry: &Entry) -> Vec<String> {
    let of = |name: &str| cell(&entry.row, name);
    let json = |name: &str| -> Json {
        entry.row.text(name).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    };
    let sharpe = json("sharpe");
    let finalists = json("finalists").as_array().map_or(0, Vec::len);
    vec![
        of("place"),
        entry.name.clone().unwrap_or_else(|| "-".to_owned()),
        of("requested"),
        of("looks"),
        number(sharpe["mean"].as_f64()),
        number(sharpe["variance"].as_f64().map(f64::sqrt)),
        day(entry, "data_from"),
        day(entry, "data_to"),
        of("ended"),
        of("completed"),
        finalists.to_string(),
        of("experiment_id"),
    ]
}

/// The day of a time, for people; all of it for programs.
fn day(entry: &Entry, name: &str) -> String {
    match entry.row.0.get(name) {
        Some(Value::Timestamp(nanos)) => short(gauntlet_domain::Timestamp(*nanos)),
        _ => "-".to_owned(),
    }
}

fn short(moment: gauntlet_domain::Timestamp) -> String {
    let whole = time(moment);
    if layout().is_for_people() { whole.chars().take(10).collect() } else { whole }
}

fn next(next: &Next) -> Vec<String> {
    vec![
        next.instrument.clone(),
        short(next.from),
        short(next.to),
        next.noise.trials.to_string(),
        next.noise.effective.number.map_or_else(|| "-".to_owned(), |number| number.to_string()),
        next.noise.looks.to_string(),
        next.noise.holdout_looks.to_string(),
        number(next.noise.ceiling),
        number(next.needed),
    ]
}
