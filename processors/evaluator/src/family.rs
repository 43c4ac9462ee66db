//! What the trials of a search say together, pruned ones too.

use gauntlet_backtest::Bars;
use gauntlet_domain::Event;
use gauntlet_domain::experiment::{TrialFamilyMeasured, TrialFamilyRequested};
use gauntlet_walkforward::family::{Family, family};
use gauntlet_walkforward::figures::Figures;

use crate::{EvaluatorData, Failure};

/// Runs the trials again; the series of those that stand for others go to the lake.
pub(crate) fn measure(
    request: &TrialFamilyRequested,
    (bars, artifacts): EvaluatorData<'_>,
) -> Result<Vec<Event>, Failure> {
    let bars: Bars = bars.bars(&request.plan.data.content_hash)?.iter().collect();
    let Family { figures, representatives, series } = family(&request.plan, &request.trials, &bars)?;
    let series = if series.is_empty() { None } else { Some(artifacts.put_artifact(series.as_bytes())?) };
    let experiment_id = request.experiment_id;
    let Figures { values: figures, undefined } = figures;
    Ok(vec![TrialFamilyMeasured { experiment_id, figures, undefined, representatives, series }.into()])
}

/// Nothing could be measured, for this reason.
pub(crate) fn not_measured(request: &TrialFamilyRequested, detail: &str) -> Event {
    let mut figures = Figures::default();
    figures.leave("pbo", detail);
    TrialFamilyMeasured {
        experiment_id: request.experiment_id,
        figures: figures.values,
        undefined: figures.undefined,
        representatives: Vec::new(),
        series: None,
    }
    .into()
}
