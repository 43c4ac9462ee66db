//! The experiment document: what a quant writes, with every default spelled out once it is resolved.
//!
//! Reading a document fills in defaults; `ExperimentSpec::canonical_json` writes the resolved form, whose hash is the
//! experiment's identity. Unknown keys are refused, and so are unknown names of what is listed here. Names that other
//! crates own (strategies, samplers, pruners, metrics) are text here and are checked by `experiments::validate`.

/// What trading costs.
mod costs;
mod risk_free;
/// What follows evaluation.
mod robustness;
/// A share as people write it.
mod share;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bar_spec::BarSpec;
pub use crate::direction::Direction;
use crate::gates::Bounds;
use crate::ids::{ContentHash, ExperimentId, InstrumentId, InstrumentIdError};
use crate::limits::OrderLimits;
use crate::market::CreateSnapshot;
use crate::names::named_enum;
use crate::time::Timestamp;
pub use costs::{CostSpec, SpreadSpec};
pub use risk_free::{NotAnAnnualRate, RiskFree, check_annual_rate};
pub use robustness::{
    GatesRefused, PolicySpec, Sensitivity, SensitivityMethod, SensitivitySpec, StressName, UnresolvedPolicy,
};
pub use share::Share;

/// An experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentSpec {
    /// Short name, for people.
    pub name: String,
    /// What the experiment is about, for people.
    #[serde(default)]
    pub description: String,
    /// Which data.
    pub data: DataSpec,
    /// What a champion is chosen for; the instrument's symbol by default.
    #[serde(default)]
    pub mandate: Option<String>,
    /// What is traded with.
    #[serde(default)]
    pub account: AccountSpec,
    /// What is tried.
    pub model: ModelSpec,
    /// What trading costs.
    #[serde(default)]
    pub costs: CostSpec,
    /// How the hyperparameters are searched.
    #[serde(default)]
    pub tuning: TuningSpec,
    /// How a result is validated.
    #[serde(default)]
    pub validation: ValidationSpec,
    /// What is moved to see how much of a finalist's score stays; absent in documents from before there was such a thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Sensitivity>,
    /// Gates beside those of the policy, and tighter ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gates: Option<Bounds>,
    /// The policy that a model must pass: a name, and once submitted the whole of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicySpec>,
    /// Recorded with the experiment for the stages after evaluation; no stage reads it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<serde_json::Value>,
    /// Recorded with the experiment for the stages after evaluation; no stage reads it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<serde_json::Value>,
}

/// Which data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// Symbol, `XAUUSD`.
    pub instrument: String,
    /// Venue, `OANDA`.
    pub venue: String,
    /// Which bars, `time:1h`.
    pub bars: BarSpec,
    /// First moment, UTC unless a zone is named.
    pub from: DateText,
    /// Last moment, UTC unless a zone is named.
    pub to: DateText,
    /// So many revisions of the bars are taken in; the newest at the submission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
}

/// A time as people write it: `2014-05-01` or RFC 3339; written back as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateText(pub Timestamp);

impl Serialize for DateText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DateText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(DateText).map_err(serde::de::Error::custom)
    }
}

/// What is traded with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountSpec {
    /// Currency of the account.
    pub currency: String,
    /// Money at the start.
    pub capital: f64,
    /// How much of it goes into a position.
    pub sizing: Sizing,
    /// What the returns are compared with.
    pub benchmark: Benchmark,
    /// Whether short positions are taken.
    pub allow_short: bool,
    /// Share of a position's value below which the equity must not fall, or the position is closed.
    #[serde(skip_serializing_if = "is_zero")]
    pub maintenance_margin: f64,
    /// Bars in a year, for annualisation. Without it they are counted in the data, which takes a year of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub periods_per_year: Option<f64>,
    /// What the same money would earn without risk; metrics that compare with it do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_free: Option<RiskFree>,
    /// Limits that orders must pass before they are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<OrderLimits>,
}

/// What was not stated is not written, so that a document keeps its id.
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

impl Default for AccountSpec {
    fn default() -> Self {
        AccountSpec {
            currency: "USD".into(),
            capital: 100_000.0,
            sizing: Sizing { percent: 95.0 },
            benchmark: Benchmark::BuyAndHold,
            allow_short: true,
            maintenance_margin: 0.0,
            periods_per_year: None,
            risk_free: None,
            limits: None,
        }
    }
}

named_enum! {
    /// What the returns are compared with.
    pub enum Benchmark("benchmark") {
        /// The instrument held over the same bars.
        BuyAndHold = "buy-and-hold",
        /// Nothing.
        None = "none",
    }
}

/// How much of the equity goes into a position.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizing {
    /// Percent of the equity at the time of entry.
    pub percent: f64,
}

/// What is tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Name of a strategy, `ml`, or `external:NAME`.
    pub strategy: String,
    /// Features of a learned model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// `logistic` or `gbdt`, for a learned model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimator: Option<String>,
    /// The search space: a range, a list, or a fixed value by parameter name.
    #[serde(default)]
    pub parameters: BTreeMap<String, serde_json::Value>,
}

impl ModelSpec {
    /// The estimator of a learned model; gradient-boosted trees where the document names none.
    pub fn estimator_name(&self) -> &str {
        self.estimator.as_deref().unwrap_or("gbdt")
    }
}

/// How the hyperparameters are searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TuningSpec {
    /// A sampler of the search: `tpe`, or `tpe(candidates=48)` with settings.
    #[serde(deserialize_with = "chosen")]
    pub sampler: String,
    /// A pruner of the search, in the same form.
    #[serde(deserialize_with = "chosen")]
    pub pruner: String,
    /// Budget.
    pub trials: u32,
    /// The fixed lag W: the proposal of trial k sees the results of trials 0 to k - W.
    pub parallelism: u32,
    /// Seed of everything random.
    pub seed: u32,
    /// Canonical name of the metric that is optimised.
    pub objective: String,
    /// Which way is better.
    pub direction: Direction,
}

impl Default for TuningSpec {
    fn default() -> Self {
        TuningSpec {
            sampler: "tpe".into(),
            pruner: "median".into(),
            trials: 100,
            parallelism: 8,
            seed: 1,
            objective: "sharpe".into(),
            direction: Direction::Maximize,
        }
    }
}

/// A name, or a section of one name and its settings, `{ tpe: { candidates: 48 } }`, as the text `tpe(candidates=48)`.
/// Whether there is such a name and such a setting is known to the search.
fn chosen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name such as tpe, or a name with settings such as { tpe: { candidates: 48 } }")
        }
        fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<String, E> {
            Ok(name.to_owned())
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
            use serde::de::Error;
            let one = "expected one name with its settings, such as { tpe: { candidates: 48 } }";
            let entry = map.next_entry::<String, Option<BTreeMap<String, serde_json::Value>>>()?;
            let (name, settings) = entry.ok_or_else(|| A::Error::custom(one))?;
            if map.next_key::<String>()?.is_some() {
                return Err(A::Error::custom(one));
            }
            let setting = |(key, value): (String, serde_json::Value)| match value {
                serde_json::Value::String(text) => format!("{key}={text}"),
                value => format!("{key}={value}"),
            };
            let settings: Vec<String> = settings.unwrap_or_default().into_iter().map(setting).collect();
            Ok(format!("{name}({})", settings.join(",")))
        }
    }
    deserializer.deserialize_any(Visitor)
}

/// How a result is validated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValidationSpec {
    /// The last share of the period, which tuning never sees.
    pub holdout: Share,
    /// Share of the procedure's walk-forward objective (of the tuning score, where the scheme has none) that the hold-out
    /// must keep to confirm a finalist.
    pub holdout_keeps: Share,
    /// Trades on the hold-out below which nothing is confirmed.
    pub min_trades: u32,
    /// How many trials go on to evaluation.
    pub finalists: u32,
    /// How a result is validated besides the hold-out.
    pub scheme: Scheme,
    /// What the scheme's name means: see [`ValidationSpec::scheme`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme_version: Option<u32>,
    /// Number of folds.
    pub folds: u32,
    /// Where the training of each fold begins.
    pub mode: FoldMode,
    /// Bars left out between training and test.
    pub purge: u32,
    /// Share of the bars left out of later training after each test segment.
    pub embargo: Share,
}

impl Default for ValidationSpec {
    fn default() -> Self {
        ValidationSpec {
            holdout: Share(0.2),
            holdout_keeps: Share(0.5),
            min_trades: 10,
            finalists: 3,
            scheme: Scheme::WalkForward,
            scheme_version: None,
            folds: 5,
            mode: FoldMode::Anchored,
            purge: 0,
            embargo: Share(0.0),
        }
    }
}

named_enum! {
    /// How a result is validated besides the hold-out.
    pub enum Scheme("scheme") {
        /// Each fold has a search of its own on what lies before it, and the best trial of that search trades the fold.
        WalkForward = "walk-forward",
        /// One search, scored on fixed folds. What it comes to is a tuning score: the best of many tries on these bars.
        Fixed = "fixed",
    }
}

impl ValidationSpec {
    /// The newest meaning of the schemes' names. In version 1, which stored documents without one are of, `walk-forward`
    /// was the name of what is `fixed` now.
    pub const SCHEME_VERSION: u32 = 2;

    /// The scheme that the document means.
    pub fn scheme(&self) -> Scheme {
        if self.scheme_version.unwrap_or(1) < 2 { Scheme::Fixed } else { self.scheme }
    }
}

named_enum! {
    /// Where training begins.
    pub enum FoldMode("mode") {
        /// Always at the first bar.
        Anchored = "anchored",
        /// A window of constant length.
        Rolling = "rolling",
    }
}

impl ExperimentSpec {
    /// The resolved document as JSON: every default filled in, one line, keys in the order of the types.
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("invariant: a spec has only JSON values with text keys")
    }

    /// SHA-256 of the canonical JSON.
    pub fn config_hash(&self) -> ContentHash {
        ContentHash::of(self.canonical_json().as_bytes())
    }

    /// The same document is the same experiment.
    pub fn experiment_id(&self) -> ExperimentId {
        ExperimentId::derive(&[&self.config_hash().0])
    }

    /// The instrument's id.
    pub fn instrument(&self) -> Result<InstrumentId, InstrumentIdError> {
        InstrumentId::new(&self.data.instrument, &self.data.venue)
    }

    /// What a champion is chosen for.
    pub fn mandate(&self) -> String {
        self.mandate.clone().unwrap_or_else(|| self.data.instrument.to_ascii_uppercase())
    }

    /// Where the hold-out begins: the period cut by its share of calendar time, on a bar boundary.
    pub fn holdout_from(&self) -> Timestamp {
        let (from, to) = (self.data.from.0.0, self.data.to.0.0);
        let kept = (to.saturating_sub(from) as f64 * (1.0 - self.validation.holdout.0)) as i64;
        let step = self.data.bars.nanos();
        Timestamp(from.saturating_add(kept).div_euclid(step) * step)
    }

    /// The two snapshots: what tuning may see, and what it may not.
    pub fn snapshots(&self) -> Result<(CreateSnapshot, CreateSnapshot), InstrumentIdError> {
        let (instrument, cut) = (self.instrument()?, self.holdout_from());
        let revision = self.data.revision.unwrap_or(0).into();
        let of = |from, to| CreateSnapshot::new(&instrument, self.data.bars, from, to).at_revision(revision);
        Ok((of(self.data.from.0, cut), of(cut, self.data.to.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimal() -> serde_json::Value {
        serde_json::json!({
            "name": "gold", "data": { "instrument": "XAUUSD", "venue": "OANDA", "bars": "time:1h",
            "from": "2006-03-20", "to": "2014-05-01" },
            "model": { "strategy": "ma-cross", "parameters": { "fast": { "int": [5, 60] } } }
        })
    }

    #[test]
    fn the_resolved_document_reads_back_to_itself() {
        let spec: ExperimentSpec = serde_json::from_value(minimal()).unwrap();
        let again: ExperimentSpec = serde_json::from_str(&spec.canonical_json()).unwrap();
        assert_eq!(again, spec);
        assert_eq!(again.experiment_id(), spec.experiment_id());
    }

    #[test]
    fn a_default_spelled_out_is_the_same_experiment() {
        let mut explicit = minimal();
        explicit["validation"] = serde_json::json!({ "holdout": "20%" });
        let spec: ExperimentSpec = serde_json::from_value(minimal()).unwrap();
        let spelled: ExperimentSpec = serde_json::from_value(explicit).unwrap();
        assert_eq!(spec.experiment_id(), spelled.experiment_id());
    }

    #[test]
    fn the_holdout_begins_where_tuning_ends() {
        let spec: ExperimentSpec = serde_json::from_value(minimal()).unwrap();
        let (tuning, holdout) = spec.snapshots().unwrap();
        assert_eq!(tuning.to, holdout.from);
        assert_eq!(holdout.to, spec.data.to.0);
        assert_eq!(tuning.to.0 % spec.data.bars.nanos(), 0);
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest() {
        for (section, key, name, said) in [
            (
                "account",
                "benchmark",
                "buy-and-hod",
                "unknown benchmark `buy-and-hod`: did you mean `buy-and-hold`?",
            ),
            (
                "costs",
                "spread",
                "qouted",
                "unknown spread `qouted`: did you mean `quoted`? (known: quoted, none), or a number",
            ),
            ("tuning", "direction", "maximise", "unknown direction `maximise`: did you mean `maximize`?"),
            ("validation", "scheme", "k-fold", "unknown scheme `k-fold`: use one of walk-forward, fixed"),
            ("validation", "mode", "anchor", "unknown mode `anchor`: did you mean `anchored`?"),
        ] {
            let mut wrong = minimal();
            wrong[section] = serde_json::json!({ key: name });
            let error = serde_json::from_value::<ExperimentSpec>(wrong).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }

    #[test]
    fn a_spread_is_a_number_or_a_name_and_is_written_as_it_was() {
        for text in ["4.0", "\"quoted\"", "\"none\""] {
            let spread: SpreadSpec = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&spread).unwrap(), text);
        }
        assert_eq!(serde_json::from_str::<SpreadSpec>("4").unwrap(), SpreadSpec::Bps(4.0));
        assert!(serde_json::from_str::<SpreadSpec>("true").is_err());
    }

    #[test]
    fn a_sampler_with_settings_is_read_as_text() {
        let sampler = |sampler: serde_json::Value| {
            let mut document = minimal();
            document["tuning"] = serde_json::json!({ "sampler": sampler });
            serde_json::from_value::<ExperimentSpec>(document).map(|spec| spec.tuning.sampler)
        };
        assert_eq!(sampler(serde_json::json!("tpe")).unwrap(), "tpe");
        let settings = serde_json::json!({ "tpe": { "multivariate": false, "candidates": 48 } });
        assert_eq!(sampler(settings).unwrap(), "tpe(candidates=48,multivariate=false)");
        assert_eq!(sampler(serde_json::json!({ "tpe": null })).unwrap(), "tpe()");
        for wrong in [serde_json::json!({}), serde_json::json!({ "tpe": {}, "random": {} })] {
            assert!(sampler(wrong).unwrap_err().to_string().starts_with("expected one name"));
        }
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let mut wrong = minimal();
        wrong["tunning"] = serde_json::json!({});
        let error = serde_json::from_value::<ExperimentSpec>(wrong).unwrap_err();
        assert!(error.to_string().contains("unknown field `tunning`"), "{error}");
    }
}
