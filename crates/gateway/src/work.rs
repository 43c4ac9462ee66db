//! Work for a request: on threads of its own, so many at a time, and ended when whoever asked has left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gauntlet_operations::{Node, Refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Pieces of work at a time.
const AT_A_TIME: usize = 32;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where requests are worked on.
pub struct Work {
    node: Arc<Node>,
    room: Arc<Semaphore>,
}

/// Raises a flag when it is dropped.
pub struct Ends(pub Arc<AtomicBool>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Work {
    /// On a node.
    pub fn new(node: Arc<Node>) -> Work {
        Work { node, room: Arc::new(Semaphore::new(AT_A_TIME)) }
    }

    /// A place to work in.
    ///
    /// # Errors
    /// There was none for a while.
    pub async fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = tokio::time::timeout(PATIENCE, self.room.clone().acquire_owned()).await;
        place.ok().and_then(Result::ok).ok_or_else(|| {
            Problem::too_many_requests(format!(
                "{AT_A_TIME} requests are worked on here: come again in a second"
            ))
            .with("limit", AT_A_TIME)
            .retry_after(1)
        })
    }

    /// Does something with the node that blocks. Its reading ends when the request does.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Node) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let place = self.place().await?;
        let flag = Arc::new(AtomicBool::new(false));
        let node = self.node.until(flag.clone());
        let _ends = Ends(flag);
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&node)
        });
        done.await.unwrap_or_else(|_| {
            Err(Refusal::Broken("the request panicked: see what up has logged".into()).into())
        })
    }
}
