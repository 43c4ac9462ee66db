//! A door in front of a server: connections go through it, until it is closed.
//!
//! For servers that lose what they hold when they are killed, and for what happens on the way: an answer that never
//! comes back although the server has done what it was asked.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI16, AtomicU8, AtomicUsize, Ordering};

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const ONE_WAY: u8 = 2;
/// No kind of request of Kafka's has this key.
const NONE: i16 = -1;

/// A door on a port of its own. It stays until the process ends.
pub struct Door {
    port: u16,
    state: Arc<AtomicU8>,
    passed: Arc<AtomicUsize>,
    /// API key of a request of Kafka's that is lost on the way.
    lost: Arc<AtomicI16>,
}

impl Door {
    /// An open door to a port of this machine.
    pub fn to(server: u16) -> Door {
        Door::opened(server, |_| some_bytes)
    }

    /// An open door to a Kafka broker, which can lose requests.
    pub fn to_kafka(server: u16) -> Door {
        Door::opened(server, |lost| move |from, bytes| request(from, bytes, &lost))
    }

    fn opened<R: Fn(&mut TcpStream, &mut Vec<u8>) -> io::Result<()> + Send + 'static>(
        server: u16,
        reader: impl Fn(Arc<AtomicI16>) -> R + Send + 'static,
    ) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, passed) = (Arc::new(AtomicU8::new(OPEN)), Arc::new(AtomicUsize::new(0)));
        let lost = Arc::new(AtomicI16::new(NONE));
        let door = Door { port, state: state.clone(), passed: passed.clone(), lost: lost.clone() };
        std::thread::spawn(move || {
            for inside in listener.incoming().flatten() {
                if state.load(Ordering::SeqCst) == CLOSED {
                    continue;
                }
                let Ok(outside) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let (back_in, back_out) = (inside.try_clone().unwrap(), outside.try_clone().unwrap());
                let (there, back) = (state.clone(), state.clone());
                let (passed, read) = (passed.clone(), reader(lost.clone()));
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
        self.lost.store(api_key, Ordering::SeqCst);
    }

    /// Whether what was to be lost has been.
    pub fn has_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst) == NONE
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

/// One request of Kafka's: its length, the key of its kind, the rest. One that is to be lost is passed over.
fn request(from: &mut TcpStream, bytes: &mut Vec<u8>, lost: &AtomicI16) -> io::Result<()> {
    loop {
        bytes.resize(4, 0);
        from.read_exact(bytes)?;
        let length = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        bytes.resize(4 + length, 0);
        from.read_exact(&mut bytes[4..])?;
        let key = i16::from_be_bytes([bytes[4], bytes[5]]);
        if lost.compare_exchange(key, NONE, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return Ok(());
        }
    }
}
