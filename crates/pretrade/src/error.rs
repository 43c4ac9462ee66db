//! What can be wrong with events and limits. Retrying never helps: everything here is pure.

use gauntlet_domain::Timestamp;

/// Why limits, terms or an event are refused. A refused event has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PretradeError {
    /// A limit that makes no sense.
    #[error("{field} is {value}: give {expected}")]
    BadLimit {
        /// Where it is in the limits.
        field: String,
        /// As given.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// A text that is no amount of money.
    #[error(
        "'{text}' is not an amount of money: write a decimal number below 1.7e20 with at most 18 digits after the point"
    )]
    NoMoney {
        /// As given.
        text: String,
    },
    /// An instrument whose prices or sizes have no known step.
    #[error("the {step} of {instrument} is {value}: give the smallest step, above 0, in units of its scale")]
    NoStep {
        /// The instrument.
        instrument: String,
        /// `tick` or `lot`.
        step: &'static str,
        /// As given; 0 where nothing was said.
        value: i64,
    },
    /// An instrument in another currency than the account's.
    #[error(
        "{instrument} is priced in {currency}, the account is in {account}: list it in an account of its currency"
    )]
    ForeignCurrency {
        /// The instrument.
        instrument: String,
        /// Its currency.
        currency: String,
        /// The account's.
        account: String,
    },
    /// A definition that would change what all numbers of an instrument mean.
    #[error(
        "{instrument} is listed again with another scale: the first one holds for all its prices and sizes"
    )]
    OtherScale {
        /// The instrument.
        instrument: String,
    },
    /// Event time that goes back.
    #[error("an event of {time} comes after one of {now}: give events in the order of event time")]
    TimeWentBack {
        /// Of the event.
        time: Timestamp,
        /// The latest time seen.
        now: Timestamp,
    },
    /// An event about something that the state does not have.
    #[error("{what} {id} is not known: record what made it first")]
    Unknown {
        /// `order` or `instrument`.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// An order that is open already.
    #[error("order {order} is open already: record each order once")]
    DuplicateOrder {
        /// The order.
        order: String,
    },
    /// A fill that is no fill, or one that does not belong to its order.
    #[error("the fill of order {order} is refused: {why}")]
    BadFill {
        /// The order.
        order: String,
        /// What is wrong, and what to give.
        why: &'static str,
    },
    /// A decision that a person has to take.
    #[error("{what} without the name of a person: say who decided")]
    NoPerson {
        /// What was to be done.
        what: &'static str,
    },
    /// Money beyond 128 bits.
    #[error("the cash of the account would be beyond 1.7e20: check price, quantity and scale")]
    TooMuchMoney,
}

impl PretradeError {
    /// Never: the same input gives the same refusal.
    pub fn retry_helps(&self) -> bool {
        false
    }
}
