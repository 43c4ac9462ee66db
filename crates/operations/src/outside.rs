//! What `verify` holds answers of programs outside to. Nobody can give them again, so what can be checked is what they
//! hang from: who may write them, which request they answer, and that a request has one answer.

use std::collections::BTreeMap;

use gauntlet_domain::topics::EXPERIMENTS;
use gauntlet_domain::{Event, EventId, ExperimentId, Recorded, external};
use gauntlet_log::{LogError, TopicPartition};
use gauntlet_runtime::{events, restore};

use crate::node::Node;

/// The strategy of each experiment, and the first answer to each request that is left to a program outside.
#[derive(Default)]
pub struct Outside {
    strategies: BTreeMap<ExperimentId, String>,
    answers: BTreeMap<EventId, Event>,
}

impl Outside {
    /// Reads the experiments.
    pub fn read(node: &Node) -> Result<Outside, LogError> {
        let mut outside = Outside::default();
        for partition in 0..node.log.partitions(EXPERIMENTS.name)? {
            let place = TopicPartition::new(EXPERIMENTS.name, partition);
            let (start, end) = node.log.bounds(&place)?;
            restore::for_each(&*node.log, &place, start, end, |record| {
                if let Some(Recorded { event, .. }) = events::readable(&node.codec, &record)? {
                    outside.learn(&event);
                }
                Ok(())
            })?;
        }
        Ok(outside)
    }

    fn learn(&mut self, event: &Event) {
        if let Event::ExperimentStarted(started) = event {
            self.strategies.insert(started.experiment_id, started.plan.strategy.clone());
        }
    }

    /// Who writes an event of a topic that belongs to `processor`.
    pub fn writer(&self, processor: &str, event: &Event) -> String {
        match self.strategy(event) {
            Some(strategy) if matches!(processor, "trainer" | "evaluator") => {
                external::addressee(processor, strategy)
            }
            _ => processor.to_owned(),
        }
    }

    /// What is wrong with an answer of a program outside; `processor` is who answers where nobody outside is asked.
    pub fn answer(&mut self, processor: &str, recorded: &Recorded) -> Option<String> {
        let event = &recorded.event;
        let request = event.answers()?;
        if self.writer(processor, event) == processor {
            return None;
        }
        let kind = event.kind().name();
        if recorded.envelope.causation != request {
            return Some(format!("this {kind} answers request {request}, its header names another cause"));
        }
        let first = self.answers.entry(request).or_insert_with(|| event.clone());
        (first != event).then(|| {
            format!("this {kind} is a second, other answer to request {request}: the first one counts")
        })
    }

    fn strategy(&self, event: &Event) -> Option<&str> {
        self.strategies.get(&event.experiment()?).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gauntlet_domain::experiment::{TrialFailed, TrialFailure, TrialPruned};
    use gauntlet_domain::{Envelope, Timestamp, TrialId};

    use super::*;

    fn outside() -> (Outside, ExperimentId) {
        let id = ExperimentId::derive(&[b"e"]);
        let mut outside = Outside::default();
        outside.strategies.insert(id, "external:sklearn".into());
        (outside, id)
    }

    fn failed(experiment_id: ExperimentId, detail: &str) -> Recorded {
        let trial_id = TrialId::derive(&[b"0"]);
        let (reason, detail) = (TrialFailure::TrainingFailed, detail.to_owned());
        let parameters = Default::default();
        from_trainer(TrialFailed { experiment_id, trial: 0, trial_id, parameters, reason, detail }.into())
    }

    fn from_trainer(event: Event) -> Recorded {
        let (id, cause) = (event.id(), event.answers().unwrap());
        let envelope = Envelope {
            id,
            causation: cause,
            correlation: cause,
            source: "trainer.sklearn".into(),
            recorded_at: Timestamp(0),
            logic: None,
            took_micros: None,
            decided_at: None,
            trace: None,
        };
        Recorded { event, envelope }
    }

    #[test]
    fn the_writer_of_an_answer_is_the_trainer_that_the_experiment_names() {
        let (outside, id) = outside();
        assert_eq!(outside.writer("trainer", &failed(id, "").event), "trainer.sklearn");
        let other = ExperimentId::derive(&[b"other"]);
        assert_eq!(outside.writer("trainer", &failed(other, "").event), "trainer");
    }

    #[test]
    fn the_same_answer_again_is_nothing_and_another_one_is_said() {
        let (mut outside, id) = outside();
        assert_eq!(outside.answer("trainer", &failed(id, "a")), None);
        assert_eq!(outside.answer("trainer", &failed(id, "a")), None);
        assert!(outside.answer("trainer", &failed(id, "b")).unwrap().contains("second, other answer"));
        let trial_id = TrialId::derive(&[b"0"]);
        let parameters = Default::default();
        let pruned = TrialPruned {
            experiment_id: id,
            trial: 0,
            trial_id,
            parameters,
            fold: 0,
            threshold: 0.0,
            fold_values: vec![],
        };
        assert!(
            outside.answer("trainer", &from_trainer(pruned.into())).unwrap().contains("second, other answer")
        );
    }

    #[test]
    fn an_answer_hangs_on_its_request() {
        let (mut outside, id) = outside();
        let mut wrong = failed(id, "a");
        wrong.envelope.causation = wrong.envelope.id;
        assert!(outside.answer("trainer", &wrong).unwrap().contains("names another cause"));
    }
}
