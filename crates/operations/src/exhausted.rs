//! A search that ended before its trials were spent, since no point was left to try.

use gauntlet_domain::experiment::TuningEnd;
use gauntlet_search::Space;
use gauntlet_views::{Row, Value};
use serde::Serialize;
use serde_json::Value as Json;

use crate::rows::text;

/// A space in which nothing is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exhausted {
    /// Trials that were tried.
    pub trials: u64,
    /// Trials that the document allows, `tuning.trials`.
    pub budget: u64,
    /// Points of the space before conditions leave some out; `None` where a parameter is continuous.
    pub points: Option<u64>,
}

/// Whether the search of an experiment ended because its space was exhausted, from its entry of the ledger.
pub(crate) fn exhausted(own: &Row, document: &Json) -> Option<Exhausted> {
    if text(own, "ended") != Some(TuningEnd::SpaceExhausted.word()) {
        return None;
    }
    let points = Space::from_json(&document["model"]["parameters"]).ok().and_then(|space| space.points());
    Some(Exhausted {
        trials: u64::try_from(own.get("requested").and_then(Value::as_long)?).ok()?,
        budget: document["tuning"]["trials"].as_u64()?,
        points: points.and_then(|points| u64::try_from(points).ok()),
    })
}

/// `the search ended after 6 of 100 trials: the space has only 6 points, and all were tried`.
impl std::fmt::Display for Exhausted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Exhausted { trials, budget, points } = self;
        write!(f, "the search ended after {trials} of {budget} trials: ")?;
        match points {
            Some(1) => f.write_str("the space has only 1 point"),
            Some(points) if points == trials => {
                write!(f, "the space has only {points} points, and all were tried")
            }
            Some(points) => write!(
                f,
                "of the {points} points of the space no further one was left that its conditions allow"
            ),
            None => f.write_str("no further point was found that the conditions of the space allow"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Exhausted;

    #[test]
    fn what_was_left_of_the_space_is_said() {
        let said = |trials, points| Exhausted { trials, budget: 100, points }.to_string();
        assert_eq!(
            said(6, Some(6)),
            "the search ended after 6 of 100 trials: the space has only 6 points, and all were tried"
        );
        assert!(said(4, Some(6)).contains("of the 6 points of the space no further one was left"));
        assert!(said(4, None).contains("no further point was found"));
    }
}
