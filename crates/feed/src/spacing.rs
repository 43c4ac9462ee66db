//! What the distances between a file's bars say about their length: which spec they are of where nobody says so, and
//! whether they can be of the spec that somebody says.

use gauntlet_domain::BarSpec;
use gauntlet_domain::market::BarBlock;
use gauntlet_domain::time::NANOS_PER_SECOND;

const SECOND: u64 = NANOS_PER_SECOND.unsigned_abs();
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

/// Bars at the beginning of a file by which it is judged.
const JUDGED_BARS: usize = 1_000;

/// Of so many distances one may be shorter than the bars are long.
const MOST_SHORTER: usize = 5;

/// Distances from which on a file shows its length even where they differ. Fewer may all lie across holidays.
const TELLING_DISTANCES: usize = 10;

/// The spec of bars as far apart as the nearest two of the block. `Err` says why there is none.
pub(crate) fn smallest_spacing(block: &BarBlock) -> Result<BarSpec, String> {
    let Some(smallest) = distances(readable_times(block)).into_iter().min() else {
        return Err(
            "its rows do not tell how long its bars are: say which bars they are with a bar spec from \
                    time:1s to time:1d"
                .to_owned(),
        );
    };
    spec_of(smallest)
}

/// Checks that the bars of a file's first block can be of this spec. `Err` says what they look like and what to do.
///
/// In a file of more than a few, some two bars are exactly the spec's length apart: weekends, holidays and hours without
/// a trade only make distances longer. A short day or the first hour of a session may make a few shorter, but not many. One
/// bar tells nothing.
pub(crate) fn check_spacing(spec: BarSpec, block: &BarBlock) -> Result<(), String> {
    let mut times = readable_times(block);
    times.truncate(JUDGED_BARS);
    let mut distances = distances(times);
    distances.sort_unstable();
    let (Some(smallest), Some(usual)) = (distances.first(), distances.get(distances.len() / 2)) else {
        return Ok(());
    };
    let (smallest, usual, length) = (*smallest, *usual, spec.nanos().unsigned_abs());
    let is_regular = distances.len() > 1 && smallest == usual;
    let is_telling = is_regular || distances.len() >= TELLING_DISTANCES;
    let has_length = distances.iter().any(|distance| is_length(*distance, length));
    let shorter = distances.iter().filter(|distance| **distance < length && !is_length(**distance, length));
    let are_short = MOST_SHORTER * shorter.count() > distances.len();
    if !are_short && (has_length || !is_telling) {
        return Ok(());
    }
    let nearest = if smallest == usual && usual < length {
        String::new()
    } else if are_short {
        format!(", the nearest two only {}", in_words(smallest))
    } else {
        format!(", no two of them {}", in_words(length))
    };
    let found = match spec_of(smallest) {
        Ok(found) if found != spec => {
            format!("say {found} if these are its bars, or take a file of {spec} bars")
        }
        _ => format!("take a file of {spec} bars"),
    };
    Err(format!(
        "its bars are usually {} apart{nearest}, and cannot be {spec} bars: {found}",
        in_words(usual)
    ))
}

fn readable_times(block: &BarBlock) -> Vec<i64> {
    let rows = block.open_times.iter().zip(&block.kinds);
    rows.filter(|(_, kind)| **kind == 1).map(|(time, _)| *time).collect()
}

/// Distances between neighbours in time. A row that is there twice or out of place is a fault of its own.
fn distances(mut times: Vec<i64>) -> Vec<u64> {
    times.sort_unstable();
    times.dedup();
    times.windows(2).map(|pair| pair[1].abs_diff(pair[0])).collect()
}

/// Days of local time have 23 or 25 hours when the clocks change.
fn is_day(distance: u64) -> bool {
    (23 * HOUR..=25 * HOUR).contains(&distance)
}

fn is_length(distance: u64, length: u64) -> bool {
    distance == length || (length == DAY && is_day(distance))
}

fn spec_of(distance: u64) -> Result<BarSpec, String> {
    let seconds = match distance {
        _ if is_day(distance) => 86_400,
        _ if distance > DAY => {
            return Err(format!(
                "its bars are {} days or more apart, longer than a day: bars go from time:1s to time:1d, feed finer \
                 ones",
                distance / DAY
            ));
        }
        _ if !distance.is_multiple_of(SECOND) => {
            return Err(format!(
                "its nearest bars are {distance} nanoseconds apart, no whole number of seconds: bars go from time:1s \
                 to time:1d, feed those"
            ));
        }
        _ => distance / SECOND,
    };
    Ok(BarSpec::Time { seconds: seconds as u32 })
}

/// `1 day`, `90 minutes`.
fn in_words(distance: u64) -> String {
    let units =
        [(DAY, "day"), (HOUR, "hour"), (60 * SECOND, "minute"), (SECOND, "second"), (1, "nanosecond")];
    // The last divides everything.
    let (unit, name) =
        units.into_iter().find(|(unit, _)| distance.is_multiple_of(*unit)).unwrap_or((1, "nanosecond"));
    let count = distance / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOURS: i64 = 3_600 * NANOS_PER_SECOND;

    fn block(times: impl IntoIterator<Item = i64>) -> BarBlock {
        let open_times: Vec<i64> = times.into_iter().collect();
        BarBlock { kinds: vec![1; open_times.len()], open_times, ..BarBlock::default() }
    }

    #[test]
    fn the_nearest_bars_tell_the_spec() {
        let spec =
            |times: &[i64]| smallest_spacing(&block(times.iter().copied())).map(|spec| spec.to_string());
        assert_eq!(spec(&[0, 5 * HOURS, 6 * HOURS, 6 * HOURS]), Ok("time:1h".into()));
        assert_eq!(spec(&[0, 24 * HOURS, 47 * HOURS]), Ok("time:1d".into()));
        assert!(spec(&[0, 168 * HOURS]).unwrap_err().contains("7 days"));
        assert!(spec(&[0]).is_err() && spec(&[]).is_err() && spec(&[0, 1]).is_err());
    }

    /// Checks bars at these hours.
    fn check(spec: &str, hours: impl IntoIterator<Item = i64>) -> Result<(), String> {
        check_spacing(spec.parse().unwrap(), &block(hours.into_iter().map(|hour| hour * HOURS)))
    }

    #[test]
    fn longer_bars_than_the_spec_are_refused_with_what_they_look_like() {
        let workdays = || (0..400).filter(|day| day % 7 < 5).map(|day| day * 24);
        assert_eq!(check("time:1d", workdays()), Ok(()));
        assert_eq!(
            check("time:1h", workdays()).unwrap_err(),
            "its bars are usually 1 day apart, no two of them 1 hour, and cannot be time:1h bars: \
             say time:1d if these are its bars, or take a file of time:1h bars"
        );
        assert!(check("time:1h", [0, 24, 48]).is_err(), "three days are days");
        assert!(check("time:1h", (0..50).map(|row| row * 4)).unwrap_err().contains("say time:4h"));
        let weeks = check("time:1d", (0..20).map(|week| week * 168)).unwrap_err();
        assert!(weeks.ends_with("usually 7 days apart, no two of them 1 day, and cannot be time:1d bars: take a file of time:1d bars"), "{weeks}");
    }

    #[test]
    fn shorter_bars_than_the_spec_are_refused() {
        let hours = check("time:1d", 0..50).unwrap_err();
        assert!(
            hours.starts_with("its bars are usually 1 hour apart, and cannot be time:1d bars"),
            "{hours}"
        );
        // Bars of an hour in which nobody traded most of the time.
        let sparse = (0..50).map(|row| row * 9 - if row % 5 == 0 { 6 } else { 0 });
        let sparse = check("time:4h", sparse).unwrap_err();
        assert!(sparse.contains("usually 9 hours apart, no two of them 4 hours"), "{sparse}");
        // Some two are as far apart as the spec is long, by chance.
        assert!(check("time:3h", (0..50).map(|hour| hour * 2 + hour % 2)).is_err());
    }

    #[test]
    fn weekends_holidays_clock_changes_and_hours_without_a_trade_are_no_fault() {
        assert_eq!(check("time:1h", [5]), Ok(()), "one bar tells nothing");
        assert_eq!(check("time:1h", []), Ok(()));
        assert_eq!(check("time:1d", [0, 72]), Ok(()), "from Friday to Monday");
        assert_eq!(check("time:1d", [0, 72, 168]), Ok(()));
        assert_eq!(check("time:1d", [0, 24, 47, 71, 144, 169]), Ok(()), "the clocks change");
        assert_eq!(check("time:1h", [0, 7, 31, 32, 90, 200, 230, 300, 341, 400, 477, 500]), Ok(()));
        assert_eq!(check("time:1h", [0, 1, 1, 2, 5, 3, 4]), Ok(()), "twice, and out of place");
        // Seven bars a day, on the half hour.
        let session = (0..30).flat_map(|day| (0..7).map(move |bar| day * 24 + bar));
        assert_eq!(check("time:1h", session), Ok(()));
        // Four-hour bars of which the last one before the night is shorter, and days of which one ends three hours early.
        let session = (0..30).flat_map(|day| [0, 4, 8, 12, 16, 19].map(|hour| day * 24 + hour));
        assert_eq!(check("time:4h", session), Ok(()));
        let short_day = (0..60).map(|day| day * 24 - if day == 40 { 3 } else { 0 });
        assert_eq!(check("time:1d", short_day), Ok(()));
    }

    #[test]
    fn unreadable_rows_and_rows_far_into_a_file_are_not_judged() {
        let mut rows = block([0, 1, 2].map(|hour| hour * HOURS).into_iter().chain([2 * HOURS + 1]));
        assert!(check_spacing(BarSpec::Time { seconds: 3_600 }, &rows).is_err());
        rows.kinds[3] = 17;
        assert_eq!(check_spacing(BarSpec::Time { seconds: 3_600 }, &rows), Ok(()));
        let (judged, later) = (0..1_000, 2_000..4_000);
        assert_eq!(check("time:2h", judged.map(|bar| bar * 2).chain(later.clone())), Ok(()));
        assert!(check("time:2h", later).is_err());
    }
}
