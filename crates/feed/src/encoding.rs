//! How the characters of a text are written as bytes, and bytes to UTF-8. Bounded: a decoder holds one buffer.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use gauntlet_domain::names::{UnknownName, find};
use memchr::memchr_iter;
use serde::{Deserialize, Serialize};

/// How characters are written as bytes. A byte order mark at the beginning of a text says it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, the low byte first.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
    /// ISO 8859-1: each byte is the character of its number.
    Latin1,
    /// Latin 1 with letters and signs in the place of control characters, as Western Windows writes it.
    Windows1252,
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Encoding; 5] =
        [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be, Encoding::Latin1, Encoding::Windows1252];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
            Encoding::Latin1 => "latin1",
            Encoding::Windows1252 => "windows-1252",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Encoding {
    type Err = UnknownName;
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        find("encoding", name, &Encoding::ALL, |encoding| encoding.name()).copied()
    }
}

/// Characters of the bytes 0x80 to 0x9f of windows-1252; bytes without one are control characters, as on the web.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// One byte a character to UTF-8.
pub(crate) struct SingleBytes {
    bytes: Box<dyn Read + Send>,
    is_windows: bool,
    text: Vec<u8>,
    at: usize,
}

impl SingleBytes {
    pub fn new(bytes: Box<dyn Read + Send>, is_windows: bool) -> SingleBytes {
        SingleBytes { bytes, is_windows, text: Vec::new(), at: 0 }
    }
}

impl Read for SingleBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut packed = [0; 8 * 1024];
        if self.at == self.text.len() {
            let count = self.bytes.read(&mut packed)?;
            (self.at, self.text) = (0, Vec::new());
            for byte in &packed[..count] {
                let letter = match byte {
                    0x80..=0x9f if self.is_windows => WINDOWS_1252[usize::from(byte - 0x80)],
                    byte => char::from(*byte),
                };
                self.text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        let count = buffer.len().min(self.text.len() - self.at);
        buffer[..count].copy_from_slice(&self.text[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// A byte that is none of a text in UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, byte {position}: 0x{byte:02x} is no UTF-8")]
pub(crate) struct NoUtf8 {
    pub line: u64,
    /// Its place in the line, from 1.
    pub position: u64,
    pub byte: u8,
}

/// UTF-8 that is checked on its way.
pub(crate) struct Validated {
    bytes: Box<dyn Read + Send>,
    /// The beginning of a character whose end has not come yet.
    cut: Vec<u8>,
    /// Lines that have ended, and bytes since the last end.
    lines: u64,
    position: u64,
}

impl Validated {
    pub fn new(bytes: Box<dyn Read + Send>) -> Validated {
        Validated { bytes, cut: Vec::new(), lines: 0, position: 0 }
    }

    fn check(&mut self, bytes: &[u8]) -> Result<(), NoUtf8> {
        let joined;
        let text = if self.cut.is_empty() {
            bytes
        } else {
            joined = [&self.cut, bytes].concat();
            &joined
        };
        let (valid, rest, is_cut) = match std::str::from_utf8(text) {
            Ok(_) => (text, &[][..], true),
            Err(error) => {
                let (valid, rest) = text.split_at(error.valid_up_to());
                (valid, rest, error.error_len().is_none())
            }
        };
        self.lines += memchr_iter(b'\n', valid).count() as u64;
        self.position = match memchr::memrchr(b'\n', valid) {
            Some(end) => (valid.len() - end - 1) as u64,
            None => self.position + valid.len() as u64,
        };
        if !is_cut {
            return Err(self.here(rest[0]));
        }
        self.cut = rest.to_vec();
        Ok(())
    }

    fn here(&self, byte: u8) -> NoUtf8 {
        NoUtf8 { line: self.lines + 1, position: self.position + 1, byte }
    }
}

impl Read for Validated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        let checked = match (count, self.cut.first()) {
            (0, Some(byte)) if !buffer.is_empty() => Err(self.here(*byte)),
            (0, _) => Ok(()),
            _ => self.check(&buffer[..count]),
        };
        checked.map(|()| count).map_err(|bad| io::Error::new(io::ErrorKind::InvalidData, bad))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(mut reader: impl Read, piece: usize) -> Result<Vec<u8>, NoUtf8> {
        let (mut all, mut buffer) = (Vec::new(), vec![0; piece]);
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(all),
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) => return Err(*error.get_ref().unwrap().downcast_ref().unwrap()),
            }
        }
    }

    fn boxed(bytes: &[u8]) -> Box<dyn Read + Send> {
        Box::new(io::Cursor::new(bytes.to_vec()))
    }

    #[test]
    fn names_read_back_and_bytes_are_the_characters_of_the_standards() {
        for encoding in Encoding::ALL {
            assert_eq!(encoding.to_string().parse(), Ok(encoding));
        }
        let bytes = b"Gr\xf6\xdfe \x80 \x99";
        let windows = read(SingleBytes::new(boxed(bytes), true), 3).unwrap();
        assert_eq!(String::from_utf8(windows).unwrap(), "Größe € ™");
        let latin = read(SingleBytes::new(boxed(bytes), false), 3).unwrap();
        assert_eq!(String::from_utf8(latin).unwrap(), "Größe \u{80} \u{99}");
    }

    proptest! {
        #[test]
        fn the_first_byte_that_is_no_utf_8_is_named_wherever_pieces_end(
            parts in prop::collection::vec(prop::sample::select(vec![&b"a"[..], b"\n", "é".as_bytes(), "𝄞".as_bytes(), b"\xe9", b"\xf0\x9d"]), 0..20),
            piece in 1..9_usize,
        ) {
            let bytes = parts.concat();
            let found = read(Validated::new(boxed(&bytes)), piece);
            let expected = match std::str::from_utf8(&bytes) {
                Ok(_) => Ok(bytes.clone()),
                Err(error) => {
                    let before = &bytes[..error.valid_up_to()];
                    let line = before.split(|byte| *byte == b'\n').next_back().unwrap();
                    Err(NoUtf8 {
                        line: before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1,
                        position: line.len() as u64 + 1,
                        byte: bytes[error.valid_up_to()],
                    })
                }
            };
            prop_assert_eq!(found, expected);
        }
    }
}
