//! `config diff A B`: which keys differ between what two experiments, runs, models, documents or policies ran with.
//!
//! Compared are canonical documents, in which every default is spelled out, and what trials and models have beside them.
//! Settings of the node are no part of either, so no secret is.

use std::collections::BTreeSet;

use gauntlet_config::ExperimentDocument;
use gauntlet_experiments::validate::validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::browse::{all_named, find_anywhere, find_by_id};
use crate::node::Node;
use crate::policy::{self, RegisteredPolicy};
use crate::ran_with::{Kind, RanWith, Subject, ran_with};
use crate::refusal::Refusal;
use crate::submit;

/// Two things to compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffRequest {
    /// The one.
    pub a: Operand,
    /// The other.
    pub b: Operand,
    /// Whether keys whose values are equal are wanted too.
    pub all: bool,
}

/// A thing to compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operand {
    /// The id of an experiment, a run, a model or a configuration, or its beginning; the name of an experiment; a policy as
    /// `NAME`, `NAME@MANDATE`, `NAME@HASH` or by its hash.
    Called(String),
    /// The document of an experiment.
    Document {
        /// Its text.
        text: String,
        /// Its file's name.
        name: String,
    },
}

impl DiffRequest {
    /// Whether both are documents, for which no node is needed.
    pub fn is_of_documents(&self) -> bool {
        [&self.a, &self.b].into_iter().all(|of| matches!(of, Operand::Document { .. }))
    }
}

/// A key with its values on both sides, of whatever shape they have. `None` where a side does not have it or says null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedKey {
    /// Its path; a dot leads into a section.
    pub key: String,
    /// Its value on the one side.
    pub a: Option<Json>,
    /// Its value on the other side.
    pub b: Option<Json>,
}

/// What the comparison gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// The one.
    pub a: Subject,
    /// The other.
    pub b: Subject,
    /// Whether no key differs.
    pub equal: bool,
    /// Keys whose values differ, in the order of their paths.
    pub differences: Vec<ComparedKey>,
    /// All keys, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<ComparedKey>>,
}

/// Compares. Without a node nothing but documents can be.
///
/// # Errors
/// Ids and names that stand for nothing or for several things, documents that could not be submitted, things of two kinds
/// of which one is a policy.
pub fn diff(node: Option<&Node>, request: &DiffRequest) -> Result<Diff, Refusal> {
    let [a, b] = [side(node, &request.a)?, side(node, &request.b)?];
    let kinds = [a.subject.kind, b.subject.kind];
    if kinds.contains(&Kind::Policy) && kinds != [Kind::Policy; 2] {
        let [a, b] = kinds.map(Kind::with_article);
        return Err(Refusal::BadInput(format!(
            "{a} and {b} cannot be compared ({} and {}): give two policies, or two of experiments, runs, models, configurations \
             and documents",
            request.a, request.b
        )));
    }
    let keys = compare(&a.keys(), &b.keys());
    let differences: Vec<ComparedKey> = keys.iter().filter(|of| of.a != of.b).cloned().collect();
    Ok(Diff {
        a: a.subject,
        b: b.subject,
        equal: differences.is_empty(),
        differences,
        keys: request.all.then_some(keys),
    })
}

impl std::fmt::Display for Operand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Operand::Called(name) | Operand::Document { name, .. } => write!(f, "'{name}'"),
        }
    }
}

impl RanWith {
    /// The document, and beside its sections what a trial or a model has of its own.
    fn keys(&self) -> Map<String, Json> {
        self.document.clone().into_iter().chain(self.own.clone()).collect()
    }
}

fn side(node: Option<&Node>, operand: &Operand) -> Result<RanWith, Refusal> {
    match (operand, node) {
        (Operand::Called(name), Some(node)) => called(node, name),
        (Operand::Called(name), None) => {
            Err(Refusal::Broken(format!("'{name}' was looked for without a node")))
        }
        (Operand::Document { text, name }, _) => of_document(node, text, name),
    }
}

fn called(node: &Node, name: &str) -> Result<RanWith, Refusal> {
    let policies = policy::called(node, name)?;
    if !policies.is_empty() {
        if !all_named(node, name)?.is_empty() {
            return Err(Refusal::BadInput(format!(
                "'{name}' is the name of an experiment and of a policy: give the experiment's id, or {name}@ and the beginning of \
                 the policy's hash"
            )));
        }
        return of_policy(name, &policies);
    }
    let policies = policy::with_hash(node, name)?;
    match find_by_id(node, name)? {
        Some(_) if !policies.is_empty() => Err(Refusal::BadInput(format!(
            "an id and the hash of a policy begin with '{name}': give more digits"
        ))),
        Some(row) => ran_with(node, row),
        None if !policies.is_empty() => of_policy(name, &policies),
        None => ran_with(node, find_anywhere(node, name).map_err(also_elsewhere)?),
    }
}

/// What is said where a name stands for nothing, and where else to look.
fn also_elsewhere(refusal: Refusal) -> Refusal {
    let policies =
        "policies are listed by gauntlet policy ls, and a document is the path of a file that ends in .yaml";
    match refusal {
        Refusal::BadInput(said) => Refusal::BadInput(format!("{said}; {policies}")),
        Refusal::NotFound(said) => Refusal::NotFound(format!("{said}; {policies}")),
        other => other,
    }
}

/// A document as it would be submitted here.
fn of_document(node: Option<&Node>, text: &str, name: &str) -> Result<RanWith, Refusal> {
    let spec = match node {
        Some(node) => submit::resolved(node, text, name)?,
        None => {
            let document = ExperimentDocument::read_to_latest(text, name, &[], |_| {
                Err(Refusal::BadInput(format!(
                    "{name}: data.to: the latest bar is known where bars are: name a directory with --dir"
                )))
            })?;
            submit::refuse(&document, &validate(&policy::before_it_is_known(&document.spec)))?;
            document.spec
        }
    };
    let (id, hash) = (spec.experiment_id().to_string(), spec.config_hash().to_string());
    let subject = Subject { kind: Kind::Document, id, name: Some(name.to_owned()), mandate: None, hash };
    Ok(RanWith { subject, document: object(&spec.canonical_json())?, own: Map::new() })
}

fn of_policy(called: &str, found: &[RegisteredPolicy]) -> Result<RanWith, Refusal> {
    let hashes: BTreeSet<String> = found.iter().map(|of| of.policy.hash().to_string()).collect();
    let (Some(first), 1) = (found.first(), hashes.len()) else {
        let name = |of: &RegisteredPolicy| {
            format!("{}@{} (hash {:.12})", of.policy.name, of.mandate, of.policy.hash().to_string())
        };
        return Err(Refusal::BadInput(format!(
            "'{called}' stands for {} policies: give NAME@MANDATE, or NAME@ and the beginning of a hash, of {}",
            hashes.len(),
            found.iter().map(name).collect::<Vec<_>>().join(", ")
        )));
    };
    let hash = first.policy.hash().to_string();
    let mandate = Some(first.mandate.clone()).filter(|mandate| !mandate.is_empty());
    let name = Some(first.policy.name.clone());
    let subject = Subject { kind: Kind::Policy, id: hash.clone(), name, mandate, hash };
    Ok(RanWith { subject, document: object(&first.policy.canonical_json())?, own: Map::new() })
}

fn object(canonical: &str) -> Result<Map<String, Json>, Refusal> {
    serde_json::from_str(canonical)
        .map_err(|error| Refusal::Broken(format!("a canonical document is no object: {error}")))
}

/// Every key of two documents, in the order of their paths.
fn compare(a: &Map<String, Json>, b: &Map<String, Json>) -> Vec<ComparedKey> {
    let mut keys = Vec::new();
    for name in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
        walk(name, a.get(name), b.get(name), &mut keys);
    }
    keys.sort_by(|one, other| one.key.cmp(&other.key));
    keys
}

/// Sections are compared key by key, also where one side has none; a section against a value as a whole.
fn walk(key: &str, a: Option<&Json>, b: Option<&Json>, keys: &mut Vec<ComparedKey>) {
    let [a, b] = [a, b].map(|value| value.filter(|value| !value.is_null()));
    let sections = [a, b].map(|value| value.map_or(Some(None), |value| value.as_object().map(Some)));
    if let [Some(one), Some(other)] = sections {
        let names = one.into_iter().chain(other).flat_map(Map::keys).collect::<BTreeSet<_>>();
        if !names.is_empty() {
            for name in names {
                let [a, b] = [one, other].map(|section| section.and_then(|of| of.get(name)));
                walk(&format!("{key}.{name}"), a, b, keys);
            }
            return;
        }
    }
    keys.push(ComparedKey { key: key.to_owned(), a: a.cloned(), b: b.cloned() });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn differences(a: &Json, b: &Json) -> Vec<(String, Option<Json>, Option<Json>)> {
        let keys = compare(a.as_object().unwrap(), b.as_object().unwrap());
        keys.into_iter().filter(|of| of.a != of.b).map(|of| (of.key, of.a, of.b)).collect()
    }

    #[test]
    fn sections_are_compared_key_by_key_in_the_order_of_their_paths() {
        let a = json!({ "tuning": { "seed": 3, "trials": 12 }, "name": "mini", "data": { "from": 1 } });
        let b = json!({ "tuning": { "seed": 4, "trials": 5 }, "name": "mini", "data": { "from": 1 } });
        let expected = [
            ("tuning.seed".to_owned(), Some(json!(3)), Some(json!(4))),
            ("tuning.trials".to_owned(), Some(json!(12)), Some(json!(5))),
        ];
        assert_eq!(differences(&a, &b), expected);
        assert_eq!(differences(&a, &a), []);
        let paths: Vec<String> =
            compare(a.as_object().unwrap(), b.as_object().unwrap()).into_iter().map(|of| of.key).collect();
        assert_eq!(paths, ["data.from", "name", "tuning.seed", "tuning.trials"]);
    }

    /// A path may sort before one that is beside its section.
    #[test]
    fn paths_are_sorted_as_a_whole() {
        let a = json!({ "x": { "z": 1 }, "x-y": 1, "x!": 1 });
        let keys = compare(a.as_object().unwrap(), &Map::new());
        assert_eq!(keys.iter().map(|of| of.key.as_str()).collect::<Vec<_>>(), ["x!", "x-y", "x.z"]);
    }

    #[test]
    fn a_section_that_one_side_lacks_is_missing_key_by_key() {
        let (a, b) = (json!({ "gates": { "pbo": { "max": 0.3 } } }), json!({}));
        assert_eq!(differences(&a, &b), [("gates.pbo.max".to_owned(), Some(json!(0.3)), None)]);
        assert_eq!(differences(&b, &a), [("gates.pbo.max".to_owned(), None, Some(json!(0.3)))]);
        assert_eq!(differences(&json!({ "gates": {} }), &a).len(), 1);
    }

    #[test]
    fn what_says_nothing_and_what_says_null_are_the_same_and_an_empty_section_is_not() {
        assert_eq!(differences(&json!({ "mandate": null }), &json!({})), []);
        assert_eq!(
            differences(&json!({ "gates": {} }), &json!({})),
            [("gates".to_owned(), Some(json!({})), None)]
        );
        assert_eq!(differences(&json!({ "gates": {} }), &json!({ "gates": {} })), []);
    }

    #[test]
    fn a_section_against_a_value_and_lists_are_compared_as_a_whole() {
        let a = json!({ "fast": { "int": [5, 60] } });
        assert_eq!(
            differences(&a, &json!({ "fast": 20 })),
            [("fast".to_owned(), Some(json!({ "int": [5, 60] })), Some(json!(20)))]
        );
        assert_eq!(
            differences(&a, &json!({ "fast": { "int": [5, 61] } })),
            [("fast.int".to_owned(), Some(json!([5, 60])), Some(json!([5, 61])))]
        );
    }

    const DOCUMENT: &str = "\
name: gold
data: { instrument: XAUUSD, venue: OANDA, bars: \"time:1h\", from: 2006-03-20, to: 2014-05-01 }
model: { strategy: ma-cross, parameters: { fast: { int: [5, 60] }, slow: { int: [80, 400] } } }
tuning: { seed: 3 }
";

    fn documents(a: &str, b: &str) -> Result<Diff, Refusal> {
        let document = |text: &str, name: &str| {
            let (text, name) = (text.to_owned(), name.to_owned());
            Operand::Document { text, name }
        };
        diff(None, &DiffRequest { a: document(a, "a.yaml"), b: document(b, "b.yaml"), all: false })
    }

    #[test]
    fn defaults_are_spelled_out_and_equal_documents_are_the_same_experiment() {
        let spelled = documents(DOCUMENT, &DOCUMENT.replace("seed: 3", "seed: 3, trials: 100")).unwrap();
        assert!(spelled.equal && spelled.differences.is_empty(), "{spelled:?}");
        assert_eq!((&spelled.a.id, &spelled.a.hash), (&spelled.b.id, &spelled.b.hash));
        let other = documents(DOCUMENT, &DOCUMENT.replace("seed: 3", "trials: 5")).unwrap();
        let changed: Vec<_> =
            other.differences.iter().map(|of| (of.key.as_str(), of.a.clone(), of.b.clone())).collect();
        assert_eq!(
            changed,
            [
                ("tuning.seed", Some(json!(3)), Some(json!(1))),
                ("tuning.trials", Some(json!(100)), Some(json!(5)))
            ]
        );
        assert_ne!(other.a.hash, other.b.hash);
    }

    #[test]
    fn a_document_that_could_not_be_submitted_is_refused_with_its_place() {
        let refused = |from: &str, to: &str| {
            documents(DOCUMENT, &DOCUMENT.replace(from, to)).map(|_| ()).unwrap_err().to_string()
        };
        assert!(refused("seed", "sead").starts_with("unknown key 'tuning.sead' in b.yaml:4"));
        assert!(refused("ma-cross", "ma-crss").contains("b.yaml:3"), "{}", refused("ma-cross", "ma-crss"));
        assert!(refused("2014-05-01", "latest").contains("b.yaml: data.to: the latest bar is known"));
    }
}
