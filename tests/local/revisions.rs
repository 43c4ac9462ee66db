//! Bars that are known better after they have closed: a vendor's correction, quotes that are fed after the trades of the same
//! hours, a source that was given up. What was sealed stays; what is asked for afterwards has the newest revision.

use std::fmt::Write as _;

use gauntlet_lake::{Lake, read_snapshot};
use gauntlet_tests::{Dir, Json, digest_of, gauntlet, number};

/// Daily bars of a year, the close of one day as it is given.
fn days(corrected: Option<(usize, &str)>) -> String {
    let mut text = String::from("date,open,high,low,close,volume\n");
    let first = "2023-01-01".parse::<gauntlet_domain::Timestamp>().unwrap().0;
    for day in 0..365 {
        let time = gauntlet_domain::Timestamp(first + day as i64 * 86_400_000_000_000).to_string();
        let (open, close) = (100 + day % 7, 100 + (day + 1) % 7);
        let close = match corrected {
            Some((of, close)) if of == day => close.to_owned(),
            _ => close.to_string(),
        };
        let _ = writeln!(text, "{},{open},120,90,{close},5", &time[..10]);
    }
    text
}

fn feed(dir: &Dir, name: &str, text: String, more: &[&str]) -> Json {
    let path = dir.write(name, text);
    let file = path.to_str().unwrap();
    gauntlet([&["feed", file, "--instrument", "ABC", "--venue", "X"], more].concat()).on(dir).ok()
}

fn snapshot(dir: &Dir, bars: &str, from: &str, to: &str) -> Json {
    let range = ["--bars", bars, "--from", from, "--to", to];
    gauntlet([&["snapshot", "create", "--instrument", "ABC"], &range[..]].concat()).on(dir).ok()
}

const DOCUMENT: &str = "name: days\ndata: { instrument: ABC, venue: X, bars: 'time:1d', from: 2023-01-01, to: 2023-12-31 }\n\
     model: { strategy: ma-cross, parameters: { fast: { int: [2, 3] }, slow: 9 } }\n\
     tuning: { trials: 2 }\nvalidation: { folds: 2, holdout: 20% }\n";

#[test]
fn a_vendors_correction_is_a_revision_and_what_was_sealed_stays() {
    let dir = Dir::new();
    feed(&dir, "days.csv", days(None), &["--spec", "time:1d"]);
    let before = snapshot(&dir, "time:1d", "2023-01-01", "2023-12-31");
    let document = dir.write("days.yaml", DOCUMENT);
    let submit = ["submit", document.to_str().unwrap()];
    let first = gauntlet(submit).on(&dir).ok();
    assert_eq!(first.get("revision"), None, "{first}");

    let fed = feed(&dir, "corrected.csv", days(Some((40, "111.5"))), &["--spec", "time:1d"]);
    assert_eq!(fed["corrected"], serde_json::json!({ "revised": 1 }));
    assert_eq!((number(&fed, "accepted"), number(&fed["rejected"], "duplicate")), (1, 364));
    let after = snapshot(&dir, "time:1d", "2023-01-01", "2023-12-31");
    assert_ne!((&after["snapshot_id"], &after["hash"]), (&before["snapshot_id"], &before["hash"]));
    assert_eq!((number(&before, "revision"), number(&after, "revision")), (0, 1));
    let id = before["snapshot_id"].as_str().unwrap();
    assert_eq!(gauntlet(["snapshot", "show", id]).on(&dir).ok(), before, "what was sealed stays");

    // A directory that has only the corrected file has the same bars.
    let alone = Dir::new();
    feed(&alone, "corrected.csv", days(Some((40, "111.5"))), &["--spec", "time:1d"]);
    let only = snapshot(&alone, "time:1d", "2023-01-01", "2023-12-31");
    assert_eq!((&only["hash"], &only["rows"]), (&after["hash"], &after["rows"]));

    // The same document is another experiment now, on the corrected bars; the old revision can be asked for by number.
    let second = gauntlet(submit).on(&dir).ok();
    assert_eq!(number(&second, "revision"), 1);
    assert_ne!(second["experiment_id"], first["experiment_id"]);
    let of_old = gauntlet([&submit[..], &["--set", "data.revision=0"]].concat()).on(&dir).ok();
    assert_eq!(number(&of_old, "revision"), 0);
    let beyond = [&submit[..], &["--set", "data.revision=7"]].concat();
    gauntlet(beyond)
        .on(&dir)
        .refused(2, &["data.revision: 7 is more than the 1 that the time:1d bars of ABC.X have"]);
    gauntlet(["verify"]).on(&dir).ok();
    gauntlet(["replay", "--all"]).on(&dir).ok();
}

/// Trades of four hours, one every ten seconds, and quotes of the same time, whose spread is the minute's number.
fn trades_and_quotes() -> (String, String) {
    let (mut trades, mut quotes) = (String::from("time,price,size\n"), String::from("time,bid,ask\n"));
    for second in (0..14_400).step_by(10) {
        let (time, minute) = (1_700_000_000 / 60 * 60 + second, second / 60);
        let _ = writeln!(trades, "{time},100.{:02},1", second / 10 % 5);
        let _ = writeln!(quotes, "{time},100.00,100.{:02}", 1 + minute % 3);
    }
    (trades, quotes)
}

#[test]
fn quotes_that_are_fed_after_the_trades_give_the_bars_their_spreads() {
    let dir = Dir::new();
    let (trades, quotes) = trades_and_quotes();
    feed(&dir, "trades.csv", trades, &["--bars", "time:1m"]);
    let fed = feed(&dir, "quotes.csv", quotes, &[]);
    assert_eq!((number(&fed, "accepted"), &fed["rejected"]), (1440, &serde_json::json!({})), "{fed}");
    let (from, to) = ("2023-11-14T22:13:00Z", "2023-11-15T02:12:00Z");
    let sealed = snapshot(&dir, "time:1m", from, to);
    assert!(number(&sealed, "revision") >= 238, "{sealed}");
    let lake = Lake::open(dir.node().join("lake")).unwrap();
    let bars = read_snapshot(&lake, sealed["hash"].as_str().unwrap().parse().unwrap()).unwrap();
    assert_eq!(bars.len(), 239);
    for (minute, bar) in bars.iter().enumerate() {
        let spread = bar.open_spread.map(|spread| bar.scale.price(spread));
        assert_eq!(spread, Some((1 + minute % 3) as f64 / 100.0), "minute {minute}");
        assert_eq!(bar.close_spread, bar.open_spread);
    }
    gauntlet(["replay", "--all"]).on(&dir).ok();
}

#[test]
fn the_rows_of_a_file_that_was_given_up_count_for_nothing_and_it_is_fed_again() {
    let text: String = std::iter::once("time,price,size\n".to_owned())
        .chain((0..150_000).map(|row| match row {
            140_000..140_200 => format!("{},n/a,1\n", 1_700_000_000 + row),
            _ => format!("{},{}.{:02},1\n", 1_700_000_000 + row, 100 + row % 3, row % 7),
        }))
        .collect();
    let (from, to) = ("2023-11-14T22:14:00Z", "2023-11-16T15:00:00Z");
    let whole = |dir: &Dir| {
        let fed = feed(dir, "trades.csv", text.clone(), &["--bars", "time:1m", "--accept-losses"]);
        assert_eq!((number(&fed, "accepted"), number(&fed["rejected"], "not_a_number")), (149_800, 200));
        (fed["sources"][0]["source"].clone(), snapshot(dir, "time:1m", from, to)["hash"].clone())
    };
    let (dir, alone) = (Dir::new(), Dir::new());
    let path = dir.write("trades.csv", &text);
    let feed = ["feed", path.to_str().unwrap(), "--instrument", "ABC", "--venue", "X", "--bars", "time:1m"];
    let run = gauntlet(feed).on(&dir).run();
    assert_eq!(run.code, Some(1), "{run}");
    assert!(number(&run.json(), "published") > 100_000, "{run}");
    let source = &gauntlet(["ls", "sources"]).on(&dir).ok()[0];
    assert_eq!((source["status"].as_str(), number(source, "accepted")), (Some("aborted"), 0), "{source}");
    let (again, hash) = whole(&dir);
    assert_ne!(&again, &source["source"]);
    assert_eq!(hash, whole(&alone).1, "as if it had not been fed before");
    assert_eq!(gauntlet(["ls", "sources"]).on(&dir).ok().as_array().unwrap().len(), 2);
    let digest = digest_of(&dir.node());
    gauntlet(["replay", "--all"]).on(&dir).ok();
    digest_of(&dir.node()).assert_equals(&digest, "replay changes nothing");
}
