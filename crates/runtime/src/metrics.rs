//! Every metric: name, kind, labels and meaning, declared once. No other module of the workspace makes one.
//!
//! Counters and gauges are handles, taken when a slot starts: a batch costs some atomic additions, an event none. Without
//! a recorder (most commands have none) they do nothing.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Label};

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Grows and shrinks.
    Gauge,
    /// A distribution.
    Histogram,
}

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// `gauntlet_<what>_<unit>[_total]`.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Names of its labels, each with few values.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub meaning: &'static str,
}

/// Declares metrics and the list of all of them together, so that none can be missing from it.
macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $meaning:literal;)+) => {
        $(pub(crate) const $constant: Metric =
            Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], meaning: $meaning };)+

        /// Every metric.
        pub const METRICS: &[&Metric] = &[$(&$constant),+];
    };
}

metrics! {
    RECORDS_CONSUMED = Counter "gauntlet_records_consumed_total" ["processor", "topic"]
        "records taken in, counted when their positions are committed";
    EVENTS_WRITTEN = Counter "gauntlet_events_written_total" ["processor", "topic"]
        "events written, counted when they are committed; dead letters are not among them";
    COMMITS = Counter "gauntlet_commits_total" ["processor", "outcome"]
        "batches: committed (by the projector: rows and progress written), fenced (another has this slot's number), unknown (the slot joins again and learns)";
    COMMIT_SECONDS = Histogram "gauntlet_commit_seconds" ["processor"]
        "time from a commit to its outcome";
    CONSUMER_LAG = Gauge "gauntlet_consumer_lag_records" ["processor", "topic"]
        "records that the processor has not committed yet, over all partitions, by the last look at the log";
    LAG_FAILURES = Counter "gauntlet_lag_failures_total" []
        "looks at log and views that failed; what they would have measured stays as it was";
    RETRIES = Counter "gauntlet_work_retries_total" ["processor"]
        "requests that could not be answered yet, and rows that could not be written yet, each tried again";
    REJOINS = Counter "gauntlet_rejoins_total" ["processor"]
        "times that a slot joined its group again after a commit of unknown outcome";
    DEAD_LETTERS = Counter "gauntlet_dead_letters_total" ["processor", "reason"]
        "records set aside because they can never be read, by reason";
    HELD = Gauge "gauntlet_held_records" ["processor"]
        "records that wait because the schema registry does not say what they are";
    TASKS = Gauge "gauntlet_tasks" ["processor"]
        "tasks at work in this process";
    STATE_BYTES = Gauge "gauntlet_state_bytes" ["processor"]
        "size of the last state snapshots that this process wrote of its tasks";
    RESTORE_SECONDS = Histogram "gauntlet_restore_seconds" ["processor"]
        "time to restore the state of a task";
    WORK_SECONDS = Histogram "gauntlet_work_seconds" ["processor"]
        "time that a worker thread takes for a request";
    WORKER_QUEUE = Gauge "gauntlet_worker_queue_requests" []
        "requests that wait for a worker thread";
    WORKER_THREADS = Gauge "gauntlet_worker_threads" []
        "worker threads";
    WORKER_THREADS_BUSY = Gauge "gauntlet_worker_threads_busy" []
        "worker threads at work";
    SPANS_EXPORTED = Counter "gauntlet_spans_exported_total" []
        "spans that the collector has taken";
    SPANS_DROPPED = Counter "gauntlet_spans_dropped_total" ["reason"]
        "spans lost: the queue was full, or the collector refused them";
}

/// Upper bounds of the buckets of every histogram, in seconds.
pub const BUCKETS: &[f64] =
    &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// Tells the recorder what the metrics mean.
pub fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.meaning),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.meaning),
            Kind::Histogram => metrics::describe_histogram!(metric.name, metric.meaning),
        }
    }
}

impl Metric {
    fn labels(&self, values: &[&str]) -> Vec<Label> {
        debug_assert_eq!(self.labels.len(), values.len(), "{}", self.name);
        self.labels.iter().zip(values).map(|(label, value)| Label::new(*label, (*value).to_owned())).collect()
    }

    pub(crate) fn counter(&self, values: &[&str]) -> Counter {
        metrics::counter!(self.name, self.labels(values))
    }

    pub(crate) fn gauge(&self, values: &[&str]) -> Gauge {
        metrics::gauge!(self.name, self.labels(values))
    }

    pub(crate) fn histogram(&self, values: &[&str]) -> Histogram {
        metrics::histogram!(self.name, self.labels(values))
    }
}

/// Metrics of the pool that all workers share.
#[derive(Clone)]
pub(crate) struct PoolMetrics {
    pub(crate) waiting: Gauge,
    pub(crate) busy: Gauge,
}

impl PoolMetrics {
    pub(crate) fn new(threads: usize) -> PoolMetrics {
        WORKER_THREADS.gauge(&[]).set(threads as f64);
        PoolMetrics { waiting: WORKER_QUEUE.gauge(&[]), busy: WORKER_THREADS_BUSY.gauge(&[]) }
    }
}

/// Metrics of the exporter of spans.
#[derive(Clone)]
pub struct SpanMetrics {
    /// Taken by the collector.
    pub exported: Counter,
    /// The queue was full.
    pub dropped: Counter,
    /// Not taken by the collector.
    pub refused: Counter,
}

impl SpanMetrics {
    /// All at zero.
    pub fn new() -> Arc<SpanMetrics> {
        Arc::new(SpanMetrics {
            exported: SPANS_EXPORTED.counter(&[]),
            dropped: SPANS_DROPPED.counter(&["queue_full"]),
            refused: SPANS_DROPPED.counter(&["refused"]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_unit() {
        assert!(METRICS.len() >= 15);
        for (i, metric) in METRICS.iter().enumerate() {
            let name = metric.name;
            assert!(name.starts_with("gauntlet_"), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert_eq!(name.ends_with("_seconds"), metric.kind == Kind::Histogram, "{name}");
            assert!(METRICS[..i].iter().all(|other| other.name != name), "{name} twice");
        }
    }
}
