//! Tables: on a terminal without rules, as wide as it is, and cut to what matters most; elsewhere tab-separated and whole.
//!
//! The columns of a table are in the order of their importance: where not all of them fit, the last ones are left out.

use std::cell::Cell;
use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Spaces between two columns.
const GAP: usize = 2;
/// Columns narrower than this say nothing when they are cut.
const LEAST_WIDTH: usize = 8;
/// Digits of a shortened id at least.
const ID_DIGITS: usize = 8;

/// How tables are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Columns of the terminal; `None` where nobody looks: tab-separated, whole.
    pub width: Option<usize>,
    /// Whether all columns are shown, whatever the terminal's width.
    pub wide: bool,
    /// Whether the terminal shows more than ASCII.
    pub unicode: bool,
}

impl Layout {
    /// For programs.
    pub const TABS: Layout = Layout { width: None, wide: true, unicode: true };

    /// Of this process's stdout.
    pub fn of_stdout(wide: bool) -> Layout {
        if !std::io::stdout().is_terminal() {
            return Layout::TABS;
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let columns = variable("COLUMNS").and_then(|columns| columns.parse().ok());
        let width = columns.unwrap_or_else(|| usize::from(console::Term::stdout().size().1));
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name));
        let unicode =
            locale.is_some_and(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"));
        Layout { width: Some(width.max(1)), wide, unicode }
    }

    /// Whether a person looks at it.
    pub fn is_for_people(self) -> bool {
        self.width.is_some()
    }
}

thread_local! {
    static LAYOUT: Cell<Layout> = const { Cell::new(Layout::TABS) };
}

/// How this thread lays tables out.
pub fn layout() -> Layout {
    LAYOUT.get()
}

/// Lays tables of this thread out so from now on.
pub fn set_layout(layout: Layout) {
    LAYOUT.set(layout);
}

/// A table with a header, in the layout of this thread.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let header = header.iter().map(|name| (*name).to_owned()).collect();
    let clean = |row: Vec<String>| row.into_iter().map(|cell| one_line(&cell)).collect();
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows.into_iter().map(clean)).collect();
    match layout() {
        Layout { width: None, .. } => lines.iter().map(|line| line.join("\t")).collect::<Vec<_>>().join("\n"),
        Layout { width: Some(width), wide, unicode } => {
            aligned(&lines, if wide { usize::MAX } else { width }, unicode)
        }
    }
}

/// A cell on one line: what would break the line or move the cursor is written as an escape.
pub fn one_line(cell: &str) -> String {
    if cell.chars().any(char::is_control) {
        let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
        return cell.chars().map(escaped).collect();
    }
    cell.to_owned()
}

/// Lines in columns, numbers to the right, as far as the width goes.
fn aligned(lines: &[Vec<String>], width: usize, unicode: bool) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let cells = |column: usize| lines.iter().filter_map(move |line| line.get(column));
    let mut widths: Vec<usize> =
        (0..columns).map(|column| cells(column).map(|cell| cell.width()).max().unwrap_or(0)).collect();
    fit(&mut widths, width);
    let to_right: Vec<bool> =
        (0..columns).map(|column| cells(column).skip(1).all(|cell| is_number(cell))).collect();
    let line = |line: &Vec<String>| {
        let mut text = String::new();
        for (column, width) in widths.iter().enumerate() {
            let cell = cut(line.get(column).map_or("", String::as_str), *width, unicode);
            let blank = " ".repeat(width.saturating_sub(cell.width()));
            if column > 0 {
                text.push_str(&" ".repeat(GAP));
            }
            text.push_str(&if to_right[column] { blank + &cell } else { cell + &blank });
        }
        text.truncate(text.trim_end().len());
        text
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Leaves out columns from the last one on until the others fit; the last that stays may be cut.
fn fit(widths: &mut Vec<usize>, width: usize) {
    let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    while widths.len() > 1 && total(widths) > width {
        let before = total(&widths[..widths.len() - 1]) + GAP;
        if before + LEAST_WIDTH <= width {
            break;
        }
        widths.pop();
    }
    if let Some(last) = widths.len().checked_sub(1) {
        let before = if last == 0 { 0 } else { total(&widths[..last]) + GAP };
        widths[last] = widths[last].min(width.saturating_sub(before));
    }
}

/// A text of at most so many columns.
fn cut(text: &str, width: usize, unicode: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mark = if unicode { "…" } else { "~" };
    let (mut cut, mut used) = (String::new(), mark.width());
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        cut.push(c);
    }
    if width == 0 { String::new() } else { cut + mark }
}

fn is_number(cell: &str) -> bool {
    cell == "-" || cell.is_empty() || cell.parse::<f64>().is_ok()
}

/// Whether a text is an id or a hash: as many hexadecimal digits as no word has.
pub fn is_id(text: &str) -> bool {
    text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// The beginnings of ids that tell them from one another, eight digits at least.
pub fn shortened<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let needed = |place: usize| {
        let before = place.checked_sub(1).map_or(0, |before| common(ids[before], ids[place]));
        let after = ids.get(place + 1).map_or(0, |after| common(after, ids[place]));
        (before.max(after) + 1).max(ID_DIGITS).min(ids[place].len())
    };
    (0..ids.len()).map(|place| (ids[place], needed(place))).collect()
}

/// A metric for people: four digits, or a dash where it is undefined.
pub fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        [["gold-trend", "0.5012", "confirmed"], ["a\nb", "-1.2", "-"]]
            .map(|row| row.map(str::to_owned).to_vec())
            .to_vec()
    }

    fn shown(layout: Layout) -> String {
        set_layout(layout);
        let text = table(&["name", "value", "verdict"], rows());
        set_layout(Layout::TABS);
        text
    }

    fn terminal(width: usize) -> Layout {
        Layout { width: Some(width), wide: false, unicode: true }
    }

    #[test]
    fn a_terminal_gets_columns_without_rules_and_a_program_gets_tabs() {
        let expected = "name         value  verdict\ngold-trend  0.5012  confirmed\na\\nb          -1.2  -";
        assert_eq!(shown(terminal(80)), expected);
        let tabs = "name\tvalue\tverdict\ngold-trend\t0.5012\tconfirmed\na\\nb\t-1.2\t-";
        assert_eq!(shown(Layout::TABS), tabs);
    }

    #[test]
    fn what_does_not_fit_is_cut_or_left_out_from_the_right() {
        assert_eq!(
            shown(terminal(28)),
            "name         value  verdict\ngold-trend  0.5012  confirm…\na\\nb          -1.2  -"
        );
        assert_eq!(shown(terminal(20)), "name         value\ngold-trend  0.5012\na\\nb          -1.2");
        assert_eq!(shown(terminal(6)), "name\ngold-…\na\\nb");
        assert_eq!(shown(Layout { unicode: false, ..terminal(6) }), "name\ngold-~\na\\nb");
        assert_eq!(shown(Layout { wide: true, ..terminal(6) }), shown(terminal(80)));
        for width in 1..40 {
            let text = shown(terminal(width));
            assert!(text.lines().all(|line| line.width() <= width), "{width}: {text}");
        }
    }

    #[test]
    fn ids_are_cut_to_what_tells_them_apart() {
        let ids = ["0123456789abcdef", "0123456789ffffff", "fedcba9876543210"];
        let short = shortened(ids.into_iter());
        assert_eq!(short, [(ids[0], 11), (ids[1], 11), (ids[2], 8)]);
        assert!(is_id("4f90d13a-42f5-5e1f-8a3e-000000000000") && !is_id("gold-trend") && !is_id(""));
    }
}
