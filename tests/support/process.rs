//! Running the binary: arguments and environment in, exit code, JSON and messages out. Nothing may hang.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Json;
use crate::files::{Dir, binary};

/// A user that owns nothing.
const NOBODY: u32 = 65_534;

/// After this time a command counts as hung. Far beyond what any takes: machines are shared, and nobody is timed here.
const PATIENCE: Duration = Duration::from_secs(900);

/// A command line.
pub struct Command(std::process::Command);

/// The binary with these arguments, with none of the caller's configuration.
pub fn gauntlet<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    program(&binary(), args)
}

/// A copy of the binary elsewhere.
pub fn program<S: AsRef<OsStr>>(path: &Path, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = std::process::Command::new(path);
    command.args(args);
    Command::isolated(command)
}

/// Takes the caller's configuration out of a command's environment.
pub fn forget_configuration(command: &mut std::process::Command) {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GAUNTLET_")) {
        command.env_remove(name);
    }
}

impl Command {
    /// A command that sees no configuration of the caller.
    pub fn isolated(mut command: std::process::Command) -> Command {
        forget_configuration(&mut command);
        command.env("GAUNTLET_LOGGING__LEVEL", "warn").env("NO_COLOR", "1");
        // What is in use stays in use, in a test.
        command.env("GAUNTLET_LOCK_TIMEOUT_MS", "200");
        Command(command)
    }

    /// Over this node, answering in JSON.
    #[must_use]
    pub fn on(self, dir: &Dir) -> Command {
        self.at(&dir.node())
    }

    /// Over the node in this folder, answering in JSON.
    #[must_use]
    pub fn at(mut self, node: &Path) -> Command {
        self.0.arg("--json").arg("--dir").arg(node);
        self
    }

    /// With a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Command {
        self.0.env(name, value);
        self
    }

    /// As somebody who may read what all may read, and write nothing: another user, where the caller is root.
    #[must_use]
    pub fn as_reader(mut self) -> Command {
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        if is_root {
            self.0.uid(NOBODY).gid(NOBODY);
        }
        self
    }

    /// In a working directory.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Command {
        self.0.current_dir(folder);
        self
    }

    /// Starts it.
    pub fn start(mut self) -> Started {
        let what = format!("{:?}", self.0);
        self.0.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.0.process_group(0);
        let mut child = self.0.spawn().unwrap_or_else(|error| panic!("{what} does not start: {error}"));
        let stdout = reader(child.stdout.take().unwrap());
        let stderr = reader(child.stderr.take().unwrap());
        Started { child, what, stdout: Some(stdout), stderr: Some(stderr) }
    }

    /// Runs it to its end.
    pub fn run(self) -> Run {
        self.start().wait()
    }

    /// Runs it, which has to go well, and gives its JSON.
    pub fn ok(self) -> Json {
        let run = self.run();
        assert_eq!(run.code, Some(0), "{run}");
        run.json()
    }

    /// Runs it, which has to be refused with this code; the message has to contain all of these.
    pub fn refused(self, code: i32, needles: &[&str]) -> Run {
        let run = self.run();
        assert_eq!(run.code, Some(code), "{run}");
        assert!(!needles.is_empty(), "a refusal is checked for its words");
        for needle in needles {
            assert!(run.stderr.contains(needle), "the message does not say '{needle}': {run}");
        }
        run
    }
}

fn reader(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A killed process closes its pipe; what it said until then is what there is.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A command at work. Dropping it kills it, and all that it has started.
pub struct Started {
    child: Child,
    what: String,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

impl Started {
    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`; what it said and how it ended.
    pub fn kill(mut self) -> Run {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.wait()
    }

    /// Sends INT or TERM.
    pub fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        std::process::Command::new("sh").args(["-c", &line]).status().unwrap();
    }

    /// Waits for a condition; fails when the process ends first or nothing comes of it.
    pub fn until(&mut self, what: &str, mut done: impl FnMut() -> bool) {
        let began = Instant::now();
        while !done() {
            assert!(!self.has_ended(), "{} ended before {what}", self.what);
            assert!(began.elapsed() < PATIENCE, "{}: no {what} in {PATIENCE:?}", self.what);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Run {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > PATIENCE {
                panic!("{} hangs: not done after {PATIENCE:?}", self.what);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let text = |pipe: &mut Option<JoinHandle<String>>| pipe.take().unwrap().join().unwrap();
        let (stdout, stderr) = (text(&mut self.stdout), text(&mut self.stderr));
        let what = std::mem::take(&mut self.what);
        Run { what, code: status.code(), status, stdout, stderr }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        // A shell that is killed leaves behind what it has started.
        let line = format!("kill -KILL -{}", self.child.id());
        let _ = std::process::Command::new("sh").args(["-c", &line]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a command ended.
pub struct Run {
    what: String,
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// The whole status.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// The one JSON document on standard output.
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON document, {error}: {self}"))
    }

    /// Whether a signal ended it, as `kill -9` does.
    pub fn was_killed(&self) -> bool {
        self.status.signal().is_some()
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head = |text: &str| text.chars().take(4000).collect::<String>();
        let (stdout, stderr) = (head(&self.stdout), head(&self.stderr));
        write!(f, "{}\n{}\nstdout: {stdout}\nstderr: {stderr}", self.what, self.status)
    }
}
