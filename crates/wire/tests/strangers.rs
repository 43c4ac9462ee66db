//! Bytes that are no event are refused by name, and schemas that are not ours are told apart: ours in other words, a
//! later version of ours, somebody else's.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::samples::sample;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use gauntlet_domain::RecordKind;
use gauntlet_wire::codec::MAX_FRAME;
use gauntlet_wire::registry::{VERSIONS, newest, recognise};
use gauntlet_wire::{Codec, EmbeddedRegistry, Meaning, Registry, Undecided, WireError};
use serde_json::{Value, json};

#[test]
fn every_kind_of_damage_has_its_name() {
    let codec = Codec::default();
    let good = |kind| codec.encode(&sample(kind)).unwrap();
    // Through serde and through columns.
    for kind in [RecordKind::Quote, RecordKind::Bar, RecordKind::TickBlock] {
        let good = good(kind);
        let mut not_text = good.clone();
        // The first field is a string: its length, then its text.
        not_text[6] = 0xff;
        let cases: [(&str, Option<Vec<u8>>); 9] = [
            ("NullValue", None),
            ("TooShort", Some(good[..4].to_vec())),
            ("WrongMagic", Some([&[1], &good[1..]].concat())),
            ("UnknownSchema", Some([&[0, 0, 0, 255, 255], &good[5..]].concat())),
            ("Malformed", Some(good[..good.len() - 1].to_vec())),
            ("Malformed", Some(good[..5].to_vec())),
            ("Malformed", Some(not_text)),
            ("TrailingBytes", Some([&good[..], &[0]].concat())),
            ("TooLarge", Some([&good[..], &vec![0; 10 << 20]].concat())),
        ];
        for (name, frame) in cases {
            let error = codec.decode(frame.as_deref()).unwrap_err();
            assert_eq!(error.name(), name, "{}: {error}", kind.name());
            assert!(!error.is_transient() && error.to_string().len() > 20, "{error}");
            // Its neighbours are not disturbed.
            assert_eq!(codec.decode(Some(&good)).unwrap(), sample(kind));
        }
    }
}

/// What would be refused by every reader is not written.
#[test]
fn an_event_that_is_too_large_is_refused_by_its_writer() {
    let gauntlet_domain::Event::ConfigRegistered(mut config) = sample(RecordKind::ConfigRegistered) else {
        panic!()
    };
    config.document = "x".repeat(MAX_FRAME);
    let error = Codec::default().encode(&config.into()).unwrap_err();
    assert!(matches!(error, WireError::TooLarge { len } if len > MAX_FRAME), "{error}");
}

fn schema(kind: RecordKind) -> Value {
    serde_json::from_str(newest(kind).unwrap().schema).unwrap()
}

fn fields(schema: &mut Value) -> &mut Vec<Value> {
    schema["fields"].as_array_mut().unwrap()
}

#[test]
fn a_schema_is_ours_whatever_its_words() {
    for version in VERSIONS {
        let mut other: Value = serde_json::from_str(version.schema).unwrap();
        other["doc"] = json!("in other words");
        other["owner"] = json!("somebody's tool");
        let other = serde_json::to_string(&other).unwrap();
        for text in [version.schema, &other] {
            assert!(
                matches!(recognise(text), Meaning::Ours(found) if found.id == version.id),
                "{}",
                version.full_name()
            );
        }
    }
    assert_eq!(newest(RecordKind::Bar).unwrap().full_name(), "gauntlet.market.Bar");
}

#[test]
fn a_strangers_schema_says_whose_it_is_and_why_it_cannot_be_read() {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut schema = schema(RecordKind::Bar);
        change(&mut schema);
        schema.to_string()
    };
    let cases = [
        ("syntax".to_owned(), "not an Avro schema"),
        (json!("string").to_string(), "not a record"),
        (changed(&|bar| bar["namespace"] = json!("elsewhere")), "elsewhere.Bar"),
        (changed(&|bar| drop(fields(bar).remove(0))), "gauntlet.market.Bar, but not readable as version 2"),
        (
            changed(&|bar| fields(bar)[0]["type"] = json!("long")),
            "gauntlet.market.Bar, but not readable as version 2",
        ),
    ];
    for (text, why) in cases {
        match recognise(&text) {
            Meaning::Foreign(found) => assert!(found.contains(why), "{found}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Schemas that lie on a registry under numbers of their own.
struct Texts(BTreeMap<u32, String>);

impl Registry for Texts {
    fn id_of(&self, kind: RecordKind) -> Option<u32> {
        EmbeddedRegistry.id_of(kind)
    }

    fn meaning_of(&self, id: u32) -> Result<Meaning, Undecided> {
        match self.0.get(&id) {
            Some(text) => Ok(recognise(text)),
            None => Err(Undecided { detail: "asked too early".into() }),
        }
    }
}

/// A body of one of our records as a writer with that schema would have written it.
fn written_with(text: &str, kind: RecordKind) -> Vec<u8> {
    let body = Codec::default().encode(&sample(kind)).unwrap().split_off(5);
    let (ours, theirs) =
        (Schema::parse_str(newest(kind).unwrap().schema).unwrap(), Schema::parse_str(text).unwrap());
    let reader = GenericDatumReader::builder(&ours).reader_schema(&theirs).build().unwrap();
    let value = reader.read_value(&mut &body[..]).unwrap();
    GenericDatumWriter::builder(&theirs).build().unwrap().write_value_to_vec(value).unwrap()
}

fn framed(id: u32, body: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), body].concat()
}

#[test]
fn a_later_version_of_every_record_is_read_as_ours() {
    const ID: u32 = 7000;
    let mut read = 0;
    for kind in RecordKind::ALL {
        let mut later = schema(*kind);
        fields(&mut later)
            .insert(0, json!({ "name": "added_first", "type": "string", "default": "by default" }));
        fields(&mut later).push(json!({ "name": "added_last", "type": ["null", "long"], "default": null }));
        let text = later.to_string();
        let registry = Texts(BTreeMap::from([(ID, text.clone())]));
        assert!(matches!(registry.meaning_of(ID), Ok(Meaning::Newer(newer)) if newer.target().kind == *kind));
        let codec = Codec::new(Arc::new(registry));
        let body = written_with(&text, *kind);
        let event = codec.decode(Some(&framed(ID, &body))).unwrap();
        assert_eq!(event, sample(*kind), "{}", kind.name());
        // To a digest it is the same event.
        let (_, number, opened) =
            codec.open(Some(&framed(ID, &body))).map(|(k, n, b)| (k, n, b.into_owned())).unwrap();
        assert_eq!(number, newest(*kind).unwrap().id);
        assert_eq!(opened, Codec::default().encode(&event).unwrap()[5..], "{}", kind.name());
        // Damage has the same names.
        let refused = |frame: &[u8]| codec.decode(Some(frame)).unwrap_err().name();
        for end in 0..body.len() {
            assert_eq!(refused(&framed(ID, &body[..end])), "Malformed", "{} cut at {end}", kind.name());
        }
        assert_eq!(refused(&framed(ID, &[&body[..], b"!"].concat())), "TrailingBytes");
        read += 1;
    }
    assert_eq!(read, RecordKind::ALL.len());
}

/// Parsing canonical form leaves logical types out; microseconds read as nanoseconds would be silently wrong.
#[test]
fn other_units_are_not_ours_though_the_canonical_form_is_the_same() {
    const ID: u32 = 7000;
    let text = newest(RecordKind::Bar).unwrap().schema.replace("timestamp-nanos", "timestamp-micros");
    let canonical = |text: &str| Schema::parse_str(text).unwrap().canonical_form();
    assert_eq!(canonical(&text), canonical(newest(RecordKind::Bar).unwrap().schema));
    assert!(!matches!(recognise(&text), Meaning::Ours(_)));
    let codec = Codec::new(Arc::new(Texts(BTreeMap::from([(ID, text)]))));
    let body = Codec::default().encode(&sample(RecordKind::Bar)).unwrap().split_off(5);
    let error = codec.decode(Some(&framed(ID, &body))).unwrap_err();
    assert_eq!(error.name(), "Malformed", "{error}");
    let early = codec.decode(Some(&framed(ID + 1, &body))).unwrap_err();
    assert!(early.is_transient() && early.to_string().contains("asked too early"), "{early}");
}
