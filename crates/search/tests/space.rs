//! Reading a space: the shape of an experiment's `parameters`, and what is said about one that is wrong.

use gauntlet_search::{
    Choice, Direction, Domain, ParameterValue, Parameters, SAMPLERS, SamplerKind, SearchError, Space,
};
use serde_json::{Value as Json, json};

fn error(document: Json) -> String {
    Space::from_json(&document).unwrap_err().to_string()
}

fn experiment() -> Space {
    Space::from_json(&json!({
        "fast": { "int": [5, 60] },
        "slow": { "int": [20, 400], "when": "slow > fast" },
        "stop_atr": { "float": [1.0, 8.0], "log": true },
        "size": { "float": [0, 1], "step": 0.25 },
        "edge": { "float": [0.0, 1.0], "points": 3 },
        "lots": { "int": [10, 50], "step": 20 },
        "kind": { "categorical": ["a", 2, 0.5, true] },
        "venue": "OANDA",
        "lag": { "fixed": 3, "when": "lag < fast" },
    }))
    .unwrap()
}

#[test]
fn an_experiments_parameters_are_read_and_ordered_by_name() {
    let space = experiment();
    let names: Vec<&str> = space.parameters().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["edge", "fast", "kind", "lag", "lots", "size", "slow", "stop_atr", "venue"]);
    let domain = |name: &str| space.parameters().iter().find(|p| p.name == name).unwrap().domain.clone();
    assert_eq!(domain("fast"), Domain::Int { low: 5, high: 60, step: 1, log: false });
    assert_eq!(domain("stop_atr"), Domain::Float { low: 1.0, high: 8.0, step: None, log: true, points: 10 });
    assert_eq!(
        domain("size"),
        Domain::Float { low: 0.0, high: 1.0, step: Some(0.25), log: false, points: 10 }
    );
    assert_eq!(domain("venue"), Domain::Fixed(ParameterValue::Text("OANDA".into())));
    assert_eq!(
        domain("kind"),
        Domain::Categorical(vec![
            ParameterValue::Text("a".into()),
            ParameterValue::Int(2),
            ParameterValue::Float(0.5),
            ParameterValue::Flag(true)
        ])
    );
    assert_eq!(space.size(), Some(3 * 56 * 4 * 3 * 5 * 381 * 10));
}

#[test]
fn a_space_survives_json_and_back() {
    let space = experiment();
    let text = serde_json::to_string(&space).unwrap();
    assert_eq!(serde_json::from_str::<Space>(&text).unwrap(), space);
}

#[test]
fn an_assignment_is_plain_json_scalars() {
    let params = Parameters::from([
        ("fast".into(), ParameterValue::Int(5)),
        ("stop".into(), ParameterValue::Float(2.0)),
        ("kind".into(), ParameterValue::Text("a".into())),
        ("exit".into(), ParameterValue::Flag(false)),
    ]);
    let text = serde_json::to_string(&params).unwrap();
    assert_eq!(text, r#"{"exit":false,"fast":5,"kind":"a","stop":2.0}"#);
    assert_eq!(serde_json::from_str::<Parameters>(&text).unwrap(), params);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one course of events, told in its order")]
fn every_error_says_what_was_wrong_where_and_what_to_do() {
    for (document, expected) in [
        (
            json!([1]),
            "parameters: expected a mapping of names to domains, found a list: write `name: { int: [1, 10] }`",
        ),
        (json!({ "": 1 }), "parameters: a parameter has an empty name: give it one"),
        (
            json!({ "fast": { "int": [60, 5] } }),
            "parameters.fast: lower bound 60 is above upper bound 5: swap them",
        ),
        (
            json!({ "fast": { "int": [5, 60], "stpe": 2 } }),
            "parameters.fast: unknown key `stpe`: did you mean `step`? (known: int, log, step, when)",
        ),
        (
            json!({ "fast": { "integer": [5, 60] } }),
            "parameters.fast: unknown key `integer`: use one of categorical, fixed, float, int, log, points, step, when",
        ),
        (
            json!({ "fast": { "int": [5, 60], "float": [1, 2] } }),
            "parameters.fast: it needs exactly one of `int`, `float`, `categorical` and `fixed`: write for example `{ int: [1, 10] }`, or a bare value to fix it",
        ),
        (
            json!({ "fast": { "int": [5] } }),
            "parameters.fast: `int` is [5], not two bounds: write `[low, high]`",
        ),
        (
            json!({ "fast": { "int": [5, 60.5] } }),
            "parameters.fast: the bound 60.5 is not a whole number: correct the bound",
        ),
        (
            json!({ "fast": [1, 2] }),
            "parameters.fast: a bare list is not a domain: write `{ categorical: [a, b] }`",
        ),
        (json!({ "fast": null }), "parameters.fast: it has no value: write a value or a domain"),
        (
            json!({ "stop": { "float": [0.0, 8.0], "log": true } }),
            "parameters.stop: a log scale needs positive bounds, the lower one is 0: raise it or remove `log`",
        ),
        (
            json!({ "stop": { "float": [1.0, 8.0], "log": "yes" } }),
            "parameters.stop: `log` is \"yes\", not true or false: correct it or leave it out",
        ),
        (
            json!({ "stop": { "float": [1.0, 8.0], "log": true, "step": 1.0 } }),
            "parameters.stop: `step` and `log` exclude each other: keep one",
        ),
        (
            json!({ "stop": { "float": [1.0, 8.0], "step": -1.0 } }),
            "parameters.stop: step -1 does not divide the range into distinct values: use a larger one",
        ),
        (
            json!({ "stop": { "float": [-1e308, 1e308] } }),
            &format!(
                "parameters.stop: the bounds {} and {} are not finite or too far apart: narrow them",
                -1e308, 1e308
            ),
        ),
        (
            json!({ "kind": { "categorical": [] } }),
            "parameters.kind: `categorical` has no choices: list at least one",
        ),
        (
            json!({ "kind": { "categorical": ["a", "b", "a"] } }),
            "parameters.kind: the choice `a` appears twice: remove one",
        ),
        (
            json!({ "fast": { "int": [5, 60] }, "slow": { "int": [20, 400], "when": "slow > fsat" } }),
            "parameters.slow: condition `slow > fsat` names the unknown parameter `fsat`: did you mean `fast`? (known: fast, slow)",
        ),
        (
            json!({ "kind": { "categorical": ["a", "b"], "when": "kind > 1" } }),
            "parameters.kind: condition `kind > 1`: `>` needs a number and was given text: compare or convert it first",
        ),
        (
            json!({ "fast": { "int": [5, 60], "when": "fast" } }),
            "parameters.fast: condition `fast`: it is not a comparison: write for example `slow > fast`",
        ),
        (
            json!({ "fast": { "int": [5, 60], "when": "fast = 3" } }),
            "parameters.fast: condition `fast = 3`, column 6: `=` is not a comparison: write `==`",
        ),
    ] {
        assert_eq!(error(document), expected);
    }
}

#[test]
fn the_same_name_twice_is_refused() {
    let parameter = experiment().parameters()[0].clone();
    let error = Space::new(vec![parameter.clone(), parameter]).unwrap_err();
    assert_eq!(error, SearchError::DuplicateName { parameter: "edge".into() });
}

#[test]
fn names_of_samplers_and_directions_are_listed_when_one_is_wrong() {
    let error = "tpee".parse::<Choice<SamplerKind>>().unwrap_err().to_string();
    assert_eq!(error, "unknown sampler `tpee`: did you mean `tpe`? (known: grid, random, sobol, tpe)");
    let error = "up".parse::<Direction>().unwrap_err().to_string();
    assert_eq!(error, "unknown direction `up`: use one of maximize, minimize");
    for row in SAMPLERS {
        assert_eq!(row.name.parse::<Choice<SamplerKind>>().unwrap().kind.name, row.name);
        assert!(!row.summary.is_empty());
    }
}

#[test]
fn the_widest_integers_and_the_smallest_steps_do_not_overflow() {
    let space = Space::from_json(&json!({
        "wide": { "int": [i64::MIN, i64::MAX] },
        "log": { "int": [1, i64::MAX], "log": true },
        "stepped": { "int": [i64::MIN, i64::MAX], "step": i64::MAX },
        "fine": { "float": [0, 0.3], "step": 0.1 },
    }))
    .unwrap();
    assert_eq!(space.size(), None, "4 · (2^63 - 1) · 3 · 2^64 points do not fit 128 bits");
    let sizes = space.parameters().iter().map(|p| p.domain.grid_size()).collect::<Vec<_>>();
    assert_eq!(sizes, [4, (1 << 63) - 1, 3, 1 << 64]);
    for p in space.parameters() {
        for u in [0.0, 0.25, 0.5, 1.0 - f64::EPSILON / 2.0] {
            assert!(p.domain.contains(&p.domain.at(u)), "{} at {u}", p.name);
        }
    }
    let fine = &space.parameters()[0].domain;
    assert_eq!(fine.grid_value(3), ParameterValue::Float(0.3));
}
