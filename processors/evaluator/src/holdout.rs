//! The gate `holdout`: does the objective on data that tuning never saw keep enough of what walking forward promised?
//!
//! Statistic: the objective on the hold-out. Threshold: the share asked for of a gain, or its inverse of a loss. Pure.

use gauntlet_domain::experiment::{EvaluationRequested, Metrics, Phase};
use gauntlet_domain::verdict::{self, Comparison, Evidence, HOLDOUT, Verdict};

/// The verdict on a finalist with this objective on the walk-forward and on the hold-out.
pub(crate) fn judge(request: &EvaluationRequested, walked: Option<f64>, held: Option<f64>) -> Verdict {
    let EvaluationRequested { model_id, plan, holdout, holdout_keeps, .. } = request;
    let evidence = Evidence {
        metric: plan.objective.clone(),
        model_id: Some(*model_id),
        phase: Some(Phase::Holdout),
        data: Some(holdout.content_hash),
        numbers: Metrics::from([
            (Phase::WalkForward.word().to_owned(), walked),
            ("holdout_keeps".to_owned(), Some(*holdout_keeps)),
        ]),
        remark: None,
    };
    let comparison = if plan.maximize { Comparison::AtLeast } else { Comparison::AtMost };
    let threshold = walked.map(|walked| needed(walked, *holdout_keeps, plan.maximize));
    verdict::judge(HOLDOUT, held, comparison, threshold, evidence)
}

/// At least the share asked for of a gain, and not more than its inverse of a loss. A share of zero allows any loss: the
/// threshold is infinite.
fn needed(walked: f64, keeps: f64, maximize: bool) -> f64 {
    let is_gain = if maximize { walked >= 0.0 } else { walked <= 0.0 };
    if is_gain { walked * keeps } else { walked / keeps }
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::experiment::{AccountTerms, CostTerms, DataRef, Parameters, TrialPlan};
    use gauntlet_domain::verdict::Outcome;
    use gauntlet_domain::{BarSpec, ContentHash, ExperimentId, ModelId, SnapshotId, Timestamp};

    use super::*;

    fn request(maximize: bool, holdout_keeps: f64) -> EvaluationRequested {
        let data = DataRef {
            snapshot_id: SnapshotId::derive(&[]),
            content_hash: ContentHash::of(b""),
            instrument: "A.B".into(),
            spec: BarSpec::Time { seconds: 3600 },
            from: Timestamp(0),
            to: Timestamp(1),
            rows: 1,
        };
        EvaluationRequested {
            experiment_id: ExperimentId::derive(&[]),
            model_id: ModelId::derive(&[]),
            trial: 0,
            finalist: 1,
            parameters: Parameters::new(),
            plan: TrialPlan {
                data: data.clone(),
                strategy: "ma-cross".into(),
                features: vec![],
                estimator: None,
                costs: CostTerms {
                    commission_bps: 0.0,
                    quoted_spread: false,
                    spread_bps: 0.0,
                    slippage_bps: 0.0,
                    latency_bars: 0,
                },
                account: AccountTerms {
                    currency: "USD".into(),
                    capital: 1.0,
                    percent: 100.0,
                    allow_short: true,
                    benchmark: "none".into(),
                },
                folds: vec![],
                embargo_bars: 0,
                objective: "sharpe".into(),
                maximize,
                periods_per_year: 1.0,
                seed: 0,
                metric_set: 1,
            },
            holdout: data,
            holdout_keeps,
            addressee: "evaluator".into(),
        }
    }

    fn confirms(maximize: bool, keeps: f64, walked: f64, held: f64) -> bool {
        judge(&request(maximize, keeps), Some(walked), Some(held)).passes()
    }

    #[test]
    fn a_gain_must_keep_its_share() {
        assert!(confirms(true, 0.5, 2.0, 1.0));
        assert!(!confirms(true, 0.5, 2.0, 0.99));
        // Minimised, a negative value is a gain.
        assert!(confirms(false, 0.5, -2.0, -1.0));
        assert!(!confirms(false, 0.5, -2.0, -0.99));
    }

    #[test]
    fn a_loss_may_grow_by_the_inverse_of_the_share() {
        assert!(confirms(true, 0.5, -1.0, -2.0));
        assert!(!confirms(true, 0.5, -1.0, -2.01));
        // Minimised, a positive value (a drawdown) is a loss.
        assert!(confirms(false, 0.5, 0.2, 0.4));
        assert!(!confirms(false, 0.5, 0.2, 0.41));
    }

    #[test]
    fn from_nothing_nothing_may_be_lost() {
        for maximize in [true, false] {
            assert!(confirms(maximize, 0.5, 0.0, 0.0));
        }
        assert!(!confirms(true, 0.5, 0.0, -0.1));
        assert!(!confirms(false, 0.5, 0.0, 0.1));
    }

    #[test]
    fn a_share_of_zero_allows_any_loss_but_no_loss_of_a_gain() {
        assert!(confirms(true, 0.0, -1.0, -1e9));
        assert!(confirms(true, 0.0, 1.0, 0.0));
        assert!(!confirms(true, 0.0, 1.0, -0.1));
    }

    #[test]
    fn the_undefined_is_never_confirmed() {
        for (walked, held) in [(None, Some(1.0)), (Some(1.0), None), (None, None)] {
            let verdict = judge(&request(true, 0.0), walked, held);
            assert!(!verdict.passes() && verdict.outcome == Outcome::Undefined);
            assert_eq!(
                verdict.sentence(),
                "refused: sharpe is undefined on the walk-forward or on the hold-out"
            );
        }
    }

    #[test]
    fn the_verdict_says_what_was_compared() {
        let verdict = judge(&request(true, 0.5), Some(1.0), Some(0.75));
        assert_eq!(
            verdict.sentence(),
            "confirmed: sharpe 0.7500 on the hold-out, at least 0.5000 needed (1.0000 walked forward)"
        );
        let verdict = judge(&request(false, 0.5), Some(0.2), Some(0.5));
        assert_eq!(
            verdict.sentence(),
            "refused: sharpe 0.5000 on the hold-out, at most 0.4000 needed (0.2000 walked forward)"
        );
    }
}
