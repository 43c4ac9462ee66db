//! Risk: a worker that measures a finalist, and a machine that judges it once everything is known.
//!
//! The worker `risk-figures` consumes `risk.requests.v1` and emits `risk.figures.v1`. The machine `risk` consumes the
//! experiments, their outcomes, reports and figures and emits `risk.verdicts.v1`, one record an experiment. Neither knows
//! what else was tried: that is the selector's part.

/// The worker.
mod figures;
/// Statistics of the gates, and their verdicts.
mod judge;
/// The machine.
mod machine;

pub use figures::RiskFigures;
pub use machine::{DEFINITION, Risk};
