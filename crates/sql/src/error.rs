//! Why a query has no answer, by what who asks would do.

use std::error::Error;
use std::time::Duration;

use datafusion::error::DataFusionError;
use gauntlet_operations::Refusal;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The statement does not parse, names what there is not, or computes what cannot be.
    #[error("{0}")]
    Statement(String),
    /// The statement would do something else than read.
    #[error(
        "{0}: a query reads, one SELECT at a time (also WITH, VALUES, EXPLAIN, SHOW TABLES, SHOW COLUMNS, DESCRIBE)"
    )]
    NotAQuery(String),
    /// It took too long.
    #[error(
        "the query was ended after {}: ask for less, or raise sql.seconds",
        seconds(*.0)
    )]
    Time(Duration),
    /// It needed too much of something.
    #[error("the query was ended: {what}; ask for less, or raise {key}")]
    Limit {
        /// What there was too much of.
        what: String,
        /// The key of the configuration that limits it.
        key: &'static str,
    },
    /// What is read cannot be read.
    #[error(transparent)]
    Source(#[from] Refusal),
    /// Who asked has left.
    #[error("the query was cancelled")]
    Cancelled,
    /// The answer cannot be written.
    #[error("the answer cannot be written: {0}")]
    Unwritten(String),
    /// A fault of ours.
    #[error("the query cannot be answered: {0}")]
    Broken(String),
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Refusal {
        let text = error.to_string();
        match error {
            SqlError::Statement(_) | SqlError::NotAQuery(_) | SqlError::Time(_) | SqlError::Limit { .. } => {
                Refusal::BadInput(text)
            }
            SqlError::Source(refusal) => refusal,
            SqlError::Cancelled => Refusal::Interrupted,
            SqlError::Unwritten(_) => Refusal::Outside(text),
            SqlError::Broken(_) => Refusal::Broken(text),
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

impl SqlError {
    /// What DataFusion says.
    pub(crate) fn of(error: &DataFusionError) -> SqlError {
        // What a table has said is the cause of what came of it.
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(at) = cause {
            if let Some(refusal) = at.downcast_ref::<Refusal>() {
                return SqlError::Source(refusal.clone());
            }
            if let Some(DataFusionError::External(inner)) = at.downcast_ref::<DataFusionError>()
                && let Some(refusal) = inner.downcast_ref::<Refusal>()
            {
                return SqlError::Source(refusal.clone());
            }
            cause = at.source();
        }
        let root = error.find_root();
        let text = root.strip_backtrace();
        match root {
            DataFusionError::ResourcesExhausted(what) if what.contains("disk") || what.contains("temp") => {
                SqlError::Limit { what: first_line(what), key: "sql.spill_mb" }
            }
            DataFusionError::ResourcesExhausted(what) => {
                SqlError::Limit { what: first_line(what), key: "sql.memory_mb" }
            }
            DataFusionError::Internal(_)
            | DataFusionError::IoError(_)
            | DataFusionError::ExecutionJoin(_) => SqlError::Broken(first_line(&text)),
            _ => SqlError::Statement(text.trim().to_owned()),
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}
