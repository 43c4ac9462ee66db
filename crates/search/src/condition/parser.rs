//! Text to syntax tree: a tokenizer and a recursive descent, one function for each level of the grammar.

use std::fmt;

use super::Expr;

/// Nesting that is refused, so that no input can exhaust the stack.
const MAX_DEPTH: usize = 64;
const MAX_LENGTH: usize = 2_000;
const COMPARISONS: [&str; 6] = [">=", "<=", "==", "!=", ">", "<"];

/// What was wrong, and at which byte.
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) problem: String,
}

/// The tree of a whole condition.
pub(super) fn parse(source: &str) -> Result<Expr, Fault> {
    let mut parser = Parser { tokens: tokens(source)?, next: 0, end: source.len(), depth: 0 };
    let root = parser.or()?;
    match parser.tokens.get(parser.next) {
        None => Ok(root),
        Some((at, token)) => Err(Fault {
            at: *at,
            problem: format!("expected the end, found {token}: join two conditions with `and` or `or`"),
        }),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    Symbol(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Number(x) => write!(f, "`{x}`"),
            Token::Text(t) => write!(f, "the text '{t}'"),
            Token::Word(w) => write!(f, "`{w}`"),
            Token::Symbol(s) => write!(f, "`{s}`"),
        }
    }
}

fn tokens(source: &str) -> Result<Vec<(usize, Token)>, Fault> {
    let fault = |at, problem: &str| Fault { at, problem: problem.to_string() };
    if source.len() > MAX_LENGTH {
        return Err(fault(0, "it is longer than 2000 bytes: split it over several parameters"));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        let rest = &source[at..];
        let (token, length) = if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        } else if c.is_ascii_digit() || c == '.' {
            let length = number_length(rest);
            let number = rest[..length].parse().ok().filter(|x: &f64| x.is_finite());
            (
                Token::Number(
                    number.ok_or_else(|| fault(at, "this is not a number: write for example 0.5 or 1e-3"))?,
                ),
                length,
            )
        } else if c.is_alphabetic() || c == '_' {
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            (Token::Word(rest[..length].to_string()), length)
        } else if c == '\'' || c == '"' {
            let length = rest[1..]
                .find(c)
                .ok_or_else(|| fault(at, "the text is not closed: end it with the same quote"))?;
            (Token::Text(rest[1..1 + length].to_string()), length + 2)
        } else {
            let symbols = COMPARISONS.into_iter().chain(["(", ")", "+", "-", "*", "/"]);
            let symbol = symbols.into_iter().find(|s| rest.starts_with(s));
            let symbol = symbol.ok_or_else(|| fault(at, &unknown_symbol(c)))?;
            (Token::Symbol(symbol), symbol.len())
        };
        tokens.push((at, token));
        at += length;
    }
    Ok(tokens)
}

fn unknown_symbol(c: char) -> String {
    match c {
        '=' => "`=` is not a comparison: write `==`".into(),
        '&' => "`&` is not known: write `and`".into(),
        '|' => "`|` is not known: write `or`".into(),
        '!' => "`!` is not known: write `not` or `!=`".into(),
        _ => format!("`{c}` is not known: use names, numbers, quotes, + - * / ( ) and comparisons"),
    }
}

fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits =
        |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let mantissa = digits(0);
    if !matches!(bytes.get(mantissa), Some(b'e' | b'E')) {
        return mantissa;
    }
    let sign = usize::from(matches!(bytes.get(mantissa + 1), Some(b'+' | b'-')));
    digits(mantissa + 1 + sign)
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn or(&mut self) -> Result<Expr, Fault> {
        let mut left = self.and()?;
        while self.take_word("or") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, Fault> {
        let mut left = self.not()?;
        while self.take_word("and") {
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr, Fault> {
        if self.take_word("not") {
            return self.nested(|p| Ok(Expr::Not(Box::new(p.not()?))));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expr, Fault> {
        let left = self.sum()?;
        let Some(op) = self.take_symbol(&COMPARISONS) else { return Ok(left) };
        let right = self.sum()?;
        if let Some((at, Token::Symbol(next))) = self.tokens.get(self.next)
            && COMPARISONS.contains(next)
        {
            let problem = "comparisons do not chain: write `a < b and b < c`".to_string();
            return Err(Fault { at: *at, problem });
        }
        Ok(Expr::Compare(op, Box::new(left), Box::new(right)))
    }

    fn sum(&mut self) -> Result<Expr, Fault> {
        let mut left = self.product()?;
        while let Some(op) = self.take_symbol(&["+", "-"]) {
            left = Expr::Arithmetic(
                if op == "+" { '+' } else { '-' },
                Box::new(left),
                Box::new(self.product()?),
            );
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expr, Fault> {
        let mut left = self.unary()?;
        while let Some(op) = self.take_symbol(&["*", "/"]) {
            left =
                Expr::Arithmetic(if op == "*" { '*' } else { '/' }, Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, Fault> {
        if self.take_symbol(&["-"]).is_some() {
            return self.nested(|p| Ok(Expr::Negate(Box::new(p.unary()?))));
        }
        self.atom()
    }

    fn atom(&mut self) -> Result<Expr, Fault> {
        let Some((at, token)) = self.tokens.get(self.next).cloned() else {
            let problem = "it ends too early: a name, a number or a text is missing".to_string();
            return Err(Fault { at: self.end, problem });
        };
        self.next += 1;
        match token {
            Token::Number(x) => Ok(Expr::Number(x)),
            Token::Text(t) => Ok(Expr::Text(t)),
            Token::Word(w) if w == "true" || w == "false" => Ok(Expr::Bool(w == "true")),
            Token::Word(w) if w != "and" && w != "or" && w != "not" => Ok(Expr::Name(w)),
            Token::Symbol("(") => self.nested(|p| {
                let inner = p.or()?;
                match p.take_symbol(&[")"]) {
                    Some(_) => Ok(inner),
                    None => Err(Fault { at, problem: "the parenthesis is not closed: add `)`".into() }),
                }
            }),
            other => {
                Err(Fault { at, problem: format!("expected a name, a number or a text, found {other}") })
            }
        }
    }

    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Result<Expr, Fault>) -> Result<Expr, Fault> {
        if self.depth == MAX_DEPTH {
            let at = self.tokens.get(self.next).map_or(self.end, |t| t.0);
            return Err(Fault { at, problem: "it is nested more than 64 deep: simplify it".into() });
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some((_, Token::Word(w))) if w == word);
        self.next += usize::from(found);
        found
    }

    fn take_symbol(&mut self, wanted: &[&'static str]) -> Option<&'static str> {
        match self.tokens.get(self.next) {
            Some((_, Token::Symbol(s))) if wanted.contains(s) => {
                self.next += 1;
                Some(s)
            }
            _ => None,
        }
    }
}
