//! Answers as text for people.

/// Lists, single things, comparisons, experiments.
pub mod browse;
/// Feeds, snapshots, dead letters.
mod data;
/// What two things ran with, and documents.
mod diff;
/// What files are understood as.
mod dry_run;
/// What instruments are.
mod instruments;
/// Digests, replays, verifications.
mod integrity;
/// What a mandate has tried.
mod ledger;
/// Metrics of a series.
mod measured;
/// Models, policies and waivers.
mod model;
/// Bars and ticks of a range.
mod ranged;
/// Risk of a series.
mod risk;
/// Runs and rules.
mod runs;
/// Inference over many trials.
mod stats;
/// Tokens of programs.
mod tokens;
/// Files, configurations, a cluster's services.
mod tools;

use gauntlet_domain::spec::DateText;
use gauntlet_operations::Answer;
use gauntlet_operations::attempts::Cancelling;
use gauntlet_operations::browse::Shown;
use gauntlet_operations::demo::Demonstrated;
use gauntlet_operations::submit::{Pending, Submitted, Waited};

/// The text of an answer.
pub fn text(answer: &Answer) -> String {
    match answer {
        Answer::Fed(answer) => data::fed(answer),
        Answer::DryRun(answer) => dry_run::dry_run(answer),
        Answer::Instruments(answer) => instruments::instruments(answer),
        Answer::Snapshot(answer) => data::snapshot(answer),
        Answer::VerifiedSnapshot(answer) => data::verified_snapshot(answer),
        Answer::Submitted(answer) => submitted(answer),
        Answer::Waited(answer) => waited(answer),
        Answer::Cancelling(Cancelling { experiment_id, status: Some(status), .. }) => {
            format!("{experiment_id} is {status} already: there is nothing to cancel")
        }
        Answer::Cancelling(answer) => format!("cancelling {}", answer.experiment_id),
        Answer::Listing(answer) => browse::listing(answer.of, &answer.rows),
        Answer::Shown(Shown::Experiment(answer)) => browse::experiment(answer),
        Answer::Shown(Shown::Model(answer)) => model::model(answer),
        Answer::Shown(Shown::Row(answer)) => browse::row(answer),
        Answer::Comparison(answer) => browse::comparison(answer),
        Answer::Policies(answer) => model::policies(answer),
        Answer::Tokens(answer) => tokens::tokens(answer),
        Answer::Gates(answer) => model::gates(answer),
        Answer::Waived(answer) => model::waived(answer),
        Answer::Ranged(answer) => ranged::ranged(answer),
        Answer::Ledger(answer) => ledger::ledger(answer),
        Answer::Digests(answer) => integrity::digests(answer),
        Answer::Replayed(answer) => integrity::replayed(answer),
        Answer::Verified(answer) => integrity::verified(answer),
        Answer::DeadLetters(answer) => data::dead_letters(answer),
        Answer::DeadLetter(answer) => data::dead_letter(answer),
        Answer::PutBack(answer) => data::put_back(answer),
        Answer::RebuiltViews(answer) => format!("views made again from the log: {} rows", answer.rows),
        Answer::VerifiedViews(answer) => integrity::verified_views(answer),
        Answer::MadeBars(answer) => tools::bars(answer),
        Answer::Backtested(answer) => tools::backtested(answer),
        Answer::Measured(answer) => measured::measured(answer),
        Answer::Risk(answer) => risk::risk(answer),
        Answer::Stats(answer) => stats::stats(answer),
        Answer::Strategies(answer) => runs::strategies(answer),
        Answer::RunNumbers(answer) => runs::numbers(answer),
        Answer::Exported(answer) => {
            format!("{} bars of run {} in {}", answer.rows, answer.run, answer.out.display())
        }
        Answer::TopicsPlan(answer) => tools::topics(answer),
        Answer::AppliedTopics(answer) => {
            format!("{} topics created, {} are as they should be", answer.created, answer.topics)
        }
        Answer::RegisteredSchemas(answer) => tools::schemas(answer),
        Answer::MigratedViews(answer) => tools::migrated(answer),
        Answer::Valid(answer) => tools::valid(answer),
        Answer::Configuration(answer) => tools::configuration(answer),
        Answer::Changes(answer) => tools::changes(answer),
        Answer::Diff(answer) => diff::diff(answer),
        Answer::Document(answer) => diff::yaml(answer),
        Answer::Schema(answer) => serde_json::to_string_pretty(answer).unwrap_or_default(),
        Answer::Demonstrated(answer) => demonstrated(answer),
        Answer::AsOf(answer) => format!("as of {}\n{}", answer.as_of, text(&answer.answer)),
    }
}

/// How many periods a year has, and how that is known.
fn periods_a_year(periods: Option<f64>, origin: &str) -> String {
    let periods = periods.map_or_else(|| "-".to_owned(), |periods| format!("{periods:.2}"));
    format!("periods a year: {periods}, {origin}")
}

fn submitted(answer: &Submitted) -> String {
    let what = if answer.is_new { "submitted" } else { "was there already" };
    let mut text = format!("experiment {} {what}", answer.experiment_id);
    if let Some(ended) = &answer.ended {
        text.push_str(&format!(" and is {ended}: submit it --again to begin anew"));
    }
    if let Some(revision) = answer.revision {
        text.push_str(&format!(
            "; on revision {revision} of its bars, which were corrected after they had closed"
        ));
    }
    if let Some(hours) = answer.hours {
        text.push_str(&format!(
            "; its trials take about {hours} hours here: fewer trials, folds or bars take less, and gauntlet cancel ends it"
        ));
    }
    if !answer.unread.is_empty() {
        text.push_str(&format!("; recorded but read by no stage yet: {}", answer.unread.join(", ")));
    }
    text
}

fn waited(answer: &Waited) -> String {
    match answer {
        Waited::Ended(report) => browse::experiment(report),
        Waited::Pending(Pending { experiment_id, to, newest, .. }) => {
            let said =
                |time: &Option<DateText>| time.map_or_else(|| "-".to_owned(), |time| time.0.to_string());
            format!(
                "experiment {experiment_id} waits for data: its period ends {}, the newest bar {}; feed more, or cancel it and \
                 submit it with `to: latest`",
                said(to),
                said(newest)
            )
        }
    }
}

fn demonstrated(answer: &Demonstrated) -> String {
    let (hours, quotes) = (data::fed(&answer.feed.bars), data::fed(&answer.feed.ticks));
    let mut text = format!("hourly bars\n{hours}\n\nquotes\n{quotes}\n");
    for experiment in &answer.experiments {
        text.push_str(&format!("\n{}\n", waited(experiment)));
    }
    text.push_str(
        "\nThe tuning score ranks; walk-forward and hold-out choose nothing. The policy demonstration lets through what the \
         default policy refuses, to show the way on. gauntlet replay --all re-executes all of it.",
    );
    text
}
