//! From words to a tree. Recursive descent over the grammar of the crate's documentation; kinds are checked as literals are read,
//! so that an error points at the literal.

use gauntlet_domain::Timestamp;
use gauntlet_domain::names::nearest;

use crate::Kind;
use crate::error::FilterError;
use crate::expr::{Comparison, Expr, Filter, Literal};
use crate::lexer::{Placed, Token, no_time, tokens};

/// Parts within parts at most: each takes some of the stack.
const DEEPEST: usize = 64;

/// Words that no column has for a name.
const KEYWORDS: [&str; 10] = ["and", "or", "not", "in", "between", "is", "null", "true", "false", "ago"];

struct Parser<'a> {
    tokens: Vec<Placed>,
    at: usize,
    depth: usize,
    /// Characters of the whole, and one.
    end: usize,
    columns: &'a dyn Fn(&str) -> Option<Kind>,
    known: &'a [&'a str],
    now: Timestamp,
    names: Vec<String>,
}

impl Filter {
    /// Reads a filter over columns. `kind` says what a name holds, `known` are the names that a refusal suggests, `now` is what
    /// `7d ago` is counted from.
    ///
    /// # Errors
    /// The first place at which it is no filter: a mark that does not belong there, a name that is not known, a value that
    /// is no value of its column.
    pub fn parse(
        source: &str,
        kind: &dyn Fn(&str) -> Option<Kind>,
        known: &[&str],
        now: Timestamp,
    ) -> Result<Filter, FilterError> {
        let (tokens, end) = (tokens(source)?, source.chars().count() + 1);
        let mut parser =
            Parser { tokens, at: 0, depth: 0, end, columns: kind, known, now, names: Vec::new() };
        let root = parser.or()?;
        if parser.at < parser.tokens.len() {
            return Err(
                parser.wrong("the filter could have ended here: write `and` or `or` before what follows")
            );
        }
        Ok(Filter { names: parser.names, root })
    }
}

/// Reads a time as filters write it: `2014-05-01`, RFC 3339, or `7d ago`, which is counted from `now`.
///
/// # Errors
/// The first place at which it is none.
pub fn time(source: &str, now: Timestamp) -> Result<Timestamp, FilterError> {
    let (tokens, end) = (tokens(source)?, source.chars().count() + 1);
    let (columns, names) = (&|_: &str| None, Vec::new());
    let mut parser = Parser { tokens, at: 0, depth: 0, end, columns, known: &[], now, names };
    match parser.literal(Kind::Time)? {
        Literal::Time(nanos) if parser.at == parser.tokens.len() => Ok(Timestamp(nanos)),
        _ => Err(parser.wrong("a time could have ended here")),
    }
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Expr, FilterError> {
        self.list("or", Expr::Or, Parser::and)
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        self.list("and", Expr::And, Parser::not)
    }

    /// Parts with a word between them.
    fn list(
        &mut self,
        word: &str,
        make: fn(Vec<Expr>) -> Expr,
        part: fn(&mut Self) -> Result<Expr, FilterError>,
    ) -> Result<Expr, FilterError> {
        let first = part(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.takes_word(word) {
            parts.push(part(self)?);
        }
        Ok(make(parts))
    }

    fn not(&mut self) -> Result<Expr, FilterError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong(&format!("parts within parts are {DEEPEST} deep at most")));
        }
        let part = if self.takes_word("not") {
            Expr::Not(Box::new(self.not()?))
        } else if self.takes_mark("(") {
            let inner = self.or()?;
            self.wants_mark(")")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(part)
    }

    fn comparison(&mut self) -> Result<Expr, FilterError> {
        let (place, kind) = self.column()?;
        if self.takes_word("is") {
            let is_negated = self.takes_word("not");
            self.wants_word("null", "`is` is followed by `null` or `not null`")?;
            return Ok(negated(Expr::IsNull(place), is_negated));
        }
        let is_negated = self.takes_word("not");
        if self.takes_word("in") {
            self.wants_mark("(")?;
            let mut literals = vec![self.literal(kind)?];
            while self.takes_mark(",") {
                literals.push(self.literal(kind)?);
            }
            self.wants_mark(")")?;
            return Ok(negated(Expr::In(place, literals), is_negated));
        }
        if self.takes_word("between") {
            let low = self.literal(kind)?;
            self.wants_word("and", "`between` is followed by two values with `and` between them")?;
            return Ok(negated(Expr::Between(place, low, self.literal(kind)?), is_negated));
        }
        if is_negated {
            return Err(self.wrong("`not` behind a name is followed by `in` or `between`"));
        }
        if self.takes_mark("~") {
            return self.pattern(place, kind);
        }
        let marks = [
            ("==", Comparison::Equal),
            ("=", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::AtMost),
            ("<", Comparison::Less),
            (">=", Comparison::AtLeast),
            (">", Comparison::Greater),
        ];
        match marks.into_iter().find(|(mark, _)| self.takes_mark(mark)) {
            Some((_, comparison)) => Ok(Expr::Compare(place, comparison, self.literal(kind)?)),
            None if matches!(kind, Kind::Bool | Kind::Any) => {
                Ok(Expr::Compare(place, Comparison::Equal, Literal::Bool(true)))
            }
            None => Err(self.wrong("compare the column: = != < <= > >= ~, in (…), between … and …, is null")),
        }
    }

    fn pattern(&mut self, place: usize, kind: Kind) -> Result<Expr, FilterError> {
        if !matches!(kind, Kind::Text | Kind::Any) {
            return Err(self.before("`~` compares text with a pattern, and this column holds none"));
        }
        match self.literal(Kind::Text)? {
            Literal::Text(text) => Ok(Expr::Matches(place, text.chars().collect())),
            _ => Err(self.before("a pattern is text: write 'lunar*'")),
        }
    }

    /// A column: its place among the names, and its kind.
    fn column(&mut self) -> Result<(usize, Kind), FilterError> {
        let name = match self.tokens.get(self.at).map(|placed| &placed.token) {
            Some(Token::Word(word)) if !KEYWORDS.contains(&word.as_str()) => word.clone(),
            _ => return Err(self.wrong("write the name of a column here, `not` or `(`")),
        };
        let Some(kind) = (self.columns)(&name) else {
            let suggestion = nearest(&name, self.known.iter().copied()).map(str::to_owned);
            let problem = format!("there is no column '{name}'");
            return Err(FilterError { is_unknown_name: true, suggestion, ..self.wrong(&problem) });
        };
        self.at += 1;
        let place = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        Ok((place, kind))
    }

    /// A value of a kind.
    fn literal(&mut self, kind: Kind) -> Result<Literal, FilterError> {
        let Some(placed) = self.tokens.get(self.at).cloned() else {
            return Err(self.wrong("a value is missing"));
        };
        let literal = match (placed.token, kind) {
            (Token::Text(text), Kind::Time) => {
                Literal::Time(text.parse::<Timestamp>().map_err(|_| self.wrong(&no_time()))?.0)
            }
            (Token::Text(text), Kind::Text | Kind::Any) => Literal::Text(text),
            (Token::Time(time), Kind::Time | Kind::Any) => Literal::Time(time),
            (Token::Word(word), Kind::Bool | Kind::Any) if word == "true" || word == "false" => {
                Literal::Bool(word == "true")
            }
            (Token::Number { value, unit, .. }, Kind::Time | Kind::Any) if nanos_of(&unit).is_some() => {
                self.at += 1;
                let nanos = value * nanos_of(&unit).unwrap_or_default();
                self.wants_word("ago", "a duration is a time when `ago` follows: 7d ago")?;
                return Ok(Literal::Time(self.now.0.saturating_sub(nanos as i64)));
            }
            (Token::Number { value, whole, unit }, Kind::Number | Kind::Any) => match unit.as_str() {
                "" | "x" => Literal::Number(value, whole),
                "%" => Literal::Number(value / 100.0, None),
                "bps" => Literal::Number(value / 10_000.0, None),
                _ => return Err(self.wrong("a number may have the unit %, bps or x")),
            },
            (_, kind) => return Err(self.wrong(wanted(kind))),
        };
        self.at += 1;
        Ok(literal)
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Placed { token: Token::Word(word), .. }) if word == wanted)
    }

    fn takes_word(&mut self, wanted: &str) -> bool {
        let is_there = self.is_word(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn wants_word(&mut self, wanted: &str, problem: &str) -> Result<(), FilterError> {
        if self.takes_word(wanted) { Ok(()) } else { Err(self.wrong(problem)) }
    }

    fn takes_mark(&mut self, wanted: &str) -> bool {
        let is_there = matches!(self.tokens.get(self.at), Some(Placed { token: Token::Mark(mark), .. }) if *mark == wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn wants_mark(&mut self, wanted: &str) -> Result<(), FilterError> {
        if self.takes_mark(wanted) { Ok(()) } else { Err(self.wrong(&format!("`{wanted}` is missing"))) }
    }

    /// The piece at hand is wrong.
    fn wrong(&self, problem: &str) -> FilterError {
        self.error(self.at, problem)
    }

    /// The piece before is wrong.
    fn before(&self, problem: &str) -> FilterError {
        self.error(self.at.saturating_sub(1), problem)
    }

    fn error(&self, at: usize, problem: &str) -> FilterError {
        let (column, near) = match self.tokens.get(at) {
            Some(placed) => (placed.column, placed.text.clone()),
            None => (self.end, String::new()),
        };
        FilterError { column, near, problem: problem.to_owned(), is_unknown_name: false, suggestion: None }
    }
}

fn negated(part: Expr, is_negated: bool) -> Expr {
    if is_negated { Expr::Not(Box::new(part)) } else { part }
}

/// Nanoseconds of a unit of time.
fn nanos_of(unit: &str) -> Option<f64> {
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    };
    Some(seconds * 1e9)
}

/// What a column of a kind is compared with.
fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "this column holds text: write 'completed'",
        Kind::Number => "this column holds numbers: write 1.5, 12% or 30bps",
        Kind::Bool => "this column holds yes or no: write true or false",
        Kind::Time => "this column holds times: write 2014-05-01, 2014-05-01T12:30:00Z or 7d ago",
        Kind::Any => "a value is missing: write a number, 'text', a time, true or false",
    }
}
