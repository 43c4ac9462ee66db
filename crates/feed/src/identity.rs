//! What makes a source one: the bytes of a file *and* how they were read, so that a file that was read wrongly can be fed
//! again rightly. A file that was read without any option is known by its SHA-256 alone.
//!
//! The canonical form of a reading is what was said about the file, as `key=value` in the order of the keys, joined by `; `:
//!
//! | key | value | left out when |
//! |---|---|---|
//! | `ambiguous` | `earlier`, `later` | not said |
//! | `auction`, `volume_only` | codes of conditions in the order of their bytes, each once, with commas between them | none named |
//! | `column.WHAT` | the column's name as it was given | it was not named |
//! | `date_order` | `day-first`, `month-first` | not said |
//! | `decimal` | `,` or `.` | not said |
//! | `encoding` | an [`Encoding`](crate::Encoding) | not said |
//! | `format` | a [`Format`](crate::Format) | not said, or the file shows it |
//! | `given_up` | how often it was fed before and given up | never |
//! | `market` | as given | not said, or the venue's own |
//! | `only` | `COLUMN=VALUE` | not said |
//! | `price_scale` | `1e-DIGITS` | not said |
//! | `skip_lines` | a number of lines | 0 |
//! | `spec`, `stamp` | of ready-made bars | not said; opening times; ticks |
//! | `symbol` | as given | not said, or the instrument's own |
//! | `time_format` | as given | not said |
//! | `utc_offset` | seconds east of UTC | 0 |
//! | `zone` | a name of the time zone database | not said |
//!
//! In values `\`, `;` and `=` are written behind a `\`. The source is the SHA-256 of `gauntlet.source.v1`, the file's hash in
//! hexadecimal digits and the canonical form, each on a line of its own that ends with a line feed.

use std::collections::BTreeSet;

use gauntlet_domain::ContentHash;
use gauntlet_domain::market::BarStamp;
use sha2::{Digest, Sha256};

use crate::detect::Found;
use crate::format::Options;
use crate::time::DateOrder;
use crate::wanted::Wanted;
use crate::zone::Ambiguous;

/// Between a file's name and how it was read, in the name of a source.
const READ_WITH: &str = " (read with ";

/// A file's bytes and how they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// SHA-256 of the file's bytes.
    pub file: ContentHash,
    /// The canonical form of the reading; empty where nothing was said.
    pub reading: String,
}

impl Identity {
    /// The hash by which the source is known.
    pub fn source(&self) -> ContentHash {
        if self.reading.is_empty() {
            return self.file;
        }
        let mut hasher = Sha256::new();
        hasher.update(format!("gauntlet.source.v1\n{}\n{}\n", self.file, self.reading));
        ContentHash(hasher.finalize().into())
    }

    /// The name of the source of a file of this name: it says how it was read.
    pub fn name_of(&self, file_name: &str) -> String {
        if self.reading.is_empty() {
            return file_name.to_owned();
        }
        format!("{file_name}{READ_WITH}{})", self.reading)
    }

    /// The reading that the name of another source says, where that source is of the bytes of this file; `None` where it is
    /// of other bytes, or is this source itself.
    pub fn other_reading(&self, source: &str, name: &str) -> Option<String> {
        let said = name.rsplit_once(READ_WITH).and_then(|(_, rest)| rest.strip_suffix(')'));
        let reading = said.unwrap_or_default().to_owned();
        let other = Identity { file: self.file, reading };
        (other.reading != self.reading && other.source().to_string() == source).then_some(other.reading)
    }
}

/// The canonical form of what was said about a file.
pub(crate) fn canonical(found: &Found, options: &Options, has_bars: bool) -> String {
    let reading = &options.reading;
    let mut pairs: Vec<(String, String)> =
        reading.columns.iter().map(|(what, name)| (format!("column.{what}"), name.clone())).collect();
    let mut put = |key: &str, value: Option<String>| {
        pairs.extend(value.map(|value| (key.to_owned(), value)));
    };
    let codes = |codes: &[String]| {
        let codes: BTreeSet<&str> = codes.iter().map(String::as_str).collect();
        (!codes.is_empty()).then(|| codes.into_iter().collect::<Vec<_>>().join(","))
    };
    let ambiguous = reading.ambiguous.map(|which| match which {
        Ambiguous::Earlier => "earlier",
        Ambiguous::Later => "later",
    });
    put("ambiguous", ambiguous.map(str::to_owned));
    put("auction", codes(&reading.auction));
    put("volume_only", codes(&reading.volume_only));
    let order = reading.date_order.map(|order| match order {
        DateOrder::DayFirst => "day-first",
        DateOrder::MonthFirst => "month-first",
    });
    put("date_order", order.map(str::to_owned));
    put("encoding", reading.encoding.map(|encoding| encoding.to_string()));
    put("price_scale", reading.price_digits.map(|digits| format!("1e-{digits}")));
    put("skip_lines", (reading.skip_lines > 0).then(|| reading.skip_lines.to_string()));
    put("decimal", reading.decimal.map(String::from));
    let asked = options.format.filter(|asked| found.told != Some(*asked));
    put("format", asked.map(|format| format.to_string()));
    put("given_up", (options.given_up > 0).then(|| options.given_up.to_string()));
    put(
        "market",
        options.market.clone().filter(|market| Some(market) != Wanted::market_of(options).as_ref()),
    );
    put("spec", options.bar_spec.filter(|_| has_bars).map(|spec| spec.to_string()));
    put("stamp", (has_bars && options.bar_stamp == BarStamp::Close).then(|| "close".to_owned()));
    let own = options.instrument.symbol();
    put("only", reading.only.as_ref().map(|(column, value)| format!("{column}={value}")));
    put("symbol", options.symbol.clone().filter(|symbol| symbol != own));
    put("time_format", reading.time_format.clone());
    put("utc_offset", (options.utc_offset_seconds != 0).then(|| options.utc_offset_seconds.to_string()));
    put("zone", reading.zone.clone());
    pairs.sort();
    let pairs: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{}={}", escaped(key), escaped(value))).collect();
    pairs.join("; ")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if matches!(letter, '\\' | ';' | '=') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;
    use gauntlet_domain::InstrumentId;

    fn options() -> Options {
        Options::new(InstrumentId::new("BTCUSDT", "BINANCE_USDM").unwrap())
    }

    fn of(told: Option<Format>, options: &Options, has_bars: bool) -> String {
        let format = options.format.or(told).unwrap();
        canonical(&Found { format, told, preamble: 0, implied: None }, options, has_bars)
    }

    #[test]
    fn nothing_said_and_what_the_file_shows_is_no_reading() {
        let mut asked = options();
        assert_eq!(of(Some(Format::Csv), &asked, false), "");
        asked.format = Some(Format::Csv);
        asked.market = Some("usdm".into());
        asked.symbol = Some("BTCUSDT".into());
        asked.bar_stamp = BarStamp::Close;
        asked.bar_spec = Some("time:1h".parse().unwrap());
        assert_eq!(of(Some(Format::Csv), &asked, false), "", "ticks have no stamp and no spec");
        assert_eq!(of(Some(Format::Csv), &asked, true), "spec=time:1h; stamp=close");
    }

    #[test]
    fn everything_that_was_said_is_in_the_order_of_its_keys() {
        let mut asked = options();
        asked.format = Some(Format::Csv);
        asked.market = Some("spot".into());
        asked.symbol = Some("BTC/USDT".into());
        asked.utc_offset_seconds = -18_000;
        asked.reading.zone = Some("Europe/Paris".into());
        asked.reading.date_order = Some(DateOrder::DayFirst);
        asked.reading.decimal = Some(',');
        asked.reading.ambiguous = Some(Ambiguous::Later);
        asked.reading.only = Some(("Name".into(), "A".into()));
        asked.reading.encoding = Some(crate::Encoding::Windows1252);
        asked.reading.skip_lines = 3;
        asked.reading.price_digits = Some(9);
        asked.given_up = 2;
        asked.reading.time_format = Some("%d;%m".into());
        asked.reading.columns = vec![("price".into(), "Last".into()), ("bid".into(), "a=b".into())];
        let said = of(None, &asked, false);
        let expected = "ambiguous=later; column.bid=a\\=b; column.price=Last; date_order=day-first; decimal=,; encoding=windows-1252; format=csv; given_up=2; \
                        market=spot; only=Name\\=A; price_scale=1e-9; skip_lines=3; symbol=BTC/USDT; time_format=%d\\;%m; utc_offset=-18000; zone=Europe/Paris";
        assert_eq!(said, expected);
    }

    #[test]
    fn another_reading_of_the_same_bytes_is_another_source_and_its_name_tells_it() {
        let file = ContentHash([7; 32]);
        let plain = Identity { file, reading: String::new() };
        assert_eq!((plain.source(), plain.name_of("a.csv").as_str()), (file, "a.csv"));
        let zoned = Identity { file, reading: "zone=Europe/Paris".into() };
        let name = zoned.name_of("a.csv");
        assert_eq!(name, "a.csv (read with zone=Europe/Paris)");
        // Of the bytes `gauntlet.source.v1\n0707…07\nzone=Europe/Paris\n`.
        let expected = "d7d178527ea4d62ee09db5df99c9060d2e1a3aefc82cb9ee0a20b1ed8241476c";
        assert_eq!(zoned.source().to_string(), expected);
        assert_eq!(plain.other_reading(&zoned.source().to_string(), &name), Some(zoned.reading.clone()));
        assert_eq!(zoned.other_reading(&file.to_string(), "b.csv"), Some(String::new()));
        assert_eq!(zoned.other_reading(&zoned.source().to_string(), &name), None, "it is the same source");
        let other = Identity { file: ContentHash([8; 32]), ..zoned.clone() };
        assert_eq!(plain.other_reading(&other.source().to_string(), &name), None, "of other bytes");
    }
}
