//! Reading is bounded by what is asked for, whatever lies on the log before it; and what is found by an index is what
//! reading everything finds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use gauntlet_domain::decimal::{Price, Quantity};
use gauntlet_domain::market::{
    Bar, BarRevised, Change, FeedCompleted, InstrumentDefined, PriceBasis, Quote, SnapshotDue,
};
use gauntlet_domain::{BarSpec, Event, SnapshotId, Timestamp};
use gauntlet_log::counting::CountingLog;
use gauntlet_log::{EventLog, LocalLog, LogError, NewRecord, TopicPartition, partition_for};
use gauntlet_runtime::bar_index::{BarIndex, Limits};
use gauntlet_runtime::events::{self, Cause};
use gauntlet_runtime::recent::{self, SourceProgress};
use gauntlet_runtime::{digest, restore};
use gauntlet_wire::Codec;
use proptest::prelude::*;

const BARS: &str = "market.bars.v1";
const MINUTE: BarSpec = BarSpec::Time { seconds: 60 };
const SPECS: [BarSpec; 3] = [MINUTE, BarSpec::Time { seconds: 3600 }, BarSpec::Time { seconds: 86_400 }];
const INSTRUMENTS: [&str; 5] = ["A.X", "B.X", "C.X", "D.X", "E.X"];

fn log(partitions: u32) -> LocalLog {
    let log = LocalLog::in_memory().unwrap();
    log.create_topics(&gauntlet_runtime::topics(partitions)).unwrap();
    log
}

fn log_on_disk(dir: &Path, partitions: u32) -> LocalLog {
    let log = LocalLog::open(&dir.join("log.redb")).unwrap();
    log.create_topics(&gauntlet_runtime::topics(partitions)).unwrap();
    log
}

fn bar(instrument: &str, spec: BarSpec, interval: i64, price: i64) -> Bar {
    let (open, close) = (Timestamp(interval * spec.nanos()), Timestamp((interval + 1) * spec.nanos()));
    Bar {
        scale: gauntlet_domain::Scale::USUAL,
        instrument: instrument.into(),
        spec,
        open_time: open,
        close_time: close,
        time: close,
        open: Price(price),
        high: Price(price),
        low: Price(price),
        close: Price(price),
        open_spread: None,
        close_spread: None,
        volume: Quantity(0),
        ticks: 1,
    }
}

fn record(event: impl Into<Event>) -> NewRecord {
    events::record(&Codec::default(), &event.into(), Cause::outside("test", Timestamp(7_000))).unwrap()
}

fn append(log: &dyn EventLog, bars: impl Iterator<Item = Bar>) {
    let records: Vec<NewRecord> = bars.map(record).collect();
    records.chunks(8192).for_each(|chunk| log.append(chunk.to_vec()).unwrap());
}

fn due(instrument: &str, spec: BarSpec, from: i64, to: i64) -> SnapshotDue {
    SnapshotDue {
        snapshot_id: SnapshotId::derive(&[b"s"]),
        instrument: instrument.into(),
        spec,
        from: Timestamp(from),
        to: Timestamp(to),
        revision: 0,
    }
}

fn place(topic: &str, key: &str, partitions: u32) -> TopicPartition {
    TopicPartition::new(topic, partition_for(key.as_bytes(), partitions))
}

/// What a snapshot holds: every bar of the series within the range, by reading all there is.
fn by_reading_everything(log: &dyn EventLog, due: &SnapshotDue) -> Vec<Bar> {
    let place = place(BARS, &due.instrument, log.partitions(BARS).unwrap());
    let (start, end) = log.bounds(&place).unwrap();
    let mut said = Vec::new();
    restore::for_each(log, &place, start, end, |record| {
        if record.key == due.instrument.as_bytes()
            && let Some(recorded) = events::readable(&Codec::default(), &record)?
        {
            said.push(recorded.event);
        }
        Ok(())
    })
    .unwrap();
    said.retain(|event| match event {
        Event::Bar(bar) => bar.spec == due.spec,
        Event::BarRevised(revised) => revised.spec == due.spec && revised.revision <= due.revision,
        _ => false,
    });
    let mut bars = BTreeMap::new();
    for (at, event) in said.iter().enumerate() {
        if said[at..].iter().any(|later| is_withdrawn(event, later)) {
            continue;
        }
        match event {
            Event::Bar(bar) => drop(bars.entry(bar.open_time).or_insert_with(|| bar.clone())),
            Event::BarRevised(revised) => match revised.change() {
                Change::Replaced(bar) => drop(bars.insert(bar.open_time, bar.clone())),
                Change::Spreads([at_open, at_close]) => {
                    if let Some(bar) = bars.get_mut(&revised.from) {
                        (bar.open_spread, bar.close_spread) = (at_open, at_close);
                    }
                }
                Change::Withdrawn(_) => {}
            },
            _ => unreachable!(),
        }
    }
    bars.into_values().filter(|bar| bar.open_time >= due.from && bar.close_time <= due.to).collect()
}

/// Whether what was said is void since a later event.
fn is_withdrawn(event: &Event, later: &Event) -> bool {
    let Event::BarRevised(later) = later else { return false };
    let Change::Withdrawn(since) = later.change() else { return false };
    match event {
        Event::Bar(bar) => bar.open_time >= later.from && bar.close_time <= later.to,
        Event::BarRevised(revised) => {
            let is_in = revised.from >= later.from && revised.to <= later.to;
            is_in && revised.revision < later.revision
                || (since + 1..later.revision).contains(&revised.revision)
        }
        _ => false,
    }
}

/// One thing that happens to a log, its index or its reader.
#[derive(Debug, Clone)]
enum Step {
    /// Bars of a series follow each other.
    Bars { instrument: usize, spec: usize, count: i64 },
    /// A bar that lies so many intervals back comes once more, with another price.
    Late { instrument: usize, spec: usize, back: i64 },
    /// Bars that lie so far back get another price, or other spreads, or were withdrawn with the last revisions.
    Revision { instrument: usize, spec: usize, back: i64, count: i64, what: What },
    /// What no reader understands.
    Garbage { instrument: usize },
    /// Retention removes some of the beginning.
    Trim { instrument: usize, records: u64 },
    /// A range is asked for.
    Ask { instrument: usize, spec: usize, from: i64, length: i64 },
    /// The process ends and another goes on from its files.
    Restart,
}

/// What a revision does.
#[derive(Debug, Clone, Copy)]
enum What {
    Replaces,
    Spreads,
    Withdraws { revisions: i64 },
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        Just(What::Replaces),
        Just(What::Spreads),
        (0_i64..4).prop_map(|revisions| What::Withdraws { revisions })
    ]
}

fn revision(bar: &Bar, last: &Bar, number: i64, what: What) -> Event {
    let since = match what {
        What::Withdraws { revisions } => Some((number - 1 - revisions).max(0)),
        _ => None,
    };
    let spread = matches!(what, What::Spreads).then_some(Price(number));
    BarRevised {
        instrument: bar.instrument.clone(),
        spec: bar.spec,
        revision: number,
        source: "s".into(),
        from: bar.open_time,
        to: last.close_time,
        bar: matches!(what, What::Replaces).then(|| bar.clone()),
        open_spread: spread,
        close_spread: spread,
        since,
        scale: bar.scale,
    }
    .into()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (i, s) = (0..INSTRUMENTS.len(), 0..SPECS.len());
    let step = prop_oneof![
        6 => (i.clone(), s.clone(), 1_i64..12).prop_map(|(instrument, spec, count)| Step::Bars { instrument, spec, count }),
        2 => (i.clone(), s.clone(), 0_i64..40).prop_map(|(instrument, spec, back)| Step::Late { instrument, spec, back }),
        3 => (i.clone(), s.clone(), 0_i64..20, 1_i64..9, what()).prop_map(|(instrument, spec, back, count, what)| {
            Step::Revision { instrument, spec, back, count, what }
        }),
        1 => i.clone().prop_map(|instrument| Step::Garbage { instrument }),
        1 => (i.clone(), 0_u64..20).prop_map(|(instrument, records)| Step::Trim { instrument, records }),
        3 => (i, s, -2_i64..60, 0_i64..30)
            .prop_map(|(instrument, spec, from, length)| Step::Ask { instrument, spec, from, length }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

/// A log that bars are written to, and how far each series has come.
struct Written {
    log: Arc<dyn EventLog>,
    next: [[i64; SPECS.len()]; INSTRUMENTS.len()],
    revisions: [[i64; SPECS.len()]; INSTRUMENTS.len()],
    price: i64,
}

impl Written {
    fn bar(&self, instrument: usize, spec: usize, n: i64) -> Bar {
        bar(INSTRUMENTS[instrument], SPECS[spec], n, self.price)
    }

    /// Writes what a step says; the others are none of the log's.
    fn take(&mut self, step: &Step) {
        self.price += 1;
        match *step {
            Step::Bars { instrument, spec, count } => {
                let first = self.next[instrument][spec];
                self.next[instrument][spec] += count;
                append(&*self.log, (first..first + count).map(|n| self.bar(instrument, spec, n)));
            }
            Step::Late { instrument, spec, back } => {
                let n = self.next[instrument][spec] - back;
                append(&*self.log, std::iter::once(self.bar(instrument, spec, n)));
            }
            Step::Revision { instrument, spec, back, count, what } => {
                let n = self.next[instrument][spec] - back;
                // Only what is withdrawn is of several bars.
                let count = if matches!(what, What::Withdraws { .. }) { count } else { 1 };
                let [first, last] = [n, n + count - 1].map(|n| self.bar(instrument, spec, n));
                self.revisions[instrument][spec] += 1;
                let number = self.revisions[instrument][spec];
                self.log.append(vec![record(revision(&first, &last, number, what))]).unwrap();
            }
            Step::Garbage { instrument } => {
                let garbage = record(self.bar(instrument, 0, 0));
                self.log.append(vec![NewRecord { value: Some(vec![9, 9]), ..garbage }]).unwrap();
            }
            Step::Trim { instrument, records } => {
                let place = place(BARS, INSTRUMENTS[instrument], self.log.partitions(BARS).unwrap());
                let (start, _) = self.log.bounds(&place).unwrap();
                self.log.trim(&place, start + records).unwrap();
            }
            Step::Ask { .. } | Step::Restart => {}
        }
    }
}

fn index_is_a_full_scan(log: Arc<dyn EventLog>, steps: &[Step]) -> Result<(), TestCaseError> {
    // Small enough that a handful of bars makes several stretches.
    let limits = Limits { bars: 4, offsets: 24, intervals: 16 };
    let dir = tempfile::tempdir().unwrap();
    let open = || Arc::new(BarIndex::kept_in(dir.path(), log.clone(), Codec::default()).with_limits(limits));
    let mut index = open();
    let (next, revisions) = Default::default();
    let mut written = Written { log: log.clone(), next, revisions, price: 0 };
    let ask = |index: &BarIndex, due: &SnapshotDue| -> Result<(), TestCaseError> {
        prop_assert_eq!(index.bars(due).unwrap(), by_reading_everything(&*log, due));
        Ok(())
    };
    for step in steps {
        written.take(step);
        match *step {
            Step::Ask { instrument, spec, from, length } => {
                let nanos = SPECS[spec].nanos();
                let (from, to) = (from * nanos - nanos / 2, (from + length) * nanos);
                let newest = written.revisions[instrument][spec];
                for revision in [0, newest / 2, newest] {
                    let due = due(INSTRUMENTS[instrument], SPECS[spec], from, to);
                    ask(&index, &SnapshotDue { revision, ..due })?;
                }
            }
            Step::Restart => {
                drop(index.follow().unwrap());
                index = open();
            }
            _ => {}
        }
    }
    let is_trimmed = steps.iter().any(|step| matches!(step, Step::Trim { .. }));
    for (instrument, revisions) in INSTRUMENTS.into_iter().zip(written.revisions) {
        for (spec, newest) in SPECS.into_iter().zip(revisions) {
            let known = index.revision(instrument, spec).unwrap();
            prop_assert!(known == newest || is_trimmed && known < newest);
            let due = due(instrument, spec, i64::MIN, i64::MAX);
            let of_newest = SnapshotDue { revision: newest, ..due.clone() };
            ask(&index, &of_newest)?;
            ask(&index, &due)?;
            if !is_trimmed {
                let last = by_reading_everything(&*log, &of_newest).pop();
                prop_assert_eq!(index.latest(instrument, spec).unwrap(), last);
            }
            let any = by_reading_everything(&*log, &due);
            // What retention has removed is still known of.
            prop_assert!(any.is_empty() || index.has_bars(instrument, spec).unwrap());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_index_finds_what_reading_everything_finds_in_memory(steps in steps(), partitions in 1_u32..4) {
        index_is_a_full_scan(Arc::new(log(partitions)), &steps)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_index_finds_what_reading_everything_finds_on_disk(steps in steps(), partitions in 1_u32..4) {
        let dir = tempfile::tempdir().unwrap();
        index_is_a_full_scan(Arc::new(log_on_disk(dir.path(), partitions)), &steps)?;
    }
}

/// So many minutes of five instruments in one partition, then an hour of the first one is asked for.
fn records_read_for_an_hour(minutes: i64) -> (u64, u64) {
    let log = CountingLog::over(Arc::new(log(1)));
    let (shared, dir): (Arc<dyn EventLog>, _) = (Arc::new(log.clone()), tempfile::tempdir().unwrap());
    append(&log, (0..minutes).flat_map(|n| INSTRUMENTS.map(|name| bar(name, MINUTE, n, n))));
    let hour = |n: i64| due("A.X", MINUTE, n * MINUTE.nanos(), (n + 60) * MINUTE.nanos());
    let index = Arc::new(BarIndex::kept_in(dir.path(), shared.clone(), Codec::default()));
    assert_eq!(index.bars(&hour(0)).unwrap().len(), 60);
    log.take_count();
    assert_eq!(index.bars(&hour(minutes / 2)).unwrap().len(), 60);
    let asked = log.take_count();
    // The file is written when the process ends, and whoever goes on reads no history again.
    drop(index.follow().unwrap());
    drop(index);
    log.take_count();
    let index = BarIndex::kept_in(dir.path(), shared, Codec::default());
    assert!(index.has_bars("A.X", MINUTE).unwrap());
    assert_eq!(index.bars(&hour(minutes - 60)).unwrap().len(), 60);
    (asked, log.take_count())
}

#[test]
fn a_range_costs_the_same_whatever_came_before() {
    let (few, few_again) = records_read_for_an_hour(4_000);
    let (many, many_again) = records_read_for_an_hour(40_000);
    // At most two stretches of 1,024 bars, with four other bars between two of them.
    let bound = 2 * 1024 * INSTRUMENTS.len() as u64;
    assert!(few > 0 && few <= bound && many <= bound, "{few} and {many} records read");
    assert!(
        few_again <= bound && many_again <= bound,
        "{few_again} and {many_again} records read after a restart"
    );
}

#[test]
fn an_index_of_another_log_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let ask = |price: i64| {
        let log: Arc<dyn EventLog> = Arc::new(log(1));
        append(&*log, (0..100).map(|n| bar(if price == 1 { "A.X" } else { "B.X" }, MINUTE, n, price)));
        let index = Arc::new(BarIndex::kept_in(dir.path(), log, Codec::default()));
        let found = index.bars(&due("A.X", MINUTE, 0, i64::MAX)).unwrap().len();
        drop(index.follow().unwrap());
        found
    };
    assert_eq!(ask(1), 100);
    assert!(std::fs::read_dir(dir.path()).unwrap().count() > 0, "nothing was kept");
    assert_eq!(ask(2), 0);
    assert_eq!(ask(1), 100);
}

#[test]
fn a_damaged_index_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let log: Arc<dyn EventLog> = Arc::new(log(1));
    append(&*log, (0..100).map(|n| bar("A.X", MINUTE, n, 1)));
    let open = || Arc::new(BarIndex::kept_in(dir.path(), log.clone(), Codec::default()));
    let index = open();
    assert!(index.has_bars("A.X", MINUTE).unwrap());
    drop(index.follow().unwrap());
    let mut damaged = 0;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        damaged += 1;
    }
    assert!(damaged > 0);
    assert_eq!(open().bars(&due("A.X", MINUTE, 0, i64::MAX)).unwrap().len(), 100);
}

#[test]
fn a_follower_takes_in_bars_as_they_come() {
    let log = CountingLog::over(Arc::new(log(2)));
    let index = Arc::new(BarIndex::in_memory(Arc::new(log.clone()), Codec::default()));
    let follower = index.follow().unwrap();
    append(&log, (0..5_000).flat_map(|n| INSTRUMENTS.map(|name| bar(name, MINUTE, n, n))));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let mut read = 0;
    while read < 25_000 && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(10));
        read += log.take_count();
    }
    assert_eq!(read, 25_000, "every bar once");
    drop(follower);
    for name in INSTRUMENTS {
        assert!(index.has_bars(name, MINUTE).unwrap());
        assert_eq!(index.specs(name).unwrap(), BTreeSet::from([MINUTE]));
    }
    assert_eq!(log.take_count(), 0, "what is known is not read again");
}

fn quote(source: &str, sequence: i64) -> Event {
    Quote {
        scale: gauntlet_domain::Scale::USUAL,
        instrument: "A.X".into(),
        source: source.into(),
        sequence,
        time: Timestamp(sequence),
        bid: Price(1),
        ask: Price(2),
        bid_size: None,
        ask_size: None,
        received: None,
    }
    .into()
}

fn publish(log: &dyn EventLog, events: impl Iterator<Item = Event>) {
    let records: Vec<NewRecord> = events.map(record).collect();
    records.chunks(8192).for_each(|chunk| log.append(chunk.to_vec()).unwrap());
}

#[test]
fn what_was_just_published_is_known_and_looking_costs_the_same_whatever_came_before() {
    let definition = |basis| Event::from(InstrumentDefined::new("A.X", vec![MINUTE], basis));
    let wanted = definition(PriceBasis::Trades);
    let place = place(wanted.kind().topic().name, "A.X", 1);
    for history in [0, 100, 10_000, 50_000] {
        let log = CountingLog::over(Arc::new(log(1)));
        publish(&log, (0..history).map(|n| quote("live", n)));
        assert!(!recent::has_event(&log, &place, wanted.id()).unwrap());
        assert!(log.take_count() <= 1024, "{history}: a no reads more");
        publish(&log, std::iter::once(wanted.clone()));
        publish(&log, (0..10).map(|n| quote("other", n)));
        assert!(recent::has_event(&log, &place, wanted.id()).unwrap());
        assert!(log.take_count() <= 16, "{history}: a yes that is near reads more");
        assert!(!recent::has_event(&log, &place, definition(PriceBasis::Quotes).id()).unwrap());
    }
}

#[test]
fn how_far_a_source_is_published_shows_among_the_newest_records() {
    let log = CountingLog::over(Arc::new(log(1)));
    let place = place("market.ticks.v1", "A.X", 1);
    let progress = |source| recent::source_progress(&log, &Codec::default(), &place, "A.X", source).unwrap();
    assert_eq!(progress("file"), SourceProgress::default());
    publish(&log, (0..20_000).map(|n| quote("live", n)));
    publish(&log, (0..300).map(|n| quote("file", n)));
    publish(&log, (20_000..20_100).map(|n| quote("live", n)));
    log.take_count();
    assert_eq!(progress("file"), SourceProgress { next: 300, completed: false, aborted: false });
    assert_eq!(progress("live"), SourceProgress { next: 20_100, completed: false, aborted: false });
    assert_eq!(progress("new"), SourceProgress::default());
    assert!(log.take_count() <= 3 * 1024);
    let end = FeedCompleted {
        scale: gauntlet_domain::Scale::USUAL,
        instrument: "A.X".into(),
        source: "file".into(),
        name: "f".into(),
        rows: 300,
        blocks: 300,
    };
    publish(&log, std::iter::once(end.into()));
    assert!(progress("file").completed);
}

#[test]
fn what_is_published_twice_changes_no_digest() {
    let digest = |times: usize| {
        let log = log(2);
        for _ in 0..times {
            publish(
                &log,
                INSTRUMENTS
                    .iter()
                    .map(|name| Event::from(InstrumentDefined::new(name, vec![MINUTE], PriceBasis::Quotes))),
            );
        }
        let mut topics = digest::topics(&log, &Codec::default()).unwrap();
        let ticks = topics.remove("market.ticks.v1").unwrap();
        (ticks.events, ticks.sha256, ticks.duplicates)
    };
    let (once, twice) = (digest(1), digest(2));
    assert_eq!((once.0, once.1, once.2), (5, twice.1, 0));
    assert_eq!((twice.0, twice.2), (5, 5));
}

#[test]
fn a_long_stretch_is_read_ahead_and_told_in_its_order_up_to_its_end_or_the_first_failure() {
    let log = log(1);
    append(&log, (0..2_000).map(|interval| bar("A.X", MINUTE, interval, 100)));
    let place = place(BARS, "A.X", 1);
    let read = |log: &dyn EventLog, from: u64, to: u64, fails_at: u64| {
        let mut offsets = Vec::new();
        let result = restore::for_each(log, &place, from, to, |record| {
            offsets.push(record.offset);
            if record.offset == fails_at { Err(LogError::Closed) } else { Ok(()) }
        });
        (offsets, result)
    };
    for (from, to) in [(0, 2_000), (3, 1_990), (0, 512), (0, 513), (7, 7), (9, 8)] {
        let (offsets, result) = read(&log, from, to, u64::MAX);
        assert_eq!(offsets, (from..to).collect::<Vec<u64>>(), "{from} to {to}");
        assert!(result.is_ok());
    }
    for fails_at in [3, 600, 1_989] {
        let (offsets, result) = read(&log, 3, 1_990, fails_at);
        assert_eq!(offsets, (3..=fails_at).collect::<Vec<u64>>());
        assert!(matches!(result, Err(LogError::Closed)));
    }
    // What cannot be read is said, whoever reads it.
    log.trim(&place, 100).unwrap();
    let (offsets, result) = read(&log, 3, 1_990, u64::MAX);
    assert!(offsets.is_empty() && matches!(result, Err(LogError::OutOfRange { asked: 3, .. })), "{result:?}");
}
