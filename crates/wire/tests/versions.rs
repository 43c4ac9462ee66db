//! Versions of one record read each other as far as their topic demands, and say the same to readers of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::samples::sample;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema_compatibility::SchemaCompatibility;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use gauntlet_domain::experiment::{EvaluationFailure, ExperimentFailure, Phase, TrialFailure, TuningEnd};
use gauntlet_domain::topics::Retention;
use gauntlet_domain::verdict::{Comparison, Outcome, Verdict};
use gauntlet_domain::words::{ExperimentEnd, Judgement};
use gauntlet_domain::{Event, RecordKind};
use gauntlet_wire::registry::{RecordVersion, VERSIONS, newest, recognise};
use gauntlet_wire::{Codec, EmbeddedRegistry, Meaning, Registry, Undecided};
use serde_json::{Value as Json, json};

fn schema(version: &RecordVersion) -> Schema {
    Schema::parse_str(version.schema).unwrap()
}

/// Pairs of versions of one record, the earlier one first.
fn pairs() -> Vec<(&'static RecordVersion, &'static RecordVersion)> {
    let all = VERSIONS.iter().flat_map(|one| VERSIONS.iter().map(move |other| (one, other)));
    all.filter(|(one, other)| one.kind == other.kind && one.version < other.version).collect()
}

fn is_kept(kind: RecordKind) -> bool {
    !matches!(kind.topic().retention, Retention::Days(_))
}

fn body(event: &Event) -> Vec<u8> {
    Codec::default().encode(event).unwrap().split_off(5)
}

/// A body of one schema as another one has it, by Avro's own rules.
fn resolved(body: &[u8], writer: &Schema, reader: &Schema) -> Value {
    let resolving = GenericDatumReader::builder(writer).reader_schema(reader).build().unwrap();
    resolving.read_value(&mut &body[..]).unwrap()
}

fn written(schema: &Schema, value: Value) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap()
}

fn framed(id: u32, body: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), body].concat()
}

#[test]
fn versions_read_each_other_as_their_topic_demands() {
    let mut kept = 0;
    for (earlier, later) in pairs() {
        let name = earlier.kind.name();
        let reads = |writer, reader| SchemaCompatibility::can_read(&schema(writer), &schema(reader));
        reads(earlier, later).unwrap_or_else(|error| panic!("{name} {}: {error}", later.version));
        if is_kept(earlier.kind) {
            reads(later, earlier).unwrap_or_else(|error| panic!("{name} {}: {error}", earlier.version));
            kept += 1;
        }
    }
    assert!(kept >= 8, "{kept} compared");
}

/// Why the texts stay beside the enums.
#[test]
fn without_its_old_field_a_record_would_break_the_readers_of_version_1() {
    let first = VERSIONS.iter().find(|version| version.kind == RecordKind::TrialFailed).unwrap();
    let second: Json = serde_json::from_str(newest(RecordKind::TrialFailed).unwrap().schema).unwrap();
    let is_read = |changed: &Json| {
        SchemaCompatibility::can_read(&Schema::parse_str(&changed.to_string()).unwrap(), &schema(first))
            .is_ok()
    };
    assert!(is_read(&second));
    let mut removed = second.clone();
    removed["fields"].as_array_mut().unwrap().retain(|field| field["name"] != "reason");
    assert!(!is_read(&removed));
    let mut retyped = removed.clone();
    let code =
        retyped["fields"].as_array_mut().unwrap().iter_mut().find(|field| field["name"] == "reason_code");
    code.unwrap()["name"] = json!("reason");
    assert!(!is_read(&retyped));
}

#[test]
fn a_reader_of_version_1_sees_what_a_writer_of_version_1_would_have_written() {
    let mut read = 0;
    let newest_reads = |pair: &(&RecordVersion, &RecordVersion)| {
        is_kept(pair.0.kind) && newest(pair.1.kind).is_some_and(|newest| newest.version == pair.1.version)
    };
    for (earlier, later) in pairs().into_iter().filter(newest_reads) {
        let event = sample(earlier.kind);
        let value = resolved(&body(&event), &schema(later), &schema(earlier));
        let old =
            Codec::default().decode(Some(&framed(earlier.id, &written(&schema(earlier), value)))).unwrap();
        assert_eq!(old, crate::samples::sample_of(earlier.kind, earlier.version), "{}", earlier.kind.name());
        read += 1;
    }
    assert!(read >= 8, "{read} read");
}

/// A frame of version 1 in which some fields have other values.
fn first_version(kind: RecordKind, change: &[(&str, Value)]) -> Vec<u8> {
    let first = VERSIONS.iter().find(|version| version.kind == kind).unwrap();
    let value = resolved(&body(&sample(kind)), &schema(newest(kind).unwrap()), &schema(first));
    framed(first.id, &written(&schema(first), with(value, change)))
}

/// The record with other values in some fields.
fn with(value: Value, change: &[(&str, Value)]) -> Value {
    let Value::Record(mut fields) = value else { panic!("no record") };
    for (name, new) in change {
        fields.iter_mut().find(|(field, _)| field == name).unwrap().1 = new.clone();
    }
    Value::Record(fields)
}

#[test]
fn every_word_and_every_answer_of_version_1_has_a_meaning() {
    let codec = Codec::default();
    for (word, meant) in [
        ("panicked", TrialFailure::Panicked),
        ("training_failed", TrialFailure::TrainingFailed),
        ("out_of_memory", TrialFailure::Unknown("out_of_memory".into())),
        ("", TrialFailure::Unknown("unknown".into())),
    ] {
        let frame = first_version(RecordKind::TrialFailed, &[("reason", Value::String(word.into()))]);
        let event = codec.decode(Some(&frame)).unwrap();
        let Event::TrialFailed(failed) = &event else { panic!("{event:?}") };
        assert_eq!(failed.reason, meant);
        assert_eq!(codec.decode(Some(&codec.encode(&event).unwrap())).unwrap(), event, "{word}");
    }
    for (confirmed, sentence) in [(true, "confirmed: …"), (false, "refused: …"), (true, ""), (false, "")]
    {
        let change = [("confirmed", Value::Boolean(confirmed)), ("verdict", Value::String(sentence.into()))];
        let event = codec.decode(Some(&first_version(RecordKind::EvaluationCompleted, &change))).unwrap();
        let Event::EvaluationCompleted(completed) = &event else { panic!("{event:?}") };
        assert_eq!(completed.verdict, Verdict::of_version_1(confirmed, sentence));
        assert_eq!(completed.verdict.passes(), confirmed);
        assert_eq!(codec.decode(Some(&codec.encode(&event).unwrap())).unwrap(), event, "{sentence}");
    }
}

#[test]
fn a_request_of_version_1_is_for_whom_its_strategy_names() {
    let codec = Codec::default();
    for (strategy, trainer, evaluator) in
        [("ml", "trainer", "evaluator"), ("external:sklearn", "trainer.sklearn", "evaluator.sklearn")]
    {
        for (kind, meant) in
            [(RecordKind::TrainingRequested, trainer), (RecordKind::EvaluationRequested, evaluator)]
        {
            let first = VERSIONS.iter().find(|version| version.kind == kind).unwrap();
            let value = resolved(&body(&sample(kind)), &schema(newest(kind).unwrap()), &schema(first));
            let Value::Record(fields) = &value else { panic!("no record") };
            let plan = fields.iter().find(|(name, _)| name == "plan").unwrap().1.clone();
            let plan = with(plan, &[("strategy", Value::String(strategy.into()))]);
            let frame = framed(first.id, &written(&schema(first), with(value, &[("plan", plan)])));
            assert_eq!(codec.decode(Some(&frame)).unwrap().addressee(), Some(meant));
        }
    }
}

/// The symbols of every enum in the newest schema of a record, by the enum's name.
fn enums(kind: RecordKind) -> BTreeMap<String, Vec<String>> {
    fn find(json: &Json, found: &mut BTreeMap<String, Vec<String>>) {
        match json {
            Json::Object(entries) => {
                // Those of market data are older, and are no words of this kind.
                if let Some(symbols) = json["symbols"].as_array()
                    && json["namespace"] == "gauntlet.research"
                {
                    let symbols = symbols.iter().map(|symbol| symbol.as_str().unwrap().to_owned());
                    found.insert(json["name"].as_str().unwrap().to_owned(), symbols.collect());
                    assert_eq!(json["default"], "UNKNOWN", "{json}");
                }
                entries.values().for_each(|value| find(value, found));
            }
            Json::Array(items) => items.iter().for_each(|item| find(item, found)),
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    find(&serde_json::from_str(newest(kind).unwrap().schema).unwrap(), &mut found);
    found
}

#[test]
fn the_words_of_the_schemas_are_those_of_the_types() {
    let mut compared = BTreeSet::new();
    for kind in RecordKind::ALL {
        for (name, symbols) in enums(*kind) {
            let known: Vec<&str> = match name.as_str() {
                "Phase" => Phase::KNOWN.iter().map(Phase::symbol).collect(),
                "ExperimentFailure" => {
                    ExperimentFailure::KNOWN.iter().map(ExperimentFailure::symbol).collect()
                }
                "TrialFailure" => TrialFailure::KNOWN.iter().map(TrialFailure::symbol).collect(),
                "EvaluationFailure" => {
                    EvaluationFailure::KNOWN.iter().map(EvaluationFailure::symbol).collect()
                }
                "ExperimentEnd" => ExperimentEnd::KNOWN.iter().map(ExperimentEnd::symbol).collect(),
                "Judgement" => Judgement::KNOWN.iter().map(Judgement::symbol).collect(),
                "TuningEnd" => TuningEnd::KNOWN.iter().map(TuningEnd::symbol).collect(),
                "Comparison" => [Comparison::AtLeast, Comparison::AtMost, Comparison::MoreThan]
                    .map(Comparison::word)
                    .to_vec(),
                "Outcome" => [Outcome::Passed, Outcome::Refused, Outcome::Undefined, Outcome::Waived]
                    .map(Outcome::word)
                    .to_vec(),
                other => panic!("{other} in {} is an enum of no type", kind.name()),
            };
            assert_eq!(symbols[0], "UNKNOWN");
            assert_eq!(symbols[1..], known, "{name} in {}", kind.name());
            compared.insert(name);
        }
    }
    assert_eq!(compared.len(), 9, "{compared:?}");
}

/// A registry with one schema of a later release.
struct Later(String);

const LATER: u32 = 7000;

impl Registry for Later {
    fn id_of(&self, kind: RecordKind) -> Option<u32> {
        EmbeddedRegistry.id_of(kind)
    }

    fn meaning_of(&self, _: u32) -> Result<Meaning, Undecided> {
        Ok(recognise(&self.0))
    }
}

/// What we read when a later release has given every enum of a record one more symbol, and has changed some fields.
fn read_from_later(kind: RecordKind, change: impl Fn(Value) -> Value) -> Event {
    fn grow(json: &mut Json) {
        match json {
            Json::Object(entries) => {
                if let Some(symbols) = entries.get_mut("symbols").and_then(Json::as_array_mut) {
                    symbols.push(json!("moon_phase"));
                }
                entries.values_mut().for_each(grow);
            }
            Json::Array(items) => items.iter_mut().for_each(grow),
            _ => {}
        }
    }
    let ours = schema(newest(kind).unwrap());
    let mut text: Json = serde_json::from_str(newest(kind).unwrap().schema).unwrap();
    grow(&mut text);
    let later = Schema::parse_str(&text.to_string()).unwrap();
    let value = change(resolved(&body(&sample(kind)), &ours, &later));
    let codec = Codec::new(Arc::new(Later(text.to_string())));
    codec.decode(Some(&framed(LATER, &written(&later, value)))).unwrap()
}

#[test]
fn a_word_of_a_later_release_passes_on_as_its_text() {
    let moon = |number| Value::Enum(number, "moon_phase".into());
    let text = || Value::String("moon_phase".into());
    let event = read_from_later(RecordKind::TrialFailed, |v| {
        with(v, &[("reason", text()), ("reason_code", moon(5))])
    });
    let Event::TrialFailed(failed) = event else { panic!("{event:?}") };
    assert_eq!(failed.reason, TrialFailure::Unknown("moon_phase".into()));
    let event = read_from_later(RecordKind::EquityCurveChunk, |v| {
        with(v, &[("phase", text()), ("phase_code", moon(4))])
    });
    // Its phase is part of its key and of its id.
    assert!(event.key().ends_with(":moon_phase"), "{}", event.key());
    let Event::EquityCurveChunk(chunk) = event else { panic!("{event:?}") };
    assert_eq!(chunk.phase, Phase::Unknown("moon_phase".into()));
}

#[test]
fn an_outcome_of_a_later_release_is_no_pass() {
    let event = read_from_later(RecordKind::EvaluationCompleted, |value| {
        let Value::Record(fields) = &value else { panic!("no record") };
        let (_, verdict) = fields.iter().find(|(name, _)| name == "holdout_verdict").unwrap();
        let Value::Union(place, verdict) = verdict.clone() else { panic!("{verdict:?}") };
        let verdict = with(*verdict, &[("outcome", Value::Enum(5, "moon_phase".into()))]);
        with(value, &[("holdout_verdict", Value::Union(place, Box::new(verdict)))])
    });
    let Event::EvaluationCompleted(completed) = event else { panic!("{event:?}") };
    assert_eq!(completed.verdict.outcome, Outcome::Unknown);
    assert!(!completed.verdict.passes());
}
