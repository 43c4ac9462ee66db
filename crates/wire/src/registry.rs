//! Records, their versions and their numbers.
//!
//! On one machine the table of records itself is the registry: each version of each record has its number there, the same
//! on every machine, and a number is never used again. A registry on the network gives its own numbers behind the same
//! port; bodies are the same bytes either way.

use std::io::Read;
use std::sync::{Arc, LazyLock};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema_compatibility::SchemaCompatibility;
use apache_avro::writer::datum::GenericDatumWriter;
use gauntlet_domain::RecordKind;
use gauntlet_domain::record::Published;
use serde_json::Value as Json;

use crate::codec::{WireError, malformed};

/// One version of one record.
#[derive(Debug, Clone, Copy)]
pub struct RecordVersion {
    /// Schema id in the frame.
    pub id: u32,
    /// The record.
    pub kind: RecordKind,
    /// Version, from 1.
    pub version: u32,
    /// The schema's text.
    pub schema: &'static str,
}

/// The catalogue: every version ever published, by number. They are declared in the rows of `gauntlet_domain::record`.
pub const VERSIONS: &[RecordVersion] = &BY_NUMBER;

const BY_NUMBER: [RecordVersion; COUNT] = {
    let mut all = [version(RecordKind::ALL[0], 0); COUNT];
    let (mut filled, mut kind) = (0, 0);
    while kind < RecordKind::ALL.len() {
        let mut nth = 0;
        while nth < RecordKind::ALL[kind].published().len() {
            let next = version(RecordKind::ALL[kind], nth);
            // What has a higher number moves up to make room.
            let mut place = filled;
            while place > 0 && all[place - 1].id > next.id {
                all[place] = all[place - 1];
                place -= 1;
            }
            all[place] = next;
            filled += 1;
            nth += 1;
        }
        kind += 1;
    }
    all
};

const COUNT: usize = {
    let (mut count, mut kind) = (0, 0);
    while kind < RecordKind::ALL.len() {
        count += RecordKind::ALL[kind].published().len();
        kind += 1;
    }
    count
};

const fn version(kind: RecordKind, nth: usize) -> RecordVersion {
    let Published { version, number, schema } = kind.published()[nth];
    RecordVersion { id: number, kind, version, schema }
}

/// The version that new events of a record are written in.
pub fn newest(kind: RecordKind) -> Option<&'static RecordVersion> {
    VERSIONS.iter().rev().find(|version| version.kind == kind)
}

/// The version with that number in the catalogue.
pub fn numbered(id: u32) -> Option<&'static RecordVersion> {
    VERSIONS.iter().find(|version| version.id == id)
}

impl RecordVersion {
    /// The record's full name: `gauntlet.market.Bar`.
    pub fn full_name(&self) -> String {
        full_name(self.parsed()).unwrap_or_default()
    }

    /// The schema, parsed once.
    pub(crate) fn parsed(&self) -> &'static Schema {
        let (_, schema) = PARSED
            .iter()
            .find(|(version, _)| version.id == self.id)
            .expect("invariant: every version is in the catalogue");
        schema
    }
}

static PARSED: LazyLock<Vec<(&'static RecordVersion, Schema)>> = LazyLock::new(|| {
    let broken = "invariant: a schema in the catalogue parses (tests/fixtures.rs)";
    VERSIONS.iter().map(|version| (version, Schema::parse_str(version.schema).expect(broken))).collect()
});

/// What the number on a frame stands for.
#[derive(Debug, Clone)]
pub enum Meaning {
    /// A version in the catalogue.
    Ours(&'static RecordVersion),
    /// A version of one of our records that this build does not have and can read all the same.
    Newer(Arc<Newer>),
    /// Something else: who, and why it cannot be read.
    Foreign(String),
    /// Nothing, and nothing will ever be.
    Unknown,
}

/// The registry cannot tell what a number stands for, or not yet. Asking again helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Undecided {
    /// What was wrong, where, what to do.
    pub detail: String,
}

/// Gives numbers to records and records to numbers. Called for every event: an adapter on the network keeps what it
/// knows, and asks only for what it does not.
pub trait Registry: Send + Sync {
    /// The number under which new events of this record are written.
    fn id_of(&self, kind: RecordKind) -> Option<u32>;
    /// What a number stands for. `Ok` is final; `Err` is not an answer, and whoever asked waits and asks again.
    fn meaning_of(&self, id: u32) -> Result<Meaning, Undecided>;
}

/// The catalogue as registry. It is complete: a number that is not in it means nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbeddedRegistry;

impl Registry for EmbeddedRegistry {
    fn id_of(&self, kind: RecordKind) -> Option<u32> {
        newest(kind).map(|version| version.id)
    }

    fn meaning_of(&self, id: u32) -> Result<Meaning, Undecided> {
        Ok(numbered(id).map_or(Meaning::Unknown, Meaning::Ours))
    }
}

/// What the text of an Avro schema is to us.
///
/// Ours is what has the same parsing canonical form and the same logical types: other documentation or formatting
/// changes no byte, microseconds in the place of nanoseconds change all of them.
pub fn recognise(text: &str) -> Meaning {
    let writer = match Schema::parse_str(text) {
        Ok(schema) => schema,
        Err(error) => return Meaning::Foreign(format!("not an Avro schema of its own: {error}")),
    };
    let Some(name) = full_name(&writer) else { return Meaning::Foreign("not a record".into()) };
    let form = essence(&writer);
    let of_name = || PARSED.iter().rev().filter(|(_, schema)| full_name(schema).as_ref() == Some(&name));
    if let Some((version, _)) = of_name().find(|(_, schema)| essence(schema) == form) {
        return Meaning::Ours(version);
    }
    let Some((target, reader)) = of_name().next() else { return Meaning::Foreign(name) };
    match SchemaCompatibility::can_read(&writer, reader) {
        Ok(_) => Meaning::Newer(Arc::new(Newer { target, writer })),
        Err(error) => {
            Meaning::Foreign(format!("{name}, but not readable as version {}: {error}", target.version))
        }
    }
}

fn full_name(schema: &Schema) -> Option<String> {
    schema.name().map(|name| name.fullname(None))
}

/// Everything in a schema that says what the bytes mean, and nothing else.
fn essence(schema: &Schema) -> Json {
    fn strip(json: &mut Json) {
        const KEPT: [&str; 11] = [
            "type",
            "name",
            "namespace",
            "fields",
            "items",
            "values",
            "symbols",
            "size",
            "logicalType",
            "precision",
            "scale",
        ];
        match json {
            Json::Array(items) => items.iter_mut().for_each(strip),
            Json::Object(entries) => {
                entries.retain(|key, _| KEPT.contains(&key.as_str()));
                entries.values_mut().for_each(strip);
            }
            _ => {}
        }
    }
    let mut json = serde_json::to_value(schema).expect("invariant: a parsed schema is JSON");
    strip(&mut json);
    json
}

/// A body that knows whether more was asked for than it has: `apache-avro` takes a union, a string or an enum beyond the end
/// for a null or an empty one and says nothing.
struct Body<'a> {
    rest: &'a [u8],
    has_ended: bool,
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.has_ended |= self.rest.is_empty() && !buffer.is_empty();
        self.rest.read(buffer)
    }
}

/// A version of one of our records that this build does not have: more or fewer fields, all of them with defaults.
#[derive(Debug)]
pub struct Newer {
    target: &'static RecordVersion,
    writer: Schema,
}

impl Newer {
    /// The version that it is read as.
    pub fn target(&self) -> &'static RecordVersion {
        self.target
    }

    /// The body in our schema: decoded by its writer's, resolved to ours by Avro's rules, written again, but for the order
    /// of maps as this build would have written it. Slow; it is for the hours of an upgrade.
    pub(crate) fn translate(&self, body: &[u8]) -> Result<Vec<u8>, WireError> {
        let (kind, ours) = (self.target.kind, self.target.parsed());
        let failed = |error: apache_avro::Error| malformed(kind, error);
        let reader = GenericDatumReader::builder(&self.writer).reader_schema(ours).human_readable(false);
        let mut rest = Body { rest: body, has_ended: false };
        let value = reader.build().and_then(|reader| reader.read_value(&mut rest)).map_err(failed)?;
        if rest.has_ended {
            return Err(malformed(kind, "the body ends before its last field"));
        }
        if !rest.rest.is_empty() {
            return Err(WireError::TrailingBytes { record: kind.name(), extra: rest.rest.len() });
        }
        let writer = GenericDatumWriter::builder(ours).human_readable(false).build().map_err(failed)?;
        let mut translated = Vec::with_capacity(body.len());
        writer.write_value(&mut translated, value).map_err(failed)?;
        Ok(translated)
    }
}
