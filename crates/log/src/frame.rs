//! A stored record as bytes: a checksum over everything behind it, then timestamp, key, headers, value. A long value is
//! packed where that makes it shorter; the highest bit of its length says so.

use std::borrow::Cow;
use std::sync::Arc;

use crate::pack::{Packer, Unpacker};
use crate::port::{Header, NewRecord, Record, TopicPartition};

const NO_VALUE: u32 = u32::MAX;
/// In the length of a value: what follows is packed. No value was ever so long; `redb` refuses it.
const PACKED: u32 = 1 << 31;

/// Writes a record.
pub(crate) fn encode(record: &NewRecord, packer: &mut Packer) -> Vec<u8> {
    let packed = record.value.as_deref().and_then(|value| packer.pack(value));
    let value_len = packed.as_ref().or(record.value.as_ref()).map_or(0, Vec::len);
    let headers_len: usize = record.headers.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
    let mut out = Vec::with_capacity(28 + record.key.len() + headers_len + value_len);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&record.timestamp_micros.to_le_bytes());
    put(&mut out, &record.key);
    out.extend_from_slice(&(record.headers.len() as u32).to_le_bytes());
    for (name, value) in &record.headers {
        put(&mut out, name.as_bytes());
        put(&mut out, value);
    }
    match (&packed, &record.value) {
        (Some(packed), _) => {
            out.extend_from_slice(&(packed.len() as u32 | PACKED).to_le_bytes());
            out.extend_from_slice(packed);
        }
        (None, Some(value)) => put(&mut out, value),
        (None, None) => out.extend_from_slice(&NO_VALUE.to_le_bytes()),
    }
    let checksum = crc32fast::hash(&out[4..]);
    out[..4].copy_from_slice(&checksum.to_le_bytes());
    out
}

/// Reads a record; the error says what is wrong with the bytes.
pub(crate) fn decode(
    partition: &Arc<TopicPartition>,
    offset: u64,
    bytes: &[u8],
    unpacker: &mut Unpacker,
) -> Result<Record, &'static str> {
    let (checksum, body) = bytes.split_first_chunk::<4>().ok_or("it is shorter than its checksum")?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err("its checksum does not match");
    }
    let mut rest = body;
    let timestamp_micros = i64::from_le_bytes(*take_chunk::<8>(&mut rest)?);
    let key = take(&mut rest)?.ok_or("it has no key")?.to_vec();
    let count = u32::from_le_bytes(*take_chunk::<4>(&mut rest)?);
    let mut headers: Vec<Header> = Vec::with_capacity(count.min(64) as usize);
    for _ in 0..count {
        let name = take(&mut rest)?.ok_or("a header has no name")?;
        let name = String::from_utf8(name.to_vec()).map_err(|_| "a header's name is no text")?;
        headers.push((Cow::Owned(name), take(&mut rest)?.unwrap_or_default().to_vec()));
    }
    let value = take_value(&mut rest, unpacker)?;
    Ok(Record { partition: partition.clone(), offset, key, headers, value, timestamp_micros })
}

/// About how many bytes of memory a record takes.
pub(crate) fn size(record: &Record) -> usize {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    record.key.len() + headers + record.value.as_ref().map_or(0, Vec::len)
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take_chunk<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], &'static str> {
    let (chunk, tail) = rest.split_first_chunk::<N>().ok_or("it ends early")?;
    *rest = tail;
    Ok(chunk)
}

fn take<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, &'static str> {
    let len = u32::from_le_bytes(*take_chunk::<4>(rest)?);
    if len == NO_VALUE {
        return Ok(None);
    }
    let (bytes, tail) = rest.split_at_checked(len as usize).ok_or("it ends early")?;
    *rest = tail;
    Ok(Some(bytes))
}

fn take_value(rest: &mut &[u8], unpacker: &mut Unpacker) -> Result<Option<Vec<u8>>, &'static str> {
    let length = *rest.first_chunk::<4>().ok_or("it ends early")?;
    let length = u32::from_le_bytes(length);
    if length == NO_VALUE || length & PACKED == 0 {
        return Ok(take(rest)?.map(<[u8]>::to_vec));
    }
    let packed = rest[4..].get(..(length & !PACKED) as usize).ok_or("it ends early")?;
    unpacker.unpack(packed).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(record: &NewRecord) -> Vec<u8> {
        super::encode(record, &mut Packer::default())
    }

    fn decode(partition: &Arc<TopicPartition>, offset: u64, bytes: &[u8]) -> Result<Record, &'static str> {
        super::decode(partition, offset, bytes, &mut Unpacker::default())
    }

    fn record() -> NewRecord {
        NewRecord {
            topic: "t".into(),
            key: b"key".to_vec(),
            headers: vec![("ce_id".into(), b"1".to_vec())],
            value: Some(b"value".to_vec()),
            timestamp_micros: 7,
        }
    }

    #[test]
    fn a_record_reads_back_and_any_flipped_bit_is_found() {
        let partition = Arc::new(TopicPartition::new("t", 0));
        let bytes = encode(&record());
        let read = decode(&partition, 3, &bytes).unwrap();
        assert_eq!((read.key, read.headers, read.value), (record().key, record().headers, record().value));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&partition, 3, &damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_long_value_is_stored_in_few_bytes_and_damage_to_them_is_found() {
        let partition = Arc::new(TopicPartition::new("t", 0));
        let long = NewRecord { value: Some(b"0123456789".repeat(1_000)), ..record() };
        let bytes = encode(&long);
        assert!(bytes.len() < 500, "{} bytes", bytes.len());
        assert_eq!(decode(&partition, 3, &bytes).unwrap().value, long.value);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&partition, 3, &damaged).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_tombstone_stays_one() {
        let tombstone = NewRecord { value: None, ..record() };
        assert_eq!(decode(&TopicPartition::new("t", 0).into(), 0, &encode(&tombstone)).unwrap().value, None);
    }
}
