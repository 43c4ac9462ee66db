//! Why a file cannot be fed. Only `FeedError::Io` can go away by trying again; every other needs another file or
//! another option, which the message names.

use std::io;

use crate::format::Format;

/// Why a file cannot be fed. `file` is the path as given.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Nothing at the path.
    #[error("{file}: no such file: check the path")]
    NotFound {
        /// The file.
        file: String,
    },
    /// A folder.
    #[error("{file}: is a directory: name the files in it, or a pattern such as {file}/*.zip")]
    Directory {
        /// The file.
        file: String,
    },
    /// A pipe, a device or a socket.
    #[error(
        "{file}: is no regular file but a pipe or a device, and a file is read more than once: write it to a file first (feed \
         does so itself with a pipe)"
    )]
    NoFile {
        /// The file.
        file: String,
    },
    /// Written to while it was read.
    #[error(
        "{file}: was changed while it was read: {what}: what was read of it is no file that ever was; feed it again when nobody \
         writes to it, or feed a copy"
    )]
    Changed {
        /// The file.
        file: String,
        /// What is different.
        what: String,
    },
    /// Asked to stop.
    #[error("{file}: reading was interrupted: the same command goes on from here")]
    Interrupted {
        /// The file.
        file: String,
    },
    /// No bytes, or no data rows.
    #[error("{file}: is empty, {what}: fetch it again")]
    Empty {
        /// The file.
        file: String,
        /// What there is.
        what: &'static str,
    },
    /// The operating system refused; trying again may help.
    #[error("{file}: cannot be read: {source}")]
    Io {
        /// The file.
        file: String,
        /// What it said.
        source: io::Error,
    },
    /// Cut off, or changed since it was compressed.
    #[error(
        "{file}: cannot be read beyond row {row}: {what}: the file is cut off or damaged, fetch it again"
    )]
    Damaged {
        /// The file.
        file: String,
        /// Rows before the damage.
        row: u64,
        /// What the decoder said.
        what: String,
    },
    /// A zip in which there is not exactly one CSV that can be read.
    #[error("{file}: {found}: {fix}")]
    Archive {
        /// The file.
        file: String,
        /// What is in it.
        found: String,
        /// What to do.
        fix: &'static str,
    },
    /// Another format than the one named.
    #[error("{file}: not a {asked} file ({}): {found}", asked.row_shape())]
    WrongFormat {
        /// The file.
        file: String,
        /// The format as named.
        asked: Format,
        /// What was found and which format to name.
        found: String,
    },
    /// A text in another encoding than UTF-8.
    #[error(
        "{file}: line {line}, byte {position}: 0x{byte:02x} is no UTF-8: name the encoding, such as --encoding windows-1252 (or \
         latin1, utf-16le, utf-16be), or save it as UTF-8"
    )]
    NoUtf8 {
        /// The file.
        file: String,
        /// Where.
        line: u64,
        /// The byte's place in the line, from 1.
        position: u64,
        /// The byte.
        byte: u8,
    },
    /// A text in UTF-16 in which a half of a character stands alone.
    #[error(
        "{file}: line {line}, character {position}: 0x{unit:04x} is half of a character of UTF-16 without its other half: the file is \
         damaged, fetch it again, or it is in another encoding: name that with --encoding, or save it as UTF-8"
    )]
    NoUtf16 {
        /// The file.
        file: String,
        /// Where.
        line: u64,
        /// The character's place in the line, from 1.
        position: u64,
        /// The half.
        unit: u16,
    },
    /// A header of several lines.
    #[error(
        "{file}: the lines {from} to {to} have no values, so the header seems to have several lines: name the columns by their \
         positions from 1, behind them: --skip-lines {to} {example}"
    )]
    LongHeader {
        /// The file.
        file: String,
        /// The first line of the header.
        from: u64,
        /// The last one.
        to: u64,
        /// Options that name the columns, as far as header and first row tell them.
        example: String,
    },
    /// A row where a header would stand.
    #[error(
        "{file}: cannot tell its format, {found}: name its columns by their positions from 1, such as {example}, or put a header \
         before them"
    )]
    NoHeader {
        /// The file.
        file: String,
        /// What was found.
        found: String,
        /// Options that name the columns, as far as the row tells them.
        example: String,
    },
    /// No format fits.
    #[error(
        "{file}: cannot tell its format, {found}: name its columns with --column time=NAME --column price=NAME (by their \
         positions from 1 where it has no header) if these are ticks, put a header such as time,open,high,low,close,volume before \
         bars, say with --skip-lines how many lines stand before its header or its rows, or name it with --format"
    )]
    UnknownFormat {
        /// The file.
        file: String,
        /// What was found.
        found: String,
    },
    /// A header without the needed columns.
    #[error(
        "{file}: a {format} file needs columns for {needed}, its header (line 1, or the schema) has only {found}: \
         name them with --column WHAT=NAME (such as --column time=Zeit), rename them (gauntlet feed --help has the names), {hint}"
    )]
    MissingColumns {
        /// The file.
        file: String,
        /// The format that was tried.
        format: Format,
        /// Columns without which no row can be read.
        needed: String,
        /// The header's columns.
        found: String,
        /// What else to try.
        hint: &'static str,
    },
    /// Most rows at the beginning cannot be read.
    #[error(
        "{file}: {bad} of the first {of} rows are not {} of a {format} file, the first at line {line}: {text}: \
         say how it is written, with --time-format, --decimal, --column or --format",
        format.row_shape()
    )]
    Unreadable {
        /// The file.
        file: String,
        /// The format that was tried.
        format: Format,
        /// Unreadable rows.
        bad: u64,
        /// Rows tried.
        of: u64,
        /// Where the first of them is.
        line: u64,
        /// The first of them.
        text: String,
    },
    /// A cell that the rest of the file, or what was said about it, does not settle or contradicts.
    #[error("{file}: line {line}, column {column}: '{text}' {what}")]
    Cell {
        /// The file.
        file: String,
        /// Where.
        line: u64,
        /// The column's name.
        column: String,
        /// What the cell says.
        text: String,
        /// Why that is no answer, and what to do.
        what: String,
    },
    /// Something said about a file that does not fit it.
    #[error("{file}: {what}")]
    Reading {
        /// The file.
        file: String,
        /// What does not fit, and what to do.
        what: String,
    },
    /// A line too long for any row.
    #[error("{file}: line {line} is longer than 16 MiB: not a text file of rows: unpack or convert it")]
    LongLine {
        /// The file.
        file: String,
        /// Where.
        line: u64,
    },
    /// A Lean file without its date, or with two.
    #[error("{file}: {what}: name the file YYYYMMDD_quote.zip after the day of its rows")]
    NoDate {
        /// The file.
        file: String,
        /// What was found.
        what: String,
    },
    /// No row of the wanted symbol and market.
    #[error("{file}: no row of {wanted}, but of {found}: {fix}")]
    NoMatch {
        /// The file.
        file: String,
        /// Symbol, and market where one was named.
        wanted: String,
        /// Those in the file, at most eight.
        found: String,
        /// What to do.
        fix: String,
    },
    /// Rows of the wanted symbol in several markets.
    #[error(
        "{file}: row {row}: {symbol} is in the markets {markets}: pick one by the venue (BINANCE_SPOT, BINANCE_USDM)"
    )]
    SeveralMarkets {
        /// The file.
        file: String,
        /// Where the second market begins.
        row: i64,
        /// The symbol.
        symbol: String,
        /// The markets.
        markets: String,
    },
    /// Columns that cannot be read as what they are for, or cells that contradict each other.
    #[error("{file}: {what}")]
    Columns {
        /// The file.
        file: String,
        /// Which, what was found in them, and what to do.
        what: String,
    },
    /// Bars whose length cannot be told, is above a day, or is another than the spec that was named.
    #[error("{file}: {what}")]
    BarLength {
        /// The file.
        file: String,
        /// What was found, and what to do.
        what: String,
    },
    /// A file in falling order of time that is too large to turn round in memory.
    #[error("{file}: is newest first and larger than 16 MiB: sort it oldest first")]
    NewestFirst {
        /// The file.
        file: String,
    },
}
