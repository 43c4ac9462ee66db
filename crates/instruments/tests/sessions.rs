//! The calendars that are built in against the sessions that the library gives from which they were made: openings and
//! closings in UTC, over all changes of the clock.

use gauntlet_instruments::calendar::named;

#[test]
fn openings_and_closings_in_utc_are_those_of_the_exchanges() {
    let mut checked = std::collections::BTreeMap::new();
    for line in include_str!("sessions.tsv").lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, day, open, close] = fields[..] else { panic!("{line}") };
        let calendar = named(name).unwrap();
        let nanos = |text: &str| text.parse::<i64>().unwrap() * 1_000_000_000;
        let session = Some((nanos(open), nanos(close)));
        assert_eq!(calendar.session_at(nanos(open)), session, "{name} {day}");
        assert_eq!(calendar.session_at(nanos(close) - 1), session, "{name} {day}");
        assert_ne!(calendar.session_at(nanos(close)), session, "{name} {day}: the closing is outside");
        assert_eq!(calendar.session_from(nanos(open) - 1), session, "{name} {day}");
        *checked.entry(name).or_insert(0) += 1;
    }
    assert!(checked.len() == 11 && checked.values().all(|sessions| *sessions > 20), "{checked:?}");
}

#[test]
fn a_break_at_noon_is_no_session() {
    let calendar = named("XHKG").unwrap();
    let at = |text: &str| text.parse::<gauntlet_domain::Timestamp>().unwrap().0;
    // Hong Kong is eight hours ahead: 12:00 to 13:00 is 04:00 to 05:00.
    let morning = Some((at("2024-03-04T01:30:00Z"), at("2024-03-04T04:00:00Z")));
    let afternoon = Some((at("2024-03-04T05:00:00Z"), at("2024-03-04T08:00:00Z")));
    assert_eq!(calendar.session_at(at("2024-03-04T03:59:59Z")), morning);
    assert_eq!(calendar.session_at(at("2024-03-04T04:00:00Z")), None);
    assert_eq!(calendar.session_at(at("2024-03-04T04:59:59Z")), None);
    assert_eq!(calendar.session_at(at("2024-03-04T05:00:00Z")), afternoon);
    assert_eq!(calendar.session_from(at("2024-03-04T04:00:00Z")), afternoon);
    let day = Some((at("2024-03-04T01:30:00Z"), at("2024-03-04T08:00:00Z")));
    assert_eq!(calendar.trading_day_at(at("2024-03-04T03:00:00Z")), day);
    assert_eq!(calendar.trading_day_at(at("2024-03-04T07:00:00Z")), day);
    assert_eq!(calendar.trading_day_at(at("2024-03-04T04:30:00Z")), None, "in the break");
    let open = |from, to| calendar.open_between(at(from), at(to)) / 60_000_000_000;
    assert_eq!(open("2024-03-04T03:50:00Z", "2024-03-04T05:05:00Z"), 15);
    assert_eq!(open("2024-03-04T00:00:00Z", "2024-03-05T00:00:00Z"), 330);
    // The day before Christmas has a morning.
    assert_eq!(open("2024-12-24T00:00:00Z", "2024-12-25T00:00:00Z"), 150);
}

#[test]
fn a_weekend_and_a_holiday_have_no_session() {
    let calendar = named("XNYS").unwrap();
    let at = |text: &str| text.parse::<gauntlet_domain::Timestamp>().unwrap().0;
    assert_eq!(calendar.session_at(at("2024-03-09T16:00:00Z")), None, "a Saturday");
    assert_eq!(calendar.session_at(at("2024-07-04T16:00:00Z")), None);
    let hours =
        calendar.open_between(at("2024-03-08T00:00:00Z"), at("2024-03-12T00:00:00Z")) / 3_600_000_000_000;
    assert_eq!(hours, 13, "a Friday and a Monday");
    assert!(calendar.knows(at("2024-03-09T16:00:00Z")) && !calendar.knows(at("2031-01-01T00:00:00Z")));
}

#[test]
fn the_week_of_currencies_begins_on_sunday_evening() {
    let calendar = named("FX").unwrap();
    let at = |text: &str| text.parse::<gauntlet_domain::Timestamp>().unwrap().0;
    assert_eq!(calendar.session_at(at("2024-03-10T20:59:59Z")), None, "Sunday 16:59 in summer time");
    assert!(calendar.session_at(at("2024-03-10T21:00:00Z")).is_some());
    assert!(
        calendar.session_at(at("2024-03-15T20:59:59Z")).is_some()
            && calendar.session_at(at("2024-03-15T21:00:00Z")).is_none()
    );
}
