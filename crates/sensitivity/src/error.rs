//! What a design refuses. The request is wrong in every case, so retrying never helps.

use thiserror::Error;

/// What was wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SensitivityError {
    /// Every parameter has one value.
    #[error("parameters: nothing varies: give at least one parameter more than one value")]
    NothingVaries,
    /// A centre that is no point of the space, or a radius that is not positive.
    #[error(
        "the centre or the radius of the box is outside the space: use a point of the space and a radius above 0"
    )]
    BadBox,
    /// More axes than half of the dimensions of the Sobol table.
    #[error(
        "parameters: {axes} parameters vary and the Sobol indices take {limit}: fix some, or use morris or pawn"
    )]
    TooManyAxes {
        /// Parameters that vary.
        axes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A number of rows that breaks the balance of the sequence.
    #[error("{samples} samples: the Sobol indices need a power of two from 4 to 65536, such as 512")]
    NotPowerOfTwo {
        /// What was asked for.
        samples: u32,
    },
    /// Too few or too many points for the method.
    #[error("{samples} samples: this method takes from {least} to {most}")]
    Samples {
        /// What was asked for.
        samples: u32,
        /// The least there may be.
        least: u32,
        /// The most there may be.
        most: u32,
    },
    /// The conditions cut every box, or leave too little of the space.
    #[error("parameters: infeasible, the conditions leave too little of the space: {remedy}")]
    Infeasible {
        /// What to do.
        remedy: &'static str,
    },
}

/// Refuses a number of samples outside the range.
pub(crate) fn samples_within(samples: u32, least: u32, most: u32) -> Result<(), SensitivityError> {
    if (least..=most).contains(&samples) {
        Ok(())
    } else {
        Err(SensitivityError::Samples { samples, least, most })
    }
}
