//! Apicurio Registry, spoken to through its Confluent-compatible interface.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::Duration;

use crate::jars::archive;
use crate::process::{Folder, Server, free_port, words};

const COORDINATES: &str = "io.apicurio:apicurio-registry-app:3.0.9:tar.gz:all";

/// Where the registry keeps schemas.
#[derive(Debug, Clone)]
pub enum RegistryStorage {
    /// In memory: gone when it is killed.
    Memory,
    /// On topics of this broker: there again after a restart.
    Kafka(String),
}

/// A registry; also a [`Server`], to be killed and started again.
pub struct SchemaRegistry {
    server: Server,
    /// Kept until the end.
    _folder: Folder,
    port: u16,
    tls_port: u16,
}

impl SchemaRegistry {
    /// Starts a registry and waits until it answers.
    pub fn start(storage: RegistryStorage) -> SchemaRegistry {
        SchemaRegistry::start_with(storage, None)
    }

    /// Starts a registry that asks for a user and a password, and also speaks TLS.
    pub fn start_guarded(storage: RegistryStorage, guard: &Guard) -> SchemaRegistry {
        SchemaRegistry::start_with(storage, Some(guard))
    }

    /// A registry that another process has started.
    pub(crate) fn elsewhere(port: u16) -> SchemaRegistry {
        let server = Server::elsewhere("the registry");
        SchemaRegistry { server, _folder: Folder::new("registry"), port, tls_port: 0 }
    }

    /// The port of plain HTTP.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn start_with(storage: RegistryStorage, guard: Option<&Guard>) -> SchemaRegistry {
        let folder = Folder::new("registry");
        let port = free_port();
        let unpacked = archive("apicurio-3.0.9", COORDINATES);
        let jar = unpacked.join("apicurio-registry-app-3.0.9-runner.jar");
        let tls_port = free_port();
        let mut environment: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: &str| environment.push((name.to_owned(), value.to_owned()));
        set("QUARKUS_HTTP_HOST", "127.0.0.1");
        set("QUARKUS_HTTP_PORT", &port.to_string());
        match &storage {
            RegistryStorage::Memory => {
                set("APICURIO_STORAGE_KIND", "sql");
                set("APICURIO_STORAGE_SQL_KIND", "h2");
            }
            RegistryStorage::Kafka(bootstrap) => {
                set("APICURIO_STORAGE_KIND", "kafkasql");
                set("APICURIO_KAFKASQL_BOOTSTRAP_SERVERS", bootstrap);
            }
        }
        let mut command = words(&["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar"]);
        if let Some(guard) = guard {
            let at = command.len() - 1;
            command.splice(at..at, guard.properties(tls_port));
        }
        command.push(jar.display().to_string());
        // The port for TLS opens after the other.
        let has_tls = guard.is_some();
        let is_ready = move |_: &str| {
            status(port, "/apis/ccompat/v7/subjects").is_some_and(|status| status < 500)
                && (!has_tls || TcpStream::connect(("127.0.0.1", tls_port)).is_ok())
        };
        let log = folder.path().join("server.log");
        let server = Server::start("the registry", command, environment, log, is_ready);
        SchemaRegistry { server, _folder: folder, port, tls_port }
    }

    /// Base address of the Confluent-compatible interface.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    /// The same through TLS, for a guarded one.
    pub fn tls_url(&self) -> String {
        format!("https://localhost:{}/apis/ccompat/v7", self.tls_port)
    }
}

/// What stands before a registry.
pub struct Guard {
    /// Certificate, as a PEM file.
    pub certificate: PathBuf,
    /// Its key, as a PEM file.
    pub key: PathBuf,
    /// Who may come in; lower-case letters.
    pub user: &'static str,
    /// The password.
    pub password: &'static str,
}

impl Guard {
    /// As options of the virtual machine: variables cannot name a user.
    fn properties(&self, tls_port: u16) -> Vec<String> {
        let Guard { certificate, key, user, password } = self;
        let (certificate, key) = (certificate.display(), key.display());
        let properties = [
            format!("http.ssl-port={tls_port}"),
            format!("http.ssl.certificate.files={certificate}"),
            format!("http.ssl.certificate.key-files={key}"),
            // Readiness is asked for without TLS.
            "http.insecure-requests=enabled".to_owned(),
            "http.auth.basic=true".to_owned(),
            "http.auth.permission.all.paths=/*".to_owned(),
            "http.auth.permission.all.policy=authenticated".to_owned(),
            "oidc.tenant-enabled=false".to_owned(),
            "security.users.embedded.plain-text=true".to_owned(),
            format!("security.users.embedded.users.{user}={password}"),
            format!("security.users.embedded.roles.{user}=sr-admin"),
        ];
        properties.iter().map(|property| format!("-Dquarkus.{property}")).collect()
    }
}

impl Deref for SchemaRegistry {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for SchemaRegistry {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

/// Status of a GET.
fn status(port: u16, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    std::str::from_utf8(&head[9..]).ok()?.parse().ok()
}
