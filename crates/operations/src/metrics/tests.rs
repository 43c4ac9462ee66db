//! `metrics` over files: what is joined, refused, turned round and stated.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// Files to measure.
struct Files(TempDir);

impl Files {
    fn new() -> Files {
        Files(TempDir::new().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn request(&self, text: &str) -> MetricsRequest {
        MetricsRequest {
            path: self.file("s.csv", text),
            kind: SeriesKind::Returns,
            benchmark: None,
            periods_per_year: Some(252.0),
            risk_free: RiskFree::Rate(0.0),
        }
    }

    fn against(&self, text: &str, benchmark: &str) -> MetricsRequest {
        let benchmark = Some(self.file("b.csv", benchmark));
        MetricsRequest { benchmark, ..self.request(text) }
    }
}

fn refused(request: &MetricsRequest) -> String {
    metrics(request).unwrap_err().to_string()
}

fn of(measured: &Measured, name: &str) -> Option<f64> {
    value(&measured.metrics, name)
}

/// Rows of days of a month.
fn days(month: &str, returns: &[f64]) -> String {
    let row = |(day, value): (usize, &f64)| format!("{month}-{:02},{value}\n", day + 1);
    returns.iter().enumerate().map(row).collect()
}

const RETURNS: [f64; 8] = [0.01, -0.02, 0.03, 0.005, -0.01, 0.02, -0.03, 0.015];

#[test]
fn a_benchmark_with_other_dates_is_joined_and_changes_no_metric_of_the_series() {
    let files = Files::new();
    let text = days("2024-01", &RETURNS);
    let alone = metrics(&files.request(&text)).unwrap();
    // Days 3 to 8, and one that the series has not, newest first.
    let benchmark = "2024-01-09,0.5\n2024-01-08,0.01\n2024-01-07,-0.01\n2024-01-06,0.02\n2024-01-05,-0.02\n\
                     2024-01-04,0.01\n2024-01-03,0.02\n";
    let both = metrics(&files.against(&text, benchmark)).unwrap();
    let joined = both.joined.clone().unwrap();
    assert_eq!((joined.series, joined.benchmark, joined.joined), (8, 7, 6));
    assert_eq!((joined.first.as_deref(), joined.last.as_deref()), (Some("2024-01-03"), Some("2024-01-08")));
    assert!(
        both.notes.iter().any(|note| note.contains("b.csv: newest first, turned round")),
        "{:?}",
        both.notes
    );
    assert!(both.conventions.order.contains("b.csv: newest first"), "{}", both.conventions.order);
    let same = "2024-01-03,0.03\n2024-01-04,0.005\n2024-01-05,-0.01\n2024-01-06,0.02\n2024-01-07,-0.03\n2024-01-08,0.015\n";
    let cut = metrics(&files.against(same, benchmark)).unwrap();
    let mut compared = 0;
    for metric in DEFINITIONS {
        let expected = if metric.takes(Input::Benchmark) { &cut } else { &alone };
        assert_eq!(of(&both, metric.name), of(expected, metric.name), "{}", metric.name);
        compared += usize::from(metric.takes(Input::Benchmark));
    }
    assert_eq!(compared, 7);
    assert!(of(&both, "beta").is_some());
}

#[test]
fn equity_is_joined_before_it_becomes_returns() {
    let files = Files::new();
    let (ours, theirs) =
        (days("2024-01", &[100.0, 110.0, 121.0, 133.1]), "2024-01-01,50\n2024-01-03,60\n2024-01-04,66\n");
    let request = MetricsRequest { kind: SeriesKind::Equity, ..files.against(&ours, theirs) };
    let measured = metrics(&request).unwrap();
    assert_eq!(measured.joined.as_ref().map(|joined| joined.joined), Some(3));
    assert_eq!(measured.conventions.returns, 3);
    // 21 and 10 percent against 20 and 10.
    assert!((of(&measured, "beta").unwrap() - 1.1).abs() < 1e-9, "{:?}", of(&measured, "beta"));
}

#[test]
fn a_benchmark_that_cannot_be_joined_is_refused() {
    let files = Files::new();
    let text = days("2024-01", &RETURNS);
    let none = refused(&files.against(&text, &days("2023-01", &RETURNS)));
    assert!(none.contains("no date in common") && none.contains("from 2023-01-01 to 2023-01-08"), "{none}");
    let hours = "2024-01-01T16:00:00Z,0.1\n2024-01-02T16:00:00Z,0.1\n";
    assert!(refused(&files.against(&text, hours)).contains("a time of day counts"));
    assert!(refused(&files.against(&text, "0.1\n0.2\n")).contains("b.csv has none: give both with dates"));
    assert!(
        refused(&files.against("0.1\n0.2\n", "0.1\n")).contains("the series has 2 returns, the benchmark 1")
    );
    let by_row = metrics(&files.against("0.1\n0.2\n", "0.1\n0.3\n")).unwrap();
    assert_eq!(by_row.joined.map(|joined| (joined.joined, joined.first)), Some((2, None)));
}

#[test]
fn a_series_of_one_rate_is_that_rate() {
    let files = Files::new();
    let text = days("2024-01", &RETURNS);
    let benchmark = days("2024-01", &[0.02, -0.01, 0.01, 0.0, -0.02, 0.03, -0.01, 0.01]);
    let number = MetricsRequest { risk_free: RiskFree::Rate(0.3), ..files.against(&text, &benchmark) };
    let path = files.file("f.csv", &days("2024-01", &[0.3; 20]));
    let series = MetricsRequest { risk_free: RiskFree::Series(path), ..number.clone() };
    let [number, series] = [number, series].map(|request| metrics(&request).unwrap());
    for ((name, one), (_, other)) in number.metrics.iter().zip(&series.metrics) {
        let near =
            one.zip(*other).is_some_and(|(one, other)| (one - other).abs() <= 1e-12 * one.abs().max(1.0));
        assert!(near || (one.is_none() && other.is_none()), "{name}: {one:?} {other:?}");
    }
    assert!(of(&series, "alpha").is_some() && of(&series, "probabilistic_sharpe_ratio").is_some());
    assert_eq!((number.conventions.risk_free, series.conventions.risk_free), (Some(0.3), None));
    assert!(series.conventions.risk_free_from.contains("f.csv"));
}

#[test]
fn rates_with_a_hole_are_refused_by_its_date() {
    let files = Files::new();
    let with = |rates: &str| {
        let risk_free = RiskFree::Series(files.file("f.csv", rates));
        refused(&MetricsRequest { risk_free, ..files.request(&days("2024-01", &RETURNS)) })
    };
    let rows = days("2024-01", &[0.03; 8]);
    let holes: String = rows
        .lines()
        .filter(|row| !row.contains("-04,") && !row.contains("-06,"))
        .map(|row| format!("{row}\n"))
        .collect();
    let message = with(&holes);
    assert!(message.contains("f.csv: no rate of 2024-01-04, of 2 dates in all"), "{message}");
    assert!(with("0.01\n0.01\n").contains("must both have dates, or neither"));
    assert!(
        with(&rows.replace("-03,0.03", "-03,-1.5"))
            .contains("f.csv:3: -1.5 is not an annual rate between -1 and 1")
    );
}

/// Two losses of more than everything are a total loss, and every metric is of that one path.
#[test]
fn returns_below_minus_one_are_a_ruin() {
    let files = Files::new();
    let ruined = metrics(&files.request("date,return\n2024-01-01,-2\n2024-01-02,-2\n")).unwrap();
    let plain = metrics(&files.request("date,return\n2024-01-01,-1\n2024-01-02,0\n")).unwrap();
    assert_eq!(of(&ruined, "total_return"), Some(-1.0));
    assert_eq!(ruined.metrics, plain.metrics);
    assert!(
        ruined.notes[0].contains("s.csv:2: a return of -2 is below -1: the account is ruined"),
        "{:?}",
        ruined.notes
    );
    assert_eq!(ruined.conventions.ruin.as_ref(), ruined.notes.first());
    assert_eq!(ruined.yearly_returns.unwrap()[0].value, Some(-1.0));
    assert_eq!(ruined.top_drawdowns[0].end, None);
    let equity = |text: &str| MetricsRequest { kind: SeriesKind::Equity, ..files.request(text) };
    let lost = metrics(&equity("2024-01-01,5\n2024-01-02,0\n2024-01-03,0\n")).unwrap();
    assert_eq!((of(&lost, "total_return"), of(&lost, "max_drawdown")), (Some(-1.0), Some(1.0)));
    assert!(refused(&equity("5\n0\n3\n")).contains("s.csv:3: equity 3 after it was 0"));
    assert!(refused(&equity("5\n-1\n3\n")).contains("s.csv:2: equity -1 is not positive"));
    assert!(refused(&equity("0\n0\n")).contains("s.csv:1: equity 0 is not positive"));
}

#[test]
fn months_and_years_compound_and_drawdowns_have_dates() {
    let files = Files::new();
    let text =
        "2023-12-30,0.1\n2023-12-31,0.1\n2024-01-01,-0.5\n2024-01-02,0.5\n2024-02-01,1\n2024-02-03,-0.1\n";
    let measured = metrics(&files.request(text)).unwrap();
    let rows = |rows: Option<Vec<PeriodReturn>>| -> Vec<(String, f64)> {
        rows.unwrap().into_iter().map(|row| (row.period, (row.value.unwrap() * 1e9).round() / 1e9)).collect()
    };
    let named = |rows: &[(&str, f64)]| {
        rows.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<Vec<_>>()
    };
    assert_eq!(
        rows(measured.monthly_returns),
        named(&[("2023-12", 0.21), ("2024-01", -0.25), ("2024-02", 0.8)])
    );
    assert_eq!(rows(measured.yearly_returns), named(&[("2023", 0.21), ("2024", 0.35)]));
    let date = |text: &str| Place::Date(text.into());
    let first = &measured.top_drawdowns[0];
    assert_eq!(
        (&first.start, &first.trough, &first.end),
        (&date("2024-01-01"), &date("2024-01-01"), &Some(date("2024-02-01")))
    );
    assert_eq!((first.depth, first.periods, first.days), (0.5, 2, Some(31)));
    assert_eq!(measured.top_drawdowns[1].end, None);
    let plain = metrics(&files.request("0.1\n-0.5\n")).unwrap();
    assert!(plain.monthly_returns.is_none() && plain.yearly_returns.is_none());
    assert_eq!(plain.top_drawdowns[0].start, Place::Number(2));
}

#[test]
fn without_a_known_year_what_is_annual_is_undefined_and_says_so() {
    let files = Files::new();
    let request = |text: &str| MetricsRequest { periods_per_year: None, ..files.request(text) };
    let short = metrics(&request(&days("2024-01", &RETURNS))).unwrap();
    assert_eq!(short.conventions.periods_per_year, None);
    let why = |name: &str| short.undefined.iter().find(|(of, _)| *of == name).map(|(_, why)| why.as_str());
    assert!(why("sharpe").unwrap().contains("state --periods-per-year"), "{:?}", why("sharpe"));
    assert_eq!(why("win_rate"), Some("a series has no trades: see win_rate_periods"));
    assert_eq!(why("beta"), Some("no benchmark: give --benchmark"));
    assert!(of(&short, "total_return").is_some() && of(&short, "probabilistic_sharpe_ratio").is_some());
    let undated = metrics(&request("0.1\n-0.1\n0.2\n")).unwrap();
    assert_eq!(undated.conventions.periods_per_year, Some(252.0));
    assert!(of(&undated, "sharpe").is_some());
}

/// Scripts read the metrics at the top of the document: numbers or null, and nothing of that name beside them.
#[test]
fn the_document_has_the_metrics_at_its_top() {
    let files = Files::new();
    let measured = metrics(&files.against(&days("2024-01", &RETURNS), &days("2024-01", &RETURNS))).unwrap();
    let document = serde_json::to_value(&measured).unwrap();
    let object = document.as_object().unwrap();
    for metric in DEFINITIONS {
        let value = object.get(metric.name).unwrap_or_else(|| panic!("no {}", metric.name));
        assert!(value.is_number() || value.is_null(), "{}: {value}", metric.name);
        assert_eq!(value.is_null(), document["undefined"][metric.name].is_string(), "{}", metric.name);
    }
    let more =
        ["conventions", "joined", "top_drawdowns", "monthly_returns", "yearly_returns", "undefined", "notes"];
    assert!(more.iter().all(|name| object.contains_key(*name)));
    assert_eq!(object.len(), DEFINITIONS.len() + more.len());
    assert_eq!(document["conventions"]["periods_per_year"], 252.0);
    assert_eq!(document["conventions"]["ddof"], 1);
}

#[test]
fn equity_is_not_taken_for_returns() {
    let files = Files::new();
    let equity = "date,equity\n2024-01-01,100\n2024-01-02,101\n2024-01-03,103\n";
    let said = refused(&files.request(equity));
    assert!(
        said.contains("s.csv: column 2 ('equity') holds values from 100 to 103, none negative"),
        "{said}"
    );
    assert!(said.ends_with("not returns: give --kind equity"), "{said}");
    assert!(
        refused(&files.request("100\n101\n103\n")).contains("column 1 holds values from 100"),
        "one column"
    );
    let benchmark = refused(&files.against("2024-01-02,0.01\n2024-01-03,-0.02\n", equity));
    assert!(benchmark.contains("b.csv: column 2 ('equity')"), "{benchmark}");
    let request = MetricsRequest { kind: SeriesKind::Equity, ..files.request(equity) };
    assert_eq!(metrics(&request).unwrap().conventions.returns, 2);
}

#[test]
fn a_percentage_is_no_risk_free_rate() {
    let files = Files::new();
    for rate in [5.0, 1.0, -1.0, f64::NAN] {
        let request = MetricsRequest { risk_free: RiskFree::Rate(rate), ..files.request("0.1\n0.2\n") };
        let said = refused(&request);
        assert_eq!(
            said,
            format!("--risk-free: {rate} is not an annual rate between -1 and 1: 0.02 is two percent")
        );
    }
    let path = files.file("f.csv", &days("2024-01", &[2.0; 20]));
    let request =
        MetricsRequest { risk_free: RiskFree::Series(path), ..files.request(&days("2024-01", &RETURNS)) };
    assert!(refused(&request).contains("f.csv:1: 2 is not an annual rate between -1 and 1"));
}
