//! `demo`: the main job on bundled real data, from ticks to a ranked, validated model.
//!
//! Feeds eight years of hourly gold bars and a week of gold quotes, tunes a moving-average trend and a learned
//! classifier, walks the finalists forward, holds them against a hold-out and ranks them. Nothing in it is special to
//! the demo: it runs `feed` and `submit` as anybody would. A second run finds everything there.

use std::path::PathBuf;
use std::sync::Arc;

use gauntlet_domain::ExperimentId;
use gauntlet_runtime::Running;
use gauntlet_views::schema;
use serde_json::{Value as Json, json};

use super::feed::FeedArgs;
use super::submit::Submission;
use super::{feed, submit, up};
use crate::node::Node;
use crate::report::{Refusal, Report};

macro_rules! bundled {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../../data/gold/", $name)) as &[u8])
    };
}

/// Ready-made hourly bars, 2006-03-20 to 2014-05-01.
const HOURS: (&str, &[u8]) = bundled!("xauusd_oanda_hour_20060320_20140501.zip");

/// Quotes of the week of 5 May 2014.
const QUOTES: [(&str, &[u8]); 6] = [
    bundled!("20140504_quote.zip"),
    bundled!("20140505_quote.zip"),
    bundled!("20140506_quote.zip"),
    bundled!("20140507_quote.zip"),
    bundled!("20140508_quote.zip"),
    bundled!("20140509_quote.zip"),
];

/// The experiments.
const EXPERIMENTS: [(&str, &str); 2] = [
    ("gold-trend.yaml", include_str!("../../../../configs/experiments/gold-trend.yaml")),
    ("gold-ml.yaml", include_str!("../../../../configs/experiments/gold-ml.yaml")),
];

/// Runs the demo; serves afterwards unless told not to.
#[allow(clippy::print_stderr)]
pub fn demo(node: Node, no_serve: bool, json: bool) -> Result<Report, Refusal> {
    let node = Arc::new(node);
    let listeners = if no_serve { None } else { Some(up::Listeners::bind(&node.config)?) };
    let running = Arc::new(node.start()?);
    let report = run(&node, &running, json)?;
    if let Some(listeners) = listeners {
        crate::report::print(&report, json);
        up::serve(&node, &running, listeners, |address| {
            eprintln!("serving http://{address} (Ctrl-C stops)");
        })?;
    }
    match Arc::into_inner(running).map(Running::stop) {
        Some(Err(failure)) => Err(failure.into()),
        _ if no_serve => Ok(report),
        _ => Ok(Report { text: String::new(), json: Json::Null, ..report }),
    }
}

fn run(node: &Node, running: &Running, quiet: bool) -> Result<Report, Refusal> {
    let hours = feed::feed(node, running, &feed_args(write_out(node, &[HOURS])?, "lean-bar"), quiet)?;
    let quotes = feed::feed(node, running, &feed_args(write_out(node, &QUOTES)?, "lean-quote"), quiet)?;
    let mut ids: Vec<ExperimentId> = Vec::new();
    for (name, text) in EXPERIMENTS {
        let submission = Submission { text: text.into(), name: name.into(), overrides: vec![], wait: true };
        ids.push(submit::submit(node, &submission)?.0);
    }
    let mut experiments = Vec::new();
    let mut text = format!("hourly bars\n{}\n\nquotes\n{}\n", hours.text, quotes.text);
    for id in ids {
        let report = submit::wait(node, running, id, quiet)?;
        text.push_str(&format!("\n{}\n", report.text));
        experiments.push(report.json);
    }
    let snapshots = node.views.scan(&schema::DATA_SNAPSHOTS, None)?;
    let snapshots: Vec<Json> = snapshots.iter().map(super::browse::row_json).collect();
    text.push_str("\nThe walk-forward ranks, the hold-out only says yes or no. gauntlet replay --all re-executes all of it.");
    let json = json!({ "feed": { "bars": hours.json, "ticks": quotes.json }, "snapshots": snapshots, "experiments": experiments });
    Ok(Report::done(json, text))
}

fn feed_args(paths: Vec<PathBuf>, format: &str) -> FeedArgs {
    FeedArgs {
        paths,
        instrument: "XAUUSD".into(),
        venue: "OANDA".into(),
        format: format.into(),
        utc_offset: "+00:00".into(),
        bars: "time:1m,time:1h".into(),
        spec: None,
        market: None,
        speed: "max".into(),
    }
}

/// Lays the bundled files where the importers can open them.
fn write_out(node: &Node, files: &[(&str, &[u8])]) -> Result<Vec<PathBuf>, Refusal> {
    let dir = node.config.dir.join("demo");
    let failed = |error: std::io::Error| Refusal::Outside(format!("{}: {error}", dir.display()));
    std::fs::create_dir_all(&dir).map_err(failed)?;
    let mut paths = Vec::new();
    for (name, bytes) in files {
        let path = dir.join(name);
        let there = std::fs::read(&path).is_ok_and(|found| found == *bytes);
        if !there {
            std::fs::write(&path, bytes).map_err(failed)?;
        }
        paths.push(path);
    }
    Ok(paths)
}
