//! Pre-trade checks: what an order must pass before it is sent, and the state that the checks look at.
//!
//! [`check`](check::check) is a pure function of a message, a state and limits. The state is a fold over events. Both know
//! event time alone. Nothing here sends an order, reads a clock, does I/O or draws a random number.
//!
//! An order that was sent counts in every limit at once, filled or not (RTS 6, article 15(2)): it counts from the event
//! [`Fact::Accepted`] on, until the venue says that it is filled or gone. Of an amendment under way
//! the larger quantity counts.
//!
//! The currency of the account is the only one: an instrument in another one cannot be listed. A size of 1 is what the price
//! is for: there is no contract multiplier. `docs/risk-controls.md` says which clause of which rule each check answers to.
//!
//! Reading order: [`money`], [`terms`], [`message`], [`limits`], [`decision`], [`event`], [`state`], [`mod@check`].

/// The nine checks.
pub mod check;
/// What a check answers.
pub mod decision;
/// What can be wrong with events and limits.
pub mod error;
/// What changes the state.
pub mod event;
/// Limits, and which of them are not set.
pub mod limits;
/// Messages to a venue.
pub mod message;
/// Amounts of money, exactly.
pub mod money;
/// What is known of an account, its instruments and its strategies.
pub mod state;
/// What of an instrument's definition decides about an order.
pub mod terms;
/// Wide integers in JSON.
mod wide;

pub use check::{check, record};
pub use decision::{Decision, Denial, Figure, Reason};
pub use error::PretradeError;
pub use event::{Event, Fact, Scope, TradingState};
pub use limits::{AccountLimits, InstrumentLimits, Limits, PeriodCollar, Rate, Stage, StrategyLimits, unset};
pub use message::{Message, Order, Request, Side};
pub use money::Money;
pub use state::State;
pub use terms::Terms;
