//! What a plan and its parameters say should run: a rule, or a model to be learned.

use gauntlet_backtest::model::{Estimator, ModelConfig};
use gauntlet_backtest::params::{ParamValue, Params};
use gauntlet_backtest::{Account, BacktestError, Costs, Sizing, Spread, StrategySpec, strategy};
use gauntlet_domain::experiment::{AccountTerms, CostTerms, ParameterValue, Parameters, TrialPlan};

/// A rule, or a model to be learned.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// Trades by itself.
    Rule(StrategySpec),
    /// Is fitted to a training range first.
    Learned(ModelConfig),
}

impl Model {
    /// The model of a trial; parameters that the strategy does not take are refused.
    pub fn of(plan: &TrialPlan, parameters: &Parameters) -> Result<Model, BacktestError> {
        let params = params(parameters);
        match &plan.estimator {
            Some(estimator) => {
                let estimator = Estimator::parse(estimator)?;
                Ok(Model::Learned(ModelConfig::build(estimator, &plan.features, &params)?))
            }
            None => Ok(Model::Rule(strategy::by_name(&plan.strategy)?.build(&params)?)),
        }
    }
}

fn params(parameters: &Parameters) -> Params {
    let convert = |value: &ParameterValue| match value {
        ParameterValue::Int(int) => ParamValue::Int(*int),
        ParameterValue::Float(float) => ParamValue::Float(*float),
        ParameterValue::Text(text) => ParamValue::Text(text.clone()),
        // No strategy takes a flag; as a word it is refused by name.
        ParameterValue::Flag(flag) => ParamValue::Text(flag.to_string()),
    };
    parameters.iter().map(|(name, value)| (name.clone(), convert(value))).collect()
}

/// Costs and account of a plan, checked.
pub(crate) fn terms(plan: &TrialPlan) -> Result<(Costs, Account), BacktestError> {
    let (costs, account) = (costs(&plan.costs), account(&plan.account));
    costs.validate()?;
    account.validate()?;
    Ok((costs, account))
}

/// The kernel's costs.
pub fn costs(terms: &CostTerms) -> Costs {
    let spread = match terms {
        CostTerms { quoted_spread: true, .. } => Spread::Quoted,
        CostTerms { spread_bps, .. } if *spread_bps > 0.0 => Spread::FixedBps(*spread_bps),
        _ => Spread::None,
    };
    Costs {
        commission_bps: terms.commission_bps,
        spread,
        slippage_bps: terms.slippage_bps,
        latency_bars: u32::try_from(terms.latency_bars).unwrap_or(u32::MAX),
    }
}

/// The kernel's account.
pub fn account(terms: &AccountTerms) -> Account {
    Account {
        capital: terms.capital,
        sizing: Sizing::Percent(terms.percent),
        allow_short: terms.allow_short,
        maintenance_margin: terms.maintenance_margin,
        limits: terms.limits,
    }
}
