//! What two things ran with side by side, and a document as YAML.

use std::fmt::Write;

use gauntlet_operations::config_diff::{ComparedKey, Diff};
use gauntlet_operations::ran_with::Subject;
use serde_json::{Map, Value as Json};
use unicode_width::UnicodeWidthStr;

use crate::table::{layout, one_line, table};

/// What was compared, and the keys: those that differ, or all where they were asked for.
pub fn diff(answer: &Diff) -> String {
    let mut text = format!("a: {}\nb: {}\n", subject(&answer.a), subject(&answer.b));
    if answer.equal {
        text.push_str("equal: no key differs");
    }
    let keys = answer.keys.as_ref().unwrap_or(&answer.differences);
    if !keys.is_empty() {
        let gap = if answer.equal { "\n" } else { "" };
        text.push_str(&format!("{gap}{}", lines(keys)));
    }
    text
}

fn subject(of: &Subject) -> String {
    let name = of.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    let mandate = of.mandate.as_deref().map(|mandate| format!(" of mandate {mandate}")).unwrap_or_default();
    one_line(&format!("{}{name}{mandate} ({})", of.kind.word(), of.id))
}

/// A key a line; on a terminal that is too narrow for that three lines, since a side that is left out says nothing.
fn lines(keys: &[ComparedKey]) -> String {
    let value = |value: &Option<Json>| value.as_ref().map_or_else(|| "-".to_owned(), Json::to_string);
    let row =
        |of: &ComparedKey| [of.key.clone(), value(&of.a), value(&of.b)].map(|cell| one_line(&cell)).to_vec();
    let rows = || keys.iter().map(row);
    let widest = |column: usize| rows().map(|row| row[column].width()).max().unwrap_or(0);
    let width = widest(0) + widest(1) + widest(2) + 4;
    let layout = layout();
    if layout.wide || layout.width.is_none_or(|columns| width <= columns) {
        return table(&["key", "a", "b"], rows());
    }
    let block = |row: Vec<String>| format!("{}\n  a  {}\n  b  {}", row[0], row[1], row[2]);
    rows().map(block).collect::<Vec<_>>().join("\n")
}

/// A document as YAML in blocks; lists and single values are written as JSON, which YAML includes.
pub fn yaml(document: &Json) -> String {
    match document {
        Json::Object(sections) => {
            let mut text = String::new();
            block(sections, 0, &mut text);
            text.trim_end().to_owned()
        }
        other => other.to_string(),
    }
}

fn block(section: &Map<String, Json>, depth: usize, text: &mut String) {
    for (key, value) in section {
        let key = if is_plain(key) { key.clone() } else { Json::from(key.as_str()).to_string() };
        // Writing to a text cannot fail.
        let _ = write!(text, "{:indent$}{key}:", "", indent = 2 * depth);
        match value {
            Json::Object(section) if !section.is_empty() => {
                text.push('\n');
                block(section, depth + 1, text);
            }
            value => {
                let _ = writeln!(text, " {value}");
            }
        }
    }
}

/// Whether a key is a text without quotes too: neither a number, nor a word that stands for something else.
fn is_plain(key: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    key.starts_with(is_word)
        && key.chars().all(|c| is_word(c) || c.is_ascii_digit())
        && !matches!(key, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gauntlet_config::read_experiment;
    use gauntlet_operations::ran_with::Kind;
    use serde_json::json;

    use super::*;
    use crate::table::{Layout, set_layout};

    const DOCUMENT: &str = "\
name: \"no: 5 # \\u00e9 'x'\"
data: { instrument: XAUUSD, venue: OANDA, bars: \"time:1h\", from: 2006-03-20, to: 2014-05-01 }
account: { risk_free: { 2006-01-01: 0.03, 2010-01-01: 0.01 } }
model: { strategy: ma-cross, parameters: { fast: { int: [5, 60] }, \"on\": 3, Slow: { choice: [a, 1] } } }
gates: { pbo: { max: 0.3 }, plateau: none }
paper: {}
";

    /// Read back as any document is, by a reader of YAML that is not ours.
    #[test]
    fn a_document_as_yaml_is_the_same_document() {
        let spec = read_experiment(DOCUMENT, "x.yaml", &[]).unwrap();
        let text = yaml(&serde_json::from_str(&spec.canonical_json()).unwrap());
        let again =
            read_experiment(&text, "again.yaml", &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(again.canonical_json(), spec.canonical_json(), "{text}");
        assert!(
            text.contains("\n    \"on\": 3\n") && text.contains("\n    fast:\n      int: [5,60]\n"),
            "{text}"
        );
    }

    #[test]
    fn a_narrow_terminal_shows_both_sides() {
        let key = |key: &str, a: Option<Json>, b: Option<Json>| ComparedKey { key: key.to_owned(), a, b };
        let keys =
            [key("tuning.sampler", Some("random".into()), None), key("seed", Some(json!(1)), Some(json!(2)))];
        let shown = |width: usize, wide: bool| {
            set_layout(Layout { width: Some(width), wide, unicode: true });
            let text = lines(&keys);
            set_layout(Layout::TABS);
            text
        };
        let table = "key             a         b\ntuning.sampler  \"random\"  -\nseed            1         2";
        assert_eq!(shown(27, false), table);
        assert_eq!(shown(26, false), "tuning.sampler\n  a  \"random\"\n  b  -\nseed\n  a  1\n  b  2");
        assert_eq!(shown(26, true), table);
    }
    /// Names are what somebody typed: none moves the cursor.
    #[test]
    fn no_control_character_reaches_a_terminal() {
        let name = Some("a\u{9b}2Jb\n".to_owned());
        let subject = subject(&Subject {
            kind: Kind::Policy,
            id: "0a".into(),
            mandate: name.clone(),
            name,
            hash: "0a".into(),
        });
        let keys = [ComparedKey { key: "\u{1b}c".into(), a: Some("\u{9b}".into()), b: None }];
        set_layout(Layout { width: Some(9), wide: false, unicode: true });
        let lines = lines(&keys);
        set_layout(Layout::TABS);
        assert!(subject.starts_with("policy a\\u{9b}2Jb\\n of mandate"), "{subject}");
        assert_eq!(lines, "\\u{1b}c\n  a  \"\\u{9b}\"\n  b  -");
    }
}
