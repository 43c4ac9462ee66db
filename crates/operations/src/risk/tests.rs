//! `risk` over files: figures, reasons, forecasts that fit and that do not.

#![allow(clippy::unwrap_used)]

use tempfile::TempDir;

use super::*;

fn request(dir: &TempDir, series: &str, alpha: f64, forecasts: Option<&str>) -> RiskRequest {
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let forecasts = forecasts.map(|text| file("var.csv", text));
    RiskRequest { path: file("s.csv", series), kind: SeriesKind::Returns, alpha, forecasts }
}

fn answer(series: &str, alpha: f64, forecasts: Option<&str>) -> RiskFigures {
    risk(&request(&TempDir::new().unwrap(), series, alpha, forecasts)).unwrap()
}

fn refused(series: &str, forecasts: &str) -> String {
    risk(&request(&TempDir::new().unwrap(), series, 0.05, Some(forecasts))).unwrap_err().to_string()
}

fn lines(values: &[f64]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

/// Rows of days of January.
fn days(from: usize, values: &[f64]) -> String {
    values.iter().enumerate().map(|(at, value)| format!("2024-01-{:02},{value}\n", from + at)).collect()
}

fn figure(of: &RiskFigures, name: &str) -> Option<f64> {
    of.figures.iter().find(|(figure, ..)| *figure == name).unwrap().1
}

const TEN: [f64; 10] = [0.01, -0.02, 0.0, -0.06, 0.03, -0.01, 0.02, -0.04, 0.05, -0.03];

#[test]
fn every_figure_is_a_number_or_has_a_reason() {
    let fifty = answer(&lines(&TEN.repeat(5)), 0.2, None);
    assert_eq!(figure(&fifty, "var_historical"), Some(0.03));
    assert!((figure(&fifty, "expected_shortfall").unwrap() - 0.05).abs() < 1e-15);
    assert!(fifty.figures.iter().all(|(_, value, _)| value.is_some()) && fifty.undefined.is_empty());
    let ten = answer(&lines(&TEN), 0.2, None);
    let said = "too few observations: 10, at least 50 are needed";
    assert_eq!(ten.undefined["var_historical"], said);
    assert_eq!(ten.undefined["cornish_fisher_valid"], said);
    assert_eq!(figure(&ten, "worst_loss"), Some(0.06));
    assert!(figure(&ten, "max_drawdown").is_some());
    for (name, value, _) in &ten.figures {
        assert_eq!(value.is_none(), ten.undefined.contains_key(name), "{name}");
    }
    let equal = answer(&lines(&[-0.01; 200]), 0.05, None);
    assert_eq!((figure(&equal, "evar"), figure(&equal, "var_normal")), (Some(0.01), Some(0.01)));
    assert_eq!(equal.undefined["var_cornish_fisher"], "the series does not vary");
}

#[test]
fn an_expansion_outside_its_range_is_said() {
    let mut returns = vec![0.001; 300];
    (returns[7], returns[8]) = (-0.5, -0.001);
    let of = answer(&lines(&returns), 0.05, None);
    assert_eq!(of.cornish_fisher_valid, Some(false));
    assert!(of.notes[0].contains("do not decide by var_cornish_fisher"), "{:?}", of.notes);
    assert!(figure(&of, "var_cornish_fisher").is_some());
}

#[test]
fn forecasts_are_joined_by_date_and_by_row() {
    // Days 3 and 7 lose more than 2 %; the first forecast is of day 2, the last of day 12.
    let returns = [-0.05, 0.0, -0.03, 0.0, -0.02, 0.0, -0.04, 0.01, 0.0, 0.0];
    let dated = answer(&days(1, &returns), 0.2, Some(&days(2, &[0.02; 11])));
    let tests = dated.tests.unwrap();
    let expected = TestedPeriods {
        rows: 11,
        periods: 9,
        hits: 2,
        hit_rate: 2.0 / 9.0,
        first: Some("2024-01-02".into()),
        last: Some("2024-01-10".into()),
    };
    assert_eq!(tests.periods, expected);
    let by_row = answer(&lines(&returns[1..]), 0.2, Some(&lines(&[0.02; 9]))).tests.unwrap();
    assert_eq!((by_row.kupiec, by_row.christoffersen), (tests.kupiec, tests.christoffersen));
    assert!(tests.kupiec.lr.is_some() && tests.christoffersen.p.is_some());
    assert!(dated.undefined["traffic_light"].contains("at alpha 0.01 alone"));
}

#[test]
fn no_hit_is_a_green_light_and_no_test_of_independence() {
    let of = answer(&lines(&[0.001; 250]), 0.01, Some(&lines(&[0.02; 250])));
    let tests = of.tests.unwrap();
    assert_eq!(tests.traffic_light, Some("green"));
    assert_eq!(tests.christoffersen, Ratio { lr: None, p: None });
    assert_eq!(of.undefined["christoffersen"], "there is nothing to test");
    assert!(of.undefined.contains_key("conditional_coverage") && tests.kupiec.lr.unwrap() > 5.0);
    let short = answer(&lines(&[0.001; 249]), 0.01, Some(&lines(&[0.02; 249])));
    assert_eq!(short.undefined["traffic_light"], "too few observations: 249, at least 250 are needed");
}

#[test]
fn forecasts_that_do_not_fit_are_refused_with_their_place() {
    let returns = days(1, &[0.01, -0.02, 0.03]);
    for (forecasts, words) in [
        (days(1, &[0.02, 2.1, 0.02]), "var.csv:2: a value at risk of 2.1 is more than everything"),
        (days(1, &[-0.02, -0.01, -0.02]), "var.csv:1: no forecast is above zero"),
        (lines(&[0.02; 3]), "s.csv has dates and "),
        (days(20, &[0.02; 3]), "no date in common"),
        ("2024-01-01,0.02\n2024-01-03,0.02\n".into(), "no forecast of 2024-01-02, of 1 dates in all"),
        ("2024-01-01,0.02\n2024-01-02,x\n".into(), "var.csv:2: column 2: 'x' is not a number"),
    ] {
        let said = refused(&returns, &forecasts);
        assert!(said.contains(words), "{said}");
    }
    let said = refused(&lines(&[0.01, 0.02, -0.01]), &lines(&[0.02; 2]));
    assert!(said.contains("2 forecasts for 3 returns: give one for each"), "{said}");
}

#[test]
fn a_confidence_is_no_tail() {
    let dir = TempDir::new().unwrap();
    for alpha in [0.0, -0.05, 0.95, 5.0, f64::NAN] {
        let said = risk(&request(&dir, "0.1\n", alpha, None)).unwrap_err().to_string();
        assert!(
            said.contains("is not the mass of a tail") && said.contains("0.05 for what is called 95 %"),
            "{said}"
        );
    }
}
