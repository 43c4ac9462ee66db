//! A server as a child process that does not outlive the test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Servers that are not ready after this time have failed. Machines are shared: it is far beyond what any takes.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs a server behind a pipe: when the pipe closes, by whatever end of its holder, the server is killed. A signal to
/// the whole group must not take the shell away from its child.
const KEEPER: &str = r#"trap '' INT TERM HUP
log=$1; shift
"$@" </dev/null >>"$log" 2>&1 & pid=$!
echo $pid
cat >/dev/null
kill -9 $pid 2>/dev/null
wait"#;

/// A server that can be killed, paused and started again over what it has kept, on the same port.
pub struct Server {
    name: &'static str,
    command: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
    /// From what it has said since its start.
    is_ready: Box<dyn Fn(&str) -> bool + Send + Sync>,
    process: Option<Process>,
}

impl Server {
    /// Starts a command and waits until it is ready; its output goes to a file.
    pub(crate) fn start(
        name: &'static str,
        command: Vec<String>,
        environment: Vec<(String, String)>,
        log: PathBuf,
        is_ready: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Server {
        let is_ready = Box::new(is_ready);
        let mut server = Server { name, command, environment, log, is_ready, process: None };
        server.start_again();
        server
    }

    /// A server that another process has started, and stops: it may be used and nothing else.
    pub(crate) fn elsewhere(name: &'static str) -> Server {
        let is_ready = Box::new(|_: &str| true);
        Server {
            name,
            command: Vec::new(),
            environment: Vec::new(),
            log: PathBuf::new(),
            is_ready,
            process: None,
        }
    }

    /// Starts it again and waits until it is ready.
    pub fn start_again(&mut self) {
        assert!(!self.command.is_empty(), "{} is shared: a test that stops one starts its own", self.name);
        let process = Process::start(&self.command, &self.environment, &self.log);
        process.wait(self.name, &self.is_ready);
        self.process = Some(process);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        assert!(!self.command.is_empty(), "{} is shared: a test that stops one starts its own", self.name);
        self.process = None;
    }

    /// Stops it in its tracks, `resume` lets it go on: what is asked of it hangs, and may be done all the same.
    pub fn pause(&self) {
        self.process.as_ref().unwrap().signal("STOP");
    }

    /// Lets it go on after `pause`.
    pub fn resume(&self) {
        self.process.as_ref().unwrap().signal("CONT");
    }

    /// What it has logged since its last start.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::output).unwrap_or_default()
    }
}

/// A running server.
struct Process {
    keeper: Child,
    pipe: Option<ChildStdin>,
    pid: String,
    log: PathBuf,
    /// Length of the log before this start.
    began: u64,
}

impl Process {
    fn start(command: &[String], environment: &[(String, String)], log: &Path) -> Process {
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
        Process { keeper, pipe, pid: pid.trim().to_owned(), log: log.to_owned(), began }
    }

    /// Waits until `is_ready`; panics with the end of the log when the server gives up or takes too long.
    fn wait(&self, what: &str, is_ready: impl Fn(&str) -> bool) {
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

    fn output(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.began as usize..).unwrap_or_default()).into_owned()
    }

    /// Sends a signal by name, such as `STOP`.
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid]).status().unwrap();
        assert!(sent.success(), "cannot signal {}", self.pid);
    }
}

impl Drop for Process {
    /// Kills it, as a power cut would.
    fn drop(&mut self) {
        self.pipe.take();
        let _ = self.keeper.wait();
    }
}

/// Below the ephemeral ports, so that no outgoing connection takes the port of a server that is down for a while.
const OWN_PORTS: std::ops::Range<u32> = 15_000..32_000;

/// A port that is free now, and that no other call of this process was given.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = OWN_PORTS.end - OWN_PORTS.start;
    // Processes begin apart from each other.
    let begin = std::process::id().wrapping_mul(7_919) % count;
    for _ in 0..count {
        let port = OWN_PORTS.start + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % count;
        if let Ok(port) = u16::try_from(port)
            && TcpListener::bind(("127.0.0.1", port)).is_ok()
        {
            return port;
        }
    }
    panic!("no port of {OWN_PORTS:?} is free");
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
