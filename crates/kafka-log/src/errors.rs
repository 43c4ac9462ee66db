//! What the client library says, as errors of the port: what was wrong, where, what to do.

use std::time::{Duration, Instant};

use gauntlet_log::LogError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::clients::Complaints;
use crate::settings::KafkaSettings;

/// The code behind an error, where there is one.
pub(crate) fn code(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::Transaction(error) => Some(error.code()),
        other => other.rdkafka_error_code(),
    }
}

/// Whether asking again may help without intervention: the network, a broker that starts, a coordinator that moves.
pub(crate) fn is_transient(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::*;
    if matches!(error, KafkaError::Transaction(error) if error.is_retriable()) {
        return true;
    }
    code(error).is_some_and(|code| {
        matches!(
            code,
            AllBrokersDown
                | BrokerTransportFailure
                | OperationTimedOut
                | RequestTimedOut
                | TimedOutQueue
                | Resolve
                | LeaderNotAvailable
                | NotLeaderForPartition
                | CoordinatorLoadInProgress
                | CoordinatorNotAvailable
                | NotCoordinator
                | WaitingForCoordinator
                | NetworkException
                | UnstableOffsetCommit
                | RebalanceInProgress
                | BrokerNotAvailable
                | OffsetNotAvailable
                | NotController
                | StaleBrokerEpoch
                | FencedLeaderEpoch
                | UnknownLeaderEpoch
                | ConcurrentTransactions
        )
    })
}

/// An error that no repetition helps.
pub(crate) fn refused(settings: &KafkaSettings, what: &str, error: &KafkaError) -> LogError {
    use RDKafkaErrorCode::*;
    let said = |remedy: &str| LogError::Refused {
        at: format!("kafka at {}", settings.bootstrap),
        detail: format!("{what}: {error}{remedy}"),
    };
    match code(error) {
        Some(
            TopicAuthorizationFailed
            | GroupAuthorizationFailed
            | ClusterAuthorizationFailed
            | TransactionalIdAuthorizationFailed,
        ) => said("; this user lacks a right: see the list of access rights of gauntlet topics plan"),
        Some(MessageSizeTooLarge) => {
            said("; raise max.message.bytes of the topic with gauntlet topics apply")
        }
        _ => said(""),
    }
}

/// Nobody answered for as long as the installation is patient.
fn unavailable(settings: &KafkaSettings, what: &str, complaints: &Complaints) -> LogError {
    let said = complaints.best().unwrap_or_else(|| "no answer".into());
    let lower = said.to_lowercase();
    let remedy = if lower.contains("authentication") {
        "check sasl.username, sasl.password and sasl.mechanism in kafka.properties"
    } else if lower.contains("ssl") || lower.contains("certificate") {
        "check security.protocol and ssl.ca.location in kafka.properties"
    } else {
        "check that a broker runs there and kafka.bootstrap_servers names it"
    };
    LogError::Unavailable {
        at: format!("kafka at {}", settings.bootstrap),
        detail: format!("{what}: {said}; {remedy}"),
    }
}

/// Calls until it succeeds, fails for good, or patience is over.
pub(crate) fn patiently<T>(
    settings: &KafkaSettings,
    patience: Duration,
    complaints: &Complaints,
    what: &str,
    mut call: impl FnMut(Duration) -> Result<T, KafkaError>,
) -> Result<T, LogError> {
    let until = Instant::now() + patience;
    let mut pause = Duration::from_millis(20);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match call(left.clamp(Duration::from_millis(100), Duration::from_secs(5))) {
            Ok(value) => return Ok(value),
            Err(error) if !is_transient(&error) => return Err(refused(settings, what, &error)),
            Err(error) => {
                if Instant::now() >= until {
                    return Err(unavailable(settings, what, complaints));
                }
                tracing::debug!(what, %error, "asked again");
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}
