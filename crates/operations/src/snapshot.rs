//! `snapshot create|ls|show|verify`: content-addressed data.

use gauntlet_domain::market::CreateSnapshot;
use gauntlet_domain::{ContentHash, Event, InstrumentId, Timestamp};
use gauntlet_lake::verify_snapshot;
use gauntlet_runtime::Running;
use gauntlet_views::{Row, schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::browse::{find, row_json, show_text};
use super::coverage::require_bars;
use crate::node::Node;
use crate::publish::publish_once;
use crate::report::{Refusal, Report};

/// What to seal.
#[derive(Debug, Clone, Serialize, Deserialize, clap::Args)]
pub struct CreateArgs {
    /// Symbol, such as XAUUSD.
    #[arg(long)]
    pub instrument: String,
    /// Venue, such as OANDA.
    #[arg(long)]
    pub venue: Option<String>,
    /// Which bars, such as time:1h.
    #[arg(long)]
    pub bars: String,
    /// First moment; the beginning of the data when left out.
    #[arg(long)]
    pub from: Option<String>,
    /// Last moment.
    #[arg(long)]
    pub to: Option<String>,
    /// Only bars that were known at this moment of event time.
    #[arg(long)]
    pub as_of: Option<String>,
}

/// Asks for a snapshot and waits until it is sealed, or until all is quiet and it is still pending.
pub fn create(node: &Node, running: &Running, args: &CreateArgs) -> Result<Report, Refusal> {
    let instrument = instrument(node, args)?;
    let spec = args.bars.parse().map_err(Refusal::input)?;
    require_bars(node, &instrument, spec)?;
    let time = |text: &Option<String>| {
        text.as_deref().map(str::parse::<Timestamp>).transpose().map_err(Refusal::input)
    };
    let from = time(&args.from)?.unwrap_or(Timestamp(0));
    // A bar is known when it closes, so what was known at a moment is what had closed by then.
    let to = match (time(&args.to)?, time(&args.as_of)?) {
        (Some(to), Some(as_of)) => to.min(as_of),
        (Some(to), None) | (None, Some(to)) => to,
        (None, None) => {
            return Err(Refusal::BadInput("give --to or --as-of: a snapshot has an end".into()));
        }
    };
    if from >= to {
        return Err(Refusal::BadInput(format!("--from {from} is not before --to {to}: swap them")));
    }
    let command = CreateSnapshot::new(&instrument, spec, from, to);
    let id = command.snapshot_id.to_string();
    publish_once(node, "gateway", &[Event::from(command)])?;
    let row = node.wait_for(running, || {
        // Quiet first: what is read after that is the last word.
        let quiet = running.is_quiet()?;
        let row = node.views.row(&schema::DATA_SNAPSHOTS, &[id.as_str().into()])?;
        let sealed = row.filter(|row| text(row, "status") == Some("sealed"));
        Ok(if sealed.is_some() || quiet { Some(sealed) } else { None })
    })?;
    match row {
        Some(row) if row.get("rows").and_then(|rows| rows.as_long()) == Some(0) => {
            let message = format!(
                "snapshot {id} is sealed without a bar: {instrument} has no {spec} bar between {from} and {to}; choose a \
                 period with data"
            );
            Ok(Report::no(row_json(&row), message))
        }
        Some(row) => Ok(Report::done(row_json(&row), show_text(&row))),
        None => {
            let message = format!(
                "snapshot {id} is pending: event time of {instrument} has not passed {to} yet; feed more data, it is \
                 sealed by itself"
            );
            Ok(Report::no(json!({ "snapshot_id": id, "status": "pending" }), message))
        }
    }
}

/// Re-hashes the bars of a sealed snapshot.
pub fn verify(node: &Node, id: &str) -> Result<Report, Refusal> {
    let row = find(node, &schema::DATA_SNAPSHOTS, id)?;
    let Some(hash) = text(&row, "hash").and_then(|hash| hash.parse::<ContentHash>().ok()) else {
        return Ok(Report::no(
            json!({ "ok": false, "problem": "not sealed" }),
            "the snapshot is not sealed yet",
        ));
    };
    match verify_snapshot(&node.lake.without_copies(), hash) {
        Ok(rows) => Ok(Report::done(
            json!({ "ok": true, "content_hash": hash, "rows": rows }),
            format!("{rows} bars, hash {hash} holds"),
        )),
        Err(error) if error.retry_helps() => Err(error.into()),
        Err(error) => Ok(Report::no(json!({ "ok": false, "problem": error.to_string() }), error.to_string())),
    }
}

/// The instrument; without a venue the only one that has the symbol.
fn instrument(node: &Node, args: &CreateArgs) -> Result<InstrumentId, Refusal> {
    if let Some(venue) = &args.venue {
        return InstrumentId::new(&args.instrument, venue).map_err(Refusal::input);
    }
    if let Some((symbol, venue)) = args.instrument.split_once('.') {
        return InstrumentId::new(symbol, venue).map_err(Refusal::input);
    }
    let rows = node.views.scan(&schema::SOURCES, None)?;
    let symbol = args.instrument.to_ascii_uppercase();
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

fn text<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column).and_then(|value| value.as_text())
}
