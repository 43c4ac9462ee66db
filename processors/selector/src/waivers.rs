//! What a person may set aside: a refusal of a gate that can be waived, for the version of the model that they saw, with a
//! reason, for a while, and not by whoever submitted it.

use gauntlet_domain::Timestamp;
use gauntlet_domain::gates;
use gauntlet_domain::person::Person;
use gauntlet_domain::selection::{Candidate, Waive, WaiverGranted};
use gauntlet_domain::verdict::{self, Outcome, Verdict, Waiver};

use crate::judge::hash_of;

/// Why a waiver does not hold; `now` is the latest event time that the mandate has seen.
pub(crate) fn check(
    waive: &Waive,
    candidate: Option<&Candidate>,
    now: Option<Timestamp>,
) -> Result<(), String> {
    let Some(candidate) = candidate else {
        return Err(format!(
            "model {} was not refused in mandate {}, or so long ago that its evidence is no longer held: submit it again",
            waive.model_id, waive.mandate
        ));
    };
    if candidate.version_hash != waive.version_hash {
        return Err(format!(
            "it names version {} of the model, which is {}: look at it again (`gauntlet show MODEL`)",
            waive.version_hash, candidate.version_hash
        ));
    }
    let Some(verdict) = candidate.verdicts.iter().find(|verdict| verdict.gate == waive.gate) else {
        let gates: Vec<&str> = candidate.verdicts.iter().map(|verdict| verdict.gate.as_str()).collect();
        return Err(format!("the model was not judged by a gate `{}`: {}", waive.gate, gates.join(", ")));
    };
    if !gates::by_name(&waive.gate).is_some_and(|gate| gate.waivable) {
        return Err(format!("gate `{}` cannot be waived by anybody", waive.gate));
    }
    if matches!(verdict.outcome, Outcome::Passed) {
        return Err(format!("gate `{}` is passed: there is nothing to waive", waive.gate));
    }
    if waive.reason.trim().is_empty() {
        return Err("a waiver has a reason, in its author's words".to_owned());
    }
    let author = Person::named(&waive.author)?;
    if candidate.submitted_by.is_empty() {
        return Err(
            "nobody is recorded as the submitter of the model, so that nobody can be told from them: submit with --as WHO"
                .to_owned(),
        );
    }
    if Person::named(&candidate.submitted_by).is_ok_and(|submitter| submitter == author) {
        return Err(format!("{} submitted the model: a waiver needs another person", waive.author));
    }
    match now {
        Some(now) if waive.expires <= now => {
            Err(format!("it expires at {}, and event time is {now}: choose a later expiry", waive.expires))
        }
        _ => Ok(()),
    }
}

/// The candidate once more, with the waivers that hold.
pub(crate) fn apply(candidate: &Candidate, granted: &[WaiverGranted], now: Option<Timestamp>) -> Candidate {
    let mut again = candidate.clone();
    let holds = |waiver: &&WaiverGranted| now.is_none_or(|now| now < waiver.waive.expires);
    let granted: Vec<&WaiverGranted> = granted.iter().filter(holds).collect();
    for verdict in &mut again.verdicts {
        // What was waived before is waived for as long as its waiver holds.
        if matches!(verdict.outcome, Outcome::Waived) {
            let Verdict { gate, statistic, comparison, threshold, evidence, .. } = verdict.clone();
            *verdict = verdict::judge(&gate, statistic, comparison, threshold, evidence);
        }
    }
    for verdict in again.verdicts.iter_mut().filter(|verdict| !matches!(verdict.outcome, Outcome::Passed)) {
        let waiver = granted.iter().find(|waiver| waiver.waive.gate == verdict.gate);
        if let Some(WaiverGranted { waive, command }) = waiver {
            verdict.outcome = Outcome::Waived;
            verdict.waiver = Some(Waiver {
                author: waive.author.clone(),
                event: *command,
                expires: waive.expires,
                reason: waive.reason.clone(),
            });
        }
    }
    again.attempt += 1;
    again.verdicts_hash = hash_of(&again.verdicts);
    again.waivers_hash = hash_of(&granted);
    again
}
