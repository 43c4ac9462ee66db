//! Inference on real return series against libraries that this project did not write.
//!
//! `oracles/inference_oracle.json` holds series, expected values and versions; `oracles/inference_oracle.py` wrote it. The tests
//! print what they compared and the largest difference.

use gauntlet_quant::inference::distributions::{normal_cdf, normal_quantile, student_cdf};
use gauntlet_quant::inference::{
    Adjustment, BootstrappedMeans, EffectiveTrials, SharpeEstimate, Trials, Undefined, adjusted_p_values,
    block_length, dsr, hac, hac_lag, haircut, lo, mertens, monte_carlo_error, pbo, psr, reality_check, spa,
    step_m, studentising_variance, two_sided_p,
};
use serde_json::Value;

pub(crate) fn oracle() -> Value {
    serde_json::from_str(include_str!("oracles/inference_oracle.json")).expect("the oracle file is JSON")
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|number| number.as_f64().expect("a number")).collect()
}

pub(crate) fn all_series(oracle: &Value) -> Vec<Vec<f64>> {
    let series: Vec<Vec<f64>> = oracle["series"].as_array().expect("an array").iter().map(numbers).collect();
    assert_eq!((series.len(), series[0].len()), (24, 510), "another oracle file");
    series
}

fn slices(series: &[Vec<f64>]) -> Vec<&[f64]> {
    series.iter().map(Vec::as_slice).collect()
}

/// Collects relative differences; fails where one is above its tolerance.
#[derive(Default)]
pub(crate) struct Comparison {
    count: usize,
    worst: f64,
}

impl Comparison {
    #[track_caller]
    pub(crate) fn near(&mut self, value: f64, expected: f64, tolerance: f64) {
        let error = (value - expected).abs() / expected.abs().max(f64::MIN_POSITIVE);
        let error = if value == expected { 0.0 } else { error };
        assert!(error <= tolerance, "{value} is not {expected}: relative difference {error:e}");
        self.count += 1;
        self.worst = self.worst.max(error);
    }

    pub(crate) fn tell(&self, what: &str, at_least: usize) -> String {
        assert!(self.count >= at_least, "{what}: compared only {} values", self.count);
        format!("{what}: {} values, largest relative difference {:e}", self.count, self.worst)
    }
}

fn triples(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().expect("an array").iter().map(numbers).collect()
}

#[test]
fn distributions_to_the_last_digits() {
    let oracle = oracle();
    let (mut cdf, mut quantile, mut student) = Default::default();
    let (cdf, quantile, student): (&mut Comparison, &mut Comparison, &mut Comparison) =
        (&mut cdf, &mut quantile, &mut student);
    for pair in triples(&oracle["normal"]["cdf"]) {
        cdf.near(normal_cdf(pair[0]), pair[1], 1e-15);
    }
    for pair in triples(&oracle["normal"]["quantile"]) {
        quantile.near(normal_quantile(pair[0]).unwrap(), pair[1], 1e-15);
    }
    for row in triples(&oracle["student"]["upper_tail"]) {
        student.near(student_cdf(-row[0], row[1]).unwrap(), row[2], 1e-11);
    }
    println!("{}", cdf.tell("normal distribution", 17));
    println!("{}", quantile.tell("normal quantile", 17));
    println!("{}", student.tell("Student's upper tail", 60));
}

#[test]
fn standard_errors_and_probabilities_of_one_series() {
    let oracle = oracle();
    let (mut exact, mut by_gradient) = (Comparison::default(), Comparison::default());
    for (returns, expected) in all_series(&oracle).iter().zip(oracle["sharpe"].as_array().unwrap()) {
        let wanted = |name: &str| expected[name].as_f64().unwrap();
        let estimate = SharpeEstimate::of(returns).unwrap();
        let lag = hac_lag(returns.len());
        assert_eq!(lag as f64, wanted("hac_lag"));
        exact.near(estimate.sharpe, wanted("sharpe"), 1e-11);
        exact.near(estimate.skewness, wanted("skewness"), 1e-11);
        exact.near(estimate.kurtosis, wanted("kurtosis"), 1e-11);
        exact.near(lo(&estimate).unwrap(), wanted("lo"), 1e-11);
        exact.near(mertens(&estimate).unwrap(), wanted("mertens"), 1e-11);
        exact.near(hac(returns, lag).unwrap(), wanted("hac"), 1e-11);
        exact.near(psr(&estimate, 0.02).unwrap(), wanted("psr"), 1e-11);
        exact.near(two_sided_p(estimate.sharpe, returns.len()).unwrap(), wanted("p_value"), 1e-11);
        by_gradient.near(hac(returns, lag).unwrap(), wanted("hac_by_gradient"), 1e-4);
    }
    println!("{}", exact.tell("estimates", 24 * 8));
    println!("{}", by_gradient.tell("HAC by the gradient of population moments", 24));
}

#[test]
fn the_revised_deflated_ratio() {
    let oracle = oracle();
    let mut compared = Comparison::default();
    // Trials whose SR0 is the oracle's 0.02.
    let unit = Trials::merged(10, 10, 9.0).unwrap().expected_best().unwrap().sharpe();
    let scale = 0.02 / unit;
    let best = Trials::merged(10, 10, 9.0 * scale * scale).unwrap().expected_best().unwrap();
    for (returns, expected) in all_series(&oracle).iter().zip(oracle["sharpe"].as_array().unwrap()) {
        let estimate = SharpeEstimate::of(returns).unwrap();
        let form = gauntlet_quant::inference::DsrForm::Revised2025;
        compared.near(dsr(&estimate, &best, form).unwrap(), expected["dsr_2025"].as_f64().unwrap(), 1e-11);
    }
    println!("{}", compared.tell("deflated Sharpe ratio, form of 2025", 24));
}

#[test]
fn automatic_block_lengths() {
    let oracle = oracle();
    let (expected, of_sums) = (numbers(&oracle["block_length"]), numbers(&oracle["block_length_of_sums"]));
    let mut compared = Comparison::default();
    for ((returns, expected), of_sums) in all_series(&oracle).iter().zip(expected).zip(of_sums) {
        compared.near(block_length(returns).unwrap(), expected, 1e-10);
        let sums: Vec<f64> = returns
            .iter()
            .scan(0.0, |sum, value| {
                *sum += value;
                Some(*sum)
            })
            .collect();
        compared.near(block_length(&sums).unwrap(), of_sums, 1e-10);
    }
    println!("{}", compared.tell("block lengths", 48));
}

#[test]
fn adjusted_p_values_and_clusters() {
    let oracle = oracle();
    let series = all_series(&oracle);
    let sharpes: Vec<f64> = series.iter().map(|r| SharpeEstimate::of(r).unwrap().sharpe).collect();
    let p: Vec<f64> = sharpes.iter().map(|sharpe| two_sided_p(*sharpe, 510).unwrap()).collect();
    let mut compared = Comparison::default();
    for (name, adjustment) in [
        ("bonferroni", Adjustment::Bonferroni),
        ("holm", Adjustment::Holm),
        ("bh", Adjustment::BenjaminiHochberg),
        ("by", Adjustment::BenjaminiYekutieli),
    ] {
        let adjusted = adjusted_p_values(&p, adjustment).unwrap();
        for (value, expected) in adjusted.iter().zip(numbers(&oracle["adjusted_p_values"][name])) {
            compared.near(*value, expected, 1e-11);
        }
        for (sharpe, p) in sharpes.iter().zip(adjusted) {
            assert!(haircut(*sharpe, 510, p).is_ok() == (*sharpe > 0.0));
        }
    }
    println!("{}", compared.tell("adjusted p-values", 96));

    // fcluster numbers clusters its own way: the same pairs must be together.
    let (labels, expected) = (EffectiveTrials::of(&slices(&series)).unwrap(), numbers(&oracle["clusters"]));
    let labels = labels.labels();
    let mut pairs = 0;
    for i in 0..24 {
        for j in 0..i {
            assert_eq!(labels[i] == labels[j], expected[i] == expected[j], "trials {i} and {j}");
            pairs += 1;
        }
    }
    println!("clusters: {pairs} pairs");
}

#[test]
fn tests_of_superiority() {
    let oracle = oracle();
    let of = &oracle["superiority"];
    let (block, replicates) = (of["block"].as_f64().unwrap(), of["replicates"].as_f64().unwrap());
    let lift = of["lift"].as_f64().unwrap();
    let (all, odd) = (of["lower_all"].as_f64().unwrap(), of["lower_odd"].as_f64().unwrap());
    let moved: [(&str, &dyn Fn(usize) -> f64); 3] = [
        ("as_is", &|_| 0.0),
        ("lifted", &|k| if k % 5 == 0 { lift } else { 0.0 }),
        ("lowered", &|k| if k % 2 == 1 { -all - odd } else { -all }),
    ];
    for (name, by) in moved {
        let expected = &of[name];
        let series: Vec<Vec<f64>> = all_series(&oracle)
            .into_iter()
            .enumerate()
            .map(|(k, series)| series.iter().map(|r| r + by(k)).collect())
            .collect();
        let mut exact = Comparison::default();
        let variances: Vec<Result<f64, Undefined>> =
            series.iter().map(|d| studentising_variance(d, block)).collect();
        for (variance, expected) in variances.iter().zip(numbers(&expected["variances"])) {
            exact.near(variance.unwrap(), expected, 1e-10);
        }
        let drawn = BootstrappedMeans::draw(&slices(&series), block, 1, replicates as u32).unwrap();
        let p = spa(&drawn, &variances).unwrap();
        exact.near(p.statistic, expected["statistic"].as_f64().unwrap(), 1e-10);
        println!("{}", exact.tell(&format!("studentising variances and statistic, {name}"), 25));
        // Two independent simulations: four standard errors of their difference, and the one that is added to R.
        let close = |ours: f64, theirs: &Value, what: &str| {
            let theirs = theirs.as_f64().unwrap();
            let error = monte_carlo_error(theirs, replicates as u32) * 2_f64.sqrt();
            let bound = 4.0 * error + 2.0 / replicates;
            println!("{what}, {name}: {ours:.5} against {theirs:.5}, bound {bound:.5}");
            assert!((ours - theirs).abs() <= bound, "{what}: {ours} is not {theirs}");
        };
        close(p.lower, &expected["spa"]["lower"], "lower");
        close(p.consistent, &expected["spa"]["consistent"], "consistent");
        close(p.upper, &expected["spa"]["upper"], "upper");
        close(reality_check(&drawn).unwrap(), &expected["reality_check"], "reality check");
        let step = step_m(&drawn, &variances).unwrap();
        let superior: Vec<f64> =
            (0..24_u32).filter(|&k| step[k as usize].unwrap() <= 0.05).map(f64::from).collect();
        println!("superior, {name}: {superior:?}");
        assert_eq!(superior, numbers(&expected["superior"]));
    }
}

#[test]
fn overfitting_of_a_published_program() {
    let oracle = oracle();
    let series = all_series(&oracle);
    let mut compared = Comparison::default();
    for expected in oracle["overfitting"].as_array().unwrap() {
        let wanted = |name: &str| expected[name].as_f64().unwrap();
        let family = &slices(&series)[..wanted("trials") as usize];
        let found = pbo(family, wanted("blocks") as usize).unwrap();
        let line = found.degradation.unwrap();
        compared.near(found.pbo, wanted("pbo"), 1e-12);
        compared.near(found.probability_of_loss, wanted("probability_of_loss"), 1e-12);
        compared.near(line.slope, wanted("slope"), 1e-9);
        compared.near(line.intercept, wanted("intercept"), 1e-9);
        compared.near(line.r_squared, wanted("r_squared"), 1e-9);
        // Their distributions are read at a thousand points, ours at every jump.
        let on_a_grid = wanted("first_order_gap_on_a_grid");
        let gap = found.dominance.first_order_gap;
        assert!(gap >= on_a_grid - 1e-12 && gap <= on_a_grid + 0.01, "{gap} is not about {on_a_grid}");
        println!("{} blocks: PBO {}, {:?}", wanted("blocks"), found.pbo, found.dominance);
    }
    println!("{}", compared.tell("overfitting", 10));
}
