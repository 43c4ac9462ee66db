//! From a path to a stream of text, whatever the text is wrapped in. Checks lengths and checksums of what is
//! compressed; never holds more than a decoder's window.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use gauntlet_domain::ContentHash;
use lzma_rust2::XzReader;
use sha2::{Digest, Sha256};
use zip::result::ZipError;
use zip::{CompressionMethod, HasZipMetadata, ZipArchive};

use crate::decode::decoded;
use crate::encoding::Encoding;
use crate::error::FeedError;
use crate::stop::{Stop, Stoppable};

const READ_BYTES: usize = 256 * 1024;

/// Memory for a block of xz: twice what its strongest preset asks for.
const LARGEST_XZ_BLOCK_KIB: u32 = 128 * 1024;

/// What the bytes of a file are wrapped in, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapping {
    Plain,
    Gzip,
    Zip,
    Zstd,
    Xz,
    Bzip2,
    Parquet,
}

/// A file that exists and has bytes.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    pub path: PathBuf,
    /// The path as given, for messages.
    pub shown: String,
    /// The name without folders.
    pub name: String,
    pub bytes: u64,
    pub wrapping: Wrapping,
    /// Bytes consumed, for a progress bar.
    pub read: Arc<AtomicU64>,
    pub stop: Stop,
    /// How its text is written, where somebody has said it.
    pub encoding: Option<Encoding>,
    /// What the file system said of it when it was opened.
    state: State,
}

/// What changes when somebody writes to a file or puts another one in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Device and number of the file, where there are such.
    place: (u64, u64),
}

impl State {
    fn of(metadata: &Metadata) -> State {
        #[cfg(unix)]
        let place = {
            use std::os::unix::fs::MetadataExt as _;
            (metadata.dev(), metadata.ino())
        };
        #[cfg(not(unix))]
        let place = (0, 0);
        State { bytes: metadata.len(), modified: metadata.modified().ok(), place }
    }
}

/// The text in a file, unwrapped.
pub(crate) struct Text {
    pub bytes: Box<dyn Read + Send>,
    /// Name of the CSV in a zip.
    pub entry: Option<String>,
}

impl SourceFile {
    /// Looks at the file and its first bytes. `shown` is the path by which people know it.
    pub fn inspect(path: &Path, shown: &Path, stop: &Stop) -> Result<SourceFile, FeedError> {
        let name = shown.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let shown = shown.display().to_string();
        let fail = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => FeedError::NotFound { file: shown.clone() },
            _ => FeedError::Io { file: shown.clone(), source: error },
        };
        let metadata = std::fs::metadata(path).map_err(fail)?;
        if metadata.is_dir() {
            return Err(FeedError::Directory { file: shown });
        }
        if !metadata.is_file() {
            return Err(FeedError::NoFile { file: shown });
        }
        let mut head = Vec::new();
        let opened = File::open(path).map_err(fail)?;
        opened.take(6).read_to_end(&mut head).map_err(fail)?;
        let wrapping = match head.as_slice() {
            [] => return Err(FeedError::Empty { file: shown, what: "not one byte" }),
            [0x1f, 0x8b, ..] => Wrapping::Gzip,
            [b'P', b'K', ..] => Wrapping::Zip,
            [b'P', b'A', b'R', b'1', ..] => Wrapping::Parquet,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Wrapping::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Wrapping::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', ..] => Wrapping::Bzip2,
            [b'7', b'z', 0xbc, 0xaf, ..] | [b'R', b'a', b'r', b'!', ..] => {
                let found = "a 7z or rar archive, which is not read".to_owned();
                return Err(FeedError::Archive { file: shown, found, fix: "unpack it and feed its files" });
            }
            _ => Wrapping::Plain,
        };
        Ok(SourceFile {
            path: path.to_owned(),
            name,
            shown,
            bytes: metadata.len(),
            wrapping,
            read: Arc::default(),
            stop: stop.clone(),
            encoding: None,
            state: State::of(&metadata),
        })
    }

    /// SHA-256 of the file's bytes, of which all are read.
    pub fn hash(&self) -> Result<ContentHash, FeedError> {
        let mut file = File::open(&self.path).map_err(|error| self.io(error))?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match self.stop.check().and_then(|()| file.read(&mut buffer)) {
                Ok(0) => return Ok(ContentHash(hasher.finalize().into())),
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.io(error)),
            }
        }
    }

    /// An error when somebody has written to the file since it was opened, or put another one in its place.
    pub fn check_unchanged(&self) -> Result<(), FeedError> {
        let now = std::fs::metadata(&self.path).map(|metadata| State::of(&metadata));
        match now {
            Ok(now) if now == self.state => Ok(()),
            now => {
                let what = match now {
                    Ok(now) if now.bytes != self.state.bytes => {
                        format!("it had {} bytes and has {} now", self.state.bytes, now.bytes)
                    }
                    Ok(_) => "it was written to, or is another file now".to_owned(),
                    Err(error) => error.to_string(),
                };
                Err(FeedError::Changed { file: self.shown.clone(), what })
            }
        }
    }

    /// Opens the text in the file at its beginning.
    pub fn text(&self) -> Result<Text, FeedError> {
        let Text { bytes, entry } = self.unwrapped()?;
        let bytes = decoded(bytes, self.encoding).map_err(|(found, fix)| FeedError::Archive {
            file: self.shown.clone(),
            found: found.to_owned(),
            fix,
        })?;
        Ok(Text { bytes: Box::new(Stoppable { inner: bytes, stop: self.stop.clone() }), entry })
    }

    fn unwrapped(&self) -> Result<Text, FeedError> {
        self.read.store(0, Ordering::Relaxed);
        let file = File::open(&self.path).map_err(|error| self.io(error))?;
        let counted = |file| Stoppable {
            inner: Counted { file, read: Arc::clone(&self.read) },
            stop: self.stop.clone(),
        };
        let buffered = |file| BufReader::with_capacity(READ_BYTES, counted(file));
        let text = |bytes| Ok(Text { bytes, entry: None });
        match self.wrapping {
            Wrapping::Plain | Wrapping::Parquet => text(Box::new(counted(file))),
            Wrapping::Gzip => text(Box::new(MultiGzDecoder::new(buffered(file)))),
            Wrapping::Bzip2 => text(Box::new(MultiBzDecoder::new(buffered(file)))),
            Wrapping::Xz => {
                text(Box::new(XzReader::new_mem_limit(buffered(file), true, LARGEST_XZ_BLOCK_KIB)))
            }
            Wrapping::Zstd => {
                let bytes = zstd::Decoder::with_buffer(buffered(file)).map_err(|error| self.io(error))?;
                text(Box::new(Damaged(bytes)))
            }
            Wrapping::Zip => {
                let (entry, mut file) = self.only_csv(file)?;
                file.seek(SeekFrom::Start(entry.start)).map_err(|error| self.io(error))?;
                let packed = buffered(file).take(entry.packed_bytes);
                let name = entry.name.clone();
                let bytes: Box<dyn Read + Send> = if entry.deflated {
                    Box::new(Verified::new(DeflateDecoder::new(packed), entry))
                } else {
                    Box::new(Verified::new(packed, entry))
                };
                Ok(Text { bytes, entry: Some(name) })
            }
        }
    }

    pub fn io(&self, error: io::Error) -> FeedError {
        FeedError::Io { file: self.shown.clone(), source: error }
    }

    /// Finds the one CSV of a zip.
    fn only_csv(&self, file: File) -> Result<(Entry, File), FeedError> {
        let archive = ZipArchive::new(file).map_err(|error| self.zip(error))?;
        let mut names = Vec::new();
        for name in archive.file_names() {
            names.push(name.map_err(|error| self.zip(error))?.into_owned());
        }
        // Folders of the same name, and what one operating system adds to every zip, are no data.
        let is_named = |name: &str, endings: &[&str]| {
            let lower = name.to_ascii_lowercase();
            let is_note = lower.contains("readme") || lower.contains("license");
            endings.iter().any(|ending| lower.ends_with(ending)) && !is_note && !name.starts_with("__MACOSX/")
        };
        let all_of =
            |endings| (0..names.len()).filter(|index| is_named(&names[*index], endings)).collect::<Vec<_>>();
        let mut found = all_of(&[".csv"]);
        if found.is_empty() {
            found = all_of(&[".txt", ".tsv", ".tab", ".dat"]);
        }
        let [index] = found[..] else {
            let (found, fix) = match found.len() {
                0 if names.is_empty() => ("a zip without any file".to_owned(), "fetch it again"),
                0 => (format!("a zip without a CSV, only {}", listed(&names)), "put the CSV in it"),
                count => (
                    format!("a zip with {count} CSVs, {}", listed(&names)),
                    "unzip it and feed them one by one",
                ),
            };
            return Err(FeedError::Archive { file: self.shown.clone(), found, fix });
        };
        let mut handle = File::open(&self.path).map_err(|error| self.io(error))?;
        let listing = archive.by_index_data(index).map_err(|error| self.zip(error))?;
        let metadata = listing.get_metadata();
        let deflated = match metadata.compression_method {
            CompressionMethod::Deflated if !listing.encrypted() => true,
            CompressionMethod::Stored if !listing.encrypted() => false,
            method => {
                let how =
                    if listing.encrypted() { "encrypted".to_owned() } else { format!("packed by {method}") };
                return Err(FeedError::Archive {
                    file: self.shown.clone(),
                    found: format!("{} is {how}", names[index]),
                    fix: "zip it again with deflate and no password",
                });
            }
        };
        let entry = Entry {
            start: metadata.data_start(&mut handle).map_err(|error| self.zip(error))?,
            packed_bytes: listing.compressed_size(),
            bytes: listing.size(),
            crc: listing.crc32(),
            name: names[index].clone(),
            deflated,
        };
        Ok((entry, handle))
    }

    fn zip(&self, error: ZipError) -> FeedError {
        match error {
            ZipError::Io(source) if source.kind() != io::ErrorKind::UnexpectedEof => self.io(source),
            other => FeedError::Damaged { file: self.shown.clone(), row: 0, what: format!("zip: {other}") },
        }
    }
}

/// The first names of a list, for messages.
pub(crate) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let mut text = names.iter().take(10).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if names.len() > 10 {
        text.push_str(", …");
    }
    text
}

/// Where a file is in a zip, and what it must come to.
struct Entry {
    name: String,
    start: u64,
    packed_bytes: u64,
    bytes: u64,
    crc: u32,
    deflated: bool,
}

/// Counts the bytes that pass.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Says of every error that is no other's that the bytes are damaged.
struct Damaged<R>(R);

impl<R: Read> Read for Damaged<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Other => io::Error::new(io::ErrorKind::InvalidData, error),
            _ => error,
        })
    }
}

/// Compares length and checksum with the zip's directory at the end.
struct Verified<R> {
    inner: R,
    entry: Entry,
    crc: flate2::Crc,
    bytes: u64,
}

impl<R> Verified<R> {
    fn new(inner: R, entry: Entry) -> Verified<R> {
        Verified { inner, entry, crc: flate2::Crc::new(), bytes: 0 }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.crc.update(&buffer[..count]);
        self.bytes += count as u64;
        if count == 0 && !buffer.is_empty() {
            let fail = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
            if self.bytes != self.entry.bytes {
                return fail(format!("{} of the zip's {} bytes", self.bytes, self.entry.bytes));
            }
            if self.crc.sum() != self.entry.crc {
                return fail("checksum differs from the zip's".to_owned());
            }
        }
        Ok(count)
    }
}

/// True for what a decoder says about bytes that are not what was compressed.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(error.kind(), UnexpectedEof | InvalidData | InvalidInput)
}
