//! One process at a time changes tables: a row that its holder must keep alive. The only conditional writes there are.

use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use gauntlet_views::ViewError;
use scylla::response::query_result::QueryResult;
use scylla::serialize::row::SerializeRow;
use scylla::value::{CqlValue, Row};

use crate::fault::Fault;
use crate::session::Link;

/// The table that keeps it.
pub(crate) const LEASE_TABLE: &str = "leases";
/// After this time without a sign of its holder a lease is free.
const SECONDS: u64 = 120;
/// Pause between two attempts at taking it.
const PAUSE: Duration = Duration::from_millis(250);

/// A lease that is held.
pub(crate) struct Lease<'a> {
    link: &'a Link,
    holder: String,
}

impl Lease<'_> {
    /// Takes the lease, waiting for its holder to end, does a piece of work and gives the lease back.
    pub(crate) async fn hold<T>(
        link: &Link,
        work: impl AsyncFnOnce(&Lease<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let lease = Lease { link, holder: holder() };
        let patience = Instant::now() + Duration::from_secs(SECONDS + 10);
        while let Some(other) = lease.taken_by().await? {
            if Instant::now() > patience {
                return Err(Fault::Final(ViewError::Store(format!(
                    "process {other} is changing the tables of keyspace {} and does not end: wait for it or stop it",
                    link.options.keyspace
                ))));
            }
            tokio::time::sleep(PAUSE).await;
        }
        let result = work(&lease).await;
        lease.give_back().await;
        result
    }

    /// Tries to take it; answers who has it instead.
    async fn taken_by(&self) -> Result<Option<String>, Fault> {
        let cql = format!(
            "INSERT INTO {}.{LEASE_TABLE} (name, holder) VALUES ('tables', ?) IF NOT EXISTS USING TTL {SECONDS}",
            self.link.options.keyspace
        );
        let (is_applied, other) = self.ask(&cql, (self.holder.as_str(),)).await?;
        // An attempt whose answer was lost may have taken it.
        Ok(other.filter(|other| !is_applied && *other != self.holder))
    }

    /// Shows that its holder is alive.
    pub(crate) async fn keep(&self) -> Result<(), Fault> {
        let cql = format!(
            "UPDATE {}.{LEASE_TABLE} USING TTL {SECONDS} SET holder = ? WHERE name = 'tables' IF holder = ?",
            self.link.options.keyspace
        );
        match self.ask(&cql, (self.holder.as_str(), self.holder.as_str())).await? {
            (true, _) => Ok(()),
            (false, _) => Err(Fault::Final(ViewError::Store(format!(
                "another process has begun to change the tables of keyspace {}, because this one paused for {SECONDS} s: \
                 run it again",
                self.link.options.keyspace
            )))),
        }
    }

    /// Without it the lease would end by itself.
    async fn give_back(&self) {
        let cql = format!(
            "DELETE FROM {}.{LEASE_TABLE} WHERE name = 'tables' IF holder = ?",
            self.link.options.keyspace
        );
        let _ = self.ask(&cql, (self.holder.as_str(),)).await;
    }

    /// Runs a conditional write: whether its condition held, and who has the lease.
    async fn ask(
        &self,
        cql: &str,
        values: impl SerializeRow + Copy,
    ) -> Result<(bool, Option<String>), Fault> {
        let link = self.link;
        let answer = link.persist(link.deadline(), async || link.run(cql, values).await).await?;
        read(link, answer)
    }
}

/// Servers differ in which columns they answer beside `[applied]`.
fn read(link: &Link, answer: QueryResult) -> Result<(bool, Option<String>), Fault> {
    let rows = answer.into_rows_result().map_err(|error| link.odd(error))?;
    let place = |name| rows.column_specs().get_by_name(name).map(|(place, _)| place);
    let mut row: Row = rows.first_row().map_err(|error| link.odd(error))?;
    let is_applied = place("[applied]").and_then(|place| row.columns[place].take());
    let holder = place("holder").and_then(|place| row.columns[place].take());
    let holder = holder.and_then(|value| match value {
        CqlValue::Text(text) => Some(text),
        _ => None,
    });
    Ok((matches!(is_applied, Some(CqlValue::Boolean(true))), holder))
}

/// A name that no other holder has; it decides nothing.
fn holder() -> String {
    let drawn = std::hash::RandomState::new().build_hasher().finish();
    format!("{}-{drawn:016x}", std::process::id())
}
