//! Sensitivity analysis against analytic values, other libraries and its degenerate cases.

mod analytic;
mod degenerate;
mod functions;
mod oracles;
