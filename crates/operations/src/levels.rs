//! Whether a column of numbers can be returns, or is plainly a level: equity, or a price.
//!
//! Levels that are taken for returns give numbers that look like numbers: an account of 100 is a gain of 10,000 % a
//! period. Whoever reads returns asks here first.

use crate::dated_csv::Column;

/// Names of levels, as letters and digits only.
const LEVELS: [&str; 9] = [
    "equity",
    "equitycurve",
    "nav",
    "balance",
    "portfoliovalue",
    "accountvalue",
    "close",
    "adjclose",
    "price",
];

/// Above this, most of a column that never loses are no returns: half as much again in most periods. Equity may begin
/// at 1 and fall.
const LEAST_LEVEL: f64 = 0.5;

/// Refuses a column of levels; `Err` says why it is taken for one.
pub(crate) fn check_returns(column: &Column) -> Result<(), String> {
    let (Some(least), Some(most)) =
        (column.values.iter().copied().reduce(f64::min), column.values.iter().copied().reduce(f64::max))
    else {
        return Ok(());
    };
    // A level is positive, so anything with a loss in it is none, whatever it is called.
    let is_large =
        2 * column.values.iter().filter(|value| **value > LEAST_LEVEL).count() > column.values.len();
    if least <= 0.0 || !(is_large || is_level(&column.name)) {
        return Ok(());
    }
    Err(format!(
        "{column} holds values from {least} to {most}, none negative: this is equity or a price, not returns"
    ))
}

fn is_level(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    LEVELS.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, values: &[f64]) -> Result<(), String> {
        check_returns(&Column { number: 2, name: name.into(), values: values.to_vec() })
    }

    #[test]
    fn levels_are_told_by_their_size_or_their_name() {
        let said = check("Equity", &[100.0, 110.0, 105.0]).unwrap_err();
        assert_eq!(
            said,
            "column 2 ('Equity') holds values from 100 to 110, none negative: this is equity or a price, not returns"
        );
        assert!(check("", &[1.0, 0.9, 0.8, 0.7]).is_err(), "equity that begins at 1 and falls");
        for name in ["equity", "NAV", "balance", "portfolio_value", "close", "Adj Close", "price"] {
            assert!(check(name, &[0.2, 0.3]).is_err(), "{name}");
        }
    }

    #[test]
    fn returns_are_returns_whatever_their_column_is_called() {
        for (name, values) in [
            ("equity", &[0.01, -0.02, 0.03][..]),
            ("", &[0.1, 0.2]),
            ("trial", &[0.0, 3.0, 2.0]),
            ("strategy", &[0.9, 0.1, 0.2]),
            ("close", &[]),
        ] {
            assert_eq!(check(name, values), Ok(()), "{name}");
        }
    }
}
