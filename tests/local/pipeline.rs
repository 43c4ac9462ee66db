//! The main job as a whole: its recorded result, and that neither workers, batch sizes, partitions, lost snapshots nor
//! lost views change it.

use std::path::Path;

use gauntlet_log::{EventLog, LocalLog};
use gauntlet_tests::golden::golden_file;
use gauntlet_tests::{Digest, Dir, Json, copy, demo, digest_of, gauntlet, number, recorded};
use serde_json::json;

/// The promise across machines: the demo comes to this digest wherever it runs.
#[test]
fn the_demo_comes_to_the_recorded_digest() {
    let made = &demo().digest;
    let mut json = gauntlet(["digest"]).at(&demo().node).ok();
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        // How often something was written is no promise.
        for topic in json["topics"].as_object_mut().unwrap().values_mut() {
            topic.as_object_mut().unwrap().remove("duplicates");
        }
        std::fs::write(golden_file(), serde_json::to_string_pretty(&json).unwrap() + "\n").unwrap();
    }
    let recorded = recorded();
    assert!(recorded.parts.len() >= 27 && recorded.covers() > 250_000, "{recorded:?}");
    made.assert_equals(
        &recorded,
        "the demo on this machine and the recorded one (when only training, results and what follows from them differ, \
         this machine's arithmetic differs in a learned model; when market topics differ, cleaning or bars do; after a \
         wanted change WRITE_GOLDEN=1 records the new one)",
    );
}

#[test]
fn the_best_trend_looks_good_in_tuning_and_the_procedure_that_found_it_earns_nothing_to_speak_of() {
    let experiments = demo().report["experiments"].as_array().unwrap();
    let trend = experiments.iter().find(|experiment| experiment["name"] == "gold-trend").unwrap();
    let board = trend["leaderboard"].as_array().unwrap();
    assert_eq!(board.len(), 3, "{board:?}");
    for entry in board {
        assert!(entry["tuning"].as_f64().unwrap() > 0.5, "{entry}");
        let passed = entry["confirmed"].as_bool().unwrap();
        let word = if passed { "confirmed: sharpe" } else { "refused: sharpe" };
        assert!(entry["verdict"].as_str().unwrap().starts_with(word), "{entry}");
        // The same as numbers, each with its evidence.
        let verdicts = entry["verdicts"].as_array().unwrap();
        assert_eq!(verdicts.len(), 7, "{entry}");
        let verdict = verdicts.iter().find(|verdict| verdict["gate"] == "holdout").unwrap();
        let outcome = if passed { "passed" } else { "refused" };
        assert_eq!((&verdict["gate"], &verdict["outcome"]), (&json!("holdout"), &json!(outcome)));
        assert_eq!(verdict["waiver"], Json::Null);
        let (statistic, threshold) =
            (verdict["statistic"].as_f64().unwrap(), verdict["threshold"].as_f64().unwrap());
        // A loss is refused as one; a gain is held against what the procedure promised.
        let is_loss = verdict["comparison"] == "more_than";
        assert_eq!(passed, if is_loss { statistic > threshold } else { statistic >= threshold }, "{verdict}");
        assert_eq!(is_loss, statistic < 0.0, "{verdict}");
        assert_eq!(verdict["statistic"], entry["holdout"]);
        let evidence = &verdict["evidence"];
        assert_eq!((&evidence["metric"], &evidence["phase"]), (&json!("sharpe"), &json!("holdout")));
        // Held against the procedure, not against what the finalist was chosen for.
        assert_eq!(evidence["numbers"]["walk_forward"], trend["walk_forward"]["key_metrics"]["sharpe"]);
        assert_eq!(evidence["model_id"], entry["model_id"]);
    }
    let ranks: Vec<f64> = board.iter().map(|entry| entry["tuning"].as_f64().unwrap()).collect();
    assert!(ranks.is_sorted_by(|better, worse| better >= worse), "tuning ranks: {ranks:?}");
    let walked = trend["walk_forward"]["key_metrics"]["sharpe"].as_f64().unwrap();
    assert!(walked < 0.5 * ranks[0], "{walked} walked forward, {} in tuning", ranks[0]);
    let known = &trend["walk_forward"]["inference"];
    assert!(known["low"].as_f64().unwrap() < 0.0 && known["high"].as_f64().unwrap() > 0.0, "{known}");
    // Luck alone is expected to reach nearly as much, and none of it is sure.
    assert!(trend["noise"]["ceiling"].as_f64().unwrap() > 0.3, "{}", trend["noise"]);
    let looks: Vec<_> = experiments.iter().map(|of| of["noise"]["holdout_looks"].as_u64().unwrap()).collect();
    assert_eq!(looks, [3, 5], "three finalists, and two more of the second experiment of the mandate");
    assert!(board.iter().all(|entry| entry["deflated"].as_f64().unwrap() < 0.95), "{board:?}");
    let all: Vec<&Json> = experiments.iter().flat_map(|e| e["leaderboard"].as_array().unwrap()).collect();
    assert_eq!(all.len(), 5);
    // The hold-out keeps what little the procedures promised, but for the model that trades once there.
    let confirmed: Vec<_> =
        all.iter().filter(|entry| entry["confirmed"] == true).map(|entry| &entry["trial"]).collect();
    assert_eq!(confirmed, [&json!(90), &json!(57), &json!(74), &json!(10)], "{all:?}");
    assert_eq!(number(&demo().report, "feed.ticks.read"), 917_876);
    assert_eq!(number(&demo().report, "feed.bars.read"), 48_665);
}

#[test]
fn a_second_run_finds_everything_there() {
    let dir = Dir::copy_of(&demo().node);
    let again = gauntlet(["demo", "--no-serve"]).on(&dir).ok();
    for kind in ["bars", "ticks"] {
        assert_eq!(number(&again["feed"][kind], "published"), 0, "{again}");
        assert!(number(&again["feed"][kind], "read") > 40_000, "{again}");
    }
    let without_times = |report: &Json| {
        let mut experiments = report["experiments"].clone();
        for experiment in experiments.as_array_mut().unwrap() {
            for time in ["start", "end"] {
                assert!(experiment.as_object_mut().unwrap().remove(time).is_some());
            }
        }
        experiments
    };
    assert_eq!(without_times(&again), without_times(&demo().report));
    digest_of(&dir.node()).assert_equals(&demo().digest, "a second run");
}

/// Sizes that no result may depend on, several at once: if one of them mattered, its run would differ. Workers are asked for by
/// option and by variable.
#[test]
fn neither_workers_nor_batches_nor_partitions_change_the_digest() {
    let runs: [(&[&str], &[(&str, &str)]); 4] = [
        (
            &["--workers", "1"],
            &[
                ("GAUNTLET_RUNTIME__BATCH_RECORDS", "1"),
                ("GAUNTLET_RUNTIME__WORKER_QUEUE", "1"),
                ("GAUNTLET_RUNTIME__SNAPSHOT_EVERY_RECORDS", "1"),
            ],
        ),
        (
            &["--workers", "8"],
            &[
                ("GAUNTLET_RUNTIME__BATCH_RECORDS", "7"),
                ("GAUNTLET_RUNTIME__PROJECTOR_BATCH", "1"),
                ("GAUNTLET_RUNTIME__SNAPSHOT_EVERY_RECORDS", "50"),
                ("GAUNTLET_TOPICS__PARTITIONS", "1"),
            ],
        ),
        (
            &["--workers", "2"],
            &[
                ("GAUNTLET_RUNTIME__BATCH_RECORDS", "100000"),
                ("GAUNTLET_RUNTIME__PROJECTOR_BATCH", "100000"),
                ("GAUNTLET_RUNTIME__WORKER_QUEUE", "3"),
                ("GAUNTLET_RUNTIME__SNAPSHOT_EVERY_RECORDS", "1000000000"),
                ("GAUNTLET_TOPICS__PARTITIONS", "3"),
            ],
        ),
        (
            &[],
            &[
                ("GAUNTLET_WORKERS", "3"),
                ("GAUNTLET_RUNTIME__POLL_TIMEOUT_MS", "1"),
                ("GAUNTLET_RUNTIME__PROJECTOR_BATCH", "13"),
            ],
        ),
    ];
    for (options, settings) in runs {
        let dir = Dir::new();
        let with = |command: gauntlet_tests::Command| {
            settings.iter().fold(command.on(&dir), |command, (name, value)| command.env(name, value))
        };
        with(gauntlet(["demo", "--no-serve"].iter().chain(options))).ok();
        let digest = Digest::of(&with(gauntlet(["digest"])).ok());
        digest.assert_equals(&demo().digest, &format!("{options:?} {settings:?}"));
    }
}

#[test]
fn state_snapshots_that_are_gone_are_folded_again() {
    // In the middle of feeding and in the middle of tuning.
    for after in ["feeding", "tuning"] {
        let dir = Dir::new();
        let frequent = ("GAUNTLET_RUNTIME__SNAPSHOT_EVERY_RECORDS", "10");
        let mut started = gauntlet(["demo", "--no-serve"]).on(&dir).env(frequent.0, frequent.1).start();
        match after {
            "feeding" => {
                let log = dir.node().join("log.redb");
                started.until("log", || std::fs::metadata(&log).is_ok_and(|file| file.len() > 8 << 20));
            }
            _ => {
                let snapshots = dir.node().join("lake/snapshots");
                let sealed = || std::fs::read_dir(&snapshots).map_or(0, Iterator::count);
                started.until("snapshot of data", || sealed() >= 2);
                std::thread::sleep(std::time::Duration::from_millis(700));
            }
        }
        started.signal("INT");
        let run = started.wait();
        assert_eq!(run.code, Some(130), "interrupted while {after}: {run}");
        let deleted = delete_state_snapshots(&dir.node());
        assert!(deleted > 0, "no processor had saved its state: nothing was tested");
        gauntlet(["demo", "--no-serve"]).on(&dir).ok();
        digest_of(&dir.node())
            .assert_equals(&demo().digest, &format!("{deleted} snapshots deleted while {after}"));
    }
}

/// Deletes the state of all processors; gives how many tasks had some.
fn delete_state_snapshots(node: &Path) -> usize {
    let log = LocalLog::open(&node.join("log.redb")).unwrap();
    let count = |log: &LocalLog| {
        let processors = ["market-data", "experiments", "tuner"];
        let tasks = processors.iter().flat_map(|name| (0..4).map(move |task| (name, task)));
        tasks.filter(|(name, task)| log.snapshot(name, *task).unwrap().is_some()).count()
    };
    let before = count(&log);
    log.delete_snapshots().unwrap();
    assert_eq!(count(&log), 0);
    before
}

#[test]
fn views_that_are_gone_are_made_again() {
    let dir = Dir::copy_of(&demo().node);
    std::fs::remove_file(dir.node().join("views.redb")).unwrap();
    digest_of(&dir.node()).assert_equals(&demo().digest, "views made by the next command");
    let rebuilt = gauntlet(["views", "rebuild"]).on(&dir).ok();
    assert!(number(&rebuilt, "rows") > 200_000, "{rebuilt}");
    digest_of(&dir.node()).assert_equals(&demo().digest, "views rebuilt");
    // Damaged views are put aside and stop nothing.
    std::fs::write(dir.node().join("views.redb"), "no database").unwrap();
    digest_of(&dir.node()).assert_equals(&demo().digest, "views after damage");
    assert!(dir.node().join("views.redb.aside-1").exists());
}

#[test]
fn replay_makes_every_derived_event_again() {
    let dir = Dir::copy_of(&demo().node);
    let all = gauntlet(["replay", "--all"]).on(&dir).ok();
    assert_eq!(all["identical"], true);
    let compared = number(&all, "compared");
    assert!(compared > 50_000, "{compared} compared");
    let id = demo().report["experiments"][0]["experiment_id"].as_str().unwrap();
    let one = gauntlet(["replay", &id[..13]]).on(&dir).ok();
    assert_eq!(one["identical"], true);
    let of_one = number(&one, "compared");
    assert!((400..compared).contains(&of_one), "{of_one} compared");
    eprintln!("replay: {compared} events compared, {of_one} of one experiment");
    digest_of(&dir.node()).assert_equals(&demo().digest, "after replay, which writes nothing");
}

#[test]
fn verify_finds_nothing_wrong() {
    let dir = Dir::copy_of(&demo().node);
    let verified = gauntlet(["verify"]).on(&dir).ok();
    assert_eq!(verified["ok"], true, "{verified}");
    assert_eq!(verified["problems"], serde_json::json!([]));
    for (what, least) in [("events", 57_000), ("snapshots", 2), ("artifacts", 2), ("views", 12)] {
        assert!(number(&verified["checked"], what) >= least, "{what}: {verified}");
    }
}

#[test]
fn what_moves_to_another_directory_goes_on_there() {
    let dir = Dir::new();
    copy(&demo().node, &dir.path("elsewhere"));
    digest_of(&dir.path("elsewhere")).assert_equals(&demo().digest, "a copied directory");
}
