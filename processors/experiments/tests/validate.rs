//! What can be wrong with a document, message by message.

use crate::common::{document, spec, with};
use gauntlet_domain::spec::ExperimentSpec;
use gauntlet_experiments::validate;
use serde_json::{Value, json};

/// Everything that is wrong, as people read it.
fn problems(document: &Value) -> Vec<String> {
    validate(&spec(document)).iter().map(ToString::to_string).collect()
}

/// The only thing that is wrong.
#[track_caller]
fn problem(document: &Value) -> String {
    let problems = problems(document);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].clone()
}

#[track_caller]
fn starts(document: &Value, expected: &str) {
    let found = problem(document);
    assert!(found.starts_with(expected), "{found}");
}

/// What a document that cannot be read is refused with.
#[track_caller]
fn unreadable(document: &Value) -> String {
    serde_json::from_value::<ExperimentSpec>(document.clone()).unwrap_err().to_string()
}

fn learned() -> Value {
    let mut document = document();
    document["model"] = json!({
        "strategy": "ml", "features": ["return(5)", "rsi(14)"], "estimator": "gbdt",
        "parameters": { "trees": { "int": [10, 50] } }
    });
    document
}

#[test]
fn a_document_that_can_run_has_no_problem() {
    assert_eq!(problems(&document()), Vec::<String>::new());
    assert_eq!(problems(&learned()), Vec::<String>::new());
}

#[test]
fn all_problems_are_found_at_once() {
    let mut document = with("name", json!(" "));
    document["tuning"] = json!({ "trials": 0, "pruner": "x" });
    document["validation"] = json!({ "folds": 0 });
    let fields: Vec<String> = validate(&spec(&document)).into_iter().map(|problem| problem.field).collect();
    assert_eq!(fields, ["name", "tuning.pruner", "tuning.trials", "validation.folds"]);
}

#[test]
fn names_are_not_empty() {
    starts(&with("name", json!("  ")), "name: is empty");
    starts(&with("mandate", json!("")), "mandate: is empty");
    starts(&with("data.instrument", json!("BRK.B")), "data.instrument: 'BRK.B' cannot be a symbol");
}

// The model.

#[test]
fn an_unknown_strategy_is_answered_with_the_nearest_and_all_there_are() {
    let found = problem(&with("model.strategy", json!("ma-crosss")));
    assert!(
        found.starts_with("model.strategy: strategy 'ma-crosss' is not known: did you mean 'ma-cross'?"),
        "{found}"
    );
    let others = "bollinger-reversion, ml, or external:NAME for a program outside";
    assert!(found.ends_with(others), "{found}");
}

#[test]
fn a_strategy_outside_takes_any_parameters_and_no_features() {
    let parameters = json!({
        "depth": { "int": [1, 9] }, "c": { "float": [0.01, 10.0], "log": true, "when": "depth > 2" },
        "balanced": true, "model": { "categorical": ["forest", "logistic"] }
    });
    let mut document = with("model", json!({ "strategy": "external:sklearn", "parameters": parameters }));
    assert_eq!(problems(&document), Vec::<String>::new());
    document["model"]["parameters"]["c"]["when"] = json!("deep > 2");
    starts(&document, "model.parameters.c: condition");
    let mut document = with("model.strategy", json!("external:sklearn"));
    document["model"]["features"] = json!(["rsi(14)"]);
    starts(&document, "model.strategy: features and estimator belong to strategy ml");
}

#[test]
fn the_name_of_a_trainer_outside_is_plain() {
    for name in ["", "Sklearn", "a.b", "2nd"] {
        let found = problem(&with("model.strategy", json!(format!("external:{name}"))));
        assert!(found.starts_with(&format!("model.strategy: '{name}' cannot be a trainer")), "{found}");
    }
}

#[test]
fn an_unknown_parameter_is_answered_with_the_nearest() {
    let found = problem(&with("model.parameters", json!({ "fasst": { "int": [5, 20] } })));
    assert!(
        found.starts_with("model.parameters.fasst: parameter of ma-cross 'fasst' is not known"),
        "{found}"
    );
    assert!(found.contains("did you mean 'fast'?"), "{found}");
}

#[test]
fn bounds_upside_down_are_refused_by_name() {
    let found = problem(&with("model.parameters.fast", json!({ "int": [20, 5] })));
    assert_eq!(found, "model.parameters.fast: lower bound 20 is above upper bound 5: swap them");
}

#[test]
fn a_domain_with_an_unknown_key_is_refused_by_name() {
    starts(&with("model.parameters.fast", json!({ "imt": [5, 20] })), "model.parameters.fast: ");
}

#[test]
fn a_condition_on_an_unknown_parameter_is_refused() {
    let found = problem(&with("model.parameters.slow", json!({ "int": [30, 90], "when": "slow > fist" })));
    assert!(found.starts_with("model.parameters.slow: condition"), "{found}");
    assert!(found.contains("did you mean `fast`?"), "{found}");
}

#[test]
fn both_ends_of_a_range_lie_within_the_bounds_of_the_strategy() {
    let outside = "give a whole number from 1 to 10000";
    for bounds in [json!({ "int": [0, 20] }), json!({ "int": [5, 20_000] }), json!(0)] {
        let found = problem(&with("model.parameters.fast", bounds));
        assert!(found.starts_with("model.parameters.fast: parameter 'fast' of ma-cross is"), "{found}");
        assert!(found.ends_with(outside), "{found}");
    }
    let words = json!({ "categorical": ["sma", "wma"] });
    let found = problem(&with("model.parameters.kind", words));
    assert_eq!(found, "model.parameters.kind: parameter 'kind' of ma-cross is 'wma': give one of sma, ema");
}

#[test]
fn yes_and_no_are_no_parameter_values() {
    starts(&with("model.parameters.fast", json!(true)), "model.parameters.fast: yes and no");
}

#[test]
fn features_and_estimators_belong_to_learned_models() {
    starts(
        &with("model.features", json!(["rsi(14)"])),
        "model.strategy: features and estimator belong to strategy ml",
    );
    starts(&with("model.estimator", json!("gbdt")), "model.strategy: features and estimator belong");
}

#[test]
fn unknown_features_and_estimators_are_answered_with_the_nearest() {
    let mut document = learned();
    document["model"]["features"] = json!(["return(5)", "rsj(14)"]);
    let found = problem(&document);
    assert!(
        found.starts_with("model.features: feature 'rsj(14)' is not known: did you mean 'rsi(n)'?"),
        "{found}"
    );
    let mut document = learned();
    document["model"]["estimator"] = json!("gbt");
    let found = problem(&document);
    assert!(
        found.starts_with("model.estimator: estimator 'gbt' is not known: did you mean 'gbdt'?"),
        "{found}"
    );
    let mut document = learned();
    document["model"]["parameters"]["tree"] = json!(7);
    let found = problem(&document);
    assert!(found.starts_with("model.parameters.tree: parameter of gbdt 'tree' is not known"), "{found}");
}

// Tuning.

#[test]
fn unknown_samplers_pruners_and_objectives_are_answered_with_what_there_is() {
    starts(
        &with("tuning.sampler", json!("tqe")),
        "tuning.sampler: unknown sampler `tqe`: did you mean `tpe`?",
    );
    let found = problem(&with("tuning.pruner", json!("medain")));
    assert_eq!(found, "tuning.pruner: unknown pruner `medain`: did you mean `median`? (known: none, median)");
    starts(
        &with("tuning.objective", json!("sharp")),
        "tuning.objective: unknown metric `sharp`: did you mean `sharpe`? (known: total_return,",
    );
}

#[test]
fn a_space_that_the_sampler_cannot_search_is_refused() {
    let impossible = json!({ "int": [30, 90], "when": "slow < fast" });
    starts(&with("model.parameters.slow", impossible), "tuning.sampler: parameters: no point");
}

#[test]
fn budget_and_lag_are_within_reason() {
    starts(&with("tuning.trials", json!(0)), "tuning.trials: 0 is not between 1 and 1,000,000");
    starts(&with("tuning.parallelism", json!(0)), "tuning.parallelism: 0 is not between 1 and 10,000");
    starts(&with("tuning.parallelism", json!(10_001)), "tuning.parallelism: 10001 is not");
}

// Period and validation.

#[test]
fn the_period_runs_forwards() {
    let found = problem(&with("data.from", json!("2021-01-01")));
    assert!(found.starts_with("data.from: 2021-01-01") && found.ends_with("swap them"), "{found}");
    assert_eq!(problems(&with("data.to", json!("2020-01-01"))).len(), 1, "an empty period");
}

#[test]
fn tuning_and_hold_out_both_have_room_for_a_bar() {
    let message = "validation.holdout: leaves no bars for tuning or none for the hold-out";
    let holdout = |share: Value| {
        let mut document = document();
        document["validation"] = json!({ "holdout": share });
        document
    };
    for share in ["0%", "100%", "99.99%"] {
        starts(&holdout(json!(share)), message);
    }
    assert_eq!(problems(&holdout(json!("0.1%"))), Vec::<String>::new());
    // The cut is on a bar boundary; what is left behind it is less than a bar.
    let mut ragged = holdout(json!(0.0));
    ragged["data"]["to"] = json!("2020-04-01T00:30:00Z");
    starts(&ragged, message);
}

#[test]
fn folds_finalists_and_the_scheme_are_known() {
    let validation = |key: &str, value: Value| {
        let mut document = document();
        document["validation"] = json!({ key: value });
        document
    };
    starts(&validation("folds", json!(0)), "validation.folds: 0 is not between 1 and 1000");
    starts(&validation("finalists", json!(0)), "validation.finalists: 0 is not between 1 and 1000");
    assert_eq!(
        unreadable(&validation("scheme", json!("k-fold"))),
        "unknown scheme `k-fold`: use one of walk-forward, fixed"
    );
}

/// Settings that say nothing in a scheme are refused, and so is what no scheme can do.
#[test]
fn every_setting_of_the_validation_means_something_in_its_scheme() {
    let current = |validation: Value, strategy: &str| {
        let mut document = document();
        document["validation"] = validation;
        document["validation"]["scheme_version"] = json!(2);
        document["account"] = json!({ "periods_per_year": 6000.0 });
        if strategy != "ma-cross" {
            document["model"] = json!({ "strategy": strategy, "parameters": {} });
        }
        document
    };
    let nothing = Vec::<String>::new();
    for scheme in ["walk-forward", "fixed"] {
        starts(
            &current(json!({ "scheme": scheme, "embargo": "1%" }), "ma-cross"),
            "validation.embargo: means nothing where training only comes before the test",
        );
        let learned = json!({ "scheme": scheme, "purge": 24, "mode": "rolling" });
        for strategy in ["ml", "external:sklearn"] {
            assert_eq!(problems(&current(learned.clone(), strategy)), nothing);
        }
    }
    assert_eq!(problems(&current(json!({ "purge": 24, "mode": "rolling" }), "ma-cross")), nothing);
    let fixed = |key: &str, value: Value| current(json!({ "scheme": "fixed", key: value }), "ma-cross");
    for (key, value) in [("purge", json!(24)), ("mode", json!("rolling"))] {
        starts(&fixed(key, value), &format!("validation.{key}: scheme fixed scores a rule on fixed folds"));
    }
    // A program outside runs in both.
    for validation in [json!({}), json!({ "scheme": "walk-forward" }), json!({ "scheme": "fixed" })] {
        assert_eq!(problems(&current(validation, "external:sklearn")), nothing);
    }
    let mut unknown = document();
    unknown["validation"] = json!({ "scheme_version": 3 });
    unknown["account"] = json!({ "periods_per_year": 6000.0 });
    starts(&unknown, "validation.scheme_version: 3 is not known: leave it out, or use 1 to 2");
    // Stored documents keep what they had.
    for old in [json!({ "embargo": "1%", "purge": 24 }), json!({ "embargo": "1%", "scheme_version": 1 })] {
        let mut stored = document();
        stored["validation"] = old;
        stored["account"] = json!({ "periods_per_year": 6000.0 });
        assert_eq!(problems(&stored), nothing);
    }
}

#[test]
fn bars_in_a_year_are_stated_where_there_is_no_year_to_count_them_in() {
    let mut short = document();
    short["validation"] = json!({ "scheme_version": 2 });
    starts(
        &short,
        "account.periods_per_year: is needed: sharpe is of a year, and data of less than a year do not say",
    );
    let mut drawdown = short.clone();
    drawdown["tuning"] = json!({ "objective": "max_drawdown", "direction": "minimize" });
    assert_eq!(problems(&drawdown), Vec::<String>::new());
    let mut long = short.clone();
    long["data"]["to"] = json!("2021-04-01");
    assert_eq!(problems(&long), Vec::<String>::new());
    for (periods, expected) in
        [(0.0, "0 is not a positive number"), (-252.0, "-252 is not a positive number")]
    {
        short["account"] = json!({ "periods_per_year": periods });
        starts(&short, &format!("account.periods_per_year: {expected}"));
    }
    short["account"] = json!({ "periods_per_year": 252.0, "maintenance_margin": 1.0 });
    starts(&short, "account.maintenance_margin: 1 is not a share from 0 to below 1");
}

// Account and costs.

#[test]
fn limits_are_there_make_sense_and_are_checked_by_who_trades() {
    let with = |limits: Value| {
        let mut document = document();
        document["account"] = json!({ "limits": limits });
        document
    };
    let sound = with(json!({ "max_leverage": 1.5, "max_repeats": 100 }));
    assert_eq!(problems(&sound), Vec::<String>::new());
    starts(&with(json!({})), "account.limits: has no limits: leave it out, or set one");
    starts(
        &with(json!({ "max_quantity": -1.0 })),
        "account.limits.max_quantity: is -1: give a number above 0, or leave it out",
    );
    starts(
        &with(json!({ "submit_rate": { "burst": 0, "interval_ms": 1 } })),
        "account.limits.submit_rate.burst: is 0: give a whole number from 1",
    );
    let mut outside = with(json!({ "max_repeats": 5 }));
    outside["model"]["strategy"] = json!("external:python");
    starts(&outside, "account.limits: is not checked by a program outside: leave it out");
    // The records of documents without limits are what they were.
    let plain = spec(&document());
    assert!(!plain.canonical_json().contains("limits"));
    assert_ne!(spec(&with(json!({ "max_repeats": 5 }))).config_hash(), plain.config_hash());
}

#[test]
fn every_bar_has_a_risk_free_rate_or_none_has() {
    let with = |rates: Value| {
        let mut document = document();
        document["account"] = json!({ "risk_free": rates });
        document
    };
    let from = document()["data"]["from"].as_str().unwrap().to_owned();
    for good in
        [json!(0.03), json!(0), json!(-0.005), json!(null), json!({ &from: 0.03, "2090-01-01": -0.005 })]
    {
        assert_eq!(problems(&with(good.clone())), Vec::<String>::new(), "{good}");
    }
    for (bad, said) in [
        (json!(5), "5 is not an annual rate between -1 and 1: 0.02 is two percent"),
        (json!(-1.0), "-1 is not an annual rate"),
        (json!({ &from: 0.03, "2090-01-01": 3.0 }), "3 is not an annual rate"),
        (json!({}), "has no rates: leave it out"),
        (json!({ "2090-01-01": 0.03 }), "begins at 2090-01-01T00:00:00Z, and the data at"),
    ] {
        starts(&with(bad), &format!("account.risk_free: {said}"));
    }
}

#[test]
fn the_account_can_trade() {
    let account = |key: &str, value: Value| {
        let mut document = document();
        document["account"] = json!({ key: value });
        document
    };
    starts(&account("capital", json!(-1.0)), "account.capital: -1 is not a positive amount");
    for percent in [0.0, 150.0, -5.0] {
        let expected = format!("account.sizing.percent: {percent} is not above 0 and at most 100");
        starts(&account("sizing", json!({ "percent": percent })), &expected);
    }
    assert_eq!(
        unreadable(&account("benchmark", json!("sp500"))),
        "unknown benchmark `sp500`: use one of buy-and-hold, none"
    );
}

#[test]
fn costs_are_amounts_that_a_trade_can_pay() {
    let costs = |key: &str, value: Value| {
        let mut document = document();
        document["costs"] = json!({ key: value });
        document
    };
    for field in ["commission_bps", "slippage_bps", "spread"] {
        for bps in [-1.0, 10_000.0] {
            let expected = format!("costs.{field}: {bps} is not from 0 to below 10000 basis points");
            starts(&costs(field, json!(bps)), &expected);
        }
    }
    starts(&costs("latency_ms", json!(-0.5)), "costs.latency_ms: -0.5 is negative or not finite");
    assert_eq!(
        unreadable(&costs("spread", json!("free"))),
        "unknown spread `free`: use one of quoted, none, or a number of basis points"
    );
    assert_eq!(problems(&costs("spread", json!("none"))), Vec::<String>::new());
}
