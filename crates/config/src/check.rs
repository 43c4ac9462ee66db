//! A tree against a JSON Schema, with errors that say what was expected and where.
//!
//! Only the keywords that our own schemas use; `KEYWORDS` lists them and a test compares.

use std::collections::BTreeMap;

use gauntlet_domain::names::nearest;
use serde_json::Value as Json;

use crate::error::{ConfigError, Suggestion};
use crate::tree::{Node, Origin, Value};

/// Keywords that [`check`] obeys.
#[cfg(test)]
pub(crate) const KEYWORDS: &[&str] = &[
    "$ref",
    "type",
    "properties",
    "additionalProperties",
    "required",
    "items",
    "enum",
    "const",
    "oneOf",
    "anyOf",
    "minimum",
    "maximum",
];

/// Keywords that are for people and editors; a `title` is also what an error says was expected.
#[cfg(test)]
pub(crate) const REMARKS: &[&str] = &["$schema", "$defs", "title", "description", "default", "format"];

/// Refuses an unknown key, a missing one, and a value of another type or out of range. Removes sections that are
/// empty (a heading whose lines are all commented out), which then have their defaults.
pub(crate) fn check(node: &mut Node, schema: &Json) -> Result<(), ConfigError> {
    Rules { root: schema, here: schema }.check(node, "")
}

/// Whether a key takes text and nothing else, so that a value given outside a file needs no quotes.
pub(crate) fn takes_only_text(schema: &Json, path: &[&str]) -> bool {
    let root = Rules { root: schema, here: schema };
    let rules = path.iter().try_fold(root, |rules, key| rules.child(key));
    rules.is_some_and(|rules| rules.types() == ["string"] || !rules.words().is_empty())
}

/// A schema, or a part of one.
#[derive(Clone, Copy)]
struct Rules<'a> {
    root: &'a Json,
    here: &'a Json,
}

impl<'a> Rules<'a> {
    /// A part of the same schema, followed through its reference.
    fn at(self, here: &'a Json) -> Rules<'a> {
        let pointer = here.get("$ref").and_then(Json::as_str).and_then(|text| text.strip_prefix('#'));
        let here = pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(here);
        Rules { root: self.root, here }
    }

    fn check(self, node: &mut Node, path: &str) -> Result<(), ConfigError> {
        match &mut node.value {
            Value::Map(entries) if self.is_section() => {
                self.check_section(entries, path)?;
                match self.required().find(|key| !entries.contains_key(*key)) {
                    Some(key) => Err(self.missing(&node.origin, &join(path, key), key)),
                    None => Ok(()),
                }
            }
            Value::List(items) if self.types().contains(&"array") => {
                let rules = self.at(self.here.get("items").unwrap_or(&Json::Null));
                let mut items = items.iter_mut().enumerate();
                items.try_for_each(|(index, item)| rules.check(item, &format!("{path}[{index}]")))
            }
            value if self.accepts(value) => Ok(()),
            value => Err(ConfigError::WrongValue {
                key: if path.is_empty() { "the document".to_owned() } else { path.to_owned() },
                found: value.found(),
                origin: node.origin.clone(),
                expected: self.expected_instead_of(value),
            }),
        }
    }

    fn check_section(self, entries: &mut BTreeMap<String, Node>, path: &str) -> Result<(), ConfigError> {
        let mut empty = Vec::new();
        for (key, entry) in entries.iter_mut() {
            let path = join(path, key);
            let rules = self.child(key).ok_or_else(|| self.unknown(entry, &path, key))?;
            if entry.is_null() && rules.is_section() {
                empty.push(key.clone());
            } else {
                rules.check(entry, &path)?;
            }
        }
        entries.retain(|key, _| !empty.contains(key));
        Ok(())
    }

    fn is_section(self) -> bool {
        self.types().contains(&"object")
    }

    /// The rules for a key of a section; `None` for a key that it cannot have.
    fn child(self, key: &str) -> Option<Rules<'a>> {
        let named = self.here.get("properties").and_then(|properties| properties.get(key));
        match named.or_else(|| self.here.get("additionalProperties")) {
            Some(Json::Bool(false)) => None,
            Some(schema) => Some(self.at(schema)),
            None => Some(self.at(&Json::Null)),
        }
    }

    /// The keys of a section, sorted: the order of a JSON map depends on what else is in the build.
    fn keys(self) -> BTreeMap<&'a str, Rules<'a>> {
        let properties = self.here.get("properties").and_then(Json::as_object);
        properties.into_iter().flatten().map(|(key, schema)| (key.as_str(), self.at(schema))).collect()
    }

    fn required(self) -> impl Iterator<Item = &'a str> {
        self.here.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
    }

    /// The alternatives of a value, if it has several.
    fn branches(self) -> Vec<Rules<'a>> {
        let branches = self.here.get("anyOf").or_else(|| self.here.get("oneOf")).and_then(Json::as_array);
        branches.into_iter().flatten().map(|schema| self.at(schema)).collect()
    }

    /// The names of types that a value can have; none when anything goes.
    fn types(self) -> Vec<&'a str> {
        match self.here.get("type") {
            Some(Json::String(name)) => vec![name],
            Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The words of an enumeration; none when it is not one.
    fn words(self) -> Vec<&'a str> {
        let listed = self.here.get("enum").and_then(Json::as_array).into_iter().flatten();
        let branches = self.branches();
        let single = self.here.get("const").into_iter();
        let own = listed.chain(single).filter_map(Json::as_str);
        own.chain(branches.iter().flat_map(|branch| branch.words())).collect()
    }

    fn accepts(self, value: &Value) -> bool {
        let branches = self.branches();
        if !branches.is_empty() {
            return branches.iter().any(|branch| branch.accepts(value));
        }
        let words = self.words();
        if !words.is_empty() {
            return matches!(value, Value::Scalar(Json::String(word)) if words.contains(&word.as_str()));
        }
        let types = self.types();
        types.is_empty() || types.iter().any(|name| self.is_a(value, name))
    }

    fn is_a(self, value: &Value, name: &str) -> bool {
        match (value, name) {
            (Value::Scalar(Json::Null), "null")
            | (Value::Scalar(Json::Bool(_)), "boolean")
            | (Value::Scalar(Json::String(_)), "string")
            | (Value::List(_), "array")
            | (Value::Map(_), "object") => true,
            (Value::Scalar(Json::Number(number)), "integer") => !number.is_f64() && self.in_range(number),
            (Value::Scalar(Json::Number(number)), "number") => self.in_range(number),
            _ => false,
        }
    }

    /// Bounds in our schemas are small enough for a double to hold them exactly.
    fn in_range(self, number: &serde_json::Number) -> bool {
        let bound = |keyword: &str| self.here.get(keyword).and_then(Json::as_f64);
        number.as_f64().is_some_and(|value| {
            bound("minimum").is_none_or(|least| value >= least)
                && bound("maximum").is_none_or(|most| value <= most)
        })
    }

    /// What can stand here, with the word that was probably meant.
    fn expected_instead_of(self, value: &Value) -> String {
        let expected = self.expected();
        let near = match value {
            Value::Scalar(Json::String(word)) => nearest(word, self.words()),
            _ => None,
        };
        match near {
            Some(word) => format!("{expected} (did you mean '{word}'?)"),
            None => expected,
        }
    }

    /// What can stand here, in words.
    fn expected(self) -> String {
        let words = self.words();
        if !words.is_empty() {
            return format!("one of {}", words.join(", "));
        }
        if let Some(title) =
            self.here.get("title").and_then(Json::as_str).filter(|_| self.types() != ["object"])
        {
            return title.to_owned();
        }
        let branches = self.branches();
        if !branches.is_empty() {
            return branches.iter().map(|branch| branch.expected()).collect::<Vec<_>>().join(" or ");
        }
        let range = |kind: &str| match (self.here.get("minimum"), self.here.get("maximum")) {
            (Some(least), Some(most)) => format!("{kind} from {least} to {most}"),
            (Some(least), None) => format!("{kind} of at least {least}"),
            (None, Some(most)) => format!("{kind} of at most {most}"),
            (None, None) => kind.to_owned(),
        };
        let kind = |name: &str| match name {
            "null" => "nothing".to_owned(),
            "boolean" => "true or false".to_owned(),
            "string" => "text (in quotes if it looks like a number)".to_owned(),
            "integer" => range("a whole number"),
            "number" => range("a number"),
            "array" => "a list".to_owned(),
            _ => match self.keys().into_keys().collect::<Vec<_>>() {
                keys if keys.is_empty() => "a section".to_owned(),
                keys => format!("a section with {}", keys.join(", ")),
            },
        };
        self.types().into_iter().map(kind).collect::<Vec<_>>().join(" or ")
    }

    fn unknown(self, entry: &Node, path: &str, key: &str) -> ConfigError {
        let siblings: Vec<&str> = self.keys().into_keys().collect();
        let section = path.strip_suffix(key).unwrap_or("");
        let suggestion = match nearest(key, siblings.iter().copied()) {
            Some(name) => Suggestion::Nearest(format!("{section}{name}")),
            // The right key in the wrong section.
            None => match self.at(self.root).find(key, "") {
                Some(path) => Suggestion::Nearest(path),
                None => Suggestion::Known(siblings.iter().map(|name| format!("{section}{name}")).collect()),
            },
        };
        ConfigError::UnknownKey { key: path.to_owned(), origin: entry.origin.clone(), suggestion }
    }

    /// The path of the first key of that name in any section.
    fn find(self, wanted: &str, path: &str) -> Option<String> {
        self.keys().into_iter().find_map(|(key, rules)| {
            let path = join(path, key);
            if key == wanted { Some(path) } else { rules.find(wanted, &path) }
        })
    }

    fn missing(self, section: &Origin, path: &str, key: &str) -> ConfigError {
        let described = self.here.pointer(&format!("/properties/{key}/description"));
        ConfigError::MissingKey {
            key: path.to_owned(),
            origin: section.clone(),
            what: described
                .and_then(Json::as_str)
                .unwrap_or("it is required")
                .trim_end_matches('.')
                .to_owned(),
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn verdict(schema: &Json, text: &str) -> String {
        let mut node = Node::from_yaml(text, "x.yaml").unwrap();
        check(&mut node, schema).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    fn example() -> Json {
        json!({
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": {
                "name": { "type": "string", "description": "What it is called." },
                "size": { "type": "integer", "minimum": 1, "maximum": 9 },
                "mode": { "oneOf": [{ "const": "fast" }, { "const": "slow" }] },
                "share": { "anyOf": [{ "type": "number" }, { "type": "string" }], "title": "a share such as 20%" },
                "tags": { "type": "array", "items": { "type": "string" } },
                "inner": { "$ref": "#/$defs/inner" },
                "free": {}
            },
            "$defs": { "inner": {
                "type": "object", "additionalProperties": false, "properties": { "depth": { "type": "number" } }
            } }
        })
    }

    #[test]
    fn what_fits_is_fine() {
        let text = "name: a\nsize: 9\nmode: slow\nshare: 20%\ntags: [x]\ninner: { depth: 1 }\nfree: { any: [thing] }\n";
        assert_eq!(verdict(&example(), text), "fine");
        assert_eq!(verdict(&example(), "name: a\ninner:\n"), "fine");
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_would() {
        for (text, message) in [
            ("name: a\nsize: 10\n", "'size' in x.yaml:2 is 10: expected a whole number from 1 to 9"),
            ("name: a\nsize: 2.0\n", "'size' in x.yaml:2 is 2.0: expected a whole number from 1 to 9"),
            (
                "name: a\nmode: fats\n",
                "'mode' in x.yaml:2 is 'fats': expected one of fast, slow (did you mean 'fast'?)",
            ),
            ("name: a\nshare: [1]\n", "'share' in x.yaml:2 is a list: expected a share such as 20%"),
            ("name: 5\n", "'name' in x.yaml:1 is 5: expected text (in quotes if it looks like a number)"),
            (
                "name: a\ntags:\n  - x\n  - 5\n",
                "'tags[1]' in x.yaml:4 is 5: expected text (in quotes if it looks like a number)",
            ),
            ("name: a\ninner: 5\n", "'inner' in x.yaml:2 is 5: expected a section with depth"),
            ("name: a\nsize:\n", "'size' in x.yaml:2 is empty: expected a whole number from 1 to 9"),
            ("size: 5\n", "missing 'name' in x.yaml: add it: What it is called"),
            (
                "- 1\n",
                "'the document' in x.yaml is a list: expected a section with free, inner, mode, name, share, size, tags",
            ),
            (
                "name: a\ninner: { deepth: 1 }\n",
                "unknown key 'inner.deepth' in x.yaml:2: did you mean 'inner.depth'?",
            ),
            ("name: a\ndepth: 1\n", "unknown key 'depth' in x.yaml:2: did you mean 'inner.depth'?"),
            ("name: a\ninner: { zzz: 1 }\n", "unknown key 'inner.zzz' in x.yaml:2: write one of inner.depth"),
        ] {
            assert_eq!(verdict(&example(), text), message);
        }
    }

    #[test]
    fn a_section_without_keys_of_its_own_is_a_section_or_what_its_title_says() {
        let schema = json!({ "type": "object", "properties": {
            "rate": { "anyOf": [{ "type": ["number", "null"] }, { "type": "object", "properties": {} }] },
            "titled": { "type": ["object", "number"], "title": "a rate, or rates by date" },
        } });
        for (text, message) in [
            ("rate: x\n", "'rate' in x.yaml:1 is 'x': expected a number or nothing or a section"),
            ("titled: x\n", "'titled' in x.yaml:1 is 'x': expected a rate, or rates by date"),
        ] {
            assert_eq!(verdict(&schema, text), message);
        }
    }

    #[test]
    fn keys_that_take_only_text_are_known() {
        let schema = example();
        for (path, only_text) in
            [(vec!["name"], true), (vec!["mode"], true), (vec!["size"], false), (vec!["share"], false)]
        {
            assert_eq!(takes_only_text(&schema, &path), only_text, "{path:?}");
        }
        assert!(!takes_only_text(&schema, &["inner", "depth"]));
        assert!(!takes_only_text(&schema, &["nowhere"]));
    }
}
