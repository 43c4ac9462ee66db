//! How many independent trials a family of correlated trials is worth. The rules differ by a factor of ten on the same trials,
//! so a number is shown with its rule.
//!
//! * [`EffectiveTrials`], the default: clusters by complete linkage on d = √((1 - ρ)/2), cut at ρ = 0.7, so that every pair inside
//!   a cluster correlates by at least 0.7. Ties go to the lowest trial number. It has no seed. Series that do not vary form one
//!   cluster of their own.
//! * [`Correlations::by_mean`]: ρ̄ + (1 - ρ̄)·N, with ρ̄ the mean correlation of pairs. Reported only.
//! * [`Correlations::by_participation`]: N²/Σλ², with λ the eigenvalues of the correlation matrix, whose squares sum to the squares
//!   of its entries. Reported only.

use super::{Undefined, all_finite, at_least};
use crate::metrics::numeric::{Moments, NOISE};

/// Trials that correlate at least this much may share a cluster.
pub const CORRELATION_CUT: f64 = 0.7;

/// Clusters of trials. Its number gates only with the variance under the null hypothesis.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveTrials {
    labels: Vec<usize>,
    clusters: usize,
}

impl EffectiveTrials {
    /// Of series of one length, one a trial, cut at [`CORRELATION_CUT`].
    pub fn of(series: &[&[f64]]) -> Result<EffectiveTrials, Undefined> {
        Ok(EffectiveTrials::from(&Correlations::of(series)?))
    }

    /// Number of clusters.
    pub fn number(&self) -> f64 {
        self.clusters as f64
    }

    /// Cluster of each trial, numbered from zero in the order of their first trials.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// For each cluster, in the order of their numbers, the trial whose mean correlation to the others of it is highest; ties
    /// and trials that do not vary: the lowest number.
    pub fn medoids(&self, correlations: &Correlations) -> Vec<usize> {
        let place = |trial: usize| correlations.varying.binary_search(&trial).ok();
        let between = |a: usize, b: usize| match (place(a), place(b)) {
            (Some(a), Some(b)) => correlations.matrix[a * correlations.varying.len() + b],
            _ => 0.0,
        };
        let members = |cluster| (0..self.labels.len()).filter(move |trial| self.labels[*trial] == cluster);
        let medoid = |cluster| {
            let scored = members(cluster)
                .map(|trial| (trial, members(cluster).map(|o| between(trial, o)).sum::<f64>()));
            scored.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(trial, _)| trial)
        };
        (0..self.clusters).filter_map(medoid).collect()
    }
}

impl From<&Correlations> for EffectiveTrials {
    fn from(correlations: &Correlations) -> EffectiveTrials {
        // Trials that do not vary share a group with a number that no other has.
        let mut groups = vec![usize::MAX; correlations.trials];
        for (&trial, group) in correlations.varying.iter().zip(complete_linkage(correlations)) {
            groups[trial] = group;
        }
        let mut seen = Vec::new();
        let labels = groups.iter().map(|group| {
            seen.iter().position(|other| other == group).unwrap_or_else(|| {
                seen.push(*group);
                seen.len() - 1
            })
        });
        let labels: Vec<usize> = labels.collect();
        EffectiveTrials { labels, clusters: seen.len() }
    }
}

/// Correlations between the trials that vary.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlations {
    trials: usize,
    varying: Vec<usize>,
    /// Square, row by row.
    matrix: Vec<f64>,
}

impl Correlations {
    /// Of series of one length.
    pub fn of(series: &[&[f64]]) -> Result<Correlations, Undefined> {
        let observations = series.first().map_or(0, |first| first.len());
        at_least(2, observations)?;
        if series.iter().any(|series| series.len() != observations) {
            return Err(Undefined::Infeasible);
        }
        series.iter().try_for_each(|series| all_finite(series))?;
        let standardised: Vec<Option<Vec<f64>>> = series.iter().map(|series| unit_length(series)).collect();
        let varying = (0..series.len()).filter(|&at| standardised[at].is_some()).collect();
        let rows: Vec<Vec<f64>> = standardised.into_iter().flatten().collect();
        let size = rows.len();
        let mut matrix = vec![1.0; size * size];
        for (i, a) in rows.iter().enumerate() {
            for (j, b) in rows.iter().enumerate().skip(i + 1) {
                let product = a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b).clamp(-1.0, 1.0);
                matrix[i * size + j] = product;
                matrix[j * size + i] = product;
            }
        }
        Ok(Correlations { trials: series.len(), varying, matrix })
    }

    /// ρ̄, the mean correlation of two trials that vary.
    pub fn mean(&self) -> Result<f64, Undefined> {
        let size = self.varying.len();
        if size < 2 {
            return Err(Undefined::NotTestable);
        }
        let pairs = (size * (size - 1)) as f64;
        Ok((self.matrix.iter().fold(0.0, |sum, rho| sum + rho) - size as f64) / pairs)
    }

    /// ρ̄ + (1 - ρ̄)·N.
    pub fn by_mean(&self) -> Result<f64, Undefined> {
        let mean = self.mean()?;
        Ok(mean + (1.0 - mean) * self.varying.len() as f64)
    }

    /// N²/Σλ².
    pub fn by_participation(&self) -> Result<f64, Undefined> {
        if self.varying.is_empty() {
            return Err(Undefined::NotTestable);
        }
        let size = self.varying.len() as f64;
        Ok(size * size / self.matrix.iter().fold(0.0, |sum, rho| sum + rho * rho))
    }
}

/// Deviations from the mean, scaled to length one; nothing for a series that does not vary.
fn unit_length(series: &[f64]) -> Option<Vec<f64>> {
    let moments = Moments::of(series.iter().copied());
    if (moments.sum_sq_dev / series.len() as f64).sqrt() <= NOISE {
        return None;
    }
    let length = moments.sum_sq_dev.sqrt();
    Some(series.iter().map(|value| (value - moments.mean) / length).collect())
}

/// For each trial that varies, the lowest place of its cluster. Joins the two clusters whose least correlated pair correlates
/// most, until that is below the cut; distance falls as correlation rises, so correlations are compared themselves.
fn complete_linkage(correlations: &Correlations) -> Vec<usize> {
    let size = correlations.varying.len();
    let mut least = correlations.matrix.clone();
    let mut cluster: Vec<usize> = (0..size).collect();
    let mut is_root = vec![true; size];
    let nearest_after = |least: &[f64], is_root: &[bool], i: usize| {
        let later = (i + 1..size).filter(|&j| is_root[j]);
        later.fold(None, |best: Option<(usize, f64)>, j| {
            let rho = least[i * size + j];
            if best.is_none_or(|(_, most)| rho > most) { Some((j, rho)) } else { best }
        })
    };
    let mut nearest: Vec<_> = (0..size).map(|i| nearest_after(&least, &is_root, i)).collect();
    loop {
        let roots = (0..size).filter(|&i| is_root[i]);
        let candidates = roots.filter_map(|i| nearest[i].map(|(j, rho)| (i, j, rho)));
        let best = candidates.fold(None, |best: Option<(usize, usize, f64)>, pair| {
            if best.is_none_or(|(_, _, most)| pair.2 > most) { Some(pair) } else { best }
        });
        let Some((i, j, _)) = best.filter(|(_, _, rho)| *rho >= CORRELATION_CUT) else {
            return cluster;
        };
        is_root[j] = false;
        cluster.iter_mut().filter(|root| **root == j).for_each(|root| *root = i);
        for k in (0..size).filter(|&k| is_root[k] && k != i) {
            let rho = least[i * size + k].min(least[j * size + k]);
            least[i * size + k] = rho;
            least[k * size + i] = rho;
        }
        for k in (0..size).filter(|&k| is_root[k]) {
            if k == i || nearest[k].is_some_and(|(near, _)| near == i || near == j) {
                nearest[k] = nearest_after(&least, &is_root, k);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Philox, Purpose};
    use super::*;

    fn noise(series: u64) -> Vec<f64> {
        let mut stream = Philox::new(3, Purpose::Simulation, series);
        (0..200).map(|_| stream.unit() - 0.5).collect()
    }

    fn mixed(a: &[f64], b: &[f64], share: f64) -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| a + share * b).collect()
    }

    #[test]
    fn copies_are_one_trial_and_independent_ones_are_many() {
        let (a, b, c) = (noise(0), noise(1), noise(2));
        let close = mixed(&a, &c, 0.3);
        let flat = vec![0.0; 200];
        let other_flat = vec![0.01; 200];
        let family: [&[f64]; 7] = [&flat, &a, &b, &a, &close, &other_flat, &b];
        let effective = EffectiveTrials::of(&family).unwrap();
        assert_eq!((effective.number(), effective.labels()), (3.0, &[0, 1, 2, 1, 1, 0, 2][..]));
        // The copies are nearer to each other than the third of their cluster is to them.
        assert_eq!(effective.medoids(&Correlations::of(&family).unwrap()), [0, 1, 2]);
    }

    #[test]
    fn complete_linkage_keeps_a_chain_apart() {
        // Neighbours correlate by 0.8, the ends less than 0.7: the ends are not joined through the middle.
        let (a, b) = (noise(0), noise(1));
        let middle = mixed(&a, &b, 0.75);
        let end = mixed(&a, &b, 1.9);
        assert_eq!(EffectiveTrials::of(&[&a, &middle, &end]).unwrap().number(), 2.0);
    }

    #[test]
    fn figures_of_equal_correlation() {
        let (a, b) = (noise(0), noise(1));
        let copies = Correlations::of(&[&a, &a, &a]).unwrap();
        assert!((copies.by_mean().unwrap() - 1.0).abs() < 1e-12);
        assert!((copies.by_participation().unwrap() - 1.0).abs() < 1e-12);
        let apart = Correlations::of(&[&a, &b]).unwrap();
        assert!((apart.by_participation().unwrap() - 2.0).abs() < 0.05);
        assert_eq!(Correlations::of(&[&a]).unwrap().by_mean(), Err(Undefined::NotTestable));
        assert_eq!(EffectiveTrials::of(&[]), Err(Undefined::TooFewObservations { have: 0, need: 2 }));
    }
}
