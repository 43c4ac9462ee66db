//! A clock with daylight saving: local times to instants by the bundled time zone database, never by the machine's.
//!
//! The hour that is there twice in autumn is told apart by the order of rows: the first run of rows is the earlier of the two,
//! and where the clock goes back the second one begins. An hour that the file has once shows nothing, and is asked for
//! ([`folds`](crate::folds)).

use gauntlet_domain::names::nearest;
use gauntlet_domain::time::NANOS_PER_SECOND;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

/// Why times of a zone stay open.
pub(crate) const UNSETTLED: &str = "an hour that the zone has twice, in which no row shows to which of the two it belongs: give the file \
                                    times in UTC, or with their offset";

/// Disorder of rows that is no change of the clock.
const DISORDER_NANOS: i64 = 300 * NANOS_PER_SECOND;

/// Rows this far apart say nothing about each other.
const DAY_NANOS: i64 = 86_400 * NANOS_PER_SECOND;

/// Which of its two instants a local time is that the zone has twice and the file once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ambiguous {
    /// Before the clock goes back.
    Earlier,
    /// After it has gone back.
    Later,
}

/// What a time is by the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instant {
    /// Nanoseconds UTC.
    At(i64),
    /// The clock jumps over it in spring, or the abbreviation is another than the zone's.
    Never,
    /// Rows before it are in an hour that is there twice, and nothing says in which.
    Undecided,
}

/// A named zone, and where in it the rows have come to.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    zone: TimeZone,
    /// Instant of the row before.
    before: Option<i64>,
    /// The farthest instant of the rows of about that day, in the order of rows.
    farthest: Option<i64>,
    /// End of the double hour's first pass, while no row has shown the second.
    unsettled: Option<i64>,
    /// Rows come newest first: what is met first is the later one.
    pub newest_first: bool,
    /// Elsewhere no two rows have one time: two of one time in a double hour are one of each pass.
    pub equal_is_repeated: bool,
    /// Double hours that the file has once, each by an instant of it, and which of the two that is.
    pub once: Vec<(i64, Ambiguous)>,
    /// The time stands behind this instant, in the same row.
    pub behind: Option<i64>,
}

impl Zone {
    /// `None` for a name that the database does not have.
    pub fn named(name: &str) -> Option<Zone> {
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        Some(Zone {
            zone,
            before: None,
            farthest: None,
            unsettled: None,
            newest_first: false,
            equal_is_repeated: false,
            once: Vec::new(),
            behind: None,
        })
    }

    /// A name of the database that this one was probably meant to be: by its letters, or by the city alone.
    pub fn nearest(name: &str) -> Option<String> {
        let known: Vec<String> =
            TimeZoneDatabase::bundled().available().map(|zone| zone.as_str().to_owned()).collect();
        let known = || known.iter().map(String::as_str);
        let wanted = name.trim().replace(' ', "_");
        let city = |zone: &'_ str| zone.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let same_city = || known().find(|zone| city(zone) == city(&wanted)).map(str::to_owned);
        let near_city = || {
            let cities: Vec<String> = known().map(city).collect();
            let near = nearest(&city(&wanted), cities.iter().map(String::as_str))?;
            known().find(|zone| city(zone) == near).map(str::to_owned)
        };
        same_city().or_else(|| nearest(&wanted, known()).map(str::to_owned)).or_else(near_city)
    }

    /// The instant of a local time; `abbreviation` is what the file writes behind it, `EST`, and has to be the zone's.
    pub fn instant(&mut self, local: i64, abbreviation: Option<&[u8]>) -> Instant {
        let Ok(timestamp) = jiff::Timestamp::from_nanosecond(i128::from(local)) else {
            return Instant::Never;
        };
        let found = self.zone.to_ambiguous_timestamp(Offset::UTC.to_datetime(timestamp)).offset();
        let at = |offset: Offset| local.saturating_sub(i64::from(offset.seconds()) * NANOS_PER_SECOND);
        if let Some(abbreviation) = abbreviation {
            let offsets = match found {
                AmbiguousOffset::Unambiguous { offset } => [offset, offset],
                AmbiguousOffset::Fold { before, after } => [before, after],
                AmbiguousOffset::Gap { .. } => return Instant::Never,
            };
            let fits = |at: &i64| self.abbreviation_is(*at, abbreviation);
            return offsets.map(at).into_iter().find(fits).map_or(Instant::Never, Instant::At);
        }
        let instant = match found {
            AmbiguousOffset::Unambiguous { offset } => at(offset),
            AmbiguousOffset::Gap { .. } => return Instant::Never,
            AmbiguousOffset::Fold { before, after } => self.of_double_hour(at(before), at(after)),
        };
        if self.behind.is_some() {
            return Instant::At(instant);
        }
        if self.unsettled.is_some_and(|far| self.ahead(instant, far) > DISORDER_NANOS) {
            return Instant::Undecided;
        }
        self.before = Some(instant);
        self.farthest = match self.farthest {
            Some(farthest) if (0..DAY_NANOS).contains(&self.ahead(farthest, instant)) => Some(farthest),
            _ => Some(instant),
        };
        Instant::At(instant)
    }

    /// Which of its two instants a time of a double hour is.
    fn of_double_hour(&mut self, first: i64, second: i64) -> i64 {
        if let Some(behind) = self.behind {
            return if first > behind { first } else { second };
        }
        if let Some((_, which)) = self.once.iter().find(|(at, _)| at.abs_diff(first) < DAY_NANOS as u64) {
            return if *which == Ambiguous::Earlier { first } else { second };
        }
        let (near, far) = if self.newest_first { (second, first) } else { (first, second) };
        let gone_back = self
            .farthest
            .is_some_and(|farthest| (DISORDER_NANOS + 1..DAY_NANOS).contains(&self.ahead(farthest, near)));
        if gone_back || (self.equal_is_repeated && self.before == Some(near)) {
            self.unsettled = None;
            far
        } else {
            self.unsettled = Some(far);
            near
        }
    }

    /// Nanoseconds by which an instant is ahead of another one in the order of rows.
    fn ahead(&self, instant: i64, of: i64) -> i64 {
        let (early, late) = if self.newest_first { (instant, of) } else { (of, instant) };
        late.saturating_sub(early)
    }

    /// The two instants of a local time that is there twice.
    pub fn double(&self, local: i64) -> Option<(i64, i64)> {
        let timestamp = jiff::Timestamp::from_nanosecond(i128::from(local)).ok()?;
        let at = |offset: Offset| local.saturating_sub(i64::from(offset.seconds()) * NANOS_PER_SECOND);
        match self.zone.to_ambiguous_timestamp(Offset::UTC.to_datetime(timestamp)).offset() {
            AmbiguousOffset::Fold { before, after } => Some((at(before), at(after))),
            _ => None,
        }
    }

    /// Begins anew, with no row before.
    pub fn forget_rows(&mut self) {
        (self.before, self.farthest, self.unsettled) = (None, None, None);
    }

    /// Whether the last rows were in a double hour that nothing has told apart yet.
    pub fn is_unsettled(&self) -> bool {
        self.unsettled.is_some()
    }

    /// Whether the clock is `seconds` east of UTC at an instant.
    pub fn is_offset(&self, instant: i64, seconds: i32) -> bool {
        let at = jiff::Timestamp::from_nanosecond(i128::from(instant));
        at.is_ok_and(|at| self.zone.to_offset(at).seconds() == seconds)
    }

    fn abbreviation_is(&self, instant: i64, text: &[u8]) -> bool {
        let at = jiff::Timestamp::from_nanosecond(i128::from(instant));
        at.is_ok_and(|at| self.zone.to_offset_info(at).abbreviation().as_bytes().eq_ignore_ascii_case(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gauntlet_domain::Timestamp;

    fn local(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().0
    }

    fn seen(zone: &mut Zone, text: &str) -> String {
        match zone.instant(local(text), None) {
            Instant::At(at) => Timestamp(at).to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_second_of_two_hours_begins_where_the_clock_goes_back() {
        let mut chicago = Zone::named("America/Chicago").unwrap();
        for (local, expected) in [
            ("2013-11-03T00:30:00Z", "2013-11-03T05:30:00Z"),
            ("2013-11-03T01:50:00Z", "2013-11-03T06:50:00Z"),
            ("2013-11-03T01:49:59Z", "2013-11-03T06:49:59Z"),
            ("2013-11-03T01:10:00Z", "2013-11-03T07:10:00Z"),
            ("2013-11-03T02:00:00Z", "2013-11-03T08:00:00Z"),
            ("2014-03-09T02:30:00Z", "Never"),
            ("2014-03-09T03:30:00Z", "2014-03-09T08:30:00Z"),
        ] {
            assert_eq!(seen(&mut chicago, local), expected, "{local}");
        }
    }

    #[test]
    fn a_double_hour_that_nothing_tells_apart_is_undecided() {
        let mut chicago = Zone::named("America/Chicago").unwrap();
        seen(&mut chicago, "2013-11-03T01:10:00Z");
        assert_eq!(seen(&mut chicago, "2013-11-03T04:00:00Z"), "Undecided");
        chicago.forget_rows();
        chicago.once = vec![(local("2013-11-03T07:00:00Z"), Ambiguous::Later)];
        assert_eq!(seen(&mut chicago, "2013-11-03T01:10:00Z"), "2013-11-03T07:10:00Z");
        assert_eq!(seen(&mut chicago, "2013-11-03T04:00:00Z"), "2013-11-03T10:00:00Z");
    }

    #[test]
    fn rows_that_come_newest_first_have_the_later_of_two_hours_first() {
        let mut chicago = Zone { newest_first: true, ..Zone::named("America/Chicago").unwrap() };
        for (local, expected) in [
            ("2013-11-03T02:00:00Z", "2013-11-03T08:00:00Z"),
            ("2013-11-03T01:10:00Z", "2013-11-03T07:10:00Z"),
            ("2013-11-03T01:50:00Z", "2013-11-03T06:50:00Z"),
            ("2013-11-03T01:10:00Z", "2013-11-03T06:10:00Z"),
            ("2013-11-03T00:50:00Z", "2013-11-03T05:50:00Z"),
        ] {
            assert_eq!(seen(&mut chicago, local), expected, "{local}");
        }
    }

    #[test]
    fn two_rows_of_one_time_are_one_of_each_hour_where_no_others_have_one_time() {
        let mut chicago = Zone { equal_is_repeated: true, ..Zone::named("America/Chicago").unwrap() };
        for (local, expected) in [
            ("2013-11-03T00:00:00Z", "2013-11-03T05:00:00Z"),
            ("2013-11-03T01:00:00Z", "2013-11-03T06:00:00Z"),
            ("2013-11-03T01:00:00Z", "2013-11-03T07:00:00Z"),
            ("2013-11-03T02:00:00Z", "2013-11-03T08:00:00Z"),
        ] {
            assert_eq!(seen(&mut chicago, local), expected, "{local}");
        }
        // Rows of another season before them say nothing.
        for (local, expected) in [
            ("2013-12-24T00:00:00Z", "2013-12-24T06:00:00Z"),
            ("2013-11-03T01:00:00Z", "2013-11-03T06:00:00Z"),
        ] {
            assert_eq!(seen(&mut chicago, local), expected, "{local}");
        }
    }

    #[test]
    fn an_abbreviation_has_to_be_the_zones() {
        let mut new_york = Zone::named("America/New_York").unwrap();
        let at = local("2017-01-02T10:00:00Z");
        assert_eq!(new_york.instant(at, Some(b"EST")), Instant::At(local("2017-01-02T15:00:00Z")));
        assert_eq!(new_york.instant(at, Some(b"CET")), Instant::Never);
        let double = local("2013-11-03T01:10:00Z");
        assert_eq!(new_york.instant(double, Some(b"EST")), Instant::At(local("2013-11-03T06:10:00Z")));
        assert!(Zone::named("Mars/Olympus").is_none());
    }

    #[test]
    fn a_name_that_does_not_exist_has_a_nearest_one() {
        for (name, nearest) in [
            ("America/New York", Some("America/New_York")),
            ("Europe/Pariss", Some("Europe/Paris")),
            ("Paris", Some("Europe/Paris")),
            ("New_Yrok", Some("America/New_York")),
            ("Asia/New_York", Some("America/New_York")),
            ("Olympus Mons", None),
        ] {
            assert_eq!(Zone::nearest(name).as_deref(), nearest, "{name}");
        }
    }
}
