//! Answers as files: CSV, Parquet, Arrow, written while they are read.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream;
use gauntlet_lake::table::{Cells, ColumnKind, TableFormat};
use gauntlet_operations::rows::{ViewRow, named_value};
use gauntlet_views::schema::Kind;
use gauntlet_views::{Table, Value};
use tokio::sync::mpsc;

use crate::problem::Problem;

/// Bytes that are collected before they are sent.
const PIECE: usize = 64 << 10;
/// Pieces that wait for a slow reader.
const PIECES: usize = 8;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON document.
    Json,
    /// A table.
    Table(TableFormat),
}

/// Formats, their endings and media types.
const FORMATS: [(Format, &str, &str); 4] = [
    (Format::Json, "json", "application/json"),
    (Format::Table(TableFormat::Csv), "csv", "text/csv; charset=utf-8"),
    (Format::Table(TableFormat::Parquet), "parquet", "application/vnd.apache.parquet"),
    (Format::Table(TableFormat::Arrow), "arrow", "application/vnd.apache.arrow.stream"),
];

impl Format {
    /// Of a name with an ending, `runs.csv`; else what the header `Accept` asks for first of what there is.
    pub fn of<'a>(name: &'a str, accept: Option<&str>) -> Result<(&'a str, Format), Problem> {
        if let Some((stem, ending)) = name.rsplit_once('.') {
            let found = FORMATS.into_iter().find(|(_, known, _)| *known == ending);
            let (format, ..) = found.ok_or_else(|| {
                Problem::not_acceptable(format!("there is no '.{ending}': use {}", endings()))
            })?;
            return Ok((stem, format));
        }
        let Some(accept) = accept else { return Ok((name, Format::Json)) };
        let wanted = accept.split(',').map(|part| part.split(';').next().unwrap_or_default().trim());
        for wanted in wanted {
            if matches!(wanted, "" | "*/*" | "application/*" | "text/html") {
                return Ok((name, Format::Json));
            }
            let is_it = |kind: &str| kind.split(';').next() == Some(wanted);
            if let Some((format, ..)) = FORMATS.into_iter().find(|(_, _, kind)| is_it(kind)) {
                return Ok((name, format));
            }
        }
        Err(Problem::not_acceptable(format!(
            "'{accept}' is none of the formats: add {} to the path",
            endings()
        )))
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        FORMATS.into_iter().find(|(format, ..)| *format == self).map_or("", |(.., kind)| kind)
    }
}

fn endings() -> String {
    FORMATS.map(|(_, ending, _)| format!(".{ending}")).join(", ")
}

/// A column of a file.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name: of the table, or of a document in it.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
}

/// The columns of a table, or those that are asked for.
pub fn columns(of: &'static Table, fields: Option<&[String]>) -> Vec<Column> {
    let own = |name: &str| of.key().chain(of.columns).find(|column| column.name == name);
    let named: Vec<String> = match fields {
        Some(fields) => fields.to_vec(),
        None => of.key().chain(of.columns).map(|column| column.name.to_owned()).collect(),
    };
    let kind = |name: &str| match own(name).map(|column| column.kind) {
        Some(Kind::Text) => ColumnKind::Text,
        Some(Kind::Long) => ColumnKind::Long,
        Some(Kind::Bool) => ColumnKind::Bool,
        Some(Kind::Timestamp) => ColumnKind::Time,
        // What is in documents is mostly a number.
        Some(Kind::Double) | None => ColumnKind::Double,
    };
    named.into_iter().map(|name| Column { kind: kind(&name), name }).collect()
}

fn value(row: &ViewRow, name: &str) -> Value {
    named_value(&row.0, name).unwrap_or(Value::Null)
}

/// The values of a column, a row each.
pub fn cells(rows: &[ViewRow], column: &Column) -> Cells {
    let values = rows.iter().map(|row| value(row, &column.name));
    match column.kind {
        ColumnKind::Text => Cells::Text(values.map(|value| value.as_text().map(str::to_owned)).collect()),
        ColumnKind::Long => Cells::Long(values.map(|value| value.as_long()).collect()),
        ColumnKind::Double => Cells::Double(values.map(|value| value.as_double()).collect()),
        ColumnKind::Bool => Cells::Bool(values.map(|value| value.as_bool()).collect()),
        ColumnKind::Time => Cells::Time(values.map(|value| value.as_timestamp()).collect()),
    }
}

/// Bytes on their way to whoever asked. Blocks while they wait for a slow reader.
pub struct ToReader {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for ToReader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        self.pieces.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Drop for ToReader {
    fn drop(&mut self) {
        // Who has left misses nothing.
        let _ = self.flush();
    }
}

/// An answer that `write` makes piece by piece on a thread of its own. One that breaks off ends with an error and never as if it
/// were whole.
pub fn streamed(
    media_type: &'static str,
    write: impl FnOnce(ToReader) -> io::Result<()> + Send + 'static,
) -> Response {
    let (pieces, received) = mpsc::channel::<io::Result<Bytes>>(PIECES);
    let failed = pieces.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = write(ToReader { pieces, piece: Vec::new() }) {
            let _ = failed.blocking_send(Err(error));
        }
    });
    let pieces = stream::unfold(received, |mut received| async {
        let piece = received.recv().await?;
        Some((piece, received))
    });
    ([(header::CONTENT_TYPE, media_type)], Body::from_stream(pieces.fuse())).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_ending_decides_then_what_is_accepted() {
        let of = |name, accept| Format::of(name, accept).map_err(|problem| problem.kind());
        assert_eq!(of("runs", None), Ok(("runs", Format::Json)));
        assert_eq!(of("runs.csv", Some("application/json")), Ok(("runs", Format::Table(TableFormat::Csv))));
        assert_eq!(of("runs", Some("text/csv")), Ok(("runs", Format::Table(TableFormat::Csv))));
        assert_eq!(of("runs", Some("text/html, */*;q=0.8")), Ok(("runs", Format::Json)));
        assert_eq!(
            of("runs", Some("image/png, application/vnd.apache.arrow.stream")),
            Ok(("runs", Format::Table(TableFormat::Arrow)))
        );
        assert_eq!(of("runs.xlsx", None), Err("/problems/not-acceptable"));
        assert_eq!(of("runs", Some("image/png")), Err("/problems/not-acceptable"));
    }
}
