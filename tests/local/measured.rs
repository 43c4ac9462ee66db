//! `gauntlet metrics` on series by date: what is joined, what is turned round and what is refused.

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
