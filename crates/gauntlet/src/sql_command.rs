//! `sql`: asks the node here, or the `up` that holds the directory, and hands the answer on as it comes.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use gauntlet_domain::Timestamp;
use gauntlet_operations::services::{Access, Role, require_used};
use gauntlet_operations::{Node, Refusal};
use serde_json::Value;

use crate::cli::SqlFormat;
use crate::open::{Opened, Opener};
use crate::remote;
use crate::report::Report;
use crate::table::table;

/// Rows of a table at most.
const MOST_ROWS: usize = 10_000;
/// How often signals are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Bytes of a statement that are read from standard input.
const LONGEST: u64 = 1 << 20;

/// What is asked for.
pub struct Asked {
    /// One statement.
    pub query: String,
    /// The name of a format.
    pub format: &'static str,
    /// Rows at most.
    pub limit: Option<usize>,
    /// The recorded time as of which, where it is not now.
    pub as_of: Option<Timestamp>,
}

/// Asks, and prints the answer.
pub fn sql(
    opener: &Opener<'_>,
    statement: &str,
    format: SqlFormat,
    as_of: Option<Timestamp>,
    json: bool,
) -> Result<Report, Refusal> {
    let mut query = statement.to_owned();
    if statement == "-" {
        query.clear();
        let read = io::stdin().lock().take(LONGEST).read_to_string(&mut query);
        read.map_err(|error| Refusal::BadInput(format!("standard input: {error}")))?;
    }
    let format = if json { SqlFormat::Json } else { format };
    let name = match format {
        SqlFormat::Table | SqlFormat::Json => "json",
        SqlFormat::Csv => "csv",
        SqlFormat::Parquet => "parquet",
        SqlFormat::Arrow => "arrow",
    };
    // One more row shows that there are more.
    let limit = (format == SqlFormat::Table).then_some(MOST_ROWS + 1);
    let asked = Arc::new(Asked { query, format: name, limit, as_of });
    require_used(opener.config)?;
    if format == SqlFormat::Table {
        let mut document = Vec::new();
        ask(opener, &asked, &mut document)?;
        return of_document(&document);
    }
    let mut stdout = UntilNobodyReads { to: io::stdout(), has_left: false };
    let done = ask(opener, &asked, &mut stdout);
    if stdout.has_left {
        return Ok(Report::silent());
    }
    done?;
    if format == SqlFormat::Json {
        let _ = stdout.write_all(b"\n");
    }
    stdout.flush().map_err(|error| Refusal::Outside(format!("the answer cannot be written: {error}")))?;
    Ok(Report::silent())
}

/// Standard output, whose reader may have seen what it wanted.
struct UntilNobodyReads {
    to: io::Stdout,
    has_left: bool,
}

impl UntilNobodyReads {
    fn noted<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        self.has_left |= done.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
        done
    }
}

impl Write for UntilNobodyReads {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes);
        self.noted(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.to.flush();
        self.noted(flushed)
    }
}

/// Writes the answer to `to`.
fn ask(opener: &Opener<'_>, asked: &Arc<Asked>, to: &mut (impl Write + Send)) -> Result<(), Refusal> {
    let elsewhere = || elsewhere(opener, asked, to);
    match opener.open_or(Role::Visitor, Access::Read, elsewhere)? {
        Opened::Node(node) => {
            node.catch_up()?;
            let node = match asked.as_of {
                Some(time) => node.as_of(time)?,
                None => *node,
            };
            here(&node, asked, &opener.interrupted, to)
        }
        Opened::Elsewhere(answer) => answer,
    }
}

/// The answer of the `up` that has the directory open; `None` where there is none.
fn elsewhere(
    opener: &Opener<'_>,
    asked: &Arc<Asked>,
    to: &mut (impl Write + Send),
) -> Option<Result<(), Refusal>> {
    let config = opener.config;
    let patience = Duration::from_secs(u64::from(config.sql.seconds) + 30);
    let address = remote::address(&config.dir)?;
    let (pieces, received) = sync_channel::<Result<Vec<u8>, Refusal>>(8);
    let asked = asked.clone();
    std::thread::spawn(move || {
        let give = |piece: Vec<u8>| pieces.send(Ok(piece)).is_ok();
        if let Err(refusal) = remote::sql(&address, &asked, patience, give) {
            // Where nobody waits any more there is nobody to tell.
            let _ = pieces.send(Err(refusal));
        }
    });
    loop {
        match received.recv_timeout(LOOK_EVERY) {
            Ok(Ok(piece)) => {
                if let Err(error) = to.write_all(&piece) {
                    return Some(Err(Refusal::Outside(format!("the answer cannot be written: {error}"))));
                }
            }
            Ok(Err(refusal)) => return Some(Err(refusal)),
            Err(RecvTimeoutError::Disconnected) => return Some(Ok(())),
            // Leaving ends it there too.
            Err(RecvTimeoutError::Timeout) if opener.interrupted.load(Ordering::Relaxed) => {
                return Some(Err(Refusal::Interrupted));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

#[cfg(feature = "sql")]
fn here(node: &Node, asked: &Asked, stop: &AtomicBool, to: impl Write + Send) -> Result<(), Refusal> {
    use gauntlet_sql::{Format, Gate, Query};
    let format = Format::named(asked.format).unwrap_or(Format::Json);
    let gate = Gate::new(node.config.sql.into())?;
    let query = Query { text: asked.query.clone(), limit: asked.limit, sees_access: true };
    let answer = gate.ask(node, &query, stop)?;
    gauntlet_sql::write(answer, format, stop, to)?;
    Ok(())
}

#[cfg(not(feature = "sql"))]
fn here(_: &Node, _: &Asked, _: &AtomicBool, _: impl Write + Send) -> Result<(), Refusal> {
    Err(Refusal::BadInput(
        "this gauntlet was built without SQL: build it with cargo build --release -p gauntlet --features sql"
            .into(),
    ))
}

/// A document with `columns` and `rows` as a table.
fn of_document(document: &[u8]) -> Result<Report, Refusal> {
    let document: Value = serde_json::from_slice(document)
        .map_err(|error| Refusal::Broken(format!("the answer is no document: {error}")))?;
    let list = |name: &str| document[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = list("columns").iter().filter_map(|column| column["name"].as_str()).collect();
    let cell = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let rows = list("rows");
    let shown = rows.iter().take(MOST_ROWS).map(|row| names.iter().map(|name| cell(&row[*name])).collect());
    let mut text = table(&names, shown);
    if rows.len() > MOST_ROWS {
        text.push_str(&format!("\nthe first {MOST_ROWS} rows: add LIMIT, or take all with --format csv"));
    }
    Ok(Report { code: 0, json: Value::Null, text })
}
