//! Pages of a list: any filter, any order, and on from where the last page ended. A row that comes or changes meanwhile is neither
//! shown twice nor hides another one: a page begins behind a row, not at a number.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use gauntlet_views::{Row, Table, Value, schema};

use crate::browse::{LISTS, Sort, completed};
use crate::kept_columns::{KeptColumns, MOST_KEPT, Named, cell, compare};
use crate::listing::{each_row, newest_first, parse_filter, require_column, row_of};
use crate::node::Node;
use crate::noted::Noted;
use crate::refusal::Refusal;
use crate::rows::ViewRow;

/// How old columns may be of a store that other processes write, too.
const OTHERS_WRITE: Duration = Duration::from_secs(2);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Of which list; see [`listed`].
    pub of: &'static Table,
    /// Which rows, as `gauntlet_filter` reads it.
    pub filter: Option<String>,
    /// In which order; by key at last. Without one the newest experiments first, everything else by key.
    pub sort: Vec<Sort>,
    /// Rows at most.
    pub limit: usize,
    /// Behind which row.
    pub after: Option<After>,
}

/// Where a page ends: the values that its last row is ordered by, and its key.
#[derive(Debug, Clone, PartialEq)]
pub struct After {
    /// One for each part of the order.
    pub values: Vec<Value>,
    /// The key.
    pub key: Vec<Value>,
}

/// Some rows of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<ViewRow>,
    /// Where the next page begins, if there is one.
    pub next: Option<After>,
    /// How many rows the filter leaves, on all pages.
    pub matched: usize,
}

/// The list or view of a name.
pub fn listed(name: &str) -> Option<&'static Table> {
    let list = LISTS.into_iter().find(|(_, known, _)| *known == name).map(|(.., table)| table);
    list.or_else(|| schema::view(name))
}

/// Names of lists and views.
pub fn names() -> impl Iterator<Item = &'static str> {
    let lists = LISTS.into_iter().map(|(_, name, _)| name);
    let is_list = |view: &&&Table| LISTS.iter().all(|(.., table)| table.name != view.name);
    lists.chain(schema::VIEWS.iter().filter(is_list).map(|view| view.name))
}

/// Gives every row of a list, in any order, until the answer is to break.
///
/// # Errors
/// What the store or `give` says.
pub fn each(
    node: &Node,
    of: &'static Table,
    give: &mut dyn FnMut(ViewRow) -> Result<ControlFlow<()>, Refusal>,
) -> Result<(), Refusal> {
    each_row(node, of, &mut |row| give(ViewRow(completed(node, row)?)))
}

/// Columns of lists that were asked for.
#[derive(Default)]
pub(crate) struct ListColumns(Mutex<BTreeMap<&'static str, Arc<RwLock<Held>>>>);

/// The columns of one list.
#[derive(Default)]
struct Held {
    columns: Columns,
    since: Option<Instant>,
}

/// What is known of a list.
#[derive(Default)]
enum Columns {
    /// Nothing, or nothing that is right.
    #[default]
    Unread,
    /// All of it.
    Kept(KeptColumns),
    /// It has more rows than are kept, and rows are not removed.
    TooMany,
}

impl Columns {
    fn of(kept: KeptColumns) -> Columns {
        if kept.len() < MOST_KEPT { Columns::Kept(kept) } else { Columns::TooMany }
    }
}

impl ListColumns {
    fn of(&self, table: &'static Table) -> Arc<RwLock<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(table.name).or_default().clone()
    }
}

/// Brings the columns of a list up to date.
fn refresh(node: &Node, of: &'static Table, held: &RwLock<Held>) -> Result<(), Refusal> {
    let noted: Option<&Noted> = node.noted.as_deref().filter(|_| !is_made(of));
    let is_fresh = |held: &Held| match (&held.columns, noted) {
        (Columns::TooMany, _) => true,
        (Columns::Unread, _) => false,
        // What has passed does not change.
        (Columns::Kept(_), _) if node.moment().is_some() => true,
        (Columns::Kept(_), Some(noted)) => !noted.has_changes(of),
        (Columns::Kept(_), None) => {
            held.since.is_some_and(|since| since.elapsed() < OTHERS_WRITE) && !is_made(of)
        }
    };
    if is_fresh(&held.read().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(());
    }
    let mut held = held.write().unwrap_or_else(PoisonError::into_inner);
    if is_fresh(&held) {
        return Ok(());
    }
    // What is written from here on is noted; what was written before is read. When that fails all of it is read next time.
    let changes = noted.and_then(|noted| noted.take(of));
    held.columns = match (std::mem::take(&mut held.columns), changes) {
        (Columns::Kept(mut columns), Some(keys)) => {
            for key in keys {
                if let Some(row) = row_of(node, of, &key)? {
                    columns.put(&row);
                }
            }
            Columns::of(columns)
        }
        _ => Columns::of(KeptColumns::read(node, of)?),
    };
    held.since = Some(Instant::now());
    Ok(())
}

/// Whether the rows of a list are made when they are asked for.
fn is_made(of: &Table) -> bool {
    schema::view(of.name).is_none()
}

/// A page.
///
/// # Errors
/// A filter or a column that there is not; a list with more rows than are kept in memory.
pub fn page(node: &Node, request: &PageRequest) -> Result<Page, Refusal> {
    let of = request.of;
    let filter = request.filter.as_deref().map(|text| parse_filter(of, text, node.now())).transpose();
    let filter = filter.map_err(|error| Refusal::BadInput(format!("filter: {error}")))?;
    for sort in &request.sort {
        require_column(of, "sort", &sort.column)?;
    }
    let sort = match request.sort.as_slice() {
        [] => newest_first(of).into_iter().collect(),
        sort => sort.to_vec(),
    };
    let held = node.columns.of(of);
    refresh(node, of, &held)?;
    let held = held.read().unwrap_or_else(PoisonError::into_inner);
    let kept = kept(&held, of)?;
    let order = kept.order(&sort);
    let by: Vec<Named<'_>> = sort.iter().map(|sort| kept.named(&sort.column)).collect();
    let named: Vec<Named<'_>> =
        filter.iter().flat_map(|filter| filter.names()).map(|name| kept.named(name)).collect();
    let is_meant = |place: &u32| {
        filter.as_ref().is_none_or(|filter| filter.holds(&mut |name| cell(named[name].value(*place))))
    };
    let begin = match &request.after {
        None => 0,
        Some(after) if after.values.len() == sort.len() => order.partition_point(|place| {
            let order = compare(&sort, |at| by[at].value(*place), |at| Cow::Borrowed(&after.values[at]));
            order.then_with(|| kept.key(*place).cmp(&after.key)) != Ordering::Greater
        }),
        Some(_) => return Err(Refusal::BadInput("the page to go on from was in another order".into())),
    };
    let matched = match &filter {
        None => kept.len(),
        Some(_) => order.iter().filter(|place| is_meant(place)).count(),
    };
    let mut meant = order[begin..].iter().copied().filter(is_meant);
    let places: Vec<u32> = meant.by_ref().take(request.limit).collect();
    let next = match (meant.next(), places.last()) {
        (Some(_), Some(last)) => Some(After {
            values: by.iter().map(|named| named.value(*last).into_owned()).collect(),
            key: kept.key(*last).to_vec(),
        }),
        _ => None,
    };
    let keys: Vec<&[Value]> = places.iter().map(|place| kept.key(*place)).collect();
    let rows = rows(node, of, &keys)?.into_iter().map(|row| completed(node, row).map(ViewRow));
    Ok(Page { rows: rows.collect::<Result<_, _>>()?, next, matched })
}

fn kept<'a>(held: &'a RwLockReadGuard<'_, Held>, of: &Table) -> Result<&'a KeptColumns, Refusal> {
    match &held.columns {
        Columns::Kept(columns) => Ok(columns),
        Columns::Unread | Columns::TooMany => Err(Refusal::BadInput(format!(
            "{} has more than {MOST_KEPT} rows, which are not put in order here: list them with gauntlet ls and a --filter",
            of.name
        ))),
    }
}

/// The rows with these keys, in their order.
fn rows(node: &Node, of: &'static Table, keys: &[&[Value]]) -> Result<Vec<Row>, Refusal> {
    if !is_made(of) {
        return keys.iter().filter_map(|key| row_of(node, of, key).transpose()).collect();
    }
    let mut made = BTreeMap::new();
    each_row(node, of, &mut |row| {
        made.insert(row.key.clone(), row);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(keys.iter().filter_map(|key| made.remove(*key)).collect())
}
