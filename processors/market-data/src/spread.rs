//! Which spreads of a stream of quotes are too wide to be believed.
//!
//! A quote is too wide beyond some usual spreads (Barndorff-Nielsen, Hansen, Lunde and Shephard 2009, rule Q2), where neither
//! spreads nor prices have been as large: in a thin book true spreads of 50 usual ones come in bursts.

use gauntlet_domain::market::CleaningLimits;
use serde::{Deserialize, Serialize};

use crate::ring::{Ring, Stretches};

/// Spreads that are remembered.
const SPREADS: usize = 256;
/// The usual spread is looked up again after so many quotes.
const SPREAD_EVERY: u64 = 64;

/// The spreads of the last quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spreads {
    last: Ring,
    stretches: Stretches,
    /// Median of the last spreads when it was last looked up; 0 before it is known.
    usual: i64,
    /// Quotes so far.
    quotes: u64,
}

impl Default for Spreads {
    fn default() -> Spreads {
        Spreads { last: Ring::of(SPREADS), stretches: Stretches::default(), usual: 0, quotes: 0 }
    }
}

impl Spreads {
    /// Whether a quote is much wider than those before it, and than prices move. It is remembered.
    #[inline]
    pub(crate) fn is_wide(
        &mut self,
        limits: &CleaningLimits,
        spread: i64,
        price_limit: impl FnOnce() -> i64,
    ) -> bool {
        let is_wide = self.usual > 0
            && limits.spread_medians > 0
            && spread > self.usual.saturating_mul(limits.spread_medians)
            && spread > self.stretches.large().saturating_mul(limits.spread_tails)
            && spread > price_limit();
        self.last.push(spread);
        self.quotes += 1;
        self.stretches.push(if is_wide { 0 } else { spread });
        let is_early = matches!(self.quotes, 8 | 16 | 32);
        if is_early || self.quotes.is_multiple_of(SPREAD_EVERY) {
            self.usual = self.last.quantile_near(1, 2, self.usual);
        }
        is_wide
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_wide_beside_usual_ones_large_ones_and_moves() {
        let (mut spreads, limits) = (Spreads::default(), CleaningLimits::default());
        let mut is_wide = |spread, price_limit| spreads.is_wide(&limits, spread, || price_limit);
        assert!(!is_wide(1_000, 0), "nothing is known yet");
        (0..1_000).for_each(|n| assert!(!is_wide(1 + n % 3, 0)));
        assert!(!is_wide(100, 0) && is_wide(101, 0), "50 usual ones of 2");
        assert!(!is_wide(101, 101), "as far as prices move");
    }
}
