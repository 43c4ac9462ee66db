//! What saved state of the machine knows of an instrument, for those who ask without a machine.
//!
//! The definition that is in force may lie anywhere before the newest ticks; the state has it, so nobody has to read the
//! ticks to find it.

use gauntlet_domain::BarSpec;
use gauntlet_processor::machine::StateError;

use crate::machine::MarketData;

/// An instrument as far as its inputs were taken in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownInstrument {
    /// Specs of bars that are made from its ticks.
    pub bars: Vec<BarSpec>,
    /// Whether ticks of it have come; rows that are no ticks at all do not count.
    pub has_ticks: bool,
}

/// The instrument in state that the machine has saved; none where no input of it was taken in.
pub fn known_instrument(state: &[u8], instrument: &str) -> Result<Option<KnownInstrument>, StateError> {
    let state: MarketData = serde_json::from_slice(state)?;
    Ok(state.known(instrument))
}
