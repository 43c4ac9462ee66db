//! The two densities that candidates are drawn from and compared by: of the good trials and of the bad ones.

use std::collections::BTreeSet;

use super::TpeSettings;
use crate::rng::Stream;
use crate::sampler::parzen::{Axis, Density, NEWEST, Parzen, ROUNDING, normalised, weight};
use crate::space::Domain;
use gauntlet_domain::experiment::{ParameterValue, Parameters};

/// A parameter that varies.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) domain: Domain,
    pub(super) axis: Axis,
}

/// Parameters that are estimated together, and the past trials in their coordinates.
pub(super) struct Group {
    members: Vec<Member>,
    axes: Vec<Axis>,
    /// Numbers of used trials whose values lie in the space, ascending.
    trials: Vec<usize>,
    /// Their coordinates, a column for each member.
    columns: Vec<Vec<f64>>,
}

impl Group {
    pub(super) fn new(members: Vec<Member>) -> Self {
        let axes = members.iter().map(|member| member.axis).collect();
        let columns = vec![Vec::new(); members.len()];
        Self { members, axes, trials: Vec::new(), columns }
    }

    fn coordinates(&self, params: &Parameters) -> Option<Vec<f64>> {
        self.members.iter().map(|m| m.axis.coordinate(&m.domain, params.get(&m.name)?)).collect()
    }

    pub(super) fn observe(&mut self, trial: usize, params: &Parameters) {
        let Some(point) = self.coordinates(params) else { return };
        self.trials.push(trial);
        self.columns.iter_mut().zip(point).for_each(|(column, x)| column.push(x));
    }

    /// Gives parameters that have all the names of the group the values of a point.
    pub(super) fn put(&self, point: &[f64], params: &mut Parameters) {
        for (m, x) in self.members.iter().zip(point) {
            if let Some(value) = params.get_mut(&m.name) {
                *value = m.axis.value(&m.domain, *x);
            }
        }
    }

    pub(super) fn values(&self, point: &[f64]) -> Vec<(String, ParameterValue)> {
        let members = self.members.iter().zip(point);
        members.map(|(m, x)| (m.name.clone(), m.axis.value(&m.domain, *x))).collect()
    }
}

/// A group's two densities.
pub(super) struct Estimates<'a> {
    pub(super) group: &'a Group,
    good: Density,
    bad: Density,
}

impl<'a> Estimates<'a> {
    pub(super) fn new(
        group: &'a Group,
        good: &BTreeSet<usize>,
        under_way: &[Parameters],
        settings: &TpeSettings,
    ) -> Self {
        let good: Vec<usize> =
            good.iter().filter_map(|trial| group.trials.binary_search(trial).ok()).collect();
        let liars: Vec<Vec<f64>> = under_way.iter().filter_map(|params| group.coordinates(params)).collect();
        let past = group.trials.len() - good.len();
        let chosen = spread(past + liars.len(), settings.kernels);
        let of_past = chosen.iter().map(|(ordinal, _)| *ordinal).take_while(|ordinal| *ordinal < past);
        let places: Vec<usize> = of_past.map(|ordinal| skipping(&good, ordinal)).collect();
        let of_liars: Vec<usize> = chosen[places.len()..].iter().map(|(ordinal, _)| ordinal - past).collect();
        let column = |axis: usize| -> Vec<f64> {
            let past = places.iter().map(|place| group.columns[axis][*place]);
            past.chain(of_liars.iter().map(|liar| liars[*liar][axis])).collect()
        };
        let bad: Vec<Vec<f64>> = (0..group.axes.len()).map(column).collect();
        let of_good = |column: &Vec<f64>| good.iter().map(|place| column[*place]).collect::<Vec<f64>>();
        let good_columns: Vec<Vec<f64>> = group.columns.iter().map(of_good).collect();
        let good_weights = (0..good.len()).map(|i| weight(i, good.len())).collect();
        let bad_weights = chosen.iter().map(|(_, weight)| *weight).collect();
        let good = Parzen::new(&group.axes, &good_columns, normalised(good_weights));
        let bad = Parzen::new(&group.axes, &bad, normalised(bad_weights));
        let (good, bad) = match settings.kernels {
            // A stored search without settings: to the last bit as it was.
            UNBOUNDED => (good, bad),
            _ => (good.screened(), bad.screened()),
        };
        Self { group, good: Density::of(good), bad: Density::of(bad) }
    }

    /// Of the accepted candidates the one with the largest ratio of densities, the first of equals.
    pub(super) fn draw(
        &mut self,
        stream: &Stream,
        candidates: u64,
        mut accepts: impl FnMut(&[f64]) -> bool,
    ) -> Option<Vec<(String, ParameterValue)>> {
        let stream = self.group.members.iter().fold(stream.clone(), |stream, m| stream.named(&m.name));
        let mut points: Vec<Vec<f64>> = Vec::new();
        for point in (0..candidates).map(|candidate| self.good.mixture().sample(&stream.at(candidate))) {
            // A candidate that is drawn again changes nothing; in a discrete space there are many.
            if !points.contains(&point) && accepts(&point) {
                points.push(point);
            }
        }
        self.best(&points).map(|best| self.group.values(&points[best]))
    }

    /// The place of the point with the largest ratio of densities, the first of equals. What is expensive is computed
    /// only where the ratio may be the largest, the most promising point first.
    fn best(&mut self, points: &[Vec<f64>]) -> Option<usize> {
        let Self { good: good_density, bad: bad_density, .. } = self;
        let bounds =
            |p: &Vec<f64>| (good_density.log_at_most(p) + ROUNDING, bad_density.log_at_least(p) - ROUNDING);
        let mut promising: Vec<((f64, f64), usize)> = points.iter().map(bounds).zip(0..).collect();
        promising.sort_by(|((good, bad), _), ((other_good, other_bad), _)| {
            (other_good - other_bad).total_cmp(&(good - bad))
        });
        let mut best: Option<(f64, usize)> = None;
        for ((good_at_most, bad_at_least), place) in promising {
            let is_worse = |good: f64| best.is_some_and(|(most, _)| good - bad_at_least < most);
            if is_worse(good_at_most) {
                break;
            }
            let good = good_density.log(&points[place]);
            if is_worse(good) {
                continue;
            }
            let ratio = good - bad_density.log(&points[place]);
            if best.is_none_or(|(most, first)| ratio > most || ratio == most && place < first) {
                best = Some((ratio, place));
            }
        }
        best.map(|(_, place)| place)
    }
}

/// As many kernels as there are trials.
const UNBOUNDED: usize = u32::MAX as usize;

/// Which of `n` trials get a kernel when there may be `most`, and their weights: see [`super::Tpe`] on its bounded cost.
fn spread(n: usize, most: usize) -> Vec<(usize, f64)> {
    if n <= most {
        return (0..n).map(|i| (i, weight(i, n))).collect();
    }
    let (older, kept) = (n - NEWEST, most - NEWEST);
    let stands_for = older as f64 / kept as f64;
    // The middle of each of `kept` equal stretches.
    let place = |j: usize| (2 * j + 1) * older / (2 * kept);
    let spaced = (0..kept).map(|j| (place(j), weight(place(j), n) * stands_for));
    spaced.chain((older..n).map(|i| (i, 1.0))).collect()
}

/// The place of the `ordinal`-th row when some, in ascending order, are left out.
fn skipping(left_out: &[usize], ordinal: usize) -> usize {
    left_out.iter().fold(ordinal, |place, out| if *out <= place { place + 1 } else { place })
}

#[cfg(test)]
mod tests {
    use super::super::Tpe;
    use super::*;
    use crate::observation::{Observation, Outcome};
    use crate::sampler::Sampler;
    use crate::space::Space;
    use gauntlet_domain::Direction;

    /// A group of one estimate that has been shown random points, every tenth of them as good as the best.
    fn shown(document: &serde_json::Value, trials: u64) -> (Group, BTreeSet<usize>) {
        let space = Space::from_json(document).unwrap();
        let mut tpe = Tpe::new(&space, Direction::Minimize, settings());
        for trial in 0..trials {
            let stream = Stream::new(3).at(trial);
            let value =
                |p: &crate::space::Parameter| (p.name.clone(), p.domain.at(stream.named(&p.name).unit()));
            let params = space.parameters().iter().map(value).collect();
            let outcome = Outcome::Completed(stream.named("value").unit());
            tpe.observe(&Observation { trial, params, outcome });
        }
        let good = tpe.good();
        (tpe.groups.remove(0), good)
    }

    fn settings() -> TpeSettings {
        TpeSettings {
            multivariate: true,
            startup_trials: 10,
            candidates: 24,
            constant_liar: true,
            kernels: 256,
        }
    }

    fn documents() -> [serde_json::Value; 4] {
        [
            serde_json::json!({ "a": { "int": [5, 60] }, "b": { "int": [0, 100_000] }, "c": { "int": [0, 9] } }),
            serde_json::json!({ "a": { "int": [1, 600], "log": true }, "b": { "float": [0, 1], "step": 0.01 } }),
            serde_json::json!({ "a": { "categorical": ["p", "q", "r"] }, "b": { "float": [1, 8], "log": true } }),
            serde_json::json!({ "a": { "int": [0, 3] }, "b": { "categorical": [1, 2] }, "c": { "float": [0, 1] } }),
        ]
    }

    /// The points that an estimate draws.
    fn drawn(estimates: &Estimates<'_>, points: u64) -> Vec<Vec<f64>> {
        (0..points).map(|i| estimates.good.mixture().sample(&Stream::new(5).at(i))).collect()
    }

    #[test]
    fn a_density_lies_between_its_bounds() {
        let mut compared = 0;
        for document in documents() {
            for (trials, kernels) in [(12, 256), (90, 256), (700, 256), (300, UNBOUNDED)] {
                let (group, good) = shown(&document, trials);
                let settings = TpeSettings { kernels, ..settings() };
                let estimates = Estimates::new(&group, &good, &[], &settings);
                for mut density in [estimates.good.clone(), estimates.bad.clone()] {
                    let mixture = density.mixture().clone();
                    for point in drawn(&estimates, 60) {
                        let (least, log, most) =
                            (density.log_at_least(&point), density.log(&point), density.log_at_most(&point));
                        assert!(least - ROUNDING <= log && log <= most + ROUNDING, "{least} {log} {most}");
                        assert_eq!(Density::of(mixture.clone()).log(&point).to_bits(), log.to_bits());
                        compared += 1;
                    }
                }
            }
        }
        assert_eq!(compared, 4 * 4 * 2 * 60);
    }

    #[test]
    fn the_best_candidate_is_that_of_computing_the_ratio_of_all() {
        let new = |density: &Density| Density::of(density.mixture().clone());
        let (mut compared, mut places) = (0, BTreeSet::new());
        for document in documents() {
            for (trials, kernels) in [(12, 256), (90, 256), (700, 256), (300, UNBOUNDED)] {
                let (group, good) = shown(&document, trials);
                let mut estimates =
                    Estimates::new(&group, &good, &[], &TpeSettings { kernels, ..settings() });
                let points = drawn(&estimates, 480);
                for points in points.chunks(24) {
                    let mut expected: Option<(f64, usize)> = None;
                    for (place, point) in points.iter().enumerate() {
                        let ratio = new(&estimates.good).log(point) - new(&estimates.bad).log(point);
                        if expected.is_none_or(|(most, _)| ratio > most) {
                            expected = Some((ratio, place));
                        }
                    }
                    let best = estimates.best(points);
                    assert_eq!(best, expected.map(|(_, place)| place));
                    places.extend(best);
                    compared += 1;
                }
            }
        }
        assert_eq!((compared, places.len()), (4 * 4 * 20, 24), "every place is the best one at times");
        let (group, good) = shown(&documents()[0], 90);
        assert_eq!(Estimates::new(&group, &good, &[], &settings()).best(&[]), None);
    }

    #[test]
    fn rows_that_are_left_out_are_skipped() {
        let kept: Vec<usize> = (0..7).map(|ordinal| skipping(&[0, 3, 4], ordinal)).collect();
        assert_eq!(kept, [1, 2, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_bounded_estimate_weighs_as_much_as_the_whole_one_and_keeps_the_newest() {
        for n in [257, 300, 512, 1_000, 10_000] {
            let (all, some) = (spread(n, usize::MAX), spread(n, 256));
            assert_eq!((all.len(), some.len()), (n, 256));
            assert!(some.windows(2).all(|pair| pair[0].0 < pair[1].0), "{n}: each once, oldest first");
            let weight = |of: &[(usize, f64)]| of.iter().map(|(_, weight)| weight).sum::<f64>();
            assert!((weight(&some) / weight(&all) - 1.0).abs() < 0.01, "{n}");
            assert_eq!(some[256 - NEWEST..], all[n - NEWEST..]);
        }
        assert_eq!(spread(256, 256), spread(256, usize::MAX));
    }
}
