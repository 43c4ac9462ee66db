//! Answers as files: CSV, Parquet, Arrow, written while they are read.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream;
use gauntlet_lake::table::TableFormat;
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
    streamed_holding(media_type, (), write)
}

/// The same, with something that is dropped when nobody takes the answer any more.
pub fn streamed_holding(
    media_type: &'static str,
    held: impl Send + 'static,
    write: impl FnOnce(ToReader) -> io::Result<()> + Send + 'static,
) -> Response {
    let (pieces, received) = mpsc::channel::<io::Result<Bytes>>(PIECES);
    let failed = pieces.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = write(ToReader { pieces, piece: Vec::new() }) {
            let _ = failed.blocking_send(Err(error));
        }
    });
    let pieces = stream::unfold((received, held), |(mut received, held)| async {
        let piece = received.recv().await?;
        Some((piece, (received, held)))
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
