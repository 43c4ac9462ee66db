//! Folds and the hold-out: what runs over which bars, and that nothing knows what comes later.

use crate::common::*;
use gauntlet_backtest::model::{Artifact, Estimator, ModelConfig, train};
use gauntlet_backtest::{Bars, Outcome, Params, Run, Then, run, strategy};
use gauntlet_domain::experiment::{CostTerms, FoldRange, Parameters, TrialPlan};
use gauntlet_walkforward::{Decided, Segments, Walk, hold_out, model};
use proptest::prelude::*;

const BARS: usize = 600;

fn rule() -> (TrialPlan, Parameters) {
    let parameters = parameters(&[("fast", int(3)), ("slow", int(12)), ("stop_atr", float(2.0))]);
    (plan("ma-cross", BARS, folds(BARS, 3, 0)), parameters)
}

/// A learned model whose features look back at most ten bars, with a purge of twelve and an embargo of 20.
fn learned_model() -> (TrialPlan, Parameters) {
    let features = ["return(1)", "return(5)", "sma_distance(10)", "range"];
    let plan = TrialPlan { embargo_bars: 20, ..learned("logistic", &features, BARS, folds(BARS, 3, 12)) };
    (plan, parameters(&[("horizon_bars", int(4)), ("threshold", float(0.02))]))
}

fn walked((plan, parameters): &(TrialPlan, Parameters), bars: &Bars) -> Vec<Outcome> {
    let mut walk = Walk::new(plan, parameters, bars).unwrap();
    std::iter::from_fn(|| walk.next_fold().unwrap()).map(|(_, outcome)| outcome).collect()
}

fn artifacts((plan, parameters): &(TrialPlan, Parameters), bars: &Bars) -> Vec<Artifact> {
    let walk = Walk::new(plan, parameters, bars).unwrap();
    (0..plan.folds.len()).map(|fold| walk.artifact(fold).unwrap().unwrap()).collect()
}

fn bounds(fold: &FoldRange) -> [usize; 4] {
    [fold.train_from, fold.train_to, fold.test_from, fold.test_to].map(|bar| bar as usize)
}

// A rule.

/// However many folds there are, the account is one, from the first judged bar to the last.
#[test]
fn the_folds_of_a_rule_are_one_run() {
    let (bars, (_, parameters)) = (swing(BARS), rule());
    let values = [("fast", 3.into()), ("slow", 12.into()), ("stop_atr", 2.0.into())];
    let params: Params = values.map(|(name, value)| (name.to_owned(), value)).into();
    let signals = strategy::by_name("ma-cross").unwrap().build(&params).unwrap().signals(&bars);
    for count in [1, 2, 3, 5, 11] {
        let plan = plan("ma-cross", BARS, folds(BARS, count, 0));
        let (costs, account) = (model::costs(&plan.costs), model::account(&plan.account));
        let ranges: Vec<_> =
            plan.folds.iter().map(|fold| fold.test_from as usize..fold.test_to as usize).collect();
        let whole = run(&bars, ranges[0].start..BARS, &signals, &costs, &account);
        assert!(whole.trades.len() > 10);
        let walked = walked(&(plan, parameters.clone()), &bars);
        let joined = |column: fn(&Outcome) -> &[f64]| {
            walked.iter().flat_map(|o| column(o).to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(joined(|outcome| &outcome.returns), whole.returns, "{count} folds");
        assert_eq!(joined(|outcome| &outcome.equity), whole.equity);
        assert_eq!(joined(|outcome| &outcome.positions), whole.positions);
        let trades: Vec<_> = walked.iter().flat_map(|outcome| outcome.trades.clone()).collect();
        assert_eq!(trades, whole.trades);
        assert_eq!(walked.last().unwrap().summary, whole.summary);
    }
}

/// Decided once and traded under other costs is the walk of a plan with those costs.
#[test]
fn decisions_are_traded_as_a_walk_trades_them() {
    let bars = swing(BARS);
    for (mut plan, parameters) in [rule(), learned_model()] {
        let decided_once = plan.clone();
        let decided = Decided::of(&decided_once, &parameters, &bars, 3).unwrap();
        assert_eq!(Decided::fits(&plan), if plan.estimator.is_some() { plan.folds.len() } else { 0 });
        for (latency_bars, commission_bps, quoted_spread) in [(0, 0.5, true), (3, 0.5, true), (1, 4.0, false)]
        {
            plan.costs =
                CostTerms { latency_bars, commission_bps, quoted_spread, spread_bps: 3.0, ..plan.costs };
            let walked = walked(&(plan.clone(), parameters.clone()), &bars);
            let (segments, trades) = decided.trade(&model::costs(&plan.costs));
            let of_walk: Vec<_> = walked.iter().flat_map(|outcome| outcome.trades.clone()).collect();
            assert!(!trades.is_empty() && trades == of_walk);
            assert_eq!(segments.returns, walked.iter().flat_map(|o| o.returns.clone()).collect::<Vec<_>>());
        }
    }
}

/// What differs in the rule that trades on the probabilities shares the fitted models, what differs in what is learned does not.
#[test]
fn decisions_of_other_parameters_are_those_of_a_model_of_its_own() {
    let bars = swing(BARS);
    let (plan, parameters) = learned_model();
    let decided = Decided::of(&plan, &parameters, &bars, 1).unwrap();
    let costs = model::costs(&plan.costs);
    let own = decided.trade(&costs).1;
    for (name, value, is_fitted) in [("threshold", float(0.08), true), ("horizon_bars", int(9), false)] {
        let mut others = parameters.clone();
        others.insert(name.into(), value);
        assert_eq!(decided.learns_like(&others), is_fitted, "{name}");
        let trades = decided.with(&others).unwrap().trade(&costs).1;
        assert_eq!(trades, Decided::of(&plan, &others, &bars, 1).unwrap().trade(&costs).1, "{name}");
        assert_ne!(trades, own, "{name} makes no difference here");
    }
}

#[test]
fn no_bar_of_a_walk_is_missing() {
    let (bars, (plan, parameters)) = (swing(BARS), rule());
    let mut walk = Walk::new(&plan, &parameters, &bars).unwrap();
    let (mut segments, mut equity) = (Segments::of(&plan), 0.0);
    while let Some((range, outcome)) = walk.next_fold().unwrap() {
        equity = *outcome.equity.last().unwrap();
        segments.push(&bars, range, &outcome);
    }
    assert_eq!((segments.returns.len(), segments.positions.len(), segments.benchmark.len()), (450, 450, 450));
    let joined: f64 = segments.returns.iter().map(|r| 1.0 + r).product();
    let growth = equity / plan.account.capital;
    assert!((joined - growth).abs() < 1e-12 * growth, "{joined} is not {growth}");
    assert_eq!(walk.artifact(0).unwrap(), None);
}

#[test]
fn the_hold_out_of_a_rule_is_a_run_with_the_tuning_bars_as_warm_up() {
    let (bars, (plan, parameters)) = (swing(BARS), rule());
    let held = hold_out(&plan, &parameters, &bars, 500).unwrap();
    let walk_over_it = TrialPlan {
        folds: vec![FoldRange { train_from: 0, train_to: 500, test_from: 500, test_to: 600 }],
        ..plan.clone()
    };
    let (range, outcome) =
        Walk::new(&walk_over_it, &parameters, &bars).unwrap().next_fold().unwrap().unwrap();
    assert_eq!((held.range, held.outcome), (range, outcome));
    assert_eq!(held.artifact, None);
}

// A learned model.

#[test]
fn the_folds_of_a_model_are_one_account_that_is_handed_from_one_to_the_next() {
    let bars = swing(BARS);
    for estimator in Estimator::ALL {
        // The first training range of three folds is too short for features that look back 100 bars and a label.
        let plan = TrialPlan {
            folds: folds(BARS, 3, 12)[1..].to_vec(),
            ..learned(estimator.name(), &[], BARS, vec![])
        };
        let mut walk = Walk::new(&plan, &parameters(&[("horizon_bars", int(4))]), &bars).unwrap();
        let params = Params::from([("horizon_bars".to_owned(), 4.into())]);
        let config = ModelConfig::build(estimator, &[], &params).unwrap();
        let (costs, account) = (model::costs(&plan.costs), model::account(&plan.account));
        let mut account = Run::new(&bars, &costs, &account);
        for (index, fold) in plan.folds.iter().enumerate() {
            let [from, to, test_from, test_to] = bounds(fold);
            let artifact = train(&bars, from..to, &config, 7).unwrap();
            let signals = artifact.signals(&bars);
            if index > 0 {
                account.hand_over(test_from, &signals);
            }
            let then = if index == 1 { Then::Close } else { Then::GoOn };
            let expected = account.segment(test_from..test_to, &signals, then);
            assert_eq!(walk.artifact(index).unwrap(), Some(artifact));
            assert_eq!(walk.next_fold().unwrap(), Some((test_from..test_to, expected)));
        }
        assert_eq!(walk.next_fold().unwrap(), None);
    }
}

#[test]
fn the_hold_out_of_a_model_is_a_run_of_what_all_tuning_bars_teach() {
    let (bars, (plan, parameters)) = (swing(BARS), learned_model());
    let held = hold_out(&plan, &parameters, &bars, 500).unwrap();
    let config = held.artifact.clone().unwrap().config;
    let artifact = train(&bars.slice(0..500), 0..500, &config, 7).unwrap();
    assert_eq!(held.artifact, Some(artifact.clone()));
    let (costs, account) = (model::costs(&plan.costs), model::account(&plan.account));
    assert_eq!(held.outcome, run(&bars, 500..600, &artifact.signals(&bars), &costs, &account));
}

#[test]
fn what_lies_in_the_purge_gap_or_the_test_teaches_nothing() {
    let (bars, spy) = (swing(BARS), learned_model());
    for (index, (fold, fitted)) in spy.0.folds.iter().zip(artifacts(&spy, &bars)).enumerate() {
        let [_, train_to, test_from, test_to] = bounds(fold);
        for range in [train_to..test_from, test_from..test_to, train_to..BARS] {
            let again = &artifacts(&spy, &altered(&bars, range.clone()))[index];
            assert_eq!(again, &fitted, "fold {index}, bars {range:?}");
        }
        let inside = &artifacts(&spy, &altered(&bars, train_to - 30..train_to))[index];
        assert_ne!(inside, &fitted, "the spy sees nothing in fold {index}");
    }
}

/// Only the high and the low of a bar are altered and the only feature is the range, so features of other bars and all
/// labels stay as they are: whatever changes, was learned from those very bars.
#[test]
fn what_lies_in_an_embargo_teaches_nothing() {
    let bars = swing(BARS);
    let mut wide = bars.clone();
    wide.high[300..320].iter_mut().for_each(|high| *high += 50.0);
    let fitted = |bars: &Bars, embargo_bars: i64| {
        let plan = TrialPlan { embargo_bars, ..learned("logistic", &["range"], BARS, folds(BARS, 3, 0)) };
        artifacts(&(plan, parameters(&[])), bars)
    };
    // The first test is 150..300; the embargo behind it is in the training of the third fold alone.
    assert_eq!(fitted(&bars, 20), fitted(&wide, 20));
    assert_ne!(fitted(&bars, 19)[2], fitted(&wide, 19)[2]);
    assert_ne!(fitted(&bars, 0)[2], fitted(&wide, 0)[2]);
    assert_ne!(fitted(&bars, 20)[2], fitted(&bars, 0)[2]);
    assert_eq!(fitted(&bars, 20)[..2], fitted(&bars, 0)[..2]);
}

#[test]
fn bars_before_a_rolling_training_range_only_warm_features_up() {
    let bars = swing(BARS);
    let mut rolling = learned("logistic", &["return(1)", "return(10)", "range"], BARS, folds(BARS, 3, 12));
    rolling.folds.iter_mut().for_each(|fold| fold.train_from = fold.test_from - 150);
    let spy = (rolling, parameters(&[("horizon_bars", int(4))]));
    // The last training range begins at 300 and its features look back ten bars.
    let fitted = &artifacts(&spy, &bars)[2];
    assert_eq!(&artifacts(&spy, &altered(&bars, 0..290))[2], fitted);
    assert_ne!(&artifacts(&spy, &altered(&bars, 290..300))[2], fitted);
}

#[test]
fn the_hold_out_teaches_nothing() {
    let (bars, (plan, parameters)) = (swing(BARS), learned_model());
    let artifact = |bars: &Bars| hold_out(&plan, &parameters, bars, 500).unwrap().artifact;
    assert_eq!(artifact(&bars), artifact(&altered(&bars, 500..BARS)));
    assert_ne!(artifact(&bars), artifact(&altered(&bars, 490..500)));
}

// Nothing knows what comes later.

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_return_and_no_model_knows_a_later_bar(from in 150..BARS, learns in any::<bool>(), latency in 0..3_i64) {
        let mut subject = if learns { learned_model() } else { rule() };
        subject.0.costs.latency_bars = latency;
        let bars = swing(BARS);
        let later = altered(&bars, from..BARS);
        let (before, after) = (walked(&subject, &bars), walked(&subject, &later));
        let mut compared = 0;
        for (index, fold) in subject.0.folds.iter().enumerate() {
            let [_, _, test_from, test_to] = bounds(fold);
            if learns && from >= test_from {
                prop_assert_eq!(&artifacts(&subject, &bars)[index], &artifacts(&subject, &later)[index]);
                compared += 1;
            }
            let known = from.clamp(test_from, test_to) - test_from;
            prop_assert_eq!(&before[index].returns[..known], &after[index].returns[..known]);
            prop_assert_eq!(&before[index].positions[..known], &after[index].positions[..known]);
            compared += known;
        }
        prop_assert!(compared > 0 || from == 150);
    }

    #[test]
    fn the_same_arguments_give_the_same_bits(learns in any::<bool>()) {
        let (bars, subject) = (swing(BARS), if learns { learned_model() } else { rule() });
        prop_assert_eq!(walked(&subject, &bars), walked(&subject, &bars));
    }
}

// Refusals.

#[test]
fn what_the_model_does_not_take_is_refused_by_name() {
    let bars = swing(50);
    let refusal = |plan: &TrialPlan, values: &[(&str, gauntlet_domain::experiment::ParameterValue)]| {
        Walk::new(plan, &parameters(values), &bars).err().unwrap().to_string()
    };
    let rule = plan("ma-cross", 50, vec![]);
    assert!(refusal(&rule, &[("trees", int(3))]).starts_with("parameter of ma-cross 'trees' is not known"));
    assert!(refusal(&rule, &[("fast", int(0))]).contains("a whole number from 1 to 10000"));
    let flag = gauntlet_domain::experiment::ParameterValue::Flag(true);
    assert!(refusal(&rule, &[("fast", flag)]).starts_with("parameter 'fast' of ma-cross is 'true'"));
    let unknown = plan("macross", 50, vec![]);
    assert!(refusal(&unknown, &[]).contains("did you mean 'ma-cross'"));
    let mut poor = plan("ma-cross", 50, vec![]);
    poor.account.capital = 0.0;
    assert!(refusal(&poor, &[]).starts_with("account.capital is 0"));
}

#[test]
fn too_little_to_learn_from_is_refused_with_the_numbers() {
    let bars = swing(60);
    let plan = learned("logistic", &["return(1)"], 60, folds(60, 5, 0));
    let error = Walk::new(&plan, &parameters(&[]), &bars).unwrap().next_fold().unwrap_err();
    assert!(error.to_string().starts_with("8 labelled rows"), "{error}");
}
