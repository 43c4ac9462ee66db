//! What traces are made of: one span for each control event that a processor handles, one for each commit.
//!
//! Ids are derived (`gauntlet_domain::trace`), so an event that is handled again makes the same span again. The trace of
//! an event is its subject's (an experiment's trace has the experiment's id), unless whoever wrote its cause said
//! another one, which is then continued. Where an event is caused by one of another subject, such as the start of an
//! experiment by a sealed snapshot, a span of its own begins it in its own trace and links to the cause.
//!
//! Knows no exporter: finished spans go to a port that must not block.

use gauntlet_domain::trace::span_id;
use gauntlet_domain::{Event, EventId, RecordKind, Recorded, Timestamp, TraceContext};
use gauntlet_log::{CommitOutcome, Positions, TopicPartition};
use sha2::{Digest, Sha256};

/// Links of one span at most; a batch may be larger.
const MOST_LINKS: usize = 128;

/// What was done in a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A command was published from outside.
    Published(RecordKind),
    /// A processor handled an event.
    Handled {
        /// Which record.
        record: RecordKind,
        /// Where it lies.
        partition: TopicPartition,
        /// Where in it.
        offset: u64,
    },
    /// A processor began something of another subject than what it handled.
    Began(RecordKind),
    /// A batch was committed.
    Committed {
        /// What came of it.
        outcome: CommitOutcome,
        /// Records of the batch.
        records: u64,
        /// Events that it wrote.
        written: u64,
    },
}

/// A finished span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What was done.
    pub act: Act,
    /// By whom.
    pub processor: &'static str,
    /// Trace and id.
    pub context: TraceContext,
    /// The span that made what is handled here.
    pub parent: Option<[u8; 8]>,
    /// Other spans that it hangs on.
    pub links: Vec<TraceContext>,
    /// By the wall clock.
    pub began: Timestamp,
    /// By the wall clock.
    pub ended: Timestamp,
}

/// Takes finished spans. It must not block: what it has no room for it counts and drops.
pub trait Spans: Send + Sync {
    /// A span has ended.
    fn finished(&self, span: Span);
}

/// The place of an output in a trace; `None` for what is not followed.
pub(crate) fn place(
    event: &Event,
    id: EventId,
    input: Option<&Recorded>,
    source: &str,
) -> Option<TraceContext> {
    let subject = event.subject()?;
    Some(match input.filter(|input| input.event.subject() == Some(subject)) {
        Some(input) => {
            TraceContext { span: span_id(input.envelope.id, source), ..trace_of(input, subject.id) }
        }
        None => TraceContext { trace: subject.id, span: span_id(id, source), is_sampled: true },
    })
}

/// The trace of an input: what its writer said, else that of its subject.
fn trace_of(input: &Recorded, subject: [u8; 16]) -> TraceContext {
    let derived = TraceContext { trace: subject, span: [0; 8], is_sampled: true };
    input.envelope.trace.unwrap_or(derived)
}

/// When something was done.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) began: Timestamp,
    pub(crate) ended: Timestamp,
}

/// Spans of an input that was handled, and of the events that it made happen.
pub(crate) fn handled(
    processor: &'static str,
    input: &Recorded,
    (partition, offset): (&TopicPartition, u64),
    outputs: &[&Event],
    Times { began, ended }: Times,
) -> Vec<Span> {
    let mut spans = Vec::new();
    let subject = input.event.subject();
    let mut own = None;
    if let Some(subject) = subject {
        let given = trace_of(input, subject.id);
        let context = TraceContext { span: span_id(input.envelope.id, processor), ..given };
        own = Some(context);
        let parent = input.envelope.trace.map(|trace| trace.span);
        let act = Act::Handled { record: input.event.kind(), partition: partition.clone(), offset };
        let span = Span { act, processor, context, parent, links: Vec::new(), began, ended };
        if given.trace != subject.id && input.envelope.id == subject.first {
            // The subject's own trace has a beginning too; what is begun by others hangs on it.
            let context = TraceContext { trace: subject.id, ..context };
            spans.push(Span { context, parent: None, links: vec![span.context], ..span.clone() });
        }
        spans.push(span);
    }
    for output in outputs {
        let Some(about) = output.subject().filter(|about| subject != Some(*about)) else { continue };
        let id = output.id();
        let context = TraceContext { trace: about.id, span: span_id(id, processor), is_sampled: true };
        let parent = Some(span_id(about.first, about.owner));
        let (act, links) = (Act::Began(output.kind()), own.into_iter().collect());
        spans.push(Span { act, processor, context, parent, links, began, ended });
    }
    spans.retain(|span| span.context.is_sampled);
    spans
}

/// The span of a command from outside, for whoever publishes it.
pub fn published(source: &'static str, event: &Event, began: Timestamp, ended: Timestamp) -> Option<Span> {
    let id = event.id();
    let context = place(event, id, None, source)?;
    let subject = event.subject()?;
    let parent = (id != subject.first).then(|| span_id(subject.first, subject.owner));
    let act = Act::Published(event.kind());
    Some(Span { act, processor: source, context, parent, links: Vec::new(), began, ended })
}

/// The span of a commit, linked to what it commits. Its trace is its own: a batch belongs to many.
pub(crate) fn committed(
    processor: &'static str,
    positions: &Positions,
    of: &[Span],
    act: Act,
    Times { began, ended }: Times,
) -> Span {
    let mut hasher = Sha256::new().chain_update(processor);
    for (partition, offset) in positions {
        hasher.update(format!(";{partition}={offset}"));
    }
    let hash = hasher.finalize();
    let (mut trace, mut span) = ([0; 16], [0; 8]);
    trace.copy_from_slice(&hash[..16]);
    span.copy_from_slice(&hash[16..24]);
    let context = TraceContext { trace, span, is_sampled: true };
    let links = of.iter().map(|span| span.context).take(MOST_LINKS).collect();
    Span { act, processor, context, parent: None, links, began, ended }
}
