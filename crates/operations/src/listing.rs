//! `ls`, row by row: filtered, in an order, up to a limit. What it holds in memory does not grow with the view: rows are passed
//! on as they are read where the store gives them in the order asked for, and otherwise only the first ones are kept.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::ControlFlow;

use gauntlet_config::nearest;
use gauntlet_domain::Timestamp;
use gauntlet_filter::{Filter, FilterError, Kind};
use gauntlet_quant::metrics::{VERSION, of_version};
use gauntlet_views::schema::Column;
use gauntlet_views::{Row, Table, Value, schema};
use serde_json::Value as Json;

use crate::browse::{ListRequest, Sort, completed};
use crate::experiment_list::{EXPERIMENT_LIST, with_outcome};
use crate::inventory::{INSTRUMENTS, instruments};
use crate::kept_columns::cell;
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
    let condition = request.filter.as_deref().map(|text| filter(node, of, text)).transpose()?;
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
pub(crate) fn newest_first(of: &Table) -> Option<Sort> {
    (of.name == EXPERIMENT_LIST.name).then(|| Sort { column: "start".to_owned(), descending: true })
}

/// Gives the rows of a table for which a condition holds, as they are read.
fn matching(
    node: &Node,
    of: &'static Table,
    condition: Option<&Filter>,
    give: &mut dyn FnMut(Row) -> Result<ControlFlow<()>, Refusal>,
) -> Result<(), Refusal> {
    each_row(node, of, &mut |row| {
        if condition.is_some_and(|condition| !is_meant(&row, condition)) {
            return Ok(ControlFlow::Continue(()));
        }
        give(row)
    })
}

/// Gives the rows of a list, as they are read.
pub(crate) fn each_row(
    node: &Node,
    of: &'static Table,
    give: &mut dyn FnMut(Row) -> Result<ControlFlow<()>, Refusal>,
) -> Result<(), Refusal> {
    let mut refused = None;
    let mut take = |row: Result<Row, Refusal>| {
        let answer = match node.is_interrupted() {
            true => Err(Refusal::Interrupted),
            false => row.and_then(&mut *give),
        };
        answer.unwrap_or_else(|refusal| {
            refused = Some(refusal);
            ControlFlow::Break(())
        })
    };
    let made = match of.name {
        name if name == INSTRUMENTS.name => Some(instruments(node)?),
        name if name == PARKED.name && node.moment().is_some() => {
            return Err(Refusal::BadInput(
                "parked: what waited then is not kept, only what waits now: ask without a time".into(),
            ));
        }
        name if name == PARKED.name => Some(parked::rows(node)?),
        _ => None,
    };
    match made {
        // Broken off or not, there is nothing behind it.
        Some(rows) => drop(rows.into_iter().map(Ok).try_for_each(take)),
        None if of.name == EXPERIMENT_LIST.name => {
            node.views.visit(&schema::EXPERIMENTS, &mut |row| take(with_outcome(node, &row)))?;
        }
        None => node.views.visit(of, &mut |row| take(Ok(row)))?,
    }
    refused.map_or(Ok(()), Err)
}

/// A row of a list by its key, as [`each_row`] gives it.
pub(crate) fn row_of(node: &Node, of: &'static Table, key: &[Value]) -> Result<Option<Row>, Refusal> {
    if of.name == EXPERIMENT_LIST.name {
        let row = node.views.row(&schema::EXPERIMENTS, key)?;
        return row.map(|row| with_outcome(node, &row)).transpose();
    }
    Ok(node.views.row(of, key)?)
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
pub(crate) const NUMBERS: [&str; 4] = ["metrics", "key_metrics", "hyperparameters", "parameters"];

/// What a row has under a name: of a column, or of a document in one.
pub(crate) fn value<'a>(row: &'a Row, name: &str) -> Option<Cow<'a, Value>> {
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

/// The columns of a list and what is inside its documents, as filters and orders name them.
struct Columns {
    known: Vec<&'static Column>,
    /// Columns that hold a number, or a text, for each name.
    documents: Vec<&'static str>,
}

impl Columns {
    fn of(table: &'static Table) -> Columns {
        let known: Vec<&Column> = table.key().chain(table.columns).collect();
        let is_known = |name: &&str| known.iter().any(|column| column.name == *name);
        Columns { documents: NUMBERS.into_iter().filter(is_known).collect(), known }
    }

    /// What a name holds. What a document of parameters holds depends on the strategy; metrics have names that everybody knows.
    fn kind(&self, name: &str) -> Option<Kind> {
        if let Some(column) = self.known.iter().find(|column| column.name == name) {
            return Some(match column.kind {
                schema::Kind::Text => Kind::Text,
                schema::Kind::Long | schema::Kind::Double => Kind::Number,
                schema::Kind::Bool => Kind::Bool,
                schema::Kind::Timestamp => Kind::Time,
            });
        }
        match name.split_once('.') {
            Some((column, _)) => self.documents.contains(&column).then_some(Kind::Any),
            None if self.documents.is_empty() => None,
            None => of_version(VERSION).any(|metric| metric.name == name).then_some(Kind::Number),
        }
    }

    /// Every name that is known for certain.
    fn names(&self) -> Vec<&'static str> {
        let metrics = of_version(VERSION).map(|metric| metric.name).filter(|_| !self.documents.is_empty());
        self.known.iter().map(|column| column.name).chain(metrics).collect()
    }

    /// What may be named, for a refusal.
    fn said(&self) -> String {
        let known: Vec<&str> = self.known.iter().map(|column| column.name).collect();
        let mut text = format!("columns are {}", known.join(", "));
        if !self.documents.is_empty() {
            let documents = self.documents.join(" and ");
            text.push_str(&format!(
                "; of the numbers in {documents} write the metric's name, or COLUMN.NAME"
            ));
        }
        text
    }
}

/// A filter over the rows of a table; `7d ago` is counted from `now`.
///
/// # Errors
/// Where it is none, by the character.
pub fn parse_filter(of: &'static Table, text: &str, now: Timestamp) -> Result<Filter, FilterError> {
    let columns = Columns::of(of);
    Filter::parse(text, &|name| columns.kind(name), &columns.names(), now)
}

/// The same as the command line says it.
fn filter(node: &Node, of: &'static Table, text: &str) -> Result<Filter, Refusal> {
    let columns = Columns::of(of);
    parse_filter(of, text, node.now()).map_err(|error| {
        let known = if error.is_unknown_name { format!("; {}", columns.said()) } else { String::new() };
        Refusal::BadInput(format!("--filter: {error}{known}"))
    })
}

/// Refuses a name that no column of a table has, and none of its documents.
pub fn require_column(of: &'static Table, option: &str, name: &str) -> Result<(), Refusal> {
    let columns = Columns::of(of);
    if columns.kind(name).is_some() {
        return Ok(());
    }
    let near = nearest(name, columns.names());
    let hint = near.map(|name| format!("did you mean {name}? ")).unwrap_or_default();
    Err(Refusal::BadInput(format!("{option}: there is no column '{name}': {hint}{}", columns.said())))
}

/// Whether a filter is true of a row.
fn is_meant(row: &Row, filter: &Filter) -> bool {
    filter.holds(&mut |place| cell(value(row, &filter.names()[place])?))
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
