//! A client that is a member of a group, and how it leaves.

use std::ops::Deref;
use std::sync::mpsc::channel;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;

use crate::clients::Consumer;

/// How long closing a client is waited for.
const CLOSING: Duration = Duration::from_secs(5);

/// A client that is a member of a group.
pub(crate) struct Membership(Option<Consumer>);

impl Membership {
    pub(crate) fn of(consumer: Consumer) -> Membership {
        Membership(Some(consumer))
    }
}

impl Deref for Membership {
    type Target = Consumer;

    fn deref(&self) -> &Consumer {
        self.0.as_ref().expect("invariant: the client is there until it is dropped")
    }
}

impl Drop for Membership {
    /// Leaves without telling the group: the slot's number keeps its tasks until the session is over, so that a restart is
    /// quick.
    ///
    /// Closing answers a change of assignment that waits, and the library may never take the answer: seen with a broker that
    /// had hung, when the group's handler ended while the answer was on its way. So it happens on a thread of its own,
    /// which is left behind when it does not come back.
    fn drop(&mut self) {
        let Some(consumer) = self.0.take() else { return };
        // From here on nobody else answers its changes.
        consumer.context().close();
        let (done, closed) = channel();
        let close = move || {
            // A change that waits is answered, or closing would wait for it.
            if let Err(error) = consumer.unassign() {
                tracing::debug!(%error, "leaving a group");
            }
            drop(consumer);
            // Nobody waits any more when it took too long.
            done.send(()).unwrap_or_default();
        };
        // Without a thread it is closed right here.
        let thread = std::thread::Builder::new().name("kafka-closing".into()).spawn(close);
        if thread.is_ok() && closed.recv_timeout(CLOSING).is_err() {
            tracing::warn!("a kafka client does not close; it is left behind");
        }
    }
}
