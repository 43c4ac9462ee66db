//! What a person sees: tables that fit the terminal, names besides ids, one document for every error, outputs that fail.

use std::process::Stdio;

use gauntlet_tests::golden::MINI;
use gauntlet_tests::process::forget_configuration;
use gauntlet_tests::{Dir, Json, Up, binary, gauntlet, mini};

/// What a command shows on a terminal of some columns.
pub fn on_terminal(dir: &Dir, columns: usize, locale: &str, args: &str) -> String {
    let line = format!("{} {args} --dir {}", binary().display(), dir.node().display());
    let mut script = std::process::Command::new("script");
    forget_configuration(&mut script);
    let output = script
        .args(["-qec", &line, "/dev/null"])
        .env("COLUMNS", columns.to_string())
        .env("LC_ALL", locale)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
    assert!(output.status.success(), "{line}: {text}");
    text
}

#[test]
fn tables_fit_the_terminal_and_are_whole_elsewhere() {
    let dir = Dir::copy_of(mini());
    let whole = gauntlet(["ls", "models", "--dir", dir.node().to_str().unwrap()]).run();
    let lines: Vec<Vec<&str>> = whole.stdout.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((lines.len(), lines[0][0], lines[0][1]), (3, "model_id", "confirmed"), "{whole}");
    let ids: Vec<&str> = lines[1..].iter().map(|line| line[0]).collect();
    assert!(ids.iter().all(|id| id.len() == 36), "ids are whole for programs: {whole}");
    for columns in [20, 40, 80, 200] {
        let shown = on_terminal(&dir, columns, "C.UTF-8", "ls models");
        assert!(shown.lines().all(|line| line.chars().count() <= columns), "{columns}: {shown}");
        assert!(!shown.contains(['│', '─', '\t']), "no rules: {shown}");
        for id in &ids {
            assert!(shown.contains(&id[..8]), "{columns}: {shown}");
            assert!(!shown.contains(id), "ids are cut to what tells them apart: {shown}");
        }
    }
    let narrow = on_terminal(&dir, 30, "C", "ls models");
    assert!(narrow.is_ascii(), "a locale that is not UTF-8 gets ASCII: {narrow}");
    let wide = on_terminal(&dir, 20, "C.UTF-8", "ls models --wide");
    assert!(wide.lines().next().unwrap().ends_with("artifact_path"), "{wide}");
    // A server lays out for whoever asks.
    let up = Up::on(&dir);
    let shown = on_terminal(&dir, 40, "C.UTF-8", "ls models");
    assert!(shown.lines().all(|line| line.chars().count() <= 40), "{shown}");
    up.stop();
}

#[test]
fn experiments_are_listed_newest_first_with_what_they_came_to_and_found_by_name() {
    let dir = Dir::copy_of(mini());
    for (name, seed) in [("two\nlines", 4), ("newest", 5)] {
        let text = MINI
            .replace("name: mini", &format!("name: {name:?}"))
            .replace("seed: 3", &format!("seed: {seed}"));
        let file = dir.write("x.yaml", text);
        gauntlet(["submit", file.to_str().unwrap(), "--wait"]).on(&dir).ok();
    }
    let listed = gauntlet(["ls", "experiments"]).on(&dir).ok();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["newest", "two\nlines", "mini"]);
    assert!(listed[0]["value"].is_number() && listed[0]["objective"] == "sharpe", "{listed}");
    let shown = on_terminal(&dir, 100, "C.UTF-8", "ls experiments");
    assert_eq!(shown.lines().count(), 4, "a name with a newline stays on its line: {shown}");
    assert!(
        shown.starts_with("name") && shown.contains("verdict") && shown.contains("two\\nlines"),
        "{shown}"
    );
    let by_name = gauntlet(["show", "newest"]).on(&dir).ok();
    assert_eq!(by_name["experiment_id"], listed[0]["experiment_id"]);
    let report = gauntlet(["show", "newest", "--dir", dir.node().to_str().unwrap()]).run();
    let refused = by_name["leaderboard"].as_array().unwrap().iter();
    for finalist in refused.filter(|finalist| finalist["confirmed"] != Json::Bool(true)) {
        let reason = finalist["verdict"].as_str().unwrap();
        assert!(report.stdout.contains(&format!("#{} {reason}", finalist["place"])), "{report}");
    }
    // The document of another name is another experiment; two of one name are told apart by id.
    let file = dir.write("x.yaml", MINI.replace("seed: 3", "seed: 6"));
    gauntlet(["submit", file.to_str().unwrap()]).on(&dir).ok();
    let mut up = Up::on(&dir);
    up.process.until("both", || gauntlet(["ls", "experiments"]).on(&dir).ok().as_array().unwrap().len() == 4);
    gauntlet(["show", "mini"]).on(&dir).refused(2, &["2 experiments have the name 'mini'"]);
    up.stop();
}

#[test]
fn trials_are_sorted_and_filtered_by_their_metrics() {
    let dir = Dir::copy_of(mini());
    let listed =
        gauntlet(["ls", "trials", "--sort", "-sharpe", "--filter", "max_drawdown < 0.9"]).on(&dir).ok();
    let sharpe = |row: &Json| row["metrics"]["sharpe"].as_f64();
    let values: Vec<Option<f64>> = listed.as_array().unwrap().iter().map(sharpe).collect();
    assert!(values.len() > 4, "{listed}");
    assert!(values.windows(2).all(|pair| pair[0] >= pair[1]), "{values:?}");
    let fast =
        gauntlet(["ls", "trials", "--filter", "hyperparameters.fast > 30", "--sort", "hyperparameters.fast"]);
    let fast = fast.on(&dir).ok();
    let fast: Vec<i64> =
        fast.as_array().unwrap().iter().map(|row| row["hyperparameters"]["fast"].as_i64().unwrap()).collect();
    assert!(!fast.is_empty() && fast.is_sorted() && fast.iter().all(|fast| *fast > 30), "{fast:?}");
    gauntlet(["ls", "trials", "--sort", "sharp"])
        .on(&dir)
        .refused(2, &["no column 'sharp'", "did you mean sharpe?"]);
    gauntlet(["ls", "experiments", "--sort", "sharpe"]).on(&dir).refused(2, &["no column 'sharpe'"]);
}

#[test]
fn every_error_is_one_document_and_an_output_that_fails_is_an_error() {
    for args in [vec!["--json", "nonsense"], vec!["ls", "--json"], vec!["submit", "--json", "nowhere.yaml"]] {
        let run = gauntlet(&args).run();
        assert_eq!(run.code, Some(2), "{run}");
        assert!(!run.json()["error"].as_str().unwrap().is_empty(), "{run}");
    }
    let dir = Dir::copy_of(mini());
    for args in
        [vec!["ls", "models"], vec!["show", "mini"], vec!["strategies"], vec!["ls", "models", "--json"]]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = std::process::Command::new(binary());
        forget_configuration(&mut command);
        let output =
            command.args(&args).args(["--dir", dir.node().to_str().unwrap()]).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{args:?}: {said}");
        assert!(said.contains("cannot be written"), "{args:?}: {said}");
    }
    // A refusal names no more than a person reads.
    let long = dir.write("long.csv", format!("time,price\n{}\n", "x".repeat(200_000)));
    let refused = gauntlet(["bars", long.to_str().unwrap(), "--spec", "time:1m"]).run();
    assert_eq!(refused.code, Some(2), "{}", refused.code.unwrap_or_default());
    assert!(refused.stderr.len() < 6_000, "{} bytes", refused.stderr.len());
}

#[test]
fn manuals_are_made_from_the_command_line() {
    let dir = Dir::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = gauntlet(["completions", shell]).run();
        assert!(script.code == Some(0) && script.stdout.contains("lock-timeout"), "{script}");
    }
    let folder = dir.path("man");
    let made = gauntlet(["man", "--out", folder.to_str().unwrap()]).run();
    assert_eq!(made.code, Some(0), "{made}");
    for page in ["gauntlet.1", "gauntlet-feed.1", "gauntlet-submit.1", "gauntlet-config-explain.1"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.starts_with(".ie") || text.contains(".TH"), "{page}");
    }
    let version = gauntlet(["-V"]).run();
    assert!(version.stdout.starts_with("gauntlet 0."), "{version}");
    let explained = gauntlet(["config", "explain", "runtime.worker_queue", "--json"]).run().json();
    assert_eq!(explained[0]["key"], "runtime.worker_queue");
    assert!(explained[0]["meaning"].as_str().unwrap().contains("wait for a worker thread"), "{explained}");
    gauntlet(["config", "explain", "workerz"]).refused(2, &["no key 'workerz'", "did you mean workers?"]);
}
