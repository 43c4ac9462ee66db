//! Pre-trade checks: each reason at its edge, the fold, and random sequences against a reckoning from scratch.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod desk;
mod documents;
mod edges;
mod fold;
mod limits;
mod oracles;
mod overflow;
mod random;
mod reckoning;
mod sequences;
