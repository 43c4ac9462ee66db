//! Lines and fields of a text, without copying them.

use std::io::{self, Read};
use std::ops::Range;

use memchr::memchr;

use crate::decode::NoUtf16;
use crate::encoding::NoUtf8;
use crate::error::FeedError;
use crate::input::is_damage;

/// Longest line: a depth snapshot of a deep book is far below it.
const LONGEST_LINE: usize = 16 << 20;

/// Rows of a text: its lines, less blank ones and the header.
pub(crate) struct TextRows {
    input: Box<dyn Read + Send>,
    file: String,
    buffer: Vec<u8>,
    /// The current line in `buffer`.
    current: Range<usize>,
    /// What follows the current line in `buffer`.
    ahead: Range<usize>,
    ended: bool,
    /// The current line is to be given out again.
    again: bool,
    line: u64,
    rows: u64,
    bytes: u64,
}

impl TextRows {
    /// Reads `input` in pieces of at most `chunk` bytes; `file` is for messages.
    pub fn new(input: Box<dyn Read + Send>, file: String, chunk: usize) -> TextRows {
        TextRows {
            input,
            file,
            buffer: vec![0; chunk.max(1)],
            current: 0..0,
            ahead: 0..0,
            ended: false,
            again: false,
            line: 0,
            rows: 0,
            bytes: 0,
        }
    }

    /// Takes the first line that is not blank as header: no row. Without a byte order mark, and without the sign of a
    /// comment before it.
    pub fn header(&mut self) -> Result<&[u8], FeedError> {
        if self.advance()? {
            self.rows -= 1;
        }
        let line = self.text().strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.text());
        Ok(line.strip_prefix(b"#").map_or(line, <[u8]>::trim_ascii))
    }

    /// Goes past the line of this number, which and before which no line is a row.
    pub fn skip_to(&mut self, line: u64) -> Result<(), FeedError> {
        while self.line < line && self.next_line()? {}
        Ok(())
    }

    /// Goes to the next row; false at the end.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, FeedError> {
        if std::mem::take(&mut self.again) {
            return Ok(true);
        }
        loop {
            if !self.next_line()? {
                return Ok(false);
            }
            if !self.current.is_empty() {
                self.rows += 1;
                return Ok(true);
            }
        }
    }

    /// The next [`advance`](Self::advance) stays where it is.
    pub fn stay(&mut self) {
        self.again = true;
    }

    /// The current row, without its line end.
    #[inline]
    pub fn text(&self) -> &[u8] {
        &self.buffer[self.current.clone()]
    }

    /// Rows up to the current one.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Number of the current line, blank ones and the header included.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Bytes of text up to the current row.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The current line's number and its first characters.
    pub fn shown(&self) -> (u64, String) {
        (self.line, shortened(self.text()))
    }

    /// Whether the current line is the last and has no end: it may have been cut.
    pub fn may_be_cut(&self) -> bool {
        self.ended && self.ahead.is_empty() && self.current.end == self.ahead.start
    }

    /// The file, for messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    #[inline]
    fn next_line(&mut self) -> Result<bool, FeedError> {
        let mut searched = self.ahead.start;
        loop {
            if let Some(length) = memchr(b'\n', &self.buffer[searched..self.ahead.end]) {
                self.take_line(searched + length, searched + length + 1);
                return Ok(true);
            }
            searched = self.ahead.end;
            if self.ended {
                let left = !self.ahead.is_empty();
                self.take_line(self.ahead.end, self.ahead.end);
                return Ok(left);
            }
            searched -= self.ahead.start;
            self.read_more()?;
        }
    }

    fn take_line(&mut self, end: usize, next: usize) {
        let start = self.ahead.start;
        self.bytes += (next - start) as u64;
        self.line += 1;
        let end = if self.buffer[start..end].ends_with(b"\r") { end - 1 } else { end };
        self.current = start..end;
        self.ahead.start = next;
    }

    /// Moves what is ahead to the front of the buffer and reads once behind it.
    fn read_more(&mut self) -> Result<(), FeedError> {
        self.buffer.copy_within(self.ahead.clone(), 0);
        self.ahead = 0..self.ahead.len();
        self.current = 0..0;
        if self.ahead.end == self.buffer.len() {
            if self.buffer.len() >= LONGEST_LINE {
                return Err(FeedError::LongLine { file: self.file.clone(), line: self.line + 1 });
            }
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.ahead.end..]) {
                Ok(count) => {
                    self.ended = count == 0;
                    self.ahead.end += count;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if let Some(bad) = no_character(&error, &self.file) => return Err(bad),
                Err(error) if is_damage(&error) => {
                    let what = error.to_string();
                    return Err(FeedError::Damaged { file: self.file.clone(), row: self.rows, what });
                }
                Err(error) => return Err(FeedError::Io { file: self.file.clone(), source: error }),
            }
        }
    }
}

/// What an error says of bytes that are none of a text.
fn no_character(error: &io::Error, file: &str) -> Option<FeedError> {
    let (inner, file) = (error.get_ref()?, file.to_owned());
    if let Some(NoUtf8 { line, position, byte }) = inner.downcast_ref().copied() {
        return Some(FeedError::NoUtf8 { file, line, position, byte });
    }
    let NoUtf16 { line, position, unit } = inner.downcast_ref().copied()?;
    Some(FeedError::NoUtf16 { file, line, position, unit })
}

/// The first characters of a line, for messages.
pub(crate) fn shortened(text: &[u8]) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = String::from_utf8_lossy(&text[..text.len().min(4 * SHOWN)])
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.len() > shown.len() {
        shown.push('…');
    }
    shown
}

/// Where the fields of a line are. Quotation marks around a field are not part of it; a quoted field may hold
/// separators, but no line end.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    ranges: Vec<Range<usize>>,
}

impl Fields {
    /// Splits a line.
    pub fn split(&mut self, line: &[u8], separator: u8) {
        self.ranges.clear();
        let mut start = 0;
        loop {
            let rest = &line[start..];
            if let Some(quoted) = rest.strip_prefix(b"\"") {
                let length = closing_quote(quoted);
                self.ranges.push(start + 1..start + 1 + length);
                let after = (start + length + 2).min(line.len());
                match memchr(separator, &line[after..]) {
                    Some(gap) => start = after + gap + 1,
                    None => return,
                }
            } else {
                match memchr(separator, rest) {
                    Some(length) => {
                        self.ranges.push(start..start + length);
                        start += length + 1;
                    }
                    None => {
                        self.ranges.push(start..line.len());
                        return;
                    }
                }
            }
        }
    }

    /// The field at `index`, trimmed; `None` when the line is too short.
    pub fn get<'a>(&self, line: &'a [u8], index: usize) -> Option<&'a [u8]> {
        self.ranges.get(index).map(|range| line[range.clone()].trim_ascii())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// All fields as text.
    pub fn texts(&self, line: &[u8]) -> Vec<String> {
        self.ranges
            .iter()
            .map(|range| String::from_utf8_lossy(line[range.clone()].trim_ascii()).into_owned())
            .collect()
    }
}

/// Length up to the closing quotation mark; two in a row are one within the field.
fn closing_quote(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(length) = memchr(b'"', &text[at..]) {
        at += length;
        if text.get(at + 1) != Some(&b'"') {
            return at;
        }
        at += 2;
    }
    text.len()
}

/// The separator of a header: the most frequent of the usual ones.
pub(crate) fn separator(header: &[u8]) -> u8 {
    let count = |byte: u8| header.iter().filter(|other| **other == byte).count();
    // The last of equals wins, so a header of one column is separated by commas.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &[u8], chunk: usize) -> Vec<Vec<u8>> {
        let mut rows = TextRows::new(Box::new(io::Cursor::new(text.to_vec())), "file".into(), chunk);
        let mut lines = Vec::new();
        while rows.advance().unwrap() {
            lines.push(rows.text().to_vec());
            assert_eq!(rows.rows(), lines.len() as u64);
        }
        assert_eq!(rows.bytes(), text.len() as u64);
        lines
    }

    fn fields(line: &str) -> Vec<String> {
        let mut fields = Fields::default();
        fields.split(line.as_bytes(), b',');
        fields.texts(line.as_bytes())
    }

    #[test]
    fn blank_lines_and_either_line_end_make_no_difference() {
        assert_eq!(lines(b"a\r\n\r\n\nbc\nlast", 4), [b"a".to_vec(), b"bc".to_vec(), b"last".to_vec()]);
    }

    #[test]
    fn quoted_fields_may_hold_separators() {
        assert_eq!(fields(r#""a,b",c, d ,"e""#), ["a,b", "c", "d", "e"]);
        assert_eq!(fields(r#"a,,"b"#), ["a", "", "b"]);
        assert_eq!(fields(""), [""]);
        assert_eq!(fields(r#""""#), [""]);
        assert_eq!(fields(r#""a""b",c"#), [r#"a""b"#, "c"]);
    }

    #[test]
    fn the_separator_is_the_most_frequent() {
        assert_eq!(separator(b"time;price;size"), b';');
        assert_eq!(separator(b"time,price"), b',');
        assert_eq!(separator(b"time"), b',');
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_pieces_they_arrive_in(
            text in prop::collection::vec(prop::sample::select(b"ab,\r\n\"".to_vec()), 0..200), chunk in 1..50_usize,
        ) {
            prop_assert_eq!(lines(&text, chunk), lines(&text, 1 << 16));
        }

        #[test]
        fn no_line_makes_splitting_panic(
            text in prop::collection::vec(prop::sample::select(b"ab, \"".to_vec()), 0..20),
        ) {
            let mut fields = Fields::default();
            fields.split(&text, b',');
            prop_assert!(fields.get(&text, 0).is_some());
        }
    }
}
