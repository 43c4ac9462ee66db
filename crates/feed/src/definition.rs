//! How a file's instrument is defined before its first block: which ticks make prices, how late a tick may come, how bars
//! are stamped. `feed`, `bars` and `backtest` all ask here, so the same file is cleaned the same way by all of them.

use gauntlet_domain::market::{BarStamp, EmptyBars, InstrumentDefined, PriceBasis, Session, TickKind};
use gauntlet_domain::names::{UnknownName, find};
use gauntlet_domain::{BarSpec, InstrumentId};

use crate::format::Format;
use crate::source::Block;

/// How far a tick of a recording may lie behind the latest one and still be put in its place.
const RECORDING_LATENESS_NANOS: i64 = gauntlet_domain::time::NANOS_PER_SECOND;

/// What somebody asks of the bars that are made of a file's ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarRules {
    /// Specs that are built from ticks.
    pub specs: Vec<BarSpec>,
    /// Event time at which a bar is stamped.
    pub stamp: BarStamp,
    /// What happens to an interval without ticks.
    pub empty_bars: EmptyBars,
    /// Trading hours; `None` is round the clock.
    pub session: Option<Session>,
}

impl BarRules {
    /// Bars of these specs about which nothing else was said.
    pub fn new(specs: Vec<BarSpec>) -> BarRules {
        BarRules { specs, stamp: BarStamp::Close, empty_bars: EmptyBars::Skip, session: None }
    }
}

/// The instrument as its file shows it: the format that the file is read in, and its first block.
pub fn definition(
    instrument: &InstrumentId,
    format: Format,
    first: &Block,
    rules: &BarRules,
) -> InstrumentDefined {
    let mut definition = InstrumentDefined::new(instrument.as_str(), rules.specs.clone(), price_basis(first));
    definition.stamp = rules.stamp;
    definition.empty_bars = rules.empty_bars;
    definition.session = rules.session;
    definition.cleaning.lateness_nanos = lateness_nanos(format);
    definition
}

/// A recorder writes rows as they arrive, which is not quite their order in event time; an archive is in order.
fn lateness_nanos(format: Format) -> i64 {
    match format {
        Format::Csv | Format::Parquet | Format::BinanceJsonl => RECORDING_LATENESS_NANOS,
        Format::LeanQuote | Format::LeanBar | Format::BarsCsv => 0,
    }
}

/// Prices of trades where a block has any, else of quotes.
fn price_basis(first: &Block) -> PriceBasis {
    let is_trade = |code: &u8| {
        use TickKind::{Buy, Last, Sell, Trade};
        TickKind::from_code(*code).is_some_and(|kind| matches!(kind, Trade | Buy | Sell | Last))
    };
    match first {
        Block::Ticks(block) if block.kinds.iter().any(is_trade) => PriceBasis::Trades,
        Block::Bars(block) if block.open_spreads.is_empty() => PriceBasis::Trades,
        _ => PriceBasis::Quotes,
    }
}

/// The stamp of that name.
pub fn stamp(name: &str) -> Result<BarStamp, UnknownName> {
    let rows = [("close", BarStamp::Close), ("open", BarStamp::Open)];
    find("stamp", name, &rows, |row| row.0).map(|row| row.1)
}

/// What happens to intervals without ticks, by its name.
pub fn empty_bars(name: &str) -> Result<EmptyBars, UnknownName> {
    let rows = [("skip", EmptyBars::Skip), ("fill", EmptyBars::Fill)];
    find("rule for empty bars", name, &rows, |row| row.0).map(|row| row.1)
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::market::{BarBlock, TickBlock};

    use super::*;

    fn ticks(kinds: &[TickKind]) -> Block {
        Block::Ticks(TickBlock {
            kinds: kinds.iter().map(|kind| *kind as u8).collect(),
            ..TickBlock::default()
        })
    }

    fn of(format: Format, first: &Block) -> (PriceBasis, i64) {
        let instrument = InstrumentId::new("XAUUSD", "OANDA").unwrap();
        let rules = BarRules::new(vec![BarSpec::Time { seconds: 60 }]);
        let made = definition(&instrument, format, first, &rules);
        assert_eq!((made.instrument.as_str(), &made.bars), ("XAUUSD.OANDA", &rules.specs));
        (made.price, made.cleaning.lateness_nanos)
    }

    #[test]
    fn a_recording_may_be_late_and_an_archive_may_not() {
        let quotes = ticks(&[TickKind::Quote]);
        for format in Format::ALL {
            let recorded = matches!(format, Format::Csv | Format::Parquet | Format::BinanceJsonl);
            let lateness = if recorded { 1_000_000_000 } else { 0 };
            assert_eq!(of(format, &quotes), (PriceBasis::Quotes, lateness), "{format}");
        }
    }

    #[test]
    fn trades_make_the_prices_where_there_are_any() {
        let mixed = ticks(&[TickKind::Quote, TickKind::Buy]);
        assert_eq!(of(Format::BinanceJsonl, &mixed).0, PriceBasis::Trades);
        assert_eq!(of(Format::BarsCsv, &Block::Bars(BarBlock::default())).0, PriceBasis::Trades);
        let spreads = BarBlock { open_spreads: vec![2], ..BarBlock::default() };
        assert_eq!(of(Format::LeanBar, &Block::Bars(spreads)).0, PriceBasis::Quotes);
    }

    #[test]
    fn what_was_asked_of_the_bars_is_in_the_definition() {
        let instrument = InstrumentId::new("XAUUSD", "OANDA").unwrap();
        let session = Some(Session { open_second: 3600, close_second: 7200 });
        let rules = BarRules {
            specs: vec![BarSpec::Time { seconds: 1 }],
            stamp: stamp("open").unwrap(),
            empty_bars: empty_bars("fill").unwrap(),
            session,
        };
        let made = definition(&instrument, Format::Csv, &ticks(&[]), &rules);
        assert_eq!((made.stamp, made.empty_bars, made.session), (BarStamp::Open, EmptyBars::Fill, session));
        let said = stamp("opne").unwrap_err().to_string();
        assert_eq!(said, "unknown stamp `opne`: did you mean `open`? (known: close, open)");
        assert!(empty_bars("drop").unwrap_err().to_string().ends_with("use one of skip, fill"));
    }
}
