//! The analysis of one finalist, part after part.

use gauntlet_backtest::{BacktestError, Bars};
use gauntlet_domain::experiment::{Metrics, Parameters, TrialPlan};
use gauntlet_domain::robustness::{AxisSensitivity, Reasons, SensitivityTerms, Stress};
use gauntlet_domain::spec::{SensitivityMethod, StressName};
use gauntlet_sensitivity::Cube;
use gauntlet_walkforward::Segments;
use gauntlet_walkforward::inference::inference;

use crate::axes::Axes;
use crate::evaluator::Evaluator;
use crate::figures::{FIGURES, Figures, Reason};
use crate::global::Global;
use crate::local::{Best, cliffs, neighbourhood, slices};
use crate::paths::{Paths, regimes};
use crate::stress::{break_even, stresses};
use crate::terrain::Terrain;

/// The only objective whose standard error is known.
const SHARPE: &str = "sharpe";

/// What became of a finalist's score: a report without the names of its experiment and with the bytes of its points.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The objective of the finalist over the plan's folds, as `gauntlet_walkforward::Walk` gives it.
    pub value: Option<f64>,
    /// Figures of the whole by name: each that the table of the crate has.
    pub figures: Metrics,
    /// Why a figure has no value.
    pub undefined: Reasons,
    /// One for each parameter that varies, in the order of the space.
    pub axes: Vec<AxisSensitivity>,
    /// One for each run of a stress, in the order of the terms.
    pub stresses: Vec<Stress>,
    /// Runs on the tuning bars: points, stresses and multiples of the costs.
    pub evaluations: i64,
    /// Every evaluated point as CSV: its design, its parameters by name, and the objective, empty where it is undefined.
    pub points: Vec<u8>,
    /// What a person should know: a box that was halved, a method that does not apply.
    pub remarks: Vec<String>,
}

/// Analyses a finalist over the tuning bars, on so many threads, of which no bit depends.
///
/// Refuses a space that is none, a finalist outside it, and what [`gauntlet_walkforward::Walk`] refuses.
pub fn analyse_on(
    threads: usize,
    plan: &TrialPlan,
    finalist: &Parameters,
    terms: &SensitivityTerms,
    bars: &Bars,
) -> Result<Analysis, BacktestError> {
    let terrain = Terrain::new(plan, finalist, &terms.space, bars)?;
    let (mut figures, mut remarks) = (Figures::unasked(&FIGURES), Vec::new());
    let asked = Asked::of(terms, &mut remarks);
    let mut evaluator = Evaluator::new(plan, bars, &terrain, (threads, asked.fits))?;
    let (segments, trades) = evaluator.own.trade(&terrain.costs);
    let value = segments.metric(&plan.objective);
    evaluator.record_own(value);

    let cube = Cube::whole(terrain.space()).expect("invariant: the latency of a space with costs varies");
    let mut axes = Axes::of(&cube);
    let best = best(plan, &segments, value);
    let seed = plan.seed as u64;
    neighbourhood(&mut evaluator, &best, (asked.neighbours, seed), &mut figures, &mut remarks)?;
    slices(&mut evaluator, &mut axes, &mut remarks)?;
    Global { evaluator: &mut evaluator, seed, axes: &mut axes, figures: &mut figures, remarks: &mut remarks }
        .run(&asked.methods, asked.samples)?;
    cliffs(&evaluator, &cube, &best, &mut figures);

    figures.set("break_even_cost_multiple", break_even(&mut evaluator, &mut remarks));
    let stresses = stresses(&mut evaluator, &asked.stresses, (&plan.objective, &trades), &mut figures);
    if asked.stresses.contains(&StressName::Paths) {
        let paths = Paths { plan, bars, terrain: &terrain, threads, replicates: asked.paths };
        paths.of_returns(&segments.returns, &mut figures, &mut remarks);
        paths.of_bars(&mut figures, &mut remarks);
    }
    if asked.stresses.contains(&StressName::Regimes) {
        figures.set("regime_profit_share", regimes(plan, bars, &segments));
    }

    let evaluations = i64::try_from(evaluator.evaluations).unwrap_or(i64::MAX);
    let points = evaluator.csv();
    let (figures, undefined) = figures.into_parts();
    Ok(Analysis {
        value,
        figures,
        undefined,
        axes: axes.into_report(),
        stresses,
        evaluations,
        points,
        remarks,
    })
}

/// The terms, read.
struct Asked {
    methods: Vec<SensitivityMethod>,
    stresses: Vec<StressName>,
    samples: u32,
    neighbours: u32,
    fits: usize,
    paths: u32,
}

impl Asked {
    /// Names that are not known are remarked upon. Counts beyond what a design takes are refused by the design.
    fn of(terms: &SensitivityTerms, remarks: &mut Vec<String>) -> Asked {
        let count = |count: i64| u32::try_from(count.max(0)).unwrap_or(u32::MAX);
        Asked {
            methods: known(&terms.methods, remarks),
            stresses: known(&terms.stresses, remarks),
            samples: count(terms.samples),
            neighbours: count(terms.neighbours),
            fits: count(terms.fits) as usize,
            paths: count(terms.paths),
        }
    }
}

fn known<T: std::str::FromStr<Err: std::fmt::Display> + PartialEq>(
    names: &[String],
    remarks: &mut Vec<String>,
) -> Vec<T> {
    let mut known = Vec::new();
    for name in names {
        match name.parse() {
            Ok(name) if known.contains(&name) => {}
            Ok(name) => known.push(name),
            Err(error) => remarks.push(format!("left out: {error}")),
        }
    }
    known
}

fn best(plan: &TrialPlan, segments: &Segments, value: Option<f64>) -> Best {
    let annual = Some(plan.periods_per_year.sqrt()).filter(|root| *root > 0.0 && plan.objective == SHARPE);
    let error = annual.and_then(|root| Some(root * inference(segments).get("standard_error").copied()??));
    Best {
        score: value.map(|value| if plan.maximize { value } else { -value }),
        error: error.ok_or(Reason::NoStandardError),
    }
}
