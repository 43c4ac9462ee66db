//! Which data there are of an instrument: the sum of its sources.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_domain::{BarSpec, Timestamp};
use gauntlet_views::schema::{self, column};
use gauntlet_views::{Kind, Row, Table, Value};

use crate::node::Node;
use crate::refusal::Refusal;
use crate::rows::text;

/// What `ls instruments` lists. It is no view: it is added up from the sources.
pub static INSTRUMENTS: Table = Table {
    name: "instruments",
    partition_key: &[column("instrument", Kind::Text)],
    clustering: &[],
    columns: &[
        column("bars", Kind::Text),
        column("data_from", Kind::Timestamp),
        column("data_to", Kind::Timestamp),
        column("sources", Kind::Long),
        column("rows", Kind::Long),
        column("accepted", Kind::Long),
        column("gaps", Kind::Long),
    ],
    doc: "An instrument of which data were fed; bars are the specs that there are",
};

/// The data of one instrument.
#[derive(Default)]
struct Held {
    bars: BTreeSet<String>,
    times: Option<(i64, i64)>,
    sources: i64,
    rows: i64,
    accepted: i64,
    gaps: i64,
}

/// The instruments of which data were fed, in the order of their names. What was given up counts for nothing.
pub fn instruments(node: &Node) -> Result<Vec<Row>, Refusal> {
    let mut all: BTreeMap<String, Held> = BTreeMap::new();
    for row in node.views.scan(&schema::SOURCES, None)? {
        if text(&row, "status") != Some("cleaned") {
            continue;
        }
        let of = all.entry(text(&row, "instrument").unwrap_or_default().to_owned()).or_default();
        let long = |column| row.get(column).and_then(Value::as_long).unwrap_or(0);
        of.sources += 1;
        of.rows += long("rows");
        of.accepted += long("accepted");
        of.gaps += long("gaps");
        let specs = text(&row, "bars").unwrap_or_default();
        of.bars.extend(specs.split(", ").filter(|spec| !spec.is_empty()).map(str::to_owned));
        if let (Some(Value::Timestamp(from)), Some(Value::Timestamp(to))) =
            (row.get("data_from"), row.get("data_to"))
        {
            of.times = Some(of.times.map_or((*from, *to), |(first, last)| (first.min(*from), last.max(*to))));
        }
    }
    Ok(all.into_iter().map(|(name, held)| held.row(name)).collect())
}

/// How far the rows of an instrument go whose sources hold or make bars of a spec.
pub(crate) fn until(node: &Node, instrument: &str, spec: BarSpec) -> Result<Option<Timestamp>, Refusal> {
    let rows = node.views.partition(&schema::SOURCES, &[instrument.into()], None)?;
    let spec = spec.to_string();
    let has_spec =
        |row: &&Row| text(row, "bars").is_some_and(|bars| bars.split(", ").any(|bars| bars == spec));
    let until = rows.iter().filter(has_spec).filter_map(|row| match row.get("data_to") {
        Some(Value::Timestamp(to)) => Some(Timestamp(*to)),
        _ => None,
    });
    Ok(until.max())
}

impl Held {
    fn row(self, instrument: String) -> Row {
        let time = |time: Option<i64>| time.map_or(Value::Null, Value::Timestamp);
        let bars = self.bars.into_iter().collect::<Vec<_>>().join(", ");
        let cells = vec![
            bars.into(),
            time(self.times.map(|(from, _)| from)),
            time(self.times.map(|(_, to)| to)),
            self.sources.into(),
            self.rows.into(),
            self.accepted.into(),
            self.gaps.into(),
        ];
        Row { table: &INSTRUMENTS, key: vec![instrument.into()], cells }
    }
}
