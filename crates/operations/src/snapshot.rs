//! `snapshot create|ls|show|verify`: content-addressed data.

use gauntlet_domain::market::CreateSnapshot;
use gauntlet_domain::{BarSpec, ContentHash, Event, InstrumentId, SnapshotId, Timestamp};
use gauntlet_lake::verify_snapshot;
use gauntlet_runtime::Running;
use gauntlet_views::schema;
use serde::{Deserialize, Serialize, Serializer};

use crate::answer::Standing;
use crate::browse::find;
use crate::coverage::require_bars;
use crate::node::Node;
use crate::publish::publish_once;
use crate::refusal::Refusal;
use crate::rows::{ViewRow, text};

/// What to seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRequest {
    /// Symbol, such as XAUUSD, or `SYMBOL.VENUE`.
    pub instrument: String,
    /// Venue, such as OANDA; the only one that has the symbol when left out.
    pub venue: Option<String>,
    /// Which bars, such as time:1h.
    pub bars: BarSpec,
    /// First moment; the beginning of the data when left out.
    pub from: Option<Timestamp>,
    /// Last moment.
    pub to: Option<Timestamp>,
    /// Only bars that were known at this moment of event time.
    pub as_of: Option<Timestamp>,
}

/// A snapshot that was asked for. As a document the snapshot's row once it is sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Requested {
    /// What was asked for.
    pub command: CreateSnapshot,
    /// The sealed snapshot; `None` while event time has not passed its end.
    pub sealed: Option<ViewRow>,
}

impl Requested {
    /// Whether there are bars in it.
    pub fn has_bars(&self) -> bool {
        self.sealed.as_ref().is_some_and(|row| row.long("rows") != Some(0))
    }
}

impl Serialize for Requested {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Pending<'a> {
            snapshot_id: &'a SnapshotId,
            status: Standing,
        }
        match &self.sealed {
            Some(row) => row.serialize(serializer),
            None => {
                let snapshot_id = &self.command.snapshot_id;
                Pending { snapshot_id, status: Standing::Pending }.serialize(serializer)
            }
        }
    }
}

/// Whether the bars of a snapshot are what its hash says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifiedSnapshot {
    /// They are.
    Holds {
        /// The hash.
        content_hash: ContentHash,
        /// Bars hashed.
        rows: i64,
    },
    /// It has no hash yet.
    NotSealed,
    /// They are not.
    Differs {
        /// What is wrong.
        problem: String,
    },
}

impl VerifiedSnapshot {
    /// Whether the hash holds.
    pub fn holds(&self) -> bool {
        matches!(self, VerifiedSnapshot::Holds { .. })
    }
}

impl Serialize for VerifiedSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Document<'a> {
            Holds { ok: bool, content_hash: &'a ContentHash, rows: i64 },
            Fails { ok: bool, problem: &'a str },
        }
        let document = match self {
            VerifiedSnapshot::Holds { content_hash, rows } => {
                Document::Holds { ok: true, content_hash, rows: *rows }
            }
            VerifiedSnapshot::NotSealed => Document::Fails { ok: false, problem: "not sealed" },
            VerifiedSnapshot::Differs { problem } => Document::Fails { ok: false, problem },
        };
        document.serialize(serializer)
    }
}

/// Asks for a snapshot and waits until it is sealed, or until all is quiet and it is still pending.
pub fn create(node: &Node, running: &Running, request: &SnapshotRequest) -> Result<Requested, Refusal> {
    let instrument = instrument(node, request)?;
    let spec = request.bars;
    require_bars(node, &instrument, spec)?;
    let from = request.from.unwrap_or(Timestamp(0));
    // A bar is known when it closes, so what was known at a moment is what had closed by then.
    let to = match (request.to, request.as_of) {
        (Some(to), Some(as_of)) => to.min(as_of),
        (Some(to), None) | (None, Some(to)) => to,
        (None, None) => {
            return Err(Refusal::BadInput("give --to or --as-of: a snapshot has an end".into()));
        }
    };
    if from >= to {
        return Err(Refusal::BadInput(format!("--from {from} is not before --to {to}: swap them")));
    }
    let newest = node.bars.revision(instrument.as_str(), spec)?;
    let command = CreateSnapshot::new(&instrument, spec, from, to).at_revision(newest);
    let id = command.snapshot_id.to_string();
    publish_once(node, "gateway", &[Event::from(command.clone())])?;
    let sealed = node.wait_for(running, || {
        // Quiet first: what is read after that is the last word.
        let quiet = running.is_quiet()?;
        let row = node.views.row(&schema::DATA_SNAPSHOTS, &[id.as_str().into()])?;
        let sealed = row.filter(|row| text(row, "status") == Some("sealed"));
        Ok(if sealed.is_some() || quiet { Some(sealed) } else { None })
    })?;
    Ok(Requested { command, sealed: sealed.map(ViewRow) })
}

/// Re-hashes the bars of a sealed snapshot.
pub fn verify(node: &Node, id: &str) -> Result<VerifiedSnapshot, Refusal> {
    let row = find(node, &schema::DATA_SNAPSHOTS, id)?;
    let Some(content_hash) = text(&row, "hash").and_then(|hash| hash.parse::<ContentHash>().ok()) else {
        return Ok(VerifiedSnapshot::NotSealed);
    };
    match verify_snapshot(&node.lake.without_copies(), content_hash) {
        Ok(rows) => Ok(VerifiedSnapshot::Holds { content_hash, rows }),
        Err(error) if error.retry_helps() => Err(error.into()),
        Err(error) => Ok(VerifiedSnapshot::Differs { problem: error.to_string() }),
    }
}

/// The instrument; without a venue the only one that has the symbol.
fn instrument(node: &Node, request: &SnapshotRequest) -> Result<InstrumentId, Refusal> {
    if let Some(venue) = &request.venue {
        return InstrumentId::new(&request.instrument, venue).map_err(Refusal::input);
    }
    if let Some((symbol, venue)) = request.instrument.split_once('.') {
        return InstrumentId::new(symbol, venue).map_err(Refusal::input);
    }
    let rows = node.views.scan(&schema::SOURCES, None)?;
    let symbol = request.instrument.to_ascii_uppercase();
    let mut venues: Vec<String> = rows
        .iter()
        .filter_map(|row| row.get("instrument")?.as_text()?.split_once('.'))
        .filter(|(of, _)| *of == symbol)
        .map(|(_, venue)| venue.to_owned())
        .collect();
    venues.sort();
    venues.dedup();
    match venues.as_slice() {
        [venue] => InstrumentId::new(&symbol, venue).map_err(Refusal::input),
        [] => Err(Refusal::BadInput(format!("there is no data for {symbol}: feed it first"))),
        several => Err(Refusal::BadInput(format!(
            "{symbol} has data of {}: say which with --venue",
            several.join(", ")
        ))),
    }
}
