//! Requests whose own data are missing: they stall nobody, become no fact, and are answered when the data are back.

use std::sync::atomic::Ordering;

use crate::bench::Bench;
use crate::common::{quiet, within};
use gauntlet_domain::topics::DATA_REQUESTS;
use gauntlet_log::{EventLog, TopicPartition};
use gauntlet_runtime::parked::parked;
use gauntlet_runtime::{Manner, Options, Running};

fn names(bench: &Bench) -> Vec<String> {
    bench.answers().into_iter().map(|(name, _)| name).collect()
}

/// What waits, as cause and number.
fn waiting(running: &Running) -> Vec<(String, usize)> {
    let parked = running.waiting();
    assert!(
        parked.iter().all(|waiting| waiting.manner == Manner::Parked && waiting.processor == "snapshots")
    );
    parked.into_iter().map(|waiting| (waiting.why, waiting.requests)).collect()
}

fn lies_parked(bench: &Bench) -> usize {
    parked(&*bench.log, &bench.codec, "snapshots", &DATA_REQUESTS).unwrap().0.len()
}

#[test]
fn what_is_missing_stalls_nobody_and_is_answered_when_it_is_back() {
    let bench = Bench::new();
    let gone =
        |venues: &[&'static str]| *bench.sealer.gone.lock().unwrap() = venues.iter().copied().collect();
    gone(&["GONE", "AWAY"]);
    let running = bench.start(Options::default());
    bench.ask(&["A.OK", "B.GONE", "C.OK", "D.GONE", "E.AWAY", "F.GONE"]);
    quiet(&running);
    assert_eq!(names(&bench), ["A.OK", "C.OK"]);
    assert_eq!(waiting(&running), [("AWAY is missing".to_owned(), 1), ("GONE is missing".to_owned(), 3)]);
    assert_eq!(running.readiness().err(), None, "the others can be served");
    running.stop().unwrap();
    let first = parked(&*bench.log, &bench.codec, "snapshots", &DATA_REQUESTS).unwrap().0;
    assert_eq!(
        first.iter().map(|request| (request.from.as_str(), request.why.as_str())).collect::<Vec<_>>(),
        [
            ("data.requests.v1/0=1", "GONE is missing"),
            ("data.requests.v1/0=3", "GONE is missing"),
            ("data.requests.v1/0=4", "AWAY is missing"),
            ("data.requests.v1/0=5", "GONE is missing"),
        ]
    );

    // One of each group is tried by the next process, and it is not quiet before.
    let asked = bench.sealer.asked.load(Ordering::Relaxed);
    let running = bench.start(Options::default());
    quiet(&running);
    assert_eq!(waiting(&running).iter().map(|(_, requests)| requests).sum::<usize>(), 4);
    assert!(bench.sealer.asked.load(Ordering::Relaxed) >= asked + 2);
    // Or whenever somebody calls for it.
    let asked = bench.sealer.asked.load(Ordering::Relaxed);
    running.try_parked();
    quiet(&running);
    assert!(bench.sealer.asked.load(Ordering::Relaxed) >= asked + 2);
    bench.ask(&["G.OK"]);
    quiet(&running);
    assert_eq!(names(&bench), ["A.OK", "C.OK", "G.OK"]);

    gone(&["AWAY"]);
    within("answers", || (names(&bench).len() == 6).then_some(()));
    quiet(&running);
    let mut answered = names(&bench)[3..].to_vec();
    answered.sort();
    assert_eq!(answered, ["B.GONE", "D.GONE", "F.GONE"]);
    assert_eq!((waiting(&running), lies_parked(&bench)), (vec![("AWAY is missing".to_owned(), 1)], 1));
    running.stop().unwrap();

    let running = bench.start(Options::default());
    quiet(&running);
    gone(&[]);
    running.try_parked();
    quiet(&running);
    assert_eq!((names(&bench).len(), lies_parked(&bench)), (7, 0));
    assert_eq!(running.waiting(), []);
    running.stop().unwrap();
    let outcome = bench.replay();
    assert!(outcome.divergence.is_none(), "{outcome:?}");
}

#[test]
fn parked_requests_move_no_more_than_they_must() {
    let bench = Bench::new();
    *bench.sealer.gone.lock().unwrap() = ["GONE"].into();
    let names: Vec<String> = (0..300).map(|i| format!("N{i}.GONE")).collect();
    bench.ask(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..3 {
        // A queue that is far smaller than what is parked, so that all of it fits only because it waits outside.
        let running = bench.start(Options { worker_queue: 8, ..Options::default() });
        quiet(&running);
        assert_eq!(waiting(&running), [("GONE is missing".to_owned(), 300)]);
        running.stop().unwrap();
    }
    let place = TopicPartition::new(DATA_REQUESTS.parked(), 0);
    assert_eq!(bench.log.bounds(&place).unwrap().1, 300, "nothing was parked twice");
    bench.sealer.gone.lock().unwrap().clear();
    let running = bench.start(Options { worker_queue: 8, ..Options::default() });
    quiet(&running);
    assert_eq!(bench.answers().len(), 300);
    running.stop().unwrap();
}
