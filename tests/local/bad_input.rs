//! Bad input: what was wrong, where, what to do; exit code 2; and nothing of it reaches the log.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gauntlet_tests::golden::{MINI, feed_hours};
use gauntlet_tests::{Dir, Json, bundled, demo, digest_of, gauntlet, mini, number};

/// The arguments that feed a file as X.Y.
fn feed(path: &Path) -> Vec<&str> {
    vec!["feed", path.to_str().unwrap(), "--instrument", "X", "--venue", "Y"]
}

/// Refused with these words, which begin with the file; the directory has nothing to show afterwards.
fn not_fed(dir: &Dir, path: &Path, words: &[&str]) {
    let name = path.display().to_string();
    let words: Vec<&str> = [name.as_str()].into_iter().chain(words.iter().copied()).collect();
    let run = gauntlet(feed(path)).on(dir).refused(2, &words);
    assert!(run.json()["error"].as_str().unwrap().starts_with(&name), "{run}");
}

fn zipped(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_file_that_is_missing_empty_or_no_file() {
    let dir = Dir::new();
    not_fed(&dir, &dir.path("absent.zip"), &["no such file", "check the path"]);
    not_fed(&dir, &dir.write("empty.csv", ""), &["is empty, not one byte", "fetch it again"]);
    not_fed(&dir, &dir.write("header.csv", "time,price\n"), &["is empty, it has no data row"]);
    let folder = dir.path("folder");
    std::fs::create_dir(&folder).unwrap();
    not_fed(&dir, &folder, &["the folder has no files"]);
}

#[test]
fn a_file_that_is_cut_off() {
    let dir = Dir::new();
    let whole = std::fs::read(bundled("20140505_quote.zip")).unwrap();
    let cut = dir.write("20140505_quote.zip", &whole[..whole.len() / 2]);
    not_fed(&dir, &cut, &["cannot be read beyond row", "cut off or damaged, fetch it again"]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for row in 0..20_000 {
        writeln!(gzip, "{},{}.5", 1_700_000_000 + row, 100 + row * 7_919 % 13).unwrap();
    }
    let text = [b"time,price\n".to_vec()].concat();
    let mut headed = flate2::write::GzEncoder::new(text, flate2::Compression::default());
    headed.write_all(b"time,price\n").unwrap();
    let head = headed.finish().unwrap().split_off(b"time,price\n".len());
    let gzip = [head, gzip.finish().unwrap()].concat();
    let cut = dir.write("ticks.csv.gz", &gzip[..gzip.len() - 100]);
    let words = ["cannot be read beyond row", "cut off or damaged, fetch it again"];
    not_fed(&dir, &cut, &words);
    // What was published before the damage was met is kept; the whole file then adds the rest, once.
    let whole = dir.write("ticks.csv.gz", &gzip);
    let report = gauntlet(feed(&whole)).on(&dir).ok();
    assert_eq!(
        (number(&report, "read"), number(&report, "published")),
        (20_000, 20_000),
        "another file by its hash"
    );
}

#[test]
fn a_file_of_another_format() {
    let dir = Dir::new();
    let hours = bundled("xauusd_oanda_hour_20060320_20140501.zip");
    let named = [feed(&hours), vec!["--format", "lean-quote"]].concat();
    let words = ["not a lean-quote file", "looks like a bar file of Lean", "use --format lean-bar"];
    gauntlet(named).on(&dir).refused(2, &words);
    let poem = dir.write("poem.txt", "roses are red\nviolets are blue\n");
    not_fed(&dir, &poem, &["cannot tell its format", "'roses are red'", "name it with --format"]);
    let columns = dir.write("columns.csv", "when,price\n1,2\n");
    let named = [feed(&columns), vec!["--format", "csv"]].concat();
    gauntlet(named).on(&dir).refused(2, &["needs columns for a time", "has only when, price", "rename them"]);
    let wrong = dir.write("20140501_quote.zip", zipped(&[("20140502_quote.csv", "5,1,2\n")]));
    not_fed(
        &dir,
        &wrong,
        &["its name and that of the 20140502_quote.csv in it differ", "name the file YYYYMMDD"],
    );
    let bars = dir.write("20140503_quote.zip", zipped(&[("x.csv", "20140503 00:00,1,2,1,2,0,1,2,1,2,0\n")]));
    let named = [feed(&bars), vec!["--format", "lean-quote"]].concat();
    gauntlet(named).on(&dir).refused(2, &["not a lean-quote file", "use --format lean-bar"]);
    let none = dir.write("20140504_quote.zip", zipped(&[("readme.txt", "hello")]));
    not_fed(&dir, &none, &["a zip without a CSV, only readme.txt", "put the CSV in it"]);
    let several = dir.write("20140505_quote.zip", zipped(&[("a.csv", "1,2,3\n"), ("b.csv", "1,2,3\n")]));
    not_fed(&dir, &several, &["a zip with 2 CSVs, a.csv, b.csv", "unzip it"]);
}

#[test]
fn prices_that_are_none_and_times_that_go_back_are_rejected_row_by_row() {
    let dir = Dir::new();
    let text = "time,price,size\n1700000000,10,1\n1700000001,NaN,1\n1700000002,-3,1\n1700000003,0,1\n\
                1700000004,10.01,-2\n1700000005,1e40,1\n1700000006,99999,1\n1700000007,10.02,1\n1600000000,10,1\n\
                later,10,1\n1700000008,10.01,1\n1700000009,inf,1\n";
    let path = dir.write("bad.csv", text);
    let report = gauntlet(feed(&path)).on(&dir).ok();
    assert_eq!((number(&report, "read"), number(&report, "accepted")), (12, 3), "{report}");
    let expected: [(&str, &[i64]); 7] = [
        ("bad_time", &[10]),
        ("late", &[9]),
        ("non_positive_price", &[3, 4]),
        ("non_positive_size", &[5]),
        ("not_a_number", &[2, 12]),
        ("out_of_range", &[6]),
        ("outlier", &[7]),
    ];
    assert_eq!(report["rejected"].as_object().unwrap().len(), expected.len(), "{report}");
    for (reason, rows) in expected {
        assert_eq!(number(&report["rejected"], reason), rows.len() as i64, "{reason}: {report}");
        let listed =
            gauntlet(["ls", "quality", "--sort", "row", "--filter", &format!("reason == '{reason}'")]);
        let listed = listed.on(&dir).ok();
        let found: Vec<i64> = listed.as_array().unwrap().iter().map(|row| number(row, "row")).collect();
        assert_eq!(found, rows, "{reason}");
    }
    // The same file again is known, and says what it said.
    let again = gauntlet(feed(&path)).on(&dir).ok();
    assert_eq!(number(&again, "published"), 0);
    assert_eq!(again["sources"][0]["already_there"], true);
    assert_eq!(again["rejected"], report["rejected"]);
}

#[test]
fn options_of_feed_that_say_nothing() {
    let dir = Dir::new();
    let path = dir.write("ticks.csv", "time,price\n1700000000,10\n");
    let with = |more: [&str; 2], words: &[&str]| {
        gauntlet([feed(&path), more.to_vec()].concat()).on(&dir).refused(2, words);
    };
    with(["--format", "foo"], &["unknown format `foo`", "use one of lean-quote, csv, parquet"]);
    with(["--utc-offset", "5"], &["--utc-offset '5'", "write it like -05:00"]);
    with(["--speed", "fast"], &["--speed 'fast'", "use max, 1x, 60x"]);
    with(["--bars", "time:7x"], &["'time:7x' is not a bar spec", "from time:1s to time:1d"]);
    let spaced = ["feed", path.to_str().unwrap(), "--instrument", "X Y", "--venue", "Z"];
    gauntlet(spaced).on(&dir).refused(2, &["'X Y' cannot be a symbol or venue", "use 1 to 32 letters"]);
    gauntlet(["feed"]).on(&dir).refused(2, &["required arguments were not provided"]);
    gauntlet(["ls", "runs", "--frobnicate"]).on(&dir).refused(2, &["unexpected argument '--frobnicate'"]);
    gauntlet(["lst"]).on(&dir).refused(2, &["unrecognized subcommand 'lst'", "similar subcommand", "ls"]);
}

/// A directory with hourly gold and nothing else: to be copied.
fn hours() -> Dir {
    static HOURS: OnceLock<Dir> = OnceLock::new();
    let hours = HOURS.get_or_init(|| {
        let dir = Dir::new();
        feed_hours(&dir);
        dir
    });
    Dir::copy_of(&hours.node())
}

fn document(dir: &Dir, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = MINI.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "'{from}' is not in the document");
        text = text.replace(from, to);
    }
    dir.write("experiment.yaml", text)
}

#[test]
#[expect(clippy::too_many_lines, reason = "one course of events, told in its order")]
fn an_experiment_that_cannot_be_meant() {
    let dir = hours();
    let before = digest_of(&dir.node());
    let cases: [(&[(&str, &str)], &[&str]); 16] = [
        (
            &[("trials", "trails")],
            &["unknown key 'tuning.trails' in experiment.yaml:6", "did you mean 'tuning.trials'?"],
        ),
        (&[("model:", "modle:")], &["unknown key 'modle' in experiment.yaml:3", "did you mean 'model'?"]),
        (
            &[("[5, 60]", "[60, 5]")],
            &["experiment.yaml:5: model.parameters.fast: lower bound 60 is above upper bound 5: swap them"],
        ),
        (
            &[("ma-cross", "ma-crss")],
            &[
                "experiment.yaml:4: model.strategy: strategy 'ma-crss' is not known",
                "did you mean 'ma-cross'?",
            ],
        ),
        (
            &[("ma-cross", "magic")],
            &["strategy 'magic' is not known", "known are ma-cross, donchian-breakout"],
        ),
        (&[("fast:", "fsat:")], &["model.parameters.fsat", "did you mean 'fast'?"]),
        (&[("tpe", "tpee")], &["tuning.sampler: unknown sampler `tpee`: did you mean `tpe`?"]),
        (
            &[("median", "medain")],
            &["tuning.pruner: unknown pruner `medain`: did you mean `median`? (known: none, median)"],
        ),
        (
            &[("20%", "120%")],
            &["'validation.holdout' in experiment.yaml:7", "share 1.2 is not between 0 and 1: write 20%"],
        ),
        (&[("20%", "0%")], &["experiment.yaml:7: validation.holdout: leaves no bars"]),
        (
            &[("2010-01-01", "2015-01-01")],
            &["data.from: 2015-01-01T00:00:00Z is not before data.to", "swap them"],
        ),
        (
            &[("2010-01-01", "long ago")],
            &["data.from", "'long ago' is not a time: write a date (2014-05-01)"],
        ),
        (&[("seed: 3", "seed: x")], &["'tuning.seed' in experiment.yaml:6 is 'x': expected a whole number"]),
        (&[("trials: 12", "trials: 0")], &["tuning.trials"]),
        (
            &[("XAUUSD", "XAUUSE")],
            &["data.instrument: there is no data for XAUUSE.OANDA: did you mean XAUUSD.OANDA?"],
        ),
        (&[("time:1h", "time:1w")], &["'time:1w' is not a bar spec", "from time:1s to time:1d"]),
    ];
    for (changes, words) in cases {
        let path = document(&dir, changes);
        gauntlet(["submit", path.to_str().unwrap(), "--wait"]).on(&dir).refused(2, words);
    }
    let text = [
        ("", "is empty: write an experiment with at least name, data and model"),
        ("a: [1\n", "experiment.yaml:1: is not valid YAML: unclosed bracket"),
        ("name: x\n", "missing 'data' in experiment.yaml"),
    ];
    for (text, words) in text {
        let path = dir.write("experiment.yaml", text);
        gauntlet(["submit", path.to_str().unwrap()]).on(&dir).refused(2, &[words]);
    }
    let valid = document(&dir, &[]);
    let set = |pair: &str, words: &[&str]| {
        gauntlet(["submit", valid.to_str().unwrap(), "--set", pair]).on(&dir).refused(2, words);
    };
    set(
        "tuning.trails=3",
        &["unknown key 'tuning.trails' in override tuning.trails=3", "did you mean 'tuning.trials'?"],
    );
    set("tuning.trials=0", &["override tuning.trials=0: tuning.trials: 0 is not between 1 and 1,000,000"]);
    set(
        "account.risk_free=high",
        &["an annual rate such as 0.03", "or rates by the date since which they hold"],
    );
    set("nonsense", &["'nonsense' sets nothing: write key=value"]);
    gauntlet(["submit", "absent.yaml"])
        .on(&dir)
        .refused(2, &["absent.yaml", "No such file", "check the path"]);
    digest_of(&dir.node()).assert_equals(&before, "nothing that was refused is on the log");
    // The same checks without a directory.
    let path = document(&dir, &[("trials", "trails")]);
    gauntlet(["config", "validate", path.to_str().unwrap(), "--json"])
        .refused(2, &["did you mean 'tuning.trials'?"]);
}

#[test]
fn a_period_without_data_and_too_few_bars_are_failed_experiments_with_a_reason() {
    let dir = hours();
    let submit = |changes: &[(&str, &str)]| {
        let path = document(&dir, changes);
        gauntlet(["submit", path.to_str().unwrap(), "--wait"]).on(&dir).run()
    };
    let failed = [
        (
            [("2010-01-01", "1990-01-01"), ("2014-05-01", "1991-01-01"), ("folds: 4", "folds: 4")],
            [
                "no_data",
                "there is no time:1h bar of XAUUSD.OANDA between 1990-01-01",
                "choose a period with data",
            ],
        ),
        (
            [
                ("2010-01-01", "2014-04-21"),
                ("2014-05-01", "2014-04-30"),
                ("folds: 4 }", "folds: 1000 }\naccount: { periods_per_year: 6000 }"),
            ],
            ["bars", "1000", "folds"],
        ),
    ];
    for (changes, words) in failed {
        let run = submit(&changes);
        assert_eq!(run.code, Some(1), "{run}");
        let report = run.json();
        assert_eq!(report["status"], "failed", "{run}");
        let detail = report["detail"].as_str().unwrap();
        for word in words {
            assert!(detail.contains(word), "the detail does not say '{word}': {detail}");
        }
    }
    let report = submit(&[("2010-01-01", "2012-01-01"), ("2014-05-01", "latest")]).json();
    assert_eq!(report["holdout_bars"]["to"], "2014-05-01T00:00:00Z", "{report}");
    // What lies beyond the data may still come, for those who say so.
    let beyond = document(&dir, &[("2010-01-01", "2016-01-01"), ("2014-05-01", "2017-01-01")]);
    let waits = ["submit", beyond.to_str().unwrap(), "--wait"];
    gauntlet(waits).on(&dir).refused(
        2,
        &[
            "data.to: 2017-01-01T00:00:00Z is after the time:1h bars of XAUUSD.OANDA",
            "`to: latest`",
            "--ahead",
        ],
    );
    let pending = gauntlet([&waits[..], &["--ahead"]].concat()).on(&dir).run();
    assert_eq!(pending.code, Some(1), "{pending}");
    let said = pending.json();
    assert_eq!((&said["status"], &said["to"]), (&Json::from("pending"), &Json::from("2017-01-01T00:00:00Z")));
    assert!(said["newest"] == "2014-05-01T00:00:00Z", "{said}");
    assert_eq!(gauntlet(["replay", "--all"]).on(&dir).ok()["identical"], true);
}

#[test]
fn configuration_is_refused_by_name_wherever_it_comes_from() {
    let dir = Dir::new();
    let explain = || gauntlet(["config", "explain"]).within(dir.path("").as_path()).on(&dir);
    let batch = "GAUNTLET_RUNTIME__BATCH_RECORDS";
    let typo = "GAUNTLET_RUNTIME__BATCH_RECRDS";
    let near = "did you mean 'runtime.batch_records'?";
    explain()
        .env(typo, "1")
        .refused(2, &["unknown key 'runtime.batch_recrds'", "environment variable", typo, near]);
    for value in ["x", "0", "-1", "1e9", ""] {
        explain()
            .env(batch, value)
            .refused(2, &["'runtime.batch_records'", batch, "a whole number from 1 to 1000000"]);
    }
    let file = dir.write("own.yaml", "runtime:\n  batch_recods: 5\n");
    let with_file = ["config", "explain", "--config", file.to_str().unwrap()];
    gauntlet(with_file).on(&dir).refused(2, &["unknown key 'runtime.batch_recods'", "own.yaml:2", near]);
    gauntlet(["config", "validate", file.to_str().unwrap()]).on(&dir).refused(2, &["own.yaml:2", near]);
    gauntlet(["config", "explain", "--config", "absent.yaml"])
        .on(&dir)
        .refused(2, &["absent.yaml", "check the path"]);
    gauntlet(["config", "explain", "--profile", "clster"])
        .on(&dir)
        .refused(2, &["'clster'", "did you mean 'cluster'?"]);
    gauntlet(["config", "explain", "--workers", "many"])
        .on(&dir)
        .refused(2, &["invalid value 'many'", "--workers"]);
    gauntlet(["config", "explain", "--workers", "5000"]).on(&dir).refused(2, &["'workers'", "1024"]);
    gauntlet(["digest"])
        .on(&dir)
        .env("GAUNTLET_TOPICS__PARTITIONS", "0")
        .refused(2, &["'topics.partitions'", "from 1"]);
}

#[test]
fn config_explain_says_where_each_value_came_from() {
    let dir = Dir::new();
    let file = dir.write("own.yaml", "runtime: { worker_queue: 9, batch_records: 9 }\n");
    let explained = gauntlet(
        ["config", "explain", "--profile", "cluster", "--workers", "3", "--config"]
            .into_iter()
            .chain([file.to_str().unwrap()]),
    )
    .on(&dir)
    .env("GAUNTLET_RUNTIME__BATCH_RECORDS", "500")
    .ok();
    let entry = |key: &str| -> (Json, String) {
        let found = explained.as_array().unwrap().iter().find(|entry| entry["key"] == key);
        let found = found.unwrap_or_else(|| panic!("{key} is not explained: {explained}"));
        (found["value"].clone(), found["origin"].as_str().unwrap().to_owned())
    };
    let expected: [(&str, Json, &str); 5] = [
        ("workers", 3.into(), "override"),
        ("runtime.batch_records", 500.into(), "GAUNTLET_RUNTIME__BATCH_RECORDS"),
        ("runtime.worker_queue", 9.into(), "own.yaml:1"),
        ("logging.format", "json".into(), "cluster.yaml"),
        ("runtime.projector_batch", 4096.into(), "default"),
    ];
    for (key, value, origin) in expected {
        let (found, from) = entry(key);
        assert_eq!(found, value, "{key}");
        assert!(from.contains(origin), "{key} comes from '{from}', not from {origin}");
    }
    assert!(explained.as_array().unwrap().len() >= 12);
}

#[test]
fn topics_keep_the_number_of_partitions_they_were_made_with() {
    let dir = Dir::copy_of(mini());
    let words = ["has 4 partitions, the configuration asks for 3", "set topics.partitions to 4"];
    gauntlet(["digest"]).on(&dir).env("GAUNTLET_TOPICS__PARTITIONS", "3").refused(2, &words);
}

#[test]
fn lists_and_ids_that_do_not_exist() {
    let dir = Dir::copy_of(&demo().node);
    let refused = |args: &[&str], words: &[&str]| {
        gauntlet(args).on(&dir).refused(2, words);
    };
    refused(
        &["ls", "experimnts"],
        &["there is no list 'experimnts'", "did you mean experiments?", "known are"],
    );
    refused(&["ls", "quality", "--filter", "reasn == 'x'"], &["no column 'reasn'", "did you mean reason?"]);
    refused(
        &["ls", "quality", "--filter", "reason = = 'x'"],
        &["--filter", "column 10", "this column holds text"],
    );
    refused(
        &["ls", "quality", "--sort", "nope"],
        &["--sort: there is no column 'nope'", "columns are instrument"],
    );
    refused(&["ls", "quality", "--limit", "few"], &["invalid value 'few'", "--limit"]);
    for command in
        [&["show", "zzz"][..], &["replay", "zzz"], &["cancel", "zzz"], &["snapshot", "verify", "zzz"]]
    {
        refused(command, &["has an id that begins with 'zzz'", "see gauntlet ls"]);
    }
    refused(&["replay"], &["required arguments were not provided", "<ID>"]);
    // A prefix of everything.
    refused(&["show", ""], &["things have an id that begins with ''", "give more digits"]);
    let experiment = demo().report["experiments"][0]["experiment_id"].as_str().unwrap();
    let model = demo().report["experiments"][0]["leaderboard"][0]["model_id"].as_str().unwrap();
    refused(&["compare", experiment, model], &["a experiment and a model cannot be compared", "one kind"]);
    refused(&["compare", experiment], &["2 values required"]);
    let nowhere = Dir::new();
    let words = ["there is nothing in", "run gauntlet demo or gauntlet feed first"];
    gauntlet(["ls", "experiments"]).on(&nowhere).refused(2, &words);
    assert!(!nowhere.node().exists(), "looking makes no directory");
    let file = nowhere.write("a-file", "");
    gauntlet(["demo", "--no-serve"]).at(&file).refused(3, &["cannot create", "a-file", "--dir"]);
}

#[test]
fn a_backtest_takes_values_and_a_period_with_bars() {
    let dir = Dir::new();
    let hours = bundled("xauusd_oanda_hour_20060320_20140501.zip");
    let base = MINI
        .replace("to: 2014-05-01 }", &format!("to: 2014-05-01, path: \"{}\" }}", hours.display()))
        .replace("{ int: [80, 400] }", "200");
    let backtest = |text: &str| {
        let path = dir.write("backtest.yaml", text);
        gauntlet(["backtest", path.to_str().unwrap(), "--json"])
    };
    backtest(&base)
        .refused(2, &["model.parameters.fast is a range", "a backtest takes one value, write fast: 20"]);
    let fixed = base.replace("{ int: [5, 60] }", "20");
    let done = backtest(&fixed).ok();
    assert!(done["trades"].as_array().unwrap().len() > 50 && done["metrics"]["sharpe"].is_number(), "{done}");
    backtest(&MINI.replace("{ int: [5, 60] }", "20")).refused(2, &["data.path is missing", "data: { path"]);
    let later = fixed.replace("2010-", "2020-").replace("2014-", "2021-");
    backtest(&later).refused(2, &["no time:1h bar between 2020-01-01", "choose a period with data"]);
    let absent = fixed.replace("xauusd_oanda", "nothing");
    backtest(&absent).refused(2, &["nothing_hour_20060320_20140501.zip: no such file"]);
    backtest(&fixed.replace("ma-cross", "ma-crss"))
        .refused(2, &["backtest.yaml:4: model.strategy", "did you mean 'ma-cross'?"]);
    let long = backtest(&fixed.replace("slow: 200", "slow: 9000").replace("2010-01-01", "2014-01-01")).ok();
    assert_eq!(long["trades"].as_array().unwrap().len(), 0);
    let warnings = long["warnings"].to_string();
    assert!(
        warnings.contains("ma-cross warms up for 8999 bars") && warnings.contains("it never trades"),
        "{warnings}"
    );
    let daily = fixed.replace(&hours.display().to_string(), "gold.csv");
    let days = (1..=28).map(|day| format!("2012-05-{day:02},1,1,1,1\n")).collect::<String>();
    dir.write("gold.csv", format!("Date,Open,High,Low,Close\n{days}"));
    backtest(&daily)
        .refused(2, &["gold.csv: its bars are usually 1 day apart", "cannot be time:1h bars", "say time:1d"]);
    gauntlet(["backtest", "absent.yaml"]).refused(2, &["absent.yaml", "No such file", "check the path"]);
}

#[test]
fn a_lake_that_cannot_be_used_is_refused_before_anything_is_done_and_no_secret_is_shown() {
    let dir = Dir::new();
    let demo = |url: &str, properties: &str| {
        let command = gauntlet(["demo", "--no-serve"]).on(&dir);
        command.env("GAUNTLET_LAKE__URL", url).env("GAUNTLET_LAKE__PROPERTIES", properties)
    };
    let run = demo("s3://bucket/x", "{aws_secret_acess_key: hush}").refused(
        2,
        &[
            "unknown option 'aws_secret_acess_key' in lake.properties",
            "did you mean 'aws_secret_access_key'?",
        ],
    );
    assert!(!run.stderr.contains("hush"), "{run}");
    // Nobody listens on a port that has just been given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = format!(
        "{{aws_endpoint: 'http://127.0.0.1:{free}', aws_allow_http: 'true', aws_region: here, \
         aws_access_key_id: me, aws_secret_access_key: hush}}"
    );
    let run = demo("s3://bucket/x", &nobody).refused(3, &["s3://bucket/x does not answer"]);
    assert!(!run.stderr.contains("hush"), "{run}");
    demo("s3://bucket/x", "{aws_session_token: '${file:/nowhere}'}")
        .refused(2, &["'lake.properties.aws_session_token'", "/nowhere"]);
    demo("s4://bucket", "{}").refused(2, &["'lake.url'", "write file:///path, s3://bucket/prefix"]);
}
