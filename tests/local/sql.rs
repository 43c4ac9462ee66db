//! SQL over an archive, over the log behind it and over views: the same rows as other commands give, and nothing but reading.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use gauntlet_tests::http::{HttpAnswer, answer};
use gauntlet_tests::{Dir, Json, Up, demo, gauntlet, mini, repository};

use crate::archive::{archived_copy, archived_demo, ranges, trim};

/// The rows of a query, a list of objects.
fn rows(dir: &Dir, query: &str) -> Json {
    let mut answer = gauntlet(["sql", query]).on(dir).ok();
    assert!(answer["columns"].is_array(), "{answer}");
    answer["rows"].take()
}

/// What a command prints without `--json`.
fn printed(dir: &Dir, args: &[&str]) -> String {
    let run = gauntlet(args).env("GAUNTLET_DIR", dir.node().to_str().unwrap()).run();
    assert_eq!(run.code, Some(0), "{run}");
    run.stdout
}

/// Questions whose answers do not depend on where a record lies.
const QUESTIONS: [&str; 9] = [
    "SELECT instrument, kind, count(*) AS n, min(bid) AS low, max(ask) AS high, max(time) AS last FROM ticks GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT * FROM ticks WHERE time >= '2014-05-01T12:00:00Z' ORDER BY instrument, time, row LIMIT 20",
    "SELECT instrument, spec, count(*) AS n, min(low) AS low, max(high) AS high FROM bars GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT record, writer, count(*) AS n FROM log GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT trial, value, _offset, _partition FROM events.trial_completed ORDER BY _partition, _offset LIMIT 30",
    "SELECT m.name, count(*) AS n FROM (SELECT unnest(parameters) AS m FROM events.trial_completed) GROUP BY 1 ORDER BY 1",
    "SELECT snapshot_id, count(*) AS n, max(close) AS high FROM snapshot_bars GROUP BY 1 ORDER BY 1",
    "SELECT run_id, json_number(key_metrics, 'sharpe') AS sharpe FROM runs ORDER BY 2 DESC NULLS LAST, 1 LIMIT 10",
    "SELECT e.name, s.decision, t.n FROM experiments e JOIN selections s ON s.experiment_id = e.experiment_id \
     CROSS JOIN (SELECT count(*) AS n FROM ticks) t ORDER BY 1, 2",
];

#[test]
fn an_answer_is_the_same_wherever_the_records_lie() {
    let on_log = Dir::copy_of(&demo().node);
    let archived = archived_demo();
    let trimmed = archived_demo();
    assert!(trim(&trimmed) > 10_000);
    for query in QUESTIONS {
        let expected = rows(&on_log, query);
        assert!(!expected.as_array().unwrap().is_empty(), "{query}");
        for (what, dir) in [("archived", &archived), ("cut off", &trimmed)] {
            assert_eq!(rows(dir, query), expected, "{what}: {query}");
        }
    }
}

#[test]
fn rows_are_those_of_other_commands() {
    let dir = archived_demo();
    let counted = rows(&dir, "SELECT topic, count(*) AS n FROM log GROUP BY topic");
    let digest = gauntlet(["digest"]).on(&dir).ok();
    for row in counted.as_array().unwrap() {
        assert_eq!(row["n"], digest["topics"][row["topic"].as_str().unwrap()]["events"], "{row}");
    }
    for (of, name) in [("runs", "run_id"), ("models", "model_id"), ("quality", "reason")] {
        let listed = gauntlet(["ls", of]).on(&dir).ok().as_array().unwrap().len();
        let asked = rows(&dir, &format!("SELECT count({name}) AS n FROM {of}"));
        assert_eq!(asked[0]["n"], listed, "{of}");
    }
    // Ticks and bars of each instrument, to the last digit.
    for instrument in gauntlet(["ls", "instruments"]).on(&dir).ok().as_array().unwrap() {
        let name = instrument["instrument"].as_str().unwrap();
        let ticks = dir.path("ticks.csv");
        printed(&dir, &["data", "ticks", "--instrument", name, "--out", ticks.to_str().unwrap()]);
        let query = format!(
            "SELECT time, kind, bid, ask, bid_size, ask_size, price, size, sequence, row, source FROM ticks \
             WHERE instrument = '{name}' ORDER BY source, row"
        );
        let asked = printed(&dir, &["sql", &query, "--format", "csv"]);
        let mut whole: Vec<&str> = asked.lines().collect();
        let of_command = std::fs::read_to_string(&ticks).unwrap();
        let mut expected: Vec<&str> = of_command.lines().collect();
        whole[1..].sort_unstable();
        expected[1..].sort_unstable();
        assert_eq!(whole, expected, "{name}");
        for spec in instrument["bars"].as_str().unwrap().split(", ").filter(|spec| !spec.is_empty()) {
            let bars = dir.path("bars.csv");
            let out = bars.to_str().unwrap();
            printed(&dir, &["data", "bars", "--instrument", name, "--bars", spec, "--out", out]);
            let query = format!(
                "SELECT open_time, close_time, open, high, low, close, volume, ticks, open_spread, close_spread FROM bars \
                 WHERE instrument = '{name}' AND spec = '{spec}' ORDER BY open_time"
            );
            let asked = printed(&dir, &["sql", &query, "--format", "csv"]);
            assert_eq!(asked, std::fs::read_to_string(&bars).unwrap(), "{name} {spec}");
        }
    }
}

#[test]
fn every_table_can_be_asked_and_nothing_else() {
    let dir = archived_copy(mini());
    let tables = rows(&dir, "SHOW TABLES");
    let tables = tables.as_array().unwrap();
    let names: Vec<String> = tables
        .iter()
        .filter(|table| table["table_schema"] != "information_schema")
        .map(|table| {
            format!("{}.{}", table["table_schema"].as_str().unwrap(), table["table_name"].as_str().unwrap())
        })
        .collect();
    assert!(names.len() > 70, "{names:?}");
    let all: Vec<String> =
        names.iter().map(|name| format!("SELECT '{name}' AS t, count(*) AS n FROM {name}")).collect();
    let counted = rows(&dir, &all.join(" UNION ALL "));
    let of =
        |name: &str| counted.as_array().unwrap().iter().find(|row| row["t"] == name).unwrap()["n"].clone();
    assert!(of("public.log").as_i64() > of("events.trial_completed").as_i64(), "{counted}");
    let plan = printed(&dir, &["sql", "EXPLAIN SELECT count(*) AS n FROM runs"]);
    assert!(plan.contains("Reading: parts=1"), "{plan}");
    assert!(printed(&dir, &["sql", "DESCRIBE ticks"]).contains("ask_size\tFloat64"));
    let file = dir.write("evil.csv", "a\n1\n");
    let file = file.to_str().unwrap();
    for (statement, said) in [
        ("CREATE TABLE x AS SELECT 1", "a query reads"),
        ("DROP TABLE runs", "a query reads"),
        ("INSERT INTO runs SELECT * FROM runs", "a query reads"),
        ("DELETE FROM runs", "a query reads"),
        ("UPDATE runs SET run_id = 'x'", "a query reads"),
        ("TRUNCATE TABLE runs", "a query reads"),
        (&format!("COPY (SELECT 1) TO '{file}'"), "a query reads"),
        (&format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{file}'"), "a query reads"),
        (&format!("EXPLAIN COPY (SELECT 1) TO '{file}'"), "a query reads"),
        ("SET datafusion.execution.batch_size = 1", "a query reads"),
        ("PREPARE x AS SELECT 1", "a query reads"),
        ("SELECT 1; DROP TABLE runs", "single SQL statement"),
        ("SELECT * FROM '/etc/passwd'", "/etc/passwd"),
        (&format!("SELECT * FROM '{file}'"), "evil"),
        ("SELECT * FROM read_csv('/etc/passwd')", "read_csv"),
        ("SELECT * FROM nothing", "nothing"),
        ("SELECT shape FROM runs", "shape"),
        ("SELEC 1", "SELEC"),
        ("", ""),
        ("SELECT 1 AS a, 2 AS a", "a"),
        ("SELECT repeat('x', 2000000000)", "repeat"),
        ("SELECT 1/0 FROM runs", "zero"),
    ] {
        gauntlet(["sql", statement]).on(&dir).refused(2, &[said]);
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "a\n1\n");
    // A long sum is deep to walk.
    let sum = |ones: usize| format!("SELECT {}1 AS n", "1+".repeat(ones));
    assert_eq!(rows(&dir, &sum(900))[0]["n"], 901);
    gauntlet(["sql", &sum(20_000)]).on(&dir).refused(2, &["20002 operators and keywords"]);
    let nested = format!("SELECT {}1{} AS n", "(".repeat(400), ")".repeat(400));
    gauntlet(["sql", &nested]).on(&dir).refused(2, &["RecursionLimit"]);
    let listed: Vec<String> = (0..8_000).map(|number| number.to_string()).collect();
    let listed = format!("SELECT count(*) AS n FROM bars WHERE ticks IN ({})", listed.join(","));
    assert!(rows(&dir, &listed)[0]["n"].as_i64() > Some(0));
}

#[test]
fn a_query_can_be_asked_as_of_a_recorded_time() {
    let dir = Dir::copy_of(mini());
    let query = "SELECT count(*) AS n, count(DISTINCT experiment_id) AS e FROM runs";
    let counted = "SELECT record, count(*) AS n FROM log GROUP BY 1 ORDER BY 1";
    let last = |of: &str| {
        let found = rows(&dir, &format!("SELECT max(_recorded) AS t FROM events.{of}"));
        found[0]["t"].as_str().unwrap().to_owned()
    };
    let (trials_ended, between) = (last("trial_completed"), last("experiment_judged"));
    let (before, log) = (rows(&dir, query), rows(&dir, counted));
    let file = dir.write("again.yaml", gauntlet_tests::golden::MINI.replace("seed: 3", "seed: 8"));
    gauntlet(["submit", file.to_str().unwrap(), "--wait"]).on(&dir).ok();
    assert!(rows(&dir, query)[0]["n"].as_i64() > before[0]["n"].as_i64());
    let as_of =
        |query: &str, time: &str| gauntlet(["sql", query, "--as-of", time]).on(&dir).ok()["rows"].take();
    let trials = as_of("SELECT count(*) AS n FROM events.trial_completed", &trials_ended);
    assert_eq!(trials, as_of("SELECT count(*) AS n FROM trials WHERE state = 'completed'", &trials_ended));
    assert_eq!(as_of(query, "2001-01-01")[0]["n"], 0);
    // Between the two experiments everything is as it was.
    assert_eq!((as_of(query, &between), as_of(counted, &between)), (before, log));
    gauntlet(["sql", query, "--as-of", "2200-01-01"]).on(&dir).refused(2, &["has not come yet"]);
    let up = Up::on(&dir);
    let body = serde_json::json!({ "query": query, "as_of": between }).to_string();
    let answer = asked(&up, &body);
    assert_eq!((answer.status, answer.header("gauntlet-as-of")), (200, Some(between.as_str())));
    assert_eq!(answer.json()["rows"], as_of(query, &between));
    up.stop();
}

#[test]
fn a_query_ends_when_it_takes_too_much() {
    let dir = archived_copy(mini());
    let limited = |query: &str, key: &str, value: &str, said: &str| {
        gauntlet(["sql", query]).on(&dir).env(key, value).refused(2, &["the query was ended", said]);
    };
    let endless =
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS m FROM n";
    limited(endless, "GAUNTLET_SQL__SECONDS", "1", "sql.seconds");
    let long = "SELECT count(*) AS n FROM generate_series(1, 100000000000)";
    limited(long, "GAUNTLET_SQL__SECONDS", "1", "sql.seconds");
    let wide =
        "SELECT value, count(*) AS n FROM generate_series(1, 3000000) GROUP BY value ORDER BY value DESC";
    let run = gauntlet(["sql", wide])
        .on(&dir)
        .env("GAUNTLET_SQL__MEMORY_MB", "8")
        .env("GAUNTLET_SQL__SPILL_MB", "1");
    run.refused(2, &["the query was ended"]);
    limited("SELECT * FROM generate_series(1, 2000)", "GAUNTLET_SQL__ROWS", "1000", "sql.rows");
    // What does not fit into memory is put on the disk.
    let spilt = gauntlet([
        "sql",
        "SELECT max(value) AS m FROM (SELECT value FROM generate_series(1, 3000000) ORDER BY value % 1000)",
    ])
    .on(&dir)
    .env("GAUNTLET_SQL__MEMORY_MB", "32")
    .ok();
    assert_eq!(spilt["rows"][0]["m"], 3_000_000);
}

#[test]
fn a_damaged_file_is_an_error_and_never_less_rows() {
    let dir = archived_copy(mini());
    let of_bars = ranges(&dir.node()).into_iter().find(|range| range.topic == "market.bars.v1").unwrap();
    let path = dir.node().join("lake").join(of_bars.path());
    let good = std::fs::read(&path).unwrap();
    let query = "SELECT sum(close) AS s, sum(volume) AS v, max(open_time) AS t, count(spec) AS n FROM bars";
    let expected = rows(&dir, query);
    std::fs::write(&path, &good[..good.len() / 2]).unwrap();
    gauntlet(["sql", query]).on(&dir).refused(3, &[&of_bars.path()]);
    std::fs::remove_file(&path).unwrap();
    gauntlet(["sql", query]).on(&dir).refused(3, &["market.bars.v1", "nothing was skipped"]);
    // A byte in any place: the answer is right or there is none.
    let mut refused = 0;
    for at in (0..good.len()).step_by(good.len() / 40) {
        let mut altered = good.clone();
        altered[at] ^= 0x20;
        std::fs::write(&path, &altered).unwrap();
        let run = gauntlet(["sql", query]).on(&dir).run();
        match run.code {
            Some(0) => {
                let answer: Json = serde_json::from_str(&run.stdout).unwrap();
                assert_eq!(answer["rows"], expected, "byte {at}");
            }
            _ => {
                assert!(run.stderr.contains(&of_bars.path()), "byte {at}: {run}");
                refused += 1;
            }
        }
    }
    assert!(refused > 2, "{refused} of 40 bytes are in the columns that were read");
    std::fs::write(&path, &good).unwrap();
    assert_eq!(rows(&dir, query), expected);
}

fn asked(up: &Up, body: &str) -> HttpAnswer {
    up.api("POST", "/sql", &[], body.as_bytes())
}

#[test]
fn sql_over_http_is_read_by_role_and_in_every_format() {
    let dir = archived_copy(mini());
    let up = Up::on(&dir);
    let query = "SELECT instrument, count(*) AS n FROM bars GROUP BY 1 ORDER BY 1";
    let body = serde_json::json!({ "query": query }).to_string();
    let json = asked(&up, &body);
    assert_eq!(json.status, 200, "{}", json.text());
    assert!(json.header("gauntlet-position").is_some());
    // The command asks the running process.
    assert_eq!(json.json(), gauntlet(["sql", query]).on(&dir).ok());
    let name = json.json()["rows"][0]["instrument"].as_str().unwrap().to_owned();
    let table = printed(&dir, &["sql", query]);
    assert!(table.contains("instrument\tn") && table.contains(&name), "{table}");
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let csv = up.api("GET", &format!("/sql?format=csv&query={encoded}"), &[], b"");
    assert_eq!(csv.text(), printed(&dir, &["sql", query, "--format", "csv"]));
    for (accept, begin) in [
        ("application/vnd.apache.parquet", &b"PAR1"[..]),
        ("application/vnd.apache.arrow.stream", &[0xff; 4]),
    ] {
        let file = up.api("POST", "/sql", &[("accept", accept)], body.as_bytes());
        assert_eq!(
            (file.header("content-type"), file.body.starts_with(begin)),
            (Some(accept), true),
            "{accept}"
        );
    }
    for (body, status, kind) in [
        (r#"{"query":"DROP TABLE runs"}"#, 400, "sql-statement"),
        (r#"{"query":"SELECT 1","as":"x"}"#, 422, "validation"),
        (r#"{"query":"SELECT 1","format":"xlsx"}"#, 406, "not-acceptable"),
        ("{", 422, "validation"),
    ] {
        let refused = asked(&up, body);
        assert_eq!(refused.status, status, "{}", refused.text());
        assert_eq!(refused.json()["type"], format!("/problems/{kind}"));
    }
    // Who may not see who may ask has no such tables.
    let token = gauntlet(["token", "issue", "reader", "--scopes", "read", "--as", "ann"]).on(&dir).ok();
    let bearer = format!("Bearer {}", token["secret"].as_str().unwrap());
    let as_reader = |query: &str| {
        let body = serde_json::json!({ "query": query }).to_string();
        answer(&up.address, "POST", "/api/v1/sql", &[("authorization", &bearer)], body.as_bytes())
    };
    for table in ["tokens", "audit", "events.token_issued", "events.command_audited"] {
        let query = format!("SELECT count(*) AS n FROM {table}");
        assert_eq!(as_reader(&query).status, 400, "{table}");
        assert_eq!(asked(&up, &serde_json::json!({ "query": query }).to_string()).status, 200, "{table}");
    }
    let hidden = as_reader("SELECT count(*) AS n FROM log WHERE topic LIKE 'platform.%'").json();
    assert_eq!(hidden["rows"][0]["n"], 0);
    assert_eq!(answer(&up.address, "POST", "/api/v1/sql", &[], body.as_bytes()).status, 401);
    up.stop();
}

#[test]
fn whoever_leaves_ends_the_query() {
    let dir = archived_copy(mini());
    let up = Up::of(gauntlet(["up", "--listen", "127.0.0.1:0"]).env("GAUNTLET_SQL__AT_A_TIME", "1"), &dir);
    let endless =
        serde_json::json!({ "query": "SELECT value FROM generate_series(1, 100000000000)", "format": "csv" });
    let endless = endless.to_string();
    let mut stream = TcpStream::connect(&up.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "POST /api/v1/sql HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{endless}",
        up.address,
        up.token,
        endless.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut begun = [0; 4096];
    stream.read_exact(&mut begun).unwrap();
    assert!(begun.starts_with(b"HTTP/1.1 200"));
    // One at a time: the next one finds no room until it has left.
    let next = r#"{"query":"SELECT 1 AS one"}"#;
    let busy = asked(&up, next);
    assert_eq!((busy.status, busy.json()["type"].as_str()), (429, Some("/problems/too-many-requests")));
    drop(stream);
    let mut last = asked(&up, next);
    for _ in 0..20 {
        if last.status == 200 {
            break;
        }
        last = asked(&up, next);
    }
    assert_eq!(last.status, 200, "{}", last.text());
    up.stop();
}

#[test]
fn the_lake_is_read_over_http_by_ranges() {
    let dir = archived_copy(mini());
    let up = Up::on(&dir);
    let own = format!("Bearer {}", up.token);
    let get = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let mut headers = headers.to_vec();
        headers.push(("authorization", &own));
        answer(&up.address, method, path, &headers, b"")
    };
    let listed = get("GET", "/lake", &[]).json();
    let files: Vec<&str> =
        listed["files"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    for range in ranges(&dir.node()) {
        assert!(files.contains(&range.path().as_str()), "{range}");
    }
    let path =
        format!("/lake/{}", files.iter().find(|path| path.starts_with("archive/market.bars")).unwrap());
    let whole = std::fs::read(dir.node().join(path.trim_start_matches('/'))).unwrap();
    let all = get("GET", &path, &[]);
    assert_eq!((all.status, &all.body), (200, &whole));
    let tag = all.header("etag").unwrap().to_owned();
    let length = whole.len();
    let part = get("GET", &path, &[("range", "bytes=-8")]);
    assert_eq!((part.status, &part.body[..]), (206, &whole[length - 8..]));
    assert_eq!(
        part.header("content-range"),
        Some(format!("bytes {}-{}/{length}", length - 8, length - 1).as_str())
    );
    let begin = get("GET", &path, &[("range", "bytes=0-3"), ("if-range", &tag)]);
    assert_eq!((begin.status, &begin.body[..]), (206, &b"PAR1"[..]));
    let other = get("GET", &path, &[("range", "bytes=0-3"), ("if-range", "\"x\"")]);
    assert_eq!((other.status, other.body.len()), (200, length));
    let beyond = get("GET", &path, &[("range", &format!("bytes={length}-"))]);
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, Some(format!("bytes */{length}").as_str()))
    );
    assert_eq!(get("GET", &path, &[("if-none-match", &tag)]).status, 304);
    let head = get("HEAD", &path, &[]);
    assert_eq!((head.status, head.header("content-length")), (200, Some(length.to_string().as_str())));
    for path in [
        "/lake/../log.redb",
        "/lake/archive/../../log.redb",
        "/lake/archive/%2e%2e/%2e%2e/log.redb",
        "/lake/tmp/x.parquet",
    ] {
        assert_eq!(get("GET", path, &[]).status, 404, "{path}");
    }
    assert_eq!(answer(&up.address, "GET", &path, &[], b"").status, 401);
    up.stop();
}

#[test]
fn duckdb_polars_and_pandas_read_the_lake() {
    let dir = archived_demo();
    let up = Up::on(&dir);
    let run = std::process::Command::new(repository().join("tests/readers/check"))
        .env("GAUNTLET_DIR", dir.node())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("over HTTP"), "{said}");
    up.stop();
}
