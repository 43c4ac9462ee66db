//! The registry that a service has: ids of what it writes, learned at the start; ids of what it reads, asked for once each.
//!
//! What the registry has said for good is kept for ever: an id never changes its schema. What it could not say is not
//! kept: an id that it does not have may be there in a moment (a writer of a newer release, a registry restored from a
//! copy), so the reader waits and asks again. It never registers anything.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use gauntlet_domain::RecordKind;
use gauntlet_wire::registry::recognise;
use gauntlet_wire::{Meaning, Registry, Undecided};

use crate::client::{Client, Registered, RegistryError};
use crate::release::find;
use crate::settings::Settings;
use crate::subjects::subjects;

/// Ids are positive numbers of 31 bits; what is beyond is noise, and nobody needs to be asked.
const LARGEST_ID: u32 = i32::MAX as u32;

/// For so long after a call without an answer the next ones fail at once: a slot with many partitions waits for one
/// time-out in a round of attempts, not for one for each of them.
const BREATH: Duration = Duration::from_millis(200);

/// A registry on the network behind the port.
pub struct RemoteRegistry {
    client: Client,
    newest: HashMap<RecordKind, u32>,
    meanings: RwLock<HashMap<u32, Meaning>>,
    failed: Mutex<Option<(Instant, RegistryError)>>,
}

impl RemoteRegistry {
    /// Looks up the ids of all records. An error when the registry does not answer, or when a record's newest version is
    /// not registered.
    pub fn connect(settings: &Settings) -> Result<RemoteRegistry, RegistryError> {
        on_own_thread(|| {
            let client = Client::new(settings)?;
            let (mut newest, mut meanings, mut missing) = (HashMap::new(), HashMap::new(), Vec::new());
            let subjects = subjects(&settings.topic_prefix);
            for subject in &subjects {
                // Oldest first, so that the newest stays; only that one has to be there.
                let mut last = None;
                for version in &subject.versions {
                    last = find(&client, &subject.name, version)?;
                    meanings.extend(last.map(|id| (id, Meaning::Ours(version))));
                }
                match last {
                    // A record on two topics has the same text under both, and with it one id.
                    Some(id) => drop(newest.entry(subject.kind).or_insert(id)),
                    None => missing.push(subject.name.clone()),
                }
            }
            if !missing.is_empty() {
                return Err(RegistryError::Missing { subjects: missing, total: subjects.len() });
            }
            tracing::info!(subjects = subjects.len(), at = %settings.urls.join(", "), "schema registry connected");
            Ok(RemoteRegistry { client, newest, meanings: RwLock::new(meanings), failed: Mutex::new(None) })
        })
    }

    fn ask(&self, id: u32) -> Result<Meaning, Undecided> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, error)) = &*failed
            && at.elapsed() < BREATH
        {
            return Err(undecided(error));
        }
        // The lock is kept: others who ask now would wait for the same silence.
        let answer = on_own_thread(|| self.client.by_id(id));
        *failed = answer.as_ref().err().map(|error| (Instant::now(), error.clone()));
        match answer.map_err(|error| undecided(&error))? {
            Some(Registered { foreign: Some(foreign), .. }) => Ok(Meaning::Foreign(foreign)),
            Some(Registered { text, .. }) => Ok(recognise(&text)),
            None => {
                let detail = "the registry does not have it: it was restored from an older copy, or the writer uses another \
                              registry; register the writer's schemas, or restore the registry";
                Err(Undecided { detail: detail.into() })
            }
        }
    }
}

impl Registry for RemoteRegistry {
    fn id_of(&self, kind: RecordKind) -> Option<u32> {
        self.newest.get(&kind).copied()
    }

    fn meaning_of(&self, id: u32) -> Result<Meaning, Undecided> {
        if let Some(meaning) = self.meanings.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(meaning.clone());
        }
        if id > LARGEST_ID {
            return Ok(Meaning::Unknown);
        }
        let meaning = self.ask(id)?;
        match &meaning {
            Meaning::Foreign(found) => tracing::warn!(id, %found, "schema is not one of Gauntlet's"),
            _ => tracing::info!(id, "schema looked up"),
        }
        self.meanings.write().unwrap_or_else(PoisonError::into_inner).insert(id, meaning.clone());
        Ok(meaning)
    }
}

fn undecided(error: &RegistryError) -> Undecided {
    Undecided { detail: error.to_string() }
}

/// Runs calls outside any tokio runtime that the caller may be in.
pub(crate) fn on_own_thread<T: Send>(
    call: impl FnOnce() -> Result<T, RegistryError> + Send,
) -> Result<T, RegistryError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("schema-registry".into()).spawn_scoped(scope, call);
        let thread = thread.map_err(|error| RegistryError::Unreachable {
            at: "of the settings".into(),
            detail: format!("cannot start a thread: {error}"),
        })?;
        thread.join().expect("invariant: a call to the registry does not panic")
    })
}
