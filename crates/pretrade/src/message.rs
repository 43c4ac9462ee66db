//! Messages to a venue: an order, its amendment, its cancellation.

use gauntlet_domain::{EventId, InstrumentId, ModelId, Price, Quantity, Timestamp};
use serde::{Deserialize, Serialize};

/// A message that would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Event time at which it would be sent.
    pub time: Timestamp,
    /// The order: the id of the event that asked for it. Ids of orders that are gone are not kept, so whoever sends must not
    /// use one twice.
    pub order: EventId,
    /// Who sends it by hand; nobody is an automatic message. Whoever takes messages has to know that the name is true.
    pub person: Option<String>,
    /// What is asked of the venue.
    pub request: Request,
}

impl Message {
    /// Whether no person sends it. A blank name is nobody's.
    pub fn is_automatic(&self) -> bool {
        self.person.as_deref().is_none_or(|name| name.trim().is_empty())
    }
}

/// What is asked of the venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A new order.
    Submit(Order),
    /// Another quantity and price of an open order.
    Amend(Amendment),
    /// Nothing more of an open order is to be filled.
    Cancel,
}

/// What an order is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The strategy that is responsible for it (RTS 6, article 12(3)).
    pub strategy: ModelId,
    /// What is traded.
    pub instrument: InstrumentId,
    /// Bought or sold.
    pub side: Side,
    /// In units of the instrument's scale, above zero.
    pub quantity: Quantity,
    /// The worst price that it may fill at, above zero; `None` is an order at the market.
    pub limit_price: Option<Price>,
}

/// What an order is to be from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amendment {
    /// The whole quantity, what is filled already included.
    pub quantity: Quantity,
    /// As in [`Order`].
    pub limit_price: Option<Price>,
}

/// Bought or sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Adds to the position.
    Buy,
    /// Takes from the position.
    Sell,
}

impl Side {
    /// +1 or −1.
    pub fn sign(self) -> i128 {
        match self {
            Side::Buy => 1,
            Side::Sell => -1,
        }
    }
}
