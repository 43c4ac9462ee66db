//! How a file writes its numbers: which of comma and point parts the thousands and which the decimals, decided once from
//! many cells.

/// Longest number that is put into plain form.
const LONGEST: usize = 48;

/// What parts the digits of numbers besides the decimal point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum NumberStyle {
    /// `17513.22`.
    #[default]
    Plain,
    /// `17,513.22`.
    CommaThousands,
    /// `17513,22` or `17.513,22`.
    CommaDecimals,
}

/// What the cells of a file show.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenNumbers {
    comma_thousands: Option<String>,
    comma_decimals: Option<String>,
    /// A point that can only part decimals.
    point: bool,
    /// `17,513`, which is either.
    open: Option<String>,
}

impl SeenNumbers {
    /// Takes note of a cell; what is no number says nothing.
    pub fn see(&mut self, text: &[u8]) {
        if !text.contains(&b',') {
            self.point |= is_decimal_point(text);
            return;
        }
        let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b',' | b'.' | b'-' | b'+');
        let digits = without_letter(text);
        if !digits.iter().all(is_part) {
            return;
        }
        let note = || Some(String::from_utf8_lossy(text).into_owned());
        let commas = digits.iter().filter(|byte| **byte == b',').count();
        let after = digits.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        match digits.iter().position(|byte| *byte == b'.') {
            Some(point) if digits[point..].contains(&b',') => {
                self.comma_decimals = self.comma_decimals.take().or_else(note);
            }
            Some(_) => self.comma_thousands = self.comma_thousands.take().or_else(note),
            None if commas > 1 => self.comma_thousands = self.comma_thousands.take().or_else(note),
            None if after.len() != 3 => self.comma_decimals = self.comma_decimals.take().or_else(note),
            None => self.open = self.open.take().or_else(note),
        }
    }

    /// The style of all numbers. `Err` says which cells contradict each other, or which may be read in two ways.
    pub fn style(&self) -> Result<NumberStyle, String> {
        match (&self.comma_thousands, &self.comma_decimals, &self.open) {
            (Some(thousands), Some(decimals), _) => Err(format!(
                "the comma parts thousands in '{thousands}' and decimals in '{decimals}': write all its numbers in one \
                 way, such as 17513.22"
            )),
            (Some(_), None, _) => Ok(NumberStyle::CommaThousands),
            (None, Some(decimals), _) if self.point => Err(format!(
                "the comma parts decimals in '{decimals}', and the point does in other cells: write all its numbers in \
                 one way, such as 17513.22"
            )),
            (None, Some(_), _) => Ok(NumberStyle::CommaDecimals),
            (None, None, Some(_)) if self.point => Ok(NumberStyle::CommaThousands),
            (None, None, Some(open)) => Err(format!(
                "'{open}' may be thousands or decimals, and no other cell tells: write its numbers without thousands \
                 marks and with a decimal point, such as 17513.22"
            )),
            (None, None, None) => Ok(NumberStyle::Plain),
        }
    }
}

/// True when the point of a number without a comma can only part decimals: `1.234` may be thousands.
fn is_decimal_point(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let Some(point) = text.iter().position(|byte| *byte == b'.') else { return false };
    let (whole, after) = (&text[..point], &text[point + 1..]);
    let are_digits = whole.iter().chain(after).all(u8::is_ascii_digit);
    are_digits && !after.is_empty() && (after.len() != 3 || whole.len() > 3 || whole == b"0")
}

/// A number without its last letter: `1.20M` has one.
fn without_letter(text: &[u8]) -> &[u8] {
    match text {
        [digits @ .., last] if last.is_ascii_alphabetic() => digits,
        _ => text,
    }
}

/// A number in plain form, in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainNumber {
    bytes: [u8; LONGEST],
    length: usize,
}

impl PlainNumber {
    /// Empty where the text is not a number of this style, so that it is read as none.
    pub fn of(text: &[u8], style: NumberStyle) -> PlainNumber {
        let mut plain = PlainNumber { bytes: [0; LONGEST], length: 0 };
        let (mark, decimal) = match style {
            NumberStyle::CommaDecimals => (b'.', b','),
            NumberStyle::Plain | NumberStyle::CommaThousands => (b',', b'.'),
        };
        let whole = text.split(|byte| *byte == decimal).next().unwrap_or(text);
        if text.len() > LONGEST || !is_grouped(whole, mark) || text[whole.len()..].contains(&mark) {
            return plain;
        }
        for byte in text.iter().filter(|byte| **byte != mark) {
            plain.push(if *byte == decimal { b'.' } else { *byte });
        }
        plain
    }

    /// A number with a letter for its thousands or millions, `1.20M`; `None` without one.
    pub fn with_letter(text: &[u8], style: NumberStyle) -> Option<PlainNumber> {
        let exponent = match text.last()? {
            b'k' | b'K' => b'3',
            b'm' | b'M' => b'6',
            b'b' | b'B' => b'9',
            _ => return None,
        };
        let mut plain = PlainNumber::of(&text[..text.len() - 1], style);
        if plain.length > 0 && plain.length + 2 <= LONGEST {
            plain.push(b'e');
            plain.push(exponent);
        }
        Some(plain)
    }

    pub fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }
}

/// True when the marks part the digits in groups of three, or of two before the last three as in India.
fn is_grouped(whole: &[u8], mark: u8) -> bool {
    let whole = whole.strip_prefix(b"-").unwrap_or(whole);
    let mut groups = whole.rsplit(|byte| *byte == mark);
    let last = groups.next().unwrap_or_default();
    let mut others = groups.peekable();
    if others.peek().is_none() {
        return true;
    }
    last.len() == 3 && others.all(|group| (1..=3).contains(&group.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(cells: &[&str]) -> Result<NumberStyle, String> {
        let mut seen = SeenNumbers::default();
        cells.iter().for_each(|cell| seen.see(cell.as_bytes()));
        seen.style()
    }

    #[test]
    fn many_cells_tell_what_a_comma_is() {
        assert_eq!(style(&["17513.22", "1e-5", "N/A", "-"]), Ok(NumberStyle::Plain));
        assert_eq!(style(&["17,300.00"]), Ok(NumberStyle::CommaThousands));
        assert_eq!(style(&["1,200,000", "980.5K"]), Ok(NumberStyle::CommaThousands));
        assert_eq!(style(&["999.5", "1,000"]), Ok(NumberStyle::CommaThousands));
        assert_eq!(style(&["100,5", "1,000"]), Ok(NumberStyle::CommaDecimals));
        assert_eq!(style(&["17.300,25"]), Ok(NumberStyle::CommaDecimals));
        assert_eq!(style(&["1.000", "17,25"]), Ok(NumberStyle::CommaDecimals));
        assert_eq!(style(&["0.125", "1,000"]), Ok(NumberStyle::CommaThousands));
        assert!(style(&["17,300"]).unwrap_err().contains("'17,300' may be thousands or decimals"));
        assert!(style(&["17,300.5", "17,30"]).unwrap_err().contains("'17,300.5' and decimals in '17,30'"));
        assert!(style(&["17.3", "17,30"]).unwrap_err().contains("decimals in '17,30', and the point"));
    }

    #[test]
    fn numbers_are_put_into_plain_form() {
        let plain = |text: &str, style| {
            String::from_utf8(PlainNumber::of(text.as_bytes(), style).text().to_vec()).unwrap()
        };
        assert_eq!(plain("17,513.22", NumberStyle::CommaThousands), "17513.22");
        assert_eq!(plain("-12,34,567", NumberStyle::CommaThousands), "-1234567");
        assert_eq!(plain("17.513,22", NumberStyle::CommaDecimals), "17513.22");
        assert_eq!(plain("17,30", NumberStyle::CommaThousands), "", "no group of three");
        assert_eq!(plain("1.5,000", NumberStyle::CommaThousands), "");
        let volume = PlainNumber::with_letter(b"1,980.5K", NumberStyle::CommaThousands).unwrap();
        assert_eq!(volume.text(), b"1980.5e3");
        assert!(PlainNumber::with_letter(b"12", NumberStyle::Plain).is_none());
    }
}
