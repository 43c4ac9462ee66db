//! `ls`, `show`, `compare`: what the views say.

use std::collections::BTreeMap;

use gauntlet_search::condition::Condition;
use gauntlet_search::{ParameterValue, Parameters};
use gauntlet_views::{Kind, Row, Table, Value, joins, schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::node::Node;
use crate::report::{Refusal, Report};
use crate::table::{number, table};

/// What to list.
#[derive(Debug, Clone, Serialize, Deserialize, clap::Args)]
pub struct LsArgs {
    /// experiments, runs, models, snapshots, trials, configs or quality.
    pub what: String,
    /// A condition over the columns, such as "status == 'completed' and rows > 100".
    #[arg(long)]
    pub filter: Option<String>,
    /// A column; a leading '-' turns the order round.
    #[arg(long, allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// At most so many.
    #[arg(long)]
    pub limit: Option<usize>,
}

/// Lists that there are, and their tables.
const LISTS: [(&str, &Table); 7] = [
    ("experiments", &schema::EXPERIMENTS),
    ("runs", &schema::RUNS),
    ("models", &schema::MODELS),
    ("snapshots", &schema::DATA_SNAPSHOTS),
    ("trials", &schema::TUNING_RESULTS),
    ("configs", &schema::CONFIGURATIONS),
    ("quality", &schema::QUALITY),
];

/// Lists rows of a view.
pub fn ls(node: &Node, args: &LsArgs) -> Result<Report, Refusal> {
    let names = LISTS.map(|(name, _)| name);
    let Some((_, of)) = LISTS.iter().find(|(name, _)| *name == args.what) else {
        let near = gauntlet_config::nearest(&args.what, names).map(|name| format!("did you mean {name}? "));
        let known = names.join(", ");
        let what = &args.what;
        return Err(Refusal::BadInput(format!(
            "there is no list '{what}': {}known are {known}",
            near.unwrap_or_default()
        )));
    };
    let mut rows = node.views.scan(of, None)?;
    if let Some(text) = &args.filter {
        let condition = filter(of, text)?;
        rows.retain(|row| condition.holds(&params(row)));
    }
    match args.sort.as_deref() {
        Some(sort) => sort_by(of, &mut rows, sort)?,
        None => rows.sort_by(|a, b| a.key.cmp(&b.key)),
    }
    rows.truncate(args.limit.unwrap_or(usize::MAX));
    let rows: Vec<Row> = rows.into_iter().map(|row| completed(node, row)).collect::<Result<_, _>>()?;
    let header: Vec<&str> = of.key().chain(of.columns).map(|column| column.name).filter(shown).collect();
    let cells = |row: &Row| header.iter().map(|name| cell(row, name)).collect();
    let json = rows.iter().map(row_json).collect();
    Ok(Report::done(Json::Array(json), table(&header, rows.iter().map(cells))))
}

/// Columns that make a list unreadable are left to `show`.
fn shown(name: &&str) -> bool {
    !matches!(
        *name,
        "description" | "parameters" | "files" | "detail" | "key_metrics" | "metrics" | "verdict"
    )
}

fn filter(of: &Table, text: &str) -> Result<Condition, Refusal> {
    let condition =
        Condition::parse(text).map_err(|error| Refusal::BadInput(format!("--filter: {error}")))?;
    for name in condition.names() {
        require_column(of, "--filter", name)?;
    }
    Ok(condition)
}

fn require_column(of: &Table, option: &str, name: &str) -> Result<(), Refusal> {
    let known: Vec<&str> = of.key().chain(of.columns).map(|column| column.name).collect();
    if known.contains(&name) {
        return Ok(());
    }
    let near = gauntlet_config::nearest(name, known.iter().copied());
    let hint = near.map(|name| format!("did you mean {name}? ")).unwrap_or_default();
    Err(Refusal::BadInput(format!(
        "{option}: there is no column '{name}': {hint}columns are {}",
        known.join(", ")
    )))
}

fn sort_by(of: &Table, rows: &mut [Row], sort: &str) -> Result<(), Refusal> {
    let (name, descending) = match sort.strip_prefix('-') {
        Some(name) => (name, true),
        None => (sort, false),
    };
    require_column(of, "--sort", name)?;
    rows.sort_by(|a, b| {
        let (left, right) = (a.get(name), b.get(name));
        // Undefined last, whichever way.
        let defined = |value: &Option<&Value>| value.is_none_or(Value::is_null);
        let order = if descending { right.cmp(&left) } else { left.cmp(&right) };
        defined(&left).cmp(&defined(&right)).then(order).then_with(|| a.key.cmp(&b.key))
    });
    Ok(())
}

/// A row's cells as values of a condition; a time is its RFC 3339 text, which sorts as it should.
fn params(row: &Row) -> Parameters {
    let names = row.table.key().chain(row.table.columns).map(|column| column.name);
    let values = names.filter_map(|name| {
        let value = match row.get(name)? {
            Value::Text(text) => ParameterValue::Text(text.clone()),
            Value::Long(long) => ParameterValue::Int(*long),
            Value::Double(double) => ParameterValue::Float(*double),
            Value::Bool(flag) => ParameterValue::Flag(*flag),
            Value::Timestamp(nanos) => ParameterValue::Text(gauntlet_domain::Timestamp(*nanos).to_string()),
            Value::Null => return None,
        };
        Some((name.to_owned(), value))
    });
    values.collect()
}

/// Fills in what a row takes from another table.
fn completed(node: &Node, row: Row) -> Result<Row, Refusal> {
    if row.table.name == schema::RUNS.name {
        let experiment = text(&row, "experiment_id").unwrap_or_default();
        let run = row.get("run_id").cloned();
        let runs = joins::runs(&*node.views, experiment)?;
        return Ok(runs.into_iter().find(|of| of.get("run_id") == run.as_ref()).unwrap_or(row));
    }
    if row.table.name == schema::MODELS.name {
        let model = text(&row, "model_id").unwrap_or_default();
        return Ok(joins::model(&*node.views, model)?.unwrap_or(row));
    }
    Ok(row)
}

/// A row as JSON: times as RFC 3339, embedded documents as documents.
pub fn row_json(row: &Row) -> Json {
    let mut object = Map::new();
    for column in row.table.key().chain(row.table.columns) {
        let value = match row.get(column.name) {
            None | Some(Value::Null) => Json::Null,
            Some(Value::Text(text)) if is_document(column.name) => {
                serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone()))
            }
            Some(Value::Text(text)) => Json::String(text.clone()),
            Some(Value::Long(long)) => json!(long),
            Some(Value::Double(double)) => json!(double),
            Some(Value::Bool(flag)) => json!(flag),
            Some(Value::Timestamp(nanos)) => Json::String(gauntlet_domain::Timestamp(*nanos).to_string()),
        };
        object.insert(column.name.to_owned(), value);
    }
    Json::Object(object)
}

fn is_document(column: &str) -> bool {
    matches!(
        column,
        "parameters"
            | "hyperparameters"
            | "metrics"
            | "key_metrics"
            | "files"
            | "rejected"
            | "corrected"
            | "finalists"
            | "sharpe"
            | "evidence"
            | "waiver"
    )
}

fn cell(row: &Row, name: &str) -> String {
    match row.get(name) {
        None | Some(Value::Null) => "-".into(),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Long(long)) => long.to_string(),
        Some(Value::Double(double)) => number(Some(*double)),
        Some(Value::Bool(flag)) => if *flag { "yes" } else { "no" }.into(),
        Some(Value::Timestamp(nanos)) => gauntlet_domain::Timestamp(*nanos).to_string(),
    }
}

/// One row, a column a line.
pub fn show_text(row: &Row) -> String {
    let columns: Vec<_> = row.table.key().chain(row.table.columns).collect();
    let rows = columns.iter().map(|column| vec![column.name.to_owned(), cell(row, column.name)]);
    table(&[row.table.name, ""], rows)
}

fn text<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column).and_then(Value::as_text)
}

/// The row of a table whose key is this id or begins with it.
pub fn find(node: &Node, of: &'static Table, id: &str) -> Result<Row, Refusal> {
    let mut found = matching(node, of, id)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Refusal::BadInput(format!(
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
    Ok(rows.into_iter().filter(|row| text(row, column).is_some_and(|own| own.starts_with(id))).collect())
}

fn singular(of: &Table) -> &str {
    of.name.trim_end_matches('s')
}

/// Tables that an id may be of.
const SHOWN: [&Table; 5] =
    [&schema::EXPERIMENTS, &schema::MODELS, &schema::DATA_SNAPSHOTS, &schema::CONFIGURATIONS, &schema::RUNS];

/// Shows whatever has this id.
pub fn show(node: &Node, id: &str) -> Result<Report, Refusal> {
    let row = find_anywhere(node, id)?;
    if row.table.name == schema::EXPERIMENTS.name {
        return experiment_report(node, &row);
    }
    let row = completed(node, row)?;
    let mut json = row_json(&row);
    if row.table.name == schema::MODELS.name {
        json["verdicts"] = verdicts(node, text(&row, "model_id").unwrap_or_default())?;
    }
    Ok(Report::done(json, show_text(&row)))
}

/// What the gates say of a model, each with what it was judged on.
fn verdicts(node: &Node, model_id: &str) -> Result<Json, Refusal> {
    if model_id.is_empty() {
        return Ok(json!([]));
    }
    let rows = node.views.partition(&schema::VERDICTS, &[model_id.into()], None)?;
    let of_gate = |row: &Row| {
        let mut json = row_json(row);
        if let Some(fields) = json.as_object_mut() {
            fields.retain(|name, _| name != "model_id" && name != "experiment_id");
        }
        json
    };
    Ok(rows.iter().map(of_gate).collect())
}

fn find_anywhere(node: &Node, id: &str) -> Result<Row, Refusal> {
    let mut found = Vec::new();
    for of in SHOWN {
        found.extend(matching(node, of, id)?);
    }
    // The runs of a model begin with its id; the model itself is meant.
    if found.iter().any(|row| row.table.name != schema::RUNS.name) {
        found.retain(|row| row.table.name != schema::RUNS.name);
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Refusal::BadInput(format!(
            "nothing has an id that begins with '{id}': see gauntlet ls experiments"
        ))),
        many => {
            // An exact id is meant even where longer ones begin with it.
            let exact = found.iter().position(|row| row.key.last().and_then(Value::as_text) == Some(id));
            exact.map(|at| found.remove(at)).ok_or_else(|| {
                Refusal::BadInput(format!(
                    "{many} things have an id that begins with '{id}': give more digits"
                ))
            })
        }
    }
}

/// An experiment with its leaderboard, for people and scripts.
pub fn experiment_report(node: &Node, row: &Row) -> Result<Report, Refusal> {
    let id = text(row, "experiment_id").unwrap_or_default().to_owned();
    let objective = objective(node, row)?;
    let board = node.views.partition(
        &schema::LEADERBOARDS,
        &[id.as_str().into(), objective.as_str().into()],
        None,
    )?;
    let trials = node.views.partition(&schema::TUNING_RESULTS, &[id.as_str().into()], None)?;
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for trial in &trials {
        *states.entry(text(trial, "state").unwrap_or("unknown")).or_default() += 1;
    }
    let mut leaderboard = Vec::new();
    let mut lines = Vec::new();
    for (place, entry) in (1..).zip(&board) {
        let model_id = text(entry, "model_id").unwrap_or_default();
        let model = joins::model(&*node.views, model_id)?;
        let parameters = model.as_ref().and_then(|model| text(model, "parameters")).unwrap_or("{}");
        let verdict = model.as_ref().and_then(|model| text(model, "verdict")).unwrap_or("");
        lines.push(vec![
            place.to_string(),
            cell(entry, "trial"),
            cell(entry, "walk_forward"),
            cell(entry, "holdout"),
            if entry.get("confirmed") == Some(&Value::Bool(true)) { "confirmed" } else { "REFUSED" }.into(),
            parameters.to_owned(),
        ]);
        let mut line = row_json(entry);
        line["place"] = json!(place);
        line["parameters"] = serde_json::from_str(parameters).unwrap_or(Json::Null);
        line["verdict"] = json!(verdict);
        line["verdicts"] = verdicts(node, model_id)?;
        leaderboard.push(line);
    }
    let mut json = row_json(row);
    json["objective"] = json!(objective);
    json["trials"] = json!(states);
    json["leaderboard"] = Json::Array(leaderboard);
    let counted: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let mut report = format!(
        "{} ({}) {}\n{id}\ntrials: {}\n",
        cell(row, "name"),
        cell(row, "mandate"),
        cell(row, "status"),
        if counted.is_empty() { "none".into() } else { counted.join(", ") },
    );
    if let Some(detail) = text(row, "detail").filter(|detail| !detail.is_empty()) {
        report.push_str(&format!("{detail}\n"));
    }
    if !lines.is_empty() {
        let walk = format!("{objective}, walk-forward");
        report.push_str(&table(&["#", "trial", &walk, "hold-out", "verdict", "parameters"], lines));
    }
    let failed = text(row, "status") == Some("failed");
    Ok(if failed { Report::no(json, report) } else { Report::done(json, report) })
}

/// The metric that an experiment optimises.
fn objective(node: &Node, row: &Row) -> Result<String, Refusal> {
    let Some(config) = text(row, "config_id") else { return Ok("sharpe".into()) };
    let row = node.views.row(&schema::CONFIGURATIONS, &[config.into()])?;
    let document = row.as_ref().and_then(|row| text(row, "parameters"));
    let document: Option<Json> = document.and_then(|text| serde_json::from_str(text).ok());
    Ok(document
        .and_then(|d| d["tuning"]["objective"].as_str().map(str::to_owned))
        .unwrap_or_else(|| "sharpe".into()))
}

/// Puts several things of one kind side by side, a column a row.
pub fn compare(node: &Node, ids: &[String]) -> Result<Report, Refusal> {
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
    let mut sides: Vec<BTreeMap<String, Json>> = rows.iter().map(|row| flat(&row_json(row))).collect();
    for (side, row) in sides.iter_mut().zip(&rows) {
        if row.table.name == schema::EXPERIMENTS.name {
            let mut report = experiment_report(node, row)?.json;
            if let Some(best) = report["leaderboard"].get_mut(0) {
                // A list of documents has no place in a line; `show` has it.
                best.as_object_mut().map(|best| best.remove("verdicts"));
                side.extend(flat(&json!({ "best": best })));
            }
        }
    }
    let mut names: Vec<&String> = sides.iter().flat_map(BTreeMap::keys).collect();
    names.sort();
    names.dedup();
    let plain = |value: Option<&Json>| match value {
        None | Some(Json::Null) => "-".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(n)) if n.is_f64() => number(n.as_f64()),
        Some(other) => other.to_string(),
    };
    let lines = names.iter().map(|name| {
        let values = sides.iter().map(|side| plain(side.get(*name)));
        std::iter::once((*name).clone()).chain(values).collect()
    });
    let header: Vec<String> = std::iter::once(of.name.to_owned()).chain(ids.iter().cloned()).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let text = table(&header, lines);
    let json: Vec<Json> = sides.into_iter().map(|side| json!(side)).collect();
    Ok(Report::done(Json::Array(json), text))
}

/// Nested objects as dotted names.
fn flat(value: &Json) -> BTreeMap<String, Json> {
    fn walk(prefix: &str, value: &Json, out: &mut BTreeMap<String, Json>) {
        match value {
            Json::Object(fields) => {
                for (name, value) in fields {
                    let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                    walk(&path, value, out);
                }
            }
            other => {
                out.insert(prefix.to_owned(), other.clone());
            }
        }
    }
    let mut out = BTreeMap::new();
    walk("", value, &mut out);
    out
}
