//! Bars that come ready-made: checked, put in order, passed on.

use gauntlet_domain::market::{Bar, BarBlock, InstrumentDefined, Reason, TickKind};
use gauntlet_domain::{BarSpec, Price, Quantity, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bars::stamp;
use crate::clean::{NEW_LEVEL_AFTER, is_absurd};
use crate::ledger::Ledger;

/// What is remembered of one spec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyBars {
    /// Open time, close time and close price of the latest bar that passed.
    latest: Option<(i64, i64, i64)>,
    absurd: u32,
}

impl ReadyBars {
    /// Close time and close price of the latest bar that passed.
    pub fn latest(&self) -> Option<(i64, i64)> {
        self.latest.map(|(_, close_time, close)| (close_time, close))
    }

    /// Checks a block. Bars before `passed`, the event time that the spec has already reached, are out of order.
    pub fn block(
        &mut self,
        definition: &InstrumentDefined,
        spec: BarSpec,
        block: &BarBlock,
        passed: i64,
        ledger: &mut Ledger,
        out: &mut Vec<Bar>,
    ) {
        for i in 0..block.open_times.len() {
            let (row, open_time) = (block.rows[i], block.open_times[i]);
            let close_time = open_time.saturating_add(spec.nanos());
            let [open, high, low, close] = [block.opens[i], block.highs[i], block.lows[i], block.closes[i]];
            let spreads = [block.open_spreads.get(i).copied(), block.close_spreads.get(i).copied()];
            let volume = block.volumes.get(i).copied().unwrap_or_default();
            let fault = readable(block.kinds[i])
                .or_else(|| consistent([open, high, low, close], spreads, volume))
                .or_else(|| self.place(open_time, passed))
                .or_else(|| self.level(definition, close));
            if let Some(reason) = fault {
                ledger.reject(reason, row, open_time);
                continue;
            }
            if let Some((_, before, _)) = self.latest
                && open_time > before
            {
                ledger.gaps.push((row, before, open_time));
            }
            self.latest = Some((open_time, close_time, close));
            ledger.accepted += 1;
            out.push(Bar {
                instrument: definition.instrument.clone(),
                spec,
                open_time: Timestamp(open_time),
                close_time: Timestamp(close_time),
                time: stamp(definition, open_time, close_time),
                open: Price(open),
                high: Price(high),
                low: Price(low),
                close: Price(close),
                open_spread: spreads[0].map(Price),
                close_spread: spreads[1].map(Price),
                volume: Quantity(volume),
                ticks: 0,
            });
        }
    }

    fn place(&self, open_time: i64, passed: i64) -> Option<Reason> {
        match self.latest {
            Some((latest, ..)) if open_time == latest => Some(Reason::Duplicate),
            _ if open_time < passed => Some(Reason::OutOfOrder),
            _ => None,
        }
    }

    /// A close beyond the absurd factor of the one before is left out, until it has lasted.
    fn level(&mut self, definition: &InstrumentDefined, close: i64) -> Option<Reason> {
        let before = self.latest.map_or(close, |latest| latest.2);
        let absurd = is_absurd(&definition.cleaning, before, close);
        if absurd && self.absurd + 1 < NEW_LEVEL_AFTER {
            self.absurd += 1;
            return Some(Reason::Outlier);
        }
        self.absurd = 0;
        None
    }
}

fn readable(kind: u8) -> Option<Reason> {
    match TickKind::from_code(kind) {
        Some(TickKind::Quote) => None,
        Some(TickKind::BadTime) => Some(Reason::BadTime),
        Some(TickKind::OutOfRange) => Some(Reason::OutOfRange),
        _ => Some(Reason::NotANumber),
    }
}

fn consistent([open, high, low, close]: [i64; 4], spreads: [Option<i64>; 2], volume: i64) -> Option<Reason> {
    if [open, high, low, close].iter().any(|price| *price <= 0) {
        return Some(Reason::NonPositivePrice);
    }
    if volume < 0 {
        return Some(Reason::NonPositiveSize);
    }
    if low > open.min(close) || high < open.max(close) {
        return Some(Reason::InconsistentBar);
    }
    spreads.into_iter().flatten().any(|spread| spread < 0).then_some(Reason::Crossed)
}
