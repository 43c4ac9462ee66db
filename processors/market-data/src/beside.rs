//! Quotes that are fed after the trades of the same hours: the bars have closed, their spreads become known.
//!
//! They are cleaned by themselves, as if the trades were not there, and make bars of their own, of which only the spreads at
//! the first and the last quote are used. Beside trades that come with their quotes a bar has the spreads at its first
//! and last trade; here the times of the trades are gone.

use gauntlet_domain::market::{Bar, EmptyBars, InstrumentDefined, PriceBasis, TickBlock, TickKind};
use serde::{Deserialize, Serialize};

use crate::bars::TimeBars;
use crate::from_ticks::FromTicks;
use crate::ledger::Ledger;
use crate::rows::{Row, rows_of};

/// The quotes of all such sources: what they have in common counts once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// The source that is under way.
    source: u32,
    /// The end of the bars of trades when it began: its quotes from there on come in their place.
    until: i64,
    /// The instrument's, but that quotes make the price.
    definition: InstrumentDefined,
    quotes: FromTicks,
}

/// Whether the first block of a source is of one: it has nothing but quotes and begins before `settled`, up to which bars of
/// trades have closed.
pub fn is_beside(definition: &InstrumentDefined, block: &TickBlock, settled: i64) -> bool {
    let is_quote = |kind: &u8| *kind == TickKind::Quote as u8;
    definition.price == PriceBasis::Trades
        && block.times.first().is_some_and(|time| *time < settled)
        && block.kinds.iter().all(is_quote)
}

impl Beside {
    /// Begins a source, after those before it. Bars of trades have closed up to `until`.
    pub fn begin(before: Option<Beside>, definition: &InstrumentDefined, source: u32, until: i64) -> Beside {
        let mut quotes = before.map_or_else(|| FromTicks::new(&definition.bars), |before| before.quotes);
        quotes.define(&definition.bars, TimeBars::new);
        let (price, empty_bars) = (PriceBasis::Quotes, EmptyBars::Skip);
        let definition = InstrumentDefined { price, empty_bars, ..definition.clone() };
        Beside { source, until, definition, quotes }
    }

    /// Whether this source is under way.
    pub fn is_of(&self, source: u32) -> bool {
        self.source == source
    }

    /// Takes in the quotes of a block that lie before the end of the bars; gives the others. What came of them goes to `out`.
    pub fn take(&mut self, block: &TickBlock, ledger: &mut Ledger, out: &mut Vec<Bar>) -> Vec<Row> {
        let Beside { source, until, definition, quotes } = self;
        let (behind, others): (Vec<Row>, Vec<Row>) = rows_of(block).partition(|row| row.time < *until);
        quotes.rows(definition, *source, behind.into_iter(), ledger, out);
        others
    }

    /// The source has ended. Bars under construction are given as they are, and go on with the next source.
    pub fn end(&mut self, ledger: &mut Ledger, out: &mut Vec<Bar>) {
        self.quotes.flush(&self.definition, ledger, out);
        self.quotes.clone().finish(&self.definition, out);
    }
}
