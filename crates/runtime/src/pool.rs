//! The threads that do the work of all workers, behind a bounded queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use gauntlet_domain::Event;
use gauntlet_processor::data::{DataError, Ports};
use gauntlet_processor::worker::{Answer, AnyWorker};

use crate::failure::panic_message;
use crate::metrics::PoolMetrics;

/// Some requests that one thread answers, one after the other or together.
struct Job {
    requests: usize,
    work: Box<dyn FnOnce() + Send>,
}

/// The threads.
pub(crate) struct Pool {
    /// `None` only while the pool is dropped.
    jobs: Option<Sender<Job>>,
    metrics: PoolMetrics,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// A pool of `threads` threads behind a queue of `queue` jobs.
    pub(crate) fn new(threads: usize, queue: usize) -> std::io::Result<Pool> {
        let (sender, receiver) = bounded::<Job>(queue);
        let metrics = PoolMetrics::new(threads);
        let spawn = |i: usize| {
            let (receiver, metrics): (Receiver<Job>, _) = (receiver.clone(), metrics.clone());
            let answer = move |job: Job| {
                metrics.waiting.decrement(job.requests as f64);
                metrics.busy.increment(1);
                (job.work)();
                metrics.busy.decrement(1);
            };
            std::thread::Builder::new()
                .name(format!("worker-{i}"))
                .spawn(move || receiver.iter().for_each(answer))
        };
        let threads = (0..threads).map(spawn).collect::<Result<Vec<_>, _>>()?;
        Ok(Pool { jobs: Some(sender), metrics, threads })
    }

    /// How many requests or batches of them are answered at the same time.
    pub(crate) fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Queues work on so many requests; waits while the queue is full. The work must not panic.
    pub(crate) fn submit(&self, requests: usize, work: impl FnOnce() + Send + 'static) {
        self.metrics.waiting.increment(requests as f64);
        if let Some(jobs) = &self.jobs {
            // The threads end only after the pool is dropped, so somebody receives it.
            let _ = jobs.send(Job { requests, work: Box::new(work) });
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs.take();
        for thread in self.threads.drain(..) {
            // Jobs catch their own panics.
            let _ = thread.join();
        }
    }
}

/// Runs several requests together, whatever happens: when that panics they run one by one, and each answers for itself.
pub(crate) fn answer_many(worker: &dyn AnyWorker, requests: &[&Event], ports: &Ports) -> Vec<Answer> {
    if requests.len() > 1
        && let Ok(answers) = catch_unwind(AssertUnwindSafe(|| worker.answer_many(requests, ports)))
        && answers.len() == requests.len()
    {
        return answers;
    }
    requests.iter().map(|request| answer(worker, request, ports)).collect()
}

/// Runs a request, whatever happens: a panic is an answer too, if the worker has one for it.
pub(crate) fn answer(worker: &dyn AnyWorker, request: &Event, ports: &Ports) -> Answer {
    match catch_unwind(AssertUnwindSafe(|| worker.answer(request, ports))) {
        Ok(answer) => answer,
        Err(panic) => {
            let message = panic_message(&*panic);
            let events = worker.panicked(request, &message);
            if events.is_empty() {
                Err(DataError::Broken(format!("panicked: {message}")))
            } else {
                Ok(events)
            }
        }
    }
}
