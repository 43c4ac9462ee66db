//! Metrics for Prometheus: what the runtime counts, as text for who asks. Only serving commands have it.

use std::sync::OnceLock;

use gauntlet_runtime::metrics::{BUCKETS, describe};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use gauntlet_operations::Refusal;

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count; before processors start, since they take their counters then.
pub fn start() -> Result<(), Refusal> {
    let broken = |error: metrics_exporter_prometheus::BuildError| {
        Refusal::Broken(format!("metrics cannot be counted: {error}"))
    };
    let builder = PrometheusBuilder::new().set_buckets(BUCKETS).map_err(broken)?;
    let handle = builder.install_recorder().map_err(broken)?;
    describe();
    // A second start would have failed above.
    let _ = RECORDER.set(handle);
    Ok(())
}

/// Folds what has been recorded since the last time, so that it takes no more room however seldom somebody asks.
pub fn upkeep() {
    if let Some(recorder) = RECORDER.get() {
        recorder.run_upkeep();
    }
}

/// Everything, in Prometheus's text format.
pub fn render() -> String {
    RECORDER.get().map(PrometheusHandle::render).unwrap_or_default()
}
