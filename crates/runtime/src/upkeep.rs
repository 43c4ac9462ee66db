//! Work on what is kept, beside the processors: one process at a time does it and nobody waits for it.
//!
//! A projection has rows of every event, and others wait until it has read to the end. Upkeep may be behind for as long as
//! it likes: what it has not done yet is done by the log.

use std::time::Duration;

use gauntlet_log::TopicPartition;

use crate::failure::SlotError;
use crate::leader::{Lead, lead, stays};
use crate::observer::{Observations, Observer};
use crate::paused::Pauses;
use crate::projection::ProjectionError;
use crate::slot::Context;

/// Pause after a step that found little to do.
const PAUSE: Duration = Duration::from_secs(1);
/// How often work is begun before it is believed that it is of another log: a broker that was just started may not know its
/// last records yet.
const LOOKS: u32 = 6;

/// What a step found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Much: there is more at once, most likely.
    Much,
    /// Little or nothing: the next step can wait.
    Little,
}

/// A kind of upkeep.
pub trait Upkeep: Send + Sync {
    /// Name: its group for choosing who leads, and its name among processors.
    fn name(&self) -> &'static str;
    /// Topics that it reads.
    fn topics(&self) -> Vec<&'static str>;
    /// Takes it up where it was left, by whomever.
    fn begin(&self) -> Result<Box<dyn Shift + '_>, ProjectionError>;
}

/// Upkeep by the process that leads.
pub trait Shift {
    /// Does a piece of it that ends within seconds, and says of which partitions it has looked at how many records. After
    /// [`ProjectionError::Retry`] the same piece is tried again.
    fn step(&mut self, looked_at: &mut dyn FnMut(&TopicPartition, u64)) -> Result<Found, ProjectionError>;
}

/// Does upkeep until it is stopped, whenever this process leads.
pub(crate) fn run(
    context: Context<'_>,
    upkeep: &dyn Upkeep,
    mut observer: Observer,
) -> Result<(), SlotError> {
    lead(context, upkeep.name(), upkeep.topics(), &mut observer, |seat, observer| {
        // It may wait for something outside, which must not keep the process from being ready.
        observer.starts(false);
        let mut shift: Option<Box<dyn Shift + '_>> = None;
        let (mut pauses, mut looks) = (Pauses::new(), 0);
        let mut pause = Duration::ZERO;
        while stays(context, seat, pause)? == Lead::Held {
            let mut observations = Observations::default();
            let done = match &mut shift {
                Some(shift) => shift.step(&mut |place, records| observations.records(place, records)),
                None => upkeep.begin().map(|begun| {
                    shift = Some(begun);
                    Found::Much
                }),
            };
            observer.count(observations);
            pause = match done {
                Ok(found) => {
                    pauses = Pauses::new();
                    if found == Found::Much { Duration::ZERO } else { PAUSE }
                }
                Err(error) => {
                    let may_pass = match &error {
                        ProjectionError::Retry(_) => true,
                        ProjectionError::AnotherLog(_) => {
                            looks += 1;
                            looks < LOOKS
                        }
                        ProjectionError::Failed(_) => false,
                    };
                    if !may_pass {
                        return Err(error.into());
                    }
                    tracing::warn!(processor = upkeep.name(), why = %error, "upkeep will be tried again");
                    observer.retries.increment(1);
                    pauses.next()
                }
            };
        }
        Ok(())
    })
}
