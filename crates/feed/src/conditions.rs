//! Conditions of trades: codes that a venue puts beside a trade. What a code means is never guessed: somebody names those of
//! trades whose size alone counts, and those of auctions and blocks. The others change nothing.

use std::collections::BTreeMap;

use gauntlet_domain::market::TickKind;

use crate::format::{Format, Reading};
use crate::input::listed;
use crate::understood::Choice;

/// Different cells that are counted.
const COUNTED_CELLS: usize = 1024;

/// Codes that a warning names.
const NAMED_CODES: usize = 8;

/// The column of conditions and the codes that were named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conditions {
    pub column: usize,
    volume_only: Vec<String>,
    auction: Vec<String>,
}

impl Conditions {
    /// What was said about a file of these columns, in which `column` holds the conditions of its trades; `None` where nothing
    /// was said. `Err` says what does not fit, and what to do.
    pub fn said(
        reading: &Reading,
        column: Option<usize>,
        is_trades: bool,
        names: &[String],
    ) -> Result<Option<Conditions>, String> {
        let Some(option) = option_of(reading) else { return Ok(None) };
        check(reading)?;
        if !is_trades {
            return Err(format!("{option} is for trades, and these are quotes: leave it away"));
        }
        let column = column.ok_or_else(|| {
            format!(
                "{option} needs a column of conditions (condition, conditions, cond, sale_condition), and there are only {}: \
                 name it with --column conditions=NAME, or leave {option} away",
                listed(names)
            )
        })?;
        let Reading { volume_only, auction, .. } = reading.clone();
        Ok(Some(Conditions { column, volume_only, auction }))
    }

    /// What a trade with this cell is; `None` where no code of it was named. Where codes of both lists are there, only its size
    /// counts.
    pub fn kind(&self, cell: &[u8]) -> Option<TickKind> {
        let has =
            |named: &[String]| codes(cell).any(|code| named.iter().any(|other| other.as_bytes() == code));
        if has(&self.volume_only) {
            Some(TickKind::VolumeOnly)
        } else {
            has(&self.auction).then_some(TickKind::Auction)
        }
    }
}

/// Only tables of trades have conditions. `Err` says what does not fit.
pub(crate) fn check_format(reading: &Reading, format: Format, has_bars: bool) -> Result<(), String> {
    let Some(option) = option_of(reading) else { return Ok(()) };
    if matches!(format, Format::Csv | Format::Parquet) && !has_bars {
        return Ok(());
    }
    let holds = if has_bars { "bars".to_owned() } else { format.to_string() };
    Err(format!("{option} is for trades in CSV and Parquet, and this is a file of {holds}: leave it away"))
}

/// The option that names codes of conditions; `None` where none does.
fn option_of(reading: &Reading) -> Option<&'static str> {
    match (reading.volume_only.is_empty(), reading.auction.is_empty()) {
        (false, _) => Some("--volume-only"),
        (true, false) => Some("--auction"),
        (true, true) => None,
    }
}

/// Codes are written as they come out of cells, each in one list.
fn check(reading: &Reading) -> Result<(), String> {
    for (option, named) in [("--volume-only", &reading.volume_only), ("--auction", &reading.auction)] {
        let is_none = |code: &&String| !codes(code.as_bytes()).eq([code.as_bytes()]);
        if let Some(code) = named.iter().find(is_none) {
            return Err(format!(
                "{option} '{code}' is no code: write codes as they stand in the cells, without spaces, brackets and \
                 quotation marks, with commas between them, such as {option} W,4,B"
            ));
        }
    }
    match reading.auction.iter().find(|code| reading.volume_only.contains(code)) {
        Some(code) => Err(format!(
            "the code '{code}' is named by --volume-only and by --auction: name it once, with --volume-only where the price of \
             such a trade does not count"
        )),
        None => Ok(()),
    }
}

/// The codes of a cell: parted by spaces, commas, `;` or `|`, or a list as `[12,37]`; without quotation marks around them.
fn codes(cell: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_between =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b';' | b'|' | b'[' | b']');
    cell.split(is_between).map(without_quotes).filter(|code| !code.is_empty())
}

fn without_quotes(mut code: &[u8]) -> &[u8] {
    while let [b'"' | b'\'', rest @ ..] | [rest @ .., b'"' | b'\''] = code {
        code = rest;
    }
    code
}

/// How often the cells of a column of conditions were seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConditionCells {
    cells: BTreeMap<Vec<u8>, u64>,
}

impl ConditionCells {
    /// Looks at the cell of a row. Beyond many different ones, new ones are not counted.
    pub fn see(&mut self, cell: &[u8]) {
        if let Some(count) = self.cells.get_mut(cell) {
            *count += 1;
        } else if self.cells.len() < COUNTED_CELLS {
            self.cells.insert(cell.to_vec(), 1);
        }
    }

    /// What to know of a column of this name that is not read; `None` where no row has a code.
    pub fn warning(&self, name: &str) -> Option<String> {
        let mut counts = BTreeMap::<&[u8], u64>::new();
        for (cell, count) in &self.cells {
            codes(cell).for_each(|code| *counts.entry(code).or_default() += count);
        }
        let mut most: Vec<(&[u8], u64)> = counts.into_iter().collect();
        most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let shown = |(code, count): &(&[u8], u64)| format!("{} ({count})", crate::text::shortened(code));
        let named: Vec<String> = most.iter().take(NAMED_CODES).map(shown).collect();
        (!named.is_empty()).then(|| {
            format!(
                "the column of conditions ({name}) is not read, so that every trade counts with its price; its codes seen most \
                 often are {}: name those of trades whose price does not count with --volume-only CODES, and those of auctions \
                 and blocks with --auction CODES",
                named.join(", ")
            )
        })
    }
}

/// Options for a file whose column of conditions is not read.
pub(crate) fn choices() -> [Choice; 2] {
    let choice = |option: &str, when: &str| Choice { option: option.to_owned(), when: when.to_owned() };
    [
        choice(
            "--volume-only CODES",
            "trades with these conditions have a size that counts and a price that does not",
        ),
        choice("--auction CODES", "trades with these conditions are auctions or blocks"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(volume_only: &str, auction: &str) -> Reading {
        let list =
            |codes: &str| codes.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect();
        Reading { volume_only: list(volume_only), auction: list(auction), ..Reading::default() }
    }

    #[test]
    fn a_cell_may_hold_several_codes() {
        for (cell, expected) in [
            ("", &[][..]),
            ("@", &["@"]),
            ("@ TI", &["@", "TI"]),
            ("12,37", &["12", "37"]),
            ("[12, 37]", &["12", "37"]),
            ("['W' 'B']", &["W", "B"]),
            (r#"[""W"",""B""]"#, &["W", "B"]),
            ("W;B|4", &["W", "B", "4"]),
            ("'W'", &["W"]),
            ("[]", &[]),
        ] {
            assert!(codes(cell.as_bytes()).eq(expected.iter().map(|code| code.as_bytes())), "{cell}");
        }
    }

    #[test]
    fn a_code_is_one_as_it_is_written_and_a_price_that_does_not_count_comes_first() {
        let said = Conditions::said(&reading("W,4", "O"), Some(3), true, &[]).unwrap().unwrap();
        assert_eq!(said.kind(b"W"), Some(TickKind::VolumeOnly));
        assert_eq!(said.kind(b"@ O"), Some(TickKind::Auction));
        assert_eq!(said.kind(b"[O,4]"), Some(TickKind::VolumeOnly));
        for other in [&b"w"[..], b"W4", b"44", b"o", b"@", b""] {
            assert_eq!(said.kind(other), None);
        }
    }

    #[test]
    fn what_does_not_fit_is_said_with_the_remedy() {
        let names = ["time".to_owned(), "price".to_owned()];
        let refused =
            |reading, column, is_trades| Conditions::said(&reading, column, is_trades, &names).unwrap_err();
        assert_eq!(Conditions::said(&reading("", ""), None, true, &names), Ok(None));
        let none = refused(reading("W", ""), None, true);
        assert!(none.contains("only time, price: name it with --column conditions=NAME"), "{none}");
        let quotes = refused(reading("", "O"), Some(1), false);
        assert!(quotes.starts_with("--auction is for trades"), "{quotes}");
        let twice = refused(reading("W,O", "O"), Some(1), true);
        assert!(twice.starts_with("the code 'O' is named by --volume-only and by --auction"), "{twice}");
        let spaced = refused(reading("", "Market on close"), Some(1), true);
        assert!(spaced.starts_with("--auction 'Market on close' is no code"), "{spaced}");
    }

    #[test]
    fn the_codes_seen_most_often_are_named() {
        let mut cells = ConditionCells::default();
        assert_eq!(cells.warning("cond"), None);
        ["@ I", "@", "", "@ T", "@"].iter().for_each(|cell| cells.see(cell.as_bytes()));
        (0..9).for_each(|n| cells.see(format!("n{n}").as_bytes()));
        let said = cells.warning("cond").unwrap();
        assert!(
            said.contains("(cond)") && said.contains(" are @ (4), I (1), T (1), n0 (1), n1 (1)"),
            "{said}"
        );
        assert!(said.contains("n4 (1): name") && !said.contains("n5"), "{said}");
    }
}
