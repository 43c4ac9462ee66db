//! The port: every call goes by a pointer that is fresh, and looks at it again when tables are gone.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use gauntlet_views::schema::tables;
use gauntlet_views::{Progress, Row, Table, TableDigest, Upsert, Value, ViewError, ViewStore, check_key};
use scylla::statement::prepared::PreparedStatement;

use crate::fault::Fault;
use crate::generations::{self, FRESH, Pointer};
use crate::migrations;
use crate::options::CqlOptions;
use crate::session::Link;
use crate::tables::{Tables, name};

/// Views in a keyspace of ScyllaDB or Cassandra.
///
/// It has threads of its own for the driver and blocks on them: call it from plain threads, never from an asynchronous
/// task, where it panics. Nor drop it there.
pub struct CqlStore {
    shared: Arc<Shared>,
    /// Of a store that is being rebuilt: its tables, and what it must have reached before it may be read by others.
    pin: Option<(Arc<Tables>, Vec<Progress>)>,
}

/// What a store and those made from it have in common.
struct Shared {
    link: Link,
    pointer: PreparedStatement,
    seen: RwLock<Seen>,
}

/// The pointer as it was read last.
#[derive(Clone)]
struct Seen {
    at: Instant,
    pointer: Pointer,
    targets: Targets,
}

/// The tables that a call uses.
#[derive(Clone)]
struct Targets {
    current: Arc<Tables>,
    building: Option<Arc<Tables>>,
}

impl CqlStore {
    /// Makes the keyspace and its tables, or adds what they lack; answers the numbers of the steps that it applied. Safe
    /// beside others that do the same or use the views. On a release of ScyllaDB whose tablets lack conditional writes,
    /// create the keyspace before with `tablets = {'enabled': false}`.
    ///
    /// # Errors
    /// [`ViewError::NewerSchema`] for a keyspace of a newer version, [`ViewError::Unavailable`] when no server answers,
    /// [`ViewError::Store`] with the setting to change for anything else.
    pub fn migrate(options: &CqlOptions) -> Result<Vec<u32>, ViewError> {
        migrations::migrate(options)
    }

    /// Connects to a keyspace that fits this program.
    ///
    /// # Errors
    /// [`ViewError::NotMigrated`] and [`ViewError::NewerSchema`] for a keyspace that does not fit; otherwise as for
    /// [`CqlStore::migrate`].
    pub fn connect(options: CqlOptions) -> Result<CqlStore, ViewError> {
        let link = Link::open(&options)?;
        let (pointer, seen) = link.block_on(async {
            migrations::verify(&link).await?;
            let pointer = link.prepare(Pointer::question(&options.keyspace)).await?;
            let seen = look(&link, &pointer, None, link.deadline()).await?;
            Ok::<_, Fault>((pointer, seen))
        })?;
        Ok(CqlStore { shared: Arc::new(Shared { link, pointer, seen: RwLock::new(seen) }), pin: None })
    }

    pub(crate) fn link(&self) -> &Link {
        &self.shared.link
    }

    /// A store over the tables of a generation that is being built.
    pub(crate) fn pinned(&self, tables: Tables, floor: Vec<Progress>) -> CqlStore {
        CqlStore { shared: Arc::clone(&self.shared), pin: Some((Arc::new(tables), floor)) }
    }

    pub(crate) fn pin(&self) -> Option<&(Arc<Tables>, Vec<Progress>)> {
        self.pin.as_ref()
    }

    /// The tables by a pointer that was read no longer than [`FRESH`] ago.
    async fn targets(&self, deadline: Instant) -> Result<Targets, Fault> {
        if let Some((tables, _)) = &self.pin {
            return Ok(Targets { current: Arc::clone(tables), building: None });
        }
        let seen = self.shared.seen.read().unwrap_or_else(PoisonError::into_inner).clone();
        if seen.at.elapsed() < FRESH {
            return Ok(seen.targets);
        }
        self.look_again(seen, deadline).await
    }

    async fn look_again(&self, seen: Seen, deadline: Instant) -> Result<Targets, Fault> {
        let fresh = look(&self.shared.link, &self.shared.pointer, Some(seen), deadline).await?;
        let targets = fresh.targets.clone();
        let mut seen = self.shared.seen.write().unwrap_or_else(PoisonError::into_inner);
        if fresh.pointer.version >= seen.pointer.version {
            *seen = fresh;
        }
        Ok(targets)
    }

    /// Runs a call on the tables that are current; when they are gone, on those that have taken their place.
    fn call<T>(&self, work: impl AsyncFn(&Targets, Instant) -> Result<T, Fault>) -> Result<T, ViewError> {
        let link = &self.shared.link;
        let answer = link.block_on(async {
            let deadline = link.deadline();
            let mut targets = self.targets(deadline).await?;
            loop {
                let gone = match work(&targets, deadline).await {
                    Err(Fault::UnknownTable(_)) if self.pin.is_some() => return Err(generations::replaced()),
                    Err(Fault::UnknownTable(detail)) => detail,
                    other => return other,
                };
                let seen = self.shared.seen.read().unwrap_or_else(PoisonError::into_inner).clone();
                let fresh = self.look_again(seen, deadline).await?;
                if fresh.numbers() == targets.numbers() {
                    return Err(Fault::UnknownTable(gone));
                }
                targets = fresh;
            }
        })?;
        Ok(answer)
    }
}

impl Targets {
    fn numbers(&self) -> (u32, Option<u32>) {
        (self.current.generation, self.building.as_ref().map(|tables| tables.generation))
    }

    fn prepared(&self, generation: u32) -> Option<Arc<Tables>> {
        let all = [Some(&self.current), self.building.as_ref()];
        all.into_iter().flatten().find(|tables| tables.generation == generation).map(Arc::clone)
    }
}

/// Reads the pointer, and prepares the statements of tables that were not known before.
async fn look(
    link: &Link,
    question: &PreparedStatement,
    before: Option<Seen>,
    deadline: Instant,
) -> Result<Seen, Fault> {
    let mut failed = None;
    loop {
        let at = Instant::now();
        let answer = link.persist(deadline, async || link.execute(question, ()).await).await?;
        let pointer = Pointer::from_answer(link, answer)?
            .ok_or_else(|| migrations::unmade(link, "has no generation of tables"))?;
        let prepared =
            async |generation| match before.as_ref().and_then(|seen| seen.targets.prepared(generation)) {
                Some(tables) => Ok(tables),
                None => {
                    let prepare = async || Tables::prepare(link, generation).await;
                    link.persist(deadline, prepare).await.map(Arc::new)
                }
            };
        let targets = async {
            let building = match pointer.building {
                Some(generation) => Some(prepared(generation).await?),
                None => None,
            };
            Ok(Targets { current: prepared(pointer.current).await?, building })
        };
        match targets.await {
            Ok(targets) => return Ok(Seen { at, pointer, targets }),
            // The pointer may have moved in the meantime.
            Err(Fault::UnknownTable(_)) if failed != Some(pointer) => failed = Some(pointer),
            Err(other) => return Err(other),
        }
    }
}

impl ViewStore for CqlStore {
    fn write(&self, upserts: &[Upsert], progress: &[Progress]) -> Result<(), ViewError> {
        let positions: Vec<Upsert> = progress.iter().map(Progress::upsert).collect();
        for upsert in upserts.iter().chain(&positions) {
            upsert.check()?;
        }
        if upserts.is_empty() && positions.is_empty() {
            return Ok(());
        }
        let link = self.link();
        self.call(async |targets, deadline| {
            targets.current.write(link, upserts.iter(), deadline).await?;
            if let Some(building) = &targets.building {
                building.write(link, upserts.iter(), deadline).await?;
            }
            // Only now: whoever reads an offset finds the rows before it. How far a rebuild has come, it says itself.
            targets.current.write(link, positions.iter(), deadline).await
        })
    }

    fn row(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, ViewError> {
        check_key(table, table.key(), table.key_len(), key)?;
        self.call(async |targets, deadline| {
            let statements = targets.current.of(table)?;
            let rows = statements.rows(self.link(), &statements.row, key, None, deadline).await?;
            Ok(rows.into_iter().next())
        })
    }

    fn partition(
        &self,
        table: &'static Table,
        partition_key: &[Value],
        limit: Option<usize>,
    ) -> Result<Vec<Row>, ViewError> {
        check_key(table, table.partition_key.iter(), table.partition_key.len(), partition_key)?;
        self.call(async |targets, deadline| {
            let statements = targets.current.of(table)?;
            statements.rows(self.link(), &statements.partition, partition_key, limit, deadline).await
        })
    }

    fn scan(&self, table: &'static Table, limit: Option<usize>) -> Result<Vec<Row>, ViewError> {
        self.call(async |targets, deadline| {
            let statements = targets.current.of(table)?;
            statements.rows(self.link(), &statements.scan, &[], limit, deadline).await
        })
    }

    fn progress(&self) -> Result<Vec<Progress>, ViewError> {
        self.call(async |targets, deadline| targets.current.progress(self.link(), deadline).await)
    }

    fn clear(&self) -> Result<(), ViewError> {
        let link = self.link();
        self.call(async |targets, deadline| {
            for table in tables() {
                let table = name(table.name, targets.current.generation);
                let cql = format!("TRUNCATE TABLE {}.{table}", link.options.keyspace);
                link.persist(deadline, async || link.run(&cql, ()).await.map(drop)).await?;
            }
            Ok(())
        })
    }

    fn digest(&self) -> Result<BTreeMap<&'static str, TableDigest>, ViewError> {
        self.call(async |targets, _| targets.current.digest(self.link()).await)
    }
}
