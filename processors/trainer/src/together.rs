//! Trials of one plan, answered together: the same answers as one by one, to the last bit, in much less time.

use gauntlet_backtest::{Bars, StrategySpec};
use gauntlet_domain::Event;
use gauntlet_domain::experiment::{TrainingRequested, TrialFailure};
use gauntlet_walkforward::{Model, SideBySide};

use crate::trial::{Trial, failed};

/// Answers requests of one plan which [`SideBySide::takes`], in their order.
pub(crate) fn trials(requests: &[&TrainingRequested], bars: &Bars) -> Vec<Event> {
    let mut answers: Vec<Option<Event>> = vec![None; requests.len()];
    let (mut rules, mut places): (Vec<StrategySpec>, Vec<usize>) = Default::default();
    for (place, request) in requests.iter().enumerate() {
        match Model::of(&request.plan, &request.parameters) {
            Ok(Model::Rule(rule)) => {
                rules.push(rule);
                places.push(place);
            }
            Ok(Model::Learned(_)) => unreachable!("invariant: a plan of rules has no estimator"),
            Err(error) => {
                answers[place] = Some(failed(request, TrialFailure::InvalidParameters, error.to_string()));
            }
        }
    }
    let requests_of_rules: Vec<&TrainingRequested> = places.iter().map(|place| requests[*place]).collect();
    for (place, answer) in places.iter().zip(walked(&requests_of_rules, &rules, bars)) {
        answers[*place] = Some(answer);
    }
    answers.into_iter().flatten().collect()
}

/// Walks the rules of one plan forward; a request a rule.
fn walked(requests: &[&TrainingRequested], rules: &[StrategySpec], bars: &Bars) -> Vec<Event> {
    let Some(plan) = requests.first().map(|request| &request.plan) else { return Vec::new() };
    let mut walk = match SideBySide::new(plan, rules, bars) {
        Ok(walk) => walk,
        Err(error) => {
            let refused = |request: &&TrainingRequested| {
                failed(request, TrialFailure::InvalidParameters, error.to_string())
            };
            return requests.iter().map(refused).collect();
        }
    };
    let mut trials: Vec<Trial<'_>> = requests.iter().map(|request| Trial::new(request)).collect();
    let mut pruned: Vec<Option<Event>> = vec![None; trials.len()];
    let mut running: Vec<usize> = (0..trials.len()).collect();
    for fold in 0..plan.folds.len() {
        walk.fold(fold, &running);
        running.retain(|trial| {
            pruned[*trial] = trials[*trial].after_fold(walk.objective(*trial));
            pruned[*trial].is_none()
        });
    }
    let answer = |(index, (trial, pruned)): (usize, (Trial<'_>, Option<Event>))| {
        pruned.unwrap_or_else(|| trial.completed(walk.key_metrics(index)))
    };
    trials.into_iter().zip(pruned).enumerate().map(answer).collect()
}
