//! What `feed` understands and refuses: the dry run, the circuit breaker, the identity of a source, pipes and devices, files
//! that change, signals.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use gauntlet_tests::{Dir, Json, gauntlet, number, repository, shared};

use crate::cleaning::all_bars_on_the_log;

/// The arguments that feed a file as BTC-USD.X, and more of them.
fn feed<'a>(path: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [&["feed", path.to_str().unwrap(), "--instrument", "BTC-USD", "--venue", "X"], more].concat()
}

/// Seconds since 1970 and prices; row `n` of what is written by `cell` where that gives one.
fn trades(rows: usize, cell: impl Fn(usize) -> Option<String>) -> String {
    let mut text = String::from("time,price,size\n");
    for row in 0..rows {
        let price = cell(row).unwrap_or_else(|| format!("{}.{:02}", 100 + row % 3, row % 7));
        let _ = writeln!(text, "{},{price},1", 1_700_000_000 + row);
    }
    text
}

fn warnings(report: &Json) -> String {
    report["sources"].as_array().unwrap().iter().map(|source| source["warnings"].to_string()).collect()
}

#[test]
fn a_dry_run_says_what_it_understood_and_publishes_nothing() {
    let dir = Dir::new();
    let text = "Datum;Uhrzeit;Kurs;Menge\n13.03.2024;09:30:00;1.234,5;10\n13.03.2024;09:30:01;1.234,6;20\n\
                13.03.2024;09:30:02;x;20\n13.03.2024;09:30:03;1.234,7;20\n";
    let path = dir.write("kurse.csv", text);
    let columns =
        ["--column", "date=Datum", "--column", "time=Uhrzeit", "--column", "price=Kurs", "--column"];
    let more = [&columns[..], &["size=Menge", "--zone", "Europe/Berlin", "--dry-run"]].concat();
    let report = gauntlet(feed(&path, &more)).on(&dir).ok();
    assert!(!dir.node().exists(), "a dry run makes no directory");
    let file = &report["files"][0];
    let it = &file["understood"];
    assert_eq!((it["format"].as_str(), it["delimiter"].as_str()), (Some("csv"), Some(";")), "{it}");
    assert_eq!((it["clock"].as_str(), it["date_order"].as_str()), (Some("Europe/Berlin"), Some("day-first")));
    assert_eq!(it["numbers"], "decimal comma, '.' between thousands");
    let price = it["columns"].as_array().unwrap().iter().find(|column| column["what"] == "price").unwrap();
    assert_eq!((price["name"].as_str(), number(price, "position")), (Some("Kurs"), 3));
    let rows = file["first_rows"].as_array().unwrap();
    assert_eq!((rows.len(), rows[0]["time"].as_str()), (3, Some("2024-03-13T08:30:00Z")));
    assert_eq!(
        (rows[0]["values"]["price"].as_str(), rows[0]["values"]["size"].as_str()),
        (Some("1234.5"), Some("10"))
    );
    assert_eq!((number(file, "rows"), &file["whole"]), (4, &Json::Bool(true)));
    assert_eq!(file["rejected"], serde_json::json!({"not_a_number": 1}));
    assert_eq!(file["times"], serde_json::json!(["2024-03-13T08:30:00Z", "2024-03-13T08:30:03Z"]));
    assert_eq!(file["prices"], serde_json::json!(["1234.5", "1234.7"]));
    // The same reading, fed: the same source and the same counts.
    let fed = gauntlet(feed(&path, &more[..more.len() - 1])).on(&dir).ok();
    assert_eq!((&fed["rejected"], &fed["sources"][0]["source"]), (&file["rejected"], &it["source"]));
}

#[test]
fn a_dry_run_of_real_files_in_words() {
    let dir = Dir::new();
    let trades = shared("ticks/questdb/btc_trades.csv");
    let run = gauntlet(feed(&trades, &["--dry-run", "--dir", dir.node().to_str().unwrap()])).run();
    assert_eq!(run.code, Some(0), "{run}");
    for words in [
        "csv, fields parted by ',', header in line 1",
        "time = timestamp, symbol = symbol, price = price, size = amount, side = side",
        "date and time with its zone (2023-09-05T16:00:01.281719Z), on the clock UTC",
        "trades, of BTC-USD; bars are made of trades",
        "5882 rows, the whole file",
        "1: 2023-09-05T16:00:01.281719Z kind sell, price 25741.02, size 0.02188038",
        "25714.11 to 25828.51",
        "refused      0",
        "--column WHAT=NAME",
        "nothing was published",
    ] {
        assert!(run.stdout.contains(words), "'{words}' is not said: {run}");
    }
    let gold = shared("ticks/xauusd_oanda/20140505_quote.zip");
    let report = gauntlet(feed(&gold, &["--dry-run"])).on(&dir).ok();
    let file = &report["files"][0];
    assert_eq!((&file["whole"], number(file, "rows")), (&Json::Bool(false), 102_400), "25 blocks of it");
    assert_eq!(file["understood"]["price_basis"], "the mid of quotes");
}

#[test]
fn a_dry_run_says_each_of_several_files_and_answers_no_when_one_is_bad() {
    let dir = Dir::new();
    let good = dir.write("good.csv", trades(5, |_| None));
    let bad = dir.write("poem.txt", "roses are red\n");
    let args = ["feed", good.to_str().unwrap(), bad.to_str().unwrap(), "--instrument", "X", "--venue", "Y"];
    let run = gauntlet([&args[..], &["--dry-run"]].concat()).on(&dir).run();
    assert_eq!(run.code, Some(1), "{run}");
    let files = run.json()["files"].as_array().unwrap().clone();
    assert_eq!(number(&files[0], "rows"), 5);
    assert!(files[1]["error"].as_str().unwrap().contains("cannot tell its format"), "{run}");
}

/// Stopped before anything was published, with these words.
fn stopped(dir: &Dir, path: &Path, more: &[&str], words: &[&str]) -> Json {
    let run = gauntlet(feed(path, more)).on(dir).run();
    assert_eq!(run.code, Some(1), "{run}");
    let report = run.json();
    assert_eq!((number(&report, "published"), number(&report, "accepted")), (0, 0), "{run}");
    let stopped = report["sources"][0]["stopped"].clone();
    for word in words {
        assert!(stopped.to_string().contains(word), "'{word}' is not said: {stopped}");
    }
    stopped
}

#[test]
fn a_feed_stops_when_more_than_one_percent_of_the_rows_are_refused() {
    let dir = Dir::new();
    let with =
        |rows: usize, every: usize| trades(rows, |row| (row % every == every - 1).then(|| "n/a".to_owned()));
    let path = dir.write("two-percent.csv", with(300, 50));
    let found = stopped(&dir, &path, &[], &["not_a_number", "1700000049,n/a,1", "--decimal"]);
    assert_eq!((number(&found, "refused"), number(&found, "of"), number(&found, "row")), (6, 300, 50));
    assert_eq!((number(&found, "line"), number(&found, "published")), (51, 0));
    let text = gauntlet(feed(&path, &["--dir", dir.node().to_str().unwrap()])).run();
    let words = "6 of 300 rows were refused, most of them as not_a_number: the file was probably read wrongly. It began with \
                 row 50 in line 51: '1700000049,n/a,1'; nothing of it was published. See with --dry-run";
    assert!(text.stdout.contains(words), "{text}");
    // Nothing is known of it: the same file is fed when losses are accepted.
    let fed = gauntlet(feed(&path, &["--accept-losses"])).on(&dir).ok();
    assert_eq!((number(&fed, "published"), number(&fed["rejected"], "not_a_number")), (300, 6));
    // One percent, and fewer than a hundred rows, are no sign.
    for (name, text) in [("one.csv", with(300, 100)), ("few.csv", with(99, 3))] {
        let dir = Dir::new();
        gauntlet(feed(&dir.write(name, text), &[])).on(&dir).ok();
    }
    let dry = gauntlet(feed(&path, &["--dry-run"])).on(&Dir::new()).run();
    assert_eq!((dry.code, number(&dry.json()["files"][0]["stopped"], "refused")), (Some(1), 6), "{dry}");
}

#[test]
fn a_feed_stops_at_a_hundred_rows_in_a_row() {
    let dir = Dir::new();
    let path =
        dir.write("run.csv", trades(50_000, |row| (20_000..20_100).contains(&row).then(|| "n/a".into())));
    let found = stopped(&dir, &path, &[], &["not_a_number"]);
    assert_eq!(
        (&found["in_a_row"], number(&found, "row"), number(&found, "line")),
        (&Json::Bool(true), 20_001, 20_002)
    );
    let path =
        dir.write("no-run.csv", trades(50_000, |row| (20_000..20_099).contains(&row).then(|| "n/a".into())));
    gauntlet(feed(&path, &[])).on(&dir).ok();
}

#[test]
fn values_that_are_missing_are_no_sign_of_a_wrong_reading() {
    let dir = Dir::new();
    let path = dir.write("gaps.csv", trades(1000, |row| (row % 10 == 3).then(String::new)));
    let fed = gauntlet(feed(&path, &[])).on(&dir).ok();
    assert_eq!(number(&fed["rejected"], "not_a_number"), 100);
}

#[test]
fn a_feed_is_given_up_where_a_wrong_reading_shows_behind_the_trial() {
    let dir = Dir::new();
    let path = dir.write("late.csv", trades(260_000, |row| (row >= 230_000).then(|| "n/a".to_owned())));
    let run = gauntlet(feed(&path, &[])).on(&dir).run();
    assert_eq!(run.code, Some(1), "{run}");
    let report = run.json();
    let stopped = &report["sources"][0]["stopped"];
    assert_eq!((number(stopped, "row"), &stopped["in_a_row"]), (230_001, &Json::Bool(true)), "{run}");
    let published = number(stopped, "published");
    assert!((100_000..230_000).contains(&published), "{published} rows were published before");
    assert_eq!(number(&report, "published"), published);
    // The list of sources counts the same rows.
    let listed = gauntlet(["ls", "sources"]).on(&dir).ok();
    let row = listed.as_array().unwrap().iter().find(|row| row["status"] == "aborted").unwrap();
    assert_eq!(report["sources"][0]["rejected"], serde_json::json!({ "aborted": published }), "{run}");
    assert_eq!((number(row, "rows"), number(row, "accepted")), (published, 0), "{row}");
    assert!(
        row["rejected"].to_string().contains(&format!("aborted\\\":{published}"))
            || row["rejected"]["aborted"] == published,
        "{row}"
    );
    let listed = gauntlet(["ls", "quality", "--filter", "reason == 'not_a_number'"]).on(&dir).ok();
    assert_eq!(listed.as_array().unwrap().len(), 0, "no refused row was published");
}

#[test]
fn a_file_that_was_read_wrongly_is_fed_again_rightly() {
    let dir = Dir::new();
    let text: String =
        (0..50).map(|row| format!("2024-03-04 10:00:{row:02},{}.5\n", 100 + row % 3)).collect();
    let path = dir.write("clock.csv", format!("time,price\n{text}"));
    let plain = gauntlet(feed(&path, &[])).on(&dir).ok();
    let bytes = Command::new("sha256sum").arg(&path).output().unwrap().stdout;
    let hash = String::from_utf8(bytes).unwrap();
    assert_eq!(
        plain["sources"][0]["source"],
        hash.split(' ').next().unwrap(),
        "without options it is the file's hash"
    );
    // What the file shows by itself is no other reading.
    let named = gauntlet(feed(&path, &["--format", "csv"])).on(&dir).ok();
    assert_eq!(named["sources"][0]["already_there"], true, "{named}");
    let other = gauntlet(feed(&path, &["--zone", "America/New_York"])).on(&dir).ok();
    assert_eq!((number(&other, "published"), number(&other, "accepted")), (50, 50), "{other}");
    assert_ne!(other["sources"][0]["source"], plain["sources"][0]["source"]);
    assert!(
        warnings(&other)
            .contains("the same bytes were fed before, read without any option that was kept (50 rows)"),
        "{other}"
    );
    let again = gauntlet(feed(&path, &["--zone", "America/New_York"])).on(&dir).ok();
    assert_eq!((number(&again, "published"), &again["sources"][0]["already_there"]), (0, &Json::Bool(true)));
    // A third reading is told of both.
    let third = gauntlet(feed(&path, &["--utc-offset", "+09:00"])).on(&dir).ok();
    let said = warnings(&third);
    assert!(
        said.contains("read without any option") && said.contains("read with zone=America/New_York"),
        "{said}"
    );
    assert_eq!(number(&third["rejected"], "late"), 50, "{third}");
}

#[test]
fn files_that_contradict_each_other_are_told() {
    let dir = Dir::new();
    let first = dir.write("first.csv", trades(500, |_| None));
    gauntlet(feed(&first, &[])).on(&dir).ok();
    let second = dir.write("second.csv", trades(500, |row| (row % 2 == 1).then(|| "100.55".to_owned())));
    let fed = gauntlet(feed(&second, &[])).on(&dir).ok();
    let said = warnings(&fed);
    assert!(said.contains("rows are in another file that was fed before, and are counted once"), "{fed}");
    assert!(said.contains("rows are left out because another file had come to later times before"), "{fed}");
    let (same, late) = (number(&fed["rejected"], "duplicate"), number(&fed["rejected"], "late"));
    assert_eq!((same + late + number(&fed, "accepted"), late > 200), (500, true), "{fed}");
}

#[test]
fn a_contradiction_anywhere_in_a_file_publishes_nothing_of_it() {
    let dir = Dir::new();
    let path =
        dir.write("comma.csv", trades(150_000, |row| (row == 140_000).then(|| "\"101,5\"".to_owned())));
    gauntlet(feed(&path, &[]))
        .on(&dir)
        .refused(2, &["line 140002, column price: '101,5' has a decimal comma", "--decimal"]);
    let listed = gauntlet(["ls", "quality"]).on(&dir).run();
    assert!(listed.stdout.trim() == "[]" || listed.code == Some(2), "{listed}");
}

fn pipe(dir: &Dir, name: &str) -> PathBuf {
    let path = dir.path(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[test]
fn a_pipe_is_fed_like_the_file_that_comes_through_it() {
    let dir = Dir::new();
    let text = trades(10_000, |_| None);
    let file = dir.write("ticks.csv", &text);
    let path = pipe(&dir, "pipe.csv");
    let writer = {
        let (path, text) = (path.clone(), text.clone());
        std::thread::spawn(move || std::fs::write(path, text).unwrap())
    };
    let fed = gauntlet(feed(&path, &[])).on(&dir).ok();
    writer.join().unwrap();
    assert_eq!(
        (number(&fed, "accepted"), fed["sources"][0]["name"].as_str()),
        (10_000, Some("pipe.csv")),
        "{fed}"
    );
    assert!(!dir.node().join("spool").exists(), "what came through the pipe is not kept");
    let again = gauntlet(feed(&file, &[])).on(&dir).ok();
    assert_eq!(again["sources"][0]["already_there"], true, "the same bytes: {again}");
    let writer = std::thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, text).unwrap()
    });
    let dry = gauntlet(feed(&path, &["--dry-run"])).on(&dir).ok();
    writer.join().unwrap();
    assert_eq!(number(&dry["files"][0], "rows"), 10_000, "{dry}");
}

#[test]
fn a_pipe_without_an_end_is_refused_by_its_beginning() {
    let dir = Dir::new();
    for (source, words) in [("/dev/zero", "has zero bytes, so it is no text"), ("/dev/urandom", "pipe.csv: ")]
    {
        let path = dir.path("pipe.csv");
        let _ = std::fs::remove_file(&path);
        let path = pipe(&dir, path.file_name().unwrap().to_str().unwrap());
        let mut writer = Command::new("sh");
        let line = format!("cat {source} > {} 2>/dev/null", path.display());
        let mut writer = writer.args(["-c", &line]).spawn().unwrap();
        gauntlet(feed(&path, &[])).on(&dir).refused(2, &[words]);
        writer.wait().unwrap();
    }
}

#[test]
fn devices_and_folders_of_folders_are_refused_at_once() {
    let dir = Dir::new();
    for device in ["/dev/zero", "/dev/urandom", "/dev/null"] {
        gauntlet(feed(Path::new(device), &[]))
            .on(&dir)
            .refused(2, &[device, "is no regular file", "write it to a file first"]);
    }
    let folder = dir.path("folder");
    std::fs::create_dir_all(folder.join("2023")).unwrap();
    std::fs::create_dir_all(folder.join("2024")).unwrap();
    let words = ["no files but 2 folders, which are not looked into", "folder/2023", "*/*.csv"];
    gauntlet(feed(&folder, &[])).on(&dir).refused(2, &words);
    // A terabyte of zeros without a line: refused by its beginning, before it is read for its hash.
    let sparse = dir.path("sparse.csv");
    std::fs::File::create(&sparse).unwrap().set_len(1 << 40).unwrap();
    gauntlet(feed(&sparse, &[])).on(&dir).refused(2, &["has zero bytes, so it is no text"]);
}

/// A packed file of so many rows that reading it takes much longer than a test waits.
fn endless(dir: &Dir) -> PathBuf {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"time,price\n").unwrap();
    let piece = "1700000000,100.5\n".repeat(60_000);
    for _ in 0..2_000 {
        gzip.write_all(piece.as_bytes()).unwrap();
    }
    dir.write("endless.csv.gz", gzip.finish().unwrap())
}

#[test]
fn a_signal_ends_reading() {
    let dir = Dir::new();
    let path = endless(&dir);
    for name in ["TERM", "INT"] {
        let mut started = gauntlet(feed(&path, &[])).on(&dir).start();
        let node = dir.node();
        started.until("a directory", || node.exists());
        std::thread::sleep(std::time::Duration::from_millis(200));
        started.signal(name);
        let run = started.wait();
        assert_eq!(run.code, Some(130), "{run}");
    }
    // A pipe to which nobody writes.
    let path = pipe(&dir, "silent.csv");
    let mut started = gauntlet(feed(&path, &[])).on(&dir).start();
    let spool = dir.node().join("spool");
    started.until("a spool file", || spool.exists());
    started.signal("TERM");
    let run = started.wait();
    assert_eq!(run.code, Some(130), "{run}");
}

#[test]
fn a_file_that_grows_or_shrinks_while_it_is_read_is_given_up() {
    for grows in [true, false] {
        let dir = Dir::new();
        let path = dir.write("growing.csv", trades(300_000, |_| None));
        // An hour of event time takes a tenth of a second, and the file is changed all the time.
        let mut started = gauntlet(feed(&path, &["--speed", "36000x"])).on(&dir).start();
        let file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        while !started.has_ended() {
            if grows {
                (&file).write_all(b"1800000000,1,1\n").unwrap();
            } else {
                file.set_len(file.metadata().unwrap().len() - 1).unwrap();
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let run = started.wait();
        assert_eq!(run.code, Some(2), "{run}");
        assert!(run.stderr.contains("growing.csv: was changed while it was read: it had "), "{run}");
    }
}

#[test]
fn a_zone_that_does_not_exist_has_a_nearest_name() {
    let dir = Dir::new();
    let path = dir.write("ticks.csv", "time,price\n2024-03-04 10:00:00,1\n");
    let words = ["--zone America/NewYork is not in the time zone database: did you mean America/New_York?"];
    gauntlet(feed(&path, &["--zone", "America/NewYork"])).on(&dir).refused(2, &words);
}

#[test]
fn a_change_of_the_clock_in_the_middle_of_a_bar_is_in_utc() {
    let dir = Dir::new();
    // On 10 March 2024 New York's clocks went from 02:00 to 03:00, 07:00 UTC.
    let path = dir.write(
        "spring.csv",
        "time,price\n2024-03-10 01:30:00,1\n2024-03-10 01:59:59,1.01\n2024-03-10 03:00:00,1.02\n2024-03-10 03:15:00,1.01\n\
         2024-03-10 05:00:00,1.02\n",
    );
    let more = ["--zone", "America/New_York", "--bars", "time:2h"];
    gauntlet(feed(&path, &more)).on(&dir).ok();
    let bars = all_bars_on_the_log(&dir);
    let found: Vec<(String, i64)> = bars.iter().map(|bar| (bar.open_time.to_string(), bar.ticks)).collect();
    assert_eq!(
        found[0],
        ("2024-03-10T06:00:00Z".to_owned(), 4),
        "both sides of the change are in one bar: {found:?}"
    );
}

#[test]
fn the_hour_that_autumn_has_twice_is_two_hours() {
    let dir = Dir::new();
    // On 3 November 2024 New York's clocks went from 02:00 back to 01:00, 06:00 UTC.
    let minutes = ["00:30", "01:00", "01:30", "01:59", "01:00", "01:30", "02:00", "02:30"];
    let ticks: String =
        minutes.iter().enumerate().map(|(at, time)| format!("2024-11-03 {time}:00,1.0{at}\n")).collect();
    let path = dir.write("autumn.csv", format!("time,price\n{ticks}"));
    let fed = gauntlet(feed(&path, &["--zone", "America/New_York", "--bars", "time:1h"])).on(&dir).ok();
    assert_eq!(number(&fed, "accepted"), 8, "{fed}");
    let hours: Vec<(String, i64)> =
        all_bars_on_the_log(&dir).iter().map(|bar| (bar.open_time.to_string(), bar.ticks)).collect();
    assert_eq!(hours[..3].iter().map(|hour| hour.1).collect::<Vec<_>>(), [1, 3, 2], "{hours:?}");
    // Bars of the same clock.
    let bars = |minutes: &[&str]| {
        let dir = Dir::new();
        let rows: String = minutes.iter().map(|time| format!("2024-11-03 {time},1,1,1,1\n")).collect();
        let path = dir.write("autumn-bars.csv", format!("time,open,high,low,close\n{rows}"));
        (dir, path)
    };
    let (dir, path) = bars(&["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"]);
    let more = ["--zone", "America/New_York", "--spec"];
    gauntlet(feed(&path, &[&more[..], &["time:30m"]].concat())).on(&dir).ok();
    let opened: Vec<String> = all_bars_on_the_log(&dir).iter().map(|bar| bar.open_time.to_string()).collect();
    let expected = ["04:30", "05:00", "05:30", "06:00", "06:30", "07:00"];
    assert_eq!(opened, expected.map(|time| format!("2024-11-03T{time}:00Z")));
    // Two bars of one time in a file of which no others have one time are one of each hour.
    let hours = [&more[..], &["time:1h"]].concat();
    let opened = |dir: &Dir| -> Vec<String> {
        all_bars_on_the_log(dir).iter().map(|bar| bar.open_time.to_string()[11..16].to_owned()).collect()
    };
    let (dir, path) = bars(&["00:00", "01:00", "01:00", "02:00"]);
    gauntlet(feed(&path, &hours)).on(&dir).ok();
    assert_eq!(opened(&dir), ["04:00", "05:00", "06:00", "07:00"]);
    // Where others have, and where the hour is there once, nothing shows which it is: asked for.
    let words = [
        "'2024-11-03 01:00' is in an hour that the zone has twice",
        "--ambiguous earlier or --ambiguous later",
    ];
    let (dir, path) = bars(&["00:00", "00:00", "01:00", "01:00", "02:00"]);
    gauntlet(feed(&path, &hours)).on(&dir).refused(2, &words);
    let (dir, path) = bars(&["00:00", "01:00", "02:00"]);
    gauntlet(feed(&path, &hours)).on(&dir).refused(2, &words);
    gauntlet(feed(&path, &[&hours[..], &["--ambiguous", "later"]].concat())).on(&dir).ok();
    assert_eq!(opened(&dir), ["04:00", "06:00", "07:00"]);
}

#[test]
fn files_of_lean_ask_for_an_hour_that_comes_twice_like_all_others() {
    let opened = |dir: &Dir| -> Vec<String> {
        let bars = all_bars_on_the_log(dir);
        bars.iter().map(|bar| bar.open_time.to_string()[..16].to_owned()).collect()
    };
    let zone = ["--zone", "America/New_York"];
    let asks = [
        "is in an hour that the zone has twice (America/New_York",
        "--ambiguous earlier or --ambiguous later",
    ];
    let ambiguous = |which| [&zone[..], &["--ambiguous", which]].concat();

    // Trade bars of an hour, as Lean has them: prices and volume.
    let write = |dir: &Dir, hours: &[&str]| {
        let rows: String = hours.iter().map(|hour| format!("20241103 {hour}:00,10,10,10,10,1\n")).collect();
        dir.write("x_hour_trade.csv", rows)
    };
    let of_bars = |hours: &[&str], more: &[&str]| {
        let dir = Dir::new();
        let path = write(&dir, hours);
        gauntlet(feed(&path, more)).on(&dir).ok();
        opened(&dir)
    };
    let once = ["00", "01", "02"];
    let dir = Dir::new();
    let path = write(&dir, &once);
    let words = [&["line 2, column time: '20241103 01:00'"], &asks[..]].concat();
    gauntlet(feed(&path, &zone)).on(&dir).refused(2, &words);
    let hours = |of: [&str; 3]| of.map(|hour| format!("2024-11-03T{hour}:00"));
    assert_eq!(of_bars(&once, &ambiguous("earlier")), hours(["04", "05", "07"]));
    assert_eq!(of_bars(&once, &ambiguous("later")), hours(["04", "06", "07"]));
    let twice = of_bars(&["00", "01", "01", "02"], &zone);
    assert_eq!(twice, ["04", "05", "06", "07"].map(|hour| format!("2024-11-03T{hour}:00")));

    // Quotes: milliseconds since midnight by the clock on the wall.
    let of_quotes = |name: &str, minutes: &[u32]| {
        let dir = Dir::new();
        let rows: String = minutes.iter().map(|minute| format!("{}.0,1.5,1.6\n", minute * 60_000)).collect();
        (dir.write(name, rows), dir)
    };
    let minutes = [30, 90, 150, 180];
    let (path, dir) = of_quotes("20241103_quote.csv", &minutes);
    gauntlet(feed(&path, &zone))
        .on(&dir)
        .refused(2, &[&["line 2, column time: '2024-11-03T01:30:00'"], &asks[..]].concat());
    for (which, second) in [("earlier", "05:30"), ("later", "06:30")] {
        let (path, dir) = of_quotes("20241103_quote.csv", &minutes);
        gauntlet(feed(&path, &[&ambiguous(which)[..], &["--bars", "time:1m"]].concat())).on(&dir).ok();
        assert_eq!(opened(&dir)[..3], ["04:30", second, "07:30"].map(|time| format!("2024-11-03T{time}")));
    }
    let (path, dir) = of_quotes("20241103_quote.csv", &[30, 90, 70, 119, 150, 180]);
    gauntlet(feed(&path, &[&zone[..], &["--bars", "time:1m"]].concat())).on(&dir).ok();
    let times = ["04:30", "05:30", "06:10", "06:59", "07:30"];
    assert_eq!(opened(&dir)[..5], times.map(|time| format!("2024-11-03T{time}")));
    // In spring an hour is left out: rows behind it are no hour late.
    let (path, dir) = of_quotes("20240310_quote.csv", &[90, 150, 180, 240]);
    let fed =
        gauntlet(feed(&path, &[&zone[..], &["--bars", "time:1m", "--accept-losses"]].concat())).on(&dir).ok();
    assert_eq!(fed["rejected"], serde_json::json!({ "bad_time": 1 }), "{fed}");
    assert_eq!(opened(&dir)[..2], ["06:30", "07:00"].map(|time| format!("2024-03-10T{time}")));
}

#[test]
fn a_text_in_utf_16_with_half_a_character_is_refused_with_its_place() {
    let text = "time,price,size,note\n2024-03-04 10:00:00,1,1,a\n2024-03-04 10:00:01,1,1,b\n";
    let units: Vec<u16> = text.encode_utf16().collect();
    let written = |units: &[u16]| {
        let dir = Dir::new();
        let bytes: Vec<u8> = [0xfeff].iter().chain(units).flat_map(|unit: &u16| unit.to_le_bytes()).collect();
        (dir.write("ticks.csv", bytes), dir)
    };
    let (path, dir) = written(&units);
    assert_eq!(number(&gauntlet(feed(&path, &[])).on(&dir).ok(), "accepted"), 2);
    let mut broken = units.clone();
    let at = units.len() - 2;
    broken[at] = 0xd800;
    let (path, dir) = written(&broken);
    let words = [
        "ticks.csv: line 3, character 25: 0xd800 is half of a character of UTF-16",
        "fetch it again",
        "--encoding",
    ];
    gauntlet(feed(&path, &[])).on(&dir).refused(2, &words);
    let (path, dir) = written(&units);
    let bytes = std::fs::read(&path).unwrap();
    let path = dir.write("cut.csv", &bytes[..bytes.len() - 3]);
    let words = ["cut.csv", "line 3 ends within a character of UTF-16", "cut off or damaged, fetch it again"];
    gauntlet(feed(&path, &[])).on(&dir).refused(2, &words);
}

#[test]
fn ticks_of_a_day_alone_and_counts_from_other_years_are_asked_for() {
    let dir = Dir::new();
    let rows: String = (0..20).map(|n| format!("20240304,{},100.{n:02},5\n", 52_200_792 + n)).collect();
    let path = dir.write("ticks.csv", format!("date,ms_of_day,price,size\n{rows}"));
    let words = ["line 2, column date: '20240304' is a date without a time of day", "--time-format %Y-%m-%d"];
    gauntlet(feed(&path, &[])).on(&dir).refused(2, &words);
    // Windows counts hundreds of nanoseconds from 1601, .NET from the year 1.
    for first in [133_540_362_007_923_600_u64, 638_451_594_007_923_600] {
        let rows: String = (0..20).map(|n| format!("{},100.{n:02},5\n", first + n * 10_000_000)).collect();
        let path = dir.write("ticks.csv", format!("time,price,size\n{rows}"));
        let words = ["line 2, column time", "hundreds of nanoseconds since 1601 or the year 1"];
        gauntlet(feed(&path, &[])).on(&dir).refused(2, &words);
    }
}

#[test]
fn several_instruments_in_one_file_are_asked_for_also_where_the_column_is_no_symbol() {
    let rows: String = (0..40)
        .map(|n| {
            format!(
                "2024-03-04 10:00:{n:02},{},{},1\n",
                ["2024-03-15", "2024-06-21"][n % 2],
                100 + 50 * (n % 2)
            )
        })
        .collect();
    let dir = Dir::new();
    let path = dir.write("futures.csv", format!("time,expiry,price,size\n{rows}"));
    let words = ["no row of BTC-USD, but of 2024-03-15, 2024-06-21", "--only expiry=2024-03-15"];
    gauntlet(feed(&path, &[])).on(&dir).refused(2, &words);
    let fed = gauntlet(feed(&path, &["--only", "expiry=2024-06-21"])).on(&dir).ok();
    assert_eq!(number(&fed, "accepted"), 20, "{fed}");
    // A header of several lines over several symbols: the columns that are proposed are the wanted one's.
    let text = "Price,Close,Close,High,High,Low,Low,Open,Open\nTicker,ETH-USD,BTC-USD,ETH-USD,BTC-USD,ETH-USD,BTC-USD,ETH-USD,BTC-USD\n\
                Date,,,,,,,,\n2024-03-04,1,10,2,20,1,10,1,10\n2024-03-05,1,10,2,20,1,10,1,10\n";
    let path = dir.write("wide.csv", text);
    let columns =
        "--skip-lines 3 --column time=1 --column close=3 --column high=5 --column low=7 --column open=9";
    gauntlet(feed(&path, &[])).on(&dir).refused(2, &[columns]);
}

#[test]
fn a_volume_is_found_by_the_instruments_own_unit_or_asked_for() {
    let bars = |columns: &str| {
        format!(
            "date,open,high,low,close,{columns}\n2024-03-04,1,1,1,1,10,600000\n2024-03-05,1,1,1,1,20,600000\n"
        )
    };
    let dir = Dir::new();
    let path = dir.write("bars.csv", bars("Volume USD,Volume BTC"));
    gauntlet(feed(&path, &[])).on(&dir).ok();
    let volume: f64 = all_bars_on_the_log(&dir).iter().map(|bar| bar.scale.size(bar.volume)).sum();
    assert!((volume - 1_200_000.0).abs() < 1e-6, "{volume}");
    let dir = Dir::new();
    let path = dir.write("bars.csv", bars("Volume USD,Volume EUR"));
    let fed = gauntlet(feed(&path, &[])).on(&dir).ok();
    let said = warnings(&fed);
    assert!(said.contains("no column is read as volume") && said.contains("--column volume=NAME"), "{said}");
}

#[test]
fn a_decimal_mark_has_nothing_to_do_in_parquet() {
    let dir = Dir::new();
    let path = repository().join("tests/cases/market-data/pq_float32/t.parquet");
    gauntlet(feed(&path, &["--decimal", ","]))
        .on(&dir)
        .refused(2, &["--decimal , has nothing to do here", "leave it away"]);
}

#[test]
fn conditions_of_trades_count_as_somebody_says_and_are_asked_for_by_their_codes() {
    let mut text = String::from("time,price,size,cond\n");
    for row in 0..300 {
        let (price, size, code) = match row {
            30 => (500, 7, "@ W"),
            60 => (300, 9, "O"),
            _ => (100 + row % 3, 1, "@"),
        };
        let _ = writeln!(text, "{},{price},{size},{code}", 1_700_000_000 + row);
    }
    let options = ["--volume-only", "W,4", "--auction", "O"];
    let volume_and_high = |bars: &[(f64, f64)]| {
        (bars.iter().map(|bar| bar.0).sum::<f64>(), bars.iter().map(|bar| bar.1).fold(0.0, f64::max))
    };
    let on_the_log = |dir: &Dir| {
        let bars = all_bars_on_the_log(dir);
        let bars = bars.iter().map(|bar| (bar.scale.size(bar.volume), bar.scale.price(bar.high)));
        volume_and_high(&bars.collect::<Vec<_>>())
    };

    // Without a word the prices are judged like any other, and the codes are named.
    let dir = Dir::new();
    let path = dir.write("t.csv", &text);
    let dry = &gauntlet(feed(&path, &["--dry-run"])).on(&dir).ok()["files"][0];
    let said = "the column of conditions (cond) is not read";
    let codes = "are @ (299), O (1), W (1): name";
    let warned = dry["warnings"].to_string();
    assert!(warned.contains(said) && warned.contains(codes), "{warned}");
    assert!(dry["understood"]["choices"].to_string().contains("--auction CODES"), "{dry}");
    let fed = gauntlet(feed(&path, &[])).on(&dir).ok();
    assert!(warnings(&fed).contains(said), "{fed}");
    assert_eq!(fed["sources"][0]["rejected"], serde_json::json!({"outlier": 2}));

    let dir = Dir::new();
    let dry = &gauntlet(feed(&path, &[&options[..], &["--dry-run"]].concat())).on(&dir).ok()["files"][0];
    assert_eq!(
        (dry["warnings"].to_string(), dry["prices"][1].as_str()),
        ("[]".to_owned(), Some("300")),
        "{dry}"
    );
    assert_eq!(dry["understood"]["reading"], "auction=O; volume_only=4,W");
    let fed = gauntlet(feed(&path, &options)).on(&dir).ok();
    assert_eq!(warnings(&fed), "null");
    let fed = &fed["sources"][0];
    assert_eq!((&fed["rejected"], number(fed, "accepted")), (&serde_json::json!({}), 300));
    assert_eq!(fed["corrected"], serde_json::json!({"block_trade": 1, "volume_only": 1}));
    assert_eq!(on_the_log(&dir).1, 300.0, "the auction's price counts, the other does not");

    let bars = [&["bars", path.to_str().unwrap(), "--spec", "time:1m", "--json"][..], &options].concat();
    let made = gauntlet(bars).ok();
    let number = |bar: &Json, name: &str| bar[name].as_f64();
    let bars: Vec<(f64, f64)> = made["bars"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bar| (number(bar, "volume").unwrap(), number(bar, "high").unwrap()))
        .collect();
    assert_eq!(volume_and_high(&bars), (314.0, 300.0), "each size counts");

    // Where there is no such column, the columns that there are and what to do are said.
    let path = dir.write("plain.csv", trades(10, |_| None));
    gauntlet(feed(&path, &["--auction", "O"])).on(&dir).refused(
        2,
        &["--auction needs a column of conditions", "only time, price, size", "--column conditions=NAME"],
    );
}

#[test]
fn what_lies_beside_the_data_in_a_folder_is_skipped_and_said() {
    let dir = Dir::new();
    let folder = dir.path("ticks");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.csv"), trades(10, |_| None)).unwrap();
    for name in [".DS_Store", "README.txt", "a.csv.CHECKSUM"] {
        std::fs::write(folder.join(name), "0 1 2\n").unwrap();
    }
    let run = gauntlet(feed(&folder, &[])).on(&dir).run();
    assert_eq!((run.code, number(&run.json(), "accepted")), (Some(0), 10), "{run}");
    assert!(run.stderr.contains("skipped, by their names no data: "), "{run}");
    assert!(run.stderr.contains(".DS_Store") && run.stderr.contains("README.txt"), "{run}");
    // A name that may be one of data stops all of it: nothing is left out in silence.
    std::fs::write(folder.join("notes.txt"), "to do\n").unwrap();
    gauntlet(feed(&folder, &[])).on(&dir).refused(2, &["notes.txt"]);
}

#[test]
fn nothing_of_a_folder_is_published_where_one_of_its_files_cannot_be_read() {
    let dir = Dir::new();
    let folder = dir.path("ticks");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.csv"), trades(10, |_| None)).unwrap();
    for name in ["manifest.json", "metadata.json", "checksums.txt", "SHA256SUMS"] {
        std::fs::write(folder.join(name), "{\"a\": 1}\n").unwrap();
    }
    let last = folder.join("z.csv");
    for (text, word) in [
        ("to do\n".to_owned(), "cannot tell its format"),
        ("time,value,other\n1700000000,1,2\n".to_owned(), "z.csv"),
        (trades(200, |row| (row % 3 > 0).then(|| "n/a".to_owned())), "rows are not a time and a price"),
    ] {
        std::fs::write(&last, text).unwrap();
        let run = gauntlet(feed(&folder, &[])).on(&dir).refused(2, &["z.csv", word]);
        assert!(run.stderr.contains("nothing of the 2 files was published"), "{run}");
    }
    let listed = gauntlet(["ls", "sources"]).on(&dir).run();
    assert!(listed.stdout.trim() == "[]" || listed.code == Some(2), "{listed}");
    std::fs::write(&last, trades(20, |_| None).replace("17000000", "17000001")).unwrap();
    let run = gauntlet(feed(&folder, &[])).on(&dir).run();
    assert_eq!((run.code, number(&run.json(), "accepted")), (Some(0), 30), "{run}");
    assert!(run.stderr.contains("manifest.json") && run.stderr.contains("checksums.txt"), "{run}");
}

#[test]
fn rows_that_are_refused_beside_conditions_are_answered_with_the_options_for_conditions() {
    let dir = Dir::new();
    let mut text = String::from("time,price,size,cond\n");
    for row in 0..300 {
        let (price, code) =
            if row % 20 == 19 { ("55.5".to_owned(), "W") } else { (format!("100.0{}", row % 7), "@") };
        let _ = writeln!(text, "{},{price},1,{code}", 1_700_000_000 + row);
    }
    let path = dir.write("cond.csv", &text);
    stopped(&dir, &path, &[], &["outlier", "--volume-only CODES", "--auction CODES"]);
    let fed = gauntlet(feed(&path, &["--volume-only", "W"])).on(&dir).ok();
    assert_eq!((number(&fed, "accepted"), number(&fed["corrected"], "volume_only")), (300, 15), "{fed}");
    // Without a column of conditions they are no help.
    let plain: String = text.lines().map(|line| format!("{}\n", line.rsplit_once(',').unwrap().0)).collect();
    let found = stopped(&dir, &dir.write("plain.csv", plain), &[], &["outlier"]);
    assert!(!found.to_string().contains("--volume-only"), "{found}");
}

#[test]
fn what_would_be_read_wrongly_without_a_word_is_asked_for() {
    let dir = Dir::new();
    // Dates with the time of day in a column whose name is not known.
    let taq: String = (0..50).map(|row| format!("20240311,10:00:{row:02}.5,172.01,100\n")).collect();
    let taq = dir.write("taq.csv", format!("DATE,TIME_M,PRICE,SIZE\n{taq}"));
    gauntlet(feed(&taq, &[]))
        .on(&dir)
        .refused(2, &["is a date without a time of day", "--column date=NAME --column time=TIME_M"]);
    let named = ["--column", "date=DATE", "--column", "time=TIME_M"];
    assert_eq!(number(&gauntlet(feed(&taq, &named)).on(&dir).ok(), "accepted"), 50);
    // A name that says milliseconds over seconds.
    let dir = Dir::new();
    let seconds = dir.write("ms.csv", trades(50, |_| None).replace("time,", "timestamp_ms,"));
    gauntlet(feed(&seconds, &[])).on(&dir).refused(2, &["would be near 1970", "--column time=NAME"]);
    let fed = gauntlet(feed(&seconds, &["--column", "time=timestamp_ms"])).on(&dir).ok();
    assert_eq!(number(&fed, "accepted"), 50);
    let said = gauntlet(feed(&seconds, &["--time-format", "%s", "--dry-run"])).on(&dir).ok();
    assert_eq!(said["files"][0]["times"][0], "2023-11-14T22:13:20Z");
    // Quotes that write a side only when it changes.
    let dir = Dir::new();
    let row = |row: usize| match row % 3 {
        _ if row < 200 => "1.5,1.6",
        0 => "1.5,1.6",
        1 => "1.5,",
        _ => ",1.6",
    };
    let quotes: String = (0..300).map(|n| format!("{},{}\n", 1_700_000_000 + n, row(n))).collect();
    let quotes = dir.write("sides.csv", format!("time,bid,ask\n{quotes}"));
    let run = gauntlet(feed(&quotes, &[])).on(&dir).run();
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(run.json()["sources"][0]["stopped"]["reason"], "not_a_number", "{run}");
}

#[test]
fn rows_that_are_fed_again_count_once_however_many_they_are() {
    let dir = Dir::new();
    let text = trades(5_000, |_| None);
    gauntlet(feed(&dir.write("a.csv", &text), &[])).on(&dir).ok();
    let grown = dir.write("b.csv", format!("{text}1700005000,100,1\n"));
    let fed = gauntlet(feed(&grown, &[])).on(&dir).ok();
    assert_eq!(number(&fed, "accepted"), 1, "{fed}");
    assert_eq!((number(&fed["rejected"], "duplicate"), number(&fed["rejected"], "late")), (1024, 3976));
    let lines: Vec<&str> = text.lines().collect();
    let overlap =
        dir.write("c.csv", format!("{}\n{}\n1700005001,100,1\n", lines[0], lines[2_500..].join("\n")));
    assert_eq!(number(&gauntlet(feed(&overlap, &[])).on(&dir).ok(), "accepted"), 1);
}
