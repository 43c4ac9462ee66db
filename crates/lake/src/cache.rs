//! The room that copies in front of an object store take up.
//!
//! Every file in the cache can be fetched again, so nothing here can fail: what cannot be looked at or removed stays.
//! A file that somebody has open is read to its end all the same, because a removed file goes only when it is closed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// An unfinished file that is this much older than the newest copy belongs to nobody any more.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// A file in the cache.
struct Copy {
    written: SystemTime,
    path: PathBuf,
    bytes: u64,
}

/// Removes the oldest files of these folders until they hold at most `room` bytes; never `newest`, which has just come.
/// The last of the folders holds unfinished files, of which only abandoned ones are removed.
pub(crate) fn make_room(folders: &[PathBuf], room: u64, newest: &Path) {
    let Some((unfinished, folders)) = folders.split_last() else { return };
    let mut copies: Vec<Copy> = folders.iter().flat_map(|folder| files(folder)).collect();
    copies.sort_by(|a, b| (a.written, &a.path).cmp(&(b.written, &b.path)));
    let mut bytes: u64 = copies.iter().map(|copy| copy.bytes).sum();
    let now = copies.last().map(|copy| copy.written);
    let abandoned = |file: &Copy| {
        let age = now.and_then(|now| now.duration_since(file.written).ok());
        age.is_some_and(|age| age > ABANDONED)
    };
    for file in files(unfinished).into_iter().filter(abandoned) {
        let _ = fs::remove_file(&file.path);
    }
    for copy in copies.iter().filter(|copy| copy.path != newest) {
        if bytes <= room {
            return;
        }
        if fs::remove_file(&copy.path).is_ok() {
            bytes -= copy.bytes;
        }
    }
}

fn files(folder: &Path) -> Vec<Copy> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, about) = (entry.path(), entry.metadata());
        match about {
            Ok(about) if about.is_dir() => found.extend(files(&path)),
            Ok(about) => {
                let written = about.modified().ok();
                found.extend(written.map(|written| Copy { written, path, bytes: about.len() }));
            }
            Err(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn file(path: &Path, bytes: usize, age_hours: u64) {
        fs::write(path, vec![0; bytes]).unwrap();
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(3600 * (1_000_000 - age_hours));
        File::options().write(true).open(path).unwrap().set_modified(written).unwrap();
    }

    #[test]
    fn the_oldest_go_first_and_the_newest_stays_even_alone_too_large() {
        let dir = tempfile::tempdir().unwrap();
        let folders = ["snapshots", "artifacts", "tmp"].map(|name| dir.path().join(name));
        folders.iter().for_each(|folder| fs::create_dir(folder).unwrap());
        let [old, middle, new] = ["old", "middle", "new"].map(|name| folders[0].join(name));
        file(&old, 100, 3);
        file(&middle, 100, 2);
        file(&new, 100, 1);
        make_room(&folders, 300, &new);
        assert!(old.exists());
        make_room(&folders, 299, &new);
        assert!(!old.exists() && middle.exists());
        make_room(&folders, 10, &new);
        assert!(!middle.exists() && new.exists());
    }

    #[test]
    fn unfinished_files_stay_until_they_are_abandoned() {
        let dir = tempfile::tempdir().unwrap();
        let folders = ["artifacts", "tmp"].map(|name| dir.path().join(name));
        folders.iter().for_each(|folder| fs::create_dir(folder).unwrap());
        let new = folders[0].join("new");
        let [working, crashed] = ["working", "crashed"].map(|name| folders[1].join(name));
        file(&new, 1, 0);
        file(&working, 1000, 23);
        file(&crashed, 1000, 25);
        make_room(&folders, 10, &new);
        assert!(working.exists() && !crashed.exists());
    }
}
