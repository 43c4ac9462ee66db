//! Opening a `redb` file, and creating one so that no crash in between leaves a file that cannot be opened.
//!
//! `redb` writes a new file in two steps, and between them the file has a length and no magic number: a process that
//! is killed there, or a disk that fills up, leaves what looks like damage. So a file is made under another name and
//! gets its own when it is complete.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, ReadOnlyDatabase};

/// Permissions of a new file: its owner's alone.
const PRIVATE: u32 = 0o600;

/// Opens the file, or makes it where there is none. One process at a time: others get
/// [`redb::Error::DatabaseAlreadyOpen`]. A file that `redb` would panic on is [`redb::Error::Corrupted`].
///
/// `cache` is the number of bytes of pages that are kept in memory.
pub fn open_or_create(path: &Path, cache: usize) -> Result<Database, redb::Error> {
    let opened = quietly(|| {
        let mut builder = Database::builder();
        builder.set_cache_size(cache);
        if !path.try_exists()?
            && let Some(made) = create(path, &builder)?
        {
            return Ok(made);
        }
        builder.open(path)
    });
    match opened {
        Ok(result) => result.map_err(redb::Error::from),
        Err(_) => Err(redb::Error::Corrupted("the file's structure cannot be read".into())),
    }
}

/// Opens the file for reading alone: nothing in it changes, and others may read it too. A file that was not closed when its
/// process ended, or that is a copy of an open one, is [`redb::Error::RepairAborted`]: it has to be opened for writing first.
pub fn open_read_only(path: &Path, cache: usize) -> Result<ReadOnlyDatabase, redb::Error> {
    let opened = quietly(|| Database::builder().set_cache_size(cache).open_read_only(path));
    match opened {
        Ok(result) => result.map_err(redb::Error::from),
        Err(_) => Err(redb::Error::Corrupted("the file's structure cannot be read".into())),
    }
}

thread_local! {
    /// Whether a panic of this thread is an answer, and not for a person to read.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs work that panics on some damaged pages. Such a panic is an error here; its text goes nowhere.
pub fn quietly<T>(work: impl FnOnce() -> T) -> std::thread::Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let said = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                said(panic);
            }
        }));
    });
    let was_quiet = IS_QUIET.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_QUIET.set(was_quiet);
    done
}

/// Makes an empty file, unless another process has done so by now. Whoever holds the lock on the unfinished file makes
/// it, and keeps the lock until after it has its name.
fn create(path: &Path, builder: &Builder) -> Result<Option<Database>, DatabaseError> {
    let unfinished = unfinished(path);
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(PRIVATE)
        .open(&unfinished)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(DatabaseError::DatabaseAlreadyOpen),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    if path.try_exists()? {
        return Ok(None);
    }
    file.set_len(0)?;
    let database = builder.create_with_backend(FileBackend::new(file)?)?;
    std::fs::rename(&unfinished, path)?;
    sync_folder(path)?;
    Ok(Some(database))
}

/// The name of a file that is being made.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".new");
    path.with_file_name(name)
}

/// A name is on disk when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use redb::{ReadableDatabase, TableDefinition};

    use super::*;

    const TABLE: TableDefinition<'_, u64, u64> = TableDefinition::new("table");
    const CACHE: usize = 1 << 20;

    fn write(database: &Database, value: u64) {
        let txn = database.begin_write().unwrap();
        txn.open_table(TABLE).unwrap().insert(1, value).unwrap();
        txn.commit().unwrap();
    }

    fn read(database: &Database) -> u64 {
        database.begin_read().unwrap().open_table(TABLE).unwrap().get(1).unwrap().unwrap().value()
    }

    /// What `redb` leaves when it is killed between its two steps: a length, and no magic number.
    fn half_made(path: &Path) {
        drop(Database::create(path).unwrap());
        let mut bytes = std::fs::read(path).unwrap();
        bytes[..9].fill(0);
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_file_is_made_once_and_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        let database = open_or_create(&path, CACHE).unwrap();
        assert!(matches!(open_or_create(&path, CACHE), Err(redb::Error::DatabaseAlreadyOpen)));
        write(&database, 7);
        drop(database);
        assert_eq!(read(&open_or_create(&path, CACHE).unwrap()), 7);
        assert!(!unfinished(&path).exists());
    }

    #[test]
    fn a_file_that_a_killed_process_had_not_finished_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        half_made(&unfinished(&path));
        let found = Database::open(unfinished(&path)).err().unwrap();
        assert!(found.to_string().contains("magic number"), "the test's own premise: {found}");
        let database = open_or_create(&path, CACHE).unwrap();
        write(&database, 7);
        assert!(!unfinished(&path).exists());
    }

    #[test]
    fn a_file_under_its_own_name_is_never_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        half_made(&path);
        let before = std::fs::read(&path).unwrap();
        let error = open_or_create(&path, CACHE).err().unwrap();
        assert!(error.to_string().contains("magic number"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn while_one_makes_it_another_is_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        let busy = File::create(unfinished(&path)).unwrap();
        busy.lock().unwrap();
        assert!(matches!(open_or_create(&path, CACHE), Err(redb::Error::DatabaseAlreadyOpen)));
        assert!(!path.exists());
    }

    #[test]
    fn of_many_at_once_all_find_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        half_made(&unfinished(&path));
        let threads: Vec<_> = (0..16)
            .map(|value| {
                let path = path.clone();
                std::thread::spawn(move || match open_or_create(&path, CACHE) {
                    Ok(database) => {
                        let txn = database.begin_write().unwrap();
                        txn.open_table(TABLE).unwrap().insert(value, value).unwrap();
                        txn.commit().unwrap();
                        Some(value)
                    }
                    Err(redb::Error::DatabaseAlreadyOpen) => None,
                    Err(error) => panic!("{error}"),
                })
            })
            .collect();
        let written: Vec<u64> = threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
        let database = open_or_create(&path, CACHE).unwrap();
        let table = database.begin_read().unwrap().open_table(TABLE).unwrap();
        assert!(!written.is_empty());
        for value in written {
            assert!(table.get(value).unwrap().is_some(), "what {value} wrote is gone");
        }
    }
}
