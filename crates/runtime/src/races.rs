//! Races: decisions that another order of the inputs might have turned out differently. Each says on its record how far
//! the inputs had been read when it was taken, so that a restart and a replay feed them in the same order.

use gauntlet_log::{EventLog, LogError, Positions, Task, TopicPartition};
use gauntlet_processor::machine::Definition;
use gauntlet_wire::headers;

use crate::restore::for_each;

/// Begins the text of a race that a change of the logic has decided.
const LOGIC_CHANGE: &str = "logic-change:";

/// What a decision was taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// An input, and where it lies.
    Input(TopicPartition),
    /// Another version of the logic, which took over from this one.
    LogicChange {
        /// The version that came before.
        from: String,
    },
}

/// A decision that raced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Race {
    /// What it was taken on.
    pub trigger: Trigger,
    /// Next offset of every input of the task when it was taken; of the deciding input its own offset.
    pub positions: Positions,
}

impl Race {
    /// As a header: `topic/partition=offset` joined by `;`, the deciding input first. When it was no input,
    /// `logic-change:VERSION` comes first.
    pub fn to_text(&self) -> String {
        let place = |(partition, offset): (&TopicPartition, &u64)| format!("{partition}={offset}");
        let is_own =
            |partition: &TopicPartition| matches!(&self.trigger, Trigger::Input(own) if own == partition);
        let change = match &self.trigger {
            Trigger::Input(_) => None,
            Trigger::LogicChange { from } => Some(format!("{LOGIC_CHANGE}{from}")),
        };
        let own = self.positions.iter().filter(|(partition, _)| is_own(partition)).map(place);
        let others = self.positions.iter().filter(|(partition, _)| !is_own(partition)).map(place);
        change.into_iter().chain(own).chain(others).collect::<Vec<_>>().join(";")
    }

    /// Reads the header.
    pub fn from_text(text: &str) -> Option<Race> {
        let mut parts = text.split(';').peekable();
        let change = parts.next_if(|part| part.starts_with(LOGIC_CHANGE));
        let mut positions = Positions::new();
        let mut first = None;
        for part in parts {
            let (place, offset) = part.rsplit_once('=')?;
            let (topic, partition) = place.rsplit_once('/')?;
            let partition = TopicPartition::new(topic, partition.parse().ok()?);
            first.get_or_insert_with(|| partition.clone());
            positions.insert(partition, offset.parse().ok()?);
        }
        let trigger = match change {
            Some(change) => Trigger::LogicChange { from: change[LOGIC_CHANGE.len()..].to_owned() },
            None => Trigger::Input(first?),
        };
        Some(Race { trigger, positions })
    }

    /// Whether it was decided before these positions.
    pub(crate) fn is_before(&self, end: &Positions) -> bool {
        match &self.trigger {
            Trigger::Input(own) => self.positions.get(own) < end.get(own),
            Trigger::LogicChange { .. } => {
                self.positions.iter().all(|(place, offset)| end.get(place).is_some_and(|end| offset <= end))
            }
        }
    }

    fn is_of(&self, task: &Task) -> bool {
        match &self.trigger {
            Trigger::Input(own) => task.partitions.contains(own),
            Trigger::LogicChange { .. } => {
                self.positions.keys().any(|partition| task.partitions.contains(partition))
            }
        }
    }

    /// Positions of one task only grow, so their sum orders the decisions. A change of the logic is decided before the
    /// next input is read, whose race has the same sum.
    fn order(&self) -> (u64, bool) {
        (self.positions.values().sum(), matches!(self.trigger, Trigger::Input(_)))
    }
}

/// Races of a task in the order in which they were decided, among the outputs from some positions on; from the first
/// record of every partition that has none.
pub fn races(
    log: &dyn EventLog,
    definition: &Definition,
    task: &Task,
    from: &Positions,
) -> Result<Vec<Race>, LogError> {
    let mut races = Vec::new();
    for topic in definition.races_on {
        for partition in 0..log.partitions(topic.name)? {
            let place = TopicPartition::new(topic.name, partition);
            let (start, end) = log.bounds(&place)?;
            let start = from.get(&place).map_or(start, |from| start.max(*from));
            for_each(log, &place, start, end, |record| {
                let race = headers::decided_at(&record.headers).and_then(Race::from_text);
                races.extend(race.filter(|race| race.is_of(task)));
                Ok(())
            })?;
        }
    }
    races.sort_by_key(Race::order);
    // One input may decide several outputs.
    races.dedup();
    Ok(races)
}

/// Where the outputs end among which a restart looks for races. Every race before lies behind the state that is about to be
/// saved. A partition that does not answer is left out: a restart then looks from its first record.
pub(crate) fn output_ends(log: &dyn EventLog, definition: &Definition) -> Positions {
    let mut ends = Positions::new();
    for topic in definition.races_on {
        for partition in 0..log.partitions(topic.name).unwrap_or(0) {
            let place = TopicPartition::new(topic.name, partition);
            match log.bounds(&place) {
                Ok((_, end)) => drop(ends.insert(place, end)),
                Err(error) => {
                    tracing::debug!(%place, %error, "a restart will look for races from the first record")
                }
            }
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn race(trigger: Trigger, offsets: [u64; 2]) -> Race {
        let places = ["a.v1", "experiments.v1"].map(|topic| TopicPartition::new(topic, 1));
        Race { trigger, positions: places.into_iter().zip(offsets).collect() }
    }

    fn input() -> Trigger {
        Trigger::Input(TopicPartition::new("experiments.v1", 1))
    }

    #[test]
    fn a_race_reads_back_from_its_header() {
        let decided = race(input(), [17, 5]);
        assert_eq!(decided.to_text(), "experiments.v1/1=5;a.v1/1=17");
        let changed = race(Trigger::LogicChange { from: "1".into() }, [17, 5]);
        assert_eq!(changed.to_text(), "logic-change:1;a.v1/1=17;experiments.v1/1=5");
        for race in [decided, changed] {
            assert_eq!(Race::from_text(&race.to_text()), Some(race));
        }
        assert_eq!(Race::from_text("nonsense"), None);
        assert_eq!(Race::from_text(""), None);
    }

    #[test]
    fn a_change_of_the_logic_comes_before_the_input_that_was_read_next() {
        let change = || Trigger::LogicChange { from: "1".into() };
        let mut races = [race(input(), [17, 5]), race(change(), [17, 5]), race(input(), [17, 4])];
        races.sort_by_key(Race::order);
        assert_eq!(races, [race(input(), [17, 4]), race(change(), [17, 5]), race(input(), [17, 5])]);
    }
}
