//! `demo`: the main job on bundled real data, from ticks to a ranked, validated model.
//!
//! Feeds eight years of hourly gold bars and a week of gold quotes, tunes a moving-average trend and a learned
//! classifier, walks the finalists forward, holds them against a hold-out, analyses how sensitive they are, and judges them:
//! the trend by the default policy, which refuses it, the classifier by a policy named `demonstration`, to show the way on. Nothing in it is special to
//! the demo: it runs `feed` and `submit` as anybody would. A second run finds everything there.

use std::path::PathBuf;

use gauntlet_domain::market::BarStamp;
use gauntlet_feed::{Format, Reading};
use gauntlet_runtime::Running;
use gauntlet_views::schema;
use serde::Serialize;

use crate::feed::{Fed, FeedRequest, feed};
use crate::node::Node;
use crate::policy::{PolicyRequest, policies};
use crate::progress::Progress;
use crate::refusal::Refusal;
use crate::rows::ViewRow;
use crate::submit::{SubmitRequest, Waited, submit, wait};

macro_rules! bundled {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../data/gold/", $name)) as &[u8])
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
    ("gold-trend.yaml", include_str!("../../../configs/experiments/gold-trend.yaml")),
    ("gold-ml.yaml", include_str!("../../../configs/experiments/gold-ml.yaml")),
];

/// The policy of the second experiment.
const POLICY: (&str, &str) =
    ("demonstration.yaml", include_str!("../../../configs/policies/demonstration.yaml"));

/// Who submits, and who registers the policy.
const AUTHOR: &str = "demo";

/// What the demo gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Demonstrated {
    /// What was fed.
    pub feed: DemoFeeds,
    /// Snapshots there are.
    pub snapshots: Vec<ViewRow>,
    /// The experiments with their leaderboards.
    pub experiments: Vec<Waited>,
}

/// What the demo fed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoFeeds {
    /// Hourly bars.
    pub bars: Fed,
    /// Quotes.
    pub ticks: Fed,
}

/// Runs the demo.
pub fn demo(node: &Node, running: &Running, progress: &dyn Progress) -> Result<Demonstrated, Refusal> {
    let bars = feed(node, running, &feed_request(write_out(node, &[HOURS])?, Format::LeanBar)?, progress)?;
    let ticks = feed(node, running, &feed_request(write_out(node, &QUOTES)?, Format::LeanQuote)?, progress)?;
    let policy = PolicyRequest::Set { text: POLICY.1.into(), name: POLICY.0.into(), author: AUTHOR.into() };
    policies(node, Some(running), &policy)?;
    let mut ids = Vec::new();
    for (name, text) in EXPERIMENTS {
        let request = SubmitRequest {
            text: text.into(),
            name: name.into(),
            overrides: vec![],
            wait: true,
            ahead: false,
            again: false,
            author: Some(AUTHOR.into()),
        };
        ids.push(submit(node, &request)?.experiment_id);
    }
    let experiments = ids.into_iter().map(|id| wait(node, running, id, progress));
    let experiments = experiments.collect::<Result<_, _>>()?;
    let snapshots = node.views.scan(&schema::DATA_SNAPSHOTS, None)?;
    let snapshots = snapshots.into_iter().map(ViewRow).collect();
    Ok(Demonstrated { feed: DemoFeeds { bars, ticks }, snapshots, experiments })
}

fn feed_request(paths: Vec<PathBuf>, format: Format) -> Result<FeedRequest, Refusal> {
    let bars = ["time:1m", "time:1h"].map(str::parse).into_iter().collect::<Result<_, _>>();
    Ok(FeedRequest {
        paths,
        instrument: "XAUUSD".into(),
        venue: "OANDA".into(),
        format: Some(format),
        utc_offset_seconds: 0,
        stamp: BarStamp::Open,
        bars: bars.map_err(Refusal::input)?,
        spec: None,
        market: None,
        speed: None,
        lateness_nanos: None,
        reading: Reading::default(),
        accept_losses: false,
    })
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
