//! Huge quantities and prices never wrap: they are denied, or refused where they are events.

use gauntlet_domain::{Price, Quantity, Scale, Timestamp};
use gauntlet_pretrade::{
    AccountLimits, Decision, Fact, InstrumentLimits, Limits, Money, Order, PeriodCollar, PretradeError, Rate,
    Reason, Side, Stage, State, StrategyLimits, Terms,
};
use proptest::prelude::*;

use crate::desk::*;

/// A desk whose gold has units of this scale, ticks and lots of one unit, and this quote.
fn desk(scale: Scale, bid: i64, ask: i64) -> Desk {
    let mut desk = Desk::new();
    desk.state = State::new("USD");
    for instrument in [gold(), stock()] {
        let terms = Terms { scale, tick: Price(1), lot: Quantity(1), ..terms() };
        desk.happens(Fact::Listed { instrument: instrument.clone(), terms: Box::new(terms) });
        desk.happens(Fact::Quoted { instrument, bid: Price(bid), ask: Price(ask) });
    }
    desk
}

fn order(side: Side, quantity: i64) -> Order {
    Order { quantity: Quantity(quantity), ..market(side, 1) }
}

/// A fill of an order that is gone, in units of the scale.
fn filled(of: Order, price: i64) -> Fact {
    let Order { strategy, instrument, side, quantity, .. } = of;
    let (order, price, fee) = (order_id(1_000), Price(price), Money::default());
    Fact::Filled { order, strategy, instrument, side, quantity, price, fee }
}

const WHOLE: Scale = Scale { price_exponent: 0, size_exponent: 0 };
const FINE: Scale = Scale { price_exponent: -18, size_exponent: -18 };

#[test]
fn a_notional_that_does_not_fit_is_denied_with_and_without_limits() {
    for side in [Side::Buy, Side::Sell] {
        for scale in [WHOLE, Scale::USUAL] {
            let mut desk = desk(scale, i64::MAX, i64::MAX);
            assert_eq!(desk.denies(order(side, i64::MAX)), Some(Reason::Overflow));
            desk.limits.instruments.get_mut(&gold()).unwrap().max_notional = Some(Money(i128::MAX));
            assert_eq!(desk.denies(order(side, i64::MAX)), Some(Reason::Overflow));
            desk.limits.instruments.get_mut(&gold()).unwrap().max_quantity = Some(Quantity(i64::MAX - 1));
            assert_eq!(desk.denies(order(side, i64::MAX)), Some(Reason::MaxQuantity));
        }
    }
}

#[test]
fn the_edge_of_what_fits_is_exact() {
    // 10^18 · 2^127/10^18 units of money: the largest whole notional is ⌊(2^127 − 1)/10^18⌋.
    let most = i64::try_from(i128::MAX / Money::ONE.0 / 1_000).unwrap();
    let mut desk = desk(WHOLE, 1_000, 1_000);
    assert_eq!(desk.denies(order(Side::Buy, most)), None);
    assert_eq!(desk.denies(order(Side::Buy, most + 1)), Some(Reason::Overflow));
}

#[test]
fn a_sum_of_exposures_that_does_not_fit_is_denied() {
    let half = i64::try_from(i128::MAX / Money::ONE.0 / 1_000 / 2 + 1).unwrap();
    let mut desk = desk(WHOLE, 1_000, 1_000);
    desk.accepts(order(Side::Buy, half));
    // In the same instrument, and in another one.
    assert_eq!(desk.denies(order(Side::Buy, half)), Some(Reason::Overflow));
    assert_eq!(desk.denies(in_stock(order(Side::Sell, half))), Some(Reason::Overflow));
    assert_eq!(desk.denies(order(Side::Sell, half)), None);
}

#[test]
fn leverage_and_caps_do_not_wrap() {
    // Gross exposure fits, ten thousand times of it does not.
    let large = i64::try_from(i128::MAX / Money::ONE.0 / 1_000 / 5_000).unwrap();
    let mut desk = desk(WHOLE, 1_000, 1_000);
    desk.pays_in(1);
    desk.limits.account.max_leverage_bps = Some(i64::MAX);
    assert_eq!(desk.denies(order(Side::Buy, large)), Some(Reason::Overflow));
    desk.limits.account.max_leverage_bps = None;
    let stage = Stage { capital: Money(i128::MAX), step_bps: 10_000 };
    desk.limits.strategies.get_mut(&strategy()).unwrap().stage = Some(stage);
    assert_eq!(desk.denies(order(Side::Buy, 1)), Some(Reason::Overflow));
    // An equity that does not fit.
    desk.limits.strategies.get_mut(&strategy()).unwrap().stage = None;
    desk.limits.account.max_leverage_bps = Some(i64::MAX);
    desk.happens(Fact::Paid { amount: Money(i128::MAX - Money::ONE.0) });
    desk.happens(filled(order(Side::Buy, 1), 1));
    assert_eq!(desk.state.equity(), None);
    assert_eq!(desk.denies(order(Side::Buy, 1)), Some(Reason::Overflow));
}

#[test]
fn many_of_the_largest_orders_do_not_wrap_the_position() {
    let mut desk = desk(FINE, 1, 1);
    for _ in 0..100 {
        let order = order(Side::Buy, i64::MAX);
        desk.accepts(order.clone());
        desk.happens(filled(order, 1));
    }
    assert_eq!(desk.state.position(&gold()), 100 * i128::from(i64::MAX));
    desk.limits.instruments.get_mut(&gold()).unwrap().max_position = Some(Quantity(i64::MAX));
    assert_eq!(desk.denies(order(Side::Buy, 1)), Some(Reason::MaxPosition));
    assert_eq!(desk.denies(order(Side::Sell, i64::MAX)), None);
}

/// The product of two smallest units is 10⁻³⁶ of money: exposures are rounded up to one unit of it, equity down.
#[test]
fn what_is_finer_than_the_unit_of_money_is_rounded_to_the_safe_side() {
    for side in [Side::Buy, Side::Sell] {
        let one = order(side, 1);
        let mut desk = desk(FINE, 1, 1);
        desk.limits.instruments.get_mut(&gold()).unwrap().max_notional = Some(Money(0));
        assert_eq!(desk.denies(one.clone()), Some(Reason::MaxNotional));
        desk.limits.instruments.get_mut(&gold()).unwrap().max_notional = Some(Money(1));
        desk.limits.account.max_gross = Some(Money(0));
        assert_eq!(desk.denies(one.clone()), Some(Reason::MaxGross));
        desk.limits.account.max_gross = Some(Money(1));
        desk.limits.account.max_net = Some(Money(0));
        assert_eq!(desk.denies(one.clone()), Some(Reason::MaxNet));
        desk.limits.account.max_net = Some(Money(1));
        assert_eq!(desk.denies(one.clone()), None);
        desk.happens(filled(one, 1));
        assert_eq!(desk.state.equity(), Some(Money(-1)));
    }
}

#[test]
fn prices_and_times_at_the_ends_of_their_range() {
    let mut desk = desk(FINE, 1, i64::MAX);
    let limits = desk.limits.instruments.get_mut(&gold()).unwrap();
    limits.collar_bps = Some(i64::MAX);
    limits.max_quote_age_nanos = Some(i64::MAX);
    limits.period_collar = Some(PeriodCollar { bps: i64::MAX, minutes: 60 });
    assert_eq!(desk.denies(order(Side::Buy, i64::MAX)), None);
    desk.happens(Fact::Quoted { instrument: gold(), bid: Price(1), ask: Price(1) });
    // (2^63 − 2)·10⁴ basis points are above any limit.
    let far = Order { limit_price: Some(Price(i64::MAX)), ..order(Side::Buy, 1) };
    assert_eq!(desk.denies(far), Some(Reason::PriceCollar));
    // From the first moment to the last.
    let mut ends = Desk::new();
    ends.state = State::new("USD");
    ends.time = i64::MIN;
    ends.happens(Fact::Listed { instrument: gold(), terms: Box::new(terms()) });
    ends.quote(gold(), 10_000, 10_000);
    let rate = Rate { burst: 2, interval_nanos: i64::MAX };
    ends.limits.account.submit_rate = Some(rate);
    ends.accepts(buy(1));
    ends.accepts(buy(1));
    assert_eq!(ends.denies(buy(1)), Some(Reason::RateLimit));
    ends.limits.instruments.get_mut(&gold()).unwrap().max_quote_age_nanos = Some(i64::MAX);
    ends.time = i64::MAX;
    assert_eq!(ends.denies(buy(1)), Some(Reason::StalePrice));
    ends.quote(gold(), 10_000, 10_000);
    ends.accepts(buy(1));
    ends.accepts(buy(1));
    assert_eq!(ends.denies(buy(1)), Some(Reason::RateLimit));
    assert_eq!(ends.state.now(), Timestamp::MAX);
}

proptest! {
    /// In tests a sum that does not fit panics.
    #[test]
    fn no_numbers_make_a_check_or_the_fold_panic(
        numbers in proptest::collection::vec(number(), 24),
        exponents in (-18..=0_i32, -18..=0_i32),
        is_sell in any::<bool>(),
    ) {
        let mut numbers = numbers.into_iter();
        let mut next = || numbers.next().unwrap();
        let scale = Scale { price_exponent: exponents.0, size_exponent: exponents.1 };
        let mut desk = desk(scale, 1, 1);
        desk.limits = Limits {
            account: AccountLimits {
                submit_rate: Some(Rate { burst: next(), interval_nanos: next() }),
                max_open_orders: Some(next()),
                max_gross: Some(Money(i128::from(next()) * i128::from(i64::MAX))),
                max_net: Some(Money(i128::from(next()) * i128::from(i64::MAX))),
                max_leverage_bps: Some(next()),
                ..AccountLimits::default()
            },
            ..desk.limits.clone()
        };
        *desk.limits.instruments.get_mut(&gold()).unwrap() = InstrumentLimits {
            max_quote_age_nanos: Some(next()),
            max_quantity: Some(Quantity(next())),
            max_notional: Some(Money(i128::from(next()) * i128::from(i64::MAX))),
            collar_bps: Some(next()),
            period_collar: Some(PeriodCollar { bps: next(), minutes: next() }),
            max_position: Some(Quantity(next())),
        };
        let stage = Some(Stage { capital: Money(i128::from(next()) * i128::from(i64::MAX)), step_bps: next() });
        let of_strategy = StrategyLimits { max_repeats: Some(next()), stage };
        *desk.limits.strategies.get_mut(&strategy()).unwrap() = of_strategy;
        let _ = desk.limits.validate();
        desk.happens(Fact::Quoted { instrument: gold(), bid: Price(next()), ask: Price(next()) });
        let _ = desk.try_apply(filled(order(Side::Buy, next()), next()));
        desk.time = desk.time.max(next());
        let side = if is_sell { Side::Sell } else { Side::Buy };
        let order = Order { limit_price: Some(Price(next())), ..order(side, next()) };
        let message = desk.new_order(order);
        desk.sends(&message);
        // And as if it had passed.
        let passed = Fact::Accepted { message: message.clone(), interval_nanos: Some(next()) };
        let _ = desk.try_apply(passed);
        desk.asks(&message);
        desk.state.equity();
    }
}

/// Small numbers and those at the ends of the range.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -3..4_i64, Just(i64::MAX), Just(i64::MIN), 1..1_000_000_000_000_i64]
}

#[test]
fn cash_that_does_not_fit_is_a_refused_event() {
    let mut desk = desk(WHOLE, 1_000, 1_000);
    let before = desk.state.clone();
    let fill = |price, quantity, fee| Fact::Filled {
        order: order_id(1),
        strategy: strategy(),
        instrument: gold(),
        side: Side::Buy,
        quantity: Quantity(quantity),
        price: Price(price),
        fee: Money(fee),
    };
    for fact in [fill(i64::MAX, i64::MAX, 0), fill(1, 1, i128::MIN), fill(1, 1, i128::MAX)] {
        assert_eq!(desk.try_apply(fact), Err(PretradeError::TooMuchMoney));
    }
    desk.pays_in(1);
    assert_eq!(desk.try_apply(Fact::Paid { amount: Money(i128::MAX) }), Err(PretradeError::TooMuchMoney));
    desk.happens(Fact::Paid { amount: Money::whole(-1) });
    assert_eq!(desk.state, before);
    let message = desk.new_order(order(Side::Buy, 1));
    assert_eq!(desk.sends(&message), Decision::Accept);
}
