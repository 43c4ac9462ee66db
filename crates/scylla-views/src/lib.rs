//! The view port on ScyllaDB or Cassandra 5: the CQL that both share, one prepared statement for an upsert.
//!
//! [`CqlStore::migrate`] makes the keyspace fit this program, [`CqlStore::connect`] refuses one that does not.
//! [`CqlStore::begin_rebuild`] makes the views again in tables of their own while others read and write the present
//! ones. There are no counters, no filters, no views of the server, and no conditions but those of the lease under which
//! tables change.

/// What an error of the driver means for the caller.
mod fault;
/// Which generation of tables is read, and how the next one takes its place.
mod generations;
/// One process at a time changes tables.
mod lease;
/// Making the keyspace and its tables.
mod migrations;
/// Where the servers are and how to speak to them.
mod options;
/// Rows of a generation, written and read.
mod rows;
/// The connection: session, runtime and retries.
mod session;
/// The port.
mod store;
/// Prepared statements of a generation; rows to values and back.
mod tables;

pub use options::{Consistency, CqlOptions, Secret};
pub use store::CqlStore;
