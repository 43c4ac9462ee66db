//! `docs/risk-controls.md` is held to the code: names of reasons and limits in it exist, and none is missing.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_pretrade::{AccountLimits, InstrumentLimits, Reason, StrategyLimits};

const DOCUMENT: &str = include_str!("../../../docs/risk-controls.md");

/// The rows of the table under a heading, as cells.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let section = DOCUMENT.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    // A bar that belongs to a cell is written `\\|`.
    let cells = |line: &'static str| -> Vec<&'static str> {
        let mut cells = Vec::new();
        let (mut start, mut before) = (1, ' ');
        for (at, letter) in line.char_indices().skip(1) {
            if letter == '|' && before != '\\' {
                cells.push(line[start..at].trim());
                start = at + 1;
            }
            before = letter;
        }
        cells
    };
    rows.map(cells).collect()
}

/// What is between backquotes.
fn names(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn limits() -> BTreeSet<String> {
    let of = [
        serde_json::to_value(AccountLimits::default()),
        serde_json::to_value(InstrumentLimits::default()),
        serde_json::to_value(StrategyLimits::default()),
    ];
    of.into_iter()
        .flat_map(|json| json.unwrap().as_object().unwrap().keys().cloned().collect::<Vec<_>>())
        .collect()
}

#[test]
fn the_table_of_checks_has_every_reason_and_every_limit_at_its_check() {
    let mut reasons = BTreeMap::new();
    let mut documented_limits = BTreeSet::new();
    for row in rows("The checks") {
        let [number, _, limits, denied, _] = row[..] else { panic!("{row:?}") };
        documented_limits.extend(names(limits).into_iter().map(str::to_owned));
        for name in names(denied) {
            assert_eq!(reasons.insert(name, number.parse::<u8>().unwrap()), None, "{name} is there twice");
        }
    }
    let expected: BTreeMap<&str, u8> =
        Reason::ALL.iter().map(|reason| (reason.name(), reason.check())).collect();
    assert_eq!(reasons, expected);
    assert_eq!(documented_limits, limits());
    assert_eq!((reasons.len(), documented_limits.len()), (29, 15));
}

#[test]
fn what_the_clauses_are_answered_by_exists() {
    let known: BTreeSet<String> =
        Reason::ALL.iter().map(|reason| reason.name().to_owned()).chain(limits()).collect();
    let mut looked_at = 0;
    for heading in ["RTS 6", "Model risk"] {
        for row in rows(heading) {
            let [_, _, is_there, answered] = row[..] else { panic!("{row:?}") };
            match is_there {
                "here" | "partly" => assert!(!answered.is_empty(), "{row:?} is answered by nothing"),
                "absent" => assert_eq!(answered, "", "{row:?}"),
                other => panic!("{other} is no answer"),
            }
            // Names of reasons and of limits have the form of words with underscores; others are of types and commands.
            let names = names(answered)
                .into_iter()
                .filter(|name| name.contains('_') && !name.contains(['/', ':', ' ']));
            for name in names {
                assert!(known.contains(name), "{name} in {row:?} is neither a reason nor a limit");
                looked_at += 1;
            }
        }
    }
    assert!(looked_at >= 15, "{looked_at} names");
}

#[test]
fn every_file_that_the_document_names_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = names(DOCUMENT).into_iter().filter(|name| name.contains('/') && !name.contains(' '));
    let missing: Vec<_> = files.clone().filter(|file| !root.join(file).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(files.count() >= 8);
}
