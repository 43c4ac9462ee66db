//! Quotes of Lean: `79200613.0668,1299.968,1301.618`, milliseconds since midnight by the file's clock, bid, ask. The day is in
//! the file's name; no sizes, no numbering.

use gauntlet_domain::Timestamp;
use gauntlet_domain::decimal::parse_scaled;
use gauntlet_domain::market::TickKind;

use crate::block::{Fault, Reader, Row, Tick, TickColumns};
use crate::error::FeedError;
use crate::folds::clock_of;
use crate::format::{Options, Reading};
use crate::text::{Fields, TextRows};
use crate::time::{Clock, compact_date};
use crate::understood::{Shape, columns};
use crate::units::Units;

const DAY_NANOS: i64 = 86_400_000_000_000;

pub(crate) const COLUMNS: TickColumns = TickColumns { sequences: false, sizes: false, ask_sizes: false };

pub(crate) struct LeanQuotes {
    rows: TextRows,
    /// Midnight of the file's day on its clock, as if that were UTC.
    day: i64,
    clock: Clock,
    /// Midnight as an instant, where the clock has no zone, so that every day has 24 hours.
    midnight: Option<i64>,
    units: Units,
}

impl LeanQuotes {
    /// `name` is the file's, `entry` that of the CSV in the zip; `open` opens the text at its beginning.
    pub fn new(
        open: impl Fn() -> Result<TextRows, FeedError>,
        name: &str,
        entry: Option<&str>,
        options: &Options,
        units: Units,
    ) -> Result<LeanQuotes, FeedError> {
        let rows = open()?;
        let no_date = |what: String| FeedError::NoDate { file: rows.file().to_owned(), what };
        let date = match (leading_date(name), entry.and_then(leading_date)) {
            (Some(outside), Some(inside)) if outside != inside => {
                return Err(no_date(format!(
                    "its name and that of the {} in it differ",
                    entry.unwrap_or("csv")
                )));
            }
            (outside, inside) => outside.or(inside),
        };
        let day = date.ok_or_else(|| no_date("no date at the beginning of its name".to_owned()))?;
        // The times have one form, and none of `--time-format`.
        let options =
            Options { reading: Reading { time_format: None, ..options.reading.clone() }, ..options.clone() };
        let local = |text: &[u8]| {
            let of_day = parse_any(text, &units).map_or_else(|fault| fault.time, |quote| Some(quote.of_day));
            let local = Timestamp(day.saturating_add(of_day?)).to_string();
            Some(local.trim_end_matches('Z').as_bytes().to_vec())
        };
        let mut clock = clock_of(open, rows.file(), &options, local)?;
        let midnight = if clock.zone.is_none() { clock.instant(day) } else { None };
        Ok(LeanQuotes { rows, day, clock, midnight, units })
    }

    /// The instant of a time of the day; `None` in an hour that the clock leaves out.
    #[inline]
    fn at(&mut self, of_day: i64) -> Option<i64> {
        match self.midnight {
            Some(midnight) => Some(midnight.saturating_add(of_day)),
            None => self.clock.instant(self.day.saturating_add(of_day)),
        }
    }
}

impl Reader<Tick> for LeanQuotes {
    fn next(&mut self) -> Result<Option<Row<Tick>>, FeedError> {
        if !self.rows.advance()? {
            return Ok(None);
        }
        let text = self.rows.text();
        let plain = if self.units.scale.is_usual() { parse_plain(text) } else { None };
        // Large prices of nine decimals at most need no other scale: nobody has to look at them.
        let plain = plain.filter(|quote| !self.units.is_watched() || quote.bid.min(quote.ask) >= SMALL);
        let quote = plain.map_or_else(|| parse_any(text, &self.units), Ok);
        let data =
            match quote {
                Ok(Quote { of_day, bid, ask }) => self.at(of_day).ok_or_else(Fault::bad_time).map(|time| {
                    Tick { kind: TickKind::Quote, time, sequence: 0, price: bid, ask, size: 0, ask_size: 0 }
                }),
                Err(fault) => Err(Fault { time: fault.time.and_then(|of_day| self.at(of_day)), ..fault }),
            };
        Ok(Some(Row { number: self.rows.rows() as i64, data }))
    }

    fn rows_read(&self) -> u64 {
        self.rows.rows()
    }

    fn shape(&self) -> Shape {
        let roles = [("time", 0), ("bid", 1), ("ask", 2)];
        let time = "milliseconds since midnight; the day is in the file's name".to_owned();
        Shape { columns: columns(&roles, &[]).0, time, ..Shape::default() }
    }

    fn fault_line(&self) -> (u64, String) {
        self.rows.shown()
    }
}

/// Midnight of the date that a name begins with, on the file's clock.
fn leading_date(name: &str) -> Option<i64> {
    let digits = name.rsplit('/').next().and_then(|name| name.as_bytes().get(..8))?;
    compact_date(digits)
}

/// Prices below it, in billionths, may need a finer scale.
const SMALL: i64 = 10_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quote {
    /// Nanoseconds since midnight.
    of_day: i64,
    bid: i64,
    ask: i64,
}

/// Reads any row; a fault's time counts from midnight.
fn parse_any(text: &[u8], units: &Units) -> Result<Quote, Fault> {
    let mut fields = Fields::default();
    fields.split(text, b',');
    let field = |index| fields.get(text, index).unwrap_or_default();
    let of_day = parse_scaled(field(0), 6).ok().filter(|nanos| (0..DAY_NANOS).contains(nanos));
    let of_day = of_day.ok_or_else(Fault::bad_time)?;
    if fields.get(text, 3).is_some() {
        return Err(Fault::new(TickKind::NotANumber, Some(of_day)));
    }
    Ok(Quote { of_day, bid: units.price(field(1), of_day)?, ask: units.price(field(2), of_day)? })
}

/// Reads a row of three plain numbers in one pass; `None` leaves anything else to [`parse_any`].
#[inline]
fn parse_plain(text: &[u8]) -> Option<Quote> {
    let (of_day, text) = plain_number::<6>(text)?;
    let (bid, text) = plain_number::<9>(text.strip_prefix(b",")?)?;
    let (ask, text) = plain_number::<9>(text.strip_prefix(b",")?)?;
    (text.is_empty() && of_day < DAY_NANOS).then_some(Quote { of_day, bid, ask })
}

/// Reads up to 18 digits, at most `SCALE` of them behind a point, as an integer scaled by `10^SCALE`.
#[inline]
fn plain_number<const SCALE: usize>(text: &[u8]) -> Option<(i64, &[u8])> {
    const POWERS: [i64; 10] =
        [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
    let (whole, whole_digits) = digits(text, 0);
    let rest = &text[whole_digits..];
    // Nine digits on either side of the point cannot overflow.
    if whole_digits == 0 || whole_digits > 9 {
        return None;
    }
    let [b'.', fraction @ ..] = rest else {
        return Some((whole * POWERS[SCALE], rest));
    };
    let (value, fraction_digits) = digits(fraction, whole);
    if fraction_digits > SCALE {
        return None;
    }
    Some((value * POWERS[SCALE - fraction_digits], &fraction[fraction_digits..]))
}

/// Appends the leading digits to `value`, and counts them; stops at ten.
#[inline]
fn digits(text: &[u8], mut value: i64) -> (i64, usize) {
    let mut count = 0;
    for byte in text.iter().take(10) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        count += 1;
    }
    (value, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fractions_of_a_millisecond_are_kept() {
        let quote = Quote { of_day: 79_200_613_066_800, bid: 1_299_968_000_000, ask: 1_301_618_000_000 };
        assert_eq!(parse_plain(b"79200613.0668,1299.968,1301.618"), Some(quote));
    }

    #[test]
    fn faults_say_what_they_are_and_keep_a_readable_time() {
        let fault = |text: &str| parse_any(text.as_bytes(), &Units::default()).unwrap_err();
        assert_eq!(fault("x,1,2"), Fault::bad_time());
        assert_eq!(fault("86400000,1,2"), Fault::bad_time());
        assert_eq!(fault("-1,1,2"), Fault::bad_time());
        for text in ["5,NaN,2", "5,1", "5,1,", "5,1,2,3", "5,1.2.3,1"] {
            assert_eq!(fault(text), Fault::new(TickKind::NotANumber, Some(5_000_000)), "{text}");
        }
        assert_eq!(fault("5,1,99999999999"), Fault::new(TickKind::OutOfRange, Some(5_000_000)));
    }

    #[test]
    fn the_date_is_found_behind_folders() {
        assert_eq!(leading_date("a/20140504_quote.csv"), compact_date(b"20140504"));
        assert_eq!(leading_date("quotes.zip"), None);
        assert_eq!(leading_date("20141504.zip"), None);
    }

    proptest! {
        #[test]
        fn one_pass_agrees_with_the_general_way(
            text in "[0-9]{1,9}(\\.[0-9]{0,7})?,[0-9]{1,10}(\\.[0-9]{0,11})?,[-0-9.e]{1,10}[ ,x]?",
        ) {
            if let Some(quote) = parse_plain(text.as_bytes()) {
                prop_assert_eq!(Ok(quote), parse_any(text.as_bytes(), &Units::default()));
            }
        }

        #[test]
        fn one_pass_reads_every_usual_row(ms in 0..86_400_000_u32, fraction in 0..10_000_u32, bid in 0..10_000_000_u32) {
            let text = format!("{ms}.{fraction:04},{}.{:05},{bid}", bid / 100_000, bid % 100_000);
            let quote = parse_plain(text.as_bytes());
            prop_assert!(quote.is_some());
            prop_assert_eq!(Ok(quote.unwrap()), parse_any(text.as_bytes(), &Units::default()));
        }
    }
}
