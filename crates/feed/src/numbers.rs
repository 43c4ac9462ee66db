//! How a file writes its numbers: decimal point or comma, marks between thousands, a currency sign, 32nds of a bond. Decided
//! once a file, from many cells; a cell that is a number only in another style is a contradiction.

use crate::thirty_seconds::thirty_seconds;

/// Longest number that is rewritten.
const LONGEST: usize = 64;

/// Signs before or behind an amount.
const CURRENCIES: [&str; 5] = ["$", "€", "£", "¥", "₹"];

/// How a file writes its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NumberStyle {
    pub decimal_comma: bool,
    pub thousands: Option<u8>,
    /// Groups of two before the last three digits, as in India: `12,34,567`.
    pub lakhs: bool,
    pub currency: Option<&'static str>,
    /// Prices are whole points and 32nds: `110-165` is 110 and 16.5 / 32.
    pub thirty_seconds: bool,
}

/// Room for a number that is rewritten.
pub(crate) type Room = [u8; LONGEST];

impl NumberStyle {
    /// The number as the rest of the program reads numbers; what is no number in this style is empty.
    #[inline]
    pub fn plain<'a>(&self, text: &'a [u8], room: &'a mut Room) -> &'a [u8] {
        if *self == NumberStyle::default() { text } else { self.rewritten(text, room).unwrap_or_default() }
    }

    /// A price: as [`plain`](Self::plain), and 32nds where the file has them.
    #[inline]
    pub fn plain_price<'a>(&self, text: &'a [u8], room: &'a mut Room) -> &'a [u8] {
        if self.thirty_seconds {
            thirty_seconds(text, room).unwrap_or_default()
        } else {
            self.plain(text, room)
        }
    }

    /// A volume: as [`plain`](Self::plain), and with a letter for thousands, millions or billions, `1.20M`.
    #[inline]
    pub fn plain_volume<'a>(&self, text: &'a [u8], room: &'a mut Room) -> &'a [u8] {
        let Some((digits, exponent)) = with_letter(text) else { return self.plain(text, room) };
        let mut front = [0; LONGEST];
        let plain = self.plain(digits, &mut front);
        let length = plain.len();
        if plain.is_empty() || length + 2 > LONGEST {
            return b"";
        }
        room[..length].copy_from_slice(plain);
        room[length..length + 2].copy_from_slice(&[b'e', exponent]);
        &room[..length + 2]
    }

    fn rewritten<'a>(&self, text: &[u8], room: &'a mut Room) -> Option<&'a [u8]> {
        let (text, minus) = self.currency.map_or((text, None), |sign| without_sign(text, sign));
        let decimal = if self.decimal_comma { b',' } else { b'.' };
        let mut length = 0;
        let mut put = |byte| {
            *room.get_mut(length)? = byte;
            length += 1;
            Some(())
        };
        if let Some(minus) = minus {
            put(minus)?;
        }
        // Digits since the last mark between thousands, while none but digits may come.
        let (mut group, mut marks, mut whole) = (0, 0, true);
        let between = if self.lakhs { 2 } else { 3 };
        let mut rest = text;
        while let [first, tail @ ..] = rest {
            let (byte, tail) = wide_mark(rest).unwrap_or((*first, tail));
            rest = tail;
            match byte {
                b'0'..=b'9' => group += 1,
                other if whole && Some(other) == self.thousands => {
                    if !(1..=3).contains(&group) || (marks > 0 && group != between) {
                        return None;
                    }
                    (group, marks) = (0, marks + 1);
                    continue;
                }
                other if other == decimal => {
                    if !whole || (marks > 0 && group != 3) {
                        return None;
                    }
                    whole = false;
                    put(b'.')?;
                    continue;
                }
                b',' | b'.' => return None,
                _ if marks > 0 && whole && group != 3 => return None,
                _ => {}
            }
            put(byte)?;
        }
        (marks == 0 || !whole || group == 3).then_some(())?;
        Some(&room[..length])
    }
}

/// A number before a letter for its thousands, millions or billions, and the exponent that the letter is.
fn with_letter(text: &[u8]) -> Option<(&[u8], u8)> {
    let (last, digits) = text.split_last()?;
    let exponent = match last {
        b'k' | b'K' => b'3',
        b'm' | b'M' => b'6',
        b'b' | b'B' => b'9',
        _ => return None,
    };
    let is_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-');
    (digits.last().is_some_and(u8::is_ascii_digit) && digits.iter().all(is_number))
        .then_some((digits, exponent))
}

/// Whether commas part the digits as in India: `12,34,567.5`.
fn is_in_lakhs(digits: &[u8]) -> bool {
    let mut parts = digits.split(|byte| *byte == b'.');
    let whole = parts.next().unwrap_or_default();
    let are_digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let groups: Vec<&[u8]> = whole.split(|byte| *byte == b',').collect();
    let [first, between @ .., last] = &groups[..] else { return false };
    !between.is_empty()
        && matches!(first.len(), 1 | 2)
        && between.iter().all(|group| group.len() == 2)
        && last.len() == 3
        && groups.iter().all(|group| are_digits(group))
        && parts.next().is_none_or(are_digits)
        && parts.next().is_none()
}

/// What is left of an amount without its sign, and its minus where that stood before the sign.
fn without_sign<'a>(text: &'a [u8], sign: &str) -> (&'a [u8], Option<u8>) {
    let (minus, rest) = match text {
        [b'-', rest @ ..] if rest.starts_with(sign.as_bytes()) => (Some(b'-'), rest),
        _ => (None, text),
    };
    let rest =
        rest.strip_prefix(sign.as_bytes()).or_else(|| rest.strip_suffix(sign.as_bytes())).unwrap_or(rest);
    (rest.trim_ascii(), minus)
}

/// A space that does not break, a thin one or a typographer's apostrophe as the plain one, and what follows it.
fn wide_mark(text: &[u8]) -> Option<(u8, &[u8])> {
    const MARKS: [(&str, u8); 4] =
        [("\u{a0}", b' '), ("\u{202f}", b' '), ("\u{2009}", b' '), ("\u{2019}", b'\'')];
    if text[0].is_ascii() {
        return None;
    }
    MARKS.iter().find_map(|(mark, plain)| Some((*plain, text.strip_prefix(mark.as_bytes())?)))
}

/// A cell that shows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub line: u64,
    pub column: usize,
    pub text: String,
}

/// What the cells seen so far say about the style.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    point: Option<Cell>,
    comma: Option<Cell>,
    /// A mark that can only stand between thousands.
    thousands: Option<(u8, Cell)>,
    /// Digits in groups of two before the last three.
    lakhs: Option<Cell>,
    /// `1,200`: a comma before three digits.
    unclear_comma: Option<Cell>,
    /// `1.200` in the same way.
    unclear_point: Option<Cell>,
    currency: Option<(&'static str, Cell)>,
    two_currencies: Option<Cell>,
    thirty_seconds: Option<Cell>,
    /// `1.2K`: thousands, millions, billions.
    rounded: Option<Cell>,
    /// Cells of prices in decimals, beside which 32nds are none.
    decimals: u64,
    columns: Vec<Whole>,
}

/// Numbers without any mark in a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Whole {
    up_to_three_digits: bool,
    longer: bool,
}

/// Why no style fits all cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unclear {
    pub cell: Cell,
    pub what: String,
}

impl Evidence {
    /// Looks at a cell of numbers.
    pub fn see(&mut self, text: &[u8], line: u64, column: usize, is_price: bool) {
        let cell = || Cell { line, column, text: crate::text::shortened(text) };
        if self.see_plain(text, cell, is_price) {
            return;
        }
        let mut room = [0; LONGEST];
        if is_price && thirty_seconds(text, &mut room).is_some() {
            self.thirty_seconds.get_or_insert_with(cell);
            return;
        }
        let mut text = text;
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        for sign in CURRENCIES {
            let bytes = sign.as_bytes();
            if let Some(rest) = unsigned.strip_prefix(bytes).or_else(|| unsigned.strip_suffix(bytes)) {
                if self.currency.as_ref().is_some_and(|(seen, _)| *seen != sign) {
                    self.two_currencies.get_or_insert_with(cell);
                }
                self.currency.get_or_insert_with(|| (sign, cell()));
                text = rest.trim_ascii();
            }
        }
        let mut plain = Vec::new();
        if !text.is_ascii() {
            let mut rest = text;
            while let [first, tail @ ..] = rest {
                let (byte, tail) = wide_mark(rest).unwrap_or((*first, tail));
                plain.push(byte);
                rest = tail;
            }
            text = &plain;
        }
        if with_letter(text).is_some() {
            self.rounded.get_or_insert_with(cell);
            return;
        }
        self.see_marks(text, column, cell, is_price);
    }

    /// Looks at digits with one point among them, as nearly all prices are written, in one pass. False for anything else.
    fn see_plain(&mut self, text: &[u8], cell: impl Fn() -> Cell, is_price: bool) -> bool {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let whole = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let Some((b'.', behind)) = digits[whole..].split_first() else { return false };
        let is_plain = whole > 0 && !behind.is_empty() && behind.iter().all(u8::is_ascii_digit);
        if is_plain {
            self.decimals += u64::from(is_price);
            let may_be_thousands = behind.len() == 3 && whole <= 3 && digits[0] != b'0';
            let seen = if may_be_thousands { &mut self.unclear_point } else { &mut self.point };
            seen.get_or_insert_with(cell);
        }
        is_plain
    }

    /// Looks at a volume, which may be rounded: nothing is counted on it.
    pub fn see_volume(&mut self, text: &[u8], line: u64, column: usize) {
        self.see(with_letter(text).map_or(text, |(digits, _)| digits), line, column, false);
    }

    fn see_marks(&mut self, text: &[u8], column: usize, cell: impl Fn() -> Cell, is_price: bool) {
        let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
        let end = digits.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(digits.len());
        let digits = &digits[..end];
        let is_mark = |byte: &u8| matches!(byte, b',' | b'.' | b'\'' | b' ' | b'_');
        if digits.is_empty() || !digits.iter().all(|byte| byte.is_ascii_digit() || is_mark(byte)) {
            return;
        }
        self.decimals += u64::from(is_price);
        let marks: Vec<usize> = (0..digits.len()).filter(|at| is_mark(&digits[*at])).collect();
        if is_in_lakhs(digits) {
            if digits.contains(&b'.') {
                self.point.get_or_insert_with(&cell);
            }
            self.lakhs.get_or_insert_with(cell);
            return;
        }
        let Some((&last, before)) = marks.split_last() else {
            if self.columns.len() <= column {
                self.columns.resize(column + 1, Whole::default());
            }
            let whole = &mut self.columns[column];
            whole.up_to_three_digits |= digits.len() <= 3;
            whole.longer |= digits.len() > 3;
            return;
        };
        let behind = digits.len() - last - 1;
        let mark = digits[last];
        let lead = &digits[..marks[0]];
        let groups = (1..=3).contains(&lead.len()) && lead[0] != b'0';
        match before {
            [] if matches!(mark, b'\'' | b' ' | b'_') => {
                self.thousands.get_or_insert_with(|| (mark, cell()));
            }
            [] if mark == b',' && behind == 3 && groups => {
                self.unclear_comma.get_or_insert_with(cell);
            }
            [] if mark == b'.' && behind == 3 && groups => {
                self.unclear_point.get_or_insert_with(cell);
            }
            [] => {
                self.decimal(mark).get_or_insert_with(cell);
            }
            [.., one] => {
                let other = digits[*one];
                let groups_of_three = marks.windows(2).all(|pair| pair[1] - pair[0] == 4);
                if !groups || !groups_of_three || (other == mark && behind != 3) {
                    return;
                }
                self.thousands.get_or_insert_with(|| (other, cell()));
                if other != mark {
                    self.decimal(mark).get_or_insert_with(cell);
                }
            }
        }
    }

    fn decimal(&mut self, mark: u8) -> &mut Option<Cell> {
        if mark == b',' { &mut self.comma } else { &mut self.point }
    }

    /// The one style of all cells; `asked` is the decimal mark that somebody named.
    pub fn style(&self, asked: Option<char>) -> Result<NumberStyle, Unclear> {
        let unclear = |cell: &Cell, what: String| Err(Unclear { cell: cell.clone(), what });
        if let Some(cell) = &self.rounded {
            let what = "is rounded to thousands, millions or billions: export the column with all its digits";
            return unclear(cell, what.to_owned());
        }
        if let Some(cell) = &self.thirty_seconds {
            if self.decimals > 0 {
                let what =
                    "is a price in 32nds among prices in decimals: write all prices of the file in decimals";
                return unclear(cell, what.to_owned());
            }
            return Ok(NumberStyle { thirty_seconds: true, ..NumberStyle::default() });
        }
        if let (Some(cell), Some((first, _))) = (&self.two_currencies, &self.currency) {
            return unclear(cell, format!("is another currency than '{first}' above it: split the file"));
        }
        let decimal_comma = match (asked, &self.comma, &self.point) {
            (Some(mark), ..) => mark == ',',
            (None, Some(comma), Some(point)) => {
                let Cell { line, text, .. } = point;
                let what = format!(
                    "has a decimal comma, but '{text}' in line {line} has a decimal point: name the right one with --decimal"
                );
                return unclear(comma, what);
            }
            (None, comma, _) => comma.is_some(),
        };
        let thousands = self.mark_of_thousands(decimal_comma, asked.is_some())?;
        let currency = self.currency.as_ref().map(|(sign, _)| *sign);
        Ok(NumberStyle {
            decimal_comma,
            thousands,
            lakhs: self.lakhs.is_some(),
            currency,
            thirty_seconds: false,
        })
    }

    /// The mark between thousands beside a decimal mark; `asked` is whether somebody named that.
    fn mark_of_thousands(&self, decimal_comma: bool, asked: bool) -> Result<Option<u8>, Unclear> {
        let unclear = |cell: &Cell, what: String| Err(Unclear { cell: cell.clone(), what });
        let decimal = if decimal_comma { b',' } else { b'.' };
        let mut thousands = self.thousands.as_ref().map(|(mark, _)| *mark);
        if let Some((mark, cell)) = &self.thousands
            && *mark == decimal
        {
            let what = format!("has several '{}', which cannot be decimal marks", *mark as char);
            return unclear(cell, what);
        }
        if let Some(cell) = &self.lakhs {
            if decimal_comma || thousands.is_some() {
                return unclear(
                    cell,
                    "has other marks between its digits than the rest: split the file".to_owned(),
                );
            }
            thousands = Some(b',');
        }
        let between = if decimal_comma { &self.unclear_point } else { &self.unclear_comma };
        if let Some(cell) = between
            && thousands.is_none()
        {
            let is_settled =
                decimal_comma || asked || self.point.is_some() || self.short_whole_numbers(cell.column);
            if !is_settled {
                let what = "may be a thousand or a decimal comma, and no other cell says which: write --decimal . \
                            (then it is above a thousand) or --decimal , (then it is a fraction)";
                return unclear(cell, what.to_owned());
            }
            thousands = Some(if decimal_comma { b'.' } else { b',' });
        }
        Ok(thousands)
    }

    /// Whole numbers without a mark, all below a thousand: those above it have one then. (Decimals with trailing zeros would be
    /// written in every cell.)
    fn short_whole_numbers(&self, column: usize) -> bool {
        self.columns.get(column) == Some(&Whole { up_to_three_digits: true, longer: false })
    }
}

/// Whether a cell that cannot be read in the file's style is a number in another.
pub(crate) fn is_number_in_another_style(text: &[u8]) -> bool {
    let mut evidence = Evidence::default();
    evidence.see(text, 0, 0, true);
    let marked = evidence.comma.is_some()
        || evidence.point.is_some()
        || evidence.thousands.is_some()
        || evidence.unclear_comma.is_some()
        || evidence.unclear_point.is_some();
    marked
        || evidence.rounded.is_some()
        || evidence.thirty_seconds.is_some()
        || (evidence.currency.is_some() && evidence.decimals > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(cells: &[&str]) -> Result<NumberStyle, String> {
        let mut evidence = Evidence::default();
        for (line, cell) in cells.iter().enumerate() {
            evidence.see(cell.as_bytes(), line as u64 + 2, 0, true);
        }
        evidence.style(None).map_err(|unclear| format!("'{}' {}", unclear.cell.text, unclear.what))
    }

    fn read(style: NumberStyle, text: &str) -> String {
        String::from_utf8_lossy(style.plain_price(text.as_bytes(), &mut [0; LONGEST])).into_owned()
    }

    #[test]
    fn many_cells_settle_what_one_leaves_open() {
        for (cells, text, expected) in [
            (&["100.5", "1e6", "-3"][..], "1e6", "1e6"),
            (&["100,5", "1.234"], "1.234,5", "1234.5"),
            (&["17,513.22", "1,200"], "1,200", "1200"),
            (&["999", "1,000"], "1,000", "1000"),
            (&["12,34,567"], "-12,34,567", "-1234567"),
            (&["12,34,567.5", "17,300"], "17,300", "17300"),
            (&["0.125", "1,000"], "1,000", "1000"),
            (&["1.000", "17,25"], "1.000", "1000"),
            (&["1'234.5"], "1'234.5", "1234.5"),
            (&["1,234,567"], "1,234,567", "1234567"),
            (&["0,125"], "0,125", "0.125"),
            (&["$1.20", "$1,300.50"], "-$1,300.50", "-1300.50"),
            (&["12,50 €"], "12,50 €", "12.50"),
            (&["1\u{a0}234,5"], "1\u{a0}234,5", "1234.5"),
            (&["1\u{202f}234,5"], "1 234,5", "1234.5"),
            (&["1\u{2019}234.5"], "1\u{2019}234.5", "1234.5"),
            (&["110-165", "110'16.5", "110-17"], "110-165", "0000000110.51562500"),
        ] {
            assert_eq!(read(style(cells).unwrap(), text), expected, "{cells:?}");
        }
    }

    #[test]
    fn what_is_not_in_the_files_style_is_no_number() {
        let thousands = style(&["17,513.22"]).unwrap();
        for text in ["1,20", "1,2345", "1.234,5", "12,34,567", "1,234,", "1.2,3"] {
            assert_eq!(read(thousands, text), "", "{text}");
        }
        for text in ["1,20", "1,2345", "1.234,5", "17,513.22", "$1", "110'165", "1.2K", "1\u{a0}000"] {
            assert!(is_number_in_another_style(text.as_bytes()), "{text}");
        }
        for text in ["Total", "NaN", "", "1.2.3", "12,34,567", "x1,5"] {
            assert!(!is_number_in_another_style(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn volumes_may_have_a_letter() {
        let mut evidence = Evidence::default();
        evidence.see_volume(b"1,200,000", 2, 0);
        evidence.see_volume(b"980.5K", 3, 0);
        let style = evidence.style(None).unwrap();
        let volume = |text: &str| {
            String::from_utf8_lossy(style.plain_volume(text.as_bytes(), &mut [0; LONGEST])).into_owned()
        };
        assert_eq!(volume("1,980.5K"), "1980.5e3");
        assert_eq!(volume("1.20M"), "1.20e6");
        assert_eq!(volume("12"), "12");
        assert_eq!(volume("12,3K"), "");
        assert_eq!(volume("xK"), "xK");
    }

    #[test]
    fn what_stays_open_is_asked_for() {
        assert!(style(&["17,300"]).unwrap_err().contains("'17,300' may be a thousand or a decimal comma"));
        assert!(style(&["17,300.5", "17,30"]).unwrap_err().contains("'17,30' has a decimal comma"));
        assert!(style(&["17.3", "17,30"]).unwrap_err().contains("'17.3' in line 2 has a decimal point"));
        assert!(style(&["12,34,567", "1,234,567"]).unwrap_err().contains("other marks"));
        assert!(style(&["1,200", "1,300"]).unwrap_err().contains("--decimal"));
        assert!(style(&["1,200", "1300"]).unwrap_err().starts_with("'1,200' may be a thousand"));
        assert!(style(&["100,5", "100.25"]).unwrap_err().contains("'100.25' in line 3 has a decimal point"));
        assert!(style(&["$1.20", "€1.20"]).unwrap_err().contains("another currency than '$'"));
        assert!(style(&["999", "1.2K"]).unwrap_err().contains("'1.2K' is rounded to thousands"));
        assert!(style(&["110-165", "110.5"]).unwrap_err().contains("32nds"));
    }
}
