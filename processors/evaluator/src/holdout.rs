//! The gate `holdout`: is there a gain on data that tuning never saw, and does it keep enough of what was promised? A loss
//! never passes, however small it is beside another loss.
//!
//! The promise is the walk-forward of the procedure, which chose without looking; where there was none, it is the tuning
//! score of the finalist itself. The verdict is on the first of these that does not hold, or on the last one:
//!
//! 1. there are at least `min_trades` trades on the hold-out;
//! 2. the promise is a gain: its objective is above zero, where more of it is better; and its total return is above zero,
//!    whatever the objective, since a win rate or a profit factor is above zero in a loss too;
//! 3. so is the hold-out;
//! 4. the objective on the hold-out is at least `holdout_keeps` of that of the promise, or, where less is better, at most
//!    its inverse.
//!
//! Pure.

use gauntlet_domain::experiment::{EvaluationRequested, Metrics, Phase};
use gauntlet_domain::verdict::{self, Comparison, Evidence, HOLDOUT, Verdict};

/// What a finalist came to on one stretch of data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    /// The objective.
    pub(crate) value: Option<f64>,
    /// Return from the first bar to the last.
    pub(crate) total_return: Option<f64>,
    /// Closed positions.
    pub(crate) trades: usize,
}

/// What the hold-out is held against.
struct Promise {
    phase: Phase,
    value: Option<f64>,
    total_return: Option<f64>,
}

/// The verdict on a finalist that came to `tuned` on the tuning bars and to `held` on the hold-out.
pub(crate) fn judge(request: &EvaluationRequested, tuned: Stretch, held: Stretch) -> Verdict {
    let EvaluationRequested { plan, holdout_keeps: keeps, min_trades, .. } = request;
    let promise = match request.procedure {
        Some(of) => Promise { phase: Phase::WalkForward, value: of.value, total_return: of.total_return },
        None => Promise { phase: Phase::Tuning, value: tuned.value, total_return: tuned.total_return },
    };
    let objective = plan.objective.as_str();
    let is = |metric: &str, phase: &Phase, statistic, comparison, threshold| {
        let evidence = evidence(request, metric, phase, &promise, held);
        verdict::judge(HOLDOUT, statistic, comparison, threshold, evidence)
    };
    let gains = |phase: &Phase, value, total_return| {
        let above_zero = |metric, statistic| is(metric, phase, statistic, Comparison::MoreThan, Some(0.0));
        [plan.maximize.then(|| above_zero(objective, value)), Some(above_zero("total_return", total_return))]
    };
    let trades = (Some(held.trades as f64), Some(*min_trades as f64));
    let enough = is("trade_count", &Phase::Holdout, trades.0, Comparison::AtLeast, trades.1);
    let comparison = if plan.maximize { Comparison::AtLeast } else { Comparison::AtMost };
    let threshold = promise.value.map(|value| if plan.maximize { value * keeps } else { value / keeps });
    let kept = is(objective, &Phase::Holdout, held.value, comparison, threshold);
    let promised = gains(&promise.phase, promise.value, promise.total_return);
    let held = gains(&Phase::Holdout, held.value, held.total_return);
    let first = std::iter::once(enough).chain(promised.into_iter().chain(held).flatten());
    first.into_iter().find(|verdict| !verdict.passes()).unwrap_or(kept)
}

fn evidence(
    request: &EvaluationRequested,
    metric: &str,
    phase: &Phase,
    promise: &Promise,
    held: Stretch,
) -> Evidence {
    let numbers = [
        (promise.phase.word(), promise.value),
        ("holdout", held.value),
        ("holdout_keeps", Some(request.holdout_keeps)),
        ("holdout_trades", Some(held.trades as f64)),
        ("min_trades", Some(request.min_trades as f64)),
    ];
    let data = if *phase == Phase::Holdout { &request.holdout } else { &request.plan.data };
    Evidence {
        metric: metric.to_owned(),
        model_id: Some(request.model_id),
        data: Some(data.content_hash),
        phase: Some(phase.clone()),
        numbers: Metrics::from(numbers.map(|(name, value)| (name.to_owned(), value))),
        remark: None,
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::experiment::{
        AccountTerms, CostTerms, DataRef, Parameters, ProcedureOutcome, TrialPlan,
    };
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
                    maintenance_margin: 0.0,
                    risk_free: vec![],
                    limits: None,
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
            min_trades: 10,
            procedure: None,
            addressee: "evaluator".into(),
        }
    }

    fn stretch(value: Option<f64>) -> Stretch {
        Stretch { value, total_return: Some(0.1), trades: 10 }
    }

    fn verdict(maximize: bool, keeps: f64, walked: Option<f64>, held: Option<f64>) -> Verdict {
        judge(&request(maximize, keeps), stretch(walked), stretch(held))
    }

    fn confirms(maximize: bool, keeps: f64, walked: f64, held: f64) -> bool {
        verdict(maximize, keeps, Some(walked), Some(held)).passes()
    }

    #[test]
    fn a_gain_must_keep_its_share() {
        assert!(confirms(true, 0.5, 2.0, 1.0));
        assert!(!confirms(true, 0.5, 2.0, 0.99));
        // Less is better: twice as much is half as good.
        assert!(confirms(false, 0.5, 0.2, 0.4));
        assert!(!confirms(false, 0.5, 0.2, 0.41));
    }

    #[test]
    fn a_loss_never_passes() {
        for (walked, held) in [(-5.0, -3.9), (-1.0, 2.0), (0.0, 1.0), (1.0, 0.0), (1.0, -0.1)] {
            assert!(!confirms(true, 0.0, walked, held), "{walked} {held}");
        }
        // Whichever way the objective is better: a win rate of 0.1 is above zero, and a drawdown of 0.1 is small.
        let lost = Stretch { total_return: Some(-0.01), ..stretch(Some(0.1)) };
        for request in [true, false].map(|maximize| request(maximize, 0.5)) {
            for (tuned, held, phase) in
                [(lost, stretch(Some(0.1)), Phase::Tuning), (stretch(Some(0.1)), lost, Phase::Holdout)]
            {
                let refused = judge(&request, tuned, held);
                assert_eq!((refused.outcome, refused.statistic), (Outcome::Refused, Some(-0.01)));
                assert_eq!(
                    (refused.evidence.metric.as_str(), refused.evidence.phase),
                    ("total_return", Some(phase))
                );
            }
        }
    }

    /// Who never trades loses nothing and shows nothing.
    #[test]
    fn too_few_trades_confirm_nothing() {
        let idle = Stretch { value: Some(0.0), total_return: Some(0.0), trades: 0 };
        let refused = judge(&request(false, 0.5), idle, idle);
        assert_eq!(
            (refused.statistic, refused.threshold, refused.outcome),
            (Some(0.0), Some(10.0), Outcome::Refused)
        );
        assert_eq!(refused.evidence.metric, "trade_count");
        let few = Stretch { trades: 9, ..stretch(Some(2.0)) };
        assert!(!judge(&request(true, 0.5), stretch(Some(2.0)), few).passes());
        assert!(
            judge(&request(true, 0.5), Stretch { trades: 0, ..stretch(Some(2.0)) }, stretch(Some(2.0)))
                .passes()
        );
    }

    #[test]
    fn the_undefined_is_never_confirmed() {
        for (walked, held) in [(None, Some(1.0)), (Some(1.0), None), (None, None)] {
            let verdict = verdict(true, 0.0, walked, held);
            assert!(!verdict.passes() && verdict.outcome == Outcome::Undefined);
        }
    }

    #[test]
    fn the_verdict_says_what_was_compared() {
        let said = |maximize, walked, held| verdict(maximize, 0.5, Some(walked), Some(held)).sentence();
        assert_eq!(
            said(true, 1.0, 0.75),
            "confirmed: sharpe 0.7500 on the hold-out, at least 0.5000 needed (1.0000 in tuning)"
        );
        assert_eq!(
            said(false, 0.2, 0.5),
            "refused: sharpe 0.5000 on the hold-out, at most 0.4000 needed (0.2000 in tuning)"
        );
        assert_eq!(said(true, -1.0, 2.0), "refused: sharpe -1.0000 in tuning, more than 0 needed");
        let few = Stretch { trades: 4, ..stretch(Some(2.0)) };
        assert_eq!(
            judge(&request(true, 0.5), stretch(Some(2.0)), few).sentence(),
            "refused: trade_count 4 on the hold-out, at least 10 needed"
        );
    }

    /// Where the procedure was walked forward, the finalist's own score, on which it was chosen, promises nothing.
    #[test]
    fn the_promise_is_the_procedures_where_there_is_one() {
        let walked = |value| EvaluationRequested {
            procedure: Some(ProcedureOutcome { value, total_return: value.map(|value| value / 10.0) }),
            ..request(true, 0.5)
        };
        let judged = |value, held| judge(&walked(value), stretch(Some(9.0)), stretch(Some(held)));
        assert_eq!(
            judged(Some(1.0), 0.75).sentence(),
            "confirmed: sharpe 0.7500 on the hold-out, at least 0.5000 needed (1.0000 walked forward)"
        );
        assert_eq!(
            judged(Some(-0.2), 2.0).sentence(),
            "refused: sharpe -0.2000 on the walk-forward, more than 0 needed"
        );
        assert_eq!(judged(None, 2.0).outcome, Outcome::Undefined);
    }
}
