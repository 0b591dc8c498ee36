//! The page in a real browser, served from loopback. A page of the test's own holds it in a frame, types into it, and lets its own loading
//! end only then: the browser prints the document once it is loaded.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::Notify;

use super::{exported, node, root, run, set, starts, transpiled};
use crate::conformance;
use crate::guests::of_next_version;
use crate::program::{Folder, Ran};
use crate::rig::skipped;

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// The set whose changes are typed into the page.
const TYPED: &str = "default";

/// Loads until `/done` was asked for, and then shows what was seen of the page in its frame.
const WATCHER: &str = include_str!("watch.html");

/// What the test's server serves: this repository, with a transpiled mapper in its place.
struct Site {
    module: PathBuf,
    done: Notify,
}

async fn file(State(site): State<Arc<Site>>, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let place = match path.strip_prefix("examples/node/rules/") {
        Some(name) => site.module.join(name),
        None => root().join(path),
    };
    let kind = match place.extension().and_then(|extension| extension.to_str()) {
        Some("js" | "mjs") => "text/javascript",
        Some("html") => "text/html",
        Some("css") => "text/css",
        Some("wasm") => "application/wasm",
        _ => "text/plain; charset=utf-8",
    };
    match tokio::fs::read(place).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Opens the page with this mapper behind it: what was seen of it, and what the browser said on its console.
async fn look(browser: &str, module: &Path) -> (Value, Vec<String>) {
    let site = Arc::new(Site { module: module.to_owned(), done: Notify::new() });
    let done = |State(site): State<Arc<Site>>| async move { site.done.notify_one() };
    let held = |State(site): State<Arc<Site>>| async move {
        site.done.notified().await;
        StatusCode::NO_CONTENT
    };
    let watcher = WATCHER.replace("TYPED", TYPED);
    let routes = Router::new().route("/", get(|| async { Html(watcher) })).route("/held", get(held));
    let routes = routes.route("/done", get(done)).fallback(file).with_state(site);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });

    let folder = Folder::new();
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr"]);
    command.arg(format!("--user-data-dir={}", folder.at("profile").display()));
    command.arg("--dump-dom").arg(format!("http://{address}/"));
    let Ran { out, err, .. } = run(command, "").await.ended(0);
    server.abort();
    let told = out.split_once("<pre id=\"seen\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let told = told.unwrap_or_else(|| panic!("{out}\n{err}")).0;
    let seen = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, told).unwrap();
    let console = err.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    (serde_json::from_slice(&seen).unwrap(), console)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_conforms_and_shows_what_the_host_says() {
    const TEST: &str = "a_browser_conforms";
    let mut browser = None;
    for known in BROWSERS {
        if browser.is_none() && starts(known, &["--version"]).await {
            browser = Some(known);
        }
    }
    let Some(browser) = browser else { return skipped(TEST, "chromium is missing") };
    let Some(_) = node(TEST).await else { return };
    let folder = Folder::new();
    let module = transpiled(&exported(&folder)).await;
    let (seen, console) = look(browser, module.path()).await;
    assert_eq!(seen["verdict"], "conformant", "{seen}\n{console:#?}");
    let sets =
        std::fs::read_dir(conformance::folder()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(seen["sets"], sets.count());
    assert_eq!(seen["answers"], json!(set(TYPED).1), "what is typed into the page");
    assert!(seen["torn"].as_str().unwrap().starts_with("Not JSON: "), "{seen}");
    let mistake = seen["mistake"].as_str().unwrap();
    assert!(mistake.starts_with("Line 1, column 1: there is no setting `curency`"), "{mistake}");
    assert_eq!(console, [] as [String; 0]);

    let newer = folder.at("newer.wasm");
    std::fs::write(&newer, of_next_version(conformance::mapper().bytes)).unwrap();
    let module = transpiled(&newer).await;
    let (seen, _) = look(browser, module.path()).await;
    assert_eq!(seen["verdict"], "failed");
    assert!(seen["text"].as_str().unwrap().contains("the component exports convey:pipeline/mapper@0.2.0"), "{seen}");
}
