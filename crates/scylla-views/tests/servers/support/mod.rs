//! What the tests share: options, plain CQL, and upserts that meet each other in every way.

use gauntlet_scylla_views::{CqlOptions, CqlStore};
use gauntlet_servers::Cassandra;
use gauntlet_views::schema::tables;
use gauntlet_views::{Column, Kind, Row, Upsert, Value, ViewStore};
use scylla::client::session_builder::SessionBuilder;

/// Options for a keyspace of a server.
pub fn options(server: &Cassandra, keyspace: &str) -> CqlOptions {
    CqlOptions { nodes: vec![server.contact_point()], keyspace: keyspace.into(), ..CqlOptions::default() }
}

/// A store over a keyspace that is made for it.
pub fn store(options: CqlOptions) -> CqlStore {
    CqlStore::migrate(&options).unwrap();
    CqlStore::connect(options).unwrap()
}

/// Runs statements past the store; answers the number of rows of the last one.
pub fn cql(server: &Cassandra, statements: &[&str]) -> usize {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let session = SessionBuilder::new().known_node(server.contact_point()).build().await.unwrap();
        let mut rows = 0;
        for statement in statements {
            let answer = session.query_unpaged(*statement, ()).await.unwrap();
            rows = answer.into_rows_result().map_or(0, |rows| rows.rows_num());
        }
        rows
    })
}

/// Numbers that a seed decides.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    fn value(&mut self, column: &Column, is_key: bool) -> Value {
        match column.kind {
            Kind::Text => Value::from(self.of(&["a", "ab", "b\u{0}", "é", "Z"])),
            Kind::Long => Value::Long(self.of(&[i64::MIN, -1, 0, 1, i64::MAX])),
            Kind::Timestamp => Value::Timestamp(self.of(&[i64::MIN, -1, 0, 1, i64::MAX])),
            Kind::Double if is_key => Value::Double(self.of(&[-1e300, -1.0, 0.0, 1e-300, 1.0])),
            Kind::Double => Value::Double(self.of(&[-1e300, -1.0, -0.0, 0.0, 1e-300, 1.0])),
            Kind::Bool => Value::Bool(self.of(&[false, true])),
        }
    }

    /// An upsert of any table; few keys and few stamps, so that they meet.
    pub fn upsert(&mut self) -> Upsert {
        let all: Vec<_> = tables().collect();
        // Progress is the store's own.
        let table = all[self.below(all.len() - 1)];
        let key = table.key().map(|column| self.value(column, true)).collect();
        let mut upsert = Upsert::new(table, key, self.below(4) as i64);
        for column in table.stored() {
            match self.below(8) {
                0..3 => {}
                3 => upsert.cells.push((column.name, Value::Null)),
                _ => upsert.cells.push((column.name, self.value(column, false))),
            }
        }
        if self.below(20) == 0 && !upsert.cells.is_empty() {
            // One column twice.
            let (name, _) = upsert.cells[0];
            let column = table.stored().nth(table.column(name).unwrap()).unwrap();
            upsert.cells.push((name, self.value(column, false)));
        }
        upsert
    }

    pub fn upserts(&mut self, count: usize) -> Vec<Upsert> {
        (0..count).map(|_| self.upsert()).collect()
    }
}

/// Every row of every view, in the order of keys.
pub fn all_rows(store: &dyn ViewStore) -> Vec<Row> {
    let mut rows = Vec::new();
    for table in tables().filter(|table| table.name != "projection_progress") {
        let mut found = store.scan(table, None).unwrap();
        found.sort_by(|a, b| a.key.cmp(&b.key));
        rows.append(&mut found);
    }
    rows
}

/// Both stores say the same: every row and every digest. Answers how many rows were compared.
pub fn assert_same(one: &dyn ViewStore, other: &dyn ViewStore) -> usize {
    let (rows, others) = (all_rows(one), all_rows(other));
    for (row, other) in rows.iter().zip(&others) {
        assert_eq!(row, other);
    }
    assert_eq!(rows.len(), others.len());
    assert_eq!(one.digest().unwrap(), other.digest().unwrap());
    rows.len()
}

/// Columns of a table as the server describes them: name, type, kind, place and order.
pub fn columns(
    server: &Cassandra,
    keyspace: &str,
    table: &str,
) -> Vec<(String, String, String, i32, String)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let session = SessionBuilder::new().known_node(server.contact_point()).build().await.unwrap();
        let question = "SELECT column_name, type, kind, position, clustering_order FROM system_schema.columns \
                        WHERE keyspace_name = ? AND table_name = ?";
        let answer = session.query_unpaged(question, (keyspace, table)).await.unwrap();
        answer.into_rows_result().unwrap().rows().unwrap().map(Result::unwrap).collect()
    })
}
