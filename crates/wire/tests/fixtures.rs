//! What was published once is read for ever: a frame of every record version lies in `schemas/fixtures` and must be
//! decoded to the same event by every later build, and encoded to the same bytes while its version is the newest.
//!
//! A new record or version is added with `WRITE_FIXTURES=1 cargo test -p gauntlet-wire`, which writes what is missing
//! and never changes what is there.

use std::path::{Path, PathBuf};

use crate::samples::{sample, sample_of};
use gauntlet_domain::{ContentHash, Event, RecordKind};
use gauntlet_wire::codec::Codec;
use gauntlet_wire::registry::{RecordVersion, VERSIONS, newest};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/fixtures")
}

fn fixture_path(version: &RecordVersion) -> PathBuf {
    fixtures().join(format!("{:03}-{}.v{}.bin", version.id, version.kind.name(), version.version))
}

/// The line that pins a version: number, record, version, hash of the schema in parsing canonical form.
fn pin(version: &RecordVersion) -> String {
    let schema = apache_avro::Schema::parse_str(version.schema).unwrap();
    let canonical = schema.canonical_form();
    format!(
        "{} {} {} {}",
        version.id,
        version.kind.name(),
        version.version,
        ContentHash::of(canonical.as_bytes())
    )
}

fn read_or_write(path: &Path, fresh: &[u8]) -> Vec<u8> {
    if !path.exists() && std::env::var_os("WRITE_FIXTURES").is_some() {
        std::fs::write(path, fresh).unwrap();
    }
    std::fs::read(path).unwrap_or_else(|_| panic!("no fixture {}: run with WRITE_FIXTURES=1", path.display()))
}

#[test]
fn every_record_version_ever_published_reads_back() {
    let codec = Codec::default();
    let mut read = 0;
    for version in VERSIONS {
        let event = sample_of(version.kind, version.version);
        let fresh = codec.encode(&event).unwrap();
        let recorded = read_or_write(&fixture_path(version), &fresh);
        let name = format!("{} {}", version.kind.name(), version.version);
        assert_eq!(codec.decode(Some(&recorded)).unwrap(), event, "{name}");
        if newest(version.kind).unwrap().version == version.version {
            assert_eq!(fresh, recorded, "{name} is written differently than it was");
        } else {
            // Written again, in the newest version, it still says the same.
            assert_eq!(codec.decode(Some(&fresh)).unwrap(), event, "{name}");
        }
        read += 1;
    }
    let files = std::fs::read_dir(fixtures()).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "bin")
    });
    assert_eq!(files.count(), read, "a fixture without its row: numbers are never taken back");
}

#[test]
fn every_schema_is_that_of_a_row() {
    let schemas = fixtures().join("..");
    let mut files = 0;
    for folder in ["market", "platform", "research"] {
        files += std::fs::read_dir(schemas.join(folder)).unwrap().count();
    }
    assert_eq!(files, VERSIONS.len(), "a schema without its row in crates/domain/src/record.rs");
}

#[test]
fn a_schema_never_changes_and_a_number_is_never_used_again() {
    let fresh: String = VERSIONS.iter().map(|version| pin(version) + "\n").collect();
    let path = fixtures().join("versions.txt");
    let mut recorded = String::from_utf8(read_or_write(&path, fresh.as_bytes())).unwrap();
    if fresh.starts_with(&recorded) && fresh != recorded && std::env::var_os("WRITE_FIXTURES").is_some() {
        std::fs::write(&path, &fresh).unwrap();
        recorded = fresh.clone();
    }
    assert_eq!(recorded, fresh, "a published schema changed, or versions.txt lacks the new line");
    let mut ids: Vec<u32> = VERSIONS.iter().map(|version| version.id).collect();
    ids.dedup();
    assert!(ids.is_sorted() && ids.len() == VERSIONS.len(), "numbers only grow");
}

/// The lines that pin an event's place and name: record, key, id.
#[test]
fn keys_and_ids_never_change() {
    let line = |kind: &RecordKind| {
        // As version 1 had it: what was added later changes no id that was given.
        let event = sample_of(*kind, 1);
        format!("{} {} {}\n", kind.name(), event.key(), event.id())
    };
    let fresh: Vec<String> = RecordKind::ALL.iter().map(line).collect();
    let path = fixtures().join("identities.txt");
    let mut recorded = String::from_utf8(read_or_write(&path, fresh.concat().as_bytes())).unwrap();
    let missing = fresh.iter().filter(|line| {
        let record = line.split_once(' ').unwrap().0;
        !recorded.lines().any(|known| known.split_once(' ').unwrap().0 == record)
    });
    let missing: String = missing.map(String::as_str).collect();
    if !missing.is_empty() && std::env::var_os("WRITE_FIXTURES").is_some() {
        recorded += &missing;
        std::fs::write(&path, &recorded).unwrap();
    }
    for line in &fresh {
        let is_known = recorded.lines().any(|known| known == line.trim_end());
        assert!(
            is_known,
            "not in identities.txt: a published key or id changed, or it lacks the new line\n{line}"
        );
    }
    assert_eq!(recorded.lines().count(), fresh.len());
}

#[test]
fn columns_and_serde_write_the_same_bytes() {
    let mut compared = 0;
    for version in VERSIONS.iter().filter(|version| newest(version.kind).unwrap().id == version.id) {
        let schema = apache_avro::Schema::parse_str(version.schema).unwrap();
        let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&schema).build().unwrap();
        let body = match sample(version.kind) {
            Event::TickBlock(block) => writer.write_ser_to_vec(&block).unwrap(),
            Event::BarBlock(block) => writer.write_ser_to_vec(&block).unwrap(),
            Event::Bar(bar) => writer.write_ser_to_vec(&bar).unwrap(),
            _ => continue,
        };
        let frame = Codec::default().encode(&sample(version.kind)).unwrap();
        assert_eq!(&frame[5..], body, "{}", version.kind.name());
        compared += 1;
    }
    assert_eq!(compared, 3);
}

#[test]
fn a_damaged_frame_is_refused_and_harms_no_later_one() {
    let codec = Codec::default();
    for version in VERSIONS {
        let event = sample(version.kind);
        let frame = codec.encode(&event).unwrap();
        for cut in 0..frame.len() {
            assert!(codec.decode(Some(&frame[..cut])).is_err(), "{} cut at {cut}", version.kind.name());
        }
        let mut longer = frame.clone();
        longer.push(0);
        let error = codec.decode(Some(&longer)).unwrap_err();
        assert!(!error.to_string().is_empty());
        assert_eq!(codec.decode(Some(&frame)).unwrap(), event);
    }
    assert!(codec.decode(None).unwrap_err().to_string().contains("no value"));
    assert!(codec.decode(Some(&[1, 0, 0, 0, 1])).unwrap_err().to_string().contains("0x01"));
    assert!(codec.decode(Some(&[0, 0, 1, 0, 0])).unwrap_err().to_string().contains("schema id 65536"));
}
