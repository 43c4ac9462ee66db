//! An S3 server: moto. It keeps everything in memory, so what it holds is gone when it is killed; for an outage there is
//! a `Door`. It takes any credentials, until it is told to refuse them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::jars::python;
use crate::process::{Folder, Server, free_port};

const REQUIREMENTS: &str = include_str!("../files/moto-requirements.txt");

/// An S3 server; also a [`Server`], to be killed, paused and started again.
pub struct S3 {
    server: Server,
    /// Kept until the end.
    _folder: Folder,
    port: u16,
}

impl S3 {
    /// Starts a server with an empty bucket `lake`.
    pub fn start() -> S3 {
        let folder = Folder::new("s3");
        let port = free_port();
        let mut command = vec![python("moto-5.2.5", REQUIREMENTS).display().to_string()];
        let port_text = port.to_string();
        let rest = ["-m", "moto.server", "-H", "127.0.0.1", "-p", &port_text];
        command.extend(rest.map(str::to_owned));
        let is_ready =
            move |_: &str| request(port, "s3", "GET", "/", &[]).is_some_and(|(status, _)| status < 500);
        let log = folder.path().join("server.log");
        let server = Server::start("the S3 server", command, Vec::new(), log, is_ready);
        let s3 = S3 { server, _folder: folder, port };
        s3.ask("PUT", "/lake", &[]);
        s3
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Options under which `object_store` finds it, through this port.
    pub fn options(port: u16) -> Vec<(String, String)> {
        let endpoint = format!("http://127.0.0.1:{port}");
        [
            ("aws_endpoint", endpoint.as_str()),
            ("aws_allow_http", "true"),
            ("aws_region", "us-east-1"),
            ("aws_access_key_id", "gauntlet"),
            ("aws_secret_access_key", "not checked"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Keys of the bucket that contain `part`.
    pub fn keys(&self, part: &str) -> Vec<String> {
        let listing = String::from_utf8(self.ask("GET", "/lake?list-type=2", &[])).unwrap();
        let keys = listing.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        keys.filter(|key| key.contains(part)).map(str::to_owned).collect()
    }

    /// The bytes of an object.
    pub fn get(&self, key: &str) -> Vec<u8> {
        self.ask("GET", &format!("/lake/{key}"), &[])
    }

    /// Puts other bytes in the place of an object.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        self.ask("PUT", &format!("/lake/{key}"), bytes);
    }

    /// Deletes an object.
    pub fn delete(&self, key: &str) {
        self.ask("DELETE", &format!("/lake/{key}"), &[]);
    }

    /// From now on refuses every user: it knows none.
    pub fn refuse_everybody(&self) {
        self.ask("POST", "/moto-api/reset-auth", b"0");
    }

    /// Takes everybody again.
    pub fn take_everybody(&self) {
        self.ask("POST", "/moto-api/reset-auth", b"inf");
    }

    /// Key and secret of a new user who may do everything, and whose signatures are checked when not everybody is taken.
    pub fn user(&self) -> (String, String) {
        const EVERYTHING: &str = "%7B%22Version%22:%222012-10-17%22,%22Statement%22:[%7B%22Effect%22:%22Allow%22,\
                                  %22Action%22:%22*%22,%22Resource%22:%22*%22%7D]%7D";
        let iam = |action: &str| {
            let form = format!("Version=2010-05-08&UserName=lake&Action={action}");
            let (status, answer) = request(self.port, "iam", "POST", "/", form.as_bytes()).unwrap();
            let answer = String::from_utf8(answer).unwrap();
            assert!(status < 300, "{action}: {status} {answer}");
            answer
        };
        iam("CreateUser");
        iam(&format!("PutUserPolicy&PolicyName=all&PolicyDocument={EVERYTHING}"));
        let made = iam("CreateAccessKey");
        let said = |name: &str| {
            let (_, rest) = made.split_once(&format!("<{name}>")).unwrap();
            rest.split_once('<').unwrap().0.to_owned()
        };
        (said("AccessKeyId"), said("SecretAccessKey"))
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let (status, answer) = request(self.port, "s3", method, path, body).unwrap();
        assert!(status < 300, "{method} {path}: {status} {}", String::from_utf8_lossy(&answer));
        answer
    }
}

impl Deref for S3 {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for S3 {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

/// Status and body of a service's answer; `None` when there is none.
fn request(port: u16, service: &str, method: &str, path: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    // Nobody checks it, but it has to be there: it names the service.
    let scope = format!("20260101/us-east-1/{service}/aws4_request");
    let signed = format!("AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders=host, Signature=0");
    let kind = if service == "s3" { "octet-stream" } else { "x-www-form-urlencoded" };
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {signed}\r\n\
         Content-Type: application/{kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
    Some((status, answer.split_off(end + 4)))
}
