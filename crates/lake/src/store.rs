//! Files by path in one directory, each written at once or not at all.
//!
//! A file is written under `tmp/`, flushed to the disk and then renamed to its path, so that a reader sees either
//! nothing or all of it and a crash leaves only a file in `tmp/`. Put and get by path is all there is: an object store
//! can stand in for the directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use gauntlet_domain::ContentHash;
use sha2::{Digest, Sha256};

use crate::error::LakeError;

const TEMPORARY: &str = "tmp";
const FOLDERS: [&str; 3] = ["snapshots", "artifacts", TEMPORARY];

/// Tells apart the temporary files of one process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The lake in a directory. Several threads and processes may share it.
#[derive(Debug, Clone)]
pub struct Lake {
    root: PathBuf,
}

impl Lake {
    /// Opens the lake in `dir`, which is made if it is not there.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Lake, LakeError> {
        let root = dir.into();
        for folder in FOLDERS {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(|error| LakeError::io(&path.display().to_string(), error))?;
        }
        Ok(Lake { root })
    }

    /// Removes what crashed writers left in `tmp/`, and says how many files that were. Only for the one process that
    /// owns the directory, and before it writes: another's unfinished file looks the same.
    pub fn remove_leftovers(&self) -> Result<usize, LakeError> {
        let failed = |error| LakeError::io(TEMPORARY, error);
        let mut removed = 0;
        for entry in fs::read_dir(self.root.join(TEMPORARY)).map_err(failed)? {
            fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
            removed += 1;
        }
        Ok(removed)
    }

    /// Where a path of the lake lies on this machine, for engines that open files themselves.
    pub fn locate(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(crate) fn reader(&self, path: &str) -> Result<File, LakeError> {
        File::open(self.locate(path)).map_err(|error| LakeError::io(path, error))
    }

    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, LakeError> {
        let mut bytes = Vec::new();
        self.reader(path)?.read_to_end(&mut bytes).map_err(|error| LakeError::io(path, error))?;
        Ok(bytes)
    }

    /// SHA-256 of a file's bytes, without holding them.
    pub(crate) fn file_hash(&self, path: &str) -> Result<ContentHash, LakeError> {
        let mut hasher = HashingWriter { inner: io::sink(), hasher: Sha256::new() };
        io::copy(&mut self.reader(path)?, &mut hasher).map_err(|error| LakeError::io(path, error))?;
        Ok(ContentHash(hasher.hasher.finalize().into()))
    }

    /// Begins a file whose path is known only when it is complete.
    pub(crate) fn stage(&self) -> Result<Staged, LakeError> {
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let temporary = self.root.join(TEMPORARY).join(format!("{}-{number}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => {
                    let writer = HashingWriter { inner: BufWriter::new(file), hasher: Sha256::new() };
                    return Ok(Staged { writer, temporary: Temporary(temporary) });
                }
                // A leftover of a process that had the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(LakeError::io(TEMPORARY, error)),
            }
        }
    }
}

/// A file that is being written; dropped before [`Staged::publish`], it is gone.
#[derive(Debug)]
pub(crate) struct Staged {
    writer: HashingWriter<BufWriter<File>>,
    temporary: Temporary,
}

impl Staged {
    /// Makes the file visible at `path`, in place of whatever was there, and returns the SHA-256 of its bytes.
    pub fn publish(self, lake: &Lake, path: &str) -> Result<ContentHash, LakeError> {
        let Staged { writer: HashingWriter { inner, hasher }, temporary } = self;
        let target = lake.locate(path);
        inner
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&temporary.0, &target))
            .and_then(|()| sync_folder(&target))
            .map_err(|error| LakeError::io(path, error))?;
        Ok(ContentHash(hasher.finalize().into()))
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A temporary file's path; removes the file, if it is still there, when dropped.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Already renamed, or the next `remove_leftovers` gets it.
        let _ = fs::remove_file(&self.0);
    }
}

#[derive(Debug)]
struct HashingWriter<W> {
    inner: W,
    hasher: Sha256,
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A rename survives a power cut only once the folder is on the disk as well.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unpublished_file_disappears_and_a_crashed_one_can_be_removed() {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::open(dir.path()).unwrap();
        let mut staged = lake.stage().unwrap();
        staged.write_all(b"half").unwrap();
        drop(staged);
        assert_eq!(lake.remove_leftovers().unwrap(), 0);

        let mut staged = lake.stage().unwrap();
        staged.write_all(b"half").unwrap();
        std::mem::forget(staged);
        assert_eq!(lake.remove_leftovers().unwrap(), 1);
    }

    #[test]
    fn a_lake_opens_again_with_what_was_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut staged = Lake::open(dir.path()).unwrap().stage().unwrap();
        staged.write_all(b"abc").unwrap();
        let hash = staged.publish(&Lake::open(dir.path()).unwrap(), "artifacts/x").unwrap();
        let lake = Lake::open(dir.path()).unwrap();
        assert_eq!(lake.get("artifacts/x").unwrap(), b"abc");
        assert_eq!((hash, lake.file_hash("artifacts/x").unwrap()), (ContentHash::of(b"abc"), hash));
    }
}
