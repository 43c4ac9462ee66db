//! Every point of the grid, once, in a fixed order.

use crate::error::SearchError;
use crate::observation::Observation;
use crate::sampler::Sampler;
use crate::space::Space;
use gauntlet_domain::experiment::Parameters;

/// Exhaustive search. Points are counted in mixed radix with parameters ordered by name, the last one varying
/// fastest, as in nested loops; integers and stepped floats by their step, continuous floats by their
/// `points`.
///
/// Points that violate a condition are left out: trial `k` is the `k`-th valid point. The seed and the
/// history are ignored. `None` after the last point.
#[derive(Debug, Clone, Copy, Default)]
pub struct Grid;

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
    fn propose(&self, space: &Space, _seed: u64, trial: u64, _history: &[Observation]) -> Option<Parameters> {
        // A grid too large to count is longer than any search without conditions.
        let size = space.size().unwrap_or(u128::MAX);
        if !space.has_conditions() {
            return (u128::from(trial) < size).then(|| point(space, u128::from(trial)));
        }
        let mut valid =
            (0..size.min(Self::MAX_CONDITIONED)).map(|i| point(space, i)).filter(|p| space.satisfies(p));
        valid.nth(usize::try_from(trial).ok()?)
    }
}

fn point(space: &Space, index: u128) -> Parameters {
    let mut rest = index;
    let digits = space.parameters().iter().rev().map(|p| {
        let radix = p.domain.grid_size();
        let digit = rest % radix;
        rest /= radix;
        (p.name.clone(), p.domain.grid_value(digit))
    });
    digits.collect()
}
