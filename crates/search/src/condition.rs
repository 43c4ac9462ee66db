//! Constraints between parameters, such as `slow > fast and (stop_atr < 4 or kind == 'a')`.
//!
//! Text in, a syntax tree out, and its value for an assignment. It never looks at domains, beyond the kind of
//! value that `Condition::check` is told a parameter has.
//!
//! Grammar, loosest binding first: `or`, `and`, `not`, one comparison (`> >= < <= == !=`), `+ -`, `* /`,
//! unary `-`, then numbers, quoted text, `true`, `false`, parameter names and parentheses. A name is letters,
//! digits, `_` and `.`, and does not start with a digit.
//!
//! What has no value (an absent parameter, a division by zero, text compared with a number) is undefined, and
//! so is what depends on it; an undefined condition does not hold, and neither does its negation.

mod parser;

use std::collections::BTreeSet;
use std::fmt;

use crate::error::SearchError;
use gauntlet_domain::experiment::{ParameterValue, Parameters};

/// A parsed condition; it prints as it was written. Two conditions are equal when their texts are.
#[derive(Clone)]
pub struct Condition {
    source: String,
    root: Expr,
}

/// What kind of value an expression has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An integer or a float.
    Number,
    /// A text.
    Text,
    /// A truth value.
    Bool,
    /// One of several kinds, as the choices of a category can be.
    Mixed,
}

#[derive(Debug, Clone)]
enum Expr {
    Number(f64),
    Text(String),
    Bool(bool),
    Name(String),
    Negate(Box<Expr>),
    Arithmetic(char, Box<Expr>, Box<Expr>),
    Compare(&'static str, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
}

impl Condition {
    /// Parses a condition. Names are not looked up here.
    pub fn parse(source: &str) -> Result<Self, SearchError> {
        let root = parser::parse(source).map_err(|fault| SearchError::ConditionSyntax {
            source_text: source.to_string(),
            column: source[..fault.at].chars().count() + 1,
            problem: fault.problem,
        })?;
        Ok(Self { source: source.to_string(), root })
    }

    /// The names it mentions.
    pub fn names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.root.collect_names(&mut names);
        names
    }

    /// Whether it holds for an assignment. Undefined is `false`.
    pub fn holds(&self, params: &Parameters) -> bool {
        matches!(self.root.value(params), Some(Operand::Bool(true)))
    }

    /// Refuses what could never be defined, given the kind of every name; says what was wrong.
    pub fn check(&self, kind: &dyn Fn(&str) -> Kind) -> Result<(), String> {
        match self.root.kind(kind)? {
            Kind::Bool | Kind::Mixed => Ok(()),
            Kind::Number | Kind::Text => {
                Err("it is not a comparison: write for example `slow > fast`".into())
            }
        }
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({:?})", self.source)
    }
}

#[derive(Clone, Copy)]
enum Operand<'a> {
    Number(f64),
    Text(&'a str),
    Bool(bool),
}

impl Expr {
    fn value<'a>(&'a self, params: &'a Parameters) -> Option<Operand<'a>> {
        Some(match self {
            Expr::Number(x) => Operand::Number(*x),
            Expr::Text(t) => Operand::Text(t),
            Expr::Bool(b) => Operand::Bool(*b),
            Expr::Name(name) => match params.get(name)? {
                ParameterValue::Flag(b) => Operand::Bool(*b),
                ParameterValue::Int(i) => Operand::Number(*i as f64),
                ParameterValue::Float(x) => Operand::Number(*x),
                ParameterValue::Text(t) => Operand::Text(t),
            },
            Expr::Negate(e) => Operand::Number(-e.number(params)?),
            Expr::Arithmetic(op, a, b) => {
                let (a, b) = (a.number(params)?, b.number(params)?);
                let result = match op {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ => a / b,
                };
                Operand::Number(result.is_finite().then_some(result)?)
            }
            Expr::Compare(op, a, b) => Operand::Bool(compare(op, a.value(params)?, b.value(params)?)?),
            Expr::Not(e) => Operand::Bool(!e.truth(params)?),
            // One decided side is enough; otherwise both must be defined.
            Expr::And(a, b) => Operand::Bool(match (a.truth(params), b.truth(params)) {
                (Some(false), _) | (_, Some(false)) => false,
                (a, b) => a? && b?,
            }),
            Expr::Or(a, b) => Operand::Bool(match (a.truth(params), b.truth(params)) {
                (Some(true), _) | (_, Some(true)) => true,
                (a, b) => a? || b?,
            }),
        })
    }

    fn number(&self, params: &Parameters) -> Option<f64> {
        match self.value(params)? {
            Operand::Number(x) => Some(x),
            _ => None,
        }
    }

    fn truth(&self, params: &Parameters) -> Option<bool> {
        match self.value(params)? {
            Operand::Bool(b) => Some(b),
            _ => None,
        }
    }

    fn collect_names<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        match self {
            Expr::Number(_) | Expr::Text(_) | Expr::Bool(_) => {}
            Expr::Name(name) => {
                names.insert(name);
            }
            Expr::Negate(e) | Expr::Not(e) => e.collect_names(names),
            Expr::Arithmetic(_, a, b) | Expr::Compare(_, a, b) | Expr::And(a, b) | Expr::Or(a, b) => {
                a.collect_names(names);
                b.collect_names(names);
            }
        }
    }

    fn kind(&self, of: &dyn Fn(&str) -> Kind) -> Result<Kind, String> {
        let need = |e: &Expr, wanted: Kind, why: &str| match e.kind(of)? {
            kind if kind == wanted || kind == Kind::Mixed => Ok(()),
            kind => Err(format!("{why} needs {wanted} and was given {kind}: compare or convert it first")),
        };
        match self {
            Expr::Number(_) => Ok(Kind::Number),
            Expr::Text(_) => Ok(Kind::Text),
            Expr::Bool(_) => Ok(Kind::Bool),
            Expr::Name(name) => Ok(of(name)),
            Expr::Negate(e) => need(e, Kind::Number, "`-`").map(|()| Kind::Number),
            Expr::Arithmetic(op, a, b) => {
                let why = format!("`{op}`");
                need(a, Kind::Number, &why)?;
                need(b, Kind::Number, &why).map(|()| Kind::Number)
            }
            Expr::Compare(op @ ("==" | "!="), a, b) => match (a.kind(of)?, b.kind(of)?) {
                (a, b) if a == b || a == Kind::Mixed || b == Kind::Mixed => Ok(Kind::Bool),
                (a, b) => {
                    Err(format!("`{op}` compares {a} with {b}: they are never equal, compare like with like"))
                }
            },
            Expr::Compare(op, a, b) => {
                let why = format!("`{op}`");
                need(a, Kind::Number, &why)?;
                need(b, Kind::Number, &why).map(|()| Kind::Bool)
            }
            Expr::Not(e) => need(e, Kind::Bool, "`not`").map(|()| Kind::Bool),
            Expr::And(a, b) => {
                need(a, Kind::Bool, "`and`")?;
                need(b, Kind::Bool, "`and`").map(|()| Kind::Bool)
            }
            Expr::Or(a, b) => {
                need(a, Kind::Bool, "`or`")?;
                need(b, Kind::Bool, "`or`").map(|()| Kind::Bool)
            }
        }
    }
}

fn compare(op: &str, a: Operand<'_>, b: Operand<'_>) -> Option<bool> {
    match (op, a, b) {
        ("==", Operand::Text(a), Operand::Text(b)) => Some(a == b),
        ("!=", Operand::Text(a), Operand::Text(b)) => Some(a != b),
        ("==", Operand::Bool(a), Operand::Bool(b)) => Some(a == b),
        ("!=", Operand::Bool(a), Operand::Bool(b)) => Some(a != b),
        ("==", Operand::Number(a), Operand::Number(b)) => Some(a == b),
        ("!=", Operand::Number(a), Operand::Number(b)) => Some(a != b),
        (">", Operand::Number(a), Operand::Number(b)) => Some(a > b),
        (">=", Operand::Number(a), Operand::Number(b)) => Some(a >= b),
        ("<", Operand::Number(a), Operand::Number(b)) => Some(a < b),
        ("<=", Operand::Number(a), Operand::Number(b)) => Some(a <= b),
        _ => None,
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Number => "a number",
            Kind::Text => "text",
            Kind::Bool => "a truth value",
            Kind::Mixed => "one of several kinds",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Parameters {
        Parameters::from([
            ("fast".into(), ParameterValue::Int(10)),
            ("slow".into(), ParameterValue::Int(30)),
            ("stop".into(), ParameterValue::Float(2.5)),
            ("kind".into(), ParameterValue::Text("a".into())),
            ("exit".into(), ParameterValue::Flag(true)),
        ])
    }

    fn holds(source: &str) -> bool {
        Condition::parse(source).unwrap().holds(&params())
    }

    fn problem(source: &str) -> String {
        Condition::parse(source).unwrap_err().to_string()
    }

    #[test]
    fn comparisons_and_arithmetic_bind_as_in_mathematics() {
        for source in [
            "slow > fast",
            "slow - fast - 5 == 15",
            "fast + 2 * stop == 15",
            "(fast + 2) * stop == 30",
            "slow / fast >= 3",
            "-fast < 0",
            "slow / 3 / 2 == 5",
            "stop != 2.51",
            "1e1 == fast",
            "fast<=10",
        ] {
            assert!(holds(source), "{source}");
        }
    }

    #[test]
    fn and_binds_tighter_than_or_and_not_tighter_than_both() {
        assert!(holds("true or true and false"));
        assert!(!holds("(true or true) and false"));
        assert!(holds("not false and true"));
        assert!(holds("not fast > slow"));
        assert!(holds("not (slow > fast and stop > 3)"));
    }

    #[test]
    fn text_and_truth_values_compare_for_equality() {
        assert!(holds("kind == 'a' and kind != \"b\" and exit"));
        assert!(!holds("exit == false"));
    }

    #[test]
    fn what_is_undefined_holds_neither_way() {
        for source in ["missing > 1", "fast / 0 > 1", "kind > 1", "kind == 1", "1e308 * 1e308 > 0"] {
            assert!(!holds(source), "{source}");
            assert!(!holds(&format!("not ({source})")), "not {source}");
            assert!(holds(&format!("{source} or true")), "{source} or true");
        }
    }

    #[test]
    fn a_syntax_error_says_where_and_what_to_write() {
        for (source, expected) in [
            ("slow = fast", "condition `slow = fast`, column 6: `=` is not a comparison: write `==`"),
            (
                "1 < fast < 5",
                "condition `1 < fast < 5`, column 10: comparisons do not chain: write `a < b and b < c`",
            ),
            (
                "slow >",
                "condition `slow >`, column 7: it ends too early: a name, a number or a text is missing",
            ),
            ("(slow > 1", "condition `(slow > 1`, column 1: the parenthesis is not closed: add `)`"),
            ("é > 1 & b", "condition `é > 1 & b`, column 7: `&` is not known: write `and`"),
            (
                "kind == 'a",
                "condition `kind == 'a`, column 9: the text is not closed: end it with the same quote",
            ),
            (
                "1.2.3 > 1",
                "condition `1.2.3 > 1`, column 1: this is not a number: write for example 0.5 or 1e-3",
            ),
            (
                "slow > fast fast",
                "condition `slow > fast fast`, column 13: expected the end, found `fast`: join two conditions with `and` or `or`",
            ),
            ("and", "condition `and`, column 1: expected a name, a number or a text, found `and`"),
            ("", "condition ``, column 1: it ends too early: a name, a number or a text is missing"),
        ] {
            assert_eq!(problem(source), expected);
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_the_stack_ends() {
        assert!(problem(&"(".repeat(1_999)).contains("64 deep"));
        assert!(problem(&"not ".repeat(400)).contains("64 deep"));
        assert!(problem(&"-".repeat(1_999)).contains("64 deep"));
    }

    #[test]
    fn what_can_never_be_defined_is_refused_by_kind() {
        let kind = |name: &str| match name {
            "kind" => Kind::Text,
            "mixed" => Kind::Mixed,
            "exit" => Kind::Bool,
            _ => Kind::Number,
        };
        let check = |source: &str| Condition::parse(source).unwrap().check(&kind);
        for source in ["slow > fast", "kind == 'a'", "mixed == 'a' or mixed > 1", "exit", "not exit"] {
            assert_eq!(check(source), Ok(()), "{source}");
        }
        for source in
            ["kind > 1", "kind == 1", "slow + kind > 1", "slow", "slow and exit", "not slow", "-kind > 0"]
        {
            assert!(check(source).is_err(), "{source}");
        }
    }
}
