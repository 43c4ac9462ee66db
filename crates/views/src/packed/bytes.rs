//! Numbers as bytes and back: what the columns of a block are made of. Reading answers `None` where the bytes are not
//! what writing makes.

/// The zigzag form of a number: small for small numbers, whatever their sign.
pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// A number from its zigzag form.
pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Appends a number in base 128, lowest digits first.
pub(crate) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number in base 128.
pub(crate) fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(rest)?;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Takes a length that cannot be greater than `most`.
pub(crate) fn take_count(rest: &mut &[u8], most: usize) -> Option<usize> {
    usize::try_from(take_varint(rest)?).ok().filter(|count| *count <= most)
}

/// Takes so many bytes.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

/// Takes a slice of so many bytes.
pub(crate) fn take_slice<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

/// Appends numbers byte by byte: the lowest bytes of all, then the next ones, `width` of them. Bytes of one place are
/// alike, and a compressor finds that.
pub(crate) fn put_planes(numbers: &[u64], width: u32, out: &mut Vec<u8>) {
    for place in 0..width {
        out.extend(numbers.iter().map(|number| (number >> (8 * place)) as u8));
    }
}

/// Takes so many numbers of so many bytes.
pub(crate) fn take_planes(rest: &mut &[u8], count: usize, width: u32) -> Option<Vec<u64>> {
    let mut numbers = vec![0; count];
    for place in 0..width {
        let plane = take_slice(rest, count)?;
        for (number, byte) in numbers.iter_mut().zip(plane) {
            *number |= u64::from(*byte) << (8 * place);
        }
    }
    Some(numbers)
}

/// Bytes that the greatest of some numbers has.
pub(crate) fn width(numbers: &[u64]) -> u32 {
    let all = numbers.iter().fold(0, |all, number| all | number);
    (u64::BITS - all.leading_zeros()).div_ceil(8)
}

/// Appends whole numbers: their differences, or the differences of these where that is shorter, in units of what divides
/// all of them (the length of a bar, the tick of a price).
pub(crate) fn put_longs(numbers: &[i64], out: &mut Vec<u8>) {
    let Some(first) = numbers.first() else { return };
    put_varint(zigzag(*first), out);
    let mut once: Vec<i64> = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let divisor = common_divisor(&once);
    put_varint(divisor.cast_unsigned(), out);
    if divisor == 0 {
        return;
    }
    once.iter_mut().for_each(|difference| *difference /= divisor);
    let before = std::iter::once(0).chain(once.iter().copied());
    let twice: Vec<i64> = once.iter().zip(before).map(|(now, before)| now.wrapping_sub(before)).collect();
    let bytes = |numbers: &[i64]| {
        let mut bytes = Vec::with_capacity(numbers.len() * 2);
        numbers.iter().for_each(|number| put_varint(zigzag(*number), &mut bytes));
        bytes
    };
    let (once, twice) = (bytes(&once), bytes(&twice));
    let is_twice = twice.len() <= once.len();
    out.push(u8::from(is_twice));
    out.extend(if is_twice { twice } else { once });
}

/// Takes so many whole numbers.
pub(crate) fn take_longs(rest: &mut &[u8], count: usize) -> Option<Vec<i64>> {
    if count == 0 {
        return Some(Vec::new());
    }
    let mut number = unzigzag(take_varint(rest)?);
    let divisor = take_varint(rest)?.cast_signed();
    if divisor == 0 {
        return Some(vec![number; count]);
    }
    let [is_twice] = take(rest)?;
    let mut numbers = Vec::with_capacity(count);
    numbers.push(number);
    let mut difference = 0_i64;
    for _ in 1..count {
        let read = unzigzag(take_varint(rest)?);
        difference = if is_twice == 1 { difference.wrapping_add(read) } else { read };
        number = number.wrapping_add(difference.wrapping_mul(divisor));
        numbers.push(number);
    }
    Some(numbers)
}

/// The greatest number that divides all; 0 when all are zero.
fn common_divisor(numbers: &[i64]) -> i64 {
    let mut divisor = 0;
    for number in numbers {
        let mut left = number.unsigned_abs();
        while left != 0 {
            (divisor, left) = (left, divisor % left);
        }
        if divisor == 1 {
            break;
        }
    }
    // The smallest number has no counterpart above zero.
    i64::try_from(divisor).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(numbers: &[i64]) -> (Option<Vec<i64>>, usize) {
        let mut bytes = Vec::new();
        put_longs(numbers, &mut bytes);
        let mut rest = bytes.as_slice();
        let read = take_longs(&mut rest, numbers.len());
        assert!(rest.is_empty());
        (read, bytes.len())
    }

    #[test]
    fn times_of_bars_take_a_byte_each_and_equal_numbers_none() {
        let hours: Vec<i64> = (0..1_000).map(|i| 1_700_000_000_000_000_000 + i * 3_600_000_000_000).collect();
        let (same, bytes) = read(&hours);
        assert!(same.unwrap() == hours && bytes < 1_020, "{bytes}");
        let (same, bytes) = read(&[-7; 1_000]);
        assert!(same.unwrap() == [-7; 1_000] && bytes < 4, "{bytes}");
    }

    proptest! {
        #[test]
        fn whole_numbers_read_back(
            numbers in prop::collection::vec(
                prop_oneof![any::<i64>(), -9_i64..9, Just(i64::MIN), Just(i64::MAX), (0_i64..99).prop_map(|n| n * 3_600)],
                0..60,
            ),
        ) {
            prop_assert_eq!(read(&numbers).0, Some(numbers));
        }

        #[test]
        fn planes_read_back(numbers in prop::collection::vec(any::<u64>(), 0..60), shift in 0_u32..64) {
            let numbers: Vec<u64> = numbers.iter().map(|number| number >> shift).collect();
            let mut bytes = Vec::new();
            put_planes(&numbers, width(&numbers), &mut bytes);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take_planes(&mut rest, numbers.len(), width(&numbers)), Some(numbers));
        }

        #[test]
        fn damaged_bytes_are_no_numbers_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            take_longs(&mut bytes.as_slice(), 9);
            take_planes(&mut bytes.as_slice(), 9, 3);
        }
    }
}
