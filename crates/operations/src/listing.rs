//! `ls`, row by row: filtered, in an order, up to a limit. What it holds in memory does not grow with the view: rows are passed
//! on as they are read where the store gives them in the order asked for, and otherwise only the first ones are kept.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use gauntlet_config::nearest;
use gauntlet_search::condition::Condition;
use gauntlet_search::{ParameterValue, Parameters};
use gauntlet_views::{Row, Table, Value};

use crate::browse::{ListRequest, Sort, completed};
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
    if request.sort.is_none() && node.views.visits_in_order() {
        let mut left = limit;
        return wanted(&mut |row| {
            left -= 1;
            let answer = visit(ViewRow(completed(node, row)?))?;
            Ok(if left == 0 { ControlFlow::Break(()) } else { answer })
        });
    }
    let mut first = First { limit, sort: request.sort.as_ref(), rows: Vec::new() };
    wanted(&mut |row| first.add(row).map(ControlFlow::Continue))?;
    for row in first.in_order() {
        if visit(ViewRow(completed(node, row)?))?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Gives the rows of a table for which a condition holds, as they are read.
fn matching(
    node: &Node,
    of: &'static Table,
    condition: Option<&Condition>,
    give: &mut dyn FnMut(Row) -> Result<ControlFlow<()>, Refusal>,
) -> Result<(), Refusal> {
    let mut refused = None;
    let mut take = |row: Row| {
        let answer = match node.is_interrupted() {
            true => Err(Refusal::Interrupted),
            false if condition.is_some_and(|condition| !condition.holds(&params(&row))) => {
                Ok(ControlFlow::Continue(()))
            }
            false => give(row),
        };
        answer.unwrap_or_else(|refusal| {
            refused = Some(refusal);
            ControlFlow::Break(())
        })
    };
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
        let sort = self.sort;
        if self.rows.len() > self.limit {
            self.rows.select_nth_unstable_by(self.limit, |a, b| order(sort, a, b));
            self.rows.truncate(self.limit);
        }
    }

    fn in_order(mut self) -> Vec<Row> {
        self.drop_last();
        let sort = self.sort;
        self.rows.sort_by(|a, b| order(sort, a, b));
        self.rows
    }
}

/// Which of two rows comes first; equal ones by key.
fn order(sort: Option<&Sort>, a: &Row, b: &Row) -> Ordering {
    let by_key = a.key.cmp(&b.key);
    let Some(Sort { column, descending }) = sort else { return by_key };
    let (left, right) = (a.get(column), b.get(column));
    // Undefined last, whichever way.
    let undefined = |value: &Option<&Value>| value.is_none_or(Value::is_null);
    let order = if *descending { right.cmp(&left) } else { left.cmp(&right) };
    undefined(&left).cmp(&undefined(&right)).then(order).then(by_key)
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
    let near = nearest(name, known.iter().copied());
    let hint = near.map(|name| format!("did you mean {name}? ")).unwrap_or_default();
    Err(Refusal::BadInput(format!(
        "{option}: there is no column '{name}': {hint}columns are {}",
        known.join(", ")
    )))
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
            sorted.sort_by(|a, b| order(Some(&sort), a, b));
            for limit in [1, 10, 1_000, 4_999, 5_000, usize::MAX] {
                let mut first = First { limit, sort: Some(&sort), rows: Vec::new() };
                for row in &rows {
                    first.add(row.clone()).ok().unwrap_or_default();
                    assert!(first.rows.len() <= limit.saturating_mul(2).max(1_024));
                }
                assert_eq!(first.in_order(), sorted[..limit.min(5_000)], "{sort:?} {limit}");
            }
        }
        let undefined = Sort { column: "action".into(), descending: true };
        assert_eq!(order(Some(&undefined), &mark(1, None), &mark(2, Some("gap"))), Ordering::Greater);
    }
}
