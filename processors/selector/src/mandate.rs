//! One mandate: its ledger, what waits for its turn, what was decided, the champion.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gauntlet_domain::experiment::LedgerEntered;
use gauntlet_domain::gates::Gate;
use gauntlet_domain::selection::*;
use gauntlet_domain::words::{ExperimentEnd, Judgement};
use gauntlet_domain::{ContentHash, EventId, ModelId, Timestamp};
use gauntlet_processor::machine::Output;
use gauntlet_walkforward::ledger::Entry;
use serde::{Deserialize, Serialize};

use crate::contest::{CHALLENGER, Contest, contender};
use crate::judge;
use crate::waivers;

/// Experiments whose refused finalists may be waived: evidence ages, and what is remembered of old ones is their entry in
/// the ledger.
const REMEMBERED: i64 = 100;

/// What is known of a mandate.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mandate {
    /// By place; about two hundred bytes each.
    ledger: BTreeMap<i64, Tried>,
    /// By place: what waits for its turn.
    waiting: BTreeMap<i64, RiskVerdictIssued>,
    /// The last place that was judged.
    judged: i64,
    /// The latest event time that an experiment of the mandate has seen.
    now: Option<Timestamp>,
    /// Refused finalists of the last experiments.
    refused: BTreeMap<ModelId, Refused>,
    /// Waivers that hold, by model and gate.
    pub(crate) granted: BTreeMap<ModelId, Vec<WaiverGranted>>,
    /// The model that was selected last.
    champion: Option<Contender>,
    /// Models that pass every other gate and are compared with the champion, one after the other.
    contests: VecDeque<Contest>,
    /// Waivers that were answered, so that a repeated command does nothing.
    answered: BTreeSet<EventId>,
}

/// A refused finalist, and the gate that compares it with the champion where its policy has one.
#[derive(Serialize, Deserialize)]
struct Refused {
    candidate: Candidate,
    gate: Option<Gate>,
}

/// An entry of the ledger, small.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Tried {
    instrument: String,
    searched: (i64, i64),
    held_out: Option<(i64, i64)>,
    requested: u64,
    looks: u64,
    finalists: u64,
    sharpes: Option<(f64, f64, f64)>,
    /// The document's hash, once it is known.
    document: Option<ContentHash>,
    /// What the trials say together, until the experiment is judged.
    family: gauntlet_domain::experiment::Metrics,
}

impl Tried {
    fn of(entered: &LedgerEntered) -> Tried {
        let Entry { held_out, requested, looks, finalists, sharpes, .. } = Entry::of(entered);
        Tried {
            instrument: entered.data.instrument.clone(),
            searched: (entered.data.from.0, entered.data.to.0),
            held_out,
            requested,
            looks,
            finalists,
            sharpes,
            document: None,
            family: entered.family.clone(),
        }
    }

    fn entry(&self, place: i64) -> Entry {
        Entry {
            document: self.document.map_or_else(|| place.to_string(), |document| document.to_string()),
            place,
            instrument: Some(self.instrument.clone()),
            searched: Some(self.searched),
            held_out: self.held_out,
            requested: self.requested,
            looks: self.looks,
            finalists: self.finalists,
            sharpes: self.sharpes,
        }
    }
}

impl Mandate {
    /// Tuning of an experiment has ended.
    pub(crate) fn entered(&mut self, entered: &LedgerEntered) {
        self.ledger.entry(entered.place).or_insert_with(|| Tried::of(entered));
    }

    /// What the gates say of an experiment that has ended.
    pub(crate) fn issued(&mut self, issued: &RiskVerdictIssued) {
        if issued.place > self.judged {
            self.waiting.entry(issued.place).or_insert_with(|| issued.clone());
        }
    }

    /// Judges every experiment whose turn it is: all before it are judged, and everything about it is known.
    pub(crate) fn judge_next(&mut self, mandate: &str) -> Vec<Output> {
        let mut outputs = Vec::new();
        loop {
            let place = self.judged + 1;
            // While a comparison is awaited it is not known who the champion is.
            if !self.contests.is_empty() {
                return outputs;
            }
            if !self.ledger.contains_key(&place) {
                return outputs;
            }
            let Some(issued) = self.waiting.remove(&place) else { return outputs };
            self.judged = place;
            outputs.extend(self.judge(mandate, &issued));
            self.refused.retain(|_, refused| refused.candidate.place > place - REMEMBERED);
            let refused = &self.refused;
            self.granted.retain(|model, _| refused.contains_key(model));
        }
    }

    fn judge(&mut self, mandate: &str, issued: &RiskVerdictIssued) -> Vec<Output> {
        let own = self.ledger.get_mut(&issued.place).expect("invariant: its place is in the ledger");
        own.document = Some(issued.config_hash);
        let family = std::mem::take(&mut own.family);
        let own = own.entry(issued.place);
        self.now = self.now.max(issued.holdout.as_ref().map(|holdout| holdout.to));
        let gates: Result<Vec<Gate>, _> = serde_json::from_str(&issued.ledger_gates);
        let entries: Vec<Entry> = self.ledger.iter().map(|(place, tried)| tried.entry(*place)).collect();
        let ledger = judge::Ledger::of(&entries, &own, &family);
        let candidates = issued.candidates.iter().map(|risk| {
            let mut verdicts = risk.verdicts.clone();
            match &gates {
                Ok(gates) => {
                    verdicts.extend(gates.iter().filter_map(|gate| ledger.verdict(gate, risk, issued)))
                }
                Err(error) => verdicts.push(judge::unreadable(risk, &error.to_string())),
            }
            let mut figures = risk.figures.clone();
            figures.extend(ledger.figures(risk));
            judge::candidate(mandate, issued, risk, verdicts, figures)
        });
        let candidates: Vec<Candidate> = candidates.collect();
        let best = candidates.iter().position(judge::passes);
        let judgement = match issued.ended {
            ExperimentEnd::Completed if best.is_some() => Judgement::Selected,
            ExperimentEnd::Completed => Judgement::Rejected,
            ExperimentEnd::Cancelled => Judgement::Cancelled,
            _ => Judgement::Failed,
        };
        let judged = ExperimentJudged {
            mandate: mandate.to_owned(),
            experiment_id: issued.experiment_id,
            place: issued.place,
            judgement,
            selected: best.map(|best| candidates[best].model_id),
            policy: issued.policy.clone(),
        };
        let gate = gates.unwrap_or_default().into_iter().find(|gate| gate.name == CHALLENGER);
        match best.zip(gate.clone()) {
            Some((best, gate)) => self.contest(Contest { candidates, best, gate, judged: Some(judged) }),
            None => self.conclude(candidates, best, gate.as_ref(), Some(judged)),
        }
    }

    /// A model passes every other gate: it is selected where there is no champion, and compared with it where there is one.
    fn contest(&mut self, contest: Contest) -> Vec<Output> {
        let Some(champion) = &self.champion else {
            let Contest { candidates, best, judged, gate } = contest;
            return self.conclude(candidates, Some(best), Some(&gate), judged);
        };
        // One at a time: the next one may have another champion before it.
        let request = self.contests.is_empty().then(|| Output::raced(contest.request(champion)));
        self.contests.push_back(contest);
        request.into_iter().collect()
    }

    /// The comparison that was asked for is there.
    pub(crate) fn measured(&mut self, measured: &ChallengeMeasured) -> Vec<Output> {
        if !self.contests.front().is_some_and(|contest| contest.is_answered_by(measured)) {
            return Vec::new();
        }
        let Some(mut contest) = self.contests.pop_front() else { return Vec::new() };
        contest.judge(measured);
        let Contest { candidates, best, judged, gate } = contest;
        let wins = judge::passes(&candidates[best]);
        let judged = judged.map(|judged| match wins {
            true => judged,
            false => ExperimentJudged { judgement: Judgement::Rejected, selected: None, ..judged },
        });
        let mut outputs = self.conclude(candidates, wins.then_some(best), Some(&gate), judged);
        if let (Some(next), Some(champion)) = (self.contests.front(), &self.champion) {
            outputs.push(Output::raced(next.request(champion)));
        }
        outputs.extend(self.judge_next(&measured.mandate));
        outputs
    }

    /// Decides about finalists, of which `best` is selected, and ends their experiment.
    fn conclude(
        &mut self,
        candidates: Vec<Candidate>,
        best: Option<usize>,
        gate: Option<&Gate>,
        judged: Option<ExperimentJudged>,
    ) -> Vec<Output> {
        let decide = |(at, candidate)| self.decide(candidate, best == Some(at), gate);
        let mut outputs: Vec<Output> = candidates.into_iter().enumerate().map(decide).collect();
        outputs.extend(judged.map(Output::raced));
        outputs
    }

    fn decide(&mut self, mut candidate: Candidate, is_selected: bool, gate: Option<&Gate>) -> Output {
        if is_selected {
            let replaces = self.champion.replace(contender(&candidate)).map(|champion| champion.model_id);
            return Output::raced(CandidateSelected { candidate, replaces });
        }
        if judge::passes(&candidate) {
            judge::outranked(&mut candidate);
        }
        let failed = judge::failed(&candidate);
        let refused = Refused { candidate: candidate.clone(), gate: gate.cloned() };
        self.refused.insert(candidate.model_id, refused);
        Output::raced(CandidateRejected { candidate, failed })
    }

    /// A person wants a refusal set aside. The model is decided about again when the waiver holds.
    pub(crate) fn waive(&mut self, waive: &Waive, command: EventId) -> Vec<Output> {
        if !self.answered.insert(command) {
            return Vec::new();
        }
        let refused = self.refused.get(&waive.model_id);
        if let Err(detail) = waivers::check(waive, refused.map(|refused| &refused.candidate), self.now) {
            return vec![Output::raced(WaiverRefused { waive: waive.clone(), command, detail })];
        }
        let granted = WaiverGranted { waive: waive.clone(), command };
        let of_model = self.granted.entry(waive.model_id).or_default();
        of_model.retain(|other| other.waive.gate != waive.gate);
        of_model.push(granted.clone());
        of_model.sort_by(|one, other| one.waive.gate.cmp(&other.waive.gate));
        let mut outputs = vec![Output::raced(granted)];
        let Some(Refused { candidate, gate }) = refused else { return outputs };
        let (candidate, gate) = (waivers::apply(candidate, of_model, self.now), gate.clone());
        if !judge::passes(&candidate) {
            outputs.push(self.decide(candidate, false, gate.as_ref()));
            return outputs;
        }
        self.refused.remove(&candidate.model_id);
        self.granted.remove(&candidate.model_id);
        // A waiver of the comparison itself is a decision against the champion.
        let is_compared = candidate.verdicts.iter().any(|verdict| verdict.gate == CHALLENGER);
        outputs.extend(match gate.filter(|_| !is_compared) {
            Some(gate) => self.contest(Contest { candidates: vec![candidate], best: 0, gate, judged: None }),
            None => self.conclude(vec![candidate], Some(0), None, None),
        });
        outputs
    }
}
