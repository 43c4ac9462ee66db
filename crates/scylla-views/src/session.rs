//! The connection: the driver's session, the runtime that it needs, and how long failed requests are repeated.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_views::ViewError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::response::query_result::QueryResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::Statement;
use scylla::statement::prepared::PreparedStatement;
use tokio::runtime::Runtime;

use crate::fault::{self, Fault};
use crate::options::{Consistency, CqlOptions};

/// Changing tables takes servers longer than reading and writing them, and must not be given up half-way.
const SLOW: Duration = Duration::from_secs(120);
/// Pause before the first repetition; each further one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A connection to the cluster.
pub(crate) struct Link {
    // Before the runtime, on which its tasks run: fields are dropped in order.
    pub(crate) session: Session,
    pub(crate) options: CqlOptions,
    servers: String,
    runtime: Runtime,
}

impl Link {
    /// Connects.
    pub(crate) fn open(options: &CqlOptions) -> Result<Link, ViewError> {
        options.check()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("cql")
            .enable_all()
            .build()
            .map_err(|error| ViewError::Store(format!("no threads for the driver: {error}")))?;
        let servers = options.servers();
        let builder = builder(options)?;
        let session =
            runtime.block_on(builder.build()).map_err(|error| fault::of_session(&servers, &error))?;
        Ok(Link { session, options: options.clone(), servers, runtime })
    }

    /// Waits for a piece of work.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// When a call that begins now gives up.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.options.retry_ms.into())
    }

    /// Repeats an attempt that failed for the moment, with pauses, until the deadline.
    pub(crate) async fn persist<T>(
        &self,
        deadline: Instant,
        attempt: impl AsyncFn() -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut pause = FIRST_PAUSE;
        loop {
            match attempt().await {
                Err(Fault::Transient(_)) if Instant::now() + pause < deadline => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                other => return other,
            }
        }
    }

    /// Prepares a statement that may be repeated.
    pub(crate) async fn prepare(&self, cql: String) -> Result<PreparedStatement, Fault> {
        let mut statement = Statement::new(cql);
        statement.set_is_idempotent(true);
        statement.set_page_size(self.options.page_size.cast_signed());
        self.session.prepare(statement).await.map_err(|error| fault::of_prepare(&self.servers, &error))
    }

    /// Runs a prepared statement that answers at most a page.
    pub(crate) async fn execute(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<QueryResult, Fault> {
        self.session.execute_unpaged(statement, values).await.map_err(|error| self.fault(&error))
    }

    /// Runs a statement that is used once: changes of tables, and the few questions around them.
    pub(crate) async fn run(&self, cql: &str, values: impl SerializeRow) -> Result<QueryResult, Fault> {
        let mut statement = Statement::new(cql);
        statement.set_request_timeout(Some(SLOW));
        self.session.query_unpaged(statement, values).await.map_err(|error| self.fault(&error))
    }

    /// What an error of the driver means.
    pub(crate) fn fault(&self, error: &scylla::errors::ExecutionError) -> Fault {
        fault::of_execution(&self.servers, error)
    }

    /// An answer that is not what this program understands.
    pub(crate) fn odd(&self, detail: impl std::fmt::Display) -> ViewError {
        ViewError::Store(format!("{} answered what cannot be read: {detail}", self.servers))
    }
}

fn builder(options: &CqlOptions) -> Result<SessionBuilder, ViewError> {
    let consistency = match options.consistency {
        Consistency::LocalQuorum => scylla::statement::Consistency::LocalQuorum,
        Consistency::Quorum => scylla::statement::Consistency::Quorum,
        Consistency::LocalOne => scylla::statement::Consistency::LocalOne,
        Consistency::All => scylla::statement::Consistency::All,
    };
    let mut policy = DefaultPolicy::builder();
    if let Some(datacenter) = &options.datacenter {
        policy = policy.prefer_datacenter(datacenter.clone());
    }
    let profile = ExecutionProfile::builder()
        .consistency(consistency)
        .request_timeout(Some(Duration::from_millis(options.timeout_ms.into())))
        .load_balancing_policy(policy.build())
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&options.nodes)
        .default_execution_profile_handle(profile.into_handle())
        .keyspaces_to_fetch([options.keyspace.as_str()])
        .tls_context(tls(options)?);
    if let (Some(user), Some(password)) = (&options.user, &options.password) {
        builder = builder.user(user.as_str(), password.reveal());
    }
    Ok(builder)
}

fn tls(options: &CqlOptions) -> Result<Option<Arc<rustls::ClientConfig>>, ViewError> {
    let Some(path) = &options.ca_file else { return Ok(None) };
    let refuse = |detail: String| {
        ViewError::Store(format!(
            "cql.ca_file {}: {detail}: name a PEM file of the authority that signed the servers' certificates",
            path.display()
        ))
    };
    let mut roots = rustls::RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| refuse(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
        roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refuse("no certificate in it".into()));
    }
    // Named, because a process in which two libraries bring one each has no default.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refuse(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(Arc::new(config)))
}
