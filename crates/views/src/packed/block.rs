//! A block: rows as bytes, column by column, and back.
//!
//! A block is the CRC-32 of its key and of what follows, the number of rows, the last row's key, the length of the
//! columns, and the columns, compressed by zstd. A column is which rows hold a cell, a null or nothing, the stamps, and
//! the values: texts as a dictionary and places in it, whole numbers and times as differences, doubles as in
//! `doubles`.

use std::collections::BTreeMap;

use zstd::bulk::{Compressor, Decompressor};

use super::bytes::{put_longs, put_varint, take_count, take_longs, take_slice};
use super::doubles::{put_doubles, take_doubles};
use crate::port::Row;
use crate::row_bytes::Cell;
use crate::schema::{Kind, Table};
use crate::value::{self, Value};

/// Rows that a block may say to hold, so that no damage makes a reader ask for more memory.
const MOST_ROWS: usize = 1 << 16;
/// Bytes that its columns may say to take.
const MOST_BYTES: usize = 1 << 30;
/// Higher levels gain a thirtieth and take several times as long.
const LEVEL: i32 = 3;

/// A row to be written: its key, as values (where it goes into a block) and as bytes, and its cells, settled.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: Vec<Value>,
    pub(crate) key_bytes: Vec<u8>,
    pub(crate) cells: Vec<Cell>,
}

/// No cell was ever written.
const ABSENT: u8 = 0;
/// A null was written.
const NULL: u8 = 1;
/// There is a value.
const VALUE: u8 = 2;

/// Makes blocks, one after the other.
#[derive(Default)]
pub(crate) struct Packer {
    zstd: Option<Compressor<'static>>,
    body: Vec<u8>,
}

impl Packer {
    /// The bytes of a block; its rows are sorted by key, and there is one at least. The error is the system's.
    pub(crate) fn pack(&mut self, table: &Table, rows: &[Entry]) -> std::io::Result<Vec<u8>> {
        self.body.clear();
        let Packer { body, zstd } = self;
        for (place, column) in table.key().enumerate() {
            put_values(column.kind, rows.len(), rows.iter().map(|row| &row.key[place]), body);
        }
        // Cells come by column: each row's are passed through once.
        let mut next = vec![0; rows.len()];
        for (place, column) in table.stored().enumerate() {
            let mut cells: Vec<Option<&Cell>> = Vec::with_capacity(rows.len());
            for (row, next) in rows.iter().zip(&mut next) {
                let cell = row.cells.get(*next).filter(|cell| usize::from(cell.column) == place);
                *next += usize::from(cell.is_some());
                cells.push(cell);
            }
            put_column(column.kind, &cells, body);
        }
        let zstd = match zstd {
            Some(zstd) => zstd,
            none => none.insert(Compressor::new(LEVEL)?),
        };
        let columns = zstd.compress(body)?;
        let (first, last) = (&rows[0].key_bytes, &rows[rows.len() - 1].key_bytes);
        let mut out = Vec::with_capacity(columns.len() + last.len() + 16);
        out.extend_from_slice(&[0; 4]);
        put_varint(rows.len() as u64, &mut out);
        put_varint(last.len() as u64, &mut out);
        out.extend_from_slice(last);
        put_varint(body.len() as u64, &mut out);
        out.extend_from_slice(&columns);
        let sum = checksum(first, &out[4..]);
        out[..4].copy_from_slice(&sum.to_le_bytes());
        Ok(out)
    }
}

fn checksum(key: &[u8], bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(bytes);
    hasher.finalize()
}

fn put_column(kind: Kind, cells: &[Option<&Cell>], out: &mut Vec<u8>) {
    let state = |cell: &Option<&Cell>| match cell {
        None => ABSENT,
        Some(cell) if cell.value.is_null() => NULL,
        Some(_) => VALUE,
    };
    out.extend(cells.iter().map(state));
    let stamps: Vec<i64> = cells.iter().flatten().map(|cell| cell.stamp).collect();
    put_longs(&stamps, out);
    let values = || cells.iter().flatten().map(|cell| &cell.value).filter(|value| !value.is_null());
    put_values(kind, values().count(), values(), out);
}

/// Appends values of one kind; there is none of another among them.
fn put_values<'a>(kind: Kind, count: usize, values: impl Iterator<Item = &'a Value>, out: &mut Vec<u8>) {
    match kind {
        Kind::Text => put_texts(values.filter_map(Value::as_text), out),
        Kind::Long => put_longs(&values.filter_map(Value::as_long).collect::<Vec<_>>(), out),
        Kind::Timestamp => put_longs(&values.filter_map(Value::as_timestamp).collect::<Vec<_>>(), out),
        Kind::Bool => out.extend(values.filter_map(Value::as_bool).map(u8::from)),
        Kind::Double => {
            let mut numbers = Vec::with_capacity(count);
            numbers.extend(values.filter_map(Value::as_double));
            put_doubles(&numbers, out);
        }
    }
}

/// Appends the different texts in the order in which they come, then of each text its place among them.
fn put_texts<'a>(texts: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    let mut places = BTreeMap::new();
    let (mut dictionary, mut indices) = (Vec::new(), Vec::new());
    for text in texts {
        let index = *places.entry(text).or_insert_with(|| {
            dictionary.push(text);
            dictionary.len() as i64 - 1
        });
        indices.push(index);
    }
    put_varint(dictionary.len() as u64, out);
    dictionary.iter().for_each(|text| put_varint(text.len() as u64, out));
    dictionary.iter().for_each(|text| out.extend_from_slice(text.as_bytes()));
    put_longs(&indices, out);
}

/// What a block says of itself before its columns.
pub(crate) struct Head<'a> {
    /// Number of rows.
    pub(crate) rows: usize,
    /// The key of the last row.
    pub(crate) last: &'a [u8],
    body: usize,
    columns: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads it, and whether the block is whole.
    pub(crate) fn read(key: &[u8], bytes: &'a [u8]) -> Result<Head<'a>, &'static str> {
        let (sum, mut rest) = bytes.split_first_chunk::<4>().ok_or("the block has no checksum")?;
        if checksum(key, rest) != u32::from_le_bytes(*sum) {
            return Err("the block fails its checksum");
        }
        let mut read = || {
            let rows = take_count(&mut rest, MOST_ROWS)?;
            let len = take_count(&mut rest, MOST_BYTES)?;
            let last = take_slice(&mut rest, len)?;
            let body = take_count(&mut rest, MOST_BYTES)?;
            Some(Head { rows, last, body, columns: rest })
        };
        read().ok_or("the block's head cannot be read")
    }

    /// The columns.
    pub(crate) fn columns(&self, table: &'static Table) -> Result<Columns, &'static str> {
        let body = Decompressor::new().and_then(|mut zstd| zstd.decompress(self.columns, self.body));
        let body = body.map_err(|_| "the block's compressed bytes cannot be read")?;
        let mut rest = body.as_slice();
        let columns = Columns::take(table, self.rows, &mut rest).filter(|_| rest.is_empty());
        columns.ok_or("a column of the block cannot be read")
    }
}

/// The rows of a block, column by column.
pub(crate) struct Columns {
    table: &'static Table,
    /// Number of rows.
    pub(crate) rows: usize,
    keys: Vec<Values>,
    cells: Vec<Cells>,
}

struct Cells {
    states: Vec<u8>,
    /// Of each cell that was written.
    stamps: Vec<i64>,
    values: Values,
}

enum Values {
    Texts(Vec<String>, Vec<i64>),
    Longs(Vec<i64>),
    Times(Vec<i64>),
    Bools(Vec<u8>),
    Doubles(Vec<f64>),
}

impl Values {
    fn take(kind: Kind, count: usize, rest: &mut &[u8]) -> Option<Values> {
        Some(match kind {
            Kind::Text => {
                let texts = take_count(rest, count)?;
                let lengths = (0..texts).map(|_| take_count(rest, MOST_BYTES)).collect::<Option<Vec<_>>>()?;
                let text = |len: usize| Some(std::str::from_utf8(take_slice(rest, len)?).ok()?.to_owned());
                let dictionary = lengths.into_iter().map(text).collect::<Option<Vec<_>>>()?;
                let places = take_longs(rest, count)?;
                let known = 0..dictionary.len() as i64;
                places.iter().all(|place| known.contains(place)).then_some(())?;
                Values::Texts(dictionary, places)
            }
            Kind::Long => Values::Longs(take_longs(rest, count)?),
            Kind::Timestamp => Values::Times(take_longs(rest, count)?),
            Kind::Bool => Values::Bools(take_slice(rest, count)?.to_vec()),
            Kind::Double => Values::Doubles(take_doubles(rest, count)?),
        })
    }

    fn get(&self, place: usize) -> Value {
        match self {
            Values::Texts(dictionary, places) => Value::Text(dictionary[places[place] as usize].clone()),
            Values::Longs(numbers) => Value::Long(numbers[place]),
            Values::Times(numbers) => Value::Timestamp(numbers[place]),
            Values::Bools(flags) => Value::Bool(flags[place] != 0),
            Values::Doubles(numbers) => Value::Double(numbers[place]),
        }
    }
}

impl Columns {
    fn take(table: &'static Table, rows: usize, rest: &mut &[u8]) -> Option<Columns> {
        let keys = table.key().map(|column| Values::take(column.kind, rows, rest)).collect::<Option<_>>()?;
        let cells = table.stored().map(|column| {
            let states = take_slice(rest, rows)?.to_vec();
            let having = |least: u8| states.iter().filter(|state| **state >= least).count();
            states.iter().all(|state| *state <= VALUE).then_some(())?;
            let stamps = take_longs(rest, having(NULL))?;
            let values = Values::take(column.kind, having(VALUE), rest)?;
            Some(Cells { states, stamps, values })
        });
        let cells = cells.collect::<Option<_>>()?;
        Some(Columns { table, rows, keys, cells })
    }

    fn key(&self, row: usize) -> Vec<Value> {
        self.keys.iter().map(|values| values.get(row)).collect()
    }

    /// Gives the rows in their order to a visitor, from the first on, until it has had enough. Only those whose keys
    /// are wanted are made.
    pub(crate) fn visit<B>(
        &self,
        mut is_wanted: impl FnMut(&[Value]) -> bool,
        mut visit: impl FnMut(Row) -> std::ops::ControlFlow<B>,
    ) -> std::ops::ControlFlow<B> {
        let mut next = vec![0; self.cells.len()];
        for row in 0..self.rows {
            let key = self.key(row);
            let is_wanted = is_wanted(&key);
            let mut cells = Vec::with_capacity(if is_wanted { self.cells.len() } else { 0 });
            for (column, next) in self.cells.iter().zip(&mut next) {
                let has_value = column.states[row] == VALUE;
                if is_wanted {
                    cells.push(if has_value { column.values.get(*next) } else { Value::Null });
                }
                *next += usize::from(has_value);
            }
            if is_wanted {
                visit(Row { table: self.table, key, cells })?;
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    /// The rows as they are kept, with stamps.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut next = vec![(0, 0); self.cells.len()];
        let mut entry = |row| {
            let key = self.key(row);
            let mut cells = Vec::with_capacity(self.cells.len());
            for (place, (column, (stamp, value))) in self.cells.iter().zip(&mut next).enumerate() {
                let state = column.states[row];
                if state != ABSENT {
                    let held = if state == VALUE { column.values.get(*value) } else { Value::Null };
                    cells.push(Cell { column: place as u8, stamp: column.stamps[*stamp], value: held });
                    *stamp += 1;
                    *value += usize::from(state == VALUE);
                }
            }
            let mut key_bytes = Vec::with_capacity(64);
            value::encode_key(self.table.key(), &key, &mut key_bytes);
            Entry { key, key_bytes, cells }
        };
        (0..self.rows).map(&mut entry).collect()
    }
}
