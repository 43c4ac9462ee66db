//! Examples of the documents, run as they are written.

use gauntlet_domain::Timestamp;
use gauntlet_servers::free_port;
use gauntlet_tests::{Dir, Random, Run, Up, demo, examples, gauntlet, http};

/// 2012-01-04 in days since 1970-01-01: what follows the two rows in README.
const FIRST_DAY: i64 = 15_343;

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
    let head = examples("README.md", section, "csv").remove(0);
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
    dir.write("trend.yaml", examples("README.md", section, "yaml").remove(0));
    let ran = run(&examples("README.md", section, "sh")[0], &dir, &dir.node());
    assert_eq!(ran.len(), 9);
    let says = |line: usize, words: &str| assert!(ran[line].1.stdout.contains(words), "{}", ran[line].1);
    says(0, "nothing was published");
    says(1, "accepted\t2602");
    says(2, "ACME.HOME\ttime:1d\t2012-01-02");
    says(3, "acme-trend (ACME) completed");
    says(6, "identical");
    says(7, "all holds");
}

#[test]
fn the_policy_of_readme_is_registered_and_read_back() {
    let section = "Gates and policies";
    let dir = Dir::new();
    dir.write("lenient.yaml", examples("README.md", section, "yaml").remove(0));
    let ran = run(&examples("README.md", section, "sh")[0], &dir, &dir.node());
    assert_eq!(ran.len(), 4);
    let says = |line: usize, words: &str| assert!(ran[line].1.stdout.contains(words), "{}", ran[line].1);
    says(0, "deflated_sharpe\tat least\t0.95");
    says(1, "deflated_sharpe\tat least 0.9\tlooser than default");
    says(2, "policy lenient of mandate ACME, registered by ann");
    says(3, "policy default of every mandate, built in");
}

#[test]
fn what_readme_says_of_the_demo_is_what_the_demo_gives() {
    let dir = Dir::copy_of(&demo().node);
    let block = examples("README.md", "What you see", "sh").remove(0);
    for (comment, run) in run(&block, &dir, &dir.node()) {
        // What comes after a gap explains what the line prints.
        let printed = comment.split("   ").next().unwrap_or_default();
        if printed.contains(':') {
            assert!(run.stdout.contains(printed), "README says '{printed}': {run}");
        }
    }
}

#[test]
fn the_experiment_in_the_readme_runs() {
    let dir = Dir::copy_of(&demo().node);
    dir.write("my.yaml", examples("README.md", "An experiment", "yaml").remove(0));
    let (_, run) = run(&examples("README.md", "An experiment", "sh")[0], &dir, &dir.node()).remove(0);
    assert!(run.stdout.contains("gold-trend (XAUUSD) completed"), "{run}");
}

#[test]
fn the_instrument_in_the_documents_is_taken() {
    let dir = Dir::new();
    let text = examples("docs/market-data.md", "", "yaml").remove(0);
    // Once as it is, once with the calendar of its own that stands beside it.
    let (plain, own): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| !line.starts_with("# "));
    let own = own.join("\n").replace("# calendar:", "calendar:").replace("\n# ", "\n  ");
    let (own, _) = own.split_once("        # ").unwrap();
    let of_its_own = plain.iter().filter(|line| !line.starts_with("calendar:"));
    for lines in [plain.clone(), of_its_own.copied().chain([own]).collect()] {
        let file = dir.write("instrument.yaml", lines.join("\n") + "\n");
        gauntlet(["instrument", "set", file.to_str().unwrap()]).on(&dir).ok();
        let shown = gauntlet(["instrument", "show", "AAPL.XNAS"]).on(&dir).ok();
        assert_eq!(shown["instrument"], "AAPL.XNAS", "{shown}");
    }
}

#[test]
fn what_readme_says_of_observing_is_there() {
    let dir = Dir::new();
    let block = examples("README.md", "Observing", "sh").remove(0);
    let lines: Vec<&str> = block.lines().collect();
    let [curl, lines @ ..] = lines.as_slice() else { panic!("{block}") };
    assert!(curl.starts_with("curl localhost:8686/metrics ") && lines.len() == 2, "{block}");
    for line in lines {
        let (variable, rest) = line.split_once(' ').unwrap();
        assert!(rest.starts_with("gauntlet up "), "{line}");
        let port = free_port();
        let (name, value) = variable.split_once('=').unwrap();
        let value = value.replace("0.0.0.0:9464", &format!("127.0.0.1:{port}"));
        let up = Up::of(gauntlet(["up", "--listen", "127.0.0.1:0"]).env(name, &value), &dir);
        let mut addresses = vec![up.address.clone()];
        addresses.extend(value.contains(&port.to_string()).then(|| value.clone()));
        for address in addresses {
            let (status, text) = http::request(&address, "GET", "/metrics", &[], b"");
            assert!(status == 200 && text.contains("gauntlet_commits_total"), "{address}: {status}");
        }
        up.stop();
    }
}
