//! Training and trading a model: no leaks, canonical bytes, the same through both forms.

use crate::common::{ALL_IN, bar, walks};
use gauntlet_backtest::model::{Artifact, Estimator, Features, Labels, ModelConfig, fit, train};
use gauntlet_backtest::{BacktestError, BarRow, Bars, Costs, Params, Strategy as _, run};
use proptest::prelude::*;

fn config(estimator: Estimator) -> ModelConfig {
    let features =
        ["return(1)", "return(3)", "rsi(5)", "sma_distance(6)", "bollinger(6)", "hour_sin", "range"];
    let features: Vec<String> = features.map(str::to_owned).into();
    let mut params = crate::common::params(&[
        ("horizon_bars", 2.into()),
        ("stop_atr", 2.0.into()),
        ("atr_period", 5.into()),
    ]);
    if estimator == Estimator::Gbdt {
        params.extend(crate::common::params(&[("trees", 10.into()), ("depth", 3.into())]));
    }
    ModelConfig::build(estimator, &features, &params).expect("the names are known")
}

/// A price that swings with a period of 40 bars, with a little noise: something to learn.
fn swing(count: usize) -> Bars {
    let mut state = 7_u64;
    let price = |index: usize| 100.0 + 10.0 * (index as f64 * std::f64::consts::TAU / 40.0).sin();
    (0..count)
        .map(|index| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let close = price(index) + (state >> 40) as f64 / (1 << 24) as f64 - 0.5;
            let open = price(index.saturating_sub(1));
            bar(index, open, open.max(close) + 0.1, open.min(close) - 0.1, close)
        })
        .collect()
}

#[test]
fn both_estimators_learn_what_can_be_learned_and_earn_on_later_bars() {
    let bars = swing(3000);
    for estimator in Estimator::ALL {
        let artifact = train(&bars, 0..2000, &config(estimator), 7).unwrap();
        let labels = Labels::of(&bars, 2000..3000, 2, 0.0);
        let probabilities = artifact.probabilities(&bars);
        let right =
            labels.bars().filter(|bar| (probabilities.get(*bar).unwrap() > 0.5) == labels.get(*bar).unwrap());
        let share = right.count() as f64 / labels.up.len() as f64;
        assert!(share > 0.85, "{} is right in {share}", estimator.name());
        let outcome = run(&bars, 2000..3000, &artifact.signals(&bars), &Costs::FREE, &ALL_IN);
        assert!(outcome.summary.total_return > 0.5, "{:?}", outcome.summary);
    }
}

#[test]
fn the_same_training_gives_the_same_bytes_and_they_read_back() {
    let bars = swing(600);
    for estimator in Estimator::ALL {
        let artifact = train(&bars, 0..500, &config(estimator), 7).unwrap();
        let bytes = artifact.to_bytes();
        assert_eq!(train(&bars, 0..500, &config(estimator), 7).unwrap().to_bytes(), bytes);
        let read = Artifact::from_bytes(&bytes).unwrap();
        assert_eq!(read, artifact);
        assert_eq!(read.to_bytes(), bytes);
        assert_eq!(read.probabilities(&bars), artifact.probabilities(&bars));
    }
}

#[test]
fn what_is_no_artifact_is_refused() {
    let artifact = train(&swing(600), 0..500, &config(Estimator::Logistic), 7).unwrap();
    let shorter = Artifact { means: vec![], ..artifact };
    for bytes in [b"{}".to_vec(), b"".to_vec(), shorter.to_bytes()] {
        assert!(matches!(Artifact::from_bytes(&bytes), Err(BacktestError::MalformedArtifact(_))));
    }
}

#[test]
fn too_little_to_learn_from_is_refused_with_the_numbers() {
    let flat: Bars = (0..100).map(|index| bar(index, 5.0, 5.0, 5.0, 5.0)).collect();
    for estimator in Estimator::ALL {
        let error = train(&flat, 0..100, &config(estimator), 7).unwrap_err();
        assert!(matches!(error, BacktestError::NothingToLearn { positive: 0, .. }), "{error}");
        for count in [0, 1, 2, 10] {
            assert!(train(&swing(count), 0..count, &config(estimator), 7).is_err());
        }
    }
}

#[test]
fn training_knows_nothing_after_its_range() {
    let bars = swing(900);
    let other = swing(40);
    let later = other.rows().map(|row| BarRow { close: row.close * 3.0, high: row.high * 3.0, ..row });
    let altered: Bars = bars.rows().take(500).chain(later).collect();
    for estimator in Estimator::ALL {
        let artifact = train(&bars, 100..500, &config(estimator), 7).unwrap();
        assert_eq!(train(&altered, 100..500, &config(estimator), 7).unwrap(), artifact);
        assert_eq!(train(&bars.slice(0..500), 100..500, &config(estimator), 7).unwrap(), artifact);
    }
}

#[test]
fn rows_and_labels_meet_only_inside_the_range() {
    let bars = swing(300);
    let config = ModelConfig { horizon_bars: 5, ..config(Estimator::Logistic) };
    let features = Features::of(&bars, &config.features);
    let labels = Labels::of(&bars, 100..200, config.horizon_bars, 0.0);
    assert_eq!(labels.bars(), 100..195);
    assert_eq!(fit(&features, &labels, &config, 0), train(&bars, 100..200, &config, 0));
}

#[test]
fn a_gbdt_of_the_usual_size_fits_in_time() {
    let bars = swing(40_000);
    let config = ModelConfig::build(Estimator::Gbdt, &[], &Params::new()).unwrap();
    assert_eq!((config.features.len(), config.trees, config.depth), (12, 100, 4));
    let start = std::time::Instant::now();
    let artifact = train(&bars, 0..bars.len(), &config, 1).unwrap();
    println!(
        "40,000 rows, 12 features, 100 trees of depth 4: {:?}, {} bytes",
        start.elapsed(),
        artifact.to_bytes().len()
    );
}

fn trained() -> Vec<Artifact> {
    Estimator::ALL
        .map(|estimator| train(&swing(400), 0..400, &config(estimator), 3).expect("there is enough to learn"))
        .into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_prediction_knows_the_bars_after_it(bars in walks(100), other in walks(60), cut in 0..100_usize) {
        let cut = cut.min(bars.len());
        let altered: Bars = bars.rows().take(cut).chain(other.rows()).collect();
        for artifact in trained() {
            let (whole, short) = (artifact.probabilities(&bars), artifact.probabilities(&bars.slice(0..cut)));
            let altered = artifact.probabilities(&altered);
            for index in 0..cut {
                prop_assert_eq!(whole.get(index).map(f64::to_bits), short.get(index).map(f64::to_bits));
                prop_assert_eq!(whole.get(index).map(f64::to_bits), altered.get(index).map(f64::to_bits));
            }
        }
    }

    #[test]
    fn the_batch_form_is_the_bar_by_bar_form(bars in walks(100)) {
        for artifact in trained() {
            let signals = artifact.signals(&bars);
            let mut live = artifact.live();
            for (index, row) in bars.rows().enumerate() {
                prop_assert_eq!(signals.get(index), Some(live.on_bar(&row)));
            }
        }
    }
}
