//! Digests, replays and verifications as text.

use gauntlet_domain::Event;
use gauntlet_operations::integrity::{Digests, Verified, VerifiedViews};
use gauntlet_operations::recount::NotRecounted;
use gauntlet_operations::replay::{NotCompared, Replayed};

use crate::table::table;

/// A line for each topic and view.
pub fn digests(answer: &Digests) -> String {
    let topics = answer.topics.iter();
    let topics = topics.map(|(name, of)| vec![name.clone(), of.events.to_string(), of.sha256.to_string()]);
    let views = answer.views.iter();
    let views =
        views.map(|(name, of)| vec![format!("view {name}"), of.rows.to_string(), of.sha256.to_string()]);
    let text = table(&["", "count", "sha256"], topics.chain(views));
    format!("{text}\nall {}", answer.all)
}

/// That all is the same, or the first difference; and what was not compared.
pub fn replayed(answer: &Replayed) -> String {
    let lines = std::iter::once(compared(answer)).chain(answer.not_compared.iter().map(not_compared));
    lines.collect::<Vec<_>>().join("\n")
}

fn not_compared(not: &NotCompared) -> String {
    let NotCompared { processor, version, events } = not;
    format!("{events} events of {processor} were made by version {version} of its logic, not compared")
}

fn compared(answer: &Replayed) -> String {
    let compared = answer.compared;
    let Some(divergence) = &answer.divergence else {
        return match answer.foreign {
            None if answer.not_compared.is_empty() => {
                "nothing was compared: the log has no derived event to replay; run something first".into()
            }
            None => "nothing was compared: the build that made these events can replay them".into(),
            Some(0) => format!("identical: {compared} events"),
            Some(foreign) => format!(
                "identical: {compared} events, with {foreign} answers of trainers outside as they are recorded"
            ),
        };
    };
    let side =
        |event: &Option<Event>| event.as_ref().map_or("(nothing)".into(), |event| format!("{event:#?}"));
    format!(
        "differs after {compared} events: {} of {} on {}\nrecorded:\n{}\nre-executed:\n{}",
        divergence.event_id,
        divergence.key,
        divergence.topic,
        side(&divergence.recorded),
        side(&divergence.reexecuted),
    )
}

/// How much holds, and what does not.
pub fn verified(answer: &Verified) -> String {
    let checked = answer.checked;
    let counted = format!(
        "{} events, {} snapshots, {} artifacts, {} archived files, {} views, {} ledger entries, {} decisions",
        checked.events,
        checked.snapshots,
        checked.artifacts,
        checked.archived,
        checked.views,
        checked.ledger_entries,
        checked.decisions
    );
    let head = if answer.ok { format!("all holds: {counted}") } else { format!("{counted} checked") };
    let not_compared = answer.not_compared.iter().map(not_recounted);
    let lines = std::iter::once(head).chain(not_compared).chain(answer.problems.iter().cloned());
    lines.collect::<Vec<_>>().join("\n")
}

fn not_recounted(not: &NotRecounted) -> String {
    let NotRecounted { what, why, events } = not;
    format!("{what}: {events} not compared, {why}")
}

/// Whether the views are what the log makes of them.
pub fn verified_views(answer: &VerifiedViews) -> String {
    match answer.ok {
        true => format!("{} views are what the log makes of them", answer.views),
        false => answer.problems.join("\n"),
    }
}
