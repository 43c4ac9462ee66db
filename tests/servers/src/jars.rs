//! Jars from Maven Central, checked against their published checksums, and Python environments from PyPI, kept in a
//! cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

/// Runs Maven once for a name and its recipe.
fn fetched(name: &str, recipe: &str, args: impl Fn(&Path, &Path) -> Vec<String>) -> PathBuf {
    made(name, recipe, |part| {
        let pom = part.with_extension("xml");
        fs::write(&pom, recipe).unwrap();
        // Strict checksums: a jar that is not what was published is refused.
        let run = Command::new("mvn").args(["-q", "-B", "-C"]).args(args(&pom, part)).output();
        succeeded(name, run, "mvn cannot be run; install the Debian package maven");
    })
}

/// The interpreter of a Python environment with these requirements; made if it is not there yet.
pub(crate) fn python(name: &str, requirements: &str) -> PathBuf {
    let version = Command::new("python3").arg("--version").output();
    let version = succeeded(name, version, "python3 cannot be run; install the Debian package python3");
    let folder = made(name, &format!("{requirements}# {version}"), |part| {
        let environment = Command::new("python3").args(["-m", "venv"]).arg(part).output();
        succeeded(name, environment, "install the Debian package python3-venv");
        let list = part.with_extension("txt");
        fs::write(&list, requirements).unwrap();
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"];
        let run = Command::new(part.join("bin/python")).args(pip).arg(&list).output();
        succeeded(name, run, "the first time needs the network");
    });
    folder.join("bin/python")
}

/// The folder of a name, made once for each recipe and renamed into place when it is whole.
fn made(name: &str, recipe: &str, make: impl Fn(&Path)) -> PathBuf {
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
    make(&part);
    fs::rename(&part, &folder).unwrap();
    fs::write(kept, recipe).unwrap();
    folder
}

/// What a command said, which has to have gone well.
fn succeeded(name: &str, run: std::io::Result<Output>, hint: &str) -> String {
    let run = run.unwrap_or_else(|error| panic!("{name}: {error}: {hint}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        run.status.success(),
        "{name} could not be fetched ({hint}): {}{}",
        said(&run.stdout),
        said(&run.stderr)
    );
    said(&run.stdout)
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
