//! Opening what a command works on, and waiting for it where another process has it open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gauntlet_config::Config;
use gauntlet_operations::services::{self, Access, Role};
use gauntlet_operations::{Node, Refusal};

use crate::processors::processors;

/// Pause between two attempts to open a directory that is in use.
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// What a command works on.
pub enum Opened<T> {
    /// The directory or the cluster.
    Node(Box<Node>),
    /// What the process that has it open has answered.
    Elsewhere(T),
}

/// Opens nodes for one command.
pub struct Opener<'a> {
    /// What is opened.
    pub config: &'a Config,
    /// Raised by a signal.
    pub interrupted: Arc<AtomicBool>,
}

impl Opener<'_> {
    /// Opens. While another process has the directory open, `ask` may get the answer there; otherwise this waits, for as
    /// long as the configuration says.
    ///
    /// # Errors
    /// [`Refusal::InUse`] with who holds it once the time is up; what opening says.
    pub fn open_or<T>(
        &self,
        role: Role,
        access: Access,
        mut ask: impl FnMut() -> Option<T>,
    ) -> Result<Opened<T>, Refusal> {
        let patience = Duration::from_millis(self.config.lock_timeout_ms.into());
        let until = Instant::now() + patience;
        loop {
            let why = match Node::open(self.config, role, access, processors(), self.interrupted.clone()) {
                Ok(node) => return Ok(Opened::Node(Box::new(node))),
                Err(Refusal::InUse(why)) => why,
                Err(refusal) => return Err(refusal),
            };
            if let Some(answer) = ask() {
                return Ok(Opened::Elsewhere(answer));
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(Refusal::Interrupted);
            }
            if Instant::now() >= until {
                let (holder, waited) = (services::holder(&self.config.dir), patience.as_secs_f64());
                return Err(Refusal::InUse(format!("{why}: {holder}; waited {waited} s (--lock-timeout)")));
            }
            std::thread::sleep(TRY_AGAIN);
        }
    }

    /// Opens for a process that stays, or that needs the whole of it.
    pub fn open(&self, role: Role, access: Access) -> Result<Node, Refusal> {
        match self.open_or(role, access, || None::<std::convert::Infallible>)? {
            Opened::Node(node) => Ok(*node),
            Opened::Elsewhere(never) => match never {},
        }
    }
}

/// Reads a time such as `10s`, `500ms`, `2m`, or a number of seconds, as milliseconds.
pub fn milliseconds(text: &str) -> Result<u32, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "ms" => 1.0,
        "s" | "" => 1_000.0,
        "m" | "min" => 60_000.0,
        _ => return Err(format!("'{unit}' is no unit of time: write ms, s or m")),
    };
    let number: f64 = number.parse().map_err(|_| "write a time such as 10s, 500ms or 2m".to_owned())?;
    let milliseconds = number * factor;
    if !(0.0..=86_400_000.0).contains(&milliseconds) {
        return Err("write a time from 0 to 24 hours, such as 10s".to_owned());
    }
    Ok(milliseconds.round() as u32)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn times_have_units_and_nonsense_is_refused() {
        for (text, expected) in [("10s", 10_000), ("500ms", 500), ("2m", 120_000), ("3", 3_000), ("0", 0)] {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "-1s", "1h", "ten", "1e9s", "nan"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }
}
