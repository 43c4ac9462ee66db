//! What holds for every strategy, on any bars, with any costs.

use crate::common::{accounts, costs, strategies, walks};
use gauntlet_backtest::{
    Account, BarRow, Bars, Costs, ParamValue, Signal, Signals, Sizing, Spread, Strategy as _, StrategySpec,
    Trader, strategy,
};
use gauntlet_backtest::{Grid, Run, Then, run, summary};
use gauntlet_quant::metrics::Running;
use proptest::prelude::*;

fn ma_cross(values: &[(&str, ParamValue)]) -> StrategySpec {
    strategy::ma_cross::DEFINITION
        .build(&crate::common::params(values))
        .expect("the values lie within their bounds")
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #[test]
    fn the_batch_form_is_the_bar_by_bar_form(bars in walks(400), spec in strategies()) {
        let signals = spec.signals(&bars);
        let mut live = spec.live();
        let stop = |signal: Signal| signal.stop.map(|stop| (stop.distance.to_bits(), stop.after));
        prop_assert_eq!(signals.targets.len(), bars.len());
        for (index, row) in bars.rows().enumerate() {
            let (batch, live) = (signals.get(index).unwrap(), live.on_bar(&row));
            prop_assert_eq!(batch.target, live.target, "bar {}", index);
            prop_assert_eq!(stop(batch), stop(live));
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
        let shortfall = outcome.summary.shortfall;
        let scale = outcome.equity.iter().fold(account.capital + shortfall, |most, equity| most.max(equity.abs()));
        prop_assert!((last - profits - shortfall).abs() <= 1e-9 * scale, "{} against {}", last, profits);
        prop_assert!(outcome.equity.iter().all(|equity| *equity >= 0.0), "an account loses what it has and no more");
        prop_assert!(outcome.summary.total_return >= -1.0 && shortfall >= 0.0);
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
        let mut spec = spec;
        spec.stop = None;
        // Capital enough that no one is ruined: a ruined account stops trading, and so stops losing.
        let account = Account { capital: 1e9, sizing: Sizing::FixedQuantity(3.0), allow_short, maintenance_margin: 0.0, limits: None };
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
    fn a_grid_in_lanes_is_one_run_after_the_other(
        bars in walks(1200), windows in prop::collection::vec((1..14_i64, 1..30_i64), 0..20),
        mixed in prop::collection::vec(strategies(), 1..12), kinds in prop::collection::vec(costs(), 1..4),
        account in accounts(), ranges in prop::collection::vec((0..200_usize, 0..600_usize), 1..4), left_out in 0..20_usize,
        last in any::<bool>(),
    ) {
        let pair = |(fast, slow): &(i64, i64)| {
            ma_cross(&[("fast", (*fast).into()), ("slow", (*slow).into())])
        };
        // Some strategies twice in a row, as they share their signals; costs of several kinds.
        let specs: Vec<_> = windows.iter().map(pair).chain(mixed).flat_map(|spec| [spec.clone(), spec]).collect();
        let costs: Vec<_> = kinds.iter().cycle().take(specs.len()).copied().collect();
        let mut grid = match kinds.as_slice() {
            [one] => Grid::new(&bars, &specs, *one, account),
            _ => Grid::under(&bars, specs.iter().zip(costs.iter().copied()), account),
        };
        let mut alone = vec![Running::default(); specs.len()];
        let signals: Vec<_> = specs.iter().map(|spec| spec.signals(&bars)).collect();
        let mut runs: Vec<_> = costs.iter().map(|costs| Run::new(&bars, costs, &account)).collect();
        let (mut from, segments) = (0, ranges.len());
        for (segment, (gap, length)) in ranges.into_iter().enumerate() {
            let range = from + gap..from + gap + length;
            from = range.end;
            let then = if last && segment + 1 == segments { Then::Close } else { Then::GoOn };
            // One is given up after the first range, so that the others find themselves in other lanes.
            let playing: Vec<usize> = (0..specs.len()).filter(|spec| segment == 0 || *spec != left_out).collect();
            grid.play(range.clone(), &playing, then);
            for spec in playing {
                let outcome = runs[spec].segment(range.clone(), &signals[spec], then);
                for (period_return, units) in outcome.returns.iter().zip(&outcome.positions) {
                    alone[spec].push(*period_return, *units != 0.0);
                }
                alone[spec].trade_pnls.extend(outcome.trades.iter().map(|trade| trade.pnl));
            }
        }
        for (spec, alone) in alone.iter().enumerate() {
            // The text shows every bit, unlike `==`, to which both zeros are one.
            prop_assert_eq!(format!("{:?}", grid.running(spec)), format!("{alone:?}"), "{:?}", specs[spec]);
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
    let account = Account {
        capital: 1.0,
        sizing: Sizing::default(),
        allow_short: true,
        maintenance_margin: 0.0,
        limits: None,
    };
    let costs = Costs { spread: Spread::Quoted, latency_bars: u32::MAX, ..Costs::FREE };
    let none = Bars::default();
    Grid::new(&none, &[], costs, account).play(0..0, &[], Then::Close);
    for row in strategy::DEFINITIONS {
        let spec = row.build(&Default::default()).unwrap();
        let mut grid = Grid::new(&none, &[spec], costs, account);
        grid.play(0..9, &[0], Then::Close);
        assert_eq!(grid.running(0), &Running::default());
    }
    let bars = crate::common::bars(&[(1.0, 1.0, 1.0, 1.0); 3]);
    let mut grid = Grid::new(&bars, &[ma_cross(&[])], costs, account);
    grid.play(0..3, &[0], Then::Close);
    assert_eq!((grid.running(0).trade_pnls.len(), grid.running(0).returns.count()), (0, 3));
    assert_eq!(run(&bars, 0..3, &Signals::default(), &costs, &account).equity, [1.0; 3]);
}
