//! The tree-structured Parzen estimator (Bergstra et al. 2011), in Optuna's form.

mod estimates;

use std::collections::BTreeSet;

use self::estimates::{Estimates, Group, Member};
use crate::observation::{Observation, Outcome};
use crate::rng::Stream;
use crate::sampler::parzen::{Axis, ordered_bits};
use crate::sampler::{Question, REPEAT, Random, Sampler, SamplerKind};
use crate::settings::{Choice, Setting, Value};
use crate::space::Space;
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
    ordered_bits(x + 0.0)
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
        let mut estimates: Vec<Estimates> = self.groups.iter().map(of).collect();
        let parameters = question.space.parameters().iter();
        let fixed: Parameters = parameters.map(|p| (p.name.clone(), p.domain.at(0.0))).collect();

        let stream = Stream::new(question.seed).named("tpe").at(question.trial);
        let candidates = self.settings.candidates.max(1);
        let with = |values: Vec<(String, ParameterValue)>| {
            let mut params = fixed.clone();
            params.extend(values);
            params
        };
        let draws = if estimates.is_empty() { 1 } else { Self::MAX_DRAWS };
        let draw = |attempt: u64| -> Option<Parameters> {
            let stream = stream.at(attempt);
            match &mut estimates[..] {
                [all] if self.settings.multivariate => {
                    let (group, mut params) = (all.group, fixed.clone());
                    let accepts = |point: &[f64]| {
                        group.put(point, &mut params);
                        (question.accepts)(&params)
                    };
                    all.draw(&stream, candidates, accepts).map(with)
                }
                each => {
                    let drawn: Option<Vec<_>> =
                        each.iter_mut().map(|one| one.draw(&stream, candidates, |_| true)).collect();
                    Some(with(drawn?.concat())).filter(|params| (question.accepts)(params))
                }
            }
        };
        (0..draws).find_map(draw).or_else(|| Random.propose(question))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_order_as_numbers_do() {
        let numbers = [-1e9, -2.0, -1e-300, 0.0, 1e-300, 3.0, 1e9];
        assert!(numbers.windows(2).all(|pair| ordered(pair[0]) < ordered(pair[1])));
        assert_eq!(ordered(0.0), ordered(-0.0));
    }
}
