//! What a processor has on the record, as a replay needs it: what this version of its logic has made and has to make again,
//! and what other versions have made, which nothing here can make again.

use std::collections::{BTreeMap, HashMap, HashSet};

use gauntlet_domain::{ContentHash, Event, EventId};
use gauntlet_log::{Positions, TopicPartition};

use crate::restore::Fed;

/// Events that were not compared because another version of the logic made them, or had a part in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCompared {
    /// Whose.
    pub processor: String,
    /// The version that made them.
    pub version: String,
    /// How many.
    pub events: u64,
}

/// Recorded events of one processor.
#[derive(Default)]
pub(crate) struct OnRecord {
    /// Made by this version: they wait to be made again.
    pub(crate) expected: HashMap<EventId, ContentHash>,
    /// Answers of programs outside.
    pub(crate) foreign: HashSet<EventId>,
    /// Made by other versions.
    others: HashSet<EventId>,
    /// What those followed from.
    other_causes: HashSet<EventId>,
    /// What those are about.
    other_subjects: HashSet<[u8; 16]>,
    counts: BTreeMap<String, u64>,
}

impl OnRecord {
    /// An event that another version of the logic has made.
    pub(crate) fn other(&mut self, version: &str, event: &Event, cause: Option<EventId>) {
        if self.others.insert(event.id()) {
            *self.counts.entry(version.to_owned()).or_default() += 1;
        }
        self.other_causes.extend(cause);
        self.other_subjects.extend(event.subject().map(|subject| subject.id));
    }

    /// Whether other versions have made anything.
    pub(crate) fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    /// Whether another version has made this.
    pub(crate) fn is_of_other(&self, id: &EventId) -> bool {
        self.others.contains(id)
    }

    /// Whether another version has answered this request.
    pub(crate) fn is_answered_by_other(&self, request: &Event) -> bool {
        self.other_causes.contains(&request.id())
    }

    /// Whether another version has said something about what this event is about.
    pub(crate) fn is_shared(&self, event: &Event) -> bool {
        event.subject().is_some_and(|subject| self.other_subjects.contains(&subject.id))
    }

    /// Counts events of this version that other versions had a part in.
    pub(crate) fn excuse(&mut self, version: &str, events: u64) {
        if events > 0 {
            *self.counts.entry(version.to_owned()).or_default() += events;
        }
    }

    /// What was not compared, by version.
    pub(crate) fn not_compared(&self, processor: &str) -> impl Iterator<Item = NotCompared> {
        let of = move |(version, events): (&String, &u64)| NotCompared {
            processor: processor.to_owned(),
            version: version.clone(),
            events: *events,
        };
        self.counts.iter().map(of)
    }
}

/// Which inputs another version of the logic took in: in each partition those up to the last cause that its outputs name.
/// What comes behind that and before the first cause of this version's outputs may be either's.
#[derive(Default)]
pub(crate) struct Takeover {
    /// Offset of the last input of each partition that made another version put something out.
    last_of_other: Positions,
    /// Offset of the first one that made this version put something out.
    first_of_this: Positions,
    /// Outputs that are not on the record, and the input that they followed from.
    unrecorded: Vec<(Option<(TopicPartition, u64)>, Event)>,
}

impl Takeover {
    /// An input was fed.
    pub(crate) fn fed(&mut self, fed: &Fed<'_>, on_record: &OnRecord, causes: &HashSet<EventId>) {
        let Fed::Input(place, offset, input) = fed else { return };
        if on_record.other_causes.contains(&input.envelope.id) {
            self.last_of_other.insert((*place).clone(), *offset);
        }
        if causes.contains(&input.envelope.id) && !self.first_of_this.contains_key(*place) {
            self.first_of_this.insert((*place).clone(), *offset);
        }
    }

    /// An output that is not on the record.
    pub(crate) fn unrecorded(&mut self, fed: &Fed<'_>, event: Event) {
        let at = match fed {
            Fed::Input(place, offset, _) => Some(((*place).clone(), *offset)),
            Fed::LogicChange => None,
        };
        self.unrecorded.push((at, event));
    }

    /// The first output that this version should have put out and did not: one whose input it took in, about something
    /// in which no other version had a part.
    pub(crate) fn missing(self, on_record: &OnRecord) -> Option<Event> {
        let was_others = |at: &Option<(TopicPartition, u64)>| {
            let Some((place, offset)) = at else { return false };
            self.last_of_other.get(place).is_some_and(|last| offset <= last)
                || self.first_of_this.get(place).is_none_or(|first| offset < first)
        };
        let has_others = on_record.has_others();
        let is_excused = |at: &Option<(TopicPartition, u64)>, event: &Event| {
            on_record.is_shared(event) || (has_others && was_others(at))
        };
        let is_missing = |(at, event): &&(Option<(TopicPartition, u64)>, Event)| !is_excused(at, event);
        self.unrecorded.iter().find(is_missing).map(|(_, event)| event.clone())
    }
}
