//! Rows of one generation of tables: written many at a time, read a page at a time, each request repeated until the
//! call's deadline.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use futures::stream::{self, StreamExt, TryStreamExt};
use gauntlet_views::schema::{PROJECTION_PROGRESS, VIEWS};
use gauntlet_views::{Digester, Progress, Row, TableDigest, Upsert, Value};
use scylla::response::PagingState;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;

use crate::fault::Fault;
use crate::session::Link;
use crate::tables::{Key, Statements, Tables};

/// Rows of one partition that are sent as one: few enough to be one small mutation.
const BATCH_ROWS: usize = 32;
/// Bytes of text in such a batch; a larger row goes alone.
const BATCH_BYTES: usize = 16 << 10;
/// Partitions whose first pages are fetched ahead for a digest.
const PARTITIONS_AHEAD: usize = 32;

impl Tables {
    /// Writes checked upserts; all of them are acknowledged when it answers.
    pub(crate) async fn write<'a>(
        &self,
        link: &Link,
        upserts: impl Iterator<Item = &'a Upsert>,
        deadline: Instant,
    ) -> Result<(), Fault> {
        let pieces = self.pieces(upserts)?;
        stream::iter(pieces)
            .map(Ok)
            .try_for_each_concurrent(link.options.in_flight as usize, async |piece| {
                link.persist(deadline, async || piece.send(link).await).await
            })
            .await
    }

    /// Upserts by partition, in pieces that may be sent as one.
    fn pieces<'a>(&self, upserts: impl Iterator<Item = &'a Upsert>) -> Result<Vec<Piece<'a, '_>>, Fault> {
        let mut sorted = Vec::new();
        for upsert in upserts {
            sorted.push((self.of(upsert.table)?, upsert));
        }
        let place = |(statements, upsert): &(&Statements, &'a Upsert)| {
            (statements.table.name, &upsert.key[..statements.table.partition_key.len()])
        };
        sorted.sort_by(|a, b| place(a).cmp(&place(b)));
        let mut pieces: Vec<Piece<'a, '_>> = Vec::new();
        for partition in sorted.chunk_by(|a, b| place(a) == place(b)) {
            let mut bytes = usize::MAX;
            for (statements, upsert) in partition {
                let size = size(upsert);
                match pieces.last_mut() {
                    Some(piece)
                        if bytes.saturating_add(size) <= BATCH_BYTES && piece.upserts.len() < BATCH_ROWS =>
                    {
                        piece.upserts.push(upsert);
                        bytes += size;
                    }
                    _ => {
                        pieces.push(Piece { statements, upserts: vec![upsert] });
                        bytes = size;
                    }
                }
            }
        }
        Ok(pieces)
    }

    /// How far the log has been projected.
    pub(crate) async fn progress(&self, link: &Link, deadline: Instant) -> Result<Vec<Progress>, Fault> {
        let statements = self.of(&PROJECTION_PROGRESS)?;
        let rows = statements.rows(link, &statements.scan, &[], None, deadline).await?;
        Ok(rows.iter().filter_map(Progress::from_row).collect())
    }

    /// Digest of every view.
    pub(crate) async fn digest(&self, link: &Link) -> Result<BTreeMap<&'static str, TableDigest>, Fault> {
        let mut digests = BTreeMap::new();
        for &table in VIEWS {
            digests.insert(table.name, self.of(table)?.digest(link).await?);
        }
        Ok(digests)
    }
}

/// Upserts of one partition that are sent as one.
struct Piece<'a, 't> {
    statements: &'t Statements,
    upserts: Vec<&'a Upsert>,
}

impl Piece<'_, '_> {
    async fn send(&self, link: &Link) -> Result<(), Fault> {
        let insert = &self.statements.insert;
        if let [upsert] = self.upserts[..] {
            return link.execute(insert, self.statements.bind(upsert)).await.map(drop);
        }
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_is_idempotent(true);
        for _ in &self.upserts {
            batch.append_statement(insert.clone());
        }
        let values: Vec<_> = self.upserts.iter().map(|upsert| self.statements.bind(upsert)).collect();
        link.session.batch(&batch, values).await.map(drop).map_err(|error| link.fault(&error))
    }
}

/// About how many bytes an upsert takes.
fn size(upsert: &Upsert) -> usize {
    let values = upsert.key.iter().chain(upsert.cells.iter().map(|(_, value)| value));
    values.map(|value| value.as_text().map_or(8, str::len)).sum()
}

/// A page and where the next one begins.
type Page = (Vec<scylla::value::Row>, Option<PagingState>);

impl Statements {
    /// Rows that a statement answers, up to a limit.
    pub(crate) async fn rows(
        &self,
        link: &Link,
        statement: &PreparedStatement,
        key: &[Value],
        limit: Option<usize>,
        deadline: Instant,
    ) -> Result<Vec<Row>, Fault> {
        let limit = limit.unwrap_or(usize::MAX);
        let mut statement = statement.clone();
        let mut rows = Vec::new();
        let mut state = Some(PagingState::start());
        while let Some(from) = state.filter(|_| rows.len() < limit) {
            let wanted = i32::try_from(limit - rows.len()).unwrap_or(i32::MAX);
            statement.set_page_size(wanted.min(link.options.page_size.cast_signed()));
            let page = page(link, &statement, key, from, deadline).await?;
            for row in page.0.into_iter().take(limit - rows.len()) {
                rows.push(self.read(row).map_err(|detail| link.odd(detail))?);
            }
            state = page.1;
        }
        Ok(rows)
    }

    /// Digest of the table. Servers keep partitions in the order of a hash, so their keys are read and sorted first.
    async fn digest(&self, link: &Link) -> Result<TableDigest, Fault> {
        let mut keys = Vec::new();
        let mut state = Some(PagingState::start());
        while let Some(from) = state {
            let page = page(link, &self.partitions, &[], from, link.deadline()).await?;
            for row in page.0 {
                keys.push(self.read_partition(row).map_err(|detail| link.odd(detail))?);
            }
            state = page.1;
        }
        keys.sort();
        let mut digester = Digester::new(self.table);
        let mut partitions = stream::iter(&keys)
            .map(async |key| {
                let first = page(link, &self.partition, key, PagingState::start(), link.deadline()).await?;
                Ok::<_, Fault>((key, first))
            })
            .buffered(PARTITIONS_AHEAD);
        while let Some((key, mut current)) = partitions.try_next().await? {
            loop {
                for row in current.0 {
                    digester.add(&self.read(row).map_err(|detail| link.odd(detail))?);
                }
                let Some(next) = current.1 else { break };
                current = page(link, &self.partition, key, next, link.deadline()).await?;
            }
        }
        Ok(digester.finish())
    }
}

async fn page(
    link: &Link,
    statement: &PreparedStatement,
    key: &[Value],
    from: PagingState,
    deadline: Instant,
) -> Result<Page, Fault> {
    let (answer, next) = link
        .persist(deadline, async || {
            let answer = link.session.execute_single_page(statement, Key(key), from.clone()).await;
            answer.map_err(|error| link.fault(&error))
        })
        .await?;
    let rows = answer.into_rows_result().map_err(|error| link.odd(error))?;
    let rows = rows.rows::<scylla::value::Row>().map_err(|error| link.odd(error))?;
    let rows: Result<Vec<_>, _> = rows.collect();
    let next = match next.into_paging_control_flow() {
        ControlFlow::Continue(state) => Some(state),
        ControlFlow::Break(()) => None,
    };
    Ok((rows.map_err(|error| link.odd(error))?, next))
}
