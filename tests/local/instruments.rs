//! Instruments as documents, and what follows from them for data that are fed: calendars, ticks, decimals, limits.

use gauntlet_domain::market::Bar;
use gauntlet_tests::{Dir, Json, gauntlet, number};

use crate::cleaning::all_bars_on_the_log;

/// Sets an instrument `X.Y` by a document.
fn set(dir: &Dir, more: &str) -> Json {
    let document = dir.write("x.yaml", format!("instrument: X.Y\n{more}"));
    gauntlet(["instrument", "set", document.to_str().unwrap()]).on(dir).ok()
}

fn feed(dir: &Dir, text: &str, more: &[&str]) -> Json {
    let file = dir.write("t.csv", text);
    let mut args = vec!["feed", file.to_str().unwrap(), "--instrument", "X", "--venue", "Y"];
    args.extend(more);
    gauntlet(args).on(dir).ok()
}

fn opens(dir: &Dir) -> Vec<String> {
    all_bars_on_the_log(dir).iter().map(|bar: &Bar| bar.open_time.to_string()).collect()
}

#[test]
fn a_document_is_set_shown_and_listed_and_bad_ones_say_why() {
    let dir = Dir::new();
    let made = set(&dir, "class: stock\ntick_size: 0.01\ncalendar: XNYS\ncleaning: { gap: 60 }\n");
    assert_eq!((made["asset_class"].as_str(), number(&made, "tick_size")), (Some("stock"), 10_000_000));
    let shown = gauntlet(["instrument", "show", "X.Y"]).on(&dir).ok();
    assert_eq!(shown, made);
    assert!(shown["calendar"]["holidays"].as_array().map(Vec::len).unwrap_or_default() > 300);
    // Again is nothing new, and another document takes its place.
    assert_eq!(set(&dir, "class: stock\ntick_size: 0.05\n")["tick_size"], 50_000_000);
    let all = gauntlet(["instrument", "ls"]).on(&dir).ok();
    assert_eq!((all.as_array().unwrap().len(), &all[0]["tick_size"]), (1, &Json::from(50_000_000)));
    gauntlet(["instrument", "show", "X.Z"]).on(&dir).refused(2, &["no instrument X.Z", "did you mean X.Y?"]);
    let refused = |text: &str, needles: &[&str]| {
        let document = dir.write("bad.yaml", text);
        gauntlet(["instrument", "set", document.to_str().unwrap()]).on(&dir).refused(2, needles);
    };
    refused("instrument: X.Y\nclass: stocks\n", &["bad.yaml: class", "did you mean `stock`?"]);
    refused("instrument: X\nclass: stock\n", &["bad.yaml: instrument"]);
    refused("class: stock\n", &["bad.yaml", "instrument"]);
    refused(
        "instrument: X.Y\nclass: stock\ncalendar: { zone: Mars/Base, from: 2024-01-01, to: 2024-12-31, week: { mon: 09:00-10:00 } }\n",
        &["calendar", "zone Mars/Base is not in the time zone database"],
    );
    // A scale is fixed by the first definition.
    refused(
        "instrument: X.Y\nclass: stock\ndecimals: { price: 12, size: 8 }\n",
        &["X.Y has prices in 1e-9", "a scale cannot change"],
    );
}

#[test]
fn no_bar_is_made_outside_a_calendar_and_a_weekend_is_no_gap() {
    let dir = Dir::new();
    set(&dir, "class: stock\ncalendar: XNYS\nbars: [time:1h]\ncleaning: { gap: 1800, lateness: 0 }\n");
    // Friday and Monday, over the change of the clocks on Sunday; before the opening, on the Saturday; a silence in the session.
    let rows = "timestamp,price,size\n2024-03-08 14:00:00,10,1\n2024-03-08 14:30:00,10,1\n2024-03-08 20:45:00,10.01,1\n\
                2024-03-08 20:59:59,10.02,1\n2024-03-09 15:00:00,10,1\n2024-03-11 13:30:00,10,1\n2024-03-11 13:45:00,10.01,1\n";
    let dry = feed(&dir, rows, &["--dry-run"]);
    let outside = serde_json::json!({ "out_of_session": 2 });
    assert_eq!(dry["files"][0]["rejected"], outside, "a dry run knows what was set: {dry}");
    let fed = feed(&dir, rows, &[]);
    assert_eq!(fed["rejected"], outside, "{fed}");
    let set = gauntlet(["instrument", "show", "X.Y"]).on(&dir).ok();
    assert_eq!(set["bars"], serde_json::json!(["time:1h"]), "others are made when they are asked for");
    assert_eq!((number(&fed, "accepted"), number(&fed, "gaps")), (5, 1), "{fed}");
    assert_eq!(opens(&dir), ["2024-03-08T14:30:00Z", "2024-03-08T20:30:00Z"], "the last one is cut at 21:00");

    // A day of which the calendar says nothing.
    let fed = feed(&dir, "timestamp,price,size\n2031-03-10 15:00:00,10,1\n2031-03-10 15:00:01,10,1\n", &[]);
    assert_eq!(fed["rejected"], serde_json::json!({ "no_calendar": 2 }), "{fed}");
}

#[test]
fn a_break_at_noon_has_no_bar_and_is_no_gap() {
    let dir = Dir::new();
    let set = set(
        &dir,
        "class: stock\ncalendar: XHKG\nbars: [time:1h, time:1d]\nempty_bars: fill\n\
         cleaning: { gap: 1800, lateness: 0 }\n",
    );
    assert_eq!(set["calendar"]["week"].as_array().map(Vec::len), Some(10));
    // Hong Kong time: a morning, a print in the break, an afternoon, and the next morning.
    let rows = "timestamp,price,size\n2024-03-04 09:30:00,10,1\n2024-03-04 09:59:00,10.02,1\n2024-03-04 10:20:00,10.01,1\n\
                2024-03-04 10:45:00,10.01,1\n2024-03-04 11:10:00,10,1\n2024-03-04 11:35:00,9.99,1\n2024-03-04 11:59:59,10,1\n\
                2024-03-04 12:00:00,10,1\n2024-03-04 13:00:00,10.01,1\n2024-03-04 13:25:00,10.03,1\n2024-03-04 15:59:00,10,1\n\
                2024-03-05 09:30:00,10,1\n2024-03-05 13:00:00,10,1\n2024-03-05 14:00:00,10,1\n2024-03-05 14:20:00,10,1\n";
    let fed = feed(&dir, rows, &["--zone", "Asia/Hong_Kong"]);
    assert_eq!(fed["rejected"], serde_json::json!({ "out_of_session": 1 }), "{fed}");
    // Within the sessions: after 13:25 on the first day, and on the second the morning and 13:00 to 14:00.
    assert_eq!((number(&fed, "accepted"), number(&fed, "gaps")), (14, 3), "{fed}");
    let bars = all_bars_on_the_log(&dir);
    let of = |spec: &str| {
        let bars = bars.iter().filter(|bar| bar.spec.to_string() == spec);
        bars.map(|bar| [bar.open_time, bar.close_time].map(|time| time.to_string()[5..16].to_owned()))
            .collect::<Vec<_>>()
    };
    // In UTC, eight hours less.
    let hours = ["01:30", "02:30", "03:30", "05:00", "06:00", "07:00"];
    let ends = ["02:30", "03:30", "04:00", "06:00", "07:00", "08:00"];
    let day = |day: &str, range: std::ops::Range<usize>| {
        range.map(|at| [hours[at], ends[at]].map(|time| format!("03-{day}T{time}"))).collect::<Vec<_>>()
    };
    assert_eq!(of("time:1h"), [day("04", 0..6), day("05", 0..4)].concat());
    assert_eq!(of("time:1d"), [["03-04T01:30", "03-04T08:00"]], "one bar a day");
    let daily = bars.iter().find(|bar| bar.spec.to_string() == "time:1d").unwrap();
    assert_eq!([daily.high, daily.low].map(|price| daily.scale.price_text(price)), ["10.03", "9.99"]);
}

#[test]
fn prices_of_a_millionth_are_exact_all_the_way_to_a_snapshot() {
    let dir = Dir::new();
    let rows: String = (0..180)
        .map(|n| format!("2024-03-04 10:{:02}:{:02},0.00000123{:02},5e9\n", n / 60, n % 60, n % 3 + 30))
        .collect();
    let text = format!("timestamp,price,size\n{rows}2024-03-04 10:03:00,0.0000012330,5e9\n");
    let fed = feed(&dir, &text, &["--bars", "time:1m"]);
    assert_eq!((number(&fed, "read"), number(&fed, "accepted")), (181, 181), "{fed}");
    let first = &all_bars_on_the_log(&dir)[0];
    let scale = first.scale;
    assert_eq!(
        (scale.price_text(first.open), scale.price_text(first.high)),
        ("0.000001233".into(), "0.0000012332".into())
    );
    assert_eq!(scale.size_text(first.volume), "300000000000", "above what hundred-millionths hold");
    let again = feed(&dir, &text, &["--bars", "time:1m"]);
    assert_eq!((number(&again, "published"), &again["sources"][0]["already_there"]), (0, &Json::Bool(true)));
    let args =
        ["snapshot", "create", "--instrument", "X.Y", "--bars", "time:1m", "--to", "2024-03-04T10:02:00Z"];
    let sealed = gauntlet(args).on(&dir).ok();
    assert_eq!(number(&sealed, "rows"), 2, "{sealed}");
    let id = sealed["snapshot_id"].as_str().unwrap();
    gauntlet(["snapshot", "verify", id]).on(&dir).ok();
    let digest = gauntlet(["digest"]).on(&dir).ok();
    let events = |topic: &str| number(&digest["topics"][topic], "events");
    assert_eq!(
        (events("market.bars.v1"), events("market.bars.v2")),
        (0, 2),
        "readers of version 1 see none of it"
    );
    assert!(events("market.ticks.v2") >= 3 && events("market.ticks.v1") == 0);
    gauntlet(["replay", "--all"]).on(&dir).ok();
    gauntlet(["verify"]).on(&dir).ok();
    gauntlet(["views", "verify"]).on(&dir).ok();

    // What the scale cannot hold is refused, not rounded.
    let file = dir.write("finer.csv", "timestamp,price,size\n2024-03-05 10:00:00,0.00000000123456,1\n");
    let args = ["feed", file.to_str().unwrap(), "--instrument", "X", "--venue", "Y"];
    gauntlet(args)
        .on(&dir)
        .refused(2, &["finer.csv", "its numbers need prices in 1e-14", "decimals: { price: 14"]);
}

#[test]
fn a_tick_that_prices_contradict_is_said_and_limits_are_the_documents() {
    let dir = Dir::new();
    set(&dir, "class: stock\ntick_size: 0.05\nbars: [time:1m]\n");
    let price = |n: usize| if n == 20 { 10.0 } else { 1.0 + (n % 3) as f64 / 100.0 };
    let rows: String = (0..60).map(|n| format!("2024-03-04 15:00:{n:02},{:.2},1\n", price(n))).collect();
    let text = format!("timestamp,price,size\n{rows}");
    let fed = feed(&dir, &text, &[]);
    assert_eq!(
        (number(&fed["corrected"], "off_tick"), number(&fed["rejected"], "outlier")),
        (39, 1),
        "{fed}"
    );

    let other = Dir::new();
    set(
        &other,
        "class: stock\nbars: [time:1m]\ncleaning: { level_medians: 0, level_ticks: 0, level_tails: 0 }\n",
    );
    let fed = feed(&other, &text, &[]);
    assert_eq!((number(&fed, "accepted"), &fed["rejected"]), (60, &serde_json::json!({})), "the rule is off");
}
