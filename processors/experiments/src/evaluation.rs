//! What evaluation says of a finalist, and the order of finalists.

use std::cmp::Ordering;

use gauntlet_domain::Direction;
use gauntlet_domain::experiment::*;
use gauntlet_domain::verdict::{Evidence, HOLDOUT, Verdict};
use serde::{Deserialize, Serialize};

/// The answer of an evaluator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Evaluation {
    Completed(EvaluationCompleted),
    Failed(EvaluationFailed),
}

impl Evaluation {
    /// The finalist by the experiment's objective; one that failed has no values and an undefined verdict.
    pub(crate) fn ranked(&self, objective: &str) -> RankedModel {
        // A program outside may write what is no number: it is undefined and never wins.
        let value =
            |metrics: &Metrics| metrics.get(objective).copied().flatten().filter(|value| value.is_finite());
        match self {
            Evaluation::Completed(e) => RankedModel {
                model_id: e.model_id,
                trial: e.trial,
                tuning: value(&e.tuning),
                walk_forward: value(&e.walk_forward),
                holdout: value(&e.holdout),
                verdict: e.verdict.clone(),
            },
            Evaluation::Failed(e) => RankedModel {
                model_id: e.model_id,
                trial: e.trial,
                tuning: None,
                walk_forward: None,
                holdout: None,
                verdict: Verdict::undefined(HOLDOUT, unmeasured(objective, e)),
            },
        }
    }
}

/// What there is to say of a finalist whose evaluation failed.
fn unmeasured(objective: &str, failed: &EvaluationFailed) -> Evidence {
    Evidence {
        metric: objective.to_owned(),
        model_id: Some(failed.model_id),
        phase: Some(Phase::Holdout),
        ..Evidence::default()
    }
}

/// By tuning score; undefined and failed ones last, ties to the earlier trial.
pub(crate) fn best_first(ranking: &mut [RankedModel], direction: Direction) {
    ranking.sort_by(|a, b| {
        let score = |model: &RankedModel| model.tuning.or(model.walk_forward);
        let by_value = match (score(a), score(b)) {
            (Some(a), Some(b)) => direction.better_first(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        by_value.then(a.trial.cmp(&b.trial))
    });
}
