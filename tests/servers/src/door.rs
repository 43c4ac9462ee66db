//! A door in front of a server: connections go through it, until it is closed.
//!
//! For servers that lose what they hold when they are killed, and for what happens on the way: an answer that never
//! comes back although the server has done what it was asked.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const ONE_WAY: u8 = 2;

/// A door on a port of its own. It stays until the process ends.
pub struct Door {
    port: u16,
    state: Arc<AtomicU8>,
    passed: Arc<AtomicUsize>,
}

impl Door {
    /// An open door to a port of this machine.
    pub fn to(server: u16) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, passed) = (Arc::new(AtomicU8::new(OPEN)), Arc::new(AtomicUsize::new(0)));
        let door = Door { port, state: state.clone(), passed: passed.clone() };
        std::thread::spawn(move || {
            for inside in listener.incoming().flatten() {
                if state.load(Ordering::SeqCst) == CLOSED {
                    continue;
                }
                let Ok(outside) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let (back_in, back_out) = (inside.try_clone().unwrap(), outside.try_clone().unwrap());
                let (there, back) = (state.clone(), state.clone());
                let passed = passed.clone();
                std::thread::spawn(move || {
                    carry(inside, outside, &|| there.load(Ordering::SeqCst) != CLOSED, &passed);
                });
                let answers = AtomicUsize::new(0);
                std::thread::spawn(move || {
                    carry(back_out, back_in, &|| back.load(Ordering::SeqCst) == OPEN, &answers);
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

    /// Bytes that have gone to the server.
    pub fn bytes_sent(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, may_pass: &dyn Fn() -> bool, passed: &AtomicUsize) {
    let mut bytes = vec![0; 1 << 16];
    loop {
        match from.read(&mut bytes) {
            Ok(count) if count > 0 && may_pass() && to.write_all(&bytes[..count]).is_ok() => {
                passed.fetch_add(count, Ordering::SeqCst);
            }
            _ => break,
        }
    }
    // The other direction ends with it.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
