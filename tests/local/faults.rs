//! Ends that nobody chose the moment of: `kill -9`, Ctrl-C, SIGTERM, a second process, a full disk. Whatever happened,
//! the same command goes on and comes to the same digest.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use gauntlet_log::LocalLog;
use gauntlet_tests::golden::{MINI, feed_hours};
use gauntlet_tests::{Dir, Random, Run, Started, binary, bundled, demo, digest_of, gauntlet, mini};
use gauntlet_wire::Codec;

/// Durable writes of one process at which it is killed, before and after each. A demo makes some 200, fewer where the disk is slow.
const WRITES: [u64; 10] = [1, 2, 3, 5, 8, 13, 21, 30, 42, 55];

fn start_demo(dir: &Dir) -> Started {
    gauntlet(["demo", "--no-serve"]).on(dir).start()
}

/// Records beyond the first of each event, and the distinct events, by topic.
fn duplicates_and_events(node: &Path) -> (u64, BTreeMap<String, u64>) {
    let log = LocalLog::open(&node.join("log.redb")).unwrap();
    let topics = gauntlet_runtime::digest::topics(&log, &Codec::default()).unwrap();
    let duplicates = topics.values().map(|topic| topic.duplicates).sum();
    (duplicates, topics.into_iter().map(|(name, topic)| (name, topic.events)).collect())
}

/// A demo that is killed at one of its durable writes.
fn start_demo_to_kill(dir: &Dir, moment: &str, write: u64) -> Started {
    let point = format!("{moment}:{write}:KILL");
    gauntlet(["demo", "--no-serve"]).on(dir).env("FAULT_SIGNAL_AT_WRITE", &point).start()
}

/// What a demo must have come to, whatever happened to it on the way.
fn assert_as_if_undisturbed(dir: &Dir, what: &str) {
    digest_of(&dir.node()).assert_equals(&demo().digest, what);
    let (duplicates, events) = duplicates_and_events(&dir.node());
    let (_, expected) = duplicates_and_events(&golden_copy().node());
    assert_eq!(events, expected, "{what}");
    eprintln!("{what}: {duplicates} records were written twice");
    let verified = gauntlet(["verify"]).on(dir).ok();
    assert_eq!(verified["ok"], true, "{what}: {verified}");
    let replayed = gauntlet(["replay", "--all"]).on(dir).ok();
    assert_eq!(replayed["identical"], true, "{what}: {replayed}");
}

#[test]
fn twenty_kills_around_durable_writes_change_nothing() {
    let (mut dir, mut kills, mut here) = (Dir::new(), 0, Vec::new());
    for write in WRITES {
        for moment in ["before", "after"] {
            let mut run = start_demo_to_kill(&dir, moment, write).wait();
            if run.code == Some(0) {
                // Done before its kill: this one is over, the next begins from nothing.
                assert_as_if_undisturbed(&dir, &format!("killed {here:?}"));
                (dir, here) = (Dir::new(), Vec::new());
                run = start_demo_to_kill(&dir, moment, write).wait();
            }
            assert!(run.was_killed(), "{moment} write {write}: {run}");
            here.push((moment, write));
            kills += 1;
        }
    }
    assert_eq!(kills, 2 * WRITES.len());
    gauntlet(["demo", "--no-serve"]).on(&dir).ok();
    assert_as_if_undisturbed(&dir, &format!("killed {here:?}"));
}

#[test]
fn a_kill_at_a_random_moment_changes_nothing() {
    let mut random = Random::seeded(u64::from(std::process::id()));
    let dir = Dir::new();
    let moment = random.between(20, 1_500);
    let started = start_demo(&dir);
    std::thread::sleep(Duration::from_millis(moment));
    started.kill();
    gauntlet(["demo", "--no-serve"]).on(&dir).ok();
    assert_as_if_undisturbed(&dir, &format!("killed after {moment} ms"));
}

fn golden_copy() -> Dir {
    Dir::copy_of(&demo().node)
}

/// Sends a signal at each of several writes of one experiment, then lets it finish.
fn interrupted(signal: &str, writes: &[(&str, u64)]) {
    let dir = Dir::new();
    feed_hours(&dir);
    let document = dir.write("mini.yaml", MINI);
    let submit = || gauntlet(["submit", document.to_str().unwrap(), "--wait"]).on(&dir);
    for (moment, write) in writes {
        let point = format!("{moment}:{write}:{signal}");
        let run = submit().env("FAULT_SIGNAL_AT_WRITE", &point).start().wait();
        is_interrupted(&run, &format!("{signal} {moment} write {write}"));
    }
    submit().ok();
    let undisturbed = Dir::copy_of(mini());
    let what = format!("after {signal} at {writes:?}");
    digest_of(&dir.node()).assert_equals(&digest_of(&undisturbed.node()), &what);
}

fn is_interrupted(run: &Run, what: &str) {
    assert_eq!(run.code, Some(130), "{what}: {run}");
    assert!(run.stderr.contains("interrupted; everything acknowledged is kept"), "{what}: {run}");
    let error = run.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("the same command goes on from here"), "{what}: {run}");
}

#[test]
fn ctrl_c_at_any_moment_is_130_and_safe() {
    interrupted(
        "INT",
        &[("after", 1), ("before", 2), ("after", 3), ("before", 4), ("after", 5), ("before", 5)],
    );
}

#[test]
fn sigterm_is_the_same() {
    interrupted("TERM", &[("before", 3), ("after", 6), ("before", 8)]);
}

#[test]
fn an_interrupted_up_goes_on() {
    let dir = Dir::copy_of(&demo().node);
    for signal in ["INT", "TERM"] {
        let mut up = gauntlet(["up", "--listen", "127.0.0.1:0"]).on(&dir).start();
        up.until("address", || dir.node().join("up.json").exists());
        up.signal(signal);
        let run = up.wait();
        assert_eq!(run.code, Some(0), "an up that is asked to stop has done its work: {run}");
        assert!(!dir.node().join("up.json").exists(), "the address goes with the process");
    }
    digest_of(&dir.node()).assert_equals(&demo().digest, "after two ups");
}

#[test]
fn a_second_process_on_the_directory_is_told_so() {
    let dir = Dir::new();
    let mut first = start_demo(&dir);
    let log = dir.node().join("log.redb");
    first.until("log", || std::fs::metadata(&log).is_ok_and(|file| file.len() > 4 << 20));
    let name = log.display().to_string();
    for args in [vec!["ls", "experiments"], vec!["demo", "--no-serve"], vec!["verify"]] {
        let message = "is in use by another process: stop it, or choose another directory with --dir";
        gauntlet(args).on(&dir).refused(3, &[&name, message]);
    }
    assert!(!first.has_ended(), "the first process is not disturbed");
    assert_eq!(first.wait().code, Some(0));
    digest_of(&dir.node()).assert_equals(&demo().digest, "the first process");
}

/// Mounts a small file system of its own (as root), or limits the size of files, and feeds a week of quotes into it.
#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let folder = bundled("20140505_quote.zip");
    let quotes: Vec<String> = (4..=9)
        .map(|day| folder.with_file_name(format!("2014050{day}_quote.zip")).display().to_string())
        .collect();
    let args = [
        &["feed".to_owned()],
        &quotes[..],
        &["--instrument", "XAUUSD", "--venue", "OANDA"].map(str::to_owned),
    ];
    let args: Vec<String> = args.concat();
    let clean = Dir::new();
    let unhindered = gauntlet(&args).on(&clean).ok();
    let expected = digest_of(&clean.node());

    let dir = Dir::new();
    std::fs::create_dir_all(dir.path("disk")).unwrap();
    let line = args.iter().map(|arg| format!("'{arg}'")).collect::<Vec<_>>().join(" ");
    let (disk, out) = (dir.path("disk"), dir.path("out"));
    std::fs::create_dir_all(&out).unwrap();
    let (disk, out, bin) = (disk.display(), out.display(), binary().display().to_string());
    let run = |name: &str, command: &str| {
        format!("{command} >{out}/{name}.json 2>{out}/{name}.err; echo $? >{out}/{name}.code\n")
    };
    let feed = format!("{bin} {line} --json --dir {disk}/node");
    let digest = format!("{bin} digest --json --dir {disk}/node");
    let own_disk = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", &format!("mount -t tmpfs -o size=12m none {disk} && umount {disk}")])
        .output()
        .is_ok_and(|output| output.status.success());
    let script = if own_disk {
        let (first, second, third) = (run("full", &feed), run("roomy", &feed), run("digest", &digest));
        format!(
            "mount -t tmpfs -o size=12m none {disk}\n{first}mount -o remount,size=600m {disk}\n{second}{third}"
        )
    } else {
        eprintln!("no private mount here: a limit on the size of files stands in for the small disk");
        let limited = format!("(trap '' XFSZ; ulimit -f 16384; {feed})");
        format!("{}{}{}", run("full", &limited), run("roomy", &feed), run("digest", &digest))
    };
    let shell = if own_disk { vec!["unshare", "-m", "sh", "-c"] } else { vec!["sh", "-c"] };
    let mut command = std::process::Command::new(shell[0]);
    command.args(&shell[1..]).arg(&script);
    let ran = gauntlet_tests::Command::isolated(command).run();
    assert_eq!(ran.code, Some(0), "{script}\n{ran}");
    let read = |name: &str| std::fs::read_to_string(dir.path("out").join(name)).unwrap();
    let (code, message) = (read("full.code"), read("full.err"));
    assert_eq!(code.trim(), "3", "a full disk: {message}");
    assert!(message.contains("no space left on the disk that holds"), "{message}");
    assert!(message.contains("nothing that was acknowledged is lost"), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    assert_eq!(read("roomy.code").trim(), "0", "with room: {}", read("roomy.err"));
    let roomy: gauntlet_tests::Json = serde_json::from_str(&read("roomy.json")).unwrap();
    for count in ["read", "accepted", "rejected", "gaps"] {
        assert_eq!(roomy[count], unhindered[count], "{count}");
    }
    let digest = gauntlet_tests::Digest::of(&serde_json::from_str(&read("digest.json")).unwrap());
    digest.assert_equals(&expected, "a feed that met a full disk");
}
