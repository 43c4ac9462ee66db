//! How much one actor may ask for: so many requests at once and so many a second after that.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::actor::{Actor, By};
use crate::problem::Problem;

/// Requests that an actor may send at once.
const BURST: f64 = 4_000.0;
/// Requests a second after that.
const A_SECOND: f64 = 2_000.0;
/// Actors that are remembered; beyond them who has been silent for longest is forgotten.
const MOST_ACTORS: usize = 1_024;

/// What is left to each actor: requests, and when that was counted.
#[derive(Default)]
pub struct Rates(Mutex<BTreeMap<String, (f64, Instant)>>);

impl Rates {
    /// Takes one request of an actor's.
    ///
    /// # Errors
    /// More than so many; with the seconds after which to come again.
    pub fn take(&self, actor: &Actor) -> Result<(), Problem> {
        let name = match &actor.by {
            By::Token(token) => format!("token:{token}"),
            By::Directory | By::Session => actor.name.clone(),
        };
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if rates.len() >= MOST_ACTORS && !rates.contains_key(&name) {
            let silent = rates.iter().min_by_key(|(_, (_, at))| *at).map(|(name, _)| name.clone());
            silent.and_then(|name| rates.remove(&name));
        }
        let (left, at) = rates.entry(name).or_insert((BURST, now));
        *left = (*left + at.elapsed().as_secs_f64() * A_SECOND).min(BURST);
        *at = now;
        if *left < 1.0 {
            let detail = format!("more than {A_SECOND} requests a second: come again in a second");
            return Err(Problem::too_many_requests(detail).with("limit", A_SECOND).retry_after(1));
        }
        *left -= 1.0;
        Ok(())
    }
}
