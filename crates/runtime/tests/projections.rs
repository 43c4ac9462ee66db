//! Several projections in one runtime: each has a name, topics, progress and a leader of its own, and one that fails or is
//! slow does not harm the other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::bench::Bench;
use crate::common::{quiet, within};
use gauntlet_domain::topics::{DATA_REQUESTS, DATA_SNAPSHOTS};
use gauntlet_log::{EventLog, Positions, TopicPartition};
use gauntlet_runtime::{Options, Placed, Projection, ProjectionError, Running, Witness, project_all};

/// What is wrong with the place that a projection writes to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    None,
    /// Neither reads nor writes are answered.
    Silent,
    /// Writes are not answered.
    WritesSilent,
    /// Each write takes this long.
    Slow(Duration),
    /// No repetition helps.
    Broken,
}

/// The place that a projection writes to, which outlives it.
#[derive(Default)]
struct Place {
    /// Keys of events, in the order of writing, with the process that wrote them.
    rows: Vec<(String, &'static str)>,
    progress: Positions,
    /// The last event of each partition.
    witnesses: BTreeMap<TopicPartition, Witness>,
}

/// Keys of events as rows.
struct Rows {
    name: &'static str,
    topics: Vec<&'static str>,
    process: &'static str,
    place: Arc<Mutex<Place>>,
    trouble: Mutex<Trouble>,
    refused: AtomicU32,
}

impl Rows {
    fn new(name: &'static str, topics: &[&'static str]) -> Arc<Rows> {
        Rows::over(Arc::default(), name, topics, "the only one")
    }

    fn over(
        place: Arc<Mutex<Place>>,
        name: &'static str,
        topics: &[&'static str],
        process: &'static str,
    ) -> Arc<Rows> {
        let (trouble, refused) = (Mutex::new(Trouble::None), AtomicU32::new(0));
        Arc::new(Rows { name, topics: topics.to_vec(), process, place, trouble, refused })
    }

    fn trouble(&self, trouble: Trouble) {
        *self.trouble.lock().unwrap() = trouble;
        self.refused.store(0, Ordering::Relaxed);
    }

    /// Waits until it has been refused so often.
    fn refused(&self, times: u32) {
        within("refusals", || (self.refused.load(Ordering::Relaxed) >= times).then_some(()));
    }

    fn count(&self) -> usize {
        self.place.lock().unwrap().rows.len()
    }

    /// How far it has come, by topic.
    fn at(&self, topic: &str) -> u64 {
        let place = self.place.lock().unwrap();
        place.progress.get(&TopicPartition::new(topic, 0)).copied().unwrap_or(0)
    }

    fn silent<T>(&self) -> Result<T, ProjectionError> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(ProjectionError::Retry("the place is closed".into()))
    }
}

impl Projection for Rows {
    fn name(&self) -> &'static str {
        self.name
    }

    fn topics(&self) -> Vec<&'static str> {
        self.topics.clone()
    }

    fn progress(&self) -> Result<Positions, ProjectionError> {
        match *self.trouble.lock().unwrap() {
            Trouble::Silent => self.silent(),
            _ => Ok(self.place.lock().unwrap().progress.clone()),
        }
    }

    fn witnesses(&self) -> Result<Vec<Witness>, ProjectionError> {
        Ok(self.place.lock().unwrap().witnesses.values().cloned().collect())
    }

    fn write(&self, events: &[Placed], progress: &Positions) -> Result<(), ProjectionError> {
        let trouble = *self.trouble.lock().unwrap();
        match trouble {
            Trouble::None => {}
            Trouble::Silent | Trouble::WritesSilent => return self.silent(),
            Trouble::Slow(pause) => std::thread::sleep(pause),
            Trouble::Broken => return Err(ProjectionError::Failed("the place has burnt down".into())),
        }
        let mut place = self.place.lock().unwrap();
        place.rows.extend(events.iter().map(|placed| (placed.recorded.event.key(), self.process)));
        for Placed { recorded, partition, offset } in events {
            let (partition, id) = (TopicPartition::clone(partition), recorded.envelope.id);
            place.witnesses.insert(partition.clone(), Witness { partition, offset: *offset, id });
        }
        place.progress.extend(progress.clone());
        Ok(())
    }
}

const COUNT: usize = 20;

fn ask(bench: &Bench, range: std::ops::Range<usize>) {
    let names: Vec<String> = range.map(|i| format!("I{i:02}.OK")).collect();
    bench.ask(&names.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Two projections over one log: of requests and snapshots, and of snapshots alone.
fn two() -> (Bench, Arc<Rows>, Arc<Rows>) {
    let projector = Rows::new("projector", &[DATA_REQUESTS.name, DATA_SNAPSHOTS.name]);
    let archiver = Rows::new("archiver", &[DATA_SNAPSHOTS.name]);
    let bench = Bench { projections: vec![projector.clone(), archiver.clone()], ..Bench::new() };
    (bench, projector, archiver)
}

fn all_rows(running: &Running, projector: &Rows) {
    within("the projector's rows", || {
        assert!(running.failure().is_none(), "{:?}", running.failure());
        (projector.count() == 2 * COUNT).then_some(())
    });
}

/// Everything once, in order, and progress at the ends of exactly its own topics.
fn assert_complete(bench: &Bench, projection: &Rows) {
    let place = projection.place.lock().unwrap();
    let ends = |topic: &&str| {
        let partition = TopicPartition::new(*topic, 0);
        let end = bench.log.bounds(&partition).unwrap().1;
        (partition, end)
    };
    let expected: Positions = projection.topics.iter().map(ends).collect();
    assert_eq!(place.progress, expected, "{}", projection.name);
    let mut keys: Vec<&str> = place.rows.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    let mut wanted: Vec<String> = (0..COUNT).map(|i| format!("I{i:02}.OK")).collect();
    wanted = projection.topics.iter().flat_map(|_| wanted.clone()).collect();
    wanted.sort_unstable();
    assert_eq!(keys, wanted, "{}", projection.name);
}

#[test]
fn one_that_is_ahead_of_its_log_is_refused_by_name() {
    let (bench, projector, _) = two();
    ask(&bench, 0..COUNT);
    let place = TopicPartition::new(DATA_REQUESTS.name, 0);
    projector.place.lock().unwrap().progress.insert(place, COUNT as u64 + 1);
    let running = bench.start(Options::default());
    let failure = within("the refusal", || running.failure());
    let said = "the views hold 21 records of data.requests.v1/0, which has 20: they are of another log";
    assert!(failure.outside && failure.message.contains(said), "{failure}");
    assert!(failure.message.contains("gauntlet views rebuild"), "{failure}");
    assert_eq!(projector.count(), 0);
    drop(running.stop());
    let error = project_all(&*bench.log, &bench.codec, &*projector).unwrap_err();
    assert!(error.to_string().contains(said), "{error}");
}

/// Lets everything but projections do what was asked for.
fn work(bench: &Bench) {
    let running = Bench { log: bench.log.clone(), ..Bench::new() }.start(Options::default());
    quiet(&running);
    running.stop().unwrap();
}

#[test]
fn one_of_another_log_is_refused_by_name_however_long_this_log_is() {
    let (bench, projector, _) = two();
    ask(&bench, 0..COUNT / 2);
    work(&bench);
    project_all(&*bench.log, &bench.codec, &*projector).unwrap();
    assert_eq!(projector.count(), COUNT);
    // The same place, and a longer log whose records came in another order.
    let other = Bench { projections: vec![projector.clone()], ..two().0 };
    ask(&other, COUNT / 2..COUNT);
    ask(&other, 0..COUNT / 2);
    work(&other);
    let error = project_all(&*other.log, &other.codec, &*projector).unwrap_err().to_string();
    assert!(error.contains("the views were made from another log: record 9 of data."), "{error}");
    let running = other.start(Options::default());
    let failure = within("the refusal", || running.failure());
    assert!(failure.message.contains("gauntlet views rebuild"), "{failure}");
    drop(running.stop());
    assert_eq!(projector.count(), COUNT);
    // What retention has removed says nothing, and neither does a log that only went on.
    ask(&bench, COUNT / 2..COUNT);
    work(&bench);
    let last = TopicPartition::new(DATA_REQUESTS.name, 0);
    bench.log.trim(&last, COUNT as u64 / 2).unwrap();
    project_all(&*bench.log, &bench.codec, &*projector).unwrap();
    assert_eq!(projector.at(DATA_REQUESTS.name), COUNT as u64);
}

#[test]
fn one_whose_place_does_not_answer_waits_and_the_other_goes_on() {
    let (bench, projector, archiver) = two();
    // First its progress cannot be read, then rows cannot be written.
    archiver.trouble(Trouble::Silent);
    ask(&bench, 0..COUNT / 2);
    let running = bench.start(Options::default());
    archiver.refused(2);
    ask(&bench, COUNT / 2..COUNT);
    all_rows(&running, &projector);
    assert!(!running.is_quiet().unwrap(), "the archiver has read nothing");
    assert_eq!((archiver.count(), archiver.at(DATA_SNAPSHOTS.name)), (0, 0));
    archiver.trouble(Trouble::WritesSilent);
    archiver.refused(2);
    assert!(!running.is_quiet().unwrap(), "the archiver has written nothing");
    assert_eq!(archiver.at(DATA_SNAPSHOTS.name), 0);
    assert_eq!(projector.at(DATA_SNAPSHOTS.name), COUNT as u64);
    within("readiness", || running.readiness().ok());

    archiver.trouble(Trouble::None);
    quiet(&running);
    running.stop().unwrap();
    assert_complete(&bench, &projector);
    assert_complete(&bench, &archiver);
}

#[test]
fn a_slow_one_falls_behind_alone() {
    let (bench, projector, archiver) = two();
    archiver.trouble(Trouble::Slow(Duration::from_millis(50)));
    ask(&bench, 0..COUNT);
    let running = bench.start(Options { projector_batch: 1, ..Options::default() });
    all_rows(&running, &projector);
    assert!(archiver.at(DATA_SNAPSHOTS.name) < COUNT as u64, "it is slow");
    quiet(&running);
    running.stop().unwrap();
    assert_complete(&bench, &projector);
    assert_complete(&bench, &archiver);
}

#[test]
fn stopping_does_not_wait_for_one_that_waits() {
    let (bench, projector, archiver) = two();
    archiver.trouble(Trouble::WritesSilent);
    ask(&bench, 0..COUNT);
    let running = bench.start(Options::default());
    all_rows(&running, &projector);
    archiver.refused(3);
    let began = std::time::Instant::now();
    running.stop().unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    // A restart goes on from the progress of each.
    archiver.trouble(Trouble::None);
    let running = bench.start(Options::default());
    quiet(&running);
    running.stop().unwrap();
    assert_complete(&bench, &projector);
    assert_complete(&bench, &archiver);
}

#[test]
fn one_that_no_repetition_helps_is_a_failure_that_names_it() {
    let (bench, projector, archiver) = two();
    archiver.trouble(Trouble::Broken);
    ask(&bench, 0..COUNT);
    let running = bench.start(Options::default());
    let failure = within("failure", || running.failure());
    assert_eq!(failure.processor, "archiver");
    assert!(failure.message.contains("the place has burnt down") && failure.outside, "{failure}");
    assert_eq!(running.stop().unwrap_err().to_string(), failure.to_string());
    assert_eq!(archiver.at(DATA_SNAPSHOTS.name), 0, "nothing was passed over");
    assert!(projector.count() <= 2 * COUNT);
}

#[test]
fn each_is_led_by_one_process_and_another_takes_over() {
    let bench = Bench::new();
    let topics = [DATA_REQUESTS.name, DATA_SNAPSHOTS.name];
    let places = [Arc::<Mutex<Place>>::default(), Arc::default()];
    let process = |name: &'static str| {
        let projector = Rows::over(places[0].clone(), "projector", &topics, name);
        let archiver = Rows::over(places[1].clone(), "archiver", &topics[1..], name);
        Bench { log: bench.log.clone(), projections: vec![projector, archiver], ..Bench::new() }
    };
    let (first, second) = (process("first"), process("second"));
    ask(&bench, 0..COUNT / 2);
    let leading = first.start(Options { slot: 0, ..Options::default() });
    quiet(&leading);
    let standing_by = second.start(Options { slot: 1, ..Options::default() });
    within("readiness", || standing_by.readiness().ok());
    leading.stop().unwrap();
    ask(&bench, COUNT / 2..COUNT);
    quiet(&standing_by);
    standing_by.stop().unwrap();
    for (place, topics) in places.iter().zip([2, 1]) {
        let place = place.lock().unwrap();
        assert_eq!(place.rows.len(), topics * COUNT, "each once");
        let by = |process: &str| place.rows.iter().filter(|(_, by)| *by == process).count();
        assert_eq!((by("first"), by("second")), (topics * COUNT / 2, topics * COUNT / 2));
    }
}
