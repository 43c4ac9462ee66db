//! Views as of any positions are those that are made anew of the log up to there.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use gauntlet_domain::{Timestamp, topics};
use gauntlet_log::{Positions, TopicPartition};
use gauntlet_operations::browse::{List, ListRequest};
use gauntlet_operations::{Answer, Node, Refusal, Request};
use gauntlet_runtime::clock;
use gauntlet_views::{EmbeddedStore, Row, TableDigest, schema};

use super::*;

/// The ends of every partition.
fn ends(node: &Node) -> Positions {
    let mut ends = Positions::new();
    for topic in topics::ALL {
        for partition in 0..node.log.partitions(topic.name).unwrap() {
            let place = TopicPartition::new(topic.name, partition);
            let (_, end) = node.log.bounds(&place).unwrap();
            ends.insert(place, end);
        }
    }
    ends
}

/// When each record of a partition was written, and the times of all, in order.
fn times(node: &Node, ends: &Positions) -> (BTreeMap<TopicPartition, Vec<i64>>, Vec<i64>) {
    let mut of_each = BTreeMap::new();
    for (place, end) in ends {
        let mut times = Vec::new();
        gauntlet_runtime::restore::for_each(&*node.log, place, 0, *end, |record| {
            times.push(record.timestamp_micros);
            Ok(())
        })
        .unwrap();
        of_each.insert(place.clone(), times);
    }
    let mut all: Vec<i64> = of_each.values().flatten().copied().collect();
    all.sort_unstable();
    (of_each, all)
}

/// Digests of the views that the log of a node makes, and the rows that come from a wall clock, which no digest covers.
fn made_anew(node: &Node) -> (BTreeMap<&'static str, TableDigest>, Vec<Row>) {
    let fresh: Arc<dyn gauntlet_views::ViewStore> = Arc::new(EmbeddedStore::memory().unwrap());
    node.project_into(fresh.clone()).unwrap();
    (fresh.digest().unwrap(), observed(&*fresh))
}

fn observed(views: &dyn gauntlet_views::ViewStore) -> Vec<Row> {
    let mut rows = Vec::new();
    for table in [&schema::EXPERIMENTS, &schema::RUNS] {
        views
            .visit(table, &mut |mut row| {
                row.cells.truncate(table.columns.len());
                rows.push(row);
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    rows
}

/// A node in which experiments and a snapshot have come to their ends.
fn filled(dir: &Path) -> Node {
    let node = node(dir);
    answer(&node, &feed_hours());
    answer(&node, &submit(true));
    answer(
        &node,
        &Request::Token(gauntlet_operations::tokens::TokenRequest::Issue {
            name: "ci".into(),
            person: "ann".into(),
            scopes: vec!["read".parse().unwrap()],
            lasts_nanos: 3_600_000_000_000,
            author: "ann".into(),
        }),
    );
    answer(&node, &list(List::Experiments, None, None));
    node
}

#[test]
fn views_as_of_any_positions_are_those_of_the_log_up_to_there() {
    let dir = tempfile::tempdir().unwrap();
    let node = filled(dir.path());
    let ends = ends(&node);
    let (of_each, all) = times(&node, &ends);
    assert!(all.len() > 100, "{}", all.len());
    let mut vectors: Vec<Positions> = vec![Positions::new(), ends.clone()];
    // What was written at several moments.
    for part in 1..8 {
        let micros = all[all.len() * part / 8];
        let node = node.as_of(Timestamp(micros * 1_000 + 999)).unwrap();
        let moment = node.moment().unwrap();
        for (place, end) in &moment.positions {
            let later = of_each[place].iter().position(|time| *time > micros);
            assert_eq!(*end, later.unwrap_or(of_each[place].len()) as u64, "{place} as of {micros}");
        }
        vectors.push(moment.positions.clone());
    }
    // Positions that no moment had: each partition is cut somewhere else.
    for turn in 1..6_u64 {
        let cut = |(at, (place, end)): (u64, (&TopicPartition, &u64))| {
            (place.clone(), end * ((at * 7 + turn * 3) % 11) / 10)
        };
        vectors.push((0..).zip(&ends).map(cut).collect());
    }
    let mut different = std::collections::BTreeSet::new();
    for positions in vectors {
        let as_of = node.as_of_positions(Timestamp(0), positions.clone()).unwrap();
        let (digests, rows) = made_anew(&as_of);
        assert_eq!(as_of.views.digest().unwrap(), digests, "{positions:?}");
        assert_eq!(observed(&*as_of.views), rows);
        let mut trades = 0;
        as_of
            .views
            .visit(&schema::TRADE_LOGS, &mut |_| {
                trades += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(trades, digests["trade_logs"].rows);
        different.insert(format!("{digests:?}"));
    }
    assert!(different.len() > 7, "{}", different.len());
    assert_eq!(node.as_of(clock::now()).unwrap().views.digest().unwrap(), node.views.digest().unwrap());
}

#[test]
fn a_time_that_has_not_come_is_refused_and_what_writes_has_no_past() {
    let dir = tempfile::tempdir().unwrap();
    let node = filled(dir.path());
    let ask = |time: Timestamp, request: Request| {
        Request::AsOf(time, Box::new(request)).answer_alone(&node, &Silent)
    };
    let experiments =
        || Request::List(ListRequest { what: List::Experiments, filter: None, sort: None, limit: None });
    let later = clock::now().plus_nanos(3_600_000_000_000);
    assert!(
        matches!(ask(later, experiments()), Err(Refusal::BadInput(why)) if why.contains("has not come yet"))
    );
    let before = Timestamp(1);
    assert!(matches!(ask(before, Request::Digest), Err(Refusal::BadInput(_))));
    assert!(matches!(ask(before, list(List::Parked, None, None)), Err(Refusal::BadInput(_))));
    let Answer::AsOf(answer) = ask(before, experiments()).unwrap() else { panic!("another answer") };
    assert_eq!(document(&answer.answer), json!([]));
    // Bars that had not come are not there.
    let bars = || {
        Request::Range(gauntlet_operations::range::RangeRequest {
            instrument: "XAUUSD".into(),
            series: gauntlet_operations::range::Series::Bars(None),
            from: Timestamp(i64::MIN),
            to: "2006-04-01".parse().unwrap(),
            out: None,
        })
    };
    assert!(matches!(ask(before, bars()), Err(Refusal::NotFound(_))));
    let now = document(&ask(clock::now(), bars()).unwrap());
    assert_eq!(now["answer"], document(&answer_of(&node, &bars())));
    assert!(now["answer"]["rows"].as_u64().unwrap() > 100);
}

fn answer_of(node: &Node, request: &Request) -> Answer {
    answer(node, request)
}
