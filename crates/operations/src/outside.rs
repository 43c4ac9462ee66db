//! What `verify` holds answers of programs outside to. Nobody can give them again, so what can be checked is what they
//! hang from: who may write them, which request they answer, and that a request has one answer, each chunk of trades and
//! equity behind it included.

use std::collections::BTreeMap;

use gauntlet_domain::record::{Body, BodyVisitor};
use gauntlet_domain::topics::EXPERIMENTS;
use gauntlet_domain::{ContentHash, Event, EventId, ExperimentId, Recorded, external};
use gauntlet_log::{LogError, TopicPartition};
use gauntlet_runtime::{events, restore};

use crate::node::Node;

/// The strategy of each experiment, and the first answer to each request that is left to a program outside. Of answers only
/// hashes are kept: chunks of trades and equity are large.
#[derive(Default)]
pub struct Outside {
    strategies: BTreeMap<ExperimentId, String>,
    /// By request; the chunks behind an answer, of which there are several, by their own ids.
    answers: BTreeMap<EventId, ContentHash>,
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
        let is_chunk = matches!(event, Event::TradeLogChunk(_) | Event::EquityCurveChunk(_));
        let content = content(event);
        let first = *self.answers.entry(if is_chunk { event.id() } else { request }).or_insert(content);
        (first != content).then(|| {
            let what = if is_chunk { "chunk of the answer" } else { "answer" };
            format!("this {kind} is a second, other {what} to request {request}: the first one counts")
        })
    }

    fn strategy(&self, event: &Event) -> Option<&str> {
        self.strategies.get(&event.experiment()?).map(String::as_str)
    }
}

/// The hash of a body under the name of its record.
pub(crate) fn content(event: &Event) -> ContentHash {
    event.visit(Content)
}

struct Content;

impl BodyVisitor for Content {
    type Output = ContentHash;

    fn visit<B: Body>(self, body: &B) -> ContentHash {
        let text = serde_json::to_string(body).unwrap_or_default();
        ContentHash::of(format!("{} {text}", B::KIND.name()).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gauntlet_domain::experiment::{
        EquityCurveChunk, Metrics, Phase, TrialFailed, TrialFailure, TrialPruned, WalkForwardCompleted,
        walk_forward_run,
    };
    use gauntlet_domain::{Envelope, ModelId, RecordKind, Timestamp, TrialId};

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

    /// A walk-forward of a program outside: its outcome, and a chunk of the equity behind it.
    fn walked(experiment_id: ExperimentId, total_return: f64, equity: f64) -> [Recorded; 2] {
        let (model_id, phase) = (walk_forward_run(experiment_id), Phase::WalkForward);
        let (times, values) = (vec![1], vec![equity]);
        let chunk = EquityCurveChunk { experiment_id, model_id, phase, chunk: 0, times, values };
        let metrics = Metrics::from([("total_return".to_owned(), Some(total_return))]);
        let (folds, summary, inference, denied) = Default::default();
        let outcome = WalkForwardCompleted { experiment_id, metrics, folds, summary, inference, denied };
        [outcome.into(), chunk.into()].map(from_trainer)
    }

    #[test]
    fn a_walk_forward_and_the_equity_behind_it_answer_one_request_once() {
        let (mut outside, id) = outside();
        let request = EventId::derive(&[RecordKind::WalkForwardRequested.name().as_bytes(), id.0.as_bytes()]);
        for answer in walked(id, 0.5, 1.5) {
            assert_eq!(answer.event.answers(), Some(request));
            assert_eq!(outside.writer("evaluator", &answer.event), "evaluator.sklearn");
            assert_eq!(outside.answer("evaluator", &answer), None);
            assert_eq!(outside.answer("evaluator", &answer), None);
        }
        let [outcome, chunk] =
            walked(id, 0.25, 1.25).map(|other| outside.answer("evaluator", &other).unwrap());
        assert!(outcome.contains("second, other answer to"), "{outcome}");
        assert!(chunk.contains("second, other chunk of the answer to"), "{chunk}");
        let [_, mut astray] = walked(id, 0.5, 1.5);
        astray.envelope.causation = astray.envelope.id;
        assert!(outside.answer("evaluator", &astray).unwrap().contains("names another cause"));
    }

    #[test]
    fn the_equity_of_a_finalist_belongs_to_the_request_for_its_evaluation() {
        let (_, id) = outside();
        let [_, chunk] = walked(id, 0.5, 1.5);
        let Event::EquityCurveChunk(chunk) = chunk.event else { panic!("the chunk comes second") };
        let model_id = ModelId::derive(&[b"m"]);
        let chunk = Event::from(EquityCurveChunk { model_id, phase: Phase::Holdout, ..chunk });
        let request =
            EventId::derive(&[RecordKind::EvaluationRequested.name().as_bytes(), model_id.0.as_bytes()]);
        assert_eq!(chunk.answers(), Some(request));
    }

    #[test]
    fn an_answer_hangs_on_its_request() {
        let (mut outside, id) = outside();
        let mut wrong = failed(id, "a");
        wrong.envelope.causation = wrong.envelope.id;
        assert!(outside.answer("trainer", &wrong).unwrap().contains("names another cause"));
    }
}
