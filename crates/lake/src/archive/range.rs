//! Where ranges close, and what their files are called.
//!
//! A range is a function of the log and of the configured size alone: it begins where the one before ended, and closes
//! before the record with which it would pass that size, or that was written in a later month (UTC) than its first one. No
//! clock decides. So every archiver makes the same ranges, at any time, whatever pieces it reads the log in.

use std::fmt;

use gauntlet_domain::Timestamp;

use super::Frame;

/// The folder of the archive in the lake.
const FOLDER: &str = "archive";
const ENDING: &str = ".parquet";

/// A closed range of one partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The offset at which it begins; the first record may lie behind it.
    pub first: u64,
    /// The offset of its last record.
    pub last: u64,
    /// The day of its first record in UTC: `2014-05-01`.
    pub day: String,
}

impl Range {
    /// Where the next range begins.
    pub fn next(&self) -> u64 {
        self.last + 1
    }

    /// The path of its file in the lake. Paths of one day sort by partition and offset.
    pub fn path(&self) -> String {
        let Range { topic, partition, first, last, day } = self;
        format!("{FOLDER}/{topic}/{day}/{partition:05}-{first:020}-{last:020}{ENDING}")
    }

    /// The folder of a topic.
    pub fn folder(topic: &str) -> String {
        format!("{FOLDER}/{topic}")
    }

    /// The range of a path; `None` when it is none of an archived range.
    pub fn of_path(path: &str) -> Option<Range> {
        let mut parts = path.split('/');
        let (folder, topic, day, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let mut numbers = name.strip_suffix(ENDING)?.split('-');
        let range = Range {
            topic: topic.to_owned(),
            partition: numbers.next()?.parse().ok()?,
            first: numbers.next()?.parse().ok()?,
            last: numbers.next()?.parse().ok()?,
            day: day.to_owned(),
        };
        let is_whole = folder == FOLDER && parts.next().is_none() && numbers.next().is_none();
        (is_whole && range.first <= range.last && range.path() == path).then_some(range)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// Finds where the ranges of one partition close, from its records one after the other.
#[derive(Debug, Clone)]
pub struct Cutter {
    topic: String,
    partition: u32,
    /// Bytes of a range at most, unless one record alone has more.
    most_bytes: u64,
    /// Where the open range begins.
    first: u64,
    open: Option<Open>,
}

/// What is known of the records since the last range closed.
#[derive(Debug, Clone)]
struct Open {
    last: u64,
    bytes: u64,
    day: String,
    /// Microseconds since the epoch at which the next month begins.
    month_ends: i64,
}

impl Cutter {
    /// For a partition whose next range begins at an offset.
    pub fn new(topic: &str, partition: u32, first: u64, most_bytes: u64) -> Cutter {
        Cutter { topic: topic.to_owned(), partition, most_bytes, first, open: None }
    }

    /// Takes in the next record by its offset, size and time; gives the range that closes before it.
    pub fn push(&mut self, offset: u64, bytes: u64, timestamp_micros: i64) -> Option<Range> {
        if let Some(open) = &mut self.open
            && timestamp_micros < open.month_ends
            && open.bytes.saturating_add(bytes) <= self.most_bytes
        {
            open.last = offset;
            open.bytes += bytes;
            return None;
        }
        let (day, month_ends) = day_and_end_of_month(timestamp_micros);
        let closed = self.open.replace(Open { last: offset, bytes, day, month_ends })?;
        let range = Range {
            topic: self.topic.clone(),
            partition: self.partition,
            first: self.first,
            last: closed.last,
            day: closed.day,
        };
        self.first = range.next();
        Some(range)
    }

    /// As [`Cutter::push`], of a record in hand.
    pub fn push_frame(&mut self, frame: &Frame) -> Option<Range> {
        self.push(frame.offset, frame.bytes(), frame.timestamp_micros)
    }
}

/// The day of a time, and when the month after it begins in microseconds.
fn day_and_end_of_month(micros: i64) -> (String, i64) {
    let text = Timestamp(micros.saturating_mul(1000)).to_string();
    let day = text.get(..10).unwrap_or("1970-01-01").to_owned();
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<i16>().ok()).unwrap_or(1);
    let (year, month) = (number(day.get(..4)), number(day.get(5..7)));
    let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let end = i8::try_from(month).ok().and_then(|month| Timestamp::from_date(year, month, 1));
    (day, end.map_or(i64::MAX, |end| end.0 / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().0 / 1000
    }

    #[test]
    fn a_path_names_its_range_and_sorts_by_offset() {
        let range =
            Range { topic: "a.v1".into(), partition: 3, first: 9, last: 10, day: "2014-05-01".into() };
        let path = range.path();
        assert_eq!(path, "archive/a.v1/2014-05-01/00003-00000000000000000009-00000000000000000010.parquet");
        assert_eq!(Range::of_path(&path), Some(range.clone()));
        let later = Range { first: 11, last: 100, ..range };
        assert!(later.path() > path);
        for other in [
            "archive/a.v1/2014-05-01/notes.txt",
            "archive/a.v1/2014-05-01/00003-9-10.parquet",
            "archive/a.v1/2014-05-01/00003-00000000000000000010-00000000000000000009.parquet",
            "archive/a.v1/x/2014-05-01/00003-00000000000000000009-00000000000000000010.parquet",
            "archive/a.v1",
        ] {
            assert_eq!(Range::of_path(other), None, "{other}");
        }
    }

    #[test]
    fn a_range_closes_before_the_record_that_would_make_it_too_large() {
        let mut cutter = Cutter::new("a.v1", 0, 5, 100);
        let at = micros("2014-05-31T23:59:59Z");
        // Offsets may have holes; a range begins where the one before ended.
        assert_eq!(cutter.push(7, 60, at), None);
        assert_eq!(cutter.push(8, 40, at), None);
        let closed = cutter.push(10, 1, at).unwrap();
        assert_eq!((closed.first, closed.last, closed.day.as_str()), (5, 8, "2014-05-31"));
        // One record that is larger than a file may be has a file of its own.
        let closed = cutter.push(11, 1_000, at).unwrap();
        assert_eq!((closed.first, closed.last), (9, 10));
        let closed = cutter.push(12, 1, at).unwrap();
        assert_eq!((closed.first, closed.last), (11, 11));
    }

    #[test]
    fn a_range_closes_before_the_first_record_of_a_later_month() {
        let mut cutter = Cutter::new("a.v1", 0, 0, 1 << 30);
        let push = |cutter: &mut Cutter, offset, time: &str| cutter.push(offset, 1, micros(time));
        assert_eq!(push(&mut cutter, 0, "2014-11-30T23:59:59.999999Z"), None);
        // A writer's clock may be behind: an earlier month closes nothing.
        assert_eq!(push(&mut cutter, 1, "2013-01-01"), None);
        let closed = push(&mut cutter, 2, "2014-12-01T00:00:00Z").unwrap();
        assert_eq!((closed.first, closed.last, closed.day.as_str()), (0, 1, "2014-11-30"));
        assert_eq!(push(&mut cutter, 3, "2014-12-31T23:59:59Z"), None);
        assert_eq!(push(&mut cutter, 4, "2015-01-01T00:00:00Z").unwrap().last, 3);
        // Times that nothing can be written with close nothing either.
        assert_eq!(cutter.push(5, 1, i64::MIN), None);
        assert_eq!(cutter.push(6, 1, i64::MAX).unwrap().last, 5);
        assert_eq!(cutter.push(7, 1, i64::MAX - 1), None);
    }
}
