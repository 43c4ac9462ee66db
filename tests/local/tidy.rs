//! The workspace's rules, read from its manifests and files: which way dependencies point, what every crate states, how
//! large a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use gauntlet_tests::{Json, repository};

/// Lines of a source file at most, its unit tests and test programs apart.
const MOST_LINES: usize = 450;

/// What `cargo metadata` says.
pub(crate) fn metadata(more: &[&str]) -> Json {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["metadata", "--format-version", "1", "--offline"]).args(more).current_dir(repository());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A package of the workspace.
struct Package {
    folder: PathBuf,
    /// Dependencies that end up in what is shipped: build and development dependencies are apart.
    dependencies: BTreeSet<String>,
    development: BTreeSet<String>,
    /// Those of `dependencies` that no feature has to ask for.
    needs: BTreeSet<String>,
    json: Json,
}

impl Package {
    fn is_in(&self, folder: &str) -> bool {
        self.folder.starts_with(repository().join(folder))
    }

    /// Whether a file, named from the repository's root, is part of what is shipped.
    fn is_in_file(&self, file: &str) -> bool {
        repository().join(file).starts_with(self.folder.join("src"))
    }
}

fn packages() -> BTreeMap<String, Package> {
    let json = metadata(&["--no-deps"]);
    let package = |json: &Json| {
        let of = |is_wanted: &dyn Fn(&Json) -> bool| {
            let wanted =
                json["dependencies"].as_array().unwrap().iter().filter(|dependency| is_wanted(dependency));
            wanted.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
        };
        let manifest = Path::new(json["manifest_path"].as_str().unwrap());
        Package {
            folder: manifest.parent().unwrap().to_owned(),
            dependencies: of(&|dependency| dependency["kind"] != "dev"),
            development: of(&|dependency| dependency["kind"] == "dev"),
            needs: of(&|dependency| dependency["kind"].is_null() && dependency["optional"] == false),
            json: json.clone(),
        }
    };
    let found = json["packages"].as_array().unwrap().iter();
    let found: BTreeMap<_, _> =
        found.map(|json| (json["name"].as_str().unwrap().to_owned(), package(json))).collect();
    assert!(found.len() >= 20, "{} packages: the workspace was not read", found.len());
    found
}

/// Crates of the workspace that each may build upon, and why. What is not listed may build on no crate of the workspace.
const MAY_USE: [(&str, &[&str]); 24] = [
    ("gauntlet-quant", &["gauntlet-domain"]),
    // An order of a backtest passes the checks that paper trading has.
    ("gauntlet-backtest", &["gauntlet-domain", "gauntlet-quant", "gauntlet-pretrade"]),
    ("gauntlet-walkforward", &["gauntlet-domain", "gauntlet-quant", "gauntlet-backtest"]),
    ("gauntlet-search", &["gauntlet-domain"]),
    ("gauntlet-sensitivity", &["gauntlet-domain", "gauntlet-quant", "gauntlet-search"]),
    ("gauntlet-pretrade", &["gauntlet-domain"]),
    (
        "gauntlet-robustness",
        &[
            "gauntlet-domain",
            "gauntlet-quant",
            "gauntlet-backtest",
            "gauntlet-walkforward",
            "gauntlet-search",
            "gauntlet-sensitivity",
        ],
    ),
    ("gauntlet-processor", &["gauntlet-domain"]),
    ("gauntlet-wire", &["gauntlet-domain"]),
    ("gauntlet-log", &["gauntlet-redb-file"]),
    ("gauntlet-views", &["gauntlet-redb-file"]),
    // Rules, samplers and pruners with their settings, for the descriptions of a document's keys.
    ("gauntlet-config", &["gauntlet-domain", "gauntlet-backtest", "gauntlet-search"]),
    ("gauntlet-feed", &["gauntlet-domain"]),
    ("gauntlet-filter", &["gauntlet-domain"]),
    // HTTP over operations. Of the ports it sees rows, positions and events, to show them.
    (
        "gauntlet-gateway",
        &[
            "gauntlet-domain",
            "gauntlet-lake",
            "gauntlet-log",
            "gauntlet-operations",
            "gauntlet-runtime",
            "gauntlet-sql",
            "gauntlet-views",
            "gauntlet-wire",
        ],
    ),
    // Tables over a node: what it keeps, as rows.
    (
        "gauntlet-sql",
        &[
            "gauntlet-config",
            "gauntlet-domain",
            "gauntlet-lake",
            "gauntlet-log",
            "gauntlet-operations",
            "gauntlet-views",
        ],
    ),
    ("gauntlet-instruments", &["gauntlet-domain"]),
    ("gauntlet-lake", &["gauntlet-domain"]),
    ("gauntlet-runtime", &["gauntlet-domain", "gauntlet-log", "gauntlet-processor", "gauntlet-wire"]),
    ("gauntlet-schema-registry", &["gauntlet-domain", "gauntlet-wire"]),
    ("gauntlet-kafka-log", &["gauntlet-log"]),
    ("gauntlet-scylla-views", &["gauntlet-views"]),
    // What people ask for, over all ports and, with the feature `cluster`, all adapters. Of the processors only logic that is
    // asked for without a log: whether a document is valid, how ticks become bars.
    (
        "gauntlet-operations",
        &[
            "gauntlet-domain",
            "gauntlet-quant",
            "gauntlet-backtest",
            "gauntlet-walkforward",
            "gauntlet-search",
            "gauntlet-sensitivity",
            "gauntlet-processor",
            "gauntlet-wire",
            "gauntlet-config",
            "gauntlet-feed",
            "gauntlet-filter",
            "gauntlet-instruments",
            "gauntlet-lake",
            "gauntlet-log",
            "gauntlet-views",
            "gauntlet-runtime",
            "gauntlet-kafka-log",
            "gauntlet-schema-registry",
            "gauntlet-scylla-views",
            "gauntlet-experiments",
            "gauntlet-market-data",
        ],
    ),
    // Pure logic: no log, no runtime, no files.
    (
        "processors",
        &[
            "gauntlet-domain",
            "gauntlet-processor",
            "gauntlet-quant",
            "gauntlet-backtest",
            "gauntlet-walkforward",
            "gauntlet-search",
            "gauntlet-robustness",
            "gauntlet-views",
        ],
    ),
];

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    let may_use: BTreeMap<_, _> = MAY_USE.into_iter().collect();
    let mut looked_at = 0;
    for (name, package) in &packages {
        // The binary puts all together; tests and benchmarks look at it from outside.
        if name == "gauntlet" || !(package.is_in("crates") || package.is_in("processors")) {
            continue;
        }
        let rule = if package.is_in("processors") { "processors" } else { name.as_str() };
        let allowed = may_use.get(rule).copied().unwrap_or_default();
        let inside = package.dependencies.iter().filter(|dependency| packages.contains_key(*dependency));
        let wrong: Vec<&String> =
            inside.filter(|dependency| !allowed.contains(&dependency.as_str())).collect();
        assert!(wrong.is_empty(), "{name} must not depend on {wrong:?}: it may use {allowed:?}");
        looked_at += 1;
    }
    eprintln!("{looked_at} packages");
    assert!(looked_at >= 20);
    for (name, package) in &packages {
        let uses_views = package.dependencies.contains("gauntlet-views");
        assert!(
            !uses_views
                || [
                    "gauntlet",
                    "gauntlet-gateway",
                    "gauntlet-operations",
                    "gauntlet-projector",
                    "gauntlet-scylla-views",
                    "gauntlet-sql",
                    "gauntlet-tests",
                ]
                .contains(&name.as_str()),
            "{name} uses the views"
        );
        let processors =
            package.dependencies.iter().filter(|of| packages.get(*of).is_some_and(|p| p.is_in("processors")));
        let processors: Vec<_> = processors.collect();
        let may = ["gauntlet", "gauntlet-operations"].contains(&name.as_str())
            || !(package.is_in("crates") || package.is_in("processors"));
        assert!(
            processors.is_empty() || may,
            "{name} depends on {processors:?}: only the binary puts processors together"
        );
    }
}

/// The binary reads arguments, renders answers and lists processors: it reaches logs, stores and codecs through operations
/// alone, and nothing builds upon it.
#[test]
fn the_binary_works_through_operations() {
    let packages = packages();
    let binary = &packages["gauntlet"].dependencies;
    assert!(binary.contains("gauntlet-operations"));
    let hidden = [
        "gauntlet-log",
        "gauntlet-kafka-log",
        "gauntlet-lake",
        "gauntlet-wire",
        "gauntlet-schema-registry",
        "gauntlet-scylla-views",
        "gauntlet-processor",
    ];
    let wrong: Vec<_> = hidden.iter().filter(|name| binary.contains(**name)).collect();
    assert!(wrong.is_empty(), "the binary uses {wrong:?}: let an operation do it");
    for (name, package) in &packages {
        let mut all = package.dependencies.iter().chain(&package.development);
        assert!(all.all(|of| of != "gauntlet"), "{name} builds upon the binary");
    }
}

/// A library that is costly or dangerous in two places has one.
#[test]
fn some_libraries_have_one_home() {
    let homes: [(&str, &[&str]); 22] = [
        ("datafusion", &["gauntlet-sql"]),
        ("apache-avro", &["gauntlet-wire"]),
        ("arrow-avro", &["gauntlet-wire"]),
        ("rdkafka", &["gauntlet-kafka-log"]),
        ("redb", &["gauntlet-log", "gauntlet-redb-file", "gauntlet-views"]),
        ("reqwest", &["gauntlet-schema-registry"]),
        ("schema_registry_converter", &["gauntlet-schema-registry"]),
        ("metrics", &["gauntlet-runtime"]),
        ("metrics-exporter-prometheus", &["gauntlet"]),
        ("opentelemetry", &["gauntlet-operations"]),
        ("opentelemetry-otlp", &["gauntlet-operations"]),
        ("parquet", &["gauntlet-lake", "gauntlet-feed"]),
        ("zip", &["gauntlet-feed"]),
        ("axum", &["gauntlet", "gauntlet-gateway"]),
        ("scylla", &["gauntlet-scylla-views"]),
        ("object_store", &["gauntlet-lake"]),
        (
            "tokio",
            &["gauntlet", "gauntlet-gateway", "gauntlet-lake", "gauntlet-scylla-views", "gauntlet-sql"],
        ),
        ("clap", &["gauntlet"]),
        ("comfy-table", &["gauntlet"]),
        ("indicatif", &["gauntlet"]),
        ("ctrlc", &["gauntlet"]),
        ("forust-ml", &["gauntlet-backtest"]),
    ];
    let packages = packages();
    let mut found = 0;
    for (library, homes) in homes {
        for (name, package) in &packages {
            let shipped = package.is_in("crates") || package.is_in("processors");
            if shipped && package.dependencies.contains(library) {
                assert!(homes.contains(&name.as_str()), "{name} uses {library}, which lives in {homes:?}");
                found += 1;
            }
        }
    }
    assert!(found >= 13, "{found} uses: the libraries have moved, this test has not");
    let random = ["rand", "getrandom", "fastrand"];
    for (name, package) in &packages {
        let own: Vec<_> = random.iter().filter(|library| package.dependencies.contains(**library)).collect();
        assert!(
            own.is_empty(),
            "{name} uses {own:?}: randomness is seeded and lives in search::rng and quant::inference"
        );
    }
}

/// With `preserve_order` canonical JSON would have another order of keys, and every hash would change.
#[test]
fn nobody_changes_what_json_means() {
    // Of this machine's platform: crates of the others need not be here.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let resolved = metadata(&["--locked", "--filter-platform", &platform]);
    let nodes = resolved["resolve"]["nodes"].as_array().unwrap();
    let of_json = nodes.iter().filter(|node| node["id"].as_str().unwrap().contains("serde_json@"));
    let features: Vec<String> = of_json.map(|node| node["features"].to_string()).collect();
    assert_eq!(features.len(), 1, "one version of serde_json: {features:?}");
    assert!(features[0].contains("float_roundtrip"), "floats come back as they were: {features:?}");
    for feature in ["preserve_order", "arbitrary_precision"] {
        assert!(!features[0].contains(feature), "somebody enables serde_json/{feature}");
    }
}

/// Features of direct dependencies that only other packages of the workspace switch on, by words that would need them. The
/// binary of README's first command is built without them, and tests/run compiles it with them.
const SWITCHED_ON_BY_OTHERS: [(&str, &[&str]); 13] = [
    ("arrow-array", &["chrono_tz", "array_value_to_string"]),
    ("arrow-cast", &["pretty_format"]),
    ("arrow-ipc", &["CompressionType"]),
    ("arrow-schema", &["ExtensionType", "arrow_schema::extension"]),
    ("futures-util", &["SinkExt", "futures_util::sink", "futures_util::io", "futures_util::select"]),
    ("gauntlet-log", &["gauntlet_log::contract"]),
    ("gauntlet-views", &["gauntlet_views::contract"]),
    ("hyper", &["hyper::client", "hyper::upgrade", "http2"]),
    ("hyper-util", &["hyper_util::client", "hyper_util::server"]),
    (
        "tokio",
        &["tokio::fs", "tokio::main", "new_multi_thread", "AsyncReadExt", "AsyncWriteExt", "tokio::io::copy"],
    ),
    (
        "tower",
        &["tower::buffer", "tower::limit", "tower::load", "tower::make", "tower::retry", "tower::timeout"],
    ),
    ("tracing", &["tracing::instrument", "#[instrument"]),
    ("uuid", &["new_v4"]),
];

#[test]
fn the_binary_alone_uses_no_feature_that_others_switch_on() {
    let tree = |more: &[&str]| -> BTreeSet<String> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["tree", "--locked", "--offline", "--prefix", "none", "-f", "{p}|{f}"]).args(more);
        let output = command.current_dir(repository()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
    };
    let name = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
    let (alone, all) = (tree(&["-e", "normal"]), tree(&["-e", "normal,build,dev", "--workspace"]));
    assert!(alone.len() > 100 && all.len() > alone.len(), "the trees were not read");
    let different: BTreeSet<String> = alone.difference(&all).map(name).collect();
    let of_binary: BTreeSet<String> = alone.iter().map(name).collect();
    let packages = packages();
    let packages = || packages.iter().filter(|(package, _)| of_binary.contains(*package));
    let direct: BTreeSet<String> =
        packages().flat_map(|(_, package)| package.dependencies.iter().cloned()).collect();
    let known: BTreeSet<String> = SWITCHED_ON_BY_OTHERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let found: BTreeSet<String> = different.intersection(&direct).cloned().collect();
    assert_eq!(found, known, "say in the list above which words need the features that differ");
    for (library, words) in SWITCHED_ON_BY_OTHERS {
        for (package, of) in packages().filter(|(_, package)| package.needs.contains(library)) {
            for (file, text) in sources().iter().filter(|(file, _)| of.is_in_file(file)) {
                let found = words.iter().find(|word| text.contains(**word));
                assert_eq!(found, None, "{file} of {package}: {library} has it only where others ask for it");
            }
        }
    }
}

#[test]
fn every_package_states_what_it_is() {
    let packages = packages();
    for (name, package) in &packages {
        let text = |field: &str| package.json[field].as_str().unwrap_or_default();
        assert!(text("description").len() > 10, "{name} has no description");
        assert_eq!(text("license"), "Apache-2.0", "{name}");
        assert_eq!(text("rust_version"), "1.95", "{name}");
        assert_eq!(text("edition"), "2024", "{name}");
        assert_eq!(package.json["publish"], serde_json::json!([]), "{name} is not for publishing");
        let manifest = std::fs::read_to_string(package.folder.join("Cargo.toml")).unwrap();
        let lints = manifest.split_once("[lints]\n").map(|(_, rest)| rest.trim_start());
        assert!(lints.is_some_and(|lints| lints.starts_with("workspace = true")), "{name} has its own lints");
        assert!(
            package.development.iter().all(|of| of != "gauntlet"),
            "{name} is tested through the binary's library"
        );
    }
    eprintln!("{} packages", packages.len());
}

/// Files that git knows or would take in, without those that are deleted.
fn tracked() -> Vec<PathBuf> {
    let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(args).current_dir(repository()).output();
    let output = output.unwrap_or_else(|error| panic!("git is needed to list the files: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).unwrap();
    let files = names.split('\0').filter(|name| !name.is_empty()).map(|name| repository().join(name));
    let files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    assert!(files.len() > 200, "{} files: not a checkout", files.len());
    files
}

fn relative(path: &Path) -> String {
    path.strip_prefix(repository()).unwrap().display().to_string()
}

fn sources() -> Vec<(String, String)> {
    let files =
        tracked().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.map(|path| (relative(&path), std::fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn every_source_opens_with_what_it_is_and_ends_in_time() {
    let sources = sources();
    let headless: Vec<_> =
        sources.iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(headless.is_empty(), "without a //! header: {headless:?}");
    let tested = |path: &str| path.starts_with("tests/") || path.contains("/tests/");
    let product = sources.iter().filter(|(path, _)| !tested(path));
    let lines = product.map(|(path, text)| {
        (path, text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count())
    });
    let long: Vec<_> = lines.filter(|(_, lines)| *lines > MOST_LINES).collect();
    assert!(long.is_empty(), "over {MOST_LINES} lines, cut them: {long:?}");
    eprintln!("{} sources", sources.len());
    assert!(sources.len() > 150);
}

/// A path of one machine works on no other.
#[test]
fn no_file_names_a_folder_of_one_machine() {
    let mut looked_at = 0;
    let mut wrong = Vec::new();
    for path in tracked() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        looked_at += 1;
        let name = relative(&path);
        for (number, line) in text.lines().enumerate() {
            // Put together here, so that this file does not name them.
            let folders = ["work", "home", "root", "Users"].map(|folder| format!("/{folder}/"));
            let named = folders.iter().any(|folder| {
                line.match_indices(folder.as_str()).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '.' | '}' | '_' | '-' | '*')))
                })
            });
            let temporary = name.ends_with(".rs") && line.contains(&format!("\"/{}", "tmp"));
            if named || temporary {
                wrong.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{looked_at} text files");
    assert!(looked_at > 200);
}

/// Tests may not be switched off in silence, and nothing waits to be done.
#[test]
fn nothing_is_switched_off_or_left_to_do() {
    let marks = ["#[ignore", "todo!(", "unimplemented!(", "FIXME", "XXX:", "TODO"];
    let mut wrong = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| path != "tests/local/tidy.rs") {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                wrong.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
