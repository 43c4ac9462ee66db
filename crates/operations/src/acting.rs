//! Commands in somebody's name: who gave one, by what right, and under which key. What a command publishes lies on the log in one
//! append with the record that says so.

use std::time::{Duration, Instant};

use gauntlet_domain::access::CommandAudited;
use gauntlet_domain::{ContentHash, Event};
use gauntlet_views::schema;

use crate::node::Node;
use crate::publish::is_published;
use crate::refusal::Refusal;
use crate::rows::text;

/// How long the views may take for a command that lies on the log.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often they are asked.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// In whose name a command is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// The person.
    pub actor: String,
    /// By what right: `session`, `directory`, or `token:` and its public name.
    pub by: String,
    /// What is asked for: method and path.
    pub action: String,
    /// The key under which it is given: the same actor and key are the same command.
    pub key: String,
    /// SHA-256 of what is asked for.
    pub request_hash: ContentHash,
    /// Where it comes from, an IP address.
    pub address: String,
}

/// A command that was given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// SHA-256 of what was asked for.
    pub request_hash: String,
    /// What was asked for: method and path.
    pub action: String,
    /// What it was about.
    pub subject: String,
}

impl Acting {
    /// The record of a command that publishes some events. It is about what the last of them is about.
    pub(crate) fn audit(&self, events: &[Event]) -> Event {
        let subject = events.last().and_then(Event::subject);
        CommandAudited {
            actor: self.actor.clone(),
            by: self.by.clone(),
            action: self.action.clone(),
            key: self.key.clone(),
            request_hash: self.request_hash,
            subject: subject.map(|of| of.id_text()).unwrap_or_default(),
            events: events.iter().map(Event::id).collect(),
            address: self.address.clone(),
        }
        .into()
    }

    /// Whether the actor has given a command under this key before, and what it was. One that lies on the log is waited for
    /// until the views have it.
    ///
    /// # Errors
    /// [`Refusal::Outside`] when that takes too long: ask again.
    pub fn given(&self, node: &Node) -> Result<Option<Given>, Refusal> {
        let key = [self.actor.as_str().into(), self.key.as_str().into()];
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(row) = node.views.row(&schema::AUDIT, &key)? {
                let of = |column| text(&row, column).unwrap_or_default().to_owned();
                let (request_hash, action, subject) = (of("request_hash"), of("action"), of("subject"));
                return Ok(Some(Given { request_hash, action, subject }));
            }
            if !is_published(node, &self.audit(&[]))? {
                return Ok(None);
            }
            if Instant::now() >= until || node.is_interrupted() {
                return Err(Refusal::Outside(
                    "a command under this key was taken a moment ago and is not in the views yet: ask again"
                        .into(),
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Node {
    /// The same for one command, which is carried out in somebody's name.
    #[must_use]
    pub fn acting(&self, acting: Acting) -> Node {
        let mut node = self.clone();
        node.acting = Some(std::sync::Arc::new(acting));
        node
    }
}
