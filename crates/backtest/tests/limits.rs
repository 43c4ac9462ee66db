//! Limits on orders, computed by hand, and what holds of them on any bars.

use crate::common::{ALL_IN, MINUTE, accounts, bars, costs, strategies, walks};
use gauntlet_backtest::Target::{self, Flat, Long, Short};
use gauntlet_backtest::{
    Account, AfterStop, Bars, Costs, Denied, ExitReason, Outcome, Reason, Run, Signals, Sizing, Spread,
    Stops, Then, Trader, run,
};
use gauntlet_domain::OrderLimits;
use gauntlet_domain::limits::SubmitRate;
use gauntlet_quant::indicators::Series;
use proptest::prelude::*;

const NONE: OrderLimits = OrderLimits {
    max_quantity: None,
    max_notional: None,
    max_position: None,
    max_gross: None,
    max_leverage: None,
    collar_bps: None,
    max_quote_age_ms: None,
    submit_rate: None,
    max_repeats: None,
};

/// An account that trades so many units under limits.
fn units(quantity: f64, limits: OrderLimits) -> Account {
    Account { sizing: Sizing::FixedQuantity(quantity), limits: Some(limits), ..ALL_IN }
}

fn signals(targets: &[Target]) -> Signals {
    Signals { targets: targets.to_vec(), stops: None }
}

/// Signals with a stop so far from the entry, after which the same may be wanted again at once.
fn with_stop(targets: &[Target], distance: f64) -> Signals {
    let distances = Series { first: 0, values: vec![distance; targets.len()] };
    Signals { targets: targets.to_vec(), stops: Some(Stops { distances, after: AfterStop::Reenter }) }
}

/// A market that stands still at 100.
fn calm(count: usize) -> Bars {
    bars(&vec![(100.0, 100.0, 100.0, 100.0); count])
}

fn free(bars: &Bars, targets: &[Target], account: &Account) -> Outcome {
    run(bars, 0..bars.len(), &signals(targets), &Costs::FREE, account)
}

fn denied(of: &[(Reason, u64)]) -> Denied {
    of.iter().copied().collect()
}

#[test]
fn the_quantity_of_an_order_reaches_its_limit_and_not_beyond() {
    let at = |limit| units(10.0, OrderLimits { max_quantity: Some(limit), ..NONE });
    let traded = free(&calm(4), &[Long; 4], &at(10.0));
    assert_eq!((traded.positions, traded.denied), (vec![0.0, 10.0, 10.0, 10.0], denied(&[])));
    // It is ordered again at each of the three openings.
    let none = free(&calm(4), &[Long; 4], &at(9.999));
    assert_eq!((none.positions, none.trades.len()), (vec![0.0; 4], 0));
    assert_eq!(none.denied, denied(&[(Reason::MaxQuantity, 3)]));
}

#[test]
fn notional_is_by_the_last_close_and_not_by_the_opening() {
    let jump =
        bars(&[(100.0, 100.0, 100.0, 100.0), (120.0, 120.0, 120.0, 120.0), (120.0, 120.0, 120.0, 120.0)]);
    let at = |limit| units(10.0, OrderLimits { max_notional: Some(limit), ..NONE });
    assert_eq!(free(&jump, &[Long; 3], &at(1000.0)).positions, [0.0, 10.0, 10.0]);
    let none = free(&jump, &[Long; 3], &at(999.99));
    // Then 10 · 120 is too much as well.
    assert_eq!((none.positions, none.denied), (vec![0.0; 3], denied(&[(Reason::MaxNotional, 2)])));
}

#[test]
fn a_denied_reversal_keeps_the_position_and_its_stop() {
    let fall = bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 90.0, 100.0),
    ]);
    // From 10 long to 10 short is an order of 20.
    let account = units(10.0, OrderLimits { max_quantity: Some(19.0), ..NONE });
    let stopped = with_stop(&[Long, Short, Short, Short], 8.0);
    let outcome = run(&fall, 0..4, &stopped, &Costs::FREE, &account);
    assert_eq!(outcome.positions, [0.0, 10.0, 10.0, 10.0]);
    assert_eq!(outcome.denied, denied(&[(Reason::MaxQuantity, 2)]));
    let [trade] = outcome.trades[..] else { panic!("{:?}", outcome.trades) };
    assert_eq!((trade.exit_price, trade.exit_reason), (92.0, ExitReason::Stop));
    let account = units(10.0, OrderLimits { max_quantity: Some(20.0), ..NONE });
    let outcome = run(&fall, 0..4, &stopped, &Costs::FREE, &account);
    assert_eq!(outcome.positions, [0.0, 10.0, -10.0, -10.0]);
}

#[test]
fn a_position_is_held_to_its_limit_on_both_sides() {
    let at = |limit| units(10.0, OrderLimits { max_position: Some(limit), ..NONE });
    let targets = [Long, Short, Flat, Flat];
    assert_eq!(free(&calm(4), &targets, &at(10.0)).positions, [0.0, 10.0, -10.0, 0.0]);
    let none = free(&calm(4), &targets, &at(9.0));
    // What is flat and shall be flat is no order.
    assert_eq!((none.positions, none.denied), (vec![0.0; 4], denied(&[(Reason::MaxPosition, 2)])));
}

#[test]
fn gross_exposure_is_by_the_last_close_and_what_has_outgrown_it_can_be_closed() {
    let rise =
        bars(&[(100.0, 100.0, 100.0, 100.0), (100.0, 200.0, 100.0, 200.0), (200.0, 200.0, 200.0, 200.0)]);
    let at = |limit| units(10.0, OrderLimits { max_gross: Some(limit), ..NONE });
    let outcome = free(&rise, &[Long, Flat, Flat], &at(1000.0));
    assert_eq!((outcome.positions, outcome.denied), (vec![0.0, 10.0, 0.0], denied(&[])));
    let none = free(&rise, &[Long, Flat, Flat], &at(999.0));
    assert_eq!(none.denied, denied(&[(Reason::MaxGross, 1)]));
}

#[test]
fn leverage_is_over_the_equity_that_losses_have_left() {
    // 10 at 100 are once the capital of 1000. Half of it is lost; 10 at 50 are once the 500 that are left.
    let halved = bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 50.0, 50.0),
        (50.0, 50.0, 50.0, 50.0),
        (50.0, 60.0, 50.0, 60.0),
        (60.0, 60.0, 60.0, 60.0),
    ]);
    let at = |limit| units(10.0, OrderLimits { max_leverage: Some(limit), ..NONE });
    let targets = [Long, Flat, Flat, Long, Long];
    let outcome = free(&halved, &targets, &at(1.0));
    // 10 at 60 are 1.2 times 500.
    assert_eq!(outcome.positions, [0.0, 10.0, 0.0, 0.0, 0.0]);
    assert_eq!(outcome.denied, denied(&[(Reason::MaxLeverage, 1)]));
    assert_eq!(free(&halved, &targets, &at(1.2)).positions, [0.0, 10.0, 0.0, 0.0, 10.0]);
    let twice = free(&calm(3), &[Long; 3], &units(20.0, OrderLimits { max_leverage: Some(1.9999), ..NONE }));
    assert_eq!(twice.denied, denied(&[(Reason::MaxLeverage, 2)]));
}

#[test]
fn the_collar_compares_the_fill_with_the_last_close() {
    let jump =
        bars(&[(100.0, 100.0, 100.0, 100.0), (101.0, 101.0, 101.0, 101.0), (101.0, 101.0, 101.0, 101.0)]);
    let at = |collar| units(1.0, OrderLimits { collar_bps: Some(collar), ..NONE });
    assert_eq!(free(&jump, &[Long; 3], &at(100)).positions, [0.0, 1.0, 1.0]);
    // At the second opening the market has not moved from its last close.
    let late = free(&jump, &[Long; 3], &at(99));
    assert_eq!((late.positions, late.denied), (vec![0.0, 0.0, 1.0], denied(&[(Reason::PriceCollar, 1)])));
    // Half a spread of 40 basis points and 30 of slippage: 50.06 in all.
    let costs = Costs { spread: Spread::FixedBps(40.0), slippage_bps: 30.0, ..Costs::FREE };
    let priced = |collar| run(&calm(2), 0..2, &signals(&[Long; 2]), &costs, &at(collar)).denied;
    assert_eq!((priced(51), priced(50)), (denied(&[]), denied(&[(Reason::PriceCollar, 1)])));
}

#[test]
fn a_token_comes_back_after_its_interval() {
    let rate = SubmitRate { burst: 1, interval_ms: 120_000 };
    let account = units(1.0, OrderLimits { submit_rate: Some(rate), ..NONE });
    // Bought after one minute; the sale waits from the second to the third.
    let outcome = free(&calm(5), &[Long, Flat, Flat, Long, Long], &account);
    assert_eq!(outcome.positions, [0.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(outcome.denied, denied(&[(Reason::RateLimit, 2)]));
    let burst = SubmitRate { burst: 2, ..rate };
    let account = units(1.0, OrderLimits { submit_rate: Some(burst), ..NONE });
    assert_eq!(free(&calm(3), &[Long, Flat, Flat], &account).denied, denied(&[]));
}

#[test]
fn a_strategy_that_has_used_up_its_orders_is_disabled_and_its_stop_still_closes() {
    let fall = bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 90.0, 100.0),
        (100.0, 100.0, 100.0, 100.0),
    ]);
    let account = units(1.0, OrderLimits { max_repeats: Some(1), ..NONE });
    let outcome = run(&fall, 0..5, &with_stop(&[Long, Flat, Long, Long, Long], 5.0), &Costs::FREE, &account);
    // Neither the sale at the second nor the purchase at the fourth opening is sent; the stop is no order.
    assert_eq!(outcome.positions, [0.0, 1.0, 1.0, 1.0, 0.0]);
    assert_eq!(outcome.denied, denied(&[(Reason::RepeatThrottle, 2)]));
    assert_eq!(outcome.trades.iter().map(|trade| trade.exit_reason).collect::<Vec<_>>(), [ExitReason::Stop]);
}

#[test]
fn an_order_after_a_gap_has_no_fresh_reference() {
    let mut gap = calm(4);
    // The third bar opens an hour after the second has closed.
    for index in 2..4 {
        gap.open_time[index] += 60 * MINUTE;
        gap.close_time[index] += 60 * MINUTE;
    }
    let account = units(1.0, OrderLimits { max_quote_age_ms: Some(3_599_999), ..NONE });
    let outcome = free(&gap, &[Flat, Long, Long, Long], &account);
    assert_eq!(outcome.positions, [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(outcome.denied, denied(&[(Reason::StalePrice, 1)]));
}

#[test]
fn the_state_follows_stops_liquidations_and_the_end_of_a_range() {
    let limits = OrderLimits { max_position: Some(10.0), max_leverage: Some(1.0), ..NONE };
    // Stopped out at 95 and bought again at the next opening: 10 at 95 are once the 950 that are left.
    let dip = bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 95.0, 95.0),
        (95.0, 95.0, 95.0, 95.0),
        (95.0, 95.0, 95.0, 95.0),
    ]);
    let outcome = run(&dip, 0..4, &with_stop(&[Long; 4], 5.0), &Costs::FREE, &units(10.0, limits));
    assert_eq!((outcome.positions, outcome.denied), (vec![0.0, 10.0, 10.0, 10.0], denied(&[])));
    // What was closed at the end of a range is not held in the next one.
    let bars = calm(6);
    let mut account = Run::new(&bars, &Costs::FREE, &units(10.0, limits));
    account.segment(0..3, &signals(&[Long; 6]), Then::Close);
    let next = account.segment(3..6, &signals(&[Long; 6]), Then::Close);
    assert_eq!((next.positions, next.denied), (vec![10.0; 3], denied(&[])));
    // 20 at 100 from 1000 are liquidated at 50; from there on nothing is ordered, and so nothing denied.
    let crash = crate::common::bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 40.0, 40.0),
        (40.0, 40.0, 40.0, 40.0),
    ]);
    let limits = OrderLimits { max_position: Some(20.0), ..NONE };
    let outcome = free(&crash, &[Long, Long, Long], &units(20.0, limits));
    assert_eq!(outcome.trades[0].exit_reason, ExitReason::Liquidation);
    assert_eq!((outcome.positions, outcome.denied), (vec![0.0, 20.0, 0.0], denied(&[])));
}

#[test]
fn segments_are_one_account_and_each_says_what_it_denied() {
    let (bars, targets) = (calm(6), signals(&[Long, Flat, Long, Flat, Long, Flat]));
    let limits = OrderLimits { max_repeats: Some(2), ..NONE };
    let mut account = Run::new(&bars, &Costs::FREE, &units(1.0, limits));
    let parts = [0..3, 3..5, 5..6].map(|range| account.segment(range, &targets, Then::GoOn).denied);
    let (none, one) = (denied(&[]), denied(&[(Reason::RepeatThrottle, 1)]));
    // Bought and sold in the first; then each purchase is denied, and what is flat is not sold.
    assert_eq!(parts, [none, one.clone(), one]);
}

#[test]
fn what_is_beyond_the_integers_is_denied_and_never_wraps() {
    let many = free(&calm(3), &[Long; 3], &units(1e11, NONE));
    assert_eq!((many.positions, many.denied), (vec![0.0; 3], denied(&[(Reason::Overflow, 2)])));
    let dear = bars(&[(1e10, 1e10, 1e10, 1e10); 3]);
    assert_eq!(free(&dear, &[Long; 3], &units(1.0, NONE)).denied, denied(&[(Reason::Overflow, 2)]));
    let rich = Account { capital: 1e21, ..units(1.0, NONE) };
    assert_eq!(free(&calm(3), &[Long; 3], &rich).denied, denied(&[(Reason::Overflow, 2)]));
}

#[test]
fn without_a_price_above_zero_there_is_no_reference() {
    let nothing = bars(&[(0.0, 0.0, 0.0, 0.0), (100.0, 100.0, 100.0, 100.0), (100.0, 100.0, 100.0, 100.0)]);
    let outcome = free(&nothing, &[Long; 3], &units(1.0, NONE));
    assert_eq!(outcome.positions, [0.0, 0.0, 1.0]);
    assert_eq!(outcome.denied, denied(&[(Reason::NoReferencePrice, 1)]));
}

/// Limits that no order of these tests reaches.
const BEYOND_REACH: OrderLimits = OrderLimits {
    max_quantity: Some(1e9),
    max_notional: Some(1e18),
    max_position: Some(1e30),
    max_gross: Some(1e300),
    max_leverage: Some(1e15),
    collar_bps: Some(1_000_000_000),
    max_quote_age_ms: Some(1_000_000_000),
    submit_rate: Some(SubmitRate { burst: 1_000_000_000, interval_ms: 1 }),
    max_repeats: Some(1_000_000),
};

fn limits() -> impl Strategy<Value = OrderLimits> {
    let some = |range: std::ops::Range<f64>| prop::option::of(range);
    let rate = prop::option::of((1..4_i64, 1..400_000_i64));
    let numbers = (some(0.5..60.0), some(10.0..3000.0), some(0.5..60.0), some(10.0..3000.0), some(0.05..2.0));
    let counts = (prop::option::of(1..300_i64), prop::option::of(1..200_i64), rate);
    (numbers, counts).prop_map(
        |((quantity, notional, position, gross, leverage), (collar, repeats, rate))| OrderLimits {
            max_quantity: quantity,
            max_notional: notional,
            max_position: position,
            max_gross: gross,
            max_leverage: leverage,
            collar_bps: collar,
            max_quote_age_ms: None,
            submit_rate: rate.map(|(burst, interval_ms)| SubmitRate { burst, interval_ms }),
            max_repeats: repeats,
        },
    )
}

/// Bars whose prices are above zero.
fn positive(bars: Bars) -> Bars {
    let up = |row: gauntlet_backtest::BarRow| gauntlet_backtest::BarRow {
        open: row.open + 1.0,
        high: row.high + 1.0,
        low: row.low + 1.0,
        close: row.close + 1.0,
        ..row
    };
    bars.rows().map(up).collect()
}

/// An outcome with every bit shown.
fn text(outcome: &Outcome) -> String {
    format!("{outcome:?}")
}

proptest! {
    #[test]
    fn limits_beyond_reach_are_no_limits_to_the_last_bit(
        bars in walks(300), spec in strategies(), costs in costs(), account in accounts(), from in 0..60_usize,
    ) {
        let bars = positive(bars);
        let (from, signals) = (from.min(bars.len()), spec.signals(&bars));
        let limited = Account { limits: Some(BEYOND_REACH), ..account };
        let free = run(&bars, from..bars.len(), &signals, &costs, &account);
        let guarded = run(&bars, from..bars.len(), &signals, &costs, &limited);
        prop_assert_eq!(text(&guarded), text(&free));
    }

    #[test]
    fn trading_bar_by_bar_denies_what_the_run_over_the_range_denies(
        bars in walks(120), spec in strategies(), costs in costs(), account in accounts(), limits in limits(),
        from in 0..60_usize,
    ) {
        let (from, account) = (from.min(bars.len()), Account { limits: Some(limits), ..account });
        let outcome = run(&bars, from..bars.len(), &spec.signals(&bars), &costs, &account);
        let mut trader = Trader::new(spec.live(), costs, account);
        let (mut positions, mut trades) = (Vec::new(), Vec::new());
        for (index, row) in bars.rows().enumerate() {
            if index < from {
                trader.warm_up(&row);
                continue;
            }
            let step = trader.on_bar(&row);
            positions.push(step.held);
            trades.extend(step.closed.into_iter().flatten());
            if index + 1 == bars.len() {
                trades.extend(trader.finish(&row));
            }
        }
        prop_assert_eq!(positions, outcome.positions);
        prop_assert_eq!(trades, outcome.trades);
        prop_assert_eq!(trader.take_denied(), outcome.denied);
    }

    #[test]
    fn segments_with_limits_are_one_run(
        bars in walks(200), spec in strategies(), costs in costs(), account in accounts(), limits in limits(), cut in 0..200_usize,
    ) {
        let (cut, account) = (cut.min(bars.len()), Account { limits: Some(limits), ..account });
        let signals = spec.signals(&bars);
        let whole = run(&bars, 0..bars.len(), &signals, &costs, &account);
        let mut parts = Run::new(&bars, &costs, &account);
        let first = parts.segment(0..cut, &signals, Then::GoOn);
        let second = parts.segment(cut..bars.len(), &signals, Then::Close);
        prop_assume!(cut < bars.len());
        prop_assert_eq!([first.equity, second.equity].concat(), whole.equity);
        let mut denied = first.denied;
        second.denied.iter().for_each(|(reason, count)| *denied.entry(*reason).or_default() += count);
        prop_assert_eq!(denied, whole.denied);
    }

    #[test]
    fn no_position_and_no_number_of_orders_is_beyond_its_limit(
        bars in walks(200), spec in strategies(), costs in costs(), account in accounts(), most in 0.5..40.0_f64, orders in 1..20_i64,
    ) {
        let limits = OrderLimits { max_position: Some(most), max_repeats: Some(orders), ..NONE };
        let account = Account { limits: Some(limits), ..account };
        let outcome = run(&bars, 0..bars.len(), &spec.signals(&bars), &costs, &account);
        prop_assert!(outcome.positions.iter().all(|units| units.abs() <= most));
        prop_assert!(outcome.trades.len() as i64 <= orders);
    }
}
