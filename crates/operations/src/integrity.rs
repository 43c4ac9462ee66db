//! `digest`, `verify`, `views rebuild`, `views verify`: what makes the record worth something.

use std::collections::BTreeMap;
use std::sync::Arc;

use gauntlet_domain::topics::{self, Retention};
use gauntlet_domain::{ContentHash, Topic};
use gauntlet_lake::archive::{archived, verify_archived};
use gauntlet_lake::{LakeError, verify_file, verify_snapshot};
use gauntlet_log::{LogError, Positions, Record, TopicPartition};
use gauntlet_processor::topology::is_input;
use gauntlet_runtime::{ProjectAllError, digest, events, restore};
use gauntlet_views::{EmbeddedStore, Table, schema};
use gauntlet_wire::headers;
use serde::{Deserialize, Serialize};

use crate::archiving::refuse_gaps;
use crate::node::Node;
use crate::outside::Outside;
use crate::recount::{NotRecounted, Recount, Recounted};
use crate::refusal::Refusal;

/// Hashes of all topics and views, the same wherever the same happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Digests {
    /// Of each topic.
    pub topics: BTreeMap<String, TopicDigest>,
    /// Of each view.
    pub views: BTreeMap<&'static str, ViewDigest>,
    /// Over all of it.
    pub all: ContentHash,
}

/// The digest of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicDigest {
    /// Distinct events.
    pub events: u64,
    /// Records beyond the first with the same event id.
    pub duplicates: u64,
    /// Hash over the sorted events.
    pub sha256: ContentHash,
}

/// The digest of a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ViewDigest {
    /// Rows.
    pub rows: u64,
    /// Hash over them.
    pub sha256: ContentHash,
}

/// Heads of chains, by the chains' names.
pub type Heads = BTreeMap<String, String>;

/// What to hold the log against.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyRequest {
    /// Heads that an earlier verification printed.
    pub heads: Option<Heads>,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whether all holds.
    pub ok: bool,
    /// How much was looked at.
    pub checked: Checked,
    /// The head of each chain.
    pub heads: Heads,
    /// What was looked at and could not be recounted.
    pub not_compared: Vec<NotRecounted>,
    /// What does not hold.
    pub problems: Vec<String>,
}

/// How much a verification looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Events.
    pub events: u64,
    /// Sealed snapshots.
    pub snapshots: u64,
    /// Stored models.
    pub artifacts: u64,
    /// Files of the archive.
    pub archived: u64,
    /// Views.
    pub views: u64,
    /// Entries of the trial ledger that were counted again.
    pub ledger_entries: u64,
    /// Decisions about models whose figures from the ledger were counted again.
    pub decisions: u64,
}

/// What comparing the views with the log found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedViews {
    /// Whether they are what the log makes of them.
    pub ok: bool,
    /// Views compared.
    pub views: u64,
    /// Those that differ.
    pub problems: Vec<String>,
}

/// What making the views again gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RebuiltViews {
    /// Rows there are.
    pub rows: u64,
}

/// Digest of every topic and view.
pub fn digest(node: &Node) -> Result<Digests, Refusal> {
    node.catch_up()?;
    let topics = digest::topics(&*node.log, &node.codec)?;
    let topics: BTreeMap<String, TopicDigest> = topics
        .into_iter()
        .map(|(name, of)| {
            (name, TopicDigest { events: of.events, duplicates: of.duplicates, sha256: of.sha256 })
        })
        .collect();
    let views = node.views.digest()?.into_iter();
    let views: BTreeMap<&'static str, ViewDigest> = views
        .map(|(name, of)| (name, ViewDigest { rows: of.rows, sha256: ContentHash(of.sha256) }))
        .collect();
    // Requests are derived and expire by the clock: they are listed, but the hash over all of it does without them.
    let expires = |name: &str| topics::named(name).is_some_and(|t| matches!(t.retention, Retention::Days(_)));
    let lasting = topics.iter().filter(|(name, _)| !expires(name));
    let parts = lasting.map(|(name, digest)| (name.as_str(), &digest.sha256));
    let all = digest::combine(parts.chain(views.iter().map(|(name, digest)| (*name, &digest.sha256))));
    Ok(Digests { topics, views, all })
}

/// Checks everything that can be checked without executing anything.
pub fn verify(node: &Node, request: &VerifyRequest) -> Result<Verified, Refusal> {
    let mut problems: Vec<String> = Vec::new();
    problems.extend(node.log.check().err().map(|error| error.to_string()));
    let (events, recounted) = verify_log(node, &mut problems);
    verify_positions(node, &mut problems);
    node.catch_up()?;
    let (snapshots, artifacts) = verify_lake(node, &mut problems)?;
    let archived = verify_archive(node, &mut problems)?;
    let views = verify_views(node, &mut problems)?;
    // Chains of promotion events begin with the transition stage; until then there is no head to keep.
    let heads = Heads::new();
    for (chain, kept) in request.heads.iter().flatten() {
        if heads.get(chain) != Some(kept) {
            problems.push(format!("chain {chain} does not reach the head {kept:?} that was kept"));
        }
    }
    let Recounted { ledger_entries, decisions, not_compared } = recounted;
    let checked = Checked { events, snapshots, artifacts, archived, views, ledger_entries, decisions };
    Ok(Verified { ok: problems.is_empty(), checked, heads, not_compared, problems })
}

/// Every record readable, in its topic, by its writer, under its own id and key, without holes; the trial ledger counted again.
fn verify_log(node: &Node, problems: &mut Vec<String>) -> (u64, Recounted) {
    let mut count = 0;
    let topology = node.processors.topology();
    let mut reader = Reader {
        outside: said(Outside::read(node), problems),
        recount: said(Recount::of(node), problems),
        ends: said(ends(node), problems),
    };
    for topic in Recount::order(topics::ALL) {
        let Ok(partitions) = node.log.partitions(topic.name) else { continue };
        let own = topology.writer_of(topic).unwrap_or_default();
        for partition in 0..partitions {
            let place = TopicPartition::new(topic.name, partition);
            let read = node.log.bounds(&place).and_then(|(start, end)| {
                let end = reader.ends.get(&place).copied().unwrap_or(end);
                restore::for_each(&*node.log, &place, start, end, |record| {
                    count += 1;
                    reader.verify(node, topic, own, &record, problems);
                    Ok(())
                })
            });
            problems.extend(read.err().map(|error| error.to_string()));
        }
    }
    (count, reader.recount.finish(problems))
}

/// What was read; nothing, and the error among the problems.
fn said<T: Default>(read: Result<T, LogError>, problems: &mut Vec<String>) -> T {
    read.unwrap_or_else(|error| {
        problems.push(error.to_string());
        T::default()
    })
}

/// Where every partition ends, outputs before what they follow from: of a record within these ends its causes are too, also
/// while processors are at work.
fn ends(node: &Node) -> Result<Positions, LogError> {
    let mut ends = Positions::new();
    for topic in topics::ALL.iter().rev() {
        for partition in 0..node.log.partitions(topic.name).unwrap_or(0) {
            let place = TopicPartition::new(topic.name, partition);
            let (_, end) = node.log.bounds(&place)?;
            ends.insert(place, end);
        }
    }
    Ok(ends)
}

/// What is known of the log while it is read.
struct Reader {
    outside: Outside,
    recount: Recount,
    ends: Positions,
}

impl Reader {
    fn verify(&mut self, node: &Node, topic: &Topic, own: &str, record: &Record, problems: &mut Vec<String>) {
        let at = format!("{} offset {}", record.partition, record.offset);
        let recorded = match events::read(&node.codec, record) {
            Ok(recorded) => recorded,
            Err(error) => return problems.push(format!("{at}: {error}")),
        };
        let event = &recorded.event;
        if headers::event_id(&record.headers).is_some_and(|id| id != event.id()) {
            problems.push(format!("{at}: the event id does not belong to this {}", event.kind().name()));
        }
        if event.key().as_bytes() != record.key {
            problems.push(format!("{at}: the key does not belong to this {}", event.kind().name()));
        }
        let writer = self.outside.writer(own, event);
        let is_of_writer = recorded.envelope.source == writer;
        if !is_input(topic) && !is_of_writer {
            let found = &recorded.envelope.source;
            problems.push(format!("{at}: written by {found}, it is {writer} who writes it"));
        }
        problems.extend(self.outside.answer(own, &recorded).map(|problem| format!("{at}: {problem}")));
        self.recount.see(record, &recorded, is_of_writer, problems);
    }
}

/// Every processor's position lies within what there is to read.
fn verify_positions(node: &Node, problems: &mut Vec<String>) {
    for name in node.processors.writers() {
        let beyond = node.log.committed(name).and_then(|positions| {
            for (place, next) in positions {
                let (_, end) = node.log.bounds(&place)?;
                if next > end {
                    problems.push(format!("{name} has read {place} up to {next}, which ends at {end}"));
                }
            }
            Ok(())
        });
        problems.extend(beyond.err().map(|error| error.to_string()));
    }
}

/// Columns that name files on the lake.
const ARTIFACTS: [(&Table, &str); 4] = [
    (&schema::MODELS, "artifact_path"),
    (&schema::SENSITIVITY, "points"),
    (&schema::RISK_FIGURES, "series"),
    (&schema::TRIAL_LEDGER, "series"),
];

/// Every sealed snapshot and stored model hashes to its name, where it is kept and not where there is a copy.
fn verify_lake(node: &Node, problems: &mut Vec<String>) -> Result<(u64, u64), Refusal> {
    let lake = node.lake.without_copies();
    // A store that does not answer says nothing about what it holds.
    let mut note = |checked: Result<(), LakeError>| match checked {
        Err(error) if error.retry_helps() => Err(error),
        checked => {
            problems.extend(checked.err().map(|error| error.to_string()));
            Ok(())
        }
    };
    let mut snapshots = 0;
    for row in node.views.scan(&schema::DATA_SNAPSHOTS, None)? {
        let text = |column: &str| row.get(column).and_then(|value| value.as_text());
        let Some(hash) = text("hash").and_then(|hash| hash.parse::<ContentHash>().ok()) else { continue };
        snapshots += 1;
        note(verify_snapshot(&lake, hash).map(drop))?;
        let files = text("files").and_then(|files| serde_json::from_str(files).ok());
        let files: Vec<gauntlet_domain::market::SnapshotFile> = files.unwrap_or_default();
        for file in &files {
            note(verify_file(&lake, file))?;
        }
    }
    let mut artifacts = 0;
    for (table, column) in ARTIFACTS {
        for row in node.views.scan(table, None)? {
            let path = row.get(column).and_then(|value| value.as_text());
            let hash = path
                .and_then(|path| path.rsplit('/').next())
                .and_then(|hash| hash.parse::<ContentHash>().ok());
            if let Some(hash) = hash {
                artifacts += 1;
                note(lake.get_artifact(hash).map(drop))?;
            }
        }
    }
    Ok((snapshots, artifacts))
}

/// Every file of the archive holds what its name says, where it is kept, and none is missing between two.
fn verify_archive(node: &Node, problems: &mut Vec<String>) -> Result<u64, Refusal> {
    let lake = node.lake.without_copies();
    let mut files = 0;
    for topic in topics::ALL {
        let ranges = match archived(&lake, topic.name) {
            Err(error) if error.retry_helps() => return Err(error.into()),
            Err(error) => {
                problems.push(error.to_string());
                continue;
            }
            Ok(ranges) => ranges,
        };
        for (partition, ranges) in ranges {
            let place = TopicPartition::new(topic.name, partition);
            problems.extend(refuse_gaps(&place, &ranges).err());
            for range in &ranges {
                files += 1;
                match verify_archived(&lake, range) {
                    Err(error) if error.retry_helps() => return Err(error.into()),
                    verified => problems.extend(verified.err().map(|error| error.to_string())),
                }
            }
        }
    }
    Ok(files)
}

/// The views are what the log makes of them: they are made again in a temporary file, since they grow with the log.
fn verify_views(node: &Node, problems: &mut Vec<String>) -> Result<u64, Refusal> {
    let fresh = node.views_over(Arc::new(EmbeddedStore::temporary()?));
    let projection = node.projecting(fresh.clone());
    if let Err(error) = gauntlet_runtime::project_all(&*node.log, &node.codec, &projection) {
        problems.push(error.to_string());
        return Ok(0);
    }
    let (kept, made) = (node.views.kept_digest()?, fresh.kept_digest()?);
    for (name, digest) in &made {
        if kept.get(name) != Some(digest) {
            problems.push(format!(
                "view {name} is not what the log makes of it: gauntlet views rebuild makes it again"
            ));
        }
    }
    Ok(made.len() as u64)
}

/// The views alone against the log.
pub fn verify_views_alone(node: &Node) -> Result<VerifiedViews, Refusal> {
    node.catch_up()?;
    let mut problems = Vec::new();
    let views = verify_views(node, &mut problems)?;
    Ok(VerifiedViews { ok: problems.is_empty(), views, problems })
}

/// Makes the views again from the log.
pub fn rebuild_views(node: &Node) -> Result<RebuiltViews, Refusal> {
    let failed = |error: ProjectAllError| Refusal::Outside(error.to_string());
    if !gauntlet_runtime::is_of_log(&*node.log, &node.projecting(node.views.clone())).map_err(failed)? {
        // Nothing that they say may stay, how far they have come either.
        node.views.clear()?;
    }
    node.services.stores().rebuild_views(node.views.clone(), &|fresh| node.project_into(fresh))?;
    Ok(RebuiltViews { rows: node.views.digest()?.values().map(|digest| digest.rows).sum() })
}
