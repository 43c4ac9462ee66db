//! `ls`, `show`, `compare`: what the views say.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::str::FromStr;

use gauntlet_config::nearest;
use gauntlet_domain::gates;
use gauntlet_views::{Kind, Row, Table, Value, joins, schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::experiment_list::EXPERIMENT_LIST;
use crate::experiment_report::{ExperimentReport, experiment_report};
use crate::inventory;
use crate::listing;
use crate::model_report::{ModelReport, model_report};
use crate::node::Node;
use crate::parked;
use crate::refusal::Refusal;
use crate::rows::{GateVerdict, ViewRow, text};

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRequest {
    /// Which list.
    pub what: List,
    /// Which rows, as `gauntlet_filter` reads it: `status = 'completed' and rows > 100`.
    pub filter: Option<String>,
    /// In which order; by key when left out.
    pub sort: Option<Sort>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum List {
    Experiments,
    Runs,
    Models,
    Snapshots,
    Trials,
    Configs,
    Quality,
    Sources,
    Instruments,
    Parked,
}

/// Rows that one answer holds at most; whoever reads row by row has no such bound.
const MOST_IN_ONE_ANSWER: usize = 100_000;

/// Lists that there are, and their tables.
pub(crate) const LISTS: [(List, &str, &Table); 10] = [
    (List::Experiments, "experiments", &EXPERIMENT_LIST),
    (List::Runs, "runs", &schema::RUNS),
    (List::Models, "models", &schema::MODELS),
    (List::Snapshots, "snapshots", &schema::DATA_SNAPSHOTS),
    (List::Trials, "trials", &schema::TUNING_RESULTS),
    (List::Configs, "configs", &schema::CONFIGURATIONS),
    (List::Quality, "quality", &schema::QUALITY),
    (List::Sources, "sources", &schema::SOURCES),
    (List::Instruments, "instruments", &inventory::INSTRUMENTS),
    (List::Parked, "parked", &parked::PARKED),
];

impl List {
    /// The table of a list.
    pub fn table(self) -> &'static Table {
        let found = LISTS.into_iter().find(|(list, ..)| *list == self);
        found.map_or(&EXPERIMENT_LIST, |(.., table)| table)
    }
}

impl FromStr for List {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<List, Refusal> {
        if let Some((list, ..)) = LISTS.into_iter().find(|(_, known, _)| *known == name) {
            return Ok(list);
        }
        let names = LISTS.map(|(_, name, _)| name);
        let near = nearest(name, names).map(|name| format!("did you mean {name}? "));
        let known = names.join(", ");
        Err(Refusal::BadInput(format!(
            "there is no list '{name}': {}known are {known}",
            near.unwrap_or_default()
        )))
    }
}

/// An order of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    /// The column that decides.
    pub column: String,
    /// The greatest first; what is undefined comes last either way.
    pub descending: bool,
}

/// Rows of one view.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Listing {
    /// Of which table.
    #[serde(skip)]
    pub of: &'static Table,
    /// The rows.
    pub rows: Vec<ViewRow>,
}

/// One thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Shown {
    /// An experiment with its leaderboard.
    Experiment(ExperimentReport),
    /// A model with everything that speaks for and against it.
    Model(Box<ModelReport>),
    /// Anything else.
    Row(ViewRow),
}

/// Several things of one kind side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Comparison {
    /// Of which table.
    #[serde(skip)]
    pub of: &'static Table,
    /// The ids as they were given.
    #[serde(skip)]
    pub ids: Vec<String>,
    /// For each its values by name; a dot leads into a document. The values are of whatever shape the documents have.
    pub sides: Vec<BTreeMap<String, Json>>,
}

/// Lists rows of a view, all of them in one answer.
pub fn list(node: &Node, request: &ListRequest) -> Result<Listing, Refusal> {
    let mut rows = Vec::new();
    listing::each(node, request, &mut |row| {
        if rows.len() == MOST_IN_ONE_ANSWER {
            return Err(Refusal::BadInput(format!(
                "more than {MOST_IN_ONE_ANSWER} rows are not answered at once by a running up or as of a time: give --limit or \
                 --filter, or list them all without"
            )));
        }
        rows.push(row);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Listing { of: request.what.table(), rows })
}

/// Fills in what a row takes from another table.
pub(crate) fn completed(node: &Node, row: Row) -> Result<Row, Refusal> {
    if row.table.name == schema::RUNS.name {
        return Ok(joins::run(&*node.views, row)?);
    }
    if row.table.name == schema::MODELS.name {
        let model = text(&row, "model_id").unwrap_or_default();
        return Ok(joins::model(&*node.views, model)?.unwrap_or(row));
    }
    Ok(row)
}

/// The row of a table whose key is this id or begins with it; an experiment may be named.
pub fn find(node: &Node, of: &'static Table, id: &str) -> Result<Row, Refusal> {
    let mut found = matching(node, of, id)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 if of.name == schema::EXPERIMENTS.name => named(node, id, "no experiment"),
        0 => Err(Refusal::NotFound(format!(
            "no {} has an id that begins with '{id}': see gauntlet ls",
            singular(of)
        ))),
        many => Err(Refusal::BadInput(format!("{many} of {} begin with '{id}': give more digits", of.name))),
    }
}

fn matching(node: &Node, of: &'static Table, id: &str) -> Result<Vec<Row>, Refusal> {
    // The id is the last key column that is text: of a run its own id, not its experiment's.
    let column = of.key().filter(|column| column.kind == Kind::Text).last().map_or("", |column| column.name);
    let rows = node.views.scan(of, None)?;
    Ok(rows.into_iter().filter(|row| text(row, column).is_some_and(|own| begins(own, id))).collect())
}

/// Whether an id begins so. The id of a run has two parts, `EXPERIMENT:walk_forward`, of which either may be cut short.
fn begins(own: &str, id: &str) -> bool {
    let parts = own.split_once(':').zip(id.split_once(':'));
    own.starts_with(id)
        || parts.is_some_and(|((of, run), (of_id, run_id))| of.starts_with(of_id) && run.starts_with(run_id))
}

fn singular(of: &Table) -> &str {
    of.name.trim_end_matches('s')
}

/// Tables that an id may be of.
const SHOWN: [&Table; 5] =
    [&schema::EXPERIMENTS, &schema::MODELS, &schema::DATA_SNAPSHOTS, &schema::CONFIGURATIONS, &schema::RUNS];

/// Shows whatever has this id, or an id that begins with it, or the experiment of this name.
pub fn show(node: &Node, id: &str) -> Result<Shown, Refusal> {
    let row = find_anywhere(node, id)?;
    shown(node, row)
}

/// A row with everything that belongs to it.
pub fn shown(node: &Node, row: Row) -> Result<Shown, Refusal> {
    if row.table.name == schema::EXPERIMENTS.name {
        return Ok(Shown::Experiment(experiment_report(node, row)?));
    }
    let row = completed(node, row)?;
    if row.table.name == schema::MODELS.name {
        return Ok(Shown::Model(Box::new(model_report(node, row)?)));
    }
    Ok(Shown::Row(ViewRow(row)))
}

/// What the gates say of a model, each with what it was judged on, in the order of the table of gates.
pub(crate) fn verdicts(node: &Node, model_id: &str) -> Result<Vec<GateVerdict>, Refusal> {
    if model_id.is_empty() {
        return Ok(Vec::new());
    }
    let rows = node.views.partition(&schema::VERDICTS, &[model_id.into()], None)?;
    let mut verdicts: Vec<GateVerdict> = rows.into_iter().map(GateVerdict).collect();
    verdicts.sort_by_key(|verdict| {
        let gate = verdict.0.key.get(1).and_then(Value::as_text).unwrap_or_default();
        gates::ALL.iter().position(|of| of.name == gate).unwrap_or(usize::MAX)
    });
    Ok(verdicts)
}

/// Whatever has this id, or an id that begins with it, or the experiment of this name.
pub(crate) fn find_anywhere(node: &Node, id: &str) -> Result<Row, Refusal> {
    find_by_id(node, id)?.map_or_else(|| named(node, id, "nothing"), Ok)
}

/// Whatever has this id, or an id that begins with it.
pub(crate) fn find_by_id(node: &Node, id: &str) -> Result<Option<Row>, Refusal> {
    let mut found = Vec::new();
    for of in SHOWN {
        found.extend(matching(node, of, id)?);
    }
    // The runs of a model begin with its id; the model itself is meant.
    if found.iter().any(|row| row.table.name != schema::RUNS.name) {
        found.retain(|row| row.table.name != schema::RUNS.name);
    }
    match found.len() {
        0 | 1 => Ok(found.pop()),
        many => {
            // An exact id is meant even where longer ones begin with it.
            let exact = found.iter().position(|row| row.key.last().and_then(Value::as_text) == Some(id));
            exact.map(|at| Some(found.remove(at))).ok_or_else(|| {
                Refusal::BadInput(format!(
                    "{many} things have an id that begins with '{id}': give more digits"
                ))
            })
        }
    }
}

/// The experiments of a name.
pub(crate) fn all_named(node: &Node, name: &str) -> Result<Vec<Row>, Refusal> {
    let rows = node.views.scan(&schema::EXPERIMENTS, None)?;
    Ok(rows.into_iter().filter(|row| text(row, "name") == Some(name)).collect())
}

/// The experiment of a name.
fn named(node: &Node, name: &str, what: &str) -> Result<Row, Refusal> {
    let mut found = all_named(node, name)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Refusal::NotFound(format!(
            "{what} has an id that begins with '{name}', and no experiment has that name: see gauntlet ls experiments"
        ))),
        many => {
            let ids = found.iter().filter_map(|row| text(row, "experiment_id")).take(MOST_NAMED);
            let ids = ids.map(|id| id.get(..13).unwrap_or(id)).collect::<Vec<_>>().join(", ");
            Err(Refusal::BadInput(format!(
                "{many} experiments have the name '{name}': give an id, of {ids}{}",
                if many > MOST_NAMED { " and others" } else { "" }
            )))
        }
    }
}

/// Ids that a refusal names at most.
const MOST_NAMED: usize = 8;

/// Puts several things of one kind side by side.
pub fn compare(node: &Node, ids: &[String]) -> Result<Comparison, Refusal> {
    let rows =
        ids.iter().map(|id| completed(node, find_anywhere(node, id)?)).collect::<Result<Vec<_>, _>>()?;
    let Some(of) = rows.first().map(|row| row.table) else {
        return Err(Refusal::BadInput("give at least two ids to compare".into()));
    };
    if let Some(other) = rows.iter().find(|row| row.table.name != of.name) {
        let (one, two) = (singular(of), singular(other.table));
        return Err(Refusal::BadInput(format!(
            "a {one} and a {two} cannot be compared: give ids of one kind"
        )));
    }
    let mut sides = Vec::new();
    for row in rows {
        let mut side = flat("", &ViewRow(row.clone()))?;
        if of.name == schema::EXPERIMENTS.name
            && let Some(best) = experiment_report(node, row)?.leaderboard.first()
        {
            side.extend(flat("best", best)?);
            // A list of documents has no place in a line; `show` has it.
            side.remove("best.verdicts");
        }
        sides.push(side);
    }
    Ok(Comparison { of, ids: ids.to_vec(), sides })
}

/// Nested objects as dotted names.
fn flat(prefix: &str, value: &impl Serialize) -> Result<BTreeMap<String, Json>, Refusal> {
    fn walk(prefix: &str, value: Json, out: &mut BTreeMap<String, Json>) {
        match value {
            Json::Object(fields) => {
                for (name, value) in fields {
                    let path = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
                    walk(&path, value, out);
                }
            }
            other => {
                out.insert(prefix.to_owned(), other);
            }
        }
    }
    let value = serde_json::to_value(value)
        .map_err(|error| Refusal::Broken(format!("a row is no document: {error}")))?;
    let mut out = BTreeMap::new();
    walk(prefix, value, &mut out);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::begins;

    #[test]
    fn the_beginning_of_an_id_is_enough_on_both_sides_of_its_colon() {
        for id in ["", "e8", "e8aa:", "e8:walk_forward", "e8aaa9:walk", "e8aaa9:walk_forward"] {
            assert!(begins("e8aaa9:walk_forward", id), "{id}");
        }
        for id in ["e9", "e8:holdout", "e9:walk_forward", "e8aaa9:walk_forwards", "walk_forward"] {
            assert!(!begins("e8aaa9:walk_forward", id), "{id}");
        }
        assert!(!begins("e8aaa9", "e8:walk_forward"));
    }
}
