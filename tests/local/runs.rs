//! A run's own numbers: what `export` and `show` give is enough to recompute what is reported of a run.

use gauntlet_tests::{Dir, Json, demo, gauntlet};

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
    let runs: Vec<_> = runs
        .as_array()
        .unwrap()
        .iter()
        .filter(|run| !run["summary"].is_null() || run["phase"] == "tuning" && !run["model_id"].is_null())
        .collect();
    assert_eq!(runs.len(), 7, "five finalists over the tuning bars, two walk-forwards");
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

/// Forty lines: the walk-forward is the joined folds, each fold was chosen before it, and the numbers are those of the
/// returns.
#[test]
fn the_walk_forward_can_be_recomputed_from_what_is_exported() {
    let dir = Dir::copy_of(&demo().node);
    let experiments = gauntlet(["ls", "experiments", "--filter", "name == 'gold-trend'"]).on(&dir).ok();
    let id = experiments[0]["experiment_id"].as_str().unwrap();
    let shown = gauntlet(["show", id]).on(&dir).ok();
    let walked = gauntlet(["show", id, "--folds"]).on(&dir).ok();
    let folds = walked["folds"].as_array().unwrap();
    assert_eq!(folds.len(), 5);
    let trials = gauntlet(["ls", "trials", "--filter", &format!("experiment_id == '{id}'")]).on(&dir).ok();
    let trials = trials.as_array().unwrap();
    assert_eq!(trials.len(), 6 * 100);
    for (search, fold) in (1..).zip(folds) {
        let value = |trial: &Json| trial["value"].as_f64();
        let own = trials.iter().filter(|trial| trial["trial"].as_i64().unwrap() / 100 == search);
        let best = own
            .filter(|trial| value(trial).is_some())
            .max_by(|a, b| value(a).unwrap().total_cmp(&value(b).unwrap()));
        let best = best.unwrap();
        assert_eq!(fold["trial"], best["trial"]);
        assert_eq!((&fold["parameters"], &fold["in_sample"]), (&best["hyperparameters"], &best["value"]));
    }
    let run = format!("{id}:walk_forward");
    let file = dir.path("walk.csv");
    gauntlet(["export", &run, "--out", file.to_str().unwrap()]).on(&dir).ok();
    let text = std::fs::read_to_string(&file).unwrap();
    let rows: Vec<(&str, f64)> = text
        .lines()
        .skip(1)
        .map(|line| (line.split(',').next().unwrap(), line.rsplit(',').next().unwrap().parse().unwrap()))
        .collect();
    let returns: Vec<f64> = rows.iter().map(|row| row.1).collect();
    let number = |value: &Json| value.as_f64().unwrap();
    let metrics = &shown["walk_forward"]["key_metrics"];
    let years = number(&shown["walk_forward"]["inference"]["periods_per_year"]);
    assert!((sharpe(&returns) * years.sqrt() - number(&metrics["sharpe"])).abs() < 1e-9);
    let growth = |from: &str, to: &str| {
        let own = rows.iter().filter(|row| from < row.0 && row.0 <= to);
        own.map(|row| 1.0 + row.1).product::<f64>()
    };
    for fold in folds {
        let (from, to) = (fold["range_from"].as_str().unwrap(), fold["range_to"].as_str().unwrap());
        assert!((growth(from, to) - 1.0 - number(&fold["total_return"])).abs() < 1e-9, "{fold}");
    }
    let mean = |name: &str| folds.iter().map(|fold| number(&fold[name])).sum::<f64>() / 5.0;
    let efficiency = mean("annual_return") / mean("in_sample_return");
    assert!((efficiency - number(&walked["summary"]["efficiency"])).abs() < 1e-9);
    // The beginning of the experiment's id is enough on the left of the colon.
    let short = format!("{}:walk_forward", &id[..8]);
    for asked in [&short, short.trim_end_matches("_forward")] {
        assert_eq!(gauntlet(["show", asked]).on(&dir).ok()["run_id"], run.as_str());
    }
    let equity = gauntlet(["show", &short, "--equity"]).on(&dir).ok();
    assert_eq!(equity["equity"].as_array().unwrap().len(), rows.len());
    let model = shown["leaderboard"][0]["model_id"].as_str().unwrap();
    let of_model = gauntlet(["show", &format!("{}:holdout", &model[..12])]).on(&dir).ok();
    assert_eq!(of_model["run_id"], format!("{model}:holdout"));
    gauntlet(["show", "zzz:walk_forward"])
        .on(&dir)
        .refused(2, &["nothing has an id that begins with 'zzz:walk"]);
    gauntlet(["show", "nobody", "--folds"]).on(&dir).refused(2, &["no experiment has an id"]);
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
