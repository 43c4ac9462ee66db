//! Both forms of every indicator agree to the last bit, on random walks with flat stretches and zeros.

use gauntlet_quant::indicators::*;
use proptest::prelude::*;

/// Bars as (high, low, close).
fn walk() -> impl Strategy<Value = Vec<(f64, f64, f64)>> {
    let step = prop_oneof![2 => Just(0.0), 5 => -3.0..3.0_f64];
    prop::collection::vec((step, 0.0..1.0_f64, 0.0..1.0_f64), 0..150).prop_map(|steps| {
        let mut close = 20.0_f64;
        let bar = |(step, up, down): (f64, f64, f64)| {
            let open = close;
            close = (close + step).max(0.0);
            (open.max(close) + up, (open.min(close) - down).max(0.0), close)
        };
        steps.into_iter().map(bar).collect()
    })
}

fn same(column: &Series, rows: Vec<Option<f64>>) -> Result<(), TestCaseError> {
    prop_assert_eq!(column.rows(), rows.len());
    for (row, value) in rows.into_iter().enumerate() {
        prop_assert_eq!(column.get(row).map(f64::to_bits), value.map(f64::to_bits), "row {}", row);
    }
    Ok(())
}

proptest! {
    #[test]
    fn columns_and_updates_are_bit_identical(bars in walk(), period in 0..30_usize, slow in 1..40_usize) {
        let column = |pick: fn(&(f64, f64, f64)) -> f64| bars.iter().map(pick).collect::<Vec<f64>>();
        let (high, low, close) = (column(|bar| bar.0), column(|bar| bar.1), column(|bar| bar.2));
        let over = |update: &mut dyn FnMut(f64) -> Option<f64>| close.iter().map(|x| update(*x)).collect::<Vec<_>>();

        let mut state = Sma::new(period);
        same(&sma(&close, period), over(&mut |x| state.update(x)))?;
        let mut state = Ema::new(period);
        same(&ema(&close, period), over(&mut |x| state.update(x)))?;
        let mut state = Wilder::new(period);
        same(&wilder(&close, period), over(&mut |x| state.update(x)))?;
        let mut state = Rsi::new(period);
        same(&rsi(&close, period), over(&mut |x| state.update(x)))?;
        let mut state = Stddev::new(period);
        same(&stddev(&close, period), over(&mut |x| state.update(x)))?;
        let mut state = Roc::new(period);
        same(&roc(&close, period), over(&mut |x| state.update(x)))?;
        let mut state = Highest::new(period);
        same(&highest(&close, period), over(&mut |x| state.update(x)))?;
        let mut state = Lowest::new(period);
        same(&lowest(&close, period), over(&mut |x| state.update(x)))?;

        let mut state = TrueRange::new();
        let rows = bars.iter().map(|(high, low, close)| state.update(*high, *low, *close)).collect();
        same(&true_range(&high, &low, &close), rows)?;
        let mut state = Atr::new(period);
        let rows = bars.iter().map(|(high, low, close)| state.update(*high, *low, *close)).collect();
        same(&atr(&high, &low, &close, period), rows)?;

        let mut state = Bbands::new(period, 2.0);
        let rows: Vec<_> = close.iter().map(|x| state.update(*x)).collect();
        let columns = bbands(&close, period, 2.0);
        same(&columns.upper, rows.iter().map(|row| row.map(|bands| bands.upper)).collect())?;
        same(&columns.middle, rows.iter().map(|row| row.map(|bands| bands.middle)).collect())?;
        same(&columns.lower, rows.iter().map(|row| row.map(|bands| bands.lower)).collect())?;

        let mut state = Donchian::new(period);
        let rows: Vec<_> = bars.iter().map(|(high, low, _)| state.update(*high, *low)).collect();
        let columns = donchian(&high, &low, period);
        same(&columns.upper, rows.iter().map(|row| row.map(|channel| channel.upper)).collect())?;
        same(&columns.lower, rows.iter().map(|row| row.map(|channel| channel.lower)).collect())?;

        let mut state = Macd::new(period, slow, 5);
        let rows: Vec<_> = close.iter().map(|x| state.update(*x)).collect();
        let columns = macd(&close, period, slow, 5);
        same(&columns.macd, rows.iter().map(|row| row.map(|value| value.macd)).collect())?;
        same(&columns.signal, rows.iter().map(|row| row.map(|value| value.signal)).collect())?;
        same(&columns.histogram, rows.iter().map(|row| row.map(|value| value.histogram)).collect())?;
    }

    /// The same of every row of the table, by what the table says alone.
    #[test]
    fn every_indicator_of_the_table_has_two_equal_forms_and_the_warm_up_that_it_declares(
        bars in walk(), numbers in prop::collection::vec(0.0..1.0_f64, 4),
    ) {
        let column = |pick: fn(&(f64, f64, f64)) -> f64| bars.iter().map(pick).collect::<Vec<f64>>();
        let (high, low, close) = (column(|bar| bar.0), column(|bar| bar.1), column(|bar| bar.2));
        let (open, volume) = (column(|bar| (bar.0 + bar.1) / 2.0), column(|bar| bar.0 - bar.1));
        let input = |input: Input| match input {
            Input::Open => &open[..],
            Input::High => &high[..],
            Input::Low => &low[..],
            Input::Close => &close[..],
            Input::Volume => &volume[..],
        };
        for definition in DEFINITIONS {
            prop_assert!(definition.parameters.len() <= numbers.len(), "{} takes more", definition.name);
            let within = |(parameter, number): (&Parameter, &f64)| {
                parameter.min + number * (parameter.max - parameter.min).min(30.0)
            };
            let arguments: Vec<f64> = definition.parameters.iter().zip(&numbers).map(within).collect();
            let indicator = definition.of(&arguments);
            let columns = indicator.columns(input);
            prop_assert_eq!(columns.len(), definition.outputs.len(), "{}", definition.name);
            let (mut stream, mut row) = (indicator.stream(), vec![f64::NAN; columns.len()]);
            for bar in 0..bars.len() {
                let inputs: Vec<f64> = indicator.inputs().iter().map(|name| input(*name)[bar]).collect();
                let defined = stream.update(&inputs, &mut row);
                prop_assert_eq!(defined, bar >= indicator.first(), "{} at {}", definition.name, bar);
                for (series, value) in columns.iter().zip(&row) {
                    let value = defined.then_some(value.to_bits());
                    prop_assert_eq!(series.get(bar).map(f64::to_bits), value, "{} at {}", definition.name, bar);
                }
            }
            prop_assert!(columns.iter().all(|series| series.rows() == bars.len()), "{}", definition.name);
        }
    }

    /// A rolling extreme is the extreme of the window, the slow way.
    #[test]
    fn extremes_are_those_of_the_window(values in prop::collection::vec(-5..5_i32, 1..80), period in 1..12_usize) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let (high, low) = (highest(&values, period), lowest(&values, period));
        for (row, window) in values.windows(period).enumerate() {
            let top = window.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let bottom = window.iter().copied().fold(f64::INFINITY, f64::min);
            prop_assert_eq!((high.values[row], low.values[row]), (top, bottom));
        }
    }
}

#[test]
fn names_are_unique_and_defaults_lie_within_their_bounds() {
    let names: std::collections::BTreeSet<&str> =
        DEFINITIONS.iter().map(|definition| definition.name).collect();
    assert_eq!(names.len(), DEFINITIONS.len());
    for definition in DEFINITIONS {
        for parameter in definition.parameters {
            let within = parameter.min..=parameter.max;
            assert!(within.contains(&parameter.default), "{} of {}", parameter.name, definition.name);
        }
    }
}
