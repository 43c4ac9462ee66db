//! When an instrument is traded, and where the intervals of its bars begin and end.

use gauntlet_domain::BarSpec;
use gauntlet_domain::market::{Calendar, InstrumentDefined, Reason, Session};
use gauntlet_domain::time::NANOS_PER_SECOND;

const DAY: i64 = 86_400 * NANOS_PER_SECOND;
/// From midnight to midnight, UTC.
const ROUND_THE_CLOCK: Session = Session { open_second: 0, close_second: 0 };

/// Opening and closing of the session that holds a time; a day where the instrument is traded round the clock. `None` outside.
pub fn session_at(definition: &InstrumentDefined, time: i64) -> Option<(i64, i64)> {
    if let (Some(calendar), None) = (&definition.calendar, definition.session) {
        return calendar.session_at(time);
    }
    let session = definition.session.unwrap_or(ROUND_THE_CLOCK);
    let opening = last_opening(session, time);
    let closing = opening + session_nanos(session);
    // Hours of their own on the days of a calendar.
    let is_day = |calendar: &Calendar| calendar.open_between(opening, closing) > 0;
    (time < closing && definition.calendar.as_ref().is_none_or(is_day)).then_some((opening, closing))
}

/// The next opening at or after a time at which the instrument is not traded; `None` where the calendar ends.
pub fn next_opening(definition: &InstrumentDefined, time: i64) -> Option<i64> {
    let after = |session| last_opening(session, time) + DAY;
    match (&definition.calendar, definition.session) {
        (Some(calendar), None) => calendar.session_from(time).map(|(opening, _)| opening),
        (Some(calendar), Some(session)) if !calendar.knows(after(session)) => None,
        (_, session) => Some(after(session.unwrap_or(ROUND_THE_CLOCK))),
    }
}

/// Why a time is outside the trading hours; `None` within them. `known` is the last session that was found: nearly every time
/// is in the one of the time before.
#[inline]
pub fn outside(definition: &InstrumentDefined, known: &mut (i64, i64), time: i64) -> Option<Reason> {
    let has_hours = definition.session.is_some() || definition.calendar.is_some();
    if !has_hours || (known.0 <= time && time < known.1) {
        return None;
    }
    match session_at(definition, time) {
        Some(session) => {
            *known = session;
            None
        }
        None if definition.calendar.as_ref().is_some_and(|calendar| !calendar.knows(time)) => {
            Some(Reason::NoCalendar)
        }
        None => Some(Reason::OutOfSession),
    }
}

/// Start of the interval that holds `time`, counted from the session's opening; `None` outside the session.
#[inline]
pub fn interval(spec: BarSpec, definition: &InstrumentDefined, time: i64) -> Option<i64> {
    let (opening, _) = bounds(spec, definition, time)?;
    let within = time - opening;
    Some(opening + within - within.rem_euclid(spec.nanos()))
}

/// End of the interval that starts at `open_time`: cut at the session's end.
pub fn interval_end(spec: BarSpec, definition: &InstrumentDefined, open_time: i64) -> i64 {
    let end = open_time.saturating_add(spec.nanos());
    bounds(spec, definition, open_time).map_or(end, |(_, closing)| end.min(closing))
}

/// What holds the bars at a time: the session, or for bars of a day all sessions of the day, because a day has one bar.
fn bounds(spec: BarSpec, definition: &InstrumentDefined, time: i64) -> Option<(i64, i64)> {
    match (&definition.calendar, definition.session) {
        (Some(calendar), None) if spec.nanos() >= DAY => calendar.trading_day_at(time),
        _ => session_at(definition, time),
    }
}

fn last_opening(session: Session, time: i64) -> i64 {
    let opening = session.open_second * NANOS_PER_SECOND;
    time - (time - opening).rem_euclid(DAY)
}

fn session_nanos(session: Session) -> i64 {
    let seconds = (session.close_second - session.open_second).rem_euclid(86_400);
    if seconds == 0 { DAY } else { seconds * NANOS_PER_SECOND }
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::market::{PriceBasis, WeeklySession};

    use super::*;

    const SECOND: i64 = NANOS_PER_SECOND;

    fn definition(session: Option<Session>) -> InstrumentDefined {
        InstrumentDefined { session, ..InstrumentDefined::new("XAUUSD.OANDA", vec![], PriceBasis::Quotes) }
    }

    #[test]
    fn bars_that_do_not_divide_a_day_begin_anew_at_midnight() {
        let (hours, definition) = (BarSpec::Time { seconds: 7 * 3600 }, definition(None));
        let at = |hour: i64| {
            let open = interval(hours, &definition, (240 + hour) * 3600 * SECOND).unwrap();
            [open, interval_end(hours, &definition, open)].map(|time| time / SECOND / 3600 - 240)
        };
        assert_eq!([at(0), at(13), at(22), at(24)], [[0, 7], [7, 14], [21, 24], [24, 31]]);
    }

    #[test]
    fn a_session_over_midnight_is_one_day() {
        let session = Session { open_second: 79_200, close_second: 75_600 };
        assert_eq!(session_nanos(session), 23 * 3600 * SECOND);
        let (day, definition) = (BarSpec::Time { seconds: 86_400 }, definition(Some(session)));
        let at = |hour: i64| interval(day, &definition, hour * 3600 * SECOND).map(|t| t / SECOND / 3600);
        assert_eq!([at(22), at(30), at(44), at(45), at(46)], [Some(22), Some(22), Some(22), None, Some(46)]);
    }

    #[test]
    fn bars_end_with_a_session_and_those_of_a_day_with_its_last_one() {
        // Every day 09:00 to 11:30 and 12:30 to 15:00, UTC.
        let week = |weekday| {
            [(32_400, 41_400), (45_000, 54_000)].map(|(open_second, close_second)| WeeklySession {
                weekday,
                open_second,
                close_second,
            })
        };
        let calendar = Calendar {
            name: String::new(),
            zone: "UTC".to_owned(),
            first_day: 0,
            last_day: 9,
            week: (0..7).flat_map(week).collect(),
            holidays: vec![],
            special_days: vec![],
            offsets: vec![],
        };
        let definition = InstrumentDefined { calendar: Some(calendar), ..definition(None) };
        let at = |seconds, minute: i64| {
            let spec = BarSpec::Time { seconds };
            let open = interval(spec, &definition, minute * 60 * SECOND)?;
            Some([open, interval_end(spec, &definition, open)].map(|time| time / SECOND / 60))
        };
        let noon = 12 * 60;
        assert_eq!(at(3600, noon - 31), Some([660, 690]), "cut at the break");
        assert_eq!([at(3600, noon - 30), at(3600, noon), at(86_400, noon)], [None; 3], "none in the break");
        assert_eq!(at(3600, noon + 30), Some([750, 810]), "aligned to the opening of the afternoon");
        assert_eq!([at(86_400, 540), at(86_400, 899)], [Some([540, 900]); 2], "a day is one bar");
        assert_eq!(next_opening(&definition, 690 * 60 * SECOND), Some(750 * 60 * SECOND));
    }
}
