//! The trainer: runs one trial, fold by fold, and gives it up where it falls behind.
//!
//! Consumes `training.requests.v1`, emits `trial.results.v1`. A worker: pure in the request and the snapshot that it
//! names; what it decides about pruning it decides from the request's thresholds and its own folds alone.

/// Trials of one plan at once.
mod together;
/// One trial and its answer.
mod trial;

use std::sync::{Arc, Mutex, PoisonError};

use gauntlet_backtest::Bars;
use gauntlet_domain::experiment::{TrainingRequested, TrialFailure};
use gauntlet_domain::topics::{TRAINING_REQUESTS, TRIAL_RESULTS};
use gauntlet_domain::{ContentHash, Event, Topic};
use gauntlet_processor::data::{BarReader, DataError};
use gauntlet_processor::worker::{Answer, Answering, Worker};
use gauntlet_walkforward::{Segments, SideBySide, Walk};

use trial::{Trial, failed};

/// The trainer.
#[derive(Default)]
pub struct Trainer {
    /// The latest snapshot in columns: trials of one experiment come in a row.
    latest: Mutex<Option<(ContentHash, Arc<Bars>)>>,
}

impl Worker for Trainer {
    fn name(&self) -> &'static str {
        "trainer"
    }

    fn version(&self) -> &'static str {
        "3"
    }

    fn topic(&self) -> &'static Topic {
        &TRAINING_REQUESTS
    }

    fn writes(&self) -> &'static [&'static Topic] {
        &[&TRIAL_RESULTS]
    }

    fn panicked(&self, request: &Event, message: &str) -> Vec<Event> {
        match request {
            Event::TrainingRequested(request) => {
                vec![failed(request, TrialFailure::Panicked, message.to_owned())]
            }
            _ => Vec::new(),
        }
    }
}

impl Answering for Trainer {
    type Data<'a> = &'a dyn BarReader;

    fn run(&self, request: &Event, data: &dyn BarReader) -> Answer {
        let Event::TrainingRequested(request) = request else { return Ok(Vec::new()) };
        self.answer(&[request], data).pop().unwrap_or_else(|| Ok(Vec::new()))
    }

    /// Only rules run side by side; a model is learned for hours, and better next to others than before them.
    fn gathers(&self, request: &Event) -> bool {
        matches!(request, Event::TrainingRequested(request) if request.plan.estimator.is_none())
    }

    fn run_many(&self, requests: &[&Event], data: &dyn BarReader) -> Vec<Answer> {
        let mut answers: Vec<Option<Answer>> = vec![None; requests.len()];
        for place in 0..requests.len() {
            let Event::TrainingRequested(first) = requests[place] else { continue };
            if answers[place].is_some() {
                continue;
            }
            let (mut places, mut alike) = (Vec::new(), Vec::new());
            for (other, request) in requests.iter().enumerate().skip(place) {
                if let Event::TrainingRequested(request) = request
                    && request.plan == first.plan
                {
                    places.push(other);
                    alike.push(&**request);
                }
            }
            for (place, answer) in places.into_iter().zip(self.answer(&alike, data)) {
                answers[place] = Some(answer);
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Ok(Vec::new()))).collect()
    }
}

impl Trainer {
    /// Answers requests of one plan, in their order.
    fn answer(&self, requests: &[&TrainingRequested], data: &dyn BarReader) -> Vec<Answer> {
        let Some(plan) = requests.first().map(|request| &request.plan) else { return Vec::new() };
        let bars = match self.bars(&plan.data.content_hash, data) {
            Ok(bars) => bars,
            Err(error) => return vec![Err(error); requests.len()],
        };
        let events = if requests.len() > 1 && SideBySide::takes(plan, &bars) {
            together::trials(requests, &bars)
        } else {
            requests.iter().map(|request| alone(request, &bars)).collect()
        };
        events.into_iter().map(|event| Ok(vec![event])).collect()
    }

    fn bars(&self, hash: &ContentHash, data: &dyn BarReader) -> Result<Arc<Bars>, DataError> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, bars)) = &*latest
            && known == hash
        {
            return Ok(bars.clone());
        }
        let bars: Arc<Bars> = Arc::new(data.bars(hash)?.iter().collect());
        *latest = Some((*hash, bars.clone()));
        Ok(bars)
    }
}

/// Runs a trial to its end, or to the fold where it falls behind.
fn alone(request: &TrainingRequested, bars: &Bars) -> Event {
    let plan = &request.plan;
    let mut walk = match Walk::new(plan, &request.parameters, bars) {
        Ok(walk) => walk,
        Err(error) => return failed(request, TrialFailure::InvalidParameters, error.to_string()),
    };
    let (mut trial, mut segments) = (Trial::new(request), Segments::of(plan));
    loop {
        let (range, outcome) = match walk.next_fold() {
            Ok(Some(ran)) => ran,
            Ok(None) => break,
            Err(error) => return failed(request, TrialFailure::TrainingFailed, error.to_string()),
        };
        segments.push(bars, range, &outcome);
        let value = segments.metric(&plan.objective);
        if let Some(pruned) = trial.after_fold(value) {
            return pruned;
        }
    }
    trial.completed(segments.key_metrics(&plan.objective))
}
