//! The one table of gates, policies over them, and which gates are in effect for an experiment.
//!
//! A policy says which gates a model of a mandate must pass. The default policy is the column `default` of the table. A
//! document may add gates and tighten them; only a registered policy may loosen them, and its name is on every verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::ContentHash;
use crate::names::nearest;
use crate::verdict::Comparison;

/// Who has the statistic of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The evaluator gives the verdict itself.
    Evaluation,
    /// The risk stage, from what evaluation, sensitivity analysis and risk figures say of one finalist.
    Risk,
    /// The selector, from the trial ledger of the mandate.
    Ledger,
}

/// A gate that there is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Definition {
    /// Name of the gate and of its statistic.
    pub name: &'static str,
    /// Who has the statistic.
    pub stage: Stage,
    /// On which side of the threshold it passes; [`Comparison::Unknown`] where the document's other sections say it.
    pub comparison: Comparison,
    /// Threshold of the default policy; `None` where the gate is not part of it.
    pub default: Option<f64>,
    /// Whether a person may set a refusal aside.
    pub waivable: bool,
    /// What the statistic is.
    pub what: &'static str,
}

/// Declares the table: a row reads name, stage, comparison, default, whether it can be waived, what.
macro_rules! gates {
    ($($name:literal, $stage:ident, $comparison:ident, $default:expr, $waivable:literal, $what:literal;)+) => {
        /// Every gate, in the order in which verdicts are listed.
        pub const ALL: &[Definition] = &[$(Definition {
            name: $name,
            stage: Stage::$stage,
            comparison: Comparison::$comparison,
            default: $default,
            waivable: $waivable,
            what: $what,
        }),+];
    };
}

gates! {
    "holdout", Evaluation, Unknown, Some(0.0), true,
        "the hold-out is a gain, with trades enough, and keeps its share of the walk-forward (section validation)";
    "deflated_sharpe", Ledger, AtLeast, Some(0.95), true,
        "probability that the Sharpe ratio of the excess over all tuning bars is above the best that as many trials on noise reach";
    "max_drawdown", Risk, AtMost, Some(0.25), true,
        "largest fall from a peak, the larger of that on the tuning bars and on the hold-out";
    "break_even_cost_multiple", Risk, AtLeast, Some(1.5), true,
        "the multiple of the costs at which nothing is left, by running again";
    "plateau", Risk, AtLeast, Some(0.6), true,
        "share of the neighbours that keep 0.8 of the finalist's score";
    "pbo", Ledger, AtMost, Some(0.5), true,
        "probability of backtest overfitting of the search over all tuning bars, by combinatorially symmetric cross-validation";
    "ledger_incomplete", Ledger, AtMost, Some(0.0), false,
        "earlier places of the mandate without an entry in the trial ledger";
    "challenger", Ledger, MoreThan, Some(0.0), true,
        "lower 90 % bound of what the model earns beyond the champion over the horizon, less the cost of switching; judged where there is a champion";
    "probabilistic_sharpe", Risk, AtLeast, None, true,
        "probability that the Sharpe ratio of the excess is above zero, without regard to how much was tried";
    "track_record", Ledger, AtLeast, None, true,
        "bars there are over the bars that the deflated Sharpe ratio needs (minimum track record length)";
    "cliff_distance", Risk, AtLeast, None, true,
        "smallest distance, in quantiles of the space, to a point with less than half of the score";
    "costs_x2_return", Risk, AtLeast, None, true, "total return at twice the costs";
    "costs_x4_return", Risk, AtLeast, None, true, "total return at four times the costs";
    "delay_1_bar_return", Risk, AtLeast, None, true, "total return when every order is one bar late";
    "loss_probability", Risk, AtMost, None, true, "share of resampled paths that end with a loss";
    "path_drawdown", Risk, AtMost, None, true, "95 % quantile of the largest fall over resampled paths";
    "regime_profit_share", Risk, AtMost, None, true, "largest share of the profit that one volatility regime carries";
    "var_historical", Risk, AtMost, None, true, "value at risk of one bar, 5 %, the larger of tuning and hold-out";
    "expected_shortfall", Risk, AtMost, None, true, "expected shortfall of one bar, 5 %, the larger of both";
    "evar", Risk, AtMost, None, true, "entropic value at risk of one bar, 5 %, the larger of both";
    "cdar", Risk, AtMost, None, true, "conditional drawdown at risk, 5 %, the larger of both";
    "holdout_looks", Ledger, AtMost, None, true, "looks at the hold-out's bars by the mandate before this one";
}

/// The gate of that name.
pub fn by_name(name: &str) -> Option<&'static Definition> {
    ALL.iter().find(|gate| gate.name == name)
}

/// What a policy or a document asks of a gate: `{ min: 0.95 }`, `{ max: 0.25 }`, or `none`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Reported, not judged.
    Off,
    /// At least this.
    Min(f64),
    /// At most this.
    Max(f64),
}

/// What is written in the place of a bound that judges nothing.
const OFF: &str = "none";

impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (side, threshold) = match self {
            Bound::Off => return serializer.serialize_str(OFF),
            Bound::Min(threshold) => ("min", threshold),
            Bound::Max(threshold) => ("max", threshold),
        };
        BTreeMap::from([(side, threshold)]).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            Bound(BTreeMap<String, f64>),
        }
        let refused = || serde::de::Error::custom("expected { min: NUMBER }, { max: NUMBER } or none");
        match Written::deserialize(deserializer).map_err(|_| refused())? {
            Written::Word(word) if word == OFF => Ok(Bound::Off),
            Written::Word(_) => Err(refused()),
            Written::Bound(bound) => {
                let mut sides = bound.into_iter();
                match (sides.next(), sides.next()) {
                    (Some((side, threshold)), None) if threshold.is_finite() => match side.as_str() {
                        "min" => Ok(Bound::Min(threshold)),
                        "max" => Ok(Bound::Max(threshold)),
                        _ => Err(refused()),
                    },
                    _ => Err(refused()),
                }
            }
        }
    }
}

/// Bounds by the name of their gate.
pub type Bounds = BTreeMap<String, Bound>;

/// Name of the policy that holds where a mandate has registered no other.
pub const DEFAULT_POLICY: &str = "default";

/// A policy with every gate spelled out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// The gates that it judges, and those of the default policy that it does not.
    pub gates: Bounds,
}

impl Policy {
    /// The default policy.
    pub fn default_policy() -> Policy {
        let gates = ALL.iter().filter_map(|gate| Some((gate.name.to_owned(), bound(gate, gate.default?))));
        Policy { name: DEFAULT_POLICY.to_owned(), gates: gates.collect() }
    }

    /// The default policy with these bounds in the place of its own.
    ///
    /// # Errors
    /// Gates that there are not, bounds on the wrong side, gates that cannot be left out.
    pub fn with(name: &str, bounds: &Bounds) -> Result<Policy, GateError> {
        let mut policy = Policy { name: name.to_owned(), ..Policy::default_policy() };
        for (gate, asked) in bounds {
            let definition = known(gate)?;
            side(definition, *asked)?;
            if !definition.waivable && *asked != bound(definition, definition.default.unwrap_or(0.0)) {
                return Err(GateError::Fixed { gate: gate.clone() });
            }
            policy.gates.insert(gate.clone(), *asked);
        }
        Ok(policy)
    }

    /// SHA-256 of its canonical JSON.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(self.canonical_json().as_bytes())
    }

    /// One line of JSON, gates in the order of their names.
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("invariant: a policy has only JSON values with text keys")
    }
}

/// Side and threshold as a bound.
fn bound(gate: &Definition, threshold: f64) -> Bound {
    match gate.comparison {
        Comparison::AtMost => Bound::Max(threshold),
        _ => Bound::Min(threshold),
    }
}

fn known(name: &str) -> Result<&'static Definition, GateError> {
    by_name(name).ok_or_else(|| GateError::Unknown {
        gate: name.to_owned(),
        nearest: nearest(name, ALL.iter().map(|gate| gate.name)),
    })
}

fn side(gate: &Definition, asked: Bound) -> Result<(), GateError> {
    let right = match (gate.comparison, asked) {
        (_, Bound::Off) | (Comparison::AtMost, Bound::Max(_)) => true,
        (Comparison::Unknown, Bound::Min(threshold)) => threshold == 0.0,
        (Comparison::AtLeast | Comparison::MoreThan, Bound::Min(_)) => true,
        _ => false,
    };
    let wanted = match gate.comparison {
        Comparison::AtMost => "max",
        _ => "min",
    };
    if right { Ok(()) } else { Err(GateError::Side { gate: gate.name, wanted }) }
}

/// Why gates cannot be taken as they are written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GateError {
    /// There is no such gate.
    #[error("there is no gate `{gate}`{}: `gauntlet policy gates` lists them", nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default())]
    Unknown {
        /// As it was written.
        gate: String,
        /// A gate of a name near it.
        nearest: Option<&'static str>,
    },
    /// A gate that passes on the other side.
    #[error("gate `{gate}` takes {{ {wanted}: NUMBER }} or none")]
    Side {
        /// Which.
        gate: &'static str,
        /// `min` or `max`.
        wanted: &'static str,
    },
    /// A document asks for less than the policy of its mandate.
    #[error(
        "gate `{gate}`: {asked} is looser than policy `{policy}` of the mandate, which has {has}: a document may add and \
         tighten; to loosen, register a policy (`gauntlet policy set`) and name it"
    )]
    Looser {
        /// Which.
        gate: String,
        /// What the document asks for.
        asked: String,
        /// What the policy has.
        has: String,
        /// The policy.
        policy: String,
    },
    /// A gate that no policy may change.
    #[error("gate `{gate}` cannot be changed: it holds for every model")]
    Fixed {
        /// Which.
        gate: String,
    },
}

/// A gate in effect for an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// What passes it; the gate of the evaluator judges by the document's own section.
    pub bound: Bound,
}

impl Gate {
    /// The row of the table; `None` for a gate of another release.
    pub fn definition(&self) -> Option<&'static Definition> {
        by_name(&self.name)
    }

    /// The threshold; `None` where the gate is not judged.
    pub fn threshold(&self) -> Option<f64> {
        match self.bound {
            Bound::Off => None,
            Bound::Min(threshold) | Bound::Max(threshold) => Some(threshold),
        }
    }
}

/// The gates in effect, in the order of their table: those of the policy, and what the document adds or tightens.
///
/// # Errors
/// The first gate that cannot be taken as the document has it.
pub fn in_effect(policy: &Policy, document: &Bounds) -> Result<Vec<Gate>, GateError> {
    // One of another release would not be judged here.
    policy.gates.keys().try_for_each(|name| known(name).map(drop))?;
    for (name, asked) in document {
        let definition = known(name)?;
        side(definition, *asked)?;
        let has = policy.gates.get(name).copied().unwrap_or(Bound::Off);
        let tightens = match (has, *asked) {
            (Bound::Off, Bound::Off) => true,
            (Bound::Off, _) => true,
            (Bound::Min(has), Bound::Min(asked)) => asked >= has,
            (Bound::Max(has), Bound::Max(asked)) => asked <= has,
            _ => false,
        };
        if !tightens {
            let (asked, has) = (written(*asked), written(has));
            return Err(GateError::Looser { gate: name.clone(), asked, has, policy: policy.name.clone() });
        }
    }
    let of = |gate: &Definition| {
        let bound = document.get(gate.name).or_else(|| policy.gates.get(gate.name)).copied()?;
        (bound != Bound::Off).then(|| Gate { name: gate.name.to_owned(), bound })
    };
    Ok(ALL.iter().filter_map(of).collect())
}

/// A bound as people write it.
fn written(bound: Bound) -> String {
    match bound {
        Bound::Off => OFF.to_owned(),
        Bound::Min(threshold) => format!("{{ min: {threshold} }}"),
        Bound::Max(threshold) => format!("{{ max: {threshold} }}"),
    }
}

/// SHA-256 over the gates in effect: what verdicts name their policy by.
pub fn hash_of(gates: &[Gate]) -> ContentHash {
    let json = serde_json::to_string(gates).expect("invariant: gates have only JSON values with text keys");
    ContentHash::of(json.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(json: serde_json::Value) -> Bounds {
        serde_json::from_value(json).unwrap()
    }

    fn threshold(gates: &[Gate], name: &str) -> Option<f64> {
        gates.iter().find(|gate| gate.name == name).and_then(Gate::threshold)
    }

    #[test]
    fn the_default_policy_is_what_the_specification_says() {
        let gates = in_effect(&Policy::default_policy(), &Bounds::new()).unwrap();
        let names: Vec<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
        let wanted = [
            "holdout",
            "deflated_sharpe",
            "max_drawdown",
            "break_even_cost_multiple",
            "plateau",
            "pbo",
            "ledger_incomplete",
            "challenger",
        ];
        assert_eq!(names, wanted);
        let thresholds = wanted.map(|name| threshold(&gates, name).unwrap());
        assert_eq!(thresholds, [0.0, 0.95, 0.25, 1.5, 0.6, 0.5, 0.0, 0.0]);
    }

    #[test]
    fn a_document_adds_and_tightens_and_a_policy_loosens() {
        let policy = Policy::default_policy();
        let tight = bounds(serde_json::json!({ "pbo": { "max": 0.3 }, "cdar": { "max": 0.1 } }));
        let gates = in_effect(&policy, &tight).unwrap();
        assert_eq!((threshold(&gates, "pbo"), threshold(&gates, "cdar")), (Some(0.3), Some(0.1)));
        for loose in [
            serde_json::json!({ "pbo": { "max": 0.51 } }),
            serde_json::json!({ "deflated_sharpe": { "min": 0.9499999 } }),
            serde_json::json!({ "holdout": "none" }),
        ] {
            let loose = bounds(loose);
            let said = in_effect(&policy, &loose).unwrap_err().to_string();
            assert!(said.contains("is looser than policy `default`"), "{said}");
            let registered = Policy::with("demonstration", &loose).unwrap();
            assert!(in_effect(&registered, &loose).is_ok());
            assert_ne!(registered.hash(), policy.hash());
        }
    }

    #[test]
    fn what_cannot_be_taken_is_said() {
        let policy = Policy::default_policy();
        for (gate, said) in [
            (serde_json::json!({ "deflated_sharp": { "min": 1 } }), "did you mean `deflated_sharpe`?"),
            (serde_json::json!({ "pbo": { "min": 0.1 } }), "gate `pbo` takes { max: NUMBER } or none"),
            (
                serde_json::json!({ "holdout": { "min": 0.1 } }),
                "gate `holdout` takes { min: NUMBER } or none",
            ),
        ] {
            let error = in_effect(&policy, &bounds(gate)).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let mut newer = Policy::default_policy();
        newer.gates.insert("capacity".into(), Bound::Min(1.0));
        let error = in_effect(&newer, &Bounds::new()).unwrap_err().to_string();
        assert!(error.contains("there is no gate `capacity`"), "{error}");
        let fixed = bounds(serde_json::json!({ "ledger_incomplete": "none" }));
        assert!(matches!(Policy::with("x", &fixed), Err(GateError::Fixed { .. })));
        for wrong in [
            serde_json::json!({ "pbo": { "min": 0.1, "max": 0.2 } }),
            serde_json::json!({ "pbo": "off" }),
            serde_json::json!({ "pbo": 0.3 }),
        ] {
            let error = serde_json::from_value::<Bounds>(wrong).unwrap_err().to_string();
            assert!(error.contains("expected { min: NUMBER }"), "{error}");
        }
    }

    #[test]
    fn a_policy_reads_back() {
        let policy = Policy::with("x", &bounds(serde_json::json!({ "plateau": "none" }))).unwrap();
        let again: Policy = serde_json::from_str(&policy.canonical_json()).unwrap();
        assert_eq!(again, policy);
        assert_eq!(again.gates["plateau"], Bound::Off);
    }
}
