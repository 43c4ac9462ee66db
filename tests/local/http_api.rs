//! The HTTP API from outside: who may ask, lists and their pages, commands under a key, and every kind of bad input.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use gauntlet_log::{EventLog, LocalLog, TopicPartition};
use gauntlet_tests::golden::{MINI, mini_and_second};
use gauntlet_tests::http::{HttpAnswer, answer};
use gauntlet_tests::{Dir, Json, Up, gauntlet, mini};

/// The type of a problem.
fn problem(answer: &HttpAnswer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.text());
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status, "{problem}");
    assert!(problem["detail"].as_str().unwrap().len() > 20, "{problem}");
    (answer.status, problem["type"].as_str().unwrap().replace("/problems/", ""))
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn ids(rows: &Json, column: &str) -> Vec<String> {
    rows.as_array().unwrap().iter().map(|row| row[column].as_str().unwrap().to_owned()).collect()
}

#[test]
fn nobody_asks_without_saying_who_and_every_answer_guards_the_browser() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let asked = |headers: &[(&str, &str)]| answer(&up.address, "GET", "/api/v1/me", headers, b"");
    assert_eq!(problem(&asked(&[])), (401, "sign-in-required".into()));
    for wrong in ["Bearer", "Bearer x", "Basic eDp5", "Bearer gtl_00"] {
        assert_eq!(problem(&asked(&[("authorization", wrong)])), (401, "sign-in-required".into()), "{wrong}");
    }
    let own = up.document("/me");
    assert_eq!(own["roles"].as_array().unwrap().len(), 5, "{own}");
    for answer in
        [asked(&[]), up.api("GET", "/runs", &[], b""), answer(&up.address, "GET", "/metrics", &[], b"")]
    {
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    // Another name of this machine, as after a change of its address in the name service, and pages of others.
    for host in ["evil.example", "127.0.0.1.evil.example:1", "127.0.0.1:1"] {
        assert_eq!(
            problem(&up.api("GET", "/me", &[("host", host)], b"")),
            (421, "other-host".into()),
            "{host}"
        );
    }
    let key = ("idempotency-key", "k");
    for (name, value) in
        [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
    {
        let answer = up.api("POST", "/experiments", &[key, (name, value)], MINI.as_bytes());
        assert_eq!(problem(&answer), (403, "cross-site".into()), "{value}");
    }
    // The page of a link begins a session once.
    let link = gauntlet(["link"]).on(&dir).ok()["link"].as_str().unwrap().to_owned();
    let path = &link[link.find("/sign-in").unwrap()..];
    let first = answer(&up.address, "GET", path, &[], b"");
    let cookie = first.header("set-cookie").unwrap().to_owned();
    assert_eq!((first.status, first.header("location")), (303, Some("/")));
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert_eq!(problem(&answer(&up.address, "GET", path, &[], b"")).0, 401, "a link is good once");
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(asked(&[("cookie", cookie)]).json()["by"], "session");
    for end in [cookie.len() - 1, cookie.len() - 20] {
        let mut altered = cookie.to_owned().into_bytes();
        altered[end] = if altered[end] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert_eq!(problem(&asked(&[("cookie", &altered)])).0, 401, "a seal that does not hold");
    }
    assert_eq!(problem(&up.api("GET", "/nothing/at/all", &[], b"")), (404, "not-found".into()));
    assert_eq!(problem(&up.api("DELETE", "/runs", &[], b"")), (405, "method-not-allowed".into()));
    up.stop();
    // Sessions end with the process.
    let up = Up::on(&dir);
    assert_eq!(answer(&up.address, "GET", "/api/v1/me", &[("cookie", cookie)], b"").status, 401);
    up.stop();
}

#[test]
fn a_token_does_what_its_scopes_say_until_it_is_taken_back() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let issue = |scopes: &str, expires: &str| {
        gauntlet(["token", "issue", "nightly", "--scopes", scopes, "--expires", expires, "--as", "ann"])
            .on(&dir)
    };
    let reader = issue("read", "1d").ok();
    let worker = issue("read,submit", "366d").ok();
    let asked = |token: &Json, method: &str, path: &str, body: &[u8]| {
        let bearer = format!("Bearer {}", token["secret"].as_str().unwrap());
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
        answer(&up.address, method, &format!("/api/v1{path}"), &headers, body)
    };
    let me = asked(&reader, "GET", "/me", b"").json();
    assert_eq!((me["name"].as_str(), me["roles"].to_string()), (Some("ann"), r#"["viewer"]"#.to_owned()));
    assert_eq!(asked(&reader, "GET", "/runs", b"").status, 200);
    let document = MINI.replace("seed: 3", "seed: 9");
    let refused = asked(&reader, "POST", "/experiments", document.as_bytes());
    assert_eq!(problem(&refused), (403, "role-required".into()));
    assert_eq!(refused.json()["role"], "quant");
    for path in ["/audit", "/tokens"] {
        assert_eq!(problem(&asked(&worker, "GET", path, b"")), (403, "role-required".into()), "{path}");
    }
    let taken = asked(&worker, "POST", "/experiments", document.as_bytes());
    assert_eq!(taken.status, 202, "{}", taken.text());
    // No token makes tokens, takes them back, or decides about a model.
    let model = up.document("/models?limit=1")["rows"][0]["model_id"].as_str().unwrap().to_owned();
    let all = issue("read,submit,ingest,operate", "1h").ok();
    let bodies: [(&str, &[u8]); 3] = [
        ("/tokens", br#"{"name":"x","scopes":["read"],"days":1}"#),
        ("/tokens/ab/revoke", br#"{"reason":"x"}"#),
        (&format!("/models/{model}/waivers"), br#"{"gate":"pbo","reason":"x","expires":"2030-01-01"}"#),
    ];
    for (path, body) in bodies {
        assert_eq!(problem(&asked(&all, "POST", path, body)), (403, "role-required".into()), "{path}");
    }
    // What is said of it nowhere has the secret.
    let secret = reader["secret"].as_str().unwrap();
    let listed = gauntlet(["token", "ls"]).on(&dir).ok();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert!(!listed.to_string().contains(secret) && !up.document("/audit").to_string().contains(secret));
    let name = reader["token"].as_str().unwrap();
    gauntlet(["token", "revoke", name, "--reason", "lost", "--as", "ben"]).on(&dir).ok();
    let gone = asked(&reader, "GET", "/runs", b"");
    assert_eq!(problem(&gone), (401, "sign-in-required".into()));
    assert!(gone.text().contains("taken back by ben: lost"), "{}", gone.text());
    let short = issue("read", "1s").ok();
    let ended = (0..40).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        asked(&short, "GET", "/runs", b"").status == 401
    });
    let late = asked(&short, "GET", "/runs", b"");
    assert!(ended && late.text().contains("has expired at"), "{}", late.text());
    issue("read", "367d").refused(2, &["366 days"]);
    issue("approve", "1d").refused(2, &["there is no scope 'approve'", "none approves"]);
    up.stop();
    let bytes = std::fs::read(dir.node().join("log.redb")).unwrap();
    assert!(!bytes.windows(secret.len()).any(|at| at == secret.as_bytes()), "the log has the secret");
}

#[test]
fn pages_hold_every_row_once_in_the_order_that_was_asked_for() {
    let dir = Dir::copy_of(mini_and_second());
    let up = Up::on(&dir);
    for query in
        ["", "sort=-sharpe", "sort=phase,-sharpe", "sort=-end", "filter=sharpe%20%3E%200&sort=sharpe"]
    {
        let whole = up.document(&format!("/runs?{query}&limit=10000&fields=run_id,sharpe,phase"));
        let all = ids(&whole["rows"], "run_id");
        assert!(
            all.len() > 20 && whole["next"].is_null() && whole["matched"] == all.len(),
            "{query}: {}",
            all.len()
        );
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = up.document(&format!("/runs?{query}&limit=7{cursor}&fields=run_id"));
            assert_eq!(page["matched"], all.len());
            paged.extend(ids(&page["rows"], "run_id"));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(paged, all, "{query}");
        assert_eq!(BTreeSet::from_iter(&all).len(), all.len(), "{query}: a row twice");
        let csv = up.api("GET", &format!("/runs.csv?{query}&fields=run_id"), &[], b"");
        assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
        assert_eq!(csv.text().lines().skip(1).collect::<Vec<_>>(), all, "{query}: as a file");
    }
    // The same order and filter as on the command line.
    let filter = "phase = 'holdout' or sharpe between 0.1 and 0.3";
    let listed = gauntlet(["ls", "runs", "--filter", filter, "--sort", "-sharpe"]).on(&dir).ok();
    let asked = up.document(&format!("/runs?filter={}&sort=-sharpe", encoded(filter)));
    assert_eq!(asked["rows"], listed);
    assert!(asked["rows"].as_array().unwrap().len() > 3);
    // What comes later is on the page that it belongs to, and the columns in memory follow.
    let before = up.document("/experiments")["matched"].clone();
    let third =
        dir.write("third.yaml", MINI.replace("seed: 3", "seed: 5").replace("trials: 12", "trials: 5"));
    let done = gauntlet(["submit", third.to_str().unwrap(), "--wait"]).on(&dir).ok();
    let rows = up.document("/experiments?fields=experiment_id,status,value,judgement")["rows"].clone();
    assert_eq!(rows.as_array().unwrap().len() as i64, before.as_i64().unwrap() + 1);
    assert_eq!(rows[0]["experiment_id"], done["experiment_id"], "the newest first");
    assert_eq!(rows[0]["value"], done["leaderboard"][0]["tuning"], "{rows} {done}");
    let parquet = up.api("GET", "/models.parquet", &[], b"");
    assert_eq!((&parquet.body[..4], &parquet.body[parquet.body.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
    up.stop();
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    for path in ["/runs?sort=-sharpe", "/experiments/mini", "/compare?ids=mini,mini", "/ledger/XAUUSD"] {
        let first = up.api("GET", path, &[], b"");
        assert_eq!(first.status, 200, "{path}: {}", first.text());
        let tag = first.header("etag").unwrap().to_owned();
        let again = up.api("GET", path, &[("if-none-match", &tag)], b"");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(up.api("GET", path, &[("if-none-match", "\"other\"")], b"").status, 200);
    }
    let shown = gauntlet(["show", "mini"]).on(&dir).ok();
    assert_eq!(up.document("/experiments/mini"), shown, "the API and the command line say the same");
    up.stop();
}

#[test]
fn a_list_is_asked_for_wrongly_and_says_where() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let cursor = up.document("/runs?limit=1&sort=-sharpe")["next"].as_str().unwrap().to_owned();
    let cases = [
        (format!("/runs?filter={}", encoded("sharpe > ")), 400, "filter-syntax"),
        (format!("/runs?filter={}", encoded("sharpee > 1")), 400, "filter-syntax"),
        (format!("/runs?filter={}", encoded("phase > 1 and")), 400, "filter-syntax"),
        (format!("/runs?filter={}", encoded(&"a".repeat(5_000))), 400, "bad-input"),
        ("/runs?sort=shrpe".into(), 400, "bad-input"),
        ("/runs?fields=run_id,nothing".into(), 400, "bad-input"),
        ("/runs?limit=10001".into(), 400, "bad-input"),
        ("/runs?limit=-1".into(), 400, "bad-input"),
        ("/runs?limt=1".into(), 400, "bad-input"),
        (format!("/runs?cursor={cursor}"), 400, "cursor-mismatch"),
        (format!("/models?sort=-sharpe&cursor={cursor}"), 400, "cursor-mismatch"),
        ("/runs?cursor=nonsense".into(), 400, "cursor-mismatch"),
        ("/runz".into(), 404, "not-found"),
        ("/runs.xlsx".into(), 406, "not-acceptable"),
        ("/experiments/none".into(), 404, "not-found"),
        ("/models/none".into(), 404, "not-found"),
        ("/compare?ids=mini".into(), 400, "bad-input"),
        ("/runs?min_position=nonsense".into(), 400, "bad-input"),
        ("/instruments/NOBODY/ticks".into(), 404, "not-found"),
        ("/instruments/XAUUSD/bars?bars=time:7m".into(), 404, "not-found"),
        ("/instruments/XAUUSD/candles".into(), 404, "not-found"),
        ("/instruments/XAUUSD/bars?from=yesterday".into(), 400, "bad-input"),
    ];
    for (path, status, kind) in cases {
        assert_eq!(problem(&up.api("GET", &path, &[], b"")), (status, kind.to_owned()), "{path}");
    }
    let said =
        up.api("GET", &format!("/runs?filter={}", encoded("phase = 'a' and sharpee > 1")), &[], b"").json();
    assert_eq!((said["column"].as_i64(), said["suggestion"].as_str()), (Some(17), Some("sharpe")), "{said}");
    up.stop();
}

#[test]
fn a_command_is_its_key_and_lies_on_the_log_with_who_gave_it() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let document = MINI.replace("seed: 3", "seed: 8").replace("trials: 12", "trials: 5");
    let submit =
        |key: &str, body: &str| up.api("POST", "/experiments", &[("idempotency-key", key)], body.as_bytes());
    let unkeyed = up.api("POST", "/experiments", &[], document.as_bytes());
    assert_eq!(problem(&unkeyed), (400, "idempotency-key-required".into()));
    assert_eq!(problem(&submit(&"k".repeat(256), &document)), (400, "idempotency-key-required".into()));
    // What does not hold is no command: the key is free for what does.
    let wrong = submit("first", &document.replace("fast:", "fats:").replace("trials:", "trails:"));
    assert_eq!(problem(&wrong), (422, "validation".into()));
    let errors = wrong.json()["errors"].clone();
    assert_eq!(
        (errors[0]["pointer"].as_str(), errors[0]["line"].as_i64()),
        (Some("/tuning/trails"), Some(6)),
        "{errors}"
    );
    let first = submit("first", &document);
    assert_eq!(first.status, 202, "{}", first.text());
    let id = first.json()["experiment_id"].as_str().unwrap().to_owned();
    assert_eq!(first.header("location"), Some(format!("/api/v1/experiments/{id}").as_str()));
    let again = submit("first", &document);
    assert_eq!(
        (again.status, again.json()["experiment_id"].as_str()),
        (200, Some(id.as_str())),
        "{}",
        again.text()
    );
    let conflict = submit("first", &document.replace("seed: 8", "seed: 7"));
    assert_eq!(problem(&conflict), (422, "idempotency-conflict".into()));
    assert_eq!(conflict.json()["first"]["subject"], id.as_str());
    // Whoever has the position reads what was written.
    let position = first.header("gauntlet-position").unwrap();
    let audit = up.document(&format!("/audit?min_position={position}&wait=10"));
    assert_eq!(audit["matched"], 1, "one command, once: {audit}");
    let row = &audit["rows"][0];
    assert_eq!(
        (row["command"].as_str(), row["subject"].as_str()),
        (Some("first"), Some(id.as_str())),
        "{row}"
    );
    assert_eq!(row["events"].as_array().unwrap().len(), 4, "{row}");
    let valid = up.api("POST", "/experiments/validate", &[], document.as_bytes());
    assert_eq!((valid.status, valid.json()["valid"].as_bool()), (200, Some(true)), "{}", valid.text());
    // A restart has forgotten nothing of it.
    up.stop();
    let up = Up::on(&dir);
    let again = up.api("POST", "/experiments", &[("idempotency-key", "first")], document.as_bytes());
    assert_eq!((again.status, again.json()["repeated"].as_bool()), (200, Some(true)), "{}", again.text());
    let cancelled = up.api(
        "POST",
        &format!("/experiments/{id}/cancel"),
        &[("idempotency-key", "second")],
        br#"{"reason":"enough"}"#,
    );
    assert!((200..300).contains(&cancelled.status), "{}", cancelled.text());
    up.stop();
    assert_eq!(gauntlet(["replay", "--all"]).on(&dir).ok()["identical"], true);
    assert_eq!(gauntlet(["verify"]).on(&dir).ok()["ok"], true);
}

#[test]
fn bodies_that_are_none_are_refused() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let id = "mini";
    for (body, kind) in [
        ("", "validation"),
        ("{", "validation"),
        (r#"{"reason":1}"#, "validation"),
        (r#"{"raeson":""}"#, "validation"),
    ] {
        let path = format!("/experiments/{id}/cancel");
        let answer = up.api("POST", &path, &[("idempotency-key", "x")], body.as_bytes());
        assert_eq!(problem(&answer), (422, kind.to_owned()), "{body}");
    }
    let large = vec![b'x'; 2 << 20];
    let answer = up.api("POST", "/experiments", &[("idempotency-key", "large")], &large);
    assert_eq!(problem(&answer), (413, "too-large".into()));
    let broken = up.api("POST", "/experiments", &[("idempotency-key", "broken")], b"name: \xff");
    assert_eq!(problem(&broken), (400, "bad-input".into()));
    // One that does not come is not waited for, and takes nobody's place.
    let slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut socket = TcpStream::connect(&up.address).unwrap();
            let (address, token) = (&up.address, &up.token);
            let head = format!(
                "POST /api/v1/experiments HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nidempotency-key: s\r\ncontent-length: 9\r\n\r\nx"
            );
            socket.write_all(head.as_bytes()).unwrap();
            socket
        })
        .collect();
    assert_eq!(up.api("GET", "/me", &[], b"").status, 200, "beside 200 slow ones");
    for mut socket in slow {
        let mut answer = String::new();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let _ = socket.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    up.stop();
}

/// Events of a stream until `enough` of them have come: their ids and names.
fn stream(up: &Up, path: &str, after: Option<&str>, enough: usize) -> Vec<(String, String, Json)> {
    let mut socket = TcpStream::connect(&up.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let after = after.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
    let (address, token) = (&up.address, &up.token);
    let head = format!(
        "GET /api/v1{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\naccept: text/event-stream\r\n{after}\r\n"
    );
    socket.write_all(head.as_bytes()).unwrap();
    let (mut text, mut buffer) = (String::new(), [0; 16 << 10]);
    loop {
        // Sizes of chunks stand in lines of their own, which no line of an event looks like.
        let events: Vec<_> = text
            .split("\n\n")
            .filter(|event| event.contains("\ndata: "))
            .filter_map(|event| {
                let line =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let data = serde_json::from_str(&line("data: ")?).ok()?;
                Some((line("id: ")?, line("event: ")?, data))
            })
            .collect();
        if events.len() >= enough {
            return events;
        }
        let read = socket.read(&mut buffer).unwrap();
        assert!(read > 0, "the stream has ended: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}

#[test]
fn a_subscription_goes_on_from_any_id_and_misses_nothing() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let path = "/events?from=start&topics=trial.results.v1,experiments.v1,selection.decisions.v1";
    let page = up.document(path);
    let told: Vec<String> = ids(&page["events"], "id");
    assert!(told.len() > 40, "{}", told.len());
    let all = stream(&up, path, None, told.len());
    let of = |events: &[(String, String, Json)]| -> Vec<String> {
        events.iter().map(|(.., data)| data["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of(&all), told, "a stream and a page tell the same");
    let place = |event: &Json| (event["partition"].as_i64().unwrap(), event["offset"].as_i64().unwrap());
    for record in ["TrialCompleted", "ExperimentJudged"] {
        assert!(
            all.iter().any(|(_, name, data)| name == record && data["type"] == format!("gauntlet.{record}"))
        );
    }
    let trials: Vec<_> =
        all.iter().filter(|(_, name, _)| name == "TrialCompleted").map(|(.., data)| place(data)).collect();
    assert!(
        trials.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].1 < pair[1].1),
        "the order of a partition"
    );
    for cut in [0, 7, told.len() / 2, told.len() - 2] {
        let rest = stream(&up, path, Some(&all[cut].0), told.len() - cut - 1);
        assert_eq!(of(&rest), told[cut + 1..], "{cut}");
    }
    // It ends with the process, and goes on where the next one listens.
    let newest = page["next"].as_str().unwrap().to_owned();
    up.process.signal("KILL");
    let up = Up::on(&dir);
    let third =
        dir.write("third.yaml", MINI.replace("seed: 3", "seed: 5").replace("trials: 12", "trials: 5"));
    gauntlet(["submit", third.to_str().unwrap(), "--wait"]).on(&dir).ok();
    let new = stream(&up, path, Some(&newest), 10);
    assert!(of(&new).iter().all(|id| !told.contains(id)), "an event is told twice");
    let filtered = up.document(&format!("{path}&records=CandidateRejected,CandidateSelected"));
    assert_eq!(filtered["events"].as_array().unwrap().len(), 4, "{filtered}");
    // The past that is gone, the future, and what is none.
    let other = up.document("/events?topics=experiments.v1")["next"].as_str().unwrap().to_owned();
    for (after, status, kind) in [(other.as_str(), 400, "cursor-mismatch"), ("nonsense", 400, "bad-input")] {
        assert_eq!(
            problem(&up.api("GET", &format!("{path}&after={after}"), &[], b"")),
            (status, kind.to_owned())
        );
    }
    for (path, status) in
        [("/events?topics=market.ticks.v1", 400), ("/events?topics=nothing", 400), ("/events?from=then", 400)]
    {
        assert_eq!(problem(&up.api("GET", path, &[], b"")).0, status, "{path}");
    }
    up.stop();
    let fresh = Dir::copy_of(mini());
    let up = Up::on(&fresh);
    let ahead = new.last().unwrap().0.as_str();
    assert_eq!(
        problem(&up.api("GET", &format!("{path}&after={ahead}"), &[], b"")),
        (409, "cursor-ahead".into())
    );
    up.stop();
}

#[test]
fn who_comes_from_before_retention_is_told_so() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let path = "/events?topics=experiments.v1";
    let all = stream(&up, &format!("{path}&from=start"), None, 3);
    let count = up.document(&format!("{path}&from=start"))["events"].as_array().unwrap().len();
    let up = {
        up.stop();
        let log = LocalLog::open(&dir.node().join("log.redb")).unwrap();
        for partition in 0..log.partitions("experiments.v1").unwrap() {
            let place = TopicPartition::new("experiments.v1", partition);
            let (start, end) = log.bounds(&place).unwrap();
            if end - start > 1 {
                log.trim(&place, end - 1).unwrap();
            }
        }
        drop(log);
        Up::on(&dir)
    };
    // The id is that of the first event: what was behind it is gone but for the last event of each partition.
    let first = &all[0].0;
    let page = up.document(&format!("{path}&after={first}"));
    assert_eq!(page["reset"]["reason"], "retention", "{page}");
    let left = page["events"].as_array().unwrap().len();
    assert!(left > 0 && left < count - 1, "{left} of {count}");
    let told = stream(&up, path, Some(first), 1 + left);
    assert_eq!((told[0].1.as_str(), &told[0].2), ("reset", &page["reset"]));
    let again = up.document(&format!("{path}&after={}", page["reset"]["oldest"].as_str().unwrap()));
    assert_eq!((again["reset"].is_null(), &again["events"]), (true, &page["events"]));
    up.stop();
}

#[test]
fn connections_of_a_byte_a_second_end_and_hold_up_nobody() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let (address, token) = (&up.address, &up.token);
    let head = format!(
        "POST /api/v1/experiments HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nidempotency-key: s\r\ncontent-length: 900\r\n\r\n"
    );
    let connect = |number: usize| {
        let mut socket = TcpStream::connect(address).unwrap();
        // One half never gets to the end of its head, the other half never to that of its body.
        if number.is_multiple_of(2) {
            socket.write_all(head.as_bytes()).unwrap();
        }
        socket
    };
    let mut slow: Vec<TcpStream> = (0..200).map(connect).collect();
    for _ in 0..12 {
        for socket in &mut slow {
            // Who is no longer listened to fails here.
            let _ = socket.write_all(b"x");
        }
        assert_eq!(up.api("GET", "/me", &[], b"").status, 200, "beside 200 slow ones");
        std::thread::sleep(Duration::from_secs(1));
    }
    for (number, mut socket) in slow.into_iter().enumerate() {
        let mut answer = String::new();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let read = socket.read_to_string(&mut answer);
        let has_ended = read.as_ref().map_or_else(
            |error| !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            |_| true,
        );
        assert!(has_ended, "{number} is still open: {read:?}");
    }
    up.stop();
}

#[test]
fn bars_and_ticks_of_a_range_are_those_that_were_fed() {
    let dir = Dir::copy_of(mini());
    let ticks = "time,price,size\n1700000000,10,1\n1700000061,11,2\n1700000122,12,1\n1700000300,11.5,4\n";
    let file = dir.write("ticks.csv", ticks);
    let feed =
        ["feed", file.to_str().unwrap(), "--instrument", "TEST", "--venue", "HERE", "--bars", "time:1m"];
    gauntlet(feed).on(&dir).ok();
    let up = Up::on(&dir);
    let within = "from=2023-11-14T22:14:21Z&to=2023-11-14T22:18:20Z";
    let found = up.document(&format!("/instruments/TEST/ticks?{within}"));
    let prices: Vec<f64> =
        found["ticks"].as_array().unwrap().iter().map(|tick| tick["price"].as_f64().unwrap()).collect();
    assert_eq!(prices, [11.0, 12.0], "the first time is in it, the last is not: {found}");
    let out = dir.path("ticks.parquet");
    let range = ["data", "ticks", "--instrument", "TEST.HERE", "--out", out.to_str().unwrap()];
    assert_eq!(gauntlet(range).on(&dir).ok()["rows"], 4);
    assert_eq!(&std::fs::read(&out).unwrap()[..4], b"PAR1");
    let csv = up.api("GET", "/instruments/TEST/ticks.csv", &[], b"").text();
    assert_eq!(csv.lines().count(), 5);
    assert!(csv.lines().nth(2).unwrap().starts_with("2023-11-14T22:14:21Z,trade,,,,,11,2,"), "{csv}");
    let bars = up.document("/instruments/TEST/bars");
    assert_eq!(bars["bars"][0]["open"], 10.0, "{bars}");
    let hours = up.document("/instruments/XAUUSD/bars?bars=time:1h&from=2014-04-30&to=2014-05-01");
    let same =
        gauntlet(["data", "bars", "--instrument", "XAUUSD", "--from", "2014-04-30", "--to", "2014-05-01"])
            .on(&dir)
            .ok();
    assert_eq!(hours, same);
    assert!(hours["rows"].as_i64().unwrap() > 15, "{hours}");
    let run = up.document("/runs?filter=phase%20%3D%20%22holdout%22&limit=1")["rows"][0]["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let drawn = up.document(&format!("/runs/{run}/series/equity?width=50"));
    let all = up.document(&format!("/runs/{run}/equity"));
    let values: Vec<f64> =
        all["equity"].as_array().unwrap().iter().map(|point| point["equity"].as_f64().unwrap()).collect();
    let drawn_values: Vec<f64> =
        drawn["v"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(drawn["of"], values.len());
    assert!(drawn_values.len() <= 200 && drawn_values.len() < values.len());
    for extreme in [f64::max, f64::min] {
        assert_eq!(drawn_values.iter().copied().reduce(extreme), values.iter().copied().reduce(extreme));
    }
    up.stop();
}

#[test]
fn the_description_names_every_path_and_says_nothing_of_what_is_kept() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let described = answer(&up.address, "GET", "/api/v1/openapi.json", &[], b"").json();
    assert_eq!(described["openapi"], "3.1.0");
    let paths = described["paths"].as_object().unwrap();
    for path in [
        "/api/v1/runs",
        "/api/v1/experiments",
        "/api/v1/events",
        "/api/v1/tokens",
        "/api/v1/instruments/{id}/{series}",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    assert!(described["paths"]["/api/v1/experiments"]["post"].is_object());
    assert!(described["paths"]["/api/v1/experiments"]["get"].is_object());
    // Whatever the document names is there: none of its plain lists answers that it is not.
    for (path, methods) in paths.iter().filter(|(path, _)| !path.contains('{') && path.starts_with("/api/v1"))
    {
        if methods.get("get").is_some() {
            let answer = answer(&up.address, "GET", path, &[], b"");
            assert_eq!(answer.status, 401, "{path} is not there, or asks nobody who they are");
        }
    }
    up.stop();
}
