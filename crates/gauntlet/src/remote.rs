//! Commands for a node that runs elsewhere: `up` writes where it listens and a secret into its directory, readable by
//! its owner alone; a command that finds the directory in use sends its request there.

use std::path::Path;

use gauntlet_operations::services::address_file;
use gauntlet_operations::{Refusal, Request};
use serde::{Deserialize, Serialize};

use crate::report::Report;

/// Where a running `up` is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    /// `127.0.0.1:8686`
    pub listen: String,
    /// Proves that the caller may read the directory.
    pub token: String,
}

/// Refuses what means something else to another process: its own input and its own open files.
pub fn check(request: &Request) -> Result<(), Refusal> {
    let Request::Feed(feed) = request else { return Ok(()) };
    let own = ["/dev/stdin", "/dev/fd", "/proc/self"];
    match feed.paths.iter().find(|path| own.iter().any(|own| path.starts_with(own))) {
        None => Ok(()),
        Some(path) => Err(Refusal::BadInput(format!(
            "{}: a running up feeds the file, and this is open only here: write it to a file, or use a named pipe",
            path.display()
        ))),
    }
}

/// Sends a request to the `up` that holds a directory; `None` when none answers.
pub fn send(dir: &Path, request: &Request) -> Option<Result<Report, Refusal>> {
    let text = std::fs::read_to_string(address_file(dir)).ok()?;
    let address: Address = serde_json::from_str(&text).ok()?;
    let url = format!("http://{}/api/v1/commands", address.listen);
    let bearer = format!("Bearer {}", address.token);
    // It is on this machine: a proxy, which the environment may name, would only learn the token.
    let post = ureq::post(&url).config().http_status_as_error(false).proxy(None).build();
    let mut response = post.header("authorization", &bearer).send_json(request).ok()?;
    Some(response.body_mut().read_json().unwrap_or_else(|error| {
        Err(Refusal::Outside(format!("the running up at {} gave no answer: {error}", address.listen)))
    }))
}
