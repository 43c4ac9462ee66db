//! Sensitivity analysis: moves a finalist's parameters, costs, timing and data, and reports what becomes of its score.
//!
//! Consumes `sensitivity.requests.v1`, emits `sensitivity.reports.v1`. A worker: pure in the request and the snapshot that it
//! names. The analysis is `crates/robustness`; its points go to the lake.

use gauntlet_backtest::{BacktestError, Bars};
use gauntlet_domain::experiment::Metrics;
use gauntlet_domain::robustness::{Reasons, SensitivityReported, SensitivityRequested};
use gauntlet_domain::topics::{SENSITIVITY_REPORTS, SENSITIVITY_REQUESTS};
use gauntlet_domain::{ContentHash, Event, Topic};
use gauntlet_processor::data::{ArtifactStore, BarReader};
use gauntlet_processor::worker::{Answer, Answering, Worker};
use gauntlet_robustness::{Analysis, analyse_on};

/// The worker.
pub struct Sensitivity;

impl Worker for Sensitivity {
    fn name(&self) -> &'static str {
        "sensitivity"
    }

    fn version(&self) -> &'static str {
        "2"
    }

    fn topic(&self) -> &'static Topic {
        &SENSITIVITY_REQUESTS
    }

    fn writes(&self) -> &'static [&'static Topic] {
        &[&SENSITIVITY_REPORTS]
    }

    fn panicked(&self, request: &Event, message: &str) -> Vec<Event> {
        match request {
            Event::SensitivityRequested(request) => vec![without(request, message)],
            _ => Vec::new(),
        }
    }
}

impl Answering for Sensitivity {
    type Data<'a> = (&'a dyn BarReader, &'a dyn ArtifactStore);

    fn run(&self, request: &Event, (bars, artifacts): Self::Data<'_>) -> Answer {
        let Event::SensitivityRequested(request) = request else { return Ok(Vec::new()) };
        let bars: Bars = bars.bars(&request.plan.data.content_hash)?.iter().collect();
        // One thread: the pool runs as many requests as the machine has cores.
        let found: Result<Analysis, BacktestError> =
            analyse_on(1, &request.plan, &request.parameters, &request.terms, &bars);
        Ok(vec![match found {
            Ok(analysis) => {
                let points = match analysis.points.is_empty() {
                    true => None,
                    false => Some(artifacts.put_artifact(&analysis.points)?),
                };
                report(request, analysis, points)
            }
            Err(error) => without(request, &error.to_string()),
        }])
    }
}

fn report(request: &SensitivityRequested, analysis: Analysis, points: Option<ContentHash>) -> Event {
    SensitivityReported {
        experiment_id: request.experiment_id,
        model_id: request.model_id,
        trial: request.trial,
        value: analysis.value,
        figures: analysis.figures,
        undefined: analysis.undefined,
        axes: analysis.axes,
        stresses: analysis.stresses,
        evaluations: analysis.evaluations,
        points,
        remarks: analysis.remarks,
    }
    .into()
}

/// Nothing could be analysed, for this reason.
fn without(request: &SensitivityRequested, reason: &str) -> Event {
    SensitivityReported {
        experiment_id: request.experiment_id,
        model_id: request.model_id,
        trial: request.trial,
        value: None,
        figures: Metrics::new(),
        undefined: Reasons::new(),
        axes: Vec::new(),
        stresses: Vec::new(),
        evaluations: 0,
        points: None,
        remarks: vec![format!("not analysed: {reason}")],
    }
    .into()
}
