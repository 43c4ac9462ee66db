//! Words, numbers, texts, marks, each with its place.

use gauntlet_domain::Timestamp;

use crate::error::FilterError;

/// Characters of a filter at most.
const LONGEST: usize = 16_384;

/// One piece of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name or a keyword.
    Word(String),
    /// A number, its value as a whole number where it is one, and its unit.
    Number { value: f64, whole: Option<i64>, unit: String },
    /// A quoted text.
    Text(String),
    /// A date or a moment, nanoseconds since the epoch.
    Time(i64),
    /// `( ) , = == != < <= > >= ~`.
    Mark(&'static str),
}

/// A piece and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    /// From 1.
    pub(crate) column: usize,
    /// As it was written.
    pub(crate) text: String,
}

/// Longer marks first.
const MARKS: [&str; 11] = ["==", "!=", "<=", ">=", "(", ")", ",", "=", "<", ">", "~"];

/// All pieces of a filter.
pub(crate) fn tokens(source: &str) -> Result<Vec<Placed>, FilterError> {
    let characters: Vec<char> = source.chars().collect();
    if characters.len() > LONGEST {
        let problem = format!("a filter has {LONGEST} characters at most");
        return Err(FilterError {
            column: LONGEST + 1,
            near: String::new(),
            problem,
            is_unknown_name: false,
            suggestion: None,
        });
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        if rest[0].is_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = next(rest).map_err(|(problem, length)| FilterError {
            column: at + 1,
            near: rest[..length.min(rest.len())].iter().collect(),
            problem,
            is_unknown_name: false,
            suggestion: None,
        })?;
        tokens.push(Placed { token, column: at + 1, text: rest[..length].iter().collect() });
        at += length;
    }
    Ok(tokens)
}

/// The next piece and its length in characters; or what is wrong with so many.
fn next(rest: &[char]) -> Result<(Token, usize), (String, usize)> {
    let first = rest[0];
    if first == '\'' || first == '"' {
        return text(rest);
    }
    if first.is_ascii_digit() || (matches!(first, '-' | '+' | '.') && rest.len() > 1 && starts_number(rest)) {
        return number_or_time(rest);
    }
    if first.is_alphabetic() || first == '_' {
        let length = span(rest, |c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        return Ok((Token::Word(rest[..length].iter().collect()), length));
    }
    let is_next = |mark: &&&str| mark.chars().eq(rest.iter().copied().take(mark.len()));
    match MARKS.iter().find(is_next) {
        Some(mark) => Ok((Token::Mark(mark), mark.len())),
        None => Err((
            "nothing begins with this: write a name, a number, 'text', or one of = != < <= > >= ~ ( ) ,"
                .to_owned(),
            1,
        )),
    }
}

fn starts_number(rest: &[char]) -> bool {
    rest[1].is_ascii_digit() || (rest[1] == '.' && rest.get(2).is_some_and(char::is_ascii_digit))
}

fn span(rest: &[char], belongs: impl Fn(char) -> bool) -> usize {
    rest.iter().take_while(|c| belongs(**c)).count()
}

/// A quoted text; a doubled quote is one.
fn text(rest: &[char]) -> Result<(Token, usize), (String, usize)> {
    let quote = rest[0];
    let (mut at, mut value) = (1, String::new());
    while let Some(character) = rest.get(at) {
        match (*character == quote, rest.get(at + 1) == Some(&quote)) {
            (true, true) => {
                value.push(quote);
                at += 2;
            }
            (true, false) => return Ok((Token::Text(value), at + 1)),
            (false, _) => {
                value.push(*character);
                at += 1;
            }
        }
    }
    Err((format!("the text has no end: close it with {quote}"), rest.len()))
}

/// A number with its unit, or a time: four digits and a hyphen begin a date.
fn number_or_time(rest: &[char]) -> Result<(Token, usize), (String, usize)> {
    if rest.len() > 4 && rest[..4].iter().all(char::is_ascii_digit) && rest[4] == '-' {
        let length = span(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.' | '+'));
        let written: String = rest[..length].iter().collect();
        let time: Timestamp = written.parse().map_err(|_| (no_time(), length))?;
        return Ok((Token::Time(time.0), length));
    }
    let sign = usize::from(matches!(rest[0], '-' | '+'));
    let mut digits = sign + span(&rest[sign..], |c| c.is_ascii_digit() || c == '.');
    if matches!(rest.get(digits), Some('e' | 'E')) {
        let signed = digits + 1 + usize::from(matches!(rest.get(digits + 1), Some('-' | '+')));
        let exponent = span(rest.get(signed..).unwrap_or_default(), |c| c.is_ascii_digit());
        digits = if exponent > 0 { signed + exponent } else { digits };
    }
    let unit = span(&rest[digits..], |c| c.is_ascii_alphabetic() || c == '%');
    let written: String = rest[..digits].iter().collect();
    let value: f64 = written.parse().map_err(|_| ("this is no number".to_owned(), digits + unit))?;
    if !value.is_finite() {
        return Err(("this number is too large".to_owned(), digits + unit));
    }
    let whole = written.trim_start_matches('+').parse().ok();
    let unit: String = rest[digits..digits + unit].iter().collect();
    let length = digits + unit.chars().count();
    Ok((Token::Number { value, whole, unit }, length))
}

pub(crate) fn no_time() -> String {
    "this is no time: write 2014-05-01 or 2014-05-01T12:30:00Z".to_owned()
}
