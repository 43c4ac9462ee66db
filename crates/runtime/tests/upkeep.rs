//! Upkeep: one process at a time does it, nobody waits for it, and what no repetition helps is a failure that names it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::bench::Bench;
use crate::common::{quiet, within};
use gauntlet_domain::topics::DATA_REQUESTS;
use gauntlet_log::TopicPartition;
use gauntlet_runtime::{Found, Options, ProjectionError, Running, Shift, Upkeep};

/// Steps that were done, with who did them, and what the next ones come to.
#[derive(Default)]
struct Place {
    steps: Mutex<Vec<&'static str>>,
    begun: AtomicU32,
    refused: AtomicU32,
    trouble: Mutex<Option<ProjectionError>>,
}

struct Tidying {
    process: &'static str,
    place: Arc<Place>,
}

impl Tidying {
    fn over(place: &Arc<Place>, process: &'static str) -> Arc<Tidying> {
        Arc::new(Tidying { process, place: place.clone() })
    }

    /// What is wrong with the place, if anything is.
    fn trouble(&self) -> Result<(), ProjectionError> {
        let trouble = self.place.trouble.lock().unwrap();
        let Some(trouble) = &*trouble else { return Ok(()) };
        self.place.refused.fetch_add(1, Ordering::Relaxed);
        Err(match trouble {
            ProjectionError::Retry(why) => ProjectionError::Retry(why.clone()),
            ProjectionError::AnotherLog(why) => ProjectionError::AnotherLog(why.clone()),
            ProjectionError::Failed(why) => ProjectionError::Failed(why.clone()),
        })
    }
}

impl Upkeep for Tidying {
    fn name(&self) -> &'static str {
        "tidying"
    }

    fn topics(&self) -> Vec<&'static str> {
        vec![DATA_REQUESTS.name]
    }

    fn begin(&self) -> Result<Box<dyn Shift + '_>, ProjectionError> {
        self.trouble()?;
        self.place.begun.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Work(self)))
    }
}

struct Work<'a>(&'a Tidying);

impl Shift for Work<'_> {
    fn step(&mut self, looked_at: &mut dyn FnMut(&TopicPartition, u64)) -> Result<Found, ProjectionError> {
        self.0.trouble()?;
        looked_at(&TopicPartition::new(DATA_REQUESTS.name, 0), 1);
        let mut steps = self.0.place.steps.lock().unwrap();
        steps.push(self.0.process);
        Ok(if steps.len() < 100 { Found::Much } else { Found::Little })
    }
}

fn start(bench: &Bench, upkeep: Arc<Tidying>, slot: u32) -> Running {
    bench.start_with(vec![upkeep], Options { slot, ..Options::default() })
}

#[test]
fn it_is_done_and_nobody_waits_for_it() {
    let (bench, place) = (Bench::new(), Arc::new(Place::default()));
    *place.trouble.lock().unwrap() = Some(ProjectionError::Retry("the place is closed".into()));
    let running = start(&bench, Tidying::over(&place, "the only one"), 0);
    within("refusals", || (place.refused.load(Ordering::Relaxed) >= 2).then_some(()));
    bench.ask(&["A.OK"]);
    quiet(&running);
    within("readiness", || running.readiness().ok());
    assert_eq!(place.begun.load(Ordering::Relaxed), 0);
    *place.trouble.lock().unwrap() = None;
    within("steps", || (place.steps.lock().unwrap().len() >= 100).then_some(()));
    assert_eq!(place.begun.load(Ordering::Relaxed), 1, "a piece that is tried again begins nothing anew");
    running.stop().unwrap();
}

#[test]
fn what_no_repetition_helps_is_a_failure_that_names_it() {
    for trouble in [
        ProjectionError::Failed("a file is missing".into()),
        ProjectionError::AnotherLog("they are of another log".into()),
    ] {
        let (bench, place) = (Bench::new(), Arc::new(Place::default()));
        let said = trouble.to_string();
        // A log that a broker does not know yet is looked at again before it is believed to be another one.
        let looks = if matches!(trouble, ProjectionError::AnotherLog(_)) { 6 } else { 1 };
        *place.trouble.lock().unwrap() = Some(trouble);
        let running = start(&bench, Tidying::over(&place, "the only one"), 0);
        let failure = within("failure", || running.failure());
        assert_eq!((failure.processor.as_str(), failure.outside), ("tidying", true));
        assert!(failure.message.contains(&said), "{failure}");
        assert_eq!(place.refused.load(Ordering::Relaxed), looks);
        running.stop().unwrap_err();
    }
}

#[test]
fn one_process_does_it_and_another_takes_over() {
    let (bench, place) = (Bench::new(), Arc::new(Place::default()));
    let first = start(&bench, Tidying::over(&place, "first"), 0);
    within("steps", || (place.steps.lock().unwrap().len() >= 100).then_some(()));
    let second = start(&bench, Tidying::over(&place, "second"), 1);
    within("readiness", || second.readiness().ok());
    assert!(place.steps.lock().unwrap().iter().all(|process| *process == "first"));
    first.stop().unwrap();
    within("the other one", || (place.steps.lock().unwrap().last() == Some(&"second")).then_some(()));
    let steps = place.steps.lock().unwrap().clone();
    let taken_over = steps.iter().position(|process| *process == "second").unwrap();
    assert!(steps[taken_over..].iter().all(|process| *process == "second"), "two at once");
    second.stop().unwrap();
}
