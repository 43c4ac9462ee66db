//! An operator's bad day: files that are gone and come back, views that belong to another log, directories that may only
//! be read, are in use, or are taken away. Nothing of it becomes a fact, and everything is said.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gauntlet_tests::golden::{MINI, feed_hours};
use gauntlet_tests::{Dir, Json, Up, copy, digest_of, gauntlet, mini};

use crate::directories::{Away, Closed, block, files};

/// A node with hours of gold, and a document over the same bars as that of `mini`, whose snapshots are sealed already.
fn with_second_document() -> (Dir, PathBuf) {
    let dir = Dir::copy_of(mini());
    let document = dir.write("second.yaml", MINI.replace("seed: 3", "seed: 4"));
    (dir, document)
}

#[test]
fn a_snapshot_that_is_gone_and_comes_back_leaves_no_trace() {
    let (undisturbed, document) = with_second_document();
    let submit = |document: &Path| gauntlet(["submit", document.to_str().unwrap(), "--wait"]);
    submit(&document).on(&undisturbed).ok();
    let expected = digest_of(&undisturbed.node());

    let (dir, document) = with_second_document();
    let away = Away::of(&dir);
    let refused = submit(&document)
        .on(&dir)
        .refused(3, &["cannot go on: snapshots/", "is missing", "put the data back", "gauntlet cancel"]);
    let parked = gauntlet(["ls", "parked"]).on(&dir).ok();
    let parked = parked.as_array().unwrap();
    assert!(!parked.is_empty(), "{refused}");
    let id = parked[0]["experiment_id"].as_str().unwrap().to_owned();
    assert_eq!(parked[0]["processor"], "trainer");
    let shown = gauntlet(["show", &id]).on(&dir).ok();
    assert_eq!(shown["status"], "running", "no failure is on the record: {shown}");
    assert!(shown["waits_for"][0].as_str().unwrap().contains("is missing"), "{shown}");
    // What needs the data again says so, and says nothing false.
    let replayed = gauntlet(["replay", "--all"]).on(&dir).run();
    assert!(replayed.code != Some(0) && replayed.stderr.contains("is missing"), "{replayed}");

    // A server takes other work meanwhile, says what waits, and goes on by itself.
    let mut up = Up::on(&dir);
    let address = up.address.clone();
    let ready = |needle: &str| {
        let (status, text) = gauntlet_tests::http::request(&address, "GET", "/readyz", &[], b"");
        status == 200 && text.contains(needle)
    };
    up.process.until("what waits", || ready("trainer: snapshots/"));
    away.bring_back();
    // The same command again does not hear of what is over, however long the server would pause.
    assert_eq!(submit(&document).on(&dir).ok()["status"], "completed");
    up.process.until("nothing waits", || ready("ready") && !ready("parked"));
    up.stop();
    digest_of(&dir.node()).assert_equals(&expected, "gone and back");
    assert_eq!(gauntlet(["replay", "--all"]).on(&dir).ok()["identical"], true);
    assert_eq!(gauntlet(["ls", "parked"]).on(&dir).ok(), serde_json::json!([]));
}

#[test]
fn damaged_and_unreadable_snapshots_wait_too() {
    let (undisturbed, document) = with_second_document();
    gauntlet(["submit", document.to_str().unwrap(), "--wait"]).on(&undisturbed).ok();
    let expected = digest_of(&undisturbed.node());
    let (dir, document) = with_second_document();
    let snapshots = files(&dir.node().join("lake/snapshots"));
    let whole: BTreeMap<&PathBuf, Vec<u8>> =
        snapshots.iter().map(|path| (path, std::fs::read(path).unwrap())).collect();
    for (path, bytes) in &whole {
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }
    let submit = || gauntlet(["submit", document.to_str().unwrap(), "--wait"]).on(&dir);
    submit().refused(3, &["cannot go on", "is truncated or not a snapshot"]);
    for (path, bytes) in &whole {
        std::fs::write(path, bytes).unwrap();
    }
    submit().ok();
    digest_of(&dir.node()).assert_equals(&expected, "damaged and restored");
}

#[test]
fn data_that_stay_gone_are_given_up_by_a_person_and_the_document_can_be_submitted_again() {
    let (dir, document) = with_second_document();
    let away = Away::of(&dir);
    let submit = |more: &[&str]| gauntlet([&["submit", document.to_str().unwrap()], more].concat()).on(&dir);
    submit(&["--wait"]).refused(3, &["cannot go on"]);
    let parked = gauntlet(["ls", "parked"]).on(&dir).ok();
    let id = parked[0]["experiment_id"].as_str().unwrap().to_owned();
    let cancelled = gauntlet(["cancel", &id, "--reason", "the disk is dead"]).on(&dir).ok();
    assert_eq!(cancelled["cancel"], "requested");
    let mut up = Up::on(&dir);
    up.process.until("nothing is parked", || {
        let parked = gauntlet(["ls", "parked"]).on(&dir).ok();
        let shown = gauntlet(["show", &id]).on(&dir).ok();
        shown["status"] == "cancelled" && parked == serde_json::json!([])
    });
    up.stop();
    away.bring_back();

    let was_there = submit(&[]).ok();
    assert_eq!(
        (&was_there["ended"], &was_there["experiment_id"]),
        (&Json::from("cancelled"), &Json::from(id.clone()))
    );
    let again = submit(&["--again", "--wait"]).ok();
    assert_eq!(again["status"], "completed");
    let second = again["experiment_id"].as_str().unwrap();
    assert_ne!(second, id);
    // Asked for once more it is the attempt that there is.
    assert_eq!(submit(&["--again"]).ok()["experiment_id"], second);
    // Attempts of one document tried the same: it counts once, beside the first experiment's.
    let first = gauntlet(["ls", "experiments", "--filter", "status == 'completed'"]).on(&dir).ok();
    assert_eq!(first.as_array().unwrap().len(), 2);
    assert_eq!(again["noise"]["trials"], 24, "{}", again["noise"]);
    // What has ended cannot be cancelled, and nothing is appended for it.
    let before = digest_of(&dir.node());
    let late = gauntlet(["cancel", second, "--reason", "late"]).on(&dir).run();
    assert_eq!((late.code, &late.json()["status"]), (Some(1), &Json::from("completed")), "{late}");
    digest_of(&dir.node()).assert_equals(&before, "after a cancellation that came too late");
    assert_eq!(gauntlet(["replay", "--all"]).on(&dir).ok()["identical"], true);
}

/// Views that do not belong to the log they lie beside are put aside and made again.
#[test]
fn views_that_are_not_of_their_log_are_made_again() {
    let node = |dir: &Dir, name: &str| dir.node().join(name);
    let yesterday = Dir::copy_of(mini());
    let today = Dir::copy_of(mini());
    let ticks = today.write("t.csv", "time,price,size\n1700000000,10,1\n1700000061,11,2\n1700000122,12,1\n");
    let feed = ["feed", ticks.to_str().unwrap(), "--instrument", "TEST", "--venue", "HERE"];
    gauntlet(feed).on(&today).ok();
    let (old, new) = (digest_of(&yesterday.node()), digest_of(&today.node()));
    let aside =
        |dir: &Dir| files(&dir.node()).iter().filter(|path| path.to_string_lossy().contains("aside")).count();
    // The log of yesterday under the views of today: they know what has not happened.
    let restored = Dir::copy_of(&today.node());
    std::fs::copy(node(&yesterday, "log.redb"), node(&restored, "log.redb")).unwrap();
    let listed = gauntlet(["ls", "sources"]).on(&restored).run();
    assert_eq!(listed.code, Some(0), "{listed}");
    assert!(listed.stderr.contains("made again from the log") && !listed.stdout.contains("TEST"), "{listed}");
    digest_of(&restored.node()).assert_equals(&old, "a log that was restored");
    assert_eq!(aside(&restored), 1);
    // An empty log, and none at all.
    let emptied = Dir::copy_of(&today.node());
    std::fs::remove_file(node(&emptied, "log.redb")).unwrap();
    gauntlet(feed).on(&emptied).ok();
    assert_eq!(gauntlet(["ls", "experiments"]).on(&emptied).ok(), serde_json::json!([]));
    assert_eq!(aside(&emptied), 1);
    // A log that went on elsewhere: it is as long, and another.
    let other = Dir::copy_of(mini());
    let ticks = other.write("t.csv", "time,price,size\n1700000000,20,1\n1700000061,21,2\n1700000122,22,1\n");
    gauntlet(["feed", ticks.to_str().unwrap(), "--instrument", "ELSE", "--venue", "HERE"]).on(&other).ok();
    let mixed = Dir::copy_of(&today.node());
    std::fs::copy(node(&other, "log.redb"), node(&mixed, "log.redb")).unwrap();
    digest_of(&mixed.node()).assert_equals(&digest_of(&other.node()), "a log that went on elsewhere");
    // Old views, and none, are brought up to date; nothing is put aside for that.
    let behind = Dir::copy_of(&today.node());
    std::fs::copy(node(&yesterday, "views.redb"), node(&behind, "views.redb")).unwrap();
    digest_of(&behind.node()).assert_equals(&new, "views of yesterday");
    std::fs::remove_file(node(&behind, "views.redb")).unwrap();
    digest_of(&behind.node()).assert_equals(&new, "no views");
    assert_eq!(aside(&behind), 0);
}

#[test]
fn damaged_views_stop_nothing() {
    let dir = Dir::copy_of(mini());
    let expected = digest_of(&dir.node());
    let views = dir.node().join("views.redb");
    let whole = std::fs::read(&views).unwrap();
    let mut garbled = whole.clone();
    garbled[whole.len() / 4..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    for damaged in [b"no views at all".to_vec(), whole[..whole.len() / 3].to_vec(), garbled] {
        std::fs::write(&views, &damaged).unwrap();
        let listed = gauntlet(["ls", "models"]).on(&dir).run();
        assert_eq!(listed.code, Some(0), "{listed}");
        assert_eq!(listed.json().as_array().unwrap().len(), 2, "{listed}");
        assert!(listed.stderr.contains("made again from the log"), "{listed}");
        assert!(!listed.stderr.contains("panicked"), "{listed}");
        digest_of(&dir.node()).assert_equals(&expected, "views made again");
    }
    // The note that views proved damaged is about a file that somebody has removed since.
    std::fs::remove_file(&views).unwrap();
    let note = views.with_extension("damaged");
    std::fs::write(&note, b"").unwrap();
    let listed = gauntlet(["ls", "models"]).on(&dir).run();
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""), "{listed}");
    assert!(!note.exists());
}

#[test]
fn a_damaged_page_of_the_log_is_named_by_its_place() {
    let dir = Dir::copy_of(mini());
    let log = dir.node().join("log.redb");
    let whole = std::fs::read(&log).unwrap();
    let mut named = 0;
    for part in 1..24 {
        let mut bytes = whole.clone();
        let at = whole.len() * part / 24 / 4_096 * 4_096;
        bytes[at..at + 4_096].iter_mut().for_each(|byte| *byte ^= 0x5a);
        std::fs::write(&log, &bytes).unwrap();
        let run = gauntlet(["digest"]).on(&dir).run();
        assert!(!run.stderr.contains("panicked"), "{run}");
        match run.code {
            Some(0) => {}
            Some(1) => named += usize::from(run.stderr.contains(" is damaged at offset ")),
            _ => panic!("{run}"),
        }
    }
    assert!(named >= 3, "only {named} damaged pages were named by topic, partition and offset");
}

/// A copy that may only be read can be listed, verified, digested and replayed, and not a byte of it changes.
#[test]
fn a_read_only_copy_is_read() {
    let dir = Dir::copy_of(mini());
    let expected = digest_of(&dir.node());
    let id = gauntlet(["ls", "experiments"]).on(&dir).ok()[0]["experiment_id"].as_str().unwrap().to_owned();
    let contents = || -> BTreeMap<PathBuf, Vec<u8>> {
        files(&dir.node()).into_iter().map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect()
    };
    let before = contents();
    let closed = Closed::of(&dir);
    let read = |args: &[&str]| closed.command(args).on(&dir);
    assert_eq!(read(&["ls", "models"]).ok().as_array().unwrap().len(), 2);
    assert_eq!(read(&["show", &id]).ok()["status"], "completed");
    assert_eq!(read(&["verify"]).ok()["ok"], true);
    assert_eq!(read(&["replay", "--all"]).ok()["identical"], true);
    let digest = gauntlet_tests::Digest::of(&read(&["digest"]).ok());
    digest.assert_equals(&expected, "of a copy that is only read");
    read(&["cancel", &id]).refused(3, &["log.redb"]);
    closed.open();
    assert!(before == contents(), "a file has changed, came or went");
}

#[test]
fn reading_changes_no_byte_of_the_log() {
    let dir = Dir::copy_of(mini());
    let log = dir.node().join("log.redb");
    let before = std::fs::read(&log).unwrap();
    for args in [vec!["ls", "models"], vec!["verify"], vec!["digest"], vec!["replay", "--all"]] {
        gauntlet(args.clone()).on(&dir).ok();
        assert!(std::fs::read(&log).unwrap() == before, "{args:?} changed the log");
    }
}

#[test]
fn what_is_made_is_its_owners_alone() {
    let dir = Dir::new();
    feed_hours(&dir);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in ["", "lake", "lake/snapshots", "lake/artifacts"] {
        let path = dir.node().join(name);
        assert_eq!(mode(&path), 0o700, "{}", path.display());
    }
    for name in ["log.redb", "views.redb"] {
        assert_eq!(mode(&dir.node().join(name)), 0o600, "{name}");
    }
    gauntlet(["snapshot", "create", "--instrument", "XAUUSD", "--bars", "time:1h", "--to", "2012-01-01"])
        .on(&dir)
        .ok();
    for file in files(&dir.node().join("lake")) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_directory_in_use_is_waited_for_and_its_holder_named() {
    let dir = Dir::new();
    feed_hours(&dir);
    // A feed that waits for its input holds the directory.
    let pipe = dir.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let feed = ["feed", pipe.to_str().unwrap(), "--instrument", "TEST", "--venue", "HERE", "--format", "csv"];
    let mut holder = gauntlet(feed).on(&dir).start();
    holder.until("holding", || dir.node().join("holder.json").exists());
    let listed = gauntlet(["ls", "sources", "--lock-timeout", "300ms"]).on(&dir);
    let process = format!("process {}", holder.pid());
    listed.refused(3, &["is in use by another process", &process, "feed", "since", "waited 0.3 s"]);
    let mut waiting = gauntlet(["ls", "sources", "--lock-timeout", "60s"]).on(&dir).start();
    std::thread::sleep(Duration::from_millis(300));
    assert!(!waiting.has_ended());
    std::fs::write(&pipe, "time,price,size\n1700000000,10,1\n1700000061,11,2\n").unwrap();
    assert_eq!(holder.wait().code, Some(0));
    let listed = waiting.wait();
    assert_eq!(listed.json().as_array().unwrap().len(), 2, "{listed}");
    gauntlet(["ls", "sources", "--lock-timeout", "soon"]).on(&dir).refused(2, &["'soon' is no unit of time"]);
}

/// A wall clock that is an hour further at each look, and then a day behind: waiting goes by another clock.
#[test]
fn a_clock_that_jumps_shortens_no_wait_for_the_lock() {
    let dir = Dir::new();
    feed_hours(&dir);
    let source = dir.write(
        "clock.c",
        "#define _GNU_SOURCE\n#include <time.h>\n#include <unistd.h>\n#include <sys/syscall.h>\n\
         static long looks;\n\
         int clock_gettime(clockid_t clock, struct timespec *now) {\n\
           long answer = syscall(SYS_clock_gettime, clock, now);\n\
           if (clock == CLOCK_REALTIME) now->tv_sec += ++looks % 8 == 7 ? -86400 : looks * 3600;\n\
           return (int)answer;\n}\n",
    );
    let clock = dir.path("clock.so");
    let compiled =
        std::process::Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&clock, &source]).status();
    assert!(compiled.unwrap().success());
    let pipe = dir.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let feed = ["feed", pipe.to_str().unwrap(), "--instrument", "TEST", "--venue", "HERE", "--format", "csv"];
    let mut holder = gauntlet(feed).on(&dir).start();
    holder.until("holding", || dir.node().join("holder.json").exists());
    let jumping = |timeout| {
        gauntlet(["ls", "sources", "--lock-timeout", timeout])
            .env("LD_PRELOAD", clock.to_str().unwrap())
            .on(&dir)
    };
    let process = format!("process {}", holder.pid());
    jumping("300ms").refused(3, &["is in use by another process", &process, "waited 0.3 s"]);
    let mut waiting = jumping("10m").start();
    std::thread::sleep(Duration::from_millis(500));
    assert!(!waiting.has_ended(), "an hour at each look is no ten minutes");
    std::fs::write(&pipe, "time,price,size\n1700000000,10,1\n1700000061,11,2\n").unwrap();
    assert_eq!(holder.wait().code, Some(0));
    assert_eq!(waiting.wait().json().as_array().unwrap().len(), 2);
}

#[test]
fn an_up_whose_directory_is_taken_away_ends_and_says_so() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let moved = dir.path("moved");
    std::fs::rename(dir.node(), &moved).unwrap();
    // Another one takes the place: its address is not the first one's to remove.
    copy(mini(), &dir.node());
    let second = Up::on(&dir);
    let first = up.process.wait();
    assert_eq!(first.code, Some(3), "{first}");
    assert!(first.stderr.contains("was removed, moved or exchanged while it was served"), "{first}");
    assert!(dir.node().join("up.json").exists(), "the address of the other one is gone");
    assert_eq!(second.get("/healthz").0, 200);
    second.stop();
}

/// Connections that say nothing, or half of something, keep nobody from stopping.
#[test]
fn half_open_connections_stop_nothing() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let mut open = Vec::new();
    for i in 0..200 {
        let mut connection = TcpStream::connect(&up.address).unwrap();
        let part: &[u8] = match i % 3 {
            0 => b"",
            1 => b"POST /api/v1/commands HTTP/1.1\r\nhost: x\r\n",
            _ => b"POST /api/v1/commands HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{",
        };
        connection.write_all(part).unwrap();
        open.push(connection);
    }
    assert_eq!(up.get("/healthz").0, 200);
    assert_eq!(gauntlet(["ls", "models"]).on(&dir).ok().as_array().unwrap().len(), 2);
    let began = Instant::now();
    up.process.signal("TERM");
    let run = up.process.wait();
    assert_eq!(run.code, Some(0), "{run}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(open);
}

/// A client that waits on a server obeys at once, and the server goes on.
#[test]
fn a_client_of_a_server_obeys_a_signal() {
    let (dir, document) = with_second_document();
    let away = Away::of(&dir);
    let up = Up::on(&dir);
    // A feed whose data never come.
    let pipe = dir.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let feed = ["feed", pipe.to_str().unwrap(), "--instrument", "TEST", "--venue", "HERE", "--format", "csv"];
    let client = gauntlet(feed).on(&dir).start();
    std::thread::sleep(Duration::from_millis(700));
    let began = Instant::now();
    client.signal("INT");
    let run = client.wait();
    assert_eq!(run.code, Some(130), "{run}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(run.stderr.contains("interrupted"), "{run}");
    assert_eq!(up.get("/healthz").0, 200);
    // The same progress as without a server.
    away.bring_back();
    let submitted =
        gauntlet(["submit", document.to_str().unwrap(), "--wait", "--dir", dir.node().to_str().unwrap()])
            .run();
    assert_eq!(submitted.code, Some(0), "{submitted}");
    assert!(submitted.stderr.contains("trials"), "progress is shown: {submitted}");
    up.stop();
}

/// A lake that takes nothing is waited for, and said; nothing is lost by it.
#[test]
fn a_lake_that_takes_nothing_is_waited_for() {
    let (dir, undisturbed) = (Dir::copy_of(mini()), Dir::copy_of(mini()));
    let create = ["snapshot", "create", "--instrument", "XAUUSD", "--bars", "time:1h", "--to", "2012-01-01"];
    gauntlet(create).on(&undisturbed).ok();
    let mut up = Up::on(&dir);
    let blocked = block(&dir);
    let mut client = gauntlet(create).on(&dir).start();
    let address = up.address.clone();
    up.process.until("a warning", || {
        let (status, text) = gauntlet_tests::http::request(&address, "GET", "/readyz", &[], b"");
        status == 503 && text.contains("snapshots waits since") && text.contains("tmp")
    });
    assert!(!client.has_ended());
    blocked.unblock();
    let created = client.wait();
    assert_eq!(created.code, Some(0), "{created}");
    up.stop();
    digest_of(&dir.node())
        .assert_equals(&digest_of(&undisturbed.node()), "a lake that took nothing for a while");
}
