//! Rows of views, experiments and comparisons as tables.

use gauntlet_domain::Timestamp;
use gauntlet_operations::browse::{Comparison, ExperimentReport, Listing};
use gauntlet_operations::rows::ViewRow;
use gauntlet_views::Value;
use serde_json::Value as Json;

use crate::table::{number, table};

/// Rows under the names of their columns.
pub fn listing(listing: &Listing) -> String {
    let columns = listing.of.key().chain(listing.of.columns);
    let header: Vec<&str> = columns.map(|column| column.name).filter(is_shown).collect();
    table(&header, listing.rows.iter().map(|row| header.iter().map(|name| cell(row, name)).collect()))
}

/// Columns that make a list unreadable are left to `show`.
fn is_shown(name: &&str) -> bool {
    !matches!(
        *name,
        "description" | "parameters" | "files" | "detail" | "key_metrics" | "metrics" | "verdict"
    )
}

/// One row, a column a line.
pub fn row(row: &ViewRow) -> String {
    let of = row.0.table;
    let names = of.key().chain(of.columns).map(|column| column.name);
    table(&[of.name, ""], names.map(|name| vec![name.to_owned(), cell(row, name)]))
}

fn cell(row: &ViewRow, name: &str) -> String {
    match row.0.get(name) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Long(long)) => long.to_string(),
        Some(Value::Double(double)) => number(Some(*double)),
        Some(Value::Bool(flag)) => if *flag { "yes" } else { "no" }.into(),
        Some(Value::Timestamp(nanos)) => Timestamp(*nanos).to_string(),
    }
}

/// An experiment with its leaderboard.
pub fn experiment(report: &ExperimentReport) -> String {
    let row = &report.row;
    let counted: Vec<String> =
        report.trials.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let mut text = format!(
        "{} ({}) {}\n{}\ntrials: {}\n",
        cell(row, "name"),
        cell(row, "mandate"),
        cell(row, "status"),
        row.text("experiment_id").unwrap_or_default(),
        if counted.is_empty() { "none".into() } else { counted.join(", ") },
    );
    if let Some(detail) = row.text("detail").filter(|detail| !detail.is_empty()) {
        text.push_str(&format!("{detail}\n"));
    }
    if !report.leaderboard.is_empty() {
        let lines = report.leaderboard.iter().map(|finalist| {
            let is_confirmed = finalist.row.0.get("confirmed") == Some(&Value::Bool(true));
            vec![
                finalist.place.to_string(),
                cell(&finalist.row, "trial"),
                cell(&finalist.row, "walk_forward"),
                cell(&finalist.row, "holdout"),
                if is_confirmed { "confirmed" } else { "REFUSED" }.into(),
                finalist.parameters.0.clone(),
            ]
        });
        let objective = report.objective.as_deref().unwrap_or("objective");
        let walk = format!("{objective}, walk-forward");
        text.push_str(&table(&["#", "trial", &walk, "hold-out", "verdict", "parameters"], lines));
    }
    text
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
