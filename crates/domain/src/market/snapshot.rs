//! Snapshots of bars: asked for, due, sealed.

use serde::{Deserialize, Serialize};

use crate::bar_spec::BarSpec;
use crate::ids::{ContentHash, InstrumentId, SnapshotId};
use crate::market::Bar;
use crate::time::Timestamp;

/// Command: seal the bars of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSnapshot {
    /// Derived from the fields below.
    pub snapshot_id: SnapshotId,
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Which bars.
    pub spec: BarSpec,
    /// First open time, inclusive.
    pub from: Timestamp,
    /// Last close time, inclusive: a bar belongs to the range when it closes at or before this moment.
    pub to: Timestamp,
    /// So many revisions of these bars are taken in; before version 2 none.
    #[serde(default)]
    pub revision: i64,
}

impl CreateSnapshot {
    /// The command for a range of bars as they first were; the id is a function of the arguments.
    pub fn new(instrument: &InstrumentId, spec: BarSpec, from: Timestamp, to: Timestamp) -> CreateSnapshot {
        let snapshot_id = SnapshotId::derive(&[
            instrument.as_str().as_bytes(),
            spec.to_string().as_bytes(),
            &from.0.to_be_bytes(),
            &to.0.to_be_bytes(),
        ]);
        let instrument = instrument.as_str().to_owned();
        CreateSnapshot { snapshot_id, instrument, spec, from, to, revision: 0 }
    }

    /// The same range after so many revisions of its bars, which is another snapshot.
    #[must_use]
    pub fn at_revision(self, revision: i64) -> CreateSnapshot {
        if revision == self.revision {
            return self;
        }
        let snapshot_id = SnapshotId::derive(&[
            self.instrument.as_bytes(),
            self.spec.to_string().as_bytes(),
            &self.from.0.to_be_bytes(),
            &self.to.0.to_be_bytes(),
            &revision.to_be_bytes(),
        ]);
        CreateSnapshot { snapshot_id, revision, ..self }
    }
}

/// Event time has passed the end of a range that was asked for: its bars are final and can be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotDue {
    /// The snapshot asked for.
    pub snapshot_id: SnapshotId,
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Which bars.
    pub spec: BarSpec,
    /// First open time, inclusive.
    pub from: Timestamp,
    /// Last close time, inclusive.
    pub to: Timestamp,
    /// So many revisions of these bars are taken in; before version 2 none.
    #[serde(default)]
    pub revision: i64,
}

/// What was asked for, when it is due.
impl From<&CreateSnapshot> for SnapshotDue {
    fn from(command: &CreateSnapshot) -> SnapshotDue {
        let CreateSnapshot { snapshot_id, instrument, spec, from, to, revision } = command.clone();
        SnapshotDue { snapshot_id, instrument, spec, from, to, revision }
    }
}

impl SnapshotDue {
    /// The snapshot with this content and so many bars, of which nothing else is known.
    pub fn sealed(&self, content_hash: ContentHash, rows: i64) -> SnapshotSealed {
        let SnapshotDue { snapshot_id, instrument, spec, from, to, .. } = self.clone();
        SnapshotSealed {
            snapshot_id,
            instrument,
            spec,
            from,
            to,
            content_hash,
            rows,
            files: Vec::new(),
            first_open: None,
            last_close: None,
            quoted_bars: None,
        }
    }
}

/// One file of a sealed snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFile {
    /// Path in the lake.
    pub path: String,
    /// SHA-256 of the file's bytes.
    pub sha256: ContentHash,
    /// Bars in the file.
    pub rows: i64,
}

/// The bars of a range are on the lake under their content hash and will never change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotSealed {
    /// The snapshot asked for.
    pub snapshot_id: SnapshotId,
    /// `SYMBOL.VENUE`.
    pub instrument: String,
    /// Which bars.
    pub spec: BarSpec,
    /// First open time asked for.
    pub from: Timestamp,
    /// Last close time asked for.
    pub to: Timestamp,
    /// SHA-256 over the canonical bytes of the bars: the data's identity, whatever the file format.
    pub content_hash: ContentHash,
    /// Bars.
    pub rows: i64,
    /// Where they lie.
    pub files: Vec<SnapshotFile>,
    /// Open time of the first bar; `None` where there is none, and before version 2.
    #[serde(default)]
    pub first_open: Option<Timestamp>,
    /// Close time of the last bar; `None` where there is none, and before version 2.
    #[serde(default)]
    pub last_close: Option<Timestamp>,
    /// Bars with a quoted spread at open and close; `None` before version 2.
    #[serde(default)]
    pub quoted_bars: Option<i64>,
}

impl SnapshotSealed {
    /// The same with what its bars, in order, say of themselves.
    pub fn over(self, bars: &[Bar]) -> SnapshotSealed {
        let is_quoted = |bar: &&Bar| bar.open_spread.is_some() && bar.close_spread.is_some();
        SnapshotSealed {
            first_open: bars.first().map(|bar| bar.open_time),
            last_close: bars.last().map(|bar| bar.close_time),
            quoted_bars: Some(bars.iter().filter(is_quoted).count() as i64),
            ..self
        }
    }
}
