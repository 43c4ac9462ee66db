//! `strategies`: the rules that exist, from their definitions.

use gauntlet_backtest::params::{ParamKind, ParamSpec};
use gauntlet_backtest::strategy;
use serde::Serialize;

use crate::refusal::Refusal;

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyCard {
    /// The name in an experiment.
    pub name: &'static str,
    /// When it holds what, in words.
    pub rule: &'static str,
    /// What it takes.
    pub parameters: Vec<ParameterCard>,
    /// The first bar, from 0, at which it can want a position with its defaults.
    pub warm_up: usize,
}

/// A parameter of a rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParameterCard {
    /// Its name.
    pub name: &'static str,
    /// `int`, `float` or `choice`.
    pub kind: &'static str,
    /// Value when none is given.
    pub default: serde_json::Value,
    /// Smallest and largest, both inclusive, or the words to choose from.
    pub bounds: serde_json::Value,
    /// What it does.
    pub about: &'static str,
}

/// Every rule, or the one of that name.
pub fn strategies(name: Option<&str>) -> Result<Vec<StrategyCard>, Refusal> {
    let rows = match name {
        Some(name) => vec![strategy::by_name(name).map_err(Refusal::input)?],
        None => strategy::DEFINITIONS.to_vec(),
    };
    rows.into_iter().map(card).collect()
}

fn card(row: &'static strategy::Definition) -> Result<StrategyCard, Refusal> {
    let with_defaults = row.build(&Default::default()).map_err(Refusal::input)?;
    Ok(StrategyCard {
        name: row.name,
        rule: row.summary,
        parameters: row.parameters().into_iter().map(parameter).collect(),
        warm_up: with_defaults.warm_up(),
    })
}

fn parameter(spec: &ParamSpec) -> ParameterCard {
    use serde_json::json;
    let (kind, default, bounds) = match spec.kind {
        ParamKind::Int { default, min, max } => ("int", json!(default), json!([min, max])),
        ParamKind::Float { default, min, max } => ("float", json!(default), json!([min, max])),
        ParamKind::Choice(words) => ("choice", json!(words.first()), json!(words)),
    };
    ParameterCard { name: spec.name, kind, default, bounds, about: spec.about }
}
