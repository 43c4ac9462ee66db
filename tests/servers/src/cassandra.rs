//! One Cassandra node.

use std::fs;
use std::ops::{Deref, DerefMut};

use crate::jars::jars;
use crate::process::{Folder, Server, answers, free_port, words};

const POM: &str = include_str!("../files/cassandra-pom.xml");
const CONFIG: &str = include_str!("../files/cassandra.yaml");
const OPTIONS: &str = include_str!("../files/cassandra-jvm.options");
const LOGGING: &str = include_str!("../files/cassandra-logback.xml");

/// A node; also a [`Server`], to be killed and started again.
pub struct Cassandra {
    server: Server,
    /// Kept until the end.
    _folder: Folder,
    port: u16,
}

impl Cassandra {
    /// Starts a node and waits until it answers. It does not write its schema to disk at each change, since suites make hundreds
    /// of tables; so it must not be killed and started again.
    pub fn start() -> Cassandra {
        Cassandra::start_as(|config| config, Some("-Dcassandra.test.flush_local_schema_changes=false"))
    }

    /// A node that another process has started.
    pub(crate) fn elsewhere(port: u16) -> Cassandra {
        Cassandra { server: Server::elsewhere("the node"), _folder: Folder::new("cassandra"), port }
    }

    /// The port that clients use.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts a node with a changed configuration, such as one with passwords.
    pub fn start_with(change: impl FnOnce(String) -> String) -> Cassandra {
        Cassandra::start_as(change, None)
    }

    fn start_as(change: impl FnOnce(String) -> String, option: Option<&str>) -> Cassandra {
        let folder = Folder::new("cassandra");
        let (port, storage) = (free_port(), free_port());
        let config = CONFIG
            .replace("@DATA@", &folder.path().display().to_string())
            .replace("@PORT@", &port.to_string())
            .replace("@STORAGE@", &storage.to_string());
        fs::write(folder.path().join("cassandra.yaml"), change(config)).unwrap();
        fs::write(folder.path().join("logback.xml"), LOGGING).unwrap();
        fs::write(folder.path().join("jvm.options"), OPTIONS).unwrap();
        let jars = jars("cassandra-5.0.6", POM);
        let (at, jars) = (folder.path().display(), jars.display());
        let mut command = vec![
            "java".to_owned(),
            format!("@{at}/jvm.options"),
            format!("-javaagent:{jars}/jamm-0.4.0.jar"),
            format!("-Dcassandra.config=file://{at}/cassandra.yaml"),
            format!("-Dcassandra.storagedir={at}"),
            format!("-Dlogback.configurationFile={at}/logback.xml"),
            "-Dcassandra-foreground=yes".to_owned(),
            "-cp".to_owned(),
            format!("{jars}/*"),
        ];
        command.extend(option.map(str::to_owned));
        command.extend(words(&["org.apache.cassandra.service.CassandraDaemon"]));
        let is_ready = move |log: &str| log.contains("Starting listening for CQL clients") && answers(port);
        let log = folder.path().join("server.log");
        let server = Server::start("Cassandra", command, Vec::new(), log, is_ready);
        Cassandra { server, _folder: folder, port }
    }

    /// `host:port` for clients.
    pub fn contact_point(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Deref for Cassandra {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Cassandra {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}
