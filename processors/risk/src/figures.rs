//! The worker: a finalist is run again, and its returns are measured.
//!
//! Names of figures: those of [`gauntlet_quant::risk::FIGURES`] with a tail of 5 %, on the tuning bars (`tuning.`) and on the
//! hold-out (`holdout.`); and for each
//!
//! | name | what |
//! |---|---|
//! | `gross_leverage`, `net_leverage` | largest value of the position over the equity before a bar; and with its sign, the mean |
//! | `hhi` | concentration: 1 while one instrument is held; undefined without a position |
//! | `turnover` | traded value over equity, of a bar, in the mean; both sides counted |
//!
//! `holdout.kupiec_p`, `holdout.christoffersen_p` and `holdout.hits` hold the tuning bars' value at risk against the hold-out.

use std::ops::Range;

use gauntlet_backtest::{BacktestError, Bars, Outcome};
use gauntlet_domain::experiment::TrialPlan;
use gauntlet_domain::robustness::{RiskMeasured, RiskRequested};
use gauntlet_domain::topics::{RISK_FIGURES, RISK_REQUESTS};
use gauntlet_domain::{Event, Topic};
use gauntlet_processor::data::{ArtifactStore, BarReader, DataError};
use gauntlet_processor::worker::{Answer, Answering, Worker};
use gauntlet_quant::inference::Undefined;
use gauntlet_quant::risk::{FIGURES, Hits, concentration, turnover, var_historical};
use gauntlet_walkforward::figures::Figures;
use gauntlet_walkforward::report::{by_day, date_of};
use gauntlet_walkforward::{Segments, Walk, hold_out};

/// Mass of the tail.
const ALPHA: f64 = 0.05;

/// The worker.
pub struct RiskFigures;

impl Worker for RiskFigures {
    fn name(&self) -> &'static str {
        "risk-figures"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn topic(&self) -> &'static Topic {
        &RISK_REQUESTS
    }

    fn writes(&self) -> &'static [&'static Topic] {
        &[&RISK_FIGURES]
    }

    fn panicked(&self, request: &Event, message: &str) -> Vec<Event> {
        match request {
            Event::RiskRequested(request) => vec![measured(request, none(message), None)],
            _ => Vec::new(),
        }
    }
}

impl Answering for RiskFigures {
    type Data<'a> = (&'a dyn BarReader, &'a dyn ArtifactStore);

    fn run(&self, request: &Event, (bars, artifacts): Self::Data<'_>) -> Answer {
        let Event::RiskRequested(request) = request else { return Ok(Vec::new()) };
        let tuning = bars.bars(&request.plan.data.content_hash)?;
        let holdout = bars.bars(&request.holdout.content_hash)?;
        let joined: Bars = tuning.iter().chain(holdout.iter()).collect();
        let tuning: Bars = tuning.iter().collect();
        Ok(vec![match measure(request, &tuning, &joined) {
            Ok((figures, series)) => measured(request, figures, Some(put(artifacts, &series)?)),
            Err(error) => measured(request, none(&error.to_string()), None),
        }])
    }
}

fn put(artifacts: &dyn ArtifactStore, series: &str) -> Result<gauntlet_domain::ContentHash, DataError> {
    artifacts.put_artifact(series.as_bytes())
}

/// Nothing could be measured, for this reason.
fn none(reason: &str) -> Figures {
    let mut figures = Figures::default();
    for part in ["tuning", "holdout"] {
        FIGURES.iter().for_each(|figure| figures.leave(&format!("{part}.{}", figure.name), reason));
    }
    figures
}

/// Value traded in each bar over the equity before it, from fold to fold.
struct Turnover {
    /// Undefined where nothing is left of the equity.
    shares: Result<Vec<f64>, Undefined>,
    /// Units held and equity after the last bar.
    last: (f64, f64),
}

impl Turnover {
    /// Adds a segment. Units are those at each opening, so what a stop closes within a bar is traded at the next opening here.
    fn push(&mut self, bars: &Bars, range: Range<usize>, outcome: &Outcome) {
        for (bar, (units, equity)) in range.zip(outcome.positions.iter().zip(&outcome.equity)) {
            let share = turnover(&[(units - self.last.0) * bars.open[bar]], self.last.1);
            match (&mut self.shares, share) {
                (Ok(shares), Ok(share)) => shares.push(share),
                (Ok(_), Err(why)) => self.shares = Err(why),
                (Err(_), _) => return,
            }
            self.last = (*units, *equity);
        }
    }
}

/// What happened on one stretch of bars.
struct Stretch {
    segments: Segments,
    turnover: Turnover,
}

impl Stretch {
    fn of(plan: &TrialPlan) -> Stretch {
        let turnover = Turnover { shares: Ok(Vec::new()), last: (0.0, plan.account.capital) };
        Stretch { segments: Segments::of(plan), turnover }
    }

    fn push(&mut self, bars: &Bars, range: Range<usize>, outcome: &Outcome) {
        self.turnover.push(bars, range.clone(), outcome);
        self.segments.push(bars, range, outcome);
    }

    /// Sets its figures.
    fn measure(&self, part: &str, figures: &mut Figures) {
        for figure in FIGURES {
            figures.say(&format!("{part}.{}", figure.name), (figure.of)(&self.segments.returns, ALPHA));
        }
        let exposures = &self.segments.exposures;
        let none = Undefined::TooFewObservations { have: 0, need: 1 };
        let mean = |values: &[f64]| match values.len() {
            0 => Err(none),
            count => Ok(values.iter().sum::<f64>() / count as f64),
        };
        let gross = exposures.iter().map(|exposure| exposure.abs()).reduce(f64::max);
        let held = exposures.iter().find(|exposure| **exposure != 0.0);
        figures.say(&format!("{part}.gross_leverage"), gross.ok_or(none));
        figures.say(&format!("{part}.net_leverage"), mean(exposures));
        let traded = self.turnover.shares.as_ref().map_err(|why| *why);
        figures.say(&format!("{part}.turnover"), traded.and_then(|traded| mean(traded)));
        figures.say(
            &format!("{part}.hhi"),
            concentration(&held.copied().into_iter().collect::<Vec<f64>>()).map(|of| of.hhi),
        );
    }
}

/// Holds the value at risk of the tuning bars, as a forecast for each bar, against the hold-out.
fn backtest(tuning: &[f64], holdout: &[f64], figures: &mut Figures) {
    let hits =
        var_historical(tuning, ALPHA).and_then(|forecast| Hits::of(holdout, &vec![forecast; holdout.len()]));
    let of =
        |value: &dyn Fn(&Hits) -> Result<f64, Undefined>| hits.as_ref().map_err(|why| *why).and_then(value);
    figures.say("holdout.hits", of(&|hits| Ok(hits.count() as f64)));
    figures.say("holdout.kupiec_p", of(&|hits| hits.kupiec(ALPHA).map(|test| test.p)));
    figures.say("holdout.christoffersen_p", of(&|hits| hits.independence().map(|test| test.p)));
}

/// The figures, and the net returns by UTC day as CSV: `date,part,return`.
fn measure(
    request: &RiskRequested,
    tuning: &Bars,
    joined: &Bars,
) -> Result<(Figures, String), BacktestError> {
    let plan = &request.plan;
    let mut series = String::from("date,part,return\n");
    let (mut walked, mut times) = (Stretch::of(plan), Vec::new());
    let mut walk = Walk::new(plan, &request.parameters, tuning)?;
    while let Some((range, outcome)) = walk.next_fold()? {
        times.extend_from_slice(&tuning.close_time[range.clone()]);
        walked.push(tuning, range, &outcome);
    }
    write(&mut series, "tuning", &times, &walked.segments.returns);
    let held = hold_out(plan, &request.parameters, joined, tuning.len())?;
    write(&mut series, "holdout", &joined.close_time[held.range.clone()], &held.outcome.returns);
    let mut held_out = Stretch::of(plan);
    held_out.push(joined, held.range, &held.outcome);
    let mut figures = Figures::default();
    walked.measure("tuning", &mut figures);
    held_out.measure("holdout", &mut figures);
    backtest(&walked.segments.returns, &held_out.segments.returns, &mut figures);
    Ok((figures, series))
}

fn write(series: &mut String, part: &str, times: &[i64], returns: &[f64]) {
    use std::fmt::Write;
    let (days, returns) = by_day(times, returns, |before, value| (1.0 + before) * (1.0 + value) - 1.0);
    for (day, value) in days.into_iter().zip(returns) {
        writeln!(series, "{},{part},{value}", date_of(day)).expect("invariant: text takes text");
    }
}

fn measured(
    request: &RiskRequested,
    figures: Figures,
    series: Option<gauntlet_domain::ContentHash>,
) -> Event {
    RiskMeasured {
        experiment_id: request.experiment_id,
        model_id: request.model_id,
        trial: request.trial,
        figures: figures.values,
        undefined: figures.undefined,
        series,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(positions: Vec<f64>, equity: Vec<f64>) -> Outcome {
        let returns = vec![0.0; positions.len()];
        Outcome { returns, equity, positions, trades: Vec::new(), ..Outcome::default() }
    }

    /// What is held goes from one fold into the next and is traded once; equity that is gone has no turnover.
    #[test]
    fn turnover_goes_on_over_the_folds() {
        let mut traded = Turnover { shares: Ok(Vec::new()), last: (0.0, 1_000.0) };
        let bars = Bars { open: vec![100.0; 5], ..Bars::default() };
        traded.push(&bars, 0..2, &outcome(vec![5.0, 5.0], vec![1_000.0, 2_000.0]));
        traded.push(&bars, 2..4, &outcome(vec![5.0, -5.0], vec![2_000.0, 0.0]));
        // 5 units at 100 of 1,000; 10 units at 100 of 2,000.
        assert_eq!(traded.shares, Ok(vec![0.5, 0.0, 0.0, 0.5]));
        traded.push(&bars, 4..5, &outcome(vec![0.0], vec![0.0]));
        assert_eq!(traded.shares, Err(Undefined::Unbounded));
    }
}
