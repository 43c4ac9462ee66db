//! A damaged log is detected and named; nothing is skipped in silence and nothing crashes.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use gauntlet_tests::{Digest, Dir, Random, digest_of, gauntlet, mini};

fn log(dir: &Dir) -> std::path::PathBuf {
    dir.node().join("log.redb")
}

/// Inverts bytes in place.
fn flip(path: &Path, at: u64, length: usize) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at).unwrap();
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
    file.write_all_at(&bytes, at).unwrap();
}

/// Where these bytes lie in a file.
fn places(path: &Path, wanted: &[u8]) -> Vec<u64> {
    let bytes = std::fs::read(path).unwrap();
    let found = bytes.windows(wanted.len()).enumerate().filter(|(_, window)| *window == wanted);
    found.map(|(at, _)| at as u64).collect()
}

/// A word of one record, by its topic: a bar's quote would not be found as text, these are.
#[test]
fn a_flipped_byte_in_a_record_is_named_by_topic_partition_and_offset() {
    let words: [(&[u8], &str); 3] = [
        (b"xauusd_oanda_hour_20060320_20140501.zip", "market.ticks.v1/"),
        (b"experiment.commands", "experiment.commands.v1/0"),
        (b"ma-cross", "is damaged at offset"),
    ];
    let mut compared = 0;
    for (word, place) in words {
        let dir = Dir::copy_of(mini());
        let found = places(&log(&dir), word);
        if found.is_empty() {
            continue;
        }
        found.iter().for_each(|at| flip(&log(&dir), at + 3, 1));
        let run = gauntlet(["verify"]).on(&dir).run();
        // The topics' own names are structure, not records: they may only be refused, not verified.
        if word == b"experiment.commands" {
            assert_eq!(run.code, Some(1), "{run}");
            continue;
        }
        assert_eq!(run.code, Some(1), "{run}");
        for needle in [place, "is damaged at offset", "its checksum does not match", "nothing was skipped"] {
            assert!(
                run.stdout.contains(needle) || run.stderr.contains(needle),
                "'{needle}' is missing: {run}"
            );
        }
        compared += 1;
        // Whoever works on the log is told as well, and nothing is computed from what is left.
        for args in [vec!["digest"], vec!["replay", "--all"], vec!["demo", "--no-serve"]] {
            let run = gauntlet(&args).on(&dir).run();
            assert!(matches!(run.code, Some(1 | 3)), "{run}");
            assert!(run.stderr.contains("is damaged at offset"), "{run}");
        }
    }
    assert!(compared >= 2, "{compared} damaged records were looked for");
}

/// Anywhere: either it is found, or the damage lies where nothing is kept and everything is as before. How much of the
/// file holds nothing depends on how its commits fell together, so flips go on until enough of them have hit something.
#[test]
fn damage_anywhere_is_found_or_harmless() {
    let healthy = digest_of(&Dir::copy_of(mini()).node());
    let mut random = Random::seeded(4_711);
    let (mut found, mut harmless) = (0, 0);
    while found < 5 || found + harmless < 24 {
        assert!(found + harmless < 240, "{found} of {harmless} found: too few flips hit anything");
        let dir = Dir::copy_of(mini());
        let length = std::fs::metadata(log(&dir)).unwrap().len();
        // The first page holds the two headers; the file's structure is another test.
        let at = random.between(4096, length - 64);
        flip(&log(&dir), at, 16);
        let run = gauntlet(["verify"]).on(&dir).run();
        match run.code {
            Some(1 | 3) => {
                let words = format!("{}{}", run.stdout, run.stderr);
                assert!(words.contains("damaged") || words.contains("log.redb"), "at {at}: {run}");
                found += 1;
            }
            Some(0) => {
                let digest = Digest::of(&gauntlet(["digest"]).on(&dir).ok());
                digest.assert_equals(
                    &healthy,
                    &format!("16 bytes at {at} of {length} flipped, verify found nothing"),
                );
                harmless += 1;
            }
            _ => panic!("at {at}: a crash: {run}"),
        }
    }
    eprintln!("{found} damages found, {harmless} in bytes that nobody reads");
}

/// What is small and decides what is read: topics, bounds of partitions, positions of processors. A wrong one would leave
/// records out, write over them, or wait for some that never come.
#[test]
fn damaged_positions_bounds_and_topics_are_found_or_harmless() {
    const PAGE: usize = 4096;
    let bytes = std::fs::read(mini().join("log.redb")).unwrap();
    let names: [&[&[u8]]; 2] = [
        &[b"evaluator", b"trainer", b"tuner", b"market-data", b"snapshots"],
        &[b"market.ticks.v1", b"trial.ledger.v1.dlq", b"config.v1"],
    ];
    let mut pages = Vec::new();
    for names in names {
        let holds = |page: &[u8]| {
            let has = |word: &[u8]| page.windows(word.len()).any(|window| window == word);
            // Records have headers, and name processors and topics as well.
            names.iter().all(|name| has(name)) && !has(b"ce_")
        };
        let found = bytes.chunks(PAGE).enumerate().filter(|(_, page)| holds(page));
        let found: Vec<u64> = found.map(|(number, _)| (number * PAGE) as u64).collect();
        assert!(!found.is_empty(), "no page holds these names any more: look for them anew");
        // Old versions of a page lie about; all of them are damaged alike.
        pages.push(found);
    }
    let settle = ["snapshot", "create", "--instrument", "XAUUSD", "--bars", "time:1h", "--to", "2011-01-01"];
    let healthy = Dir::copy_of(mini());
    gauntlet(settle).on(&healthy).ok();
    let expected = digest_of(&healthy.node());
    let (mut found, mut harmless) = (0, 0);
    for (pages, steps) in pages.iter().zip([12, 6]) {
        let first = usize::try_from(pages[0]).unwrap();
        let used = bytes[first..first + PAGE].iter().rposition(|byte| *byte != 0).unwrap();
        for step in 0..steps {
            let offset = (8 + step * (used - 8) / steps) as u64;
            let dir = Dir::copy_of(mini());
            pages.iter().for_each(|page| flip(&log(&dir), page + offset, 1));
            let mut run = gauntlet(["verify"]).on(&dir).run();
            if run.code == Some(0) {
                run = gauntlet(settle).on(&dir).run();
            }
            if run.code == Some(0) {
                // Not found, so nothing may come of it: neither now nor when work goes on.
                digest_of(&dir.node()).assert_equals(&expected, &format!("byte {offset} of a page flipped"));
                assert_eq!(gauntlet(["replay", "--all"]).on(&dir).ok()["identical"], true);
                harmless += 1;
            } else {
                assert!(matches!(run.code, Some(1 | 3)), "byte {offset} of {pages:?}: {run}");
                let words = format!("{}{}", run.stdout, run.stderr);
                assert!(words.contains("damaged") || words.contains("which ends at"), "byte {offset}: {run}");
                found += 1;
            }
        }
    }
    eprintln!("{found} damages found, {harmless} harmless");
    assert!(found >= 15, "{found} found");
}

#[test]
fn a_log_file_that_is_no_log_is_named() {
    let garbage: Vec<u8> =
        (0..1_u32 << 20).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let damages: [(&str, &dyn Fn(&Path)); 4] = [
        ("cut in half", &|path| {
            let file = OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }),
        ("garbage", &|path| std::fs::write(path, &garbage).unwrap()),
        ("text", &|path| std::fs::write(path, "not a log\n").unwrap()),
        ("header gone", &|path| flip(path, 0, 512)),
    ];
    for (what, damage) in damages {
        let dir = Dir::copy_of(mini());
        damage(&log(&dir));
        let before = std::fs::read(log(&dir)).unwrap();
        for args in [vec!["verify"], vec!["ls", "experiments"], vec!["demo", "--no-serve"]] {
            let run = gauntlet(&args).on(&dir).run();
            assert_eq!(run.code, Some(1), "{what}: {run}");
            for needle in
                ["log.redb", "is damaged", "restore the directory from a copy", "nothing was skipped"]
            {
                assert!(run.stderr.contains(needle), "{what}: '{needle}' is missing: {run}");
            }
        }
        assert!(std::fs::read(log(&dir)).unwrap() == before, "{what}: a damaged file is left as it is");
    }
}

#[test]
fn a_log_file_that_is_gone_is_said_by_readers() {
    let dir = Dir::copy_of(mini());
    std::fs::remove_file(log(&dir)).unwrap();
    let words = ["there is nothing in", "gauntlet demo or gauntlet feed first", "--dir"];
    gauntlet(["ls", "experiments"]).on(&dir).refused(2, &words);
}

#[test]
fn an_empty_log_file_beside_full_views_is_not_taken_for_the_record() {
    let dir = Dir::copy_of(mini());
    std::fs::write(log(&dir), "").unwrap();
    let run = gauntlet(["verify"]).on(&dir).run();
    assert_eq!(run.code, Some(1), "views that the log does not explain: {run}");
}

#[test]
fn tampered_lake_files_are_named_by_verify() {
    let dir = Dir::copy_of(mini());
    let snapshots = dir.node().join("lake/snapshots");
    let mut tampered = 0;
    for entry in std::fs::read_dir(&snapshots).unwrap() {
        let path = entry.unwrap().path();
        let length = std::fs::metadata(&path).unwrap().len();
        // Lake files are read-only for everybody; root is not stopped by that.
        flip(&path, length / 2, 1);
        tampered += 1;
        let run = gauntlet(["verify"]).on(&dir).run();
        assert_eq!(run.code, Some(1), "{run}");
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(run.stdout.contains(name), "{name} is not named: {run}");
        assert_eq!(run.json()["ok"], false);
    }
    assert_eq!(tampered, 2);
    for entry in std::fs::read_dir(&snapshots).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let run = gauntlet(["verify"]).on(&dir).run();
    assert_eq!(run.code, Some(1), "files that are gone: {run}");
    assert!(run.json()["problems"].as_array().unwrap().len() >= 2, "{run}");
}
