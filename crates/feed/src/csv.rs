//! Trades or quotes in CSV with a header.

use crate::block::{Reader, Row, Tick, TickColumns};
use crate::error::FeedError;
use crate::format::{Format, Options};
use crate::input::listed;
use crate::table::{TickLayout, TickTable};
use crate::text::{Fields, TextRows, separator};

pub(crate) struct CsvTicks {
    rows: TextRows,
    fields: Fields,
    separator: u8,
    table: TickTable,
}

impl CsvTicks {
    pub fn new(mut rows: TextRows, options: &Options) -> Result<CsvTicks, FeedError> {
        let mut fields = Fields::default();
        let header = rows.header()?;
        let separator = separator(header);
        fields.split(header, separator);
        let names = fields.texts(header);
        let first = if rows.advance()? {
            rows.stay();
            fields.split(rows.text(), separator);
            Some(rows.text())
        } else {
            None
        };
        let layout = TickLayout::find(&names, |index| {
            first.and_then(|line| fields.get(line, index)).map(<[u8]>::to_vec)
        });
        let layout = layout.map_err(|needed| FeedError::MissingColumns {
            file: rows.file().to_owned(),
            format: Format::Csv,
            needed: needed.to_owned(),
            found: listed(&names),
            hint: "or use --format bars-csv if these are bars",
        })?;
        Ok(CsvTicks { rows, fields, separator, table: TickTable::new(layout, options) })
    }

    pub fn columns(&self) -> TickColumns {
        self.table.layout.columns()
    }

    pub fn has_trades(&self) -> bool {
        !self.table.layout.makes_quotes()
    }
}

impl Reader<Tick> for CsvTicks {
    fn next(&mut self) -> Result<Option<Row<Tick>>, FeedError> {
        while self.rows.advance()? {
            let (line, number) = (self.rows.text(), self.rows.rows() as i64);
            self.fields.split(line, self.separator);
            let field = |index| self.fields.get(line, index);
            match self.table.is_wanted(field) {
                Ok(false) => {}
                Ok(true) => return Ok(Some(Row { number, data: self.table.tick(field) })),
                Err(markets) => {
                    let (file, symbol) = (self.rows.file().to_owned(), self.table.wanted.symbol().to_owned());
                    return Err(FeedError::SeveralMarkets { file, row: number, symbol, markets });
                }
            }
        }
        self.table.wanted.finish(self.rows.file())?;
        Ok(None)
    }

    fn rows_read(&self) -> u64 {
        self.rows.rows()
    }

    fn fault_line(&self) -> (u64, String) {
        self.rows.shown()
    }
}
