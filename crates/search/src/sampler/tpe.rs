//! The tree-structured Parzen estimator (Bergstra et al. 2011), in Optuna's form.

use std::collections::BTreeSet;

use crate::observation::{Observation, Outcome};
use crate::rng::Stream;
use crate::sampler::parzen::{Axis, NEWEST, Parzen, normalised, weight};
use crate::sampler::{Question, REPEAT, Random, Sampler, SamplerKind};
use crate::settings::{Choice, Setting, Value};
use crate::space::{Domain, Space};
use gauntlet_domain::Direction;
use gauntlet_domain::experiment::{ParameterValue, Parameters};

/// How TPE searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TpeSettings {
    /// Whether one estimate covers all parameters (follows interactions between them) or each has its own.
    pub multivariate: bool,
    /// Completed and pruned trials that it has been shown before it learns from them; until then it proposes as
    /// [`Random`] does.
    pub startup_trials: usize,
    /// Candidates drawn for each proposal.
    pub candidates: u64,
    /// Whether trials under way count as bad ones, so that proposals keep away from them.
    pub constant_liar: bool,
    /// The most past trials that the estimate of the bad ones has a kernel for: it bounds the cost of a proposal.
    pub kernels: usize,
}

impl TpeSettings {
    /// What a document can set. A `tpe` that was stored without settings is the univariate form over all trials.
    pub(super) const TABLE: &'static [Setting] = &[
        Setting::flag("multivariate", true, false, "one estimate for all parameters, or one for each"),
        Setting::count("startup_trials", 10, 0, "trials with a result before it learns"),
        Setting::count("candidates", 24, 1, "candidates drawn for each proposal"),
        Setting::flag("constant_liar", true, false, "whether trials under way count as bad ones"),
        Setting {
            plain: Value::Count(u32::MAX),
            ..Setting::count("kernels", 256, 32, "most past trials in the estimate of the bad ones")
        },
        REPEAT,
    ];

    /// The settings of a row.
    pub(super) fn of(choice: &Choice<SamplerKind>) -> Self {
        let flag = |name| choice.flag(name) == Some(true);
        Self {
            multivariate: flag("multivariate"),
            startup_trials: choice.count("startup_trials") as usize,
            candidates: u64::from(choice.count("candidates")),
            constant_liar: flag("constant_liar"),
            kernels: choice.count("kernels") as usize,
        }
    }
}

/// Splits past trials into the best `γ(n) = min(⌈n / 10⌉, 25)` and the rest, estimates the density of
/// parameters in both, draws candidates from the first and proposes the one where the ratio of the two is
/// largest.
///
/// Completed trials rank by value and pruned ones after them by their partial value (Optuna compares the step
/// they reached before that, which an observation does not carry); failed trials are not used. Ties go to the
/// earlier trial. With `constant_liar` trials under way belong to the rest, as its newest. Observations whose values
/// lie outside the space are skipped, so a history from a wider space warms a search up.
///
/// **Bounded cost.** When the rest has more than `kernels` trials, its estimate keeps the 25 newest, which count
/// fully anyway, and `kernels - 25` older ones, evenly spaced by their age; each of these stands for those that it
/// replaces. A proposal then costs the same however long the history is.
///
/// With one estimate for all parameters, candidates that are not accepted (a condition, a repeated point) are left
/// out before the best is chosen; otherwise the chosen one has to be accepted. When nothing is, all is drawn again
/// with other random numbers, at most [`Tpe::MAX_DRAWS`] times, then the proposal is [`Random`]'s, which is `None`
/// when that fails too.
pub struct Tpe {
    settings: TpeSettings,
    direction: Direction,
    /// Used trials, best first.
    ranking: BTreeSet<Rank>,
    groups: Vec<Group>,
}

/// A used trial's place: class (0 completed, 1 pruned with a value, 2 pruned without), value within the class, lower is
/// better, and its number among the used trials.
type Rank = (u8, u64, usize);

impl Tpe {
    /// Draws from the estimate before a proposal that is accepted is left to [`Random`].
    pub const MAX_DRAWS: u64 = 64;

    /// Before the first trial.
    pub fn new(space: &Space, direction: Direction, settings: TpeSettings) -> Self {
        let member = |p: &crate::space::Parameter| {
            Some(Member { name: p.name.clone(), domain: p.domain.clone(), axis: Axis::of(&p.domain)? })
        };
        let members: Vec<Member> = space.parameters().iter().filter_map(member).collect();
        let size = if settings.multivariate { members.len().max(1) } else { 1 };
        let groups = members.chunks(size).map(|members| Group::new(members.to_vec())).collect();
        Self { settings, direction, ranking: BTreeSet::new(), groups }
    }

    fn rank(&self, observation: &Observation) -> Option<Rank> {
        let (class, value) = match observation.outcome {
            Outcome::Completed(_) => (0, observation.objective()?),
            Outcome::Pruned(Some(value)) if value.is_finite() => (1, value),
            Outcome::Pruned(_) => (2, 0.0),
            Outcome::Failed => return None,
        };
        let lower_is_better = match self.direction {
            Direction::Minimize => value + 0.0,
            Direction::Maximize => 0.0 - value,
        };
        Some((class, ordered(lower_is_better), self.ranking.len()))
    }

    /// The numbers of the good trials, in trial order.
    fn good(&self) -> BTreeSet<usize> {
        let count = self.ranking.len().div_ceil(10).min(25);
        self.ranking.iter().take(count).map(|rank| rank.2).collect()
    }
}

/// Bits that order as the numbers do.
fn ordered(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

impl Sampler for Tpe {
    fn observe(&mut self, observation: &Observation) {
        let Some(rank) = self.rank(observation) else { return };
        self.groups.iter_mut().for_each(|group| group.observe(rank.2, &observation.params));
        self.ranking.insert(rank);
    }

    fn propose(&mut self, question: &Question<'_>) -> Option<Parameters> {
        if self.ranking.len() < self.settings.startup_trials.max(1) {
            return Random.propose(question);
        }
        let good = self.good();
        let under_way = if self.settings.constant_liar { question.under_way } else { &[] };
        let of = |group| Estimates::new(group, &good, under_way, &self.settings);
        let estimates: Vec<Estimates> = self.groups.iter().map(of).collect();
        let parameters = question.space.parameters().iter();
        let fixed: Parameters = parameters.map(|p| (p.name.clone(), p.domain.at(0.0))).collect();

        let stream = Stream::new(question.seed).named("tpe").at(question.trial);
        let candidates = self.settings.candidates.max(1);
        let with = |values: Vec<(String, ParameterValue)>| {
            let mut params = fixed.clone();
            params.extend(values);
            params
        };
        let draw = |attempt: u64| -> Option<Parameters> {
            let stream = stream.at(attempt);
            match &estimates[..] {
                [all] if self.settings.multivariate => {
                    let accepts = |point: &[f64]| (question.accepts)(&with(all.group.values(point)));
                    all.draw(&stream, candidates, accepts).map(with)
                }
                each => {
                    let drawn: Option<Vec<_>> =
                        each.iter().map(|one| one.draw(&stream, candidates, |_| true)).collect();
                    Some(with(drawn?.concat())).filter(|params| (question.accepts)(params))
                }
            }
        };
        let draws = if estimates.is_empty() { 1 } else { Self::MAX_DRAWS };
        (0..draws).find_map(draw).or_else(|| Random.propose(question))
    }
}

/// A parameter that varies.
#[derive(Clone)]
struct Member {
    name: String,
    domain: Domain,
    axis: Axis,
}

/// Parameters that are estimated together, and the past trials in their coordinates.
struct Group {
    members: Vec<Member>,
    axes: Vec<Axis>,
    /// Numbers of used trials whose values lie in the space, ascending.
    trials: Vec<usize>,
    /// Their coordinates, a column for each member.
    columns: Vec<Vec<f64>>,
}

impl Group {
    fn new(members: Vec<Member>) -> Self {
        let axes = members.iter().map(|member| member.axis).collect();
        let columns = vec![Vec::new(); members.len()];
        Self { members, axes, trials: Vec::new(), columns }
    }

    fn coordinates(&self, params: &Parameters) -> Option<Vec<f64>> {
        self.members.iter().map(|m| m.axis.coordinate(&m.domain, params.get(&m.name)?)).collect()
    }

    fn observe(&mut self, trial: usize, params: &Parameters) {
        let Some(point) = self.coordinates(params) else { return };
        self.trials.push(trial);
        self.columns.iter_mut().zip(point).for_each(|(column, x)| column.push(x));
    }

    fn values(&self, point: &[f64]) -> Vec<(String, ParameterValue)> {
        let members = self.members.iter().zip(point);
        members.map(|(m, x)| (m.name.clone(), m.axis.value(&m.domain, *x))).collect()
    }
}

/// A group's two densities.
struct Estimates<'a> {
    group: &'a Group,
    good: Parzen,
    bad: Parzen,
}

impl<'a> Estimates<'a> {
    fn new(
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
        let column = |axis: usize| -> Vec<f64> {
            let at = |ordinal: usize| match ordinal.checked_sub(past) {
                Some(liar) => liars[liar][axis],
                None => group.columns[axis][skipping(&good, ordinal)],
            };
            chosen.iter().map(|(ordinal, _)| at(*ordinal)).collect()
        };
        let bad: Vec<Vec<f64>> = (0..group.axes.len()).map(column).collect();
        let of_good = |column: &Vec<f64>| good.iter().map(|place| column[*place]).collect::<Vec<f64>>();
        let good_columns: Vec<Vec<f64>> = group.columns.iter().map(of_good).collect();
        let good_weights = (0..good.len()).map(|i| weight(i, good.len())).collect();
        let bad_weights = chosen.iter().map(|(_, weight)| *weight).collect();
        let good = Parzen::new(&group.axes, &good_columns, normalised(good_weights));
        let bad = Parzen::new(&group.axes, &bad, normalised(bad_weights));
        match settings.kernels {
            // A stored search without settings: to the last bit as it was.
            UNBOUNDED => Self { group, good, bad },
            _ => Self { group, good: good.screened(), bad: bad.screened() },
        }
    }

    /// Of the accepted candidates the one with the largest ratio of densities, the first of equals.
    fn draw(
        &self,
        stream: &Stream,
        candidates: u64,
        accepts: impl Fn(&[f64]) -> bool,
    ) -> Option<Vec<(String, ParameterValue)>> {
        let stream = self.group.members.iter().fold(stream.clone(), |stream, m| stream.named(&m.name));
        let points: Vec<Vec<f64>> = (0..candidates)
            .map(|candidate| self.good.sample(&stream.at(candidate)))
            .filter(|p| accepts(p))
            .collect();
        let (good, bad) = (self.good.log_densities(&points), self.bad.log_densities(&points));
        let mut best: Option<(f64, &Vec<f64>)> = None;
        for ((good, bad), point) in good.iter().zip(&bad).zip(&points) {
            if best.as_ref().is_none_or(|(most, _)| good - bad > *most) {
                best = Some((good - bad, point));
            }
        }
        best.map(|(_, point)| self.group.values(point))
    }
}

/// As many kernels as there are trials.
const UNBOUNDED: usize = u32::MAX as usize;

/// Which of `n` trials get a kernel when there may be `most`, and their weights: see [`Tpe`] on its bounded cost.
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
    use super::*;

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

    #[test]
    fn bits_order_as_numbers_do() {
        let numbers = [-1e9, -2.0, -1e-300, 0.0, 1e-300, 3.0, 1e9];
        assert!(numbers.windows(2).all(|pair| ordered(pair[0]) < ordered(pair[1])));
        assert_eq!(ordered(0.0), ordered(-0.0));
    }
}
