//! What two stores compare to know that they say the same: SHA-256 over the rows of a table, sorted by key.
//!
//! A row's bytes are its key and every cell that holds a value and is no observation, by the column's place. A null
//! and a cell that was never written are the same, because CQL cannot tell them apart; stamps are not in it.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::port::Row;
use crate::schema::Table;
use crate::value;

/// Rows of a table and their hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TableDigest {
    /// How many rows.
    pub rows: u64,
    /// SHA-256 over their bytes.
    pub sha256: [u8; 32],
}

impl fmt::Display for TableDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sha256.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, " ({} rows)", self.rows)
    }
}

impl fmt::Debug for TableDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Marks the end of a row; no column has this place.
const END: u8 = 0xFF;

/// Makes the digest of one table, a row at a time.
pub struct Digester {
    table: &'static Table,
    hash: Sha256,
    rows: u64,
    last_key: Vec<u8>,
    bytes: Vec<u8>,
}

impl Digester {
    /// A digest of no rows yet.
    pub fn new(table: &'static Table) -> Digester {
        Digester { table, hash: Sha256::new(), rows: 0, last_key: Vec::new(), bytes: Vec::new() }
    }

    /// Adds the next row: partitions in the order of their keys, rows within them in clustering order. A store that
    /// keeps partitions in another order reads their keys first and sorts them.
    ///
    /// # Panics
    /// When a row comes before one that was added already: a digest of another order would compare nothing.
    pub fn add(&mut self, row: &Row) {
        self.bytes.clear();
        value::encode_key(self.table.key(), &row.key, &mut self.bytes);
        assert!(
            self.rows == 0 || self.last_key < self.bytes,
            "invariant: rows come in the order of their keys"
        );
        self.last_key.clear();
        self.last_key.extend_from_slice(&self.bytes);
        for (place, (column, value)) in self.table.columns.iter().zip(&row.cells).enumerate() {
            if !column.observation && !value.is_null() {
                self.bytes.push(place as u8);
                value::encode(value, &mut self.bytes);
            }
        }
        self.bytes.push(END);
        self.hash.update(&self.bytes);
        self.rows += 1;
    }

    /// The digest of the rows added.
    pub fn finish(self) -> TableDigest {
        TableDigest { rows: self.rows, sha256: self.hash.finalize().into() }
    }
}
