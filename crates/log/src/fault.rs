//! A signal at a chosen durable write of this process, for tests of what survives it. Only builds with debug assertions
//! have it.
//!
//! `FAULT_SIGNAL_AT_WRITE=before:17:KILL` sends the process `KILL` right before its 17th write; `after` means once
//! the write is durable and before anybody is told.

use std::sync::OnceLock;

/// When the signal is sent, in order of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

struct Fault {
    moment: Moment,
    write: u64,
    signal: String,
}

fn parse(text: &str) -> Option<Fault> {
    let mut parts = text.split(':');
    let moment = match parts.next()? {
        "before" => Moment::Before,
        "after" => Moment::After,
        _ => return None,
    };
    Some(Fault { moment, write: parts.next()?.parse().ok()?, signal: parts.next()?.to_owned() })
}

/// Sends the signal when this is its moment; returns at once otherwise. After `KILL` it does not return.
pub(crate) fn point(moment: Moment, write: u64) {
    static FAULT: OnceLock<Option<Fault>> = OnceLock::new();
    let named = || std::env::var("FAULT_SIGNAL_AT_WRITE").ok().and_then(|text| parse(&text));
    let Some(fault) = FAULT.get_or_init(named) else { return };
    if fault.moment != moment || fault.write != write {
        return;
    }
    let process = std::process::id().to_string();
    // Without `kill` on the machine nothing is sent; a test that waits for the signal notices.
    let _ = std::process::Command::new("kill").args(["-s", &fault.signal, &process]).status();
    if fault.signal == "KILL" {
        loop {
            std::thread::park();
        }
    }
}
