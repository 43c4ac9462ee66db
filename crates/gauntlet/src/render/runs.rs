//! Runs and rules as text.

use gauntlet_operations::runs::RunNumbers;
use gauntlet_operations::strategies::StrategyCard;

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
    }
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
