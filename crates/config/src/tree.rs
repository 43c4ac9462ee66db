//! YAML as a tree in which every value knows where it came from, so that an error found late can still say so.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{SnippetMode, Spanned, UserMessageFormatter};

use crate::error::ConfigError;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The default of its type.
    Default,
    /// A file.
    File {
        /// The file's name as given.
        name: String,
        /// Line, from 1; 0 for the file as a whole.
        line: u64,
    },
    /// An environment variable.
    Env {
        /// Its name.
        variable: String,
    },
    /// The command line.
    Override {
        /// `key=value` as given.
        text: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { name, line: 0 } => f.write_str(name),
            Origin::File { name, line } => write!(f, "{name}:{line}"),
            Origin::Env { variable } => write!(f, "environment variable {variable}"),
            Origin::Override { text } => write!(f, "override {text}"),
        }
    }
}

/// A value and where it came from; for the value of a key that is the key's place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub origin: Origin,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Null, a flag, a number or text.
    Scalar(serde_json::Value),
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
}

impl Node {
    pub fn empty_map(origin: Origin) -> Node {
        Node { origin, value: Value::Map(BTreeMap::new()) }
    }

    pub fn is_null(&self) -> bool {
        self.value == Value::Scalar(serde_json::Value::Null)
    }

    /// Reads a YAML document from a file of that name.
    pub fn from_yaml(text: &str, name: &str) -> Result<Node, ConfigError> {
        let file = |line| Origin::File { name: name.to_owned(), line };
        let mut node =
            parse(text).map_err(|(line, what)| ConfigError::Syntax { origin: file(line), what })?;
        // The root is the file as a whole.
        node.origin = file(0);
        node.each_origin(&mut |origin| {
            if let Origin::File { name: unnamed, .. } = origin {
                *unnamed = name.to_owned();
            }
        });
        Ok(node)
    }

    /// Reads a value given outside any file: a YAML scalar, list or map in one line.
    pub fn from_text(text: &str, origin: Origin) -> Result<Node, ConfigError> {
        let mut node =
            parse(text).map_err(|(_, what)| ConfigError::Syntax { origin: origin.clone(), what })?;
        node.each_origin(&mut |place| *place = origin.clone());
        Ok(node)
    }

    fn each_origin(&mut self, change: &mut impl FnMut(&mut Origin)) {
        change(&mut self.origin);
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(|item| item.each_origin(change)),
            Value::Map(entries) => entries.values_mut().for_each(|entry| entry.each_origin(change)),
        }
    }

    /// Puts `value` at a path of keys, making the sections on the way. A value on the way that is no section is named
    /// in the error.
    pub fn set(&mut self, path: &[&str], value: Node) -> Result<(), String> {
        let Some((key, rest)) = path.split_first() else {
            *self = value;
            return Ok(());
        };
        if self.is_null() {
            self.value = Value::Map(BTreeMap::new());
        }
        let Value::Map(entries) = &mut self.value else {
            return Err(self.value.found());
        };
        let origin = value.origin.clone();
        entries.entry((*key).to_owned()).or_insert_with(|| Node::empty_map(origin)).set(rest, value)
    }

    /// The value of a key of this section.
    pub fn entry(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// Takes the value at a path of keys out.
    pub fn take(&mut self, path: &[&str]) -> Option<Node> {
        let (last, on_the_way) = path.split_last()?;
        let mut node = self;
        for key in on_the_way {
            let Value::Map(entries) = &mut node.value else { return None };
            node = entries.get_mut(*key)?;
        }
        match &mut node.value {
            Value::Map(entries) => entries.remove(*last),
            _ => None,
        }
    }

    /// Lays another tree over this one: sections are merged, everything else is replaced.
    pub fn overlay(&mut self, other: Node) {
        match (&mut self.value, other.value) {
            (Value::Map(entries), Value::Map(others)) => {
                for (key, node) in others {
                    match entries.get_mut(&key) {
                        Some(entry) => entry.overlay(node),
                        None => drop(entries.insert(key, node)),
                    }
                }
            }
            (value, other_value) => {
                *value = other_value;
                self.origin = other.origin;
            }
        }
    }

    /// The node at a path of keys and indexes, or the last one on the way there.
    pub fn closest<'a>(&self, path: impl IntoIterator<Item = &'a serde_path_to_error::Segment>) -> &Node {
        use serde_path_to_error::Segment;
        let mut node = self;
        for segment in path {
            let next = match (&node.value, segment) {
                (Value::Map(entries), Segment::Map { key }) => entries.get(key),
                (Value::List(items), Segment::Seq { index }) => items.get(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// The value as plain data.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Scalar(value) => value.clone(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, node)| (key.clone(), node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

impl Value {
    /// The value as an error message shows it.
    pub fn found(&self) -> String {
        match self {
            Value::Scalar(serde_json::Value::Null) => "empty".to_owned(),
            Value::Scalar(serde_json::Value::String(text)) => format!("'{text}'"),
            Value::Scalar(value) => value.to_string(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a section".to_owned(),
        }
    }
}

/// The tree with line numbers but no file name, or the line and what is wrong with it.
fn parse(text: &str) -> Result<Node, (u64, String)> {
    // Only true and false are flags: a symbol such as ON or NO stays text.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let plain =
            serde_saphyr::render_options! { snippets: SnippetMode::Off, formatter: &UserMessageFormatter };
        let message = error.render_with_options(plain);
        // The message ends with the place, which the origin says already, but for the column.
        let what = message.split(" at line ").next().unwrap_or(&message);
        match error.location() {
            Some(place) => (place.line(), format!("{what} (column {})", place.column())),
            None => (0, what.to_owned()),
        }
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node { origin: Origin::File { name: String::new(), line: referenced.line() }, value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Scalar(serde_json::Value::Null))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Scalar(serde_json::Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, mut node)) = entries.next_entry::<Spanned<String>, Node>()? {
            node.origin = Origin::File { name: String::new(), line: key.referenced.line() };
            map.insert(key.value, node);
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line_of(node: &Node, path: &[&str]) -> String {
        path.iter()
            .fold(node, |node, key| match &node.value {
                Value::Map(entries) => &entries[*key],
                other => panic!("{other:?} has no {key}"),
            })
            .origin
            .to_string()
    }

    #[test]
    fn every_value_knows_its_line() {
        let text = "a: 1\nb:\n  c: [1, 2.5]\n  d: { e: true,\n       f: null }\n";
        let node = Node::from_yaml(text, "x.yaml").unwrap();
        assert_eq!(node.to_json(), json!({ "a": 1, "b": { "c": [1, 2.5], "d": { "e": true, "f": null } } }));
        assert_eq!(node.origin.to_string(), "x.yaml");
        assert_eq!(line_of(&node, &["b"]), "x.yaml:2");
        assert_eq!(line_of(&node, &["b", "c"]), "x.yaml:3");
        assert_eq!(line_of(&node, &["b", "d", "f"]), "x.yaml:5");
    }

    #[test]
    fn words_that_only_old_yaml_takes_for_flags_stay_words() {
        let node =
            Node::from_yaml("a: on\nb: NO\nc: 2006-03-20\nd: 20%\ne: 12:30\nf: '5'\n", "x.yaml").unwrap();
        assert_eq!(
            node.to_json(),
            json!({ "a": "on", "b": "NO", "c": "2006-03-20", "d": "20%", "e": "12:30", "f": "5" })
        );
    }

    #[test]
    fn a_syntax_error_names_file_and_line() {
        for (text, place) in [
            ("a: [1\nb: 2\n", "x.yaml:2"),
            ("a: 1\na: 2\n", "x.yaml:2"),
            ("a: 1\n---\nb: 2\n", "x.yaml:3"),
            ("a: .nan\n", "x.yaml:1"),
        ] {
            let error = Node::from_yaml(text, "x.yaml").unwrap_err().to_string();
            assert!(error.starts_with(&format!("{place}: is not valid YAML: ")), "{error}");
            assert!(error.contains(" (column ") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_tree_too_deep_for_the_stack_is_refused() {
        let deep = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(Node::from_yaml(&deep, "x.yaml"), Err(ConfigError::Syntax { .. })));
    }

    #[test]
    fn sections_are_merged_and_everything_else_is_replaced() {
        let mut base = Node::from_yaml("a: { b: 1, c: [1, 2] }\nd: 4\n", "base").unwrap();
        base.overlay(Node::from_yaml("a: { c: [3] }\ne: 5\n", "over").unwrap());
        assert_eq!(base.to_json(), json!({ "a": { "b": 1, "c": [3] }, "d": 4, "e": 5 }));
        assert_eq!(line_of(&base, &["a", "b"]), "base:1");
        assert_eq!(line_of(&base, &["a", "c"]), "over:1");
    }

    #[test]
    fn a_path_is_set_through_missing_sections_but_not_through_values() {
        let mut node = Node::from_yaml("a: 1\nb:\n", "x.yaml").unwrap();
        let value = || Node::from_text("5", Origin::Override { text: String::new() }).unwrap();
        node.set(&["b", "c"], value()).unwrap();
        node.set(&["d", "e", "f"], value()).unwrap();
        assert_eq!(node.to_json(), json!({ "a": 1, "b": { "c": 5 }, "d": { "e": { "f": 5 } } }));
        assert_eq!(node.set(&["a", "x"], value()), Err("1".to_owned()));
    }
}
