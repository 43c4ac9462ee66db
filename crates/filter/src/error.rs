//! What can be wrong, and where.

/// A filter that is none. It prints as one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}, at {}: {problem}{}", at(near), hint(suggestion))]
pub struct FilterError {
    /// The character at which it is wrong, from 1.
    pub column: usize,
    /// What stands there; empty at the end.
    pub near: String,
    /// What is wrong, and what would be right.
    pub problem: String,
    /// Whether a name is not known.
    pub is_unknown_name: bool,
    /// The nearest name that there is, where a name is not known.
    pub suggestion: Option<String>,
}

fn at(near: &str) -> String {
    if near.is_empty() { "the end".to_owned() } else { format!("`{near}`") }
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!(": did you mean {name}?")).unwrap_or_default()
}
