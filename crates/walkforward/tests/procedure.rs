//! The walk-forward of a procedure: one account, whoever trades each fold, and nothing that knows what comes later.

use crate::common::*;
use gauntlet_backtest::{Bars, Outcome};
use gauntlet_domain::experiment::{Parameters, TrialPlan, WalkForwardSegment};
use gauntlet_walkforward::{Procedure, Walk};

const BARS: usize = 600;

fn crossing(fast: i64, slow: i64) -> Parameters {
    parameters(&[("fast", int(fast)), ("slow", int(slow))])
}

fn segments(plan: &TrialPlan, chosen: &[Option<Parameters>]) -> Vec<WalkForwardSegment> {
    let segment = |(bars, parameters): (_, &Option<Parameters>)| WalkForwardSegment {
        bars,
        trial: parameters.as_ref().map(|_| 1),
        completed: 1,
        parameters: parameters.clone().unwrap_or_default(),
        in_sample: Some(1.0),
        in_sample_return: Some(0.1),
    };
    plan.folds.iter().copied().zip(chosen).map(segment).collect()
}

fn walked(plan: &TrialPlan, chosen: &[Option<Parameters>], bars: &Bars) -> Vec<Outcome> {
    let segments = segments(plan, chosen);
    let mut walk = Procedure::new(plan, &segments, bars).unwrap();
    std::iter::from_fn(|| walk.next_fold().unwrap()).map(|(_, outcome)| outcome).collect()
}

fn free(folds: usize) -> TrialPlan {
    let mut plan = plan("ma-cross", BARS, folds_of(folds));
    plan.costs.commission_bps = 0.0;
    plan.costs.slippage_bps = 0.0;
    plan.costs.quoted_spread = false;
    plan
}

fn folds_of(count: usize) -> Vec<gauntlet_domain::experiment::FoldRange> {
    folds(BARS, count, 0)
}

/// A rule without a stop forgets nothing at a boundary.
#[test]
fn the_same_choice_in_every_fold_is_one_walk_of_it() {
    let bars = swing(BARS);
    for count in [1, 2, 5] {
        let (plan, parameters) = (plan("ma-cross", BARS, folds_of(count)), crossing(3, 12));
        let mut walk = Walk::new(&plan, &parameters, &bars).unwrap();
        let expected: Vec<Outcome> =
            std::iter::from_fn(|| walk.next_fold().unwrap()).map(|(_, outcome)| outcome).collect();
        assert_eq!(walked(&plan, &vec![Some(parameters.clone()); count], &bars), expected);
    }
}

/// By hand, without costs: what is held follows the choice of the fold, from the first bar of it on.
#[test]
fn each_fold_is_traded_by_its_own_choice_and_no_return_is_missing() {
    let (bars, plan) = (swing(BARS), free(2));
    let chosen = [crossing(3, 12), crossing(2, 30)];
    let outcomes = walked(&plan, &[Some(chosen[0].clone()), Some(chosen[1].clone())], &bars);
    let sma =
        |length: usize, bar: usize| bars.close[bar + 1 - length..=bar].iter().sum::<f64>() / length as f64;
    let (mut equity, mut quantity, mut held) = (100_000.0, 0.0, 0.0);
    for (outcome, (test, (fast, slow))) in outcomes.iter().zip([(200..400, (3, 12)), (400..600, (2, 30))]) {
        for (index, bar) in test.enumerate() {
            let wanted = (sma(fast, bar - 1) - sma(slow, bar - 1)).signum();
            let before = equity;
            equity += quantity * (bars.open[bar] - bars.close[bar - 1]);
            if wanted != held {
                (quantity, held) = (wanted * 0.95 * equity / bars.open[bar], wanted);
            }
            equity += quantity * (bars.close[bar] - bars.open[bar]);
            let got = outcome.returns[index];
            assert!((got - (equity / before - 1.0)).abs() < 1e-12, "bar {bar}: {got}");
            assert!((outcome.equity[index] - equity).abs() < 1e-6);
        }
    }
}

#[test]
fn a_fold_without_a_choice_is_flat_from_its_first_opening() {
    let (bars, plan) = (swing(BARS), free(3));
    let some = || Some(crossing(3, 12));
    let outcomes = walked(&plan, &[some(), None, some()], &bars);
    assert!(outcomes[1].positions.iter().all(|units| *units == 0.0));
    assert!(outcomes[1].returns[1..].iter().all(|value| *value == 0.0));
    // What was held over the boundary earns the gap to the opening at which it is closed.
    assert_ne!(outcomes[1].returns[0], 0.0);
    assert_eq!(outcomes[1].trades.len(), 1);
    assert!(outcomes[2].trades.len() > 3);
    assert_eq!(
        outcomes[1].equity.last().map(|e| e.to_bits()),
        outcomes[1].equity.get(1).map(|e| e.to_bits())
    );
}

/// A model is fitted to the window of its fold, and knows nothing of the bars that it trades.
#[test]
fn a_learned_choice_is_fitted_again_to_its_window_alone() {
    let features = ["return(1)", "return(5)"];
    let plan = learned("gbdt", &features, BARS, folds(BARS, 2, 8));
    let chosen = vec![Some(parameters(&[("trees", int(5)), ("horizon_bars", int(4))])); 2];
    let bars = swing(BARS);
    let before = walked(&plan, &chosen, &bars);
    assert!(before.iter().all(|outcome| !outcome.trades.is_empty()));
    let later = walked(&plan, &chosen, &altered(&bars, 400..BARS));
    assert_eq!(before[0].returns, later[0].returns);
    let windows = walked(&plan, &chosen, &altered(&bars, 10..150));
    assert_ne!(before[0].positions, windows[0].positions);
}
