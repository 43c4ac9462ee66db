//! Cases of `tests/cases/research`, each with the right value: what an account comes to, and what may be asked of a search.

use gauntlet_tests::{Dir, Json, gauntlet, repository};

fn case(name: &str) -> String {
    repository().join("tests/cases/research").join(name).display().to_string()
}

/// The first finalist of a document over the bars of `fold_gap`, with other settings.
fn first_of(settings: &[&str]) -> Json {
    report_of(settings)["leaderboard"][0].clone()
}

fn report_of(settings: &[&str]) -> Json {
    let dir = Dir::new();
    gauntlet(["feed", &case("fold_gap/bars.csv"), "--instrument", "FG", "--venue", "X"]).on(&dir).ok();
    let document = case("fold_gap/spec2.yaml");
    let mut args = vec!["submit", &document, "--wait"];
    settings.iter().for_each(|setting| args.extend(["--set", setting]));
    gauntlet(args).on(&dir).ok()
}

/// Equity over all bars of a backtest: what one account comes to.
fn fall(equity: &[f64]) -> f64 {
    let mut peak = f64::MIN;
    equity.iter().fold(0.0, |deepest: f64, value| {
        peak = peak.max(*value);
        deepest.max(1.0 - value / peak)
    })
}

#[test]
fn a_fall_between_two_folds_is_in_the_walk() {
    // A gap of 60 percent: the close of 124.7... before it, and what is left after it.
    let text = std::fs::read_to_string(case("fold_gap/bars.csv")).unwrap();
    let closes: Vec<f64> =
        text.lines().skip(1).map(|line| line.split(',').nth(4).unwrap().parse().unwrap()).collect();
    let expected = fall(&closes);
    assert!(expected > 0.59);
    for folds in 2..=5 {
        let folds = format!("validation.folds={folds}");
        let found = first_of(&[&folds, "validation.scheme=fixed"])["tuning"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-12, "{folds}: {found}, one account falls by {expected}");
        let report = report_of(&[&folds]);
        let found = report["walk_forward"]["key_metrics"]["max_drawdown"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-12, "{folds}, walked forward: {found}, not {expected}");
        let found = report["leaderboard"][0]["tuning"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-12, "{folds}, over all tuning bars: {found}, not {expected}");
    }
}

#[test]
fn a_hold_out_with_one_trade_confirms_nothing() {
    let first = first_of(&[]);
    let verdict = &first["verdicts"][0];
    assert_eq!((&first["confirmed"], verdict["outcome"].as_str()), (&Json::Bool(false), Some("refused")));
    assert_eq!(verdict["evidence"]["metric"], "trade_count");
    assert_eq!(first["verdict"], "refused: trade_count 1 on the hold-out, at least 10 needed");
}

#[test]
fn a_ruined_account_has_nothing_and_earns_nothing() {
    let ran = gauntlet(["backtest", &case("negative_equity/spec.yaml"), "--json"]).ok();
    let equity: Vec<f64> =
        ran["equity"].as_array().unwrap().iter().map(|point| point[1].as_f64().unwrap()).collect();
    assert!(equity.iter().all(|value| *value >= 0.0), "{equity:?}");
    assert_eq!(equity[3..], [0.0; 5], "nothing after the ruin counts");
    assert_eq!(
        (&ran["metrics"]["total_return"], &ran["metrics"]["max_drawdown"]),
        (&(-1.0).into(), &1.0.into())
    );
    let last = &ran["trades"].as_array().unwrap().last().unwrap();
    assert_eq!(last["exit_reason"], "liquidation", "{last}");
    let ruined = gauntlet(["metrics", &case("ruin_twice/r.csv"), "--periods-per-year", "252", "--json"]).ok();
    assert_eq!(ruined["total_return"], -1.0);
}

#[test]
fn an_objective_that_only_describes_or_a_direction_that_contradicts_is_refused() {
    let dir = Dir::new();
    let document = case("fold_gap/spec2.yaml");
    let refused = |settings: [&str; 2], said: &[&str]| {
        let [a, b] = settings;
        gauntlet(["submit", &document, "--set", a, "--set", b]).on(&dir).refused(2, said);
    };
    refused(
        ["tuning.objective=beta", "tuning.direction=maximize"],
        &["tuning.objective: beta only describes", "choose another metric"],
    );
    refused(
        ["tuning.objective=sharpe", "tuning.direction=minimize"],
        &["tuning.direction: more of sharpe is better: write direction: maximize"],
    );
}

/// A document of the first version of the schemes keeps its meaning; a setting that says nothing is refused.
#[test]
fn a_document_of_the_old_scheme_is_scored_on_its_folds_and_has_no_walk_forward() {
    let old = report_of(&["validation.scheme_version=1", "validation.embargo=1%"]);
    let fixed = report_of(&["validation.scheme=fixed"]);
    assert_eq!((&old["walk_forward"], &fixed["walk_forward"]), (&Json::Null, &Json::Null));
    assert_eq!(old["leaderboard"][0]["tuning"], fixed["leaderboard"][0]["tuning"]);
    let dir = Dir::new();
    gauntlet(["submit", &case("fold_gap/spec2.yaml"), "--set", "validation.embargo=1%"])
        .on(&dir)
        .refused(2, &["validation.embargo: means nothing where training only comes before the test"]);
    gauntlet([
        "submit",
        &case("fold_gap/spec2.yaml"),
        "--set",
        "tuning.objective=sharpe",
        "--set",
        "tuning.direction=maximize",
    ])
    .on(&dir)
    .refused(2, &["account.periods_per_year: is needed: sharpe is of a year"]);
}

/// What is asked for and not in the data, and what was left out, is said.
#[test]
fn costs_that_the_data_do_not_have_and_bars_left_out_are_said() {
    let warned = first_warnings(&["costs.spread=quoted"]);
    assert!(warned.contains("no bar has a quoted spread"), "{warned}");
    assert_eq!(first_warnings(&[]), "");
    let ran = gauntlet(["backtest", &case("silent_drop/spec.yaml"), "--json"]).ok();
    let left_out = ran["left_out"].as_object().unwrap();
    assert_eq!(left_out.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), 1, "{left_out:?}");
    let warnings = ran["warnings"].to_string();
    assert!(warnings.contains("less than a year"), "{warnings}");
    assert_eq!(ran["metrics"]["sharpe"], Json::Null);
}

fn first_warnings(settings: &[&str]) -> String {
    report_of(settings)["warnings"].as_str().unwrap_or_default().to_owned()
}
