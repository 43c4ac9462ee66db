//! What can befall a node's directory for a while, and how it is put right.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gauntlet_tests::process::program;
use gauntlet_tests::{Command, Dir, binary};

/// All files under a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The snapshots of a node, moved away.
pub struct Away {
    lake: PathBuf,
    kept: PathBuf,
}

impl Away {
    pub fn of(dir: &Dir) -> Away {
        let away = Away { lake: dir.node().join("lake/snapshots"), kept: dir.path("kept") };
        std::fs::rename(&away.lake, &away.kept).unwrap();
        std::fs::create_dir(&away.lake).unwrap();
        away
    }

    pub fn bring_back(self) {
        std::fs::remove_dir_all(&self.lake).unwrap();
        std::fs::rename(&self.kept, &self.lake).unwrap();
    }
}

/// A lake in which no file can be begun.
pub struct Blocked(PathBuf);

pub fn block(dir: &Dir) -> Blocked {
    let folder = dir.node().join("lake/tmp");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, b"no folder").unwrap();
    Blocked(folder)
}

impl Blocked {
    pub fn unblock(self) {
        std::fs::remove_file(&self.0).unwrap();
        std::fs::create_dir(&self.0).unwrap();
    }
}

/// A node that nobody may write to, looked at by somebody who is not its owner.
pub struct Closed {
    program: PathBuf,
    /// With the rights that they had.
    paths: Vec<(PathBuf, Permissions)>,
}

impl Closed {
    pub fn of(dir: &Dir) -> Closed {
        let program = dir.path("gauntlet");
        if !program.exists() {
            std::fs::copy(binary(), &program).unwrap();
        }
        let node = dir.node();
        let folders =
            ["lake", "lake/snapshots", "lake/artifacts", "lake/tmp", "index"].map(|name| node.join(name));
        let folders = folders.into_iter().filter(|path| path.is_dir()).chain([node.clone(), dir.path(".")]);
        let all = files(&node).into_iter().map(|path| (path, 0o444)).chain(folders.map(|path| (path, 0o555)));
        let closed = all.chain([(program.clone(), 0o555)]).map(|(path, mode)| {
            let before = std::fs::metadata(&path).unwrap().permissions();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            (path, before)
        });
        let paths = closed.collect();
        Closed { program, paths }
    }

    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        program(&self.program, args).as_reader()
    }

    pub fn open(self) {
        for (path, permissions) in self.paths.into_iter().rev() {
            std::fs::set_permissions(path, permissions).unwrap();
        }
    }
}
