//! Commands while `up` holds the directory: answered by it over HTTP, for those who can read the directory only.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use gauntlet_log::LocalLog;
use gauntlet_tests::golden::MINI;
use gauntlet_tests::http::request;
use gauntlet_tests::process::forget_configuration;
use gauntlet_tests::{Digest, Dir, Json, Up, binary, digest_of, gauntlet, mini, number};

#[test]
fn commands_go_to_the_up_that_holds_the_directory() {
    let dir = Dir::copy_of(mini());
    let before = digest_of(&dir.node());
    let up = Up::on(&dir);

    let listed = gauntlet(["ls", "experiments"]).on(&dir).ok();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let id = listed[0]["experiment_id"].as_str().unwrap().to_owned();
    let shown = gauntlet(["show", &id[..8]]).on(&dir).ok();
    assert_eq!((shown["name"].as_str(), shown["status"].as_str()), (Some("mini"), Some("completed")));
    Digest::of(&gauntlet(["digest"]).on(&dir).ok()).assert_equals(&before, "asked over HTTP");

    let ticks =
        dir.write("ticks.csv", "time,price,size\n1700000000,10,1\n1700000061,11,2\n1700000122,12,1\n");
    let feed = ["feed", ticks.to_str().unwrap(), "--instrument", "TEST", "--venue", "HERE"];
    let fed = gauntlet(feed).on(&dir).ok();
    assert_eq!((number(&fed, "published"), number(&fed, "accepted")), (3, 3), "{fed}");
    // A path is the caller's, not that of up.
    let relative = ["feed", "ticks.csv", "--instrument", "TEST", "--venue", "HERE"];
    let again = gauntlet(relative).within(ticks.parent().unwrap()).on(&dir).ok();
    assert_eq!((number(&again, "read"), number(&again, "published")), (3, 0), "{again}");

    let second = dir.write("second.yaml", MINI.replace("seed: 3", "seed: 4"));
    let submitted = gauntlet(["submit", second.to_str().unwrap(), "--wait"]).on(&dir).ok();
    assert_eq!(submitted["status"], "completed", "{submitted}");
    assert_eq!(submitted["leaderboard"].as_array().unwrap().len(), 2);
    let other = submitted["experiment_id"].as_str().unwrap();
    let compared = gauntlet(["compare", &id, other]).on(&dir).ok();
    assert!(compared.to_string().contains(other), "{compared}");
    // A refusal keeps its exit code and its words on the way.
    gauntlet(["show", "nothing-like-this"]).on(&dir).refused(2, &["nothing has an id that begins with"]);
    gauntlet(["views", "rebuild"])
        .on(&dir)
        .refused(2, &["views cannot be rebuilt while up is running", "stop it"]);
    let replayed = gauntlet(["replay", "--all"]).on(&dir).ok();
    assert_eq!(replayed["identical"], true);
    assert!(number(&replayed, "compared") > 40_000, "{replayed}");
    assert_eq!(gauntlet(["verify"]).on(&dir).ok()["ok"], true);

    let over_http = Digest::of(&gauntlet(["digest"]).on(&dir).ok());
    assert_ne!(over_http.all, before.all);
    up.stop();
    digest_of(&dir.node()).assert_equals(&over_http, "after up has stopped");
}

/// The input of a command is none of the server's: nothing of it is fed, and the server's own is not read.
#[test]
fn a_pipe_is_refused_beside_up_and_fed_without_it() {
    let piped = |dir: &Dir, path: &str| {
        let mut command = std::process::Command::new(binary());
        command.args(["--json", "--dir", dir.node().to_str().unwrap(), "feed", path]);
        command.args(["--instrument", "TEST", "--venue", "PIPE"]);
        forget_configuration(&mut command);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // Who is refused does not read it.
        let _ = input.write_all(b"time,price,size\n1700000000,10,1\n1700000061,11,2\n1700000122,12,1\n");
        drop(input);
        child.wait_with_output().unwrap()
    };
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    for path in ["/dev/stdin", "-"] {
        let refused = piped(&dir, path);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        let words = "/dev/stdin: a running up feeds the file, and this is open only here: write it to a file, or use a named pipe";
        assert!(said.contains(words), "{said}");
    }
    up.stop();
    let fed = piped(&dir, "-");
    let said: Json = serde_json::from_slice(&fed.stdout).unwrap();
    assert_eq!(
        (fed.status.code(), number(&said, "published"), number(&said, "accepted")),
        (Some(0), 3, 3),
        "{said}"
    );
    let again: Json = serde_json::from_slice(&piped(&dir, "/dev/stdin").stdout).unwrap();
    assert_eq!((number(&again, "read"), number(&again, "published")), (3, 0), "{again}");
}

/// `up` is on this machine: its token is for no proxy that the environment names.
#[test]
fn no_proxy_comes_between_a_command_and_up() {
    let dir = Dir::copy_of(mini());
    let up = Up::on(&dir);
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"] {
        let listed = gauntlet(["ls", "experiments"]).env(name, &url).on(&dir).ok();
        assert_eq!(listed.as_array().unwrap().len(), 1, "{name}");
        assert!(proxy.accept().is_err(), "{name}: something came to the proxy");
    }
    up.stop();
}

#[test]
fn only_who_can_read_the_directory_may_command() {
    let dir = Dir::copy_of(mini());
    let mut up = Up::on(&dir);
    let address = up.address.clone();
    up.process.until("readiness", || request(&address, "GET", "/readyz", &[], b"").0 == 200);
    let mode = std::fs::metadata(dir.node().join("up.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    assert_eq!(up.token.len(), 64, "256 bits");
    for (path, expected) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let (status, body) = request(&up.address, "GET", path, &[], b"");
        assert!(status == 200 && body.contains(expected), "{path}: {status} {body}");
    }
    let digest = br#""Digest""#;
    let (status, body) = up.post(Some(&up.token), digest);
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"Ok\"") && body.contains("sha256"), "{body}");
    let wrong = up.token.replace(|c: char| c.is_ascii_digit(), "x");
    for token in [None, Some(""), Some("0"), Some(wrong.as_str()), Some(&up.token[..63])] {
        let (status, body) = up.post(token, digest);
        assert_eq!(status, 401, "{token:?}: {body}");
        assert!(body.contains("token does not match") && !body.contains("sha256"), "{body}");
    }
    let large = format!("\"{}\"", "x".repeat(2 << 20));
    assert_eq!(up.post(Some(&up.token), large.as_bytes()).0, 413, "a body over the limit");
    assert_eq!(up.post(None, large.as_bytes()).0, 401, "the token is asked for before the body");
    for nonsense in ["", "{", "\"NoSuchCommand\"", "{\"Show\": 7}"] {
        let (status, body) = up.post(Some(&up.token), nonsense.as_bytes());
        assert!((400..500).contains(&status), "'{nonsense}': {status} {body}");
    }
    assert_eq!(request(&up.address, "GET", "/api/v1/commands", &[], b"").0, 405);
    assert_eq!(request(&up.address, "GET", "/elsewhere", &[], b"").0, 404);
    up.stop();
}

#[test]
fn two_ups_have_two_tokens() {
    let dir = Dir::new();
    let first = Up::on(&dir);
    let token = first.token.clone();
    first.stop();
    let second = Up::on(&dir);
    assert_ne!(second.token, token);
    assert_eq!(second.post(Some(&token), br#""Digest""#).0, 401, "yesterday's token");
    second.stop();
}

#[test]
fn a_port_in_use_is_said_before_anything_starts() {
    let dir = Dir::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for args in [vec!["up", "--listen", &address], vec!["demo", "--listen", &address]] {
        let message = format!("cannot listen on {address}");
        gauntlet(args).on(&dir).refused(3, &[&message, "choose another address with --listen"]);
    }
    assert!(!dir.node().join("up.json").exists());
}

#[test]
fn up_is_for_this_machine_only() {
    let dir = Dir::new();
    for address in ["0.0.0.0:8686", "[::]:8686", "192.168.1.5:8686"] {
        let words = ["listen", "can be reached from other machines", "write 127.0.0.1:8686"];
        gauntlet(["up", "--listen", address]).on(&dir).refused(2, &words);
    }
    let words = ["'nowhere' is not an address", "127.0.0.1:8686"];
    gauntlet(["up", "--listen", "nowhere"]).on(&dir).refused(2, &words);
    assert!(!dir.node().exists(), "nothing is made for a refused command");
}

#[test]
fn an_up_that_was_killed_leaves_nothing_in_the_way() {
    let dir = Dir::copy_of(mini());
    let before = digest_of(&dir.node());
    let up = Up::on(&dir);
    let Up { process, token, .. } = up;
    assert!(process.kill().was_killed());
    assert!(dir.node().join("up.json").exists(), "a killed process cleans nothing up");
    digest_of(&dir.node()).assert_equals(&before, "with a stale address file");
    assert!(!dir.node().join("up.json").exists(), "the next holder of the directory removes it");
    // Held by somebody who takes no commands, with an address at which nobody answers.
    let holder = LocalLog::open(&dir.node().join("log.redb")).unwrap();
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stale = serde_json::json!({ "listen": deaf.to_string(), "token": token });
    std::fs::write(dir.node().join("up.json"), stale.to_string()).unwrap();
    gauntlet(["ls", "runs"]).on(&dir).refused(3, &["log.redb is in use by another process"]);
    drop(holder);
    Up::on(&dir).stop();
}
