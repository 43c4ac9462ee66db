//! The keys of the configuration, their types, defaults and bounds. A doc comment here is the description in the JSON
//! Schema and in `gauntlet config explain`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// How a Gauntlet process runs. Nothing in it changes a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Directory of everything the embedded mode owns: log, views, lake.
    pub dir: PathBuf,
    /// Threads for expensive work such as training; 0 is one for each core.
    #[schemars(range(max = 1024))]
    pub workers: u32,
    /// How long a command waits for a directory that another process has open, in milliseconds.
    #[schemars(range(max = 86_400_000))]
    pub lock_timeout_ms: u32,
    /// Address of health, commands and the HTTP API. Loopback only: there is no sign-in from elsewhere yet.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Names and sizes of topics.
    pub topics: TopicsConfig,
    /// How processors consume and commit.
    pub runtime: RuntimeConfig,
    /// The log on a cluster.
    pub kafka: KafkaConfig,
    /// Schemas on a cluster.
    pub registry: RegistryConfig,
    /// Views on a cluster.
    pub cql: CqlConfig,
    /// Where snapshots and models are kept.
    pub lake: LakeConfig,
    /// The archive of the log on the lake.
    pub archive: ArchiveConfig,
    /// What one query in SQL may take.
    pub sql: SqlConfig,
    /// What the process says about itself on stderr.
    pub logging: LoggingConfig,
    /// What the process tells those who watch it.
    pub telemetry: TelemetryConfig,
}

/// Names and sizes of topics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TopicsConfig {
    /// On a cluster, what the name of every topic, group, transactional id and subject begins with; letters, digits, '.', '_' and '-'.
    pub prefix: String,
    /// Partitions of a topic when it is made; a topic keeps the number that it was made with.
    #[schemars(range(min = 1, max = 1024))]
    pub partitions: u32,
}

/// The log on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// Brokers to ask first, `host:port` separated by commas; empty for the embedded log.
    pub bootstrap_servers: String,
    /// Copies of each partition of a topic when it is made.
    #[schemars(range(min = 1, max = 32))]
    pub replication: u16,
    /// How long work goes on asking while no broker answers, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub patience_seconds: u32,
    /// Properties of librdkafka by their own names, such as security.protocol; a value may be ${file:PATH} or ${env:NAME}.
    pub properties: BTreeMap<String, String>,
}

/// Schemas on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// Base address of a Confluent-compatible registry; empty for the numbers that are built in.
    pub url: String,
    /// User, if it asks for one.
    pub user: String,
    /// Password: ${file:PATH} or ${env:NAME}, or the word itself from an environment variable.
    pub password: String,
    /// File with the certificate authority that signs the registry's certificate; empty for the usual ones.
    pub ca_file: String,
    /// How long an answer may take, in milliseconds.
    #[schemars(range(min = 10, max = 600_000))]
    pub timeout_ms: u32,
}

/// Views on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CqlConfig {
    /// Nodes of ScyllaDB or Cassandra to ask first, `host:port` separated by commas; empty for embedded views.
    pub nodes: String,
    /// Keyspace of the views.
    pub keyspace: String,
    /// Data centre that holds them.
    pub datacenter: String,
    /// Copies of each row when the keyspace is made.
    #[schemars(range(min = 1, max = 32))]
    pub replication: u16,
    /// User, if it asks for one.
    pub user: String,
    /// Password: ${file:PATH} or ${env:NAME}, or the word itself from an environment variable.
    pub password: String,
    /// File with the certificate authority that signs the nodes' certificates; empty for connections without TLS.
    pub ca_file: String,
    /// Writes on their way at once.
    #[schemars(range(min = 1, max = 65_536))]
    pub in_flight: u32,
    /// How long an answer may take, in milliseconds.
    #[schemars(range(min = 10, max = 600_000))]
    pub timeout_ms: u32,
}

/// Where snapshots and models are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LakeConfig {
    /// `file:///path`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`; empty for a folder of `dir`.
    pub url: String,
    /// Options of the object store by their names in the library object_store, such as aws_endpoint; a value may be ${file:PATH} or ${env:NAME}.
    pub properties: BTreeMap<String, String>,
    /// File with a certificate authority for the object store, besides the usual ones.
    pub ca_file: String,
    /// How long an answer of the object store may take, in milliseconds.
    #[schemars(range(min = 10, max = 600_000))]
    pub timeout_ms: u32,
    /// Copies from the object store that are kept in `dir`, in megabytes.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub cache_mb: u32,
}

/// The archive of the log on the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveConfig {
    /// Whether processes that stay archive the log. What is kept for days only is then removed when it is archived too.
    pub enabled: bool,
    /// Kilobytes of records in one file of the archive, about; all processes of an installation must have the same.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub file_kb: u32,
}

/// What one query in SQL may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SqlConfig {
    /// Seconds until its answer is complete, without those in which nobody takes it.
    #[schemars(range(min = 1, max = 86_400))]
    pub seconds: u32,
    /// Megabytes of memory for sorting, joining and grouping.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub memory_mb: u32,
    /// Megabytes on disk for what does not fit into that.
    #[schemars(range(min = 0, max = 1_048_576))]
    pub spill_mb: u32,
    /// Rows of the answer.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub rows: u32,
    /// Megabytes of the answer.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub answer_mb: u32,
    /// Queries over HTTP at a time.
    #[schemars(range(min = 1, max = 64))]
    pub at_a_time: u32,
}

/// How processors consume and commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuntimeConfig {
    /// Records that a processor takes in between two commits, at most.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub batch_records: u32,
    /// How long a poll waits for records, in milliseconds.
    #[schemars(range(min = 1, max = 60_000))]
    pub poll_timeout_ms: u32,
    /// Records between snapshots of a processor's state; fewer make a restart faster and the work slower.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub snapshot_every_records: u32,
    /// Requests that wait for a worker thread before polling pauses.
    #[schemars(range(min = 1, max = 65_536))]
    pub worker_queue: u32,
    /// Records projected into the views at a time, at most.
    #[schemars(range(min = 1, max = 100_000))]
    pub projector_batch: u32,
    /// On a cluster, the number of this process among those that share the work; no two may have the same.
    #[schemars(range(max = 65_535))]
    pub instance: u32,
}

/// What the process says about itself on stderr.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoggingConfig {
    /// The least important lines that are shown.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

/// What the process tells those who watch it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Address at which health and metrics, and nothing else, are served to other machines too; empty for none.
    pub listen: String,
    /// Base address of an OpenTelemetry collector that takes spans over OTLP/HTTP, such as http://localhost:4318; empty for no spans.
    pub otlp_endpoint: String,
}

/// Importance of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something was lost or refused.
    Error,
    /// Something needs attention.
    Warn,
    /// A line for each change in a lifecycle.
    Info,
    /// Details of each step.
    Debug,
    /// Every event.
    Trace,
}

impl LogLevel {
    /// The level's name, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

/// Shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            dir: "gauntlet-data".into(),
            workers: 0,
            lock_timeout_ms: 10_000,
            listen: SocketAddr::from(([127, 0, 0, 1], 8686)),
            topics: TopicsConfig::default(),
            runtime: RuntimeConfig::default(),
            kafka: KafkaConfig::default(),
            registry: RegistryConfig::default(),
            cql: CqlConfig::default(),
            lake: LakeConfig::default(),
            archive: ArchiveConfig::default(),
            sql: SqlConfig::default(),
            logging: LoggingConfig::default(),
            telemetry: TelemetryConfig::default(),
        }
    }
}

impl Default for TopicsConfig {
    fn default() -> Self {
        TopicsConfig { prefix: "gauntlet.".to_owned(), partitions: 4 }
    }
}

impl Default for KafkaConfig {
    fn default() -> Self {
        KafkaConfig {
            bootstrap_servers: String::new(),
            replication: 1,
            patience_seconds: 300,
            properties: BTreeMap::new(),
        }
    }
}

impl Default for RegistryConfig {
    fn default() -> Self {
        let empty = String::new;
        RegistryConfig { url: empty(), user: empty(), password: empty(), ca_file: empty(), timeout_ms: 5_000 }
    }
}

impl Default for CqlConfig {
    fn default() -> Self {
        CqlConfig {
            nodes: String::new(),
            keyspace: "gauntlet".to_owned(),
            datacenter: "datacenter1".to_owned(),
            replication: 1,
            user: String::new(),
            password: String::new(),
            ca_file: String::new(),
            in_flight: 256,
            timeout_ms: 10_000,
        }
    }
}

impl Default for LakeConfig {
    fn default() -> Self {
        LakeConfig {
            url: String::new(),
            properties: BTreeMap::new(),
            ca_file: String::new(),
            timeout_ms: 10_000,
            cache_mb: 1024,
        }
    }
}

impl Default for ArchiveConfig {
    fn default() -> Self {
        ArchiveConfig { enabled: true, file_kb: 65_536 }
    }
}

impl Default for SqlConfig {
    fn default() -> Self {
        SqlConfig {
            seconds: 30,
            memory_mb: 512,
            spill_mb: 4_096,
            rows: 10_000_000,
            answer_mb: 1_024,
            at_a_time: 4,
        }
    }
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        RuntimeConfig {
            batch_records: 131_072,
            poll_timeout_ms: 100,
            snapshot_every_records: 20_000,
            worker_queue: 1024,
            projector_batch: 4096,
            instance: 0,
        }
    }
}

impl Default for LoggingConfig {
    fn default() -> Self {
        LoggingConfig { level: LogLevel::Warn, format: LogFormat::Text }
    }
}

impl Config {
    /// What types and bounds cannot say: the key that is wrong, and why. The first of several.
    pub fn validate(&self) -> Result<(), (&'static str, String)> {
        if self.dir.as_os_str().is_empty() {
            return Err(("dir", "no directory is named: write a path, such as gauntlet-data".to_owned()));
        }
        if !self.listen.ip().is_loopback() {
            let what = format!(
                "{} can be reached from other machines and there is no authentication yet: write 127.0.0.1:{}, and \
                 reach it through a tunnel or an authenticating proxy",
                self.listen,
                self.listen.port()
            );
            return Err(("listen", what));
        }
        let TelemetryConfig { listen, otlp_endpoint } = &self.telemetry;
        if !listen.is_empty() && listen.parse::<SocketAddr>().is_err() {
            let what =
                format!("'{listen}' is not an address: write an IP address and a port, such as 0.0.0.0:9464");
            return Err(("telemetry.listen", what));
        }
        if !otlp_endpoint.is_empty() && !otlp_endpoint.starts_with("http://") {
            let what = format!(
                "'{otlp_endpoint}' does not begin with http://: write a collector's address, such as \
                 http://localhost:4318; one beside the process can pass spans on over TLS"
            );
            return Err(("telemetry.otlp_endpoint", what));
        }
        // Topic names have at most 249 characters, of which the catalogue and `.dlq` need some.
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.topics.prefix.len() > 100 || !self.topics.prefix.chars().all(legal) {
            let what = format!(
                "'{}' cannot begin a topic's name: write at most 100 letters, digits, '.', '_' and '-'",
                self.topics.prefix
            );
            return Err(("topics.prefix", what));
        }
        let schemes = ["file:///", "s3://", "gs://", "az://"];
        if !self.lake.url.is_empty() && !schemes.iter().any(|scheme| self.lake.url.starts_with(scheme)) {
            let what = format!(
                "'{}' is no place for a lake: write file:///path, s3://bucket/prefix, gs://bucket/prefix or \
                 az://container/prefix, or leave it empty for a folder of dir",
                self.lake.url
            );
            return Err(("lake.url", what));
        }
        Ok(())
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        serde::de::Error::custom(format!(
            "'{text}' is not an address: write an IP address and a port, such as 127.0.0.1:8686"
        ))
    })
}
