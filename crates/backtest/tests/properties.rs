//! What holds for every strategy, on any bars, with any costs.

mod common;

use common::{accounts, costs, strategies, walks};
use gauntlet_backtest::{
    Account, BarRow, Bars, Costs, Signals, Sizing, Spread, Strategy as _, StrategyKind, Trader,
};
use gauntlet_backtest::{run, summary, sweep};
use proptest::prelude::*;

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #[test]
    fn the_batch_form_is_the_bar_by_bar_form(bars in walks(120), spec in strategies()) {
        let signals = spec.signals(&bars);
        let mut live = spec.live();
        prop_assert_eq!(signals.targets.len(), bars.len());
        for (index, row) in bars.rows().enumerate() {
            let (batch, live) = (signals.get(index).unwrap(), live.on_bar(&row));
            prop_assert_eq!(batch.target, live.target, "bar {}", index);
            prop_assert_eq!(batch.stop_distance.map(f64::to_bits), live.stop_distance.map(f64::to_bits));
        }
    }

    #[test]
    fn no_signal_knows_the_bars_after_it(bars in walks(120), other in walks(120), spec in strategies(), cut in 0..120_usize) {
        let cut = cut.min(bars.len());
        let whole = spec.signals(&bars);
        let short = spec.signals(&bars.slice(0..cut));
        let altered: Bars = bars.rows().take(cut).chain(other.rows()).collect();
        let altered = spec.signals(&altered);
        for index in 0..cut {
            prop_assert_eq!(whole.get(index), short.get(index));
            prop_assert_eq!(whole.get(index), altered.get(index));
        }
    }

    #[test]
    fn nothing_before_a_cut_depends_on_what_comes_after(bars in walks(120), spec in strategies(), costs in costs(), account in accounts(), cut in 1..120_usize) {
        let cut = cut.min(bars.len());
        let signals = spec.signals(&bars);
        let whole = run(&bars, 0..bars.len(), &signals, &costs, &account);
        let short = run(&bars, 0..cut, &signals, &costs, &account);
        // The last bar of a range closes the position, so it is the one that differs.
        let same = cut.saturating_sub(1);
        prop_assert_eq!(bits(&whole.equity[..same]), bits(&short.equity[..same]));
    }

    #[test]
    fn equity_is_capital_plus_the_profits(bars in walks(150), spec in strategies(), costs in costs(), account in accounts()) {
        let outcome = run(&bars, 0..bars.len(), &spec.signals(&bars), &costs, &account);
        prop_assert_eq!(outcome.equity.len(), bars.len());
        prop_assert_eq!(outcome.returns.len(), bars.len());
        prop_assert_eq!(outcome.summary.trades, outcome.trades.len() as u64);
        let profits = outcome.trades.iter().fold(account.capital, |sum, trade| sum + trade.pnl);
        let last = outcome.equity.last().copied().unwrap_or(account.capital);
        let scale = outcome.equity.iter().fold(account.capital, |most, equity| most.max(equity.abs()));
        prop_assert!((last - profits).abs() <= 1e-9 * scale, "{} against {}", last, profits);
        prop_assert!(outcome.equity.iter().all(|equity| equity.is_finite()));
        for trade in &outcome.trades {
            prop_assert!(trade.exit_time >= trade.entry_time && trade.quantity > 0.0 && trade.fees >= 0.0);
            prop_assert!(account.allow_short || trade.side != gauntlet_backtest::Target::Short);
        }
    }

    /// With a fixed quantity the trades are the same, so every cost is a loss; stops are left out, because a worse
    /// entry moves them.
    #[test]
    fn costs_never_improve_a_result(bars in walks(150), spec in strategies(), costs in costs(), allow_short: bool) {
        // At a price of zero only a spread makes something that can be bought, so prices start at one.
        let lift = |row: BarRow| {
            BarRow { open: row.open + 1.0, high: row.high + 1.0, low: row.low + 1.0, close: row.close + 1.0, ..row }
        };
        let bars: Bars = bars.rows().map(lift).collect();
        let spec = gauntlet_backtest::StrategySpec { stop: None, ..spec };
        // Capital enough that no one is ruined: a ruined account stops trading, and so stops losing.
        let account = Account { capital: 1e9, sizing: Sizing::FixedQuantity(3.0), allow_short };
        let free = Costs { latency_bars: costs.latency_bars, ..Costs::FREE };
        let signals = spec.signals(&bars);
        let dear = summary(&bars, 0..bars.len(), &signals, &costs, &account);
        let cheap = summary(&bars, 0..bars.len(), &signals, &free, &account);
        prop_assert!(dear.total_return <= cheap.total_return + 1e-15, "{:?} {:?}", dear, cheap);
    }

    #[test]
    fn a_summary_is_that_of_the_whole_run(bars in walks(150), spec in strategies(), costs in costs(), account in accounts(), from in 0..160_usize, to in 0..160_usize) {
        let signals = spec.signals(&bars);
        let light = summary(&bars, from..to, &signals, &costs, &account);
        let full = run(&bars, from..to, &signals, &costs, &account);
        prop_assert_eq!(light, full.summary);
        prop_assert_eq!(light.trades, full.trades.len() as u64);
        if let Some(sharpe) = light.sharpe {
            let count = full.returns.len() as f64;
            let mean = full.returns.iter().sum::<f64>() / count;
            let variance = full.returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (count - 1.0);
            prop_assert!((sharpe - mean / variance.sqrt()).abs() < 1e-4 * (1.0 + sharpe.abs()));
        }
        let mut peak = account.capital;
        let deepest = full.equity.iter().fold(0.0, |deepest: f64, equity| {
            peak = peak.max(*equity);
            deepest.max(1.0 - equity / peak)
        });
        prop_assert!((light.max_drawdown - deepest).abs() < 1e-12);
    }

    #[test]
    fn a_sweep_in_lanes_is_one_run_after_the_other(
        bars in walks(700), windows in prop::collection::vec((1..14_i64, 1..30_i64), 1..40), mixed in strategies(),
        costs in costs(), percent in 1.0..100.0_f64, allow_short: bool, from in 0..300_usize, to in 0..720_usize,
    ) {
        let account = Account { capital: 1000.0, sizing: Sizing::Percent(percent), allow_short };
        let pair = |(fast, slow): &(i64, i64)| {
            StrategyKind::MaCross.build(&common::params(&[("fast", (*fast).into()), ("slow", (*slow).into())])).unwrap()
        };
        let mut grid: Vec<_> = windows.iter().map(pair).collect();
        grid.insert(grid.len() / 2, mixed);
        let together = sweep(&bars, from..to, &grid, &costs, &account);
        for (spec, swept) in grid.iter().zip(&together) {
            let alone = summary(&bars, from..to, &spec.signals(&bars), &costs, &account);
            prop_assert_eq!(swept.total_return.to_bits(), alone.total_return.to_bits());
            prop_assert_eq!(swept.sharpe.map(f64::to_bits), alone.sharpe.map(f64::to_bits));
            prop_assert_eq!(swept.max_drawdown.to_bits(), alone.max_drawdown.to_bits());
            prop_assert_eq!(swept.trades, alone.trades);
        }
    }

    #[test]
    fn trading_bar_by_bar_is_the_run_over_the_range(bars in walks(120), spec in strategies(), costs in costs(), account in accounts(), from in 0..60_usize) {
        let from = from.min(bars.len());
        let outcome = run(&bars, from..bars.len(), &spec.signals(&bars), &costs, &account);
        let mut trader = Trader::new(spec.live(), costs, account);
        let (mut equity, mut trades) = (Vec::new(), Vec::new());
        for (index, row) in bars.rows().enumerate() {
            if index < from {
                trader.warm_up(&row);
                continue;
            }
            let step = trader.on_bar(&row);
            equity.push(step.equity);
            trades.extend(step.closed.into_iter().flatten());
            if index + 1 == bars.len() {
                trades.extend(trader.finish(&row));
                *equity.last_mut().unwrap() = trader.account().equity(row.close);
            }
        }
        prop_assert_eq!(bits(&equity), bits(&outcome.equity));
        prop_assert_eq!(trades, outcome.trades);
    }

    #[test]
    fn every_run_gives_the_same_bits(bars in walks(100), spec in strategies(), costs in costs(), account in accounts()) {
        let once = || run(&bars, 0..bars.len(), &spec.signals(&bars), &costs, &account);
        prop_assert_eq!(once(), once());
    }
}

#[test]
fn no_bars_no_strategies_no_signals() {
    let account = Account { capital: 1.0, sizing: Sizing::default(), allow_short: true };
    let costs = Costs { spread: Spread::Quoted, latency_bars: u32::MAX, ..Costs::FREE };
    assert!(sweep(&Bars::default(), 0..0, &[], &costs, &account).is_empty());
    for kind in StrategyKind::ALL {
        let spec = kind.build(&Default::default()).unwrap();
        assert_eq!(sweep(&Bars::default(), 0..9, &[spec], &costs, &account).len(), 1);
    }
    let bars = common::bars(&[(1.0, 1.0, 1.0, 1.0); 3]);
    let spec = StrategyKind::MaCross.build(&Default::default()).unwrap();
    assert_eq!(sweep(&bars, 0..3, &[spec], &costs, &account)[0].trades, 0);
    assert_eq!(run(&bars, 0..3, &Signals::default(), &costs, &account).equity, [1.0; 3]);
}
