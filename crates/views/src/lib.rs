//! Views: tables for people's questions, made from the log and made again from it at any time.
//!
//! [`schema`] is the tables as data. [`port`] states what a store of them guarantees, and nothing there is beyond CQL.
//! [`EmbeddedStore`] keeps them in one file or in memory. `contract` is the suite that every adapter runs. Nothing
//! here decides anything: a view is read by people and by the gateway, never by a processor.

/// Views as of an earlier state of the log.
mod as_of;
/// The suite that every adapter runs.
#[cfg(feature = "contract")]
pub mod contract;
/// What two stores compare to know that they say the same.
mod digest;
/// The store in one file.
mod embedded;
/// Where rows come from.
mod history;
/// Answers that take a row of another table.
pub mod joins;
/// Long texts in few bytes.
mod long_text;
/// Rows in compressed blocks.
mod packed;
/// The port and its guarantees.
pub mod port;
/// Rows as bytes with a checksum, and how two versions of a row merge.
mod row_bytes;
/// The tables.
pub mod schema;
/// A file without a name.
mod temporary;
/// Values, their order, and keys as bytes in that order.
pub mod value;

pub use as_of::AsOfViews;
pub use digest::{Digester, TableDigest};
pub use embedded::EmbeddedStore;
pub use history::Origin;
pub use port::*;
pub use schema::{Column, Kind, Table};
pub use value::Value;
