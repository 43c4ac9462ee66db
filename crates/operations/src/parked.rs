//! Which experiments wait because their own data cannot be read.

use std::collections::BTreeMap;

use gauntlet_runtime::parked::{Stretches, parked};
use gauntlet_views::schema::column;
use gauntlet_views::{Kind, Row, Table};

use crate::node::Node;
use crate::refusal::Refusal;
use crate::rows::text;

/// What `ls parked` lists. It is no view: it is what lies on the topics of parked requests.
pub static PARKED: Table = Table {
    name: "parked",
    partition_key: &[column("experiment_id", Kind::Text)],
    clustering: &[column("processor", Kind::Text), column("why", Kind::Text)],
    columns: &[column("requests", Kind::Long)],
    doc: "Requests of an experiment that wait for data that cannot be read",
};

/// What experiments wait for, in the order of their ids.
pub fn rows(node: &Node) -> Result<Vec<Row>, Refusal> {
    Ok(look(node)?.0)
}

/// What experiments wait for, and where that lies.
fn look(node: &Node) -> Result<(Vec<Row>, Stretches), Refusal> {
    let mut counts: BTreeMap<(String, &str, String), i64> = BTreeMap::new();
    let mut all = Stretches::new();
    for worker in &node.processors.workers {
        let (requests, stretches) = parked(&*node.log, &node.codec, worker.name(), worker.topic())?;
        for request in requests {
            let Some(id) = request.event.experiment() else { continue };
            *counts.entry((id.to_string(), worker.name(), request.why)).or_default() += 1;
        }
        all.extend(stretches);
    }
    let row = |((id, processor, why), requests): ((String, &str, String), i64)| Row {
        table: &PARKED,
        key: vec![id.as_str().into(), processor.into(), why.as_str().into()],
        cells: vec![requests.into()],
    };
    Ok((counts.into_iter().map(row).collect(), all))
}

/// What an experiment waits for, one sentence a cause, and where all that is parked lies.
pub(crate) fn causes(node: &Node, experiment: &str) -> Result<(Vec<String>, Stretches), Refusal> {
    let (rows, stretches) = look(node)?;
    let own = rows.iter().filter(|row| text(row, "experiment_id") == Some(experiment));
    Ok((own.filter_map(|row| text(row, "why").map(str::to_owned)).collect(), stretches))
}

/// The refusal to wait any longer for an experiment whose data cannot be read.
pub(crate) fn cannot_go_on(experiment: &str, causes: &[String]) -> Refusal {
    Refusal::Outside(format!(
        "experiment {experiment} cannot go on: {}\nNothing is lost: put the data back and run the same command again, or \
         end it with gauntlet cancel {experiment}",
        causes.join("\n")
    ))
}
