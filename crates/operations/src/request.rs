//! Commands for a node that runs elsewhere: `up` writes where it listens and a secret into its directory, readable by
//! its owner alone; a command that finds the directory in use sends itself there.

use std::path::Path;

use gauntlet_runtime::Running;
use serde::{Deserialize, Serialize};

use crate::cli::DlqCommand;
use crate::commands::browse::LsArgs;
use crate::commands::feed::FeedArgs;
use crate::commands::snapshot::CreateArgs;
use crate::commands::submit::Submission;
use crate::commands::{browse, dead_letters, feed, integrity, snapshot, submit};
use crate::node::Node;
use crate::report::{Refusal, Report};

/// A command that needs a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    /// `feed`
    Feed(FeedArgs),
    /// `snapshot create`
    SnapshotCreate(CreateArgs),
    /// `snapshot verify`
    SnapshotVerify(String),
    /// `submit`
    Submit(Submission),
    /// `cancel`
    Cancel {
        /// The experiment.
        id: String,
        /// Why.
        reason: String,
    },
    /// `ls`
    Ls(LsArgs),
    /// `show`
    Show(String),
    /// `compare`
    Compare(Vec<String>),
    /// `digest`
    Digest,
    /// `replay`
    Replay {
        /// An experiment, or everything.
        id: Option<String>,
        /// Threads.
        workers: Option<usize>,
    },
    /// `verify`
    Verify {
        /// Heads kept earlier.
        heads: Option<std::path::PathBuf>,
    },
    /// `dlq`
    Dlq(DlqCommand),
    /// `views rebuild`
    ViewsRebuild,
    /// `views verify`
    ViewsVerify,
}

impl Request {
    /// Whether processors have to run for the answer.
    pub fn needs_processors(&self) -> bool {
        match self {
            Request::Feed(_) | Request::SnapshotCreate(_) => true,
            Request::Submit(submission) => submission.wait,
            _ => false,
        }
    }

    /// Answers on a node.
    pub fn answer(&self, node: &Node, running: Option<&Running>, quiet: bool) -> Result<Report, Refusal> {
        // What was set aside is in no view.
        if running.is_none() && !matches!(self, Request::Dlq(_)) {
            node.catch_up()?;
        }
        let needed = || running.ok_or_else(|| Refusal::Broken("the processors do not run".into()));
        match self {
            Request::Feed(args) => feed::feed(node, needed()?, args, quiet),
            Request::SnapshotCreate(args) => snapshot::create(node, needed()?, args),
            Request::SnapshotVerify(id) => snapshot::verify(node, id),
            Request::Submit(submission) => {
                let (id, note) = submit::submit(node, submission)?;
                match (submission.wait, running) {
                    (true, Some(running)) => submit::wait(node, running, id, quiet),
                    _ => Ok(Report::done(
                        serde_json::json!({ "experiment_id": id, "status": "submitted" }),
                        note,
                    )),
                }
            }
            Request::Cancel { id, reason } => submit::cancel(node, id, reason),
            Request::Ls(args) => browse::ls(node, args),
            Request::Show(id) => browse::show(node, id),
            Request::Compare(ids) => browse::compare(node, ids),
            Request::Digest => integrity::digest(node),
            Request::Dlq(DlqCommand::Ls(args)) => dead_letters::ls(node, args),
            Request::Dlq(DlqCommand::Show { id }) => dead_letters::show(node, id),
            Request::Dlq(DlqCommand::Replay(args)) => dead_letters::replay(node, args),
            Request::Replay { id, workers } => integrity::replay(node, id.as_deref(), *workers, quiet),
            Request::Verify { heads } => integrity::verify(node, heads.as_deref()),
            Request::ViewsVerify => integrity::verify_views_alone(node),
            Request::ViewsRebuild if running.is_some() => {
                Err(Refusal::BadInput("views cannot be rebuilt while up is running: stop it first".into()))
            }
            Request::ViewsRebuild => integrity::rebuild_views(node),
        }
    }
}

/// Where a running `up` is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    /// `127.0.0.1:8686`
    pub listen: String,
    /// Proves that the caller may read the directory.
    pub token: String,
}

/// Sends a request to the `up` that holds a directory; `None` when none answers.
pub fn send(dir: &Path, request: &Request) -> Option<Result<Report, Refusal>> {
    let text = std::fs::read_to_string(Node::address_file(dir)).ok()?;
    let address: Address = serde_json::from_str(&text).ok()?;
    let url = format!("http://{}/api/v1/commands", address.listen);
    let bearer = format!("Bearer {}", address.token);
    let post = ureq::post(&url).config().http_status_as_error(false).build();
    let mut response = post.header("authorization", &bearer).send_json(request).ok()?;
    Some(response.body_mut().read_json().unwrap_or_else(|error| {
        Err(Refusal::Outside(format!("the running up at {} gave no answer: {error}", address.listen)))
    }))
}
