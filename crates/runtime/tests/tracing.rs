//! Spans hang together as their events do, over the in-memory log.

use std::sync::{Arc, Mutex};

use crate::bench::Bench;
use crate::common::quiet;
use gauntlet_domain::topics::{DATA_REQUESTS, DATA_SNAPSHOTS};
use gauntlet_domain::trace::span_id;
use gauntlet_domain::{Event, TraceContext};
use gauntlet_log::{CommitOutcome, EventLog, NewRecord, Record};
use gauntlet_runtime::spans::{Act, Span, Spans};
use gauntlet_runtime::{Options, events};

/// Spans in the order in which they ended.
#[derive(Default)]
struct Kept(Mutex<Vec<Span>>);

impl Spans for Kept {
    fn finished(&self, span: Span) {
        self.0.lock().unwrap().push(span);
    }
}

fn header(record: &Record, name: &str) -> Option<String> {
    let (_, value) = record.headers.iter().find(|(key, _)| key == name)?;
    Some(String::from_utf8(value.clone()).unwrap())
}

/// The bench with its spans, after these commands: one processor's after another's, since what one has committed
/// another may handle before the first one's spans have ended.
fn traced(commands: Vec<NewRecord>) -> (Bench, Vec<Span>) {
    let kept = Arc::<Kept>::default();
    let bench = Bench { spans: Some(kept.clone()), ..Bench::new() };
    bench.log.append(commands).unwrap();
    let running = bench.start(Options::default());
    quiet(&running);
    running.stop().unwrap();
    let mut spans = kept.0.lock().unwrap().clone();
    spans.sort_by_key(|span| span.processor);
    (bench, spans)
}

fn context(record: &Record) -> TraceContext {
    header(record, "traceparent").unwrap().parse().unwrap()
}

#[test]
fn a_trace_is_the_subjects_and_the_same_every_time() {
    let command = Bench::new().command("A.OK");
    let (bench, spans) = traced(vec![command.clone()]);
    let [due, sealed] = [DATA_REQUESTS, DATA_SNAPSHOTS].map(|topic| bench.records(topic.name).remove(0));
    let read = events::read(&bench.codec, &due).unwrap();
    let Event::SnapshotDue(about) = &read.event else { panic!("{read:?}") };
    let trace = *about.snapshot_id.0.as_bytes();
    assert_eq!((context(&due).trace, context(&sealed).trace), (trace, trace));
    let command_id = read.envelope.causation;
    assert_eq!(context(&due).span, span_id(command_id, "market-data"));
    assert_eq!(header(&sealed, "ce_correlationid"), Some(command_id.to_string()));

    let handled: Vec<&Span> = spans.iter().filter(|span| matches!(span.act, Act::Handled { .. })).collect();
    assert_eq!(handled.len(), 2, "{spans:#?}");
    assert_eq!(handled[1].parent, Some(handled[0].context.span), "what market-data wrote, snapshots handled");
    assert_eq!(handled[0].parent, Some(span_id(command_id, "gateway")), "by whom it was published");
    let commits: Vec<&Span> = spans.iter().filter(|span| matches!(span.act, Act::Committed { .. })).collect();
    assert_eq!(commits.len(), 2);
    assert_eq!(commits[0].links, [handled[0].context]);
    let Act::Committed { outcome, records, written } = &commits[0].act else { panic!("{commits:?}") };
    assert_eq!((outcome, *records, *written), (&CommitOutcome::Committed, 1, 1));

    let (_, again) = traced(vec![command]);
    let places = |spans: &[Span]| spans.iter().map(|span| (span.context, span.parent)).collect::<Vec<_>>();
    assert_eq!(places(&again), places(&spans));
}

#[test]
fn a_foreign_trace_is_continued_and_tied_to_the_subjects_own() {
    let foreign: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    let mut command = Bench::new().command("A.OK");
    let put = |command: &mut NewRecord, value: &str| {
        command.headers.retain(|(name, _)| name != "traceparent");
        command.headers.push(("traceparent".into(), value.as_bytes().to_vec()));
    };
    put(&mut command, &foreign.to_string());
    let (bench, spans) = traced(vec![command.clone()]);
    for topic in [DATA_REQUESTS, DATA_SNAPSHOTS] {
        assert_eq!(context(&bench.records(topic.name)[0]).trace, foreign.trace, "{}", topic.name);
    }
    let in_trace =
        |trace: [u8; 16]| spans.iter().filter(|span| span.context.trace == trace).collect::<Vec<_>>();
    assert_eq!(in_trace(foreign.trace).len(), 2, "{spans:#?}");
    assert_eq!(in_trace(foreign.trace)[0].parent, Some(foreign.span));
    let subject =
        events::read(&bench.codec, &bench.records(DATA_REQUESTS.name)[0]).unwrap().event.subject().unwrap();
    let own = in_trace(subject.id);
    assert_eq!(own.len(), 1, "{spans:#?}");
    assert_eq!((own[0].parent, own[0].links.len()), (None, 1), "its beginning, linked to the foreign one");

    // Who does not want a trace gets none, and its header says so to those who follow.
    put(&mut command, &TraceContext { is_sampled: false, ..foreign }.to_string());
    let (bench, spans) = traced(vec![command.clone()]);
    assert!(spans.is_empty(), "{spans:#?}");
    assert!(!context(&bench.records(DATA_SNAPSHOTS.name)[0]).is_sampled);

    // What cannot be read is as good as nothing.
    put(&mut command, "00-nonsense");
    let (bench, _) = traced(vec![command]);
    assert_eq!(context(&bench.records(DATA_SNAPSHOTS.name)[0]).trace, subject.id);
}
