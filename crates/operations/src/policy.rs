//! `policy set|show|ls|gates`: which gates a model of a mandate must pass.
//!
//! A policy is registered under a name and never changes: another content is another name. A document that names one has it
//! spelled out at its submission, so that what is registered later changes nothing that was submitted before.

use gauntlet_config::nearest;
use gauntlet_domain::gates::{self, Bound, Bounds, DEFAULT_POLICY, Policy};
use gauntlet_domain::person::Person;
use gauntlet_domain::selection::PolicyRegistered;
use gauntlet_domain::spec::{ExperimentSpec, PolicySpec};
use gauntlet_domain::verdict::Comparison;
use gauntlet_runtime::Running;
use gauntlet_views::schema;
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::publish::publish_once;
use crate::refusal::Refusal;
use crate::rows::text;

/// What is asked of the policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyRequest {
    /// Register one.
    Set {
        /// The document.
        text: String,
        /// Name of its file.
        name: String,
        /// Who registers it.
        author: String,
    },
    /// Show one of a mandate.
    Show {
        /// The mandate.
        mandate: String,
        /// Its name.
        name: String,
    },
    /// List those of all mandates.
    List,
}

/// A document of a policy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    mandate: String,
    #[serde(default)]
    gates: Bounds,
}

/// A policy of a mandate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RegisteredPolicy {
    /// The mandate; empty for the default policy, which every mandate has.
    pub mandate: String,
    /// Who registered it.
    pub author: String,
    /// Name and gates.
    #[serde(flatten)]
    pub policy: Policy,
    /// Gates of the default policy that it loosens.
    pub loosens: Vec<String>,
}

/// One policy, or all.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Policies {
    /// It was set, or asked for.
    One(Box<RegisteredPolicy>),
    /// By mandate and name.
    All(Vec<RegisteredPolicy>),
}

/// A gate, as `policy gates` lists it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateCard {
    /// Its name.
    pub gate: &'static str,
    /// On which side of the threshold it passes.
    pub passes: &'static str,
    /// Threshold of the default policy; none where the gate is not part of it.
    pub default: Option<f64>,
    /// Whether a person may set a refusal aside.
    pub waivable: bool,
    /// What the statistic is.
    pub what: &'static str,
}

/// Every gate there is.
pub fn gate_cards() -> Vec<GateCard> {
    let card = |gate: &gates::Definition| GateCard {
        gate: gate.name,
        passes: match gate.comparison {
            Comparison::AtMost => "at most",
            Comparison::AtLeast | Comparison::MoreThan => "at least",
            Comparison::Unknown => "by its section",
        },
        default: gate.default,
        waivable: gate.waivable,
        what: gate.what,
    };
    gates::ALL.iter().map(card).collect()
}

/// Registers, shows or lists. A policy that is registered while processors run is there for documents when this returns.
pub fn policies(
    node: &Node,
    running: Option<&Running>,
    request: &PolicyRequest,
) -> Result<Policies, Refusal> {
    Ok(match request {
        PolicyRequest::Set { text, name, author } => {
            let set = set(node, text, name, author)?;
            if let Some(running) = running {
                let (mandate, name) = (&set.mandate, &set.policy.name);
                let is_there = |all: Vec<RegisteredPolicy>| all.iter().any(|of| of.policy.name == *name);
                node.wait_for(running, || Ok(is_there(registered(node, mandate)?).then_some(())))?;
            }
            Policies::One(Box::new(set))
        }
        PolicyRequest::Show { mandate, name } => Policies::One(Box::new(find(node, mandate, name)?)),
        PolicyRequest::List => Policies::All(all(node)?),
    })
}

/// The default policy and those of all mandates, by mandate and name.
fn all(node: &Node) -> Result<Vec<RegisteredPolicy>, Refusal> {
    let rows = node.views.scan(&schema::POLICIES, None)?;
    let mut all = vec![shown("", "", Policy::default_policy())];
    all.extend(rows.iter().filter_map(of_row));
    Ok(all)
}

/// The policies that are called so: `NAME`, or `NAME@WHICH` with a mandate or the beginning of a hash. A mandate's policy
/// never changes, but another mandate may have another one of the same name.
pub(crate) fn called(node: &Node, called: &str) -> Result<Vec<RegisteredPolicy>, Refusal> {
    let (name, which) = called.rsplit_once('@').unwrap_or((called, ""));
    let is_called = |of: &RegisteredPolicy| {
        let is_which = || of.mandate == which || of.policy.hash().to_string().starts_with(which);
        of.policy.name == called || (of.policy.name == name && is_which())
    };
    Ok(all(node)?.into_iter().filter(is_called).collect())
}

/// The policies whose hash begins so.
pub(crate) fn with_hash(node: &Node, hash: &str) -> Result<Vec<RegisteredPolicy>, Refusal> {
    let begins = |of: &RegisteredPolicy| !hash.is_empty() && of.policy.hash().to_string().starts_with(hash);
    Ok(all(node)?.into_iter().filter(begins).collect())
}

fn of_row(row: &gauntlet_views::Row) -> Option<RegisteredPolicy> {
    let policy = serde_json::from_str(text(row, "document")?).ok()?;
    Some(shown(text(row, "mandate")?, text(row, "author").unwrap_or_default(), policy))
}

fn shown(mandate: &str, author: &str, policy: Policy) -> RegisteredPolicy {
    let default = Policy::default_policy();
    let is_looser =
        |(name, has): (&String, &Bound)| match (has, policy.gates.get(name).unwrap_or(&Bound::Off)) {
            (Bound::Min(has), Bound::Min(asked)) => asked < has,
            (Bound::Max(has), Bound::Max(asked)) => asked > has,
            _ => true,
        };
    let loosens =
        default.gates.iter().filter(|gate| is_looser(*gate)).map(|(name, _)| name.clone()).collect();
    RegisteredPolicy { mandate: mandate.to_owned(), author: author.to_owned(), policy, loosens }
}

fn set(node: &Node, text: &str, file: &str, author: &str) -> Result<RegisteredPolicy, Refusal> {
    Person::named(author).map_err(Refusal::BadInput)?;
    let wrong = |why: String| Refusal::BadInput(format!("{file}: {why}"));
    let document: Document = serde_saphyr::from_str(text).map_err(|error| wrong(error.to_string()))?;
    if [&document.name, &document.mandate].iter().any(|name| name.trim().is_empty()) {
        return Err(wrong("a policy has a name and a mandate".to_owned()));
    }
    if document.name == DEFAULT_POLICY {
        return Err(wrong(format!("`{DEFAULT_POLICY}` is the built-in policy: choose another name")));
    }
    let policy =
        Policy::with(&document.name, &document.gates).map_err(|error| wrong(format!("gates: {error}")))?;
    if let Some(known) =
        registered(node, &document.mandate)?.into_iter().find(|of| of.policy.name == policy.name)
    {
        if known.policy == policy {
            return Ok(known);
        }
        return Err(wrong(format!(
            "policy `{}` of mandate {} is registered with other gates (by {}): a policy never changes, choose another name",
            policy.name, document.mandate, known.author
        )));
    }
    let event = PolicyRegistered {
        mandate: document.mandate.clone(),
        name: policy.name.clone(),
        policy_hash: policy.hash(),
        document: policy.canonical_json(),
        author: author.trim().to_owned(),
    };
    publish_once(node, "gateway", &[event.into()])?;
    Ok(shown(&document.mandate, author.trim(), policy))
}

/// The policies that a mandate has registered.
fn registered(node: &Node, mandate: &str) -> Result<Vec<RegisteredPolicy>, Refusal> {
    let rows = node.views.partition(&schema::POLICIES, &[mandate.into()], None)?;
    Ok(rows.iter().filter_map(of_row).collect())
}

/// The policy of that name.
fn find(node: &Node, mandate: &str, name: &str) -> Result<RegisteredPolicy, Refusal> {
    if name == DEFAULT_POLICY {
        return Ok(shown("", "", Policy::default_policy()));
    }
    let all = registered(node, mandate)?;
    if let Some(found) = all.iter().find(|of| of.policy.name == name) {
        return Ok(found.clone());
    }
    let names: Vec<&str> = all.iter().map(|of| of.policy.name.as_str()).chain([DEFAULT_POLICY]).collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", names.join(", ")),
    };
    Err(Refusal::BadInput(format!(
        "policy: mandate {mandate} has registered no policy `{name}`: {hint} (gauntlet policy set FILE --as WHO registers one)"
    )))
}

/// A document as if its policy judged nothing: what a registered policy has is known where it is registered.
pub(crate) fn before_it_is_known(spec: &ExperimentSpec) -> ExperimentSpec {
    let mut spec = spec.clone();
    if let Some(PolicySpec::Named(name)) = &spec.policy {
        spec.policy = Some(PolicySpec::Resolved(Policy { name: name.clone(), gates: Bounds::new() }));
    }
    spec
}

/// Spells out the policy that a document names.
pub(crate) fn resolve(node: &Node, spec: &mut ExperimentSpec) -> Result<(), Refusal> {
    if let Some(PolicySpec::Named(name)) = &spec.policy {
        spec.policy = Some(PolicySpec::Resolved(find(node, &spec.mandate(), name)?.policy));
    }
    Ok(())
}
