//! `digest`, `replay`, `verify`, `views rebuild`: what makes the record worth something.

use std::collections::BTreeMap;
use std::path::Path;

use gauntlet_domain::{ContentHash, Event, ExperimentId};
use gauntlet_lake::{LakeError, verify_file, verify_snapshot};
use gauntlet_log::TopicPartition;
use gauntlet_runtime::replay::{Divergence, NotCompared, Replay};
use gauntlet_runtime::{digest, events, restore};
use gauntlet_views::{EmbeddedStore, ViewStore, schema};
use gauntlet_wire::catalogue::{Retention, topic_named};
use gauntlet_wire::{CATALOGUE, headers};
use serde_json::{Value as Json, json};
use std::sync::Arc;

use super::browse::find;
use super::outside::Outside;
use crate::node::{Node, definitions, workers};
use crate::progress::Step;
use crate::projecting::Projecting;
use crate::report::{Refusal, Report};
use crate::table::table;

/// Digest of every topic and view.
pub fn digest(node: &Node) -> Result<Report, Refusal> {
    node.catch_up()?;
    let topics = digest::topics(&*node.log, &node.codec)?;
    let views = node.views.digest()?;
    let view_hash = |sha256: &[u8; 32]| ContentHash(*sha256);
    let view_hashes: BTreeMap<&str, ContentHash> =
        views.iter().map(|(name, digest)| (*name, view_hash(&digest.sha256))).collect();
    // Requests are derived and expire by the clock: they are listed, but the hash over all of it does without them.
    let expires = |name: &str| topic_named(name).is_some_and(|t| matches!(t.retention, Retention::Days(_)));
    let lasting = topics.iter().filter(|(name, _)| !expires(name));
    let parts = lasting.map(|(name, digest)| (name.as_str(), &digest.sha256));
    let all = digest::combine(parts.chain(view_hashes.iter().map(|(name, hash)| (*name, hash))));
    let topics_json: BTreeMap<&str, Json> = topics
        .iter()
        .map(|(name, digest)| {
            (
                name.as_str(),
                json!({ "events": digest.events, "duplicates": digest.duplicates, "sha256": digest.sha256 }),
            )
        })
        .collect();
    let views_json: BTreeMap<&str, Json> = views
        .iter()
        .map(|(name, digest)| (*name, json!({ "rows": digest.rows, "sha256": view_hash(&digest.sha256) })))
        .collect();
    let topic_lines = topics.iter().map(|(n, d)| vec![n.clone(), d.events.to_string(), d.sha256.to_string()]);
    let view_lines = views
        .iter()
        .map(|(n, d)| vec![format!("view {n}"), d.rows.to_string(), view_hash(&d.sha256).to_string()]);
    let text = table(&["", "count", "sha256"], topic_lines.chain(view_lines));
    let json = json!({ "topics": topics_json, "views": views_json, "all": all });
    Ok(Report::done(json, format!("{text}\nall {all}")))
}

/// Re-executes an experiment, or everything, and compares.
pub fn replay(node: &Node, id: Option<&str>, threads: Option<usize>, quiet: bool) -> Result<Report, Refusal> {
    let experiment = match id {
        Some(id) => {
            node.catch_up()?;
            let row = find(node, &schema::EXPERIMENTS, id)?;
            row.get("experiment_id").and_then(|value| value.as_text()).map(str::to_owned)
        }
        None => None,
    };
    let wanted = |event: &Event| match &experiment {
        None => true,
        Some(id) => experiment_of(event).is_some_and(|of| of.to_string() == *id),
    };
    let definitions = definitions();
    let workers = workers();
    let data = node.data();
    let step = Step::begin("replay", derived_events(node)?, "events", quiet);
    let outcome = Replay {
        log: &*node.log,
        codec: &node.codec,
        definitions: &definitions,
        workers: &workers,
        data: &*data,
        threads: threads.unwrap_or_else(|| node.workers()),
        filter: &wanted,
        progress: &|compared| step.at(compared),
    }
    .run()?;
    step.end(&format!("{} events compared", outcome.compared));
    let (compared, foreign) = (outcome.compared, outcome.foreign);
    let not_compared: Vec<Json> = outcome
        .not_compared
        .iter()
        .map(|not| json!({ "processor": not.processor, "version": not.version, "events": not.events }))
        .collect();
    let others: String = outcome.not_compared.iter().map(not_compared_line).collect();
    if compared == 0 && outcome.divergence.is_none() {
        let message = if others.is_empty() {
            "nothing was compared: the log has no derived event to replay; run something first".to_owned()
        } else {
            format!("nothing was compared: the build that made these events replays them{others}")
        };
        let json = json!({
            "identical": false, "compared": 0, "foreign": foreign, "not_compared": not_compared,
        });
        return Ok(Report::no(json, message));
    }
    match outcome.divergence {
        None => {
            let taken = match foreign {
                0 => String::new(),
                _ => format!(", with {foreign} answers of trainers outside as they are recorded"),
            };
            let json = json!({
                "identical": true, "compared": compared, "foreign": foreign, "not_compared": not_compared,
            });
            Ok(Report::done(json, format!("identical: {compared} events{taken}{others}")))
        }
        Some(divergence) => {
            let json = json!({
                "identical": false, "compared": compared, "foreign": foreign, "not_compared": not_compared,
                "divergence": diverging(&divergence),
            });
            let side = |event: &Option<Event>| {
                event.as_ref().map_or("(nothing)".into(), |event| format!("{event:#?}"))
            };
            let text = format!(
                "differs after {compared} events: {} of {} on {}\nrecorded:\n{}\nre-executed:\n{}{others}",
                divergence.event_id,
                divergence.key,
                divergence.topic,
                side(&divergence.recorded),
                side(&divergence.reexecuted),
            );
            Ok(Report::no(json, text))
        }
    }
}

/// Events of another version of a processor's logic, as a line.
fn not_compared_line(not: &NotCompared) -> String {
    let NotCompared { processor, version, events } = not;
    format!("\n{events} events of {processor} were made by version {version} of its logic, not compared")
}

/// Derived events on the log, for the progress bar.
fn derived_events(node: &Node) -> Result<u64, Refusal> {
    let mut events = 0;
    for topic in CATALOGUE.iter().filter(|topic| !topic.is_input()) {
        for partition in 0..node.log.partitions(topic.name)? {
            let (start, end) = node.log.bounds(&TopicPartition::new(topic.name, partition))?;
            events += end - start;
        }
    }
    Ok(events)
}

fn diverging(divergence: &Divergence) -> Json {
    let side = |event: &Option<Event>| event.as_ref().map(|event| format!("{event:?}"));
    json!({
        "topic": divergence.topic, "key": divergence.key, "event_id": divergence.event_id,
        "recorded": side(&divergence.recorded), "reexecuted": side(&divergence.reexecuted),
    })
}

/// The experiment that an event belongs to.
pub(super) fn experiment_of(event: &Event) -> Option<ExperimentId> {
    let id = match event {
        Event::ExperimentSubmitted(e) => e.experiment_id,
        Event::ExperimentStarted(e) => e.experiment_id,
        Event::ExperimentCompleted(e) => e.experiment_id,
        Event::ExperimentCancelled(e) => e.experiment_id,
        Event::ExperimentFailed(e) => e.experiment_id,
        Event::TrainingRequested(e) => e.experiment_id,
        Event::TrialCompleted(e) => e.experiment_id,
        Event::TrialPruned(e) => e.experiment_id,
        Event::TrialFailed(e) => e.experiment_id,
        Event::EvaluationRequested(e) => e.experiment_id,
        Event::EvaluationCompleted(e) => e.experiment_id,
        Event::EvaluationFailed(e) => e.experiment_id,
        Event::TradeLogChunk(e) => e.experiment_id,
        Event::EquityCurveChunk(e) => e.experiment_id,
        Event::LedgerEntered(e) => e.experiment_id,
        _ => return None,
    };
    Some(id)
}

/// Checks everything that can be checked without executing anything.
pub fn verify(node: &Node, heads: Option<&Path>) -> Result<Report, Refusal> {
    let mut problems: Vec<String> = Vec::new();
    problems.extend(node.log.check().err().map(|error| error.to_string()));
    let events = verify_log(node, &mut problems);
    verify_positions(node, &mut problems);
    node.catch_up()?;
    let (snapshots, artifacts) = verify_lake(node, &mut problems)?;
    let views = verify_views(node, &mut problems)?;
    // Chains of promotion events begin with the transition stage; until then there is no head to keep.
    let known: BTreeMap<String, String> = BTreeMap::new();
    if let Some(path) = heads {
        compare_heads(path, &known, &mut problems)?;
    }
    let json = json!({
        "ok": problems.is_empty(),
        "checked": { "events": events, "snapshots": snapshots, "artifacts": artifacts, "views": views },
        "heads": known, "problems": problems,
    });
    let counted = format!("{events} events, {snapshots} snapshots, {artifacts} artifacts, {views} views");
    if problems.is_empty() {
        return Ok(Report::done(json, format!("all holds: {counted}")));
    }
    Ok(Report::no(json, format!("{counted} checked\n{}", problems.join("\n"))))
}

/// Every record readable, in its topic, by its writer, under its own id and key, without holes.
fn verify_log(node: &Node, problems: &mut Vec<String>) -> u64 {
    let mut count = 0;
    let mut outside = match Outside::read(node) {
        Ok(outside) => outside,
        Err(error) => {
            problems.push(error.to_string());
            Outside::default()
        }
    };
    for topic in CATALOGUE {
        let Ok(partitions) = node.log.partitions(topic.name) else { continue };
        for partition in 0..partitions {
            let place = TopicPartition::new(topic.name, partition);
            let read = node.log.bounds(&place).and_then(|(start, end)| {
                restore::for_each(&*node.log, &place, start, end, |record| {
                    count += 1;
                    let at = format!("{place} offset {}", record.offset);
                    match events::read(&node.codec, &record) {
                        Err(error) => problems.push(format!("{at}: {error}")),
                        Ok(recorded) => {
                            let event = &recorded.event;
                            if headers::event_id(&record.headers).is_some_and(|id| id != event.id()) {
                                problems.push(format!(
                                    "{at}: the event id does not belong to this {}",
                                    event.kind().name()
                                ));
                            }
                            if event.key().as_bytes() != record.key {
                                problems.push(format!(
                                    "{at}: the key does not belong to this {}",
                                    event.kind().name()
                                ));
                            }
                            let writer = outside.writer(topic.writer, event);
                            if !topic.is_input() && recorded.envelope.source != writer {
                                let found = &recorded.envelope.source;
                                problems
                                    .push(format!("{at}: written by {found}, it is {writer} who writes it"));
                            }
                            problems
                                .extend(outside.answer(&recorded).map(|problem| format!("{at}: {problem}")));
                        }
                    }
                    Ok(())
                })
            });
            if let Err(error) = read {
                problems.push(error.to_string());
            }
        }
    }
    count
}

/// Every processor's position lies within what there is to read.
fn verify_positions(node: &Node, problems: &mut Vec<String>) {
    let machines = definitions().into_iter().map(|definition| definition.name);
    let names: Vec<&str> = machines.chain(workers().iter().map(|worker| worker.name())).collect();
    for name in names {
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
    for row in node.views.scan(&schema::MODELS, None)? {
        let path = row.get("artifact_path").and_then(|value| value.as_text());
        let hash =
            path.and_then(|path| path.rsplit('/').next()).and_then(|hash| hash.parse::<ContentHash>().ok());
        if let Some(hash) = hash {
            artifacts += 1;
            note(lake.get_artifact(hash).map(drop))?;
        }
    }
    Ok((snapshots, artifacts))
}

/// The views are what the log makes of them.
fn verify_views(node: &Node, problems: &mut Vec<String>) -> Result<u64, Refusal> {
    let fresh = Arc::new(EmbeddedStore::memory()?);
    let mut projection = Projecting::new(fresh.clone());
    if let Err(error) = gauntlet_runtime::project_all(&*node.log, &node.codec, &mut projection) {
        problems.push(error.to_string());
        return Ok(0);
    }
    let (kept, made) = (node.views.digest()?, fresh.digest()?);
    for (name, digest) in &made {
        if kept.get(name) != Some(digest) {
            problems.push(format!(
                "view {name} is not what the log makes of it: gauntlet views rebuild makes it again"
            ));
        }
    }
    Ok(made.len() as u64)
}

fn compare_heads(
    path: &Path,
    known: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
) -> Result<(), Refusal> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Refusal::BadInput(format!(
            "--heads {}: {error}; give the output of verify --json kept earlier",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let document: Json = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    let heads = document.get("heads").unwrap_or(&document);
    let Some(heads) = heads.as_object() else { return Err(unreadable(&"there is no object of heads in it")) };
    for (chain, head) in heads {
        if known.get(chain).map(String::as_str) != head.as_str() {
            problems.push(format!("chain {chain} does not reach the head {head} that was kept"));
        }
    }
    Ok(())
}

/// The views alone against the log.
pub fn verify_views_alone(node: &Node) -> Result<Report, Refusal> {
    node.catch_up()?;
    let mut problems = Vec::new();
    let views = verify_views(node, &mut problems)?;
    let json = json!({ "ok": problems.is_empty(), "views": views, "problems": problems });
    if problems.is_empty() {
        return Ok(Report::done(json, format!("{views} views are what the log makes of them")));
    }
    Ok(Report::no(json, problems.join("\n")))
}

/// Makes the views again from the log. Embedded ones are dropped first; on a cluster new tables are filled beside the
/// old ones and take their place when they have caught up.
pub fn rebuild_views(node: &Node) -> Result<Report, Refusal> {
    if node.config.cql.nodes.is_empty() {
        node.views.clear()?;
        node.catch_up()?;
    } else {
        crate::cluster::rebuild_views(&node.config, |fresh| node.project_into(fresh))?;
    }
    let rows: u64 = node.views.digest()?.values().map(|digest| digest.rows).sum();
    Ok(Report::done(json!({ "rows": rows }), format!("views made again from the log: {rows} rows")))
}
