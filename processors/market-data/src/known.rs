//! What saved state of the machine knows of an instrument, for those who ask without a machine.
//!
//! The definition that is in force may lie anywhere before the newest ticks; the state has it, so nobody has to read the
//! ticks to find it.

use gauntlet_domain::BarSpec;
use gauntlet_domain::market::InstrumentDefined;
use gauntlet_processor::machine::StateError;

use crate::machine::MarketData;

/// An instrument as far as its inputs were taken in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownInstrument {
    /// The definition in force; `None` where nobody has defined it.
    pub definition: Option<InstrumentDefined>,
    /// Whether ticks of it have come; rows that are no ticks at all do not count.
    pub has_ticks: bool,
}

impl KnownInstrument {
    /// Specs of bars that are made from its ticks.
    pub fn bars(&self) -> &[BarSpec] {
        self.definition.as_ref().map_or(&[], |definition| &definition.bars)
    }
}

/// The definitions in state that the machine has saved.
pub fn known_definitions(state: &[u8]) -> Result<Vec<InstrumentDefined>, StateError> {
    let state: MarketData = serde_json::from_slice(state)?;
    Ok(state.definitions())
}

/// The instrument in state that the machine has saved; none where no input of it was taken in.
pub fn known_instrument(state: &[u8], instrument: &str) -> Result<Option<KnownInstrument>, StateError> {
    let state: MarketData = serde_json::from_slice(state)?;
    Ok(state.known(instrument))
}
