//! One convey of a test's own, from its folder to its end.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use convey::admin::{Token, read_address};
use convey::clock::Clock;
use convey::sandbox::{Sandbox, Summary};
use convey::store::Store;
use convey::vault::Vault;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::book::Book;
use super::config::config;
use super::patience::{PATIENCE, eventually, looked};
use crate::wire::{self, Letter};

/// One convey with a folder of its own: its configuration, its secrets, its state and, while it runs, its process.
pub struct Convey {
    folder: tempfile::TempDir,
    config: String,
    port: u16,
    child: Option<Child>,
    spoken: Arc<Mutex<Vec<u8>>>,
    log: &'static str,
    log_format: &'static str,
    /// How far its clock is ahead of the machine's, in milliseconds; none: it has the machine's.
    ahead_ms: Option<i64>,
    /// What else stands in its environment.
    variables: Vec<(&'static str, String)>,
}

impl Convey {
    /// Set up for the sandbox's first location and first dataset; not started yet.
    pub fn new(summary: &Summary) -> Self {
        Self::to(summary, &summary.dataset)
    }

    /// Set up for the sandbox's first location and this dataset; not started yet.
    pub fn to(summary: &Summary, dataset: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = config(summary, dataset, port);
        let convey = Self {
            folder,
            config,
            port,
            child: None,
            spoken: Arc::default(),
            log: "convey=info,warn",
            log_format: "text",
            ahead_ms: None,
            variables: Vec::new(),
        };
        convey.file("crm.token", &summary.crm_token);
        convey.file("ads.token", &summary.ads_token);
        // Every test compiles the same components: they share what is compiled.
        let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&compiled).unwrap();
        fs::DirBuilder::new().mode(0o700).create(convey.state()).unwrap();
        symlink(compiled, convey.state().join("compiled")).unwrap();
        convey.configure(|_| {})
    }

    /// Changes the configuration's text; a running convey does not see it before it is told to look.
    pub fn configure(mut self, change: impl FnOnce(&mut String)) -> Self {
        change(&mut self.config);
        self.file("convey.toml", &self.config);
        self
    }

    /// Everything it logs, not only what people want to read.
    pub fn log_everything(mut self) -> Self {
        self.log = "debug";
        self
    }

    /// What it logs besides what people want to read, as `CONVEY_LOG` has it.
    pub fn log_at(mut self, log: &'static str) -> Self {
        self.log = log;
        self
    }

    /// Gives it a clock that runs with the machine's and that [`Convey::pass`] moves on.
    pub fn on_a_clock(mut self) -> Self {
        self.ahead_ms = Some(0);
        self
    }

    /// The same, which shows this moment now, in milliseconds since the Unix epoch. The vendors' clocks stay where they are.
    pub fn on_a_clock_at(mut self, at_ms: u64) -> Self {
        self.ahead_ms = Some(at_ms.cast_signed() - Clock::system().now_ms().cast_signed());
        self
    }

    /// Lets time pass, for the vendors and for it: at once, over all its lives.
    pub async fn pass(&mut self, sandbox: &Sandbox, span: Duration) {
        let by_ms = span.as_millis() as u64;
        let url = format!("{}/clock", sandbox.summary().control);
        let headers = [("content-type", "application/json")];
        let moved = wire::deliver(&url, &headers, json!({ "advance_ms": by_ms }).to_string().into()).await.unwrap();
        assert_eq!(moved.status, 200, "{moved:?}");
        *self.ahead_ms.as_mut().expect("it has a clock of its own") += by_ms.cast_signed();
        if let Some(stdin) = self.child.as_mut().and_then(|child| child.stdin.as_mut()) {
            stdin.write_all(format!("{by_ms}\n").as_bytes()).await.unwrap();
            stdin.flush().await.unwrap();
        }
    }

    /// Puts a variable into its environment.
    pub fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// A JSON object a line, for who reads the log.
    pub fn log_as_json(mut self) -> Self {
        self.log_format = "json";
        self
    }

    /// Writes a text beside the configuration.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        self.bytes(name, text.as_bytes())
    }

    /// Writes a file beside the configuration.
    pub fn bytes(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        // Renamed into place: a convey that looks meanwhile sees the old or the new, never half of one.
        let beside = self.folder.path().join("beside");
        fs::write(&beside, bytes).unwrap();
        fs::rename(beside, &path).unwrap();
        path
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Where webhooks go. The same over all restarts.
    pub fn hook(&self) -> String {
        self.url("/hooks/highlevel")
    }

    /// An address of the door for webhooks.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Starts it and waits until it says that it is ready.
    pub async fn start(&mut self) {
        let mut stdout = BufReader::new(self.spawn(None));
        let mut line = String::new();
        let read = timeout(PATIENCE, stdout.read_line(&mut line)).await.expect("convey says that it is ready");
        assert!(read.unwrap() > 0, "convey did not start:\n{}", self.spoken());
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&ready["ready"], ready["hooks"][0].as_str()), (&Value::Bool(true), Some(self.hook().as_str())));
        tokio::spawn(drain(stdout, self.spoken.clone()));
    }

    /// Starts it with an appointment to die: `POINT:N`, the Nth time it passes the crash point.
    pub fn start_to_crash(&mut self, at: &str) {
        let stdout = self.spawn(Some(at));
        tokio::spawn(drain(stdout, self.spoken.clone()));
    }

    fn spawn(&mut self, crash_at: Option<&str>) -> tokio::process::ChildStdout {
        assert!(self.child.is_none(), "it runs already");
        // A shell that lets a write beyond a file size limit fail, as a full disk does, instead of ending the program.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(env!("CARGO_BIN_EXE_convey"));
        command.args(["--format", "json", "run"]);
        self.surround(&mut command);
        command.env("CONVEY_LOG", self.log).env("CONVEY_LOG_FORMAT", self.log_format);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(at) = crash_at {
            command.env("CONVEY_CRASH_AT", at);
        }
        if let Some(ahead_ms) = self.ahead_ms {
            command.env("CONVEY_CLOCK_AHEAD_MS", ahead_ms.to_string()).stdin(Stdio::piped());
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        tokio::spawn(drain(child.stderr.take().unwrap(), self.spoken.clone()));
        let stdout = child.stdout.take().unwrap();
        self.child = Some(child);
        stdout
    }

    fn surround(&self, command: &mut Command) {
        for known in [
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "CONVEY_CONFIG",
            "CONVEY_CORE_DUMPS",
            "CONVEY_CRASH_AT",
            "CONVEY_CLOCK_AHEAD_MS",
            "CONVEY_LOG",
            "CONVEY_LOG_FORMAT",
        ] {
            command.env_remove(known);
        }
        command.arg("--config").arg(self.folder.path().join("convey.toml")).stdin(Stdio::null());
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.as_ref().and_then(Child::id).unwrap().cast_signed()).unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Kills it where it stands.
    pub async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.ended().await;
    }

    /// Asks it to stop; how it ended.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let ended = timeout(PATIENCE, child.wait()).await;
        ended.unwrap_or_else(|_| panic!("convey does not end:\n{}", self.spoken())).unwrap()
    }

    /// Everything it ever wrote to stdout and stderr, lossily as text.
    pub fn spoken(&self) -> String {
        String::from_utf8_lossy(&self.spoken.lock().unwrap()).into_owned()
    }

    /// Runs a command against it.
    pub async fn command(&self, arguments: &[&str]) -> Said {
        self.command_within(PATIENCE, arguments).await
    }

    /// The same for one that may take so long.
    pub async fn command_within(&self, patience: Duration, arguments: &[&str]) -> Said {
        let mut command = self.program(&[&["--format", "json"], arguments].concat());
        let output = timeout(patience, command.output()).await.expect("the command ends").unwrap();
        Said {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A command against it as a person would type it, not yet started.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_convey"));
        command.args(arguments);
        self.surround(&mut command);
        command
    }

    /// What its admin door says of itself; none while nobody answers.
    pub async fn status(&self) -> Option<Value> {
        let address = read_address(&self.state()).ok()?;
        let token = Token::read(&self.state()).ok()?.header();
        let answer = wire::get(&format!("http://{address}/status"), &[("authorization", &token)]).await?;
        (answer.status == 200).then(|| answer.json())
    }

    /// Waits until something is paused; the first pause.
    pub async fn paused(&self) -> Value {
        eventually("something is paused", async || {
            let pause = self.status().await?["status"]["pauses"][0].clone();
            pause.is_object().then_some(pause)
        })
        .await
    }

    /// Waits until nothing waits any more in any step.
    pub async fn drained(&self) {
        let mut last = Value::Null;
        let look = async || {
            let status = self.status().await?["status"].clone();
            last.clone_from(&status);
            let waits = |group: &str, keys: &[&str]| -> u64 {
                let rows = status[group].as_object().into_iter().flatten();
                rows.flat_map(|(_, row)| keys.iter().filter_map(|key| row[*key].as_u64())).sum()
            };
            let reading = waits("connections", &["waiting"]) + status["changes"]["waiting"].as_u64()?;
            (reading + waits("destinations", &["waiting", "retrying", "in_flight"]) == 0).then_some(())
        };
        if looked(look).await.is_none() {
            panic!("something waits still: {last}\n{}", self.spoken());
        }
    }

    /// Sends letters until they are taken, and waits until nothing of them waits any more.
    pub async fn take(&self, letters: &[Letter]) {
        for letter in letters {
            letter.insist(&self.hook()).await;
        }
        self.drained().await;
    }

    /// What it wrote down. It must have ended.
    pub async fn book(&self) -> Book {
        assert!(self.child.is_none(), "it still runs");
        let vault = Arc::new(Vault::open(&self.state(), None).unwrap().0);
        let store = Store::open(self.state(), vault).await.unwrap();
        let changes = store.recent_changes(1_000_000).await.unwrap();
        Book {
            accounts: store.account(None).await.unwrap(),
            ambiguous: store.ambiguous().await.unwrap(),
            generations: store.generations(1_000).await.unwrap(),
            changes: changes.iter().map(|change| serde_json::from_slice(&change.bytes).unwrap()).collect(),
        }
    }
}

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Its answer, if it went well.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        serde_json::from_str(self.stdout.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// A port nobody has, below those the system hands out by itself: while convey is down between two starts, nobody else gets it, and a
/// sender that tries it does not by chance connect to itself.
fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 18_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let of_process = (std::process::id() % u32::from(COUNT)) as u16;
    loop {
        let port = FIRST + (of_process.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed) * 7)) % COUNT;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

async fn drain(mut from: impl AsyncRead + Unpin, to: Arc<Mutex<Vec<u8>>>) {
    let mut part = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut part).await {
        to.lock().unwrap().extend_from_slice(&part[..read]);
    }
}
