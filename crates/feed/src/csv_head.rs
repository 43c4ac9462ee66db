//! The head of a CSV: what parts its fields and what its columns are called, by a header or, where it has none, by positions.

use crate::error::FeedError;
use crate::text::{Fields, TextRows, separator};

/// What stands before the rows of a CSV.
#[derive(Debug, Clone)]
pub(crate) struct CsvHead {
    pub separator: u8,
    pub names: Vec<String>,
    /// The fields of the first row; empty without a row.
    pub first_row: Vec<Vec<u8>>,
}

impl CsvHead {
    /// Takes the header and stays before the first row. `implied` are the columns of a file without a header; what it has
    /// beyond them is called by its positions.
    pub fn take(rows: &mut TextRows, implied: Option<&[String]>) -> Result<CsvHead, FeedError> {
        let mut fields = Fields::default();
        let mut parted_by = None;
        let mut names = match implied {
            Some(names) => names.to_vec(),
            None => {
                let header = rows.header()?;
                let separator = *parted_by.insert(separator(header));
                fields.split(header, separator);
                fields.texts(header)
            }
        };
        let has_row = rows.advance()?;
        let separator = parted_by.unwrap_or_else(|| separator(rows.text()));
        let mut first_row = Vec::new();
        if has_row {
            rows.stay();
            let line = rows.text();
            fields.split(line, separator);
            first_row = (0..fields.len()).filter_map(|at| fields.get(line, at)).map(<[u8]>::to_vec).collect();
        }
        if implied.is_some() {
            names.extend((names.len()..first_row.len()).map(|index| (index + 1).to_string()));
        }
        Ok(CsvHead { separator, names, first_row })
    }

    /// The first row's text at an index.
    pub fn first(&self, index: usize) -> Option<Vec<u8>> {
        self.first_row.get(index).cloned()
    }
}
