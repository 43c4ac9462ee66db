//! The walk-forward of an experiment: the folds traded by what the searches before them chose.

use gauntlet_backtest::Bars;
use gauntlet_domain::Event;
use gauntlet_domain::experiment::{FoldOutcome, WalkForwardCompleted, WalkForwardFold, WalkForwardRequested};
use gauntlet_processor::data::BarReader;
use gauntlet_walkforward::inference::inference;
use gauntlet_walkforward::{Procedure, Segments, metric_set, procedure};

use crate::series::{Run, Series};
use crate::{Failure, fold_alone};

/// Trades the folds; gives the series of the run and what came of it.
pub(crate) fn walk(request: &WalkForwardRequested, bars: &dyn BarReader) -> Result<Vec<Event>, Failure> {
    let plan = &request.plan;
    let bars: Bars = bars.bars(&plan.data.content_hash)?.iter().collect();
    let set = metric_set(plan)?;
    let mut walk = Procedure::new(plan, &request.segments, &bars)?;
    let (mut joined, mut folds) = (Segments::of(plan), Vec::new());
    let mut series = Series::new(Run::walk_forward(request), plan);
    for segment in &request.segments {
        let Some((range, outcome)) = walk.next_fold()? else { break };
        let (FoldOutcome { from, to, value, total_return }, annual_return) =
            fold_alone(plan, &bars, &range, &outcome);
        let segment = segment.clone();
        folds.push(WalkForwardFold { segment, from, to, value, total_return, annual_return });
        series.push(&bars, range.clone(), &outcome);
        joined.push(&bars, range, &outcome);
    }
    let mut events = series.into_events();
    events.push(
        WalkForwardCompleted {
            experiment_id: request.experiment_id,
            metrics: joined.metrics_of(set),
            summary: procedure::summary(&folds),
            folds,
            inference: inference(&joined),
            denied: joined.denied_orders(),
        }
        .into(),
    );
    Ok(events)
}
