//! Indicators against TA-Lib: values recorded by `oracles/indicators_oracle.py`, with the versions inside.

use std::collections::BTreeMap;

use gauntlet_quant::indicators::*;
use serde_json::Value;

fn column(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn every_indicator_agrees_with_ta_lib() {
    let record: Value = serde_json::from_str(include_str!("oracles/indicators_talib.json")).unwrap();
    let (high, low, close) = (column(&record["high"]), column(&record["low"]), column(&record["close"]));
    let bands = bbands(&close, 20, 2.0);
    let convergence = macd(&close, 12, 26, 9);
    let channel = donchian(&high, &low, 15);
    let ours = BTreeMap::from([
        ("sma(10)", sma(&close, 10)),
        ("ema(10)", ema(&close, 10)),
        ("atr(14)", atr(&high, &low, &close, 14)),
        ("trange", true_range(&high, &low, &close)),
        ("rsi(14)", rsi(&close, 14)),
        ("rsi(3)", rsi(&close, 3)),
        ("stddev(10)", stddev(&close, 10)),
        ("bbands.upper", bands.upper),
        ("bbands.middle", bands.middle),
        ("bbands.lower", bands.lower),
        ("max(15)", channel.upper),
        ("min(15)", channel.lower),
        ("roc(7)", roc(&close, 7)),
        ("macd", convergence.macd),
        ("macd.signal", convergence.signal),
        ("macd.histogram", convergence.histogram),
    ]);
    let expected = record["expected"].as_object().unwrap();
    assert_eq!(ours.len(), expected.len(), "every recorded column is compared");
    let mut compared = 0;
    for (name, theirs) in expected {
        let series = &ours[name.as_str()];
        assert_eq!(series.first as u64, theirs["first"].as_u64().unwrap(), "first row of {name}");
        let values = column(&theirs["values"]);
        assert_eq!(series.values.len(), values.len(), "length of {name}");
        for (row, (value, theirs)) in series.values.iter().zip(&values).enumerate() {
            // TA-Lib's deviation comes from running sums of squares, which lose about eight digits on prices of 100
            // and call anything below 1e-7 zero.
            let tolerance =
                if name.starts_with("stddev") || name.starts_with("bbands") { 1e-6 } else { 1e-9 };
            assert!((value - theirs).abs() <= tolerance, "{name} row {row}: {value} against {theirs}");
            compared += 1;
        }
    }
    println!("compared {compared} values with TA-Lib");
    assert!(compared > 1500);
}
