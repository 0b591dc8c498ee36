//! A real browser, driven by the DevTools protocol over a pipe: Chromium with `--remote-debugging-pipe` reads commands from its file 3 and writes
//! answers and events to its file 4, JSON ended by a zero byte.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::rig::{PATIENCE, eventually, skipped};

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

/// A browser of the test's own, with nothing in it. It ends with the test.
pub struct Browser {
    pipe: tokio::sync::Mutex<ChildStdin>,
    waiting: Waiting,
    /// What the browser complained of: errors on a console, exceptions, what was refused or not found.
    complaints: Arc<Mutex<Vec<String>>>,
    next: AtomicU64,
    _child: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; none, and it is said, where there is none.
    pub async fn start(test: &str) -> Option<Self> {
        let mut found = None;
        for name in BROWSERS {
            let asked = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
            if found.is_none() && asked.is_ok_and(|status| status.success()) {
                found = Some(name);
            }
        }
        let Some(name) = found else {
            skipped(test, "chromium is missing");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "exec \"$@\" 3<&0 4>&1 0</dev/null 1>&2",
            "sh",
            name,
            "--headless",
            "--remote-debugging-pipe",
        ]);
        command.args([
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (waiting, complaints) = (Waiting::default(), Arc::<Mutex<Vec<String>>>::default());
        tokio::spawn(listen(child.stdout.take().unwrap(), waiting.clone(), complaints.clone()));
        let pipe = tokio::sync::Mutex::new(child.stdin.take().unwrap());
        Some(Self { pipe, waiting, complaints, next: AtomicU64::new(1), _child: child, _profile: profile })
    }

    async fn ask(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        let answer = self.call(session, method, params).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The whole answer, an error too.
    async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, sender);
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let mut pipe = self.pipe.lock().await;
        pipe.write_all(&bytes).await.unwrap();
        pipe.flush().await.unwrap();
        drop(pipe);
        timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("no answer to {method}")).unwrap()
    }

    /// A window that shares nothing with the others: no cookie, no cache.
    pub async fn window(&self) -> Window<'_> {
        let context = self.ask(None, "Target.createBrowserContext", json!({})).await;
        let asked = json!({"url": "about:blank", "browserContextId": context["browserContextId"]});
        let target = self.ask(None, "Target.createTarget", asked).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.ask(None, "Target.attachToTarget", attach).await;
        let window = Window { browser: self, session: attached["sessionId"].as_str().unwrap().to_owned() };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            window.ask(&format!("{domain}.enable"), json!({})).await;
        }
        window
    }

    /// What was complained of since the last look.
    pub fn complaints(&self) -> Vec<String> {
        std::mem::take(&mut *self.complaints.lock().unwrap())
    }
}

async fn listen(from: ChildStdout, waiting: Waiting, complaints: Arc<Mutex<Vec<String>>>) {
    let mut from = BufReader::new(from);
    let mut message = Vec::new();
    while let Ok(1..) = from.read_until(0, &mut message).await {
        message.pop();
        let said: Value = serde_json::from_slice(&message).unwrap();
        message.clear();
        if let Some(id) = said["id"].as_u64() {
            if let Some(waits) = waiting.lock().unwrap().remove(&id) {
                // Who asked may have gone.
                let _ = waits.send(said);
            }
            continue;
        }
        let (params, method) = (&said["params"], said["method"].as_str().unwrap_or_default());
        let bad = match method {
            "Runtime.exceptionThrown" => true,
            "Runtime.consoleAPICalled" => matches!(params["type"].as_str(), Some("error" | "assert" | "warning")),
            "Log.entryAdded" => matches!(params["entry"]["level"].as_str(), Some("error" | "warning")),
            _ => false,
        };
        if bad {
            complaints.lock().unwrap().push(params.to_string());
        }
    }
}

/// One page of a browser.
pub struct Window<'a> {
    browser: &'a Browser,
    session: String,
}

impl Window<'_> {
    pub async fn ask(&self, method: &str, params: Value) -> Value {
        self.browser.ask(Some(&self.session), method, params).await
    }

    /// What an expression comes to.
    pub async fn eval(&self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.ask("Runtime.evaluate", asked).await;
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression holds; a page that is being loaded holds nothing yet.
    pub async fn until(&self, what: &str, expression: &str) {
        let guarded = format!("(() => {{ try {{ return !!({expression}); }} catch {{ return false; }} }})()");
        let mut last = String::new();
        let asked = json!({"expression": guarded, "returnByValue": true});
        let holds = tokio::time::timeout(
            PATIENCE,
            eventually(what, async || {
                // A page that goes while it is asked answers with an error.
                let answer = self.browser.call(Some(&self.session), "Runtime.evaluate", asked.clone()).await;
                (answer["result"]["result"]["value"] == true).then_some(())
            }),
        );
        if holds.await.is_err() {
            last.push_str(self.eval("document.documentElement.outerHTML").await.as_str().unwrap_or_default());
            panic!("not in the browser: {what}\n{last}");
        }
    }

    /// Opens an address, and waits for its page.
    pub async fn open(&self, url: &str) {
        let opened = self.ask("Page.navigate", json!({"url": url})).await;
        assert!(opened["errorText"].is_null(), "{url}: {opened}");
        self.until(
            url,
            &format!(
                "document.readyState === 'complete' && location.href.startsWith({})",
                json!(url.split('#').next().unwrap())
            ),
        )
        .await;
    }

    /// Presses the first thing that is so selected and says this.
    pub async fn press(&self, selector: &str, says: &str) {
        let find = format!(
            "[...document.querySelectorAll({})].find((one) => one.textContent.includes({}))",
            json!(selector),
            json!(says)
        );
        // Found and pressed in one go: what is live may be put anew in between.
        let press = format!("((found) => found && (found.click(), true))({find})");
        self.until(&format!("{selector} that says {says}"), &press).await;
    }

    /// Types into a field, in place of what is there.
    pub async fn write(&self, selector: &str, text: &str) {
        self.until(selector, &format!("document.querySelector({})", json!(selector))).await;
        let write = "(field, text) => { field.focus(); field.value = text; field.dispatchEvent(new Event('input', { bubbles: true })); }";
        self.eval(&format!("({write})(document.querySelector({}), {}); 0", json!(selector), json!(text))).await;
    }

    /// Waits until the page says this somewhere in what is so selected.
    pub async fn says(&self, selector: &str, text: &str) {
        let holds = format!(
            "[...document.querySelectorAll({})].some((one) => one.textContent.includes({}))",
            json!(selector),
            json!(text)
        );
        self.until(&format!("{selector} says {text}"), &holds).await;
    }

    /// How wide the window is, and which colours its person prefers.
    pub async fn look_as(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.ask("Emulation.setDeviceMetricsOverride", size).await;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.ask("Emulation.setEmulatedMedia", media).await;
    }

    /// A picture of the whole page.
    pub async fn picture(&self, path: &Path) {
        // What was put in last is laid out by the second frame, and the picture is as high as that.
        self.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))").await;
        let shot = self.ask("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true})).await;
        std::fs::write(path, BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()).unwrap();
    }
}
