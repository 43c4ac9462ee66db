//! Feeds, snapshots and dead letters as text.

use gauntlet_operations::dead_letters::{ListedDeadLetter, PutBack, ShownDeadLetter};
use gauntlet_operations::feed::Fed;
use gauntlet_operations::snapshot::{Requested, VerifiedSnapshot};
use serde::Serialize;
use serde_json::Value as Json;

use super::browse;
use crate::table::table;

/// What a feed gave.
pub fn fed(fed: &Fed) -> String {
    let line = |name: String, count: &i64| vec![name, count.to_string()];
    let mut rows = vec![
        line("read".into(), &fed.read),
        line("published".into(), &fed.published),
        line("accepted".into(), &fed.accepted),
    ];
    rows.extend(fed.rejected.iter().map(|(reason, count)| line(format!("rejected: {reason}"), count)));
    rows.extend(fed.corrected.iter().map(|(reason, count)| line(format!("corrected: {reason}"), count)));
    rows.push(line("gaps".into(), &fed.gaps));
    let mut text = table(&["rows", "count"], rows);
    for source in &fed.sources {
        for warning in &source.warnings {
            text.push_str(&format!("\nWARNING: {}: {warning}", source.name));
        }
    }
    for source in &fed.sources {
        if let Some(stopped) = &source.stopped {
            text.push_str(&format!("\nSTOPPED: {}: {}", source.name, stopped.said()));
        }
    }
    let is_late = |reason: &&str| fed.rejected.get(*reason).is_some_and(|late| *late > 0);
    if fed.accepted == 0 && !fed.is_stopped() && ["late", "out_of_order"].iter().any(is_late) {
        text.push_str(
            "\nevery row lies before what this instrument has already: feed history before newer data, or into \
             another directory",
        );
    }
    text
}

/// A snapshot that was asked for.
pub fn snapshot(answer: &Requested) -> String {
    let command = &answer.command;
    let (id, instrument) = (command.snapshot_id, &command.instrument);
    match &answer.sealed {
        Some(row) if answer.has_bars() => browse::row(row),
        Some(_) => format!(
            "snapshot {id} is sealed without a bar: {instrument} has no {} bar between {} and {}; choose a period \
             with data",
            command.spec, command.from, command.to
        ),
        None => format!(
            "snapshot {id} is pending: event time of {instrument} has not passed {} yet; feed more data, it is \
             sealed by itself",
            command.to
        ),
    }
}

/// A snapshot that was hashed again.
pub fn verified_snapshot(answer: &VerifiedSnapshot) -> String {
    match answer {
        VerifiedSnapshot::Holds { content_hash, rows } => format!("{rows} bars, hash {content_hash} holds"),
        VerifiedSnapshot::NotSealed => "the snapshot is not sealed yet".into(),
        VerifiedSnapshot::Differs { problem } => problem.clone(),
    }
}

/// A list of dead letters.
pub fn dead_letters(letters: &[ListedDeadLetter]) -> String {
    let header = ["id", "time", "processor", "reason", "bytes", "readable", "message"];
    match letters {
        [] => "no dead letters".to_owned(),
        letters => table(
            &header,
            letters.iter().map(|letter| {
                let fields = fields(letter);
                header.map(|name| plain(fields.get(name).unwrap_or(&Json::Null))).to_vec()
            }),
        ),
    }
}

/// One dead letter: its fields, its headers, what it says.
pub fn dead_letter(letter: &ShownDeadLetter) -> String {
    let mut fields = fields(letter);
    fields.remove("says");
    let headers = fields.remove("headers");
    let headers = headers.as_ref().and_then(Json::as_object).into_iter().flatten();
    let lines = fields.iter().map(line).chain(headers.map(|header| format!("  {}", line(header))));
    lines.chain([letter.says.clone()]).collect::<Vec<_>>().join("\n")
}

/// What came of putting dead letters back.
pub fn put_back(answer: &PutBack) -> String {
    let PutBack { replayed, already, left } = answer;
    let mut text =
        format!("{} put back, {} were already, {} left", replayed.len(), already.len(), left.len());
    for letter in left {
        text.push_str(&format!("\n{}: {}", letter.id, letter.why));
    }
    text
}

/// An answer's fields as its document has them.
fn fields(answer: &impl Serialize) -> serde_json::Map<String, Json> {
    match serde_json::to_value(answer) {
        Ok(Json::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    }
}

/// A value without quotes.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn line((name, value): (&String, &Json)) -> String {
    format!("{name}: {}", plain(value))
}
