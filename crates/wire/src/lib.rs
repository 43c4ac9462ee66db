//! How events lie on the log: Confluent framing, Avro bodies and CloudEvents headers.
//!
//! The only user of Avro. Turns events into bytes and back; never does I/O. Whoever implements the registry's port may.

/// Events to framed bytes and back.
pub mod codec;
/// Blocks and bars through columns.
mod columnar;
/// Live ticks, field by field.
mod flat;
/// Envelopes as headers.
pub mod headers;
/// Records as plain values.
mod plain;
/// Records, their versions and their numbers.
pub mod registry;

pub use codec::{Codec, WireError};
pub use headers::{Header, envelope_from_headers, headers_from_envelope};
pub use plain::shape;
pub use registry::{EmbeddedRegistry, Meaning, Registry, Undecided};
