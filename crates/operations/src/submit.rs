//! `submit`: experiments in, with everything that is wrong said before anything is published.

use std::time::{Duration, Instant};

use gauntlet_config::ExperimentDocument;
use gauntlet_domain::experiment::{ConfigRegistered, SubmitExperiment};
use gauntlet_domain::person::Person;
use gauntlet_domain::spec::{DataSpec, DateText, ExperimentSpec};
use gauntlet_domain::{Event, ExperimentId, InstrumentId, Timestamp, external};
use gauntlet_experiments::validate::{Problem, validate};
use gauntlet_runtime::parked::Stretches;
use gauntlet_runtime::{Manner, Running};
use gauntlet_views::{Row, schema};
use serde::{Deserialize, Serialize};

use crate::answer::Standing;
use crate::attempts;
use crate::budget;
use crate::coverage::require_bars;
use crate::experiment_report::{ExperimentReport, experiment_report};
use crate::inventory;
use crate::node::Node;
use crate::parked;
use crate::policy;
use crate::progress::Progress;
use crate::publish::publish_once;
use crate::refusal::{Fault, Refusal};
use crate::rows::text;

/// A document as it was read, for the node that takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitRequest {
    /// The document's text.
    pub text: String,
    /// Its file's name.
    pub name: String,
    /// `key=value` pairs laid over it.
    pub overrides: Vec<(String, String)>,
    /// Whether to wait for the end.
    pub wait: bool,
    /// Whether the period may end after the data: the experiment waits for more.
    #[serde(default)]
    pub ahead: bool,
    /// Whether to begin anew where the document's last attempt failed or was cancelled.
    #[serde(default)]
    pub again: bool,
    /// Who submits it, as they say.
    #[serde(default)]
    pub author: Option<String>,
}

/// An experiment that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Submitted {
    /// Its id.
    pub experiment_id: ExperimentId,
    /// It lies on the log.
    pub status: Standing,
    /// Whether it was not there before.
    #[serde(skip)]
    pub is_new: bool,
    /// How it ended without a result, where it was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// The revision of its bars, where they were corrected after they first closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// About how many hours its trials take here, where it is an hour or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<u64>,
    /// Sections of the document that no stage reads yet.
    #[serde(skip)]
    pub unread: Vec<&'static str>,
}

/// What waiting for an experiment gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Waited {
    /// It has ended.
    Ended(ExperimentReport),
    /// All is quiet, and event time has not passed the end of its period.
    Pending(Pending),
}

/// An experiment that waits for data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// Its id.
    pub experiment_id: ExperimentId,
    /// It waits.
    pub status: Standing,
    /// The end of its period.
    pub to: Option<DateText>,
    /// The end of the newest bar that there is.
    pub newest: Option<DateText>,
}

/// Reads and checks a document.
pub fn check(text: &str, name: &str, overrides: &[(String, String)]) -> Result<ExperimentSpec, Refusal> {
    // How far the data go is known where they are.
    let newest = |_: &ExperimentSpec| Ok::<_, Refusal>(Timestamp(i64::MAX));
    let document = ExperimentDocument::read_to_latest(text, name, overrides, newest)?;
    refuse(&document, &validate(&policy::before_it_is_known(&document.spec)))?;
    Ok(document.spec)
}

/// Refuses a document with problems, each with its place.
pub(crate) fn refuse(document: &ExperimentDocument, problems: &[Problem]) -> Result<(), Refusal> {
    if problems.is_empty() {
        return Ok(());
    }
    let fault = |problem: &Problem| {
        let origin = document.place(&problem.field);
        Fault::at(&problem.field, origin, format!("{origin}: {problem}"))
    };
    Err(Refusal::Invalid(problems.iter().map(fault).collect()))
}

/// Reads and checks a document on a node, with the latest bar and the policy spelled out.
fn read(
    node: &Node,
    text: &str,
    name: &str,
    overrides: &[(String, String)],
) -> Result<ExperimentSpec, Refusal> {
    let mut document = ExperimentDocument::read_to_latest(text, name, overrides, |spec| {
        newest_bar(node, spec)?.ok_or_else(|| no_bars(spec))
    })?;
    policy::resolve(node, &mut document.spec)?;
    refuse(&document, &validate(&document.spec))?;
    Ok(document.spec)
}

/// A document as it would be submitted here, whether or not there are data for it yet.
pub fn resolved(node: &Node, text: &str, name: &str) -> Result<ExperimentSpec, Refusal> {
    let mut spec = read(node, text, name, &[])?;
    let instrument = spec.instrument().map_err(Refusal::input)?;
    spec.data.revision = revision(node, &instrument, &spec.data)?;
    Ok(spec)
}

/// Publishes an experiment.
pub fn submit(node: &Node, request: &SubmitRequest) -> Result<Submitted, Refusal> {
    let mut spec = read(node, &request.text, &request.name, &request.overrides)?;
    let submitted_by = author(request.author.as_deref())?;
    if let Some(trainer) = external::trainer(&spec.model.strategy)
        && node.services.is_exclusive()
    {
        return Err(Refusal::BadInput(format!(
            "{}: model.strategy: a trainer outside ({trainer}) is reached over Kafka and this log is embedded: \
             set kafka.bootstrap_servers, or use a strategy that is built in",
            request.name
        )));
    }
    let instrument = spec.instrument().map_err(Refusal::input)?;
    require_bars(node, &instrument, spec.data.bars)?;
    if !request.ahead {
        require_end(node, &spec)?;
    }
    spec.data.revision = revision(node, &instrument, &spec.data)?;
    let (tuning, holdout) = spec.snapshots().map_err(Refusal::input)?;
    let experiment_id = if request.again { attempts::latest(node, &spec)? } else { spec.experiment_id() };
    let config_hash = spec.config_hash();
    let document = spec.canonical_json();
    let events = [
        Event::from(ConfigRegistered { config_hash, document: document.clone() }),
        tuning.into(),
        holdout.into(),
        SubmitExperiment { experiment_id, config_hash, document, submitted_by }.into(),
    ];
    let is_new = publish_once(node, "gateway", &events)?;
    let key = [experiment_id.to_string().as_str().into()];
    let row = if is_new { None } else { node.views.row(&schema::EXPERIMENTS, &key)? };
    let ended = row.as_ref().and_then(status).filter(|status| matches!(*status, "failed" | "cancelled"));
    let ended = ended.map(str::to_owned);
    let unread = [("paper", spec.paper.is_some()), ("live", spec.live.is_some())];
    let unread = unread.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect();
    let revision = spec.data.revision;
    let hours = budget::hours(&spec, node.workers());
    Ok(Submitted { experiment_id, status: Standing::Submitted, is_new, ended, revision, hours, unread })
}

/// Who submits: a name that stands for one person, or nobody.
fn author(name: Option<&str>) -> Result<String, Refusal> {
    let Some(name) = name else { return Ok(String::new()) };
    Person::named(name).map_err(Refusal::BadInput)?;
    Ok(name.trim().to_owned())
}

/// The end of the newest bar that a document is about.
fn newest_bar(node: &Node, spec: &ExperimentSpec) -> Result<Option<Timestamp>, Refusal> {
    let instrument = spec.instrument().map_err(Refusal::input)?;
    Ok(node.bars.latest(instrument.as_str(), spec.data.bars)?.map(|bar| bar.close_time))
}

fn no_bars(spec: &ExperimentSpec) -> Refusal {
    let DataSpec { instrument, venue, bars, .. } = &spec.data;
    Refusal::BadInput(format!(
        "data.to: no {bars} bar of {instrument}.{venue} has closed yet, so there is no latest one: feed more"
    ))
}

/// Refuses a period that ends after the data: nothing would come of it before more are fed.
fn require_end(node: &Node, spec: &ExperimentSpec) -> Result<(), Refusal> {
    let instrument = spec.instrument().map_err(Refusal::input)?;
    let (to, newest) = (spec.data.to.0, newest_bar(node, spec)?);
    // Ticks may have come further than the last bar that closed.
    let ticks = inventory::until(node, instrument.as_str(), spec.data.bars)?;
    if to <= newest.max(ticks).unwrap_or(Timestamp(i64::MAX)) {
        return Ok(());
    }
    let newest =
        newest.map_or_else(|| "none has closed yet".to_owned(), |newest| format!("the newest ends {newest}"));
    Err(Refusal::BadInput(format!(
        "data.to: {to} is after the {} bars of {instrument}, of which {newest}: write `to: latest` (or --set \
         data.to=latest) for what there is, or submit it --ahead of its data, to wait for them",
        spec.data.bars
    )))
}

/// Which revision of its bars a document means: that which it names, or the newest, so that the same document after a
/// correction is another experiment. `None` where they are as they first were.
fn revision(node: &Node, instrument: &InstrumentId, data: &DataSpec) -> Result<Option<u32>, Refusal> {
    let newest = node.bars.revision(instrument.as_str(), data.bars)?;
    match data.revision {
        Some(asked) if i64::from(asked) > newest => Err(Refusal::BadInput(format!(
            "data.revision: {asked} is more than the {newest} that the {} bars of {instrument} have: leave it out for the newest",
            data.bars
        ))),
        Some(asked) => Ok(Some(asked)),
        None => {
            let newest = u32::try_from(newest).map_err(Refusal::input)?;
            Ok((newest > 0).then_some(newest))
        }
    }
}

/// Waits for an experiment's end and answers with its leaderboard.
pub fn wait(
    node: &Node,
    running: &Running,
    id: ExperimentId,
    progress: &dyn Progress,
) -> Result<Waited, Refusal> {
    let key = [id.to_string().as_str().into()];
    let spec = spec_of(node, id)?;
    let trials = spec.as_ref().map_or(0, |spec| u64::from(spec.tuning.trials));
    let hours = spec.as_ref().and_then(|spec| budget::hours(spec, node.workers()));
    let label = hours.map_or_else(|| "trials".to_owned(), |hours| format!("trials, about {hours} h"));
    let step = progress.begin(&label, trials, "trials");
    let mut shown = Instant::now();
    let mut ends = None;
    let mut waits_outside = false;
    let mut told = None;
    // Somebody may have put the data back, and need not wait until the pause of what is parked is over.
    running.try_parked();
    let mut seen = None;
    let row = node.wait_for(running, || {
        // Counting reads every trial: now and then is enough for the eye.
        if step.is_watched() && shown.elapsed() > Duration::from_millis(250) {
            step.at(node.views.partition(&schema::TUNING_RESULTS, &key, None)?.len() as u64);
            shown = Instant::now();
        }
        let silent = running.waiting().into_iter().find(|waiting| waiting.manner == Manner::InPlace);
        if let Some(waiting) = silent.filter(|waiting| told.as_ref() != Some(&waiting.why)) {
            step.waits(&waiting.why);
            told = Some(waiting.why);
        }
        // Quiet first: a row that is read after that is the last word.
        let quiet = running.is_quiet()?;
        let row = node.views.row(&schema::EXPERIMENTS, &key)?;
        if !row.as_ref().is_some_and(is_ended) {
            if !quiet || !row.as_ref().is_some_and(is_running) {
                return Ok(quiet.then_some(row));
            }
            if !is_settled(node, id, &mut seen)? {
                return Ok(None);
            }
            // Nothing is on its way here, but a program outside may be at work, for as long as it takes.
            if !waits_outside {
                let spec = spec_of(node, id)?;
                let Some(trainer) = spec.as_ref().and_then(|spec| external::trainer(&spec.model.strategy))
                else {
                    return Ok(Some(row));
                };
                step.waits(&format!("trainer {trainer}"));
                waits_outside = true;
            }
            std::thread::sleep(Duration::from_millis(50));
            return Ok(None);
        }
        // Ended: what came before the ending on other topics may still be on its way into the views.
        let ends = match &ends {
            Some(ends) => ends,
            None => ends.insert(node.projected_ends()?),
        };
        Ok(((quiet || is_judged(row.as_ref())) && node.is_projected(ends)?).then_some(row))
    })?;
    let done = node.views.partition(&schema::TUNING_RESULTS, &key, None)?.len();
    step.end(&format!("{done} trials"));
    Ok(match row {
        Some(row) if is_ended(&row) => Waited::Ended(experiment_report(node, row)?),
        _ => {
            let spec = spec_of(node, id)?;
            let newest = spec.as_ref().map(|spec| newest_bar(node, spec)).transpose()?.flatten();
            let (to, newest) = (spec.map(|spec| spec.data.to), newest.map(DateText));
            Waited::Pending(Pending { experiment_id: id, status: Standing::Pending, to, newest })
        }
    })
}

/// Whether an experiment that had not ended when all was quiet goes on by nothing that is there; refuses where its data
/// cannot be read. `seen` is where what is parked lay at the last look.
fn is_settled(node: &Node, id: ExperimentId, seen: &mut Option<Stretches>) -> Result<bool, Refusal> {
    let (causes, stretches) = parked::causes(node, &id.to_string())?;
    if !causes.is_empty() {
        return Err(parked::cannot_go_on(&id.to_string(), &causes));
    }
    // What was parked when all was quiet may have been answered since then, and what follows from it is on its way.
    let is_settled = seen.as_ref() == Some(&stretches);
    *seen = Some(stretches);
    Ok(is_settled)
}

fn is_ended(row: &Row) -> bool {
    matches!(status(row), Some("completed" | "cancelled" | "failed"))
}

/// Whether the selector has nothing more to say: of what has a result it judges when every earlier one of the mandate is judged.
fn is_judged(row: Option<&Row>) -> bool {
    row.is_some_and(|row| status(row) != Some("completed") || text(row, "judgement").is_some())
}

fn is_running(row: &Row) -> bool {
    status(row) == Some("running")
}

fn status(row: &Row) -> Option<&str> {
    text(row, "status")
}

/// The experiment's document.
fn spec_of(node: &Node, id: ExperimentId) -> Result<Option<ExperimentSpec>, Refusal> {
    let key = [id.to_string().as_str().into()];
    let document = |row: Row| -> Result<Option<ExperimentSpec>, Refusal> {
        let Some(config) = row.get("config_id").and_then(|value| value.as_text()) else { return Ok(None) };
        let row = node.views.row(&schema::CONFIGURATIONS, &[config.into()])?;
        let text = row.as_ref().and_then(|row| row.get("parameters")).and_then(|value| value.as_text());
        Ok(text.and_then(|text| serde_json::from_str(text).ok()))
    };
    let row = node.views.row(&schema::EXPERIMENTS, &key)?;
    Ok(row.map(document).transpose()?.flatten())
}
