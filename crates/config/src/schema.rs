//! JSON Schemas: of the configuration, generated from its types, and of experiment documents, written by hand because
//! the vocabulary depends on no schema library; tests hold it to the types. Both are kept as files in `configs/` for
//! editors, and are what `crate::load()` and `crate::read_experiment` check against.

use gauntlet_backtest::params::ParamSpec;
use gauntlet_backtest::strategy;
use gauntlet_domain::spec::{Benchmark, FoldMode, Scheme, SensitivityMethod, StressName};
use gauntlet_domain::{Direction, gates};
use gauntlet_search::settings::Kind;
use gauntlet_search::{PRUNERS, SAMPLERS};
use serde_json::{Value, json};

use crate::model::Config;

/// The JSON Schema of the configuration.
pub fn schema() -> Value {
    schemars::schema_for!(Config).to_value()
}

/// The JSON Schema of an experiment document. A `title` is what an error says was expected.
#[expect(clippy::too_many_lines, reason = "one schema, read from top to bottom")]
pub fn experiment_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Experiment",
        "description": "An experiment: which data, what is tried, what it costs, how it is tuned and judged.",
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "data", "model"],
        "properties": {
            "name": text("Short name, for people."),
            "description": text("What the experiment is about, for people."),
            "data": section("Which data.", &["instrument", "venue", "bars", "from", "to"], json!({
                "instrument": text("Symbol, such as XAUUSD."),
                "venue": text("Venue, such as OANDA."),
                "bars": {
                    "type": "string",
                    "title": "a bar spec such as time:1h",
                    "description": "Which bars, such as time:1h."
                },
                "from": time("First moment, UTC unless a zone is named."),
                "to": time("Last moment, UTC unless a zone is named; latest is the end of the newest bar at the submission."),
                "revision": {
                    "type": ["integer", "null"],
                    "minimum": 0,
                    "description": "So many revisions of the bars are taken in. Filled in with the newest at the submission, \
                                    where bars were corrected after they had closed."
                }
            })),
            "mandate": {
                "type": ["string", "null"],
                "description": "What a champion is chosen for; the instrument's symbol by default."
            },
            "account": section("What is traded with.", &[], json!({
                "currency": text("Currency of the account."),
                "capital": number("Money at the start."),
                "sizing": section("How much of the equity goes into a position.", &["percent"], json!({
                    "percent": number("Percent of the equity at the time of entry.")
                })),
                "benchmark": word(
                    Benchmark::NAMES,
                    "What the returns are compared with: the same bars bought and held, or nothing."
                ),
                "allow_short": { "type": "boolean", "description": "Whether short positions are taken." },
                "maintenance_margin": number(
                    "Share of a position's value below which the equity must not fall, or the position is closed."
                ),
                "periods_per_year": {
                    "type": ["number", "null"],
                    "description": "Bars in a year; counted in the data, where they cover a year or more."
                },
                "risk_free": {
                    "anyOf": [
                        { "type": ["number", "null"] },
                        { "type": "object", "additionalProperties": { "type": "number" } }
                    ],
                    "title": "an annual rate such as 0.03 for three percent, or rates by the date since which they hold",
                    "description": "Annual risk-free rate, 0.02 for two percent, or rates by the date since which they hold. \
                                    Metrics that compare with it take the returns less the rate of their bar."
                },
                "limits": section("What an order must pass before it is sent.", &[], limits())
            })),
            "model": section("What is tried.", &["strategy"], json!({
                "strategy": text(&strategies()),
                "features": {
                    "type": "array",
                    "items": { "type": "string" },
                    "description": "Features of a learned model."
                },
                "estimator": {
                    "type": ["string", "null"],
                    "description": "For a learned model: logistic or gbdt."
                },
                "parameters": {
                    "type": "object",
                    "additionalProperties": true,
                    "description": format!(
                        "The search space: a range, a list, or a fixed value by parameter name. {}",
                        parameters()
                    )
                }
            })),
            "costs": section("What trading costs.", &[], json!({
                "commission_bps": number("Commission on the traded value, basis points."),
                "spread": {
                    "anyOf": [{ "type": "number" }, { "type": "string" }],
                    "title": "quoted, none or a number of basis points",
                    "description": "The spread that is paid: quoted, none, or a fixed number of basis points."
                },
                "slippage_bps": number("Slippage against the trader, basis points."),
                "latency_ms": number(
                    "Time from decision to order, milliseconds; orders fill at the first opening after it."
                )
            })),
            "tuning": section("How the hyperparameters are searched.", &[], json!({
                "sampler": choice("Sampler", SAMPLERS, "{ tpe: { candidates: 48 } }"),
                "pruner": choice("Pruner", PRUNERS, "{ median: { warmup_folds: 2 } }"),
                "trials": count("Budget."),
                "parallelism": count(
                    "The fixed lag W: the proposal of trial k sees the results of trials 0 to k - W."
                ),
                "seed": count("Seed of everything random."),
                "objective": text("Canonical name of the metric that is optimised."),
                "direction": word(Direction::NAMES, "Which way is better.")
            })),
            "validation": section("How a result is validated.", &[], json!({
                "holdout": share("The last share of the period, which tuning never sees."),
                "holdout_keeps": share(
                    "Share of the procedure's walk-forward value that the hold-out must keep to confirm a finalist."
                ),
                "min_trades": count("Trades on the hold-out below which nothing is confirmed."),
                "finalists": count("How many trials go on to evaluation."),
                "scheme": word(
                    Scheme::NAMES,
                    "walk-forward: a search for each fold on what lies before it, and its best trial trades the fold. fixed: one search, scored on the folds."
                ),
                "scheme_version": {
                    "type": ["integer", "null"],
                    "description": "What the scheme's name means; 1 is what fixed is now. Filled in."
                },
                "folds": count("Number of folds."),
                "mode": word(
                    FoldMode::NAMES,
                    "Where training begins: always at the first bar, or in a window of constant length."
                ),
                "purge": count("Bars left out between training and test."),
                "embargo": share("Share of the bars left out of later training after each test segment.")
            })),
            "sensitivity": {
                "anyOf": [{ "type": "string" }, { "type": "object", "additionalProperties": true }],
                "title": "a section such as { samples: 512, stress: [costs_x2] }, or none",
                "description": format!(
                    "How a finalist's score is analysed, or none. Keys: method ({}), samples (rows of the Sobol design, a \
                     power of two; 512), neighbours (64), fits (of a learned model, at most; 128), paths (resampled; 1000), stress ({}).",
                    SensitivityMethod::NAMES.join(", "),
                    StressName::NAMES.join(", ")
                )
            },
            "gates": {
                "type": "object",
                "additionalProperties": true,
                "description": format!(
                    "Gates beside those of the policy and tighter ones, each {{ min: NUMBER }} or {{ max: NUMBER }}: {}.",
                    gates::ALL.iter().map(|gate| gate.name).collect::<Vec<_>>().join(", ")
                )
            },
            "policy": {
                "anyOf": [{ "type": "string" }, { "type": "object", "additionalProperties": true }],
                "title": "the name of a policy",
                "description": "The policy that a model must pass: default, or one that its mandate has registered. \
                                Spelled out at the submission."
            },
            "paper": later(),
            "live": later()
        }
    })
}

/// Limits on orders. Each may be left out, and is not checked then.
fn limits() -> Value {
    let number = |description: &str| json!({ "type": ["number", "null"], "description": description });
    let count =
        |description: &str| json!({ "type": ["integer", "null"], "minimum": 1, "description": description });
    let whole = |description: &str| json!({ "type": "integer", "minimum": 1, "description": description });
    json!({
        "max_quantity": number("Most units of an order."),
        "max_notional": number("Most that the units of an order are worth at the last close, in the account's currency."),
        "max_position": number("Most units that are held, long or short."),
        "max_gross": number("Most that a position is worth at the last close, in the account's currency."),
        "max_leverage": number("The same over the equity: 2 is twice the equity."),
        "collar_bps": count("How far the price of a fill may be from the last close, in basis points."),
        "max_quote_age_ms": count("How old the last close may be when an order is sent, in milliseconds."),
        "submit_rate": section("A bucket of tokens, of which each order takes one.", &["burst", "interval_ms"], json!({
            "burst": whole("Tokens in a full bucket: orders that may be sent at once."),
            "interval_ms": whole("Event time in which one token comes back, in milliseconds.")
        })),
        "max_repeats": count("Orders of one run. When they are used up, no more is sent.")
    })
}

fn section(description: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
        "description": description
    })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

/// The rules in words.
fn strategies() -> String {
    let rules = strategy::DEFINITIONS.iter().map(|rule| format!("{}: {}", rule.name, rule.summary));
    let rules: Vec<String> = rules.collect();
    format!(
        "A rule, ml for a learned model, or external:NAME for a trainer outside. Rules: {}.",
        rules.join(". ")
    )
}

/// The parameters of the rules. What a parameter does, its default and its bounds are in `gauntlet strategies`.
fn parameters() -> String {
    let names = |specs: &[&ParamSpec]| specs.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", ");
    let rules =
        strategy::DEFINITIONS.iter().map(|rule| format!("{}: {}", rule.name, names(&rule.parameters())));
    let rules: Vec<String> = rules.collect();
    format!("Parameters of the rules: {}.", rules.join("; "))
}

/// One of the names that the type of a field knows.
fn word(names: &[&str], description: &str) -> Value {
    json!({ "enum": names, "description": description })
}

/// A row of a table, by its name or with settings.
fn choice<K: Kind>(what: &str, rows: &[K], example: &str) -> Value {
    let row = |row: &K| {
        let settings: Vec<&str> = row.settings().iter().map(|setting| setting.name).collect();
        match settings.is_empty() {
            true => row.name().to_owned(),
            false => format!("{} ({})", row.name(), settings.join(", ")),
        }
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    json!({
        "anyOf": [{ "type": "string" }, { "type": "object", "additionalProperties": true }],
        "title": format!("a name, or a name with settings such as {example}"),
        "description": format!("{what}, with its settings in parentheses: {}.", rows.join(", "))
    })
}

fn number(description: &str) -> Value {
    json!({ "type": "number", "description": description })
}

fn count(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX, "description": description })
}

fn time(description: &str) -> Value {
    json!({
        "type": "string",
        "title": "a date such as 2014-05-01 or a time such as 2014-05-01T12:30:00Z",
        "description": description
    })
}

fn share(description: &str) -> Value {
    json!({
        "anyOf": [{ "type": "number", "minimum": 0, "maximum": 1 }, { "type": "string" }],
        "title": "a share such as 20% or 0.2",
        "description": description
    })
}

fn later() -> Value {
    json!({ "description": "Recorded with the experiment for the stages after evaluation; no stage reads it yet." })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use gauntlet_domain::gates::{Bound, Policy};
    use gauntlet_domain::limits::SubmitRate;
    use gauntlet_domain::spec::{
        AccountSpec, CostSpec, DataSpec, DateText, ExperimentSpec, ModelSpec, PolicySpec, RiskFree,
        Sensitivity, TuningSpec, ValidationSpec,
    };
    use gauntlet_domain::{BarSpec, OrderLimits, Timestamp};

    use super::*;
    use crate::check::{KEYWORDS, REMARKS};

    fn populated() -> ExperimentSpec {
        let anything = Some(json!({ "any": "thing" }));
        ExperimentSpec {
            name: "gold".to_owned(),
            description: "all there is".to_owned(),
            data: DataSpec {
                instrument: "XAUUSD".to_owned(),
                venue: "OANDA".to_owned(),
                bars: BarSpec::Time { seconds: 3600 },
                from: DateText(Timestamp(0)),
                to: DateText(Timestamp(1)),
                revision: Some(2),
            },
            mandate: Some("gold".to_owned()),
            account: AccountSpec {
                maintenance_margin: 0.1,
                periods_per_year: Some(252.0),
                risk_free: Some(RiskFree::Rate(0.02)),
                limits: Some(OrderLimits {
                    submit_rate: Some(SubmitRate { burst: 1, interval_ms: 1 }),
                    ..OrderLimits::default()
                }),
                ..AccountSpec::default()
            },
            model: ModelSpec {
                strategy: "ml".to_owned(),
                features: vec!["rsi(14)".to_owned()],
                estimator: Some("gbdt".to_owned()),
                parameters: BTreeMap::from([("depth".to_owned(), json!({ "int": [1, 5] }))]),
            },
            costs: CostSpec::default(),
            tuning: TuningSpec::default(),
            validation: ValidationSpec { scheme_version: Some(2), ..ValidationSpec::default() },
            sensitivity: Some(Sensitivity::default()),
            gates: Some(BTreeMap::from([("pbo".to_owned(), Bound::Max(0.3))])),
            policy: Some(PolicySpec::Resolved(Policy::default_policy())),
            paper: anything.clone(),
            live: anything,
        }
    }

    /// Compares keys wherever the schema lists them; returns how many it compared.
    fn same_keys(value: &Value, schema: &Value, path: &str) -> usize {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return 0 };
        let entries = value.as_object().unwrap_or_else(|| panic!("{path} is no section"));
        let keys = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(entries), keys(properties), "keys of '{path}'");
        entries.len()
            + entries
                .iter()
                .map(|(key, value)| same_keys(value, &properties[key], &format!("{path}.{key}")))
                .sum::<usize>()
    }

    #[test]
    fn the_experiment_schema_has_exactly_the_fields_of_the_types() {
        let value = serde_json::to_value(populated()).unwrap();
        let compared = same_keys(&value, &experiment_schema(), "");
        assert_eq!(compared, 14 + 6 + 9 + 1 + 9 + 2 + 4 + 4 + 7 + 10);
    }

    /// Sections of a document, by the path of their keys.
    fn sections(value: &Value, schema: &Value, path: Vec<String>, into: &mut Vec<(Vec<String>, Value)>) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        into.push((path.clone(), schema.clone()));
        for (key, schema) in properties {
            sections(&value[key], schema, [path.clone(), vec![key.clone()]].concat(), into);
        }
    }

    #[test]
    fn what_the_experiment_schema_requires_is_what_the_types_require() {
        let whole = serde_json::to_value(populated()).unwrap();
        let mut all = Vec::new();
        sections(&whole, &experiment_schema(), Vec::new(), &mut all);
        let mut compared = 0;
        for (path, schema) in all {
            let required: Vec<&str> =
                schema["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
            for key in schema["properties"].as_object().unwrap().keys() {
                let mut without = whole.clone();
                let section = path.iter().fold(&mut without, |value, key| &mut value[key]);
                section.as_object_mut().unwrap().remove(key);
                let read = serde_json::from_value::<ExperimentSpec>(without);
                assert_eq!(read.is_err(), required.contains(&key.as_str()), "{path:?} without {key}");
                compared += 1;
            }
        }
        assert_eq!(compared, 66);
    }

    /// Every keyword of a schema, wherever it stands.
    fn keywords(schema: &Value, into: &mut BTreeSet<String>) {
        let Some(map) = schema.as_object() else { return };
        for (keyword, value) in map {
            into.insert(keyword.clone());
            match (keyword.as_str(), value) {
                ("properties" | "$defs", Value::Object(parts)) => {
                    parts.values().for_each(|part| keywords(part, into));
                }
                ("anyOf" | "oneOf", Value::Array(parts)) => {
                    parts.iter().for_each(|part| keywords(part, into))
                }
                ("items" | "additionalProperties", part) => keywords(part, into),
                _ => {}
            }
        }
    }

    #[test]
    fn no_schema_says_anything_that_the_check_ignores() {
        for schema in [schema(), experiment_schema()] {
            let mut used = BTreeSet::new();
            keywords(&schema, &mut used);
            assert!(used.len() > 8, "{used:?}");
            for keyword in used {
                assert!([KEYWORDS, REMARKS].concat().contains(&keyword.as_str()), "{keyword} is not checked");
            }
        }
    }

    #[test]
    fn every_key_of_the_configuration_is_described() {
        let schema = schema();
        let sections = schema["$defs"].as_object().unwrap().values().chain([&schema]);
        let mut described = 0;
        for (key, part) in sections.filter_map(|section| section["properties"].as_object()).flatten() {
            assert!(part["description"].is_string(), "{key} has no description");
            described += 1;
        }
        assert_eq!(described, 14 + 6 + 2 + 6 + 4 + 5 + 9 + 5 + 2 + 2 + 2);
    }

    #[test]
    fn the_files_in_configs_are_these_schemas() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        for (name, schema) in
            [("config.schema.json", schema()), ("experiment.schema.json", experiment_schema())]
        {
            let path = configs.join(name);
            if std::env::var_os("WRITE_SCHEMA").is_some() {
                std::fs::write(&path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
            }
            let kept: Value =
                serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_default()).unwrap_or_default();
            assert!(kept == schema, "configs/{name} is not up to date: run the tests with WRITE_SCHEMA=1");
        }
    }
}
