//! One Kafka node: broker and controller in one process, without ZooKeeper.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::door::Door;
use crate::jars::jars;
use crate::process::{Folder, Server, answers, free_port, words};

const POM: &str = include_str!("../files/kafka-pom.xml");
const PROPERTIES: &str = include_str!("../files/kafka-server.properties");
const LOGGING: &str = include_str!("../files/kafka-log4j2.xml");
/// Any 16 bytes in base64; every test has its own folder.
const CLUSTER_ID: &str = "Z2F1bnRsZXQtdGVzdHMtMQ";

/// A broker; also a [`Server`], to be killed and started again.
pub struct Kafka {
    server: Server,
    folder: Folder,
    port: u16,
    /// Port of the listener with TLS and passwords, and its certificate.
    secured: Option<(u16, PathBuf)>,
}

impl Kafka {
    /// Starts a broker and waits until it is ready.
    pub fn start() -> Kafka {
        Kafka::start_with("")
    }

    /// A broker that another process has started.
    pub(crate) fn elsewhere(port: u16) -> Kafka {
        let folder = Folder::new("kafka");
        // Its tools write a log of their own.
        fs::write(folder.path().join("log4j2.xml"), LOGGING).unwrap();
        Kafka { server: Server::elsewhere("the broker"), folder, port, secured: None }
    }

    /// The port that clients use.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts a broker with a second listener that asks for TLS, a user (SCRAM-SHA-512) and a password.
    pub fn start_secured(user: &str, password: &str) -> Kafka {
        let folder = Folder::new("kafka");
        let store = folder.path().join("broker.p12").display().to_string();
        let keytool = |args: &[&str]| {
            let run = Command::new("keytool")
                .args(args)
                .args(["-keystore", &store, "-storepass", "changeit"])
                .output();
            let run = run.unwrap_or_else(|error| panic!("keytool cannot be run: {error}"));
            assert!(run.status.success(), "keytool: {}", String::from_utf8_lossy(&run.stdout));
        };
        keytool(&[
            "-genkeypair",
            "-alias",
            "broker",
            "-keyalg",
            "RSA",
            "-storetype",
            "PKCS12",
            "-dname",
            "CN=localhost",
            "-ext",
            "SAN=ip:127.0.0.1,dns:localhost",
            "-validity",
            "30",
        ]);
        let certificate = folder.path().join("ca.pem").display().to_string();
        keytool(&["-exportcert", "-rfc", "-alias", "broker", "-file", &certificate]);
        let secured = free_port();
        let more = move |port: u16, controller: u16| {
            format!(
                "listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secured},CONTROLLER://127.0.0.1:{controller}\n\
                 advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secured}\n\
                 listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL\n\
                 sasl.enabled.mechanisms=SCRAM-SHA-512\n\
                 listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\nssl.keystore.location={store}\nssl.keystore.password=changeit\n\
                 ssl.keystore.type=PKCS12\n"
            )
        };
        let mut kafka = Kafka::start_in(
            folder,
            more,
            &["--add-scram", &format!("SCRAM-SHA-512=[name={user},password={password}]")],
        );
        kafka.secured = Some((secured, certificate.into()));
        kafka
    }

    /// Starts a broker with more properties.
    pub fn start_with(more: &str) -> Kafka {
        let folder = Folder::new("kafka");
        Kafka::start_in(folder, |_, _| more.to_owned(), &[])
    }

    /// Starts a broker that is reached through a door.
    pub fn start_behind_a_door() -> (Kafka, Door) {
        let mut door = None;
        let more = |port: u16, _: u16| {
            let through = door.insert(Door::to_kafka(port));
            format!("advertised.listeners=PLAINTEXT://127.0.0.1:{}", through.port())
        };
        let mut kafka = Kafka::start_in(Folder::new("kafka"), more, &[]);
        let door = door.unwrap();
        kafka.port = door.port();
        (kafka, door)
    }

    /// Properties come last, so that they win; they are given the ports. Formatting is given more arguments.
    fn start_in(folder: Folder, more: impl FnOnce(u16, u16) -> String, format: &[&str]) -> Kafka {
        let (port, controller) = (free_port(), free_port());
        let properties = PROPERTIES
            .replace("@DATA@", &folder.path().join("data").display().to_string())
            .replace("@PORT@", &port.to_string())
            .replace("@CONTROLLER@", &controller.to_string());
        fs::write(
            folder.path().join("server.properties"),
            format!("{properties}\n{}\n", more(port, controller)),
        )
        .unwrap();
        fs::write(folder.path().join("log4j2.xml"), LOGGING).unwrap();
        let at = properties_of(&folder);
        let words = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", &at];
        let format = java(&folder, &[&words[..], format].concat());
        let run = Command::new(&format[0]).args(&format[1..]).output();
        let run = run
            .unwrap_or_else(|error| panic!("java cannot be run: {error}; install openjdk-17-jre-headless"));
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let command = java(&folder, &["kafka.Kafka", &at]);
        let is_ready = move |log: &str| log.contains("Kafka Server started") && answers(port);
        let server = Server::start("Kafka", command, Vec::new(), folder.path().join("server.log"), is_ready);
        Kafka { server, folder, port, secured: None }
    }

    /// `host:port` for clients.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `host:port` of the listener that asks for TLS and a password, and the file with its certificate.
    pub fn secured(&self) -> (String, &Path) {
        let (port, certificate) = self.secured.as_ref().expect("started with start_secured");
        (format!("127.0.0.1:{port}"), certificate)
    }

    /// Runs one of Kafka's own tools, such as `org.apache.kafka.tools.TopicCommand`, and gives its output.
    pub fn tool(&self, class: &str, args: &[&str]) -> String {
        let command = java(&self.folder, &[&[class], args].concat());
        let run = Command::new(&command[0]).args(&command[1..]).output().unwrap();
        let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{class}: {text}");
        text
    }
}

impl Deref for Kafka {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Kafka {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

fn properties_of(folder: &Folder) -> String {
    folder.path().join("server.properties").display().to_string()
}

/// One of Kafka's programs.
fn java(folder: &Folder, rest: &[&str]) -> Vec<String> {
    let jars = jars("kafka-4.1.1", POM);
    let logging = folder.path().join("log4j2.xml");
    let mut command = words(&["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    command.push(format!("-Dlog4j2.configurationFile={}", logging.display()));
    command.extend(["-cp".to_owned(), format!("{}/*", jars.display())]);
    command.extend(words(rest));
    command
}
