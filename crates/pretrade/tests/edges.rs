//! Each reason by hand: the limit itself passes, one unit above is denied. And their order.

use gauntlet_domain::market::{Calendar, Session, WeeklySession, ZoneOffset};
use gauntlet_domain::{Price, Quantity};
use gauntlet_pretrade::message::Amendment;
use gauntlet_pretrade::{
    Decision, Denial, Fact, Figure, Money, PeriodCollar, Rate, Reason, Request, Scope, Side, Stage, State,
    Terms, TradingState,
};

use crate::desk::*;

fn gold_limits(desk: &mut Desk) -> &mut gauntlet_pretrade::InstrumentLimits {
    desk.limits.instruments.get_mut(&gold()).unwrap()
}

fn set(desk: &mut Desk, scope: Scope, state: TradingState) {
    desk.happens(Fact::TradingStateChanged { scope, state, person: Some("ann".into()) });
}

fn figures(desk: &mut Desk, order: gauntlet_pretrade::Order) -> (Option<Figure>, Option<Figure>) {
    let message = desk.new_order(order);
    match desk.asks(&message) {
        Decision::Deny(Denial { limit, observed, .. }) => (limit, observed),
        Decision::Accept => panic!("the order passes"),
    }
}

#[test]
fn halted_lets_nothing_pass_but_cancels() {
    let mut desk = Desk::new();
    let order = desk.accepts(buy(1));
    for scope in [Scope::All, Scope::Strategy(strategy())] {
        set(&mut desk, scope, TradingState::Halted);
        assert_eq!(desk.denies(buy(1)), Some(Reason::Halted));
        assert_eq!(desk.amends(order, 2, 10_000).reason(), Some(Reason::Halted));
        let cancel = desk.message(order, Request::Cancel);
        assert_eq!(desk.asks(&cancel), Decision::Accept);
        let denied = desk.denies(by_other(buy(1)));
        assert_eq!(denied, (scope == Scope::All).then_some(Reason::Halted));
        set(&mut desk, scope, TradingState::Active);
    }
    assert_eq!(desk.denies(buy(1)), None);
}

#[test]
fn reducing_brings_a_position_nearer_to_zero_and_not_beyond_with_pending_orders_counted() {
    for (open, close) in [(Side::Buy, Side::Sell), (Side::Sell, Side::Buy)] {
        let mut desk = Desk::new();
        desk.trades(market(open, 10));
        let pending = desk.accepts(market(close, 4));
        set(&mut desk, Scope::All, TradingState::Reducing);
        assert_eq!(desk.denies(market(open, 1)), Some(Reason::NotReducing));
        assert_eq!(desk.denies(market(close, 6)), None);
        assert_eq!(desk.denies(market(close, 7)), Some(Reason::NotReducing), "4 and 7 would turn 10 round");
        let (limit, observed) = figures(&mut desk, market(close, 7));
        assert_eq!(limit, Some(Figure::Quantity(600_000_000)));
        assert_eq!(observed, Some(Figure::Quantity(700_000_000)));
        // Of an amendment its own pending quantity is not counted twice.
        let amended = |desk: &Desk, whole| {
            let amendment = Amendment { quantity: units(whole), limit_price: None };
            desk.asks(&desk.message(pending, Request::Amend(amendment))).reason()
        };
        assert_eq!(amended(&desk, 10), None);
        assert_eq!(amended(&desk, 11), Some(Reason::NotReducing));
        // Another strategy has no position to reduce, whatever the account holds.
        assert_eq!(desk.denies(by_other(market(close, 1))), Some(Reason::NotReducing));
        assert_eq!(desk.denies(in_stock(market(close, 1))), Some(Reason::NotReducing));
    }
}

#[test]
fn what_is_not_listed_or_not_named_may_not_be_traded() {
    let mut desk = Desk::new();
    let id = gauntlet_domain::InstrumentId::new("NOBODY", "KNOWS").unwrap();
    let unknown = gauntlet_pretrade::Order { instrument: id, ..buy(1) };
    assert_eq!(desk.denies(unknown), Some(Reason::UnknownInstrument));
    let limits = desk.limits.clone();
    desk.limits.instruments.remove(&gold());
    assert_eq!(desk.denies(buy(1)), Some(Reason::InstrumentNotPermitted));
    desk.limits = limits;
    desk.limits.strategies.remove(&strategy());
    assert_eq!(desk.denies(buy(1)), Some(Reason::StrategyNotPermitted));
    assert_eq!(desk.denies(by_other(buy(1))), None);
}

#[test]
fn a_message_is_about_an_order_that_is_open_and_at_rest() {
    let mut desk = Desk::new();
    assert_eq!(desk.amends(order_id(99), 1, 10_000).reason(), Some(Reason::UnknownOrder));
    assert_eq!(desk.cancels(order_id(99)).reason(), Some(Reason::UnknownOrder));
    let order = desk.accepts(buy(1));
    let again = desk.message(order, Request::Submit(buy(1)));
    assert_eq!(desk.asks(&again).reason(), Some(Reason::DuplicateOrder));
    assert_eq!(desk.amends(order, 2, 10_000), Decision::Accept);
    assert_eq!(desk.amends(order, 3, 10_000).reason(), Some(Reason::PendingChange));
    desk.happens(Fact::Amended { order });
    assert_eq!(desk.amends(order, 3, 10_000), Decision::Accept);
    desk.happens(Fact::AmendmentRejected { order });
    assert_eq!(desk.cancels(order), Decision::Accept);
    assert_eq!(desk.amends(order, 4, 10_000).reason(), Some(Reason::PendingChange));
    // A cancel may be sent again, and one that is refused leaves the order as it was.
    assert_eq!(desk.cancels(order), Decision::Accept);
    desk.happens(Fact::CancelRejected { order });
    assert_eq!(desk.amends(order, 4, 10_000), Decision::Accept);
    desk.happens(Fact::Cancelled { order });
    assert_eq!(desk.cancels(order).reason(), Some(Reason::UnknownOrder));
}

fn with_terms(terms: Terms) -> Desk {
    let mut desk = Desk::new();
    desk.happens(Fact::Listed { instrument: gold(), terms: Box::new(terms) });
    desk
}

#[test]
fn a_session_holds_its_opening_and_not_its_closing() {
    let hour = 3_600;
    let day = Session { open_second: 12 * hour, close_second: 13 * hour };
    // From 13:00 to 12:00 of the next day.
    let night = Session { open_second: 13 * hour, close_second: 12 * hour };
    for (session, opens) in [(day, true), (night, false)] {
        let mut desk = with_terms(Terms { session: Some(session), ..terms() });
        let expected = |is_open: bool| (!is_open).then_some(Reason::SessionClosed);
        assert_eq!(desk.denies(buy(1)), expected(opens));
        desk.time = NOON + hour * SECOND - 1;
        assert_eq!(desk.denies(buy(1)), expected(opens));
        desk.time += 1;
        assert_eq!(desk.denies(buy(1)), expected(!opens));
    }
    // Both at the same second: the whole day.
    let whole = Session { open_second: 0, close_second: 0 };
    assert_eq!(with_terms(Terms { session: Some(whole), ..terms() }).denies(buy(1)), None);
}

#[test]
fn a_calendar_is_closed_on_days_that_it_does_not_know() {
    let calendar = Calendar {
        name: "weekdays".into(),
        zone: "UTC".into(),
        first_day: 0,
        last_day: 0,
        week: vec![WeeklySession { weekday: 3, open_second: 43_200, close_second: 43_201 }],
        holidays: Vec::new(),
        special_days: Vec::new(),
        offsets: vec![ZoneOffset { from_second: 0, offset_seconds: 0 }],
    };
    // The calendar holds in the place of the session.
    let never = Session { open_second: 0, close_second: 1 };
    let mut desk = with_terms(Terms { session: Some(never), calendar: Some(calendar), ..terms() });
    assert_eq!(desk.denies(buy(1)), None);
    desk.passes(1);
    assert_eq!(desk.denies(buy(1)), Some(Reason::SessionClosed));
    desk.time = NOON + 7 * 86_400 * SECOND;
    assert_eq!(desk.denies(buy(1)), Some(Reason::SessionClosed), "the next Thursday is not in it");
}

#[test]
fn quantities_and_prices_are_above_zero_and_on_their_grid() {
    let mut desk = Desk::new();
    let of = |units: i64, price: Option<i64>| gauntlet_pretrade::Order {
        quantity: Quantity(units),
        limit_price: price.map(Price),
        ..buy(1)
    };
    let (lot, tick) = (units(1).0, cents(1).0);
    for (order, expected) in [
        (of(0, None), Some(Reason::NotPositive)),
        (of(-lot, None), Some(Reason::NotPositive)),
        (of(i64::MIN, None), Some(Reason::NotPositive)),
        (of(lot, Some(0)), Some(Reason::NotPositive)),
        (of(lot, Some(-tick)), Some(Reason::NotPositive)),
        (of(lot, Some(tick - 1)), Some(Reason::BadTick)),
        (of(lot, Some(tick + 1)), Some(Reason::BadTick)),
        (of(lot, Some(tick)), None),
        (of(lot - 1, None), Some(Reason::BadLot)),
        (of(lot + 1, None), Some(Reason::BadLot)),
        (of(2 * lot, None), None),
    ] {
        assert_eq!(desk.denies(order.clone()), expected, "{order:?}");
    }
    // An amendment has to leave something to fill.
    let order = desk.accepts(buy(3));
    desk.fills(order, buy(3), 2, 10_000);
    assert_eq!(desk.amends(order, 2, 10_000).reason(), Some(Reason::NotPositive));
    assert_eq!(desk.amends(order, 3, 10_000), Decision::Accept);
}

#[test]
fn a_reference_is_there_and_fresh() {
    let mut desk = Desk::new();
    gold_limits(&mut desk).max_quote_age_nanos = Some(5 * SECOND);
    desk.passes(5);
    assert_eq!(desk.denies(buy(1)), None);
    desk.time += 1;
    assert_eq!(desk.denies(buy(1)), Some(Reason::StalePrice));
    let nanos = i128::from(5 * SECOND);
    assert_eq!(figures(&mut desk, buy(1)), (Some(Figure::Nanos(nanos)), Some(Figure::Nanos(nanos + 1))));
    // Crossed and empty quotes are no reference, and do not make the old one fresh.
    for (bid, ask) in [(10_001, 10_000), (0, 10_000), (-1, 1), (-2, -1)] {
        desk.quote(gold(), bid, ask);
        assert_eq!(desk.denies(buy(1)), Some(Reason::StalePrice));
    }
    desk.quote(gold(), 10_000, 10_000);
    assert_eq!(desk.denies(buy(1)), None);
    let mut empty = Desk::new();
    empty.state = State::new("USD");
    empty.happens(Fact::Listed { instrument: gold(), terms: Box::new(terms()) });
    assert_eq!(empty.denies(buy(1)), Some(Reason::NoReferencePrice));
}

#[test]
fn quantity_and_notional_have_a_largest_value() {
    let mut desk = Desk::new();
    gold_limits(&mut desk).max_quantity = Some(units(10));
    assert_eq!(desk.denies(buy(10)), None);
    assert_eq!(desk.denies(buy(11)), Some(Reason::MaxQuantity));
    // At the reference of 100, not at the order's own price.
    gold_limits(&mut desk).max_notional = Some(Money::whole(700));
    assert_eq!(desk.denies(at(buy(7), 12_000)), None);
    assert_eq!(desk.denies(at(buy(8), 100)), Some(Reason::MaxNotional));
    gold_limits(&mut desk).max_notional = Some(Money(Money::whole(700).0 - 1));
    assert_eq!(desk.denies(buy(7)), Some(Reason::MaxNotional));
    let limit = Some(Figure::Money(Money(Money::whole(700).0 - 1)));
    assert_eq!(figures(&mut desk, buy(7)), (limit, Some(Figure::Money(Money::whole(700)))));
}

#[test]
fn a_price_keeps_within_its_collar_on_both_sides() {
    let mut desk = Desk::new();
    gold_limits(&mut desk).collar_bps = Some(100);
    for side in [Side::Buy, Side::Sell] {
        for (price, expected) in [(9_900, None), (10_100, None), (9_899, Some(Reason::PriceCollar))] {
            assert_eq!(desk.denies(at(market(side, 1), price)), expected);
        }
        assert_eq!(desk.denies(at(market(side, 1), 10_101)), Some(Reason::PriceCollar));
    }
    let figure = |points| Some(Figure::BasisPoints(points));
    assert_eq!(figures(&mut desk, at(buy(1), 10_150)), (figure(100), figure(150)));
    // An order at the market has the price that it meets: half a spread of 1.01 % is beyond.
    desk.quote(gold(), 9_900, 10_100);
    assert_eq!(desk.denies(buy(1)), None);
    desk.quote(gold(), 9_899, 10_101);
    assert_eq!(desk.denies(buy(1)), Some(Reason::PriceCollar));
    assert_eq!(desk.denies(sell(1)), Some(Reason::PriceCollar));
}

#[test]
fn a_price_keeps_within_its_collar_of_a_period() {
    let mut desk = Desk::new();
    gold_limits(&mut desk).period_collar = Some(PeriodCollar { bps: 500, minutes: 2 });
    desk.quote(gold(), 10_500, 10_500);
    // The lowest reference of the minute is 100, the highest 105.
    assert_eq!(desk.denies(at(buy(1), 10_500)), None);
    assert_eq!(desk.denies(at(buy(1), 10_501)), Some(Reason::PeriodCollar));
    assert_eq!(desk.denies(at(buy(1), 9_975)), None, "5 % below 105");
    assert_eq!(desk.denies(at(buy(1), 9_974)), Some(Reason::PeriodCollar));
    // The minute of noon counts for two more minutes.
    desk.time = NOON + 180 * SECOND - 1;
    desk.quote(gold(), 10_500, 10_500);
    assert_eq!(desk.denies(at(buy(1), 10_501)), Some(Reason::PeriodCollar));
    desk.time += 1;
    assert_eq!(desk.denies(at(buy(1), 10_501)), None);
    // Minutes without a reference: the last one is all there is.
    desk.passes(3_600);
    assert_eq!(desk.denies(at(buy(1), 11_025)), None);
    assert_eq!(desk.denies(at(buy(1), 11_026)), Some(Reason::PeriodCollar));
}

#[test]
fn each_kind_of_message_has_its_bucket() {
    let mut desk = Desk::new();
    let rate = Some(Rate { burst: 3, interval_nanos: 2 * SECOND });
    desk.limits.account.submit_rate = rate;
    desk.limits.account.amend_rate = rate;
    desk.limits.account.cancel_rate = rate;
    let orders: Vec<_> = (0..3).map(|_| desk.accepts(buy(1))).collect();
    assert_eq!(desk.denies(buy(1)), Some(Reason::RateLimit));
    assert_eq!(figures(&mut desk, buy(1)), (Some(Figure::Count(3)), Some(Figure::Count(4))));
    for order in &orders {
        assert_eq!(desk.amends(*order, 2, 10_000), Decision::Accept);
        desk.happens(Fact::Amended { order: *order });
    }
    assert_eq!(desk.amends(orders[0], 3, 10_000).reason(), Some(Reason::RateLimit));
    for order in &orders {
        assert_eq!(desk.cancels(*order), Decision::Accept);
    }
    assert_eq!(desk.cancels(orders[0]).reason(), Some(Reason::RateLimit));
    // One token comes back in two seconds, and three are all there ever are.
    desk.time += 2 * SECOND - 1;
    assert_eq!(desk.denies(buy(1)), Some(Reason::RateLimit));
    desk.time += 1;
    desk.accepts(buy(1));
    assert_eq!(desk.denies(buy(1)), Some(Reason::RateLimit));
    desk.passes(3_600);
    for _ in 0..3 {
        desk.accepts(buy(1));
    }
    assert_eq!(desk.denies(buy(1)), Some(Reason::RateLimit));
}

#[test]
fn a_kill_switch_is_not_held_up_by_the_bucket_of_cancels() {
    let mut desk = Desk::new();
    desk.limits.account.cancel_rate = Some(Rate { burst: 1, interval_nanos: SECOND });
    let mine: Vec<_> = (0..3).map(|_| desk.accepts(buy(1))).collect();
    let others = desk.accepts(by_other(buy(1)));
    assert_eq!(desk.cancels(mine[0]), Decision::Accept);
    assert_eq!(desk.cancels(mine[1]).reason(), Some(Reason::RateLimit));
    desk.happens(Fact::TradingStateChanged {
        scope: Scope::Strategy(strategy()),
        state: TradingState::Halted,
        person: None,
    });
    let cancels = desk.state.cancels(Scope::Strategy(strategy()));
    assert_eq!(cancels.len(), 3);
    let answers: Vec<_> = cancels.iter().map(|cancel| desk.sends(cancel).reason()).collect();
    // The first one was cancelled before, by a message that took its token.
    for (cancel, answer) in cancels.iter().zip(answers) {
        assert_eq!(answer, (cancel.order == mine[0]).then_some(Reason::RateLimit));
    }
    // A second cancel of the same order takes a token, and the other strategy is not halted.
    assert_eq!(desk.cancels(mine[1]).reason(), Some(Reason::RateLimit));
    assert_eq!(desk.cancels(others).reason(), Some(Reason::RateLimit));
    assert_eq!(desk.state.cancels(Scope::All).len(), 4);
}

#[test]
fn open_orders_and_the_position_have_a_largest_value() {
    let mut desk = Desk::new();
    desk.limits.account.max_open_orders = Some(2);
    gold_limits(&mut desk).max_position = Some(units(10));
    assert_eq!(desk.denies(buy(10)), None);
    assert_eq!(desk.denies(buy(11)), Some(Reason::MaxPosition));
    let order = desk.accepts(buy(4));
    // What is pending counts at once, and as much after it is filled.
    assert_eq!(desk.denies(buy(6)), None);
    assert_eq!(desk.denies(buy(7)), Some(Reason::MaxPosition));
    desk.fills(order, buy(4), 4, 10_000);
    assert_eq!(desk.denies(buy(7)), Some(Reason::MaxPosition));
    // From +4 to −10, of all strategies together.
    assert_eq!(desk.denies(by_other(sell(14))), None);
    assert_eq!(desk.denies(by_other(sell(15))), Some(Reason::MaxPosition));
    // A pending sell does not make room for a buy: it may not fill.
    desk.accepts(sell(4));
    assert_eq!(desk.denies(buy(7)), Some(Reason::MaxPosition));
    desk.accepts(buy(6));
    assert_eq!(desk.denies(sell(1)), Some(Reason::MaxOpenOrders));
}

#[test]
fn a_position_beyond_its_limit_can_be_closed() {
    let mut desk = Desk::new();
    desk.trades(buy(10));
    gold_limits(&mut desk).max_position = Some(units(3));
    desk.limits.account.max_gross = Some(Money::whole(300));
    desk.limits.account.max_net = Some(Money::whole(300));
    desk.limits.account.max_leverage_bps = Some(1);
    let stage = Stage { capital: Money::whole(300), step_bps: 10_000 };
    desk.limits.strategies.get_mut(&strategy()).unwrap().stage = Some(stage);
    assert_eq!(desk.denies(buy(1)), Some(Reason::MaxPosition));
    assert_eq!(desk.denies(sell(20)), None, "no worse than now");
    assert_eq!(desk.denies(sell(21)), Some(Reason::MaxPosition));
    gold_limits(&mut desk).max_position = None;
    assert_eq!(desk.denies(sell(21)), Some(Reason::MaxGross));
    assert_eq!(desk.denies(sell(10)), None);
}

#[test]
fn gross_and_net_exposures_count_everything_that_is_pending() {
    let mut desk = Desk::new();
    desk.limits.account.max_gross = Some(Money::whole(2_000));
    desk.trades(buy(10));
    desk.accepts(in_stock(sell(10)));
    // 1000 in gold, 500 in the stock; 5 more of gold make 2000.
    assert_eq!(desk.denies(buy(5)), None);
    assert_eq!(desk.denies(buy(6)), Some(Reason::MaxGross));
    assert_eq!(
        figures(&mut desk, buy(6)),
        (Some(Figure::Money(Money::whole(2_000))), Some(Figure::Money(Money::whole(2_100))))
    );
    desk.limits.account.max_gross = None;
    // The sale of the stock may not fill, so it does not make net room.
    desk.limits.account.max_net = Some(Money::whole(1_200));
    assert_eq!(desk.denies(buy(2)), None);
    assert_eq!(desk.denies(buy(3)), Some(Reason::MaxNet));
    // 1000 − 1700 − 500 is −1200.
    assert_eq!(desk.denies(sell(17)), None);
    assert_eq!(desk.denies(sell(18)), Some(Reason::MaxNet));
}

#[test]
fn leverage_is_gross_over_equity_and_undefined_without_equity() {
    let mut desk = Desk::new();
    desk.limits.account.max_leverage_bps = Some(20_000);
    assert_eq!(desk.denies(buy(1)), Some(Reason::NoEquity));
    assert_eq!(figures(&mut desk, buy(1)), (None, Some(Figure::Money(Money::whole(0)))));
    desk.pays_in(500);
    assert_eq!(desk.denies(buy(10)), None);
    assert_eq!(desk.denies(buy(11)), Some(Reason::MaxLeverage));
    let figure = |points| Some(Figure::BasisPoints(points));
    assert_eq!(figures(&mut desk, buy(11)), (figure(20_000), figure(22_000)));
    // A gain of 50 on 10 units is equity: 550, and gold at 105 gives 1050 of 1100.
    desk.trades(buy(10));
    desk.quote(gold(), 10_500, 10_500);
    assert_eq!(desk.state.equity(), Some(Money::whole(550)));
    assert_eq!(desk.denies(in_stock(buy(1))), None);
    assert_eq!(desk.denies(in_stock(buy(2))), Some(Reason::MaxLeverage));
    // Down to nothing: no order may add, every order may close.
    desk.quote(gold(), 5_000, 5_000);
    assert_eq!(desk.state.equity(), Some(Money::whole(0)));
    assert_eq!(desk.denies(buy(1)), Some(Reason::NoEquity));
    assert_eq!(desk.denies(sell(10)), None);
}

#[test]
fn a_strategy_that_ran_often_enough_waits_for_a_person() {
    let mut desk = Desk::new();
    desk.limits.strategies.get_mut(&strategy()).unwrap().max_repeats = Some(2);
    let order = desk.accepts(buy(1));
    assert_eq!(desk.amends(order, 2, 10_000), Decision::Accept);
    desk.happens(Fact::Amended { order });
    desk.accepts(sell(1));
    assert_eq!(desk.denies(buy(1)), Some(Reason::RepeatThrottle));
    assert_eq!(figures(&mut desk, buy(1)), (Some(Figure::Count(2)), Some(Figure::Count(3))));
    assert_eq!(desk.amends(order, 3, 10_000).reason(), Some(Reason::RepeatThrottle));
    // Time does not enable it, another strategy is free, a person may trade and does not enable it by that.
    desk.passes(86_400 * 365);
    assert_eq!(desk.denies(buy(1)), Some(Reason::RepeatThrottle));
    assert_eq!(desk.denies(by_other(buy(1))), None);
    desk.by_hand(Some("ann"));
    desk.accepts(buy(1));
    assert_eq!(desk.amends(order, 3, 10_000), Decision::Accept);
    for nobody in [Some(""), Some(" "), None] {
        desk.by_hand(nobody);
        assert_eq!(desk.denies(buy(1)), Some(Reason::RepeatThrottle), "a blank name is nobody's");
    }
    assert_eq!(desk.cancels(order), Decision::Accept);
    desk.happens(Fact::ReEnabled { strategy: strategy(), person: "ann".into() });
    desk.accepts(buy(1));
    desk.accepts(buy(1));
    assert_eq!(desk.denies(buy(1)), Some(Reason::RepeatThrottle));
}

#[test]
fn a_step_of_the_ramp_caps_the_exposure_of_its_strategy() {
    let mut desk = Desk::new();
    let stage = Stage { capital: Money::whole(100_000), step_bps: 100 };
    desk.limits.strategies.get_mut(&strategy()).unwrap().stage = Some(stage);
    assert_eq!(desk.denies(buy(10)), None);
    assert_eq!(desk.denies(buy(11)), Some(Reason::StageCap));
    desk.accepts(in_stock(sell(10)));
    assert_eq!(desk.denies(buy(5)), None);
    assert_eq!(desk.denies(buy(6)), Some(Reason::StageCap));
    let figure = |whole| Some(Figure::Money(Money::whole(whole)));
    assert_eq!(figures(&mut desk, buy(6)), (figure(1_000), figure(1_100)));
    assert_eq!(desk.denies(by_other(buy(1_000))), None);
}

#[test]
fn a_message_from_the_past_is_denied_and_one_of_the_same_moment_is_not() {
    let mut desk = Desk::new();
    assert_eq!(desk.denies(buy(1)), None);
    desk.time -= 1;
    assert_eq!(desk.denies(buy(1)), Some(Reason::TimeWentBack));
    let order = desk.message(order_id(1), Request::Cancel);
    assert_eq!(desk.sends(&order).reason(), Some(Reason::TimeWentBack), "and its denial can be recorded");
}

/// An order that every check denies, healed one check at a time.
#[test]
fn the_first_failure_wins_in_the_order_of_the_checks() {
    let mut desk = Desk::new();
    desk.pays_in(1);
    desk.by_hand(Some("ann"));
    desk.trades(buy(1));
    desk.by_hand(None);
    let zero = Some(Money::default());
    *gold_limits(&mut desk) = gauntlet_pretrade::InstrumentLimits {
        max_quote_age_nanos: Some(0),
        max_quantity: Some(Quantity(0)),
        max_notional: zero,
        collar_bps: Some(0),
        period_collar: Some(PeriodCollar { bps: 0, minutes: 1 }),
        max_position: Some(Quantity(0)),
    };
    let account = &mut desk.limits.account;
    account.submit_rate = Some(Rate { burst: 0, interval_nanos: 1 });
    account.max_open_orders = Some(0);
    (account.max_gross, account.max_net, account.max_leverage_bps) = (zero, zero, Some(0));
    let limits = desk.limits.strategies.get_mut(&strategy()).unwrap();
    (limits.max_repeats, limits.stage) = (Some(0), Some(Stage { capital: Money::default(), step_bps: 1 }));
    set(&mut desk, Scope::All, TradingState::Halted);
    desk.passes(1);
    let mut order = gauntlet_pretrade::Order { quantity: Quantity(1), ..at(buy(1), 20_000) };
    let mut seen = Vec::new();
    while let Some(reason) = desk.denies(order.clone()) {
        seen.push(reason);
        assert!(seen.len() < 30, "{seen:?}");
        match reason {
            Reason::Halted => set(&mut desk, Scope::All, TradingState::Reducing),
            Reason::NotReducing => set(&mut desk, Scope::All, TradingState::Active),
            Reason::BadLot => order = at(buy(1), 20_000),
            Reason::StalePrice => gold_limits(&mut desk).max_quote_age_nanos = None,
            Reason::MaxQuantity => gold_limits(&mut desk).max_quantity = None,
            Reason::MaxNotional => gold_limits(&mut desk).max_notional = None,
            Reason::PriceCollar => gold_limits(&mut desk).collar_bps = None,
            Reason::PeriodCollar => gold_limits(&mut desk).period_collar = None,
            Reason::RateLimit => desk.limits.account.submit_rate = None,
            Reason::MaxOpenOrders => desk.limits.account.max_open_orders = None,
            Reason::MaxPosition => gold_limits(&mut desk).max_position = None,
            Reason::MaxGross => desk.limits.account.max_gross = None,
            Reason::MaxNet => desk.limits.account.max_net = None,
            Reason::MaxLeverage => desk.limits.account.max_leverage_bps = None,
            Reason::RepeatThrottle => {
                desk.limits.strategies.get_mut(&strategy()).unwrap().max_repeats = None;
            }
            Reason::StageCap => desk.limits.strategies.get_mut(&strategy()).unwrap().stage = None,
            other => panic!("{other} was not expected"),
        }
    }
    let checks: Vec<u8> = seen.iter().map(|reason| reason.check()).collect();
    assert!(checks.is_sorted(), "{seen:?}");
    assert_eq!(checks.iter().collect::<std::collections::BTreeSet<_>>().len(), 9, "{seen:?}");
    assert!(seen.is_sorted(), "{seen:?} in the order in which they are listed");
    assert_eq!(seen.len(), 16);
}
