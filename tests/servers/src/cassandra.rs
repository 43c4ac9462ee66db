//! One Cassandra node.

use std::fs;

use crate::jars::jars;
use crate::process::{Folder, Server, answers, free_port, words};

const POM: &str = include_str!("../files/cassandra-pom.xml");
const CONFIG: &str = include_str!("../files/cassandra.yaml");
const OPTIONS: &str = include_str!("../files/cassandra-jvm.options");
const LOGGING: &str = include_str!("../files/cassandra-logback.xml");

/// A node.
pub struct Cassandra {
    server: Option<Server>,
    folder: Folder,
    port: u16,
}

impl Cassandra {
    /// Starts a node and waits until it answers.
    pub fn start() -> Cassandra {
        Cassandra::start_with(|config| config)
    }

    /// Starts a node with a changed configuration, such as one with passwords.
    pub fn start_with(change: impl FnOnce(String) -> String) -> Cassandra {
        let folder = Folder::new("cassandra");
        let (port, storage) = (free_port(), free_port());
        let config = CONFIG
            .replace("@DATA@", &folder.path().display().to_string())
            .replace("@PORT@", &port.to_string())
            .replace("@STORAGE@", &storage.to_string());
        fs::write(folder.path().join("cassandra.yaml"), change(config)).unwrap();
        fs::write(folder.path().join("logback.xml"), LOGGING).unwrap();
        fs::write(folder.path().join("jvm.options"), OPTIONS).unwrap();
        let mut cassandra = Cassandra { server: None, folder, port };
        cassandra.start_again();
        cassandra
    }

    /// Starts it again over what it has kept, on the same port.
    pub fn start_again(&mut self) {
        let jars = jars("cassandra-5.0.6", POM);
        let (folder, jars) = (self.folder.path().display(), jars.display());
        let mut command = vec![
            "java".to_owned(),
            format!("@{folder}/jvm.options"),
            format!("-javaagent:{jars}/jamm-0.4.0.jar"),
            format!("-Dcassandra.config=file://{folder}/cassandra.yaml"),
            format!("-Dcassandra.storagedir={folder}"),
            format!("-Dlogback.configurationFile={folder}/logback.xml"),
            "-Dcassandra-foreground=yes".to_owned(),
            "-cp".to_owned(),
            format!("{jars}/*"),
        ];
        command.extend(words(&["org.apache.cassandra.service.CassandraDaemon"]));
        let mut server = Server::start(&command, &[], &self.folder.path().join("server.log"));
        let port = self.port;
        server.wait("Cassandra", |log| log.contains("Starting listening for CQL clients") && answers(port));
        self.server = Some(server);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Stops it in its tracks, `resume` lets it go on: writes time out and may have been applied.
    pub fn pause(&self) {
        self.server.as_ref().unwrap().signal("STOP");
    }

    /// Lets it go on after `pause`.
    pub fn resume(&self) {
        self.server.as_ref().unwrap().signal("CONT");
    }

    /// `host:port` for clients.
    pub fn contact_point(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What the node has logged since its last start.
    pub fn log(&self) -> String {
        self.server.as_ref().map(Server::output).unwrap_or_default()
    }
}
