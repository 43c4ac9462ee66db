//! How long the HTTP API takes for lists, and what a subscriber costs: asks a running `up` over one kept connection, and opens
//! subscriptions. The directory is one that has many runs; the peer is a file read from the same machine's page cache, to tell the
//! program from the machine.
//!
//! `cargo run --release -p gauntlet-benches --bin http -- DIR [SUBSCRIBERS [BATCHES]]` beside `gauntlet --dir DIR up`; with a number of
//! batches it sends that many of 1,000 quotes over each of four connections.
#![allow(clippy::print_stdout)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use gauntlet_benches::hardware;
use serde_json::Value;

/// Requests of each kind.
const TIMES: usize = 500;

/// A kept connection.
struct Connection {
    stream: TcpStream,
    address: String,
    token: String,
}

type Failure = Box<dyn std::error::Error>;

impl Connection {
    fn new(address: &str, token: &str) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, address: address.into(), token: token.into() })
    }

    fn send(&mut self, path: &str, more: &str) -> Result<(), Failure> {
        let (address, token) = (&self.address, &self.token);
        let head = format!(
            "GET /api/v1{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n{more}\r\n"
        );
        Ok(self.stream.write_all(head.as_bytes())?)
    }

    /// The body of an answer with a length.
    fn get(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        self.send(path, "")?;
        let (mut bytes, mut buffer) = (Vec::new(), [0; 64 << 10]);
        loop {
            let read = self.stream.read(&mut buffer)?;
            bytes.extend_from_slice(&buffer[..read]);
            let Some(end) = bytes.windows(4).position(|at| at == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.ok_or("an answer without a length")?.parse()?;
            if !head.starts_with("http/1.1 200") {
                return Err(format!("{path}: {head} {}", String::from_utf8_lossy(&bytes[end..])).into());
            }
            if bytes.len() >= end + 4 + length {
                return Ok(bytes.split_off(end + 4));
            }
        }
    }
}

impl Connection {
    /// Posts a body; gives the status.
    fn post(&mut self, path: &str, more: &str, body: &[u8]) -> Result<u16, Failure> {
        let (address, token, length) = (&self.address, &self.token, body.len());
        let head = format!(
            "POST /api/v1{path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n{more}\r\n"
        );
        self.stream.write_all(head.as_bytes())?;
        self.stream.write_all(body)?;
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4 << 10]);
        loop {
            let read = self.stream.read(&mut buffer)?;
            bytes.extend_from_slice(&buffer[..read]);
            let Some(end) = bytes.windows(4).position(|at| at == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if bytes.len() >= end + 4 + length.ok_or("an answer without a length")?.parse::<usize>()? {
                return Ok(head.split(' ').nth(1).ok_or("an answer without a status")?.parse()?);
            }
        }
    }
}

/// Prints the median and the 99th percentile of some times.
fn print(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    println!("{what}: median {:.2} ms, p99 {:.2} ms, of {}", at(0.5), at(0.99), times.len());
}

fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0)
        / 1024.0
}

/// The process that listens on a port.
fn process_of(dir: &Path) -> Option<u32> {
    let holder = std::fs::read_to_string(dir.join("holder.json")).ok()?;
    let holder: Value = serde_json::from_str(&holder).ok()?;
    u32::try_from(holder["pid"].as_u64()?).ok()
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("name the directory of a running up")?;
    let dir = Path::new(&dir);
    let mut number = || arguments.next().map_or(Ok(0), |number| number.parse::<usize>());
    let (subscribers, batches) = (number()?, number()?);
    let address: Value = serde_json::from_str(&std::fs::read_to_string(dir.join("up.json"))?)?;
    let of = |name: &str| address[name].as_str().unwrap_or_default().to_owned();
    let (listen, token) = (of("listen"), of("token"));
    hardware();
    let mut connection = Connection::new(&listen, &token)?;
    let began = Instant::now();
    let page: Value = serde_json::from_slice(&connection.get("/runs?sort=-sharpe&limit=50")?)?;
    println!("{} runs; first request {:.2} s", page["matched"], began.elapsed().as_secs_f64());
    let kinds = [
        ("top 50", "/runs?sort=-sharpe&limit=50&fields=run_id,sharpe"),
        ("top 50, whole rows", "/runs?sort=-sharpe&limit=50"),
        (
            "filter and sort",
            "/runs?filter=max_drawdown%20%3C%20N%25%20and%20phase%20%3D%20%22tuning%22&sort=-sharpe,end&limit=50",
        ),
        (
            "filter that leaves few",
            "/runs?filter=sharpe%20between%200.N%20and%200.N5&sort=max_drawdown&limit=100",
        ),
        (
            "trials by a parameter",
            "/trials?filter=hyperparameters.fast%20%3C%20N&sort=-hyperparameters.slow&limit=50",
        ),
    ];
    for (what, path) in kinds {
        let mut times = Vec::new();
        // The first request of a list reads it into memory.
        connection.get(&path.replace('N', "3"))?;
        for time in 0..TIMES {
            let path = path.replace('N', &(time % 9 + 1).to_string());
            let began = Instant::now();
            connection.get(&path)?;
            times.push(began.elapsed());
        }
        print(what, times);
    }
    if subscribers > 0 {
        subscribe(dir, (&listen, &token), subscribers)?;
    }
    if batches > 0 {
        ingest((&listen, &token), batches)?;
    }
    Ok(())
}

/// Connections that send ticks.
const SENDERS: usize = 4;
/// Quotes of a batch.
const QUOTES: usize = 1_000;

/// Sends batches of quotes of four instruments, each durable before the next one.
fn ingest((listen, token): (&str, &str), batches: usize) -> Result<(), Failure> {
    let run = std::process::id();
    let body = |sender: usize, batch: usize| {
        let tick = |at: usize| {
            let number = batch * QUOTES + at;
            let time = 1_700_000_000_000_000_000_u64 + number as u64 * 1_000_000;
            let bid = 1_300.0 + (number % 977) as f64 * 0.01;
            format!(
                r#"{{"time":{time},"bid":{bid:.2},"ask":{:.2},"bid_size":{},"ask_size":3}}"#,
                bid + 0.05,
                number % 9 + 1
            )
        };
        let ticks = (0..QUOTES).map(tick).collect::<Vec<_>>().join(",");
        format!(
            r#"{{"instrument":"BENCH{sender}.HTTP","source":"bench-{run}","batch":{batch},"ticks":[{ticks}]}}"#
        )
    };
    for sender in 0..SENDERS {
        let mut connection = Connection::new(listen, token)?;
        let document = format!("instrument: BENCH{sender}.HTTP\nclass: crypto\nbars: [time:1m]\n");
        let key = format!("idempotency-key: bench-{sender}\r\n");
        connection.post("/instruments", &key, document.as_bytes())?;
    }
    // Made before the clock starts: making them takes as long as reading them.
    let bodies: Vec<Vec<String>> =
        (0..SENDERS).map(|sender| (0..batches).map(|batch| body(sender, batch)).collect()).collect();
    let (began, bytes) = (Instant::now(), bodies.iter().flatten().map(String::len).sum::<usize>());
    let refused: usize = std::thread::scope(|scope| {
        let send = |bodies: Vec<String>| -> Result<usize, String> {
            let mut connection = Connection::new(listen, token).map_err(|error| error.to_string())?;
            let mut refused = 0;
            for body in bodies {
                loop {
                    let status =
                        connection.post("/ticks", "", body.as_bytes()).map_err(|error| error.to_string())?;
                    match status {
                        202 => break,
                        429 => {
                            refused += 1;
                            std::thread::sleep(Duration::from_millis(50));
                        }
                        other => return Err(format!("a batch was answered by {other}")),
                    }
                }
            }
            Ok(refused)
        };
        let senders: Vec<_> = bodies.into_iter().map(|bodies| scope.spawn(move || send(bodies))).collect();
        senders
            .into_iter()
            .map(|sender| sender.join().unwrap_or_else(|_| Err("a sender panicked".into())))
            .sum::<Result<usize, String>>()
    })?;
    let (ticks, took) = ((SENDERS * batches * QUOTES) as f64, began.elapsed().as_secs_f64());
    println!(
        "{ticks} ticks in batches of {QUOTES} over {SENDERS} connections: {took:.2} s, {:.0} ticks/s, {:.0} MB of JSON; {refused} times 429",
        ticks / took,
        bytes as f64 / 1e6
    );
    Ok(())
}

/// Opens subscriptions and says what each costs the process.
fn subscribe(dir: &Path, (listen, token): (&str, &str), subscribers: usize) -> Result<(), Failure> {
    let pid = process_of(dir).ok_or("who holds the directory is not known")?;
    let before = resident(pid);
    let mut open = Vec::new();
    for _ in 0..subscribers {
        let mut connection = Connection::new(listen, token)?;
        connection.send(
            "/events?from=start&records=CandidateSelected,CandidateRejected",
            "accept: text/event-stream\r\n",
        )?;
        let mut buffer = [0; 1024];
        if connection.stream.read(&mut buffer)? == 0 {
            return Err("a subscription was not taken".into());
        }
        open.push(connection);
    }
    let with = resident(pid);
    println!(
        "{} subscribers: {:.1} MB resident before, {with:.1} with them, {:.1} kB each",
        open.len(),
        before,
        (with - before) * 1024.0 / subscribers as f64
    );
    Ok(())
}
