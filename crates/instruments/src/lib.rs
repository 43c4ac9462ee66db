//! Instruments as people write them: a YAML document each, to the [`InstrumentDefined`] that travels with the data.
//!
//! Everything that another program would have to look up is resolved here: presets of an asset class, days and hours of a
//! calendar, offsets of a time zone. What was defined stays what it was, whatever a later release knows.

use gauntlet_domain::market::InstrumentDefined;

/// Calendars by name, and as documents.
pub mod calendar;
/// The document of an instrument.
pub mod document;
/// What is usual for an asset class.
pub mod preset;

pub use document::definition;

/// Why a document defines no instrument.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// No YAML of this shape.
    #[error("{file}: {detail}")]
    Shape {
        /// Name of the document.
        file: String,
        /// What was found, and where.
        detail: String,
    },
    /// A value that cannot be used.
    #[error("{file}: {key}: {detail}")]
    Value {
        /// Name of the document.
        file: String,
        /// The key.
        key: String,
        /// What is wrong with it, and what to write.
        detail: String,
    },
}

/// Why later data of an instrument would contradict its first definition; `None` where they would not.
pub fn contradiction(known: &InstrumentDefined, new: &InstrumentDefined) -> Option<String> {
    (known.scale != new.scale).then(|| {
        format!(
            "{} has {} since it was first defined or fed, and this has {}: a scale cannot change; leave `decimals` away, or \
             give the instrument another name",
            known.instrument, known.scale, new.scale
        )
    })
}
