//! The drawdowns of a series one by one: where each began, where it was deepest and where it ended.
//!
//! A drawdown is a stretch of periods that close below the running peak of wealth, the start being a peak, as in
//! [`crate::metrics::max_drawdown()`]. The deepest of the table is the maximum drawdown, the mean of their depths the
//! average drawdown, and the most periods the longest duration. Source: quantstats `drawdown_details`.

use crate::metrics::wealth::drawdowns;

/// One stretch below the peak. Positions count the returns from zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawdown {
    /// The first period that closed below the peak.
    pub start: usize,
    /// The period with the lowest close; the first of equals.
    pub trough: usize,
    /// The period that was at the peak again; none while the drawdown lasts.
    pub end: Option<usize>,
    /// Fall from the peak to the trough, a positive fraction.
    pub depth: f64,
    /// Periods below the peak.
    pub periods: usize,
}

/// Every drawdown, in the order of time. Empty where wealth never falls, where there are no returns, and where the path
/// leaves the range of a float.
pub fn drawdown_table(returns: &[f64]) -> Vec<Drawdown> {
    let mut table: Vec<Drawdown> = Vec::new();
    for (period, depth) in drawdowns(returns).unwrap_or_default().into_iter().enumerate() {
        let open = table.last_mut().filter(|last| last.end.is_none());
        match open {
            Some(last) if depth > 0.0 => {
                last.periods += 1;
                if depth > last.depth {
                    (last.depth, last.trough) = (depth, period);
                }
            }
            Some(last) => last.end = Some(period),
            None if depth > 0.0 => {
                table.push(Drawdown { start: period, trough: period, end: None, depth, periods: 1 });
            }
            None => {}
        }
    }
    table
}

/// The deepest drawdowns, deepest first; the earlier of equals first.
pub fn top_drawdowns(returns: &[f64], count: usize) -> Vec<Drawdown> {
    let mut table = drawdown_table(returns);
    table.sort_by(|a, b| b.depth.total_cmp(&a.depth));
    table.truncate(count);
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::numeric::Moments;
    use crate::metrics::{average_drawdown, max_drawdown, max_drawdown_duration};

    #[test]
    fn each_stretch_has_its_places() {
        let table = drawdown_table(&[-0.25, -0.5, 3.0, 0.0, -0.5]);
        let first = Drawdown { start: 0, trough: 1, end: Some(2), depth: 0.625, periods: 2 };
        let last = Drawdown { start: 4, trough: 4, end: None, depth: 0.5, periods: 1 };
        assert_eq!(table, [first, last]);
    }

    #[test]
    fn the_deepest_come_first() {
        let deepest = top_drawdowns(&[-0.1, 1.0, -0.5, 3.0, -0.2, 3.0], 2);
        assert_eq!(deepest.iter().map(|drawdown| drawdown.start).collect::<Vec<_>>(), [2, 4]);
        assert!(top_drawdowns(&[0.1, 0.1], 5).is_empty());
        assert!(top_drawdowns(&[], 5).is_empty());
    }

    #[test]
    fn ruin_never_ends() {
        assert_eq!(drawdown_table(&[0.1, -3.0, 0.5])[0].end, None);
        assert_eq!(drawdown_table(&[0.1, -3.0, 0.5])[0].depth, 1.0);
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_the_metrics(returns in prop::collection::vec(-0.9..1.0_f64, 1..200)) {
            let table = drawdown_table(&returns);
            let deepest = table.iter().map(|drawdown| drawdown.depth).fold(0.0, f64::max);
            let longest = table.iter().map(|drawdown| drawdown.periods).max().unwrap_or(0);
            let mean = Moments::of(table.iter().map(|drawdown| drawdown.depth)).mean().unwrap_or(0.0);
            prop_assert_eq!(Some(deepest), max_drawdown(&returns));
            prop_assert_eq!(Some(longest as f64), max_drawdown_duration(&returns));
            prop_assert_eq!(Some(mean), average_drawdown(&returns));
        }
    }
}
