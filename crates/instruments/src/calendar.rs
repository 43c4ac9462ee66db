//! Calendars: days and hours as documents have them, resolved to what a definition carries.
//!
//! The ones that are built in are documents too, made by `tests/oracles/calendars.py`.

use std::collections::BTreeMap;

use gauntlet_domain::market::{Calendar, SpecialDay, WeeklySession, ZoneOffset};
use gauntlet_domain::names::{UnknownName, find};
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use serde::Deserialize;

const DAY_SECONDS: i64 = 86_400;
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Most days that a calendar may have.
const MOST_DAYS: i64 = 200 * 366;

/// Calendars that are built in: name and document.
const BUILT_IN: [(&str, &str); 13] = [
    ("XNYS", include_str!("../calendars/XNYS.yaml")),
    ("XNAS", include_str!("../calendars/XNYS.yaml")),
    ("XLON", include_str!("../calendars/XLON.yaml")),
    ("XETR", include_str!("../calendars/XETR.yaml")),
    ("XPAR", include_str!("../calendars/XPAR.yaml")),
    ("XTSE", include_str!("../calendars/XTSE.yaml")),
    ("XASX", include_str!("../calendars/XASX.yaml")),
    ("XHKG", include_str!("../calendars/XHKG.yaml")),
    ("XTKS", include_str!("../calendars/XTKS.yaml")),
    ("XSHG", include_str!("../calendars/XSHG.yaml")),
    ("XSES", include_str!("../calendars/XSES.yaml")),
    ("CMES", include_str!("../calendars/CMES.yaml")),
    ("FX", include_str!("../calendars/FX.yaml")),
];

/// A calendar as a document has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarDocument {
    /// For people.
    #[serde(default)]
    name: String,
    /// Time zone of its hours.
    zone: String,
    /// First day that it knows.
    from: String,
    /// Last day that it knows.
    to: String,
    /// Hours by weekday, `mon: 09:30-16:00`, or with a break `mon: 09:30-12:00, 13:00-16:00`. Hours below zero are on the day
    /// before: `-07:00-17:00`.
    week: BTreeMap<String, Option<String>>,
    /// Days without a session.
    #[serde(default)]
    holidays: Vec<String>,
    /// Days with other hours.
    #[serde(default)]
    special_days: BTreeMap<String, String>,
}

/// The calendar of that name.
pub fn named(name: &str) -> Result<Calendar, String> {
    let found: Result<&(&str, &str), UnknownName> = find("calendar", name, &BUILT_IN, |row| row.0);
    let (name, text) = found.map_err(|error| error.to_string())?;
    let document: CalendarDocument = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    resolve(&CalendarDocument { name: (*name).to_owned(), ..document })
}

/// A document with its days as numbers and the offsets of its zone.
pub fn resolve(document: &CalendarDocument) -> Result<Calendar, String> {
    let zone = TimeZoneDatabase::bundled().get(&document.zone).map_err(|_| {
        format!(
            "zone {} is not in the time zone database: write a name such as America/New_York",
            document.zone
        )
    })?;
    let (first_day, last_day) = (day(&document.from)?, day(&document.to)?);
    if last_day < first_day || last_day - first_day > MOST_DAYS {
        return Err(format!(
            "from {} to {} is no range of days of at most 200 years",
            document.from, document.to
        ));
    }
    let mut week = Vec::new();
    for (name, text) in &document.week {
        let weekday = WEEKDAYS.iter().position(|weekday| weekday == name).ok_or_else(|| no_day(name))? as i64;
        let session = |(open_second, close_second)| WeeklySession { weekday, open_second, close_second };
        week.extend(sessions(text.as_deref().unwrap_or_default())?.into_iter().map(session));
    }
    week.sort_by_key(|session| session.weekday);
    if week.is_empty() {
        return Err("week: it has no day: write `mon: 09:30-16:00` and so on".to_owned());
    }
    let mut holidays = document.holidays.iter().map(|text| day(text)).collect::<Result<Vec<_>, String>>()?;
    holidays.sort_unstable();
    holidays.dedup();
    let mut special_days = Vec::new();
    for (date, text) in &document.special_days {
        let day = day(date)?;
        let special = |(open_second, close_second)| SpecialDay { day, open_second, close_second };
        special_days.extend(sessions(text)?.into_iter().map(special));
    }
    special_days.sort_by_key(|special| special.day);
    let (name, zone_name) = (document.name.clone(), document.zone.clone());
    let offsets = offsets(&zone, first_day, last_day)?;
    let calendar =
        Calendar { name, zone: zone_name, first_day, last_day, week, holidays, special_days, offsets };
    one_after_the_other(&calendar)?;
    Ok(calendar)
}

fn no_day(name: &str) -> String {
    let fix = match hours(name) {
        // Between braces a comma ends the value.
        Ok(_) => {
            "put several sessions of a day between quotes, { mon: \"09:30-12:00, 13:00-16:00\" }".to_owned()
        }
        Err(_) => format!("write {}", WEEKDAYS.join(", ")),
    };
    format!("week: {name} is no day: {fix}")
}

/// Refuses sessions that overlap, of one day or of neighbours.
fn one_after_the_other(calendar: &Calendar) -> Result<(), String> {
    let mut before: Option<(i64, i64)> = None;
    for day in calendar.first_day..=calendar.last_day {
        for (open, close) in calendar.hours_of(day) {
            let at = |second: i64| day * DAY_SECONDS + second;
            match before {
                Some((of, until)) if at(open) < until && of == day => {
                    return Err(format!(
                        "{}: two sessions of the day overlap: let each end before the next one opens, 09:30-12:00, 13:00-16:00",
                        date_of(day)
                    ));
                }
                Some((of, until)) if at(open) < until => {
                    return Err(format!(
                        "{}: its first session opens before the last one of {} has closed: shorten one of them in week or \
                         special_days, or make one of the days a holiday",
                        date_of(day),
                        date_of(of)
                    ));
                }
                _ => before = Some((day, at(close))),
            }
        }
    }
    Ok(())
}

/// `2024-03-04 (mon)`, of days since the epoch.
fn date_of(day: i64) -> String {
    let weekday = WEEKDAYS[(day + 3).rem_euclid(7) as usize];
    let date =
        jiff::Timestamp::from_second(day * DAY_SECONDS).map(|time| Offset::UTC.to_datetime(time).date());
    date.map_or_else(|_| day.to_string(), |date| format!("{date} ({weekday})"))
}

/// `2024-03-04` in days since the epoch.
fn day(text: &str) -> Result<i64, String> {
    let date: Date = text.parse().map_err(|_| format!("'{text}' is no day: write it like 2024-03-04"))?;
    let start = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_err(|error| error.to_string())?;
    Ok(start.as_second().div_euclid(DAY_SECONDS))
}

/// `09:30-12:00, 13:00-16:00` in seconds after midnight of their day, by opening.
fn sessions(text: &str) -> Result<Vec<(i64, i64)>, String> {
    let mut sessions = text.split(',').map(|part| hours(part.trim())).collect::<Result<Vec<_>, String>>()?;
    sessions.sort_unstable();
    Ok(sessions)
}

/// `09:30-16:00` in seconds after midnight of its day.
fn hours(text: &str) -> Result<(i64, i64), String> {
    let bad = || {
        format!(
            "'{text}' are no hours of a session: write 09:30-16:00, 09:30-12:00, 13:00-16:00 with a break, or \
             -07:00-17:00 for one that begins the day before"
        )
    };
    let second = |part: &str| -> Option<i64> {
        let (sign, part) = part.strip_prefix('-').map_or((1, part), |part| (-1, part));
        let (hour, minute) = part.split_once(':')?;
        let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
        ((0..=36).contains(&hour) && (0..60).contains(&minute)).then_some(sign * (hour * 3600 + minute * 60))
    };
    let at = text.char_indices().skip(1).find(|(_, letter)| *letter == '-').map(|(at, _)| at);
    let (open, close) = text.split_at(at.ok_or_else(bad)?);
    match (second(open.trim()), second(close[1..].trim())) {
        (Some(open), Some(close)) if open < close && close - open <= DAY_SECONDS => Ok((open, close)),
        _ => Err(bad()),
    }
}

/// The offsets of a zone over the days and one around them.
fn offsets(zone: &TimeZone, first_day: i64, last_day: i64) -> Result<Vec<ZoneOffset>, String> {
    let at = |day: i64| jiff::Timestamp::from_second(day * DAY_SECONDS).map_err(|error| error.to_string());
    let (start, end) = (at(first_day - 2)?, at(last_day + 2)?);
    let offset = |from: jiff::Timestamp| ZoneOffset {
        from_second: from.as_second(),
        offset_seconds: i64::from(zone.to_offset(from).seconds()),
    };
    let later = zone.following(start).map(|change| change.timestamp()).take_while(|change| *change <= end);
    Ok(std::iter::once(start).chain(later).map(offset).collect())
}
