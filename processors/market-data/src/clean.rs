//! The cleaning rules, row by row, in this order: readable, delivered before, clock, put in the order of time, spread, level.
//!
//! A row that is left out leaves with a reason. Rows wait where only those that follow can tell: behind a time far ahead, for
//! as long as rows may be late, and behind a price far from the others. What waits is bounded, nothing that waits moves time,
//! and it does not matter where a block ends.

use gauntlet_domain::market::Reason;
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Timed};
use crate::delivered::Delivered;
use crate::ledger::{Ledger, Origin};
use crate::level::{Level, LevelRules, Outcome};
use crate::rows::{Row, readable};
use crate::rules::Rules;
use crate::spread::Spreads;

/// A tick that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clean {
    /// Where it comes from, and its event time.
    pub of: Origin,
    /// Mid of a quote or price of a trade, units of the scale.
    pub price: i64,
    /// Ask minus bid of a quote, units of the scale.
    pub spread: i64,
    /// Size of a trade, units of the scale.
    pub size: i64,
    /// Whether it is a quote.
    pub is_quote: bool,
    /// What is to be said of it when it is kept: a bit for each of `FLAGS`.
    pub(crate) flags: u8,
}

/// What may be said of a tick that is kept.
const FLAGS: [Reason; 7] = [
    Reason::OutOfOrder,
    Reason::Locked,
    Reason::Stale,
    Reason::LevelShift,
    Reason::BlockTrade,
    Reason::OffTick,
    Reason::VolumeOnly,
];

impl Clean {
    pub(crate) fn flag(&mut self, reason: Reason) {
        let bit = FLAGS.iter().position(|flag| *flag == reason);
        self.flags |= bit.map_or(0, |bit| 1 << bit);
    }

    fn is_flagged(&self, reason: Reason) -> bool {
        FLAGS.iter().enumerate().any(|(bit, flag)| *flag == reason && self.flags & (1 << bit) != 0)
    }

    /// Whether only its size counts, not its price.
    #[inline]
    pub fn is_volume_only(&self) -> bool {
        self.flags != 0 && self.is_flagged(Reason::VolumeOnly)
    }

    /// Whether no level is asked about its price before it was held against one: it is none, or of an auction or a block.
    #[inline]
    fn is_without_level(&self) -> bool {
        self.is_volume_only() || (self.flags != 0 && self.is_flagged(Reason::BlockTrade))
    }

    /// Enters it in the ledger as kept, with what is to be said of it.
    #[inline]
    pub fn enter(&self, ledger: &mut Ledger) {
        ledger.accept(self.of);
        if self.flags != 0 {
            let said = FLAGS.iter().enumerate().filter(|(bit, _)| self.flags & (1 << bit) != 0);
            said.for_each(|(_, reason)| ledger.correct(*reason, self.of));
        }
    }
}

/// What waits for its place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tick {
    pub(crate) clean: Clean,
    /// Sizes of a quote, 0 where they are not known.
    pub(crate) sizes: [i64; 2],
    /// A change deeper in the book: only its time is looked at.
    pub(crate) is_book: bool,
}

/// Cleaning state of an instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleaner {
    /// Rows on the venue's clock.
    venue: Clock<Tick>,
    /// Rows that only the recorder has stamped.
    received: Clock<Tick>,
    quotes_delivered: Delivered,
    trades_delivered: Delivered,
    levels: Levels,
}

impl Cleaner {
    /// Cleans rows of a source. Ticks that pass go to `keep`, with the time before which no further one comes; everything
    /// else goes into the ledger.
    #[inline]
    pub fn rows(
        &mut self,
        rules: &Rules<'_>,
        source: u32,
        rows: impl Iterator<Item = Row>,
        ledger: &mut Ledger,
        mut keep: impl FnMut(Clean, i64, &mut Ledger),
    ) {
        for row in rows {
            let of = Origin { source, row: row.row, time: row.time };
            match readable(rules, &row, of) {
                Err(reason) => ledger.reject(reason, of),
                Ok((tick, on_venue_clock)) => {
                    let delivered = match tick.clean.is_quote {
                        true => &mut self.quotes_delivered,
                        false => &mut self.trades_delivered,
                    };
                    let is_quote = tick.clean.is_quote;
                    let refused = match tick.is_book {
                        true => None,
                        false => delivered.refuses(&row, source, is_quote, on_venue_clock),
                    };
                    match refused {
                        Some(reason) => ledger.reject(reason, of),
                        None => self.tick(rules, tick, on_venue_clock, row.received, ledger, &mut keep),
                    }
                }
            }
        }
    }

    /// Lets go of all that waits: the source has ended, nothing follows.
    pub fn flush(
        &mut self,
        rules: &Rules<'_>,
        ledger: &mut Ledger,
        mut keep: impl FnMut(Clean, i64, &mut Ledger),
    ) {
        let Cleaner { venue, received, levels, .. } = self;
        let clock = &rules.clock;
        for is_venue in [true, false] {
            let (this, other) = if is_venue { (&mut *venue, &*received) } else { (&mut *received, &*venue) };
            // What comes out at the end moves no time either.
            let passed = other.passed(clock).into_iter().chain(this.passed(clock)).min();
            let around = Around { other: passed, hold: i64::MAX, is_gap: is_venue };
            this.finish(clock, |tick, timed| levels.take(rules, &around, tick, timed, ledger, &mut keep));
        }
        let passed = venue.passed(clock).into_iter().chain(received.passed(clock)).min();
        levels.finish(rules, passed.unwrap_or(i64::MAX), ledger, &mut keep);
    }

    /// The time before which nothing comes any more; `None` before the first row.
    pub fn settled(&self, rules: &Rules<'_>) -> Option<i64> {
        let clock = &rules.clock;
        let passed = match (self.venue.passed(clock), self.received.passed(clock)) {
            (Some(venue), Some(received)) => {
                // A clock that has stopped holds the other back no longer than a row may be ahead.
                let hold = self.venue.allowed(clock);
                venue.min(received).max(venue.max(received).saturating_sub(hold))
            }
            (venue, received) => venue.or(received)?,
        };
        Some(self.levels.waiting().fold(passed, i64::min))
    }

    #[inline]
    fn tick(
        &mut self,
        rules: &Rules<'_>,
        tick: Tick,
        on_venue_clock: bool,
        present: Option<i64>,
        ledger: &mut Ledger,
        keep: &mut impl FnMut(Clean, i64, &mut Ledger),
    ) {
        let Cleaner { venue, received, levels, .. } = self;
        let clock = &rules.clock;
        let (this, other) = if on_venue_clock { (venue, &*received) } else { (received, &*venue) };
        let other = other.passed(clock);
        let is_gap = on_venue_clock || other.is_none();
        // How long something may wait is asked for only where something waits.
        let hold = if levels.is_settled() && other.is_none() { clock.ahead } else { this.allowed(clock) };
        let around = Around { other, hold, is_gap };
        this.push(clock, tick.clean.of.time, present, tick, |tick, timed| {
            levels.take(rules, &around, tick, timed, ledger, keep);
        });
    }
}

/// What a row has to know of the rest of the cleaner.
struct Around {
    /// How far the other clock has come.
    other: Option<i64>,
    /// How long anything may hold the others back.
    hold: i64,
    /// Whether silence before the row is a gap.
    is_gap: bool,
}

/// What is remembered of quotes, and apart from them of trades: each stream has its own level.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stream {
    level: Level<Clean>,
    /// Mid, spread and sizes of the quote before, and since when they have been the same.
    quote: Option<([i64; 4], i64)>,
}

impl Stream {
    /// Whether a quote says the same for longer than the instrument allows.
    #[inline]
    fn is_stale(&mut self, rules: &Rules<'_>, tick: &Tick) -> bool {
        let Clean { of, price, spread, .. } = tick.clean;
        let quote = [price, spread, tick.sizes[0], tick.sizes[1]];
        match self.quote {
            Some((before, since)) if before == quote => {
                let most = rules.cleaning.stale_nanos;
                most > 0 && of.time.saturating_sub(since) > most
            }
            _ => {
                self.quote = Some((quote, of.time));
                false
            }
        }
    }

    /// The earliest time that waits.
    #[inline]
    fn waiting(&self) -> Option<i64> {
        self.level.waiting().map(|tick| tick.of.time).min()
    }
}

/// What comes after the clocks: silences, spreads and levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Levels {
    quotes: Stream,
    trades: Stream,
    spreads: Spreads,
    /// Latest time in order; `i64::MIN` before the first.
    latest: i64,
}

impl Default for Levels {
    fn default() -> Levels {
        let (quotes, trades, spreads) = (Stream::default(), Stream::default(), Spreads::default());
        Levels { quotes, trades, spreads, latest: i64::MIN }
    }
}

impl Levels {
    #[inline]
    fn is_settled(&self) -> bool {
        self.waiting().next().is_none()
    }

    /// The earliest times that wait.
    #[inline]
    fn waiting(&self) -> impl Iterator<Item = i64> {
        self.quotes.waiting().into_iter().chain(self.trades.waiting())
    }

    /// A row that comes out of its clock.
    #[inline]
    fn take(
        &mut self,
        rules: &Rules<'_>,
        around: &Around,
        tick: Tick,
        timed: Timed,
        ledger: &mut Ledger,
        keep: &mut impl FnMut(Clean, i64, &mut Ledger),
    ) {
        let Tick { mut clean, is_book, .. } = tick;
        match timed {
            Timed::InOrder => {}
            Timed::Reordered => clean.flag(Reason::OutOfOrder),
            Timed::Ahead => return ledger.reject(Reason::ClockAhead, clean.of),
            Timed::DecidedAtEnd => return ledger.reject(Reason::DecidedAtEnd, clean.of),
            Timed::Late => return ledger.reject(Reason::Late, clean.of),
        }
        let time = clean.of.time;
        if around.is_gap {
            if self.latest != i64::MIN && rules.is_gap(self.latest, time) {
                ledger.gap(self.latest, clean.of);
            }
            self.latest = time.max(self.latest);
        }
        if is_book {
            clean.enter(ledger);
            return;
        }
        if clean.is_without_level() {
            return self.pass(rules, around, clean, ledger, keep);
        }
        let level = &rules.level;
        if clean.is_quote
            && self.spreads.is_wide(rules.limits, clean.spread, || self.quotes.level.limit(level))
        {
            return ledger.reject(Reason::WideSpread, clean.of);
        }
        let (stream, other) = self.both(clean.is_quote);
        if clean.is_quote {
            if clean.spread == 0 {
                clean.flag(Reason::Locked);
            }
            if stream.is_stale(rules, &tick) {
                clean.flag(Reason::Stale);
            }
        }
        // What waits elsewhere holds the end of bars back, but not for ever.
        let before = time.saturating_sub(around.hold);
        if other.waiting().is_some_and(|waiting| waiting < before) {
            let mut decided = Decided { level, elsewhere: time, beside: &stream.level, ledger, keep };
            other.level.finish(level, |tick, outcome| decided.take(tick, outcome));
        }
        let elsewhere = other.waiting().into_iter().chain(around.other).min().unwrap_or(i64::MAX).max(before);
        let mut decided = Decided { level: &rules.level, elsewhere, beside: &other.level, ledger, keep };
        if !rules.has_levels() {
            decided.take(clean, Outcome::Accepted);
        } else {
            stream
                .level
                .push(level, clean.price, clean.size, clean, |tick, outcome| decided.take(tick, outcome));
        }
    }

    /// A trade that no level is asked about. What waits holds the end of bars back, but not for ever.
    fn pass(
        &mut self,
        rules: &Rules<'_>,
        around: &Around,
        clean: Clean,
        ledger: &mut Ledger,
        keep: &mut impl FnMut(Clean, i64, &mut Ledger),
    ) {
        let time = clean.of.time;
        let before = time.saturating_sub(around.hold);
        for is_quote in [true, false] {
            if self.both(is_quote).0.waiting().is_some_and(|waiting| waiting < before) {
                self.finish_stream(rules, is_quote, time, ledger, keep);
            }
        }
        let elsewhere = self.waiting().chain(around.other).min().unwrap_or(i64::MAX).max(before);
        keep(clean, elsewhere.min(time), ledger);
    }

    /// The stream of a tick, and the other.
    #[inline]
    fn both(&mut self, is_quote: bool) -> (&mut Stream, &mut Stream) {
        match is_quote {
            true => (&mut self.quotes, &mut self.trades),
            false => (&mut self.trades, &mut self.quotes),
        }
    }

    /// Nothing follows any more.
    fn finish(
        &mut self,
        rules: &Rules<'_>,
        passed: i64,
        ledger: &mut Ledger,
        keep: &mut impl FnMut(Clean, i64, &mut Ledger),
    ) {
        for is_quote in [true, false] {
            self.finish_stream(rules, is_quote, passed, ledger, keep);
        }
    }

    /// What waits in a stream is decided by what has followed it.
    fn finish_stream(
        &mut self,
        rules: &Rules<'_>,
        is_quote: bool,
        passed: i64,
        ledger: &mut Ledger,
        keep: &mut impl FnMut(Clean, i64, &mut Ledger),
    ) {
        let (stream, other) = self.both(is_quote);
        let elsewhere = other.waiting().unwrap_or(i64::MAX).min(passed);
        let mut decided = Decided { level: &rules.level, elsewhere, beside: &other.level, ledger, keep };
        stream.level.finish(&rules.level, |tick, outcome| decided.take(tick, outcome));
    }
}

/// Where ticks go on which the rule of levels has decided.
struct Decided<'a, K> {
    level: &'a LevelRules,
    /// The time before which nothing comes from elsewhere.
    elsewhere: i64,
    /// The level of the other stream.
    beside: &'a Level<Clean>,
    ledger: &'a mut Ledger,
    keep: &'a mut K,
}

impl<K: FnMut(Clean, i64, &mut Ledger)> Decided<'_, K> {
    #[inline]
    fn take(&mut self, mut tick: Clean, outcome: Outcome) {
        match outcome {
            Outcome::Accepted => {}
            Outcome::Shifted => tick.flag(Reason::LevelShift),
            Outcome::Block => tick.flag(Reason::BlockTrade),
            // A trade far from other trades, at a price that was quoted.
            Outcome::Rejected if !tick.is_quote && self.beside.has_been_near(self.level, tick.price) => {}
            Outcome::Rejected if tick.price <= 0 => {
                return self.ledger.reject(Reason::NonPositivePrice, tick.of);
            }
            Outcome::Rejected => return self.ledger.reject(Reason::Outlier, tick.of),
        }
        // What waits behind it in its stream has a later time.
        (self.keep)(tick, self.elsewhere.min(tick.of.time), self.ledger);
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_domain::market::{CleaningRules, InstrumentDefined, PriceBasis, TickKind};

    use super::*;

    const BILLION: i64 = 1_000_000_000;
    const SECOND: i64 = 1_000_000_000;

    /// What became of rows: those kept, in the order in which they came out, and those left out or flagged, by reason.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Cleaned {
        kept: Vec<i64>,
        rejected: Vec<(String, Vec<i64>)>,
        flagged: Vec<(String, Vec<i64>)>,
    }

    fn clean(cleaning: CleaningRules, rows: &[Row]) -> Cleaned {
        let plain = InstrumentDefined::new("I", vec![], PriceBasis::Trades);
        clean_as(&InstrumentDefined { cleaning, ..plain }, rows)
    }

    fn clean_as(definition: &InstrumentDefined, rows: &[Row]) -> Cleaned {
        let rules = Rules::of(definition);
        let (mut cleaner, mut ledger, mut cleaned) =
            (Cleaner::default(), Ledger::default(), Cleaned::default());
        let mut until = i64::MIN;
        let mut keep = |tick: Clean, settled: i64, ledger: &mut Ledger| {
            tick.enter(ledger);
            assert!(tick.of.time >= until, "nothing comes before what is settled");
            until = until.max(settled);
            cleaned.kept.push(tick.of.row);
        };
        for (row, number) in rows.iter().zip(1..) {
            let row = Row { row: number, ..*row };
            cleaner.rows(&rules, 0, std::iter::once(row), &mut ledger, &mut keep);
        }
        cleaner.flush(&rules, &mut ledger, keep);
        let mut sources = crate::sources::Sources::default();
        sources.number("S");
        for event in ledger.into_events("I", &mut sources) {
            match event {
                gauntlet_domain::Event::TickRejected(e) => cleaned.rejected.push((e.reason, e.rows)),
                gauntlet_domain::Event::TickCorrected(e) => cleaned.flagged.push((e.reason, e.rows)),
                _ => {}
            }
        }
        let rejected: usize = cleaned.rejected.iter().map(|(_, rows)| rows.len()).sum();
        assert_eq!(cleaned.kept.len() + rejected, rows.len(), "each once: {cleaned:?}");
        cleaned
    }

    fn quote(second: i64, bid: i64, ask: i64) -> Row {
        Row {
            kind: TickKind::Quote as u8,
            time: second * SECOND,
            price: bid * BILLION,
            ask: ask * BILLION,
            ..Row::default()
        }
    }

    /// A trade at a price in hundredths.
    fn trade(second: i64, cents: i64, size: i64) -> Row {
        let price = cents * BILLION / 100;
        Row { kind: TickKind::Trade as u8, time: second * SECOND, price, size: Some(size), ..Row::default() }
    }

    fn listed(of: &[(&str, &[i64])]) -> Vec<(String, Vec<i64>)> {
        of.iter().map(|(reason, rows)| ((*reason).to_owned(), rows.to_vec())).collect()
    }

    #[test]
    fn crossed_and_one_sided_quotes_are_left_out_and_locked_ones_are_flagged() {
        let quotes = [
            quote(1, 100, 101),
            quote(2, 102, 101),
            quote(3, 101, 101),
            quote(4, 0, 101),
            quote(5, 100, 101),
        ];
        let cleaned = clean(CleaningRules::default(), &quotes);
        assert_eq!(cleaned.kept, [1, 3, 5]);
        assert_eq!(cleaned.rejected, listed(&[("crossed", &[2]), ("non_positive_price", &[4])]));
        assert_eq!(cleaned.flagged, listed(&[("locked", &[3])]));
    }

    #[test]
    fn one_wrong_clock_costs_one_row_and_moves_no_time() {
        let mut rows: Vec<Row> = (0..60).map(|second| trade(second, 1000 + second % 2, 1)).collect();
        rows[30].time += 3600 * SECOND;
        let cleaned = clean(CleaningRules::default(), &rows);
        assert_eq!(cleaned.rejected, listed(&[("clock_ahead", &[31])]));
        rows[30].time = 0;
        assert_eq!(clean(CleaningRules::default(), &rows).rejected, listed(&[("late", &[31])]));
    }

    #[test]
    fn what_is_late_by_little_is_put_in_order_and_then_judged() {
        let rules = CleaningRules { lateness_nanos: 5 * SECOND, ..CleaningRules::default() };
        let mut rows: Vec<Row> = (0..20).map(|second| trade(second, 1000 + second % 2, 1)).collect();
        rows.swap(10, 13);
        let cleaned = clean(rules, &rows);
        assert_eq!(cleaned.kept[9..15], [10, 14, 12, 13, 11, 15]);
        assert_eq!(cleaned.flagged, listed(&[("out_of_order", &[14, 12, 13])]));
        // A row that is left out is not among those that were put right.
        rows[12].price *= 10;
        let cleaned = clean(rules, &rows);
        assert_eq!(cleaned.rejected, listed(&[("outlier", &[13])]));
        assert_eq!(cleaned.flagged, listed(&[("out_of_order", &[14, 12])]));
    }

    #[test]
    fn bad_prices_are_found_and_a_lasting_jump_is_kept() {
        let mut rows: Vec<Row> = (0..100).map(|second| trade(second, 1000 + second % 3, 1)).collect();
        rows[20].price *= 10;
        rows[40].price = -BILLION;
        for row in &mut rows[60..] {
            row.price /= 2;
        }
        let cleaned = clean(CleaningRules::default(), &rows);
        assert_eq!(cleaned.rejected, listed(&[("non_positive_price", &[41]), ("outlier", &[21])]));
        assert_eq!(cleaned.flagged, listed(&[("level_shift", &[61])]));
        let off = CleaningRules { outlier_centi_bps: 0, ..CleaningRules::default() };
        assert_eq!(clean(off, &rows).rejected, []);
    }

    #[test]
    fn a_trade_at_a_price_that_is_quoted_is_believed() {
        let bid = |second: i64| 100 + second % 2 + second / 60 * 100;
        let mut rows: Vec<Row> = (0..120).map(|second| quote(second, bid(second), bid(second) + 1)).collect();
        for second in 0..20 {
            rows.push(trade(120 + second, if second == 10 { 10_050 } else { 20_050 + second % 2 }, 1));
        }
        assert_eq!(clean(CleaningRules::default(), &rows).rejected, []);
        rows[130].price /= 2;
        assert_eq!(clean(CleaningRules::default(), &rows).rejected, listed(&[("outlier", &[131])]));
    }

    #[test]
    fn a_trade_of_which_only_the_size_counts_is_asked_no_price() {
        let mut rows: Vec<Row> = (0..60).map(|second| trade(second, 1000 + second % 2, 1)).collect();
        // Average prices far off the level, more of them in a row than would make a level; zero and a part of a tick.
        for (at, cents) in [(30, 2000), (31, 2000), (32, 2000), (33, 2000), (40, 0)] {
            rows[at] = Row { kind: TickKind::VolumeOnly as u8, ..trade(at as i64, cents, 5) };
        }
        rows[41] = Row { kind: TickKind::VolumeOnly as u8, price: 1, ..rows[41] };
        let plain = InstrumentDefined::new("I", vec![], PriceBasis::Trades);
        let strict = InstrumentDefined { positive_prices: true, tick_size: Some(BILLION / 100), ..plain };
        let cleaned = clean_as(&strict, &rows);
        assert_eq!(cleaned.kept, (1..=60).collect::<Vec<_>>());
        assert_eq!(cleaned.rejected, []);
        assert_eq!(cleaned.flagged, listed(&[("volume_only", &[31, 32, 33, 34, 41, 42])]));
        // It is late, ahead and without a size as any other.
        rows[30].time += 3600 * SECOND;
        rows[31].time = 0;
        rows[32].size = Some(0);
        let rejected = listed(&[("clock_ahead", &[31]), ("late", &[32]), ("non_positive_size", &[33])]);
        let mut told = clean_as(&strict, &rows).rejected;
        told.sort();
        assert_eq!(told, rejected);
    }

    #[test]
    fn an_auction_is_never_refused_for_its_price_and_moves_no_level() {
        let mut rows: Vec<Row> = (0..60).map(|second| trade(second, 1000 + second % 2, 1)).collect();
        rows[30] = trade(30, 2000, 1);
        assert_eq!(clean(CleaningRules::default(), &rows).rejected, listed(&[("outlier", &[31])]));
        rows[30].kind = TickKind::Auction as u8;
        let cleaned = clean(CleaningRules::default(), &rows);
        assert_eq!((cleaned.rejected, cleaned.flagged), (vec![], listed(&[("block_trade", &[31])])));
        // The first of all, and a price that only auctions had is no level of other trades.
        (0..8).for_each(|at| rows[at] = Row { kind: TickKind::Auction as u8, ..trade(at as i64, 2000, 1) });
        rows[40] = trade(40, 2000, 1);
        let cleaned = clean(CleaningRules::default(), &rows);
        assert_eq!(cleaned.rejected, listed(&[("outlier", &[41])]));
        assert_eq!(cleaned.flagged, listed(&[("block_trade", &[1, 2, 3, 4, 5, 6, 7, 8, 31])]));
        // A price of zero is none where prices are above zero.
        rows[30].price = 0;
        let plain = InstrumentDefined::new("I", vec![], PriceBasis::Trades);
        let cleaned = clean_as(&InstrumentDefined { positive_prices: true, ..plain }, &rows);
        assert_eq!(cleaned.rejected[0], ("non_positive_price".to_owned(), vec![31]));
    }

    #[test]
    fn a_price_that_waits_behind_sizes_alone_waits_no_longer_than_a_row_may_be_ahead() {
        let mut rows: Vec<Row> = (0..40).map(|second| trade(second, 1000 + second % 2, 1)).collect();
        rows.push(trade(40, 2000, 1));
        rows.extend((41..1000).map(|second| Row { kind: TickKind::VolumeOnly as u8, ..trade(second, 1, 1) }));
        let cleaned = clean(CleaningRules::default(), &rows);
        let place = cleaned.kept.iter().position(|row| *row == 41).unwrap();
        assert!((340..345).contains(&place), "it came out as number {place}");
    }

    #[test]
    fn a_quote_of_fifty_usual_spreads_is_too_wide() {
        let mut rows: Vec<Row> = (0..20).map(|second| quote(second, 100, 101)).collect();
        rows[15].ask = 200 * BILLION;
        assert_eq!(clean(CleaningRules::default(), &rows).rejected, listed(&[("wide_spread", &[16])]));
    }

    #[test]
    fn a_quote_that_never_changes_is_stale_and_still_moves_time() {
        let rules = CleaningRules { stale_nanos: 10 * SECOND, ..CleaningRules::default() };
        let cleaned =
            clean(rules, &[quote(1, 100, 101), quote(9, 100, 101), quote(12, 100, 101), quote(13, 100, 102)]);
        assert_eq!((cleaned.kept.len(), cleaned.flagged), (4, listed(&[("stale", &[3])])));
    }

    #[test]
    fn a_trade_that_waits_holds_bars_back_no_longer_than_a_row_may_be_ahead() {
        // One trade among quotes: nothing confirms its price for as long as the quotes go on.
        let mut rows: Vec<Row> = (0..2000).map(|second| quote(second, 100 + second % 2, 102)).collect();
        rows.insert(10, trade(10, 10_000, 5));
        let cleaned = clean(CleaningRules::default(), &rows);
        let place = cleaned.kept.iter().position(|row| *row == 11).unwrap();
        assert!((300..330).contains(&place), "it came out as number {place}");
    }
}
