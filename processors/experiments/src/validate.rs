//! What can be wrong with a document beyond its shape: names that do not exist, bounds upside down, numbers that make no
//! sense. The gateway asks before it submits, the processor asks again.

use std::fmt;

use gauntlet_backtest::BacktestError;
use gauntlet_backtest::model::{Estimator, ModelConfig};
use gauntlet_backtest::params::{ParamValue, Params};
use gauntlet_backtest::strategy;
use gauntlet_domain::experiment::ParameterValue;
use gauntlet_domain::external;
use gauntlet_domain::limits::BadLimit;
use gauntlet_domain::names::UnknownName;
use gauntlet_domain::spec::{
    Direction, ExperimentSpec, FoldMode, RiskFree, Scheme, SpreadSpec, ValidationSpec, check_annual_rate,
};
use gauntlet_quant::metrics;
use gauntlet_search::{Choice, Domain, PrunerKind, SamplerKind, Space};

use crate::plan::{LEAST_NANOS, is_annual};

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field, `tuning.sampler`.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// The strategy name of a learned model.
pub const LEARNED: &str = "ml";

/// Whether a strategy may be fitted to bars before it trades: a learned model, and whatever a program outside may do.
pub(crate) fn is_fitted(strategy: &str) -> bool {
    strategy == LEARNED || external::trainer(strategy).is_some()
}

/// Everything that is wrong with a document; empty when it can run.
pub fn validate(spec: &ExperimentSpec) -> Vec<Problem> {
    let mut problems = of_backtest(spec);
    let mut problem = |field: &str, message| problems.push(Problem { field: field.into(), message });
    year(spec, &mut problem);
    robustness(spec, &mut problem);
    problems
}

/// Sensitivity analysis, policy and gates.
fn robustness(spec: &ExperimentSpec, problem: &mut impl FnMut(&str, String)) {
    if let Err(refused) = spec.gates_in_effect() {
        let said = refused.to_string();
        let (field, message) = said.split_once(": ").unwrap_or(("gates", &said));
        problem(field, message.to_owned());
    }
    let Some(section) = spec.sensitivity() else { return };
    let (least, most) = LEAST_AND_MOST_SAMPLES;
    if !section.samples.is_power_of_two() || !(least..=most).contains(&section.samples) {
        let samples = section.samples;
        problem(
            "sensitivity.samples",
            format!("{samples} is not a power of two from {least} to {most}: use 512"),
        );
    }
    for (field, value, least, most) in [
        ("sensitivity.neighbours", section.neighbours, 8, 4_096),
        ("sensitivity.fits", section.fits, 1, 100_000),
        ("sensitivity.paths", section.paths, 100, 100_000),
    ] {
        if !(least..=most).contains(&value) {
            problem(field, format!("{value} is not from {least} to {most}"));
        }
    }
}

/// Rows of a Sobol design.
const LEAST_AND_MOST_SAMPLES: (u32, u32) = (16, 16_384);

/// Everything that is wrong with a document for a backtest, which has no objective.
pub fn of_backtest(spec: &ExperimentSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |field: &str, message: String| problems.push(Problem { field: field.into(), message });
    if spec.name.trim().is_empty() {
        problem("name", "is empty: give the experiment a name".into());
    }
    if spec.mandate().trim().is_empty() {
        problem("mandate", "is empty: name what a champion is chosen for, or leave it out".into());
    }
    if let Err(error) = spec.instrument() {
        problem("data.instrument", error.to_string());
    }
    let (from, to) = (spec.data.from.0, spec.data.to.0);
    if from >= to {
        problem("data.from", format!("{from} is not before data.to {to}: swap them"));
    } else {
        // A part that is shorter than a bar cannot hold one.
        let (cut, bar) = (spec.holdout_from().0, spec.data.bars.nanos());
        if cut.saturating_sub(from.0) < bar || to.0.saturating_sub(cut) < bar {
            let message = "leaves no bars for tuning or none for the hold-out: use 5% to 50%";
            problem("validation.holdout", message.into());
        }
    }
    account_and_costs(spec, &mut problem);
    tuning(spec, &mut problem);
    validation(spec, &mut problem);
    match space(spec) {
        Err(message) => {
            // The search names its fields from `parameters` on.
            let (field, message) = message.split_once(": ").unwrap_or(("parameters", &message));
            problem(&format!("model.{field}"), message.into());
        }
        Ok(space) => model(spec, &space, &mut problem),
    }
    problems
}

/// The search space of a document.
pub fn space(spec: &ExperimentSpec) -> Result<Space, String> {
    let parameters = spec.model.parameters.iter().map(|(name, value)| (name.clone(), value.clone()));
    Space::from_json(&serde_json::Value::Object(parameters.collect())).map_err(|error| error.to_string())
}

fn account_and_costs(spec: &ExperimentSpec, problem: &mut impl FnMut(&str, String)) {
    let positive = |value: f64| value.is_finite() && value > 0.0;
    if !positive(spec.account.capital) {
        problem("account.capital", format!("{} is not a positive amount", spec.account.capital));
    }
    let percent = spec.account.sizing.percent;
    if !(positive(percent) && percent <= 100.0) {
        problem("account.sizing.percent", format!("{percent} is not above 0 and at most 100"));
    }
    if let Some(periods) = spec.account.periods_per_year.filter(|periods| !positive(*periods)) {
        problem("account.periods_per_year", format!("{periods} is not a positive number of bars"));
    }
    if !(0.0..1.0).contains(&spec.account.maintenance_margin) {
        let margin = spec.account.maintenance_margin;
        problem("account.maintenance_margin", format!("{margin} is not a share from 0 to below 1"));
    }
    risk_free(spec, problem);
    limits(spec, problem);
    let spread = match spec.costs.spread {
        SpreadSpec::Bps(bps) => bps,
        SpreadSpec::Quoted | SpreadSpec::None => 0.0,
    };
    let costs = [
        ("costs.commission_bps", spec.costs.commission_bps),
        ("costs.slippage_bps", spec.costs.slippage_bps),
        ("costs.spread", spread),
    ];
    for (field, bps) in costs {
        // The bounds of `backtest::Costs::validate`: what it refuses would fail every trial.
        if !(0.0..10_000.0).contains(&bps) {
            problem(field, format!("{bps} is not from 0 to below 10000 basis points"));
        }
    }
    let latency = spec.costs.latency_ms;
    if !(latency.is_finite() && latency >= 0.0) {
        problem("costs.latency_ms", format!("{latency} is negative or not finite"));
    }
}

/// Limits are there, make sense, and are checked by who trades.
fn limits(spec: &ExperimentSpec, problem: &mut impl FnMut(&str, String)) {
    let Some(limits) = &spec.account.limits else { return };
    if limits.is_empty() {
        problem("account.limits", "has no limits: leave it out, or set one".into());
    }
    if external::trainer(&spec.model.strategy).is_some() {
        let why = "is not checked by a program outside: leave it out, or use a strategy that is built in";
        problem("account.limits", why.into());
    }
    if let Err(BadLimit { field, value, expected }) = limits.validate() {
        problem(field, format!("is {value}: give {expected}"));
    }
}

/// Every bar has a rate, and a rate is one.
fn risk_free(spec: &ExperimentSpec, problem: &mut impl FnMut(&str, String)) {
    let mut problem = |message| problem("account.risk_free", message);
    let rates: Vec<f64> = match &spec.account.risk_free {
        None => return,
        Some(RiskFree::Rate(rate)) => vec![*rate],
        Some(RiskFree::Rates(rates)) => {
            let from = spec.data.from.0;
            match rates.keys().next() {
                None => problem("has no rates: leave it out, or write one from data.from on".into()),
                Some(first) if first.0 > from => problem(format!(
                    "begins at {}, and the data at {from}: add the rate that held then",
                    first.0
                )),
                Some(_) => {}
            }
            rates.values().copied().collect()
        }
    };
    if let Some(error) = rates.into_iter().find_map(|rate| check_annual_rate(rate).err()) {
        problem(error.to_string());
    }
}

/// Bars in a year are stated, or there is a year in which to count them, or the objective does not need them.
fn year(spec: &ExperimentSpec, problem: &mut impl FnMut(&str, String)) {
    let asked = spec.data.to.0.0.saturating_sub(spec.data.from.0.0);
    let is_short = (0..LEAST_NANOS).contains(&asked) && spec.validation.scheme_version.is_some();
    if spec.account.periods_per_year.is_none() && is_short && is_annual(&spec.tuning.objective) {
        let why = format!(
            "is needed: {} is of a year, and data of less than a year do not say how many bars a year has; state them, \
             such as periods_per_year: 252 for daily bars of shares",
            spec.tuning.objective
        );
        problem("account.periods_per_year", why);
    }
}

fn tuning(spec: &ExperimentSpec, problem: &mut impl FnMut(&str, String)) {
    let tuning = &spec.tuning;
    if let Err(error) = tuning.sampler.parse::<Choice<SamplerKind>>() {
        problem("tuning.sampler", error.to_string());
    }
    if let Err(error) = tuning.pruner.parse::<Choice<PrunerKind>>() {
        problem("tuning.pruner", error.to_string());
    }
    if !(1..=1_000_000).contains(&tuning.trials) {
        problem("tuning.trials", format!("{} is not between 1 and 1,000,000", tuning.trials));
    }
    if !(1..=10_000).contains(&tuning.parallelism) {
        problem("tuning.parallelism", format!("{} is not between 1 and 10,000", tuning.parallelism));
    }
    match objective(&tuning.objective) {
        Err(error) => problem("tuning.objective", error.to_string()),
        Ok(metric) => direction(metric, tuning.direction, problem),
    }
}

fn validation(spec: &ExperimentSpec, problem: &mut impl FnMut(&str, String)) {
    let validation = &spec.validation;
    scheme(spec, problem);
    if !(1..=1000).contains(&validation.folds) {
        problem("validation.folds", format!("{} is not between 1 and 1000", validation.folds));
    }
    if !(1..=1000).contains(&validation.finalists) {
        problem("validation.finalists", format!("{} is not between 1 and 1000", validation.finalists));
    }
}

/// Each setting does what it says in the scheme, or is refused. Stored documents of the first version keep what they had.
fn scheme(spec: &ExperimentSpec, problem: &mut impl FnMut(&str, String)) {
    let ValidationSpec { scheme_version, purge, mode, embargo, .. } = &spec.validation;
    let Some(version) = *scheme_version else { return };
    if !(1..=ValidationSpec::SCHEME_VERSION).contains(&version) {
        let newest = ValidationSpec::SCHEME_VERSION;
        let why = format!("{version} is not known: leave it out, or use 1 to {newest}");
        return problem("validation.scheme_version", why);
    }
    if embargo.0 > 0.0 && version > 1 {
        let why =
            "means nothing where training only comes before the test: leave it out, and use purge for a gap";
        problem("validation.embargo", why.into());
    }
    let is_fixed = spec.validation.scheme() == Scheme::Fixed;
    if is_fixed && !is_fitted(&spec.model.strategy) && version > 1 {
        let why = "scheme fixed scores a rule on fixed folds and trains nothing before them: leave it out, or use \
                   scheme: walk-forward";
        if *purge > 0 {
            problem("validation.purge", why.into());
        }
        if *mode != FoldMode::Anchored {
            problem("validation.mode", why.into());
        }
    }
}

/// The metric of that name.
fn objective(name: &str) -> Result<&'static metrics::Definition, UnknownName> {
    gauntlet_domain::names::find("metric", name, metrics::DEFINITIONS, |definition| definition.name)
}

/// An objective has one direction, and its definition knows it.
fn direction(metric: &metrics::Definition, asked: Direction, problem: &mut impl FnMut(&str, String)) {
    let name = metric.name;
    let better = match metric.direction {
        metrics::Direction::HigherIsBetter => Direction::Maximize,
        metrics::Direction::LowerIsBetter => Direction::Minimize,
        metrics::Direction::Neutral => {
            let why = format!(
                "{name} only describes, neither more nor less of it is better: choose another metric"
            );
            return problem("tuning.objective", why);
        }
    };
    if asked != better {
        let why = format!(
            "{} of {name} is better: write direction: {better}",
            match better {
                Direction::Maximize => "more",
                Direction::Minimize => "less",
            }
        );
        problem("tuning.direction", why);
    }
}

fn model(spec: &ExperimentSpec, space: &Space, problem: &mut impl FnMut(&str, String)) {
    if let Ok(sampler) = spec.tuning.sampler.parse::<Choice<SamplerKind>>()
        && let Err(error) = sampler.build(space, spec.tuning.direction)
    {
        problem("tuning.sampler", error.to_string());
    }
    let learned = spec.model.strategy == LEARNED;
    if !learned && (!spec.model.features.is_empty() || spec.model.estimator.is_some()) {
        problem(
            "model.strategy",
            "features and estimator belong to strategy ml: remove them or use ml".into(),
        );
    }
    if let Some(trainer) = external::trainer(&spec.model.strategy) {
        // What its parameters mean is known to the program that takes them.
        if let Err(error) = external::check_name(trainer) {
            problem("model.strategy", error.to_string());
        }
        return;
    }
    let taker = if learned {
        let estimator = match Estimator::parse(spec.model.estimator_name()) {
            Ok(estimator) => estimator,
            Err(error) => return problem("model.estimator", error.to_string()),
        };
        if let Err(error) = ModelConfig::build(estimator, &spec.model.features, &Params::new()) {
            return problem("model.features", error.to_string());
        }
        Taker::Learned(estimator)
    } else {
        match strategy::by_name(&spec.model.strategy) {
            Ok(strategy) => Taker::Rule(strategy),
            Err(error) => {
                let others = format!("{LEARNED}, or {}NAME for a program outside", external::PREFIX);
                return problem("model.strategy", format!("{error}, {others}"));
            }
        }
    };
    for parameter in space.parameters() {
        for value in extremes(&parameter.domain) {
            let Some(value) = param_value(&value) else {
                let field = format!("model.parameters.{}", parameter.name);
                problem(&field, "yes and no are no parameter values: use numbers or words".into());
                break;
            };
            if let Err(error) = taker.check(&Params::from([(parameter.name.clone(), value)])) {
                problem(&format!("model.parameters.{}", parameter.name), error.to_string());
                break;
            }
        }
    }
}

/// What takes the parameters.
enum Taker {
    Rule(&'static strategy::Definition),
    Learned(Estimator),
}

impl Taker {
    fn check(&self, params: &Params) -> Result<(), BacktestError> {
        match self {
            Taker::Rule(strategy) => strategy.build(params).map(drop),
            Taker::Learned(estimator) => ModelConfig::build(*estimator, &[], params).map(drop),
        }
    }
}

/// The values of a domain that can be out of bounds: its ends, or all of a list.
pub(crate) fn extremes(domain: &Domain) -> Vec<ParameterValue> {
    match domain {
        Domain::Int { low, high, .. } => vec![ParameterValue::Int(*low), ParameterValue::Int(*high)],
        Domain::Float { low, high, .. } => vec![ParameterValue::Float(*low), ParameterValue::Float(*high)],
        Domain::Categorical(values) => values.clone(),
        Domain::Fixed(value) => vec![value.clone()],
    }
}

pub(crate) fn param_value(value: &ParameterValue) -> Option<ParamValue> {
    match value {
        ParameterValue::Int(int) => Some(ParamValue::Int(*int)),
        ParameterValue::Float(float) => Some(ParamValue::Float(*float)),
        ParameterValue::Text(text) => Some(ParamValue::Text(text.clone())),
        ParameterValue::Flag(_) => None,
    }
}
