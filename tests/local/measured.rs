//! `gauntlet metrics`, `gauntlet risk` and `gauntlet stats` on files: what is joined, what is turned round and what is refused.

use std::path::Path;

use gauntlet_tests::{Dir, gauntlet};

#[test]
fn metrics_of_dates_that_do_not_fit() {
    let dir = Dir::new();
    let days = |name: &str, rows: &[(&str, &str)]| {
        let text: String = rows.iter().map(|(date, value)| format!("{date},{value}\n")).collect();
        dir.write(name, format!("date,return\n{text}"))
    };
    let series = days("r.csv", &[("2024-01-01", "0.1"), ("2024-01-02", "-0.1"), ("2024-01-03", "0.2")]);
    let metrics = |path: &Path, more: &[&str]| {
        let args =
            [&["metrics", path.to_str().unwrap(), "--periods-per-year", "252", "--json"], more].concat();
        gauntlet(args)
    };
    let twice = days("twice.csv", &[("2024-01-01", "0.1"), ("2024-01-01", "0.2")]);
    metrics(&twice, &[]).refused(2, &["twice.csv:3: 2024-01-01 is there twice, first on line 2"]);
    let mixed = days("mixed.csv", &[("2024-01-01", "0.1"), ("2024-01-03", "0.2"), ("2024-01-02", "0.3")]);
    metrics(&mixed, &[]).refused(2, &["mixed.csv:4: 2024-01-02 is not in order", "sort the rows by date"]);
    let word = days("word.csv", &[("2024-01-01", "0.1"), ("2024-01-02", "x")]);
    metrics(&word, &[]).refused(2, &["word.csv:3: column 2 ('return'): 'x' is not a number"]);
    let other = days("other.csv", &[("2020-01-01", "0.1"), ("2020-01-02", "0.2")]);
    metrics(&series, &["--benchmark", other.to_str().unwrap()]).refused(2, &["no date in common"]);
    let rates = days("rates.csv", &[("2024-01-01", "0.03"), ("2024-01-03", "0.03")]);
    metrics(&series, &["--risk-free", rates.to_str().unwrap()])
        .refused(2, &["rates.csv: no rate of 2024-01-02", "give a rate for every date"]);

    let newest_first =
        days("turned.csv", &[("2024-01-02", "0.2"), ("2024-01-01", "0.1"), ("2023-12-31", "-0.3")]);
    let joined = metrics(&series, &["--benchmark", newest_first.to_str().unwrap()]).ok();
    let counts = serde_json::json!({
        "series": 3, "benchmark": 3, "joined": 2, "first": "2024-01-01", "last": "2024-01-02"
    });
    assert_eq!(joined["joined"], counts);
    assert!(
        joined["notes"][0].as_str().unwrap().contains("turned.csv: newest first, turned round"),
        "{joined}"
    );
    let ruined = metrics(&days("ruin.csv", &[("2024-01-01", "-2"), ("2024-01-02", "-2")]), &[]).ok();
    assert_eq!(ruined["total_return"], -1.0, "{ruined}");
    let constant = metrics(&series, &["--risk-free", "0.02"]).ok();
    assert!(constant["sharpe"].is_number() && constant["conventions"]["risk_free"] == 0.02, "{constant}");
}

#[test]
fn metrics_of_what_is_no_series() {
    let dir = Dir::new();
    let good = dir.write("good.csv", "0.01\n-0.02\n0.03\n");
    let metrics = |name: &str, text: &str, more: &[&str], words: &[&str]| {
        let path = dir.write(name, text);
        let args = [&["metrics", path.to_str().unwrap(), "--json"], more].concat();
        gauntlet(args).refused(2, words);
    };
    gauntlet(["metrics", "absent.csv", "--json"])
        .refused(2, &["absent.csv", "No such file", "check the path"]);
    metrics(
        "a.csv",
        "date,ret\n2020-01-01,0.1\n2020-01-02,abc\n",
        &[],
        &["a.csv:3: column 2 ('ret'): 'abc' is not a number"],
    );
    metrics("b.csv", "0.1\nNaN\n", &[], &["b.csv:2: column 1: 'NaN' is not finite"]);
    metrics("c.csv", "return\n", &[], &["there is no number in it: give a CSV with a value a line"]);
    metrics("d.csv", "1\n-2\n3\n", &["--kind", "equity"], &["equity -2 is not positive", "--kind returns"]);
    metrics(
        "e.csv",
        "0.1\n",
        &["--kind", "prices"],
        &["--kind 'prices' is not known: use returns or equity"],
    );
    metrics("f.csv", "0.1\n", &["--periods-per-year", "0"], &["--periods-per-year 0 is not positive"]);
    metrics(
        "g.csv",
        "0.1\n",
        &["--risk-free", "-1"],
        &["--risk-free: -1 is not an annual rate between -1 and 1"],
    );
    metrics("g.csv", "0.1\n", &["--risk-free", "5"], &["5 is not an annual rate", "0.02 is two percent"]);
    let levels = ["column 2 ('equity') holds values from 100 to 102, none negative", "give --kind equity"];
    metrics("i.csv", "date,equity\n2024-01-01,100\n2024-01-02,102\n", &[], &levels);
    let benchmark = ["--benchmark", good.to_str().unwrap()];
    metrics(
        "h.csv",
        "0.1\n0.2\n",
        &benchmark,
        &["the series has 2 returns, the benchmark 3: give the same dates"],
    );
    let all = gauntlet(["metrics", good.to_str().unwrap(), "--json"]).ok();
    assert!(all.as_object().unwrap().len() > 25, "{all}");
    assert!(all["alpha"].is_null(), "without a benchmark it is undefined, not a number");
}

/// Ten returns by hand, five times, and a hit in every tenth period.
#[test]
fn risk_of_returns_by_hand_and_of_their_forecasts() {
    let dir = Dir::new();
    let ten = "0.01\n-0.02\n0\n-0.06\n0.03\n-0.01\n0.02\n-0.04\n0.05\n-0.03\n";
    let series = dir.write("r.csv", ten.repeat(5));
    let forecasts = dir.write("var.csv", "0.05\n".repeat(50));
    let risk = |more: &[&str]| gauntlet([&["risk", series.to_str().unwrap(), "--json"], more].concat());
    let near = |value: &serde_json::Value, expected: f64| {
        assert!((value.as_f64().unwrap() - expected).abs() < 1e-9, "{value} is not {expected}");
    };
    let fifth = risk(&["--alpha", "0.2"]).ok();
    near(&fifth["var_historical"], 0.03);
    near(&fifth["expected_shortfall"], 0.05);
    near(&risk(&["--alpha", "0.25"]).ok()["expected_shortfall"], 0.046);
    for name in [
        "var_historical_linear",
        "var_normal",
        "var_cornish_fisher",
        "es_normal",
        "evar",
        "max_drawdown",
        "cdar",
    ] {
        assert!(fifth[name].is_number(), "{name}: {fifth}");
    }
    assert_eq!((&fifth["undefined"], fifth.get("kupiec")), (&serde_json::json!({}), None));
    // Fifty returns have no twentieth of ten.
    let short = risk(&[]).ok();
    assert!(short["var_historical"].is_null() && short["max_drawdown"] == fifth["max_drawdown"], "{short}");
    assert_eq!(short["undefined"]["evar"], "too few observations: 50, at least 200 are needed");

    // Five hits in fifty, none after another.
    let tested = risk(&["--alpha", "0.2", "--forecasts", forecasts.to_str().unwrap()]).ok();
    assert_eq!((&tested["forecasts"]["periods"], &tested["forecasts"]["hits"]), (&50.into(), &5.into()));
    let kupiec = 2.0 * (5.0 * 0.5_f64.ln() + 45.0 * (45.0 / 40.0_f64).ln());
    // Of 49 pairs, five go from none to a hit and five from a hit to none.
    let g = |observed: f64, expected: f64| 2.0 * observed * (observed / expected).ln();
    let independence = g(39.0, 44.0 * 44.0 / 49.0) + 2.0 * g(5.0, 44.0 * 5.0 / 49.0);
    near(&tested["kupiec"]["lr"], kupiec);
    near(&tested["christoffersen"]["lr"], independence);
    near(&tested["conditional_coverage"]["lr"], kupiec + independence);
    assert!(tested["undefined"]["traffic_light"].as_str().unwrap().contains("alpha 0.01"), "{tested}");
}

#[test]
fn risk_of_what_is_no_series_and_no_forecast() {
    let dir = Dir::new();
    let good = "date,return\n2024-01-01,0.01\n2024-01-02,-0.02\n2024-01-03,0.03\n";
    let risk = |name: &str, text: &str, more: &[&str], words: &[&str]| {
        let path = dir.write(name, text);
        gauntlet([&["risk", path.to_str().unwrap(), "--json"], more].concat()).refused(2, words);
    };
    gauntlet(["risk", "absent.csv", "--json"]).refused(2, &["absent.csv", "No such file", "check the path"]);
    risk("a.csv", "0.1\nx\n", &[], &["a.csv:2: column 1: 'x' is not a number"]);
    risk("b.csv", "date,equity\n2024-01-01,100\n2024-01-02,102\n", &[], &["give --kind equity"]);
    risk("c.csv", good, &["--kind", "prices"], &["--kind 'prices' is not known: use returns or equity"]);
    risk(
        "d.csv",
        good,
        &["--alpha", "0.95"],
        &["--alpha 0.95 is not the mass of a tail", "0.05 for what is"],
    );
    let forecasts = |name: &str, text: &str| dir.write(name, text).to_str().unwrap().to_owned();
    for (name, text, words) in [
        (
            "percent.csv",
            "2024-01-01,2\n2024-01-02,2\n",
            ["percent.csv:1: a value at risk of 2", "0.02 for a loss"],
        ),
        ("sign.csv", "2024-01-01,-0.1\n2024-01-02,-0.1\n", ["sign.csv:1: no forecast is above zero", "sign"]),
        (
            "hole.csv",
            "2024-01-01,0.1\n2024-01-03,0.1\n",
            ["hole.csv: no forecast of 2024-01-02", "every date"],
        ),
        ("undated.csv", "0.1\n0.1\n0.1\n", ["e.csv has dates", "undated.csv has none"]),
    ] {
        risk("e.csv", good, &["--forecasts", &forecasts(name, text)], &words);
    }
}

/// Two trials over 64 days.
fn good_matrix() -> String {
    let row =
        |day: usize| format!("2020-{:02}-{:02},0.0{},-0.0{}", day / 28 + 1, day % 28 + 1, day % 7, day % 5);
    (0..64).fold("date,a,b".to_owned(), |text, day| format!("{text}\n{}", row(day)))
}

#[test]
fn stats_of_what_is_no_matrix_of_returns() {
    let dir = Dir::new();
    let good = good_matrix();
    let stats = |name: &str, text: &str, more: &[&str], words: &[&str]| {
        let path = dir.write(name, text);
        let args = [&["stats", path.to_str().unwrap(), "--json"], more].concat();
        gauntlet(args).refused(2, words);
    };
    gauntlet(["stats", "absent.csv", "--json"]).refused(2, &["absent.csv", "No such file", "check the path"]);
    stats(
        "a.csv",
        &good.replace("date,a,b\n", ""),
        &[],
        &["a.csv:1", "where the header should be", "date,trial_1"],
    );
    stats("b.csv", &good.replacen("-0.01", "x", 1), &[], &["b.csv:3: column 3 ('b'): 'x' is not a number"]);
    let mixed = "date,a,b\n2020-01-01,0.1,0.1\n2020-01-03,0.1,0.1\n2020-01-02,0.1,0.1\n";
    stats("c.csv", mixed, &[], &["c.csv:4: 2020-01-02 is not in order after line 3", "sort the rows"]);
    let twice = "date,a,b\n2020-01-02,0.1,0.1\n2020-01-02,0.1,0.1\n";
    stats("d.csv", twice, &[], &["d.csv:3: 2020-01-02 is there twice, first on line 2: keep one row a date"]);
    stats(
        "e.csv",
        "date,a,b\n2020-01-02,0.1,-5\n",
        &[],
        &["e.csv:2: column 3 ('b'): -5 is below -1", "0.05 for 5 %"],
    );
    stats("f.csv", &good, &["--benchmark", "b"], &["f.csv: 1 column of trials", "gauntlet metrics"]);
    stats("g.csv", &good, &["--blocks", "7"], &["--blocks 7: give an even number from 2 to 20"]);
    stats("h.csv", &good, &["--blocks", "200"], &["--blocks 200: give an even number from 2 to 20"]);
    stats(
        "i.csv",
        twice.rsplit_once("2020").unwrap().0,
        &[],
        &["too few rows (1) for 16 blocks of two: give more rows"],
    );
    stats("j.csv", &good, &["--benchmark", "c"], &["'c' is neither a column of", "its columns are a, b"]);
    let benchmark = |name: &str, text: &str| dir.write(name, text).to_str().unwrap().to_owned();
    let later = benchmark("later.csv", "date,m\n2030-01-01,0.1\n");
    stats("k.csv", &good, &["--benchmark", &later], &["later.csv: no date in common with", "same period"]);
    let short = benchmark("short.csv", "date,m\n2020-01-01,0.1\n");
    stats("l.csv", &good, &["--benchmark", &short], &["short.csv: 63 dates of", "first 2020-01-02"]);
    let level = benchmark("level.csv", "date,close\n2020-01-01,100\n2020-01-02,101\n");
    stats(
        "n.csv",
        &good,
        &["--benchmark", &level],
        &["level.csv: column 2 ('close') holds values from 100 to 101"],
    );
    stats("m.csv", &good, &["--periods-per-year", "-1"], &["--periods-per-year -1 is not positive"]);
}

#[test]
fn stats_of_a_matrix_depend_on_no_order_and_on_no_year_that_nobody_stated() {
    let dir = Dir::new();
    let good = good_matrix();
    let path = dir.write("good.csv", &good);
    let all = gauntlet(["stats", path.to_str().unwrap(), "--json"]).ok();
    assert_eq!(
        (&all["observations"], &all["trials"], &all["best"]),
        (&64.into(), &2.into(), &"a".into()),
        "{all}"
    );
    assert!(all["dsr"].is_number() && all["pbo"]["value"].is_number(), "{all}");
    assert_eq!(
        all["spa"],
        gauntlet(["stats", path.to_str().unwrap(), "--json"]).ok()["spa"],
        "the seed decides"
    );
    // Three months of dates do not say how many of them a year has.
    let (of_a, why) = (&all["columns"][0], "state --periods-per-year");
    assert!(all["conventions"]["periods_per_year"].is_null() && of_a["sharpe_annual"].is_null(), "{all}");
    assert!(of_a["undefined"]["sharpe_annual"].as_str().unwrap().contains(why), "{all}");
    let stated = gauntlet(["stats", path.to_str().unwrap(), "--periods-per-year", "252", "--json"]).ok();
    assert!(stated["columns"][0]["sharpe_annual"].is_number(), "{stated}");
    let header = good.lines().next().into_iter();
    let newest_first: Vec<&str> =
        header.chain(good.lines().skip(1).collect::<Vec<_>>().into_iter().rev()).collect();
    let turned = dir.write("turned.csv", newest_first.join("\n"));
    let turned = gauntlet(["stats", turned.to_str().unwrap(), "--json"]).ok();
    assert_eq!(
        (&turned["dsr"], &turned["spa"]),
        (&all["dsr"], &all["spa"]),
        "newest first changes no figure"
    );
    assert!(
        turned["notes"][0].as_str().unwrap().contains("turned.csv: newest first, turned round"),
        "{turned}"
    );
}
