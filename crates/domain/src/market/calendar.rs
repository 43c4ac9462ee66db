//! When an instrument is traded, resolved: days, local hours and the offsets of its time zone are part of the definition, so
//! that no later holiday or zone database changes what a session was.

use serde::{Deserialize, Serialize};

use crate::time::NANOS_PER_SECOND;

const DAY_SECONDS: i64 = 86_400;

/// Trading sessions of the days that it knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Its name, for people.
    pub name: String,
    /// Name of the time zone, for people.
    pub zone: String,
    /// First day that it knows, in days since the epoch.
    pub first_day: i64,
    /// Last day that it knows.
    pub last_day: i64,
    /// The sessions of a week without holidays, by weekday and opening. A day with a break has several.
    pub week: Vec<WeeklySession>,
    /// Days without a session, in days since the epoch, rising.
    pub holidays: Vec<i64>,
    /// Days with other hours than their weekday has, by day and opening; a day stands once for each of its sessions.
    pub special_days: Vec<SpecialDay>,
    /// Offsets of the zone, rising; the first holds for everything before it too.
    pub offsets: Vec<ZoneOffset>,
}

/// A session of every week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeeklySession {
    /// The day that it belongs to; 0 is Monday.
    pub weekday: i64,
    /// Opening in seconds after local midnight of that day; below zero it is on the day before.
    pub open_second: i64,
    /// Closing in seconds after local midnight of that day; above 86,400 it is on the day after.
    pub close_second: i64,
}

/// A session of a day with hours of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecialDay {
    /// Days since the epoch.
    pub day: i64,
    /// As in a week.
    pub open_second: i64,
    /// As in a week.
    pub close_second: i64,
}

/// What local time is ahead of UTC from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneOffset {
    /// Seconds since the epoch.
    pub from_second: i64,
    /// Local time less UTC, in seconds.
    pub offset_seconds: i64,
}

impl Calendar {
    /// Whether it knows the local day of a time, in nanoseconds since the epoch.
    pub fn knows(&self, time: i64) -> bool {
        (self.first_day..=self.last_day).contains(&self.local_day(time))
    }

    /// Opening and closing of the session that holds a time, in nanoseconds since the epoch; `None` outside sessions.
    pub fn session_at(&self, time: i64) -> Option<(i64, i64)> {
        self.near(time).flat_map(|day| self.sessions_of(day)).find(|session| holds(*session, time))
    }

    /// First opening and last closing of the day one of whose sessions holds a time; `None` outside sessions.
    pub fn trading_day_at(&self, time: i64) -> Option<(i64, i64)> {
        let day = self.near(time).find(|day| self.sessions_of(*day).any(|session| holds(session, time)))?;
        self.sessions_of(day).reduce(|first, last| (first.0, last.1))
    }

    /// Opening and closing of the first session that opens at or after a time; `None` beyond the days that it knows.
    pub fn session_from(&self, time: i64) -> Option<(i64, i64)> {
        let first = self.local_day(time).max(self.first_day) - 1;
        (first..=self.last_day).flat_map(|day| self.sessions_of(day)).find(|(open, _)| *open >= time)
    }

    /// Nanoseconds of sessions between two times.
    pub fn open_between(&self, from: i64, to: i64) -> i64 {
        let days = self.local_day(from) - 1..=self.local_day(to) + 1;
        let within = |(opening, closing): (i64, i64)| (closing.min(to) - opening.max(from)).max(0);
        days.flat_map(|day| self.sessions_of(day)).map(within).fold(0, i64::saturating_add)
    }

    /// Openings and closings of a day's sessions in seconds after its local midnight, rising; none on a holiday and on days
    /// that it does not know.
    pub fn hours_of(&self, day: i64) -> impl Iterator<Item = (i64, i64)> {
        let is_open =
            (self.first_day..=self.last_day).contains(&day) && self.holidays.binary_search(&day).is_err();
        let from = self.special_days.partition_point(|special| special.day < day);
        let special = self.special_days[from..].iter().take_while(move |special| special.day == day);
        let is_special = self.special_days.get(from).is_some_and(|special| special.day == day);
        // The first day of the epoch was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        let usual = self.week.iter().filter(move |session| !is_special && session.weekday == weekday);
        let special = special.map(|session| (session.open_second, session.close_second));
        let usual = usual.map(|session| (session.open_second, session.close_second));
        special.chain(usual).filter(move |_| is_open)
    }

    /// The sessions of a day, in nanoseconds since the epoch.
    fn sessions_of(&self, day: i64) -> impl Iterator<Item = (i64, i64)> {
        let at = move |second: i64| self.instant(day * DAY_SECONDS + second);
        self.hours_of(day).map(move |(open, close)| (at(open), at(close)))
    }

    /// The days whose sessions may hold a time: one may begin on the day before its own and end on the day after.
    fn near(&self, time: i64) -> std::ops::RangeInclusive<i64> {
        let day = self.local_day(time);
        day - 1..=day + 1
    }

    /// The instant of a local time, both in seconds, as nanoseconds: of an hour that comes twice the first one; an hour that
    /// does not come is the one after it.
    fn instant(&self, local: i64) -> i64 {
        let candidates = self.offsets.iter().map(|offset| local - offset.offset_seconds);
        let mut instants: Vec<i64> =
            candidates.filter(|second| second + self.offset_at(*second) == local).collect();
        instants.sort_unstable();
        let before = || local - self.offset_at(local - self.offset_at(local) - 7_200);
        instants.first().copied().unwrap_or_else(before).saturating_mul(NANOS_PER_SECOND)
    }

    /// Local time less UTC at a second of the epoch.
    fn offset_at(&self, second: i64) -> i64 {
        let after = self.offsets.partition_point(|offset| offset.from_second <= second);
        self.offsets.get(after.saturating_sub(1)).map_or(0, |offset| offset.offset_seconds)
    }

    fn local_day(&self, time: i64) -> i64 {
        let second = time.div_euclid(NANOS_PER_SECOND);
        (second + self.offset_at(second)).div_euclid(DAY_SECONDS)
    }
}

fn holds((open, close): (i64, i64), time: i64) -> bool {
    (open..close).contains(&time)
}
