//! Bars that come ready-made: checked, put in order, passed on.

use std::collections::VecDeque;

use gauntlet_domain::market::{Bar, BarBlock, InstrumentDefined, Reason, TickKind};
use gauntlet_domain::{BarSpec, Price, Quantity, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bars::stamp;
use crate::delivered::digest_of;
use crate::ledger::{Ledger, Origin};
use crate::level::{Level, LevelRules, Outcome};

/// Bars move further than ticks do, and a wild one may be true: only what is far beyond all of them is doubted.
const LEVEL: LevelRules =
    LevelRules { ticks: 12, tick: 0, block: 20, medians: 40, tails: 10, first: 1, sure: 8 };

/// Bars that are remembered: one that comes again is the same, or a revision.
const REMEMBERED: usize = 4096;

/// A bar that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// The first of its time.
    New(Bar),
    /// Another source had a bar of this time with other numbers.
    Revision(Bar),
}

/// A bar that came in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Delivered {
    open_time: i64,
    digest: i64,
    source: u32,
}

/// What is remembered of one spec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyBars {
    /// Open time of the latest bar that came in its place.
    placed: Option<i64>,
    /// The last bars that did, in the order of their times.
    delivered: VecDeque<Delivered>,
    /// Close time and close price of the latest bar that passed.
    latest: Option<(i64, i64)>,
    level: Level<Waiting>,
}

/// A bar that is right in itself, in front of the rule for levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    of: Origin,
    close_time: i64,
    prices: [i64; 4],
    spreads: [Option<i64>; 2],
    volume: i64,
}

impl ReadyBars {
    /// Close time and close price of the latest bar that passed.
    pub fn latest(&self) -> Option<(i64, i64)> {
        self.latest
    }

    /// Checks a block. Bars before `passed`, the event time that the spec has already reached, are out of order.
    #[allow(clippy::too_many_arguments)] // what it reads, what it is checked against, where it goes
    pub fn block(
        &mut self,
        definition: &InstrumentDefined,
        spec: BarSpec,
        source: u32,
        block: &BarBlock,
        passed: i64,
        ledger: &mut Ledger,
        out: &mut Vec<Checked>,
    ) {
        for i in 0..block.open_times.len() {
            let of = Origin { source, row: block.rows[i], time: block.open_times[i] };
            let prices = [block.opens[i], block.highs[i], block.lows[i], block.closes[i]];
            let spreads = [block.open_spreads.get(i).copied(), block.close_spreads.get(i).copied()];
            let volume = block.volumes.get(i).copied().unwrap_or_default();
            let fault = readable(block.kinds[i]).or_else(|| consistent(prices, spreads, volume));
            let place = match fault {
                Some(reason) => Err(reason),
                None => self.place(of, passed, digest(prices, spreads, volume)),
            };
            let close_time = of.time.saturating_add(spec.nanos());
            let bar = Waiting { of, close_time, prices, spreads, volume };
            let ReadyBars { latest, level, .. } = self;
            match place {
                Err(reason) => ledger.reject(reason, of),
                Ok(Place::Next) => level.push(&LEVEL, prices[3], 0, bar, |bar, outcome| {
                    decide(latest, definition, spec, &bar, outcome, ledger, out);
                }),
                Ok(Place::OfAnother) => {
                    // Who corrects a bar has looked at it: its level is not doubted.
                    if let Some((_, close)) = latest.as_mut().filter(|(latest, _)| *latest == close_time) {
                        *close = prices[3];
                    }
                    ledger.correct(Reason::Revised, of);
                    ledger.accept(of);
                    out.push(Checked::Revision(bar.made(definition, spec)));
                }
            }
        }
    }

    /// Decides on what waits: the source has ended.
    pub fn flush(
        &mut self,
        definition: &InstrumentDefined,
        spec: BarSpec,
        ledger: &mut Ledger,
        out: &mut Vec<Checked>,
    ) {
        let ReadyBars { latest, level, .. } = self;
        level.finish(&LEVEL, |bar, outcome| decide(latest, definition, spec, &bar, outcome, ledger, out));
    }

    /// Where a bar belongs, or why nowhere.
    fn place(&mut self, of: Origin, passed: i64, digest: i64) -> Result<Place, Reason> {
        let (open_time, source) = (of.time, of.source);
        let delivered = Delivered { open_time, digest, source };
        if let Ok(at) = self.delivered.binary_search_by_key(&open_time, |before| before.open_time) {
            let before = &mut self.delivered[at];
            if before.digest == digest {
                return Err(Reason::Duplicate);
            }
            if before.source == source {
                // Of two rows of one file nobody knows which is right.
                return Err(Reason::Revised);
            }
            *before = delivered;
            return Ok(Place::OfAnother);
        }
        if open_time < passed || self.placed.is_some_and(|placed| open_time < placed) {
            return Err(Reason::OutOfOrder);
        }
        self.placed = Some(open_time);
        if self.delivered.len() == REMEMBERED {
            self.delivered.pop_front();
        }
        self.delivered.push_back(delivered);
        Ok(Place::Next)
    }
}

/// Where a bar belongs.
enum Place {
    /// Behind all others.
    Next,
    /// In place of the one that another source had.
    OfAnother,
}

/// A bar in 64 bits.
fn digest(prices: [i64; 4], spreads: [Option<i64>; 2], volume: i64) -> i64 {
    let [open, high, low, close] = prices;
    let [at_open, at_close] = spreads.map(|spread| spread.unwrap_or(i64::MIN));
    digest_of([open, high, low, close, at_open, at_close, volume])
}

/// What comes of a bar in its place.
fn decide(
    latest: &mut Option<(i64, i64)>,
    definition: &InstrumentDefined,
    spec: BarSpec,
    bar: &Waiting,
    outcome: Outcome,
    ledger: &mut Ledger,
    out: &mut Vec<Checked>,
) {
    match outcome {
        Outcome::Accepted | Outcome::Block => {}
        Outcome::Shifted => ledger.correct(Reason::LevelShift, bar.of),
        Outcome::Rejected => return ledger.reject(Reason::Outlier, bar.of),
    }
    let open_time = bar.of.time;
    if let Some((before, _)) = *latest
        && open_time > before
        && definition.calendar.as_ref().is_none_or(|calendar| calendar.open_between(before, open_time) > 0)
    {
        ledger.gap(before, bar.of);
    }
    *latest = Some((bar.close_time, bar.prices[3]));
    ledger.accept(bar.of);
    out.push(Checked::New(bar.made(definition, spec)));
}

impl Waiting {
    fn made(&self, definition: &InstrumentDefined, spec: BarSpec) -> Bar {
        let open_time = self.of.time;
        let [open, high, low, close] = self.prices.map(Price);
        let [open_spread, close_spread] = self.spreads.map(|spread| spread.map(Price));
        Bar {
            instrument: definition.instrument.clone(),
            spec,
            open_time: Timestamp(open_time),
            close_time: Timestamp(self.close_time),
            time: stamp(definition, open_time, self.close_time),
            open,
            high,
            low,
            close,
            open_spread,
            close_spread,
            volume: Quantity(self.volume),
            ticks: 0,
            scale: definition.scale,
        }
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
