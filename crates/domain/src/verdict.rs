//! What a gate says of a model: a statistic held against a threshold, what it was judged on, and who set a refusal aside.
//!
//! `judge` is the only place where a statistic meets its threshold, [`Verdict::sentence`] the only place where a verdict
//! becomes words. A gate itself is elsewhere: it computes its statistic, its threshold and its evidence.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::experiment::Metrics;
use crate::ids::{ContentHash, EventId, ModelId};
use crate::time::Timestamp;
use crate::words::Phase;

/// Name of the gate that holds a finalist against the data that tuning never saw.
pub const HOLDOUT: &str = "holdout";

/// A gate's answer about a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Name of the gate: [`HOLDOUT`].
    pub gate: String,
    /// What was measured; `None` is undefined and never passes.
    pub statistic: Option<f64>,
    /// What it was held against; infinite where anything passes, `None` when it is undefined itself.
    pub threshold: Option<f64>,
    /// On which side of the threshold the statistic has to be.
    pub comparison: Comparison,
    /// The answer.
    pub outcome: Outcome,
    /// What it was judged on.
    pub evidence: Evidence,
    /// Who set a refusal aside; `None` when nobody did.
    pub waiver: Option<Waiver>,
}

/// On which side of its threshold a statistic passes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// A comparison of another release, or none recorded. Nothing passes it.
    #[default]
    #[serde(rename = "UNKNOWN")]
    Unknown,
    /// The statistic must reach the threshold, which itself passes.
    AtLeast,
    /// The statistic must not exceed the threshold, which itself passes.
    AtMost,
    /// The statistic must exceed the threshold, which itself does not pass.
    MoreThan,
}

impl Comparison {
    /// The comparison as people see it and as columns hold it.
    pub fn word(self) -> &'static str {
        match self {
            Comparison::Unknown => "unknown",
            Comparison::AtLeast => "at_least",
            Comparison::AtMost => "at_most",
            Comparison::MoreThan => "more_than",
        }
    }
}

/// A gate's answer in one word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An answer of another release: not a pass.
    #[default]
    #[serde(rename = "UNKNOWN")]
    Unknown,
    /// The statistic is on the right side of its threshold.
    Passed,
    /// It is on the wrong side.
    Refused,
    /// The statistic or the threshold is undefined, or nothing could be measured. Not a pass.
    Undefined,
    /// Refused or undefined, and set aside by a person.
    Waived,
}

impl Outcome {
    /// The answer as people see it and as columns hold it.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Unknown => "unknown",
            Outcome::Passed => "passed",
            Outcome::Refused => "refused",
            Outcome::Undefined => "undefined",
            Outcome::Waived => "waived",
        }
    }
}

/// What a verdict was judged on. Every gate fills in what it has. Fields in the order of their names, as in every document
/// of a view.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// SHA-256 over the bars on which the statistic was measured.
    pub data: Option<ContentHash>,
    /// Canonical name of the statistic: `sharpe`.
    pub metric: String,
    /// The model.
    pub model_id: Option<ModelId>,
    /// Further numbers by name, such as those that the threshold was computed from; `None` is undefined.
    pub numbers: Metrics,
    /// The stretch of data on which the statistic was measured.
    pub phase: Option<Phase>,
    /// The judge's own sentence, from a record that has nothing else: one of version 1.
    pub remark: Option<String>,
}

/// A person's decision to let a model pass that a gate refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// Who decided.
    pub author: String,
    /// The event that records the decision.
    pub event: EventId,
    /// Until when it holds.
    pub expires: Timestamp,
    /// Why, in the author's words.
    pub reason: String,
}

/// Holds a statistic against its threshold. A statistic that is not finite is undefined, and so is a threshold that is
/// no number.
pub fn judge(
    gate: &str,
    statistic: Option<f64>,
    comparison: Comparison,
    threshold: Option<f64>,
    evidence: Evidence,
) -> Verdict {
    let statistic = statistic.filter(|statistic| statistic.is_finite());
    let threshold = threshold.filter(|threshold| !threshold.is_nan());
    let outcome = match (statistic, threshold) {
        (Some(statistic), Some(threshold)) => {
            let passes = match comparison {
                Comparison::AtLeast => statistic >= threshold,
                Comparison::AtMost => statistic <= threshold,
                Comparison::MoreThan => statistic > threshold,
                Comparison::Unknown => false,
            };
            if passes { Outcome::Passed } else { Outcome::Refused }
        }
        _ => Outcome::Undefined,
    };
    Verdict { gate: gate.to_owned(), statistic, threshold, comparison, outcome, evidence, waiver: None }
}

impl Verdict {
    /// The verdict on a model of which nothing could be measured.
    pub fn undefined(gate: &str, evidence: Evidence) -> Verdict {
        judge(gate, None, Comparison::Unknown, None, evidence)
    }

    /// What a record of version 1 says of the hold-out: yes or no, and perhaps a sentence. Its numbers are undefined, the
    /// answer stays what it was.
    pub fn of_version_1(is_confirmed: bool, sentence: &str) -> Verdict {
        let remark = (!sentence.is_empty()).then(|| sentence.to_owned());
        Verdict {
            outcome: if is_confirmed { Outcome::Passed } else { Outcome::Refused },
            ..Verdict::undefined(HOLDOUT, Evidence { remark, ..Evidence::default() })
        }
    }

    /// Whether the model may go on.
    pub fn passes(&self) -> bool {
        matches!(self.outcome, Outcome::Passed | Outcome::Waived)
    }

    /// The verdict in words: `refused: sharpe -0.9584 on the hold-out, at least 0.3440 needed (0.6879 walked forward)`.
    pub fn sentence(&self) -> String {
        if let Some(remark) = &self.evidence.remark {
            return remark.clone();
        }
        let word = match self.outcome {
            Outcome::Unknown => "unknown",
            Outcome::Passed => "confirmed",
            Outcome::Refused | Outcome::Undefined => "refused",
            Outcome::Waived => "waived",
        };
        format!("{word}: {}{}", self.measured(), self.waiver.as_ref().map(by).unwrap_or_default())
    }

    /// What was compared with what.
    fn measured(&self) -> String {
        let Evidence { metric, phase, numbers, .. } = &self.evidence;
        // What the threshold was computed from: the procedure's walk-forward, or the tuning score where there is none.
        let bases = [(Phase::WalkForward, "walked forward"), (Phase::Tuning, "in tuning")];
        let basis = bases.into_iter().find_map(|(phase, how)| Some((numbers.get(phase.word())?, phase, how)));
        let (Some(statistic), Some(threshold)) = (self.statistic, self.threshold) else {
            if metric.is_empty() {
                return "the numbers are not recorded".to_owned();
            }
            let basis = basis.map(|(_, phase, _)| place(&phase));
            let places: Vec<String> = basis.into_iter().chain(phase.as_ref().map(place)).collect();
            return format!("{metric} is undefined{}", places.join(" or"));
        };
        let bound = match self.comparison {
            Comparison::Unknown => "something about",
            Comparison::AtLeast => "at least",
            Comparison::AtMost => "at most",
            Comparison::MoreThan => "more than",
        };
        let place = phase.as_ref().map(place).unwrap_or_default();
        if metric == "trade_count" {
            return format!("{metric} {statistic}{place}, {bound} {threshold} needed");
        }
        if self.comparison == Comparison::MoreThan {
            return format!("{metric} {statistic:.4}{place}, {bound} {threshold} needed");
        }
        let aside = basis.and_then(|(value, _, how)| value.map(|value| format!(" ({value:.4} {how})")));
        format!("{metric} {statistic:.4}{place}, {bound} {threshold:.4} needed{}", aside.unwrap_or_default())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

fn place(phase: &Phase) -> String {
    match phase {
        Phase::WalkForward => " on the walk-forward".to_owned(),
        Phase::Holdout => " on the hold-out".to_owned(),
        Phase::Tuning => " in tuning".to_owned(),
        Phase::Unknown(word) => format!(" on {word}"),
    }
}

fn by(waiver: &Waiver) -> String {
    format!("; waived by {} until {}: {}", waiver.author, waiver.expires, waiver.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_holdout(walked: Option<f64>) -> Evidence {
        Evidence {
            metric: "sharpe".into(),
            phase: Some(Phase::Holdout),
            numbers: Metrics::from([("walk_forward".into(), walked)]),
            ..Evidence::default()
        }
    }

    fn outcome(statistic: Option<f64>, comparison: Comparison, threshold: Option<f64>) -> Outcome {
        judge("any", statistic, comparison, threshold, Evidence::default()).outcome
    }

    #[test]
    fn the_threshold_itself_passes_and_the_least_bit_beyond_does_not() {
        use Comparison::*;
        let below = 0.5_f64.next_down();
        let above = 0.5_f64.next_up();
        for (comparison, statistic, wanted) in [
            (AtLeast, 0.5, Outcome::Passed),
            (AtLeast, above, Outcome::Passed),
            (AtLeast, below, Outcome::Refused),
            (AtMost, 0.5, Outcome::Passed),
            (AtMost, below, Outcome::Passed),
            (AtMost, above, Outcome::Refused),
            (Unknown, 0.5, Outcome::Refused),
        ] {
            assert_eq!(outcome(Some(statistic), comparison, Some(0.5)), wanted, "{comparison:?} {statistic}");
        }
    }

    #[test]
    fn the_undefined_never_passes() {
        for comparison in [Comparison::Unknown, Comparison::AtLeast, Comparison::AtMost] {
            for (statistic, threshold) in [
                (None, Some(0.0)),
                (Some(0.0), None),
                (None, None),
                (Some(f64::NAN), Some(0.0)),
                (Some(f64::INFINITY), Some(0.0)),
                (Some(f64::NEG_INFINITY), Some(0.0)),
                (Some(0.0), Some(f64::NAN)),
            ] {
                let verdict = judge("any", statistic, comparison, threshold, Evidence::default());
                assert_eq!(verdict.outcome, Outcome::Undefined, "{statistic:?} {comparison:?} {threshold:?}");
                assert!(!verdict.passes() && verdict.statistic.is_none_or(f64::is_finite));
            }
        }
        assert_eq!(outcome(Some(-1e300), Comparison::AtLeast, Some(f64::NEG_INFINITY)), Outcome::Passed);
    }

    #[test]
    fn only_what_passed_or_was_waived_goes_on() {
        for (outcome, wanted) in [
            (Outcome::Unknown, false),
            (Outcome::Passed, true),
            (Outcome::Refused, false),
            (Outcome::Undefined, false),
            (Outcome::Waived, true),
        ] {
            let verdict = Verdict { outcome, ..Verdict::of_version_1(false, "") };
            assert_eq!(verdict.passes(), wanted, "{outcome:?}");
        }
    }

    #[test]
    fn the_sentence_says_what_was_compared() {
        let said = |statistic, comparison, threshold, walked| {
            judge(HOLDOUT, Some(statistic), comparison, Some(threshold), on_holdout(Some(walked))).sentence()
        };
        assert_eq!(
            said(-0.95837, Comparison::AtLeast, 0.34396, 0.6879),
            "refused: sharpe -0.9584 on the hold-out, at least 0.3440 needed (0.6879 walked forward)"
        );
        assert_eq!(
            said(0.75, Comparison::AtLeast, 0.5, 1.0),
            "confirmed: sharpe 0.7500 on the hold-out, at least 0.5000 needed (1.0000 walked forward)"
        );
        assert_eq!(
            said(0.5, Comparison::AtMost, 0.4, 0.2),
            "refused: sharpe 0.5000 on the hold-out, at most 0.4000 needed (0.2000 walked forward)"
        );
    }

    #[test]
    fn the_sentence_names_where_something_is_undefined() {
        for (walked, held) in [(None, Some(1.0)), (Some(1.0), None), (None, None)] {
            let threshold = walked.map(|walked: f64| walked * 0.5);
            let verdict = judge(HOLDOUT, held, Comparison::AtLeast, threshold, on_holdout(walked));
            assert_eq!(
                verdict.to_string(),
                "refused: sharpe is undefined on the walk-forward or on the hold-out"
            );
        }
        // A gate whose statistic is of no phase.
        let evidence = Evidence { metric: "pbo".into(), ..Evidence::default() };
        let verdict = judge("pbo", None, Comparison::AtMost, Some(0.3), evidence.clone());
        assert_eq!(verdict.sentence(), "refused: pbo is undefined");
        let verdict = judge("pbo", Some(0.25), Comparison::AtMost, Some(0.3), evidence);
        assert_eq!(verdict.sentence(), "confirmed: pbo 0.2500, at most 0.3000 needed");
    }

    #[test]
    fn a_waiver_lets_a_refused_model_pass_and_says_who_did() {
        let mut verdict = judge(HOLDOUT, Some(0.1), Comparison::AtLeast, Some(0.5), on_holdout(Some(1.0)));
        verdict.outcome = Outcome::Waived;
        verdict.waiver = Some(Waiver {
            author: "ann".into(),
            reason: "short hold-out".into(),
            expires: Timestamp(0),
            event: EventId::derive(&[b"waiver"]),
        });
        assert!(verdict.passes());
        let said = verdict.sentence();
        assert!(
            said.starts_with("waived: sharpe 0.1000 on the hold-out") && said.contains("by ann until 1970")
        );
        assert!(said.ends_with(": short hold-out"), "{said}");
    }

    #[test]
    fn a_record_of_version_1_keeps_its_answer_and_its_sentence() {
        for (is_confirmed, sentence) in [(true, "confirmed: sharpe"), (false, "refused: why"), (true, "")] {
            let verdict = Verdict::of_version_1(is_confirmed, sentence);
            assert_eq!((verdict.passes(), verdict.gate.as_str()), (is_confirmed, HOLDOUT));
            assert_eq!((verdict.statistic, verdict.threshold), (None, None));
            if !sentence.is_empty() {
                assert_eq!(verdict.sentence(), sentence);
            }
        }
        assert_eq!(Verdict::of_version_1(true, "").sentence(), "confirmed: the numbers are not recorded");
    }

    #[test]
    fn a_verdict_is_json_with_null_for_what_is_undefined() {
        let verdict = judge(HOLDOUT, None, Comparison::AtLeast, Some(0.5), on_holdout(Some(1.0)));
        let json = serde_json::to_value(&verdict).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "gate": "holdout", "statistic": null, "threshold": 0.5, "comparison": "at_least",
                "outcome": "undefined", "waiver": null,
                "evidence": {
                    "metric": "sharpe", "model_id": null, "phase": "holdout", "data": null,
                    "numbers": { "walk_forward": 1.0 }, "remark": null,
                },
            })
        );
        assert_eq!(serde_json::from_value::<Verdict>(json).unwrap(), verdict);
    }
}
