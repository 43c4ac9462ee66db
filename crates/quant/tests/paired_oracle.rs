//! Challenger against champion on real return series: papers' formulas on top of libraries that this project did not write.
//!
//! `oracles/paired_oracle.json` holds expected values, sources and versions for series of `oracles/inference_oracle.json`;
//! `oracles/paired_oracle.py` wrote it. The tests print what they compared and the largest difference.

use gauntlet_quant::inference::{
    MeanDifference, SWITCH_CONFIDENCE, SharpeDifference, jobson_korkie_memmel, monte_carlo_error,
    paired_bootstrap_p, parzen_variance,
};
use serde_json::Value;

use crate::inference_oracle::{Comparison, all_series, numbers, oracle as series_oracle};

fn oracle() -> Value {
    serde_json::from_str(include_str!("oracles/paired_oracle.json")).expect("the oracle file is JSON")
}

/// Every case with its challenger and champion.
fn each_case(mut of: impl FnMut(&Value, &[f64], &[f64])) {
    let series = all_series(&series_oracle());
    for case in oracle()["cases"].as_array().expect("an array") {
        let number = |name: &str| case[name].as_f64().expect("a number");
        let challenger: Vec<f64> =
            series[number("challenger") as usize].iter().map(|value| value + number("lift")).collect();
        of(case, &challenger, &series[number("champion") as usize]);
    }
}

#[test]
fn differences_of_sharpe_ratios() {
    let (mut exact, mut of_arch) = (Comparison::default(), Comparison::default());
    each_case(|case, challenger, champion| {
        let wanted = |name: &str| case[name].as_f64().unwrap();
        let of = SharpeDifference::of(challenger, champion).unwrap();
        exact.near(of.difference, wanted("difference"), 1e-10);
        exact.near(of.bandwidth, wanted("bandwidth"), 1e-10);
        exact.near(of.standard_error, wanted("standard_error"), 1e-10);
        exact.near(of.p_value(), wanted("p_value"), 1e-9);
        exact.near(jobson_korkie_memmel(challenger, champion).unwrap(), wanted("memmel"), 1e-10);
        let whole =
            SharpeDifference::with_bandwidth(challenger, champion, wanted("whole_bandwidth")).unwrap();
        of_arch.near(whole.standard_error, wanted("standard_error_of_arch"), 1e-9);
    });
    println!("{}", exact.tell("differences of Sharpe ratios", 56 * 5));
    println!("{}", of_arch.tell("standard errors with covariances of arch", 56));
}

#[test]
fn differences_of_means() {
    let (mut exact, mut of_arch) = (Comparison::default(), Comparison::default());
    let periods = oracle()["periods_per_year"].as_f64().unwrap();
    each_case(|case, challenger, champion| {
        let wanted = |name: &str| case[name].as_f64().unwrap();
        let of = MeanDifference::of(challenger, champion, periods).unwrap();
        exact.near(of.per_year, wanted("per_year"), 1e-10);
        exact.near(of.bandwidth, wanted("mean_bandwidth"), 1e-9);
        exact.near(of.standard_error, wanted("mean_error_per_year"), 1e-10);
        exact.near(of.lower_bound(SWITCH_CONFIDENCE).unwrap(), wanted("lower_bound"), 1e-9);
        let differences: Vec<f64> = challenger.iter().zip(champion).map(|(a, b)| a - b).collect();
        for row in case["long_run_of_arch"].as_array().unwrap().iter().map(numbers) {
            of_arch.near(parzen_variance(&differences, row[0]).unwrap(), row[1], 1e-9);
        }
    });
    println!("{}", exact.tell("differences of means", 56 * 4));
    println!("{}", of_arch.tell("long-run variances of arch", 56 * 5));
}

#[test]
fn p_values_of_an_independent_bootstrap() {
    let replicates = oracle()["replicates"].as_u64().unwrap() as u32;
    let mut compared = 0;
    each_case(|case, challenger, champion| {
        for expected in case["bootstrap"].as_array().unwrap() {
            let block = expected["block"].as_u64().unwrap() as usize;
            let theirs = expected["p"].as_f64().unwrap();
            let ours = paired_bootstrap_p(challenger, champion, block, 1, replicates).unwrap();
            // Two independent simulations: four standard errors of their difference, and the one that is added to R.
            let error = monte_carlo_error(theirs, replicates) * 2_f64.sqrt();
            let bound = 4.0 * error + 2.0 / f64::from(replicates);
            let names = (&case["challenger"], &case["champion"], block);
            println!("{names:?}: {:.5} against {theirs:.5}, bound {bound:.5}", ours.share);
            assert!((ours.share - theirs).abs() <= bound, "{names:?}: {} is not {theirs}", ours.share);
            compared += 1;
        }
    });
    assert_eq!(compared, 11);
}
