//! A door in front of a server: connections go through it, until it is closed.
//!
//! For servers that lose what they hold when they are killed, and for what happens on the way: an answer that never
//! comes back although the server has done what it was asked.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI16, AtomicU8, AtomicUsize, Ordering};

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const ONE_WAY: u8 = 2;
/// No kind of request of Kafka's has this key.
const NONE: i16 = -1;
/// The key of requests for metadata.
const METADATA: i16 = 3;

/// A door on a port of its own. It stays until the process ends.
pub struct Door {
    port: u16,
    state: Arc<AtomicU8>,
    passed: Arc<AtomicUsize>,
    tricks: Arc<Tricks>,
}

/// What a door does to Kafka's requests.
struct Tricks {
    /// API key of a request that is lost on the way.
    lost: AtomicI16,
    /// Requests for metadata are answered here: there are no brokers.
    hides_brokers: AtomicBool,
}

impl Door {
    /// An open door to a port of this machine.
    pub fn to(server: u16) -> Door {
        Door::opened(server, |_| some_bytes)
    }

    /// An open door to a Kafka broker, which can play tricks on requests.
    pub fn to_kafka(server: u16) -> Door {
        Door::opened(server, |tricks| move |from, bytes| request(from, bytes, &tricks))
    }

    fn opened<R: Fn(&mut TcpStream, &mut Vec<u8>) -> io::Result<()> + Send + 'static>(
        server: u16,
        reader: impl Fn(Arc<Tricks>) -> R + Send + 'static,
    ) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, passed) = (Arc::new(AtomicU8::new(OPEN)), Arc::new(AtomicUsize::new(0)));
        let tricks = Tricks { lost: AtomicI16::new(NONE), hides_brokers: AtomicBool::new(false) };
        let tricks = Arc::new(tricks);
        let door = Door { port, state: state.clone(), passed: passed.clone(), tricks: tricks.clone() };
        std::thread::spawn(move || {
            for inside in listener.incoming().flatten() {
                if state.load(Ordering::SeqCst) == CLOSED {
                    continue;
                }
                let Ok(outside) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let (back_in, back_out) = (inside.try_clone().unwrap(), outside.try_clone().unwrap());
                let (there, back) = (state.clone(), state.clone());
                let (passed, read) = (passed.clone(), reader(tricks.clone()));
                std::thread::spawn(move || {
                    carry(inside, outside, read, &|| there.load(Ordering::SeqCst) != CLOSED, &passed);
                });
                let answers = AtomicUsize::new(0);
                std::thread::spawn(move || {
                    carry(back_out, back_in, some_bytes, &|| back.load(Ordering::SeqCst) == OPEN, &answers);
                });
            }
        });
        door
    }

    /// Its own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets everything through again.
    pub fn open(&self) {
        self.state.store(OPEN, Ordering::SeqCst);
    }

    /// Breaks every connection, and every new one.
    pub fn close(&self) {
        self.state.store(CLOSED, Ordering::SeqCst);
    }

    /// Lets requests through, and breaks the connection in place of an answer.
    pub fn lose_answers(&self) {
        self.state.store(ONE_WAY, Ordering::SeqCst);
    }

    /// Loses the next request of a kind without a word: the connection stays, and no answer ever comes.
    pub fn lose_next(&self, api_key: i16) {
        self.tricks.lost.store(api_key, Ordering::SeqCst);
    }

    /// Whether what was to be lost has been.
    pub fn has_lost(&self) -> bool {
        self.tricks.lost.load(Ordering::SeqCst) == NONE
    }

    /// Whether to answer every request for metadata as a broker does that its controller has just fenced: there are no
    /// brokers.
    pub fn hide_brokers(&self, hides: bool) {
        self.tricks.hides_brokers.store(hides, Ordering::SeqCst);
    }

    /// Bytes that have gone to the server.
    pub fn bytes_sent(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }
}

fn carry(
    mut from: TcpStream,
    mut to: TcpStream,
    read: impl Fn(&mut TcpStream, &mut Vec<u8>) -> io::Result<()>,
    may_pass: &dyn Fn() -> bool,
    passed: &AtomicUsize,
) {
    let mut bytes = Vec::new();
    while read(&mut from, &mut bytes).is_ok() && may_pass() && to.write_all(&bytes).is_ok() {
        passed.fetch_add(bytes.len(), Ordering::SeqCst);
    }
    // The other direction ends with it.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// What has come.
fn some_bytes(from: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.resize(1 << 16, 0);
    let count = from.read(bytes)?;
    bytes.truncate(count);
    if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

/// One request of Kafka's: its length, then the key of its kind, its version, the number that its answer bears, and the
/// rest. One that is to be lost, or that is answered here, is passed over.
fn request(from: &mut TcpStream, bytes: &mut Vec<u8>, tricks: &Tricks) -> io::Result<()> {
    loop {
        bytes.resize(4, 0);
        from.read_exact(bytes)?;
        let length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        bytes.resize(4 + length, 0);
        from.read_exact(&mut bytes[4..])?;
        let number = |at: usize| i16::from_be_bytes(bytes[at..at + 2].try_into().unwrap());
        let key = number(4);
        if key == METADATA && tricks.hides_brokers.load(Ordering::SeqCst) {
            from.write_all(&no_brokers(number(6), &bytes[8..12]))?;
        } else if tricks.lost.compare_exchange(key, NONE, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return Ok(());
        }
    }
}

/// The answer to a request for metadata, of versions 9 to 13: no broker, and one topic that has no leader.
fn no_brokers(version: i16, correlation: &[u8]) -> Vec<u8> {
    const LEADER_NOT_AVAILABLE: i16 = 5;
    const NOTHING_ASKED: i32 = i32::MIN;
    assert!((9..=13).contains(&version), "metadata of version {version}");
    // Lengths of what may be null are one more than they are.
    let (none, empty, one) = ([0_u8], [1_u8], [2_u8]);
    let mut body =
        [correlation, &none, &0_i32.to_be_bytes(), &empty, &none, &(-1_i32).to_be_bytes(), &one].concat();
    body.extend(LEADER_NOT_AVAILABLE.to_be_bytes());
    body.extend(b"\x05none");
    body.extend([0; 16].iter().take(if version >= 10 { 16 } else { 0 }));
    body.extend([0, empty[0]]);
    body.extend(NOTHING_ASKED.to_be_bytes());
    body.extend(none);
    if version <= 10 {
        body.extend(NOTHING_ASKED.to_be_bytes());
    }
    if version >= 13 {
        body.extend(0_i16.to_be_bytes());
    }
    body.extend(none);
    [&(body.len() as u32).to_be_bytes()[..], &body].concat()
}
