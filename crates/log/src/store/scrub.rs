//! A check of every page of a `redb` file against its checksum, without touching the file.
//!
//! `redb` checks pages only when it opens a file that needs repair, and a repair writes. So the file is opened a second
//! time as one that needs it, over a layer that keeps writes in memory and forgets them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use redb::{Database, DatabaseError, RepairSession, StorageBackend, StorageError};

/// Bytes that one entry of the layer covers.
const PAGE: usize = 4096;
/// Pages that `redb` may keep in memory; every page is read once.
const CACHE_BYTES: usize = 8 << 20;

/// What the check found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scrubbed {
    /// Every page in use holds what was written.
    Clean,
    /// A page does not.
    Damaged(String),
}

/// Checks a file that nobody writes meanwhile. Panics where `redb` does, on some damaged pages.
pub(super) fn scrub(path: &Path) -> Result<Scrubbed, redb::Error> {
    let layer = Layer::over(File::open(path)?)?;
    let opened = Database::builder()
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true)
        .set_repair_callback(stop_before_rollback)
        .create_with_backend(layer);
    let damaged = |detail: &str| Ok(Scrubbed::Damaged(detail.into()));
    match opened {
        Ok(_) => Ok(Scrubbed::Clean),
        Err(DatabaseError::RepairAborted) => damaged("a page fails its checksum"),
        Err(DatabaseError::Storage(StorageError::Corrupted(detail))) => damaged(&detail),
        Err(error) => Err(error.into()),
    }
}

/// A repair begins at 0, reports 0.3 when it is about to go back to the commit before, and 0.6 when the latest one
/// holds. Going back is right after a crash and would hide damage here.
fn stop_before_rollback(repair: &mut RepairSession) {
    if repair.progress() > 0.0 && repair.progress() < 0.5 {
        repair.abort();
    }
}

/// A file below, and what was written above it, by page.
#[derive(Debug)]
struct Layer {
    file: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    written: BTreeMap<u64, [u8; PAGE]>,
    length: u64,
    /// Up to here the file below shows through; a file cut shorter stays cut.
    below: u64,
}

impl Layer {
    fn over(file: File) -> io::Result<Layer> {
        let length = file.metadata()?.len();
        Ok(Layer { file, state: Mutex::new(State { written: BTreeMap::new(), length, below: length }) })
    }

    fn page(&self, state: &State, number: u64) -> io::Result<[u8; PAGE]> {
        if let Some(page) = state.written.get(&number) {
            return Ok(*page);
        }
        let mut page = [0; PAGE];
        let start = number * PAGE as u64;
        let shown = state.below.saturating_sub(start).min(PAGE as u64) as usize;
        self.file.read_exact_at(&mut page[..shown], start)?;
        Ok(page)
    }

    /// Page number, range in the page and range in the caller's bytes, for every page of a stretch.
    fn pages(
        offset: u64,
        length: usize,
    ) -> impl Iterator<Item = (u64, std::ops::Range<usize>, std::ops::Range<usize>)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            if done == length {
                return None;
            }
            let at = offset + done as u64;
            let (number, within) = (at / PAGE as u64, (at % PAGE as u64) as usize);
            let count = (PAGE - within).min(length - done);
            let outside = done..done + count;
            done += count;
            Some((number, within..within + count, outside))
        })
    }
}

impl StorageBackend for Layer {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner).length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > state.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (number, within, outside) in Layer::pages(offset, out.len()) {
            out[outside].copy_from_slice(&self.page(&state, number)?[within]);
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.below = state.below.min(length);
        // A page kept in part is rare and small: its end is zero when the file grows again.
        let (last, within) = (length / PAGE as u64, (length % PAGE as u64) as usize);
        state.written.retain(|number, _| *number <= last);
        if let Some(page) = state.written.get_mut(&last) {
            page[within..].fill(0);
        }
        state.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, within, outside) in Layer::pages(offset, data.len()) {
            let mut page = self.page(&state, number)?;
            page[within].copy_from_slice(&data[outside]);
            state.written.insert(number, page);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use redb::{ReadableDatabase, TableDefinition};

    use super::*;

    const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");

    #[test]
    fn a_healthy_file_is_clean_and_stays_as_it_is_also_while_it_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.redb");
        let database = Database::create(&path).unwrap();
        let txn = database.begin_write().unwrap();
        for row in 0..2_000 {
            txn.open_table(ROWS).unwrap().insert(row, [7_u8; 100].as_slice()).unwrap();
        }
        txn.commit().unwrap();
        let before = std::fs::read(&path).unwrap();
        assert_eq!(scrub(&path).unwrap(), Scrubbed::Clean);
        assert!(std::fs::read(&path).unwrap() == before);
        let table = database.begin_read().unwrap().open_table(ROWS).unwrap();
        assert_eq!(table.get(1_999).unwrap().unwrap().value(), [7; 100]);
        drop((table, database));
        assert_eq!(scrub(&path).unwrap(), Scrubbed::Clean);
    }

    proptest! {
        /// Against plain bytes.
        #[test]
        fn the_layer_reads_what_was_written(
            below in prop::collection::vec(any::<u8>(), 0..20_000),
            steps in prop::collection::vec((0_u64..25_000, 0_usize..9_000, any::<u8>(), any::<bool>()), 1..20),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            std::fs::write(&path, &below).unwrap();
            let layer = Layer::over(File::open(&path).unwrap()).unwrap();
            let mut model = below.clone();
            for (offset, length, byte, cut) in steps {
                if cut {
                    layer.set_len(offset).unwrap();
                    model.resize(offset as usize, 0);
                } else if offset + length as u64 <= model.len() as u64 {
                    layer.write(offset, &vec![byte; length]).unwrap();
                    model[offset as usize..offset as usize + length].fill(byte);
                }
                let mut read = vec![1; model.len()];
                layer.read(0, &mut read).unwrap();
                prop_assert!(read == model);
            }
            prop_assert!(std::fs::read(&path).unwrap() == below);
        }
    }
}
