//! Ticks to time bars.
//!
//! A bar covers `[open, close)`: a tick at the closing moment belongs to the next bar. A bar closes when the watermark
//! (the latest event time less the lateness that the instrument allows) reaches its end, so ticks that are put in their
//! place late still find their bar open. Intervals are aligned to the session's opening, or to midnight UTC; the last one of a
//! session or day ends with it.

use std::collections::BTreeMap;

use gauntlet_domain::market::{Bar, BarStamp, EmptyBars, InstrumentDefined, PriceBasis};
use gauntlet_domain::{BarSpec, Price, Quantity, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clean::Clean;
use crate::hours::{interval, interval_end, next_opening};

/// A bar under construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Building {
    close_time: i64,
    first: i64,
    last: i64,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    open_spread: Option<i64>,
    close_spread: Option<i64>,
    volume: i64,
    ticks: i64,
}

/// Bars of one spec under construction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBars {
    spec: BarSpec,
    /// By open time; more than one only while late ticks may still come. Boxed, because a map has room for eleven values
    /// where there is one.
    building: BTreeMap<i64, Box<Building>>,
    /// Last closed bar's close time and close price.
    closed: Option<(i64, i64)>,
    /// Latest spread seen, for bars made of trades.
    spread: Option<i64>,
    /// Volume from before the first price.
    carried: i64,
}

impl TimeBars {
    /// Begins with nothing.
    pub fn new(spec: BarSpec) -> TimeBars {
        TimeBars { spec, building: BTreeMap::new(), closed: None, spread: None, carried: 0 }
    }

    /// The spec.
    pub fn spec(&self) -> BarSpec {
        self.spec
    }

    /// Takes in a clean tick; those outside the session are left out before.
    #[inline]
    pub fn push(&mut self, definition: &InstrumentDefined, tick: &Clean) {
        let makes_price = tick.is_quote == (definition.price == PriceBasis::Quotes) && !tick.is_volume_only();
        if tick.is_quote {
            self.spread = Some(tick.spread);
        }
        // The common case first: the tick falls into the newest bar.
        let newest = self.building.last_entry();
        let open_time = match &newest {
            Some(bar) if *bar.key() <= tick.of.time && tick.of.time < bar.get().close_time => *bar.key(),
            _ => match interval(self.spec, definition, tick.of.time) {
                Some(open_time) => open_time,
                None => return,
            },
        };
        if self.closed.is_some_and(|(close_time, _)| open_time < close_time) {
            return;
        }
        if let Some(mut bar) = newest
            && *bar.key() == open_time
        {
            bar.get_mut().add(tick, makes_price, self.spread);
        } else if makes_price || tick.size > 0 {
            let close_time = || interval_end(self.spec, definition, open_time);
            let bar =
                self.building.entry(open_time).or_insert_with(|| Box::new(Building::until(close_time())));
            bar.add(tick, makes_price, self.spread);
        } else if let Some(bar) = self.building.get_mut(&open_time) {
            bar.add(tick, makes_price, self.spread);
        }
    }

    /// Whether the volume of the tick's bar can be held with it.
    pub fn holds(&self, tick: &Clean) -> bool {
        let latest = self.building.range(..=tick.of.time).next_back().map_or(0, |(_, bar)| bar.volume);
        self.carried.saturating_add(latest).checked_add(tick.size).is_some_and(|volume| volume < i64::MAX)
    }

    /// Whether a bar may close at this watermark; cheap enough to ask at every tick.
    #[inline]
    pub fn is_due(&self, watermark: i64) -> bool {
        self.building.first_key_value().is_some_and(|(_, bar)| bar.close_time <= watermark)
    }

    /// Closes every bar whose end the watermark has reached.
    pub fn close(&mut self, definition: &InstrumentDefined, watermark: i64, out: &mut Vec<Bar>) {
        while let Some(first) = self.building.first_entry()
            && first.get().close_time <= watermark
        {
            let (open_time, mut bar) = first.remove_entry();
            if bar.ticks == 0 {
                // Volume of trades without a quote: at the last close, or in the first bar that has a price.
                let Some((_, close)) = self.closed else {
                    self.carried = self.carried.saturating_add(bar.volume);
                    continue;
                };
                (bar.open, bar.high, bar.low, bar.close) = (close, close, close, close);
            }
            bar.volume = bar.volume.saturating_add(std::mem::take(&mut self.carried));
            self.fill(definition, open_time, out);
            let spread = |spread: Option<i64>| spread.map(Price);
            out.push(Bar {
                instrument: definition.instrument.clone(),
                spec: self.spec,
                open_time: Timestamp(open_time),
                close_time: Timestamp(bar.close_time),
                time: stamp(definition, open_time, bar.close_time),
                open: Price(bar.open),
                high: Price(bar.high),
                low: Price(bar.low),
                close: Price(bar.close),
                open_spread: spread(bar.open_spread),
                close_spread: spread(bar.close_spread),
                volume: Quantity(bar.volume),
                ticks: bar.ticks,
                scale: definition.scale,
            });
            self.closed = Some((bar.close_time, bar.close));
        }
    }

    /// A ready-made bar of the same spec takes the place of anything built up to its end.
    pub fn yield_to(&mut self, close_time: i64, close: i64) {
        self.building.retain(|open_time, _| *open_time >= close_time);
        self.closed = Some((close_time, close));
    }

    /// Flat bars at the last close for the intervals without ticks before `until`, where the instrument asks for them.
    fn fill(&mut self, definition: &InstrumentDefined, until: i64, out: &mut Vec<Bar>) {
        let Some((mut open_time, close)) = self.closed else { return };
        if definition.empty_bars != EmptyBars::Fill {
            return;
        }
        while open_time < until {
            // The end of a session is followed by the next opening, which is days away over a weekend.
            let Some(start) = interval(self.spec, definition, open_time) else {
                let Some(opening) = next_opening(definition, open_time) else { return };
                open_time = opening;
                continue;
            };
            if start >= until {
                break;
            }
            let close_time = interval_end(self.spec, definition, start);
            out.push(Bar {
                instrument: definition.instrument.clone(),
                spec: self.spec,
                open_time: Timestamp(start),
                close_time: Timestamp(close_time),
                time: stamp(definition, start, close_time),
                open: Price(close),
                high: Price(close),
                low: Price(close),
                close: Price(close),
                open_spread: None,
                close_spread: None,
                volume: Quantity(0),
                ticks: 0,
                scale: definition.scale,
            });
            open_time = close_time;
        }
    }
}

impl Building {
    /// Nothing yet.
    fn until(close_time: i64) -> Building {
        Building {
            close_time,
            first: 0,
            last: 0,
            open: 0,
            high: 0,
            low: 0,
            close: 0,
            open_spread: None,
            close_spread: None,
            volume: 0,
            ticks: 0,
        }
    }

    #[inline]
    fn add(&mut self, tick: &Clean, makes_price: bool, spread: Option<i64>) {
        self.volume = self.volume.saturating_add(tick.size);
        if !makes_price {
            // A quote beside trades moves the spread at the close, a trade beside quotes only the volume.
            if tick.is_quote {
                self.close_spread = spread;
            }
            return;
        }
        self.ticks += 1;
        if self.ticks == 1 {
            (self.first, self.last) = (tick.of.time, tick.of.time);
            (self.open, self.high, self.low, self.close) = (tick.price, tick.price, tick.price, tick.price);
            (self.open_spread, self.close_spread) = (spread, spread);
            return;
        }
        self.high = self.high.max(tick.price);
        self.low = self.low.min(tick.price);
        if tick.of.time >= self.last {
            self.last = tick.of.time;
            self.close = tick.price;
            self.close_spread = spread;
        } else if tick.of.time < self.first {
            self.first = tick.of.time;
            self.open = tick.price;
            self.open_spread = spread;
        }
    }
}

/// The instrument's stamp for an interval.
pub fn stamp(definition: &InstrumentDefined, open_time: i64, close_time: i64) -> Timestamp {
    match definition.stamp {
        BarStamp::Open => Timestamp(open_time),
        BarStamp::Close | BarStamp::Unknown => Timestamp(close_time),
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::market::Session;
    use gauntlet_domain::time::NANOS_PER_SECOND;

    use super::*;
    use crate::ledger::Origin;

    const SECOND: i64 = NANOS_PER_SECOND;

    fn definition() -> InstrumentDefined {
        InstrumentDefined::new("XAUUSD.OANDA", vec![], PriceBasis::Quotes)
    }

    fn tick(second: i64, price: i64) -> Clean {
        let of = Origin { source: 0, row: 1, time: second * SECOND };
        Clean { of, price, spread: 2, size: 0, is_quote: true, flags: 0 }
    }

    fn bars(definition: &InstrumentDefined, ticks: &[Clean], lateness: i64) -> Vec<Bar> {
        let mut building = TimeBars::new(BarSpec::Time { seconds: 60 });
        let mut out = Vec::new();
        let mut latest = i64::MIN;
        for tick in ticks {
            latest = latest.max(tick.of.time);
            let watermark = latest - lateness;
            building.close(definition, watermark, &mut out);
            building.push(definition, tick);
        }
        building.close(definition, i64::MAX, &mut out);
        out
    }

    fn ohlc(bar: &Bar) -> (i64, [i64; 4]) {
        (bar.open_time.0 / SECOND, [bar.open.0, bar.high.0, bar.low.0, bar.close.0])
    }

    #[test]
    fn a_tick_at_the_closing_moment_belongs_to_the_next_bar() {
        let got = bars(&definition(), &[tick(0, 5), tick(30, 9), tick(59, 7), tick(60, 1)], 0);
        assert_eq!(got.iter().map(ohlc).collect::<Vec<_>>(), [(0, [5, 9, 5, 7]), (60, [1, 1, 1, 1])]);
        assert_eq!((got[0].ticks, got[0].time), (3, Timestamp(60 * SECOND)));
    }

    #[test]
    fn an_open_stamp_names_the_beginning() {
        let definition = InstrumentDefined { stamp: BarStamp::Open, ..definition() };
        assert_eq!(bars(&definition, &[tick(61, 5)], 0)[0].time, Timestamp(60 * SECOND));
    }

    #[test]
    fn empty_intervals_give_no_bar_or_a_flat_one() {
        let ticks = [tick(0, 5), tick(185, 9)];
        assert_eq!(bars(&definition(), &ticks, 0).len(), 2);
        let filled = InstrumentDefined { empty_bars: EmptyBars::Fill, ..definition() };
        let got = bars(&filled, &ticks, 0);
        let expected = [(0, [5; 4]), (60, [5; 4]), (120, [5; 4]), (180, [9; 4])];
        assert_eq!(got.iter().map(ohlc).collect::<Vec<_>>(), expected);
        assert_eq!(got[1].ticks, 0);
    }

    #[test]
    fn a_late_tick_finds_its_bar_still_open_and_its_place_in_it() {
        let got = bars(&definition(), &[tick(10, 5), tick(61, 9), tick(5, 4), tick(59, 6)], 60 * SECOND);
        assert_eq!(got.iter().map(ohlc).collect::<Vec<_>>(), [(0, [4, 6, 4, 6]), (60, [9; 4])]);
    }

    #[test]
    fn ticks_outside_the_session_are_left_out_and_bars_begin_at_its_opening() {
        // Open 00:00:30 to 00:02:00: bars at 30 s and 90 s, the second cut at the session's end.
        let session = Some(Session { open_second: 30, close_second: 120 });
        let definition = InstrumentDefined { session, ..definition() };
        let got = bars(
            &definition,
            &[tick(10, 1), tick(30, 2), tick(89, 3), tick(90, 4), tick(119, 5), tick(120, 6)],
            0,
        );
        assert_eq!(got.iter().map(ohlc).collect::<Vec<_>>(), [(30, [2, 3, 2, 3]), (90, [4, 5, 4, 5])]);
        assert_eq!(got[1].close_time, Timestamp(120 * SECOND));
    }

    #[test]
    fn a_trade_of_which_only_the_size_counts_adds_volume_and_nothing_else() {
        let definition = InstrumentDefined { price: PriceBasis::Trades, ..definition() };
        let trade = |second, price| Clean { is_quote: false, size: 10, spread: 0, ..tick(second, price) };
        let alone = |second, price| {
            let mut tick = trade(second, price);
            tick.flag(gauntlet_domain::market::Reason::VolumeOnly);
            tick
        };
        let got = bars(&definition, &[alone(0, 90), trade(1, 7), alone(2, 1), trade(3, 8), alone(4, 50)], 0);
        assert_eq!(got.iter().map(ohlc).collect::<Vec<_>>(), [(0, [7, 8, 7, 8])]);
        assert_eq!((got[0].volume, got[0].ticks), (Quantity(50), 2));
        // An interval of nothing else is flat at the last close; before the first price its volume is carried.
        let got = bars(&definition, &[alone(0, 90), trade(61, 7), alone(130, 90)], 0);
        assert_eq!(got.iter().map(ohlc).collect::<Vec<_>>(), [(60, [7; 4]), (120, [7; 4])]);
        assert_eq!(got.iter().map(|bar| (bar.volume.0, bar.ticks)).collect::<Vec<_>>(), [(20, 1), (10, 0)]);
    }

    #[test]
    fn trades_make_the_price_and_quotes_the_spread_where_the_instrument_says_so() {
        let definition = InstrumentDefined { price: PriceBasis::Trades, ..definition() };
        let trade = |second, price| Clean { is_quote: false, size: 10, spread: 0, ..tick(second, price) };
        let got = bars(&definition, &[tick(0, 50), trade(1, 7), tick(2, 60), trade(3, 8)], 0);
        assert_eq!(got.iter().map(ohlc).collect::<Vec<_>>(), [(0, [7, 8, 7, 8])]);
        assert_eq!((got[0].open_spread, got[0].volume, got[0].ticks), (Some(Price(2)), Quantity(20), 2));
    }
}
