//! What the distances between a file's bars say about their length: which spec they are of where nobody says so, and
//! whether they can be of the spec that somebody says.

use std::collections::BTreeMap;

use gauntlet_domain::BarSpec;
use gauntlet_domain::market::{BarBlock, BarStamp};
use gauntlet_domain::time::NANOS_PER_SECOND;

use crate::block::About;

const SECOND: u64 = NANOS_PER_SECOND.unsigned_abs();
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

/// Bars at the beginning of a file by which it is judged.
const JUDGED_BARS: usize = 1_000;

/// Of so many distances one may be shorter than the bars are long.
const MOST_SHORTER: usize = 5;

/// Distances from which on a file shows its length even where they differ. Fewer may all lie across holidays.
const TELLING_DISTANCES: usize = 10;

/// Distances of one length from which on they show the bars' length, if most are so.
const SHOWING_DISTANCES: usize = 3;

/// How long a file's bars are: asked for, said by the file, or certain from the distances of its first block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BarLength {
    asked: Option<BarSpec>,
    known: Option<BarSpec>,
    /// The caller says that the file's times are ends of bars.
    closing: bool,
}

impl BarLength {
    /// The length, once a block was given it, and how it is known.
    pub fn known(&self, about: &About) -> Option<(BarSpec, &'static str)> {
        let by = match (self.asked, about.spec) {
            (Some(_), _) => "said by an option, or by the folder of a file of Lean",
            (None, Some(_)) => "said by the file",
            (None, None) => "certain from the distances of its rows",
        };
        self.known.map(|spec| (spec, by))
    }

    pub fn new(asked: Option<BarSpec>, stamp: BarStamp) -> BarLength {
        BarLength { asked, known: None, closing: stamp == BarStamp::Close }
    }

    /// Gives a block its spec, and opening times where it has closing times. `Err` says why it cannot.
    pub fn give_to(&mut self, block: &mut BarBlock, about: &About) -> Result<(), String> {
        if self.closing && about.has_both_times {
            return Err(
                "it has the beginning and the end of each bar in two columns: leave out --stamp".to_owned()
            );
        }
        let spec = match self.known {
            // Only the first block is judged.
            Some(spec) => spec,
            None => *self.known.insert(self.find(block, about)?),
        };
        block.spec = spec.to_string();
        if self.closing || about.is_closing {
            for time in &mut block.open_times {
                *time = time.saturating_sub(spec.nanos());
            }
        }
        Ok(())
    }

    fn find(self, block: &BarBlock, about: &About) -> Result<BarSpec, String> {
        match (self.asked, about.spec) {
            (Some(asked), Some(said)) if asked != said => Err(format!(
                "its bars are {said} by its own columns, not {asked}: say {said}, or take a file of {asked} bars"
            )),
            (Some(asked), _) => check_spacing(asked, block).map(|()| asked),
            (None, Some(said)) => Ok(said),
            (None, None) => certain_spec(block, about.is_dated),
        }
    }
}

/// Lengths of bars by their own beginnings and ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lengths {
    counts: BTreeMap<u64, u64>,
    bars: u64,
}

impl Lengths {
    /// Takes note of a bar's length in nanoseconds. Some sources write the last moment before the end: 10:00:59.999.
    pub fn see(&mut self, nanos: i64) {
        let Ok(nanos) = u64::try_from(nanos) else { return };
        let length = nanos.next_multiple_of(SECOND);
        let length = if is_day(length) { DAY } else { length };
        self.bars += 1;
        // More lengths than these show none.
        if self.counts.len() < 100 || self.counts.contains_key(&length) {
            *self.counts.entry(length).or_default() += 1;
        }
    }

    /// The length of most bars; the last of a session may be shorter.
    pub fn spec(&self) -> Option<BarSpec> {
        let (length, count) = self.counts.iter().max_by_key(|(_, count)| **count)?;
        spec_of(*length).ok().filter(|_| *length > 0 && 2 * count > self.bars)
    }
}

/// The spec that a source names in a column: minutes, `D`, or `5m`.
pub(crate) fn spec_named(name: &str) -> Option<BarSpec> {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "d" | "1d" | "day" | "daily" => "time:1d".parse().ok(),
        minutes if minutes.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("time:{minutes}m").parse().ok()
        }
        _ => format!("time:{name}").parse().ok(),
    }
}

/// The spec that the distances of a block leave no doubt of. `Err` says what was seen and asks for it.
///
/// Two bars tell nothing but that they are not longer than the distance between them. Dates of which two are a day apart
/// are of days: a longer bar would have no neighbour so near, and a shorter one would have a time.
pub(crate) fn certain_spec(block: &BarBlock, is_dated: bool) -> Result<BarSpec, String> {
    let mut distances = distances(readable_times(block));
    for distance in &mut distances {
        *distance = if is_day(*distance) { DAY } else { *distance };
    }
    distances.sort_unstable();
    let Some(smallest) = distances.first().copied() else {
        return Err("its rows do not tell how long its bars are: say which bars they are with --spec, from time:1s to \
                    time:1d"
            .to_owned());
    };
    if smallest > DAY && (!is_dated || smallest >= 5 * DAY) {
        return spec_of(smallest);
    }
    // They are sorted: equal ones are neighbours.
    let runs = || distances.chunk_by(|one, other| one == other);
    let count = |length: u64| runs().find(|run| run[0] == length).map_or(0, <[u64]>::len);
    let usual = runs().rev().max_by_key(|run| run.len()).map_or(smallest, |run| run[0]);
    let is_clear = count(usual) >= SHOWING_DISTANCES && 2 * count(usual) >= distances.len();
    let are_multiples = distances.iter().all(|distance| distance.is_multiple_of(smallest));
    let certain = if is_dated && smallest == DAY {
        Some(DAY)
    } else if is_clear {
        Some(usual)
    } else {
        Some(smallest).filter(|smallest| are_multiples && count(*smallest) >= TELLING_DISTANCES)
    };
    let spec = spec_of(certain.unwrap_or(smallest));
    match (certain, spec) {
        (Some(_), Ok(spec)) if check_spacing(spec, block).is_ok() => Ok(spec),
        (_, Ok(_)) => Err(format!(
            "its bars are {} apart, which does not tell how long they are: say it with --spec, such as --spec time:1m",
            from_to(smallest, distances[distances.len() - 1])
        )),
        (None, Err(_)) if is_dated => Err(format!(
            "its dates are {} or more apart, which does not tell how long its bars are: say --spec time:1d if they are \
             days",
            in_words(smallest)
        )),
        (_, Err(what)) => Err(what),
    }
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

/// `1 minute`, or `2 minutes to 5 minutes`.
fn from_to(smallest: u64, largest: u64) -> String {
    let smallest_words = in_words(smallest);
    if smallest == largest { smallest_words } else { format!("{smallest_words} to {}", in_words(largest)) }
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

    /// What bars at these hours are, or the question.
    fn certain(is_dated: bool, hours: impl IntoIterator<Item = i64>) -> Result<String, String> {
        let block = block(hours.into_iter().map(|hour| hour * HOURS));
        certain_spec(&block, is_dated).map(|spec| spec.to_string())
    }

    #[test]
    fn many_bars_tell_the_spec_and_a_few_ask_for_it() {
        assert_eq!(certain(false, [0, 1, 2, 3]), Ok("time:1h".into()));
        assert_eq!(certain(false, [0, 1, 2, 2, 20, 21]), Ok("time:1h".into()));
        let asked = certain(false, [0, 5, 7, 7]).unwrap_err();
        assert_eq!(
            asked,
            "its bars are 2 hours to 5 hours apart, which does not tell how long they are: say it with --spec, such as \
             --spec time:1m"
        );
        for few in [&[0][..], &[], &[0, 1], &[0, 1, 2], &[0, 24]] {
            assert!(certain(false, few.iter().copied()).unwrap_err().contains("--spec"), "{few:?}");
        }
        // Nobody traded most of the time.
        let sparse = (0..20).flat_map(|part| [0, 1, 3].map(|hour| part * 6 + hour));
        assert_eq!(certain(false, sparse), Ok("time:1h".into()));
        // The last bar before the night is shorter.
        let session = (0..30).flat_map(|day| [0, 4, 8, 12, 16, 19].map(|hour| day * 24 + hour));
        assert_eq!(certain(false, session), Ok("time:4h".into()));
        assert!(certain_spec(&block([0, 1, 2, 3]), false).unwrap_err().contains("nanosecond"));
    }

    #[test]
    fn two_dates_a_day_apart_are_days() {
        assert_eq!(certain(true, [0, 24]), Ok("time:1d".into()));
        assert_eq!(certain(true, [0, 24, 47]), Ok("time:1d".into()));
        assert!(certain(true, [0, 168]).unwrap_err().contains("7 days"));
        assert!(certain(true, [0, 72]).unwrap_err().contains("3 days or more apart"));
        assert!(certain(true, [5]).is_err());
    }

    #[test]
    fn a_file_that_says_its_length_is_believed_and_not_contradicted() {
        let about = About { spec: spec_named("5"), ..About::default() };
        let mut rows = block([0, HOURS]);
        let mut length = BarLength::new(None, BarStamp::Open);
        assert_eq!(length.give_to(&mut rows, &about), Ok(()));
        assert_eq!((rows.spec.as_str(), rows.open_times[1]), ("time:5m", HOURS));
        let mut other = BarLength::new("time:1m".parse().ok(), BarStamp::Open);
        assert!(
            other.give_to(&mut rows, &about).unwrap_err().contains("time:5m by its own columns, not time:1m")
        );
        assert_eq!(spec_named("D").map(|spec| spec.to_string()).as_deref(), Some("time:1d"));
        assert_eq!(spec_named("1h").map(|spec| spec.to_string()).as_deref(), Some("time:1h"));
        assert_eq!(spec_named("W"), None);
    }

    #[test]
    fn the_length_is_the_time_from_the_beginning_to_the_end() {
        let minute = 60 * NANOS_PER_SECOND;
        let spec = |lengths: &[i64]| {
            let mut seen = Lengths::default();
            lengths.iter().for_each(|length| seen.see(*length));
            seen.spec().map(|spec| spec.to_string())
        };
        assert_eq!(spec(&[minute - 1_000_000]).as_deref(), Some("time:1m"));
        assert_eq!(spec(&[24 * HOURS, 23 * HOURS, 24 * HOURS]).as_deref(), Some("time:1d"));
        assert_eq!(spec(&[minute, minute, 30 * NANOS_PER_SECOND]).as_deref(), Some("time:1m"));
        assert_eq!(spec(&[minute, 2 * minute]), None);
        assert_eq!(spec(&[0, -1]), None);
    }

    #[test]
    fn times_at_the_close_are_moved_to_the_open() {
        let mut rows = block([HOURS, 2 * HOURS]);
        let mut length = BarLength::new("time:1h".parse().ok(), BarStamp::Close);
        assert_eq!(length.give_to(&mut rows, &About::default()), Ok(()));
        assert_eq!(rows.open_times, [0, HOURS]);
        let both = About { has_both_times: true, ..About::default() };
        assert!(length.give_to(&mut rows, &both).unwrap_err().contains("leave out --stamp"));
        let closing = About { is_closing: true, ..About::default() };
        let mut length = BarLength::new("time:1h".parse().ok(), BarStamp::Open);
        assert_eq!(length.give_to(&mut rows, &closing), Ok(()));
        assert_eq!(rows.open_times, [-HOURS, 0]);
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
