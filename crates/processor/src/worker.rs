//! A worker: one request in, its outcome out, at great expense. Pure in its arguments, so doing it twice is a waste and
//! never an error.
//!
//! A worker implements [`Worker`], which says who it is, and [`Answering`], which says what data it gets and answers. The
//! runtime keeps workers of all kinds as [`AnyWorker`].

use gauntlet_domain::{Event, Topic};

use crate::data::{DataError, Declared, Ports};
use crate::topology::Access;

/// A worker's answer: its outcome events, success or typed failure.
pub type Answer = Result<Vec<Event>, DataError>;

/// Who a worker is. One instance serves all threads.
pub trait Worker: Send + Sync {
    /// Name: consumer group, source of its events.
    fn name(&self) -> &'static str;
    /// Version of the logic: raised whenever the same request may be answered otherwise. It is on the record of every
    /// answer, so that replay compares what this version has answered and nothing else.
    fn version(&self) -> &'static str;
    /// Topic of its requests.
    fn topic(&self) -> &'static Topic;
    /// Topics on which its data lie, beside the requests.
    fn looks_up(&self) -> &'static [&'static Topic] {
        &[]
    }
    /// Topics that it writes; the runtime refuses an answer on any other.
    fn writes(&self) -> &'static [&'static Topic];
    /// What it reads and writes.
    fn access(&self) -> Access {
        let (name, reads) = (self.name(), vec![self.topic()]);
        Access { name, reads, looks_up: self.looks_up().to_vec(), writes: self.writes().to_vec() }
    }
    /// Whether a request is this worker's to answer. One that is not is passed over: a program outside answers it.
    fn is_mine(&self, request: &Event) -> bool {
        request.addressee().is_none_or(|addressee| addressee == self.name())
    }
    /// The answer when answering panicked; none where there is no event for it, and then the processor stops with a report.
    fn panicked(&self, request: &Event, message: &str) -> Vec<Event>;
}

/// How a worker answers.
pub trait Answering: Worker {
    /// What it may read and store besides its request, such as `&'a dyn BarReader`; `()` when it needs nothing.
    type Data<'a>: Declared<'a>;
    /// Answers a request, or says why it cannot be answered now ([`DataError`]).
    fn run(&self, request: &Event, data: Self::Data<'_>) -> Answer;
    /// Whether a request is better answered together with others that wait. One that is not gets a thread of its own.
    fn gathers(&self, _request: &Event) -> bool {
        false
    }
    /// Answers several requests, an answer a request in their order. Each is what [`Answering::run`] gives, to the last
    /// bit; only the time that it takes may differ.
    fn run_many(&self, requests: &[&Event], data: Self::Data<'_>) -> Vec<Answer> {
        requests.iter().map(|request| self.run(request, data)).collect()
    }
}

/// A worker as the runtime knows it, whatever data it declares. Never implemented by hand.
pub trait AnyWorker: Worker {
    /// Answers a request, with the ports that the worker has declared.
    fn answer(&self, request: &Event, ports: &Ports) -> Answer;
    /// Whether a request is better answered together with others that wait.
    fn gathers(&self, request: &Event) -> bool;
    /// Answers several requests, an answer a request in their order.
    fn answer_many(&self, requests: &[&Event], ports: &Ports) -> Vec<Answer>;
}

impl<W: Answering> AnyWorker for W {
    fn answer(&self, request: &Event, ports: &Ports) -> Answer {
        self.run(request, W::Data::of(ports))
    }

    fn gathers(&self, request: &Event) -> bool {
        Answering::gathers(self, request)
    }

    fn answer_many(&self, requests: &[&Event], ports: &Ports) -> Vec<Answer> {
        self.run_many(requests, W::Data::of(ports))
    }
}
