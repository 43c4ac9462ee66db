//! What a release does: sets what versions owe to each other, registers every version of every record. Doing it again
//! changes nothing. Only releases write; a service that registered by itself would publish whatever it was built from.

use gauntlet_wire::Meaning;
use gauntlet_wire::registry::{RecordVersion, recognise};

use crate::client::{Client, Registered, RegistryError};
use crate::remote::on_own_thread;
use crate::settings::Settings;
use crate::subjects::{Subject, subjects};

/// What was found or done, one line for each version of each subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In pipeline order.
    pub versions: Vec<Subjected>,
}

impl Report {
    /// Versions that were not there before.
    pub fn added(&self) -> usize {
        self.versions.iter().filter(|version| version.state != State::Present).count()
    }
}

/// A version in its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subjected {
    /// The subject.
    pub subject: String,
    /// Gauntlet's number of the record's version, from 1.
    pub version: u32,
    /// The registry's id; `None` when it has not been registered.
    pub id: Option<u32>,
    /// How it came to be there.
    pub state: State,
}

/// How a version came to be in its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was there.
    Present,
    /// It has just been registered.
    Added,
    /// It is not there and would fit.
    Missing,
}

/// Registers everything and sets every subject's compatibility.
pub fn register(settings: &Settings) -> Result<Report, RegistryError> {
    each_subject(settings, |client, subject, lines| {
        let level = subject.compatibility;
        let mut is_set = client.set_compatibility(&subject.name, level)?;
        for version in &subject.versions {
            let (id, state) = match find(client, &subject.name, version)? {
                Some(id) => (id, State::Present),
                None => match client.register(&subject.name, version.schema)? {
                    Ok(id) => (id, State::Added),
                    Err(said) => return Err(incompatible(client, subject, version, &said)?),
                },
            };
            // Some registries know a subject only once it has a version.
            if !is_set {
                is_set = client.set_compatibility(&subject.name, level)?;
            }
            lines.push(line(subject, version, Some(id), state));
        }
        if !is_set {
            let said = format!("its compatibility cannot be set to {level}");
            return Err(RegistryError::Incompatible { subject: subject.name.clone(), said });
        }
        no_strangers(client, subject)
    })
}

/// Whether everything could be registered, without registering: for CI, against the registry that a release will meet.
pub fn check(settings: &Settings) -> Result<Report, RegistryError> {
    each_subject(settings, |client, subject, lines| {
        for version in &subject.versions {
            let id = find(client, &subject.name, version)?;
            if id.is_none()
                && let Some(said) = client.incompatibility(&subject.name, version.schema)?
            {
                return Err(incompatible(client, subject, version, &said)?);
            }
            let state = if id.is_some() { State::Present } else { State::Missing };
            lines.push(line(subject, version, id, state));
        }
        no_strangers(client, subject)
    })
}

fn each_subject(
    settings: &Settings,
    visit: impl Fn(&Client, &Subject, &mut Vec<Subjected>) -> Result<(), RegistryError> + Sync,
) -> Result<Report, RegistryError> {
    on_own_thread(|| {
        let client = Client::new(settings)?;
        let mut versions = Vec::new();
        for subject in subjects(&settings.topic_prefix) {
            visit(&client, &subject, &mut versions)?;
        }
        Ok(Report { versions })
    })
}

/// The id of a version in its subject. A registry looks for the text; somebody's tool may have registered the same
/// schema in another formatting.
pub(crate) fn find(
    client: &Client,
    subject: &str,
    version: &RecordVersion,
) -> Result<Option<u32>, RegistryError> {
    if let Some(id) = client.lookup(subject, version.schema)? {
        return Ok(Some(id));
    }
    let is_it = |registered: &Registered| matches!(recognise(&registered.text), Meaning::Ours(found) if found.id == version.id);
    let versions = client.versions(subject)?;
    Ok(versions.into_iter().find(|(_, registered)| is_it(registered)).map(|(_, registered)| registered.id))
}

/// Everything in a subject is a version of its record: ours, or one of a later release.
fn no_strangers(client: &Client, subject: &Subject) -> Result<(), RegistryError> {
    match stranger(client, subject)? {
        None => Ok(()),
        Some(said) => Err(RegistryError::Incompatible { subject: subject.name.clone(), said }),
    }
}

/// What in a subject is no version of its record.
fn stranger(client: &Client, subject: &Subject) -> Result<Option<String>, RegistryError> {
    for (number, registered) in client.versions(&subject.name)? {
        let found = match registered.foreign {
            Some(foreign) => foreign,
            None => match recognise(&registered.text) {
                Meaning::Ours(version) if version.kind == subject.kind => continue,
                Meaning::Newer(newer) if newer.target().kind == subject.kind => continue,
                Meaning::Ours(version) => version.full_name(),
                Meaning::Newer(newer) => newer.target().full_name(),
                Meaning::Foreign(found) => found,
                Meaning::Unknown => continue,
            },
        };
        return Ok(Some(format!("version {number} there (schema id {}) is {found}", registered.id)));
    }
    Ok(None)
}

/// What the registry said, and what we see ourselves: some registries say little.
fn incompatible(
    client: &Client,
    subject: &Subject,
    version: &RecordVersion,
    said: &str,
) -> Result<RegistryError, RegistryError> {
    let level = subject.compatibility;
    let mut text = format!("the registry refuses our version {} under {level}", version.version);
    for more in [Some(said.to_owned()), stranger(client, subject)?].into_iter().flatten() {
        if !more.is_empty() {
            text = format!("{text}; {more}");
        }
    }
    Ok(RegistryError::Incompatible { subject: subject.name.clone(), said: text })
}

fn line(subject: &Subject, version: &RecordVersion, id: Option<u32>, state: State) -> Subjected {
    Subjected { subject: subject.name.clone(), version: version.version, id, state }
}
