//! Sensitivity analysis: how far a score depends on each parameter, and how flat it is round a finalist.
//!
//! A design is a list of points to evaluate. Its report takes the values in the same order, so points may be evaluated in any
//! order and on any thread. A value is `None` where the evaluation failed; a NaN or an infinity counts as that. Nothing here
//! evaluates, reads a clock or draws an unseeded number: randomness is Philox, keyed by seed, purpose and replicate.
//!
//! Coordinates are quantiles of the space's domains, from 0 to 1 ([`Domain::at`](gauntlet_search::Domain::at)). Parameters with
//! one value are no axes. The order of axes is that of the space.
//!
//! Reading order: [`error`], [`cube`], [`values`], then the methods: [`hypercube`], [`slices`], [`plateau`], [`sobol`],
//! [`morris`], [`pawn`].

/// A box of a space, seen as the unit cube.
pub mod cube;
/// What a design refuses.
pub mod error;
/// Latin hypercubes.
pub mod hypercube;
/// Elementary effects.
pub mod morris;
/// Sensitivity from distributions.
pub mod pawn;
/// How much of a finalist's score its neighbours keep.
pub mod plateau;
/// One axis at a time through a finalist.
pub mod slices;
/// Indices of variance.
pub mod sobol;
/// Values that a report may use, and intervals by resampling.
pub mod values;

pub use cube::{Cube, Point};
pub use error::SensitivityError;
pub use gauntlet_quant::inference::{Interval, Undefined};
