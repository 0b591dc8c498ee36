//! Every rule on a running convey: what it is about is made to happen, is said once with its cause and a line that works, and once when it is over.

use std::time::Duration;

use convey::sandbox::{Fault, Faults, Kind, Sandbox};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::alert_post::{is_vast, least};
use crate::ear::Ear;
use crate::grants::{by_app, log_in};
use crate::guests;
use crate::rig::{Convey, ROOM, Said, eventually, sandbox, skipped};
use crate::shadow::{LEADS, compared, mark, start};
use crate::wire::letters_of;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What an alert must say.
struct Rule {
    alert: &'static str,
    severity: &'static str,
    /// What stands in its cause.
    cause: &'static str,
    /// What stands in what is to be done.
    next: &'static str,
}

const REFRESH: Rule = Rule {
    alert: "refresh",
    severity: "critical",
    cause: "refreshes of tokens failed in the last minutes",
    next: "convey auth status",
};
const REFRESH_TOKEN: Rule = Rule {
    alert: "refresh-token:connection:acme",
    severity: "critical",
    cause: "the refresh token of acme lapses in ",
    next: "convey auth refresh acme",
};
const THROTTLED: Rule = Rule {
    alert: "throttled",
    severity: "warning",
    cause: " requests a minute with 429",
    next: "convey audit --since 10m, then lower `rate_limit`",
};
const EXPIRING: Rule = Rule {
    alert: "expiring:ads",
    severity: "critical",
    cause: " events for ads wait that the platform takes for less than a day more",
    next: "convey queue list --rows --state waiting --destination ads",
};
const DISK: Rule = Rule {
    alert: "disk",
    severity: "critical",
    cause: "the disk of the state directory has ",
    next: "[retention]\nmax_mib = ",
};
const BREACH: Rule = Rule {
    alert: "breach:default",
    severity: "warning",
    cause: "mapper default was taken back by itself: faults < 5 does not hold",
    next: "convey mapper history --name default",
};
const SUNSET: Rule = Rule {
    alert: "sunset:ads:audiences",
    severity: "warning",
    cause: "the platform's version v25.0, used for audiences of ads, ends in 29 days",
    next: "[destination.ads.settings]\naudience_api_version = \"v26.0\"",
};

/// A convey with an ear, and what both vendors play.
struct Scene {
    sandbox: Sandbox,
    ear: Ear,
    convey: Convey,
}

impl Scene {
    /// Not started yet. `alerts` are lines of `[alerts]`; what still holds is not said again while a test lets days pass.
    async fn new(alerts: &str) -> Self {
        let sandbox = sandbox(1, 1).await;
        let ear = Ear::new().await;
        let convey = Convey::new(&sandbox.summary()).configure(|text| {
            text.push_str(&format!(
                "[alerts]\nrepeat_hours = 720\n{alerts}\n[alerts.to.ops]\nwebhook = {{ file = \"ops.url\" }}\n"
            ));
        });
        convey.file("ops.url", &ear.url);
        Self { sandbox, ear, convey: convey.on_a_clock() }
    }

    fn configure(mut self, change: impl FnOnce(&mut String)) -> Self {
        self.convey = self.convey.configure(change);
        self
    }

    async fn pass(&mut self, span: Duration) {
        self.convey.pass(&self.sandbox, span).await;
    }

    /// Waits until an alert is said, letting so much time pass with every look.
    async fn fires(&mut self, rule: &Rule, span: Duration) -> Value {
        let Self { sandbox, ear, convey } = self;
        let said = eventually(rule.alert, async || {
            if !span.is_zero() {
                convey.pass(sandbox, span).await;
            }
            ear.of(rule.alert).pop()
        })
        .await;
        assert_eq!((&said["state"], &said["severity"]), (&json!("firing"), &json!(rule.severity)), "{said}");
        assert!(said["cause"].as_str().unwrap().contains(rule.cause), "{said}");
        assert!(said["next"].as_str().unwrap().contains(rule.next), "{said}");
        let open = self.convey.command(&["alerts", "list"]).await.json();
        assert!(open.as_array().unwrap().iter().any(|open| open["alert"] == rule.alert), "{open}");
        said
    }

    /// Waits until its end is said, letting so much time pass with every look: two messages there were, and no more.
    async fn ends(mut self, rule: &Rule, span: Duration) {
        let Self { sandbox, ear, convey } = &mut self;
        eventually("its end is said", async || {
            if !span.is_zero() {
                convey.pass(sandbox, span).await;
            }
            (ear.states(rule.alert).last()? == "resolved").then_some(())
        })
        .await;
        assert!(convey.stop().await.success());
        assert_eq!(ear.states(rule.alert), ["firing", "resolved"], "once each: {:?}", ear.of(rule.alert));
    }

    /// Runs the line that an alert gives.
    async fn does(&self, said: &Value) -> Said {
        let line = said["next"].as_str().unwrap().strip_prefix("convey ").unwrap();
        self.convey.command(&line.split(' ').collect::<Vec<_>>()).await
    }

    /// The CRM answers everything so; 0: as it should.
    fn crm_answers(&self, status: u16) {
        let crm = (status > 0).then(|| Fault { status: Some(status), ..Fault::default() });
        self.sandbox.set_faults(Faults { crm, ads: None });
    }
}

/// Reached by an app, whose tokens are refreshed.
async fn with_a_grant(alerts: &str) -> Scene {
    let Scene { sandbox, ear, convey } = Scene::new(alerts).await;
    let mut convey = by_app(convey, &sandbox.summary());
    convey.start().await;
    log_in(&convey).await;
    Scene { sandbox, ear, convey }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshes_that_fail() {
    let mut scene = with_a_grant("").await;
    scene.crm_answers(500);
    eventually("they fail often enough", async || {
        scene.pass(MINUTE).await;
        assert_ne!(scene.convey.command(&["auth", "refresh", "acme"]).await.code, Some(0));
        (!scene.ear.of(REFRESH.alert).is_empty()).then_some(())
    })
    .await;
    let said = scene.fires(&REFRESH, Duration::ZERO).await;
    scene.crm_answers(0);
    assert_eq!(scene.does(&said).await.code, Some(0));
    scene.pass(6 * MINUTE).await;
    scene.ends(&REFRESH, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_near_its_end() {
    let mut scene = with_a_grant("refresh_token_days = 30").await;
    // Nobody gets a new one meanwhile.
    scene.crm_answers(500);
    scene.pass(25 * DAY).await;
    assert!(scene.ear.of(REFRESH_TOKEN.alert).is_empty(), "five days are left");
    scene.pass(2 * DAY).await;
    let said = scene.fires(&REFRESH_TOKEN, Duration::ZERO).await;
    let cause = said["cause"].as_str().unwrap();
    assert!(cause.contains("lapses in 71 hours") || cause.contains("lapses in 72 hours"), "{said}");
    scene.crm_answers(0);
    let refreshed = scene.does(&said).await;
    assert_eq!(refreshed.code, Some(0), "{refreshed:?}");
    scene.ends(&REFRESH_TOKEN, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_answers_429() {
    // Ten answers within five minutes.
    let mut scene = Scene::new("throttled_per_minute = 2").await;
    let letters = letters_of(&scene.sandbox, Kind::ContactCreated, 12).await;
    scene.convey.start().await;
    scene.crm_answers(429);
    for letter in &letters {
        letter.insist(&scene.convey.hook()).await;
    }
    let said = scene.fires(&THROTTLED, Duration::from_secs(2)).await;
    // The first half of what is to be done is a line to type.
    let line = said["next"].as_str().unwrap().strip_prefix("convey ").unwrap().split(',').next().unwrap();
    let audit = scene.convey.command(&line.split(' ').collect::<Vec<_>>()).await.json();
    assert!(audit["rows"].as_array().unwrap().iter().any(|row| row["status"] == 429), "{audit}");
    scene.crm_answers(0);
    let Scene { sandbox, convey, .. } = &mut scene;
    eventually("what waited is read", async || {
        convey.pass(sandbox, Duration::from_secs(10)).await;
        (convey.status().await?["status"]["connections"]["acme"]["waiting"] == 0).then_some(())
    })
    .await;
    scene.pass(6 * MINUTE).await;
    scene.ends(&THROTTLED, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_comes_near() {
    let mut scene = Scene::new("").await;
    let letters = letters_of(&scene.sandbox, Kind::ContactCreated, 6).await;
    scene.convey.start().await;
    scene.convey.command(&["pause", "ads"]).await.json();
    for letter in &letters {
        letter.insist(&scene.convey.hook()).await;
    }
    let waiting = eventually("all wait for the platform", async || {
        let status = scene.convey.status().await?["status"].clone();
        let read = status["connections"]["acme"]["waiting"] == 0 && status["changes"]["waiting"] == 0;
        let waiting = status["destinations"]["ads"]["waiting"].as_u64()?;
        (read && waiting > 0).then_some(waiting)
    })
    .await;
    // The platform takes them for seven days.
    scene.pass(6 * DAY + 10 * MINUTE).await;
    let said = scene.fires(&EXPIRING, Duration::from_secs(10)).await;
    assert!(said["cause"].as_str().unwrap().starts_with(&format!("{waiting} events")), "{said}");
    let listed = scene.does(&said).await.json();
    assert_eq!(listed["rows"].as_array().map(Vec::len), Some(waiting as usize), "{listed}");
    scene.convey.command(&["resume", "ads"]).await.json();
    scene.convey.drained().await;
    assert_eq!(scene.sandbox.accepted_count() as u64, waiting, "in time");
    scene.ends(&EXPIRING, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills() {
    const MUCH: &str = "disk_free_mib = 1048576";
    let mut scene = Scene::new(MUCH).await;
    if is_vast(&scene.convey) {
        return skipped("a_disk_that_fills", "more than a TiB is free");
    }
    scene.convey.start().await;
    scene.fires(&DISK, Duration::ZERO).await;
    // No test fills a disk: what counts as full is moved instead.
    scene.convey = least(scene.convey, MUCH, "disk_free_mib = 1");
    scene.ends(&DISK, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promotion_that_is_taken_back() {
    let mut scene = Scene::new("").await.configure(|text| {
        *text = text.replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"first.toml\"\n");
        *text = text.replace(ROOM, &format!("{ROOM}\naccess = \"write\""));
    });
    let letters = letters_of(&scene.sandbox, Kind::ContactCreated, 16).await;
    scene.convey.file("first.toml", LEADS);
    scene.convey.start().await;
    let component =
        tokio::task::spawn_blocking(|| guests::component("convey-test-mapper", guests::PURE)).await.unwrap();
    let strange = scene.convey.bytes("strange.wasm", &component);
    let settings = scene.convey.file("strange.txt", "trap");
    let arguments = ["--mapper", strange.to_str().unwrap(), "--settings", settings.to_str().unwrap()];
    start(&scene.convey, &arguments).await;
    scene.convey.take(&letters[..4]).await;
    compared(&scene.convey, 4).await;
    scene.convey.command(&["shadow", "promote"]).await.json();
    for letter in &letters[4..12] {
        mark(&scene.convey, "acme", letter).await;
    }
    for letter in &letters[4..] {
        letter.insist(&scene.convey.hook()).await;
    }
    let said = scene.fires(&BREACH, Duration::ZERO).await;
    let history = scene.does(&said).await.json();
    assert_eq!(history[0]["origin"], "guard", "{history}");
    scene.convey.drained().await;
    // It is spoken of for a day.
    scene.pass(DAY - 10 * MINUTE).await;
    assert_eq!(scene.ear.states(BREACH.alert), ["firing"]);
    scene.pass(20 * MINUTE).await;
    scene.ends(&BREACH, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_ends() {
    /// 23 February 2027: the end of the version that the destination uses for audiences.
    const END_MS: u64 = 1_803_340_800_000;
    const OLD: &str = "audience_api_version = \"v25.0\"";
    let mut scene =
        Scene::new("").await.configure(|text| text.push_str(&format!("[destination.ads.settings]\n{OLD}\n")));
    // Thirty days and an hour before.
    scene.convey = scene.convey.on_a_clock_at(END_MS - 30 * DAY.as_millis() as u64 - 60 * MINUTE.as_millis() as u64);
    scene.convey.start().await;
    scene.convey.command(&["alerts", "test"]).await.json();
    assert!(scene.ear.of(SUNSET.alert).is_empty(), "not yet");
    scene.pass(61 * MINUTE).await;
    scene.fires(&SUNSET, Duration::ZERO).await;
    // The line that the alert gives is written down.
    scene = scene.configure(|text| *text = text.replace(OLD, "audience_api_version = \"v26.0\""));
    scene.convey.signal(Signal::HUP);
    scene.ends(&SUNSET, Duration::ZERO).await;
}
