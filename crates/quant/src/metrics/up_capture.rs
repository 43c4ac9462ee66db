//! Up capture: annual return of the strategy over annual return of the benchmark, both compounded over the
//! periods in which the benchmark rose.
//!
//! Unit: ratio (1 is as much as the benchmark). Both are annualised by the number of such periods, as in
//! empyrical; the numbers differ from captures of average returns. Undefined for different lengths and where the
//! benchmark never rose. Source: empyrical `up_capture`.

use crate::metrics::annual::annual_rate;
use crate::metrics::numeric::ratio;
use crate::metrics::wealth::growth;

/// Share of the benchmark's rises that the strategy took part in; see the file's head.
pub fn up_capture(returns: &[f64], benchmark: &[f64], periods_per_year: f64) -> Option<f64> {
    capture(returns, benchmark, periods_per_year, |benchmark_return| benchmark_return > 0.0)
}

/// Ratio of annual returns over the periods that `selects` picks by the benchmark's return.
pub(crate) fn capture(
    returns: &[f64],
    benchmark: &[f64],
    periods_per_year: f64,
    selects: fn(f64) -> bool,
) -> Option<f64> {
    if returns.len() != benchmark.len() {
        return None;
    }
    let picked = || returns.iter().zip(benchmark).filter(|&(_, &b)| selects(b));
    let periods = picked().count();
    let own = annual_rate(growth(picked().map(|(&r, _)| r)), periods, periods_per_year)?;
    let theirs = annual_rate(growth(picked().map(|(_, &b)| b)), periods, periods_per_year)?;
    ratio(own, theirs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::numeric::assert_close;

    #[test]
    fn only_rises_of_the_benchmark_count() {
        assert_close(up_capture(&[0.05, -0.9, 0.05], &[0.1, -0.1, 0.1], 1.0), 0.5);
        assert_close(up_capture(&[-1.0, 0.0], &[0.1, 0.0], 1.0), -10.0);
    }

    #[test]
    fn undefined_without_a_rise_or_for_different_lengths() {
        assert_eq!(up_capture(&[0.1, 0.1], &[0.0, -0.1], 252.0), None);
        assert_eq!(up_capture(&[0.1], &[0.1, 0.1], 252.0), None);
        assert_eq!(up_capture(&[], &[], 252.0), None);
    }
}
