//! The cleaning rules, tick by tick, in this order: unreadable, non-positive, crossed, locked, duplicate, stale, out of
//! order, absurd, outlier.
//!
//! Two rows that are equal are two trades, unless the venue's own numbering says otherwise; a quote that repeats the
//! one before it to the last digit and nanosecond says nothing new and is a duplicate. A jump is held back for one tick:
//! if that tick takes three quarters of it back, the jump was an outlier, otherwise it was the market.

use gauntlet_domain::market::{CleaningRules, Reason, TickBlock, TickKind};
use serde::{Deserialize, Serialize};

use crate::ledger::Ledger;

/// Consecutive absurd prices after which the new level is believed.
pub(crate) const NEW_LEVEL_AFTER: u32 = 3;

/// A tick that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clean {
    /// Row in the source.
    pub row: i64,
    /// Event time, nanoseconds.
    pub time: i64,
    /// Mid of a quote or price of a trade, billionths.
    pub price: i64,
    /// Ask minus bid of a quote, billionths.
    pub spread: i64,
    /// Size of a trade, hundred-millionths.
    pub size: i64,
    /// Whether it is a quote.
    pub is_quote: bool,
}

/// A row as its source gave it, before anything is believed of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row {
    /// Row in the source.
    pub row: i64,
    /// Code of a [`TickKind`].
    pub kind: u8,
    /// Event time, nanoseconds.
    pub time: i64,
    /// Bid of a quote or price of a trade, billionths.
    pub price: i64,
    /// Ask of a quote, billionths.
    pub ask: i64,
    /// Size at the bid or of the trade, hundred-millionths.
    pub size: Option<i64>,
    /// Size at the ask, hundred-millionths.
    pub ask_size: Option<i64>,
    /// The venue's own numbering.
    pub sequence: Option<i64>,
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
    })
}

/// What is remembered of quotes, and apart from them of trades: each stream has its own level and numbering.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stream {
    /// Latest price that passed; 0 before the first.
    price: i64,
    /// Numbers and time of the row before.
    sequence: Option<i64>,
    time: i64,
    /// The quote before, and since when it has been the same.
    quote: (i64, i64),
    quote_since: i64,
    /// A jump held back until the next tick tells.
    held: Option<Clean>,
    /// Absurd prices in a row.
    absurd: u32,
}

/// Cleaning state of an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleaner {
    quotes: Stream,
    trades: Stream,
    /// Latest event time that was read in order; `i64::MIN` before the first.
    latest: i64,
}

impl Default for Cleaner {
    fn default() -> Self {
        Cleaner { quotes: Stream::default(), trades: Stream::default(), latest: i64::MIN }
    }
}

impl Cleaner {
    /// Cleans rows; ticks that pass go to `keep` in order, everything else into the ledger.
    #[inline]
    pub fn rows(
        &mut self,
        rules: &CleaningRules,
        rows: impl Iterator<Item = Row>,
        ledger: &mut Ledger,
        mut keep: impl FnMut(Clean),
    ) {
        for of in rows {
            let Row { row, time, .. } = of;
            let Some(kind) = TickKind::from_code(of.kind) else {
                ledger.reject(Reason::NotANumber, row, time);
                continue;
            };
            let tick = match kind {
                TickKind::NotANumber => Err(Reason::NotANumber),
                TickKind::BadTime => Err(Reason::BadTime),
                TickKind::OutOfRange => Err(Reason::OutOfRange),
                TickKind::TotalDecreased => Err(Reason::TotalDecreased),
                TickKind::Book => {
                    self.book(rules, row, time, ledger);
                    continue;
                }
                TickKind::Quote | TickKind::ReceivedQuote => {
                    check_quote(row, time, of.price, of.ask, [of.size, of.ask_size])
                }
                TickKind::Trade | TickKind::Buy | TickKind::Sell | TickKind::Last => {
                    check_trade(row, time, of.price, of.size, kind != TickKind::Last)
                }
            };
            match tick {
                Err(reason) => ledger.reject(reason, row, time),
                Ok(tick) => {
                    let on_venue_clock = kind != TickKind::ReceivedQuote;
                    let quote = (of.price, of.ask);
                    self.tick(rules, tick, quote, of.sequence, on_venue_clock, ledger, &mut keep);
                }
            }
        }
    }

    /// Lets go of what is held back: the source has ended, nothing will take the jump back.
    pub fn flush(&mut self, ledger: &mut Ledger, mut keep: impl FnMut(Clean)) {
        let mut held = [self.trades.held.take(), self.quotes.held.take()];
        held.sort_by_key(|tick| tick.map(|tick| tick.time));
        for tick in held.into_iter().flatten() {
            ledger.accepted += 1;
            keep(tick);
        }
    }

    /// A change deeper in the book: only its time is looked at.
    fn book(&mut self, rules: &CleaningRules, row: i64, time: i64, ledger: &mut Ledger) {
        if self.in_order(rules, row, time, ledger) {
            ledger.accepted += 1;
        }
    }

    #[allow(clippy::too_many_arguments)] // one tick with all that its row says; a struct would be built per tick
    #[inline]
    fn tick(
        &mut self,
        rules: &CleaningRules,
        tick: Clean,
        quote: (i64, i64),
        sequence: Option<i64>,
        on_venue_clock: bool,
        ledger: &mut Ledger,
        keep: &mut impl FnMut(Clean),
    ) {
        let Clean { row, time, .. } = tick;
        let stream = if tick.is_quote { &mut self.quotes } else { &mut self.trades };
        if stream.is_duplicate(time, quote, sequence, tick.is_quote) {
            ledger.reject(Reason::Duplicate, row, time);
            return;
        }
        stream.sequence = sequence.or(stream.sequence);
        stream.time = time;
        if tick.is_quote {
            if stream.quote != quote || stream.price == 0 {
                stream.quote = quote;
                stream.quote_since = time;
            } else if rules.stale_nanos > 0 && time.saturating_sub(stream.quote_since) > rules.stale_nanos {
                ledger.reject(Reason::Stale, row, time);
                return;
            }
        }
        if on_venue_clock && !self.in_order(rules, row, time, ledger) {
            return;
        }
        let stream = if tick.is_quote { &mut self.quotes } else { &mut self.trades };
        stream.level(rules, tick, ledger, keep);
    }

    /// Whether a time is in order, or late by so little that it can still be put in its place. Moves the latest time on.
    #[inline]
    fn in_order(&mut self, rules: &CleaningRules, row: i64, time: i64, ledger: &mut Ledger) -> bool {
        if time >= self.latest {
            let silence = time.saturating_sub(self.latest);
            if rules.gap_nanos > 0 && silence > rules.gap_nanos && self.latest != i64::MIN {
                ledger.gaps.push((row, self.latest, time));
            }
            self.latest = time;
            return true;
        }
        if self.latest - time <= rules.lateness_nanos {
            ledger.correct(Reason::OutOfOrder, row, time);
            return true;
        }
        ledger.reject(Reason::OutOfOrder, row, time);
        false
    }
}

impl Stream {
    /// Numbers that do not grow are a repetition, unless time went on: then the venue began to count anew.
    #[inline]
    fn is_duplicate(&self, time: i64, quote: (i64, i64), sequence: Option<i64>, is_quote: bool) -> bool {
        match (sequence, self.sequence) {
            (Some(now), Some(before)) => now == before || (now < before && time <= self.time),
            _ => is_quote && self.price != 0 && time == self.time && quote == self.quote,
        }
    }

    /// The rules about levels: absurd prices and jumps that are taken back.
    #[inline]
    fn level(
        &mut self,
        rules: &CleaningRules,
        tick: Clean,
        ledger: &mut Ledger,
        keep: &mut impl FnMut(Clean),
    ) {
        if let Some(held) = self.held.take() {
            // `self.price` is still the level before the jump.
            let jump = (held.price - self.price).abs();
            if (tick.price - self.price).abs() <= jump / 4 {
                ledger.reject(Reason::Outlier, held.row, held.time);
            } else {
                self.price = held.price;
                ledger.accepted += 1;
                keep(held);
            }
        }
        if self.price != 0 {
            if is_absurd(rules, self.price, tick.price) && self.absurd + 1 < NEW_LEVEL_AFTER {
                self.absurd += 1;
                ledger.reject(Reason::Outlier, tick.row, tick.time);
                return;
            }
            let move_1e6 = i128::from((tick.price - self.price).abs()) * 1_000_000;
            let limit = i128::from(self.price) * i128::from(rules.outlier_centi_bps);
            if rules.outlier_centi_bps > 0 && move_1e6 >= limit && self.absurd == 0 {
                self.held = Some(tick);
                return;
            }
        }
        self.absurd = 0;
        self.price = tick.price;
        ledger.accepted += 1;
        keep(tick);
    }
}

/// Whether a price lies beyond the absurd factor of the one before it, up or down.
pub(crate) fn is_absurd(rules: &CleaningRules, before: i64, now: i64) -> bool {
    let factor = i128::from(rules.absurd_factor);
    let (before, now) = (i128::from(before), i128::from(now));
    factor > 0 && (now > before * factor || now * factor < before)
}

#[inline]
fn check_quote(row: i64, time: i64, bid: i64, ask: i64, sizes: [Option<i64>; 2]) -> Result<Clean, Reason> {
    if bid <= 0 || ask <= 0 {
        return Err(Reason::NonPositivePrice);
    }
    if sizes.into_iter().flatten().any(|size| size < 0) {
        return Err(Reason::NonPositiveSize);
    }
    if bid > ask {
        return Err(Reason::Crossed);
    }
    if bid == ask {
        return Err(Reason::Locked);
    }
    // The mean of two prices, without overflow.
    let price = bid + (ask - bid) / 2;
    Ok(Clean { row, time, price, spread: ask - bid, size: 0, is_quote: true })
}

#[inline]
fn check_trade(
    row: i64,
    time: i64,
    price: i64,
    size: Option<i64>,
    needs_size: bool,
) -> Result<Clean, Reason> {
    if price <= 0 {
        return Err(Reason::NonPositivePrice);
    }
    if needs_size && size.is_some_and(|size| size <= 0) {
        return Err(Reason::NonPositiveSize);
    }
    Ok(Clean { row, time, price, spread: 0, size: size.unwrap_or_default().max(0), is_quote: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BILLION: i64 = 1_000_000_000;

    /// Cleans quotes given as (time, bid, ask); gives the kept rows and the rejections.
    fn clean(rules: CleaningRules, quotes: &[(i64, i64, i64)]) -> (Vec<i64>, Vec<(String, Vec<i64>)>) {
        let block = TickBlock {
            rows: (1..=quotes.len() as i64).collect(),
            kinds: vec![TickKind::Quote as u8; quotes.len()],
            times: quotes.iter().map(|q| q.0).collect(),
            prices: quotes.iter().map(|q| q.1 * BILLION).collect(),
            asks: quotes.iter().map(|q| q.2 * BILLION).collect(),
            ..TickBlock::default()
        };
        let mut cleaner = Cleaner::default();
        let mut ledger = Ledger::default();
        let mut kept = Vec::new();
        cleaner.rows(&rules, rows_of(&block), &mut ledger, |tick| kept.push(tick.row));
        cleaner.flush(&mut ledger, |tick| kept.push(tick.row));
        let mut counts = crate::ledger::Counts::default();
        let events = ledger.into_events("I", "S", &mut counts);
        let rejected = events.into_iter().filter_map(|event| match event {
            gauntlet_domain::Event::TickRejected(e) => Some((e.reason, e.rows)),
            _ => None,
        });
        (kept, rejected.collect())
    }

    fn default_rules() -> CleaningRules {
        CleaningRules::default()
    }

    #[test]
    fn crossed_locked_and_non_positive_quotes_are_left_out() {
        let quotes = [(1, 100, 101), (2, 102, 101), (3, 101, 101), (4, 0, 101), (5, -5, 101), (6, 100, 101)];
        let (kept, rejected) = clean(default_rules(), &quotes);
        assert_eq!(kept, [1, 6]);
        let expected = [("crossed", vec![2]), ("locked", vec![3]), ("non_positive_price", vec![4, 5])];
        assert_eq!(rejected, expected.map(|(reason, rows)| (reason.to_owned(), rows)));
    }

    #[test]
    fn a_jump_that_the_next_tick_takes_back_is_an_outlier() {
        let quotes = [(1, 10_000, 10_002), (2, 10_100, 10_102), (3, 10_001, 10_003)];
        let (kept, rejected) = clean(default_rules(), &quotes);
        assert_eq!((kept, rejected), (vec![1, 3], vec![("outlier".to_owned(), vec![2])]));
    }

    #[test]
    fn a_jump_that_stays_is_the_market() {
        let quotes = [(1, 10_000, 10_002), (2, 10_100, 10_102), (3, 10_101, 10_103)];
        assert_eq!(clean(default_rules(), &quotes), (vec![1, 2, 3], vec![]));
    }

    #[test]
    fn an_absurd_price_is_left_out_until_it_has_lasted() {
        let quotes = [(1, 100, 102), (2, 100_000, 100_002), (3, 101, 103)];
        let (kept, rejected) = clean(default_rules(), &quotes);
        assert_eq!((kept, rejected), (vec![1, 3], vec![("outlier".to_owned(), vec![2])]));
        let lasting: Vec<_> = (1..=5).map(|t| (t, if t == 1 { 1 } else { 1000 }, 1001)).collect();
        let (kept, _) = clean(CleaningRules { outlier_centi_bps: 0, ..default_rules() }, &lasting);
        assert_eq!(kept, [1, 2, 3, 4, 5], "1 to 1001 is a wide quote, its mid is the level");
    }

    #[test]
    fn time_that_goes_back_is_out_of_order() {
        let quotes = [(10, 100, 101), (5, 100, 102), (11, 100, 103)];
        let (kept, rejected) = clean(CleaningRules { outlier_centi_bps: 0, ..default_rules() }, &quotes);
        assert_eq!((kept, rejected), (vec![1, 3], vec![("out_of_order".to_owned(), vec![2])]));
        let late = CleaningRules { lateness_nanos: 5, outlier_centi_bps: 0, ..default_rules() };
        assert_eq!(clean(late, &quotes).0, [1, 2, 3]);
    }

    #[test]
    fn a_quote_repeated_to_the_nanosecond_is_a_duplicate_and_one_repeated_later_is_not() {
        let quotes = [(1, 100, 101), (1, 100, 101), (2, 100, 101)];
        let (kept, rejected) = clean(default_rules(), &quotes);
        assert_eq!((kept, rejected), (vec![1, 3], vec![("duplicate".to_owned(), vec![2])]));
    }

    #[test]
    fn a_quote_that_never_changes_goes_stale() {
        let rules = CleaningRules { stale_nanos: 10, ..default_rules() };
        let (kept, rejected) = clean(rules, &[(1, 100, 101), (9, 100, 101), (12, 100, 101), (13, 100, 102)]);
        assert_eq!((kept, rejected), (vec![1, 2, 4], vec![("stale".to_owned(), vec![3])]));
    }

    fn trades(sequences: &[i64], times: &[i64]) -> Vec<i64> {
        let n = times.len();
        let block = TickBlock {
            rows: (1..=n as i64).collect(),
            sequences: sequences.to_vec(),
            kinds: vec![TickKind::Trade as u8; n],
            times: times.to_vec(),
            prices: vec![5 * BILLION; n],
            sizes: vec![1; n],
            ..TickBlock::default()
        };
        let (mut cleaner, mut ledger, mut kept) = (Cleaner::default(), Ledger::default(), Vec::new());
        cleaner.rows(&default_rules(), rows_of(&block), &mut ledger, |tick| kept.push(tick.row));
        kept
    }

    #[test]
    fn equal_trades_are_two_trades_unless_the_numbering_repeats() {
        assert_eq!(trades(&[], &[1, 1]), [1, 2]);
        assert_eq!(trades(&[7, 7, 8], &[1, 1, 1]), [1, 3]);
        assert_eq!(
            trades(&[7, 8, 1], &[1, 2, 3]),
            [1, 2, 3],
            "a numbering may begin anew while time goes on"
        );
    }
}
