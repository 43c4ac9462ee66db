//! Cases of `tests/cases/research`, each with the right value: what an account comes to, and what may be asked of a search.

use std::ffi::OsString;

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

/// Opening and close of each bar of `fold_gap`.
fn bars_of_fold_gap() -> Vec<(f64, f64)> {
    let text = std::fs::read_to_string(case("fold_gap/bars.csv")).unwrap();
    let bar = |line: &str| {
        let cells: Vec<f64> = line.split(',').skip(1).map(|cell| cell.parse().unwrap()).collect();
        (cells[0], cells[3])
    };
    text.lines().skip(1).map(bar).collect()
}

/// One account over some bars, by hand: all in while a close is above the mean of it and the one before, and out after a
/// close below. Gives the return of each bar.
fn one_account(bars: &[(f64, f64)], range: std::ops::Range<usize>) -> Vec<f64> {
    let (mut cash, mut units, mut before) = (1000.0, 0.0, 1000.0);
    let step = |bar: usize| {
        let (one, two) = (bars[bar - 1].1, bars[bar - 2].1);
        let wanted = one > (one + two) / 2.0;
        let opening = bars[bar].0;
        if wanted && units == 0.0 {
            (units, cash) = (cash / opening, 0.0);
        } else if !wanted && units > 0.0 {
            (units, cash) = (0.0, units * opening);
        }
        let equity = cash + units * bars[bar].1;
        let earned = equity / before - 1.0;
        before = equity;
        earned
    };
    range.map(step).collect()
}

#[test]
fn what_the_folds_come_to_is_what_one_account_comes_to() {
    let (bars, year) = (bars_of_fold_gap(), 365.0_f64);
    let tuning = bars.len() * 4 / 5;
    for folds in 2..=5_usize {
        // Where the bars do not divide, the first segments have one more.
        let returns = one_account(&bars, tuning.div_ceil(folds + 1)..tuning);
        let wealth = returns.iter().scan(1.0, |wealth, value| {
            *wealth *= 1.0 + value;
            Some(*wealth)
        });
        let wealth: Vec<f64> = std::iter::once(1.0).chain(wealth).collect();
        let count = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / count;
        let variance = returns.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let expected = [
            ("total_return", "maximize", wealth.last().unwrap() - 1.0),
            ("max_drawdown", "minimize", fall(&wealth)),
            ("sharpe", "maximize", mean / variance.sqrt() * year.sqrt()),
        ];
        let cut = format!("validation.folds={folds}");
        let walked = report_of(&[&cut, "account.periods_per_year=365"]);
        for (metric, direction, expected) in expected {
            let found = walked["walk_forward"]["key_metrics"][metric].as_f64().unwrap();
            assert!(
                is_close(found, expected),
                "{folds} folds, {metric}: {found}, one account has {expected}"
            );
            let objective = [format!("tuning.objective={metric}"), format!("tuning.direction={direction}")];
            let fixed = [&cut, "account.periods_per_year=365", "validation.scheme=fixed"];
            let fixed = report_of(&[&fixed[..], &[&objective[0], &objective[1]]].concat());
            let found = fixed["leaderboard"][0]["tuning"].as_f64().unwrap();
            assert!(is_close(found, expected), "{folds} fixed folds, {metric}: {found}, not {expected}");
        }
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

/// What a backtest of a case must come to: entry and exit of its trades, why they ended, and the last equity.
fn backtest(document: &str) -> (Json, Vec<(f64, f64, String)>, f64) {
    let ran = gauntlet(["backtest", document, "--json"]).ok();
    let number = |trade: &Json, name: &str| trade[name].as_f64().unwrap();
    let trade = |trade: &Json| {
        let reason = trade["exit_reason"].as_str().unwrap().to_owned();
        (number(trade, "entry_price"), number(trade, "exit_price"), reason)
    };
    let trades = ran["trades"].as_array().unwrap().iter().map(trade).collect();
    let equity = ran["equity"].as_array().unwrap().last().unwrap()[1].as_f64().unwrap();
    (ran, trades, equity)
}

/// The same with a parameter more.
fn with_parameter(name: &str, parameter: &str) -> (Json, Vec<(f64, f64, String)>, f64) {
    let text = std::fs::read_to_string(case(&format!("{name}/spec.yaml"))).unwrap();
    let text = text.replace("    fast: 1\n", &format!("    fast: 1\n    {parameter}\n"));
    assert!(text.contains(parameter));
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(case(&format!("{name}/bars.csv")), folder.path().join("bars.csv")).unwrap();
    let document = folder.path().join("spec.yaml");
    std::fs::write(&document, text).unwrap();
    backtest(&document.display().to_string())
}

fn is_close(got: f64, wanted: f64) -> bool {
    (got - wanted).abs() <= 1e-12 * wanted.abs()
}

/// One trade of the whole capital of 1000, in and out at these prices, without commission.
fn is_one_trade(name: &str, entry: f64, exit: f64, reason: &str) {
    let (_, trades, equity) = backtest(&case(&format!("{name}/spec.yaml")));
    let [(entered, left, why)] = trades.as_slice() else { panic!("{name}: {trades:?}") };
    assert!(is_close(*entered, entry) && is_close(*left, exit) && why == reason, "{name}: {trades:?}");
    assert!(is_close(equity, 1000.0 * exit / entry), "{name}: {equity}");
}

#[test]
fn a_stop_fills_at_its_price_or_at_the_opening_beyond_it() {
    is_one_trade("gap_stop_long", 101.0, 50.0, "stop");
    is_one_trade("same_bar_stop", 101.0, 99.0, "stop");
    is_one_trade("stop_close_only", 101.0, 99.0, "stop");
    // Bars are mids: half of 200 basis points is paid at each fill, and the stop lies 2 below the price paid.
    is_one_trade("stop_spread", 102.01, 100.01 * 0.99, "stop");
}

#[test]
fn a_position_of_the_last_opening_is_closed_and_listed() {
    is_one_trade("last_bar_open", 99.0, 104.0, "end_of_range");
}

#[test]
fn a_commission_is_part_of_what_is_bought_and_is_paid_at_both_ends() {
    let (ran, _, equity) = backtest(&case("commission/spec.yaml"));
    let (trade, quantity) = (&ran["trades"][0], 1000.0 / (110.0 * 1.01));
    let is = |name: &str, wanted: f64| {
        assert!(is_close(trade[name].as_f64().unwrap(), wanted), "{name}: {trade}, not {wanted}");
    };
    is("quantity", quantity);
    is("fees", quantity * (110.0 + 130.0) * 0.01);
    is("pnl", quantity * (20.0 - 2.4));
    assert!(is_close(equity, quantity * 130.0 * 0.99), "{equity}");
}

#[test]
fn after_a_stop_one_waits_or_enters_again_as_the_document_says() {
    is_one_trade("blocked", 101.0, 99.0, "stop");
    let (_, trades, equity) = with_parameter("blocked", "after_stop: reenter");
    let again = (102.0, 140.0, "end_of_range".to_owned());
    assert_eq!((trades.len(), &trades[1]), (2, &again), "{trades:?}");
    assert!(is_close(equity, 1000.0 * 99.0 / 101.0 * 140.0 / 102.0), "{equity}");
    let rules = gauntlet(["strategies", "--json"]).ok().to_string();
    assert!(rules.contains("after_stop"), "{rules}");
}

/// The averages stand apart at the first bar at which both are defined, and cross only later.
#[test]
fn a_level_or_a_cross_is_what_the_document_says() {
    let (_, level, _) = backtest(&case("commission/spec.yaml"));
    assert_eq!((level.len(), level[0].0), (1, 110.0));
    let (_, cross, _) = with_parameter("commission", "signal: cross");
    assert_eq!(cross, [], "the only cross upwards is that of the last bar");
}

#[test]
fn costs_by_default_that_the_bars_do_not_have_are_said() {
    let (ran, trades, _) = backtest(&case("default_costs/spec.yaml"));
    assert_eq!(trades.len(), 1);
    assert!(ran["warnings"].to_string().contains("no bar has a quoted spread"), "{}", ran["warnings"]);
}

#[test]
fn a_model_that_never_traded_is_not_confirmed() {
    let dir = walk();
    let report = gauntlet(["submit", &case("no_trades/spec.yaml"), "--wait"]).on(&dir).ok();
    let places = report["leaderboard"].as_array().unwrap();
    let idle: Vec<&Json> = places.iter().filter(|place| place["tuning"] == 0.0).collect();
    assert!(!idle.is_empty(), "nobody is idle here: {places:?}");
    for place in idle {
        assert_eq!(place["confirmed"], false, "{place}");
        assert!(place["verdict"].as_str().unwrap().starts_with("refused: "), "{place}");
    }
    gauntlet(["submit", &case("objective_neutral/spec.yaml")])
        .on(&dir)
        .refused(2, &["tuning.objective: beta only describes"]);
}

/// A random walk of daily bars.
fn walk() -> Dir {
    let dir = Dir::new();
    gauntlet(["feed", &case("no_trades/bars.csv"), "--instrument", "WALK", "--venue", "SIM"]).on(&dir).ok();
    dir
}

/// Before the first fold lie fewer bars than the shortest of the slow averages needs.
#[test]
fn a_fold_too_short_for_the_warm_up_stays_flat_and_is_counted() {
    let dir = walk();
    let document = case("search/degenerate.yaml");
    let settings = ["model.parameters.slow={\"int\":[600,700]}", "tuning.trials=4", "validation.folds=3"];
    let mut args = vec!["submit", &document, "--wait"];
    settings.iter().for_each(|setting| args.extend(["--set", setting]));
    let report = gauntlet(args).on(&dir).ok();
    assert_eq!(report["walk_forward"]["summary"]["flat_folds"], 1.0, "{}", report["walk_forward"]);
    let id = report["experiment_id"].as_str().unwrap();
    let folds = gauntlet(["show", id, "--folds"]).on(&dir).ok().to_string();
    assert!(folds.contains("\"trial\":null"), "{folds}");
}

fn search(name: &str) -> gauntlet_tests::Command {
    gauntlet(["submit", &case(&format!("search/{name}.yaml")), "--wait"])
}

#[test]
fn a_space_that_says_nothing_or_contradicts_itself_is_refused() {
    let dir = Dir::new();
    let cases = [
        ("dupcat", "model.parameters.kind: the choice `sma` appears twice: remove one"),
        ("logz", "model.parameters.width: a log scale needs positive bounds, the lower one is 0"),
        ("swap", "model.parameters.fast: lower bound 50 is above upper bound 10: swap them"),
    ];
    for (name, said) in cases {
        search(name).on(&dir).refused(2, &[said]);
    }
}

#[test]
fn a_search_without_a_defined_score_fails_and_one_with_some_goes_on() {
    let dir = walk();
    let failed = search("allnan").on(&dir).run();
    assert_eq!(failed.code, Some(1), "{failed}");
    let detail = failed.json()["detail"].to_string();
    assert!(detail.contains("none of 10 trials has a defined sharpe"), "{detail}");
    let some = search("somenan").on(&dir).ok();
    let places = some["leaderboard"].as_array().unwrap();
    assert!(!places.is_empty() && places.iter().all(|place| place["tuning"].is_number()), "{some}");
}

/// Every sampler finds all of a small space, no point twice, and nothing beside the steps.
#[test]
fn a_small_space_is_searched_to_its_end_and_no_further() {
    let dir = walk();
    for sampler in ["grid", "random", "sobol", "tpe"] {
        let found = search(&format!("step_{sampler}")).on(&dir).ok();
        assert_eq!(found["trials"]["completed"], 10, "{sampler}: {found}");
        let id = found["experiment_id"].as_str().unwrap();
        let filter = format!("experiment_id == '{id}'");
        let trials = gauntlet(["ls", "trials", "--filter", &filter, "--limit", "1000"]).on(&dir).ok();
        for trial in trials.as_array().unwrap() {
            let entry = trial["hyperparameters"]["entry"].as_i64().unwrap();
            assert!((entry - 10) % 25 == 0 && (10..=110).contains(&entry), "{sampler}: {trial}");
        }
    }
    for sampler in ["random", "sobol", "tpe"] {
        let found = search(&format!("cat_{sampler}")).on(&dir).ok();
        assert_eq!(found["trials"]["completed"], 2, "{sampler}: {found}");
        assert_eq!(
            (&found["exhausted"]["trials"], &found["exhausted"]["points"]),
            (&2.into(), &2.into()),
            "{found}"
        );
        let id = found["experiment_id"].as_str().unwrap().to_owned();
        let shown = gauntlet([OsString::from("show"), id.into(), "--dir".into(), dir.node().into()]).run();
        let said = "the space has only 2 points, and all were tried";
        assert!(shown.stdout.contains(said), "{shown}");
    }
    assert_eq!(search("fstep").on(&dir).ok()["trials"]["completed"], 9);
}

/// Under another name what was tried on its bars would not be counted with the rest.
#[test]
fn an_instrument_under_another_mandate_is_refused_by_name() {
    let dir = Dir::new();
    gauntlet(["feed", &case("fold_gap/bars.csv"), "--instrument", "FG", "--venue", "X"]).on(&dir).ok();
    let document = case("fold_gap/spec2.yaml");
    let submit = |mandate: &str| {
        let mandate = format!("mandate={mandate}");
        gauntlet(["submit", &document, "--wait", "--set", "validation.folds=2", "--set", &mandate])
    };
    let first = submit("one").on(&dir).ok();
    assert_eq!(first["noise"]["elsewhere"], serde_json::json!({ "experiments": 0, "trials": 0 }));
    let (bars, held) = (&first["tuning_bars"], &first["holdout_bars"]);
    assert_eq!(bars["to"], held["from"], "the hold-out begins where tuning ends");
    let all = bars_of_fold_gap().len() as u64;
    assert_eq!(bars["bars"].as_u64().unwrap() + held["bars"].as_u64().unwrap(), all);
    let node = dir.node();
    let id = first["experiment_id"].as_str().unwrap();
    let shown = gauntlet(["show", id, "--dir", node.to_str().unwrap()]).run();
    assert!(shown.stdout.contains("% of all"), "{shown}");
    let second = submit("two").on(&dir).run();
    assert_eq!(second.code, Some(1), "{second}");
    assert!(second.stdout.contains("FG belongs to mandate one"), "{second}");
}

/// What `account.limits` denies is said wherever a run is shown; a key that means nothing is refused by name.
#[test]
fn orders_beyond_the_limits_of_a_document_are_denied_and_shown() {
    let dir = Dir::new();
    gauntlet(["feed", &case("fold_gap/bars.csv"), "--instrument", "FG", "--venue", "X"]).on(&dir).ok();
    let submit = |limit: &str| {
        let setting = format!("account.limits.{limit}");
        gauntlet(["submit", &case("fold_gap/spec2.yaml"), "--wait", "--set", &setting]).on(&dir)
    };
    let report = submit("max_repeats=1").ok();
    let model = report["leaderboard"][0]["model_id"].as_str().unwrap();
    let run = format!("{model}:tuning");
    let shown = gauntlet(["show", &run]).on(&dir).ok();
    let count = shown["denied"]["repeat_throttle"].as_i64().unwrap();
    assert!(count > 0, "{shown}");
    let text = gauntlet(["show", &run, "--dir", dir.node().to_str().unwrap()]).run().stdout;
    assert!(text.ends_with(&format!("\ndenied orders: repeat_throttle {count}\n")), "{text}");
    let walked = &report["walk_forward"]["denied"]["repeat_throttle"];
    assert!(walked.as_i64() > Some(0), "{report}");
    submit("max_net=5").refused(2, &["account.limits.max_net"]);
    submit("max_leverage=0").refused(2, &["account.limits.max_leverage: is 0: give a number above 0"]);
    // Out of reach they change no score, and nothing is denied.
    let (far, free) = (submit("max_repeats=1000").ok(), report_of(&[]));
    assert_eq!(far["leaderboard"][0]["tuning"], free["leaderboard"][0]["tuning"]);
    assert_eq!(far["walk_forward"]["denied"], Json::Null);

    let document = |limits: &str| {
        let text = std::fs::read_to_string(case("commission/spec.yaml")).unwrap();
        let limited = text.replace("allow_short: false\n", &format!("allow_short: false\n{limits}"));
        let _ = dir.write("bars.csv", std::fs::read(case("commission/bars.csv")).unwrap());
        dir.write("limited.yaml", limited).display().to_string()
    };
    let limited = document("  limits: { max_quantity: 0.001 }\n");
    let ran = gauntlet(["backtest", &limited, "--json"]).ok();
    let count = ran["denied"]["max_quantity"].as_i64().unwrap();
    assert!(count > 0 && ran["trades"] == serde_json::json!([]), "{ran}");
    let text = gauntlet(["backtest", &limited]).run().stdout;
    assert!(text.contains(&format!("\ndenied orders: max_quantity {count}\n")), "{text}");
    let free = gauntlet(["backtest", &document(""), "--json"]).ok();
    assert_eq!(free["denied"], serde_json::json!({}));
}
