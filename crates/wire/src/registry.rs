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

/// Every version that this build can read.
pub(crate) fn known_versions() -> impl Iterator<Item = &'static RecordVersion> {
    #[cfg(test)]
    let unpublished = std::iter::once(&tests::EARLIER);
    #[cfg(not(test))]
    let unpublished = std::iter::empty();
    VERSIONS.iter().chain(unpublished)
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

    /// Whether new events are written in this version.
    #[inline]
    pub(crate) fn is_newest(&self) -> bool {
        // Asked for every tick, so looked up and not searched for.
        static NEWEST: LazyLock<Vec<bool>> = LazyLock::new(|| {
            let last = VERSIONS.last().map_or(0, |version| version.id);
            (0..=last)
                .map(|id| VERSIONS.iter().any(|v| v.id == id && newest(v.kind).map(|n| n.id) == Some(id)))
                .collect()
        });
        NEWEST.get(self.id as usize).copied().unwrap_or(false)
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
    known_versions().map(|version| (version, Schema::parse_str(version.schema).expect(broken))).collect()
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

    /// The body in our schema. Slow; it is for the hours of an upgrade.
    pub(crate) fn translate(&self, body: &[u8]) -> Result<Vec<u8>, WireError> {
        resolve(self.target.kind, &self.writer, self.target.parsed(), body)
    }
}

/// A body in another schema of its record: decoded by its writer's, resolved to the reader's by Avro's rules with the
/// reader's defaults, and written again, but for the order of maps as this build would have written it.
pub(crate) fn resolve(
    kind: RecordKind,
    writer: &Schema,
    reader: &Schema,
    body: &[u8],
) -> Result<Vec<u8>, WireError> {
    let failed = |error: apache_avro::Error| malformed(kind, error);
    let resolving = GenericDatumReader::builder(writer).reader_schema(reader).human_readable(false);
    let mut rest = Body { rest: body, has_ended: false };
    let value = resolving.build().and_then(|resolving| resolving.read_value(&mut rest)).map_err(failed)?;
    if rest.has_ended {
        return Err(malformed(kind, "the body ends before its last field"));
    }
    if !rest.rest.is_empty() {
        return Err(WireError::TrailingBytes { record: kind.name(), extra: rest.rest.len() });
    }
    let writer = GenericDatumWriter::builder(reader).human_readable(false).build().map_err(failed)?;
    let mut resolved = Vec::with_capacity(body.len());
    writer.write_value(&mut resolved, value).map_err(failed)?;
    Ok(resolved)
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use apache_avro::types::Value;
    use gauntlet_domain::market::{FeedCompleted, InstrumentDefined, PriceBasis, Session};
    use gauntlet_domain::{Event, RecordKind, Scale};

    use super::*;
    use crate::codec::Codec;

    /// `InstrumentDefined` as it might have been before it had a session: as if that field had come with version 1.
    pub(crate) const EARLIER: RecordVersion = RecordVersion {
        id: 9001,
        kind: RecordKind::InstrumentDefined,
        version: 0,
        schema: include_str!("../tests/earlier/InstrumentDefined.avsc"),
    };

    /// The catalogue with the number of the earlier version.
    struct WithEarlier;

    impl Registry for WithEarlier {
        fn id_of(&self, kind: RecordKind) -> Option<u32> {
            EmbeddedRegistry.id_of(kind)
        }

        fn meaning_of(&self, id: u32) -> Result<Meaning, Undecided> {
            if id == EARLIER.id { Ok(Meaning::Ours(&EARLIER)) } else { EmbeddedRegistry.meaning_of(id) }
        }
    }

    fn definition(session: Option<Session>) -> Event {
        let bars = vec!["time:1h".parse().unwrap()];
        InstrumentDefined { session, ..InstrumentDefined::new("A.B", bars, PriceBasis::Quotes) }.into()
    }

    /// The definition as a writer of the earlier version framed it.
    fn earlier_frame() -> Vec<u8> {
        let newest = newest(RecordKind::InstrumentDefined).unwrap().parsed();
        let written = Codec::default().encode(&definition(None)).unwrap();
        let body = resolve(RecordKind::InstrumentDefined, newest, EARLIER.parsed(), &written[5..]).unwrap();
        assert!(body.len() < written.len() - 5, "it has a field less");
        [&[0][..], &EARLIER.id.to_be_bytes(), &body].concat()
    }

    #[test]
    fn an_earlier_version_is_read_as_the_newest() {
        let codec = Codec::new(Arc::new(WithEarlier));
        let frame = earlier_frame();
        assert_eq!(codec.decode(Some(&frame)).unwrap(), definition(None));
        // To a digest and to a replay both are the same bytes.
        let (kind, number, body) = codec.open(Some(&frame)).unwrap();
        let now = codec.encode(&definition(None)).unwrap();
        assert_eq!((kind, number), (RecordKind::InstrumentDefined, newest(kind).unwrap().id));
        assert_eq!(&*body, &now[5..]);
        let other = codec.encode(&definition(Some(Session { open_second: 1, close_second: 2 }))).unwrap();
        assert_ne!(&*body, &other[5..]);
        for cut in 5..frame.len() {
            assert!(codec.decode(Some(&frame[..cut])).is_err(), "cut at {cut}");
        }
        let longer = [&frame[..], b"!"].concat();
        assert_eq!(codec.decode(Some(&longer)).unwrap_err().name(), "TrailingBytes");
    }

    #[test]
    fn an_added_field_has_its_default() {
        let kind = RecordKind::FeedCompleted;
        let writer = newest(kind).unwrap();
        let mut json: Json = serde_json::from_str(writer.schema).unwrap();
        let added = serde_json::json!({ "name": "added", "type": "long", "default": 7 });
        json["fields"].as_array_mut().unwrap().push(added);
        let reader = Schema::parse(&json).unwrap();
        let (instrument, source, name) = ("A.B".into(), "s".into(), "n".into());
        let event = FeedCompleted { instrument, source, name, rows: 3, blocks: 1, scale: Scale::USUAL };
        let written = Codec::default().encode(&event.into()).unwrap();
        let resolved = resolve(kind, writer.parsed(), &reader, &written[5..]).unwrap();
        let value = GenericDatumReader::builder(&reader).build().unwrap();
        let Value::Record(fields) = value.read_value(&mut &resolved[..]).unwrap() else { panic!() };
        assert_eq!(fields.last().unwrap(), &("added".to_owned(), Value::Long(7)));
        assert_eq!(fields.len(), 7, "and what was there");
    }

    #[test]
    fn the_last_version_of_each_record_is_the_newest() {
        for version in VERSIONS {
            let last = VERSIONS.iter().rfind(|other| other.kind == version.kind).unwrap();
            assert_eq!(version.is_newest(), version.id == last.id, "{}", version.full_name());
        }
        assert!(!EARLIER.is_newest());
    }
}
