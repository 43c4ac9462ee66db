//! Tables of market data: sources, and what cleaning made of them.

use super::{Table, long, text, time};

/// Sources of market data.
pub static SOURCES: Table = Table {
    name: "sources",
    partition_key: &[text("instrument")],
    clustering: &[text("source")],
    columns: &[
        text("name"),
        long("rows"),
        long("accepted"),
        text("rejected"),
        text("corrected"),
        long("gaps"),
        text("status"), // published | cleaned | aborted
        time("data_from"),
        time("data_to"),
        text("bars"),
    ],
    doc: "A source of ticks or bars and what cleaning made of it; rejected and corrected are counts by reason, data_from and data_to the first and last time of what was accepted, bars the specs that it holds or makes",
};

/// The cleaning ledger.
pub static QUALITY: Table = Table {
    name: "quality",
    partition_key: &[text("instrument")],
    // The source is in the key: row numbers start again in every file, and unreadable times are all the same.
    clustering: &[time("time"), long("row"), text("reason"), text("source")],
    columns: &[
        text("action"), // rejected | corrected | gap
        time("until"),
        long("gaps"),
    ],
    doc: "A row that cleaning rejected or corrected, or a gap and the time until which it lasted; gaps that follow each other row by row are one, and gaps counts them",
};
