//! State of a processor as it is stored: one `zstd` frame behind its checksum.
//!
//! State is text with many numbers that are nearly alike: a seventh of it is left. `redb` keeps a long value in one page of
//! a power of two of bytes, on disk and in its cache, so that nine megabytes as they are would take sixteen.

use zstd::bulk::{compress, decompress};
use zstd::zstd_safe::get_frame_content_size;

use super::checked::{with_checksum, without_checksum};

/// Higher levels gain nothing on the state of cleaning, which is the longest.
const LEVEL: i32 = 1;
/// How a frame begins (RFC 8878, 3.1.1). State that an earlier version has stored as it is begins with a brace.
const FRAME: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// State as it is stored.
pub(super) fn packed(state: &[u8]) -> Vec<u8> {
    match compress(state, LEVEL) {
        Ok(frame) => with_checksum(&frame),
        // There is no memory for its tables.
        Err(_) => with_checksum(state),
    }
}

/// State that was stored, also by an earlier version. `None` when it is damaged.
pub(super) fn unpacked(stored: &[u8]) -> Option<Vec<u8>> {
    let state = without_checksum(stored)?;
    if !state.starts_with(&FRAME) {
        return Some(state.to_vec());
    }
    let length = get_frame_content_size(state).ok()??;
    decompress(state, usize::try_from(length).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_reads_back_packed_and_as_earlier_versions_stored_it() {
        for state in [String::new(), "{}".into(), r#"{"values":[1000000000]}"#.repeat(10_000)] {
            let stored = packed(state.as_bytes());
            assert_eq!(unpacked(&stored).unwrap(), state.as_bytes());
            assert_eq!(unpacked(&with_checksum(state.as_bytes())).unwrap(), state.as_bytes());
        }
        let state = r#"{"values":[1000000000]}"#.repeat(10_000);
        assert!(packed(state.as_bytes()).len() < state.len() / 7);
    }

    #[test]
    fn damaged_state_is_none() {
        let mut stored = packed(b"{}");
        *stored.last_mut().unwrap() ^= 1;
        assert_eq!(unpacked(&stored), None);
        // A frame that ends early, though its checksum is right.
        assert_eq!(unpacked(&with_checksum(&FRAME)), None);
    }
}
