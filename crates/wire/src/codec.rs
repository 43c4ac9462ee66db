//! Events to framed bytes and back: `0x00`, four bytes of schema id, Avro body.
//!
//! Control events go through `apache-avro`'s direct serde, blocks and bars through `arrow-avro`'s columns; both write
//! the bytes that the schema prescribes. Every byte of a frame must be consumed, or the frame is refused.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use gauntlet_domain::record::{Body, BodyVisitor, KindVisitor};
use gauntlet_domain::{Event, RecordKind};

use crate::columnar::Columnar;
use crate::flat;
use crate::registry::{EmbeddedRegistry, Meaning, RecordVersion, Registry, known_versions, newest, resolve};

/// First byte of every frame.
pub const MAGIC: u8 = 0;
/// Magic byte and schema id.
pub const HEADER_LEN: usize = 5;
/// Bytes of a frame at most: eight times what Kafka takes by default. The largest event is a block of a few hundred
/// kilobytes.
pub const MAX_FRAME: usize = 8 << 20;

/// Why bytes are not an event, or an event could not become bytes. A retry helps where
/// [`is_transient`](WireError::is_transient) says so and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No payload at all.
    #[error("the record has no value; an event needs one")]
    NullValue,
    /// Shorter than a frame's header.
    #[error("frame of {len} bytes is shorter than its 5-byte header")]
    TooShort {
        /// Length found.
        len: usize,
    },
    /// Not Confluent framing.
    #[error("first byte is {found:#04x}, not 0x00: the record is not in Confluent framing")]
    WrongMagic {
        /// Byte found.
        found: u8,
    },
    /// Longer than any event is.
    #[error("{len} bytes are more than an event may have, {MAX_FRAME}: cut it in parts")]
    TooLarge {
        /// Length found.
        len: usize,
    },
    /// A number that the registry does not know.
    #[error("schema id {id} is not in the registry: was this written by a newer version?")]
    UnknownSchema {
        /// The id.
        id: u32,
    },
    /// A number of somebody else's schema.
    #[error("schema id {id} is none of Gauntlet's records: {found}")]
    ForeignSchema {
        /// The id.
        id: u32,
        /// What it is.
        found: String,
    },
    /// A number of which the registry cannot say now what it stands for.
    #[error("schema id {id} cannot be looked up: {detail}")]
    Undecided {
        /// The id.
        id: u32,
        /// What the registry said.
        detail: String,
    },
    /// A body that does not follow its schema.
    #[error("body is not a {record}: {detail}")]
    Malformed {
        /// Name of the record.
        record: &'static str,
        /// What Avro said.
        detail: String,
    },
    /// Bytes after the body.
    #[error("{extra} bytes are left after the {record}: the frame is damaged or of another schema")]
    TrailingBytes {
        /// Name of the record.
        record: &'static str,
        /// How many.
        extra: usize,
    },
    /// A record that its topic does not hold.
    #[error("a {record} does not belong on topic {topic}")]
    ForeignRecord {
        /// Name of the record.
        record: &'static str,
        /// Name of the topic.
        topic: String,
    },
    /// The registry has no number for a record that is to be written.
    #[error("record {record} has no schema id: register its schema first")]
    Unregistered {
        /// Name of the record.
        record: &'static str,
    },
}

impl WireError {
    /// Whether the same bytes may be readable later: a dead letter would be wrong, waiting is right.
    pub fn is_transient(&self) -> bool {
        matches!(self, WireError::Undecided { .. })
    }

    /// The reason in one word, for headers and counters.
    pub fn name(&self) -> &'static str {
        match self {
            WireError::NullValue => "NullValue",
            WireError::TooShort { .. } => "TooShort",
            WireError::WrongMagic { .. } => "WrongMagic",
            WireError::TooLarge { .. } => "TooLarge",
            WireError::UnknownSchema { .. } => "UnknownSchema",
            WireError::ForeignSchema { .. } => "ForeignSchema",
            WireError::Undecided { .. } => "Undecided",
            WireError::Malformed { .. } => "Malformed",
            WireError::TrailingBytes { .. } => "TrailingBytes",
            WireError::ForeignRecord { .. } => "ForeignRecord",
            WireError::Unregistered { .. } => "Unregistered",
        }
    }
}

/// Reader and writer of one record version, made once.
struct Compiled {
    writer: GenericDatumWriter<'static>,
    reader: GenericDatumReader<'static>,
}

static COMPILED: LazyLock<HashMap<u32, Compiled>> = LazyLock::new(|| {
    known_versions()
        .map(|version| {
            let schema = version.parsed();
            let broken = "invariant: a schema in the catalogue resolves (tests/fixtures.rs)";
            let writer = GenericDatumWriter::builder(schema).human_readable(false).build().expect(broken);
            let reader = GenericDatumReader::builder(schema).human_readable(false).build().expect(broken);
            (version.id, Compiled { writer, reader })
        })
        .collect()
});

thread_local! {
    /// Columnar encoders and decoders keep buffers; one set a thread.
    static COLUMNAR: RefCell<Columnar> = RefCell::new(Columnar::new());
}

/// Encodes and decodes events with the numbers of one registry. Cheap to clone.
#[derive(Clone)]
pub struct Codec {
    registry: Arc<dyn Registry>,
}

impl Default for Codec {
    fn default() -> Self {
        Codec::new(Arc::new(EmbeddedRegistry))
    }
}

impl Codec {
    /// A codec that asks this registry for numbers.
    pub fn new(registry: Arc<dyn Registry>) -> Codec {
        Codec { registry }
    }

    /// The framed bytes of an event.
    pub fn encode(&self, event: &Event) -> Result<Vec<u8>, WireError> {
        let kind = event.kind();
        let id = self.registry.id_of(kind).ok_or(WireError::Unregistered { record: kind.name() })?;
        let mut frame = Vec::with_capacity(256);
        frame.push(MAGIC);
        frame.extend_from_slice(&id.to_be_bytes());
        encode_body(event, &mut frame)?;
        if frame.len() > MAX_FRAME {
            return Err(WireError::TooLarge { len: frame.len() });
        }
        Ok(frame)
    }

    /// The event in a frame. What another version of its record has written is resolved to the newest.
    #[inline]
    pub fn decode(&self, frame: Option<&[u8]>) -> Result<Event, WireError> {
        match self.unframe(frame)? {
            Unframed::Newest(version, body) => decode_body(version.kind, version.id, body),
            Unframed::Resolved(event) => Ok(event),
        }
    }

    /// The record in a frame, its number in the catalogue and its body, in the newest version of the record: written so
    /// already and not decoded, or resolved to it and written again.
    pub fn open<'a>(&self, frame: Option<&'a [u8]>) -> Result<(RecordKind, u32, Cow<'a, [u8]>), WireError> {
        match self.unframe(frame)? {
            Unframed::Newest(version, body) => Ok((version.kind, version.id, Cow::Borrowed(body))),
            Unframed::Resolved(event) => {
                // By ourselves: a resolved map comes in any order, an event's in that of its keys.
                let kind = event.kind();
                let number = newest(kind).ok_or(WireError::Unregistered { record: kind.name() })?.id;
                let mut body = Vec::with_capacity(256);
                encode_body(&event, &mut body)?;
                Ok((kind, number, Cow::Owned(body)))
            }
        }
    }

    #[inline]
    fn unframe<'a>(&self, frame: Option<&'a [u8]>) -> Result<Unframed<'a>, WireError> {
        let frame = frame.ok_or(WireError::NullValue)?;
        let [magic, a, b, c, d, body @ ..] = frame else {
            return Err(WireError::TooShort { len: frame.len() });
        };
        if *magic != MAGIC {
            return Err(WireError::WrongMagic { found: *magic });
        }
        if frame.len() > MAX_FRAME {
            return Err(WireError::TooLarge { len: frame.len() });
        }
        let id = u32::from_be_bytes([*a, *b, *c, *d]);
        match self.registry.meaning_of(id) {
            Ok(Meaning::Ours(version)) if version.is_newest() => Ok(Unframed::Newest(version, body)),
            Ok(Meaning::Ours(version)) => Ok(Unframed::Resolved(decode_earlier(version, body)?)),
            Ok(Meaning::Newer(newer)) => {
                let target = newer.target();
                Ok(Unframed::Resolved(decode_body(target.kind, target.id, &newer.translate(body)?)?))
            }
            Ok(Meaning::Foreign(found)) => Err(WireError::ForeignSchema { id, found }),
            Ok(Meaning::Unknown) => Err(WireError::UnknownSchema { id }),
            Err(undecided) => Err(WireError::Undecided { id, detail: undecided.detail }),
        }
    }
}

/// What is in a frame.
enum Unframed<'a> {
    /// A body in the newest version of its record, not decoded.
    Newest(&'static RecordVersion, &'a [u8]),
    /// An event that another version of its record has written.
    Resolved(Event),
}

/// Decodes what an earlier version of a record has written. The record's type reads it where it knows how (a field that
/// changed its type, say); fields that were only added come from the defaults of the newest schema.
fn decode_earlier(version: &RecordVersion, body: &[u8]) -> Result<Event, WireError> {
    let kind = version.kind;
    decode_body(kind, version.id, body).or_else(|unread| {
        let newest = newest(kind).ok_or(WireError::Unregistered { record: kind.name() })?;
        let resolved = resolve(kind, version.parsed(), newest.parsed(), body).map_err(|_| unread)?;
        decode_body(kind, newest.id, &resolved)
    })
}

fn encode_body(event: &Event, out: &mut Vec<u8>) -> Result<(), WireError> {
    if Columnar::covers(event.kind()) {
        COLUMNAR.with_borrow_mut(|columnar| columnar.encode(event, out))
    } else {
        event.visit(Encoding { out })
    }
}

/// Writes a body with `apache-avro`.
struct Encoding<'a> {
    out: &'a mut Vec<u8>,
}

impl BodyVisitor for Encoding<'_> {
    type Output = Result<(), WireError>;

    fn visit<B: Body>(self, body: &B) -> Self::Output {
        let version = newest(B::KIND).ok_or(WireError::Unregistered { record: B::KIND.name() })?;
        let written = COMPILED[&version.id].writer.write_ser(self.out, body);
        written.map(drop).map_err(|error| malformed(B::KIND, error))
    }
}

/// Decodes the body of a record version; the whole slice must be used up.
#[inline]
fn decode_body(kind: RecordKind, number: u32, body: &[u8]) -> Result<Event, WireError> {
    flat::decode(number, body).unwrap_or_else(|| decode_generally(kind, number, body))
}

/// Decodes a body with the libraries.
pub(crate) fn decode_generally(kind: RecordKind, number: u32, body: &[u8]) -> Result<Event, WireError> {
    if Columnar::covers(kind) {
        COLUMNAR.with_borrow_mut(|columnar| columnar.decode(kind, number, body))
    } else {
        kind.visit(Decoding { number, body })
    }
}

/// Reads a body with `apache-avro`.
struct Decoding<'a> {
    number: u32,
    body: &'a [u8],
}

impl KindVisitor for Decoding<'_> {
    type Output = Result<Event, WireError>;

    fn visit<B: Body>(self) -> Self::Output {
        let mut rest = self.body;
        let read: Result<B, _> = COMPILED[&self.number].reader.read_deser(&mut rest);
        let body = read.map_err(|error| malformed(B::KIND, error))?;
        if !rest.is_empty() {
            return Err(WireError::TrailingBytes { record: B::KIND.name(), extra: rest.len() });
        }
        Ok(body.into())
    }
}

/// The body of a record version as Avro has it.
pub(crate) fn read_value(number: u32, body: &[u8]) -> Result<apache_avro::types::Value, String> {
    let mut rest = body;
    COMPILED[&number].reader.read_value(&mut rest).map_err(|error| error.to_string())
}

pub(crate) fn malformed(kind: RecordKind, error: impl std::fmt::Display) -> WireError {
    WireError::Malformed { record: kind.name(), detail: error.to_string() }
}
