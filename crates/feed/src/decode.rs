//! From unwrapped bytes to UTF-8 text whose lines end with a line feed: other encodings, and the carriage returns of old
//! machines. What is no text is refused with what to do.

use std::io::{self, Cursor, Read};

use crate::encoding::{Encoding, SingleBytes, Validated};

/// Bytes by which a text is judged.
const JUDGED: usize = 64 * 1024;

/// What stands in the way of reading bytes as text: what was found, and what to do.
pub(crate) type NoText = (&'static str, &'static str);

/// The text in `bytes`, which is UTF-8 where nothing else is said and no byte order mark says it, or why there is none.
pub(crate) fn decoded(
    mut bytes: Box<dyn Read + Send>,
    said: Option<Encoding>,
) -> Result<Box<dyn Read + Send>, NoText> {
    let mut head = Vec::with_capacity(JUDGED);
    // What a decoder cannot read any further is met again behind the head, where rows before it are known.
    let mut failed = None;
    if let Err(error) = bytes.by_ref().take(JUDGED as u64).read_to_end(&mut head) {
        failed = Some(error);
    }
    let rest: Box<dyn Read + Send> = match failed {
        Some(error) => Box::new(Failing(Some(error))),
        None => bytes,
    };
    if head.get(257..262) == Some(b"ustar") {
        return Err(("is a tar archive", "unpack it (tar xf FILE) and feed its files"));
    }
    let (encoding, mark) = match &head[..] {
        [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
        [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
        [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
        _ => (said.unwrap_or(Encoding::Utf8), 0),
    };
    head.drain(..mark);
    if matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be) {
        let bytes = Box::new(Cursor::new(head).chain(rest));
        let little = encoding == Encoding::Utf16Le;
        return Ok(Box::new(Utf16::new(bytes, little)));
    }
    if head.contains(&0) {
        return Err(zero_bytes(&head));
    }
    let lone_returns = head.contains(&b'\r') && !head.contains(&b'\n');
    let whole = Cursor::new(head).chain(rest);
    let whole: Box<dyn Read + Send> =
        if lone_returns { Box::new(Returns(Box::new(whole))) } else { Box::new(whole) };
    Ok(match encoding {
        Encoding::Latin1 => Box::new(SingleBytes::new(whole, false)),
        Encoding::Windows1252 => Box::new(SingleBytes::new(whole, true)),
        _ => Box::new(Validated::new(whole)),
    })
}

/// What to do about zero bytes: every other byte of a text in UTF-16 is one where its letters are Latin.
fn zero_bytes(head: &[u8]) -> NoText {
    let zeros = |first: usize| head.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), head.len().max(8) / 4);
    let fix = match () {
        () if odd > half && even == 0 => "say that it is UTF-16 with --encoding utf-16le",
        () if even > half && odd == 0 => "say that it is UTF-16 with --encoding utf-16be",
        () => "save it as UTF-8, or as UTF-16 with a byte order mark",
    };
    ("has zero bytes, so it is no text in UTF-8", fix)
}

/// An error that comes once, then the end.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Ends lines with line feeds instead of carriage returns.
struct Returns(Box<dyn Read + Send>);

impl Read for Returns {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        buffer[..count].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        Ok(count)
    }
}

/// A unit of a text in UTF-16 that is half of a character without its other half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, character {position}: 0x{unit:04x} is half of a character of UTF-16")]
pub(crate) struct NoUtf16 {
    pub line: u64,
    /// Its place in the line, from 1.
    pub position: u64,
    pub unit: u16,
}

/// UTF-16 to UTF-8, checked on its way.
struct Utf16 {
    bytes: Box<dyn Read + Send>,
    little: bool,
    /// First half of a unit.
    odd: Option<u8>,
    /// First half of a pair of surrogates.
    high: Option<u16>,
    /// Lines that have ended, and characters since the last end.
    lines: u64,
    position: u64,
    text: Vec<u8>,
    at: usize,
}

impl Read for Utf16 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut packed = [0; 8 * 1024];
        while self.at == self.text.len() {
            let count = self.bytes.read(&mut packed)?;
            if count == 0 {
                return self.end();
            }
            self.text.clear();
            self.at = 0;
            for one in char::decode_utf16(self.units(&packed[..count])) {
                let one = one.map_err(|bad| self.no_character(bad.unpaired_surrogate()))?;
                self.text.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
                (self.lines, self.position) = match one {
                    '\n' => (self.lines + 1, 0),
                    _ => (self.lines, self.position + 1),
                };
            }
        }
        let count = buffer.len().min(self.text.len() - self.at);
        buffer[..count].copy_from_slice(&self.text[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

impl Utf16 {
    fn new(bytes: Box<dyn Read + Send>, little: bool) -> Utf16 {
        let (lines, position, text, at) = (0, 0, Vec::new(), 0);
        Utf16 { bytes, little, odd: None, high: None, lines, position, text, at }
    }

    /// Whole units, and no half of a pair at the end.
    fn units(&mut self, bytes: &[u8]) -> Vec<u16> {
        let mut units: Vec<u16> = self.high.take().into_iter().collect();
        for byte in bytes {
            match self.odd.take() {
                None => self.odd = Some(*byte),
                Some(first) if self.little => units.push(u16::from_le_bytes([first, *byte])),
                Some(first) => units.push(u16::from_be_bytes([first, *byte])),
            }
        }
        if units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
            self.high = units.pop();
        }
        units
    }

    /// The end of the text, which is no end within a character.
    fn end(&self) -> io::Result<usize> {
        if self.odd.is_none() && self.high.is_none() {
            return Ok(0);
        }
        let what = format!("line {} ends within a character of UTF-16", self.lines + 1);
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, what))
    }

    fn no_character(&self, unit: u16) -> io::Error {
        let bad = NoUtf16 { line: self.lines + 1, position: self.position + 1, unit };
        io::Error::new(io::ErrorKind::InvalidData, bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slowly(Vec<u8>);

    impl Read for Slowly {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() || buffer.is_empty() {
                return Ok(0);
            }
            buffer[0] = self.0.remove(0);
            Ok(1)
        }
    }

    fn text(bytes: &[u8]) -> Result<String, NoText> {
        let mut text = String::new();
        let bytes: Box<dyn Read + Send> = Box::new(Slowly(bytes.to_vec()));
        decoded(bytes, None).map(|mut decoded| {
            decoded.read_to_string(&mut text).unwrap();
            text
        })
    }

    #[test]
    fn utf_16_of_either_order_becomes_utf_8() {
        let little: Vec<u8> = "\u{feff}a,€𝄞\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}a,€𝄞\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(text(&little).unwrap(), "a,€𝄞\n");
        assert_eq!(text(&big).unwrap(), "a,€𝄞\n");
    }

    #[test]
    fn halves_of_characters_are_no_utf_16_wherever_they_stand() {
        let bytes = |units: &[u16]| units.iter().copied().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let fails = |bytes: Vec<u8>| {
            let decoder = || decoded(Box::new(Slowly(bytes.clone())), Some(Encoding::Utf16Le)).unwrap();
            decoder().read_to_string(&mut String::new()).unwrap_err()
        };
        let [a, end, comma] = [b'a', b'\n', b','].map(u16::from);
        for (units, unit) in [
            (vec![a, end, a, comma, 0xd834, a], 0xd834),
            (vec![a, end, a, comma, 0xdd1e, a], 0xdd1e),
            (vec![a, end, a, comma, 0xd834, 0xd834, 0xdd1e], 0xd834),
        ] {
            let error = fails(bytes(&units));
            let bad: &NoUtf16 = error.get_ref().unwrap().downcast_ref().unwrap();
            assert_eq!(*bad, NoUtf16 { line: 2, position: 3, unit }, "{units:x?}");
        }
        for cut in [bytes(&[a, end, a, 0xd834]), [bytes(&[a, end, a]), vec![b'b']].concat()] {
            let error = fails(cut);
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert_eq!(error.to_string(), "line 2 ends within a character of UTF-16");
        }
    }

    #[test]
    fn carriage_returns_end_lines_where_nothing_else_does() {
        assert_eq!(text(b"a\rb\r").unwrap(), "a\nb\n");
        assert_eq!(text(b"\xef\xbb\xbfa\r\nb").unwrap(), "a\r\nb");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(text(&tar).unwrap_err().1.starts_with("unpack it"));
        assert!(text(b"a\0b").unwrap_err().1.starts_with("save it as UTF-8"));
    }
}
