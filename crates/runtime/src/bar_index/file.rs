//! The index of one partition as a file's bytes. A file that is damaged, of another release or of another log is none.

use gauntlet_domain::{BarSpec, ContentHash, Timestamp};
use gauntlet_log::Record;
use gauntlet_wire::registry::VERSIONS;
use sha2::{Digest, Sha256};

use super::Indexed;
use super::stretches::{Limits, Series, Stretch, Stretches, Withdrawn};

/// A record that has been taken in, to know the log by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) offset: u64,
    pub(super) sha256: ContentHash,
}

impl Mark {
    /// Of a record. Its time is the writer's clock, so the same bar on a log that was made again has another mark.
    pub(super) fn of(record: &Record) -> Mark {
        let mut hasher = Sha256::new();
        hasher.update(record.timestamp_micros.to_le_bytes());
        hasher.update((record.key.len() as u64).to_le_bytes());
        hasher.update(&record.key);
        hasher.update(record.value.as_deref().unwrap_or_default());
        Mark { offset: record.offset, sha256: ContentHash(hasher.finalize().into()) }
    }
}

/// What the bytes depend on besides the log. Another release may read records that this one cannot, and would miss them.
fn made_by(limits: &Limits) -> String {
    format!("bar index 2, {}, {} record versions, {limits:?}", env!("CARGO_PKG_VERSION"), VERSIONS.len())
}

/// Writes an index, with the hash of everything at the end.
pub(super) fn encode(indexed: &Indexed, limits: &Limits) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, made_by(limits).as_bytes());
    put_number(&mut out, indexed.next);
    let (offset, sha256) = indexed.mark.map_or((u64::MAX, [0; 32]), |mark| (mark.offset, mark.sha256.0));
    put_number(&mut out, offset);
    out.extend_from_slice(&sha256);
    for (key, of_key) in &indexed.stretches.series {
        for (spec, Series { stretches, revision, withdrawn }) in of_key {
            put(&mut out, key);
            put(&mut out, spec.to_string().as_bytes());
            out.extend_from_slice(&revision.to_le_bytes());
            put_number(&mut out, withdrawn.len() as u64);
            for Withdrawn { offset, revision, since, from, to } in withdrawn {
                put_number(&mut out, *offset);
                [*revision, *since, from.0, to.0]
                    .into_iter()
                    .for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
            }
            put_number(&mut out, stretches.len() as u64);
            for stretch in stretches {
                let Stretch { first, last, bars, earliest_open, latest_open, earliest_close } = *stretch;
                [first, last, bars.into()].into_iter().for_each(|number| put_number(&mut out, number));
                [earliest_open, latest_open, earliest_close]
                    .into_iter()
                    .for_each(|time| out.extend_from_slice(&time.to_le_bytes()));
            }
        }
    }
    let hash = Sha256::digest(&out);
    out.extend_from_slice(&hash);
    out
}

/// Reads what [`encode`] wrote with the same limits; `None` when it is anything else.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Option<Indexed> {
    let (body, hash) = bytes.split_last_chunk::<32>()?;
    if Sha256::digest(body).as_slice() != hash {
        return None;
    }
    let rest = &mut &*body;
    if take(rest)? != made_by(limits).as_bytes() {
        return None;
    }
    let next = take_number(rest)?;
    let offset = take_number(rest)?;
    let sha256 = ContentHash(take_chunk::<32>(rest)?);
    let mut stretches = Stretches::default();
    while !rest.is_empty() {
        let key = take(rest)?.to_vec();
        let spec: BarSpec = std::str::from_utf8(take(rest)?).ok()?.parse().ok()?;
        let revision = i64::from_le_bytes(take_chunk(rest)?);
        let withdrawn = take_list(rest, take_withdrawn)?;
        let list = take_list(rest, take_stretch)?;
        stretches
            .series
            .entry(key)
            .or_default()
            .insert(spec, Series { stretches: list, revision, withdrawn });
    }
    let mark = (offset != u64::MAX).then_some(Mark { offset, sha256 });
    Some(Indexed { next, mark, stretches })
}

fn take_list<T>(rest: &mut &[u8], take_one: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = take_number(rest)?;
    (0..count).map(|_| take_one(rest)).collect()
}

fn take_withdrawn(rest: &mut &[u8]) -> Option<Withdrawn> {
    let offset = take_number(rest)?;
    let [revision, since] = [take_chunk(rest)?, take_chunk(rest)?].map(i64::from_le_bytes);
    let [from, to] = [take_chunk(rest)?, take_chunk(rest)?].map(|time| Timestamp(i64::from_le_bytes(time)));
    Some(Withdrawn { offset, revision, since, from, to })
}

fn take_stretch(rest: &mut &[u8]) -> Option<Stretch> {
    Some(Stretch {
        first: take_number(rest)?,
        last: take_number(rest)?,
        bars: take_number(rest)?.try_into().ok()?,
        earliest_open: i64::from_le_bytes(take_chunk(rest)?),
        latest_open: i64::from_le_bytes(take_chunk(rest)?),
        earliest_close: i64::from_le_bytes(take_chunk(rest)?),
    })
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn take_chunk<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*chunk)
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    take_chunk(rest).map(u64::from_le_bytes)
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    let (bytes, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn indexed() -> Indexed {
        let stretch =
            Stretch { first: 3, last: 9, bars: 5, earliest_open: -7, latest_open: 60, earliest_close: -1 };
        let mut stretches = Stretches::default();
        let of_key = stretches.series.entry(b"A.X".to_vec()).or_default();
        let withdrawn =
            vec![Withdrawn { offset: 7, revision: 3, since: 1, from: Timestamp(-5), to: Timestamp(4) }];
        let series = Series { stretches: vec![stretch; 2], revision: 2, withdrawn };
        of_key.insert(BarSpec::Time { seconds: 60 }, series);
        let mark = Mark { offset: 11, sha256: ContentHash([7; 32]) };
        Indexed { next: 12, mark: Some(mark), stretches }
    }

    #[test]
    fn an_index_reads_back_and_anything_else_is_none() {
        let limits = Limits::default();
        let bytes = encode(&indexed(), &limits);
        assert_eq!(decode(&bytes, &limits), Some(indexed()));
        assert_eq!(decode(&encode(&Indexed::default(), &limits), &limits), Some(Indexed::default()));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged, &limits), None, "byte {at}");
            assert_eq!(decode(&bytes[..at], &limits), None, "cut at {at}");
        }
        assert_eq!(decode(&bytes, &Limits { bars: 3, ..limits }), None, "other limits");
    }
}
