//! Snapshots of data and cancelled experiments: what is sealed never changes, what raced is replayed as it was.

use std::os::unix::fs::FileExt;

use gauntlet_tests::golden::{MINI, feed_hours};
use gauntlet_tests::{Dir, Json, bundled, digest_of, gauntlet, mini, number};

/// The arguments that ask for hourly gold up to a moment.
fn create<'a>(to: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["snapshot", "create", "--instrument", "XAUUSD", "--bars", "time:1h", "--to", to], more].concat()
}

#[test]
fn a_snapshot_is_its_content() {
    let (dir, other) = (Dir::new(), Dir::new());
    feed_hours(&dir);
    feed_hours(&other);
    let one = gauntlet(create("2012-01-01", &["--from", "2011-01-01", "--venue", "OANDA"])).on(&dir).ok();
    assert_eq!(one["status"], "sealed");
    assert!(number(&one, "rows") > 5_000, "{one}");
    let again = gauntlet(create("2012-01-01", &["--from", "2011-01-01"])).on(&dir).ok();
    assert_eq!(again, one, "asked for twice it is the same");
    // Another machine's batches, the same hash.
    let small = gauntlet(create("2012-01-01", &["--from", "2011-01-01"])).on(&other);
    let small = small.env("GAUNTLET_RUNTIME__BATCH_RECORDS", "1").env("GAUNTLET_WORKERS", "1").ok();
    assert_eq!((&small["hash"], &small["files"]), (&one["hash"], &one["files"]));
    let as_of =
        gauntlet(create("2013-01-01", &["--from", "2011-01-01", "--as-of", "2012-01-01"])).on(&dir).ok();
    assert_eq!(as_of["hash"], one["hash"], "what was known at a moment is what had closed by then");

    let id = one["snapshot_id"].as_str().unwrap();
    assert_eq!(gauntlet(["snapshot", "ls"]).on(&dir).ok(), serde_json::json!([one]));
    assert_eq!(gauntlet(["snapshot", "show", &id[..8]]).on(&dir).ok(), one);
    let verified = gauntlet(["snapshot", "verify", id]).on(&dir).ok();
    assert_eq!((&verified["ok"], &verified["rows"]), (&Json::Bool(true), &one["rows"]));
    for (args, words) in [
        (create("2012-01-01", &["--from", "2013-01-01"]), "--from 2013-01-01T00:00:00Z is not before --to"),
        (create("yesterday", &[]), "'yesterday' is not a time: write a date"),
        (create("2012-01-01", &["--venue", "FXCM"]), "there is no data for XAUUSD.FXCM"),
    ] {
        gauntlet(args).on(&dir).refused(2, &[words]);
    }
    let endless = ["snapshot", "create", "--instrument", "XAUUSD", "--bars", "time:1h"];
    gauntlet(endless).on(&dir).refused(2, &["give --to or --as-of: a snapshot has an end"]);
}

#[test]
fn a_tampered_file_is_named() {
    let dir = Dir::copy_of(mini());
    let listed = gauntlet(["snapshot", "ls"]).on(&dir).ok();
    let (id, hash) = (listed[0]["snapshot_id"].as_str().unwrap(), listed[0]["hash"].as_str().unwrap());
    let path = dir.node().join("lake").join(listed[0]["files"][0]["path"].as_str().unwrap());
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let (mut byte, middle) = ([0], file.metadata().unwrap().len() / 2);
    file.read_exact_at(&mut byte, middle).unwrap();
    file.write_all_at(&[byte[0] ^ 1], middle).unwrap();
    for args in [vec!["snapshot", "verify", id], vec!["verify"]] {
        let run = gauntlet(args).on(&dir).run();
        assert_eq!(run.code, Some(1), "{run}");
        assert_eq!(run.json()["ok"], false);
        assert!(run.stdout.contains(hash), "the file is not named: {run}");
    }
    std::fs::remove_file(&path).unwrap();
    let run = gauntlet(["snapshot", "verify", id]).on(&dir).run();
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.contains(hash), "the file is not named: {run}");
}

#[test]
fn a_snapshot_beyond_the_data_waits_for_them() {
    let dir = Dir::new();
    feed_hours(&dir);
    let wanted = create("2014-05-06", &["--from", "2014-04-01"]);
    let run = gauntlet(&wanted).on(&dir).run();
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(run.json()["status"], "pending");
    let id = run.json()["snapshot_id"].as_str().unwrap().to_owned();
    let text = gauntlet(wanted.iter().copied().chain(["--dir", dir.node().to_str().unwrap()])).run();
    assert!(text.stdout.contains("has not passed 2014-05-06T00:00:00Z yet; feed more data"), "{text}");
    let unsealed = gauntlet(["snapshot", "verify", &id]).on(&dir).run();
    assert_eq!((unsealed.code, &unsealed.json()["problem"]), (Some(1), &Json::from("not sealed")));
    // Three days of quotes make the missing hours and carry event time over the end.
    for day in [4, 5, 6] {
        let path = bundled(&format!("2014050{day}_quote.zip"));
        let feed = [
            "feed",
            path.to_str().unwrap(),
            "--instrument",
            "XAUUSD",
            "--venue",
            "OANDA",
            "--bars",
            "time:1h",
        ];
        gauntlet(feed).on(&dir).ok();
    }
    let sealed = gauntlet(&wanted).on(&dir).ok();
    assert_eq!(
        (&sealed["status"], sealed["snapshot_id"].as_str()),
        (&Json::from("sealed"), Some(id.as_str()))
    );
    assert_eq!(gauntlet(["replay", "--all"]).on(&dir).ok()["identical"], true);
}

#[test]
fn late_data_never_change_what_is_sealed() {
    let dir = Dir::new();
    let feed = |day: u32| {
        let path = bundled(&format!("2014050{day}_quote.zip"));
        gauntlet(["feed", path.to_str().unwrap(), "--instrument", "XAUUSD", "--venue", "OANDA"]).on(&dir).ok()
    };
    feed(5);
    feed(7);
    let range = create("2014-05-07T12:00:00Z", &["--from", "2014-05-05"]);
    let sealed = gauntlet(&range).on(&dir).ok();
    assert_eq!(sealed["status"], "sealed");
    // The 6th lies inside the sealed range.
    let late = feed(6);
    assert_eq!(
        (number(&late, "accepted"), number(&late, "rejected.late")),
        (0, number(&late, "read")),
        "{late}"
    );
    assert!(number(&late, "read") > 100_000);
    assert_eq!(gauntlet(&range).on(&dir).ok(), sealed);
    let id = sealed["snapshot_id"].as_str().unwrap();
    assert_eq!(gauntlet(["snapshot", "verify", id]).on(&dir).ok()["ok"], true);
    assert_eq!(gauntlet(["verify"]).on(&dir).ok()["ok"], true);
    assert_eq!(gauntlet(["replay", "--all"]).on(&dir).ok()["identical"], true);
}

#[test]
fn cancelling_what_is_finished_changes_nothing_of_it() {
    let dir = Dir::copy_of(mini());
    let id = gauntlet(["ls", "experiments"]).on(&dir).ok()[0]["experiment_id"].as_str().unwrap().to_owned();
    let before = gauntlet(["show", &id]).on(&dir).ok();
    assert_eq!(before["status"], "completed");
    let late = gauntlet(["cancel", &id[..9], "--reason", "too late"]).on(&dir).run();
    assert_eq!((late.code, &late.json()["cancel"]), (Some(1), &Json::from("ended")), "{late}");
    settle(&dir);
    assert_eq!(gauntlet(["show", &id]).on(&dir).ok(), before);
    assert_eq!(gauntlet(["replay", "--all"]).on(&dir).ok()["identical"], true);
}

/// Runs the processors until all is quiet.
fn settle(dir: &Dir) {
    let listed = gauntlet(create("2011-01-01", &["--from", "2010-01-01"])).on(dir).ok();
    assert_eq!(listed["status"], "sealed");
}

/// A cancellation races with the results of trials under way: whatever won is on the record, and replay agrees.
#[test]
fn cancelling_in_the_middle_is_replayed_as_it_happened() {
    let mut cancelled_in_the_middle = 0;
    for (round, seed) in [11, 12, 13].into_iter().enumerate() {
        let dir = Dir::new();
        feed_hours(&dir);
        let trials = 60_000;
        let text = MINI
            .replace("trials: 12", &format!("trials: {trials}"))
            .replace("seed: 3", &format!("seed: {seed}"))
            .replace("sampler: tpe", "sampler: random")
            .replace("parallelism: 4", "parallelism: 16");
        let file = dir.write("slow.yaml", text);
        let mut up = gauntlet(["up", "--listen", "127.0.0.1:0"]).on(&dir).start();
        up.until("address", || dir.node().join("up.json").exists());
        let submitted = gauntlet(["submit", file.to_str().unwrap()]).on(&dir).ok();
        let id = submitted["experiment_id"].as_str().unwrap().to_owned();
        let show = || gauntlet(["show", &id]).on(&dir).ok();
        let done = |shown: &Json| number(&shown["trials"], "completed") + number(&shown["trials"], "pruned");
        up.until("trials", || {
            let run = gauntlet(["show", &id]).on(&dir).run();
            run.code == Some(0) && done(&run.json()) > 40 * (round as i64 + 1)
        });
        gauntlet(["cancel", &id, "--reason", "enough seen"]).on(&dir).ok();
        gauntlet(["cancel", &id, "--reason", "twice"]).on(&dir).ok();
        up.until("end", || !matches!(show()["status"].as_str(), Some("submitted" | "running" | "started")));
        let shown = show();
        assert_eq!(shown["status"], "cancelled", "{}", shown["detail"]);
        let found = done(&shown);
        cancelled_in_the_middle += i32::from(found > 0 && found < trials);
        // Under way or not, the record can be replayed at once.
        let under_way = gauntlet(["replay", "--all"]).on(&dir).run();
        up.signal("INT");
        assert_eq!(up.wait().code, Some(0));
        // The rest of the trials under way is taken in by whoever comes next.
        settle(&dir);
        let kept = show();
        assert_eq!(kept["status"], "cancelled");
        assert!(done(&kept) >= found, "what was found is kept");
        let digest = digest_of(&dir.node());
        let replayed = gauntlet(["replay", "--all"]).on(&dir).run();
        assert_eq!(replayed.code, Some(0), "round {round}: {replayed}");
        let compared = number(&replayed.json(), "compared");
        eprintln!("round {round}: cancelled after {found} of {trials} trials; {compared} events identical");
        assert!(compared > 48_000);
        assert_eq!(under_way.code, Some(0), "replay while up was running: {under_way}");
        // Redelivery and a fresh fold come to the same.
        digest_of(&dir.node()).assert_equals(&digest, "after replay");
        assert_eq!(gauntlet(["verify"]).on(&dir).ok()["ok"], true);
    }
    assert_eq!(cancelled_in_the_middle, 3, "the race was not run");
}

#[test]
fn bars_that_nobody_makes_are_refused_and_not_waited_for() {
    let dir = Dir::new();
    feed_hours(&dir);
    let of = |spec: &'static str| {
        [
            "snapshot",
            "create",
            "--instrument",
            "XAUUSD",
            "--bars",
            spec,
            "--from",
            "2011-01-01",
            "--to",
            "2012-01-01",
        ]
    };
    // The default definition names minutes, but no tick came of which to make them.
    for spec in ["time:7m", "time:1m"] {
        let told = format!(
            "data.bars: nobody makes {spec} bars of XAUUSD.OANDA; it has time:1h; choose one of them"
        );
        gauntlet(of(spec)).on(&dir).refused(2, &[&told, "only ready-made bars were fed"]);
    }
    let gold = std::fs::read_to_string(bundled("../../configs/experiments/gold-trend.yaml")).unwrap();
    let file = dir.write("minutes.yaml", gold.replace("time:1h", "time:7m"));
    let submit = ["submit", file.to_str().unwrap()];
    gauntlet(submit).on(&dir).refused(2, &["nobody makes time:7m bars of XAUUSD.OANDA"]);

    let day = bundled("20140504_quote.zip");
    let feed = [
        "feed",
        day.to_str().unwrap(),
        "--instrument",
        "XAUUSD",
        "--venue",
        "OANDA",
        "--bars",
        "time:1m,time:1d",
    ];
    gauntlet(feed).on(&dir).ok();
    let words = ["nobody makes time:7m bars", "it has time:1m, time:1h", "feed ticks with --bars time:7m"];
    gauntlet(of("time:7m")).on(&dir).refused(2, &words);
    // No day has closed yet, but one will.
    let run =
        gauntlet(["snapshot", "create", "--instrument", "XAUUSD", "--bars", "time:1d", "--to", "2014-05-09"]);
    let run = run.on(&dir).run();
    assert_eq!((run.code, &run.json()["status"]), (Some(1), &Json::from("pending")), "{run}");
}

#[test]
fn a_period_without_bars_is_said() {
    let dir = Dir::new();
    feed_hours(&dir);
    let wanted = create("1991-01-01", &["--from", "1990-01-01"]);
    let run = gauntlet(&wanted).on(&dir).run();
    assert_eq!((run.code, number(&run.json(), "rows")), (Some(1), 0), "{run}");
    let text = gauntlet(wanted.iter().copied().chain(["--dir", dir.node().to_str().unwrap()])).run();
    for words in ["is sealed without a bar", "no time:1h bar between 1990-01-01", "choose a period with data"]
    {
        assert!(text.stdout.contains(words), "'{words}' is missing: {text}");
    }
}
