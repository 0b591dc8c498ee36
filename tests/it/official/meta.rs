//! The ad platform's own Python SDK against the sandbox: events, what their errors say, credentials, audiences.

use std::path::Path;
use std::process::{Output, Stdio};

use tokio::process::Command;
use tokio::time::timeout;

use super::SCRIPT;
use crate::rig::{sandbox, skipped};

/// One request or a thousand events at a time, asynchronously, on the platform's bad days; and people in audiences, sessions included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ad_platforms_own_sdk_is_at_home_in_the_sandbox() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/venv/bin/python");
    let mut probe = Command::new(&python);
    probe.args(["-c", "import facebook_business"]).stdin(Stdio::null()).kill_on_drop(true);
    if !probe.output().await.is_ok_and(|output| output.status.success()) {
        let how = "python3 -m venv target/venv && target/venv/bin/pip install -r tests/vendor/requirements.txt";
        skipped(
            "the_ad_platforms_own_sdk_is_at_home_in_the_sandbox",
            &format!("Meta's Python SDK is missing: run `{how}`"),
        );
        return;
    }
    let sandbox = sandbox(1, 2).await;
    let mut command = Command::new(python);
    command.arg(root.join("tests/vendor/meta_sdk.py")).arg(sandbox.summary().control);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let Output { status, stdout, stderr } = timeout(SCRIPT, output).await.expect("the script ends").unwrap();
    let said = String::from_utf8(stdout).unwrap();
    assert!(status.success(), "{said}\n{}", String::from_utf8_lossy(&stderr));
    for part in ["events", "refusals", "weather", "credentials", "audiences"] {
        assert!(said.contains(&format!("ok    {part}: ")), "{part} is missing:\n{said}");
    }
}
