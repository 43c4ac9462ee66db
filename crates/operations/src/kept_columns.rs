//! Columns of a list in memory, so that any filter and order of a hundred thousand rows takes milliseconds. Made when a list is
//! first asked for, and brought up to date row by row from what the store has written since. Derived and disposable.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use gauntlet_filter::Cell;
use gauntlet_views::{Row, Table, Value};
use serde_json::Value as Json;

use crate::browse::Sort;
use crate::listing::{NUMBERS, each_row};
use crate::node::Node;
use crate::refusal::Refusal;
use crate::rows::DOCUMENTS;

/// Rows of a list that are kept at most.
pub const MOST_KEPT: usize = 1_000_000;
/// Orders that are kept of a list; each takes four bytes a row.
const MOST_ORDERS: usize = 16;

/// The values of a column, a row each.
enum Cells {
    /// Numbers; what is undefined is NaN.
    Doubles(Vec<f64>),
    /// Anything.
    Values(Vec<Value>),
}

/// What a name is of.
pub(crate) struct Named<'a> {
    keys: &'a [Arc<[Value]>],
    of_key: Option<usize>,
    cells: Vec<&'a Cells>,
}

impl<'a> Named<'a> {
    /// The value of a row.
    pub(crate) fn value(&self, place: u32) -> Cow<'a, Value> {
        let at = place as usize;
        match (self.of_key, self.cells.as_slice()) {
            (Some(of_key), _) => Cow::Borrowed(&self.keys[at][of_key]),
            (None, []) => Cow::Owned(Value::Null),
            (None, [cells]) => cells.get(at),
            (None, several) => several
                .iter()
                .map(|cells| cells.get(at))
                .find(|value| !value.is_null())
                .unwrap_or(Cow::Owned(Value::Null)),
        }
    }
}

/// The columns of a list. Invariant: every column is as long as `keys`, and `places` has each key once.
pub(crate) struct KeptColumns {
    of: &'static Table,
    keys: Vec<Arc<[Value]>>,
    places: BTreeMap<Arc<[Value]>, u32>,
    columns: BTreeMap<String, Cells>,
    /// Rows in orders that were asked for, each by what `sort_text` says.
    orders: Mutex<BTreeMap<String, Arc<Vec<u32>>>>,
}

impl Cells {
    fn new(is_number: bool) -> Cells {
        if is_number { Cells::Doubles(Vec::new()) } else { Cells::Values(Vec::new()) }
    }

    fn get(&self, place: usize) -> Cow<'_, Value> {
        match self {
            Cells::Doubles(numbers) if numbers[place].is_nan() => Cow::Owned(Value::Null),
            Cells::Doubles(numbers) => Cow::Owned(Value::Double(numbers[place])),
            Cells::Values(values) => Cow::Borrowed(&values[place]),
        }
    }

    /// Sets the value of a row, the last or one behind it.
    fn put(&mut self, place: usize, value: Value) {
        // Of a document most are numbers; the first that is none makes the column one of anything.
        if let Cells::Doubles(numbers) = self
            && !matches!(value, Value::Double(_) | Value::Null)
        {
            let values = numbers
                .iter()
                .map(|number| if number.is_nan() { Value::Null } else { Value::Double(*number) });
            *self = Cells::Values(values.collect());
        }
        match self {
            Cells::Doubles(numbers) => {
                numbers.resize(numbers.len().max(place + 1), f64::NAN);
                numbers[place] = value.as_double().unwrap_or(f64::NAN);
            }
            Cells::Values(values) => {
                values.resize(values.len().max(place + 1), Value::Null);
                values[place] = value;
            }
        }
    }

    fn fill_to(&mut self, rows: usize) {
        match self {
            Cells::Doubles(numbers) => numbers.resize(rows, f64::NAN),
            Cells::Values(values) => values.resize(rows, Value::Null),
        }
    }
}

impl KeptColumns {
    /// The columns of a list as it is now, up to [`MOST_KEPT`] rows.
    pub(crate) fn read(node: &Node, of: &'static Table) -> Result<KeptColumns, Refusal> {
        let mut kept = KeptColumns {
            of,
            keys: Vec::new(),
            places: BTreeMap::new(),
            columns: BTreeMap::new(),
            orders: Mutex::default(),
        };
        each_row(node, of, &mut |row| {
            if kept.keys.len() == MOST_KEPT {
                return Ok(ControlFlow::Break(()));
            }
            kept.put(&row);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(kept)
    }

    /// Takes in a row as it is now.
    pub(crate) fn put(&mut self, row: &Row) {
        let place = match self.places.get(row.key.as_slice()) {
            Some(place) => {
                let place = *place as usize;
                // What a document had under a name it may have no more. A column of the table has no dot in its name.
                let of_documents = self.columns.iter_mut().filter(|(name, _)| name.contains('.'));
                of_documents.for_each(|(_, column)| column.put(place, Value::Null));
                place
            }
            None => {
                let (key, place) = (Arc::<[Value]>::from(row.key.as_slice()), self.keys.len());
                self.places.insert(key.clone(), place as u32);
                self.keys.push(key);
                place
            }
        };
        self.orders.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        let names = self.of.columns.iter().map(|column| column.name);
        for name in names.filter(|name| !DOCUMENTS.contains(name)) {
            if let Some(value) = row.get(name) {
                let column = self.columns.entry(name.to_owned()).or_insert_with(|| Cells::new(false));
                column.put(place, value.clone());
            }
        }
        for of in NUMBERS {
            let Some(Value::Text(text)) = row.get(of) else { continue };
            let Ok(Json::Object(document)) = serde_json::from_str(text) else { continue };
            for (name, of_name) in document {
                let value = match of_name {
                    Json::Number(number) => number.as_f64().map_or(Value::Null, Value::Double),
                    Json::String(text) => Value::Text(text),
                    Json::Bool(flag) => Value::Bool(flag),
                    _ => Value::Null,
                };
                let column = self.columns.entry(format!("{of}.{name}")).or_insert_with(|| Cells::new(true));
                column.put(place, value);
            }
        }
        // What this row has no value of ends where it did: a later row fills it up.
        let rows = self.keys.len();
        self.columns.values_mut().for_each(|column| column.fill_to(rows));
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key of a row.
    pub(crate) fn key(&self, place: u32) -> &[Value] {
        &self.keys[place as usize]
    }

    /// What a name is of: a column, or documents in columns.
    pub(crate) fn named(&self, name: &str) -> Named<'_> {
        let of_key = self.of.key().position(|column| column.name == name);
        let cells = match self.columns.get(name) {
            Some(column) => vec![column],
            None => NUMBERS.iter().filter_map(|of| self.columns.get(&format!("{of}.{name}"))).collect(),
        };
        Named { keys: &self.keys, of_key, cells }
    }

    /// The rows in an order; equal ones by key. What is undefined comes last, whichever way.
    pub(crate) fn order(&self, sort: &[Sort]) -> Arc<Vec<u32>> {
        let text = sort_text(sort);
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(order) = orders.get(&text) {
            return order.clone();
        }
        let mut order: Vec<u32> = self.places.values().copied().collect();
        if !sort.is_empty() {
            // By key already, and the order of equals stays.
            let columns: Vec<Named<'_>> = sort.iter().map(|sort| self.named(&sort.column)).collect();
            order.sort_by(|a, b| compare(sort, |at| columns[at].value(*a), |at| columns[at].value(*b)));
        }
        if orders.len() >= MOST_ORDERS {
            orders.clear();
        }
        let order = Arc::new(order);
        orders.insert(text, order.clone());
        order
    }
}

/// A value as filters compare it.
pub(crate) fn cell(value: Cow<'_, Value>) -> Option<Cell<'_>> {
    match value {
        Cow::Borrowed(Value::Text(text)) => Some(Cell::Text(text.as_str().into())),
        Cow::Owned(Value::Text(text)) => Some(Cell::Text(text.into())),
        of => match of.as_ref() {
            Value::Long(long) => Some(Cell::Long(*long)),
            Value::Double(double) => Some(Cell::Double(*double)),
            Value::Bool(flag) => Some(Cell::Bool(*flag)),
            Value::Timestamp(nanos) => Some(Cell::Time(*nanos)),
            Value::Null | Value::Text(_) => None,
        },
    }
}

/// How two rows lie to each other in an order, equal ones apart from their keys; the values by their place in it.
pub(crate) fn compare<'a>(
    sort: &[Sort],
    left: impl Fn(usize) -> Cow<'a, Value>,
    right: impl Fn(usize) -> Cow<'a, Value>,
) -> Ordering {
    for (at, Sort { descending, .. }) in sort.iter().enumerate() {
        let (left, right) = (left(at), right(at));
        let order = if *descending { right.cmp(&left) } else { left.cmp(&right) };
        let order = left.is_null().cmp(&right.is_null()).then(order);
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// An order as text: `-sharpe,start`.
pub(crate) fn sort_text(sort: &[Sort]) -> String {
    let text = |sort: &Sort| format!("{}{}", if sort.descending { "-" } else { "" }, sort.column);
    sort.iter().map(text).collect::<Vec<_>>().join(",")
}
