//! An event as subscribers get it: a CloudEvents 1.0 document, made once for all of them.

use std::sync::Arc;

use gauntlet_domain::record::{Body, BodyVisitor};
use gauntlet_domain::{Event, ExperimentId};
use gauntlet_log::{LogError, Record, TopicPartition};
use gauntlet_runtime::events;
use gauntlet_wire::Codec;
use serde_json::{Value, json};

/// An event and where it lies.
#[derive(Debug)]
pub struct Shown {
    /// Its partition.
    pub place: Arc<TopicPartition>,
    /// Its offset there.
    pub offset: u64,
    /// The name of its record.
    pub record: &'static str,
    /// The experiment that it belongs to.
    pub experiment: Option<ExperimentId>,
    /// The model that it is about.
    pub model: Option<String>,
    /// The document; none where the record cannot be read: it is a dead letter of whoever needs it.
    pub document: Option<String>,
}

struct ToJson;

impl BodyVisitor for ToJson {
    type Output = Value;

    fn visit<B: Body>(self, body: &B) -> Value {
        serde_json::to_value(body).unwrap_or_default()
    }
}

/// The model that a body is about.
fn model(data: &Value) -> Option<String> {
    let of = |value: &Value| value["model_id"].as_str().map(str::to_owned);
    of(data).or_else(|| of(&data["candidate"])).or_else(|| of(&data["waive"]))
}

fn source(event: &Event, topic: &str) -> String {
    event.experiment().map_or_else(|| format!("/topics/{topic}"), |id| format!("/experiments/{id}"))
}

/// A record as it is shown.
///
/// # Errors
/// What cannot be read now and may be later.
pub fn shown(codec: &Codec, record: &Record) -> Result<Shown, LogError> {
    let place = record.partition.clone();
    let Some(recorded) = events::readable(codec, record)? else {
        return Ok(Shown {
            place,
            offset: record.offset,
            record: "",
            experiment: None,
            model: None,
            document: None,
        });
    };
    let (event, envelope) = (&recorded.event, &recorded.envelope);
    let (name, data) = (event.kind().name(), event.visit(ToJson));
    let model = model(&data);
    let document = json!({
        "specversion": "1.0",
        "id": envelope.id,
        "source": source(event, &place.topic),
        "type": format!("gauntlet.{name}"),
        "time": envelope.recorded_at.to_string(),
        "datacontenttype": "application/json",
        "partition": place.partition,
        "offset": record.offset,
        "data": data,
    });
    let document = Some(document.to_string());
    Ok(Shown { offset: record.offset, record: name, experiment: event.experiment(), model, document, place })
}
