//! What may be depended on: the rules of `deny.toml`, checked against what `cargo metadata` resolves for this machine's
//! platform. Who has cargo-deny can check the same file with it, and other platforms and advisories too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gauntlet_tests::repository;
use serde::Deserialize;

use crate::tidy::metadata;

/// `deny.toml`, as far as it is checked here.
#[derive(Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    wildcards: String,
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    /// Packages that may use it directly.
    wrappers: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
}

/// A resolved package.
#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    license: Option<String>,
    license_file: Option<PathBuf>,
    manifest_path: PathBuf,
    source: Option<String>,
    dependencies: Vec<Requirement>,
}

/// What a manifest asks for.
#[derive(Deserialize)]
struct Requirement {
    name: String,
    req: String,
    path: Option<String>,
}

fn rules() -> Rules {
    toml::from_str(&std::fs::read_to_string(repository().join("deny.toml")).unwrap()).unwrap()
}

/// Every package that is compiled here, and the names of those that depend on it directly.
fn resolved() -> Vec<(Package, BTreeSet<String>)> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let json = metadata(&["--locked", "--all-features", "--filter-platform", &platform]);
    let packages: Vec<Package> = serde_json::from_value(json["packages"].clone()).unwrap();
    let name_of: BTreeMap<&str, &str> = packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
    let mut users: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for node in json["resolve"]["nodes"].as_array().unwrap() {
        let user = name_of[node["id"].as_str().unwrap()];
        for used in node["dependencies"].as_array().unwrap() {
            users.entry(used.as_str().unwrap()).or_default().insert(user.to_owned());
        }
    }
    let compiled: BTreeSet<&str> = json["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap())
        .collect();
    let users: BTreeMap<String, BTreeSet<String>> =
        users.into_iter().map(|(id, names)| (id.to_owned(), names)).collect();
    let compiled: BTreeSet<String> = compiled.into_iter().map(str::to_owned).collect();
    let found = packages.into_iter().filter(|package| compiled.contains(&package.id));
    let found: Vec<_> = found
        .map(|package| {
            let by = users.get(&package.id).cloned().unwrap_or_default();
            (package, by)
        })
        .collect();
    assert!(found.len() > 300, "{} packages: the lock file was not resolved", found.len());
    found
}

/// Whether an SPDX expression can be met with the allowed licences: `OR` needs one side, `AND` both. An old manifest writes
/// `/` for `OR`.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let allows = either(&mut words, allowed);
    assert!(words.next().is_none(), "'{expression}' is no SPDX expression");
    allows
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = both(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= both(words, allowed);
    }
    met
}

fn both(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let word = words.next().unwrap();
    if word == "(" {
        let met = either(words, allowed);
        assert_eq!(words.next(), Some(")"));
        return met;
    }
    match words.next_if_eq(&"WITH") {
        Some(_) => allowed.contains(&format!("{word} WITH {}", words.next().unwrap())),
        None => allowed.contains(word),
    }
}

#[test]
fn expressions_of_licences_are_understood() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for met in
        ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(MIT OR GPL-3.0) AND ISC", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(is_allowed(met, &allowed), "{met}");
    }
    for unmet in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT OR ISC) AND GPL-3.0"] {
        assert!(!is_allowed(unmet, &allowed), "{unmet}");
    }
}

/// The licence that a manifest states, or whose text lies beside it.
fn licence_of(package: &Package) -> Option<String> {
    let from_text = || {
        let text =
            std::fs::read_to_string(package.manifest_path.with_file_name(package.license_file.as_ref()?))
                .ok()?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let is_apache = lines.next()? == "Apache License" && lines.next()?.starts_with("Version 2.0");
        is_apache.then(|| "Apache-2.0".to_owned())
    };
    package.license.clone().or_else(from_text)
}

#[test]
fn every_licence_is_one_of_those_allowed() {
    let allowed = rules().licenses.allow;
    assert!(allowed.len() > 5);
    let mut wrong = Vec::new();
    for (package, _) in resolved() {
        match licence_of(&package) {
            Some(license) if is_allowed(&license, &allowed) => {}
            other => wrong.push(format!("{}: {other:?}", package.name)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_package_comes_from_the_registry_or_is_our_own() {
    let Sources { unknown_registry, unknown_git } = rules().sources;
    assert_eq!((unknown_registry.as_str(), unknown_git.as_str()), ("deny", "deny"));
    for (package, _) in resolved() {
        let source = package.source.as_deref();
        let is_registry = source == Some("registry+https://github.com/rust-lang/crates.io-index");
        let is_own = source.is_none() && package.name.starts_with("gauntlet");
        assert!(is_registry || is_own, "{} comes from {source:?}", package.name);
    }
}

#[test]
fn a_banned_library_is_used_by_its_wrappers_alone() {
    let bans = rules().bans;
    assert_eq!(bans.wildcards, "deny");
    let resolved = resolved();
    let mut found = 0;
    for ban in &bans.deny {
        for (_, users) in resolved.iter().filter(|(package, _)| package.name == ban.name) {
            let wrong: Vec<_> = users.difference(&ban.wrappers).collect();
            assert!(
                wrong.is_empty(),
                "{} is used by {wrong:?}; deny.toml allows {:?}",
                ban.name,
                ban.wrappers
            );
            found += 1;
        }
    }
    assert!(found >= bans.deny.len(), "{found} of {} banned libraries are in use", bans.deny.len());
    for (package, _) in resolved.iter().filter(|(package, _)| package.source.is_none()) {
        let wild = package.dependencies.iter().find(|of| of.req == "*" && of.path.is_none());
        assert!(wild.is_none(), "{} takes any version of {}", package.name, wild.unwrap().name);
    }
}
