//! Rows as bytes, and how two versions of a row merge.
//!
//! A row is the CRC-32 of what follows, then its cells by column: place, stamp (zigzag varint), tag, content. Most
//! stamps are small numbers, so a stamp a cell costs one byte. Long texts are compressed.

use std::cmp::Ordering;

use crate::long_text;
use crate::packed::bytes::{put_varint, take, take_slice, take_varint, unzigzag, zigzag};
use crate::value::Value;

/// A cell as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Place of its column in the table.
    pub(crate) column: u8,
    /// When it was written, in the events' own time.
    pub(crate) stamp: i64,
    /// What it holds; a null is kept, so that it can win against an older value.
    pub(crate) value: Value,
}

impl Cell {
    /// Whether this cell stays when the other one is written to the same column.
    fn stays_against(&self, other: &Cell) -> bool {
        let stamps = self.stamp.cmp(&other.stamp);
        stamps.then_with(|| self.value.cmp_at_equal_stamps(&other.value)) != Ordering::Less
    }
}

/// Sorts cells by column and keeps of each the one that stays.
pub(crate) fn settle(cells: &mut Vec<Cell>) {
    if cells.windows(2).all(|pair| pair[0].column < pair[1].column) {
        return;
    }
    cells.sort_by_key(|cell| cell.column);
    cells.dedup_by(|later, kept| {
        let same = later.column == kept.column;
        if same && !kept.stays_against(later) {
            std::mem::swap(kept, later);
        }
        same
    });
}

/// Cells as bytes; they are settled.
pub(crate) fn encode(cells: &[Cell], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&[0; 4]);
    for cell in cells {
        out.push(cell.column);
        put_varint(zigzag(cell.stamp), out);
        match &cell.value {
            Value::Null => out.push(0),
            Value::Text(text) => match long_text::compressed(text) {
                None => {
                    out.push(1);
                    put_varint(text.len() as u64, out);
                    out.extend_from_slice(text.as_bytes());
                }
                Some(bytes) => {
                    out.push(7);
                    put_varint(text.len() as u64, out);
                    put_varint(bytes.len() as u64, out);
                    out.extend_from_slice(&bytes);
                }
            },
            Value::Long(number) => {
                out.push(2);
                put_varint(zigzag(*number), out);
            }
            Value::Double(number) => {
                out.push(3);
                out.extend_from_slice(&number.to_bits().to_le_bytes());
            }
            Value::Bool(flag) => out.push(4 + u8::from(*flag)),
            Value::Timestamp(nanos) => {
                out.push(6);
                out.extend_from_slice(&nanos.to_le_bytes());
            }
        }
    }
    let checksum = crc32fast::hash(&out[4..]);
    out[..4].copy_from_slice(&checksum.to_le_bytes());
}

/// The cells in the bytes, or what is wrong with them.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Cell>, &'static str> {
    let (checksum, mut rest) = bytes.split_first_chunk::<4>().ok_or("the row has no checksum")?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*checksum) {
        return Err("the row fails its checksum");
    }
    let mut cells = Vec::new();
    while !rest.is_empty() {
        cells.push(decode_cell(&mut rest).ok_or("a cell of the row cannot be read")?);
    }
    Ok(cells)
}

fn decode_cell(rest: &mut &[u8]) -> Option<Cell> {
    let column = take::<1>(rest)?[0];
    let stamp = unzigzag(take_varint(rest)?);
    let value = match take::<1>(rest)?[0] {
        0 => Value::Null,
        1 => Value::Text(std::str::from_utf8(take_part(rest)?).ok()?.to_owned()),
        2 => Value::Long(unzigzag(take_varint(rest)?)),
        3 => Value::Double(f64::from_bits(u64::from_le_bytes(take(rest)?))),
        4 => Value::Bool(false),
        5 => Value::Bool(true),
        6 => Value::Timestamp(i64::from_le_bytes(take(rest)?)),
        7 => {
            let len = usize::try_from(take_varint(rest)?).ok()?;
            Value::Text(long_text::decompressed(take_part(rest)?, len)?)
        }
        _ => return None,
    };
    Some(Cell { column, stamp, value })
}

/// Bytes behind their number.
fn take_part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take_varint(rest)?).ok()?;
    take_slice(rest, len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_cells() -> impl Strategy<Value = Vec<Cell>> {
        // Few columns, stamps and values, so that every kind of meeting happens. A column has one kind.
        let cell = (0..4_u8, 0..3_i64, 0..3_i64).prop_map(|(column, stamp, number)| {
            let value = match (column, number) {
                (_, 2) => Value::Null,
                (0, n) => Value::Text("x".repeat(n as usize)),
                (1, n) => Value::Long(n * 2 - 1),
                (2, n) => Value::Double(n as f64 - 0.5),
                (_, n) => Value::Bool(n == 1),
            };
            Cell { column, stamp, value }
        });
        prop::collection::vec(cell, 0..8)
    }

    fn settled(cells: &[Cell]) -> Vec<Cell> {
        let mut cells = cells.to_vec();
        settle(&mut cells);
        cells
    }

    fn bytes(cells: &[Cell]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(cells, &mut out);
        out
    }

    proptest! {
        #[test]
        fn the_order_of_writes_and_their_number_do_not_matter(a in any_cells(), b in any_cells()) {
            let once = settled(&[a.clone(), b.clone()].concat());
            prop_assert_eq!(&settled(&[b.clone(), a.clone()].concat()), &once);
            prop_assert_eq!(&settled(&[settled(&b), settled(&a), b, a].concat()), &once);
            prop_assert_eq!(&settled(&once), &once);
        }

        #[test]
        fn cells_read_back(
            cells in any_cells(),
            stamp in any::<i64>(),
            number in any::<i64>(),
            text in r"\PC{0,1200}",
        ) {
            let mut cells = settled(&cells);
            cells.push(Cell { column: 9, stamp, value: Value::Long(number) });
            cells.push(Cell { column: 10, stamp: 1, value: Value::Timestamp(number) });
            cells.push(Cell { column: 11, stamp, value: Value::Text(text) });
            prop_assert_eq!(decode(&bytes(&cells)), Ok(cells));
        }

        #[test]
        fn a_document_takes_a_fraction_of_its_length(numbers in prop::collection::vec(0..1_000_u32, 200)) {
            let document = format!("{{{}}}", numbers.iter().map(|n| format!("\"metric\":{n},")).collect::<String>());
            let cells = vec![Cell { column: 0, stamp: 1, value: Value::Text(document.clone()) }];
            prop_assert!(bytes(&cells).len() * 3 < document.len());
            prop_assert_eq!(decode(&bytes(&cells)), Ok(cells));
        }

        #[test]
        fn one_flipped_bit_is_found(cells in any_cells(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let mut damaged = bytes(&settled(&cells));
            let at = at.index(damaged.len());
            damaged[at] ^= 1_u8 << bit;
            prop_assert!(decode(&damaged).is_err());
        }
    }
}
