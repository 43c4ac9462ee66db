//! Sensitivity analysis against analytic values, other libraries and its degenerate cases.
