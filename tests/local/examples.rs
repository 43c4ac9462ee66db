//! README's examples, run as they are written.

use gauntlet_domain::Timestamp;
use gauntlet_tests::{Dir, Random, Run, demo, gauntlet, repository};

/// 2012-01-04 in days since 1970-01-01: what follows the two rows in README.
const FIRST_DAY: i64 = 15_343;

/// The fenced blocks of a kind in a section of README, in order.
fn blocks(section: &str, kind: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let from = readme.find(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no section {section}"));
    let text = &readme[from + 1..];
    let text = text.find("\n## ").map_or(text, |end| &text[..end]);
    let mut found = Vec::new();
    for part in text.split("\n```").collect::<Vec<_>>().chunks(2).filter_map(|pair| pair.get(1)) {
        if let Some(body) = part.strip_prefix(kind).and_then(|body| body.strip_prefix('\n')) {
            found.push(body.to_owned());
        }
    }
    assert!(!found.is_empty(), "{section} has no block of {kind}");
    found
}

/// Runs the lines of a block that call `gauntlet`, each with what its comment says.
fn run(block: &str, folder: &Dir, node: &std::path::Path) -> Vec<(String, Run)> {
    let lines = block.lines().filter(|line| line.starts_with("gauntlet "));
    let ran = lines.map(|line| {
        let (command, comment) = line.split_once('#').unwrap_or((line, ""));
        let args: Vec<&str> = command.split_whitespace().skip(1).collect();
        let run = gauntlet(&args).within(&folder.path(".")).env("GAUNTLET_DIR", node.to_str().unwrap()).run();
        assert_eq!(run.code, Some(0), "README's line '{command}': {run}");
        (comment.trim().to_owned(), run)
    });
    ran.collect()
}

#[test]
fn a_newcomer_with_daily_bars_comes_to_a_leaderboard() {
    let section = "Your own data";
    let dir = Dir::new();
    let head = blocks(section, "csv").remove(0);
    let mut lines: Vec<String> = head.lines().map(str::to_owned).collect();
    let (mut random, mut price) = (Random::seeded(5), 4_846_i64);
    // Weekdays of ten years, a random walk in cents.
    let is_weekday = |day: &i64| !matches!((day + 4) % 7, 0 | 6);
    for day in (FIRST_DAY..).filter(is_weekday).take(2_600) {
        let date = Timestamp(day * 86_400_000_000_000).to_string();
        let date = &date[..10];
        let mut moves = || random.between(0, 101) as i64 - 50;
        let (open, close) = (price, (price + moves() + 1).max(100));
        let (high, low) = (open.max(close) + moves().abs(), (open.min(close) - moves().abs()).max(1));
        let cents = |price: i64| format!("{}.{:02}", price / 100, price % 100);
        let row = [open, high, low, close].map(cents).join(",");
        lines.push(format!("{date},{row},{}", random.between(1_000, 90_000)));
        price = close;
    }
    dir.write("prices.csv", lines.join("\n") + "\n");
    dir.write("trend.yaml", blocks(section, "yaml").remove(0));
    let ran = run(&blocks(section, "sh")[0], &dir, &dir.node());
    assert_eq!(ran.len(), 8);
    let says = |line: usize, words: &str| assert!(ran[line].1.stdout.contains(words), "{}", ran[line].1);
    says(0, "nothing was published");
    says(1, "accepted\t2602");
    says(2, "ACME.HOME\ttime:1d\t2012-01-02");
    says(3, "acme-trend (ACME) completed");
    says(6, "identical");
    says(7, "all holds");
}

#[test]
fn what_readme_says_of_the_demo_is_what_the_demo_gives() {
    let dir = Dir::copy_of(&demo().node);
    let block = blocks("What you see", "sh").remove(0);
    for (comment, run) in run(&block, &dir, &dir.node()) {
        // What comes after a gap explains what the line prints.
        let printed = comment.split("   ").next().unwrap_or_default();
        if printed.contains(':') {
            assert!(run.stdout.contains(printed), "README says '{printed}': {run}");
        }
    }
}
