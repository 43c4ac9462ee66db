//! How a file's instrument is defined before its first block: which ticks make prices, how late a tick may come, how bars
//! are stamped. `feed`, `bars` and `backtest` all ask here, so the same file is cleaned the same way by all of them.

use gauntlet_domain::market::{BarStamp, EmptyBars, InstrumentDefined, PriceBasis, Session};
use gauntlet_domain::names::{UnknownName, find};
use gauntlet_domain::{BarSpec, InstrumentId, Scale};

use crate::format::Format;
use crate::source::Source;

/// How far a tick of a recording may lie behind the latest one and still be put in its place.
const RECORDING_LATENESS_NANOS: i64 = gauntlet_domain::time::NANOS_PER_SECOND;

/// What somebody asks of the bars that are made of a file's ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarRules {
    /// Specs that are built from ticks; empty where nobody says which.
    pub specs: Vec<BarSpec>,
    /// Event time at which a bar is stamped.
    pub stamp: BarStamp,
    /// What happens to an interval without ticks.
    pub empty_bars: EmptyBars,
    /// Trading hours; `None` is round the clock.
    pub session: Option<Session>,
    /// Nanoseconds by which a row may lie behind the latest one; the format's own when left out.
    pub lateness_nanos: Option<i64>,
}

impl BarRules {
    /// Bars of these specs about which nothing else was said.
    pub fn new(specs: Vec<BarSpec>) -> BarRules {
        let (stamp, empty_bars) = (BarStamp::Close, EmptyBars::Skip);
        BarRules { specs, stamp, empty_bars, session: None, lateness_nanos: None }
    }
}

/// The instrument as its file shows it: the format that the file is read in, and what was found by looking through it. No
/// block is asked, because where a block ends says nothing about the file.
///
/// `known` is its definition in force. What a document has set (one with an asset class) stays as it was set, with the bars
/// that are asked for besides. Of any other the price basis stays: no later file changes what prices are.
pub fn definition(
    instrument: &InstrumentId,
    source: &Source,
    rules: &BarRules,
    known: Option<&InstrumentDefined>,
) -> InstrumentDefined {
    let lateness_nanos = if source.has_bars() { 0 } else { lateness_nanos(source.format()) };
    let found = Found { lateness_nanos, basis: source.price_basis(), scale: source.scale() };
    defined(instrument, found, rules, known)
}

/// What a file shows.
struct Found {
    lateness_nanos: i64,
    basis: PriceBasis,
    scale: Scale,
}

fn defined(
    instrument: &InstrumentId,
    found: Found,
    rules: &BarRules,
    known: Option<&InstrumentDefined>,
) -> InstrumentDefined {
    if let Some(set) = known.filter(|known| !known.asset_class.is_empty()) {
        let mut definition = set.clone();
        for spec in &rules.specs {
            if !definition.bars.contains(spec) {
                definition.bars.push(*spec);
            }
        }
        definition.session = rules.session.or(set.session);
        if rules.empty_bars == EmptyBars::Fill {
            definition.empty_bars = EmptyBars::Fill;
        }
        if rules.stamp == BarStamp::Open {
            definition.stamp = BarStamp::Open;
        }
        if let Some(lateness_nanos) = rules.lateness_nanos {
            definition.cleaning.lateness_nanos = lateness_nanos;
        }
        return definition;
    }
    let basis = known.map_or(found.basis, |known| known.price);
    let specs = if rules.specs.is_empty() { usual_specs() } else { rules.specs.clone() };
    let mut definition = InstrumentDefined::new(instrument.as_str(), specs, basis);
    definition.stamp = rules.stamp;
    definition.empty_bars = rules.empty_bars;
    definition.session = rules.session;
    definition.scale = found.scale;
    definition.cleaning.lateness_nanos = rules.lateness_nanos.unwrap_or(found.lateness_nanos);
    definition
}

/// Bars that are made where nobody says which: of a minute, an hour and a day.
fn usual_specs() -> Vec<BarSpec> {
    [60, 3_600, 86_400].map(|seconds| BarSpec::Time { seconds }).to_vec()
}

/// A recorder writes rows as they arrive, which is not quite their order in event time; an archive is in order.
fn lateness_nanos(format: Format) -> i64 {
    match format {
        Format::Csv | Format::Parquet | Format::BinanceJsonl => RECORDING_LATENESS_NANOS,
        Format::LeanQuote | Format::LeanBar | Format::BarsCsv => 0,
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
    use std::path::Path;

    use super::*;
    use crate::format::Options;

    fn instrument() -> InstrumentId {
        InstrumentId::new("BTCUSDT", "BINANCE").unwrap()
    }

    /// What a file of this text is defined as.
    fn of(folder: &Path, name: &str, text: &str) -> (PriceBasis, i64) {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let source = crate::open(&path, &Options::new(instrument())).unwrap();
        let rules = BarRules::new(vec![BarSpec::Time { seconds: 60 }]);
        let made = definition(&instrument(), &source, &rules, None);
        assert_eq!((made.instrument.as_str(), &made.bars), ("BTCUSDT.BINANCE", &rules.specs));
        (made.price, made.cleaning.lateness_nanos)
    }

    #[test]
    fn a_recording_may_be_late_and_an_archive_may_not() {
        for format in Format::ALL {
            let recorded = matches!(format, Format::Csv | Format::Parquet | Format::BinanceJsonl);
            let lateness = if recorded { 1_000_000_000 } else { 0 };
            assert_eq!(lateness_nanos(format), lateness, "{format}");
        }
        let folder = tempfile::tempdir().unwrap();
        let bars = "Date,Open,High,Low,Close\n2024-03-04,1,1,1,1\n";
        assert_eq!(of(folder.path(), "bars.csv", bars), (PriceBasis::Trades, 0));
        let quotes = "time,bid,ask\n2024-03-04,1,2\n";
        assert_eq!(of(folder.path(), "quotes.csv", quotes), (PriceBasis::Quotes, 1_000_000_000));
        let trades = "time,price\n2024-03-04,1\n";
        assert_eq!(of(folder.path(), "trades.csv", trades), (PriceBasis::Trades, 1_000_000_000));
    }

    #[test]
    fn trades_make_the_prices_wherever_the_first_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let quote = |row: usize| {
            format!(
                "{} {{\"stream\":\"btcusdt@bookTicker\",\"data\":{{\"u\":{row},\"s\":\"BTCUSDT\",\"b\":\"1\",\"B\":\"1\",\"a\":\"2\",\"A\":\"1\"}}}}\n",
                1_709_546_400_000_000_000 + row
            )
        };
        let quotes: String = (0..5_000).map(quote).collect();
        let trade = |symbol: &str| {
            format!(
                "1709546400000000000 {{\"stream\":\"x@trade\",\"data\":{{\"s\":\"{symbol}\",\"t\":1,\"p\":\"1\",\"q\":\"1\",\"m\":true,\"T\":1709546400000}}}}\n"
            )
        };
        let basis = |text: String| of(folder.path(), "rec.jsonl", &text).0;
        assert_eq!(basis(format!("{quotes}{}", trade("BTCUSDT"))), PriceBasis::Trades);
        assert_eq!(
            basis(format!("{quotes}{}", trade("ETHUSDT"))),
            PriceBasis::Quotes,
            "of another instrument"
        );
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
            lateness_nanos: Some(7),
        };
        let found = || Found { lateness_nanos: 0, basis: PriceBasis::Quotes, scale: Scale::USUAL };
        let made = defined(&instrument, found(), &rules, None);
        assert_eq!((made.stamp, made.empty_bars, made.session), (BarStamp::Open, EmptyBars::Fill, session));
        assert_eq!(made.cleaning.lateness_nanos, 7, "what was asked for goes before what is usual");
        let mut known = InstrumentDefined { price: PriceBasis::Trades, tick_size: Some(5), ..made.clone() };
        let again = defined(&instrument, found(), &rules, Some(&known));
        assert_eq!((again.price, again.tick_size), (PriceBasis::Trades, None), "prices stay what they were");
        known.asset_class = "stock".into();
        let plain = BarRules::new(vec![BarSpec::Time { seconds: 60 }]);
        let set = defined(&instrument, found(), &plain, Some(&known));
        assert_eq!(
            (set.tick_size, set.session, set.bars.len()),
            (Some(5), session, 2),
            "what a document says stays"
        );
        let said = stamp("opne").unwrap_err().to_string();
        assert_eq!(said, "unknown stamp `opne`: did you mean `open`? (known: close, open)");
        assert!(empty_bars("drop").unwrap_err().to_string().ends_with("use one of skip, fill"));
    }
}
