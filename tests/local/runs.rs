//! A run's own numbers: what `export` and `show` give is enough to recompute what is reported of a run.

use gauntlet_tests::{Dir, demo, gauntlet};

/// Mean over standard deviation (n − 1), by hand.
fn sharpe(returns: &[f64]) -> f64 {
    let count = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / count;
    let variance = returns.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    mean / variance.sqrt()
}

#[test]
fn what_is_exported_gives_what_is_reported() {
    let dir = Dir::copy_of(&demo().node);
    let runs = gauntlet(["ls", "runs"]).on(&dir).ok();
    let runs: Vec<_> = runs.as_array().unwrap().iter().filter(|run| run["phase"] == "walk_forward").collect();
    assert_eq!(runs.len(), 5);
    for run in runs {
        let (id, reported) = (run["run_id"].as_str().unwrap(), &run["key_metrics"]);
        let file = dir.path("run.csv");
        let exported = gauntlet(["export", id, "--out", file.to_str().unwrap()]).on(&dir).ok();
        let text = std::fs::read_to_string(&file).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("time,equity,return"));
        let (mut equity, mut returns, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for line in lines {
            let [time, value, earned] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
            times.push(time.to_owned());
            equity.push(value.parse::<f64>().unwrap());
            returns.push(earned.parse::<f64>().unwrap());
        }
        assert_eq!(exported["rows"], equity.len());
        assert!(times.is_sorted());
        let close = |name: &str, ours: f64| {
            let theirs = reported[name].as_f64().unwrap();
            assert!(
                (ours - theirs).abs() <= 1e-9 * theirs.abs(),
                "{id}: {name} is {theirs}, recomputed {ours}"
            );
        };
        close("total_return", returns.iter().map(|earned| 1.0 + earned).product::<f64>() - 1.0);
        let per_year = (reported["annual_volatility"].as_f64().unwrap() / {
            let mean = returns.iter().sum::<f64>() / returns.len() as f64;
            let squares = returns.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            (squares / (returns.len() as f64 - 1.0)).sqrt()
        })
        .powi(2);
        close("sharpe", sharpe(&returns) * per_year.sqrt());

        let shown = gauntlet(["show", id, "--equity"]).on(&dir).ok();
        assert_eq!(shown["equity"].as_array().unwrap().len(), equity.len());
        let trades = gauntlet(["show", id, "--trades"]).on(&dir).ok();
        let fills = trades["trades"].as_array().unwrap();
        assert_eq!(fills.len() as f64, 2.0 * reported["trade_count"].as_f64().unwrap());
        let profit: f64 = fills.iter().map(|fill| fill["pnl"].as_f64().unwrap()).sum();
        let last = equity.last().unwrap();
        assert!(
            (100_000.0 + profit - last).abs() < 1e-6 * last,
            "{id}: fills earn {profit}, equity is {last}"
        );
    }
}

#[test]
fn an_export_is_a_table_or_refused_by_name() {
    let dir = Dir::copy_of(&demo().node);
    let runs = gauntlet(["ls", "runs"]).on(&dir).ok();
    let run = runs.as_array().unwrap().iter().find(|run| run["phase"] == "holdout").unwrap();
    let id = run["run_id"].as_str().unwrap().to_owned();
    let table = dir.path("run.parquet");
    gauntlet(["export", &id, "--out", table.to_str().unwrap()]).on(&dir).ok();
    assert_eq!(std::fs::read(&table).unwrap()[..4], *b"PAR1");
    gauntlet(["export", &id, "--out", "run.xlsx"])
        .on(&dir)
        .refused(2, &["a name that ends in .csv or .parquet"]);
    gauntlet(["export", "nobody", "--out", "run.csv"]).on(&dir).refused(2, &["no run has an id"]);
    gauntlet(["show", "nobody", "--trades"]).on(&dir).refused(2, &["no run has an id"]);
}

#[test]
fn every_strategy_says_what_it_does() {
    let dir = Dir::new();
    let cards = gauntlet(["strategies"]).on(&dir).ok();
    let cards = cards.as_array().unwrap();
    assert!(cards.len() >= 4);
    for card in cards {
        assert!(card["rule"].as_str().unwrap().len() > 40, "{card}");
        assert!(card["parameters"].as_array().unwrap().iter().any(|one| one["name"] == "stop_atr"), "{card}");
    }
    let one = gauntlet(["strategies", "ma-cross"]).on(&dir).ok();
    assert_eq!((one[0]["name"].as_str(), one[0]["warm_up"].as_u64()), (Some("ma-cross"), Some(49)));
    gauntlet(["strategies", "ma-crss"]).on(&dir).refused(2, &["did you mean 'ma-cross'"]);
}
