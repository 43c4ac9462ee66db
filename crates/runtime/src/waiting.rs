//! Requests that cannot be answered now, and what they wait for.
//!
//! Requests that wait for the same thing are one group. Of a group one request is tried again, after a pause that grows;
//! as soon as that one is answered, or has to wait for something else, all others of the group are tried too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_domain::Timestamp;

use crate::clock;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How a request waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// At its place: the whole store is silent or full, and what comes behind it could not be answered either.
    InPlace,
    /// Beside its topic: its own data are missing, and what comes behind it goes on.
    Parked,
}

/// Requests of one processor that wait for the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The processor.
    pub processor: &'static str,
    /// How they wait.
    pub manner: Manner,
    /// What was wrong, where, and what to do.
    pub why: String,
    /// How many requests.
    pub requests: usize,
    /// Since when, by the wall clock of this process.
    pub since: Timestamp,
}

/// What all slots of a process wait for.
#[derive(Clone, Default)]
pub(crate) struct Board(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    /// With the call for which one of them was tried last.
    waiting: BTreeMap<(&'static str, Cause), (Waiting, Call)>,
    /// Workers that are at work here, and not in another process.
    at_work: BTreeSet<&'static str>,
    /// The last call to try what is parked.
    call: Call,
}

/// A call to try everything that is parked now, by its number. A process makes the first when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Call(u64);

impl Call {
    /// Before any.
    const NEVER: Call = Call(0);
}

impl Default for Call {
    fn default() -> Call {
        Call(1)
    }
}

/// What a group waits for.
type Cause = (Manner, String);

impl Board {
    /// Everything that waits.
    pub(crate) fn all(&self) -> Vec<Waiting> {
        self.noted().waiting.values().map(|(waiting, _)| waiting.clone()).collect()
    }

    /// Everything that is parked is to be tried now, however long its pause is.
    pub(crate) fn call(&self) {
        self.noted().call.0 += 1;
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker is at work here.
    pub(crate) fn begins(&self, worker: &'static str) {
        self.noted().at_work.insert(worker);
    }

    /// Whether a worker is at work here.
    pub(crate) fn is_at_work(&self, worker: &str) -> bool {
        self.noted().at_work.contains(worker)
    }

    /// Parked requests of a processor that have been tried here since the last call.
    pub(crate) fn parked(&self, processor: &str) -> u64 {
        let noted = self.noted();
        let parked = |(waiting, tried): &&(Waiting, Call)| {
            waiting.processor == processor && waiting.manner == Manner::Parked && *tried >= noted.call
        };
        noted.waiting.values().filter(parked).map(|(waiting, _)| waiting.requests as u64).sum()
    }

    fn last_call(&self) -> Call {
        self.noted().call
    }

    fn set(&self, processor: &'static str, cause: &Cause, waiting: Option<(Waiting, Call)>) {
        let waits = &mut self.noted().waiting;
        match waiting {
            Some(waiting) => waits.insert((processor, cause.clone()), waiting),
            None => waits.remove(&(processor, cause.clone())),
        };
    }
}

/// Requests that wait for the same thing.
struct Group<R> {
    requests: VecDeque<R>,
    pause: Duration,
    retry_at: Instant,
    since: Timestamp,
    /// The call for which one of them is being tried.
    probed: Option<Call>,
    /// The last call for which one of them was tried.
    tried: Call,
}

impl<R> Group<R> {
    fn new(tried: Call, pause: Duration) -> Group<R> {
        Group {
            requests: VecDeque::new(),
            pause: FIRST_PAUSE,
            retry_at: Instant::now() + pause,
            since: clock::now(),
            probed: None,
            tried,
        }
    }
}

/// The requests of one slot that wait.
pub(crate) struct WaitingRequests<R> {
    processor: &'static str,
    board: Board,
    groups: BTreeMap<Cause, Group<R>>,
}

/// What a request that is tried again waited for; it comes back with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe(Cause);

impl Probe {
    /// What it waited for.
    pub(crate) fn why(&self) -> &str {
        &self.0.1
    }

    /// Whether it still has to wait for the same.
    pub(crate) fn waits_for(&self, manner: Manner, why: &str) -> bool {
        self.0.0 == manner && self.0.1 == why
    }
}

impl<R> WaitingRequests<R> {
    pub(crate) fn new(processor: &'static str, board: Board) -> WaitingRequests<R> {
        WaitingRequests { processor, board, groups: BTreeMap::new() }
    }

    /// A request has to wait. When it was the one that was tried for its group, the pause grows.
    pub(crate) fn add(&mut self, manner: Manner, why: String, request: R, probe: Option<&Probe>) {
        let cause = (manner, why);
        let was_probe = probe.is_some_and(|probe| probe.waits_for(manner, &cause.1));
        let call = self.board.last_call();
        let group = self.groups.entry(cause.clone()).or_insert_with(|| Group::new(call, FIRST_PAUSE));
        if was_probe {
            group.tried = group.probed.take().unwrap_or(group.tried);
            group.pause = (group.pause * 2).min(LONGEST_PAUSE);
            group.retry_at = Instant::now() + group.pause;
            group.requests.push_front(request);
        } else {
            group.requests.push_back(request);
        }
        self.show(&cause);
    }

    /// A parked request was read: it joins those that wait for the same, or is tried at once.
    pub(crate) fn add_untried(&mut self, why: String, request: R) {
        let cause = (Manner::Parked, why);
        let group =
            self.groups.entry(cause.clone()).or_insert_with(|| Group::new(Call::NEVER, Duration::ZERO));
        group.requests.push_back(request);
        self.show(&cause);
    }

    /// How many are parked, without those that are being tried.
    pub(crate) fn parked(&self) -> usize {
        let parked = self.groups.iter().filter(|((manner, _), _)| *manner == Manner::Parked);
        parked.map(|(_, group)| group.requests.len()).sum()
    }

    /// A request that was tried for its group need not wait for that any more: all others are given back, to be tried.
    pub(crate) fn over(&mut self, probe: &Probe) -> VecDeque<R> {
        let requests = self.groups.remove(&probe.0).map(|group| group.requests).unwrap_or_default();
        self.show(&probe.0);
        requests
    }

    /// One request of each group whose pause is over, or which somebody calls for.
    pub(crate) fn due(&mut self) -> Vec<(Probe, R)> {
        if self.groups.is_empty() {
            return Vec::new();
        }
        let (now, call) = (Instant::now(), self.board.last_call());
        let mut due = Vec::new();
        for (cause, group) in &mut self.groups {
            let is_called = cause.0 == Manner::Parked && group.tried < call;
            if group.probed.is_none()
                && (group.retry_at <= now || is_called)
                && let Some(request) = group.requests.pop_front()
            {
                group.probed = Some(call);
                due.push((Probe(cause.clone()), request));
            }
        }
        due
    }

    /// Takes requests out, wherever they wait.
    pub(crate) fn extract(&mut self, mut which: impl FnMut(&R) -> bool) -> Vec<R> {
        let mut taken = Vec::new();
        let causes: Vec<Cause> = self.groups.keys().cloned().collect();
        for cause in causes {
            let Some(group) = self.groups.get_mut(&cause) else { continue };
            let (gone, stay): (VecDeque<R>, VecDeque<R>) = group.requests.drain(..).partition(&mut which);
            group.requests = stay;
            taken.extend(gone);
            if group.requests.is_empty() && group.probed.is_none() {
                self.groups.remove(&cause);
            }
            self.show(&cause);
        }
        taken
    }

    fn show(&self, cause: &Cause) {
        let waiting = self.groups.get(cause).map(|group| {
            let waiting = Waiting {
                processor: self.processor,
                manner: cause.0,
                why: cause.1.clone(),
                requests: group.requests.len() + usize::from(group.probed.is_some()),
                since: group.since,
            };
            (waiting, group.tried)
        });
        self.board.set(self.processor, cause, waiting);
    }
}

impl<R> Drop for WaitingRequests<R> {
    fn drop(&mut self) {
        for cause in self.groups.keys() {
            self.board.set(self.processor, cause, None);
        }
    }
}
