//! Data snapshots: asked for, due when event time has passed their end, sealed.

use gauntlet_domain::BarSpec;
use gauntlet_domain::ids::SnapshotId;
use gauntlet_domain::market::{CreateSnapshot, SnapshotDue, SnapshotSealed};
use gauntlet_domain::time::Timestamp;
use gauntlet_views::schema::DATA_SNAPSHOTS;
use gauntlet_views::{Upsert, Value};

use crate::json;

// Stamps: the order of a snapshot's stages. What two stages both say, they say the same way.
const REQUESTED: i64 = 1;
const DUE: i64 = 2;
const SEALED: i64 = 3;

pub(crate) fn requested(event: &CreateSnapshot) -> Upsert {
    row(event.snapshot_id, REQUESTED, &event.instrument, event.spec, (event.from, event.to))
        .with("revision", event.revision)
        .with("status", "requested")
}

pub(crate) fn due(event: &SnapshotDue) -> Upsert {
    row(event.snapshot_id, DUE, &event.instrument, event.spec, (event.from, event.to))
        .with("revision", event.revision)
        .with("status", "due")
}

pub(crate) fn sealed(event: &SnapshotSealed) -> Upsert {
    row(event.snapshot_id, SEALED, &event.instrument, event.spec, (event.from, event.to))
        .with("status", "sealed")
        .with("hash", event.content_hash.to_string())
        .with("rows", event.rows)
        .with("files", json(&event.files))
}

fn row(
    id: SnapshotId,
    stamp: i64,
    instrument: &str,
    spec: BarSpec,
    (from, to): (Timestamp, Timestamp),
) -> Upsert {
    // Where the data come from: the venue in `SYMBOL.VENUE`.
    let source = instrument.rsplit_once('.').map_or(instrument, |(_, venue)| venue);
    Upsert::new(&DATA_SNAPSHOTS, vec![id.to_string().into()], stamp)
        .with("source", source)
        .with("range_from", Value::Timestamp(from.0))
        .with("range_to", Value::Timestamp(to.0))
        .with("instrument", instrument)
        .with("spec", spec.to_string())
}
