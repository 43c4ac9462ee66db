//! The worker: a challenger beside the champion, over the days of the challenger's hold-out that both have traded.
//!
//! Names of figures (definitions and sources in [`gauntlet_quant::inference`]):
//!
//! | name | what |
//! |---|---|
//! | `days` | days that both have |
//! | `sharpe_challenger`, `sharpe_champion`, `sharpe_difference` | Sharpe ratio of a day, and the difference |
//! | `sharpe_difference_error_iid` | error for independent normal returns (Jobson, Korkie, Memmel), for display |
//! | `sharpe_difference_error`, `p_value`, `p_value_bootstrap` | HAC error of Ledoit and Wolf (2008); two-sided p, normal and by their studentised bootstrap |
//! | `mean_difference`, `mean_difference_low` | mean of challenger less champion a year, and its lower bound of 90 % |
//! | `advantage` | that bound times the horizon, less the cost of switching: above zero, the challenger is worth the switch |

use std::collections::BTreeMap;

use gauntlet_domain::selection::{ChallengeMeasured, ChallengeRequested, Contender};
use gauntlet_domain::topics::{SELECTION_COMPARISONS, SELECTION_REQUESTS};
use gauntlet_domain::{Event, Timestamp, Topic};
use gauntlet_processor::data::{ArtifactReader, DataError};
use gauntlet_processor::worker::{Answer, Answering, Worker};
use gauntlet_quant::inference::{
    MeanDifference, SWITCH_CONFIDENCE, SharpeDifference, jobson_korkie_memmel, paired_bootstrap_p,
};
use gauntlet_walkforward::figures::Figures;

/// Days of a block of the bootstrap, and replicates.
const BLOCK: usize = 10;
const REPLICATES: u32 = 2_000;

/// The worker.
pub struct Challenges;

impl Worker for Challenges {
    fn name(&self) -> &'static str {
        "challenges"
    }

    fn version(&self) -> &'static str {
        "1"
    }

    fn topic(&self) -> &'static Topic {
        &SELECTION_REQUESTS
    }

    fn writes(&self) -> &'static [&'static Topic] {
        &[&SELECTION_COMPARISONS]
    }

    fn panicked(&self, request: &Event, message: &str) -> Vec<Event> {
        match request {
            Event::ChallengeRequested(request) => {
                let mut figures = Figures::default();
                figures.leave("advantage", message);
                vec![measured(request, figures)]
            }
            _ => Vec::new(),
        }
    }
}

impl Answering for Challenges {
    type Data<'a> = &'a dyn ArtifactReader;

    fn run(&self, request: &Event, data: &dyn ArtifactReader) -> Answer {
        let Event::ChallengeRequested(request) = request else { return Ok(Vec::new()) };
        let challenger = series(&request.challenger, Some("holdout"), data)?;
        let champion = series(&request.champion, None, data)?;
        let both: Vec<(&str, f64, f64)> = challenger
            .iter()
            .filter_map(|(day, value)| Some((day.as_str(), *value, *champion.get(day)?)))
            .collect();
        Ok(vec![measured(request, compare(request, &both))])
    }
}

/// Returns by day, of one part or of all.
fn series(
    of: &Contender,
    part: Option<&str>,
    data: &dyn ArtifactReader,
) -> Result<BTreeMap<String, f64>, DataError> {
    let Some(hash) = &of.series else { return Ok(BTreeMap::new()) };
    let bytes = data.artifact(hash)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut days = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut cells = line.split(',');
        let row = (|| Some((cells.next()?, cells.next()?, cells.next()?.parse::<f64>().ok()?)))();
        let (day, of, value) =
            row.ok_or_else(|| DataError::Broken(format!("{hash} is no series of daily returns: {line:?}")))?;
        if part.is_none_or(|part| part == of) {
            days.insert(day.to_owned(), value);
        }
    }
    Ok(days)
}

/// Days in a year, counted from the first of some days to the last; 0 where they are too few to tell.
fn days_per_year(both: &[(&str, f64, f64)]) -> f64 {
    let time = |day: Option<&(&str, f64, f64)>| day.and_then(|(day, ..)| day.parse::<Timestamp>().ok());
    let elapsed = time(both.first()).zip(time(both.last())).map(|(first, last)| (last.0 - first.0) as f64);
    let years = elapsed.unwrap_or(0.0) / (365.25 * 86_400e9);
    if years > 0.0 { (both.len() - 1) as f64 / years } else { 0.0 }
}

fn compare(request: &ChallengeRequested, both: &[(&str, f64, f64)]) -> Figures {
    let (challenger, champion): (Vec<f64>, Vec<f64>) = both.iter().map(|(_, a, b)| (*a, *b)).unzip();
    let mut figures = Figures::default();
    figures.say("days", Ok(both.len() as f64));
    let difference = SharpeDifference::of(&challenger, &champion);
    let of = |value: fn(&SharpeDifference) -> f64| difference.as_ref().map(value).map_err(|why| *why);
    figures.say("sharpe_challenger", of(|of| of.challenger));
    figures.say("sharpe_champion", of(|of| of.champion));
    figures.say("sharpe_difference", of(|of| of.difference));
    figures.say("sharpe_difference_error", of(|of| of.standard_error));
    figures.say("sharpe_difference_error_iid", jobson_korkie_memmel(&challenger, &champion));
    figures.say("p_value", of(SharpeDifference::p_value));
    let bootstrap = paired_bootstrap_p(&challenger, &champion, BLOCK, request.seed as u64, REPLICATES);
    figures.say("p_value_bootstrap", bootstrap.map(|p| p.share));
    let mean = MeanDifference::of(&challenger, &champion, days_per_year(both));
    figures.say("mean_difference", mean.map(|of| of.per_year));
    let low = mean.and_then(|of| of.lower_bound(SWITCH_CONFIDENCE));
    figures.say("mean_difference_low", low);
    figures.say("advantage", low.map(|low| low * request.horizon_years - request.switching_cost));
    figures
}

fn measured(request: &ChallengeRequested, figures: Figures) -> Event {
    ChallengeMeasured {
        mandate: request.mandate.clone(),
        experiment_id: request.experiment_id,
        challenger: request.challenger.model_id,
        champion: request.champion.model_id,
        figures: figures.values,
        undefined: figures.undefined,
    }
    .into()
}
