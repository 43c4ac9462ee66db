//! Which prices of a stream lie too far from those before them to be believed at once, and whether what follows bears
//! them out.
//!
//! There is no percentage: a move is measured in the instrument's own tick and in its own moves, so a penny stock, an index
//! and a spread around zero are judged alike. A price beyond the limit from the last one, which was not traded lately, is a
//! candidate. It is rejected when at least two of the next three prices are nearer to the level before it than to it. Otherwise
//! the level has moved: the price is kept, and said to be a shift.
//!
//! The limit is the largest of some ticks, some median moves, some moves of the 98th percentile, and some of the largest moves
//! of stretches of 64. The last is what a quiet minute does not forget: trades of a large order through a thin book come back
//! within a millisecond, and they are true.
//!
//! After the rules of Brownlees and Gallo (2006) and Barndorff-Nielsen, Hansen, Lunde and Shephard (2009, T4 and Q4), which
//! compare a price with its neighbours on both sides, written for a stream: everything that is remembered is bounded, and the
//! price that is judged is never part of what it is judged by. Integers only: the same on every machine.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::ring::{Ring, Stretches};

/// Accepted prices that are remembered.
const PRICES: usize = 384;
/// So many of them do not make a price one that was traded lately: they may have been accepted wrongly.
const FEW: usize = 4;
/// Changes other than zero that are remembered.
const CHANGES: usize = 256;
/// Sizes of accepted prices that are remembered.
const SIZES: usize = 64;
/// Prices that bear a candidate out or not.
const FOLLOWING: usize = 3;

/// Thresholds of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LevelRules {
    /// Ticks that are always allowed.
    pub(crate) ticks: i64,
    /// The tick; 0 where it is not known: the greatest common divisor of all changes so far.
    pub(crate) tick: i64,
    /// A size of so many times the usual one is an auction or a block, whose price may lie off the level.
    pub(crate) block: i64,
    /// Median moves that are always allowed.
    pub(crate) medians: i64,
    /// Moves as large as the 98th percentile that are always allowed, and as large as the largest of nine stretches in ten.
    pub(crate) tails: i64,
    /// Prices at the beginning that judge one another: there is nothing before them. With 1 the first is believed.
    pub(crate) first: usize,
    /// Prices before a price may be rejected; with fewer it may only be said to be a shift.
    pub(crate) sure: usize,
}

impl Default for LevelRules {
    fn default() -> LevelRules {
        LevelRules { ticks: 12, tick: 0, block: 20, medians: 12, tails: 3, first: 8, sure: 0 }
    }
}

/// What came of a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// One like those before it.
    Accepted,
    /// Far from those before it, and those after it are nearer to it than to them.
    Shifted,
    /// Far from those before and after it, of a size that explains it: an auction or a block. It moves no level.
    Block,
    /// Far from those before it, and those after it are not.
    Rejected,
}

/// A price, its size if it has one, and what they came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting<T> {
    price: i64,
    size: i64,
    of: T,
}

/// The level of a stream of prices, and the prices that wait for what follows them. `T` is what a price came with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Level<T> {
    prices: Ring,
    changes: Ring,
    /// Changes but for shifts.
    stretches: Stretches,
    sizes: Ring,
    /// The greatest common divisor of all accepted changes; 0 before the first.
    divisor: i64,
    /// The first prices, or a candidate and what follows it.
    waiting: VecDeque<Waiting<T>>,
}

impl<T> Default for Level<T> {
    fn default() -> Level<T> {
        Level {
            prices: Ring::of(PRICES),
            changes: Ring::of(CHANGES),
            stretches: Stretches::default(),
            sizes: Ring::of(SIZES),
            divisor: 0,
            waiting: VecDeque::new(),
        }
    }
}

impl<T> Level<T> {
    /// Takes the next price, with its size or 0. Prices come out in their order, each once; some wait for those that follow.
    #[inline]
    pub(crate) fn push(
        &mut self,
        rules: &LevelRules,
        price: i64,
        size: i64,
        of: T,
        mut out: impl FnMut(T, Outcome),
    ) {
        if self.waiting.is_empty() && !self.prices.is_empty() && !self.is_far(rules, price) {
            self.accept(price, size, false);
            out(of, Outcome::Accepted);
            return;
        }
        self.waiting.push_back(Waiting { price, size, of });
        self.settle(rules, false, &mut out);
    }

    /// What has waited until now waits no longer: the source has ended.
    pub(crate) fn finish(&mut self, rules: &LevelRules, mut out: impl FnMut(T, Outcome)) {
        self.settle(rules, true, &mut out);
    }

    /// What waits, in its order.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter().map(|waiting| &waiting.of)
    }

    fn settle(&mut self, rules: &LevelRules, is_end: bool, out: &mut impl FnMut(T, Outcome)) {
        if self.prices.is_empty() {
            if self.waiting.len() < rules.first && !is_end {
                return;
            }
            self.settle_first(rules, is_end, out);
        }
        while let Some(Waiting { price, .. }) = self.waiting.front() {
            let is_far = !self.prices.is_empty() && self.is_far(rules, *price);
            let before = self.prices.last().unwrap_or(*price);
            if self.let_go(rules, is_far, before, is_end, out).is_none() {
                return;
            }
        }
    }

    /// The first prices judge one another: the level before each is their median.
    fn settle_first(&mut self, rules: &LevelRules, is_end: bool, out: &mut impl FnMut(T, Outcome)) {
        let mut prices: Vec<i64> = self.waiting.iter().map(|waiting| waiting.price).collect();
        prices.sort_unstable();
        let Some(median) = middle(&prices) else { return };
        let mut apart: Vec<i64> = prices.iter().map(|price| distance(*price, median)).collect();
        apart.sort_unstable();
        // The upper one of two, since half of eight prices may be the same; the lower one for prices of zero and less beside
        // others, which are rarely true.
        let usual = |price: i64| {
            let rank = if price <= 0 && median > 0 { (apart.len() - 1) / 2 } else { apart.len() / 2 };
            apart.get(rank).copied().unwrap_or_default()
        };
        for size in self.waiting.iter().map(|waiting| waiting.size).filter(|size| *size > 0) {
            self.sizes.push(size);
        }
        let limit = |at: usize| {
            let others = self.waiting.iter().enumerate().filter(|(other, _)| *other != at);
            let tick = rules.tick.max(divisor_of(others.map(|(_, of)| of.price), median));
            usual(self.waiting[at].price).max(tick).saturating_mul(rules.medians)
        };
        let limits: Vec<i64> = (0..self.waiting.len()).map(limit).collect();
        for limit in limits {
            let Some(price) = self.waiting.front().map(|waiting| waiting.price) else { return };
            // Where all others are equal nothing says what a usual move is.
            let is_far = limit > 0 && distance(price, median) > limit;
            if self.let_go(rules, is_far, median, is_end, out).is_none() {
                return;
            }
        }
    }

    /// Lets the price in front go, unless it is far from the level before it and too few have followed it.
    fn let_go(
        &mut self,
        rules: &LevelRules,
        is_far: bool,
        before: i64,
        is_end: bool,
        out: &mut impl FnMut(T, Outcome),
    ) -> Option<()> {
        if is_far && self.waiting.len() <= FOLLOWING && !is_end {
            return None;
        }
        let outcome = if is_far { self.judge(rules, before) } else { Outcome::Accepted };
        let Waiting { price, size, of } = self.waiting.pop_front()?;
        if matches!(outcome, Outcome::Accepted | Outcome::Shifted) {
            self.accept(price, size, outcome == Outcome::Shifted);
        }
        out(of, outcome);
        Some(())
    }

    /// Whether a price lies beyond the limit from the last price, and was not traded lately: inside the range of the last
    /// prices, with more than a few of them near it.
    #[inline]
    fn is_far(&self, rules: &LevelRules, price: i64) -> bool {
        let Some(last) = self.prices.last() else { return false };
        let moved = distance(price, last);
        // Half or twice the price is doubted beside a single change too.
        let is_leap = self.changes.len() == 1 && moved > last.saturating_abs() / 2;
        if moved == 0 || !(is_leap || self.is_known(rules)) {
            return false;
        }
        // Before the first change the prices are as exact as they are written.
        let tick = match (rules.tick, self.divisor) {
            (0, 0) => decimal_unit(last, price),
            (0, divisor) => divisor,
            (tick, _) => tick,
        };
        // Nearly every price is within some ticks of the one before it; only for the others all moves are looked at.
        if moved <= tick.saturating_mul(rules.ticks) {
            return false;
        }
        if self.allows(rules, moved) {
            return false;
        }
        let limit = self.limit(rules);
        let mut prices: Vec<i64> = self.prices.values().copied().collect();
        prices.sort_unstable();
        let few = FEW.min((prices.len() - 1) / 2);
        let was_traded = (prices[few]..=prices[prices.len() - 1 - few]).contains(&price)
            && prices.iter().filter(|other| distance(price, **other) <= limit / 4).count() > few;
        !was_traded
    }

    /// Whether enough is known of the prices to doubt one: some of them, two changes, or that some have not changed.
    #[inline]
    fn is_known(&self, rules: &LevelRules) -> bool {
        let changes = self.changes.len();
        self.prices.len() >= rules.sure || changes >= 2 || (changes == 0 && self.prices.len() >= 3)
    }

    /// Whether any of the last prices was about the same.
    pub(crate) fn has_been_near(&self, rules: &LevelRules, price: i64) -> bool {
        let ticks = self.divisor.max(rules.tick).saturating_mul(rules.ticks);
        let limit = self.limit(rules).max(ticks);
        self.prices.values().any(|other| distance(price, *other) <= limit)
    }

    /// Whether a move is within [`Level::limit`], which need not be known for it: the largest moves decide nearly always.
    #[inline]
    fn allows(&self, rules: &LevelRules, moved: i64) -> bool {
        // The smallest value of which a multiple is so large; none where nothing is allowed.
        let least = |times: i64| (times > 0).then(|| moved.saturating_sub(1) / times + 1);
        let is_at_least = |share, of, times| {
            least(times).is_some_and(|least| self.changes.is_quantile_at_least(share, of, least))
        };
        moved <= self.stretches.large().saturating_mul(rules.tails)
            || is_at_least(98, 100, rules.tails)
            || is_at_least(1, 2, rules.medians)
    }

    /// How far a price may be from the one before it.
    #[inline]
    pub(crate) fn limit(&self, rules: &LevelRules) -> i64 {
        let usual = self.changes.quantile(1, 2).saturating_mul(rules.medians);
        usual.max(self.changes.quantile(98, 100).max(self.stretches.large()).saturating_mul(rules.tails))
    }

    /// The candidate in front, by what follows it.
    fn judge(&self, rules: &LevelRules, before: i64) -> Outcome {
        let Some(Waiting { price: candidate, size, .. }) = self.waiting.front() else {
            return Outcome::Accepted;
        };
        // Zero and -1 far below a level are marks of missing data, however long they last.
        if *candidate <= 0 && before > 0 {
            return Outcome::Rejected;
        }
        let following = self.waiting.iter().skip(1).take(FOLLOWING).map(|waiting| waiting.price);
        let back = following.filter(|price| distance(*price, before) < distance(*price, *candidate));
        if back.count() < 2 || self.prices.len() < rules.sure {
            return Outcome::Shifted;
        }
        let usual = self.sizes.quantile(1, 2);
        if usual > 0 && *size >= usual.saturating_mul(rules.block) {
            Outcome::Block
        } else {
            Outcome::Rejected
        }
    }

    #[inline]
    fn accept(&mut self, price: i64, size: i64, is_shift: bool) {
        if let Some(last) = self.prices.last().filter(|last| *last != price) {
            let change = distance(price, last);
            self.changes.push(change);
            self.stretches.push(if is_shift { 0 } else { change });
            if self.divisor != 1 && (self.divisor == 0 || change % self.divisor != 0) {
                self.divisor = common_divisor(self.divisor, change);
            }
        }
        self.prices.push(price);
        if size > 0 {
            self.sizes.push(size);
        }
    }
}

fn distance(one: i64, other: i64) -> i64 {
    i64::try_from(one.abs_diff(other)).unwrap_or(i64::MAX)
}

/// The middle of sorted values, the lower one of two.
fn middle(sorted: &[i64]) -> Option<i64> {
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// The greatest common divisor of the distances of some prices from one; 0 where all are equal to it.
fn divisor_of(prices: impl Iterator<Item = i64>, from: i64) -> i64 {
    prices.fold(0, |divisor, price| common_divisor(divisor, distance(price, from)))
}

/// The largest power of ten that divides both.
fn decimal_unit(one: i64, other: i64) -> i64 {
    let divides = |unit: &i64| one % unit == 0 && other % unit == 0;
    (0..18).map(|power| 10_i64.pow(power)).take_while(divides).last().unwrap_or(1)
}

/// Euclid.
fn common_divisor(mut one: i64, mut other: i64) -> i64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows, from 1, of which something else came than `Accepted`.
    fn judged(prices: &[i64]) -> Vec<(usize, Outcome)> {
        let (mut level, mut told, rules) = (Level::default(), Vec::new(), LevelRules::default());
        let mut seen = 0;
        let mut take = |row: usize, outcome: Outcome, told: &mut Vec<(usize, Outcome)>| {
            seen += 1;
            assert_eq!(row, seen, "in order, each once");
            if outcome != Outcome::Accepted {
                told.push((row, outcome));
            }
        };
        for (row, price) in (1..).zip(prices) {
            level.push(&rules, *price, 0, row, |row, outcome| take(row, outcome, &mut told));
        }
        level.finish(&rules, |row, outcome| take(row, outcome, &mut told));
        assert!(level.waiting().count() == 0 && seen == prices.len());
        told
    }

    /// A walk of single ticks of 100 around a price.
    fn walk(length: usize, price: i64) -> Vec<i64> {
        let step = |n: usize| [0, 100, 0, -100, 100, 0, -100][n % 7];
        (0..length)
            .scan(price, |price, n| {
                *price += step(n);
                Some(*price)
            })
            .collect()
    }

    #[test]
    fn a_penny_stock_that_moves_by_its_tick_loses_nothing() {
        // 1.20 to 1.21 and back is 0.8 percent, and a tick.
        let prices: Vec<i64> = (0..200).map(|n| 120 + [0, 1, 0, 0, 1, 1, 0][n % 7]).collect();
        assert_eq!(judged(&prices), []);
    }

    #[test]
    fn wrong_prints_alone_and_in_pairs_are_found_and_nothing_else() {
        for bad in [vec![200_000], vec![2_000], vec![200_000, 200_100], vec![200_000, 2_000]] {
            let mut prices = walk(300, 20_000);
            prices.splice(150..150, bad.iter().copied());
            let expected: Vec<_> = (0..bad.len()).map(|n| (151 + n, Outcome::Rejected)).collect();
            assert_eq!(judged(&prices), expected, "{bad:?}");
        }
    }

    #[test]
    fn a_jump_that_lasts_is_kept_and_said() {
        // A split of twenty to one, and back.
        let mut prices = [walk(100, 200_000), walk(100, 10_000)].concat();
        assert_eq!(judged(&prices), [(101, Outcome::Shifted)]);
        // Between the two levels there is none.
        prices[150] *= 10;
        assert_eq!(judged(&prices), [(101, Outcome::Shifted), (151, Outcome::Rejected)]);
    }

    #[test]
    fn a_price_that_has_never_moved_may_move_by_its_last_digit() {
        let steady = |other: i64| [vec![1_000_000; 20], vec![other], vec![1_000_000; 20]].concat();
        assert_eq!(judged(&steady(1_000_100)), []);
        assert_eq!(judged(&steady(1_455_001)), [(21, Outcome::Rejected)]);
        // With nothing to go by, and nothing that takes it back.
        let twice = [vec![14_550_019; 10], vec![145_500; 10]].concat();
        assert_eq!(judged(&twice), [(11, Outcome::Shifted)]);
    }

    #[test]
    fn a_price_that_was_traded_lately_is_believed() {
        // Half of a large order, at a level of some trades ago.
        let mut prices = [walk(100, 20_000), vec![25_000; 10], walk(100, 20_000)].concat();
        prices[150] = 25_000;
        assert_eq!(judged(&prices), [(101, Outcome::Shifted)]);
    }

    #[test]
    fn prices_around_zero_are_judged_like_others() {
        let mut prices = walk(300, -100);
        prices[200] = 90_000;
        assert_eq!(judged(&prices), [(201, Outcome::Rejected)]);
    }

    #[test]
    fn the_first_prices_judge_one_another() {
        let mut prices = walk(20, 20_000);
        prices[0] = 200_000;
        assert_eq!(judged(&prices), [(1, Outcome::Rejected)]);
        // A quiet beginning after a first price that is a little off.
        let nvda = [48_264, 48_225, 48_221, 48_237, 48_238, 48_239, 48_225, 48_239, 48_234];
        assert_eq!(judged(&nvda), []);
        // Oil on 20 April 2020: a fall that nothing takes back.
        assert_eq!(judged(&[15, 1, -2, -3_763, -1_310]), [(4, Outcome::Shifted), (5, Outcome::Shifted)]);
        assert_eq!(judged(&[5, 5, 5]), []);
        assert_eq!(judged(&[]), []);
    }

    #[test]
    fn an_auction_off_the_level_is_kept_and_moves_no_level() {
        let (mut level, mut told, rules) = (Level::default(), Vec::new(), LevelRules::default());
        let prices = [walk(50, 20_000), vec![24_000], walk(50, 20_000)].concat();
        for (row, price) in (1..).zip(&prices) {
            let size = if row == 51 { 900_000 } else { 100 };
            level.push(&rules, *price, size, row, |row, outcome| told.push((row, outcome)));
        }
        told.retain(|(_, outcome)| *outcome != Outcome::Accepted);
        assert_eq!(told, [(51, Outcome::Block)]);
    }

    #[test]
    fn the_end_decides_for_what_waits() {
        let mut prices = walk(100, 20_000);
        prices.push(900_000);
        assert_eq!(judged(&prices), [(101, Outcome::Shifted)]);
        prices.extend([20_000, 20_000]);
        assert_eq!(judged(&prices), [(101, Outcome::Rejected)]);
    }
}
