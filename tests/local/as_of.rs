//! What was said at a recorded time that has passed, on the command line and over HTTP.

use gauntlet_tests::golden::mini_and_second;
use gauntlet_tests::{Dir, Json, Up, gauntlet};

/// The experiments of a directory, the one that began first before the other.
fn experiments(dir: &Dir) -> Vec<Json> {
    let listed = gauntlet(["ls", "experiments", "--sort", "start"]).on(dir).ok();
    listed.as_array().unwrap().clone()
}

/// The time at which an experiment began to run: what it tried came later.
fn under_way(experiment: &Json) -> String {
    experiment["start"].as_str().unwrap().to_owned()
}

#[test]
fn an_experiment_that_has_completed_was_running_before_and_not_there_before_that() {
    let dir = Dir::copy_of(mini_and_second());
    let experiments = experiments(&dir);
    let [first, second] = experiments.as_slice() else { panic!("{experiments:?}") };
    let id = second["experiment_id"].as_str().unwrap();
    let then = under_way(second);
    let as_of = |args: &[&str]| gauntlet(args.iter().copied().chain(["--as-of", then.as_str()])).on(&dir);
    let listed = as_of(&["ls", "experiments", "--sort", "start"]).ok();
    assert_eq!(listed["as_of"].as_str(), Some(then.as_str()), "{listed}");
    let rows = listed["answer"].as_array().unwrap();
    assert_eq!(rows[0], *first, "what had ended is as it is now");
    assert_eq!((rows[1]["status"].as_str(), &rows[1]["end"]), (Some("running"), &Json::Null));
    assert_eq!(as_of(&["show", id]).ok()["answer"]["status"], "running");
    let ended = gauntlet(["show", id]).on(&dir).ok();
    assert_eq!(ended["status"], "completed");
    // `ago` in a filter is counted from then.
    let young = as_of(&["ls", "experiments", "--filter", "start > 1h ago"]).ok();
    assert_eq!(young["answer"].as_array().unwrap().len(), 2, "{young}");
    let mandate = first["mandate"].as_str().unwrap();
    let ledger = as_of(&["ledger", mandate]).ok();
    assert_eq!(ledger["answer"]["entries"].as_array().unwrap().len(), 1, "{ledger}");
    // For people the first line says as of when.
    let text = as_of(&["ls", "experiments"]).env("GAUNTLET_DIR", dir.node().to_str().unwrap());
    let printed = text.run();
    assert!(printed.code == Some(0), "{printed}");
    let before = gauntlet(["ls", "experiments", "--as-of", "2001-01-01"]).on(&dir).ok();
    assert_eq!(before["answer"], Json::Array(Vec::new()));
    gauntlet(["show", id, "--as-of", "2001-01-01"]).on(&dir).refused(2, &["no experiment"]);
}

#[test]
fn what_has_not_passed_and_what_is_no_time_is_refused() {
    let dir = Dir::copy_of(mini_and_second());
    let asked = |as_of: &str| gauntlet(["ls", "runs", "--as-of", as_of]).on(&dir);
    asked("2200-01-01").refused(2, &["2200-01-01T00:00:00Z has not come yet"]);
    asked("yesterday").refused(2, &["--as-of", "yesterday"]);
    asked("2h").refused(2, &["ago"]);
    gauntlet(["ls", "parked", "--as-of", "1s ago"]).on(&dir).refused(2, &["parked"]);
}

#[test]
fn over_http_every_list_and_thing_has_a_past_and_says_which() {
    let dir = Dir::copy_of(mini_and_second());
    let experiments = experiments(&dir);
    let then = under_way(&experiments[1]);
    let id = experiments[1]["experiment_id"].as_str().unwrap();
    let up = Up::on(&dir);
    // A command of the command line is answered as of then by the process that holds the directory.
    let listed = gauntlet(["ls", "experiments", "--sort", "start", "--as-of", &then]).on(&dir).ok();
    assert_eq!(listed["answer"].as_array().unwrap().len(), 2);
    let list = |path: &str| up.api("GET", path, &[], b"");
    let page = list(&format!("/experiments?sort=start&as_of={then}"));
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(page.header("gauntlet-as-of"), Some(then.as_str()));
    assert!(page.header("gauntlet-position").unwrap().len() > 20);
    assert_eq!(page.json()["rows"], listed["answer"]);
    assert_eq!(list("/experiments").header("gauntlet-as-of"), None);
    let shown = list(&format!("/experiments/{id}?as_of={then}"));
    assert_eq!(shown.json()["status"], "running", "{}", shown.text());
    assert_eq!(shown.header("gauntlet-as-of"), Some(then.as_str()));
    // Runs as of then page by page are those of one page, though `ago` is another time each time.
    let all = up.document(&format!("/runs?as_of={then}&limit=1000"));
    let of_now = up.document("/runs?limit=1000");
    assert!(all["matched"].as_u64() < of_now["matched"].as_u64(), "{all}");
    let mut rows = Vec::new();
    let mut next = format!("/runs?limit=5&as_of={then}");
    loop {
        let page = up.document(&next);
        rows.extend(page["rows"].as_array().unwrap().clone());
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("/runs?limit=5&cursor={cursor}");
    }
    assert_eq!(Json::Array(rows), all["rows"]);
    let file = list(&format!("/runs.csv?as_of={then}&fields=run_id"));
    assert_eq!(file.text().lines().count() as u64 - 1, all["matched"].as_u64().unwrap());
    assert_eq!(file.header("gauntlet-as-of"), Some(then.as_str()));
    // A token that was made since was not there.
    gauntlet(["token", "issue", "ci", "--scopes", "read", "--as", "ann"]).on(&dir).ok();
    assert_eq!(up.document("/tokens")["rows"].as_array().unwrap().len(), 1);
    assert_eq!(up.document(&format!("/tokens?as_of={then}"))["matched"], 0);
    for (path, status) in [
        ("/runs?as_of=2200-01-01", 400),
        ("/runs?as_of=soon", 400),
        ("/instruments/XAUUSD/bars?as_of=2001-01-01", 404),
        ("/runs?as_of=2001-01-01", 200),
    ] {
        assert_eq!(list(path).status, status, "{path}");
    }
    let of_now = up.document("/runs?limit=5")["next"].as_str().unwrap().to_owned();
    let mixed = list(&format!("/runs?limit=5&as_of={then}&cursor={of_now}"));
    assert_eq!(mixed.status, 400, "{}", mixed.text());
    up.stop();
}
