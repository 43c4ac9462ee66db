//! Clients that fresh ones take the place of when nobody answers them.
//!
//! A broker that its controller has fenced, because it hung for longer than its session, answers for a moment that there
//! are no brokers. The client library takes its word: it forgets every broker, the configured ones included, and may then
//! ask nobody ever again (librdkafka issue 5301). Nothing tells such a client from one whose brokers are away, so neither
//! is trusted for long: a fresh one begins with the configured brokers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_log::LogError;
use rdkafka::admin::AdminClient;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer as _;

use crate::clients::{Complaints, Consumer, Context, Producer, SESSION_TIMEOUT_MS};
use crate::errors::{patiently, refused};
use crate::settings::KafkaSettings;

/// How long a client is asked in vain before a fresh one takes its place. What takes long on the broker's side, above all
/// the end of a transaction that was left open, takes less.
pub(crate) const RENEWAL: Duration = Duration::from_millis(2 * SESSION_TIMEOUT_MS as u64);

/// A client that tells what it has complained of.
pub(crate) trait Client {
    /// Its complaints.
    fn complaints(&self) -> &Complaints;
}

impl Client for Consumer {
    fn complaints(&self) -> &Complaints {
        self.client().context().complaints()
    }
}

impl Client for Producer {
    fn complaints(&self) -> &Complaints {
        self.client().context().complaints()
    }
}

impl Client for AdminClient<Context> {
    fn complaints(&self) -> &Complaints {
        self.inner().context().complaints()
    }
}

impl<C: Client> Client for Arc<C> {
    fn complaints(&self) -> &Complaints {
        C::complaints(self)
    }
}

/// Calls until it succeeds, fails for good, or patience is over, with clients that `open` makes. The one that was
/// answered comes back with the answer.
pub(crate) fn renewing<C: Client, T>(
    settings: &KafkaSettings,
    what: &str,
    mut open: impl FnMut() -> Result<C, KafkaError>,
    mut call: impl FnMut(&C, Duration) -> Result<T, KafkaError>,
) -> Result<(C, T), LogError> {
    let until = Instant::now() + settings.patience;
    loop {
        let client = open().map_err(|error| refused(settings, what, &error))?;
        let patience = RENEWAL.min(until.saturating_duration_since(Instant::now()));
        let brief = KafkaSettings { patience, ..settings.clone() };
        match patiently(&brief, client.complaints(), what, |time| call(&client, time)) {
            Err(LogError::Unavailable { .. }) if Instant::now() < until => {
                tracing::debug!(what, "nobody answers: asked again with a fresh client");
            }
            answer => return Ok((client, answer?)),
        }
    }
}

/// Makes a client.
type Open = Box<dyn Fn(&KafkaSettings) -> Result<Consumer, KafkaError> + Send + Sync>;

/// A client that is kept for questions; never assigned anything.
pub(crate) struct Asker {
    open: Open,
    kept: Mutex<Option<Arc<Consumer>>>,
}

impl Asker {
    /// Opens a client when it is asked first.
    pub(crate) fn new(
        open: impl Fn(&KafkaSettings) -> Result<Consumer, KafkaError> + Send + Sync + 'static,
    ) -> Asker {
        Asker { open: Box::new(open), kept: Mutex::new(None) }
    }

    /// Asks until there is an answer, a refusal, or no patience left.
    pub(crate) fn ask<T>(
        &self,
        settings: &KafkaSettings,
        what: &str,
        call: impl Fn(&Consumer, Duration) -> Result<T, KafkaError>,
    ) -> Result<T, LogError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (client, answer) = renewing(
            settings,
            what,
            || kept.take().map_or_else(|| (self.open)(settings).map(Arc::new), Ok),
            |client, time| call(client, time),
        )?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
        Ok(answer)
    }
}
