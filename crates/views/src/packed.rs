//! Tables whose rows are kept in blocks: many consecutive rows together, column by column, compressed. A row alone would
//! repeat its key and leave nothing to compress.
//!
//! A block holds rows that share the first column of their keys, and is found by the key of its first row. Rows that
//! arrive later go into the block where their place is, which is written anew and split when it has grown too large; a
//! write that changes nothing writes nothing. Behind a block that is half full new rows begin the next one, and many new rows
//! do so behind any.
//!
//! A block lies in the tree in pieces that fill a page each: the first row's key and the number of the piece. A longer
//! value would get the next power of two of pages.

/// A block and its bytes.
mod block;
/// Numbers as bytes.
pub(crate) mod bytes;
/// Columns of doubles.
mod doubles;

use std::ops::ControlFlow;

use redb::{ReadableTable, StorageError};

use block::Head;
pub(crate) use block::{Entry, Packer};

use crate::port::Row;
use crate::row_bytes;
use crate::schema::Table;
use crate::value::{self, Value};

/// Bytes of a page.
const PAGE: usize = 4096;
/// What a page holds beside the key and the value of its only row, at most.
const PAGE_HEAD: usize = 16;
/// Rows that make a good block of their own: written behind another one they are not put together with it.
const ENOUGH: usize = 512;
/// Bytes of a piece's number behind the key.
const NUMBER: usize = 2;

type Tree<'txn> = redb::Table<'txn, &'static [u8], &'static [u8]>;

/// Why rows could not be read or written.
pub(crate) enum Trouble {
    /// The store has failed.
    Storage(StorageError),
    /// The block with this first key is damaged.
    Damaged(Vec<u8>, &'static str),
    /// There is no memory for the compressor.
    Compressor(std::io::Error),
}

impl From<StorageError> for Trouble {
    fn from(error: StorageError) -> Trouble {
        Trouble::Storage(error)
    }
}

/// Gives a visitor the rows whose keys begin with some values, in the order of their keys, until it has had enough. One
/// block of them is in memory at a time.
pub(crate) fn visit(
    tree: &impl ReadableTable<&'static [u8], &'static [u8]>,
    table: &'static Table,
    beginning: &[Value],
    visit: &mut dyn FnMut(Row) -> ControlFlow<()>,
) -> Result<(), Trouble> {
    let mut prefix = Vec::new();
    value::encode_key(table.key(), beginning, &mut prefix);
    let start = block_of(tree, table, &prefix)?.unwrap_or_else(|| prefix.clone());
    let mut blocks = Blocks { range: tree.range(start.as_slice()..)?, ahead: None };
    while let Some(block) = blocks.next()? {
        if !block.key.starts_with(&prefix) && block.key > prefix {
            break;
        }
        let head = block.head()?;
        let is_wholly_wanted = block.key.starts_with(&prefix) && head.last.starts_with(&prefix);
        let is_wanted = |key: &[Value]| is_wholly_wanted || key.starts_with(beginning);
        let columns = head.columns(table).map_err(|detail| block.damaged(detail))?;
        if columns.visit(is_wanted, &mut *visit).is_break() {
            break;
        }
    }
    Ok(())
}

/// Writes rows, which are sorted by key and of different keys.
pub(crate) fn write(
    tree: &mut Tree<'_>,
    table: &'static Table,
    mut rows: &[Entry],
    packer: &mut Packer,
) -> Result<(), Trouble> {
    while let Some(row) = rows.first() {
        let group = group(table, &row.key_bytes);
        let old = match block_of(&*tree, table, &row.key_bytes)? {
            Some(key) => block_from(&*tree, &key)?,
            // Before the first block of its group there is no other: the first one takes the row.
            None => block_from(&*tree, group)?.filter(|block| block.key.starts_with(group)),
        };
        let after = match &old {
            Some(block) => {
                block_from(&*tree, &pieces_end(&block.key))?.filter(|next| next.key.starts_with(group))
            }
            None => None,
        };
        let is_here = |row: &Entry| {
            row.key_bytes.starts_with(group) && after.as_ref().is_none_or(|next| row.key_bytes < next.key)
        };
        let (here, rest) = rows.split_at(rows.iter().take_while(|row| is_here(row)).count());
        merge(tree, table, old, here, packer)?;
        rows = rest;
    }
    Ok(())
}

/// Writes rows whose place is in a block, or where there is none.
fn merge(
    tree: &mut Tree<'_>,
    table: &'static Table,
    old: Option<Block>,
    rows: &[Entry],
    packer: &mut Packer,
) -> Result<(), Trouble> {
    let Some(old) = old else { return put(tree, table, rows, packer) };
    let head = old.head()?;
    let is_full = head.rows * 2 >= table.rows_per_block() || rows.len() >= ENOUGH;
    if is_full && rows[0].key_bytes.as_slice() > head.last {
        return put(tree, table, rows, packer);
    }
    let kept = head.columns(table).map_err(|detail| old.damaged(detail))?.entries();
    if let Some(merged) = merged(kept, rows) {
        remove(tree, &old.key)?;
        put(tree, table, &merged, packer)?;
    }
    Ok(())
}

/// Rows of a block with others written over them; `None` when nothing changes.
fn merged(kept: Vec<Entry>, rows: &[Entry]) -> Option<Vec<Entry>> {
    let mut changed = false;
    let mut merged = Vec::with_capacity(kept.len() + rows.len());
    let mut rows = rows.iter().peekable();
    for mut kept in kept {
        while let Some(row) = rows.next_if(|row| row.key_bytes < kept.key_bytes) {
            merged.push(row.clone());
            changed = true;
        }
        if let Some(row) = rows.next_if(|row| row.key_bytes == kept.key_bytes)
            && row.cells != kept.cells
        {
            let mut cells = kept.cells.clone();
            cells.extend_from_slice(&row.cells);
            row_bytes::settle(&mut cells);
            changed |= cells != kept.cells;
            kept.cells = cells;
        }
        merged.push(kept);
    }
    changed |= rows.peek().is_some();
    merged.extend(rows.cloned());
    changed.then_some(merged)
}

/// Writes rows as blocks of about the same size.
fn put(
    tree: &mut Tree<'_>,
    table: &'static Table,
    rows: &[Entry],
    packer: &mut Packer,
) -> Result<(), Trouble> {
    let blocks = rows.len().div_ceil(table.rows_per_block()).max(1);
    for rows in rows.chunks(rows.len().div_ceil(blocks).max(1)) {
        let bytes = packer.pack(table, rows).map_err(Trouble::Compressor)?;
        let key = &rows[0].key_bytes;
        let room = PAGE.saturating_sub(PAGE_HEAD + NUMBER + key.len()).max(PAGE / 2);
        for (number, piece) in (0..).zip(bytes.chunks(room)) {
            tree.insert(piece_key(key, number).as_slice(), piece)?;
        }
    }
    Ok(())
}

/// Removes a block's pieces.
fn remove(tree: &mut Tree<'_>, key: &[u8]) -> Result<(), Trouble> {
    let mut number = 0;
    while tree.remove(piece_key(key, number).as_slice())?.is_some() {
        number += 1;
    }
    Ok(())
}

fn piece_key(key: &[u8], number: u16) -> Vec<u8> {
    [key, &number.to_be_bytes()].concat()
}

/// What no piece of a block is behind, and every later block.
fn pieces_end(key: &[u8]) -> Vec<u8> {
    [key, &[0xFF; NUMBER + 1]].concat()
}

/// The bytes of a key's first column.
fn group<'a>(table: &Table, key: &'a [u8]) -> &'a [u8] {
    let first = table.key().next().and_then(|column| value::encoded_len(column, key));
    &key[..first.unwrap_or(0)]
}

/// The key of the last block of the same group that begins at a key or before it.
fn block_of(
    tree: &impl ReadableTable<&'static [u8], &'static [u8]>,
    table: &Table,
    key: &[u8],
) -> Result<Option<Vec<u8>>, Trouble> {
    if key.is_empty() {
        return Ok(None);
    }
    // Of a block that begins with the key itself the first piece; of those that are longer none.
    let bound = piece_key(key, 0);
    let Some(entry) = tree.range(..=bound.as_slice())?.next_back() else { return Ok(None) };
    let (piece, _) = entry?;
    let (block, _) = split(piece.value()).ok_or_else(|| nameless(piece.value()))?;
    Ok(block.starts_with(group(table, key)).then(|| block.to_vec()))
}

/// The first block that begins at a key or behind it.
fn block_from(
    tree: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Block>, Trouble> {
    Blocks { range: tree.range(key..)?, ahead: None }.next()
}

/// A block as it lies in the tree.
struct Block {
    /// The key of its first row.
    key: Vec<u8>,
    bytes: Vec<u8>,
}

impl Block {
    fn head(&self) -> Result<Head<'_>, Trouble> {
        Head::read(&self.key, &self.bytes).map_err(|detail| self.damaged(detail))
    }

    fn damaged(&self, detail: &'static str) -> Trouble {
        Trouble::Damaged(self.key.clone(), detail)
    }
}

/// Puts blocks together from their pieces.
struct Blocks<'a> {
    range: redb::Range<'a, &'static [u8], &'static [u8]>,
    /// The first piece of the next block, if it was read.
    ahead: Option<Block>,
}

impl Blocks<'_> {
    fn next(&mut self) -> Result<Option<Block>, Trouble> {
        let mut block = self.ahead.take();
        let mut number = 0;
        for entry in &mut self.range {
            let (key, bytes) = entry?;
            let (key, found) = split(key.value()).ok_or_else(|| nameless(key.value()))?;
            let first = || Block { key: key.to_vec(), bytes: bytes.value().to_vec() };
            match &mut block {
                None if found == 0 => block = Some(first()),
                Some(_) if found == 0 => {
                    self.ahead = Some(first());
                    break;
                }
                Some(block) if block.key == key && found == number + 1 => {
                    block.bytes.extend_from_slice(bytes.value());
                    number = found;
                }
                _ => return Err(Trouble::Damaged(key.to_vec(), "a piece of the block is missing")),
            }
        }
        Ok(block)
    }
}

/// A piece's key as its block's key and its number.
fn split(key: &[u8]) -> Option<(&[u8], u16)> {
    let (key, number) = key.split_last_chunk::<NUMBER>()?;
    Some((key, u16::from_be_bytes(*number)))
}

fn nameless(key: &[u8]) -> Trouble {
    Trouble::Damaged(key.to_vec(), "a piece of a block has no number")
}
