//! Rows as their sources give them, and what can be said of one by itself: whether it can be read, and what it is.

use gauntlet_domain::market::{Reason, TickBlock, TickKind};

use crate::clean::{Clean, Tick};
use crate::ledger::Origin;
use crate::rules::Rules;

/// A row as its source gave it, before anything is believed of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row {
    /// Row in the source.
    pub row: i64,
    /// Code of a [`TickKind`].
    pub kind: u8,
    /// Event time, nanoseconds.
    pub time: i64,
    /// Bid of a quote or price of a trade, units of the scale.
    pub price: i64,
    /// Ask of a quote, units of the scale.
    pub ask: i64,
    /// Size at the bid or of the trade, units of the scale.
    pub size: Option<i64>,
    /// Size at the ask, units of the scale.
    pub ask_size: Option<i64>,
    /// The venue's own numbering.
    pub sequence: Option<i64>,
    /// When the recorder had it, nanoseconds of its clock; `None` where that is not said.
    pub received: Option<i64>,
}

/// The rows of a block.
pub fn rows_of(block: &TickBlock) -> impl Iterator<Item = Row> {
    let column = |values: &[i64], i: usize| values.get(i).copied();
    (0..block.len()).map(move |i| Row {
        row: block.rows[i],
        kind: block.kinds[i],
        time: block.times[i],
        price: block.prices[i],
        ask: column(&block.asks, i).unwrap_or_default(),
        size: column(&block.sizes, i),
        ask_size: column(&block.ask_sizes, i),
        sequence: column(&block.sequences, i),
        received: None,
    })
}

/// The tick of a row and whether it is on the venue's clock; else why it is none.
#[inline]
pub(crate) fn readable(rules: &Rules<'_>, row: &Row, of: Origin) -> Result<(Tick, bool), Reason> {
    let mut clean = Clean { of, price: row.price, spread: 0, size: 0, is_quote: false, flags: 0 };
    let kind = TickKind::from_code(row.kind);
    let has_price = kind != Some(TickKind::VolumeOnly);
    if has_price && rules.tick_size.is_some_and(|tick| row.price % tick != 0 || row.ask % tick != 0) {
        clean.flag(Reason::OffTick);
    }
    let is_no_price = has_price && rules.positive_prices && row.price <= 0;
    match kind {
        None | Some(TickKind::NotANumber) => Err(Reason::NotANumber),
        Some(TickKind::BadTime) => Err(Reason::BadTime),
        Some(TickKind::OutOfRange) => Err(Reason::OutOfRange),
        Some(TickKind::TotalDecreased) => Err(Reason::TotalDecreased),
        Some(TickKind::Book) => Ok((Tick { clean, sizes: [0; 2], is_book: true }, true)),
        Some(TickKind::Quote | TickKind::ReceivedQuote) if is_no_price => Err(Reason::NonPositivePrice),
        Some(kind @ (TickKind::Quote | TickKind::ReceivedQuote)) => {
            let sizes = [row.size, row.ask_size].map(Option::unwrap_or_default);
            let tick = Tick { clean: quote(row, clean)?, sizes, is_book: false };
            Ok((tick, kind == TickKind::Quote))
        }
        Some(_) if is_no_price => Err(Reason::NonPositivePrice),
        Some(kind) => {
            let size = row.size.unwrap_or_default();
            if kind != TickKind::Last && row.size.is_some() && size <= 0 {
                return Err(Reason::NonPositiveSize);
            }
            let flag = match kind {
                TickKind::VolumeOnly => Some(Reason::VolumeOnly),
                TickKind::Auction => Some(Reason::BlockTrade),
                _ => None,
            };
            let mut clean = Clean { size: size.max(0), ..clean };
            flag.into_iter().for_each(|reason| clean.flag(reason));
            Ok((Tick { clean, sizes: [0; 2], is_book: false }, true))
        }
    }
}

#[inline]
fn quote(row: &Row, clean: Clean) -> Result<Clean, Reason> {
    let (bid, ask) = (row.price, row.ask);
    // A side without a price.
    if bid == 0 || ask == 0 {
        return Err(Reason::NonPositivePrice);
    }
    if [row.size, row.ask_size].into_iter().flatten().any(|size| size < 0) {
        return Err(Reason::NonPositiveSize);
    }
    if bid > ask {
        return Err(Reason::Crossed);
    }
    // The mean of two prices, without overflow.
    let spread = ask.saturating_sub(bid);
    Ok(Clean { price: bid + spread / 2, spread, is_quote: true, ..clean })
}
