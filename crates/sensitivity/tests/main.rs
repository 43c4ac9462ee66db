//! Sensitivity analysis against analytic values, other libraries and its degenerate cases.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod analytic;
mod degenerate;
mod functions;
mod oracles;
