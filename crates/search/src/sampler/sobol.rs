//! A low-discrepancy sequence: covers the space more evenly than random draws.

use std::collections::BTreeSet;

use crate::error::SearchError;
use crate::observation::Observation;
use crate::rng::Stream;
use crate::sampler::{Question, Sampler};
use crate::space::{Domain, Space};
use gauntlet_domain::experiment::Parameters;

/// The Sobol sequence in Gray code order (Antonov & Saleev 1979) with the direction numbers of Joe & Kuo 2008
/// (new-joe-kuo-6.21201) and a digital shift from the seed, one for each parameter: shifting keeps every net
/// property.
///
/// Fixed parameters take no dimension. Trial `k` is the `k`-th point that satisfies the conditions and, with
/// `distinct`, is none of the points before it, so the valid part stays evenly covered. `None` after
/// [`Sobol::MAX_REJECTED`] other points in a row, or for a space that has more dimensions than the table. The
/// observations are ignored. The coverage is best after 2^n trials.
#[derive(Debug, Clone, Default)]
pub struct Sobol {
    /// Whether a point of a discrete space counts once.
    distinct: bool,
    sequence: Option<Shifted>,
    /// The next point to look at, and how many proposals lie before it: what the next trial need not count again.
    next: u32,
    found: u64,
    /// Numbers of the points of a discrete space before `next`, with `distinct`.
    seen: BTreeSet<u128>,
}

impl Sobol {
    /// Before its first trial.
    pub fn new(distinct: bool) -> Self {
        Self { distinct, ..Self::default() }
    }

    /// Parameters that may vary.
    pub const MAX_DIMENSIONS: usize = TABLE.len() + 1;

    /// Points in a row that may violate the conditions before a proposal is given up.
    pub const MAX_REJECTED: u32 = 10_000;

    /// Refuses a space with more varying parameters than the table has dimensions.
    pub(super) fn check(space: &Space) -> Result<(), SearchError> {
        match dimensions(space) {
            dimensions if dimensions > Self::MAX_DIMENSIONS => {
                Err(SearchError::TooManyDimensions { dimensions, limit: Self::MAX_DIMENSIONS })
            }
            _ => Ok(()),
        }
    }
}

impl Sampler for Sobol {
    fn observe(&mut self, _observation: &Observation) {}

    fn propose(&mut self, question: &Question<'_>) -> Option<Parameters> {
        let Question { space, seed, trial, .. } = *question;
        if dimensions(space) > Self::MAX_DIMENSIONS {
            return None;
        }
        if trial < self.found || self.sequence.as_ref().is_none_or(|sequence| sequence.seed != seed) {
            let sequence = Some(Shifted::new(space, seed));
            *self = Self { sequence, ..Self::new(self.distinct) };
        }
        let mut rejected = 0;
        while rejected < Self::MAX_REJECTED {
            let params = self.sequence.as_ref()?.params(space, self.next);
            self.next = self.next.checked_add(1)?;
            if !self.is_new(space, &params) {
                rejected += 1;
                continue;
            }
            rejected = 0;
            self.found += 1;
            if self.found > trial {
                return Some(params);
            }
        }
        // The sequence ends here, for this trial and all later ones.
        self.next = u32::MAX;
        None
    }
}

impl Sobol {
    fn is_new(&mut self, space: &Space, params: &Parameters) -> bool {
        space.satisfies(params)
            && (!self.distinct || space.number_of(params).is_none_or(|number| self.seen.insert(number)))
    }
}

fn dimensions(space: &Space) -> usize {
    space.parameters().iter().filter(|p| varies(&p.domain)).count()
}

fn varies(domain: &Domain) -> bool {
    !matches!(domain, Domain::Fixed(_))
}

/// Direction numbers and shift of every varying parameter, in the space's order.
#[derive(Debug, Clone)]
struct Shifted {
    seed: u64,
    dimensions: Vec<(SobolDimension, u32)>,
}

impl Shifted {
    fn new(space: &Space, seed: u64) -> Self {
        let root = Stream::new(seed).named("sobol");
        let varying = space.parameters().iter().filter(|p| varies(&p.domain)).enumerate();
        let shift = |name: &str| (root.named(name).bits() >> 32) as u32;
        Self {
            seed,
            dimensions: varying
                .filter_map(|(i, p)| Some((SobolDimension::new(i)?, shift(&p.name))))
                .collect(),
        }
    }

    fn params(&self, space: &Space, index: u32) -> Parameters {
        let mut dimensions = self.dimensions.iter();
        let mut unit = || {
            let (dimension, shift) = dimensions.next()?;
            // The middle of the cell: inside the unit interval, and never on its lower bound.
            Some((f64::from(dimension.coordinate(index) ^ shift) + 0.5) / 4_294_967_296.0)
        };
        let value = |domain: &Domain, u: Option<f64>| domain.at(u.unwrap_or(0.0));
        let parameters = space.parameters().iter();
        parameters
            .map(|p| (p.name.clone(), value(&p.domain, if varies(&p.domain) { unit() } else { None })))
            .collect()
    }
}

/// One dimension of the unshifted sequence.
#[derive(Debug, Clone)]
pub struct SobolDimension {
    directions: [u32; 32],
}

impl SobolDimension {
    /// The dimension with this number, from 0; `None` from [`Sobol::MAX_DIMENSIONS`] on.
    pub fn new(number: usize) -> Option<Self> {
        (number < Sobol::MAX_DIMENSIONS).then(|| Self { directions: direction_numbers(number) })
    }

    /// Coordinate of point `index`, as a fraction of 2^32.
    pub fn coordinate(&self, index: u32) -> u32 {
        let gray = index ^ (index >> 1);
        (0..32).filter(|bit| gray >> bit & 1 == 1).fold(0, |x, bit| x ^ self.directions[bit])
    }
}

/// `v_1 … v_32` of a dimension, each shifted to the top of the word. `dimension` is below
/// [`Sobol::MAX_DIMENSIONS`].
fn direction_numbers(dimension: usize) -> [u32; 32] {
    let mut v = [0_u32; 32];
    let Some((a, initial)) = dimension.checked_sub(1).map(|row| TABLE[row]) else {
        // The first dimension is the van der Corput sequence.
        return std::array::from_fn(|i| 1 << (31 - i));
    };
    let degree = initial.len();
    for i in 0..32 {
        v[i] = match initial.get(i) {
            Some(m) => m << (31 - i),
            // The recurrence of the primitive polynomial x^s + a_1 x^(s-1) + … + 1, the bits of `a` being a_1 … a_(s-1).
            None => (1..degree)
                .filter(|j| a >> (degree - 1 - j) & 1 == 1)
                .fold(v[i - degree] ^ (v[i - degree] >> degree), |x, j| x ^ v[i - j]),
        };
    }
    v
}

/// Joe & Kuo's table from the second dimension on: the coefficients `a` of the polynomial and the initial
/// `m`, whose number is the polynomial's degree. Source: new-joe-kuo-6.21201,
/// <https://web.maths.unsw.edu.au/~fkuo/sobol/> (BSD licence).
const TABLE: &[(u32, &[u32])] = &[
    (0, &[1]),
    (1, &[1, 3]),
    (1, &[1, 3, 1]),
    (2, &[1, 1, 1]),
    (1, &[1, 1, 3, 3]),
    (4, &[1, 3, 5, 13]),
    (2, &[1, 1, 5, 5, 17]),
    (4, &[1, 1, 5, 5, 5]),
    (7, &[1, 1, 7, 11, 19]),
    (11, &[1, 1, 5, 1, 1]),
    (13, &[1, 1, 1, 3, 11]),
    (14, &[1, 3, 5, 5, 31]),
    (1, &[1, 3, 3, 9, 7, 49]),
    (13, &[1, 1, 1, 15, 21, 21]),
    (16, &[1, 3, 1, 13, 27, 49]),
    (19, &[1, 1, 1, 15, 7, 5]),
    (22, &[1, 3, 1, 15, 13, 25]),
    (25, &[1, 1, 5, 5, 19, 61]),
    (1, &[1, 3, 7, 11, 23, 15, 103]),
    (4, &[1, 3, 7, 13, 13, 15, 69]),
    (7, &[1, 1, 3, 13, 7, 35, 63]),
    (8, &[1, 3, 5, 9, 1, 25, 53]),
    (14, &[1, 3, 1, 13, 9, 35, 107]),
    (19, &[1, 3, 1, 5, 27, 61, 31]),
    (21, &[1, 1, 5, 11, 19, 41, 61]),
    (28, &[1, 3, 5, 3, 3, 13, 69]),
    (31, &[1, 1, 7, 13, 1, 19, 1]),
    (32, &[1, 3, 7, 5, 13, 19, 59]),
    (37, &[1, 1, 3, 9, 25, 29, 41]),
    (41, &[1, 3, 5, 13, 23, 1, 55]),
    (42, &[1, 3, 7, 3, 13, 59, 17]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_those_of_scipy() {
        let record: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/oracles/sobol.json")).unwrap();
        let mut compared = 0;
        for (block, first) in
            record["points"].as_array().unwrap().iter().zip(record["first_index"].as_array().unwrap())
        {
            for (index, point) in (first.as_u64().unwrap()..).zip(block.as_array().unwrap()) {
                for (dimension, x) in point.as_array().unwrap().iter().enumerate() {
                    let ours = SobolDimension::new(dimension).unwrap().coordinate(index as u32);
                    assert_eq!(
                        u64::from(ours),
                        x.as_u64().unwrap() << 2,
                        "point {index}, dimension {dimension}"
                    );
                    compared += 1;
                }
            }
        }
        assert_eq!(compared, (256 + 4) * Sobol::MAX_DIMENSIONS);
    }
}
