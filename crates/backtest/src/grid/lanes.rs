//! A few accounts side by side, so that the compiler can put their returns into vector registers.
//!
//! A lane is one account. Each computes its own equity ([`super::entry`]); returns and their tally are computed for all
//! lanes at once, by the operations of [`crate::kernel::Run`] in their order.

use gauntlet_quant::metrics::OnlineLanes;

use super::market::STRETCH;
use crate::wide::widest;

/// Accounts that are tallied together. With four lanes in a register, the divisions of eight keep the divider busy while
/// the longest chain of operations of one bar is under way; more do not fit into the registers.
pub(super) const LANES: usize = 8;

/// Bars that are tallied together: long enough for what is done once a block to cost nothing, short enough for the
/// equity of all lanes to stay in the first-level cache.
pub(super) const BLOCK: usize = 256;

/// Equity of one account: at the close before a block, then at the closes of its bars, then room for a whole stretch.
pub(super) type Equity = [f64; 1 + BLOCK + STRETCH];

/// Adds the returns of a block of so many bars; nothing is earned on equity that is gone.
///
/// A function of its own: together with its caller the compiler no longer puts lanes side by side where there is no AVX2,
/// and the tally takes half as long again.
#[inline(never)]
pub(super) fn tally(returns: &mut OnlineLanes<LANES>, equity: &[Equity; LANES], bars: usize) {
    widest(
        #[inline(always)]
        || {
            returns.extend(
                bars.min(BLOCK),
                #[inline(always)]
                |bar| {
                    let before: [f64; LANES] = std::array::from_fn(|lane| equity[lane][bar]);
                    let change: [f64; LANES] =
                        std::array::from_fn(|lane| equity[lane][bar + 1] / before[lane] - 1.0);
                    std::array::from_fn(|lane| if before[lane] > 0.0 { change[lane] } else { 0.0 })
                },
            );
        },
    );
}
