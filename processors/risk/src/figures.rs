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

use gauntlet_backtest::{BacktestError, Bars, Outcome};
use gauntlet_domain::experiment::{Metrics, TrialPlan};
use gauntlet_domain::robustness::{Reasons, RiskMeasured, RiskRequested};
use gauntlet_domain::topics::{RISK_FIGURES, RISK_REQUESTS};
use gauntlet_domain::{Event, Topic};
use gauntlet_processor::data::{ArtifactStore, BarReader, DataError};
use gauntlet_processor::worker::{Answer, Answering, Worker};
use gauntlet_quant::inference::Undefined;
use gauntlet_quant::risk::{FIGURES, Hits, concentration, var_historical};
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
            Event::RiskRequested(request) => vec![measured(request, Figures::none(message), None)],
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
            Err(error) => measured(request, Figures::none(&error.to_string()), None),
        }])
    }
}

fn put(artifacts: &dyn ArtifactStore, series: &str) -> Result<gauntlet_domain::ContentHash, DataError> {
    artifacts.put_artifact(series.as_bytes())
}

/// Figures and what they have no value for.
#[derive(Default)]
struct Figures {
    values: Metrics,
    undefined: Reasons,
}

impl Figures {
    /// Nothing could be measured, for this reason.
    fn none(reason: &str) -> Figures {
        let mut figures = Figures::default();
        for part in ["tuning", "holdout"] {
            for figure in FIGURES {
                figures.values.insert(format!("{part}.{}", figure.name), None);
                figures.undefined.insert(format!("{part}.{}", figure.name), reason.to_owned());
            }
        }
        figures
    }

    fn say(&mut self, name: String, value: Result<f64, Undefined>) {
        let value =
            value.and_then(|value| if value.is_finite() { Ok(value) } else { Err(Undefined::NonFinite) });
        if let Err(why) = value {
            self.undefined.insert(name.clone(), why.to_string());
        }
        self.values.insert(name, value.ok());
    }

    /// Figures of one stretch of bars.
    fn stretch(&mut self, part: &str, segments: &Segments, traded: &[f64]) {
        for figure in FIGURES {
            self.say(format!("{part}.{}", figure.name), (figure.of)(&segments.returns, ALPHA));
        }
        let exposures = &segments.exposures;
        let some = |value: Option<f64>| value.ok_or(Undefined::TooFewObservations { have: 0, need: 1 });
        let gross = exposures.iter().map(|exposure| exposure.abs()).reduce(f64::max);
        let mean =
            |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
        self.say(format!("{part}.gross_leverage"), some(gross));
        self.say(format!("{part}.net_leverage"), some(mean(exposures)));
        self.say(format!("{part}.turnover"), some(mean(traded)));
        let held: Vec<f64> = exposures.iter().copied().filter(|exposure| *exposure != 0.0).take(1).collect();
        self.say(format!("{part}.hhi"), concentration(&held).map(|of| of.hhi));
    }

    /// The value at risk of the tuning bars as a forecast for each bar of the hold-out.
    fn backtest(&mut self, tuning: &[f64], holdout: &[f64]) {
        let hits = var_historical(tuning, ALPHA)
            .and_then(|forecast| Hits::of(holdout, &vec![forecast; holdout.len()]));
        let of = |value: &dyn Fn(&Hits) -> Result<f64, Undefined>| {
            hits.as_ref().map_err(|why| *why).and_then(value)
        };
        let [count, kupiec, christoffersen] = [
            of(&|hits| Ok(hits.count() as f64)),
            of(&|hits| hits.kupiec(ALPHA).map(|test| test.p)),
            of(&|hits| hits.independence().map(|test| test.p)),
        ];
        self.say("holdout.hits".to_owned(), count);
        self.say("holdout.kupiec_p".to_owned(), kupiec);
        self.say("holdout.christoffersen_p".to_owned(), christoffersen);
    }
}

/// The figures, and the net returns by UTC day as CSV: `date,part,return`.
fn measure(
    request: &RiskRequested,
    tuning: &Bars,
    joined: &Bars,
) -> Result<(Figures, String), BacktestError> {
    let plan = &request.plan;
    let mut series = String::from("date,part,return\n");
    let (mut walked, mut traded, mut times) = (Segments::of(plan), Vec::new(), Vec::new());
    let mut walk = Walk::new(plan, &request.parameters, tuning)?;
    while let Some((range, outcome)) = walk.next_fold()? {
        times.extend_from_slice(&tuning.close_time[range.clone()]);
        traded.extend(turnover(plan, tuning, range.clone(), &outcome));
        walked.push(tuning, range, &outcome);
    }
    write(&mut series, "tuning", &times, &walked.returns);
    let held = hold_out(plan, &request.parameters, joined, tuning.len())?;
    write(&mut series, "holdout", &joined.close_time[held.range.clone()], &held.outcome.returns);
    let held_traded: Vec<f64> = turnover(plan, joined, held.range.clone(), &held.outcome).collect();
    let mut held_out = Segments::of(plan);
    held_out.push(joined, held.range, &held.outcome);
    let mut figures = Figures::default();
    figures.stretch("tuning", &walked, &traded);
    figures.stretch("holdout", &held_out, &held_traded);
    figures.backtest(&walked.returns, &held_out.returns);
    Ok((figures, series))
}

/// Value traded at the opening of each bar over the equity before it. What a stop closes within a bar is traded at the next
/// bar by this count: the position before is that at the last opening.
fn turnover<'a>(
    plan: &TrialPlan,
    bars: &'a Bars,
    range: std::ops::Range<usize>,
    outcome: &'a Outcome,
) -> impl Iterator<Item = f64> + 'a {
    let mut before = 0.0;
    let mut equity = plan.account.capital;
    range.zip(outcome.positions.iter().zip(&outcome.equity)).map(move |(bar, (units, after))| {
        let traded = (units - before).abs() * bars.open[bar].abs();
        let share = if equity > 0.0 { traded / equity } else { 0.0 };
        (before, equity) = (*units, *after);
        share
    })
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
