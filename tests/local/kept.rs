//! Logs kept from earlier versions: today's build reads them, replays what it can and says what it cannot.
//!
//! `tests/kept/README.md` says which version made each log, and how.

use std::path::Path;

use gauntlet_domain::Topic;
use gauntlet_domain::topics::{
    self, CONFIG, DATA_COMMANDS, EVALUATION_REQUESTS, EXPERIMENT_COMMANDS, MARKET_TICKS, TRAINING_REQUESTS,
    TRIAL_LEDGER,
};
use gauntlet_log::{EventLog, LocalLog, TopicPartition};
use gauntlet_tests::relaid::{made_by, relay};
use gauntlet_tests::{Dir, Json, gauntlet, number, repository};

/// A kept node's directory, unpacked: its log and its lake.
fn kept(name: &str) -> Dir {
    let dir = Dir::new();
    let path = repository().join("tests/kept").join(format!("{name}.zip"));
    let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    zip::ZipArchive::new(file).unwrap().extract(dir.node()).unwrap();
    dir
}

/// Every log that is kept.
fn all_kept() -> Vec<String> {
    let files = std::fs::read_dir(repository().join("tests/kept")).unwrap();
    let names = files.filter_map(|file| {
        file.unwrap().file_name().into_string().unwrap().strip_suffix(".zip").map(str::to_owned)
    });
    let names: Vec<String> = names.collect();
    assert!(names.len() >= 2, "the kept logs are missing");
    names
}

/// What comes from outside.
const INPUTS: [&Topic; 4] = [&MARKET_TICKS, &DATA_COMMANDS, &CONFIG, &EXPERIMENT_COMMANDS];
/// What the tuner writes.
const OF_TUNER: [&Topic; 3] = [&TRAINING_REQUESTS, &EVALUATION_REQUESTS, &TRIAL_LEDGER];
/// Derived events on the log.
fn derived(dir: &Dir) -> i64 {
    let digest = gauntlet(["digest"]).on(dir).ok();
    let of = |topic: &Topic| number(&digest["topics"][topic.name], "events");
    topics::ALL.iter().filter(|topic| !INPUTS.contains(topic)).map(of).sum()
}

/// Replays everything: no divergence, and every derived event either compared or in a class that the report names.
fn replayed(dir: &Dir, what: &str) -> Json {
    let run = gauntlet(["replay", "--all"]).on(dir).run();
    let report = run.json();
    assert!(report.get("divergence").is_none(), "{what}: {run}");
    let classes = report["not_compared"].as_array().unwrap_or_else(|| panic!("{what}: {run}"));
    let not_compared: i64 = classes.iter().map(|class| number(class, "events")).sum();
    let (compared, foreign) = (number(&report, "compared"), number(&report, "foreign"));
    // Where every event is of another version, nothing was proved, and the exit code says so.
    assert_eq!(report["identical"], compared > 0, "{what}: {run}");
    assert_eq!(run.code, Some(i32::from(compared == 0)), "{run}");
    for class in classes {
        let named = |field: &str| class[field].as_str().is_some_and(|text| !text.is_empty());
        assert!(named("processor") && named("version") && number(class, "events") > 0, "{class}");
    }
    assert_eq!(compared + not_compared + foreign, derived(dir), "{what}: an event is in no class: {run}");
    eprintln!("{what}: {compared} events identical, {not_compared} of other versions: {classes:?}");
    report
}

/// Runs the processors until all is quiet.
fn settle(dir: &Dir) {
    let wanted =
        ["snapshot", "create", "--instrument", "XAUUSD", "--bars", "time:1h", "--from", "2006-03-20"];
    let listed = gauntlet(wanted.into_iter().chain(["--to", "2006-03-22"])).on(dir).ok();
    assert_eq!(listed["status"], "sealed");
}

/// The only experiment.
fn experiment(dir: &Dir) -> Json {
    let id = gauntlet(["ls", "experiments"]).on(dir).ok()[0]["experiment_id"].as_str().unwrap().to_owned();
    // One that has failed is shown with exit code 1.
    gauntlet(["show", &id]).on(dir).run().json()
}

fn has_other_versions_of(report: &Json, processor: &str) -> bool {
    report["not_compared"].as_array().unwrap().iter().any(|class| class["processor"] == processor)
}

#[test]
fn every_kept_log_is_read_verified_and_replayed() {
    let mut compared = 0;
    for name in all_kept() {
        let dir = kept(&name);
        let verified = gauntlet(["verify"]).on(&dir).ok();
        assert_eq!(verified["ok"], true, "{name}: {verified}");
        assert!(number(&verified["checked"], "events") > 50, "{name}: {verified}");
        compared += number(&replayed(&dir, &name), "compared");
        shows_its_documents(&dir, &name);
    }
    assert!(compared > 0, "no kept log is of versions that there still are: keep one of this release");
}

/// An old experiment shows the document that it ran with, which has not grown by what there is today.
fn shows_its_documents(dir: &Dir, what: &str) {
    let listed = gauntlet(["ls", "experiments"]).on(dir).ok();
    let experiments = listed.as_array().unwrap();
    assert!(!experiments.is_empty(), "{what}");
    for experiment in experiments {
        let id = experiment["experiment_id"].as_str().unwrap();
        let document = gauntlet(["show", id, "--document"]).on(dir).ok();
        let filter = format!("config_id == '{}'", experiment["config_id"].as_str().unwrap());
        let recorded = gauntlet(["ls", "configs", "--filter", &filter]).on(dir).ok();
        assert_eq!(document, recorded[0]["parameters"], "{what}");
        assert!(document["tuning"]["trials"].is_u64(), "{what}: {document}");
        assert_eq!(gauntlet(["config", "diff", id, id]).on(dir).ok()["equal"], true, "{what}");
    }
}

#[test]
fn what_had_ended_is_as_it_was() {
    let dir = kept("finished");
    let before = experiment(&dir);
    assert_eq!((&before["status"], &before["judgement"]), (&Json::from("completed"), &Json::Null));
    settle(&dir);
    // It is judged now, by processors that there were not then: nothing was analysed, so nothing passes.
    let after = experiment(&dir);
    assert_eq!((&after["judgement"], &after["policy"]), (&Json::from("rejected"), &Json::from("default")));
    assert_eq!(unjudged(after), unjudged(before));
    assert_eq!(gauntlet(["verify"]).on(&dir).ok()["ok"], true);
    replayed(&dir, "finished, and gone on with");
}

/// An experiment without what the selector says of it.
fn unjudged(mut experiment: Json) -> Json {
    for key in ["judgement", "policy", "selected"] {
        experiment.as_object_mut().unwrap().remove(key);
    }
    for finalist in experiment["leaderboard"].as_array_mut().unwrap() {
        finalist.as_object_mut().unwrap().remove("verdicts");
    }
    experiment
}

/// It is gone on with when the tuner's logic is the same, and failed by name when it is another.
#[test]
fn what_was_under_way_ends() {
    let dir = kept("under-way");
    assert_eq!(experiment(&dir)["status"], "running");
    settle(&dir);
    let ended = experiment(&dir);
    let report = replayed(&dir, "under way, and gone on with");
    if has_other_versions_of(&report, "tuner") {
        assert_eq!(
            (&ended["status"], ended["detail"].as_str().map(is_logic_changed)),
            (&Json::from("failed"), Some(true))
        );
    } else {
        assert_eq!(ended["status"], "completed", "{ended}");
    }
}

fn is_logic_changed(detail: &str) -> bool {
    detail.contains("logic_changed") || detail.contains("another has begun")
}

/// Lays a kept log anew, as if its tuner had been another version.
fn as_by_another_tuner(dir: &Dir) {
    let mut relaid = 0;
    relay(&dir.node(), |record| {
        if OF_TUNER.iter().any(|topic| topic.name == record.topic) {
            made_by(record, "before");
            relaid += 1;
        }
    });
    assert!(relaid > 0, "the tuner had written nothing");
}

#[test]
fn a_search_under_way_fails_by_name_when_the_logic_changes() {
    let dir = kept("under-way");
    as_by_another_tuner(&dir);
    // Nothing has run yet: what the other version made is not compared, the rest is.
    let report = replayed(&dir, "before the change");
    assert!(has_other_versions_of(&report, "tuner"), "{report}");
    settle(&dir);
    let ended = experiment(&dir);
    assert_eq!(ended["status"], "failed", "{ended}");
    assert!(is_logic_changed(ended["detail"].as_str().unwrap()), "{ended}");
    let asked = requests(&dir.node());
    settle(&dir);
    assert_eq!(requests(&dir.node()), asked, "nothing more is asked");
    // The entry was made when another version's search was given up: it counts what had come by then.
    let verified = gauntlet(["verify"]).on(&dir).ok();
    assert_eq!(number(&verified["checked"], "ledger_entries"), 1, "{verified}");
    let after = replayed(&dir, "after the change");
    assert!(number(&after, "compared") > number(&report, "compared"), "the end is compared: {after}");
    // Folded anew it comes to the same.
    LocalLog::open(&dir.node().join("log.redb")).unwrap().delete_snapshots().unwrap();
    settle(&dir);
    assert_eq!(experiment(&dir), ended);
    assert_eq!(replayed(&dir, "folded anew"), after);
}

/// Trials asked for.
fn requests(node: &Path) -> u64 {
    let log = LocalLog::open(&node.join("log.redb")).unwrap();
    let topic = TRAINING_REQUESTS.name;
    let ends =
        (0..log.partitions(topic).unwrap()).map(|p| log.bounds(&TopicPartition::new(topic, p)).unwrap().1);
    ends.sum()
}
