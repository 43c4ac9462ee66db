//! What a member subscribes to, and the tasks that the partitions assigned to it make up.

use std::collections::BTreeSet;

use gauntlet_log::{Assignment, LogError, Member, Task, TopicPartition};

use crate::settings::KafkaSettings;

/// Topics that a member subscribes to.
pub(crate) fn subscription(member: &Member) -> &[String] {
    match member.assignment {
        Assignment::CoPartitioned => &member.topics,
        // Whoever is given the first partition of the first topic leads; the others stand by.
        Assignment::Single | Assignment::Leader => member.topics.get(..1).unwrap_or_default(),
    }
}

/// Our names of assigned partitions.
pub(crate) fn places(settings: &KafkaSettings, assigned: &[(String, i32)]) -> BTreeSet<TopicPartition> {
    let place = |(topic, partition): &(String, i32)| {
        let topic = topic.strip_prefix(&settings.prefix)?;
        Some(TopicPartition::new(topic, u32::try_from(*partition).ok()?))
    };
    assigned.iter().filter_map(place).collect()
}

/// Whether a member that is assigned these partitions leads.
pub(crate) fn leads(member: &Member, assigned: &BTreeSet<TopicPartition>) -> bool {
    member.topics.first().is_some_and(|topic| assigned.contains(&TopicPartition::new(topic, 0)))
}

/// Tasks that the partitions make up. Topics that are read together are assigned together by the range strategy when
/// they have equally many partitions and every member reads the same ones; anything else is an error.
pub(crate) fn tasks_of(
    member: &Member,
    leads: bool,
    owned: &BTreeSet<TopicPartition>,
) -> Result<Vec<Task>, LogError> {
    let in_order =
        |partition: u32| member.topics.iter().map(move |topic| TopicPartition::new(topic.clone(), partition));
    match member.assignment {
        Assignment::Single | Assignment::Leader if !leads => Ok(Vec::new()),
        Assignment::Single | Assignment::Leader => {
            let by_topic =
                member.topics.iter().flat_map(|topic| owned.iter().filter(move |p| p.topic == *topic));
            Ok(vec![Task { id: 0, partitions: by_topic.cloned().collect() }])
        }
        Assignment::CoPartitioned => {
            let numbers: BTreeSet<u32> = owned.iter().map(|place| place.partition).collect();
            let mut tasks = Vec::new();
            for id in numbers {
                let partitions: Vec<TopicPartition> = in_order(id).collect();
                if let Some(missing) = partitions.iter().find(|place| !owned.contains(place)) {
                    return Err(LogError::Refused {
                        at: format!("the group of {}", member.processor),
                        detail: format!(
                            "partition {id} of some of its topics was assigned but not {missing}: all members of a group \
                             must run the same version"
                        ),
                    });
                }
                tasks.push(Task { id, partitions });
            }
            Ok(tasks)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn member(assignment: Assignment) -> Member {
        let topics = vec!["a".to_owned(), "b".to_owned()];
        Member { processor: "p".into(), slot: 0, topics, assignment }
    }

    fn assigned(names: &[(&str, i32)]) -> BTreeSet<TopicPartition> {
        let names: Vec<(String, i32)> = names.iter().map(|(name, p)| ((*name).to_owned(), *p)).collect();
        places(&KafkaSettings::new("localhost:9092", "x."), &names)
    }

    #[test]
    fn a_task_is_one_partition_of_every_topic() {
        let owned = assigned(&[("x.a", 1), ("x.b", 1), ("x.a", 4), ("x.b", 4), ("y.a", 2)]);
        let tasks = tasks_of(&member(Assignment::CoPartitioned), false, &owned).unwrap();
        let place = TopicPartition::new;
        let expected = [1, 4].map(|id| Task { id, partitions: vec![place("a", id), place("b", id)] });
        assert_eq!(tasks, expected);
    }

    #[test]
    fn half_a_task_is_refused_by_name() {
        let owned = assigned(&[("x.a", 1)]);
        let error = tasks_of(&member(Assignment::CoPartitioned), false, &owned).unwrap_err().to_string();
        assert!(error.contains("p was assigned partition 1 of some of its topics but not b/1"), "{error}");
    }

    #[test]
    fn who_has_the_first_partition_of_the_first_topic_leads() {
        for assignment in [Assignment::Single, Assignment::Leader] {
            let member = member(assignment);
            assert_eq!(subscription(&member), ["a"]);
            let (first, other) = (assigned(&[("x.a", 0)]), assigned(&[("x.a", 1)]));
            assert!(leads(&member, &first) && !leads(&member, &other));
            assert_eq!(tasks_of(&member, false, &other).unwrap(), []);
            assert_eq!(tasks_of(&member, true, &BTreeSet::new()).unwrap().len(), 1);
        }
        assert_eq!(subscription(&member(Assignment::CoPartitioned)), ["a", "b"]);
    }
}
