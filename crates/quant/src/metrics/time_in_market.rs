//! Time in market: the share of periods with a position, long or short.
//!
//! Unit: fraction, 0 to 1. The position is the one held during the period, in any unit; only whether it is zero
//! matters. Undefined for no periods. quantstats `exposure` guesses it from returns that are not zero and rounds
//! up to a percent.

/// Share of periods with a position that is not zero; see the file's head.
pub fn time_in_market(positions: &[f64]) -> Option<f64> {
    let held = positions.iter().filter(|&&position| position != 0.0).count();
    if positions.is_empty() { None } else { Some(held as f64 / positions.len() as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_counts_as_much_as_long_and_minus_zero_as_flat() {
        assert_eq!(time_in_market(&[1.0, -2.0, 0.0, -0.0]), Some(0.5));
        assert_eq!(time_in_market(&[0.0]), Some(0.0));
        assert_eq!(time_in_market(&[]), None);
    }
}
