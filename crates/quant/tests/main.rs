//! Indicators, metrics, inference and risk against oracles, and in their several forms.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail their test")]

mod indicators_forms;
mod indicators_oracle;
mod inference_oracle;
mod inference_power;
mod metrics_oracle;
mod paired_oracle;
mod paired_size;
mod paths_oracle;
mod risk_oracle;
