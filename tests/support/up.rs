//! A serving process: where it listens, its token, requests to it.

use crate::http::{HttpAnswer, answer, request};
use crate::process::{Command, Started, gauntlet};
use crate::{Dir, Json};

/// A process that serves.
pub struct Up {
    /// The process.
    pub process: Started,
    /// Where it listens.
    pub address: String,
    /// What commands need.
    pub token: String,
}

impl Up {
    /// An `up` on a free port.
    pub fn on(dir: &Dir) -> Up {
        Up::of(gauntlet(["up", "--listen", "127.0.0.1:0"]), dir)
    }

    /// A command that serves, once it does.
    pub fn of(command: Command, dir: &Dir) -> Up {
        let file = dir.node().join("up.json");
        // That of an up which was killed is none of ours.
        let stale = std::fs::read_to_string(&file).unwrap_or_default();
        let mut process = command.on(dir).start();
        let mut found = Json::Null;
        process.until("address", || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            found = serde_json::from_str(&text).unwrap_or(Json::Null);
            text != stale && !found.is_null()
        });
        let field = |name: &str| found[name].as_str().unwrap().to_owned();
        Up { process, address: field("listen"), token: field("token") }
    }

    /// Posts a command with a token.
    pub fn post(&self, token: Option<&str>, body: &[u8]) -> (u16, String) {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        request(&self.address, "POST", "/api/v1/commands", &headers, body)
    }

    /// Asks for a page.
    pub fn get(&self, path: &str) -> (u16, String) {
        request(&self.address, "GET", path, &[], b"")
    }

    /// Asks the API in the name of who owns the directory.
    pub fn api(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> HttpAnswer {
        let bearer = format!("Bearer {}", self.token);
        let own = [("authorization", bearer.as_str())];
        let headers: Vec<(&str, &str)> = own.into_iter().chain(headers.iter().copied()).collect();
        answer(&self.address, method, &format!("/api/v1{path}"), &headers, body)
    }

    /// A document of the API.
    pub fn document(&self, path: &str) -> Json {
        let found = self.api("GET", path, &[], b"");
        assert_eq!(found.status, 200, "{path}: {}", found.text());
        found.json()
    }

    /// Interrupts it, which has to go well.
    pub fn stop(self) {
        self.process.signal("INT");
        let run = self.process.wait();
        assert_eq!(run.code, Some(0), "{run}");
    }
}
