//! Verdicts of the gates that need the ledger, and what follows from all verdicts of a finalist.

use gauntlet_domain::ContentHash;
use gauntlet_domain::experiment::{DataRef, Metrics, Phase};
use gauntlet_domain::gates::{self, Gate, Stage};
use gauntlet_domain::selection::{Candidate, CandidateRisk, RiskVerdictIssued};
use gauntlet_domain::verdict::{self, Comparison, Evidence, Verdict};
use gauntlet_quant::inference::{SharpeEstimate, min_trl};
use gauntlet_walkforward::inference::{judged_returns, of_figures};
use gauntlet_walkforward::ledger::{Entry, Tried, missing, tried};

use crate::contest::CHALLENGER;

/// Name of the verdict on finalists that pass everything and have a better one before them.
const OUTRANKED: &str = "outranked";

/// What the ledger of a mandate says for one experiment.
pub(crate) struct Ledger<'a> {
    tried: Tried,
    own: &'a Entry,
    /// Earlier places without an entry.
    missing: u64,
    family: &'a Metrics,
}

impl<'a> Ledger<'a> {
    /// Of all entries of a mandate, in the order of their places.
    pub(crate) fn of(entries: &[Entry], own: &'a Entry, family: &'a Metrics) -> Ledger<'a> {
        Ledger {
            tried: tried(entries.iter(), own, own.place, 0),
            own,
            missing: missing(entries.iter(), own.place),
            family,
        }
    }

    /// The verdict of a gate that the ledger answers; `None` for any other. One of another release is undefined.
    pub(crate) fn verdict(
        &self,
        gate: &Gate,
        risk: &CandidateRisk,
        issued: &RiskVerdictIssued,
    ) -> Option<Verdict> {
        let Some(definition) = gate.definition() else { return Some(unreadable(risk, &gate.name)) };
        // The comparison with the champion is asked for once everything else is passed.
        if definition.stage != Stage::Ledger || gate.name == CHALLENGER {
            return None;
        }
        let figures = self.figures(risk);
        let statistic = figures.get(&gate.name).copied().flatten();
        let evidence = Evidence {
            metric: gate.name.clone(),
            model_id: Some(risk.model_id),
            data: issued.data.as_ref().map(|data| data.content_hash),
            phase: Some(if gate.name == "holdout_looks" { Phase::Holdout } else { Phase::Tuning }),
            numbers: self.numbers(&gate.name, &figures),
            remark: None,
        };
        let mut verdict =
            verdict::judge(&gate.name, statistic, definition.comparison, gate.threshold(), evidence);
        if statistic.is_none() {
            verdict.evidence.remark = Some(format!("undefined: {}", self.why(&gate.name)));
        }
        Some(verdict)
    }

    /// Figures of a finalist that need the ledger, and those of the trials as a family.
    pub(crate) fn figures(&self, risk: &CandidateRisk) -> Metrics {
        let numbers = of_figures(&risk.figures);
        let mut figures = self.tried.figures(self.own, self.missing, &numbers);
        figures.extend(self.family.iter().map(|(name, value)| (format!("family.{name}"), *value)));
        let track_record = self.track_record(&numbers, judged_returns(&numbers));
        figures.insert("track_record".to_owned(), track_record);
        figures.insert("pbo".to_owned(), self.family.get("pbo").copied().flatten());
        figures
    }

    /// Bars there are over the bars at which the Sharpe ratio would be deflated to 0.95.
    fn track_record(&self, numbers: &Metrics, prefix: &str) -> Option<f64> {
        let number = |name: &str| numbers.get(name).copied().flatten();
        let of = |name: &str| number(&format!("{prefix}{name}"));
        let observations = number("observations")?;
        let estimate = SharpeEstimate {
            observations: observations as usize,
            sharpe: of("sharpe")?,
            skewness: of("skewness")?,
            kurtosis: of("kurtosis")?,
        };
        let benchmark =
            self.tried.ceiling? / number("periods_per_year").filter(|periods| *periods > 0.0)?.sqrt();
        let needed = min_trl(&estimate, benchmark, 0.95).ok()?;
        Some(observations / needed).filter(|share| share.is_finite())
    }

    fn numbers(&self, gate: &str, figures: &Metrics) -> Metrics {
        let beside: &[&str] = match gate {
            "deflated_sharpe" | "track_record" => {
                &["ledger.experiments", "ledger.trials", "ledger.looks", "ledger.deviation", "ledger.ceiling"]
            }
            "pbo" => &["family.trials", "family.days", "family.spa_p_value", "family.effective_trials"],
            _ => &[],
        };
        beside.iter().filter_map(|name| Some(((*name).to_owned(), *figures.get(*name)?))).collect()
    }

    fn why(&self, gate: &str) -> &'static str {
        match gate {
            "pbo" if self.family.is_empty() => "the trials were not measured together",
            "pbo" => "fewer than two trials vary, or there are too few days",
            _ if self.tried.counted.is_none() => "fewer than two trials have a Sharpe ratio",
            _ => "the Sharpe ratio of the finalist or its moments are undefined",
        }
    }
}

/// Gates that this release does not know, or cannot read: nothing passes them.
pub(crate) fn unreadable(risk: &CandidateRisk, what: &str) -> Verdict {
    let evidence = Evidence {
        metric: "gates".to_owned(),
        model_id: Some(risk.model_id),
        remark: Some(format!("undefined: a gate of another release, which this one cannot judge: {what}")),
        ..Evidence::default()
    };
    Verdict::undefined("gates", evidence)
}

/// A finalist with all its verdicts, in the order of the table of gates.
pub(crate) fn candidate(
    mandate: &str,
    issued: &RiskVerdictIssued,
    risk: &CandidateRisk,
    mut verdicts: Vec<Verdict>,
    figures: Metrics,
) -> Candidate {
    let place = |verdict: &Verdict| gates::ALL.iter().position(|gate| gate.name == verdict.gate);
    verdicts.sort_by_key(place);
    Candidate {
        mandate: mandate.to_owned(),
        experiment_id: issued.experiment_id,
        place: issued.place,
        model_id: risk.model_id,
        trial: risk.trial,
        rank: risk.rank,
        attempt: 1,
        version_hash: version_hash(issued, risk),
        verdicts_hash: hash_of(&verdicts),
        waivers_hash: hash_of(&[] as &[Verdict]),
        policy: issued.policy.clone(),
        verdicts,
        figures,
        undefined: risk.undefined.clone(),
        series: risk.series,
        submitted_by: issued.submitted_by.clone(),
    }
}

/// SHA-256 over what a model is: its artifact, its trial of its document, its data, and the logic that runs it where that is
/// known.
fn version_hash(issued: &RiskVerdictIssued, risk: &CandidateRisk) -> ContentHash {
    let data = |data: &Option<DataRef>| data.as_ref().map(|data| data.content_hash);
    let parts = (risk.artifact, issued.config_hash, risk.trial, data(&issued.data), data(&issued.holdout));
    match &risk.logic {
        Some(logic) => hash_of(&(parts, logic)),
        None => hash_of(&parts),
    }
}

/// SHA-256 over something as JSON, whose maps are in the order of their keys.
pub(crate) fn hash_of<T: serde::Serialize + ?Sized>(what: &T) -> ContentHash {
    let json = serde_json::to_string(what).expect("invariant: it has only JSON values with text keys");
    ContentHash::of(json.as_bytes())
}

/// Whether every gate is passed or waived, and there is one.
pub(crate) fn passes(candidate: &Candidate) -> bool {
    !candidate.verdicts.is_empty() && candidate.verdicts.iter().all(Verdict::passes)
}

/// The gates that are not passed.
pub(crate) fn failed(candidate: &Candidate) -> Vec<String> {
    let refused = candidate.verdicts.iter().filter(|verdict| !verdict.passes());
    refused.map(|verdict| verdict.gate.clone()).collect()
}

/// Says that a finalist that passes everything has a better one of its experiment before it.
pub(crate) fn outranked(candidate: &mut Candidate) {
    let evidence = Evidence {
        metric: "rank".to_owned(),
        model_id: Some(candidate.model_id),
        phase: Some(Phase::Tuning),
        ..Evidence::default()
    };
    let rank = Some(candidate.rank as f64);
    candidate.verdicts.push(verdict::judge(OUTRANKED, rank, Comparison::AtMost, Some(1.0), evidence));
    candidate.verdicts_hash = hash_of(&candidate.verdicts);
}
