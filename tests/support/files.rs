//! Where things lie, and temporary folders for nodes.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The folder of the build profile, in which the binary lies beside `deps` with the tests.
fn profile() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// The binary under test: `GAUNTLET_BIN`, or the one that was built with the tests.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("GAUNTLET_BIN").map_or_else(|| profile().join("gauntlet"), PathBuf::from);
    let path = std::path::absolute(&path).unwrap();
    assert!(
        path.is_file(),
        "there is no {}: build it first: cargo build --release -p gauntlet (or name one with GAUNTLET_BIN)",
        path.display()
    );
    path
}

/// A file or folder of the shared market data.
pub fn shared(path: &str) -> PathBuf {
    let root = std::env::var_os("GAUNTLET_SHARED_DATA")
        .map_or_else(|| repository().join("../shared/data"), PathBuf::from);
    let path = root.join(path);
    assert!(
        path.exists(),
        "there is no {}: lay the shared market data beside the checkout (../shared/data), or name its folder with \
         GAUNTLET_SHARED_DATA",
        path.display()
    );
    path.canonicalize().unwrap()
}

/// A file of the gold data in the repository.
pub fn bundled(name: &str) -> PathBuf {
    let path = repository().join("data/gold").join(name);
    assert!(path.exists(), "there is no {}: the checkout is incomplete", path.display());
    path
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A temporary folder with a node's directory in it; both go when it is dropped.
pub struct Dir {
    temp: TempDir,
}

impl Default for Dir {
    fn default() -> Self {
        Dir { temp: tempfile::Builder::new().prefix("gauntlet-e2e-").tempdir().unwrap() }
    }
}

impl Dir {
    /// A new one, in which nothing has happened.
    pub fn new() -> Dir {
        Dir::default()
    }

    /// A new one that continues from a copy of a node's directory.
    pub fn copy_of(node: &Path) -> Dir {
        let dir = Dir::new();
        copy(node, &dir.node());
        dir
    }

    /// The node's directory.
    pub fn node(&self) -> PathBuf {
        self.temp.path().join("node")
    }

    /// A path beside it, for input.
    pub fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// Writes a file beside it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// A folder for results that all tests of this process share. Those of processes that are gone are removed.
pub(crate) fn process_folder() -> PathBuf {
    let folders = profile().parent().unwrap().join("tmp");
    std::fs::create_dir_all(&folders).unwrap();
    for entry in std::fs::read_dir(&folders).unwrap().filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix("gauntlet-e2e-") else { continue };
        if !Path::new("/proc").join(pid).exists() {
            // Another process may be removing it at the same time.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let own = folders.join(format!("gauntlet-e2e-{}", std::process::id()));
    std::fs::create_dir_all(&own).unwrap();
    own
}

/// The fenced blocks of a kind in a section of a document, in order. A section without a name is all of it.
pub fn examples(document: &str, section: &str, kind: &str) -> Vec<String> {
    let whole = std::fs::read_to_string(repository().join(document)).unwrap();
    let text = if section.is_empty() {
        whole.as_str()
    } else {
        let from = whole.find(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no section {section}"));
        let text = &whole[from + 1..];
        text.find("\n## ").map_or(text, |end| &text[..end])
    };
    let mut found = Vec::new();
    for part in text.split("\n```").collect::<Vec<_>>().chunks(2).filter_map(|pair| pair.get(1)) {
        if let Some(body) = part.strip_prefix(kind).and_then(|body| body.strip_prefix('\n')) {
            found.push(body.to_owned());
        }
    }
    assert!(!found.is_empty(), "{section} has no block of {kind}");
    found
}
