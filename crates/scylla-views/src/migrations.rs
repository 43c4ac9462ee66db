//! Making the keyspace and its tables: numbered steps that only add, each applied once and never changed afterwards.
//!
//! A step is a file whose statements each name one table; it is applied to every generation of tables that there is.

use std::collections::BTreeMap;

use gauntlet_views::ViewError;
use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::generations::{POINTER_TABLE, Pointer};
use crate::lease::{LEASE_TABLE, Lease};
use crate::options::CqlOptions;
use crate::session::Link;
use crate::tables::name;

/// The steps; the first has number 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_tables.cql"),
    include_str!("../migrations/0002_verdicts.cql"),
    include_str!("../migrations/0003_walk_forward.cql"),
    include_str!("../migrations/0004_revisions.cql"),
    include_str!("../migrations/0005_selection.cql"),
    include_str!("../migrations/0006_denied_orders.cql"),
    include_str!("../migrations/0007_last_record.cql"),
    include_str!("../migrations/0008_access.cql"),
    include_str!("../migrations/0009_history.cql"),
];

const MIGRATIONS_TABLE: &str = "schema_migrations";

/// Makes the keyspace if it is missing, and applies the steps that it lacks; answers their numbers.
pub(crate) fn migrate(options: &CqlOptions) -> Result<Vec<u32>, ViewError> {
    let link = Link::open(options)?;
    let applied = link.block_on(async {
        make_house(&link).await?;
        Lease::hold(&link, async |lease| apply(&link, lease).await).await
    })?;
    Ok(applied)
}

/// Refuses a keyspace that does not fit this program.
pub(crate) async fn verify(link: &Link) -> Result<(), Fault> {
    if !keyspace_exists(link).await? {
        return Err(unmade(link, "does not exist").into());
    }
    if !tables_of(link).await?.iter().any(|table| table == MIGRATIONS_TABLE) {
        return Err(unmade(link, "has no views").into());
    }
    match lacking(&link.options.keyspace, &applied(link).await?)?.first() {
        None => Ok(()),
        Some(first) => Err(unmade(link, &format!("lacks migration {first}")).into()),
    }
}

/// A keyspace that is to be migrated first.
pub(crate) fn unmade(link: &Link, detail: &str) -> ViewError {
    ViewError::NotMigrated { keyspace: link.options.keyspace.clone(), detail: detail.into() }
}

/// All statements that make the tables of a generation as they are now.
pub(crate) fn of_generation(keyspace: &str, generation: u32) -> Vec<String> {
    MIGRATIONS.iter().flat_map(|step| placed(step, keyspace, generation)).collect()
}

/// Names of the tables in the keyspace.
pub(crate) async fn tables_of(link: &Link) -> Result<Vec<String>, Fault> {
    let cql = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
    let keyspace = (link.options.keyspace.as_str(),);
    let answer = link.persist(link.deadline(), async || link.run(cql, keyspace).await).await?;
    let rows = answer.into_rows_result().map_err(|error| link.odd(error))?;
    let rows = rows.rows::<(String,)>().map_err(|error| link.odd(error))?;
    rows.map(|row| Ok(row.map_err(|error| link.odd(error))?.0)).collect()
}

async fn keyspace_exists(link: &Link) -> Result<bool, Fault> {
    let cql = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
    let keyspace = (link.options.keyspace.as_str(),);
    let answer = link.persist(link.deadline(), async || link.run(cql, keyspace).await).await?;
    Ok(answer.into_rows_result().map_err(|error| link.odd(error))?.rows_num() > 0)
}

/// The keyspace and what migrations themselves need. Before that there is no lease to take: two processes that do this
/// at once for the first time rely on `IF NOT EXISTS`.
async fn make_house(link: &Link) -> Result<(), Fault> {
    let keyspace = &link.options.keyspace;
    if !keyspace_exists(link).await? {
        let copies: Vec<String> =
            link.options.replication.iter().map(|(name, copies)| format!("'{name}': {copies}")).collect();
        let copies = copies.join(", ");
        let cql = format!(
            "CREATE KEYSPACE IF NOT EXISTS {keyspace} \
             WITH replication = {{'class': 'NetworkTopologyStrategy', {copies}}}"
        );
        link.run(&cql, ()).await?;
    }
    let there = tables_of(link).await?;
    for (table, columns) in [
        (LEASE_TABLE, "name text PRIMARY KEY, holder text"),
        (MIGRATIONS_TABLE, "version int PRIMARY KEY, checksum text, applied_at timestamp"),
        (POINTER_TABLE, "name text PRIMARY KEY, version bigint, current int, building int"),
    ] {
        if !there.iter().any(|name| name == table) {
            link.run(&format!("CREATE TABLE IF NOT EXISTS {keyspace}.{table} ({columns})"), ()).await?;
        }
    }
    Ok(())
}

/// Applies what is lacking, under the lease.
async fn apply(link: &Link, lease: &Lease<'_>) -> Result<Vec<u32>, Fault> {
    let keyspace = &link.options.keyspace;
    let lacking = lacking(keyspace, &applied(link).await?)?;
    let pointer = link.persist(link.deadline(), async || Pointer::read(link).await).await?;
    if pointer.is_none() {
        Pointer::FIRST.write(link).await?;
    }
    let pointer = pointer.unwrap_or(Pointer::FIRST);
    for &number in &lacking {
        let step = MIGRATIONS[number as usize - 1];
        for generation in [Some(pointer.current), pointer.building].into_iter().flatten() {
            for statement in placed(step, keyspace, generation) {
                lease.keep().await?;
                if !is_done(link, &statement).await? {
                    link.run(&statement, ()).await?;
                }
            }
        }
        let cql = format!(
            "INSERT INTO {keyspace}.{MIGRATIONS_TABLE} (version, checksum, applied_at) \
             VALUES (?, ?, toTimestamp(now()))"
        );
        let checksum = checksum(step);
        let values = (number.cast_signed(), checksum.as_str());
        link.persist(link.deadline(), async || link.run(&cql, values).await.map(drop)).await?;
    }
    Ok(lacking)
}

/// Whether a statement adds a column that is there already, because the step ended half-way before. All others may be done
/// twice.
async fn is_done(link: &Link, statement: &str) -> Result<bool, Fault> {
    let Some((table, column)) = added_column(statement) else { return Ok(false) };
    let cql = "SELECT column_name FROM system_schema.columns \
               WHERE keyspace_name = ? AND table_name = ? AND column_name = ?";
    let names = (link.options.keyspace.as_str(), table, column);
    let answer = link.persist(link.deadline(), async || link.run(cql, names).await).await?;
    Ok(answer.into_rows_result().map_err(|error| link.odd(error))?.rows_num() > 0)
}

/// Table and column of `ALTER TABLE keyspace.table ADD column type`.
fn added_column(statement: &str) -> Option<(&str, &str)> {
    let (table, change) = statement.strip_prefix("ALTER TABLE ")?.split_once(' ')?;
    Some((table.split_once('.')?.1, change.strip_prefix("ADD ")?.split(' ').next()?))
}

/// Numbers and checksums of the steps that were applied.
async fn applied(link: &Link) -> Result<BTreeMap<u32, String>, Fault> {
    let cql = format!("SELECT version, checksum FROM {}.{MIGRATIONS_TABLE}", link.options.keyspace);
    let answer = link.persist(link.deadline(), async || link.run(&cql, ()).await).await?;
    let rows = answer.into_rows_result().map_err(|error| link.odd(error))?;
    let rows = rows.rows::<(i32, Option<String>)>().map_err(|error| link.odd(error))?;
    let mut applied = BTreeMap::new();
    for row in rows {
        let (version, checksum) = row.map_err(|error| link.odd(error))?;
        let version = u32::try_from(version).map_err(|_| link.odd("a negative migration"))?;
        applied.insert(version, checksum.unwrap_or_default());
    }
    Ok(applied)
}

/// Numbers of the steps that a keyspace lacks.
fn lacking(keyspace: &str, applied: &BTreeMap<u32, String>) -> Result<Vec<u32>, ViewError> {
    let known = MIGRATIONS.len() as u32;
    if let Some((&found, _)) = applied.last_key_value().filter(|(found, _)| **found > known) {
        return Err(ViewError::NewerSchema { keyspace: keyspace.to_owned(), found, known });
    }
    let mut lacking = Vec::new();
    for (number, step) in (1..).zip(MIGRATIONS) {
        match applied.get(&number) {
            None => lacking.push(number),
            Some(found) if *found == checksum(step) => {}
            Some(_) => {
                return Err(ViewError::Store(format!(
                    "migration {number} of keyspace {keyspace} is not the one of this program: another build has made \
                     it; use that build, or another keyspace and make the views again from the log"
                )));
            }
        }
    }
    Ok(lacking)
}

fn checksum(step: &str) -> String {
    Sha256::digest(step).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The statements of a step with the table names of a keyspace and generation.
fn placed(step: &str, keyspace: &str, generation: u32) -> Vec<String> {
    let statements = step.split(";\n").map(str::trim).filter(|statement| !statement.is_empty());
    let place = |statement: &str| {
        let (verb, rest) = ["CREATE TABLE IF NOT EXISTS ", "ALTER TABLE "]
            .into_iter()
            .find_map(|verb| Some((verb, statement.strip_prefix(verb)?)))
            .expect("invariant: a migration creates tables or alters them");
        let (table, rest) = rest.split_once(' ').expect("invariant: a statement goes on after its table");
        format!("{verb}{keyspace}.{} {rest}", name(table, generation))
    };
    statements.map(place).collect()
}

#[cfg(test)]
mod tests {
    use gauntlet_views::schema::{cql, tables};

    use super::*;

    /// The statements that make the tables, with what later ones change about them: a column after those that there are, or
    /// another comment.
    fn folded() -> Vec<String> {
        let mut made: BTreeMap<String, String> = BTreeMap::new();
        for statement in MIGRATIONS.concat().split(";\n").filter(|statement| !statement.is_empty()) {
            let Some(change) = statement.strip_prefix("ALTER TABLE ") else {
                let table = statement.split(' ').nth(5).unwrap();
                made.insert(table.to_owned(), statement.to_owned());
                continue;
            };
            let (table, change) = change.split_once(' ').unwrap();
            let made = made.get_mut(table).unwrap();
            if let Some(column) = change.strip_prefix("ADD ") {
                *made = made.replace("    PRIMARY KEY", &format!("    {column},\n    PRIMARY KEY"));
            } else {
                let comment = change.strip_prefix("WITH ").unwrap();
                made.replace_range(made.find("comment = ").unwrap().., comment);
            }
        }
        made.into_values().collect()
    }

    /// When a table gains a column, add a migration with `ALTER TABLE name ADD column type`.
    #[test]
    fn the_migrations_make_the_tables_of_the_schema() {
        let mut declared: Vec<String> =
            tables().map(cql).map(|made| made.trim_end_matches(";\n").to_owned()).collect();
        let mut migrated = folded();
        declared.sort();
        migrated.sort();
        assert_eq!(migrated, declared);
    }

    #[test]
    fn statements_are_placed_in_a_keyspace_and_generation() {
        let statements = of_generation("views", 2);
        let made = statements.iter().filter(|statement| statement.starts_with("CREATE TABLE"));
        assert_eq!(made.count(), tables().count());
        assert!(statements[0].starts_with("CREATE TABLE IF NOT EXISTS views.experiments_g2 (\n"));
        assert!(of_generation("v", 1)[1].starts_with("CREATE TABLE IF NOT EXISTS v.configurations (\n"));
        let added = placed("ALTER TABLE runs ADD cost double;\n", "v", 3);
        assert_eq!(added, ["ALTER TABLE v.runs_g3 ADD cost double"]);
        assert_eq!(added_column(&added[0]), Some(("runs_g3", "cost")));
        assert_eq!(added_column("ALTER TABLE v.runs WITH comment = 'ADD x'"), None);
        assert_eq!(added_column("CREATE TABLE IF NOT EXISTS v.runs (ADD text)"), None);
    }

    #[test]
    fn what_is_lacking_or_does_not_fit_is_told() {
        let all: BTreeMap<u32, String> = (1..).zip(MIGRATIONS.iter().map(|step| checksum(step))).collect();
        let first = (1, all[&1].clone());
        assert_eq!(lacking("v", &BTreeMap::new()).unwrap(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(lacking("v", &BTreeMap::from([first.clone()])).unwrap(), [2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(lacking("v", &all).unwrap().is_empty());
        let newer = lacking("v", &BTreeMap::from([first, (10, "x".into())])).unwrap_err();
        assert!(matches!(newer, ViewError::NewerSchema { found: 10, known: 9, .. }), "{newer}");
        let other = lacking("v", &BTreeMap::from([(1, "x".into())])).unwrap_err();
        assert!(other.to_string().contains("migration 1 of keyspace v is not the one"), "{other}");
    }

    #[test]
    fn what_migrations_need_themselves_is_no_view() {
        for own in [LEASE_TABLE, MIGRATIONS_TABLE, POINTER_TABLE] {
            assert!(tables().all(|table| table.name != own));
        }
    }
}
