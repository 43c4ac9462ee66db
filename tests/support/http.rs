//! One HTTP/1.1 request over a plain socket: status, headers and body as they come.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Json;

/// An answer.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// Headers, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as a document.
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// Sends a request; gives the status and the body.
pub fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, String) {
    let answer = answer(address, method, path, headers, body);
    (answer.status, answer.text())
}

/// Sends a request. A header `host` takes the place of the address.
pub fn answer(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpAnswer {
    let mut stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let host = headers.iter().find(|(name, _)| *name == "host").map_or(address, |(_, host)| host);
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses a body need not read it to its end.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    assert!(bytes.starts_with(b"HTTP/1.1 "), "{method} {path} of {address} has no answer: {read:?}");
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> HttpAnswer {
    let end = bytes.windows(4).position(|at| at == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: Vec<_> = lines.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let body = bytes.get(end + 4..).unwrap_or_default();
    let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if is_chunked { whole(body) } else { body.to_vec() };
    HttpAnswer { status: status.unwrap_or_else(|| panic!("no status in '{head}'")), headers, body }
}

/// A body that came in chunks; one that broke off has no end and fails the test.
fn whole(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|at| at == b"\r\n").expect("a body ends with an empty chunk");
        let size = std::str::from_utf8(&chunks[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
}
