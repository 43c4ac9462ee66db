//! The views of a directory: those that were made from its log, or new ones.
//!
//! Views that come from another log, or know more than their log, would answer with what never happened here: such a file
//! is put aside under another name, as a damaged one is, and the projection fills a new one.

use std::path::{Path, PathBuf};

use gauntlet_log::{EventLog, LocalLog, TopicPartition};
use gauntlet_views::{EmbeddedStore, ViewError, ViewStore};

use crate::refusal::Refusal;

/// Opens the views beside a log. Where the directory may only be read they are made in a temporary file.
pub(super) fn open(dir: &Path, log: &LocalLog) -> Result<EmbeddedStore, Refusal> {
    let path = views_file(dir);
    let is_there = path.exists();
    let opened = match EmbeddedStore::open(&path) {
        Err(ViewError::ReadOnly { .. }) => return Ok(EmbeddedStore::temporary()?),
        Err(ViewError::CorruptStore { detail, .. }) => Err(format!("they are damaged ({detail})")),
        Err(error) => return Err(error.into()),
        // Somebody has removed what the note is about.
        Ok(store) if !is_there => remove_note(&path).map(|()| Ok(store))?,
        Ok(_) if has_damaged_views(dir) => Err("they are damaged".to_owned()),
        Ok(store) => match foreign(&store, log) {
            Ok(None) => Ok(store),
            Ok(Some(why)) => Err(why.to_owned()),
            Err(_) if has_damaged_views(dir) => Err("they are damaged".to_owned()),
            Err(refusal) => return Err(refusal),
        },
    };
    let store = match opened {
        Ok(store) => store,
        Err(why) => {
            put_aside(&path, &why)?;
            EmbeddedStore::open(&path)?
        }
    };
    if let Some(session) = log.session()
        && store.session()?.as_ref() != Some(&session)
    {
        store.note_session(&session)?;
    }
    Ok(store)
}

/// Why views were not made from this log.
fn foreign(store: &EmbeddedStore, log: &LocalLog) -> Result<Option<&'static str>, Refusal> {
    if let Some(session) = store.session()?
        && !log.has_session(&session)?
    {
        return Ok(Some("they were made from another log, or from a later state of this one"));
    }
    for progress in store.progress()? {
        // A topic that this log does not have yet is as good as empty.
        let place = TopicPartition::new(progress.topic, progress.partition);
        let end = log.bounds(&place).map_or(0, |(_, end)| end);
        if progress.next_offset > end {
            return Ok(Some("they know more than the log, which is older or was made anew"));
        }
    }
    Ok(None)
}

/// Whether views of a directory have proved damaged: whoever opens them next puts them aside.
pub fn has_damaged_views(dir: &Path) -> bool {
    EmbeddedStore::damage_note(&views_file(dir)).exists()
}

fn views_file(dir: &Path) -> PathBuf {
    dir.join("views.redb")
}

/// Removes the note of damage, if there is one.
fn remove_note(views: &Path) -> Result<(), Refusal> {
    let note = EmbeddedStore::damage_note(views);
    match std::fs::remove_file(&note) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Refusal::Outside(format!("{} cannot be removed: {error}", note.display())))
        }
        _ => Ok(()),
    }
}

/// Gives the file another name, and says so.
fn put_aside(path: &Path, why: &str) -> Result<(), Refusal> {
    let aside = (1..).map(|n| path.with_extension(format!("redb.aside-{n}"))).find(|aside| !aside.exists());
    let aside = aside.unwrap_or_else(|| path.with_extension("redb.aside"));
    std::fs::rename(path, &aside).map_err(|error| {
        Refusal::Outside(format!("{} cannot be put aside, and {why}: {error}", path.display()))
    })?;
    remove_note(path)?;
    tracing::warn!(
        "the views in {} do not fit: {why}; they are made again from the log, and the old ones are kept as {}",
        path.display(),
        aside.display()
    );
    Ok(())
}
