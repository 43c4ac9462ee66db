//! How often the tests of equal Sharpe ratios reject where they are equal, and where they are not.
//!
//! Pairs of 250 periods with a correlation of one half, the second on twice the scale: normal, and Student's t with four
//! degrees of freedom, whose kurtosis is infinite.

use gauntlet_quant::inference::distributions::normal_quantile;
use gauntlet_quant::inference::{Philox, Purpose, SharpeDifference, paired_bootstrap_p};

const PERIODS: usize = 250;
const PAIRS: u64 = 1_000;
const BLOCK: usize = 5;
const REPLICATES: u32 = 199;

/// A period of both: correlated normal values, and over the root of a mean of four squares where the tail is heavy.
fn period(stream: &mut Philox, is_heavy: bool) -> [f64; 2] {
    let mut normal = || normal_quantile(stream.unit()).unwrap();
    let (first, second) = (normal(), normal());
    let pair = [first, 0.5 * first + 0.75_f64.sqrt() * second];
    let scale = if is_heavy {
        let squares: f64 = (0..4).map(|_| normal().powi(2)).sum();
        // The variance of t with four degrees is two.
        (squares / 4.0 * 2.0).sqrt()
    } else {
        1.0
    };
    pair.map(|value| value / scale)
}

/// Rejections at 5 %: of the normal law, and of the bootstrap.
fn rejections(is_heavy: bool, sharpes: [f64; 2]) -> [u32; 2] {
    let mut rejected = [0, 0];
    for pair in 0..PAIRS {
        let mut stream = Philox::new(2008 + u64::from(is_heavy), Purpose::Simulation, pair);
        let (mut challenger, mut champion) = (Vec::new(), Vec::new());
        for _ in 0..PERIODS {
            let [first, second] = period(&mut stream, is_heavy);
            challenger.push(0.01 * (first + sharpes[0]));
            champion.push(0.02 * (second + sharpes[1]));
        }
        let by_normal_law = SharpeDifference::of(&challenger, &champion).unwrap().p_value();
        let by_bootstrap = paired_bootstrap_p(&challenger, &champion, BLOCK, pair, REPLICATES).unwrap();
        rejected[0] += u32::from(by_normal_law <= 0.05);
        rejected[1] += u32::from(by_bootstrap.share <= 0.05);
    }
    rejected
}

#[test]
fn equal_ratios_are_seldom_told_apart_and_different_ones_often() {
    for (law, is_heavy) in [("normal", false), ("t(4)", true)] {
        let equal = rejections(is_heavy, [0.1, 0.1]);
        let apart = rejections(is_heavy, [0.3, 0.1]);
        println!("{law}: {equal:?} of {PAIRS} equal, {apart:?} of {PAIRS} different (normal law, bootstrap)");
        assert!(equal.iter().all(|rejected| (20..=90).contains(rejected)), "{law}: {equal:?}");
        // An error of about √(1.05/250) = 0.065 against 0.2: a power of 87 % under the normal law.
        assert!(apart.iter().all(|rejected| (750..=950).contains(rejected)), "{law}: {apart:?}");
    }
}
