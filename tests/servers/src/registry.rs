//! Apicurio Registry, spoken to through its Confluent-compatible interface.

use std::io::{Read, Write};
use std::net::TcpStream;
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

/// A registry.
pub struct SchemaRegistry {
    server: Option<Server>,
    folder: Folder,
    port: u16,
    storage: RegistryStorage,
    environment: Vec<(String, String)>,
}

impl SchemaRegistry {
    /// Starts a registry and waits until it answers.
    pub fn start(storage: RegistryStorage) -> SchemaRegistry {
        SchemaRegistry::start_with(storage, &[])
    }

    /// Starts a registry with more environment, such as basic authentication.
    pub fn start_with(storage: RegistryStorage, environment: &[(&str, &str)]) -> SchemaRegistry {
        let folder = Folder::new("registry");
        let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut registry = SchemaRegistry { server: None, folder, port: free_port(), storage, environment };
        registry.start_again();
        registry
    }

    /// Starts it again on the same port.
    pub fn start_again(&mut self) {
        let unpacked = archive("apicurio-3.0.9", COORDINATES);
        let jar = unpacked.join("apicurio-registry-app-3.0.9-runner.jar");
        let mut environment = self.environment.clone();
        let mut set = |name: &str, value: &str| environment.push((name.to_owned(), value.to_owned()));
        set("QUARKUS_HTTP_HOST", "127.0.0.1");
        set("QUARKUS_HTTP_PORT", &self.port.to_string());
        match &self.storage {
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
        command.push(jar.display().to_string());
        let mut server = Server::start(&command, &environment, &self.folder.path().join("server.log"));
        let port = self.port;
        server.wait("the registry", |_| status(port, "/apis/ccompat/v7/subjects").is_some_and(|s| s < 500));
        self.server = Some(server);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Stops it in its tracks, `resume` lets it go on: requests hang.
    pub fn pause(&self) {
        self.server.as_ref().unwrap().signal("STOP");
    }

    /// Lets it go on after `pause`.
    pub fn resume(&self) {
        self.server.as_ref().unwrap().signal("CONT");
    }

    /// Base address of the Confluent-compatible interface.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
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
