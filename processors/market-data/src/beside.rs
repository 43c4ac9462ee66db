//! Quotes that are fed after the trades of the same hours: the bars have closed, their spreads become known.
//!
//! They are cleaned by themselves, as if the trades were not there, and make bars of their own, of which only the spreads at
//! the first and the last quote are used. Beside trades that come with their quotes a bar has the spreads at its first
//! and last trade; here the times of the trades are gone.

use gauntlet_domain::market::{Bar, EmptyBars, InstrumentDefined, PriceBasis, TickBlock, TickKind};
use serde::{Deserialize, Serialize};

use crate::from_ticks::FromTicks;
use crate::ledger::Ledger;
use crate::rows::{Row, rows_of};

/// The quotes of one source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    source: u32,
    /// The instrument's, but that quotes make the price.
    definition: InstrumentDefined,
    quotes: FromTicks,
}

impl Beside {
    /// Begins with the first block of a source, where that has nothing but quotes and begins before `settled`, up to which
    /// bars of trades have closed.
    pub fn begins(
        definition: &InstrumentDefined,
        source: u32,
        block: &TickBlock,
        settled: i64,
    ) -> Option<Beside> {
        let is_quote = |kind: &u8| *kind == TickKind::Quote as u8;
        let is_behind = block.times.first().is_some_and(|time| *time < settled);
        if definition.price != PriceBasis::Trades || !is_behind || !block.kinds.iter().all(is_quote) {
            return None;
        }
        let quotes = FromTicks::new(&definition.bars);
        let (price, empty_bars) = (PriceBasis::Quotes, EmptyBars::Skip);
        Some(Beside {
            source,
            definition: InstrumentDefined { price, empty_bars, ..definition.clone() },
            quotes,
        })
    }

    /// Whether it is of this source.
    pub fn is_of(&self, source: u32) -> bool {
        self.source == source
    }

    /// Takes in the quotes of a block that lie before `settled`; gives the others. The bars that came of them go to `out`.
    pub fn take(
        &mut self,
        block: &TickBlock,
        settled: i64,
        ledger: &mut Ledger,
        out: &mut Vec<Bar>,
    ) -> Vec<Row> {
        let (behind, others): (Vec<Row>, Vec<Row>) = rows_of(block).partition(|row| row.time < settled);
        let Beside { source, definition, quotes } = self;
        quotes.rows(definition, *source, behind.into_iter(), ledger, out);
        others
    }

    /// The source has ended.
    pub fn end(mut self, ledger: &mut Ledger, out: &mut Vec<Bar>) {
        self.quotes.flush(&self.definition, ledger, out);
        self.quotes.finish(&self.definition, out);
    }
}
