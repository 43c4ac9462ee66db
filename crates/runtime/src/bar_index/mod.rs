//! Where the bars of a range lie, without reading from the first bar ever.
//!
//! Consumes `market.bars.v1` and `.v2`, emits nothing. An instrument's bars are on one of them. For every partition it keeps which stretches hold bars of which time (see
//! `stretches.rs`), folded from the records as they come, and answers a question by reading the stretches that a range
//! touches. It is derived and disposable: it lies in a file for each partition in this process's own directory, is made
//! again from the log where that is missing or not of this log, and never decides what a snapshot holds, only what is
//! read for it.
//!
//! Rejected: a table of times beside the records, and a search by the records' timestamps, because the port offers
//! nothing that Kafka cannot do, and Kafka finds offsets only by the time at which a record was written, over all keys of
//! a partition; halving between offsets, because bars of one series need not lie near any given offset, and bars that
//! come late would be missed; rows in the views, because a row for every bar costs more than the bar. A process that
//! seals reads every bar once as it comes, which is what it costs.

/// The index as a file.
mod file;
/// The thread that keeps the index near the end of the log.
mod follower;
/// Stretches of a partition and the times of their bars.
mod stretches;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gauntlet_domain::market::{Bar, BarRevised, Change, SnapshotDue};
use gauntlet_domain::topics::{MARKET_BARS, MARKET_BARS_V2};
use gauntlet_domain::{BarSpec, Event, SnapshotId, Timestamp, Topic};
use gauntlet_log::{EventLog, LogError, Positions, Record, TopicPartition, partition_for};
use gauntlet_wire::Codec;

use crate::events;
use crate::restore::{any, for_each};

use file::Mark;
pub use follower::Follower;
pub use stretches::Limits;
use stretches::{Stretches, Withdrawn};

/// Topics with bars.
const TOPICS: [Topic; 2] = [MARKET_BARS, MARKET_BARS_V2];
/// Records taken in at once.
const CHUNK: usize = 4096;
/// Records between two writings of the file: what a process that is killed reads again.
const SAVE_EVERY: u64 = 65_536;
/// Stretches with fewer offsets between them are read as one: to begin reading anew costs more.
const GAP: u64 = 512;

/// The index of all partitions of the bars.
pub struct BarIndex {
    log: Arc<dyn EventLog>,
    codec: Codec,
    limits: Limits,
    /// Where the files are; without it nothing is kept beyond the process.
    dir: Option<PathBuf>,
    partitions: Mutex<BTreeMap<TopicPartition, Arc<Mutex<Kept>>>>,
}

/// What has been taken in of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Indexed {
    /// Every record before this offset has been taken in.
    next: u64,
    /// The last of them.
    mark: Option<Mark>,
    stretches: Stretches,
}

/// One partition's index in memory.
#[derive(Default)]
struct Kept {
    /// `None` until the file has been looked at.
    indexed: Option<Indexed>,
    /// How far the file goes.
    saved: u64,
}

/// What a record says of bars.
enum Said {
    Bar(Bar),
    Revised(Box<BarRevised>),
}

/// The bars of a range while its records are read, by their open times.
type Bars = BTreeMap<Timestamp, Bar>;

fn is_in(bar: &Bar, due: &SnapshotDue) -> bool {
    bar.spec == due.spec && bar.open_time >= due.from && bar.close_time <= due.to
}

/// A bar that is repeated is the same bar.
fn first_of(bars: &mut Bars, due: &SnapshotDue, bar: Bar) {
    if is_in(&bar, due) {
        bars.entry(bar.open_time).or_insert(bar);
    }
}

fn revise(bars: &mut Bars, due: &SnapshotDue, mut revised: BarRevised) {
    if revised.revision > due.revision || revised.spec != due.spec {
        return;
    }
    if let Change::Spreads([at_open, at_close]) = revised.change()
        && let Some(bar) = bars.get_mut(&revised.from)
    {
        (bar.open_spread, bar.close_spread) = (at_open, at_close);
    }
    if let Some(bar) = revised.bar.take().filter(|bar| is_in(bar, due)) {
        bars.insert(bar.open_time, bar);
    }
}

fn withdraw(bars: &mut Bars, gone: &Withdrawn) {
    bars.retain(|open_time, bar| *open_time < gone.from || bar.close_time > gone.to);
}

impl BarIndex {
    /// One that ends with the process, for those who trust nothing that was kept beside the log.
    pub fn in_memory(log: Arc<dyn EventLog>, codec: Codec) -> BarIndex {
        let partitions = Mutex::default();
        BarIndex { log, codec, limits: Limits::default(), dir: None, partitions }
    }

    /// One that goes on from the files in a folder, which is made when there is something to write.
    pub fn kept_in(dir: impl Into<PathBuf>, log: Arc<dyn EventLog>, codec: Codec) -> BarIndex {
        BarIndex { dir: Some(dir.into()), ..BarIndex::in_memory(log, codec) }
    }

    /// The same with other limits; files that were made with others are made again.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> BarIndex {
        BarIndex { limits, ..self }
    }

    /// The bars of a due range after as many revisions as it asks for, in order of their open times. Of several bars with one
    /// open time the first counts, until a revision says otherwise.
    ///
    /// # Errors
    /// What the log says, among it [`LogError::Undecided`] for a record that cannot be read yet.
    pub fn bars(&self, due: &SnapshotDue) -> Result<Vec<Bar>, LogError> {
        let key = due.instrument.as_bytes();
        let mut bars = BTreeMap::new();
        for place in self.places_of(key)? {
            let (parts, withdrawn) = self.up_to_the_end(
                &place,
                |_| false,
                |stretches| (stretches.parts(due, GAP), stretches.withdrawn(due)),
            )?;
            let (start, _) = self.log.bounds(&place)?;
            let is_void = |revision: i64| {
                withdrawn.iter().any(|gone| (gone.since + 1..gone.revision).contains(&revision))
            };
            let mut gone = withdrawn.iter().peekable();
            for (first, last) in parts {
                for_each(&*self.log, &place, first.max(start), last + 1, |record| {
                    while let Some(gone) = gone.next_if(|gone| gone.offset < record.offset) {
                        withdraw(&mut bars, gone);
                    }
                    if record.key == key {
                        match self.read(&record)? {
                            Some(Said::Bar(bar)) => first_of(&mut bars, due, bar),
                            Some(Said::Revised(revised)) if !is_void(revised.revision) => {
                                revise(&mut bars, due, *revised);
                            }
                            _ => {}
                        }
                    }
                    Ok(())
                })?;
            }
            gone.for_each(|gone| withdraw(&mut bars, gone));
        }
        Ok(bars.into_values().collect())
    }

    /// The newest revision of an instrument's bars of a spec; 0 where they are as they first were.
    pub fn revision(&self, instrument: &str, spec: BarSpec) -> Result<i64, LogError> {
        let key = instrument.as_bytes();
        let mut newest = 0;
        for place in self.places_of(key)? {
            newest = newest.max(self.up_to_the_end(
                &place,
                |_| false,
                |stretches| stretches.revision(key, spec),
            )?);
        }
        Ok(newest)
    }

    /// The newest closed bar of an instrument, after all revisions.
    pub fn latest(&self, instrument: &str, spec: BarSpec) -> Result<Option<Bar>, LogError> {
        let key = instrument.as_bytes();
        let mut ends: Option<(i64, i64)> = None;
        for place in self.places_of(key)? {
            // An instrument's bars are on one of the topics.
            ends = ends.or(self.up_to_the_end(&place, |_| false, |stretches| stretches.ends(key, spec))?);
        }
        let Some((earliest, latest)) = ends else { return Ok(None) };
        let (instrument, revision) = (instrument.to_owned(), self.revision(instrument, spec)?);
        let (snapshot_id, to) = (SnapshotId::derive(&[b"latest"]), Timestamp(i64::MAX));
        let mut due = SnapshotDue { snapshot_id, instrument, spec, from: Timestamp(latest), to, revision };
        let mut back = spec.nanos();
        // The last ones may have been withdrawn, however many they are.
        loop {
            if let Some(bar) = self.bars(&due)?.pop() {
                return Ok(Some(bar));
            }
            if due.from.0 <= earliest {
                return Ok(None);
            }
            due.from = Timestamp(latest.saturating_sub(back));
            back = back.saturating_mul(2);
        }
    }

    /// Whether an instrument has closed bars of a spec; reads no further than to the first one.
    pub fn has_bars(&self, instrument: &str, spec: BarSpec) -> Result<bool, LogError> {
        let key = instrument.as_bytes();
        let has = |stretches: &Stretches| stretches.specs(key).any(|of| of == spec);
        for place in self.places_of(key)? {
            if self.up_to_the_end(&place, has, has)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Specs of which an instrument has closed bars.
    pub fn specs(&self, instrument: &str) -> Result<BTreeSet<BarSpec>, LogError> {
        let key = instrument.as_bytes();
        let mut specs = BTreeSet::new();
        for place in self.places_of(key)? {
            specs.extend(self.up_to_the_end(
                &place,
                |_| false,
                |stretches| stretches.specs(key).collect::<Vec<_>>(),
            )?);
        }
        Ok(specs)
    }

    /// The partitions in which the bars of an instrument may be.
    fn places_of(&self, key: &[u8]) -> Result<[TopicPartition; 2], LogError> {
        let [first, second] = TOPICS.map(|topic| {
            let partitions = self.log.partitions(topic.name)?;
            Ok::<_, LogError>(TopicPartition::new(topic.name, partition_for(key, partitions)))
        });
        Ok([first?, second?])
    }

    /// What a record says of bars; `None` where it says nothing.
    fn read(&self, record: &Record) -> Result<Option<Said>, LogError> {
        Ok(match events::readable(&self.codec, record)?.map(|recorded| recorded.event) {
            Some(Event::Bar(bar)) => Some(Said::Bar(bar)),
            Some(Event::BarRevised(revised)) => Some(Said::Revised(revised)),
            _ => None,
        })
    }

    /// Takes in what the partition has more, or less of it when `is_enough`, and asks.
    fn up_to_the_end<T>(
        &self,
        place: &TopicPartition,
        is_enough: impl Fn(&Stretches) -> bool,
        ask: impl FnOnce(&Stretches) -> T,
    ) -> Result<T, LogError> {
        let kept = self.partition(place);
        let mut kept = lock(&kept);
        let (start, end) = self.log.bounds(place)?;
        self.load(place, &mut kept)?;
        let indexed = kept.indexed.get_or_insert_default();
        // What retention has removed is not missed.
        indexed.next = indexed.next.max(start);
        if indexed.next < end && !is_enough(&indexed.stretches) {
            let mut tail = self.log.tail(&Positions::from([(place.clone(), indexed.next)]))?;
            while indexed.next < end && !is_enough(&indexed.stretches) {
                self.take_in(indexed, &tail.poll(CHUNK, Duration::from_secs(1))?)?;
            }
        }
        let answer = ask(&indexed.stretches);
        self.save(place, &mut kept, SAVE_EVERY);
        Ok(answer)
    }

    fn partition(&self, place: &TopicPartition) -> Arc<Mutex<Kept>> {
        lock(&self.partitions).entry(place.clone()).or_default().clone()
    }

    /// Takes in records of one partition that follow what was taken in already. What cannot be read yet ends it before
    /// that record.
    fn take_in(&self, indexed: &mut Indexed, records: &[Record]) -> Result<(), LogError> {
        let mut latest = None;
        let mut taken = Ok(());
        let next = indexed.next;
        for record in records.iter().filter(|record| record.offset >= next) {
            let Indexed { stretches, .. } = &mut *indexed;
            match self.read(record) {
                Ok(Some(Said::Bar(bar))) => {
                    stretches.push(&self.limits, record.offset, &record.key, (&bar).into());
                }
                Ok(Some(Said::Revised(revised))) => {
                    stretches.revise(&self.limits, record.offset, &record.key, &revised);
                }
                Ok(None) => {}
                Err(error) => {
                    taken = Err(error);
                    break;
                }
            }
            latest = Some(record);
        }
        if let Some(record) = latest {
            indexed.next = record.offset + 1;
            indexed.mark = Some(Mark::of(record));
        }
        taken
    }

    /// Looks at the file, once.
    fn load(&self, place: &TopicPartition, kept: &mut Kept) -> Result<(), LogError> {
        if kept.indexed.is_some() {
            return Ok(());
        }
        let file = self.file(place).and_then(|path| std::fs::read(path).ok());
        let found = file.and_then(|bytes| file::decode(&bytes, &self.limits));
        let found = match found {
            Some(indexed) if self.is_of_this_log(place, &indexed)? => indexed,
            _ => Indexed::default(),
        };
        kept.saved = found.next;
        kept.indexed = Some(found);
        Ok(())
    }

    /// Whether the last record that was taken in lies where it lay: a directory or a topic may have been made again.
    fn is_of_this_log(&self, place: &TopicPartition, indexed: &Indexed) -> Result<bool, LogError> {
        let Some(mark) = indexed.mark else { return Ok(false) };
        let (start, end) = self.log.bounds(place)?;
        if mark.offset < start || mark.offset >= end {
            return Ok(false);
        }
        any(&*self.log, place, mark.offset, mark.offset + 1, |record| Ok(Mark::of(&record) == mark))
    }

    /// Writes the file when at least so many offsets were taken in since the last time. Nothing depends on it.
    fn save(&self, place: &TopicPartition, kept: &mut Kept, at_least: u64) {
        let (Some(path), Some(indexed)) = (self.file(place), &kept.indexed) else { return };
        if indexed.next.saturating_sub(kept.saved) < at_least.max(1) || indexed.mark.is_none() {
            return;
        }
        // Processes that share the folder write files of their own, and each is a whole one.
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = folder
            .and_then(|()| std::fs::write(&temporary, file::encode(indexed, &self.limits)))
            .and_then(|()| std::fs::rename(&temporary, &path));
        if let Err(error) = written {
            tracing::warn!(%error, path = %path.display(), "the index of bars is not kept; it is made again from the log");
        }
        kept.saved = indexed.next;
    }

    fn file(&self, place: &TopicPartition) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join(format!("{}-{}.index", place.topic, place.partition)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Records are taken in one after the other; a panic between two of them leaves what was taken in.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
