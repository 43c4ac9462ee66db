//! What an error of the driver means for the caller: try again, look for other tables, or give up.

use gauntlet_views::ViewError;
use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, ExecutionError,
    MetadataError, NewSessionError, PrepareError, RequestAttemptError,
};

/// Why a request did not succeed. Nothing is known about whether a write was applied; it may be repeated in any case.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The same request may succeed later.
    Transient(String),
    /// The server has no such table: it belonged to a generation that is gone.
    UnknownTable(String),
    /// Repeating does not help.
    Final(ViewError),
}

impl From<ViewError> for Fault {
    fn from(error: ViewError) -> Fault {
        Fault::Final(error)
    }
}

impl From<Fault> for ViewError {
    fn from(fault: Fault) -> ViewError {
        match fault {
            Fault::Transient(detail) => ViewError::Unavailable { detail },
            Fault::UnknownTable(detail) => ViewError::Store(format!(
                "{detail}: the keyspace has lost tables; drop it, run `gauntlet views migrate`, and the views are made \
                 again from the log"
            )),
            Fault::Final(error) => error,
        }
    }
}

fn last(detail: impl Into<String>) -> Fault {
    Fault::Final(ViewError::Store(detail.into()))
}

/// Of a request to these servers.
pub(crate) fn of_execution(servers: &str, error: &ExecutionError) -> Fault {
    match error {
        ExecutionError::LastAttemptError(attempt) => of_attempt(servers, attempt),
        ExecutionError::ConnectionPoolError(pool) => of_pool(servers, pool),
        ExecutionError::PrepareError(prepare) => of_prepare(servers, prepare),
        ExecutionError::MetadataError(metadata) => of_metadata(servers, metadata),
        // All servers are down, or none is in the data centre: the driver's own text says both.
        ExecutionError::EmptyPlan => {
            Fault::Transient(format!("no server at {servers} can be asked: {error}"))
        }
        ExecutionError::RequestTimeout(_) | ExecutionError::SchemaAgreementError(_) => {
            Fault::Transient(format!("{servers}: {error}"))
        }
        _ => last(format!("{servers}: {error}")),
    }
}

/// Of preparing a statement.
pub(crate) fn of_prepare(servers: &str, error: &PrepareError) -> Fault {
    match error {
        PrepareError::ConnectionPoolError(pool) => of_pool(servers, pool),
        PrepareError::AllAttemptsFailed { first_attempt } => of_attempt(servers, first_attempt),
        _ => last(format!("{servers}: {error}")),
    }
}

/// Of connecting.
pub(crate) fn of_session(servers: &str, error: &NewSessionError) -> Fault {
    match error {
        NewSessionError::MetadataError(metadata) => of_metadata(servers, metadata),
        NewSessionError::FailedToResolveAnyHostname(_) => {
            Fault::Transient(format!("no address is known for {servers}: check cql.nodes"))
        }
        _ => last(format!("{servers}: {error}")),
    }
}

fn of_metadata(servers: &str, error: &MetadataError) -> Fault {
    match error {
        MetadataError::ConnectionPoolError(pool) => of_pool(servers, pool),
        _ => Fault::Transient(format!("{servers}: {error}")),
    }
}

fn of_pool(servers: &str, error: &ConnectionPoolError) -> Fault {
    match error {
        ConnectionPoolError::Broken { last_connection_error } => {
            of_connection(servers, last_connection_error)
        }
        _ => Fault::Transient(format!("{servers}: {error}")),
    }
}

fn of_connection(servers: &str, error: &ConnectionError) -> Fault {
    match error {
        ConnectionError::ConnectionSetupRequestError(setup) => match setup.get_error() {
            // The servers keep users in a table, which may not answer.
            ConnectionSetupRequestErrorKind::DbError(DbError::AuthenticationError, text)
                if !text.contains("Unable to perform authentication") =>
            {
                last(format!("{servers} refused the user: {text}: check cql.user and cql.password"))
            }
            ConnectionSetupRequestErrorKind::MissingAuthentication => {
                last(format!("{servers} asks for a user: set cql.user and cql.password"))
            }
            // Whoever speaks plainly to a server that wants TLS is hung up on.
            ConnectionSetupRequestErrorKind::BrokenConnection(_) => Fault::Transient(format!(
                "no connection to {servers}: {error}: if the servers speak TLS, set cql.ca_file, otherwise do not"
            )),
            _ => Fault::Transient(format!("no connection to {servers}: {error}")),
        },
        ConnectionError::IoError(io) if is_tls(io) => last(format!(
            "no encrypted connection to {servers}: {error}: check that cql.ca_file names the authority that \
             signed the servers' certificates, and that these name the servers' addresses"
        )),
        _ => Fault::Transient(format!(
            "no connection to {servers}: {error}: check cql.nodes and that a server runs there"
        )),
    }
}

fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

fn of_attempt(servers: &str, error: &RequestAttemptError) -> Fault {
    let text = format!("{servers}: {error}");
    match error {
        RequestAttemptError::BrokenConnectionError(_)
        | RequestAttemptError::UnableToAllocStreamId
        | RequestAttemptError::RepreparedIdMissingInBatch => Fault::Transient(text),
        RequestAttemptError::DbError(kind, said) => match kind {
            DbError::Invalid if said.contains("unconfigured table") || said.contains("does not exist") => {
                Fault::UnknownTable(text)
            }
            DbError::Unauthorized => {
                last(format!("{text}: grant the user what it needs on the keyspace, or set another user"))
            }
            DbError::Unavailable { .. }
            | DbError::Overloaded
            | DbError::IsBootstrapping
            | DbError::TruncateError
            | DbError::ReadTimeout { .. }
            | DbError::WriteTimeout { .. }
            | DbError::ReadFailure { .. }
            | DbError::WriteFailure { .. }
            | DbError::Unprepared { .. }
            | DbError::ServerError
            | DbError::RateLimitReached { .. } => Fault::Transient(text),
            _ => last(text),
        },
        _ => last(text),
    }
}
