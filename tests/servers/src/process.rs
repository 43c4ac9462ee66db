//! A server as a child process that does not outlive the test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Servers that are not ready after this time have failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a server behind a pipe: when the pipe closes, by whatever end of its holder, the server is killed. A signal to
/// the whole group must not take the shell away from its child.
const KEEPER: &str = r#"trap '' INT TERM HUP
log=$1; shift
"$@" </dev/null >>"$log" 2>&1 & pid=$!
echo $pid
cat >/dev/null
kill -9 $pid 2>/dev/null
wait"#;

/// A running server.
pub(crate) struct Server {
    keeper: Child,
    pipe: Option<ChildStdin>,
    pid: String,
    log: PathBuf,
    /// Length of the log before this start.
    began: u64,
}

impl Server {
    /// Starts a command; its output goes to a file.
    pub(crate) fn start(command: &[String], environment: &[(String, String)], log: &Path) -> Server {
        let began = fs::metadata(log).map_or(0, |file| file.len());
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(log)
            .args(command)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        let pipe = keeper.stdin.take();
        Server { keeper, pipe, pid: pid.trim().to_owned(), log: log.to_owned(), began }
    }

    /// Waits until `is_ready`; panics with the end of the log when the server gives up or takes too long.
    pub(crate) fn wait(&mut self, what: &str, mut is_ready: impl FnMut(&str) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = self.output();
            if is_ready(&text) {
                return;
            }
            let gone = !Path::new("/proc").join(&self.pid).exists();
            if gone || Instant::now() > until {
                let telling = |line: &&str| {
                    ["ERROR", "FATAL", "Caused by", "Exception:"].iter().any(|w| line.contains(w))
                };
                let mut lines: Vec<&str> = text.lines().filter(telling).take(20).collect();
                lines.extend(text.lines().skip(text.lines().count().saturating_sub(10)));
                let why = if gone { "ended" } else { "is not ready" };
                panic!("{what} {why}: {}", lines.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it has said since its start.
    pub(crate) fn output(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.began as usize..).unwrap_or_default()).into_owned()
    }

    /// Sends a signal by name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid]).status().unwrap();
        assert!(sent.success(), "cannot signal {}", self.pid);
    }
}

impl Drop for Server {
    /// Kills it, as a power cut would.
    fn drop(&mut self) {
        self.pipe.take();
        let _ = self.keeper.wait();
    }
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether somebody listens there.
pub(crate) fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// The words of a command.
pub(crate) fn words(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// A server's folder. It goes when it is dropped, and when the process ends without dropping it, as a static's is.
pub(crate) struct Folder {
    folder: TempDir,
    _pipe: ChildStdin,
    _janitor: Child,
}

impl Folder {
    /// An empty folder.
    pub(crate) fn new(name: &str) -> Folder {
        let folder = tempfile::Builder::new().prefix(&format!("gauntlet-{name}-")).tempdir().unwrap();
        // The server is killed at the same moment and may write a last file.
        let script = r#"trap '' INT TERM HUP; cat >/dev/null; sleep 1; rm -rf "$1""#;
        let mut janitor = Command::new("sh")
            .args(["-c", script, "janitor"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pipe = janitor.stdin.take().unwrap();
        Folder { folder, _pipe: pipe, _janitor: janitor }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}
