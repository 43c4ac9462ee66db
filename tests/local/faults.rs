//! Ends that nobody chose the moment of: `kill -9`, Ctrl-C, SIGTERM, a second process, a full disk. Whatever happened,
//! the same command goes on and comes to the same digest.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use gauntlet_log::LocalLog;
use gauntlet_tests::{Dir, Random, Run, Started, binary, bundled, demo, digest_of, gauntlet};
use gauntlet_wire::Codec;

/// Kills that have to hit a demo at work.
const KILLS: u32 = 20;

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

#[test]
fn twenty_kills_at_random_moments_change_nothing() {
    let golden = demo();
    let mut random = Random::seeded(20_140_505);
    let (mut kills, mut rounds) = (0, 0);
    while kills < KILLS {
        rounds += 1;
        let dir = Dir::new();
        let mut moments = Vec::new();
        // A demo that is done before its kill starts over in a new directory.
        let done = loop {
            if kills == KILLS {
                break false;
            }
            let moment = random.between(20, 1_500);
            let mut started = start_demo(&dir);
            std::thread::sleep(Duration::from_millis(moment));
            if started.has_ended() {
                let run = started.wait();
                assert_eq!(run.code, Some(0), "after kills at {moments:?} ms: {run}");
                break true;
            }
            let run = started.kill();
            if run.was_killed() {
                kills += 1;
                moments.push(moment);
            }
        };
        if !done {
            gauntlet(["demo", "--no-serve"]).on(&dir).ok();
        }
        let what = format!("round {rounds}, killed {} times, at {moments:?} ms", moments.len());
        digest_of(&dir.node()).assert_equals(&golden.digest, &what);
        let (duplicates, events) = duplicates_and_events(&dir.node());
        let (_, expected) = duplicates_and_events(&golden_copy().node());
        assert_eq!(events, expected, "{what}");
        eprintln!("{what}: {duplicates} records were written twice");
        let verified = gauntlet(["verify"]).on(&dir).ok();
        assert_eq!(verified["ok"], true, "{what}: {verified}");
        let replayed = gauntlet(["replay", "--all"]).on(&dir).ok();
        assert_eq!(replayed["identical"], true, "{what}: {replayed}");
    }
    assert_eq!(kills, KILLS);
}

fn golden_copy() -> Dir {
    Dir::copy_of(&demo().node)
}

/// Sends a signal at each of several moments of one demo, then lets it finish.
fn interrupted(signal: &str, moments: &[u64]) {
    let dir = Dir::new();
    let mut hits = 0;
    for moment in moments {
        let mut started = start_demo(&dir);
        // Before the log there is nothing to keep, and perhaps nobody who listens for signals.
        started.until("log", || dir.node().join("log.redb").exists());
        std::thread::sleep(Duration::from_millis(*moment));
        if started.has_ended() {
            break;
        }
        started.signal(signal);
        let run = started.wait();
        if run.code == Some(0) {
            break;
        }
        if run.was_killed() {
            // It had not begun to listen for signals, and had done nothing. A shell says 130 of it all the same.
            continue;
        }
        is_interrupted(&run, &format!("{signal} after {moment} ms"));
        hits += 1;
    }
    assert!(hits >= 2, "{signal} hit the demo {hits} times only");
    gauntlet(["demo", "--no-serve"]).on(&dir).ok();
    digest_of(&dir.node()).assert_equals(&demo().digest, &format!("after {hits} times {signal}"));
}

fn is_interrupted(run: &Run, what: &str) {
    assert_eq!(run.code, Some(130), "{what}: {run}");
    assert!(run.stderr.contains("interrupted; everything acknowledged is kept"), "{what}: {run}");
    let error = run.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("the same command goes on from here"), "{what}: {run}");
}

#[test]
fn ctrl_c_at_any_moment_is_130_and_safe() {
    interrupted("INT", &[0, 60, 300, 900, 1_600, 2_500]);
}

#[test]
fn sigterm_is_the_same() {
    interrupted("TERM", &[10, 700, 1_800]);
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
