//! Work that one process at a time does, however many could: whoever leads its group. The others stand by.

use std::time::{Duration, Instant};

use gauntlet_log::{Assignment, LogError, Member, Polled, Slot};

use crate::failure::SlotError;
use crate::observer::Observer;
use crate::slot::Context;

/// Whether this process goes on with the work.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lead {
    Held,
    /// Another process leads now, or everything stops.
    Over,
}

/// Runs `work` whenever this process leads a group, until everything stops. The seat is the membership that makes it the
/// leader; it reads nothing.
pub(crate) fn lead(
    context: Context<'_>,
    name: &str,
    topics: Vec<&'static str>,
    observer: &mut Observer,
    mut work: impl FnMut(&mut dyn Slot, &mut Observer) -> Result<(), SlotError>,
) -> Result<(), SlotError> {
    let member = Member {
        processor: name.into(),
        slot: context.options.slot,
        topics: topics.into_iter().map(str::to_owned).collect(),
        assignment: Assignment::Leader,
    };
    let mut seat = context.log.join(member)?;
    while !context.stop.is_raised() {
        if let Polled::Assigned(_) = seat.poll(0, context.options.poll_timeout)? {
            observer.tasks(std::iter::once(0));
            work(&mut *seat, observer)?;
            observer.tasks(std::iter::empty());
        }
        observer.starts(false);
    }
    Ok(())
}

/// Waits for so long as a member.
pub(crate) fn stays(context: Context<'_>, seat: &mut dyn Slot, pause: Duration) -> Result<Lead, LogError> {
    let until = Instant::now() + pause;
    while !context.stop.is_raised() {
        let left = until.saturating_duration_since(Instant::now());
        if let Polled::Revoked(_) = seat.poll(0, left.min(context.options.poll_timeout))? {
            return Ok(Lead::Over);
        }
        if left.is_zero() {
            return Ok(Lead::Held);
        }
    }
    Ok(Lead::Over)
}
