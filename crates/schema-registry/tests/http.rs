//! Against a few lines of HTTP that answer as a registry does, and as it does when something is wrong: passwords, TLS,
//! errors without JSON, a caller inside a tokio runtime.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gauntlet_domain::RecordKind;
use gauntlet_schema_registry::{Password, RegistryError, RemoteRegistry, Settings, check, register};
use gauntlet_wire::registry::{VERSIONS, newest};
use gauntlet_wire::{Codec, Meaning, Registry};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// What it gives to the catalogue's texts, and where what it was never told begins.
const FIRST_ID: u32 = 100;

const PASSWORD: &str = "hunter2-hunter2";

/// A registry that has everything.
struct Registered {
    port: u16,
    /// What comes in place of an answer; 0 for none.
    broken: Arc<AtomicU16>,
    /// Requests, as `METHOD path`.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Registered {
    /// Over TLS with a certificate, for those who know the password if there is one.
    fn start(tls: Option<Arc<ServerConfig>>, password: Option<&'static str>) -> Registered {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (broken, requests) = (Arc::<AtomicU16>::default(), Arc::<Mutex<Vec<String>>>::default());
        let registered = Registered { port, broken: broken.clone(), requests: requests.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (tls, broken, requests) = (tls.clone(), broken.clone(), requests.clone());
                std::thread::spawn(move || {
                    let stream = stream.unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                    match tls {
                        None => serve(stream, password, &broken, &requests),
                        Some(tls) => {
                            let connection = ServerConnection::new(tls).unwrap();
                            serve(StreamOwned::new(connection, stream), password, &broken, &requests);
                        }
                    }
                });
            }
        });
        registered
    }

    fn settings(&self, scheme: &str) -> Settings {
        Settings {
            timeout: Duration::from_millis(1500),
            ..Settings::new(format!("{scheme}://localhost:{}", self.port))
        }
    }
}

/// One request, one answer; a handshake or a caller that fails ends it.
fn serve(
    stream: impl Read + Write,
    password: Option<&str>,
    broken: &AtomicU16,
    requests: &Mutex<Vec<String>>,
) {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if !stream.read_line(&mut line).is_ok_and(|read| read > 0) {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let lines = head.iter().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    let request: Vec<&str> = head[0].split(' ').collect();
    requests.lock().unwrap().push(request[..2].join(" "));
    // `user:hunter2-hunter2` as basic authentication spells it.
    let is_let_in = password.is_none()
        || header("authorization").as_deref() == Some("Basic dXNlcjpodW50ZXIyLWh1bnRlcjI=");
    let (status, text) = match broken.load(Ordering::Relaxed) {
        _ if !is_let_in => (401, "<html>who are you?</html>".to_owned()),
        0 => answer(request[0], request[1], &body),
        200 => (200, "<html>a proxy says hello</html>".to_owned()),
        status => (status, "<html>not JSON</html>".to_owned()),
    };
    let length = text.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let stream = stream.get_mut();
    let _ = stream.write_all(&[head.as_bytes(), text.as_bytes()].concat()).and_then(|()| stream.flush());
}

fn answer(method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let version = VERSIONS.iter().find(|version| asked["schema"] == version.schema);
    if let (Some(version), false) = (version, path.contains("compatibility")) {
        return (200, json!({ "id": FIRST_ID + version.id }).to_string());
    }
    if path.starts_with("/config") || path.ends_with("/versions") {
        return (200, "[]".into());
    }
    let id = path.strip_prefix("/schemas/ids/").map(|rest| rest.trim_end_matches("?deleted=true").to_owned());
    let of_id = id.and_then(|id| id.parse::<u32>().ok()).and_then(|id| id.checked_sub(2 * FIRST_ID));
    match VERSIONS.iter().find(|version| Some(version.id) == of_id) {
        Some(version) if method == "GET" => (200, json!({ "schema": version.schema }).to_string()),
        _ => (404, json!({ "error_code": 40403, "message": "Schema not found" }).to_string()),
    }
}

/// A certificate for localhost that signs itself, and its PEM file.
fn certificate() -> (Arc<ServerConfig>, tempfile::NamedTempFile) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let chain = vec![CertificateDer::from(cert.der().to_vec())];
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(cert.pem().as_bytes()).unwrap();
    (Arc::new(config), file)
}

fn with_password(settings: Settings, password: &str) -> Settings {
    Settings { basic_auth: Some(("user".into(), Password::new(password))), ..settings }
}

fn refused(settings: &Settings) -> RegistryError {
    RemoteRegistry::connect(settings).err().unwrap()
}

#[test]
fn a_password_is_asked_for_and_never_told() {
    let server = Registered::start(None, Some(PASSWORD));
    let open = server.settings("http");
    let error = refused(&open);
    assert!(matches!(error, RegistryError::Denied { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("callers without a user"), "{error}");
    let wrong = with_password(open.clone(), "hunter3-hunter3");
    for error in [refused(&wrong), register(&wrong).unwrap_err(), check(&wrong).unwrap_err()] {
        assert!(matches!(&error, RegistryError::Denied { status: 401, who, .. } if who == "user"), "{error}");
        let told = format!("{error} {error:?} {wrong:?}");
        assert!(told.contains("check user, password") && !told.contains("hunter"), "{told}");
    }
    let right = with_password(open, PASSWORD);
    let registry = RemoteRegistry::connect(&right).unwrap();
    let id = registry.id_of(RecordKind::Bar);
    assert_eq!(id, newest(RecordKind::Bar).map(|version| version.id + FIRST_ID));
    assert!(!format!("{right:?}").contains("hunter"));
    assert_eq!(register(&right).unwrap().added(), 0);
    // In an address a password would be shown wherever the address is.
    let error = refused(&Settings::new("http://user:hunter2@localhost:1"));
    assert!(
        matches!(error, RegistryError::Settings { .. }) && !error.to_string().contains("hunter"),
        "{error}"
    );
}

#[test]
fn a_certificate_is_believed_if_its_authority_was_named() {
    let (tls, file) = certificate();
    let server = Registered::start(Some(tls), Some(PASSWORD));
    let settings = with_password(server.settings("https"), PASSWORD);
    let error = refused(&settings);
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    let trusting = Settings { ca_file: Some(file.path().to_owned()), ..settings.clone() };
    let registry = RemoteRegistry::connect(&trusting).unwrap();
    let known = 2 * FIRST_ID + newest(RecordKind::Bar).unwrap().id;
    assert!(
        matches!(registry.meaning_of(known), Ok(Meaning::Ours(version)) if version.kind == RecordKind::Bar)
    );
    assert_eq!(register(&trusting).unwrap().added(), 0, "the calls beside the converter trust it too");
    // Another authority, and the right one under another name.
    let (_, other) = certificate();
    assert!(
        refused(&Settings { ca_file: Some(other.path().to_owned()), ..settings })
            .to_string()
            .contains("certificate")
    );
    let elsewhere = Settings { urls: vec![format!("https://127.0.0.1:{}", server.port)], ..trusting.clone() };
    assert!(refused(&elsewhere).to_string().contains("certificate"));
    // Plain HTTP to a door that wants TLS.
    assert!(
        refused(&Settings { urls: vec![format!("http://localhost:{}", server.port)], ..trusting })
            .is_transient()
    );
}

#[test]
fn settings_that_cannot_be_right_are_refused_before_anything_is_called() {
    let not_pem = tempfile::NamedTempFile::new().unwrap();
    let good = Settings::new("http://localhost:1");
    let cases = [
        (Settings { urls: vec![], ..good.clone() }, "no address"),
        (Settings::new("localhost"), "address 1 is no URL"),
        (Settings::new("kafka://localhost:1"), "not http or https"),
        (Settings { timeout: Duration::ZERO, ..good.clone() }, "time-out"),
        (Settings { ca_file: Some("no/such/file.pem".into()), ..good.clone() }, "no/such/file.pem"),
        (Settings { ca_file: Some(not_pem.path().to_owned()), ..good }, "no certificate in it"),
    ];
    for (settings, why) in cases {
        let error = refused(&settings);
        assert!(matches!(error, RegistryError::Settings { .. }), "{error}");
        assert!(error.to_string().contains(why) && !error.is_transient(), "{error}");
    }
}

#[test]
fn what_the_registry_cannot_say_is_asked_again_and_what_it_says_is_not() {
    let server = Registered::start(None, None);
    let registry = RemoteRegistry::connect(&server.settings("http")).unwrap();
    let id = 2 * FIRST_ID + newest(RecordKind::Bar).unwrap().id;
    let asked = || {
        let requests = server.requests.lock().unwrap();
        requests.iter().filter(|request| request.starts_with("GET /schemas/ids")).count()
    };
    let mut attempts = 0;
    for (status, said) in [
        (500, "status 500"),
        (503, "status 503"),
        (429, "status 429"),
        (403, "status 403"),
        (400, "status 400"),
        (200, "does not answer"),
    ] {
        server.broken.store(status, Ordering::Relaxed);
        // Longer than the breath after a failure.
        std::thread::sleep(Duration::from_millis(250));
        let undecided = registry.meaning_of(id).err().unwrap();
        assert!(undecided.detail.contains(said), "{status}: {undecided}");
        attempts += 1;
        assert_eq!(asked(), attempts, "{status}: it is asked each time");
    }
    server.broken.store(0, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(250));
    for _ in 0..3 {
        assert!(matches!(registry.meaning_of(id), Ok(Meaning::Ours(_))));
    }
    assert_eq!(asked(), attempts + 1, "what it says once is kept");
    // 404 is not for good either.
    for _ in 0..2 {
        assert!(registry.meaning_of(9999).unwrap_err().detail.contains("does not have it"));
    }
    assert_eq!(asked(), attempts + 3);
    let all = server.requests.lock().unwrap();
    assert!(
        !all.iter().any(|request| request.ends_with("/versions") || request.starts_with("PUT")),
        "a service only reads"
    );
}

#[test]
fn a_failing_registry_is_told_apart_at_the_start() {
    let server = Registered::start(None, None);
    for (status, transient) in [(500, true), (503, true), (400, false)] {
        server.broken.store(status, Ordering::Relaxed);
        for error in [refused(&server.settings("http")), register(&server.settings("http")).unwrap_err()] {
            assert!(error.to_string().contains(&format!("status {status}")), "{error}");
            assert_eq!(error.is_transient(), transient, "{error}");
        }
    }
}

/// A listener that never answers.
#[test]
fn silence_ends_after_the_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let settings = Settings { timeout: Duration::from_millis(300), ..Settings::new(url) };
    let began = Instant::now();
    let error = refused(&settings);
    assert!(error.to_string().contains("nothing within 0.3 s"), "{error}");
    assert!(register(&settings).unwrap_err().to_string().contains("nothing within 0.3 s"));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    drop(TcpStream::connect(listener.local_addr().unwrap()));
}

#[test]
fn a_caller_inside_a_runtime_is_held_up_but_does_not_panic() {
    let server = Registered::start(None, None);
    let settings = server.settings("http");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let registry = RemoteRegistry::connect(&settings).unwrap();
        assert!(registry.meaning_of(9999).is_err());
        let codec = Codec::new(Arc::new(registry));
        assert!(codec.decode(Some(&[0, 0, 0, 39, 15])).unwrap_err().is_transient());
        register(&settings).unwrap();
        drop(codec);
    });
}
