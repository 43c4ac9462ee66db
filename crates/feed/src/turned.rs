//! Ticks of a file that is newest first, turned round in memory under their own row numbers. Shared by CSV and Parquet.

use std::collections::VecDeque;

use crate::block::{Row, Tick};
use crate::error::FeedError;

/// Longest text that is turned round in memory.
pub(crate) const TURNED_BYTES: u64 = 16 << 20;

/// Rows, the last of the file first, once they have been read.
#[derive(Default)]
pub(crate) struct Turned(Option<VecDeque<Row<Tick>>>);

impl Turned {
    /// The next row of the file in order of time. `read` gives the rows in the file's order, each with the bytes up to it.
    pub fn next(
        &mut self,
        file: &str,
        mut read: impl FnMut() -> Result<Option<(Row<Tick>, u64)>, FeedError>,
    ) -> Result<Option<Row<Tick>>, FeedError> {
        let turned = match &mut self.0 {
            Some(turned) => turned,
            None => {
                let mut turned = VecDeque::new();
                while let Some((row, bytes)) = read()? {
                    if bytes > TURNED_BYTES {
                        return Err(FeedError::NewestFirst { file: file.to_owned() });
                    }
                    turned.push_front(row);
                }
                self.0.insert(turned)
            }
        };
        Ok(turned.pop_front())
    }
}
