//! What files are understood as, as text.

use std::collections::BTreeMap;

use gauntlet_feed::{DateOrder, Understood};
use gauntlet_operations::feed::dry_run::{DryFile, DryRead, DryRun, ShownRow};

/// Each file: what it was understood as, its first rows, what would come of them, and what could be said otherwise.
pub fn dry_run(answer: &DryRun) -> String {
    let mut text = answer.files.iter().map(file).collect::<Vec<_>>().join("\n\n");
    text.push_str("\n\nnothing was published");
    text
}

fn file(file: &DryFile) -> String {
    let Some(read) = &file.read else {
        return format!("{}\n  ERROR: {}", file.file, file.error.as_deref().unwrap_or_default());
    };
    let mut lines = vec![file.file.clone()];
    let mut put = |name: &str, value: String| lines.push(format!("  {name:<12} {value}"));
    understood(&read.understood, &mut put);
    found(read, &mut put);
    for choice in &read.understood.choices {
        put("or", format!("{:<20} {}", choice.option, choice.when));
    }
    for warning in &read.warnings {
        put("WARNING", warning.clone());
    }
    if let Some(stopped) = &read.stopped {
        put("STOPPED", format!("feed would publish nothing: {}", stopped.said()));
    }
    lines.join("\n")
}

fn understood(it: &Understood, put: &mut impl FnMut(&str, String)) {
    let wrapping = if it.wrapping == "plain" { String::new() } else { format!(", {}", it.wrapping) };
    put("file", format!("{} bytes{wrapping}", it.bytes));
    let header = it.header_line.map_or("no header".to_owned(), |line| format!("header in line {line}"));
    let parted = it.delimiter.as_ref().map(|by| format!(", fields parted by '{by}', {header}"));
    put("format", format!("{}{}", it.format, parted.unwrap_or_default()));
    let columns: Vec<String> =
        it.columns.iter().map(|column| format!("{} = {}", column.what, column.name)).collect();
    if !columns.is_empty() {
        put("columns", columns.join(", "));
    }
    if !it.unread.is_empty() {
        put("not read", it.unread.join(", "));
    }
    let order = match it.date_order {
        Some(DateOrder::DayFirst) => ", the day first",
        Some(DateOrder::MonthFirst) => ", the month first",
        None => "",
    };
    put("times", format!("{}{order}, on the clock {}", it.time, it.clock));
    it.numbers.iter().for_each(|numbers| put("numbers", numbers.clone()));
    it.sides.iter().for_each(|sides| put("sides", (*sides).to_owned()));
    let of = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!(", {name} {value}")).unwrap_or_default()
    };
    let order = if it.newest_first { ", newest first" } else { "" };
    let whose = format!("{}{}", of("of", &it.symbol), of("market", &it.market));
    put("rows", format!("{}{whose}{order}; bars are made of {}", it.holds, it.price_basis));
    if let (Some(spec), Some(by)) = (&it.spec, it.spec_by) {
        let stamp = it.stamp.map(|stamp| format!("; its times are those of {stamp}")).unwrap_or_default();
        put("bars", format!("{spec}, {by}{stamp}"));
    }
    let reading = if it.reading.is_empty() { String::new() } else { format!(", read with {}", it.reading) };
    put("source", format!("{}{reading}", it.source));
}

fn found(read: &DryRead, put: &mut impl FnMut(&str, String)) {
    let part =
        if read.whole { "the whole file" } else { "the first of the file; the rest is watched as it is fed" };
    put("cleaned", format!("{} rows, {part}", read.rows));
    read.first_rows.iter().for_each(|row| put("row", shown(row)));
    if let Some((from, to)) = &read.times {
        put("from", format!("{from} to {to}"));
    }
    if let Some((low, high)) = &read.prices {
        put("prices", format!("{low} to {high}"));
    }
    put("refused", counts(&read.rejected));
    put("put right", counts(&read.corrected));
    put("gaps", read.gaps.to_string());
}

fn shown(row: &ShownRow) -> String {
    let values: Vec<String> = row.values.iter().map(|(name, value)| format!("{name} {value}")).collect();
    format!("{}: {} {}", row.row, row.time, values.join(", "))
}

fn counts(counts: &BTreeMap<String, i64>) -> String {
    if counts.is_empty() {
        return "0".to_owned();
    }
    let total: i64 = counts.values().sum();
    let each: Vec<String> = counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    format!("{total} ({})", each.join(", "))
}
