//! Spans to an OpenTelemetry collector over OTLP/HTTP. Nothing else knows OpenTelemetry.
//!
//! Whoever finishes a span puts it into a bounded queue and goes on; a thread sends what is there, and what has no room or
//! is not taken is counted and lost. Ids come with the spans, so the SDK's own tracer, which draws them, is not used.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use gauntlet_config::Config;
use gauntlet_domain::{Timestamp, TraceContext};
use gauntlet_log::CommitOutcome;
use gauntlet_runtime::metrics::SpanMetrics;
use gauntlet_runtime::spans::{Act, Span, Spans};
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter, SpanLinks};

use crate::refusal::Refusal;

/// Spans that wait at most.
const QUEUE: usize = 16_384;
/// Spans that are sent at once.
const BATCH: usize = 512;
/// How long a span waits for others.
const LINGER: Duration = Duration::from_millis(500);
/// How long the collector may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long the end waits for what is on its way.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to the configured collector.
pub fn spans(config: &Config) -> Result<Arc<dyn Spans>, Refusal> {
    let endpoint = format!("{}/v1/traces", config.telemetry.otlp_endpoint.trim_end_matches('/'));
    let agent =
        ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
    let mut exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(Client(agent.into()))
        .with_endpoint(&endpoint)
        .with_timeout(TIMEOUT)
        .build()
        .map_err(|error| Refusal::BadInput(format!("telemetry.otlp_endpoint: {error}")))?;
    let instance = config.runtime.instance.to_string();
    let about = [
        KeyValue::new("service.instance.id", instance),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    exporter.set_resource(&Resource::builder().with_service_name("gauntlet").with_attributes(about).build());
    let (sender, receiver) = sync_channel(QUEUE);
    let metrics = SpanMetrics::new();
    let counted = metrics.clone();
    let thread = std::thread::Builder::new()
        .name("spans".into())
        .spawn(move || send(&receiver, &exporter, &counted))
        .map_err(|error| Refusal::Outside(format!("cannot start a thread: {error}")))?;
    Ok(Arc::new(Queue { sender: Some(sender), thread: Mutex::new(Some(thread)), metrics }))
}

/// The queue's near end. Dropping it sends what is in it.
struct Queue {
    sender: Option<SyncSender<Span>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    metrics: Arc<SpanMetrics>,
}

impl Spans for Queue {
    fn finished(&self, span: Span) {
        let is_queued = self.sender.as_ref().is_some_and(|sender| sender.try_send(span).is_ok());
        if !is_queued {
            self.metrics.dropped.increment(1);
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.sender.take();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let until = Instant::now() + PATIENCE;
        while thread.as_ref().is_some_and(|thread| !thread.is_finished()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The queue's far end.
fn send(receiver: &Receiver<Span>, exporter: &opentelemetry_otlp::SpanExporter, metrics: &SpanMetrics) {
    let scope = InstrumentationScope::builder("gauntlet").build();
    let mut is_refused = false;
    while let Ok(first) = receiver.recv() {
        let mut batch = vec![data(first, &scope)];
        let until = Instant::now() + LINGER;
        while batch.len() < BATCH {
            match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(span) => batch.push(data(span, &scope)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        let count = batch.len() as u64;
        match futures_executor::block_on(exporter.export(batch)) {
            Ok(()) => {
                metrics.exported.increment(count);
                is_refused = false;
            }
            Err(error) => {
                metrics.refused.increment(count);
                // Said once; the metric goes on.
                if !is_refused {
                    tracing::warn!(%error, "the collector takes no spans; they are counted and lost");
                }
                is_refused = true;
            }
        }
    }
}

/// A span as OpenTelemetry has it, with the names of its conventions for messaging.
fn data(span: Span, scope: &InstrumentationScope) -> SpanData {
    let Span { act, processor, context, parent, links, began, ended } = span;
    let mut attributes = vec![KeyValue::new("gauntlet.processor", processor)];
    let mut status = Status::Unset;
    let (name, span_kind) = match act {
        Act::Published(record) => {
            attributes.push(KeyValue::new("gauntlet.record", record.name()));
            (format!("publish {}", record.name()), SpanKind::Producer)
        }
        Act::Began(record) => {
            attributes.push(KeyValue::new("gauntlet.record", record.name()));
            (format!("{processor} begin {}", record.name()), SpanKind::Producer)
        }
        Act::Handled { record, partition, offset } => {
            attributes.extend([
                KeyValue::new("gauntlet.record", record.name()),
                KeyValue::new("messaging.system", "kafka"),
                KeyValue::new("messaging.operation.type", "process"),
                KeyValue::new("messaging.consumer.group.name", processor),
                KeyValue::new("messaging.destination.name", partition.topic),
                KeyValue::new("messaging.destination.partition.id", partition.partition.to_string()),
                KeyValue::new("messaging.kafka.offset", offset as i64),
            ]);
            (format!("{processor} process {}", record.name()), SpanKind::Consumer)
        }
        Act::Committed { outcome, records, written } => {
            let outcome_name = match outcome {
                CommitOutcome::Committed => "committed",
                CommitOutcome::Fenced => "fenced",
                CommitOutcome::Unknown => "unknown",
            };
            if outcome != CommitOutcome::Committed {
                status = Status::error(outcome_name);
            }
            attributes.extend([
                KeyValue::new("gauntlet.outcome", outcome_name),
                KeyValue::new("messaging.batch.message_count", records as i64),
                KeyValue::new("gauntlet.events_written", written as i64),
            ]);
            (format!("{processor} commit"), SpanKind::Internal)
        }
    };
    let mut all = SpanLinks::default();
    all.links = links.into_iter().map(|context| Link::with_context(place(context))).collect();
    SpanData {
        span_context: place(context),
        parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: parent.is_some(),
        span_kind,
        name: name.into(),
        start_time: time(began),
        end_time: time(ended),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: all,
        status,
        instrumentation_scope: scope.clone(),
    }
}

fn place(context: TraceContext) -> SpanContext {
    let (trace, span) = (TraceId::from_bytes(context.trace), SpanId::from_bytes(context.span));
    let flags = if context.is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    SpanContext::new(trace, span, flags, false, TraceState::default())
}

fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(at.0).unwrap_or(0))
}

/// An HTTP client for the exporter. It blocks, on a thread that has nothing else to do.
#[derive(Debug)]
struct Client(ureq::Agent);

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let response = self.0.run(request.map(|body| body.to_vec()))?;
        let (head, mut body) = response.into_parts();
        Ok(Response::from_parts(head, body.read_to_vec()?.into()))
    }
}
