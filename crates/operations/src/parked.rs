//! Which experiments wait because their own data cannot be read.

use std::collections::BTreeMap;

use gauntlet_log::{Positions, TopicPartition};
use gauntlet_runtime::parked::parked;
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
    let mut counts: BTreeMap<(String, &str, String), i64> = BTreeMap::new();
    for worker in &node.processors.workers {
        for request in parked(&*node.log, &node.codec, worker.name(), worker.topic())? {
            let Some(id) = request.event.experiment() else { continue };
            *counts.entry((id.to_string(), worker.name(), request.why)).or_default() += 1;
        }
    }
    let row = |((id, processor, why), requests): ((String, &str, String), i64)| Row {
        table: &PARKED,
        key: vec![id.as_str().into(), processor.into(), why.as_str().into()],
        cells: vec![requests.into()],
    };
    Ok(counts.into_iter().map(row).collect())
}

/// How far requests are parked, and how far those are answered. Where both are equal at two moments, nothing was parked
/// and nothing that was parked was answered between them.
pub(crate) fn positions(node: &Node) -> Result<[Positions; 2], Refusal> {
    let (mut ends, mut answered) = (Positions::new(), Positions::new());
    for worker in &node.processors.workers {
        let (topic, committed) = (worker.topic().parked(), node.log.committed(worker.name())?);
        for partition in 0..node.log.partitions(&topic)? {
            let place = TopicPartition::new(topic.as_str(), partition);
            answered.insert(place.clone(), committed.get(&place).copied().unwrap_or_default());
            ends.insert(place.clone(), node.log.bounds(&place)?.1);
        }
    }
    Ok([ends, answered])
}

/// What an experiment waits for, one sentence a cause.
pub(crate) fn causes(node: &Node, experiment: &str) -> Result<Vec<String>, Refusal> {
    let rows = rows(node)?;
    let own = rows.iter().filter(|row| text(row, "experiment_id") == Some(experiment));
    Ok(own.filter_map(|row| text(row, "why").map(str::to_owned)).collect())
}

/// The refusal to wait any longer for an experiment whose data cannot be read.
pub(crate) fn cannot_go_on(experiment: &str, causes: &[String]) -> Refusal {
    Refusal::Outside(format!(
        "experiment {experiment} cannot go on: {}\nNothing is lost: put the data back and run the same command again, or \
         end it with gauntlet cancel {experiment}",
        causes.join("\n")
    ))
}
