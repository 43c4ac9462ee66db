//! A model that passes every gate, where its mandate has a champion: the two are compared before anything is decided.

use gauntlet_domain::experiment::{Metrics, Phase};
use gauntlet_domain::gates::{self, Gate};
use gauntlet_domain::selection::*;
use gauntlet_domain::verdict::{self, Evidence};
use serde::{Deserialize, Serialize};

use crate::judge::hash_of;

/// Name of the gate.
pub(crate) const CHALLENGER: &str = "challenger";

/// Years for which a switch is planned.
const HORIZON_YEARS: f64 = 1.0;

/// What a switch costs, a share of the equity: one position closed and another opened at ten basis points together.
const SWITCHING_COST: f64 = 0.001;

/// Seed of the bootstrap, whose p-value decides nothing.
const SEED: i64 = 1;

/// Decisions that wait for a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Contest {
    /// The finalists to be decided about, in the order of their ranks.
    pub(crate) candidates: Vec<Candidate>,
    /// The place of the one among them that passes.
    pub(crate) best: usize,
    /// The threshold, as the policy has it.
    pub(crate) gate: Gate,
    /// The end of the experiment; `None` where a waiver began it.
    pub(crate) judged: Option<ExperimentJudged>,
}

impl Contest {
    /// Asks for the comparison with a champion.
    pub(crate) fn request(&self, champion: &Contender) -> ChallengeRequested {
        let best = &self.candidates[self.best];
        ChallengeRequested {
            mandate: best.mandate.clone(),
            experiment_id: best.experiment_id,
            challenger: contender(best),
            champion: champion.clone(),
            seed: SEED,
            horizon_years: HORIZON_YEARS,
            switching_cost: SWITCHING_COST,
        }
    }

    /// Whether a comparison is the one that was asked for.
    pub(crate) fn is_answered_by(&self, measured: &ChallengeMeasured) -> bool {
        self.candidates[self.best].model_id == measured.challenger
    }

    /// Adds the verdict to the candidate that passes all others.
    pub(crate) fn judge(&mut self, measured: &ChallengeMeasured) {
        let candidate = &mut self.candidates[self.best];
        let statistic = measured.figures.get("advantage").copied().flatten();
        let remark = measured.undefined.get("advantage").map(|why| format!("undefined: {why}"));
        let evidence = Evidence {
            metric: "advantage".to_owned(),
            model_id: Some(candidate.model_id),
            phase: Some(Phase::Holdout),
            numbers: measured.figures.clone(),
            remark: remark.filter(|_| statistic.is_none()),
            ..Evidence::default()
        };
        let comparison = gates::by_name(CHALLENGER).map(|gate| gate.comparison).unwrap_or_default();
        let verdict = verdict::judge(CHALLENGER, statistic, comparison, self.gate.threshold(), evidence);
        candidate.verdicts.retain(|verdict| verdict.gate != CHALLENGER);
        candidate.verdicts.push(verdict);
        candidate.verdicts_hash = hash_of(&candidate.verdicts);
        let named = |(name, value): (&String, &Option<f64>)| (format!("challenge.{name}"), *value);
        candidate.figures.extend(measured.figures.iter().map(named).collect::<Metrics>());
    }
}

/// A candidate as a side of a comparison.
pub(crate) fn contender(candidate: &Candidate) -> Contender {
    Contender { model_id: candidate.model_id, series: candidate.series }
}
