//! Values, their total order, and keys as bytes that sort as the values do.

use std::cmp::Ordering;

use crate::schema::{Column, Kind};

/// What a column of a row holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing: never written, undefined, or taken back.
    Null,
    /// UTF-8 text.
    Text(String),
    /// A whole number.
    Long(i64),
    /// A finite number.
    Double(f64),
    /// Yes or no.
    Bool(bool),
    /// Nanoseconds since the epoch, UTC.
    Timestamp(i64),
}

impl Value {
    /// The kind; none for [`Value::Null`], which fits any column.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Value::Null => None,
            Value::Text(_) => Some(Kind::Text),
            Value::Long(_) => Some(Kind::Long),
            Value::Double(_) => Some(Kind::Double),
            Value::Bool(_) => Some(Kind::Bool),
            Value::Timestamp(_) => Some(Kind::Timestamp),
        }
    }

    /// True for [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_long(&self) -> Option<i64> {
        match self {
            Value::Long(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Value::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// Yes or no, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    /// Nanoseconds since the epoch, if it is a time.
    pub fn as_timestamp(&self) -> Option<i64> {
        match self {
            Value::Timestamp(nanos) => Some(*nanos),
            _ => None,
        }
    }

    /// Which of two values with one stamp stays: CQL's rule, so that every store keeps the same one. A null (there, a
    /// tombstone) beats a value; of two values the one with the greater bytes stays, numbers as big-endian two's
    /// complement or IEEE bits *without* regard to the sign. Arbitrary, but the same everywhere.
    pub fn cmp_at_equal_stamps(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Null, _) | (_, Value::Null) => self.is_null().cmp(&other.is_null()),
            (Value::Long(a), Value::Long(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => {
                (*a as u64).cmp(&(*b as u64))
            }
            (Value::Double(a), Value::Double(b)) => a.to_bits().cmp(&b.to_bits()),
            // Text and booleans are their own bytes; two kinds never meet in a column.
            _ => self.cmp(other),
        }
    }

    /// Place of the kind in the order, and the first byte of a value in a key.
    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Text(_) => 1,
            Value::Long(_) => 2,
            Value::Double(_) => 3,
            Value::Bool(_) => 4,
            Value::Timestamp(_) => 5,
        }
    }
}

impl Ord for Value {
    /// Null first, then by kind, then by content: text by its bytes, doubles by `total_cmp`.
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (Value::Long(a), Value::Long(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
            (Value::Double(a), Value::Double(b)) => a.total_cmp(b),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Long(number)
    }
}

impl From<f64> for Value {
    /// What is not finite is undefined.
    fn from(number: f64) -> Value {
        if number.is_finite() { Value::Double(number) } else { Value::Null }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// Appends a key's values as bytes whose order is the order of the values, column by column, a descending column the
/// other way round. A value's bytes tell where they end, so the bytes of the first columns are a prefix that no other
/// values of these columns share.
pub(crate) fn encode_key<'a>(columns: impl Iterator<Item = &'a Column>, values: &[Value], out: &mut Vec<u8>) {
    for (column, value) in columns.zip(values) {
        let start = out.len();
        encode(value, out);
        if column.descending {
            out[start..].iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
}

/// The values of a key, or none when the bytes are not such a key.
pub(crate) fn decode_key<'a>(
    columns: impl Iterator<Item = &'a Column>,
    mut bytes: &[u8],
) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    for column in columns {
        let (value, used) = decode(bytes, if column.descending { 0xFF } else { 0 })?;
        values.push(value);
        bytes = &bytes[used..];
    }
    bytes.is_empty().then_some(values)
}

/// Bytes of a key's first value, if there is one.
pub(crate) fn encoded_len(column: &Column, bytes: &[u8]) -> Option<usize> {
    decode(bytes, if column.descending { 0xFF } else { 0 }).map(|(_, used)| used)
}

/// Appends one value: its rank, then its content. Text ends with two zero bytes, and a zero byte in it is followed by
/// 0xFF; numbers are big-endian with the sign turned so that negative ones come first.
pub(crate) fn encode(value: &Value, out: &mut Vec<u8>) {
    out.push(value.rank());
    match value {
        Value::Null => {}
        Value::Text(text) => {
            for &byte in text.as_bytes() {
                out.push(byte);
                if byte == 0 {
                    out.push(0xFF);
                }
            }
            out.extend_from_slice(&[0, 0]);
        }
        Value::Long(number) | Value::Timestamp(number) => {
            out.extend_from_slice(&(*number as u64 ^ SIGN).to_be_bytes());
        }
        Value::Double(number) => {
            let bits = number.to_bits();
            let ordered = if bits & SIGN == 0 { bits ^ SIGN } else { !bits };
            out.extend_from_slice(&ordered.to_be_bytes());
        }
        Value::Bool(flag) => out.push(u8::from(*flag)),
    }
}

const SIGN: u64 = 1 << 63;

/// Reads one value whose bytes were all xor-ed with `mask`; answers it and the number of bytes it took.
fn decode(bytes: &[u8], mask: u8) -> Option<(Value, usize)> {
    let number = || {
        let eight = bytes.get(1..9)?.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(byte ^ mask));
        Some(eight)
    };
    match bytes.first()? ^ mask {
        0 => Some((Value::Null, 1)),
        1 => {
            let mut text = Vec::new();
            let mut at = 1;
            loop {
                match (bytes.get(at)? ^ mask, bytes.get(at + 1).map(|next| next ^ mask)) {
                    (0, Some(0)) => return Some((Value::Text(String::from_utf8(text).ok()?), at + 2)),
                    (0, Some(0xFF)) => {
                        text.push(0);
                        at += 2;
                    }
                    (0, _) => return None,
                    (byte, _) => {
                        text.push(byte);
                        at += 1;
                    }
                }
            }
        }
        2 => Some((Value::Long((number()? ^ SIGN) as i64), 9)),
        3 => {
            let ordered = number()?;
            let bits = if ordered & SIGN == 0 { !ordered } else { ordered ^ SIGN };
            Some((Value::Double(f64::from_bits(bits)), 9))
        }
        4 => Some((Value::Bool(bytes.get(1)? ^ mask != 0), 2)),
        5 => Some((Value::Timestamp((number()? ^ SIGN) as i64), 9)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::column;

    const ASCENDING: Column = column("a", Kind::Text);
    const DESCENDING: Column = column("d", Kind::Text).descending();

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            // A small alphabet with the zero byte, so that prefixes and escapes meet.
            "[\\x00\\x01ab\u{7f}é]{0,4}".prop_map(Value::Text),
            any::<i64>().prop_map(Value::Long),
            (-3..3_i64).prop_map(Value::Long),
            prop::num::f64::ANY.prop_map(Value::Double),
            Just(Value::Double(-0.0)),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Timestamp),
        ]
    }

    fn bytes(columns: &[Column], values: &[Value]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_key(columns.iter(), values, &mut out);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn keys_sort_as_their_values_do(
            a in (any_value(), any_value(), any_value()),
            b in (any_value(), any_value(), any_value()),
        ) {
            let columns = [ASCENDING, DESCENDING, ASCENDING];
            let expected = a.0.cmp(&b.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2));
            let (a, b) = ([a.0, a.1, a.2], [b.0, b.1, b.2]);
            prop_assert_eq!(bytes(&columns, &a).cmp(&bytes(&columns, &b)), expected);
        }

        #[test]
        fn a_key_reads_back(a in any_value(), b in any_value()) {
            let columns = [DESCENDING, ASCENDING];
            let values = vec![a, b];
            prop_assert_eq!(decode_key(columns.iter(), &bytes(&columns, &values)), Some(values));
        }

        #[test]
        fn no_partition_is_a_prefix_of_another(a in any_value(), b in any_value()) {
            let (one, other) = (bytes(&[ASCENDING], std::slice::from_ref(&a)), bytes(&[ASCENDING], std::slice::from_ref(&b)));
            prop_assert_eq!(other.starts_with(&one), a == b);
        }

        #[test]
        fn damaged_bytes_are_no_key_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            let columns = [ASCENDING, DESCENDING];
            if let Some(values) = decode_key(columns.iter(), &bytes) {
                prop_assert_eq!(values.len(), 2);
            }
        }

        #[test]
        fn one_of_two_values_stays_whichever_comes_first(a in any_value(), b in any_value()) {
            prop_assert_eq!(a.cmp_at_equal_stamps(&b), b.cmp_at_equal_stamps(&a).reverse());
        }
    }

    #[test]
    fn at_equal_stamps_a_null_stays_and_then_the_greater_bytes() {
        let stays = |a: Value, b: Value| assert_eq!(a.cmp_at_equal_stamps(&b), Ordering::Greater);
        stays(Value::Null, "text".into());
        stays("b".into(), "abc".into());
        // As bytes, -1 is 0xFF… and stays against every positive number.
        stays(Value::Long(-1), Value::Long(i64::MAX));
        stays(Value::Double(-1.0), Value::Double(1.0));
        stays(true.into(), false.into());
    }

    #[test]
    fn what_is_not_finite_is_undefined() {
        assert!(Value::from(f64::NAN).is_null() && Value::from(f64::INFINITY).is_null());
        assert_eq!(Value::from(Some(0.5)), Value::Double(0.5));
        assert!(Value::from(None::<i64>).is_null());
    }
}
