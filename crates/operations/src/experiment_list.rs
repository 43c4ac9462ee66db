//! What `ls experiments` lists: the view's rows with what they came to.

use gauntlet_views::schema::{self, column};
use gauntlet_views::{Kind, Row, Table, Value};

use crate::experiment_report::document;
use crate::node::Node;
use crate::refusal::Refusal;
use crate::rows::text;

/// Experiments with the objective, the score of the first place and what its hold-out says.
pub static EXPERIMENT_LIST: Table = Table {
    name: "experiments",
    partition_key: schema::EXPERIMENTS.partition_key,
    clustering: &[],
    columns: &[
        column("name", Kind::Text),
        column("description", Kind::Text),
        column("start", Kind::Timestamp),
        column("end", Kind::Timestamp),
        column("config_id", Kind::Text),
        column("mandate", Kind::Text),
        column("place", Kind::Long),
        column("status", Kind::Text),
        column("detail", Kind::Text),
        column("tuning_snapshot", Kind::Text),
        column("holdout_snapshot", Kind::Text),
        column("warnings", Kind::Text),
        column("objective", Kind::Text),
        column("value", Kind::Double),
        column("verdict", Kind::Text),
        column("judgement", Kind::Text),
        column("policy", Kind::Text),
        column("submitted_by", Kind::Text),
        column("selected", Kind::Text),
    ],
    doc: "An experiment; value is the objective of the first place over the tuning bars",
};

/// A row of the view with what it came to.
pub(crate) fn with_outcome(node: &Node, row: &Row) -> Result<Row, Refusal> {
    let mut cells: Vec<Value> = EXPERIMENT_LIST
        .columns
        .iter()
        .map(|column| row.get(column.name).cloned().unwrap_or(Value::Null))
        .collect();
    let mut put = |name: &str, value: Value| {
        if let Some(place) = EXPERIMENT_LIST.column(name) {
            cells[place] = value;
        }
    };
    let objective =
        document(node, row)?.and_then(|document| document["tuning"]["objective"].as_str().map(str::to_owned));
    if let (Some("completed"), Some(objective)) = (text(row, "status"), &objective) {
        let of = [row.key[0].clone(), objective.as_str().into()];
        if let Some(first) = node.views.partition(&schema::LEADERBOARDS, &of, Some(1))?.first() {
            let score = |name: &str| first.get(name).filter(|value| !value.is_null()).cloned();
            put("value", score("tuning").or_else(|| score("walk_forward")).unwrap_or(Value::Null));
            let is_confirmed = first.get("confirmed") == Some(&Value::Bool(true));
            put("verdict", if is_confirmed { "confirmed" } else { "refused" }.into());
        }
    }
    put("objective", objective.as_deref().into());
    Ok(Row { table: &EXPERIMENT_LIST, key: row.key.clone(), cells })
}
