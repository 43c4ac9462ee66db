//! Files by path, each written at once or not at all: in a directory, or in an object store with a directory in front.
//!
//! A file is written under `tmp/`, flushed to the disk and then renamed to its path, so that a reader sees either
//! nothing or all of it and a crash leaves only a file in `tmp/`. With an object store it is put there before the
//! rename, and the directory is a cache: what is in it is a copy that can be thrown away, a file that is not there is
//! fetched, and one that proves damaged is fetched again. Put and get by path is all that is asked of either, and, of
//! the archive alone, to put only where nothing is and to list.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gauntlet_domain::ContentHash;
use sha2::{Digest, Sha256};

use crate::cache;
use crate::error::LakeError;

const TEMPORARY: &str = "tmp";
const FOLDERS: [&str; 4] = ["snapshots", "artifacts", "archive", TEMPORARY];

/// Tells apart the temporary files of one process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The lake. Several threads and processes may share its directory, and any number its object store.
#[derive(Debug, Clone)]
pub struct Lake {
    /// The files, or copies of them.
    root: PathBuf,
    objects: Option<Arc<dyn Objects>>,
    /// Bytes of copies that are kept.
    room: u64,
    /// Whether a copy will do for reading.
    trusts_copies: bool,
    /// Whether what is written is kept.
    keeps: bool,
}

/// Whole objects by path, as an object store keeps them. Each is there entirely or not at all.
pub(crate) trait Objects: fmt::Debug + Send + Sync {
    /// Whether an object of this size is there which says that it has this SHA-256.
    fn holds(&self, path: &str, size: u64, sha256: ContentHash) -> Result<bool, LakeError>;

    /// Writes all of an object into `into`; [`LakeError::Missing`] when there is none.
    fn fetch(&self, path: &str, into: &mut dyn Write) -> Result<(), LakeError>;

    /// Keeps the content of a file; returns when it can be fetched by everybody.
    fn put(&self, path: &str, file: &Path, sha256: ContentHash) -> Result<(), LakeError>;

    /// As [`Objects::put`], unless an object is there already: then nothing changes and the answer is no.
    fn put_new(&self, path: &str, file: &Path, sha256: ContentHash) -> Result<bool, LakeError>;

    /// Paths of all objects under a folder, in any order.
    fn list(&self, folder: &str) -> Result<Vec<String>, LakeError>;
}

impl Lake {
    /// Opens the lake in `dir`, which is made if it is not there.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Lake, LakeError> {
        let root = dir.into();
        for folder in FOLDERS {
            let path = root.join(folder);
            match DirBuilder::new().recursive(true).mode(0o700).create(&path) {
                // A lake that may only be read has what it has.
                Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => {}
                made => made.map_err(|error| LakeError::io(&path.display().to_string(), error))?,
            }
        }
        Ok(Lake { root, objects: None, room: 0, trusts_copies: true, keeps: true })
    }

    /// Opens the lake in the directory that `file:///path` names; the path is taken as it is written.
    pub fn open_url(url: &str) -> Result<Lake, LakeError> {
        match url.strip_prefix("file://") {
            Some(path) if path.starts_with('/') => Lake::open(path),
            _ => Err(LakeError::settings(format!("'{url}' names no directory: write file:///path"))),
        }
    }

    /// Puts the directory in front of an object store, for at most `room` bytes of copies.
    #[cfg(any(test, feature = "object-store"))]
    pub(crate) fn in_front_of(self, objects: Arc<dyn Objects>, room: u64) -> Lake {
        Lake { objects: Some(objects), room, ..self }
    }

    /// The same lake, of which every file is read where it is kept, and not from a copy.
    #[must_use]
    pub fn without_copies(&self) -> Lake {
        Lake { trusts_copies: false, ..self.clone() }
    }

    /// The same lake, which only says what a file would be called: nothing that is written is kept.
    #[must_use]
    pub fn keeping_nothing(&self) -> Lake {
        Lake { keeps: false, ..self.clone() }
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

    /// Where a path of the lake lies on this machine, for engines that open files themselves. With an object store it
    /// is there once it has been read or written, until the cache needs its room.
    pub fn locate(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Opens a file, for those who read its bytes as they are.
    ///
    /// # Errors
    /// [`LakeError::Missing`] when there is none; what the directory or the object store says.
    pub fn open_file(&self, path: &str) -> Result<File, LakeError> {
        self.read(path, Ok)
    }

    /// Paths of the files under a folder, sorted, as they are kept and not as there are copies; none where there is no
    /// such folder.
    ///
    /// # Errors
    /// What the directory or the object store says.
    pub fn list(&self, folder: &str) -> Result<Vec<String>, LakeError> {
        let mut paths = Vec::new();
        match &self.objects {
            Some(objects) => paths = objects.list(folder)?,
            None => list_files(&self.root, folder, &mut paths)?,
        }
        paths.sort_unstable();
        Ok(paths)
    }

    /// Hands a file to `read`, which says whether it is what its name says. A copy that is not is fetched again, so
    /// that `read` may be called twice; what it says about the file as it is kept is the answer.
    pub(crate) fn read<T>(
        &self,
        path: &str,
        mut read: impl FnMut(File) -> Result<T, LakeError>,
    ) -> Result<T, LakeError> {
        let mut open =
            |at: &Path| File::open(at).map_err(|error| LakeError::io(path, error)).and_then(&mut read);
        let Some(objects) = &self.objects else { return open(&self.locate(path)) };
        if self.trusts_copies {
            match open(&self.locate(path)) {
                Err(error) if error.is_of_the_content() => {}
                answer => return answer,
            }
        }
        let mut staged = self.stage()?;
        objects.fetch(path, &mut staged)?;
        let (temporary, ..) = staged.finish(path)?;
        let answer = open(&temporary.0)?;
        if self.trusts_copies {
            self.keep_copy(&temporary, path)?;
        }
        Ok(answer)
    }

    pub(crate) fn get(
        &self,
        path: &str,
        mut check: impl FnMut(&[u8]) -> Result<(), LakeError>,
    ) -> Result<Vec<u8>, LakeError> {
        self.read(path, |mut file| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(|error| LakeError::io(path, error))?;
            check(&bytes).map(|()| bytes)
        })
    }

    /// SHA-256 of a file's bytes, without holding them; `check` is what [`Lake::read`] wants to know.
    pub(crate) fn file_hash(
        &self,
        path: &str,
        mut check: impl FnMut(ContentHash) -> Result<(), LakeError>,
    ) -> Result<ContentHash, LakeError> {
        self.read(path, |mut file| {
            let mut hasher = HashingWriter { inner: io::sink(), hasher: Sha256::new() };
            io::copy(&mut file, &mut hasher).map_err(|error| LakeError::io(path, error))?;
            let hash = ContentHash(hasher.hasher.finalize().into());
            check(hash).map(|()| hash)
        })
    }

    /// Whether what has just been read is also kept: a copy says nothing about the object store.
    pub(crate) fn is_kept(&self, path: &str, sha256: ContentHash) -> Result<bool, LakeError> {
        let Some(objects) = &self.objects else { return Ok(true) };
        match fs::metadata(self.locate(path)) {
            Ok(copy) => objects.holds(path, copy.len(), sha256),
            // Another process has just made room.
            Err(_) => Ok(false),
        }
    }

    /// Begins a file whose path is known only when it is complete.
    pub(crate) fn stage(&self) -> Result<Staged, LakeError> {
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}-{number}", std::process::id());
            let temporary = match self.keeps {
                true => self.root.join(TEMPORARY).join(name),
                false => std::env::temp_dir().join(format!("gauntlet-lake-{name}")),
            };
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary) {
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

    /// Moves a file into the cache.
    fn keep_copy(&self, temporary: &Temporary, path: &str) -> Result<(), LakeError> {
        let target = self.locate(path);
        make_folder_of(&target).map_err(|error| LakeError::io(path, error))?;
        fs::rename(&temporary.0, &target).map_err(|error| LakeError::io(path, error))?;
        cache::make_room(&FOLDERS.map(|folder| self.root.join(folder)), self.room, &target);
        Ok(())
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
        let (temporary, file, sha256) = self.finish(path)?;
        let failed = |error| LakeError::io(path, error);
        if !lake.keeps {
            return Ok(sha256);
        }
        if let Some(objects) = &lake.objects {
            let size = file.metadata().map_err(failed)?.len();
            if !objects.holds(path, size, sha256)? {
                objects.put(path, &temporary.0, sha256)?;
            }
            lake.keep_copy(&temporary, path)?;
        } else {
            let target = lake.locate(path);
            file.sync_all()
                .and_then(|()| fs::rename(&temporary.0, &target))
                .and_then(|()| sync_folder(&target))
                .map_err(failed)?;
        }
        Ok(sha256)
    }

    /// Makes the file visible at `path` if nothing is there. Whoever finds something there changes nothing and is told:
    /// of several writers of one path one is the first.
    pub fn publish_new(self, lake: &Lake, path: &str) -> Result<Placed, LakeError> {
        let (temporary, file, sha256) = self.finish(path)?;
        let failed = |error| LakeError::io(path, error);
        if !lake.keeps {
            return Ok(Placed::Written);
        }
        if let Some(objects) = &lake.objects {
            if !objects.put_new(path, &temporary.0, sha256)? {
                return Ok(Placed::Taken(sha256));
            }
            lake.keep_copy(&temporary, path)?;
            return Ok(Placed::Written);
        }
        let target = lake.locate(path);
        file.sync_all().and_then(|()| make_folder_of(&target)).map_err(failed)?;
        // A rename would replace what is there; a second name for the file is refused then.
        match fs::hard_link(&temporary.0, &target) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Placed::Taken(sha256)),
            linked => linked.map_err(failed)?,
        }
        // The folders above may be as new as the file.
        target.ancestors().take_while(|at| **at != lake.root).try_for_each(sync_folder).map_err(failed)?;
        Ok(Placed::Written)
    }

    /// What was flushed so far, to be read.
    pub fn reread(&self) -> io::Result<File> {
        File::open(&self.temporary.0)
    }

    /// Everything written, and its SHA-256.
    fn finish(self, path: &str) -> Result<(Temporary, File, ContentHash), LakeError> {
        let Staged { writer: HashingWriter { inner, hasher }, temporary } = self;
        let file = inner.into_inner().map_err(|error| LakeError::io(path, error.into_error()))?;
        Ok((temporary, file, ContentHash(hasher.finalize().into())))
    }
}

/// What became of a file that was to be put where nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is there now.
    Written,
    /// Something was there before; this is the SHA-256 of what was to be put.
    Taken(ContentHash),
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

/// Makes the folder of a file.
fn make_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => DirBuilder::new().recursive(true).mode(0o700).create(folder),
        None => Ok(()),
    }
}

/// Adds the paths of the files under a folder of `root`.
fn list_files(root: &Path, folder: &str, paths: &mut Vec<String>) -> Result<(), LakeError> {
    let failed = |error| LakeError::io(folder, error);
    let entries = match fs::read_dir(root.join(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(failed)?.is_dir() {
            list_files(root, &path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
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
        assert_eq!(lake.get("artifacts/x", |_| Ok(())).unwrap(), b"abc");
        let found = lake.file_hash("artifacts/x", |_| Ok(())).unwrap();
        assert_eq!((hash, found), (ContentHash::of(b"abc"), hash));
    }

    #[test]
    fn a_url_names_a_directory_or_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let lake = Lake::open_url(&format!("file://{}", dir.path().display())).unwrap();
        assert_eq!(lake.locate("artifacts/x"), dir.path().join("artifacts/x"));
        for url in ["file://relative", "file:/x", "s3://bucket"] {
            let error = Lake::open_url(url).unwrap_err();
            assert!(error.to_string().contains("write file:///path"), "{error}");
        }
    }
}
