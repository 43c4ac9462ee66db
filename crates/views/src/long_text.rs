//! Long texts, mostly documents, compressed by zstd where a row lies alone. Names of figures, which nearly every document
//! repeats, are in a dictionary, which is part of the file's format.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

/// Bytes from which on a text is worth it.
const LONG: usize = 128;
/// Bytes that a text may say to have, so that no damage makes a reader ask for more memory.
const MOST_BYTES: usize = 1 << 28;
/// Documents of the figures that there are, all zero.
pub(crate) const WORDS: &[u8] = include_bytes!("words.txt");
/// Higher levels gain little on a few kilobytes.
const LEVEL: i32 = 3;

thread_local! {
    // A context takes longer to make than a row to write.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The bytes of a long text, where they are fewer.
pub(crate) fn compressed(text: &str) -> Option<Vec<u8>> {
    if text.len() < LONG {
        return None;
    }
    COMPRESSOR.with_borrow_mut(|context| {
        if context.is_none() {
            *context = Compressor::with_dictionary(LEVEL, WORDS).ok();
        }
        let bytes = context.as_mut()?.compress(text.as_bytes()).ok()?;
        (bytes.len() < text.len()).then_some(bytes)
    })
}

/// The text of so many bytes that was compressed; `None` when it cannot be read.
pub(crate) fn decompressed(bytes: &[u8], len: usize) -> Option<String> {
    if len > MOST_BYTES {
        return None;
    }
    DECOMPRESSOR.with_borrow_mut(|context| {
        if context.is_none() {
            *context = Decompressor::with_dictionary(WORDS).ok();
        }
        let text = context.as_mut()?.decompress(bytes, len).ok()?;
        (text.len() == len).then(|| String::from_utf8(text).ok())?
    })
}
