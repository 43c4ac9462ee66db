//! Clients that are replaced by fresh ones when nobody answers them.
//!
//! A broker that its controller has fenced, because it hung for longer than its session, answers for a moment that there
//! are no brokers. The client library believes it: it forgets every broker, the configured ones included, and may then
//! never ask anybody again (librdkafka issue 5301). Such a client cannot be told from one whose brokers are away, so both
//! are replaced after a while: a fresh client begins with the configured brokers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_log::LogError;
use rdkafka::admin::AdminClient;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer as _;

use crate::clients::{Complaints, Consumer, Context, Producer, SESSION};
use crate::errors::{patiently, refused};
use crate::settings::KafkaSettings;

/// How long a client is asked in vain before a fresh one takes its place. What takes long on the broker's side, above all
/// the end of a transaction that was left open, takes less.
pub(crate) const RENEWAL: Duration = SESSION.saturating_mul(2);

/// How long a reader reads nothing before it asks whether a broker answers.
const LOOK: Duration = Duration::from_secs(10);

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
        match patiently(settings, patience, client.complaints(), what, |time| call(&client, time)) {
            Err(LogError::Unavailable { .. }) if Instant::now() < until => {
                tracing::debug!(what, "nobody answers: asked again with a fresh client");
            }
            answer => return Ok((client, answer?)),
        }
    }
}

/// Makes a client.
type Open = Box<dyn Fn(&KafkaSettings) -> Result<Consumer, KafkaError> + Send + Sync>;

/// A client that is kept for questions; between them it is assigned nothing.
pub(crate) struct QueryClient {
    open: Open,
    kept: Mutex<Option<Arc<Consumer>>>,
}

impl QueryClient {
    /// Opens a client when it is asked first.
    pub(crate) fn new(
        open: impl Fn(&KafkaSettings) -> Result<Consumer, KafkaError> + Send + Sync + 'static,
    ) -> QueryClient {
        QueryClient { open: Box::new(open), kept: Mutex::new(None) }
    }

    /// Opens a client now, which says what is wrong with the settings.
    pub(crate) fn opened(self, settings: &KafkaSettings) -> Result<QueryClient, KafkaError> {
        let client = Arc::new((self.open)(settings)?);
        Ok(QueryClient { kept: Mutex::new(Some(client)), ..self })
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

/// Tells a reader that has nothing to read from one that no broker answers. A member that has forgotten its brokers may
/// still reach its group's coordinator, and would keep its tasks without reading anything.
pub(crate) struct Silence {
    /// A topic that it reads.
    topic: String,
    answered: Instant,
    looked: Instant,
}

impl Silence {
    /// For a reader that reads this topic, among others.
    pub(crate) fn of(topic: String) -> Silence {
        Silence { topic, answered: Instant::now(), looked: Instant::now() }
    }

    /// Counts from now on.
    pub(crate) fn restart(&mut self) {
        (self.answered, self.looked) = (Instant::now(), Instant::now());
    }

    /// Something was read.
    pub(crate) fn end(&mut self) {
        self.answered = Instant::now();
    }

    /// Whether nobody has answered this client for [`RENEWAL`]. It is asked now and then; asking takes a second at most.
    pub(crate) fn is_unanswered(&mut self, consumer: &Consumer) -> bool {
        if self.answered.elapsed().min(self.looked.elapsed()) < LOOK {
            return false;
        }
        self.looked = Instant::now();
        if consumer.fetch_metadata(Some(&self.topic), Duration::from_secs(1)).is_ok() {
            self.answered = Instant::now();
        }
        self.answered.elapsed() >= RENEWAL
    }
}
