//! Which files are fed, in which order.

use std::path::{Path, PathBuf};

use crate::refusal::Refusal;

/// Files as given; the files of a folder in the order of their names, numbers in them by value: part-2 before part-10.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Refusal> {
    let mut files = Vec::new();
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
        if inside.is_empty() {
            return Err(without_files(path, folders));
        }
        files.extend(inside);
    }
    Ok(files)
}

/// A folder in which there is nothing to feed; folders in it are not looked into.
fn without_files(path: &Path, mut folders: Vec<PathBuf>) -> Refusal {
    folders.sort();
    let path = path.display();
    Refusal::BadInput(match folders.first() {
        None => format!("{path}: the folder has no files"),
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
    fn numbers_in_names_are_in_the_order_of_their_values() {
        let mut names =
            ["part-10.csv", "part-2.csv", "20140505_quote.zip", "20140504_quote.zip", "part-1.csv"];
        names.sort_by_cached_key(|name| natural(name));
        let sorted = ["20140504_quote.zip", "20140505_quote.zip", "part-1.csv", "part-2.csv", "part-10.csv"];
        assert_eq!(names, sorted);
    }
}
