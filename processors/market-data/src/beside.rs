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

/// The quotes of such sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// The source that is under way.
    source: u32,
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
    /// Begins with a first source.
    pub fn new(definition: &InstrumentDefined, source: u32) -> Beside {
        let quotes = FromTicks::new(&definition.bars);
        Beside { source, definition: quoted(definition), quotes }
    }

    /// Another source: what it has in common with those before it counts once.
    pub fn goes_on(&mut self, definition: &InstrumentDefined, source: u32) {
        self.source = source;
        self.definition = quoted(definition);
        self.quotes.define(&definition.bars, TimeBars::new);
    }

    /// Whether this source is under way.
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

    /// The source has ended. Bars under construction are given as they are, and go on with the next source.
    pub fn end(&mut self, ledger: &mut Ledger, out: &mut Vec<Bar>) {
        self.quotes.flush(&self.definition, ledger, out);
        self.quotes.clone().finish(&self.definition, out);
    }
}

fn quoted(definition: &InstrumentDefined) -> InstrumentDefined {
    let (price, empty_bars) = (PriceBasis::Quotes, EmptyBars::Skip);
    InstrumentDefined { price, empty_bars, ..definition.clone() }
}
