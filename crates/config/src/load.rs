//! Layers of sources, each over the ones before it: the defaults of the types, the built-in `base.yaml`, the profile's
//! built-in overlay, the user's file, the environment, the command line.
//!
//! Every layer is checked by itself, so that a mistake is reported even where a later layer hides it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gauntlet_domain::names::nearest;
use serde_json::Value as Json;

use crate::check::{check, takes_only_text};
use crate::error::{ConfigError, Suggestion};
use crate::model::Config;
use crate::schema::schema;
use crate::tree::{Node, Origin, Value};

const BASE: &str = include_str!("../../../configs/base.yaml");

/// Built-in overlays by profile.
const PROFILES: [(&str, &str); 2] = [
    ("local", include_str!("../../../configs/local.yaml")),
    ("cluster", include_str!("../../../configs/cluster.yaml")),
];

/// Read from the working directory if it is there.
const USER_FILE: &str = "gauntlet.yaml";

const PREFIX: &str = "GAUNTLET_";

/// Variables with the prefix that are no keys: the profile, the user's file, and where tests find their data.
/// `GAUNTLET_DIR` is the key `dir`.
const NOT_KEYS: [&str; 3] = ["GAUNTLET_PROFILE", "GAUNTLET_CONFIG", "GAUNTLET_SHARED_DATA"];

/// Everything a configuration is made of. The default is the built-in files alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The overlay; else `GAUNTLET_PROFILE` of `env`, else `local`.
    pub profile: Option<String>,
    /// The user's file, which must exist; else `GAUNTLET_CONFIG` of `env`, else `gauntlet.yaml` if there is one.
    pub file: Option<PathBuf>,
    /// Where `gauntlet.yaml` is looked for; nowhere if `None`.
    pub working_dir: Option<PathBuf>,
    /// The environment. Variables that do not begin with `GAUNTLET_` are not looked at.
    pub env: Vec<(String, String)>,
    /// Pairs of key path and value, later ones over earlier ones.
    pub overrides: Vec<(String, String)>,
}

impl Sources {
    /// The environment and the working directory of this process.
    pub fn of_process() -> Sources {
        let env = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        Sources { working_dir: Some(PathBuf::from(".")), env, ..Sources::default() }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        let found = self.env.iter().rev().find(|(variable, _)| variable == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// A configuration, and where each of its values came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The configuration.
    pub config: Config,
    /// Its profile.
    pub profile: String,
    /// The origin of every key, by path.
    pub origins: BTreeMap<String, Origin>,
}

impl Resolved {
    /// Every key with its value and origin, in order of the keys; of a secret only that it is set.
    pub fn entries(&self) -> Vec<(String, Json, Origin)> {
        let origin = |key: &String| self.origins.get(key).cloned().unwrap_or(Origin::Default);
        let shown = |key: &str, value: Json| match value.as_str() {
            Some(text) if is_secret(key) && !text.is_empty() && !text.starts_with("${") => "(set)".into(),
            _ => value,
        };
        let leaves = leaves(&self.config).into_iter();
        leaves.map(|(key, value)| (key.clone(), shown(&key, value), origin(&key))).collect()
    }
}

/// Reads, checks and merges all sources.
pub fn load(sources: Sources) -> Result<Resolved, ConfigError> {
    let schema = schema();
    let profile = sources.profile.as_deref().or(sources.variable("GAUNTLET_PROFILE")).unwrap_or("local");
    let mut layers = vec![
        Node::from_yaml(BASE, "configs/base.yaml (built in)")?,
        Node::from_yaml(overlay(profile)?, &format!("configs/{profile}.yaml (built in)"))?,
    ];
    layers.extend(user_file(&sources)?);
    for (variable, value) in environment(&sources.env) {
        let path = variable[PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
        layers.push(single(&schema, &path, value, Origin::Env { variable: variable.to_owned() })?);
    }
    for (path, value) in &sources.overrides {
        layers.push(single(&schema, path, value, Origin::Override { text: format!("{path}={value}") })?);
    }

    let mut tree = Node::empty_map(Origin::Default);
    for mut layer in layers {
        if !layer.is_null() {
            check(&mut layer, &schema)?;
            tree.overlay(layer);
        }
    }
    let config: Config = typed(&tree)?;
    let origins = leaves(&config).into_keys().map(|key| (key.clone(), origin_of(&tree, &key))).collect();
    config.validate().map_err(|(key, what)| ConfigError::Refused {
        key: key.to_owned(),
        origin: origin_of(&tree, key),
        what,
    })?;
    Ok(Resolved { config, profile: profile.to_owned(), origins })
}

/// Whether a key holds what nobody else may know, by the names that librdkafka, object stores and everybody use.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let words = ["password", "secret", "token", "key.pem", "jaas", "sse_customer_key", "proxy_url"];
    words.iter().any(|word| key.contains(word)) || key.ends_with("_key")
}

/// What a value that names a file or a variable stands for: `${file:PATH}`, `${env:NAME}`, or itself. The error names
/// the key and never the secret.
pub fn resolve_secret(key: &str, value: &str) -> Result<String, ConfigError> {
    let refused = |what: String| ConfigError::Refused { key: key.to_owned(), origin: Origin::Default, what };
    let Some(inner) = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
        return Ok(value.to_owned());
    };
    match inner.split_once(':') {
        Some(("file", path)) => {
            let text = fs::read_to_string(path)
                .map_err(|error| refused(format!("{path}: {error}: check the path and its permissions")))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        Some(("env", name)) => std::env::var(name)
            .map_err(|_| refused(format!("the environment variable {name} is not set, or is no text"))),
        _ => Err(refused(format!("'{value}' names nothing: write ${{file:PATH}} or ${{env:NAME}}"))),
    }
}

/// Splits `key.path=value` of the command line.
pub fn parse_override(text: &str) -> Result<(String, String), ConfigError> {
    match text.split_once('=') {
        Some((path, value)) if path.split('.').all(|key| !key.trim().is_empty()) => {
            Ok((path.trim().to_owned(), value.to_owned()))
        }
        _ => Err(ConfigError::NotAnOverride { text: text.to_owned() }),
    }
}

fn overlay(profile: &str) -> Result<&'static str, ConfigError> {
    let names = || PROFILES.iter().map(|(name, _)| *name);
    let found = PROFILES.iter().find(|(name, _)| *name == profile);
    found.map(|(_, text)| *text).ok_or_else(|| ConfigError::UnknownProfile {
        name: profile.to_owned(),
        suggestion: match nearest(profile, names()) {
            Some(name) => Suggestion::Nearest(name.to_owned()),
            None => Suggestion::Known(names().map(str::to_owned).collect()),
        },
    })
}

/// The user's file, if one was named or lies in the working directory.
fn user_file(sources: &Sources) -> Result<Option<Node>, ConfigError> {
    let named = sources.file.as_deref().or(sources.variable("GAUNTLET_CONFIG").map(Path::new));
    let found = sources.working_dir.as_ref().map(|dir| dir.join(USER_FILE));
    let (path, name) = match (named, &found) {
        (Some(path), _) => (path, path.display().to_string()),
        (None, Some(path)) => (path.as_path(), USER_FILE.to_owned()),
        (None, None) => return Ok(None),
    };
    match fs::read_to_string(path) {
        Ok(text) => Node::from_yaml(&text, &name).map(Some),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Unreadable { file: name, source }),
    }
}

/// The variables that are keys, in order of their names: the environment itself has none.
fn environment(env: &[(String, String)]) -> BTreeMap<&str, &str> {
    env.iter()
        .map(|(variable, value)| (variable.as_str(), value.as_str()))
        .filter(|(variable, _)| variable.starts_with(PREFIX) && !NOT_KEYS.contains(variable))
        .collect()
}

/// A tree with one value.
fn single(schema: &Json, path: &str, value: &str, origin: Origin) -> Result<Node, ConfigError> {
    let mut tree = Node::empty_map(origin.clone());
    put(&mut tree, schema, path, value, origin)?;
    Ok(tree)
}

/// Sets a value given outside any file. Where a key takes only text the value is that text, else it is read as YAML.
pub(crate) fn put(
    tree: &mut Node,
    schema: &Json,
    path: &str,
    value: &str,
    origin: Origin,
) -> Result<(), ConfigError> {
    let keys: Vec<&str> = path.split('.').collect();
    let node = if takes_only_text(schema, &keys) {
        Node { origin: origin.clone(), value: Value::Scalar(value.into()) }
    } else {
        Node::from_text(value, origin.clone())?
    };
    tree.set(&keys, node).map_err(|found| ConfigError::Refused {
        key: path.to_owned(),
        origin,
        what: format!("a key on its way is {found}, not a section: set that key itself"),
    })
}

/// A checked tree as a type; what the schema cannot say is refused with the place of the value.
pub(crate) fn typed<T: serde::de::DeserializeOwned>(tree: &Node) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(tree.to_json()).map_err(|error| ConfigError::Refused {
        key: error.path().to_string(),
        origin: tree.closest(error.path()).origin.clone(),
        what: error.inner().to_string(),
    })
}

/// Where the value of a key comes from; [`Origin::Default`] if the tree does not have it.
fn origin_of(tree: &Node, key: &str) -> Origin {
    let node = key.split('.').try_fold(tree, Node::entry);
    node.map_or(Origin::Default, |node| node.origin.clone())
}

/// Every value of a configuration by the path of its key.
fn leaves(config: &Config) -> BTreeMap<String, Json> {
    fn collect(value: Json, path: String, into: &mut BTreeMap<String, Json>) {
        match value {
            Json::Object(entries) => entries.into_iter().for_each(|(key, value)| {
                collect(value, if path.is_empty() { key } else { format!("{path}.{key}") }, into);
            }),
            value => drop(into.insert(path, value)),
        }
    }
    let mut all = BTreeMap::new();
    let value =
        serde_json::to_value(config).expect("invariant: loaded paths are UTF-8, and the rest is plain data");
    collect(value, String::new(), &mut all);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LogFormat, LogLevel};

    fn sources() -> (tempfile::TempDir, Sources) {
        let dir = tempfile::tempdir().unwrap();
        let sources = Sources { working_dir: Some(dir.path().to_owned()), ..Sources::default() };
        (dir, sources)
    }

    fn env(pairs: &[(&str, &str)]) -> Sources {
        let env = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Sources { env, ..Sources::default() }
    }

    fn set(pairs: &[&str]) -> Sources {
        let overrides = pairs.iter().map(|pair| parse_override(pair).unwrap()).collect();
        Sources { overrides, ..Sources::default() }
    }

    fn file(text: &str) -> Result<Resolved, ConfigError> {
        let (dir, sources) = sources();
        fs::write(dir.path().join(USER_FILE), text).unwrap();
        load(sources)
    }

    fn refused(result: Result<Resolved, ConfigError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn without_sources_it_is_the_default() {
        let (_dir, sources) = sources();
        let resolved = load(sources).unwrap();
        assert_eq!(resolved.config, Config::default());
        assert_eq!(resolved.profile, "local");
        assert_eq!(resolved.origins.len(), 45);
        assert_eq!(resolved.origins["runtime.batch_records"], Origin::Default);
    }

    #[test]
    fn each_layer_lies_over_the_ones_before_it() {
        let (dir, mut sources) = sources();
        let text =
            "workers: 1\ntopics:\n  prefix: file.\n  partitions: 5\nruntime:\nlogging: { level: warn }\n";
        fs::write(dir.path().join(USER_FILE), text).unwrap();
        sources.profile = Some("cluster".to_owned());
        sources.env = env(&[
            ("GAUNTLET_TOPICS__PREFIX", "env."),
            ("GAUNTLET_LOGGING__LEVEL", "debug"),
            ("GAUNTLET_DIR", "elsewhere"),
            ("PATH", "/bin"),
        ])
        .env;
        sources.overrides = set(&["logging.level=trace", "runtime.batch_records=7"]).overrides;

        let resolved = load(sources).unwrap();
        let config = &resolved.config;
        assert_eq!((config.workers, config.topics.partitions, config.topics.prefix.as_str()), (1, 5, "env."));
        assert_eq!((config.logging.level, config.logging.format), (LogLevel::Trace, LogFormat::Json));
        assert_eq!((config.runtime.batch_records, config.dir.as_path()), (7, Path::new("elsewhere")));

        let origins: Vec<String> = [
            "workers",
            "topics.partitions",
            "topics.prefix",
            "dir",
            "logging.level",
            "logging.format",
            "runtime.batch_records",
            "runtime.worker_queue",
        ]
        .map(|key| resolved.origins[key].to_string())
        .to_vec();
        assert_eq!(
            origins,
            [
                "gauntlet.yaml:1",
                "gauntlet.yaml:4",
                "environment variable GAUNTLET_TOPICS__PREFIX",
                "environment variable GAUNTLET_DIR",
                "override logging.level=trace",
                "configs/cluster.yaml (built in):11",
                "override runtime.batch_records=7",
                "default",
            ]
        );
        assert_eq!(resolved.entries().len(), resolved.origins.len());
    }

    #[test]
    fn a_named_file_and_profile_come_from_the_caller_or_else_the_environment() {
        let (dir, _) = sources();
        let [one, two] = ["one", "two"].map(|name| dir.path().join(name));
        fs::write(&one, "workers: 1\n").unwrap();
        fs::write(&two, "workers: 2\n").unwrap();
        let mut sources = env(&[("GAUNTLET_CONFIG", two.to_str().unwrap()), ("GAUNTLET_PROFILE", "cluster")]);
        let resolved = load(sources.clone()).unwrap();
        assert_eq!((resolved.config.workers, resolved.profile.as_str()), (2, "cluster"));
        sources.file = Some(one);
        sources.profile = Some("local".to_owned());
        let resolved = load(sources).unwrap();
        assert_eq!((resolved.config.workers, resolved.profile.as_str()), (1, "local"));

        let missing = Sources { file: Some(dir.path().join("none.yaml")), ..Sources::default() };
        assert!(refused(load(missing)).contains("none.yaml: cannot be read: "));
        let unknown = Sources { profile: Some("locla".to_owned()), ..Sources::default() };
        assert_eq!(refused(load(unknown)), "unknown profile 'locla': did you mean 'local'?");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        assert_eq!(
            refused(load(env(&[("GAUNTLET_RUNTIME__BATCH_RECORD", "5")]))),
            "unknown key 'runtime.batch_record' in environment variable GAUNTLET_RUNTIME__BATCH_RECORD: did you mean \
             'runtime.batch_records'?"
        );
        assert_eq!(
            refused(file("workers: 2\nruntime:\n  batch_record: 5\n")),
            "unknown key 'runtime.batch_record' in gauntlet.yaml:3: did you mean 'runtime.batch_records'?"
        );
        assert_eq!(
            refused(load(set(&["worker=5"]))),
            "unknown key 'worker' in override worker=5: did you mean 'workers'?"
        );
        assert_eq!(
            refused(file("batch_records: 5\n")),
            "unknown key 'batch_records' in gauntlet.yaml:1: did you mean 'runtime.batch_records'?"
        );
    }

    #[test]
    fn the_keys_of_the_cluster_are_those_of_its_services() {
        let mut sources = env(&[
            ("GAUNTLET_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092"),
            ("GAUNTLET_KAFKA__PROPERTIES", "{security.protocol: sasl_ssl, sasl.password: hush}"),
            ("GAUNTLET_CQL__NODES", "cql:9042"),
            ("GAUNTLET_CQL__PASSWORD", "hush"),
            ("GAUNTLET_REGISTRY__PASSWORD", "${file:/run/secrets/registry}"),
            ("GAUNTLET_LAKE__URL", "s3://bucket/lake"),
            (
                "GAUNTLET_LAKE__PROPERTIES",
                "{aws_region: here, aws_secret_access_key: hush, AWS_SESSION_TOKEN: hush, azure_storage_account_key: hush}",
            ),
        ]);
        sources.profile = Some("cluster".to_owned());
        let resolved = load(sources).unwrap();
        let config = &resolved.config;
        assert_eq!(
            (config.kafka.bootstrap_servers.as_str(), config.cql.nodes.as_str()),
            ("kafka:9092", "cql:9042")
        );
        assert_eq!(config.kafka.properties["security.protocol"], "sasl_ssl");
        assert_eq!(config.lake.properties["aws_secret_access_key"], "hush");
        // Secrets are used and never shown; where they come from is.
        let shown = format!("{:?}", resolved.entries());
        assert!(!shown.contains("hush") && shown.contains("(set)"), "{shown}");
        assert!(shown.contains("${file:/run/secrets/registry}"), "{shown}");
        assert!(shown.contains("\"here\""), "{shown}");
    }

    #[test]
    fn a_secret_comes_from_a_file_or_a_variable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, "hush\n").unwrap();
        let named = |value: &str| resolve_secret("cql.password", value).map_err(|error| error.to_string());
        assert_eq!(named(&format!("${{file:{}}}", path.display())), Ok("hush".into()));
        assert_eq!(named("plain"), Ok("plain".into()));
        for value in ["${file:/nowhere}", "${env:GAUNTLET_NOBODY_SETS_THIS}", "${vault:x}"] {
            assert!(named(value).unwrap_err().contains("'cql.password'"), "{:?}", named(value));
        }
    }

    #[test]
    fn variables_that_are_no_keys_are_left_alone() {
        let resolved =
            load(env(&[("GAUNTLET_SHARED_DATA", "/x"), ("GAUNTLET_PROFILE", ""), ("gauntlet_x", "1")]));
        assert_eq!(resolved.unwrap().config, Config::default());
    }

    #[test]
    fn a_wrong_type_is_refused_with_what_was_expected_and_where() {
        for (text, message) in [
            (
                "runtime:\n  batch_records: many\n",
                "'runtime.batch_records' in gauntlet.yaml:2 is 'many': expected a whole number from 1 to 1000000",
            ),
            ("workers: -1\n", "'workers' in gauntlet.yaml:1 is -1: expected a whole number from 0 to 1024"),
            (
                "\n\nlogging: { format: xml }\n",
                "'logging.format' in gauntlet.yaml:3 is 'xml': expected one of text, json",
            ),
            ("topics: 5\n", "'topics' in gauntlet.yaml:1 is 5: expected a section with partitions, prefix"),
            (
                "dir: [a]\n",
                "'dir' in gauntlet.yaml:1 is a list: expected text (in quotes if it looks like a number)",
            ),
            (
                "listen: localhost\n",
                "'listen' in gauntlet.yaml:1 cannot be used: 'localhost' is not an address: write an IP address and a \
                 port, such as 127.0.0.1:8686",
            ),
        ] {
            assert_eq!(refused(file(text)), message);
        }
        assert_eq!(
            refused(load(env(&[("GAUNTLET_WORKERS", "")]))),
            "'workers' in environment variable GAUNTLET_WORKERS is empty: expected a whole number from 0 to 1024"
        );
        assert!(refused(file("workers: [1\n")).starts_with("gauntlet.yaml:"));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for key in [
            "topics.partitions",
            "runtime.batch_records",
            "runtime.poll_timeout_ms",
            "runtime.snapshot_every_records",
            "runtime.worker_queue",
            "runtime.projector_batch",
        ] {
            let message = refused(load(set(&[&format!("{key}=0")])));
            assert!(message.contains("is 0: expected a whole number from 1 to "), "{message}");
        }
        assert!(load(set(&["topics.partitions=1024"])).is_ok());
        assert!(refused(load(set(&["topics.partitions=1025"]))).contains("from 1 to 1024"));
        assert!(refused(load(set(&["topics.prefix=a b"]))).contains("cannot begin a topic's name"));
        assert!(refused(load(set(&["dir="]))).contains("write a path"));
    }

    #[test]
    fn an_address_that_others_can_reach_is_refused_with_the_reason() {
        let message = refused(load(set(&["listen=0.0.0.0:8686"])));
        assert!(
            message.starts_with("'listen' in override listen=0.0.0.0:8686 cannot be used: "),
            "{message}"
        );
        assert!(message.contains("no authentication yet: write 127.0.0.1:8686"), "{message}");
        assert!(load(set(&["listen=[::1]:80"])).is_ok());
    }

    #[test]
    fn the_lake_is_where_a_known_scheme_says() {
        for url in ["", "file:///mnt/lake", "s3://bucket", "gs://bucket/x", "az://container/x/y"] {
            assert_eq!(load(set(&[&format!("lake.url={url}")])).unwrap().config.lake.url, url);
        }
        for url in ["s3:/bucket", "http://host/x", "file://relative", "lake"] {
            let message = refused(load(set(&[&format!("lake.url={url}")])));
            assert!(message.contains("'lake.url'") && message.contains("s3://bucket/prefix"), "{message}");
        }
    }

    #[test]
    fn a_mistake_that_a_later_layer_hides_is_still_one() {
        let (dir, mut sources) = sources();
        fs::write(dir.path().join(USER_FILE), "workers: many\n").unwrap();
        sources.overrides = set(&["workers=2"]).overrides;
        assert!(refused(load(sources)).starts_with("'workers' in gauntlet.yaml:1 is 'many'"));
    }

    #[test]
    fn text_from_outside_needs_no_quotes() {
        let resolved = load(set(&["topics.prefix=007", "dir=1.50"])).unwrap();
        assert_eq!(resolved.config.topics.prefix, "007");
        assert_eq!(resolved.config.dir, PathBuf::from("1.50"));
    }

    #[test]
    fn an_override_is_a_key_and_a_value() {
        assert_eq!(parse_override("a.b=c=d").unwrap(), ("a.b".to_owned(), "c=d".to_owned()));
        for text in ["a", "=5", "a..b=1", ".a=1"] {
            let error = parse_override(text).unwrap_err().to_string();
            assert!(error.contains("write key=value"), "{error}");
        }
        assert!(refused(load(set(&["workers.x=1"]))).contains("workers"));
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        for text in ["", "# nothing\n", "runtime:\n"] {
            assert_eq!(file(text).unwrap().config, Config::default(), "{text:?}");
        }
    }

    #[test]
    fn every_profile_loads() {
        for (name, _) in PROFILES {
            load(Sources { profile: Some(name.to_owned()), ..Sources::default() }).unwrap();
        }
    }
}
