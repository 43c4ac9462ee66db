//! What is usual for an asset class. A document overrides each value.

use gauntlet_domain::market::PriceBasis;
use gauntlet_domain::names::{UnknownName, find};

/// What is usual for an asset class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name.
    pub class: &'static str,
    /// What makes prices.
    pub price: PriceBasis,
    /// A price of zero or less is no price.
    pub positive_prices: bool,
    /// Its calendar where all of the class have the same; none is round the clock.
    pub calendar: Option<&'static str>,
}

const fn preset(class: &'static str, price: PriceBasis, positive_prices: bool) -> Preset {
    Preset { class, price, positive_prices, calendar: None }
}

/// All of them. Futures and their spreads were below zero before (WTI in April 2020).
pub const ALL: [Preset; 7] = [
    preset("stock", PriceBasis::Trades, true),
    preset("future", PriceBasis::Trades, false),
    Preset { calendar: Some("FX"), ..preset("fx", PriceBasis::Quotes, true) },
    preset("crypto", PriceBasis::Trades, true),
    preset("option", PriceBasis::Quotes, true),
    preset("bond", PriceBasis::Quotes, true),
    preset("index", PriceBasis::Trades, true),
];

/// The preset of a class.
pub fn of(class: &str) -> Result<Preset, UnknownName> {
    find("asset class", class, &ALL, |preset| preset.class).copied()
}
