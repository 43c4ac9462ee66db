//! Which members of a family beat the benchmark, with the probability of one false claim at most the level: the studentised
//! stepwise test of Romano and Wolf (2005), as adjusted p-values (Romano and Wolf 2016).
//!
//! Members are taken by falling t = √n·d̄/ω. The p-value of one is (1 + #{max over it and all below it of √n·(d̄* - d̄)/ω at
//! least t}) / (R + 1), and at least that of the one before. A member beats the benchmark at level α where its p-value is at
//! most α. Replicates are centred at the sample means, so no member is dropped for being poor.

use super::superior_ability::tested;
use super::{BootstrappedMeans, Undefined};

/// Adjusted p-values in the order of the members; a member without a variance has none.
pub fn step_m(
    means: &BootstrappedMeans,
    variances: &[Result<f64, Undefined>],
) -> Result<Vec<Result<f64, Undefined>>, Undefined> {
    let mut ranked = tested(means, variances)?;
    let t = |&(at, scale): &(usize, f64)| means.means[at] * scale;
    ranked.sort_by(|a, b| t(b).total_cmp(&t(a)).then(a.0.cmp(&b.0)));
    let mut extreme = vec![1_u64; ranked.len()];
    let mut all = 1_u64;
    for replicate in means.replicates() {
        all += 1;
        let mut largest = f64::NEG_INFINITY;
        for (place, member) in ranked.iter().enumerate().rev() {
            largest = largest.max(replicate[member.0] * member.1);
            extreme[place] += u64::from(largest >= t(member));
        }
    }
    let mut p_values: Vec<Result<f64, Undefined>> =
        variances.iter().map(|variance| Err(variance.err().unwrap_or(Undefined::NotTestable))).collect();
    let mut before = 0.0_f64;
    for (member, extreme) in ranked.iter().zip(extreme) {
        before = before.max(extreme as f64 / all as f64);
        p_values[member.0] = Ok(before);
    }
    Ok(p_values)
}

#[cfg(test)]
mod tests {
    use super::super::{Philox, Purpose, studentising_variance};
    use super::*;

    #[test]
    fn the_good_ones_are_found_and_the_others_are_not() {
        let family: Vec<Vec<f64>> = [0.2, 0.0, 0.1, -0.1, 0.0]
            .into_iter()
            .enumerate()
            .map(|(k, mean)| {
                let mut stream = Philox::new(9, Purpose::Simulation, k as u64);
                (0..400).map(|_| stream.unit() - 0.5 + mean).collect()
            })
            .chain([vec![0.3; 400]])
            .collect();
        let family: Vec<&[f64]> = family.iter().map(Vec::as_slice).collect();
        let drawn = BootstrappedMeans::draw(&family, 2.0, 1, 999).unwrap();
        let variances: Vec<_> = family.iter().map(|d| studentising_variance(d, 2.0)).collect();
        let p = step_m(&drawn, &variances).unwrap();
        let found: Vec<bool> = p.iter().map(|p| p.is_ok_and(|p| p <= 0.05)).collect();
        assert_eq!(found, [true, false, true, false, false, false], "{p:?}");
        assert_eq!(p[5], Err(Undefined::ZeroVariance));
        assert!(p[0].unwrap() <= p[2].unwrap());
    }
}
