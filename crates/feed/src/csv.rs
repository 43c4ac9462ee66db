//! Trades or quotes in CSV: what is in which column is known by a header, by the shape of a file that everybody knows, or
//! because somebody has said it.
//!
//! A file that is newest first is turned round, so that its ticks come in order of time under their own row numbers.

use gauntlet_domain::market::TickKind;

use crate::bars_csv::CsvRows;
use crate::block::{About, Fault, Reader, Row, Tick, TickColumns};
use crate::columns::named_columns;
use crate::csv_head::CsvHead;
use crate::error::FeedError;
use crate::format::{Format, Options};
use crate::input::listed;
use crate::numbers::Cell;
use crate::scan::{Scan, cell_error, check_end, contradiction, scan_ticks};
use crate::table::{TickLayout, TickTable};
use crate::text::{Fields, TextRows, shortened};
use crate::turned::Turned;
use crate::understood::{Shape, columns, numbers, written};
use crate::units::Units;
use crate::wanted::differ;

pub(crate) struct CsvTicks {
    rows: TextRows,
    fields: Fields,
    separator: u8,
    names: Vec<String>,
    table: TickTable,
    newest_first: bool,
    first_time: Vec<u8>,
    /// What to know of conditions that are not read.
    conditions: Option<String>,
    /// Rows of a file that is newest first, once they are turned round.
    turned: Turned,
    fault: Option<(u64, String, String)>,
}

impl CsvTicks {
    /// Reads the file twice, or once where it was scanned before: `rows` gives its text from the beginning. `implied` are the
    /// columns of a file without a header.
    pub fn new(
        rows: impl Fn() -> Result<TextRows, FeedError>,
        implied: Option<&[String]>,
        options: &Options,
        units: Units,
        scanned: &mut Option<Scanned>,
    ) -> Result<CsvTicks, FeedError> {
        let Scanned { head, scan } = match scanned {
            Some(before) => before.clone(),
            None => {
                let open = || {
                    let mut rows = rows()?;
                    let head = head(&mut rows, implied, options)?;
                    Ok((CsvRows::behind(rows, head.separator), head))
                };
                let (rows, mut head) = open()?;
                if let Some(column) = head.layout.names
                    && differ(open()?.0, column)?
                {
                    head.layout.take_names(column);
                }
                let scan = scan_ticks(rows, &head.names, &head.layout, options, |_| true, u64::MAX)?;
                scanned.insert(Scanned { head, scan }).clone()
            }
        };
        let Head { separator, names, mut layout } = head;
        let conditions =
            layout.unread_conditions().and_then(|column| scan.conditions.warning(&names[column]));
        scan.settle(&mut layout);
        let Scan { clock, numbers, newest_first, first_time, .. } = scan;
        let mut rows = rows()?;
        let is_total = newest_first && layout.is_total();
        if is_total {
            return Err(FeedError::NewestFirst { file: rows.file().to_owned() });
        }
        if implied.is_none() {
            rows.header()?;
        }
        let mut table = TickTable::new(layout, options, clock, units);
        table.numbers = numbers;
        table.wanted.column = table.layout.symbol.and_then(|column| names.get(column).cloned());
        let fields = Fields::default();
        Ok(CsvTicks {
            rows,
            fields,
            separator,
            names,
            table,
            newest_first,
            first_time,
            conditions,
            turned: Turned::default(),
            fault: None,
        })
    }

    pub fn columns(&self) -> TickColumns {
        self.table.layout.columns()
    }

    pub fn has_trades(&self) -> bool {
        !self.table.layout.makes_quotes()
    }

    /// The next row in the file's order.
    fn read(&mut self) -> Result<Option<Row<Tick>>, FeedError> {
        while self.rows.advance()? {
            let (line, number) = (self.rows.text(), self.rows.rows() as i64);
            self.fields.split(line, self.separator);
            let field = |index| self.fields.get(line, index);
            match self.table.is_wanted(field) {
                Ok(false) => {}
                Ok(true) => {
                    if self.fields.len() != self.names.len()
                        && let Some(what) = self.other_length()
                    {
                        return Ok(Some(self.ragged(number, what)));
                    }
                    let data = self.table.tick(field);
                    if let Err(fault) = data {
                        return self.unreadable(number, fault).map(Some);
                    }
                    return Ok(Some(Row { number, data }));
                }
                Err(markets) => {
                    let (file, symbol) = (self.rows.file().to_owned(), self.table.wanted.symbol().to_owned());
                    return Err(FeedError::SeveralMarkets { file, row: number, symbol, markets });
                }
            }
        }
        self.table.wanted.finish(self.rows.file())?;
        check_end(&self.table.clock, self.rows.file())?;
        Ok(None)
    }

    /// What is wrong with a row that has more or fewer fields than there are columns; empty ones at the end are no fields, and
    /// a short last line without an end has been cut.
    #[cold]
    fn other_length(&self) -> Option<String> {
        let (fields, columns) = (self.fields.len(), self.names.len());
        let line = self.rows.text();
        let more =
            (columns..fields).any(|index| self.fields.get(line, index).is_some_and(|text| !text.is_empty()));
        (more || (fields < columns && self.rows.may_be_cut()))
            .then(|| format!("{fields} fields where there are {columns} columns"))
    }

    #[cold]
    fn ragged(&mut self, number: i64, what: String) -> Row<Tick> {
        if self.fault.is_none() {
            let (line, row) = self.rows.shown();
            self.fault = Some((line, row, what));
        }
        Row { number, data: Err(Fault::new(TickKind::NotANumber, None)) }
    }

    /// A row with a fault; an error where it could be read in another way than the rest of the file.
    #[cold]
    fn unreadable(&mut self, number: i64, fault: Fault) -> Result<Row<Tick>, FeedError> {
        let line = self.rows.text();
        let field = |index| self.fields.get(line, index);
        let Some((column, text)) = self.table.faulty(field, fault.kind) else {
            return Ok(Row { number, data: Err(fault) });
        };
        let cell = Cell { line: self.rows.line(), column, text: shortened(text) };
        if let Some(what) = contradiction(&self.table.clock, fault.kind, text) {
            return Err(cell_error(self.rows.file(), &self.names, cell, what));
        }
        if self.fault.is_none() {
            let name = self.names.get(column).cloned().unwrap_or_default();
            let (line, row) = self.rows.shown();
            self.fault = Some((line, row, format!("'{}' in column {name}", cell.text)));
        }
        let field = |index| self.fields.get(line, index);
        let missing =
            fault.kind == TickKind::NotANumber && text.is_empty() && !self.table.is_one_sided(field);
        Ok(Row { number, data: Err(Fault { missing, ..fault }) })
    }
}

/// What a file was found to be by looking through it.
#[derive(Debug, Clone)]
pub(crate) struct Scanned {
    head: Head,
    scan: Scan,
}

#[derive(Debug, Clone)]
struct Head {
    separator: u8,
    names: Vec<String>,
    layout: TickLayout,
}

/// Takes the header, and finds the columns with the help of the first row.
fn head(rows: &mut TextRows, implied: Option<&[String]>, options: &Options) -> Result<Head, FeedError> {
    let head = CsvHead::take(rows, implied)?;
    let named = named_columns(&head.names, &options.reading)
        .map_err(|what| FeedError::Reading { file: rows.file().to_owned(), what })?;
    let layout = TickLayout::find(&named, |index| head.first(index));
    let mut layout = layout.map_err(|needed| FeedError::MissingColumns {
        file: rows.file().to_owned(),
        format: Format::Csv,
        needed: needed.to_owned(),
        found: listed(&head.names),
        hint: "or use --format bars-csv if these are bars",
    })?;
    layout
        .read_conditions(&options.reading, &head.names)
        .map_err(|what| FeedError::Reading { file: rows.file().to_owned(), what })?;
    Ok(Head { separator: head.separator, names: head.names, layout })
}

impl Reader<Tick> for CsvTicks {
    fn next(&mut self) -> Result<Option<Row<Tick>>, FeedError> {
        if !self.newest_first {
            return self.read();
        }
        let (mut turned, file) = (std::mem::take(&mut self.turned), self.rows.file().to_owned());
        let row = turned.next(&file, || Ok(self.read()?.map(|row| (row, self.rows.bytes()))));
        self.turned = turned;
        row
    }

    fn rows_read(&self) -> u64 {
        self.rows.rows()
    }

    fn about(&self) -> About {
        let warnings = self.table.layout.warnings(&self.names).into_iter().chain(self.conditions.clone());
        About { warnings: warnings.collect(), ..About::default() }
    }

    fn shape(&self) -> Shape {
        let layout = &self.table.layout;
        let (columns, unread) = columns(&layout.roles(), &self.names);
        let (time, is_utc) = written(&self.table.clock, layout.time.unit, &self.first_time);
        Shape {
            delimiter: Some(self.separator),
            columns,
            unread,
            time,
            is_utc,
            order: self.table.clock.order,
            numbers: Some(numbers(self.table.numbers)),
            sides: layout.sides(),
            newest_first: self.newest_first,
            has_unread_conditions: self.conditions.is_some(),
        }
    }

    fn fault_line(&self) -> (u64, String) {
        self.fault.clone().map_or_else(|| self.rows.shown(), |(line, text, _)| (line, text))
    }

    fn fault_cell(&self) -> Option<String> {
        self.fault.clone().map(|(_, _, cell)| cell)
    }
}
