//! The program as a person starts it: in a folder of its own, with nothing of the environment but a home.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder to run the program in.
pub struct Folder(TempDir);

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Where something in it is.
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.at(name), bytes).unwrap();
        self
    }

    /// The text of a file.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    /// A state directory as a first start leaves it, with compiled code that all tests share.
    pub fn with_state(&self) -> &Self {
        std::fs::DirBuilder::new().mode(0o700).create(self.at("convey-state")).unwrap();
        symlink(compiled(), self.at("convey-state/compiled")).unwrap();
        self
    }

    /// The program with its arguments, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_convey"));
        command.args(arguments).current_dir(self.0.path()).env_clear();
        command.env("HOME", home()).env("TMPDIR", self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// Runs the program on some input.
    pub fn feed(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        // A program that has said what it has to say may not read to the end.
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).ok());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ran::from(output)
    }
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("home")
}

/// Where tests keep compiled code: the user's own cache, in a home of theirs.
pub fn compiled() -> PathBuf {
    let folder = home().join(".cache").join("convey");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).unwrap();
    folder
}

/// A run that has ended.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// The same run, which must have ended so.
    #[track_caller]
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// The one object or list on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// One value a line of stdout.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    /// One value a line of stderr.
    #[track_caller]
    pub fn complaints(&self) -> Vec<Value> {
        self.err
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }
}

/// A good configuration on free ports, with its secrets beside it.
pub fn good(folder: &Folder) -> String {
    folder.write("location.token", "pit-location\n").write("dataset.token", "ads-dataset\n");
    String::from(
        r#"state_dir = "convey-state"
[ingress]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[source.highlevel]
component = "builtin:highlevel"
[sink.meta]
component = "builtin:meta"
[mapper.default]
component = "builtin:rules"
[destination.main]
sink = "meta"
id = "1234567890"
token = { file = "dataset.token" }
[connection.acme]
source = "highlevel"
location = "ve9EPM428h8vShlRW1KT"
token = { file = "location.token" }
destinations = ["main"]
"#,
    )
}

/// A contact as the CRM returns it.
pub fn contact(id: &str) -> Value {
    serde_json::json!({
        "id": id,
        "locationId": "ve9EPM428h8vShlRW1KT",
        "firstName": "Renée",
        "lastName": "O'Brien",
        "email": format!("{id}@Example.com"),
        "phone": "+1 (650) 555-1212",
        "country": "US",
        "dateAdded": "2026-10-01T12:00:00.000Z",
        "dateUpdated": "2026-10-02T12:00:00.000Z",
        "tags": ["vip"],
    })
}
