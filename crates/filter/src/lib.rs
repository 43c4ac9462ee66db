//! Which rows of a table are meant: `sharpe >= 1.5 and state in ("completed", "pruned") and start > 7d ago`.
//!
//! Text in, a tree with the types of the columns out, and yes or no for a row. It knows columns by name and kind, and no
//! table, store or server.
//!
//! Grammar, loosest binding first:
//!
//! ```text
//! filter     := and ("or" and)*
//! and        := not ("and" not)*
//! not        := "not" not | "(" filter ")" | comparison
//! comparison := NAME ("=" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "~") literal
//!             | NAME "not"? "in" "(" literal ("," literal)* ")"
//!             | NAME "not"? "between" literal "and" literal
//!             | NAME "is" "not"? "null"
//!             | NAME                                          a column of yes or no
//! literal    := NUMBER ("%" | "bps" | "x")? | TEXT | TIME | DURATION "ago" | "true" | "false"
//! ```
//!
//! A name is letters, digits, `_` and `.`. Text stands in single or double quotes, a doubled quote is one. A time is a date or RFC 3339,
//! quoted or not; a duration is a number with `ms`, `s`, `m`, `h`, `d` or `w`. `~` compares text with a pattern in which `*` is
//! any text and `?` one character, case included. `between` includes both ends.
//!
//! As in SQL a comparison with what has no value is neither true nor false, and so is its negation; `is null` asks for it. A row
//! is meant where the whole is true.
//!
//! Reading order: [`Kind`] and [`Cell`], [`FilterError`], [`Filter`].

/// What can be wrong, and where.
mod error;
/// A tree and its value for a row.
mod expr;
/// Words, numbers, texts, marks.
mod lexer;
/// From words to a tree.
mod parser;

pub use error::FilterError;
pub use expr::Filter;
pub use parser::time;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A whole number or a float.
    Number,
    /// Yes or no.
    Bool,
    /// Nanoseconds since the epoch, UTC.
    Time,
    /// A value in a document, of whatever kind: known only for a row.
    Any,
}

/// A value of a row. What is undefined is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// UTF-8 text.
    Text(std::borrow::Cow<'a, str>),
    /// A whole number.
    Long(i64),
    /// A float.
    Double(f64),
    /// Yes or no.
    Bool(bool),
    /// Nanoseconds since the epoch, UTC.
    Time(i64),
}
