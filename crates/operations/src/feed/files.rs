//! Which files are fed, in which order.

use std::path::{Path, PathBuf};

use crate::refusal::Refusal;

/// Files as given; the files of a folder in the order of their names, numbers in them by value: part-2 before part-10. Files of
/// a folder that are no data by their names are left out, and are the second part of the answer.
pub fn files(paths: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Refusal> {
    let (mut files, mut skipped) = (Vec::new(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let unreadable = |error| Refusal::BadInput(format!("{}: {error}", path.display()));
        let entries = std::fs::read_dir(path).map_err(unreadable)?;
        let inside: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        let (folders, inside): (Vec<PathBuf>, Vec<PathBuf>) =
            inside.into_iter().partition(|path| path.is_dir());
        let mut inside: Vec<PathBuf> = inside.into_iter().filter(|path| path.is_file()).collect();
        // Names that differ in zeros before a number alone are in the order of their letters, never in that of the folder.
        inside.sort_by_cached_key(|path| (natural(&path.to_string_lossy()), path.clone()));
        let (others, inside): (Vec<PathBuf>, Vec<PathBuf>) =
            inside.into_iter().partition(|path| is_no_data(path));
        if inside.is_empty() {
            return Err(without_files(path, folders));
        }
        files.extend(inside);
        skipped.extend(others);
    }
    Ok((files, skipped))
}

/// Whether a file of a folder is none of its data by its name: notes, checksums, what a system puts there.
fn is_no_data(path: &Path) -> bool {
    const ENDS: &str = "checksum checksums md5 sha sha1 sha256 sha384 sha512 sfv asc sig crc md rst pdf htm html doc docx png jpg \
                        jpeg svg ini cfg conf toml yaml yml xml log py ipynb sh lock bak";
    const NAMES: &str = "readme license licence notice changelog thumbs desktop manifest metadata meta schema checksum checksums \
                         md5sum md5sums sha1sum sha1sums sha256sum sha256sums sha512sum sha512sums symbology condition \
                         dataset-metadata dataset_info dataset_infos datapackage";
    let is_in = |list: &str, word: &str| list.split_whitespace().any(|other| other == word);
    let name = file_name(path).to_ascii_lowercase();
    let (stem, end) = name.split_once('.').unwrap_or((&name, ""));
    let last = end.rsplit('.').next().unwrap_or_default();
    // Names of notes are those of data where they end so.
    let is_table = matches!(end.split('.').next(), Some("csv" | "parquet" | "tsv"));
    name.starts_with(['.', '_']) || is_in(ENDS, last) || (is_in(NAMES, stem) && !is_table)
}

/// A folder in which there is nothing to feed; folders in it are not looked into.
fn without_files(path: &Path, mut folders: Vec<PathBuf>) -> Refusal {
    folders.sort();
    let path = path.display();
    Refusal::BadInput(match folders.first() {
        None => format!("{path}: the folder has no files of data"),
        Some(first) => format!(
            "{path}: the folder has no files but {} folders, which are not looked into: name one of them, such as {}, or a \
             pattern such as {path}/*/*.csv",
            folders.len(),
            first.display()
        ),
    })
}

/// A text as its pieces: numbers by value, what is between them as it is.
fn natural(text: &str) -> Vec<(u128, String)> {
    let mut pieces: Vec<(u128, String)> = vec![(0, String::new())];
    let mut was_digit = false;
    for character in text.chars() {
        let digit = character.to_digit(10);
        if digit.is_some() && !was_digit {
            pieces.push((0, String::new()));
        }
        if let Some((number, rest)) = pieces.last_mut() {
            match digit {
                Some(digit) => *number = number.saturating_mul(10).saturating_add(u128::from(digit)),
                None => rest.push(character),
            }
        }
        was_digit = digit.is_some();
    }
    pieces
}

/// A file's name without folders.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_and_checksums_are_no_data() {
        for name in [
            ".DS_Store",
            "README.txt",
            "readme",
            "BTCUSDT-trades-2024-01.zip.CHECKSUM",
            "_SUCCESS",
            "Thumbs.db",
            "License.md",
            "a.csv.sha256",
            "manifest.json",
            "metadata.json",
            "checksums.txt",
            "SHA256SUMS",
            "dataset-metadata.json",
        ] {
            assert!(is_no_data(Path::new(name)), "{name}");
        }
        for name in [
            "a.csv",
            "20140504_quote.zip",
            "notes.csv",
            "trades.txt",
            "a.parquet",
            "market",
            "license_plates.csv",
            "metadata.csv",
            "recording.json",
        ] {
            assert!(!is_no_data(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn numbers_in_names_are_in_the_order_of_their_values() {
        let mut names =
            ["part-10.csv", "part-2.csv", "20140505_quote.zip", "20140504_quote.zip", "part-1.csv"];
        names.sort_by_cached_key(|name| natural(name));
        let sorted = ["20140504_quote.zip", "20140505_quote.zip", "part-1.csv", "part-2.csv", "part-10.csv"];
        assert_eq!(names, sorted);
    }
}
