//! `ls`, row by row: filtered, in an order, up to a limit. What it holds in memory does not grow with the view: rows are passed
//! on as they are read where the store gives them in the order asked for, and otherwise only the first ones are kept.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::ControlFlow;

use gauntlet_config::nearest;
use gauntlet_quant::metrics::{VERSION, of_version};
use gauntlet_search::condition::Condition;
use gauntlet_search::{ParameterValue, Parameters};
use gauntlet_views::{Row, Table, Value, schema};
use serde_json::Value as Json;

use crate::browse::{ListRequest, Sort, completed};
use crate::experiment_list::{EXPERIMENT_LIST, with_outcome};
use crate::inventory::{INSTRUMENTS, instruments};
use crate::node::Node;
use crate::parked::{self, PARKED};
use crate::refusal::Refusal;
use crate::rows::ViewRow;

/// Rows that are held to be put in order, at most. They take about 500 bytes each.
const MOST_HELD: usize = 1_000_000;

/// Gives the rows of a list to `visit`, one at a time, until it breaks off.
///
/// # Errors
/// A filter or a column that there is not; an order of more rows than are held, without a limit; what the store or
/// `visit` says.
pub fn each(
    node: &Node,
    request: &ListRequest,
    visit: &mut dyn FnMut(ViewRow) -> Result<ControlFlow<()>, Refusal>,
) -> Result<(), Refusal> {
    let of = request.what.table();
    let condition = request.filter.as_deref().map(|text| filter(of, text)).transpose()?;
    if let Some(sort) = &request.sort {
        require_column(of, "--sort", &sort.column)?;
    }
    let limit = request.limit.unwrap_or(usize::MAX);
    let wanted = |give: &mut dyn FnMut(Row) -> Result<ControlFlow<()>, Refusal>| {
        matching(node, of, condition.as_ref(), give)
    };
    if limit == 0 {
        return Ok(());
    }
    if request.sort.is_none() && newest_first(of).is_none() && node.views.visits_in_order() {
        let mut left = limit;
        return wanted(&mut |row| {
            left -= 1;
            let answer = visit(ViewRow(completed(node, row)?))?;
            Ok(if left == 0 { ControlFlow::Break(()) } else { answer })
        });
    }
    let sort = request.sort.clone().or_else(|| newest_first(of));
    let undefined_first = request.sort.is_none();
    let mut first = First { limit, sort: sort.as_ref(), undefined_first, rows: Vec::new() };
    wanted(&mut |row| first.add(row).map(ControlFlow::Continue))?;
    for row in first.in_order() {
        if visit(ViewRow(completed(node, row)?))?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The order of a list when none is asked for: the newest experiments first, everything else by key. Those that wait for
/// their data have no start and are the newest of all.
fn newest_first(of: &Table) -> Option<Sort> {
    (of.name == EXPERIMENT_LIST.name).then(|| Sort { column: "start".to_owned(), descending: true })
}

/// Gives the rows of a table for which a condition holds, as they are read.
fn matching(
    node: &Node,
    of: &'static Table,
    condition: Option<&Condition>,
    give: &mut dyn FnMut(Row) -> Result<ControlFlow<()>, Refusal>,
) -> Result<(), Refusal> {
    let (mut refused, mut failed) = (None, None);
    let mut take = |row: Row| {
        let answer = match node.is_interrupted() {
            true => Err(Refusal::Interrupted),
            false if condition.is_some_and(|condition| !condition.holds(&params(&row, condition))) => {
                Ok(ControlFlow::Continue(()))
            }
            false => give(row),
        };
        answer.unwrap_or_else(|refusal| {
            refused = Some(refusal);
            ControlFlow::Break(())
        })
    };
    if of.name == EXPERIMENT_LIST.name {
        let mut take = |row: Row| match with_outcome(node, &row) {
            Ok(row) => take(row),
            Err(refusal) => {
                failed = Some(refusal);
                ControlFlow::Break(())
            }
        };
        node.views.visit(&schema::EXPERIMENTS, &mut take)?;
        return failed.or(refused).map_or(Ok(()), Err);
    }
    let made = match of.name {
        name if name == INSTRUMENTS.name => Some(instruments(node)?),
        name if name == PARKED.name => Some(parked::rows(node)?),
        _ => None,
    };
    match made {
        // Broken off or not, there is nothing behind it.
        Some(rows) => drop(rows.into_iter().try_for_each(take)),
        None => node.views.visit(of, &mut take)?,
    }
    refused.map_or(Ok(()), Err)
}

/// The first rows in an order.
struct First<'a> {
    limit: usize,
    /// By key when left out.
    sort: Option<&'a Sort>,
    /// Whether what is undefined in the column that decides comes first, and not last.
    undefined_first: bool,
    rows: Vec<Row>,
}

impl First<'_> {
    fn add(&mut self, row: Row) -> Result<(), Refusal> {
        self.rows.push(row);
        if self.rows.len() >= self.limit.saturating_mul(2).max(1_024) {
            self.drop_last();
        }
        if self.rows.len() > MOST_HELD {
            return Err(Refusal::BadInput(format!(
                "more than {MOST_HELD} rows would have to be held to put them in order: give a --limit below {}, or a \
                 --filter that leaves fewer",
                MOST_HELD / 2
            )));
        }
        Ok(())
    }

    /// Drops the rows that cannot be among the first any more.
    fn drop_last(&mut self) {
        let (sort, undefined_first) = (self.sort, self.undefined_first);
        if self.rows.len() > self.limit {
            self.rows.select_nth_unstable_by(self.limit, |a, b| order(sort, undefined_first, a, b));
            self.rows.truncate(self.limit);
        }
    }

    fn in_order(mut self) -> Vec<Row> {
        self.drop_last();
        let (sort, undefined_first) = (self.sort, self.undefined_first);
        self.rows.sort_by(|a, b| order(sort, undefined_first, a, b));
        self.rows
    }
}

/// Which of two rows comes first; equal ones by key.
fn order(sort: Option<&Sort>, undefined_first: bool, a: &Row, b: &Row) -> Ordering {
    let by_key = a.key.cmp(&b.key);
    let Some(Sort { column, descending }) = sort else { return by_key };
    let (left, right) = (value(a, column), value(b, column));
    // Undefined last, whichever way, or first.
    let undefined = |value: &Option<Cow<'_, Value>>| {
        value.as_ref().is_none_or(|value| value.is_null()) != undefined_first
    };
    let order = if *descending { right.cmp(&left) } else { left.cmp(&right) };
    undefined(&left).cmp(&undefined(&right)).then(order).then(by_key)
}

/// Columns that hold a document with a number for each name: metrics, and parameters of a model.
const NUMBERS: [&str; 4] = ["metrics", "key_metrics", "hyperparameters", "parameters"];

/// What a row has under a name: of a column, or of a document in one.
fn value<'a>(row: &'a Row, name: &str) -> Option<Cow<'a, Value>> {
    if let Some(value) = row.get(name) {
        return Some(Cow::Borrowed(value));
    }
    let (column, name) = name.split_once('.').map_or((None, name), |(column, name)| (Some(column), name));
    NUMBERS.iter().filter(|of| column.is_none_or(|column| column == **of)).find_map(|of| {
        let document: Json = serde_json::from_str(row.get(of)?.as_text()?).ok()?;
        Some(Cow::Owned(match document.get(name)? {
            Json::Number(number) => Value::Double(number.as_f64()?),
            Json::String(text) => Value::Text(text.clone()),
            Json::Bool(flag) => Value::Bool(*flag),
            _ => Value::Null,
        }))
    })
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
    let documents: Vec<&str> = NUMBERS.into_iter().filter(|column| known.contains(column)).collect();
    // What a document of parameters holds depends on the strategy; metrics have names that everybody knows.
    let is_inside = match name.split_once('.') {
        Some((column, _)) => documents.contains(&column),
        None => !documents.is_empty() && of_version(VERSION).any(|metric| metric.name == name),
    };
    if known.contains(&name) || is_inside {
        return Ok(());
    }
    let metrics = of_version(VERSION).map(|metric| metric.name).filter(|_| !documents.is_empty());
    let near = nearest(name, known.iter().copied().chain(metrics));
    let hint = near.map(|name| format!("did you mean {name}? ")).unwrap_or_default();
    let inside = match documents.is_empty() {
        true => String::new(),
        false => {
            format!("; of the numbers in {} write the metric's name, or COLUMN.NAME", documents.join(" and "))
        }
    };
    Err(Refusal::BadInput(format!(
        "{option}: there is no column '{name}': {hint}columns are {}{inside}",
        known.join(", ")
    )))
}

/// A row's cells as values of a condition; a time is its RFC 3339 text, which sorts as it should.
fn params(row: &Row, condition: &Condition) -> Parameters {
    let values = condition.names().into_iter().filter_map(|name| {
        let value = match value(row, name)?.into_owned() {
            Value::Text(text) => ParameterValue::Text(text),
            Value::Long(long) => ParameterValue::Int(long),
            Value::Double(double) => ParameterValue::Float(double),
            Value::Bool(flag) => ParameterValue::Flag(flag),
            Value::Timestamp(nanos) => ParameterValue::Text(gauntlet_domain::Timestamp(nanos).to_string()),
            Value::Null => return None,
        };
        Some((name.to_owned(), value))
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use gauntlet_views::schema::QUALITY;

    use super::*;
    use crate::browse::LISTS;

    #[test]
    fn every_list_is_of_a_table_whose_rows_lie_in_the_order_of_their_keys() {
        assert!(LISTS.iter().all(|(.., table)| table.key().all(|column| !column.descending)));
    }

    fn mark(row: i64, action: Option<&str>) -> Row {
        let key = vec!["X".into(), Value::Timestamp(row % 7), row.into(), "late".into(), "s".into()];
        Row { table: &QUALITY, key, cells: vec![action.into(), Value::Null] }
    }

    #[test]
    fn the_first_rows_are_those_of_a_whole_sort_and_no_more_are_held() {
        let rows: Vec<Row> = (0..5_000)
            .map(|i| mark(i * 7_919 % 5_000, [None, Some("rejected"), Some("gap")][i as usize % 3]))
            .collect();
        for (column, descending) in [("row", false), ("row", true), ("action", true), ("action", false)] {
            let sort = Sort { column: column.into(), descending };
            let mut sorted = rows.clone();
            sorted.sort_by(|a, b| order(Some(&sort), false, a, b));
            for limit in [1, 10, 1_000, 4_999, 5_000, usize::MAX] {
                let mut first = First { limit, sort: Some(&sort), undefined_first: false, rows: Vec::new() };
                for row in &rows {
                    first.add(row.clone()).ok().unwrap_or_default();
                    assert!(first.rows.len() <= limit.saturating_mul(2).max(1_024));
                }
                assert_eq!(first.in_order(), sorted[..limit.min(5_000)], "{sort:?} {limit}");
            }
        }
        let undefined = Sort { column: "action".into(), descending: true };
        assert_eq!(order(Some(&undefined), false, &mark(1, None), &mark(2, Some("gap"))), Ordering::Greater);
        assert_eq!(order(Some(&undefined), true, &mark(1, None), &mark(2, Some("gap"))), Ordering::Less);
    }
}
