//! Times as files write them, exact to the nanosecond.

use gauntlet_domain::Timestamp;
use gauntlet_domain::decimal::parse_scaled;
use gauntlet_domain::time::NANOS_PER_SECOND;

const MINUTE: i64 = 60 * NANOS_PER_SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Decimal digits from a unit down to nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds = 9,
    Millis = 6,
    Micros = 3,
    Nanos = 0,
}

impl Unit {
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

/// Reads times of a file whose clock is `offset` east of UTC. Only times without a zone are on that clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    offset_nanos: i64,
}

impl Clock {
    pub fn new(utc_offset_seconds: i32) -> Clock {
        Clock { offset_nanos: i64::from(utc_offset_seconds) * NANOS_PER_SECOND }
    }

    /// Nanoseconds UTC of a time on the file's clock.
    pub fn to_utc(self, nanos: i64) -> Option<i64> {
        nanos.checked_sub(self.offset_nanos)
    }

    /// Reads `2014-05-01`, `20140501` or `5/1/2014`, with or without a time of day and a zone, or a number of
    /// seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by its magnitude.
    pub fn parse(self, text: &[u8]) -> Option<i64> {
        let text = text.trim_ascii();
        let Some((midnight, rest)) = date(text) else {
            return since_epoch(text, None);
        };
        let (of_day, rest) = match rest {
            [] => (0, rest),
            [b' ' | b'T' | b't', rest @ ..] => time_of_day(rest)?,
            _ => return None,
        };
        let local = midnight.checked_add(of_day)?;
        match zone(rest.trim_ascii())? {
            Some(offset) => local.checked_sub(offset),
            None => self.to_utc(local),
        }
    }
}

/// Nanoseconds of a number since the epoch; without a unit, the one that puts it nearest to our time.
pub(crate) fn since_epoch(text: &[u8], unit: Option<Unit>) -> Option<i64> {
    let unit = unit.unwrap_or_else(|| {
        let whole = text.split(|byte| *byte == b'.').next().unwrap_or(text);
        Unit::of_digits(whole.strip_prefix(b"-").unwrap_or(whole).len())
    });
    parse_scaled(text, unit as u32).ok()
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
fn date(text: &[u8]) -> Option<(i64, &[u8])> {
    if let [y @ .., _, _, _, _, _, _] = text.get(..10).unwrap_or(&[])
        && text[4] == b'-'
        && text[7] == b'-'
    {
        return Some((midnight(number(y)?, number(&text[5..7])?, number(&text[8..10])?)?, &text[10..]));
    }
    if matches!(text.get(8), None | Some(b' ' | b'T'))
        && let Some(midnight) = text.get(..8).and_then(compact_date)
    {
        return Some((midnight, &text[8..]));
    }
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let mut parts = text[..end].split(|byte| *byte == b'/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    Some((midnight(number(year)?, number(month)?, number(day)?)?, &text[end..]))
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fraction` in nanoseconds, and what follows it.
fn time_of_day(text: &[u8]) -> Option<(i64, &[u8])> {
    let two = |at: usize, limit: i64| text.get(at..at + 2).and_then(number).filter(|value| *value < limit);
    let hours = text.get(..text.iter().position(|byte| *byte == b':')?)?;
    let width = hours.len();
    if !(1..=2).contains(&width) {
        return None;
    }
    let hour = number(hours).filter(|hour| *hour < 24)?;
    let minute = two(width + 1, 60)?;
    let mut nanos = hour * HOUR + minute * MINUTE;
    let mut rest = &text[width + 3..];
    if let [b':', tail @ ..] = rest {
        nanos += two(width + 4, 60)? * NANOS_PER_SECOND;
        rest = &tail[2..];
        if let [b'.', tail @ ..] = rest {
            let digits = tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            // Digits below a nanosecond are dropped: a time is never moved past what was written.
            let kept = digits.min(9);
            nanos += number(&tail[..kept])? * 10_i64.pow(9 - kept as u32);
            rest = &tail[digits..];
        }
    }
    Some((nanos, rest))
}

/// `Some(None)` without a zone, `None` for what is no zone.
fn zone(text: &[u8]) -> Option<Option<i64>> {
    let (sign, digits) = match text {
        [] => return Some(None),
        b"Z" | b"z" | b"UTC" | b"GMT" => return Some(Some(0)),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
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

    fn utc(text: &str) -> Option<String> {
        Clock::new(0).parse(text.as_bytes()).map(|nanos| Timestamp(nanos).to_string())
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
            ("1693929601", "2023-09-05T16:00:01Z"),
            ("1693929601.281719", "2023-09-05T16:00:01.281719Z"),
            ("1693929601281", "2023-09-05T16:00:01.281Z"),
            ("1693929601281719", "2023-09-05T16:00:01.281719Z"),
            ("1693929601281719123", "2023-09-05T16:00:01.281719123Z"),
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
            "2014-05-01 24:00",
            "2014-05-01 12",
            "2014-05-01 12:00:60",
            "2014-05-01T12:00:00.",
            "2014-05-01 12:00+25:00",
            "2014-05-01 12:00 CET",
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
    fn the_offset_moves_only_times_without_a_zone() {
        let new_york = Clock::new(-5 * 3600);
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
            let _ = Clock::new(3600).parse(&[lead, &text].concat());
        }
    }
}
