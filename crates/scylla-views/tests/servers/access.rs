//! Servers that ask for a user and speak TLS: what is refused names the setting, and never shows the password.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::options;
use gauntlet_scylla_views::{CqlOptions, CqlStore, Secret};
use gauntlet_servers::Cassandra;
use gauntlet_views::schema::EXPERIMENTS;
use gauntlet_views::{Upsert, ViewStore};

fn keytool(args: &[&str]) {
    let run = Command::new("keytool").args(args).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
}

/// A key and its certificate for an address, in a store for the server and as PEM for clients.
fn certificate(folder: &Path, name: &str, address: &str) -> (PathBuf, PathBuf) {
    let (keys, pem) = (folder.join(format!("{name}.p12")), folder.join(format!("{name}.pem")));
    let store = ["-keystore", keys.to_str().unwrap(), "-storepass", "changeit", "-alias", "node"];
    let named = format!("san=ip:{address}");
    let make =
        ["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=node", "-ext", &named];
    keytool(&[&make[..], &["-storetype", "PKCS12"], &store].concat());
    keytool(&[&["-exportcert", "-rfc", "-file", pem.to_str().unwrap()][..], &store].concat());
    (keys, pem)
}

#[test]
fn a_server_with_users_and_tls_is_reached_with_the_right_settings_only() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, pem) = certificate(folder.path(), "node", "127.0.0.1");
    let (_, foreign) = certificate(folder.path(), "foreign", "127.0.0.1");
    let server = Cassandra::start_with(|config| {
        let config = config
            .replace("authenticator: AllowAllAuthenticator", "authenticator: PasswordAuthenticator")
            .replace("authorizer: AllowAllAuthorizer", "authorizer: CassandraAuthorizer");
        assert!(config.contains("PasswordAuthenticator") && config.contains("CassandraAuthorizer"));
        format!(
            "{config}client_encryption_options:\n  enabled: true\n  optional: false\n  keystore: {}\n  \
             keystore_password: changeit\n  store_type: PKCS12\n",
            keys.display()
        )
    });
    let right = CqlOptions {
        user: Some("cassandra".into()),
        password: Some(Secret::new("cassandra")),
        ca_file: Some(pem),
        retry_ms: 2_000,
        ..options(&server, "guarded")
    };

    // The server makes its first user a few seconds after its start.
    let until = Instant::now() + Duration::from_secs(60);
    while let Err(error) = CqlStore::migrate(&right) {
        assert!(Instant::now() < until, "{error}");
        std::thread::sleep(Duration::from_millis(500));
    }
    let store = CqlStore::connect(right.clone()).unwrap();
    store.write(&[Upsert::new(&EXPERIMENTS, vec!["e".into()], 1)], &[]).unwrap();
    assert_eq!(store.scan(&EXPERIMENTS, None).unwrap().len(), 1);

    let missing = folder.path().join("missing.pem");
    let wrong = [
        (
            "cql.user and cql.password",
            CqlOptions { password: Some(Secret::new("hush-hush")), ..right.clone() },
        ),
        ("cql.user and cql.password", CqlOptions { user: None, password: None, ..right.clone() }),
        ("cql.ca_file", CqlOptions { ca_file: Some(foreign), ..right.clone() }),
        ("missing.pem", CqlOptions { ca_file: Some(missing), ..right.clone() }),
    ];
    for (setting, options) in wrong {
        let began = Instant::now();
        let error = CqlStore::connect(options).err().unwrap();
        let text = format!("{error} {error:?}");
        eprintln!("{error}");
        assert!(text.contains(setting), "{text}");
        assert!(setting == "missing.pem" || text.contains(&server.contact_point()), "{text}");
        assert!(!text.contains("hush-hush") && !error.retry(), "{text}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    // Without TLS the server does not answer in a way that says so.
    let error = CqlStore::connect(CqlOptions { ca_file: None, ..right }).err().unwrap();
    eprintln!("{error}");
    assert!(
        error.to_string().contains(&server.contact_point()) && error.to_string().contains("cql.ca_file"),
        "{error}"
    );
}
