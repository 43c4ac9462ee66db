//! Jars from Maven Central, checked against their published checksums, kept in a cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with a project's jars; fetched if it is not there yet.
pub(crate) fn jars(name: &str, pom: &str) -> PathBuf {
    fetched(name, pom, |pom, into| {
        let out = format!("-DoutputDirectory={}", into.display());
        vec![
            "-f".into(),
            pom.display().to_string(),
            "dependency:copy-dependencies".into(),
            "-DincludeScope=runtime".into(),
            out,
        ]
    })
}

/// The folder with one archive, unpacked.
pub(crate) fn archive(name: &str, coordinates: &str) -> PathBuf {
    let folder = fetched(name, coordinates, |_, into| {
        vec![
            "dependency:copy".into(),
            format!("-Dartifact={coordinates}"),
            format!("-DoutputDirectory={}", into.display()),
        ]
    });
    let unpacked = folder.join("unpacked");
    let _lock = lock(&folder);
    if !unpacked.exists() {
        let found = fs::read_dir(&folder).unwrap().filter_map(Result::ok).map(|entry| entry.path());
        let packed = found.into_iter().find(|path| path.extension().is_some_and(|e| e == "gz")).unwrap();
        let part = folder.join("unpacking");
        let _ = fs::remove_dir_all(&part);
        fs::create_dir_all(&part).unwrap();
        let tar = Command::new("tar").arg("xzf").arg(packed).arg("-C").arg(&part).status().unwrap();
        assert!(tar.success(), "tar cannot unpack {coordinates}");
        fs::rename(part, &unpacked).unwrap();
    }
    unpacked
}

/// Runs Maven once for a name and its recipe; the folder is renamed into place when it is whole.
fn fetched(name: &str, recipe: &str, args: impl Fn(&Path, &Path) -> Vec<String>) -> PathBuf {
    let cache = cache();
    fs::create_dir_all(&cache).unwrap();
    let _lock = lock(&cache.join(name));
    let (folder, kept) = (cache.join(name), cache.join(format!("{name}.recipe")));
    if folder.exists() && fs::read_to_string(&kept).is_ok_and(|text| text == recipe) {
        return folder;
    }
    let part = cache.join(format!("{name}.part"));
    let _ = fs::remove_dir_all(&part);
    let _ = fs::remove_dir_all(&folder);
    let pom = cache.join(format!("{name}.xml"));
    fs::write(&pom, recipe).unwrap();
    // Strict checksums: a jar that is not what was published is refused.
    let run = Command::new("mvn").args(["-q", "-B", "-C"]).args(args(&pom, &part)).output();
    let run =
        run.unwrap_or_else(|error| panic!("mvn cannot be run: {error}; install the Debian package maven"));
    assert!(
        run.status.success(),
        "mvn could not fetch {name}: {}{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
    fs::rename(&part, &folder).unwrap();
    fs::write(kept, recipe).unwrap();
    folder
}

fn cache() -> PathBuf {
    if let Some(folder) = std::env::var_os("GAUNTLET_SERVERS_CACHE") {
        return folder.into();
    }
    let home = || {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| std::env::temp_dir().into())).join(".cache")
    };
    let caches = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    caches.join("gauntlet/servers")
}

/// Held while one process fetches; released when dropped.
fn lock(folder: &Path) -> File {
    let file = File::create(folder.with_extension("lock")).unwrap();
    file.lock().unwrap();
    file
}
