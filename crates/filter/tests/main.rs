//! Filters over rows by hand: what they mean, and where they are wrong.
#![allow(clippy::unwrap_used)]

use gauntlet_domain::Timestamp;
use gauntlet_filter::{Cell, Filter, FilterError, Kind};
use proptest::prelude::*;

const COLUMNS: [(&str, Kind); 6] = [
    ("name", Kind::Text),
    ("sharpe", Kind::Number),
    ("trial", Kind::Number),
    ("done", Kind::Bool),
    ("start", Kind::Time),
    ("parameters.fast", Kind::Any),
];

const DAY: i64 = 86_400_000_000_000;

fn parse(text: &str) -> Result<Filter, FilterError> {
    let kind = |name: &str| COLUMNS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    Filter::parse(text, &kind, &COLUMNS.map(|(name, _)| name), Timestamp(100 * DAY))
}

/// A row: trial 7, `lunar-3`, done, of day 95, without a Sharpe ratio where none is given.
fn holds(text: &str, sharpe: Option<f64>) -> bool {
    let filter = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    filter.holds(&mut |place| match filter.names()[place].as_str() {
        "name" => Some(Cell::Text("lunar-3".into())),
        "sharpe" => sharpe.map(Cell::Double),
        "trial" => Some(Cell::Long(9_007_199_254_740_993)),
        "done" => Some(Cell::Bool(true)),
        "start" => Some(Cell::Time(95 * DAY)),
        _ => Some(Cell::Long(12)),
    })
}

#[test]
fn rows_are_meant_as_the_words_say() {
    for text in [
        "sharpe > 1.4",
        "sharpe>1.4 and done",
        "sharpe >= 150% and sharpe <= 15000bps",
        "sharpe = 1.5x",
        "not sharpe < 1.5",
        "sharpe < 1 or name = 'lunar-3'",
        "name == \"lunar-3\"",
        "name ~ 'lunar*'",
        "name ~ '*-?' and not name ~ 'unar*'",
        "name in ('a', 'lunar-3')",
        "name not in ('a', 'b')",
        "name > 'lunar' and name < 'lunas'",
        "sharpe between 1.5 and 2",
        "sharpe not between -1 and 1.4999",
        "start between 1970-04-05 and 1970-04-06T00:00:00Z",
        "start > 7d ago and start < 100h ago",
        "start > '1970-01-01' and not start > 1d ago",
        "done = true and done != false",
        "parameters.fast = 12 and parameters.fast != 'a' or done",
        "sharpe is not null and not sharpe is null",
        // Whole numbers are compared as such: as floats both sides would be equal.
        "trial > 9007199254740992 and trial = 9007199254740993",
        "trial > 1e15",
        "(sharpe > 9 or done) and (trial > 5 and (name != ''))",
    ] {
        assert!(holds(text, Some(1.5)), "{text}");
        assert!(!holds(&format!("not ({text})"), Some(1.5)), "{text}");
    }
    assert!(holds("name = 'it''s' or done", None));
}

/// `and` binds closer than `or`, `not` closer than both.
#[test]
fn words_bind_as_in_every_language() {
    assert!(holds("done or done and sharpe > 9", Some(1.0)));
    assert!(!holds("(done or done) and sharpe > 9", Some(1.0)));
    assert!(holds("not sharpe > 9 and done", Some(1.0)));
}

#[test]
fn what_has_no_value_is_neither() {
    for text in
        ["sharpe > 1", "not sharpe > 1", "sharpe in (1)", "sharpe not in (1)", "sharpe between 0 and 9"]
    {
        assert!(!holds(text, None), "{text}");
    }
    assert!(holds("sharpe is null", None));
    // One part decides where the other is not known.
    assert!(holds("sharpe > 1 or done", None));
    assert!(!holds("sharpe > 1 and done", None));
    assert!(holds("not (sharpe > 1 and not done)", None));
    // A value of another kind in a document is not comparable, and so is its negation.
    assert!(!holds("not parameters.fast = 'x'", None));
}

#[test]
fn an_error_points_at_its_place() {
    let wrong = |text: &str| {
        let error = parse(text).unwrap_err();
        (error.column, error.near.clone(), error.to_string())
    };
    for (text, column, near, said) in [
        ("", 1, "", "write the name of a column"),
        ("sharp > 1", 1, "sharp", "did you mean sharpe?"),
        ("sharpe > 1 and", 15, "", "write the name of a column"),
        ("sharpe >", 9, "", "a value is missing"),
        ("sharpe > 'a'", 10, "'a'", "this column holds numbers"),
        ("sharpe > 1 2", 12, "2", "write `and` or `or`"),
        ("sharpe > 12%% ", 10, "12%%", "may have the unit %, bps or x"),
        ("name = completed", 8, "completed", "this column holds text: write 'completed'"),
        ("name = 'completed", 8, "'completed", "close it with '"),
        ("name is 'x'", 9, "'x'", "`null` or `not null`"),
        ("name not 'x'", 10, "'x'", "followed by `in` or `between`"),
        ("sharpe ~ 'x'", 8, "~", "compares text with a pattern"),
        ("name", 5, "", "compare the column"),
        ("trial between 1 or 2", 17, "or", "two values with `and` between them"),
        ("trial in (1, 2", 15, "", "`)` is missing"),
        ("start > yesterday", 9, "yesterday", "this column holds times"),
        ("start > 2014-13-01", 9, "2014-13-01", "this is no time"),
        ("start > 7d", 11, "", "7d ago"),
        ("äöü = 1", 1, "äöü", "there is no column"),
        ("name = 'ä' & done", 12, "&", "nothing begins with this"),
        ("sharpe > 1e999", 10, "1e999", "too large"),
    ] {
        let (at, stands, words) = wrong(text);
        assert_eq!((at, stands.as_str()), (column, near), "{text}: {words}");
        assert!(words.contains(said), "{text}: {words}");
    }
    assert!(wrong(&"not ".repeat(1_000)).2.contains("64 deep at most"));
    assert!(wrong(&format!("{}done", "(".repeat(10_000))).2.contains("64 deep at most"));
    assert!(wrong(&format!("name = '{}'", "x".repeat(20_000))).2.contains("16384 characters at most"));
    assert!(parse(&vec!["done"; 2_000].join(" or ")).is_ok(), "many parts are not deep");
}

/// A pattern by its definition, without any thought for time.
fn by_definition(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|taken| by_definition(rest, &text[taken..])),
        Some(('?', rest)) => !text.is_empty() && by_definition(rest, &text[1..]),
        Some((wanted, rest)) => text.first() == Some(wanted) && by_definition(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn a_pattern_is_what_its_definition_says(pattern in "[ab*?]{0,7}", text in "[abc]{0,8}") {
        let filter = parse(&format!("name ~ '{pattern}'")).unwrap();
        let found = filter.holds(&mut |_| Some(Cell::Text(text.as_str().into())));
        let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        prop_assert_eq!(found, by_definition(&pattern, &text));
    }

    #[test]
    fn no_text_breaks_the_parser(text in "\\PC{0,40}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
        }
    }

    #[test]
    fn words_in_any_order_break_nothing(
        words in proptest::collection::vec(
            prop_oneof![
                Just("not"), Just("and"), Just("or"), Just("("), Just(")"), Just("sharpe"), Just("name"), Just("done"),
                Just("="), Just("<"), Just("~"), Just("in"), Just("between"), Just("is"), Just("null"), Just("1"), Just("'a'"),
                Just(","), Just("2014-05-01"), Just("7d"), Just("ago"),
            ],
            0..12,
        )
    ) {
        if let Ok(filter) = parse(&words.join(" ")) {
            // It is true, false, or neither: never both it and its negation.
            let negation = parse(&format!("not ({})", words.join(" "))).unwrap();
            let row = |place: usize, filter: &Filter| match filter.names()[place].as_str() {
                "sharpe" => None,
                "name" => Some(Cell::Text("a".into())),
                _ => Some(Cell::Bool(true)),
            };
            let (one, other) = (filter.holds(&mut |place| row(place, &filter)), negation.holds(&mut |place| row(place, &negation)));
            prop_assert!(!(one && other));
        }
    }
}
