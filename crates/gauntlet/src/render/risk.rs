//! Risk of a series as text: its figures, the tests of its forecasts, and why something is undefined.

use gauntlet_operations::risk::{ForecastTests, RiskFigures};

use crate::table::{number, table};

/// Every figure and what it is, then the tests.
pub fn risk(answer: &RiskFigures) -> String {
    let rows = answer
        .figures
        .iter()
        .map(|(name, value, what)| vec![(*name).to_owned(), number(*value), (*what).to_owned()]);
    let of = &answer.conventions;
    let range = match (&of.first, &of.last) {
        (Some(first), Some(last)) => format!(", {first} to {last}"),
        _ => String::new(),
    };
    let mut text = format!(
        "{} returns{range}; losses are positive, per period, alpha {}\n{}",
        of.returns,
        of.alpha,
        table(&["figure", "value", "what it is"], rows)
    );
    if let Some(found) = &answer.tests {
        text.push_str(&format!("\n\n{}", tests(found)));
    }
    for (name, reason) in &answer.undefined {
        text.push_str(&format!("\n{name} is undefined: {reason}"));
    }
    text
}

fn tests(found: &ForecastTests) -> String {
    let rows = [
        ("kupiec", found.kupiec, "hits are as frequent as alpha says"),
        ("christoffersen", found.christoffersen, "a hit does not follow a hit more often"),
        ("conditional_coverage", found.conditional_coverage, "both: their sum, two degrees of freedom"),
    ];
    let rows = rows.map(|(name, of, what)| vec![name.into(), number(of.lr), number(of.p), what.into()]);
    let of = &found.periods;
    let zone = found.traffic_light.map(|zone| format!("; traffic light: {zone}")).unwrap_or_default();
    format!(
        "forecasts: {} hits in {} periods, {}{zone}\n{}",
        of.hits,
        of.periods,
        number(Some(of.hit_rate)),
        table(&["test", "lr", "p", "what it tests"], rows)
    )
}
