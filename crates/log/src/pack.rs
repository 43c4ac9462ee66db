//! Long values in few bytes. How a record is stored is the store's own affair: a reader gets the bytes that were appended.
//!
//! Blocks of ticks and bars are columns of Avro numbers. `zstd` alone finds little in them: no two times are equal, and a
//! change of price by a tick changes several bytes. So the bytes are read as base-128 numbers, whatever they are; each
//! number becomes its difference to the one before it, in units of the greatest common divisor of 512 differences (the
//! tick of a price, the clock's resolution); and of these the lowest bytes are written first, then the next ones. `zstd`
//! then stores gold quotes in 0.17 of their CSV where alone it needs 0.39 (`docs/measurements.md`).
//!
//! Bytes that are no such numbers go to `zstd` as they are; what does not become shorter is not packed.

use std::io;

use zstd::bulk::{Compressor, Decompressor};

/// Shorter values stay as they are: they would gain little, and most are read one at a time.
const LEAST_BYTES: usize = 1024;
/// Longer values stay as they are, so that no damaged length makes a reader ask for more memory than this.
const MOST_BYTES: usize = 16 << 20;
/// Higher levels gain a hundredth and take three times as long.
const LEVEL: i32 = 1;
/// Numbers that share a divisor and a width. Few, so that the end of one column spoils little of the next.
const GROUP: usize = 512;
/// What precedes the compressed bytes: the method and the number of bytes of the value.
const HEAD: usize = 5;

/// The compressed bytes are the value's.
const PLAIN: u8 = 0;
/// The compressed bytes are differences of numbers.
const NUMBERS: u8 = 1;

/// Packs values, one after the other.
#[derive(Default)]
pub(crate) struct Packer {
    zstd: Option<Compressor<'static>>,
    differences: Vec<u8>,
}

impl Packer {
    /// The value in fewer bytes, by an eighth at least; `None` when it is to be stored as it is.
    pub(crate) fn pack(&mut self, value: &[u8]) -> Option<Vec<u8>> {
        if !(LEAST_BYTES..=MOST_BYTES).contains(&value.len()) {
            return None;
        }
        self.differences.clear();
        let (method, bytes) = match write_differences(value, &mut self.differences) {
            Some(()) => (NUMBERS, self.differences.as_slice()),
            None => (PLAIN, value),
        };
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            // Without memory for its tables everything is stored as it is.
            none => none.insert(Compressor::new(LEVEL).ok()?),
        };
        let room = value.len() - value.len() / 8;
        let mut out = vec![0; room];
        out[0] = method;
        out[1..HEAD].copy_from_slice(&(value.len() as u32).to_le_bytes());
        // What does not fit has not become short enough.
        let written = zstd.compress_to_buffer(bytes, &mut out[HEAD..]).ok()?;
        out.truncate(HEAD + written);
        out.shrink_to_fit();
        Some(out)
    }
}

/// Reads packed values, one after the other.
#[derive(Default)]
pub(crate) struct Unpacker {
    zstd: Option<Decompressor<'static>>,
    differences: Vec<u8>,
}

impl Unpacker {
    /// The value; the error says what is wrong with the bytes. Never takes more memory than the longest value that is
    /// packed needs, whatever the bytes say.
    pub(crate) fn unpack(&mut self, packed: &[u8]) -> Result<Vec<u8>, &'static str> {
        let (head, compressed) = packed.split_first_chunk::<HEAD>().ok_or("it ends early")?;
        let [method, length @ ..] = *head;
        let length = u32::from_le_bytes(length) as usize;
        if length > MOST_BYTES {
            return Err("its length cannot be right");
        }
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(Decompressor::new().map_err(|_| "there is no memory to read it")?),
        };
        let value = match method {
            PLAIN => {
                let mut value = Vec::with_capacity(length);
                zstd.decompress_to_buffer(compressed, &mut value).map_err(unreadable)?;
                value
            }
            NUMBERS => {
                self.differences.clear();
                self.differences.reserve(most_differences(length));
                zstd.decompress_to_buffer(compressed, &mut self.differences).map_err(unreadable)?;
                read_differences(&self.differences, length)?
            }
            _ => return Err("it is compressed in a way that this version does not know"),
        };
        if value.len() == length { Ok(value) } else { Err("its compressed bytes give another length") }
    }
}

fn unreadable(_: io::Error) -> &'static str {
    "its compressed bytes cannot be read"
}

/// Bytes that the differences of a value of so many bytes take at most: each number has at least one byte there.
fn most_differences(length: usize) -> usize {
    length * 8 + length.div_ceil(GROUP) * 11
}

/// Appends the differences of the numbers that the bytes are: for each group its divisor, its width in bytes, and the
/// differences, lowest bytes first. `None` when reading would not give the same bytes again.
fn write_differences(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = value;
    let mut before = 0;
    let mut group = [0_i64; GROUP];
    while !rest.is_empty() {
        let mut count = 0;
        while count < GROUP && !rest.is_empty() {
            let number = signed(take_number(&mut rest)?);
            group[count] = number.wrapping_sub(before);
            before = number;
            count += 1;
        }
        write_group(&mut group[..count], out);
    }
    Some(())
}

fn write_group(group: &mut [i64], out: &mut Vec<u8>) {
    let divisor = common_divisor(group);
    let mut all = 0;
    for difference in &mut *group {
        // Zigzag, so that small differences are small numbers whatever their sign.
        *difference = unsigned(*difference / divisor).cast_signed();
        all |= *difference;
    }
    let width = (u64::BITS - all.cast_unsigned().leading_zeros()).div_ceil(8) as usize;
    put_number(divisor.cast_unsigned(), out);
    out.push(width as u8);
    for place in 0..width {
        out.extend(group.iter().map(|difference| (difference.cast_unsigned() >> (8 * place)) as u8));
    }
}

/// The greatest number that divides all; 1 when all are zero.
fn common_divisor(group: &[i64]) -> i64 {
    let mut divisor = 0;
    for difference in group {
        let mut left = difference.unsigned_abs();
        while left != 0 {
            (divisor, left) = (left, divisor % left);
        }
        if divisor == 1 {
            break;
        }
    }
    // The smallest number has no counterpart above zero.
    i64::try_from(divisor).unwrap_or(1).max(1)
}

/// The bytes whose differences these are, `length` of them.
fn read_differences(mut rest: &[u8], length: usize) -> Result<Vec<u8>, &'static str> {
    const WRONG: &str = "its compressed bytes are no numbers";
    let mut out = Vec::with_capacity(length + 10);
    let mut before = 0_i64;
    while !rest.is_empty() {
        let divisor = take_number(&mut rest).ok_or(WRONG)?.cast_signed();
        let (&width, tail) = rest.split_first().ok_or(WRONG)?;
        let mut numbers = [0_u64; GROUP];
        let count = match (usize::from(width), length - out.len()) {
            (9.., _) => return Err(WRONG),
            // Nothing but zeros: as many as are left, each of as many bytes as the number before them.
            (0, left) => GROUP.min(left / bytes_of(unsigned(before)).max(1)),
            (width, _) => GROUP.min(tail.len() / width),
        };
        let (planes, tail) = tail.split_at(usize::from(width) * count);
        rest = tail;
        if count == 0 {
            return Err(WRONG);
        }
        for (place, plane) in planes.chunks_exact(count).enumerate() {
            for (number, byte) in numbers.iter_mut().zip(plane) {
                *number |= u64::from(*byte) << (8 * place);
            }
        }
        for number in &numbers[..count] {
            before = before.wrapping_add(signed(*number).wrapping_mul(divisor));
            put_number(unsigned(before), &mut out);
            if out.len() > length {
                return Err(WRONG);
            }
        }
    }
    Ok(out)
}

/// A number from the zigzag form in which Avro writes it.
fn signed(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// The zigzag form of a number.
fn unsigned(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// Bytes of a number in base 128.
fn bytes_of(number: u64) -> usize {
    (u64::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}

/// Takes a number in base 128, lowest digits first; `None` when the bytes are none, or would be written otherwise.
#[inline]
fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    for (at, &byte) in rest.iter().enumerate() {
        let digits = u64::from(byte & 0x7F);
        if shift == 63 && digits > 1 {
            return None;
        }
        number |= digits << shift;
        if byte < 0x80 {
            *rest = &rest[at + 1..];
            return (byte != 0 || at == 0).then_some(number);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
    None
}

#[inline]
fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpacked(packed: &[u8]) -> Result<Vec<u8>, &'static str> {
        Unpacker::default().unpack(packed)
    }

    /// Columns of a block as Avro writes them: rows, times, prices.
    fn block(seed: i64) -> Vec<u8> {
        let mut out = b"\0\0\0\0\x07\x0eX.VENUE".to_vec();
        let random = |i: i64| (i * 7_919 + seed).wrapping_mul(6_364_136_223_846_793_005) >> 40;
        (1..=4_096).for_each(|row| put_number(unsigned(seed + row), &mut out));
        let (mut time, mut price) = (1_399_161_600_000_000_000, 1_300_000_000_000);
        for i in 0..4_096 {
            time += (random(i) & 0xFFF) * 100_000;
            put_number(unsigned(time), &mut out);
        }
        for i in 0..4_096 {
            price += (random(-i) & 0xF) * 10_000_000 - 75_000_000;
            put_number(unsigned(price), &mut out);
        }
        out
    }

    #[test]
    fn columns_of_numbers_take_a_fraction_of_what_zstd_alone_makes_of_them() {
        let value = block(7);
        let packed = Packer::default().pack(&value).unwrap();
        let alone = zstd::bulk::compress(&value, LEVEL).unwrap();
        assert!(packed.len() * 2 < alone.len(), "{} of {}, zstd {}", packed.len(), value.len(), alone.len());
        assert_eq!((packed[0], unpacked(&packed).unwrap() == value), (NUMBERS, true));
    }

    #[test]
    fn what_is_short_or_does_not_become_shorter_is_stored_as_it_is() {
        let mut packer = Packer::default();
        assert!(packer.pack(&[7; LEAST_BYTES - 1]).is_none());
        assert!(packer.pack(&[7; LEAST_BYTES]).is_some());
        let noise: Vec<u8> =
            (0..5_000_u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect();
        let scrambled: Vec<u8> = noise
            .iter()
            .zip(1_u64..)
            .map(|(byte, i)| byte ^ (i.wrapping_mul(i).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 53) as u8)
            .collect();
        assert!(packer.pack(&scrambled).is_none());
    }

    #[test]
    fn bytes_that_are_no_numbers_are_packed_as_they_are() {
        // Each would be written otherwise: with a superfluous zero, too long, too large, cut off.
        for odd in [&b"\x80\x00"[..], &[0xFF; 11], b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", b"\x80"] {
            let value = [b"text".repeat(1_000).as_slice(), odd].concat();
            let packed = Packer::default().pack(&value).unwrap();
            assert_eq!(packed[0], PLAIN, "{odd:?}");
            assert_eq!(unpacked(&packed).unwrap(), value);
        }
    }

    #[test]
    fn a_length_or_a_method_that_cannot_be_is_an_error() {
        let value = block(1);
        let packed = Packer::default().pack(&value).unwrap();
        let with = |at: usize, bytes: &[u8]| {
            let mut damaged = packed.clone();
            damaged[at..at + bytes.len()].copy_from_slice(bytes);
            unpacked(&damaged).unwrap_err()
        };
        assert_eq!(with(1, &u32::MAX.to_le_bytes()), "its length cannot be right");
        assert_eq!(with(0, &[9]), "it is compressed in a way that this version does not know");
        for wrong in [0, 1, value.len() - 1, value.len() + 1, MOST_BYTES] {
            with(1, &(wrong as u32).to_le_bytes());
        }
        // 32 MiB of zeros that say they are a kilobyte.
        let bomb = zstd::bulk::compress(&vec![0; 32 << 20], LEVEL).unwrap();
        for method in [PLAIN, NUMBERS] {
            let head = [&[method][..], &1_024_u32.to_le_bytes(), &bomb].concat();
            assert_eq!(unpacked(&head).unwrap_err(), "its compressed bytes cannot be read");
        }
    }

    proptest! {
        #[test]
        fn any_value_reads_back(
            pieces in prop::collection::vec(
                prop_oneof![
                    any::<i64>(),
                    -100_i64..100,
                    (0_i64..1_000).prop_map(|n| n * 10_000_000),
                    Just(0),
                    Just(i64::MIN),
                ],
                1_000..3_000,
            ),
            noise in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let mut value = Vec::new();
            pieces.iter().for_each(|number| put_number(unsigned(*number), &mut value));
            let mut differences = Vec::new();
            write_differences(&value, &mut differences).unwrap();
            prop_assert!(differences.len() <= most_differences(value.len()));
            prop_assert!(read_differences(&differences, value.len()).unwrap() == value);
            value.extend(noise);
            if let Some(packed) = Packer::default().pack(&value) {
                prop_assert!(unpacked(&packed).unwrap() == value);
            }
        }

        #[test]
        fn a_run_of_one_number_reads_back(count in 1_usize..3_000, number in any::<i64>()) {
            let mut value = Vec::new();
            (0..count).for_each(|_| put_number(unsigned(number), &mut value));
            let mut differences = Vec::new();
            write_differences(&value, &mut differences).unwrap();
            prop_assert!(read_differences(&differences, value.len()).unwrap() == value);
        }

        #[test]
        fn damaged_bytes_are_an_error_or_a_value_of_the_length_that_they_say(
            at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let mut packed = Packer::default().pack(&block(3)).unwrap();
            let at = at.index(packed.len());
            packed[at] = byte;
            packed.truncate(cut.index(packed.len()) + 1);
            if let Ok(value) = unpacked(&packed) {
                prop_assert_eq!(value.len(), u32::from_le_bytes(packed[1..HEAD].try_into().unwrap()) as usize);
            }
        }
    }
}
