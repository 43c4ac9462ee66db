//! Fills, costs, stops and latency, computed by hand.

use crate::common::{ALL_IN, MINUTE, bars};
use gauntlet_backtest::Target::{self, Flat, Long, Short};
use gauntlet_backtest::{
    Account, AfterStop, Bars, Costs, ExitReason, Outcome, Run, Signals, Sizing, Spread, Stops, Then, run,
};
use gauntlet_quant::indicators::Series;

fn signals(targets: &[Target]) -> Signals {
    Signals { targets: targets.to_vec(), stops: None }
}

fn with_stop(targets: &[Target], distance: f64) -> Signals {
    let distances = Series { first: 0, values: vec![distance; targets.len()] };
    Signals { targets: targets.to_vec(), stops: Some(Stops { distances, after: AfterStop::Wait }) }
}

fn run_free(bars: &Bars, signals: &Signals) -> Outcome {
    run(bars, 0..bars.len(), signals, &Costs::FREE, &ALL_IN)
}

/// Opens 10, 20, 25, 40; closes 20, 25, 40, 50.
fn rising() -> Bars {
    bars(&[
        (10.0, 20.0, 10.0, 20.0),
        (20.0, 25.0, 20.0, 25.0),
        (25.0, 40.0, 25.0, 40.0),
        (40.0, 50.0, 40.0, 50.0),
    ])
}

#[test]
fn a_signal_fills_at_the_next_opening() {
    let outcome = run_free(&rising(), &signals(&[Long, Long, Flat, Flat]));
    assert_eq!(outcome.equity, [1000.0, 1250.0, 2000.0, 2000.0]);
    assert_eq!(outcome.returns, [0.0, 0.25, 2000.0 / 1250.0 - 1.0, 0.0]);
    assert_eq!(outcome.positions, [0.0, 50.0, 50.0, 0.0], "sold at the last opening");
    let [trade] = outcome.trades[..] else { panic!("one trade: {:?}", outcome.trades) };
    assert_eq!((trade.entry_time, trade.exit_time), (MINUTE, 3 * MINUTE));
    assert_eq!((trade.side, trade.quantity, trade.entry_price, trade.exit_price), (Long, 50.0, 20.0, 40.0));
    assert_eq!((trade.pnl, trade.fees, trade.exit_reason), (1000.0, 0.0, ExitReason::Signal));
    assert_eq!((outcome.summary.total_return, outcome.summary.max_drawdown), (1.0, 0.0));
}

#[test]
fn what_is_open_at_the_end_is_closed_there_with_costs() {
    let mut bars = rising();
    bars.close_spread = vec![2.0; 4];
    let costs = Costs { commission_bps: 100.0, spread: Spread::Quoted, ..Costs::FREE };
    let account = Account { sizing: Sizing::FixedQuantity(1.0), ..ALL_IN };
    let outcome = run(&bars, 0..4, &signals(&[Long; 4]), &costs, &account);
    // Buys 1 at 20 (fee 0.20), sells at 50 − 1 (fee 0.49).
    let trade = outcome.trades[0];
    assert_eq!(
        (trade.exit_price, trade.exit_time, trade.exit_reason),
        (49.0, 4 * MINUTE, ExitReason::EndOfRange)
    );
    assert!((trade.fees - 0.69).abs() < 1e-12 && (trade.pnl - 28.31).abs() < 1e-12, "{trade:?}");
    assert!((outcome.equity[3] - 1028.31).abs() < 1e-9);
    assert_eq!(outcome.positions[3], 1.0, "held until the close");
}

#[test]
fn spread_slippage_and_commission_are_paid_on_both_sides() {
    let mut bars = bars(&[(100.0, 100.0, 100.0, 100.0); 3]);
    bars.open_spread = vec![0.5; 3];
    let costs = Costs { commission_bps: 10.0, spread: Spread::Quoted, slippage_bps: 20.0, latency_bars: 0 };
    let account = Account { sizing: Sizing::FixedQuantity(2.0), ..ALL_IN };
    let trade = run(&bars, 0..3, &signals(&[Long, Flat, Flat]), &costs, &account).trades[0];
    assert_eq!(trade.entry_price, 100.25 * 1.002);
    assert_eq!(trade.exit_price, 99.75 * 0.998);
    assert!((trade.fees - 2.0 * (trade.entry_price + trade.exit_price) * 0.001).abs() < 1e-12);
    assert!((trade.pnl - (2.0 * (trade.exit_price - trade.entry_price) - trade.fees)).abs() < 1e-12);
}

#[test]
fn all_in_leaves_room_for_the_commission() {
    let costs = Costs { commission_bps: 100.0, ..Costs::FREE };
    let outcome = run(&rising(), 0..4, &signals(&[Long; 4]), &costs, &ALL_IN);
    let quantity = outcome.positions[1];
    assert!((quantity * 20.0 * 1.01 - 1000.0).abs() < 1e-9, "spends exactly the capital: {quantity}");
}

#[test]
fn the_short_side_earns_from_a_fall() {
    let falling = bars(&[(50.0, 50.0, 50.0, 50.0), (50.0, 50.0, 40.0, 40.0), (30.0, 30.0, 30.0, 30.0)]);
    let outcome = run_free(&falling, &signals(&[Short, Flat, Flat]));
    assert_eq!(outcome.equity, [1000.0, 1200.0, 1400.0]);
    let trade = outcome.trades[0];
    assert_eq!((trade.side, trade.quantity, trade.pnl), (Short, 20.0, 400.0));
    let long_only = Account { allow_short: false, ..ALL_IN };
    assert!(run(&falling, 0..3, &signals(&[Short, Flat, Flat]), &Costs::FREE, &long_only).trades.is_empty());
}

#[test]
fn a_reversal_closes_and_opens_at_the_same_opening() {
    let outcome = run_free(&rising(), &signals(&[Long, Short, Short, Short]));
    assert_eq!(outcome.trades.len(), 2);
    assert_eq!((outcome.trades[0].exit_time, outcome.trades[1].entry_time), (2 * MINUTE, 2 * MINUTE));
    // 1000 → long 50 at 20, out at 25: 1250 → short 50 at 25, covered at 50: nothing left.
    assert_eq!(outcome.equity[3], 0.0);
    assert_eq!(outcome.summary.max_drawdown, 1.0);
}

#[test]
fn latency_moves_the_fill_by_whole_bars() {
    let late = Costs { latency_bars: 1, ..Costs::FREE };
    let trade = run(&rising(), 0..4, &signals(&[Long; 4]), &late, &ALL_IN).trades[0];
    assert_eq!((trade.entry_price, trade.entry_time), (25.0, 2 * MINUTE));
}

#[test]
fn signals_from_the_warm_up_fill_at_the_first_opening_of_the_range() {
    let outcome = run(&rising(), 2..4, &signals(&[Flat, Long, Long, Long]), &Costs::FREE, &ALL_IN);
    assert_eq!(outcome.trades[0].entry_time, 2 * MINUTE);
    assert_eq!(outcome.equity, [1600.0, 2000.0]);
}

#[test]
fn a_stop_fills_at_its_price_and_blocks_until_the_signal_changes() {
    let prices = bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 103.0, 98.0, 101.0), // bought at 100, stop at 95
        (101.0, 102.0, 95.0, 99.0),  // touched
        (99.0, 104.0, 99.0, 104.0),  // still long: stays out
        (104.0, 104.0, 104.0, 104.0),
        (105.0, 105.0, 105.0, 105.0), // was flat, long again: back in
        (106.0, 106.0, 106.0, 106.0),
    ]);
    let outcome = run_free(&prices, &with_stop(&[Long, Long, Long, Flat, Long, Long, Long], 5.0));
    assert_eq!(outcome.trades.len(), 2);
    let stopped = outcome.trades[0];
    assert_eq!(
        (stopped.exit_price, stopped.exit_reason, stopped.exit_time),
        (95.0, ExitReason::Stop, 3 * MINUTE)
    );
    let again = outcome.positions[5];
    assert_eq!(outcome.positions, [0.0, 10.0, 10.0, 0.0, 0.0, again, again], "held in the bar of its stop");
    assert_eq!(outcome.trades[1].entry_price, 105.0);
}

#[test]
fn a_gap_over_the_stop_fills_at_the_opening_less_costs() {
    let mut prices =
        bars(&[(100.0, 100.0, 100.0, 100.0), (100.0, 101.0, 99.0, 100.0), (90.0, 91.0, 89.0, 90.0)]);
    prices.open_spread = vec![0.0, 0.0, 2.0];
    let costs = Costs { spread: Spread::Quoted, slippage_bps: 100.0, ..Costs::FREE };
    let outcome = run(&prices, 0..3, &with_stop(&[Long; 3], 5.0), &costs, &ALL_IN);
    assert_eq!(outcome.trades[0].exit_price, 89.0 * 0.99);
}

#[test]
fn a_short_stop_is_the_mirror_image() {
    let prices =
        bars(&[(100.0, 100.0, 100.0, 100.0), (100.0, 104.0, 100.0, 104.0), (104.0, 106.0, 104.0, 104.0)]);
    let trade = run_free(&prices, &with_stop(&[Short; 3], 5.0)).trades[0];
    assert_eq!((trade.exit_price, trade.exit_reason, trade.pnl), (105.0, ExitReason::Stop, -50.0));
    let gap =
        bars(&[(100.0, 100.0, 100.0, 100.0), (100.0, 101.0, 99.0, 100.0), (110.0, 111.0, 109.0, 110.0)]);
    assert_eq!(run_free(&gap, &with_stop(&[Short; 3], 5.0)).trades[0].exit_price, 110.0);
}

#[test]
fn a_stop_can_be_hit_in_the_bar_of_the_entry() {
    let prices = bars(&[(100.0, 100.0, 100.0, 100.0), (100.0, 100.0, 80.0, 100.0)]);
    let outcome = run_free(&prices, &with_stop(&[Long; 2], 5.0));
    assert_eq!(outcome.equity, [1000.0, 950.0]);
    assert_eq!(outcome.trades.len(), 1);
}

/// A stop at the entry price itself, as a market without ranges gives it: in and out in the same bar, costs paid.
#[test]
fn a_stop_distance_of_zero_is_a_stop_at_the_entry() {
    let prices =
        bars(&[(100.0, 100.0, 100.0, 100.0), (100.0, 102.0, 99.0, 101.0), (101.0, 102.0, 101.0, 102.0)]);
    let outcome = run_free(&prices, &with_stop(&[Long; 3], 0.0));
    let [trade] = outcome.trades[..] else { panic!("one trade: {:?}", outcome.trades) };
    assert_eq!((trade.entry_price, trade.exit_price, trade.exit_reason), (100.0, 100.0, ExitReason::Stop));
    assert_eq!(outcome.equity, [1000.0; 3], "one waits from there on");
    let account = Account { sizing: Sizing::RiskPercentAtStop(1.0), ..ALL_IN };
    let sized = run(&prices, 0..3, &with_stop(&[Long; 3], 0.0), &Costs::FREE, &account);
    assert_eq!(sized.trades[0].quantity, 10.0, "no more than all equity buys");
}

/// The same position is still wanted after its stop.
#[test]
fn after_a_stop_one_enters_again_where_that_is_asked() {
    let prices = bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 94.0, 96.0), // bought at 100, stop at 95
        (96.0, 99.0, 96.0, 98.0),   // bought again at 96, stop at 91
        (98.0, 100.0, 98.0, 100.0),
    ]);
    let waits = with_stop(&[Long; 4], 5.0);
    let mut reenters = waits.clone();
    reenters.stops.as_mut().unwrap().after = AfterStop::Reenter;
    let entries = |signals: &Signals| {
        let trades = run_free(&prices, signals).trades;
        trades.iter().map(|trade| (trade.entry_price, trade.exit_price)).collect::<Vec<_>>()
    };
    assert_eq!(entries(&waits), [(100.0, 95.0)]);
    assert_eq!(entries(&reenters), [(100.0, 95.0), (96.0, 100.0)]);
}

#[test]
fn no_position_opens_while_its_stop_is_undefined() {
    let signals = Signals {
        targets: vec![Long; 4],
        stops: Some(Stops { distances: Series { first: 2, values: vec![1.0; 2] }, after: AfterStop::Wait }),
    };
    assert_eq!(run_free(&rising(), &signals).trades[0].entry_time, 3 * MINUTE);
}

#[test]
fn no_bars_one_bar_and_two_bars() {
    assert_eq!(run_free(&Bars::default(), &signals(&[])), Outcome::default());
    let one = run_free(&rising().slice(0..1), &signals(&[Long]));
    assert_eq!((one.equity, one.trades.len(), one.summary.sharpe), (vec![1000.0], 0, None));
    let two = run_free(&rising().slice(0..2), &signals(&[Long, Long]));
    assert_eq!((two.equity, two.trades.len()), (vec![1000.0, 1250.0], 1));
}

#[test]
fn a_price_of_zero_opens_nothing_and_can_be_sold_at() {
    let zeros = bars(&[(0.0, 0.0, 0.0, 0.0); 4]);
    assert_eq!(run_free(&zeros, &signals(&[Long; 4])).summary.trades, 0);
    let crash = bars(&[(10.0, 10.0, 10.0, 10.0), (10.0, 10.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)]);
    assert_eq!(run_free(&crash, &signals(&[Long, Flat, Flat])).equity, [1000.0, 0.0, 0.0]);
}

// Liquidation.

/// Short everything at 99, then the market opens at 300: what is lost beyond the capital is owed, not earned back.
#[test]
fn a_market_that_jumps_over_the_liquidation_takes_everything_and_no_more() {
    let bars = bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 100.0, 100.0),
        (300.0, 300.0, 300.0, 300.0),
        (50.0, 50.0, 50.0, 50.0),
    ]);
    let outcome = run_free(&bars, &signals(&[Short; 4]));
    assert_eq!(outcome.equity, [1000.0, 1000.0, 0.0, 0.0]);
    assert_eq!(outcome.returns, [0.0, 0.0, -1.0, 0.0]);
    assert_eq!((outcome.summary.total_return, outcome.summary.max_drawdown), (-1.0, 1.0));
    let [trade] = outcome.trades.as_slice() else { panic!("{:?}", outcome.trades) };
    assert_eq!((trade.exit_reason, trade.exit_price, trade.pnl), (ExitReason::Liquidation, 300.0, -2000.0));
}

#[test]
fn within_a_bar_the_liquidation_fills_where_nothing_is_left() {
    let bars = bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 250.0, 100.0, 120.0),
        (90.0, 90.0, 90.0, 90.0),
    ]);
    let outcome = run_free(&bars, &signals(&[Short; 4]));
    assert_eq!(outcome.trades[0].exit_price, 200.0);
    assert_eq!(outcome.equity, [1000.0, 1000.0, 0.0, 0.0]);
    assert_eq!(outcome.positions, [0.0, -10.0, -10.0, 0.0], "held until then");
    // With a margin of a quarter it ends where 2000 − 10·p is a quarter of 10·p, and 400 are left.
    let margin = Account { maintenance_margin: 0.25, ..ALL_IN };
    let outcome = run(&bars, 0..4, &signals(&[Short; 4]), &Costs::FREE, &margin);
    assert_eq!((outcome.trades[0].exit_price, outcome.equity[2], outcome.equity[3]), (160.0, 400.0, 400.0));
}

#[test]
fn a_stop_that_is_nearer_comes_first() {
    let bars = bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 250.0, 100.0, 120.0),
        (90.0, 90.0, 90.0, 90.0),
    ]);
    let outcome = run_free(&bars, &with_stop(&[Short; 4], 50.0));
    assert_eq!((outcome.trades[0].exit_reason, outcome.trades[0].exit_price), (ExitReason::Stop, 150.0));
    assert_eq!(outcome.equity[3], 500.0);
}

/// Long more than there is: the liquidation lies above zero.
#[test]
fn a_long_position_on_margin_is_liquidated_too() {
    let bars = bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 100.0, 100.0),
        (90.0, 90.0, 40.0, 80.0),
        (500.0, 500.0, 500.0, 500.0),
    ]);
    let account = Account { sizing: Sizing::FixedQuantity(20.0), ..ALL_IN };
    let outcome = run(&bars, 0..4, &signals(&[Long; 4]), &Costs::FREE, &account);
    assert_eq!((outcome.trades[0].exit_price, outcome.trades.len()), (50.0, 1));
    assert_eq!(outcome.equity, [1000.0, 1000.0, 0.0, 0.0]);
}

// Segments of one account.

#[test]
fn a_model_that_takes_over_keeps_a_position_of_its_side_and_gives_it_its_own_stop() {
    let bars = bars(&[
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 100.0, 100.0, 100.0),
        (110.0, 120.0, 110.0, 120.0),
        (120.0, 120.0, 114.0, 116.0),
        (116.0, 116.0, 100.0, 100.0),
    ]);
    let mut account = Run::new(&bars, &Costs::FREE, &ALL_IN);
    let first = account.segment(0..3, &with_stop(&[Long; 5], 50.0), Then::GoOn);
    assert_eq!((first.trades.len(), first.equity[2]), (0, 1200.0));
    // The stop of the second model lies 5 below the close of 120 at which it took over.
    account.hand_over(3, &with_stop(&[Long; 5], 5.0));
    let second = account.segment(3..5, &with_stop(&[Long; 5], 5.0), Then::Close);
    let [trade] = second.trades.as_slice() else { panic!("{:?}", second.trades) };
    assert_eq!((trade.entry_price, trade.exit_price, trade.exit_reason), (100.0, 115.0, ExitReason::Stop));
    assert_eq!(second.returns[0], 1150.0 / 1200.0 - 1.0);
}

#[test]
fn a_model_that_wants_the_other_side_changes_it_at_the_next_opening() {
    let bars =
        bars(&[(100.0, 100.0, 100.0, 100.0), (100.0, 100.0, 100.0, 110.0), (120.0, 120.0, 90.0, 90.0)]);
    let mut account = Run::new(&bars, &Costs::FREE, &ALL_IN);
    account.segment(0..2, &signals(&[Long; 3]), Then::GoOn);
    let short = signals(&[Short; 3]);
    account.hand_over(2, &short);
    let second = account.segment(2..3, &short, Then::Close);
    assert_eq!(second.trades.iter().map(|trade| trade.exit_price).collect::<Vec<_>>(), [120.0, 90.0]);
    assert_eq!(second.equity, [1500.0]);
}
