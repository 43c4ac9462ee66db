//! `verify` counts the trial ledger again: logs with an entry or a decision that the trials do not bear out.

use std::collections::BTreeSet;

use gauntlet_domain::Event;
use gauntlet_domain::experiment::LedgerEntered;
use gauntlet_domain::topics::{SELECTION_DECISIONS, TRIAL_LEDGER, TRIAL_RESULTS};
use gauntlet_log::NewRecord;
use gauntlet_tests::golden::mini_and_second;
use gauntlet_tests::relaid::{event, made_by, relay, set_event};
use gauntlet_tests::{Dir, Json, Run, gauntlet};

/// What `verify` says of the log as `edit` leaves it.
fn verified(edit: impl FnMut(&mut NewRecord)) -> Run {
    let dir = Dir::copy_of(mini_and_second());
    relay(&dir.node(), edit);
    gauntlet(["verify"]).on(&dir).run()
}

/// The log with another entry of the second experiment.
fn with_entry(change: impl Fn(&mut LedgerEntered)) -> Run {
    let mut changed = 0;
    let run = verified(|record| {
        if record.topic != TRIAL_LEDGER.name {
            return;
        }
        if let Event::LedgerEntered(mut entry) = event(record)
            && entry.place == 2
        {
            change(&mut entry);
            set_event(record, &Event::LedgerEntered(entry));
            changed += 1;
        }
    });
    assert_eq!(changed, 1);
    run
}

fn problems(run: &Run) -> Vec<String> {
    assert_eq!(run.code, Some(1), "{run}");
    let answer = run.json();
    assert_eq!(answer["ok"], false, "{run}");
    answer["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem.as_str().unwrap().to_owned())
        .collect()
}

/// One of the problems has all of these words.
fn says(problems: &[String], words: &[&str]) {
    let is_said = |problem: &&String| words.iter().all(|word| problem.contains(word));
    assert!(problems.iter().any(|problem| is_said(&problem)), "{words:?}: {problems:#?}");
}

fn next_up(value: &mut Option<f64>) {
    *value = Some(value.unwrap().next_up());
}

#[test]
fn a_log_laid_anew_as_it_was_is_counted_and_holds() {
    let run = verified(|_| {});
    let answer = run.json();
    assert_eq!((run.code, &answer["ok"]), (Some(0), &true.into()), "{run}");
    let checked = &answer["checked"];
    assert_eq!((&checked["ledger_entries"], &checked["decisions"]), (&2.into(), &4.into()), "{run}");
    assert_eq!(answer["not_compared"], Json::Array(vec![]));
}

/// Every figure of an entry that the log bears out, each off by the least that it can be.
#[test]
fn an_entry_that_the_trials_do_not_bear_out_is_named_with_both_values() {
    let problems = problems(&with_entry(|entry| {
        entry.requested += 1;
        entry.looks -= 1;
        entry.completed -= 1;
        entry.pruned += 2;
        entry.failed += 1;
        entry.sharpe.count += 1;
        next_up(&mut entry.sharpe.mean);
        next_up(&mut entry.sharpe.variance);
        entry.finalists.pop();
        entry.data.to.0 += 1;
        entry.data.instrument = "XAUUSD.LMAX".into();
        entry.holdout_from = entry.holdout_to;
    }));
    let by_trials = "by the trials on the log";
    for [figure, by] in [
        ["requested is 6 in the ledger, 5 ", by_trials],
        ["looks is 19 in the ledger, 20 ", by_trials],
        ["completed is ", by_trials],
        ["pruned is ", by_trials],
        ["failed is 1 in the ledger, 0 ", by_trials],
        ["sharpe.count is ", by_trials],
        ["sharpe.mean is ", by_trials],
        ["sharpe.variance is ", by_trials],
        ["finalists is ", " by its ranking"],
        ["data is ", " by its start"],
        ["data.instrument is XAUUSD.LMAX in the ledger, XAUUSD.OANDA", " by its start"],
        ["holdout is ", " by its start"],
    ] {
        let figure = format!(": {figure}");
        says(&problems, &["mandate XAUUSD, experiment ", &figure, by]);
    }
    let of_entry = problems.iter().filter(|problem| problem.contains(" in the ledger, "));
    assert_eq!(of_entry.count(), 12, "{problems:#?}");
}

#[test]
fn a_count_that_is_wrong_is_wrong_in_the_decisions_that_follow_from_it() {
    let problems = problems(&with_entry(|entry| entry.requested += 1));
    says(&problems, &["ledger.trials is 17 in the decision, 18 by the ledger"]);
    says(&problems, &["ledger.ceiling is "]);
    // Those of the first experiment came before, and hold.
    let of_decisions = problems.iter().filter(|problem| problem.contains("in the decision"));
    let experiments: BTreeSet<_> =
        of_decisions.map(|problem| problem.split(", model").next().unwrap()).collect();
    assert_eq!(experiments.len(), 1, "{problems:#?}");
}

/// One of the first two trials of a search over all tuning bars has its result twice, which counts once, and the other one
/// has none.
#[test]
fn a_result_that_is_gone_is_missed() {
    let (mut first, mut replaced): (Option<NewRecord>, _) = (None, false);
    let run = verified(|record| {
        if record.topic != TRIAL_RESULTS.name || replaced {
            return;
        }
        let number = match event(record) {
            Event::TrialCompleted(e) => e.trial,
            Event::TrialPruned(e) => e.trial,
            Event::TrialFailed(e) => e.trial,
            _ => return,
        };
        if number < 2 {
            match &first {
                Some(first) if first.key == record.key => (*record, replaced) = (first.clone(), true),
                Some(_) => {}
                None => first = Some(record.clone()),
            }
        }
    });
    assert!(replaced);
    let problems = problems(&run);
    assert!(problems.iter().any(|problem| problem.contains(" by the trials on the log")), "{problems:#?}");
}

#[test]
fn a_place_without_an_entry_and_an_entry_that_is_there_twice_are_named() {
    // The first entry once more in the place of the second: the same twice is nothing, and the second is missing.
    let mut first: Option<NewRecord> = None;
    let problems_of_missing = problems(&verified(|record| {
        if record.topic == TRIAL_LEDGER.name {
            *record = first.get_or_insert_with(|| record.clone()).clone();
        }
    }));
    says(
        &problems_of_missing,
        &["mandate XAUUSD, experiment", "place 2 has no entry in the ledger, and it was judged"],
    );
    assert!(!problems_of_missing.iter().any(|problem| problem.contains("twice")), "{problems_of_missing:#?}");

    let mut first: Option<Event> = None;
    let problems_of_second = problems(&verified(|record| {
        if record.topic != TRIAL_LEDGER.name {
            return;
        }
        let mut entered = first.get_or_insert_with(|| event(record)).clone();
        if let Event::LedgerEntered(entry) = &mut entered
            && event(record) != *first.as_ref().unwrap()
        {
            entry.requested -= 1;
            set_event(record, &entered);
        }
    }));
    says(&problems_of_second, &["it is in the ledger twice, the second time with other content"]);

    let elsewhere = problems(&with_entry(|entry| entry.place = 1));
    says(&elsewhere, &["place 1 is in the ledger twice, for experiment "]);
    says(&elsewhere, &["it has place 2, its entry in the ledger says place 1 of mandate XAUUSD"]);
    let other = problems(&with_entry(|entry| entry.mandate = "XAGUSD".into()));
    says(&other, &["its entry in the ledger says place 2 of mandate XAGUSD"]);
}

/// Changes what the last decision says.
fn with_decision(change: impl Fn(&mut gauntlet_domain::selection::Candidate)) -> Run {
    let mut changed = 0;
    let run = verified(|record| {
        if record.topic != SELECTION_DECISIONS.name {
            return;
        }
        if let Event::CandidateRejected(mut rejected) = event(record)
            && rejected.candidate.place == 2
            && rejected.candidate.rank == 1
        {
            change(&mut rejected.candidate);
            set_event(record, &Event::CandidateRejected(rejected));
            changed += 1;
        }
    });
    assert_eq!(changed, 1);
    run
}

#[test]
fn a_decision_with_another_figure_is_named_with_both_values() {
    let figures = [
        "ledger.trials",
        "ledger.deviation",
        "ledger.ceiling",
        "ledger.experiments",
        "ledger_incomplete",
        "deflated_sharpe",
        "holdout_looks",
    ];
    let problems = problems(&with_decision(|candidate| {
        figures.iter().for_each(|figure| next_up(candidate.figures.get_mut(*figure).unwrap()));
        candidate.figures.remove("ledger.looks");
        let verdict = candidate.verdicts.iter_mut().find(|verdict| verdict.gate == "deflated_sharpe");
        next_up(&mut verdict.unwrap().statistic);
    }));
    for figure in figures {
        let what = format!(": {figure} is ");
        let words =
            ["mandate XAUUSD, experiment ", ", model ", &what, " in the decision, ", " by the ledger"];
        says(&problems, &words);
    }
    says(&problems, &[": ledger.looks is missing in the decision, 68 by the ledger"]);
    says(&problems, &[": the statistic of gate deflated_sharpe is ", " by the ledger"]);
    let of_decision = problems.iter().filter(|problem| problem.contains(" in the decision, "));
    assert_eq!(of_decision.count(), 9, "{problems:#?}");
}

#[test]
fn what_another_version_has_made_is_counted_and_said() {
    let run = verified(|record| {
        if record.topic == SELECTION_DECISIONS.name || record.topic == TRIAL_LEDGER.name {
            made_by(record, "before");
        }
    });
    assert_eq!(run.code, Some(0), "{run}");
    let answer = run.json();
    let left_out = serde_json::json!([
        { "what": "decisions", "why": "made by version before of selector", "events": 4 },
        {
            "what": "mean and variance of entries of the ledger",
            "why": "made by version before of tuner",
            "events": 2
        },
    ]);
    assert_eq!(answer["not_compared"], left_out, "{run}");
    let checked = &answer["checked"];
    assert_eq!((&checked["ledger_entries"], &checked["decisions"]), (&2.into(), &0.into()), "{run}");
}
