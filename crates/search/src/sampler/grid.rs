//! Every point of the grid, once, in a fixed order.

use crate::error::SearchError;
use crate::observation::Observation;
use crate::sampler::{Question, Sampler};
use crate::space::Space;
use gauntlet_domain::experiment::Parameters;

/// Exhaustive search. Points are counted in mixed radix with parameters ordered by name, the last one varying
/// fastest, as in nested loops; integers and stepped floats by their step, continuous floats by their
/// `points`.
///
/// Points that violate a condition are left out: trial `k` is the `k`-th valid point. The seed and the
/// observations are ignored. `None` after the last point.
#[derive(Debug, Clone, Copy, Default)]
pub struct Grid {
    /// How many valid points lie before `next`, so that the next trial does not count them again.
    found: u64,
    next: u128,
}

impl Grid {
    /// The largest grid that is searched under conditions. Counting valid points means visiting them.
    pub const MAX_CONDITIONED: u128 = 1 << 20;

    /// Refuses a grid that cannot be searched.
    pub(super) fn check(space: &Space) -> Result<(), SearchError> {
        match space.size() {
            _ if !space.has_conditions() => Ok(()),
            Some(size) if size <= Self::MAX_CONDITIONED => Ok(()),
            size => Err(SearchError::GridTooLarge {
                points: size.map_or("more than 2^128".to_string(), |size| size.to_string()),
                limit: Self::MAX_CONDITIONED,
            }),
        }
    }
}

impl Sampler for Grid {
    fn observe(&mut self, _observation: &Observation) {}

    fn propose(&mut self, question: &Question<'_>) -> Option<Parameters> {
        let Question { space, trial, .. } = *question;
        // A grid too large to count is longer than any search without conditions.
        let size = space.size().unwrap_or(u128::MAX);
        if !space.has_conditions() {
            return (u128::from(trial) < size).then(|| space.point(u128::from(trial)));
        }
        if trial < self.found {
            *self = Self::default();
        }
        while self.next < size.min(Self::MAX_CONDITIONED) {
            let params = space.point(self.next);
            self.next += 1;
            if space.satisfies(&params) {
                self.found += 1;
                if self.found > trial {
                    return Some(params);
                }
            }
        }
        None
    }
}
