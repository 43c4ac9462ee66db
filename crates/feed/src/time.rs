//! Times as files write them, exact to the nanosecond.

use gauntlet_domain::Timestamp;
use gauntlet_domain::decimal::parse_scaled;
use gauntlet_domain::time::NANOS_PER_SECOND;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;

use crate::zone::{Instant, Zone};

const MINUTE: i64 = 60 * NANOS_PER_SECOND;
const HOUR: i64 = 60 * MINUTE;
const YEAR_2100: i64 = 4_102_444_800 * NANOS_PER_SECOND;

/// Decimal digits from a unit down to nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds = 9,
    Millis = 6,
    Micros = 3,
    Nanos = 0,
}

/// Which of day and month comes first in `1/2/2017`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateOrder {
    /// 1 February.
    DayFirst,
    /// 2 January.
    MonthFirst,
}

impl Unit {
    /// Its name, in the plural.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Seconds => "seconds",
            Unit::Millis => "milliseconds",
            Unit::Micros => "microseconds",
            Unit::Nanos => "nanoseconds",
        }
    }

    /// The unit in which a number of so many digits is nearest to our time.
    pub fn of_digits(digits: usize) -> Unit {
        match digits {
            0..=11 => Unit::Seconds,
            12..=14 => Unit::Millis,
            15..=17 => Unit::Micros,
            _ => Unit::Nanos,
        }
    }
}

/// How a file writes times, and on which clock. Only times without a zone are on that clock.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    offset_nanos: i64,
    pub zone: Option<Zone>,
    /// `None` reads no date that needs it.
    pub order: Option<DateOrder>,
    /// Twelve digits are `YYYYMMDDHHMM` and no milliseconds.
    pub twelve_digits_are_dates: bool,
    /// A format of `strftime`, and no other.
    pub format: Option<String>,
    /// A row has shown that the hour before it cannot be told from the one with the same name.
    pub undecided: bool,
}

impl Clock {
    pub fn new(utc_offset_seconds: i32) -> Clock {
        Clock {
            offset_nanos: i64::from(utc_offset_seconds) * NANOS_PER_SECOND,
            zone: None,
            order: None,
            twelve_digits_are_dates: false,
            format: None,
            undecided: false,
        }
    }

    /// Nanoseconds UTC of a time on the file's clock.
    pub fn instant(&mut self, nanos: i64) -> Option<i64> {
        self.on_clock(nanos, None)
    }

    fn on_clock(&mut self, nanos: i64, abbreviation: Option<&[u8]>) -> Option<i64> {
        let Some(zone) = &mut self.zone else {
            return if abbreviation.is_none() { nanos.checked_sub(self.offset_nanos) } else { None };
        };
        match zone.instant(nanos, abbreviation) {
            Instant::At(at) => Some(at),
            Instant::Never => None,
            Instant::Undecided => {
                self.undecided = true;
                None
            }
        }
    }

    /// Reads a date with or without a time of day and a zone, or a number of seconds, milliseconds, microseconds or
    /// nanoseconds since the epoch, told apart by its magnitude.
    pub fn parse(&mut self, text: &[u8]) -> Option<i64> {
        let text = text.trim_ascii();
        if self.format.is_some() {
            return self.parse_in_format(text);
        }
        if text.iter().all(u8::is_ascii_digit)
            && let Some(local) = digits(text, self.twelve_digits_are_dates)
        {
            return self.instant(local);
        }
        let Some((midnight, rest)) = date(text, self.order) else {
            return since_epoch(text, None);
        };
        let (of_day, rest) = match rest {
            [] => (0, rest),
            [b',', b' ', rest @ ..] | [b' ' | b'T' | b't', rest @ ..] => {
                time_of_day(rest.trim_ascii_start())?
            }
            _ => return None,
        };
        let local = midnight.checked_add(of_day)?;
        let rest = rest.trim_ascii();
        match zone(rest) {
            Some(Some(offset)) => local.checked_sub(offset),
            Some(None) => self.instant(local),
            None if is_abbreviation(rest) => self.on_clock(local, Some(rest)),
            None => None,
        }
    }

    /// Whether a text is the same time on any clock: it has its own offset, or counts from 1970.
    pub fn is_instant(&self, text: &[u8]) -> bool {
        let at = self.parse_on(0, text);
        at.is_some() && at == self.parse_on(HOUR, text)
    }

    /// The two instants of a local time that the zone has twice; `None` for any other time.
    pub fn double(&self, text: &[u8]) -> Option<(i64, i64)> {
        let local = self.parse_on(0, text)?;
        self.zone.as_ref()?.double(local).filter(|_| !self.is_instant(text))
    }

    /// The instant of a time on a clock without a zone.
    fn parse_on(&self, offset_nanos: i64, text: &[u8]) -> Option<i64> {
        Clock { offset_nanos, zone: None, ..self.clone() }.parse(text)
    }

    fn parse_in_format(&mut self, text: &[u8]) -> Option<i64> {
        let format = self.format.as_deref()?;
        let parts = BrokenDownTime::parse(format, text).ok()?;
        if let Ok(at) = parts.to_timestamp() {
            return i64::try_from(at.as_nanosecond()).ok();
        }
        let time = parts.to_time().unwrap_or_else(|_| jiff::civil::Time::midnight());
        let local = parts.to_date().ok()?.to_datetime(time);
        let local = Offset::UTC.to_timestamp(local).ok()?;
        self.instant(i64::try_from(local.as_nanosecond()).ok()?)
    }
}

/// Whether a text is all of a time of day.
pub(crate) fn is_time_of_day(text: &[u8]) -> bool {
    matches!(time_of_day(text.trim_ascii()), Some((_, [])))
}

/// A time zone's letters, `EST`.
pub(crate) fn is_abbreviation(text: &[u8]) -> bool {
    (2..=5).contains(&text.len()) && text.iter().all(u8::is_ascii_alphabetic)
}

/// `YYYYMMDDHHMMSS` and `YYYYMMDDHHMMSSmmm`, which as numbers since the epoch would be beyond 2262, and `YYYYMMDDHHMM`
/// where the file is known to have it.
fn digits(text: &[u8], twelve: bool) -> Option<i64> {
    if !(matches!(text.len(), 14 | 17) || (twelve && text.len() == 12)) {
        return None;
    }
    let midnight = compact_date(&text[..8])?;
    let (hour, minute) = (number(&text[8..10])?, number(&text[10..12])?);
    let second = text.get(12..14).map_or(Some(0), number)?;
    let millis = text.get(14..17).map_or(Some(0), number)?;
    let fits = hour < 24 && minute < 60 && second < 60;
    fits.then_some(midnight + hour * HOUR + minute * MINUTE + second * NANOS_PER_SECOND + millis * 1_000_000)
}

/// Whether twelve digits could be `YYYYMMDDHHMM`.
pub(crate) fn is_date_of_twelve_digits(text: &[u8]) -> bool {
    text.len() == 12 && text.iter().all(u8::is_ascii_digit) && digits(text, true).is_some()
}

/// Whether ten digits could be `YYYYMMDDHH`.
pub(crate) fn is_date_of_ten_digits(text: &[u8]) -> bool {
    text.len() == 10 && compact_date(&text[..8]).is_some() && number(&text[8..]).is_some_and(|hour| hour < 24)
}

/// Nanoseconds of a number since the epoch; without a unit, the one that puts it nearest to our time.
pub(crate) fn since_epoch(text: &[u8], unit: Option<Unit>) -> Option<i64> {
    // A number with an exponent has lost its last digits.
    if text.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return None;
    }
    match unit {
        Some(unit) => parse_scaled(text, unit as u32).ok(),
        // What is said to be beyond 2100 is nanoseconds of a day, or no time at all.
        None => parse_scaled(text, by_magnitude(text) as u32).ok().filter(|nanos| *nanos < YEAR_2100),
    }
}

/// The unit that puts a number nearest to our time.
fn by_magnitude(text: &[u8]) -> Unit {
    let whole = text.split(|byte| *byte == b'.').next().unwrap_or(text);
    Unit::of_digits(whole.strip_prefix(b"-").unwrap_or(whole).len())
}

/// Midnight UTC of the eight digits `YYYYMMDD`.
pub(crate) fn compact_date(text: &[u8]) -> Option<i64> {
    if text.len() != 8 {
        return None;
    }
    let (year, month, day) = (number(&text[..4])?, number(&text[4..6])?, number(&text[6..])?);
    // A number of seconds since 1970 has eight digits too; nobody trades before 1800.
    if (1800..2262).contains(&year) { midnight(year, month, day) } else { None }
}

/// A leading date and what follows it.
fn date(text: &[u8], order: Option<DateOrder>) -> Option<(i64, &[u8])> {
    if let [y @ .., _, _, _, _, _, _] = text.get(..10).unwrap_or(&[])
        && matches!(text[4], b'-' | b'.' | b'/')
        && text[7] == text[4]
    {
        return Some((midnight(number(y)?, number(&text[5..7])?, number(&text[8..10])?)?, &text[10..]));
    }
    if matches!(text.get(8), None | Some(b' ' | b'T'))
        && let Some(midnight) = text.get(..8).and_then(compact_date)
    {
        return Some((midnight, &text[8..]));
    }
    let ([a, b, c], rest) = three_parts(text)?;
    let (year, month, day) = match (number(a), number(b), number(c)) {
        (Some(a), Some(b), Some(year)) if c.len() == 4 => match order? {
            DateOrder::DayFirst => (year, b, a),
            DateOrder::MonthFirst => (year, a, b),
        },
        (Some(day), None, Some(year)) if c.len() == 4 => (year, month_named(b)?, day),
        (Some(year), None, Some(day)) if a.len() == 4 => (year, month_named(b)?, day),
        (None, Some(day), Some(year)) if c.len() == 4 => (year, month_named(a)?, day),
        _ => return None,
    };
    Some((midnight(year, month, day)?, rest))
}

/// The first two numbers of `1/2/2017`, of which nobody knows which is the day.
pub(crate) fn day_and_month(text: &[u8]) -> Option<(i64, i64)> {
    let ([a, b, c], _) = three_parts(text.trim_ascii())?;
    let short = a.len() <= 2 && b.len() <= 2 && c.len() == 4;
    if short && number(c).is_some() { number(a).zip(number(b)) } else { None }
}

/// Three runs of digits or letters with `/`, `-`, `.`, a space or a comma between them, and what follows.
fn three_parts(text: &[u8]) -> Option<([&[u8]; 3], &[u8])> {
    let mut parts = [&[][..]; 3];
    let mut rest = text;
    for (at, part) in parts.iter_mut().enumerate() {
        if at > 0 {
            let gap = rest.iter().take_while(|byte| matches!(byte, b'/' | b'-' | b'.' | b' ' | b',')).count();
            if !(1..=2).contains(&gap) {
                return None;
            }
            rest = &rest[gap..];
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let length = digits.max(letters);
        if length == 0 {
            return None;
        }
        (*part, rest) = rest.split_at(length);
    }
    Some((parts, rest))
}

/// The number of a month of that English name, whole or three letters of it.
fn month_named(name: &[u8]) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let is = |month: &&str| {
        let month = month.as_bytes();
        name.eq_ignore_ascii_case(month) || name.eq_ignore_ascii_case(&month[..3])
    };
    MONTHS.iter().position(is).map(|month| month as i64 + 1)
}

/// `HH:MM`, `HH:MM:SS`, `HH:MM:SS.fraction` (or a comma), each with AM or PM, or `HHMMSS` in nanoseconds, and what follows.
/// 24:00 is the midnight that ends the day.
fn time_of_day(text: &[u8]) -> Option<(i64, &[u8])> {
    let two = |at: usize, limit: i64| text.get(at..at + 2).and_then(number).filter(|value| *value < limit);
    let width = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let colon = text.get(width) == Some(&b':');
    let (hour, minute, second, rest) = match (width, colon) {
        (1 | 2, true) => {
            let (hour, minute) = (number(&text[..width])?, two(width + 1, 60)?);
            match &text[width + 3..] {
                [b':', tail @ ..] => (hour, minute, two(width + 4, 60)?, &tail[2..]),
                rest => (hour, minute, 0, rest),
            }
        }
        (6 | 9, false) => (two(0, 24)?, two(2, 60)?, two(4, 60)?, &text[6..]),
        _ => return None,
    };
    let (nanos, rest) = match rest {
        [b'.' | b',', tail @ ..] => fraction(tail)?,
        tail if width == 9 => fraction(tail)?,
        rest => (0, rest),
    };
    let (half, rest) = half_of_day(rest);
    let hour = match half {
        None if hour < 24 => hour,
        None if (hour, minute, second, nanos) == (24, 0, 0, 0) => 24,
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        _ => return None,
    };
    Some((hour * HOUR + minute * MINUTE + second * NANOS_PER_SECOND + nanos, rest))
}

/// A fraction of a second. Digits below a nanosecond are dropped: a time is never moved past what was written.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let kept = digits.min(9);
    Some((number(&text[..kept])? * 10_i64.pow(9 - kept as u32), &text[digits..]))
}

/// Hours that AM or PM adds, and what follows it.
pub(crate) fn half_of_day(text: &[u8]) -> (Option<i64>, &[u8]) {
    let trimmed = text.trim_ascii_start();
    match trimmed {
        [half @ (b'a' | b'A' | b'p' | b'P'), b'm' | b'M', rest @ ..] => {
            (Some(if half.eq_ignore_ascii_case(&b'a') { 0 } else { 12 }), rest)
        }
        _ => (None, text),
    }
}

/// `Some(None)` without a zone, `None` for what is no zone.
fn zone(text: &[u8]) -> Option<Option<i64>> {
    // `GMT+0100` is an hour ahead of it, as vendors write it; POSIX means the opposite.
    let offset = text.strip_prefix(b"GMT").or_else(|| text.strip_prefix(b"UTC"));
    let (sign, digits) = match offset.unwrap_or(text) {
        [] if offset.is_none() => return Some(None),
        [] => return Some(Some(0)),
        b"Z" | b"z" if offset.is_none() => return Some(Some(0)),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        1 if offset.is_some() => (digits, &b"00"[..]),
        4 if digits[1] == b':' => (&digits[..1], &digits[2..]),
        2 => (digits, &b"00"[..]),
        4 => digits.split_at(2),
        5 if digits[2] == b':' => (&digits[..2], &digits[3..]),
        _ => return None,
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(Some(sign * (hours * HOUR + minutes * MINUTE)))
}

fn midnight(year: i64, month: i64, day: i64) -> Option<i64> {
    let date = Timestamp::from_date(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?)?;
    Some(date.0)
}

/// Digits only.
fn number(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0, |value, byte| match byte {
        b'0'..=b'9' => Some(value * 10 + i64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn month_first() -> Clock {
        Clock { order: Some(DateOrder::MonthFirst), ..Clock::new(0) }
    }

    fn utc(text: &str) -> Option<String> {
        month_first().parse(text.as_bytes()).map(|nanos| Timestamp(nanos).to_string())
    }

    #[test]
    fn the_usual_ways_to_write_a_time_are_read() {
        for (text, expected) in [
            ("2014-05-01", "2014-05-01T00:00:00Z"),
            ("20140501", "2014-05-01T00:00:00Z"),
            ("20060320 07:00", "2006-03-20T07:00:00Z"),
            ("1/4/1999", "1999-01-04T00:00:00Z"),
            ("12/31/2018", "2018-12-31T00:00:00Z"),
            ("1/4/1999 9:30", "1999-01-04T09:30:00Z"),
            ("2023-09-05T16:00:01.281719Z", "2023-09-05T16:00:01.281719Z"),
            ("2012-02-01 00:01:00+00:00", "2012-02-01T00:01:00Z"),
            ("2024-10-21 10:00:00+01:00", "2024-10-21T09:00:00Z"),
            ("2020-09-30 00:00:00-0400", "2020-09-30T04:00:00Z"),
            ("2021-12-31 23:01:00.000000", "2021-12-31T23:01:00Z"),
            ("2021-12-31 23:01:00 UTC", "2021-12-31T23:01:00Z"),
            ("2021-12-31 23:01:00 GMT+0100", "2021-12-31T22:01:00Z"),
            ("2021-12-31 23:01:00 UTC-2", "2022-01-01T01:01:00Z"),
            ("2021-12-31 23:01:00 UTC+05:30", "2021-12-31T17:31:00Z"),
            ("1693929601", "2023-09-05T16:00:01Z"),
            ("1693929601.281719", "2023-09-05T16:00:01.281719Z"),
            ("1693929601281", "2023-09-05T16:00:01.281Z"),
            ("1693929601281719", "2023-09-05T16:00:01.281719Z"),
            ("1693929601281719123", "2023-09-05T16:00:01.281719123Z"),
            ("2017.01.02 22:00:00.000", "2017-01-02T22:00:00Z"),
            ("2017/01/02 22:00", "2017-01-02T22:00:00Z"),
            ("1-2-2017 22:00", "2017-01-02T22:00:00Z"),
            ("02-Jan-2017 10:00:00", "2017-01-02T10:00:00Z"),
            ("2 January 2017", "2017-01-02T00:00:00Z"),
            ("Jan 2, 2017, 10:00", "2017-01-02T10:00:00Z"),
            ("2017-Jan-02 10:00", "2017-01-02T10:00:00Z"),
            ("1/2/2017 9:30:00 AM", "2017-01-02T09:30:00Z"),
            ("1/2/2017 1:30:00PM", "2017-01-02T13:30:00Z"),
            ("1/2/2017 12:30 am", "2017-01-02T00:30:00Z"),
            ("2017-01-02 12:30 PM", "2017-01-02T12:30:00Z"),
            ("2017-01-02 10:00:00,123", "2017-01-02T10:00:00.123Z"),
            ("2017-01-02 24:00:00", "2017-01-03T00:00:00Z"),
            ("20170102 100000", "2017-01-02T10:00:00Z"),
            ("20170102 100000123", "2017-01-02T10:00:00.123Z"),
            ("20170102220001", "2017-01-02T22:00:01Z"),
            ("20170102220001456", "2017-01-02T22:00:01.456Z"),
            ("201701022200", "1976-05-23T12:03:42.2Z"),
        ] {
            assert_eq!(utc(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2014-02-30",
            "2014-13-01",
            "13/1/1999",
            "1/4/99",
            "2014-05-01 24:01",
            "2014-05-01 13:00 PM",
            "2014-05-01 0:00 AM",
            "2014-05-01 12:00,",
            "2-Foo-2014",
            "02-Jan-17",
            "1.735689599E+12",
            "9000000000000",
            "2014-05-01 12",
            "2014-05-01 12:00:60",
            "2014-05-01T12:00:00.",
            "2014-05-01 12:00+25:00",
            "2014-05-01 12:00 CET",
            "2014-05-01 12:00 GMTZ",
            "2014-05-01 12:00+1",
            "9999-01-01",
            "2014-05-01x",
            "1e40",
            "12:30",
            "a2014-05-01",
            "2014-05-01 1",
            "2014-05-01 12:3",
            "2014-05-01 12:30:1",
        ] {
            assert_eq!(utc(text), None, "{text}");
        }
    }

    #[test]
    fn day_or_month_first_is_never_guessed() {
        assert_eq!(Clock::new(0).parse(b"1/2/2017"), None);
        let mut day_first = Clock { order: Some(DateOrder::DayFirst), ..Clock::new(0) };
        assert_eq!(day_first.parse(b"1/2/2017"), Clock::new(0).parse(b"2017-02-01"));
        assert_eq!(day_first.parse(b"01.02.2017 00:00"), Clock::new(0).parse(b"2017-02-01"));
        assert_eq!(day_and_month(b"13/1/2017 10:00"), Some((13, 1)));
        assert_eq!(day_and_month(b"2017/13/1"), None);
    }

    #[test]
    fn twelve_digits_are_a_date_where_the_file_is_known_to_have_them() {
        let mut clock = Clock { twelve_digits_are_dates: true, ..Clock::new(3600) };
        assert_eq!(clock.parse(b"201701022200"), Clock::new(0).parse(b"2017-01-02 21:00"));
        assert!(is_date_of_twelve_digits(b"201701022200") && !is_date_of_twelve_digits(b"169392960128"));
        assert!(is_date_of_ten_digits(b"2017010222") && !is_date_of_ten_digits(b"1693929601"));
    }

    #[test]
    fn a_format_of_ones_own_reads_that_and_nothing_else() {
        let mut clock = Clock { format: Some("%d.%m.%y %H:%M".to_owned()), ..Clock::new(3600) };
        assert_eq!(clock.parse(b"02.01.17 10:00"), Clock::new(0).parse(b"2017-01-02 09:00"));
        assert_eq!(clock.parse(b"2017-01-02 10:00"), None);
        clock.format = Some("%Y%m%d%H".to_owned());
        assert_eq!(clock.parse(b"2017010222"), Clock::new(0).parse(b"2017-01-02 21:00"));
        clock.format = Some("%Y-%m-%d %H:%M:%S %z".to_owned());
        assert_eq!(clock.parse(b"2017-01-02 10:00:00 +0200"), Clock::new(0).parse(b"2017-01-02 08:00"));
    }

    #[test]
    fn abbreviations_need_a_zone() {
        assert_eq!(Clock::new(0).parse(b"2017-01-02 10:00:00 EST"), None);
        let mut clock = Clock { zone: Zone::named("America/New_York"), ..Clock::new(0) };
        assert_eq!(clock.parse(b"2017-01-02 10:00:00 EST"), Clock::new(0).parse(b"2017-01-02 15:00"));
        assert_eq!(clock.parse(b"2017-01-02 10:00:00"), Clock::new(0).parse(b"2017-01-02 15:00"));
    }

    #[test]
    fn the_offset_moves_only_times_without_a_zone() {
        let mut new_york = Clock::new(-5 * 3600);
        assert_eq!(new_york.parse(b"2014-05-02 07:30"), Clock::new(0).parse(b"2014-05-02 12:30"));
        for text in [&b"2014-05-02T12:30:00Z"[..], b"2014-05-02 12:30:00+00:00", b"1399033800"] {
            assert_eq!(new_york.parse(text), Clock::new(0).parse(b"2014-05-02 12:30"));
        }
    }

    proptest! {
        #[test]
        fn rfc_3339_agrees_with_the_domain(nanos in any::<i64>()) {
            // The first day of the range has no midnight in range.
            let time = Timestamp(nanos.max(i64::MIN + 86_400 * NANOS_PER_SECOND));
            prop_assert_eq!(Clock::new(0).parse(time.to_string().as_bytes()), Some(time.0));
        }

        #[test]
        fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..40), lead in 0..4_usize) {
            let lead: &[u8] = [&b""[..], b"2014-05-01 ", b"20140501 ", b"2014-05-01T12:30:00"][lead];
            let _ = month_first().parse(&[lead, &text].concat());
        }
    }
}
