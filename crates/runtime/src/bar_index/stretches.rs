//! Which stretches of a partition hold bars of which time, and which revisions there are: a list for each series, folded
//! from the records in their order.
//!
//! A stretch is closed at a fixed number of bars, offsets or intervals, and where time goes back. So a bar that comes late
//! or twice widens no stretch of others, and what a question reads beside its answer has a bound that no history moves.

use std::collections::BTreeMap;

use gauntlet_domain::market::{Bar, BarRevised, Change, SnapshotDue};
use gauntlet_domain::{BarSpec, Timestamp};

/// When a stretch is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bars of the series.
    pub bars: u32,
    /// Offsets from its first bar on, whatever lies between.
    pub offsets: u64,
    /// Intervals of the series between its earliest and its latest bar.
    pub intervals: i64,
}

impl Default for Limits {
    /// A day of minutes is two stretches, ten million bars are ten thousand: half a megabyte.
    fn default() -> Limits {
        Limits { bars: 1024, offsets: 65_536, intervals: 65_536 }
    }
}

/// Part of a partition that holds bars of one series with rising open times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Offset of its first bar.
    pub(super) first: u64,
    /// Offset of its last bar.
    pub(super) last: u64,
    pub(super) bars: u32,
    pub(super) earliest_open: i64,
    pub(super) latest_open: i64,
    /// Kept beside the opening: a bar cut at the end of a session is shorter than the others.
    pub(super) earliest_close: i64,
}

/// The time of a bar, or of a revision of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) spec: BarSpec,
    pub(super) open_time: Timestamp,
    pub(super) close_time: Timestamp,
}

impl From<&Bar> for Interval {
    fn from(bar: &Bar) -> Interval {
        Interval { spec: bar.spec, open_time: bar.open_time, close_time: bar.close_time }
    }
}

/// Bars of a range that there are no more, by the record that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Withdrawn {
    pub(super) offset: u64,
    pub(super) revision: i64,
    /// Revisions after this one and before it are void.
    pub(super) since: i64,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Stretch {
    fn begin(offset: u64, bar: Interval) -> Stretch {
        Stretch {
            first: offset,
            last: offset,
            bars: 1,
            earliest_open: bar.open_time.0,
            latest_open: bar.open_time.0,
            earliest_close: bar.close_time.0,
        }
    }

    fn has_room(&self, limits: &Limits, offset: u64, bar: Interval) -> bool {
        let open_time = bar.open_time.0;
        let longest = limits.intervals.saturating_mul(bar.spec.nanos());
        self.bars < limits.bars
            && offset - self.first < limits.offsets
            && open_time >= self.latest_open
            && open_time.saturating_sub(self.earliest_open) < longest
    }

    fn add(&mut self, offset: u64, bar: Interval) {
        self.last = offset;
        self.bars += 1;
        self.latest_open = bar.open_time.0;
        self.earliest_close = self.earliest_close.min(bar.close_time.0);
    }

    /// Whether a bar of the range can be among its bars.
    fn touches(&self, due: &SnapshotDue) -> bool {
        self.latest_open >= due.from.0 && self.earliest_close <= due.to.0
    }
}

/// The bars of one series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Series {
    /// In order of their offsets. Revisions of single bars lie in them as bars do.
    pub(super) stretches: Vec<Stretch>,
    /// The newest revision; 0 without any.
    pub(super) revision: i64,
    /// In order of their offsets.
    pub(super) withdrawn: Vec<Withdrawn>,
}

/// The series of one partition, by key and spec.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stretches {
    pub(super) series: BTreeMap<Vec<u8>, BTreeMap<BarSpec, Series>>,
}

impl Stretches {
    fn entry(&mut self, key: &[u8], spec: BarSpec) -> &mut Series {
        if !self.series.contains_key(key) {
            self.series.insert(key.to_vec(), BTreeMap::new());
        }
        let of_key = self.series.get_mut(key).expect("invariant: it was there or has just been put there");
        of_key.entry(spec).or_default()
    }

    fn get(&self, key: &[u8], spec: BarSpec) -> Option<&Series> {
        self.series.get(key)?.get(&spec)
    }

    /// Takes in the next bar of the partition.
    pub(super) fn push(&mut self, limits: &Limits, offset: u64, key: &[u8], bar: Interval) {
        let stretches = &mut self.entry(key, bar.spec).stretches;
        match stretches.last_mut() {
            Some(last) if last.has_room(limits, offset, bar) => last.add(offset, bar),
            _ => stretches.push(Stretch::begin(offset, bar)),
        }
    }

    /// Takes in the next revision.
    pub(super) fn revise(&mut self, limits: &Limits, offset: u64, key: &[u8], revised: &BarRevised) {
        let BarRevised { spec, revision, from, to, .. } = *revised;
        let series = self.entry(key, spec);
        series.revision = revision.max(series.revision);
        if let Change::Withdrawn(since) = revised.change() {
            series.withdrawn.push(Withdrawn { offset, revision, since, from, to });
        } else {
            self.push(limits, offset, key, Interval { spec, open_time: from, close_time: to });
        }
    }

    /// The newest revision of a series; 0 without any.
    pub(super) fn revision(&self, key: &[u8], spec: BarSpec) -> i64 {
        self.get(key, spec).map_or(0, |series| series.revision)
    }

    /// The earliest and the latest opening of a bar, whether or not it was withdrawn.
    pub(super) fn ends(&self, key: &[u8], spec: BarSpec) -> Option<(i64, i64)> {
        let stretches = &self.get(key, spec)?.stretches;
        let earliest = stretches.iter().map(|stretch| stretch.earliest_open).min()?;
        Some((earliest, stretches.iter().map(|stretch| stretch.latest_open).max()?))
    }

    /// What a range has to leave out, in order of their offsets.
    pub(super) fn withdrawn(&self, due: &SnapshotDue) -> Vec<Withdrawn> {
        let series = self.get(due.instrument.as_bytes(), due.spec);
        let all = series.map_or(&[][..], |series| &series.withdrawn);
        all.iter().filter(|withdrawn| withdrawn.revision <= due.revision).copied().collect()
    }

    /// First and last offset of what has to be read for a range, in order. Parts with less than `gap` offsets between
    /// them are one.
    pub(super) fn parts(&self, due: &SnapshotDue, gap: u64) -> Vec<(u64, u64)> {
        let series = self.get(due.instrument.as_bytes(), due.spec);
        let stretches = series.map_or(&[][..], |series| &series.stretches);
        let mut parts: Vec<(u64, u64)> = Vec::new();
        for stretch in stretches.iter().filter(|stretch| stretch.touches(due)) {
            match parts.last_mut() {
                Some((_, last)) if stretch.first - *last <= gap => *last = stretch.last,
                _ => parts.push((stretch.first, stretch.last)),
            }
        }
        parts
    }

    /// Specs of which a key has bars.
    pub(super) fn specs(&self, key: &[u8]) -> impl Iterator<Item = BarSpec> {
        self.series.get(key).into_iter().flat_map(|of_key| of_key.keys().copied())
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::SnapshotId;
    use gauntlet_domain::decimal::{Price, Quantity};

    use super::*;

    const MINUTE: BarSpec = BarSpec::Time { seconds: 60 };
    const LIMITS: Limits = Limits { bars: 4, offsets: 100, intervals: 50 };

    fn bar(minute: i64) -> Bar {
        let nanos = MINUTE.nanos();
        Bar {
            scale: gauntlet_domain::Scale::USUAL,
            instrument: "A.X".into(),
            spec: MINUTE,
            open_time: Timestamp(minute * nanos),
            close_time: Timestamp((minute + 1) * nanos),
            time: Timestamp((minute + 1) * nanos),
            open: Price(1),
            high: Price(1),
            low: Price(1),
            close: Price(1),
            open_spread: None,
            close_spread: None,
            volume: Quantity(0),
            ticks: 0,
        }
    }

    fn parts(bars: &[(u64, i64)], (from, to): (i64, i64)) -> Vec<(u64, u64)> {
        let mut stretches = Stretches::default();
        for (offset, minute) in bars {
            stretches.push(&LIMITS, *offset, b"A.X", (&bar(*minute)).into());
        }
        let due = SnapshotDue {
            snapshot_id: SnapshotId::derive(&[b"s"]),
            instrument: "A.X".into(),
            spec: MINUTE,
            from: Timestamp(from * MINUTE.nanos()),
            to: Timestamp(to * MINUTE.nanos()),
            revision: 0,
        };
        stretches.parts(&due, 1)
    }

    #[test]
    fn only_what_a_range_touches_is_read() {
        let bars: Vec<(u64, i64)> = (0..40).map(|i| (i as u64, i)).collect();
        assert_eq!(parts(&bars, (21, 23)), [(20, 23)]);
        assert_eq!(parts(&bars, (19, 21)), [(16, 23)], "neighbours are one part");
        assert_eq!(parts(&bars, (40, 50)), []);
    }

    #[test]
    fn a_late_bar_is_found_and_widens_nothing() {
        // Bars of the minutes 100 to 111, of which minute 5 comes after 105 and minute 6 after 109.
        let minutes = [100, 101, 102, 103, 104, 105, 5, 106, 107, 108, 109, 6, 110, 111];
        let bars: Vec<(u64, i64)> = minutes.iter().enumerate().map(|(i, m)| (i as u64, *m)).collect();
        assert_eq!(parts(&bars, (5, 7)), [(6, 6), (11, 11)]);
        assert_eq!(parts(&bars, (50, 60)), []);
        assert_eq!(parts(&bars, (105, 106)), [(4, 5)]);
    }

    #[test]
    fn bars_that_lie_far_apart_are_not_one_stretch() {
        assert_eq!(parts(&[(0, 0), (1000, 1), (2000, 2)], (1, 2)), [(1000, 1000)]);
    }
}
