//! The document of an instrument.
//!
//! ```yaml
//! instrument: AAPL.XNAS
//! class: stock             # stock, future, fx, crypto, option, bond, index
//! tick_size: 0.01
//! calendar: XNAS           # or zone, from, to, week, holidays, special_days
//! bars: [time:1m, time:1d]
//! cleaning: { gap: 900, level_ticks: 20 }
//! ```

use std::collections::BTreeMap;
use std::fmt;

use gauntlet_domain::decimal::parse_scaled;
use gauntlet_domain::market::{
    BarStamp, CleaningLimits, CleaningRules, EmptyBars, InstrumentDefined, PriceBasis,
};
use gauntlet_domain::names::{UnknownName, find};
use gauntlet_domain::{BarSpec, InstrumentId, Scale};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::DocumentError;
use crate::calendar::{self, CalendarDocument};
use crate::preset;

/// Rows of a recording come by so much out of order.
const USUAL_LATENESS_NANOS: i64 = gauntlet_domain::time::NANOS_PER_SECOND;

/// An instrument as a document has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InstrumentDocument {
    instrument: String,
    class: String,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    tick_size: Option<Text>,
    #[serde(default)]
    price: Option<String>,
    #[serde(default)]
    positive_prices: Option<bool>,
    #[serde(default)]
    bars: Option<Vec<String>>,
    #[serde(default)]
    stamp: Option<String>,
    #[serde(default)]
    empty_bars: Option<String>,
    #[serde(default)]
    calendar: Option<NamedOrOwn>,
    #[serde(default)]
    decimals: Option<Decimals>,
    #[serde(default)]
    cleaning: BTreeMap<String, Text>,
}

/// Decimals of prices and sizes that must be held.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decimals {
    price: i32,
    size: i32,
}

/// A number in the letters of the document, so that it stays exact.
#[derive(Debug)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        String::deserialize(deserializer).map(Text)
    }
}

#[derive(Debug)]
enum NamedOrOwn {
    Named(String),
    Own(CalendarDocument),
}

/// By hand, because an untagged enum says of a fault in a calendar only that nothing fits.
impl<'de> Deserialize<'de> for NamedOrOwn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NamedOrOwn, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = NamedOrOwn;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a calendar's name such as XNYS, or zone, from, to and week of one's own")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<NamedOrOwn, E> {
                Ok(NamedOrOwn::Named(name.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NamedOrOwn, A::Error> {
                CalendarDocument::deserialize(MapAccessDeserializer::new(map)).map(NamedOrOwn::Own)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The definition that a document gives. `file` is its name, for errors. `fixed` is the scale that the instrument has already:
/// it is kept where the document says nothing of decimals.
pub fn definition(text: &str, file: &str, fixed: Option<Scale>) -> Result<InstrumentDefined, DocumentError> {
    let document: InstrumentDocument = serde_saphyr::from_str(text)
        .map_err(|error| DocumentError::Shape { file: file.to_owned(), detail: error.to_string() })?;
    resolve(&document, fixed).map_err(|(key, detail)| DocumentError::Value {
        file: file.to_owned(),
        key,
        detail,
    })
}

/// A key, and what is wrong with its value.
type Wrong = (String, String);

fn wrong(key: &str) -> impl Fn(String) -> Wrong {
    let key = key.to_owned();
    move |detail| (key.clone(), detail)
}

fn resolve(document: &InstrumentDocument, fixed: Option<Scale>) -> Result<InstrumentDefined, Wrong> {
    let (symbol, venue) = document.instrument.rsplit_once('.').unwrap_or((&document.instrument, ""));
    let id = InstrumentId::new(symbol, venue).map_err(|error| wrong("instrument")(error.to_string()))?;
    let preset = preset::of(&document.class).map_err(|error| wrong("class")(error.to_string()))?;
    let scale = match document.decimals {
        Some(Decimals { price, size }) => {
            Scale::new(-price, -size).map_err(|error| wrong("decimals")(error.to_string()))?
        }
        None => fixed.unwrap_or_default(),
    };
    let bars = match &document.bars {
        Some(specs) => specs.iter().map(|spec| spec.parse()).collect::<Result<Vec<BarSpec>, _>>(),
        None => ["time:1m", "time:1h", "time:1d"].iter().map(|spec| spec.parse()).collect(),
    };
    let bars = bars.map_err(|error| wrong("bars")(error.to_string()))?;
    let mut definition = InstrumentDefined::new(id.as_str(), bars, preset.price);
    definition.asset_class = preset.class.to_owned();
    definition.scale = scale;
    definition.positive_prices = document.positive_prices.unwrap_or(preset.positive_prices);
    if let Some(currency) = &document.currency {
        definition.currency.clone_from(currency);
    }
    if let Some(name) = &document.price {
        definition.price = by_name("price", name, &BASES)?;
    }
    if let Some(name) = &document.stamp {
        definition.stamp = by_name("stamp", name, &STAMPS)?;
    }
    if let Some(name) = &document.empty_bars {
        definition.empty_bars = by_name("empty_bars", name, &EMPTY)?;
    }
    if let Some(text) = &document.tick_size {
        definition.tick_size = Some(tick_size(&text.0, scale).map_err(wrong("tick_size"))?);
    }
    let calendar = match (&document.calendar, preset.calendar) {
        (Some(NamedOrOwn::Named(name)), _) if name == ROUND_THE_CLOCK => None,
        (Some(NamedOrOwn::Named(name)), _) => Some(calendar::named(name)),
        (Some(NamedOrOwn::Own(own)), _) => Some(calendar::resolve(own)),
        (None, usual) => usual.map(calendar::named),
    };
    definition.calendar = calendar.transpose().map_err(wrong("calendar"))?;
    definition.cleaning.lateness_nanos = USUAL_LATENESS_NANOS;
    for (key, text) in &document.cleaning {
        set_limit(&mut definition.cleaning, &mut definition.limits, key, &text.0)
            .map_err(wrong(&format!("cleaning.{key}")))?;
    }
    Ok(definition)
}

const ROUND_THE_CLOCK: &str = "24x7";
const BASES: [(&str, PriceBasis); 2] = [("quotes", PriceBasis::Quotes), ("trades", PriceBasis::Trades)];
const STAMPS: [(&str, BarStamp); 2] = [("close", BarStamp::Close), ("open", BarStamp::Open)];
const EMPTY: [(&str, EmptyBars); 2] = [("skip", EmptyBars::Skip), ("fill", EmptyBars::Fill)];

fn by_name<T: Copy>(key: &'static str, name: &str, rows: &[(&'static str, T)]) -> Result<T, Wrong> {
    let found: Result<&(&str, T), UnknownName> = find(key, name, rows, |row| row.0);
    found.map(|row| row.1).map_err(|error| wrong(key)(error.to_string()))
}

/// A tick in units of the scale.
fn tick_size(text: &str, scale: Scale) -> Result<i64, String> {
    let bad = || format!("'{text}' is no tick size: write a number above zero such as 0.01");
    let tick = scale.parse_price(text.as_bytes()).map_err(|_| bad())?;
    if tick.0 <= 0 {
        return Err(bad());
    }
    let (given, held): (f64, f64) = (text.parse().map_err(|_| bad())?, scale.price(tick));
    if (given - held).abs() > given * 1e-12 {
        return Err(format!(
            "{text} has more decimals than the {} that prices have: write `decimals: {{ price: 12, size: 8 }}`",
            scale.price_digits()
        ));
    }
    Ok(tick.0)
}

/// Sets a time in seconds or a limit.
fn set_limit(
    rules: &mut CleaningRules,
    limits: &mut CleaningLimits,
    key: &str,
    text: &str,
) -> Result<(), String> {
    let seconds = || {
        let nanos = parse_scaled(text.as_bytes(), 9).ok().filter(|nanos| *nanos >= 0);
        nanos.ok_or_else(|| format!("'{text}' is no number of seconds: write it like 1.5"))
    };
    let whole = || {
        let number = text.parse().ok().filter(|number| (0..=1_000_000).contains(number));
        number.ok_or_else(|| {
            format!("'{text}' is no whole number from 0, which turns the rule off, to 1,000,000")
        })
    };
    match key {
        "lateness" => rules.lateness_nanos = seconds()?,
        "gap" => rules.gap_nanos = seconds()?,
        "stale" => rules.stale_nanos = seconds()?,
        "clock_ahead" => limits.clock_ahead_nanos = seconds()?,
        "clock_intervals" => limits.clock_intervals = whole()?,
        "level_medians" => limits.level_medians = whole()?,
        "level_ticks" => limits.level_ticks = whole()?,
        "level_tails" => limits.level_tails = whole()?,
        "spread_medians" => limits.spread_medians = whole()?,
        "spread_tails" => limits.spread_tails = whole()?,
        "block_sizes" => limits.block_sizes = whole()?,
        _ => {
            let known = find("limit", key, &LIMITS, |name| name).map_err(|error| error.to_string());
            return Err(known.err().unwrap_or_default());
        }
    }
    Ok(())
}

/// Keys of `cleaning`: the first four are in seconds.
pub const LIMITS: [&str; 11] = [
    "lateness",
    "gap",
    "stale",
    "clock_ahead",
    "clock_intervals",
    "level_medians",
    "level_ticks",
    "level_tails",
    "spread_medians",
    "spread_tails",
    "block_sizes",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        definition(text, "x.yaml", None).unwrap_err().to_string()
    }

    #[test]
    fn what_a_record_keeps_of_a_rule_of_before_is_no_key() {
        let document = "instrument: A.B\nclass: stock\ncleaning: { absurd_factor: 10 }\n";
        let why = said(document);
        assert!(why.contains("absurd_factor") && why.contains("unknown limit"), "{why}");
    }

    #[test]
    fn a_class_says_what_is_usual_and_a_document_overrides_it() {
        let plain = definition("instrument: EURUSD.OANDA\nclass: fx\n", "x.yaml", None).unwrap();
        assert_eq!((plain.price, plain.positive_prices), (PriceBasis::Quotes, true));
        assert_eq!(plain.calendar.unwrap().name, "FX");
        let text = "instrument: CL.NYMEX\nclass: future\ntick_size: 0.01\nprice: quotes\nbars: [time:5m]\n\
                    cleaning: { gap: 60, level_ticks: 20, block_sizes: 0 }\nempty_bars: fill\ncalendar: 24x7\n";
        let own = definition(text, "x.yaml", None).unwrap();
        assert_eq!((own.tick_size, own.positive_prices, own.calendar), (Some(10_000_000), false, None));
        assert_eq!(
            (own.cleaning.gap_nanos, own.limits.level_ticks, own.limits.block_sizes),
            (60_000_000_000, 20, 0)
        );
        assert_eq!((own.price, own.empty_bars, own.bars.len()), (PriceBasis::Quotes, EmptyBars::Fill, 1));
    }

    #[test]
    fn a_calendar_of_ones_own_is_resolved() {
        let text = "instrument: A.B\nclass: stock\ncalendar:\n  zone: America/New_York\n  from: 2024-03-01\n  \
                    to: 2024-03-31\n  week: { mon: 09:30-16:00 }\n  holidays: [2024-03-18]\n  special_days: { 2024-03-25: 09:30-13:00 }\n";
        let calendar = definition(text, "x.yaml", None).unwrap().calendar.unwrap();
        // The clocks changed on 10 March: the opening is an hour earlier in UTC.
        let opening = |time: &str| {
            let from: gauntlet_domain::Timestamp = time.parse().unwrap();
            let (open, close) = calendar.session_from(from.0).unwrap();
            [open, close].map(|time| gauntlet_domain::Timestamp(time).to_string())
        };
        assert_eq!(opening("2024-03-02"), ["2024-03-04T14:30:00Z", "2024-03-04T21:00:00Z"]);
        assert_eq!(opening("2024-03-05"), ["2024-03-11T13:30:00Z", "2024-03-11T20:00:00Z"]);
        assert_eq!(opening("2024-03-12"), ["2024-03-25T13:30:00Z", "2024-03-25T17:00:00Z"]);
        assert_eq!(calendar.session_from(opening_nanos("2024-03-26")), None, "the calendar ends");
    }

    fn opening_nanos(time: &str) -> i64 {
        time.parse::<gauntlet_domain::Timestamp>().unwrap().0
    }

    #[test]
    fn what_cannot_be_used_says_where_and_what_to_write() {
        let stock = |more: &str| said(&format!("instrument: A.B\nclass: stock\n{more}"));
        assert!(said("instrument: A.B\nclass: stok\n").contains("did you mean `stock`?"));
        assert!(
            stock("calendar: XNYZ\n").contains("calendar: unknown calendar `XNYZ`: did you mean `XNYS`?")
        );
        assert!(stock("tick_size: 0\n").contains("tick_size: '0' is no tick size"));
        assert!(
            stock("tick_size: 0.00000000001\n").contains("tick_size"),
            "{}",
            stock("tick_size: 0.00000000001\n")
        );
        assert!(stock("decimals: { price: 30, size: 8 }\n").contains("exponents are between -18 and 0"));
        assert!(stock("cleaning: { levels: 3 }\n").contains("cleaning.levels: unknown limit"));
        assert!(stock("cleaning: { gap: -1 }\n").contains("is no number of seconds"));
        assert!(stock("ticksize: 1\n").contains("ticksize"), "an unknown key is named");
        let own = |week: &str| {
            stock(&format!(
                "calendar: {{ zone: Europe/Berlinn, from: 2024-01-01, to: 2024-12-31, week: {week} }}\n"
            ))
        };
        assert!(own("{ mon: 09:00-17:00 }").contains("zone Europe/Berlinn is not in the time zone database"));
        let hours = |week: &str, special: &str| {
            stock(&format!(
                "calendar: {{ zone: Asia/Tokyo, from: 2024-03-04, to: 2024-03-29, week: {week}, special_days: {special} }}\n"
            ))
        };
        let twice = hours("{ mon: '09:00-11:30, 11:00-15:00' }", "{}");
        assert!(
            twice.contains("calendar: 2024-03-04 (mon): two sessions of the day overlap: let each end"),
            "{twice}"
        );
        let special = hours("{ fri: 09:00-15:00 }", "{ 2024-03-08: '12:00-15:00, 09:00-12:01' }");
        assert!(special.contains("2024-03-08 (fri): two sessions of the day overlap"), "{special}");
        let night = hours("{ tue: 09:00-26:00, wed: -01:00-15:00 }", "{}");
        let both =
            "2024-03-06 (wed): its first session opens before the last one of 2024-03-05 (tue) has closed";
        assert!(night.contains(both), "{night}");
        let unknown = stock("calendar: { zon: Asia/Tokyo, from: 2024-01-01, to: 2024-12-31, week: {} }\n");
        assert!(unknown.contains("zon") && unknown.contains("zone"), "{unknown}");
        let unquoted = hours("{ mon: 09:00-11:30, 12:30-15:00 }", "{}");
        assert!(
            unquoted.contains("week: 12:30-15:00 is no day: put several sessions of a day between quotes"),
            "{unquoted}"
        );
        let none = hours("{ mon: '09:00-11:30,' }", "{}");
        assert!(
            none.contains("'' are no hours of a session: write 09:30-16:00, 09:30-12:00, 13:00-16:00"),
            "{none}"
        );
    }
}
