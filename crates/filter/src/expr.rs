//! A tree and its value for a row.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::Cell;

/// A filter over the rows of a table. Invariant: every place of a name lies within [`Filter::names`].
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    pub(crate) names: Vec<String>,
    pub(crate) root: Expr,
}

/// A part of a filter; columns by their places among the names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Or(Vec<Expr>),
    And(Vec<Expr>),
    Not(Box<Expr>),
    Compare(usize, Comparison, Literal),
    Matches(usize, Vec<char>),
    In(usize, Vec<Literal>),
    Between(usize, Literal, Literal),
    IsNull(usize),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// What a column is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    /// The same as a whole number, where it is one.
    Number(f64, Option<i64>),
    Bool(bool),
    Time(i64),
}

impl Filter {
    /// The columns that it asks for, each once.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether it is true of a row. `cell` gives the value of the column at a place of [`Filter::names`]; none is undefined.
    pub fn holds<'a>(&self, cell: &mut dyn FnMut(usize) -> Option<Cell<'a>>) -> bool {
        self.root.value(cell) == Some(true)
    }
}

impl Expr {
    /// Its truth; none where it depends on what has no value (Kleene's logic, as in SQL).
    fn value<'a>(&self, cell: &mut dyn FnMut(usize) -> Option<Cell<'a>>) -> Option<bool> {
        match self {
            Expr::Or(parts) => all_of(parts, cell, true),
            Expr::And(parts) => all_of(parts, cell, false),
            Expr::Not(part) => part.value(cell).map(|holds| !holds),
            Expr::IsNull(place) => Some(cell(*place).is_none()),
            Expr::Compare(place, comparison, literal) => {
                let order = cell(*place)?.order(literal)?;
                Some(comparison.holds(order))
            }
            Expr::Between(place, low, high) => {
                let cell = cell(*place)?;
                Some(cell.order(low)? != Ordering::Less && cell.order(high)? != Ordering::Greater)
            }
            Expr::In(place, literals) => {
                let cell = cell(*place)?;
                Some(literals.iter().any(|literal| cell.order(literal) == Some(Ordering::Equal)))
            }
            Expr::Matches(place, pattern) => match cell(*place)? {
                Cell::Text(text) => Some(matches(pattern, &text)),
                _ => None,
            },
        }
    }
}

/// Whether a part has the deciding value, or all have the other one.
fn all_of<'a>(
    parts: &[Expr],
    cell: &mut dyn FnMut(usize) -> Option<Cell<'a>>,
    deciding: bool,
) -> Option<bool> {
    let mut is_known = true;
    for part in parts {
        match part.value(cell) {
            Some(value) if value == deciding => return Some(deciding),
            Some(_) => {}
            None => is_known = false,
        }
    }
    is_known.then_some(!deciding)
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order == Ordering::Equal,
            Comparison::NotEqual => order != Ordering::Equal,
            Comparison::Less => order == Ordering::Less,
            Comparison::AtMost => order != Ordering::Greater,
            Comparison::Greater => order == Ordering::Greater,
            Comparison::AtLeast => order != Ordering::Less,
        }
    }
}

impl Cell<'_> {
    /// How it lies to a literal; none where they cannot be compared.
    fn order(&self, literal: &Literal) -> Option<Ordering> {
        match (self, literal) {
            (Cell::Text(text), Literal::Text(other)) => Some(Cow::as_ref(text).cmp(other.as_str())),
            (Cell::Long(long), Literal::Number(_, Some(whole))) => Some(long.cmp(whole)),
            (Cell::Long(long), Literal::Number(number, None)) => (*long as f64).partial_cmp(number),
            (Cell::Double(double), Literal::Number(number, _)) => double.partial_cmp(number),
            (Cell::Bool(flag), Literal::Bool(other)) => Some(flag.cmp(other)),
            (Cell::Time(time), Literal::Time(other)) => Some(time.cmp(other)),
            _ => None,
        }
    }
}

/// Whether a pattern of `*` and `?` is the whole text. Looks back to the last `*` alone, so it takes no more than the product of
/// both lengths.
fn matches(pattern: &[char], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut in_pattern, mut in_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(in_pattern) {
            Some('*') => {
                star = Some((in_pattern, in_text));
                in_pattern += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[in_text] => {
                in_pattern += 1;
                in_text += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (in_pattern, in_text) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|mark| *mark == '*')
}
