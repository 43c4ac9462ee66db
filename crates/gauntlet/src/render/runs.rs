//! Runs and rules as text.

use gauntlet_operations::rows::{Document, ViewRow};
use gauntlet_operations::runs::RunNumbers;
use gauntlet_operations::strategies::StrategyCard;
use gauntlet_views::Value;
use serde_json::Value as Json;

use super::browse::cell;
use crate::table::{number, table};

/// Fills or equity of a run.
pub fn numbers(numbers: &RunNumbers) -> String {
    match numbers {
        RunNumbers::Trades { trades, .. } if trades.is_empty() => "no trades".to_owned(),
        RunNumbers::Trades { trades, .. } => table(
            &["time", "action", "price", "quantity", "pnl"],
            trades.iter().map(|fill| {
                let numbers = [fill.price, fill.quantity, fill.pnl].map(number);
                [fill.time.to_string(), fill.action.clone()].into_iter().chain(numbers).collect()
            }),
        ),
        RunNumbers::Equity { equity, .. } => table(
            &["time", "equity", "return"],
            equity.iter().map(|point| {
                let earned = point.bar_return.map_or_else(|| "-".to_owned(), |value| format!("{value:.6}"));
                vec![point.time.to_string(), number(Some(point.equity)), earned]
            }),
        ),
        RunNumbers::Folds { summary, folds, .. } => folds_table(summary, folds),
    }
}

fn folds_table(summary: &Document, folds: &[ViewRow]) -> String {
    let header =
        ["fold", "from", "to", "trials", "in sample", "out of sample", "return", "a year", "parameters"];
    let lines = folds.iter().map(|fold| {
        let is_flat = matches!(fold.0.get("trial"), None | Some(Value::Null));
        let chosen = if is_flat { "none: it stayed flat" } else { fold.text("parameters").unwrap_or("-") };
        let cells = [
            "fold",
            "range_from",
            "range_to",
            "completed",
            "in_sample",
            "value",
            "total_return",
            "annual_return",
        ];
        cells.map(|name| cell(fold, name)).into_iter().chain([chosen.to_owned()]).collect()
    });
    format!("{}\n{}", table(&header, lines), walk_summary(&summary.0))
}

/// What the folds say together, in one line.
pub fn walk_summary(summary: &str) -> String {
    let known: Json = serde_json::from_str(summary).unwrap_or_default();
    if let Some(why) = known["failed"].as_str() {
        return format!("not walked forward: {why}");
    }
    let share =
        |name: &str| known[name].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    let mut text = format!(
        "efficiency {} (annual return out of sample over in sample), {} of the folds with a gain",
        share("efficiency"),
        share("profitable_folds")
    );
    if let Some(flat) = known["flat_folds"].as_f64().filter(|flat| *flat > 0.0) {
        text.push_str(&format!(", {flat} flat: no trial of their search has a defined objective"));
    }
    for (name, drift) in known.as_object().into_iter().flatten() {
        if let (Some(parameter), Some(drift)) = (name.strip_prefix("drift."), drift.as_f64()) {
            text.push_str(&format!(", {parameter} moves by {drift:.4} a fold"));
        }
    }
    text
}

/// Each rule with what it takes.
pub fn strategies(cards: &[StrategyCard]) -> String {
    let card = |card: &StrategyCard| {
        let rows = card.parameters.iter().map(|parameter| {
            let [default, bounds] = [&parameter.default, &parameter.bounds].map(ToString::to_string);
            vec![parameter.name.into(), parameter.kind.into(), default, bounds, parameter.about.into()]
        });
        format!(
            "{}: {}. First position after bar {}.\n{}",
            card.name,
            card.rule,
            card.warm_up,
            table(&["parameter", "kind", "default", "bounds", "what it does"], rows)
        )
    };
    cards.iter().map(card).collect::<Vec<_>>().join("\n\n")
}
