//! Against a real registry: Apicurio through its Confluent-compatible interface. One registry for all tests but those that
//! break it; each has a prefix of its own.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet_domain::market::{Bar, CreateSnapshot};
use gauntlet_domain::{Event, InstrumentId, Price, Quantity, RecordKind, Timestamp};
use gauntlet_schema_registry::{
    Password, RegistryError, RemoteRegistry, Settings, State, check, register, subjects,
};
use gauntlet_servers::shared;
use gauntlet_servers::{Guard, Kafka, RegistryStorage, SchemaRegistry};
use gauntlet_wire::registry::{VERSIONS, newest};
use gauntlet_wire::{Codec, Registry, WireError};
use serde_json::{Value, json};

fn settings(registry: &SchemaRegistry, prefix: &str) -> Settings {
    // Two cores, of which other tests have their share.
    Settings {
        topic_prefix: prefix.into(),
        timeout: Duration::from_secs(20),
        ..Settings::new(registry.url())
    }
}

fn subject_of(prefix: &str, kind: RecordKind) -> String {
    subjects(prefix).into_iter().find(|subject| subject.kind == kind).unwrap().name
}

/// A plain client; one cannot be made before somebody has chosen a provider for TLS.
fn http() -> reqwest::blocking::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::blocking::Client::new()
}

/// Somebody with an HTTP client.
struct Somebody {
    url: String,
}

impl Somebody {
    fn at(registry: &SchemaRegistry) -> Somebody {
        Somebody { url: registry.url() }
    }

    fn call(&self, request: reqwest::blocking::RequestBuilder) -> (u16, Value) {
        let response = request.header("content-type", "application/json").send().unwrap();
        (response.status().as_u16(), serde_json::from_str(&response.text().unwrap()).unwrap_or_default())
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.call(http().get(format!("{}/{path}", self.url)))
    }

    fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call(http().put(format!("{}/{path}", self.url)).body(body.to_string()))
    }

    fn register(&self, subject: &str, schema: &Value) -> (u16, Value) {
        let body = json!({ "schema": schema.to_string(), "schemaType": "AVRO" }).to_string();
        self.call(http().post(format!("{}/subjects/{subject}/versions", self.url)).body(body))
    }
}

/// Versions of all subjects; a record on two topics is under both.
fn of_all_subjects() -> usize {
    subjects("").iter().map(|subject| subject.versions.len()).sum()
}

fn schema(kind: RecordKind) -> Value {
    serde_json::from_str(newest(kind).unwrap().schema).unwrap()
}

/// The schema with one more field at its end.
fn with_field(kind: RecordKind, field: Value) -> Value {
    let mut schema = schema(kind);
    schema["fields"].as_array_mut().unwrap().push(field);
    schema
}

fn command(name: &str) -> Event {
    let instrument = InstrumentId::new(name, "X").unwrap();
    CreateSnapshot::new(&instrument, "time:1h".parse().unwrap(), Timestamp(0), Timestamp(1)).into()
}

fn bar() -> Event {
    let price = Price(1_500_000_000);
    Bar {
        scale: gauntlet_domain::Scale::USUAL,
        instrument: "A.X".into(),
        spec: "time:1h".parse().unwrap(),
        open_time: Timestamp(0),
        close_time: Timestamp(3600),
        time: Timestamp(0),
        open: price,
        high: price,
        low: price,
        close: price,
        open_spread: None,
        close_spread: Some(price),
        volume: Quantity(5),
        ticks: 3,
    }
    .into()
}

fn frame(id: u32, body: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), body].concat()
}

/// As a partition that waits does it: asked again as long as the registry cannot say.
fn decoded_in_time(codec: &Codec, frame: &[u8]) -> Event {
    let began = Instant::now();
    loop {
        match codec.decode(Some(frame)) {
            Err(error) if error.is_transient() && began.elapsed() < Duration::from_secs(30) => {
                std::thread::sleep(Duration::from_millis(100));
            }
            read => break read.unwrap(),
        }
    }
}

fn id_in(answer: &Value) -> u32 {
    u32::try_from(answer["id"].as_u64().unwrap_or_else(|| panic!("no id in {answer}"))).unwrap()
}

#[test]
fn every_schema_registers_once_and_services_find_the_ids() {
    let settings = settings(shared::registry(), "all.");
    let before = check(&settings).unwrap();
    assert!(before.versions.iter().all(|version| version.state == State::Missing && version.id.is_none()));
    let first = register(&settings).unwrap();
    assert_eq!((first.versions.len(), first.added()), (of_all_subjects(), of_all_subjects()));
    let again = register(&settings).unwrap();
    assert_eq!(again.added(), 0, "again changes nothing");
    let ids = |report: &gauntlet_schema_registry::Report| -> Vec<_> {
        report.versions.iter().map(|v| v.id).collect()
    };
    assert_eq!(ids(&first), ids(&again));
    assert_eq!(check(&settings).unwrap(), again);

    let registry = RemoteRegistry::connect(&settings).unwrap();
    let somebody = Somebody::at(shared::registry());
    for subject in subjects("all.") {
        let id = registry.id_of(subject.kind);
        let last = first.versions.iter().rfind(|version| version.subject == subject.name).unwrap();
        assert_eq!(id, last.id, "{}", subject.name);
        let (_, config) = somebody.get(&format!("config/{}", subject.name));
        let level = config.get("compatibilityLevel").or(config.get("compatibility")).unwrap_or(&Value::Null);
        assert_eq!(level, &json!(subject.compatibility.to_string()), "{}: {config}", subject.name);
    }
    // What lies in schemas/ is what was registered: no file is forgotten.
    let mut files = BTreeSet::new();
    for folder in ["market", "platform", "research"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas").join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            files.insert(std::fs::read_to_string(entry.unwrap().path()).unwrap());
        }
    }
    let texts: BTreeSet<String> = VERSIONS.iter().map(|version| version.schema.to_owned()).collect();
    assert_eq!(files, texts);
    assert!(files.len() >= 32);
}

#[test]
fn events_cross_between_services_under_the_registrys_ids() {
    let settings = settings(shared::registry(), "cross.");
    register(&settings).unwrap();
    let writer = Codec::new(Arc::new(RemoteRegistry::connect(&settings).unwrap()));
    let registry = Arc::new(RemoteRegistry::connect(&settings).unwrap());
    let reader = Codec::new(registry.clone());
    for event in [command("A"), bar()] {
        let frame = writer.encode(&event).unwrap();
        assert_eq!(frame[1..5], registry.id_of(event.kind()).unwrap().to_be_bytes());
        assert_eq!(
            frame[5..],
            Codec::default().encode(&event).unwrap()[5..],
            "bodies do not depend on the registry"
        );
        assert_eq!(reader.decode(Some(&frame)).unwrap(), event);
    }
}

/// Another installation, the same texts: whatever the ids, each reads the other's.
#[test]
fn two_installations_share_a_registry() {
    let (one, two) = (settings(shared::registry(), "one."), settings(shared::registry(), "two."));
    register(&one).unwrap();
    register(&two).unwrap();
    let codec = |settings| Codec::new(Arc::new(RemoteRegistry::connect(settings).unwrap()));
    let frame = codec(&one).encode(&command("A")).unwrap();
    assert_eq!(codec(&two).decode(Some(&frame)).unwrap(), command("A"));
}

#[test]
fn a_service_registers_nothing_and_says_what_to_do() {
    let settings = settings(shared::registry(), "nothing.");
    let error = RemoteRegistry::connect(&settings).err().unwrap();
    let RegistryError::Missing { subjects, total } = &error else { panic!("{error}") };
    assert_eq!((subjects.len(), *total), (self::subjects("").len(), self::subjects("").len()));
    assert!(error.to_string().contains("run `gauntlet schemas register`"), "{error}");
    assert!(error.to_string().contains(&subjects[0]), "{error}");
    check(&settings).unwrap();
    let (_, all) = Somebody::at(shared::registry()).get("subjects");
    let made = all.as_array().unwrap().iter().filter(|name| name.as_str().unwrap().starts_with("nothing."));
    assert_eq!(made.count(), 0);
}

/// A schema without its field `to`, which has no default.
fn without_to(kind: RecordKind) -> Value {
    let mut schema = schema(kind);
    schema["fields"].as_array_mut().unwrap().retain(|field| field["name"] != "to");
    schema
}

#[test]
fn the_registry_refuses_what_would_break_readers() {
    register(&settings(shared::registry(), "refuses.")).unwrap();
    let somebody = Somebody::at(shared::registry());
    let field = json!({ "name": "added", "type": "long" });
    // For ever: neither a field without a default, nor one taken away that had none.
    let subject = subject_of("refuses.", RecordKind::CreateSnapshot);
    let (status, said) = somebody.register(&subject, &with_field(RecordKind::CreateSnapshot, field.clone()));
    assert_eq!(status, 409, "{said}");
    let shorter = without_to(RecordKind::CreateSnapshot);
    assert_eq!(somebody.register(&subject, &shorter).0, 409);
    // For days: no reader of tomorrow needs the field that is taken away, but one without a default cannot come.
    let subject = subject_of("refuses.", RecordKind::SnapshotDue);
    let shorter = without_to(RecordKind::SnapshotDue);
    assert_eq!(somebody.register(&subject, &with_field(RecordKind::SnapshotDue, field)).0, 409);
    assert_eq!(somebody.register(&subject, &shorter).0, 200);
}

#[test]
fn a_strangers_schema_under_our_subject_is_named() {
    let settings = settings(shared::registry(), "stranger.");
    let somebody = Somebody::at(shared::registry());
    let subject = subject_of("stranger.", RecordKind::Bar);
    // First come: a Bar that nobody here can read.
    let stranger = json!({
        "type": "record", "name": "Bar", "namespace": "gauntlet.market",
        "fields": [{ "name": "surprise", "type": "string" }],
    });
    let (status, answer) = somebody.register(&subject, &stranger);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        somebody.put(&format!("config/{subject}"), &json!({ "compatibility": "FULL_TRANSITIVE" })).0,
        200
    );
    for error in [check(&settings).unwrap_err(), register(&settings).unwrap_err()] {
        eprintln!("{error}");
        let RegistryError::Incompatible { subject: named, said } = &error else { panic!("{error}") };
        assert_eq!(named, &subject);
        assert!(said.contains("FULL_TRANSITIVE"), "{said}");
        assert!(said.contains("is gauntlet.market.Bar, but not readable as version 2"), "{said}");
        assert!(error.to_string().contains("remove it"), "what to do: {error}");
        assert!(!error.is_transient());
    }
    // A service is told that the version is missing, and never reads the stranger's records with silent defaults.
    assert!(matches!(RemoteRegistry::connect(&settings), Err(RegistryError::Missing { .. })));
    let ours = self::settings(shared::registry(), "stranger-ours.");
    register(&ours).unwrap();
    let codec = Codec::new(Arc::new(RemoteRegistry::connect(&ours).unwrap()));
    let refused = codec.decode(Some(&frame(id_in(&answer), b"\x02a"))).unwrap_err();
    assert!(matches!(refused, WireError::ForeignSchema { .. }) && !refused.is_transient(), "{refused}");
    assert!(refused.to_string().contains("gauntlet.market.Bar, but not readable"), "{refused}");
}

/// Somebody has switched the protection off and come second.
#[test]
fn a_stranger_that_came_later_is_named_too() {
    let settings = settings(shared::registry(), "later.");
    register(&settings).unwrap();
    let somebody = Somebody::at(shared::registry());
    let subject = subject_of("later.", RecordKind::Trade);
    assert_eq!(somebody.put(&format!("config/{subject}"), &json!({ "compatibility": "NONE" })).0, 200);
    let stranger = json!({ "type": "record", "name": "Trade", "namespace": "elsewhere", "fields": [] });
    assert_eq!(somebody.register(&subject, &stranger).0, 200);
    let there = format!("subject {subject}: version {} there", RecordKind::Trade.published().len() + 1);
    for error in [check(&settings).unwrap_err(), register(&settings).unwrap_err()] {
        assert!(error.to_string().contains(&there), "{error}");
        assert!(error.to_string().contains("is elsewhere.Trade"), "{error}");
    }
    RemoteRegistry::connect(&settings).map(|_| ()).unwrap();
}

/// The same schema in another formatting is the same schema.
#[test]
fn a_schema_that_a_tool_has_formatted_is_found() {
    let settings = settings(shared::registry(), "formatted.");
    let subject = subject_of("formatted.", RecordKind::Bar);
    let mut compact = schema(RecordKind::Bar);
    compact["doc"] = json!("somebody's own words");
    let (status, answer) = Somebody::at(shared::registry()).register(&subject, &compact);
    assert_eq!(status, 200, "{answer}");
    register(&settings).unwrap();
    let registry = RemoteRegistry::connect(&settings).unwrap();
    let codec = Codec::new(Arc::new(registry));
    assert_eq!(codec.decode(Some(&codec.encode(&bar()).unwrap())).unwrap(), bar());
    let body = &Codec::default().encode(&bar()).unwrap()[5..];
    assert_eq!(codec.decode(Some(&frame(id_in(&answer), body))).unwrap(), bar());
}

#[test]
fn an_id_that_is_not_there_is_waited_for_and_a_newer_version_is_read() {
    let settings = settings(shared::registry(), "newer.");
    register(&settings).unwrap();
    let somebody = Somebody::at(shared::registry());
    let codec = Codec::new(Arc::new(RemoteRegistry::connect(&settings).unwrap()));
    let unknown = codec.decode(Some(&frame(1_999_999_999, b""))).unwrap_err();
    assert!(unknown.is_transient(), "{unknown}");
    assert!(
        unknown
            .to_string()
            .contains("schema id 1999999999 cannot be looked up: the registry does not have it")
    );
    // No registry gives such ids: noise, and final.
    let noise = codec.decode(Some(&frame(u32::MAX, b""))).unwrap_err();
    assert_eq!(noise, WireError::UnknownSchema { id: u32::MAX });
    // A release after this one adds fields; both kinds of bodies, through serde and through columns.
    for event in [command("A"), bar()] {
        let subject = subject_of("newer.", event.kind());
        let field = json!({ "name": "added", "type": ["null", "string"], "default": null });
        let (status, answer) = somebody.register(&subject, &with_field(event.kind(), field));
        assert_eq!(status, 200, "{answer}");
        let body = &Codec::default().encode(&event).unwrap()[5..];
        for added in [&b"\0"[..], b"\x02\x06new"] {
            let frame = frame(id_in(&answer), &[body, added].concat());
            assert_eq!(codec.decode(Some(&frame)).unwrap(), event);
            let trailing = codec.decode(Some(&[&frame[..], b"!"].concat())).unwrap_err();
            assert!(matches!(trailing, WireError::TrailingBytes { extra: 1, .. }), "{trailing}");
        }
        // The registry of a later release has more than ours, and that is no conflict.
        register(&settings).unwrap();
        check(&settings).unwrap();
    }
    // Somebody else's record.
    let stranger = json!({ "type": "record", "name": "Order", "namespace": "shop", "fields": [] });
    let (_, answer) = somebody.register("orders-value", &stranger);
    let foreign = codec.decode(Some(&frame(id_in(&answer), b""))).unwrap_err();
    assert_eq!(foreign, WireError::ForeignSchema { id: id_in(&answer), found: "shop.Order".into() });
    assert!(!foreign.is_transient());
}

#[test]
fn a_registry_that_is_down_at_the_start_is_a_clear_error() {
    let settings = Settings::new("http://127.0.0.1:9");
    let began = Instant::now();
    for error in [
        RemoteRegistry::connect(&settings).err().unwrap(),
        register(&settings).unwrap_err(),
        check(&settings).unwrap_err(),
    ] {
        assert!(error.is_transient());
        let text = error.to_string();
        assert!(text.contains("http://127.0.0.1:9 does not answer: ") && text.contains("refused"), "{text}");
        assert!(text.contains("is it running"), "{text}");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    // The second address is good.
    let mut both = self::settings(shared::registry(), "second.");
    both.urls.insert(0, "http://127.0.0.1:9/".into());
    register(&both).unwrap();
    RemoteRegistry::connect(&both).map(|_| ()).unwrap();
}

#[test]
fn a_guarded_registry_is_used_by_who_trusts_its_certificate_and_has_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let guard =
        Guard { certificate: certificate.clone(), key, user: "gauntlet", password: "hunter2-hunter2" };
    let server = SchemaRegistry::start_guarded(RegistryStorage::Memory, &guard);
    let user = |password: &str| Some((guard.user.to_owned(), Password::new(password)));
    let stranger =
        Settings { urls: vec![server.tls_url()], basic_auth: user(guard.password), ..settings(&server, "") };
    let error = register(&stranger).unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
    let trusting = Settings { ca_file: Some(certificate), ..stranger };
    for basic_auth in [None, user("hunter3-hunter3")] {
        let error = register(&Settings { basic_auth, ..trusting.clone() }).unwrap_err();
        assert!(matches!(error, RegistryError::Denied { status: 401, .. }), "{error}");
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
    assert_eq!(register(&trusting).unwrap().added(), of_all_subjects());
    let codec = Codec::new(Arc::new(RemoteRegistry::connect(&trusting).unwrap()));
    assert_eq!(codec.decode(Some(&codec.encode(&command("A")).unwrap())).unwrap(), command("A"));
}

#[test]
fn a_registry_that_hangs_costs_one_time_out_and_harms_nobody_who_knows() {
    let server = SchemaRegistry::start(RegistryStorage::Memory);
    register(&settings(&server, "")).unwrap();
    let subject = subject_of("", RecordKind::CreateSnapshot);
    let field = json!({ "name": "added", "type": ["null", "string"], "default": null });
    let (_, answer) =
        Somebody::at(&server).register(&subject, &with_field(RecordKind::CreateSnapshot, field));
    let event = command("A");
    let body = Codec::default().encode(&event).unwrap()[5..].to_vec();
    let newer = frame(id_in(&answer), &[&body[..], b"\0"].concat());

    let registry = RemoteRegistry::connect(&settings(&server, "")).unwrap();
    let quick = Settings { timeout: Duration::from_secs(2), ..settings(&server, "") };
    let impatient = Codec::new(Arc::new(RemoteRegistry::connect(&quick).unwrap()));
    let patient = Codec::new(Arc::new(registry));
    server.pause();
    let began = Instant::now();
    let hung = impatient.decode(Some(&newer)).unwrap_err();
    assert!(hung.is_transient(), "{hung}");
    assert!(hung.to_string().contains("nothing within 2 s"), "{hung}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // Right after it the next one does not wait; known ids never do.
    let began = Instant::now();
    assert!(impatient.decode(Some(&newer)).unwrap_err().is_transient());
    for codec in [&patient, &impatient] {
        assert_eq!(codec.decode(Some(&codec.encode(&event).unwrap())).unwrap(), event);
    }
    assert!(began.elapsed() < Duration::from_millis(150), "{:?}", began.elapsed());
    let refused = RemoteRegistry::connect(&quick).err().unwrap();
    assert!(refused.is_transient() && refused.to_string().contains("nothing within 2 s"), "{refused}");
    server.resume();
    // What failed was not kept.
    assert_eq!(decoded_in_time(&impatient, &newer), event);
}

#[test]
fn a_registry_that_dies_and_comes_back_is_found_again() {
    let kafka = Kafka::start();
    let mut server = SchemaRegistry::start(RegistryStorage::Kafka(kafka.bootstrap()));
    let settings = settings(&server, "");
    register(&settings).unwrap();
    let field = json!({ "name": "added", "type": ["null", "string"], "default": null });
    let subject = subject_of("", RecordKind::CreateSnapshot);
    let (status, answer) =
        Somebody::at(&server).register(&subject, &with_field(RecordKind::CreateSnapshot, field));
    assert_eq!(status, 200, "{answer}");
    let codec = Codec::new(Arc::new(RemoteRegistry::connect(&settings).unwrap()));
    let event = command("A");
    let known = codec.encode(&event).unwrap();
    let newer = frame(id_in(&answer), &[&known[5..], b"\0"].concat());
    server.kill();
    let gone = codec.decode(Some(&newer)).unwrap_err();
    assert!(gone.is_transient() && gone.to_string().contains("does not answer"), "{gone}");
    assert_eq!(codec.decode(Some(&known)).unwrap(), event, "known ids go on");
    assert_eq!(codec.encode(&event).unwrap(), known, "and so does writing");
    assert!(matches!(RemoteRegistry::connect(&settings), Err(RegistryError::Unreachable { .. })));
    server.start_again();
    assert_eq!(decoded_in_time(&codec, &newer), event);
    assert_eq!(register(&settings).unwrap().added(), 0, "it has kept everything");
    server.kill();
    assert_eq!(codec.decode(Some(&newer)).unwrap(), event, "what was learned once is kept");
}
