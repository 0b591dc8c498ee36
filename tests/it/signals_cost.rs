//! What being watched costs. Measurements: `cargo test -- --ignored signals_cost` on a quiet machine, one after the other.

use std::process::Stdio;
use std::time::{Duration, Instant};

use convey::admin::Role;
use convey::sandbox::{Kind, Play, Sandbox};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::page::browser::{Browser, Window};
use crate::page::{Door, signed_in};
use crate::rig::{Convey, eventually, sandbox};
use crate::shadow_cost::{median, ticks};
use crate::signals::scrape;

/// Every new contact is told, whatever they think of being called: so many events as changes.
const SETTINGS: &str = "respect_do_not_disturb = false\n[events]\ncontact-created = \"Lead\"\n";
const ROUNDS: usize = 9;
/// A turn lasts at least so long: long enough for the page to look again and again, and for clock ticks to be fine.
const TURN: Duration = Duration::from_secs(2);
const MOST: f64 = 1.1;
/// How often the page has looked again.
const LOOKS: &str = "performance.getEntriesByType('resource').filter((part) => part.initiatorType === 'fetch').length";

/// Who looks, beside Prometheus.
enum Watcher<'a> {
    /// `convey tap`, which follows everything.
    Tap,
    /// The page, open on its overview, in a browser.
    Page(&'a Window<'a>),
}

/// A `convey tap` that follows everything; it is there once this returns.
async fn tapped(convey: &Convey) -> Child {
    let mut command = convey.program(&["tap"]);
    let mut tap = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(tap.stderr.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().unwrap().starts_with("Following"));
    tap
}

/// Scrapes every second, fifteen times as often as Prometheus usually does.
async fn scraped(convey: &Convey) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        assert!(!scrape(convey).await.is_empty());
    }
}

/// What a turn took: CPU time of the convey in clock ticks, and how long.
type Spent = (u64, Duration);

/// A convey to be watched, what it is told, and how much of it in a turn.
struct Scene {
    sandbox: Sandbox,
    convey: Convey,
    changes: usize,
    turns: u64,
}

impl Scene {
    /// Ready to be measured: the first of everything is dearer, and a turn is as long as it should be.
    async fn set() -> Self {
        let sandbox = sandbox(1, 1).await;
        let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
            *text = text.replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"mapping.toml\"\n");
            text.push_str("[alerts]\nquiet_minutes = 5\n[alerts.to.lines]\nlog = true\n");
        });
        convey.file("mapping.toml", SETTINGS);
        convey.start().await;
        let mut scene = Self { sandbox, convey, changes: 300, turns: 0 };
        // The very first turn says nothing of how long the others are.
        scene.turn(None).await;
        while scene.turn(None).await.1 < TURN * 3 / 2 {
            scene.changes *= 2;
        }
        scene
    }

    async fn turn(&mut self, watcher: Option<&Watcher<'_>>) -> Spent {
        self.turns += 1;
        let spent = match watcher {
            None => self.told().await,
            Some(Watcher::Tap) => {
                let mut tap = tapped(&self.convey).await;
                let spent = self.told_and_scraped().await;
                tap.kill().await.unwrap();
                spent
            }
            Some(Watcher::Page(window)) => {
                window.open(&format!("{}/", Door::of(&self.convey).base)).await;
                window.says("#live", "Live").await;
                let spent = self.told_and_scraped().await;
                let looks = window.eval(LOOKS).await.as_u64().unwrap();
                assert!(looks >= spent.1.as_secs(), "the page looked {looks} times in {:?}", spent.1);
                window.open("about:blank").await;
                spent
            }
        };
        self.convey.drained().await;
        spent
    }

    /// Tells changes and waits until the platform has the events. Nothing is asked of the convey for that.
    async fn told(&self) -> Spent {
        let (kinds, target) = (vec![Kind::ContactCreated], self.convey.hook());
        let play = Play { changes: self.changes, rate: 0.0, seed: self.turns, kinds, target, ..Play::default() };
        let wanted = self.sandbox.accepted_count() + self.changes;
        let (before, began) = (ticks(&self.convey), Instant::now());
        assert_eq!(self.sandbox.play(play).await.unwrap().refused, 0);
        eventually("all events are told", async || (self.sandbox.accepted_count() >= wanted).then_some(())).await;
        (ticks(&self.convey) - before, began.elapsed())
    }

    async fn told_and_scraped(&self) -> Spent {
        tokio::select! {
            spent = self.told() => spent,
            () = scraped(&self.convey) => unreachable!("it scrapes for ever"),
        }
    }
}

/// CPU a delivery while metrics are scraped every second and somebody looks, against the same convey that nobody watches: paired, in turns, median of
/// nine. Alerts are judged in both, as they always are.
async fn cost(what: &str, mut scene: Scene, watcher: Watcher<'_>) {
    let (mut ratios, mut shortest) = (Vec::new(), Duration::MAX);
    for round in 0..ROUNDS {
        let mut spent = [0, 0];
        for turn in [round % 2, 1 - round % 2] {
            let (ticks, took) = scene.turn((turn == 1).then_some(&watcher)).await;
            (spent[turn], shortest) = (ticks, shortest.min(took));
        }
        ratios.push(spent[1] as f64 / spent[0] as f64);
    }
    let changes = scene.changes;
    let said = format!("CPU a delivery, {what}, against unwatched, {changes} changes in {shortest:.1?} or more");
    let median = median(&said, ratios);
    assert!(shortest >= TURN, "{shortest:?}");
    assert!(median <= MOST, "{median}");
    assert!(scene.convey.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: it wants a quiet machine"]
async fn being_followed_costs_less_than_a_tenth_of_a_delivery() {
    cost("scraped and followed", Scene::set().await, Watcher::Tap).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: it wants a quiet machine"]
async fn an_open_page_costs_less_than_a_tenth_of_a_delivery() {
    let Some(browser) = Browser::start("an_open_page_costs").await else { return };
    let scene = Scene::set().await;
    let window = browser.window().await;
    signed_in(&window, &scene.convey, Role::Viewer).await;
    window.open("about:blank").await;
    cost("scraped and with the page open", scene, Watcher::Page(&window)).await;
}
