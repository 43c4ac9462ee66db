//! The sections of a document about what follows evaluation: sensitivity analysis, gates, the policy.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::gates::{Bounds, GateError, Policy};
use crate::ids::ContentHash;
use crate::names::named_enum;
use crate::robustness::SensitivityTerms;

named_enum! {
    /// A global method of sensitivity analysis.
    pub enum SensitivityMethod("method") {
        /// Shares of the variance: first order and total (Saltelli et al. 2010).
        Sobol = "sobol",
        /// Elementary effects (Morris 1991).
        Morris = "morris",
        /// Distances of distributions (Pianosi and Wagener 2015).
        Pawn = "pawn",
    }
}

named_enum! {
    /// One thing made worse, everything else as it was.
    pub enum StressName("stress") {
        /// Costs of every kind times two, together and one by one.
        CostsX2 = "costs_x2",
        /// Times four.
        CostsX4 = "costs_x4",
        /// Every order one bar later.
        Delay = "delay_1_bar",
        /// The latency times ten.
        Latency = "latency_x10",
        /// Paths of resampled returns and of resampled bars.
        Paths = "bootstrap_path",
        /// Calm, usual and wild bars apart.
        Regimes = "regimes",
    }
}

/// What is asked of the sensitivity analysis: the section `sensitivity`, or `none`.
#[derive(Debug, Clone, PartialEq)]
pub enum Sensitivity {
    /// No analysis: gates that need one are undefined.
    None,
    /// An analysis.
    Of(SensitivitySpec),
}

/// The section `sensitivity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SensitivitySpec {
    /// Global methods.
    pub method: Vec<SensitivityMethod>,
    /// Rows of the Sobol design, a power of two.
    pub samples: u32,
    /// Points of the neighbourhood round the finalist.
    pub neighbours: u32,
    /// Fits of a learned model, at most.
    #[serde(skip_serializing_if = "is_usual")]
    pub fits: u32,
    /// Resampled paths.
    pub paths: u32,
    /// What is made worse.
    pub stress: Vec<StressName>,
}

/// Fits of a learned model in one analysis where a document does not say how many.
const FITS: u32 = 128;

/// Documents from before there was this key keep their hash.
fn is_usual(fits: &u32) -> bool {
    *fits == FITS
}

impl Default for SensitivitySpec {
    fn default() -> Self {
        SensitivitySpec {
            method: SensitivityMethod::ALL.to_vec(),
            samples: 512,
            neighbours: 64,
            fits: FITS,
            paths: 1_000,
            stress: StressName::ALL.to_vec(),
        }
    }
}

impl SensitivitySpec {
    /// What a request asks for. `space` is the document's `model.parameters` as canonical JSON.
    pub fn terms(&self, space: String) -> SensitivityTerms {
        SensitivityTerms {
            methods: self.method.iter().map(ToString::to_string).collect(),
            samples: i64::from(self.samples),
            neighbours: i64::from(self.neighbours),
            fits: i64::from(self.fits),
            paths: i64::from(self.paths),
            stresses: self.stress.iter().map(ToString::to_string).collect(),
            space,
        }
    }
}

impl Default for Sensitivity {
    fn default() -> Self {
        Sensitivity::Of(SensitivitySpec::default())
    }
}

const NONE: &str = "none";

impl Serialize for Sensitivity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Sensitivity::None => serializer.serialize_str(NONE),
            Sensitivity::Of(section) => section.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Sensitivity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(word) if word == NONE => Ok(Sensitivity::None),
            section @ serde_json::Value::Object(_) => {
                serde_json::from_value(section).map(Sensitivity::Of).map_err(D::Error::custom)
            }
            other => Err(D::Error::custom(format!("sensitivity {other}: write a section, or none"))),
        }
    }
}

/// The policy of a document: a name as people write it, or the policy that it meant at the submission.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicySpec {
    /// A policy that the mandate has registered.
    Named(String),
    /// The policy, spelled out.
    Resolved(Policy),
}

impl PolicySpec {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            PolicySpec::Named(name) => name,
            PolicySpec::Resolved(policy) => &policy.name,
        }
    }
}

impl Serialize for PolicySpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            PolicySpec::Named(name) => serializer.serialize_str(name),
            PolicySpec::Resolved(policy) => policy.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PolicySpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(name) => Ok(PolicySpec::Named(name)),
            policy @ serde_json::Value::Object(_) => {
                serde_json::from_value(policy).map(PolicySpec::Resolved).map_err(D::Error::custom)
            }
            other => Err(D::Error::custom(format!("policy {other}: write the name of one"))),
        }
    }
}

impl super::ExperimentSpec {
    /// The sensitivity analysis that the document asks for; `None` where it asks for none, as those did that were written
    /// before there was one, and where a program outside trains.
    pub fn sensitivity(&self) -> Option<&SensitivitySpec> {
        match &self.sensitivity {
            Some(Sensitivity::Of(section)) if !self.is_outside() => Some(section),
            _ => None,
        }
    }

    /// Whether risk figures of its finalists are asked for: of every document since there are any, where the model is
    /// one that can be run here.
    pub fn asks_for_risk(&self) -> bool {
        self.sensitivity.is_some() && !self.is_outside()
    }

    fn is_outside(&self) -> bool {
        crate::external::trainer(&self.model.strategy).is_some()
    }

    /// The policy that the document is judged by; the default policy where it names none.
    ///
    /// # Errors
    /// The name of a policy that was not spelled out at the submission.
    pub fn policy(&self) -> Result<Policy, UnresolvedPolicy> {
        match &self.policy {
            None => Ok(Policy::default_policy()),
            Some(PolicySpec::Resolved(policy)) => Ok(policy.clone()),
            Some(PolicySpec::Named(name)) if name == crate::gates::DEFAULT_POLICY => {
                Ok(Policy::default_policy())
            }
            Some(PolicySpec::Named(name)) => Err(UnresolvedPolicy { name: name.clone() }),
        }
    }

    /// The gates in effect and the hash that verdicts name them by.
    ///
    /// # Errors
    /// What is wrong with the policy or with the document's gates.
    pub fn gates_in_effect(&self) -> Result<(Vec<crate::gates::Gate>, ContentHash), GatesRefused> {
        let gates = crate::gates::in_effect(&self.policy()?, self.gates.as_ref().unwrap_or(&Bounds::new()))?;
        let hash = crate::gates::hash_of(&gates);
        Ok((gates, hash))
    }
}

/// A policy that is a name still.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "policy `{name}` was not spelled out at the submission: submit with `gauntlet submit`, which looks it up"
)]
pub struct UnresolvedPolicy {
    /// Its name.
    pub name: String,
}

/// Why no gates follow from a document.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GatesRefused {
    /// The policy.
    #[error("policy: {0}")]
    Policy(#[from] UnresolvedPolicy),
    /// A gate.
    #[error("gates: {0}")]
    Gate(#[from] GateError),
}
