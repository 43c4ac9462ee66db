//! What comes through a pipe, kept in a file: a file is read more than once, for its hash, its format and its rows. The file
//! goes when it was fed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use gauntlet_feed::{Options, check_beginning};

use crate::refusal::Refusal;

/// Most bytes of a pipe: it may have no end.
const MOST_BYTES: u64 = 4 << 30;

/// Bytes after which it is looked at whether they begin like a file that can be read.
const BEGINNING: u64 = 1 << 20;

const PIECE: usize = 256 * 1024;

/// A file that is read where it lies, or what came through a pipe.
pub enum Readable {
    /// A file.
    File(PathBuf),
    /// What came through a pipe, and the pipe.
    Spooled(Spooled, PathBuf),
}

impl Readable {
    /// What lies at a path; what comes through a pipe is kept in `folder` first.
    pub fn at(path: &Path, folder: &Path, options: &Options) -> Result<Readable, Refusal> {
        if !is_pipe(path) {
            return Ok(Readable::File(path.to_owned()));
        }
        Ok(Readable::Spooled(spool(path, folder, options)?, path.to_owned()))
    }

    /// Opens it under the name that people know it by.
    pub fn open(&self, options: &Options) -> Result<gauntlet_feed::Source, Refusal> {
        match self {
            Readable::File(path) => Ok(gauntlet_feed::open(path, options)?),
            Readable::Spooled(spooled, pipe) => Ok(gauntlet_feed::open_as(&spooled.path, pipe, options)?),
        }
    }
}

/// A file that is removed when it is dropped.
pub struct Spooled {
    path: PathBuf,
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.path);
        if let Some(folder) = self.path.parent() {
            // Only an empty one goes.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

#[cfg(unix)]
pub(super) fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[cfg(not(unix))]
pub(super) fn is_pipe(_: &Path) -> bool {
    false
}

/// Reads a pipe to its end.
fn spool(pipe: &Path, folder: &Path, options: &Options) -> Result<Spooled, Refusal> {
    let failed =
        |what: &Path, error: std::io::Error| Refusal::Outside(format!("{}: {error}", what.display()));
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let spooled = Spooled { path: folder.join(format!("pipe-{}.spool", std::process::id())) };
    let mut file = File::create(&spooled.path).map_err(|error| failed(&spooled.path, error))?;
    let pieces = pieces(pipe);
    let (mut bytes, mut is_known) = (0_u64, false);
    loop {
        if options.stop.is_raised() {
            return Err(Refusal::Interrupted);
        }
        let piece = match pieces.recv_timeout(Duration::from_millis(50)) {
            Ok(piece) => piece.map_err(|error| failed(pipe, error))?,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        file.write_all(&piece).map_err(|error| failed(&spooled.path, error))?;
        bytes += piece.len() as u64;
        if !is_known && bytes >= BEGINNING {
            check_beginning(&spooled.path, pipe, options)?;
            is_known = true;
        }
        if bytes > MOST_BYTES {
            return Err(Refusal::BadInput(format!(
                "{}: more than 4 GiB came through the pipe: write them to a file and feed that",
                pipe.display()
            )));
        }
    }
    Ok(spooled)
}

/// The bytes of a pipe, read by a thread of its own: opening a pipe that nobody writes to waits for ever, and so may reading.
fn pieces(pipe: &Path) -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(4);
    let pipe = pipe.to_owned();
    std::thread::spawn(move || {
        let mut file = match File::open(&pipe) {
            Ok(file) => file,
            Err(error) => {
                // Whoever asked has gone.
                let _ = sender.send(Err(error));
                return;
            }
        };
        loop {
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece);
            let sent = match read {
                Ok(0) => return,
                Ok(count) => {
                    piece.truncate(count);
                    sender.send(Ok(piece))
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => sender.send(Err(error)),
            };
            if sent.is_err() {
                return;
            }
        }
    });
    receiver
}
