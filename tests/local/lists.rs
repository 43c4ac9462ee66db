//! `ls` of a long list: printed row by row, and the same rows whatever is asked of their order.

use std::fmt::Write;

use gauntlet_tests::{Dir, Json, gauntlet, number};

use crate::terminal::on_terminal;

/// Every other trade has no size.
const ROWS: usize = 6_000;

fn fed() -> Dir {
    let dir = Dir::new();
    let mut text = "time,price,size\n".to_owned();
    for row in 0..ROWS {
        writeln!(text, "{},100.{:02},{}", 1_704_067_200_000 + row * 1_000, row % 7, (row + 1) % 2).unwrap();
    }
    let path = dir.path("trades.csv");
    std::fs::write(&path, text).unwrap();
    let report =
        gauntlet(["feed", path.to_str().unwrap(), "--instrument", "X", "--venue", "V", "--accept-losses"])
            .on(&dir)
            .ok();
    assert_eq!(number(&report["rejected"], "non_positive_size"), 3_000, "{report}");
    dir
}

fn quality(dir: &Dir, more: &[&str]) -> Vec<Json> {
    let listed = gauntlet(["ls", "quality"].into_iter().chain(more.iter().copied())).on(dir).ok();
    listed.as_array().unwrap().clone()
}

fn rows(listed: &[Json]) -> Vec<i64> {
    listed.iter().map(|row| number(row, "row")).collect()
}

#[test]
fn a_long_list_is_whole_and_every_part_of_it_is_a_part() {
    let dir = fed();
    let all = quality(&dir, &[]);
    assert_eq!(rows(&all), (1..=3_000).map(|row| row * 2).collect::<Vec<i64>>());
    assert_eq!(all[0]["reason"], "non_positive_size");
    assert_eq!(quality(&dir, &["--limit", "3"]), all[..3]);
    assert!(quality(&dir, &["--limit", "0"]).is_empty());
    assert_eq!(quality(&dir, &["--limit", "5000"]), all);
    let backwards: Vec<Json> = all.iter().rev().cloned().collect();
    assert_eq!(quality(&dir, &["--sort=-row"]), backwards);
    assert_eq!(quality(&dir, &["--sort=-row", "--limit", "4"]), backwards[..4]);
    assert_eq!(rows(&quality(&dir, &["--filter", "row > 100 and row < 105"])), [102, 104]);
    assert_eq!(rows(&quality(&dir, &["--filter", "row > 100", "--limit", "1"])), [102]);
    assert_eq!(rows(&quality(&dir, &["--filter", "row > 100", "--sort=-time", "--limit", "1"])), [6_000]);
    assert!(quality(&dir, &["--filter", "row < 0"]).is_empty());
}

#[test]
fn a_long_list_is_several_tables_for_people_and_one_for_programs() {
    let dir = fed();
    let printed = |more: &[&str]| {
        let args = ["ls", "quality"].into_iter().chain(more.iter().copied());
        let run = gauntlet(args).env("GAUNTLET_DIR", dir.node().to_str().unwrap()).run();
        assert_eq!(run.code, Some(0), "{run}");
        run.stdout
    };
    let headers = |text: &str| text.lines().filter(|line| line.contains("instrument")).count();
    let all = printed(&[]);
    assert_eq!((headers(&all), all.matches("non_positive_size").count()), (1, 3_000));
    let shown = on_terminal(&dir, 120, "C.UTF-8", "ls quality");
    assert_eq!((headers(&shown), shown.matches("non_positive_size").count()), (3, 3_000));
    assert_eq!(headers(&printed(&["--limit", "1000"])), 1);
    let none = printed(&["--filter", "row < 0"]);
    assert_eq!(headers(&none), 1, "{none}");
}

#[test]
fn what_cannot_be_listed_is_one_document_and_says_what_there_is() {
    let dir = fed();
    gauntlet(["ls", "quality", "--sort", "rwo"]).on(&dir).refused(2, &["did you mean row?", "columns are"]);
    gauntlet(["ls", "quality", "--filter", "colour == 1"]).on(&dir).refused(2, &["no column 'colour'"]);
    gauntlet(["ls", "qualities"]).on(&dir).refused(2, &["did you mean quality?"]);
}
