//! Who has a directory open for writing, for whoever finds it in use.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use gauntlet_runtime::clock;
use serde::{Deserialize, Serialize};

/// Characters of a command line that are kept.
const COMMAND_CHARS: usize = 200;

/// What the holder says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    pid: u32,
    command: String,
    since: String,
}

/// The file that names the holder, for as long as it holds the directory.
pub(super) struct Holder(PathBuf);

fn file(dir: &Path) -> PathBuf {
    dir.join("holder.json")
}

impl Holder {
    /// Says that this process holds the directory. What cannot be written is not said: nothing depends on it.
    pub(super) fn new(dir: &Path) -> Holder {
        let mut command = std::env::args().collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = command.char_indices().nth(COMMAND_CHARS) {
            command.truncate(end);
        }
        let said = Said { pid: std::process::id(), command, since: clock::now().to_string() };
        let path = file(dir);
        let write = || -> std::io::Result<()> {
            let _ = std::fs::remove_file(&path);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(serde_json::to_string(&said)?.as_bytes())
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "who holds the directory cannot be noted");
        }
        Holder(path)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Gone already is as good as removed.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Who holds a directory that is in use, in words.
pub(super) fn named(dir: &Path) -> String {
    let said = std::fs::read_to_string(file(dir)).ok();
    match said.and_then(|text| serde_json::from_str::<Said>(&text).ok()) {
        Some(Said { pid, command, since }) => {
            format!("process {pid} (`{}`) holds it since {since}", command.escape_debug())
        }
        None => "whoever has it open does not say who it is".to_owned(),
    }
}
