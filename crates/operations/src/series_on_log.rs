//! Views beside their log: trades and equity curves are not written twice. The store keeps where their chunks lie, and
//! whoever reads such a view gets its rows from the log, one chunk in memory at a time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use gauntlet_domain::Recorded;
use gauntlet_log::{EventLog, TopicPartition};
use gauntlet_runtime::{events, restore};
use gauntlet_views::schema::{EQUITY_CURVES, SERIES_CHUNKS, TRADE_LOGS};
use gauntlet_views::{
    Digester, Progress, Row, Table, TableDigest, Upsert, Value, ViewError, ViewStore, check_key,
};
use gauntlet_wire::Codec;

/// Views whose rows lie on the log.
const SERIES: [&Table; 2] = [&TRADE_LOGS, &EQUITY_CURVES];

/// A store that lies beside its log.
pub struct SeriesOnLog {
    store: Arc<dyn ViewStore>,
    log: Arc<dyn EventLog>,
    codec: Codec,
    /// The rows that an event makes.
    rows: fn(&Recorded) -> Vec<Upsert>,
}

impl SeriesOnLog {
    /// A store and the log beside it.
    pub fn new(
        store: Arc<dyn ViewStore>,
        log: Arc<dyn EventLog>,
        codec: Codec,
        rows: fn(&Recorded) -> Vec<Upsert>,
    ) -> SeriesOnLog {
        SeriesOnLog { store, log, codec, rows }
    }

    /// Visits the rows of a view in some chunks, which are in the order of the view.
    fn visit_chunks(
        &self,
        table: &'static Table,
        chunks: &[Row],
        visit: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ViewError> {
        for chunk in chunks.iter().filter(|chunk| text(chunk, "view") == table.name) {
            for row in self.chunk(table, chunk)? {
                if visit(row).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The rows of one chunk.
    fn chunk(&self, table: &'static Table, chunk: &Row) -> Result<Vec<Row>, ViewError> {
        let failed = |detail: String| ViewError::Series {
            view: table.name,
            run: text(chunk, "run_id").to_owned(),
            detail,
        };
        let number = |column| chunk.get(column).and_then(Value::as_long).unwrap_or(-1);
        let partition = u32::try_from(number("partition"));
        let (Ok(partition), Ok(offset)) = (partition, u64::try_from(number("offset"))) else {
            return Err(failed("its place is not known".to_owned()));
        };
        let place = TopicPartition::new(text(chunk, "topic"), partition);
        let mut rows = Vec::new();
        restore::for_each(&*self.log, &place, offset, offset + 1, |record| {
            if let Some(recorded) = events::readable(&self.codec, &record)? {
                rows.extend((self.rows)(&recorded).into_iter().filter(|row| row.table == table).map(row_of));
            }
            Ok(())
        })
        .map_err(|error| failed(error.to_string()))?;
        if rows.is_empty() {
            return Err(failed(format!("record {offset} of {place} holds no rows of it")));
        }
        Ok(rows)
    }
}

/// A row of one upsert alone.
fn row_of(upsert: Upsert) -> Row {
    let Upsert { table, key, cells, .. } = upsert;
    let mut row = Row { table, key, cells: vec![Value::Null; table.columns.len()] };
    for (name, value) in cells {
        if let Some(column) = table.column(name) {
            row.cells[column] = value;
        }
    }
    row
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_text).unwrap_or_default()
}

fn lies_on_log(table: &Table) -> bool {
    SERIES.contains(&table)
}

impl ViewStore for SeriesOnLog {
    fn write(&self, upserts: &[Upsert], progress: &[Progress]) -> Result<(), ViewError> {
        self.store.write(upserts, progress)
    }

    fn row(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, ViewError> {
        if !lies_on_log(table) {
            return self.store.row(table, key);
        }
        check_key(table, table.key(), table.key_len(), key)?;
        let rows = self.partition(table, &key[..table.partition_key.len()], None)?;
        Ok(rows.into_iter().find(|row| row.key == key))
    }

    fn partition(
        &self,
        table: &'static Table,
        partition_key: &[Value],
        limit: Option<usize>,
    ) -> Result<Vec<Row>, ViewError> {
        if !lies_on_log(table) {
            return self.store.partition(table, partition_key, limit);
        }
        let chunks = self.store.partition(&SERIES_CHUNKS, partition_key, None)?;
        taken(limit, |visit| self.visit_chunks(table, &chunks, visit).map(drop))
    }

    fn scan(&self, table: &'static Table, limit: Option<usize>) -> Result<Vec<Row>, ViewError> {
        if !lies_on_log(table) {
            return self.store.scan(table, limit);
        }
        taken(limit, |visit| self.visit(table, visit))
    }

    fn visit(
        &self,
        table: &'static Table,
        visit: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        if !lies_on_log(table) {
            return self.store.visit(table, visit);
        }
        let mut failed = None;
        self.store.visit(&SERIES_CHUNKS, &mut |chunk| match self.visit_chunks(
            table,
            std::slice::from_ref(&chunk),
            visit,
        ) {
            Ok(goes_on) => goes_on,
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    fn visits_in_order(&self) -> bool {
        self.store.visits_in_order()
    }

    fn is_beside_log(&self) -> bool {
        true
    }

    fn progress(&self) -> Result<Vec<Progress>, ViewError> {
        self.store.progress()
    }

    fn clear(&self) -> Result<(), ViewError> {
        self.store.clear()
    }

    fn digest(&self) -> Result<BTreeMap<&'static str, TableDigest>, ViewError> {
        let mut digests = self.store.digest()?;
        for table in SERIES {
            let mut digester = Digester::new(table);
            self.visit(table, &mut |row| {
                digester.add(&row);
                ControlFlow::Continue(())
            })?;
            digests.insert(table.name, digester.finish());
        }
        Ok(digests)
    }

    fn kept_digest(&self) -> Result<BTreeMap<&'static str, TableDigest>, ViewError> {
        let mut digests = self.store.digest()?;
        for table in SERIES {
            let mut digester = Digester::new(&SERIES_CHUNKS);
            self.store.visit(&SERIES_CHUNKS, &mut |chunk| {
                if text(&chunk, "view") == table.name {
                    digester.add(&chunk);
                }
                ControlFlow::Continue(())
            })?;
            digests.insert(table.name, digester.finish());
        }
        Ok(digests)
    }
}

/// The first rows of a visit; all of them without a limit.
fn taken(
    limit: Option<usize>,
    visit: impl FnOnce(&mut dyn FnMut(Row) -> ControlFlow<()>) -> Result<(), ViewError>,
) -> Result<Vec<Row>, ViewError> {
    let mut rows = Vec::new();
    if limit == Some(0) {
        return Ok(rows);
    }
    visit(&mut |row| {
        rows.push(row);
        if limit == Some(rows.len()) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(rows)
}
