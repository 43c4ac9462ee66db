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
    /// The sessions of a week without holidays; at most one that begins on a day.
    pub week: Vec<WeeklySession>,
    /// Days without a session, in days since the epoch, rising.
    pub holidays: Vec<i64>,
    /// Days with other hours than their weekday has, rising.
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

/// A day with hours of its own.
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
        let day = self.local_day(time);
        // A session may begin on the day before the one that it belongs to and end on the day after.
        (day - 1..=day + 1)
            .filter_map(|day| self.session_of(day))
            .find(|(open, close)| (*open..*close).contains(&time))
    }

    /// Opening and closing of the first session that opens at or after a time; `None` beyond the days that it knows.
    pub fn session_from(&self, time: i64) -> Option<(i64, i64)> {
        let first = self.local_day(time).max(self.first_day) - 1;
        (first..=self.last_day).filter_map(|day| self.session_of(day)).find(|(open, _)| *open >= time)
    }

    /// Nanoseconds of sessions between two times.
    pub fn open_between(&self, from: i64, to: i64) -> i64 {
        let mut open = 0_i64;
        for day in self.local_day(from) - 1..=self.local_day(to) + 1 {
            if let Some((opening, closing)) = self.session_of(day) {
                open = open.saturating_add((closing.min(to) - opening.max(from)).max(0));
            }
        }
        open
    }

    /// The session of a day.
    fn session_of(&self, day: i64) -> Option<(i64, i64)> {
        if !(self.first_day..=self.last_day).contains(&day) || self.holidays.binary_search(&day).is_ok() {
            return None;
        }
        let special = self.special_days.binary_search_by_key(&day, |special| special.day).ok();
        let (open, close) = match special.and_then(|at| self.special_days.get(at)) {
            Some(special) => (special.open_second, special.close_second),
            None => {
                // The first day of the epoch was a Thursday.
                let weekday = (day + 3).rem_euclid(7);
                let session = self.week.iter().find(|session| session.weekday == weekday)?;
                (session.open_second, session.close_second)
            }
        };
        let at = |second: i64| self.instant(day * DAY_SECONDS + second);
        Some((at(open), at(close)))
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
