//! What varies: the parameters of the strategy and those of the costs in one space, with the finalist in it.
//!
//! | axis | values |
//! |---|---|
//! | `costs.commission_bps` | 0 to twice the plan's |
//! | `costs.spread` | multiple of each bar's quoted spread, 0 to 2, where the plan pays quoted spreads |
//! | `costs.spread_bps` | 0 to twice the plan's, where it is fixed |
//! | `costs.slippage_bps` | 0 to twice the plan's |
//! | `costs.latency_bars` | whole bars, 0 to 2 · (1 + the plan's) |
//!
//! A cost that is 0 in the plan is no axis.

use gauntlet_backtest::{BacktestError, Bars, Costs, Spread};
use gauntlet_domain::experiment::{ParameterValue, Parameters, TrialPlan};
use gauntlet_search::{Domain, Parameter, Space};
use gauntlet_walkforward::model;

const PREFIX: &str = "costs.";
const COMMISSION: &str = "costs.commission_bps";
const QUOTED: &str = "costs.spread";
const SPREAD: &str = "costs.spread_bps";
const SLIPPAGE: &str = "costs.slippage_bps";
const LATENCY: &str = "costs.latency_bars";

/// The space and the finalist in it.
pub(crate) struct Terrain {
    space: Space,
    /// Its parameters, those of the costs among them.
    pub(crate) finalist: Parameters,
    /// The plan's costs.
    pub(crate) costs: Costs,
}

/// Whether an axis is one of the costs.
pub(crate) fn is_cost(name: &str) -> bool {
    name.starts_with(PREFIX)
}

impl Terrain {
    /// The space of the document with the axes of the plan's costs. Refuses a space that is none, and a finalist outside it.
    pub(crate) fn new(
        plan: &TrialPlan,
        finalist: &Parameters,
        space: &str,
        bars: &Bars,
    ) -> Result<Terrain, BacktestError> {
        let costs = model::costs(&plan.costs);
        let mut parameters =
            serde_json::from_str::<Space>(space).map_err(|error| refused(&error))?.parameters().to_vec();
        let mut finalist = finalist.clone();
        for (name, domain, value) in axes(&costs, bars) {
            parameters.push(Parameter { name: name.to_owned(), domain, when: None });
            finalist.insert(name.to_owned(), value);
        }
        let space = Space::new(parameters).map_err(|error| refused(&error))?;
        if !space.contains(&finalist) {
            return Err(BacktestError::BadParameter {
                owner: "the finalist".into(),
                name: "parameters".into(),
                value: serde_json::to_string(&finalist).unwrap_or_default(),
                expected: "a point of the space".into(),
            });
        }
        Ok(Terrain { space, finalist, costs })
    }

    /// The space in which only the parameters vary whose names `varies` takes: the others are the finalist's.
    pub(crate) fn where_only(&self, varies: impl Fn(&str) -> bool) -> Result<Space, BacktestError> {
        let parameter = |parameter: &Parameter| {
            let mut parameter = parameter.clone();
            if !varies(&parameter.name) {
                parameter.domain = Domain::Fixed(self.finalist[&parameter.name].clone());
            }
            parameter
        };
        Space::new(self.space.parameters().iter().map(parameter).collect()).map_err(|error| refused(&error))
    }

    /// All of it.
    pub(crate) fn space(&self) -> &Space {
        &self.space
    }

    /// What a point costs to trade.
    pub(crate) fn costs_of(&self, point: &Parameters) -> Costs {
        let number = |name: &str| point.get(name).and_then(ParameterValue::as_number);
        let mut costs = self.costs;
        costs.commission_bps = number(COMMISSION).unwrap_or(costs.commission_bps);
        costs.slippage_bps = number(SLIPPAGE).unwrap_or(costs.slippage_bps);
        costs.spread = match (number(QUOTED), number(SPREAD)) {
            (Some(times), _) => Spread::QuotedTimes(times),
            (None, Some(bps)) => Spread::FixedBps(bps),
            (None, None) => costs.spread,
        };
        let latency = point.get(LATENCY).and_then(ParameterValue::as_integer);
        costs.latency_bars = latency.and_then(|bars| u32::try_from(bars).ok()).unwrap_or(costs.latency_bars);
        costs
    }
}

/// The parameters of the strategy.
pub(crate) fn strategy_of(point: &Parameters) -> Parameters {
    let of_strategy = point.iter().filter(|(name, _)| !is_cost(name));
    of_strategy.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Whether any bar quotes a spread.
pub(crate) fn has_quotes(bars: &Bars) -> bool {
    bars.open_spread.iter().chain(&bars.close_spread).any(|spread| *spread > 0.0)
}

/// Axes of costs: name, domain, and the plan's value.
fn axes(costs: &Costs, bars: &Bars) -> Vec<(&'static str, Domain, ParameterValue)> {
    let mut found = Vec::new();
    let mut up_to_twice = |name, value: f64| {
        if value > 0.0 && value.is_finite() {
            let high = 2.0 * value;
            let domain = Domain::Float { low: 0.0, high, step: None, log: false, points: 10 };
            found.push((name, domain, ParameterValue::Float(value)));
        }
    };
    up_to_twice(COMMISSION, costs.commission_bps);
    up_to_twice(SLIPPAGE, costs.slippage_bps);
    match costs.spread {
        Spread::Quoted if has_quotes(bars) => up_to_twice(QUOTED, 1.0),
        Spread::FixedBps(bps) => up_to_twice(SPREAD, bps),
        Spread::Quoted | Spread::QuotedTimes(_) | Spread::None => {}
    }
    let latency = i64::from(costs.latency_bars);
    let domain = Domain::Int { low: 0, high: 2 * (1 + latency), step: 1, log: false };
    found.push((LATENCY, domain, ParameterValue::Int(latency)));
    found
}

fn refused(error: &dyn std::fmt::Display) -> BacktestError {
    BacktestError::BadParameter {
        owner: "the sensitivity analysis".into(),
        name: "space".into(),
        value: format!("refused ({error})"),
        expected: "the parameters of the document as canonical JSON".into(),
    }
}
