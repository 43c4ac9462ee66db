//! The deterministic simulator: bars and a strategy or model in, trades and equity out.
//!
//! Pure functions of (bars, signals, costs, account, seed): no I/O, no clock, no threads, and every sum runs in
//! index order, so the same arguments give the same bits. Nothing here may look ahead: a signal is a function of the
//! bars up to and including its own, and it fills at a later bar's opening. Property tests hold every strategy and
//! every model to both, and the batch form to the bar-by-bar form used live.
//!
//! Reading order: [`bars`], [`costs`], [`account`], [`signal`], [`simulator`] (one bar), [`kernel`] (a range of bars),
//! [`guard`] (its limits), [`params`], [`strategy`], [`grid`] (many at once), [`model`] (machine learning), [`trader`] (live).

/// Capital and position sizing.
pub mod account;
/// Bars in columns.
pub mod bars;
/// Commission, spread, slippage, latency.
pub mod costs;
/// What can be wrong with the input.
pub mod error;
/// Many strategies over the same bars.
pub mod grid;
/// Limits of an account: the pre-trade checks before each order.
pub mod guard;
/// A run over a range of bars.
pub mod kernel;
/// Features, labels, estimators and the trading rule over them.
pub mod model;
/// Named parameters of strategies and models.
pub mod params;
/// What a strategy wants.
pub mod signal;
/// The state machine of one account, a bar at a time.
pub mod simulator;
/// The strategies.
pub mod strategy;
/// A strategy trading bar by bar.
pub mod trader;
mod wide;

pub use account::{Account, Sizing};
pub use bars::{BarRow, Bars};
pub use costs::{Costs, Spread};
pub use error::BacktestError;
pub use grid::Grid;
pub use guard::{Denied, Reason};
pub use kernel::{Outcome, Run, Summary, Then, run, summary};
pub use params::{ParamKind, ParamSpec, ParamValue, Params};
pub use signal::{AfterStop, Signal, Signals, Stop, Stops, Target};
pub use simulator::{ExitReason, Simulator, Step, Trade};
pub use strategy::{Strategy, StrategySpec};
pub use trader::Trader;
