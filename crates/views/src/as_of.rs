//! Views as of an earlier state of the log: a store over another one, which shows what that has of the events before some
//! positions. A row that one event made is shown if that lies before them; a row that several made is put together again
//! from what those before them wrote. Since rows are merged cell by cell whatever the order, that is what the projection
//! would have made of the log up to there.
//!
//! It reads and never writes. An answer takes as long as one of now for rows of one event, and as long as there are changes for
//! the others.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::digest::{Digester, TableDigest};
use crate::history::Origin;
use crate::port::{Progress, Row, Upsert, ViewError, ViewStore, check_key};
use crate::row_bytes::{Cell, settle};
use crate::schema::{History, ORIGIN, STAMP, Table, VIEWS};
use crate::value::{self, Value};

/// Whether an event lies before the positions.
type IsBefore = Arc<dyn Fn(Origin) -> bool + Send + Sync>;

/// Views as of an earlier state of the log.
pub struct AsOfViews {
    store: Arc<dyn ViewStore>,
    progress: Vec<Progress>,
    is_before: IsBefore,
}

impl AsOfViews {
    /// Over a store into which every event that lies before the positions has been projected; `progress` is as far as
    /// they go.
    pub fn new(
        store: Arc<dyn ViewStore>,
        progress: Vec<Progress>,
        is_before: impl Fn(Origin) -> bool + Send + Sync + 'static,
    ) -> AsOfViews {
        AsOfViews { store, progress, is_before: Arc::new(is_before) }
    }

    /// Whether a row of one event is shown.
    fn is_shown(&self, row: &Row) -> Result<bool, ViewError> {
        let origin = row.get(ORIGIN.name).and_then(Value::as_long);
        let origin = origin.ok_or(ViewError::NoOrigin { table: row.table.name })?;
        Ok((self.is_before)(Origin::from_long(origin)))
    }

    /// What a row of changes says of its row, if it is of an event before the positions.
    fn change(&self, mut row: Row) -> Option<(Vec<Value>, Vec<Cell>)> {
        let origin = row.key.pop().as_ref().and_then(Value::as_long)?;
        if !(self.is_before)(Origin::from_long(origin)) {
            return None;
        }
        let stamp = row.get(STAMP.name).and_then(Value::as_long)?;
        let cells = row.cells.into_iter().take(row.table.columns.len() - 1).enumerate();
        let cells = cells.filter(|(_, value)| !value.is_null());
        Some((row.key, cells.map(|(place, value)| Cell { column: place as u8, stamp, value }).collect()))
    }

    /// The row that changes come to; of a table whose events all say the same, the one that is there.
    fn merged(
        &self,
        table: &'static Table,
        key: Vec<Value>,
        mut cells: Vec<Cell>,
    ) -> Result<Option<Row>, ViewError> {
        if let History::Repeats(_) = table.history() {
            return self.store.row(table, &key);
        }
        settle(&mut cells);
        let mut row = Row { table, key, cells: vec![Value::Null; table.columns.len()] };
        for cell in cells {
            row.cells[usize::from(cell.column)] = cell.value;
        }
        Ok(Some(row))
    }

    /// The rows that some changes come to, in the order of their keys where the changes have it.
    fn all_merged(
        &self,
        table: &'static Table,
        changes: impl IntoIterator<Item = Row>,
    ) -> Result<Vec<Row>, ViewError> {
        let mut merging = Merging::default();
        let mut rows = Vec::new();
        let done = |(key, cells)| self.merged(table, key, cells);
        for (key, cells) in changes.into_iter().filter_map(|row| self.change(row)) {
            rows.extend(merging.add(key, cells).map(done).transpose()?.flatten());
        }
        rows.extend(merging.last.map(done).transpose()?.flatten());
        Ok(rows)
    }

    /// Visits the rows that changes come to.
    fn visit_changes(
        &self,
        table: &'static Table,
        changes: &'static Table,
        visit: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        if !self.store.visits_in_order() {
            return self.visit_gathered(table, changes, visit);
        }
        let mut merging = Merging::default();
        let mut give = |(key, cells)| match self.merged(table, key, cells) {
            Ok(None) => Ok(ControlFlow::Continue(())),
            Ok(Some(row)) => Ok(visit(row)),
            Err(error) => Err(error),
        };
        let mut ended = Ok(ControlFlow::Continue(()));
        self.store.visit(changes, &mut |row| {
            let Some((key, cells)) = self.change(row) else { return ControlFlow::Continue(()) };
            if let Some(row) = merging.add(key, cells) {
                ended = give(row);
            }
            if matches!(ended, Ok(ControlFlow::Continue(()))) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        match (ended?, merging.last) {
            (ControlFlow::Continue(()), Some(last)) => give(last).map(drop),
            _ => Ok(()),
        }
    }

    /// The same of a store that gives rows in any order: the changes are held until all are read.
    fn visit_gathered(
        &self,
        table: &'static Table,
        changes: &'static Table,
        visit: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        let mut gathered: BTreeMap<Vec<Value>, Vec<Cell>> = BTreeMap::new();
        self.store.visit(changes, &mut |row| {
            if let Some((key, mut cells)) = self.change(row) {
                gathered.entry(key).or_default().append(&mut cells);
            }
            ControlFlow::Continue(())
        })?;
        for (key, cells) in gathered {
            if let Some(row) = self.merged(table, key, cells)?
                && visit(row).is_break()
            {
                break;
            }
        }
        Ok(())
    }
}

/// Puts changes together that follow each other and are of one row.
#[derive(Default)]
struct Merging {
    last: Option<(Vec<Value>, Vec<Cell>)>,
}

impl Merging {
    /// Adds a change; gives the row before it when it is of another one.
    fn add(&mut self, key: Vec<Value>, mut cells: Vec<Cell>) -> Option<(Vec<Value>, Vec<Cell>)> {
        match &mut self.last {
            Some((of, kept)) if *of == key => {
                kept.append(&mut cells);
                None
            }
            last => last.replace((key, cells)),
        }
    }
}

fn is_past() -> ViewError {
    ViewError::Store("views as of a time that has passed are not written".into())
}

impl ViewStore for AsOfViews {
    fn write(&self, _: &[Upsert], _: &[Progress]) -> Result<(), ViewError> {
        Err(is_past())
    }

    fn row(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, ViewError> {
        match table.history() {
            History::None => self.store.row(table, key),
            History::Once => {
                let Some(row) = self.store.row(table, key)? else { return Ok(None) };
                Ok(self.is_shown(&row)?.then_some(row))
            }
            History::Changes(changes) | History::Repeats(changes) => {
                check_key(table, table.key(), table.key_len(), key)?;
                let partition = self.store.partition(changes, &key[..table.partition_key.len()], None)?;
                let of_row = partition.into_iter().filter(|row| row.key.starts_with(key));
                Ok(self.all_merged(table, of_row)?.pop())
            }
        }
    }

    fn partition(
        &self,
        table: &'static Table,
        partition_key: &[Value],
        limit: Option<usize>,
    ) -> Result<Vec<Row>, ViewError> {
        let mut rows = match table.history() {
            History::None => return self.store.partition(table, partition_key, limit),
            History::Once => {
                let mut shown = Vec::new();
                for row in self.store.partition(table, partition_key, None)? {
                    if self.is_shown(&row)? {
                        shown.push(row);
                    }
                }
                shown
            }
            History::Changes(changes) | History::Repeats(changes) => {
                self.all_merged(table, self.store.partition(changes, partition_key, None)?)?
            }
        };
        rows.truncate(limit.unwrap_or(usize::MAX));
        Ok(rows)
    }

    fn scan(&self, table: &'static Table, limit: Option<usize>) -> Result<Vec<Row>, ViewError> {
        let mut rows = Vec::new();
        if limit == Some(0) {
            return Ok(rows);
        }
        self.visit(table, &mut |row| {
            rows.push(row);
            if limit == Some(rows.len()) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(rows)
    }

    fn visit(
        &self,
        table: &'static Table,
        visit: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        match table.history() {
            History::None => self.store.visit(table, visit),
            History::Changes(changes) | History::Repeats(changes) => {
                self.visit_changes(table, changes, visit)
            }
            History::Once => {
                let mut failed = Ok(());
                self.store.visit(table, &mut |row| match self.is_shown(&row) {
                    Ok(true) => visit(row),
                    Ok(false) => ControlFlow::Continue(()),
                    Err(error) => {
                        failed = Err(error);
                        ControlFlow::Break(())
                    }
                })?;
                failed
            }
        }
    }

    fn visits_in_order(&self) -> bool {
        self.store.visits_in_order()
    }

    fn is_beside_log(&self) -> bool {
        self.store.is_beside_log()
    }

    fn progress(&self) -> Result<Vec<Progress>, ViewError> {
        Ok(self.progress.clone())
    }

    fn clear(&self) -> Result<(), ViewError> {
        Err(is_past())
    }

    fn digest(&self) -> Result<BTreeMap<&'static str, TableDigest>, ViewError> {
        let mut digests = BTreeMap::new();
        for &table in VIEWS {
            let mut digester = Digester::new(table);
            if self.visits_in_order() {
                self.visit(table, &mut |row| {
                    digester.add(&row);
                    ControlFlow::Continue(())
                })?;
            } else {
                let mut rows = self.scan(table, None)?;
                rows.sort_by_cached_key(|row| {
                    let mut bytes = Vec::new();
                    value::encode_key(table.key(), &row.key, &mut bytes);
                    bytes
                });
                rows.iter().for_each(|row| digester.add(row));
            }
            digests.insert(table.name, digester.finish());
        }
        Ok(digests)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::EmbeddedStore;
    use crate::schema::{CONFIGURATIONS, EXPERIMENTS, LEADERBOARDS, SELECTIONS, TUNING_RESULTS};

    /// A store that gives its rows in no order, as CQL does.
    struct Unordered(EmbeddedStore);

    impl ViewStore for Unordered {
        fn write(&self, upserts: &[Upsert], progress: &[Progress]) -> Result<(), ViewError> {
            self.0.write(upserts, progress)
        }
        fn row(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, ViewError> {
            self.0.row(table, key)
        }
        fn partition(
            &self,
            table: &'static Table,
            key: &[Value],
            limit: Option<usize>,
        ) -> Result<Vec<Row>, ViewError> {
            self.0.partition(table, key, limit)
        }
        fn scan(&self, table: &'static Table, limit: Option<usize>) -> Result<Vec<Row>, ViewError> {
            let mut rows = self.0.scan(table, None)?;
            rows.sort_by_key(|row| {
                row.key.last().map(|last| format!("{last:?}")).into_iter().rev().collect::<String>()
            });
            rows.truncate(limit.unwrap_or(usize::MAX));
            Ok(rows)
        }
        fn progress(&self) -> Result<Vec<Progress>, ViewError> {
            self.0.progress()
        }
        fn clear(&self) -> Result<(), ViewError> {
            self.0.clear()
        }
        fn digest(&self) -> Result<BTreeMap<&'static str, TableDigest>, ViewError> {
            self.0.digest()
        }
    }

    /// What an event writes, in few rows: of each kind of table, and with stamps that meet.
    fn event(number: u64, choice: u8) -> Upsert {
        let id = format!("e{}", choice % 3);
        let stamp = i64::from(choice % 4) + 1;
        match choice % 5 {
            0 => Upsert::new(&EXPERIMENTS, vec![id.into()], stamp).with("status", format!("s{}", choice / 5)),
            1 => Upsert::new(&EXPERIMENTS, vec![id.into()], stamp).with("place", i64::from(choice)),
            2 => Upsert::new(&CONFIGURATIONS, vec![id.as_str().into()], 1).with("parameters", id),
            3 => Upsert::new(
                &SELECTIONS,
                vec![id.as_str().into(), 1.into(), i64::from(choice % 2).into(), id.into()],
                stamp,
            )
            .with("attempt", stamp)
            .with((["decision", "failed"])[usize::from(choice / 7 % 2)], format!("d{choice}")),
            // One event makes a row of these.
            _ if choice.is_multiple_of(2) => {
                let key = vec![id.into(), "sharpe".into(), (number as f64).into(), 1.into()];
                Upsert::new(&LEADERBOARDS, key, 1).with("confirmed", true)
            }
            _ => Upsert::new(&TUNING_RESULTS, vec![id.into(), (number as i64).into()], 1)
                .with("state", "completed"),
        }
    }

    proptest! {
        #[test]
        fn views_as_of_any_positions_are_those_that_the_events_before_them_make(
            events in prop::collection::vec((0..3_u32, any::<u8>()), 0..60),
            ends in prop::array::uniform3(0..30_u64),
        ) {
            let (ordered, unordered) = (EmbeddedStore::memory().unwrap(), Unordered(EmbeddedStore::memory().unwrap()));
            let anew = EmbeddedStore::memory().unwrap();
            let mut next = [0_u64; 3];
            for (number, (partition, choice)) in (0..).zip(events) {
                let offset = next[partition as usize];
                next[partition as usize] += 1;
                let origin = Origin { record: 18, partition, offset };
                let rows: Vec<Upsert> = event(number, choice).from_origin(origin).collect();
                ordered.write(&rows, &[]).unwrap();
                // A record that is there twice.
                ordered.write(&event(number, choice).from_origin(Origin { offset: offset + 40, ..origin }).collect::<Vec<_>>(), &[]).unwrap();
                unordered.write(&rows, &[]).unwrap();
                if offset < ends[partition as usize] {
                    anew.write(&rows, &[]).unwrap();
                }
            }
            let of: [Arc<dyn ViewStore>; 2] = [Arc::new(ordered), Arc::new(unordered)];
            for store in of {
                let as_of = AsOfViews::new(store, Vec::new(), move |origin| origin.offset < ends[origin.partition as usize]);
                prop_assert_eq!(as_of.digest().unwrap(), anew.digest().unwrap());
                for table in [&EXPERIMENTS, &CONFIGURATIONS, &SELECTIONS, &TUNING_RESULTS, &LEADERBOARDS] {
                    for row in as_of.scan(table, None).unwrap() {
                        prop_assert_eq!(as_of.row(table, &row.key).unwrap(), Some(row.clone()));
                        let of = &row.key[..table.partition_key.len()];
                        let (partition, all) = (as_of.partition(table, of, None).unwrap(), anew.partition(table, of, None).unwrap());
                        let keys = |rows: &[Row]| rows.iter().map(|row| row.key.clone()).collect::<Vec<_>>();
                        prop_assert_eq!(keys(&partition), keys(&all));
                        prop_assert_eq!(as_of.partition(table, of, Some(1)).unwrap(), partition[..1].to_vec());
                    }
                }
            }
        }
    }

    #[test]
    fn what_has_passed_is_not_written_and_a_row_without_origin_is_refused() {
        let store = Arc::new(EmbeddedStore::memory().unwrap());
        let row = Upsert::new(&TUNING_RESULTS, vec!["e".into(), 1.into()], 1).with("state", "failed");
        store.write(std::slice::from_ref(&row), &[]).unwrap();
        let as_of = AsOfViews::new(store, Vec::new(), |_| true);
        assert_eq!(as_of.write(&[row], &[]).unwrap_err().to_string(), is_past().to_string());
        assert_eq!(as_of.clear().unwrap_err().to_string(), is_past().to_string());
        let refused = as_of.scan(&TUNING_RESULTS, None).unwrap_err();
        assert!(matches!(refused, ViewError::NoOrigin { table: "tuning_results" }), "{refused}");
    }
}
