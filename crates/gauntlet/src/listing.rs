//! `ls` on stdout while its rows are read: a list of any length is printed in the same memory.

use std::io::{BufWriter, ErrorKind, Write};
use std::ops::ControlFlow;

use gauntlet_operations::browse::ListRequest;
use gauntlet_operations::rows::ViewRow;
use gauntlet_operations::{Node, Refusal, listing};
use gauntlet_views::Table;

use crate::render::browse;
use crate::table::layout;

/// Rows of one table for people: as many as its widths can be told from. A longer list is several tables.
const ROWS_A_TABLE: usize = 1_000;

/// A list that is being printed.
struct Printed<W: Write> {
    out: W,
    of: &'static Table,
    json: bool,
    /// Rows of the table that is not printed yet.
    waiting: Vec<ViewRow>,
    /// Whether anything has been printed.
    begun: bool,
}

/// Prints a list: one JSON document, or tables for people.
///
/// # Errors
/// What the list says, and an output that cannot be written. A document that an error cuts short is not closed, so that
/// no reader takes it for whole.
pub fn print(node: &Node, request: &ListRequest, json: bool) -> Result<(), Unprinted> {
    let out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut printed = Printed { out, of: request.what.table(), json, waiting: Vec::new(), begun: false };
    let mut is_read = true;
    let listed = listing::each(node, request, &mut |row| {
        is_read = printed.row(row)?;
        Ok(if is_read { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    });
    let listed = listed.and_then(|()| if is_read { printed.end() } else { Ok(true) });
    match listed {
        Ok(_) => Ok(()),
        Err(refusal) => {
            // What was read is shown before the error.
            let _ = printed.out.flush();
            Err(Unprinted { refusal, begun: printed.begun })
        }
    }
}

/// Why a list was not printed to its end.
pub struct Unprinted {
    /// Why.
    pub refusal: Refusal,
    /// Whether part of it was printed.
    pub begun: bool,
}

impl<W: Write> Printed<W> {
    /// Prints a row; `false` when nobody reads any more.
    fn row(&mut self, row: ViewRow) -> Result<bool, Refusal> {
        if !self.json {
            self.waiting.push(row);
            return if self.waiting.len() < ROWS_A_TABLE { Ok(true) } else { self.table() };
        }
        // By way of a value, as every other document: its fields are in the order of their names.
        let document = serde_json::to_value(&row)
            .map_err(|error| Refusal::Broken(format!("a row is no document: {error}")))?;
        let before = if self.begun { ',' } else { '[' };
        self.begun = true;
        is_read(write!(self.out, "{before}{document}"))
    }

    fn table(&mut self) -> Result<bool, Refusal> {
        let text = browse::listing(self.of, &self.waiting);
        self.waiting.clear();
        // A program reads one header; a person sees the widths of each table under its own.
        let rows = match text.split_once('\n') {
            Some((_, rows)) if self.begun && !layout().is_for_people() => rows,
            _ => &text,
        };
        self.begun = true;
        is_read(writeln!(self.out, "{rows}"))
    }

    fn end(&mut self) -> Result<bool, Refusal> {
        let is_read_still = match (self.json, self.begun) {
            (true, begun) => {
                self.begun = true;
                is_read(writeln!(self.out, "{}", if begun { "]" } else { "[]" }))?
            }
            // The names of the columns at least.
            (false, begun) if !begun || !self.waiting.is_empty() => self.table()?,
            (false, _) => true,
        };
        if is_read_still { is_read(self.out.flush()) } else { Ok(false) }
    }
}

/// Whether somebody reads what was written. A reader that has gone away has seen what it wanted.
fn is_read(written: std::io::Result<()>) -> Result<bool, Refusal> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Refusal::Outside(format!("the list cannot be written: {error}; it ends early"))),
    }
}
