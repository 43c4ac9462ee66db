//! Which generation of tables is read, and how the next one takes its place beside live traffic.
//!
//! One row, the pointer, names the generation that is read and the one that is being built. Whoever uses the views
//! reads it again after `FRESH` at the latest. While a generation is being built, rows are written into both: those
//! written before everybody knew of it lie in the log before the rebuild looks for the log's end. So the new tables
//! lack nothing when the pointer moves, and no writer has to be stopped for it.

use std::time::Duration;

use gauntlet_views::schema::tables;
use gauntlet_views::{Progress, ViewError, ViewStore};
use scylla::response::query_result::QueryResult;

use crate::fault::Fault;
use crate::lease::Lease;
use crate::migrations;
use crate::session::Link;
use crate::store::CqlStore;
use crate::tables::Tables;

/// How old the pointer may be that a call goes by.
pub(crate) const FRESH: Duration = Duration::from_secs(1);
/// After this time every call goes by what the pointer says now, and those that began before have mostly ended.
const NOTICED: Duration = Duration::from_secs(2);

/// The table that keeps the pointer.
pub(crate) const POINTER_TABLE: &str = "generations";

/// The pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// Counts changes; the write's timestamp, so that clocks do not decide which one stays.
    pub(crate) version: i64,
    /// The generation that is read.
    pub(crate) current: u32,
    /// The generation that is being built.
    pub(crate) building: Option<u32>,
}

impl Pointer {
    /// Of a new keyspace.
    pub(crate) const FIRST: Pointer = Pointer { version: 1, current: 1, building: None };

    /// The number after all that were used.
    fn next_generation(self) -> u32 {
        self.current.max(self.building.unwrap_or(0)) + 1
    }

    /// The question for it.
    pub(crate) fn question(keyspace: &str) -> String {
        format!("SELECT version, current, building FROM {keyspace}.{POINTER_TABLE} WHERE name = 'views'")
    }

    /// Reads it from an answer to the question.
    pub(crate) fn from_answer(link: &Link, answer: QueryResult) -> Result<Option<Pointer>, Fault> {
        let rows = answer.into_rows_result().map_err(|error| link.odd(error))?;
        let row = rows.maybe_first_row::<(i64, i32, Option<i32>)>().map_err(|error| link.odd(error))?;
        let Some((version, current, building)) = row else { return Ok(None) };
        let number = |n: i32| u32::try_from(n).map_err(|_| link.odd("a negative generation"));
        let building = building.map(number).transpose()?;
        Ok(Some(Pointer { version, current: number(current)?, building }))
    }

    /// Asks for it; there is none in a keyspace that is still being made.
    pub(crate) async fn read(link: &Link) -> Result<Option<Pointer>, Fault> {
        Pointer::from_answer(link, link.run(&Pointer::question(&link.options.keyspace), ()).await?)
    }

    /// Writes it.
    pub(crate) async fn write(self, link: &Link) -> Result<(), Fault> {
        let cql = format!(
            "INSERT INTO {}.{POINTER_TABLE} (name, version, current, building) VALUES ('views', ?, ?, ?) \
             USING TIMESTAMP ?",
            link.options.keyspace
        );
        let values =
            (self.version, self.current.cast_signed(), self.building.map(u32::cast_signed), self.version);
        link.persist(link.deadline(), async || link.run(&cql, values).await.map(drop)).await
    }
}

impl CqlStore {
    /// Makes the tables of the next generation and answers a store over them, while everybody else goes on with the
    /// present ones. From now on every other store writes rows into both.
    ///
    /// Project the log into it from its beginning to its end as it is *after* this call, then [`CqlStore::switch_to`]
    /// it. A rebuild that was given up is replaced by the next one; until then writes go into its tables too.
    ///
    /// # Errors
    /// [`ViewError::Unavailable`] as for every call; [`ViewError::Store`] when another process is changing tables.
    pub fn begin_rebuild(&self) -> Result<CqlStore, ViewError> {
        let link = self.link();
        let tables = link.block_on(Lease::hold(link, async |lease| {
            let before = pointer(link).await?;
            // What an attempt that failed before it moved the pointer has left.
            drop_others(link, lease, before).await?;
            let generation = before.next_generation();
            for statement in migrations::of_generation(&link.options.keyspace, generation) {
                lease.keep().await?;
                link.run(&statement, ()).await?;
            }
            let tables = Tables::prepare(link, generation).await?;
            let after = Pointer { version: before.version + 1, building: Some(generation), ..before };
            after.write(link).await?;
            tokio::time::sleep(NOTICED).await;
            drop_others(link, lease, after).await?;
            Ok(tables)
        }))?;
        let floor = self.progress()?;
        Ok(self.pinned(tables, floor))
    }

    /// Makes the rebuilt tables those that everybody reads, and drops the old ones. After an error, call it again. The
    /// rebuilt store has no further use then: this one shows the same.
    ///
    /// # Errors
    /// [`ViewError::Store`] when the rebuilt views lack what the present ones have, when another rebuild has replaced
    /// this one, or when another process is changing tables; [`ViewError::Unavailable`] as for every call.
    pub fn switch_to(&self, rebuilt: &CqlStore) -> Result<(), ViewError> {
        let Some((tables, floor)) = rebuilt.pin() else {
            return Err(ViewError::Store("only a store of begin_rebuild can be switched to".into()));
        };
        let reached = rebuilt.progress()?;
        if let Some(missing) = floor.iter().find(|place| !is_reached(place, &reached)) {
            return Err(ViewError::Store(format!(
                "the rebuilt views have not come to offset {} of {} {}: project the log to its end first",
                missing.next_offset, missing.topic, missing.partition
            )));
        }
        let link = self.link();
        link.block_on(Lease::hold(link, async |lease| {
            let before = pointer(link).await?;
            let after = Pointer { version: before.version + 1, current: tables.generation, building: None };
            if before.current == after.current {
                return drop_others(link, lease, before).await;
            }
            if before.building != Some(tables.generation) {
                return Err(replaced());
            }
            let old = Tables::prepare(link, before.current).await?;
            copy_progress(link, &old, tables).await?;
            after.write(link).await?;
            tokio::time::sleep(NOTICED).await;
            // What was written by those who had not noticed yet.
            copy_progress(link, &old, tables).await?;
            drop_others(link, lease, after).await
        }))?;
        Ok(())
    }
}

/// Of a store whose tables were dropped for those of a later rebuild.
pub(crate) fn replaced() -> Fault {
    let detail = "another rebuild has replaced this one: go on with that, or begin again";
    Fault::Final(ViewError::Store(detail.into()))
}

fn is_reached(place: &Progress, reached: &[Progress]) -> bool {
    let same = |other: &&Progress| (&other.topic, other.partition) == (&place.topic, place.partition);
    reached.iter().find(same).is_some_and(|other| other.next_offset >= place.next_offset)
}

/// Whatever the present tables say of progress is true of the rebuilt ones too, since both have the rows before it.
async fn copy_progress(link: &Link, from: &Tables, to: &Tables) -> Result<(), Fault> {
    let deadline = link.deadline();
    let progress = from.progress(link, deadline).await?;
    let rows: Vec<_> = progress.iter().map(Progress::upsert).collect();
    to.write(link, rows.iter(), deadline).await
}

async fn pointer(link: &Link) -> Result<Pointer, Fault> {
    let found = link.persist(link.deadline(), async || Pointer::read(link).await).await?;
    found.ok_or_else(|| Fault::Final(migrations::unmade(link, "has no generation of tables")))
}

/// Drops the tables of all generations that are neither read nor built.
async fn drop_others(link: &Link, lease: &Lease<'_>, pointer: Pointer) -> Result<(), Fault> {
    let keyspace = &link.options.keyspace;
    for found in migrations::tables_of(link).await? {
        let other = generation_of(&found)
            .is_some_and(|number| number != pointer.current && Some(number) != pointer.building);
        if other {
            lease.keep().await?;
            link.run(&format!("DROP TABLE IF EXISTS {keyspace}.{found}"), ()).await?;
        }
    }
    Ok(())
}

/// The generation that a table with this name belongs to, if it is one of a view or of the progress.
fn generation_of(name: &str) -> Option<u32> {
    tables().find_map(|table| match name.strip_prefix(table.name)? {
        "" => Some(1),
        rest => rest.strip_prefix("_g")?.parse().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::name;

    #[test]
    fn a_name_tells_its_generation() {
        let mut named = 0;
        for table in tables() {
            for generation in [1, 2, 17] {
                assert_eq!(generation_of(&name(table.name, generation)), Some(generation));
                named += 1;
            }
        }
        assert!(named > 30);
        for other in ["generations", "leases", "schema_migrations", "runs_g", "runs_gx", "unrelated_g2"] {
            assert_eq!(generation_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_generation_is_never_used_twice() {
        let first = Pointer::FIRST;
        assert_eq!(first.next_generation(), 2);
        assert_eq!(Pointer { building: Some(2), ..first }.next_generation(), 3);
        assert_eq!(Pointer { current: 3, ..first }.next_generation(), 4);
    }
}
