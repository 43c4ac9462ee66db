//! A store of views that notes which rows are written, for those who keep something made of them. Only tables that somebody has
//! asked about are noted.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gauntlet_views::schema::{CONFIGURATIONS, EXPERIMENTS, LEADERBOARDS};
use gauntlet_views::{Progress, Row, Table, TableDigest, Upsert, Value, ViewError, ViewStore};

/// Keys of a table that are noted at most; beyond them everything has changed.
const MOST_KEYS: usize = 65_536;

type Key = Vec<Value>;

/// What has been written of a table since it was last asked.
enum Changes {
    Keys(Vec<Key>),
    Everything,
}

/// A store, all of whose writers are this process.
pub(crate) struct Noted {
    store: Arc<dyn ViewStore>,
    changes: Mutex<BTreeMap<&'static str, Changes>>,
}

impl Noted {
    /// Over a store.
    pub(crate) fn new(store: Arc<dyn ViewStore>) -> Noted {
        Noted { store, changes: Mutex::default() }
    }

    fn changes(&self) -> MutexGuard<'_, BTreeMap<&'static str, Changes>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether rows of a table have been written since it was last asked; also where it never was.
    pub(crate) fn has_changes(&self, of: &Table) -> bool {
        self.changes()
            .get(of.name)
            .is_none_or(|changes| !matches!(changes, Changes::Keys(keys) if keys.is_empty()))
    }

    /// The keys of a table's rows that have been written since it was last asked; `None` when that may be all of them.
    pub(crate) fn take(&self, of: &'static Table) -> Option<Vec<Key>> {
        match self.changes().insert(of.name, Changes::Keys(Vec::new())) {
            Some(Changes::Keys(keys)) => Some(keys),
            Some(Changes::Everything) | None => None,
        }
    }

    fn note(&self, upserts: &[Upsert]) {
        let mut changes = self.changes();
        if changes.is_empty() {
            return;
        }
        let mut note = |table: &'static str, key: Option<Key>| {
            let Some(of) = changes.get_mut(table) else { return };
            match (&mut *of, key) {
                (Changes::Keys(keys), Some(key)) if keys.len() < MOST_KEYS => keys.push(key),
                _ => *of = Changes::Everything,
            }
        };
        for upsert in upserts {
            note(upsert.table.name, Some(upsert.key.clone()));
            // The list of experiments has columns of these.
            if upsert.table.name == LEADERBOARDS.name {
                note(EXPERIMENTS.name, upsert.key.first().map(|id| vec![id.clone()]));
            } else if upsert.table.name == CONFIGURATIONS.name {
                note(EXPERIMENTS.name, None);
            }
        }
    }
}

impl ViewStore for Noted {
    fn write(&self, upserts: &[Upsert], progress: &[Progress]) -> Result<(), ViewError> {
        let written = self.store.write(upserts, progress);
        // After an error any part of them may have been written.
        self.note(upserts);
        written
    }

    fn row(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, ViewError> {
        self.store.row(table, key)
    }

    fn partition(
        &self,
        table: &'static Table,
        partition_key: &[Value],
        limit: Option<usize>,
    ) -> Result<Vec<Row>, ViewError> {
        self.store.partition(table, partition_key, limit)
    }

    fn scan(&self, table: &'static Table, limit: Option<usize>) -> Result<Vec<Row>, ViewError> {
        self.store.scan(table, limit)
    }

    fn visit(
        &self,
        table: &'static Table,
        visit: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        self.store.visit(table, visit)
    }

    fn visits_in_order(&self) -> bool {
        self.store.visits_in_order()
    }

    fn is_beside_log(&self) -> bool {
        self.store.is_beside_log()
    }

    fn progress(&self) -> Result<Vec<Progress>, ViewError> {
        self.store.progress()
    }

    fn clear(&self) -> Result<(), ViewError> {
        let cleared = self.store.clear();
        self.changes().values_mut().for_each(|changes| *changes = Changes::Everything);
        cleared
    }

    fn digest(&self) -> Result<BTreeMap<&'static str, TableDigest>, ViewError> {
        self.store.digest()
    }

    fn kept_digest(&self) -> Result<BTreeMap<&'static str, TableDigest>, ViewError> {
        self.store.kept_digest()
    }
}
