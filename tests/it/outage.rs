//! The platform is down for hours, then its token is refused: nothing is lost, memory stays flat, nobody hammers, and once all is well again
//! what waits leaves by its deadline.

use std::collections::BTreeSet;
use std::time::Duration;

use convey::sandbox::{Fault, Faults, Kind, Options, Play, Sandbox};
use tokio::time::{Instant, interval};

use crate::memory::{Watch, resident_kib};
use crate::rig::{Convey, PATIENCE, accepted_ids, asked, eventually, options};

/// How much more than idle may be resident, in KiB.
const FLAT_KIB: u64 = 64 * 1_024;
/// Deliveries a second where time is not what it is about: a busy hour's, not all that the machine can do.
const RATE: f64 = 400.0;
/// Deliveries that may wait: more than come in three hours at two hundred a second.
const HIGH_WATER: u64 = 3_000_000;
const EVENTS: &str = "POST /{version}/{object}/events";

/// Three events of every new contact.
const THRICE: &str = r#"
respect_do_not_disturb = false
[[rule]]
name = "one"
on = "contact-created"
event = "First"
[[rule]]
name = "two"
on = "contact-created"
event = "Second"
[[rule]]
name = "three"
on = "contact-created"
event = "Third"
"#;

/// One.
const ONCE: &str = "respect_do_not_disturb = false\n[events]\ncontact-created = \"Lead\"\n";

/// A convey that tells of every new contact, one request after the other, and its platform. It is idle now and has worked: it has told of so many contacts, in
/// batches as large as they get, so that what it keeps at hand of contacts and pages is there.
async fn at_rest(rules: &str, clocked: bool, contacts: usize) -> (Sandbox, Convey) {
    let sandbox = Sandbox::start(Options { contacts: 0, ..options() }).await.unwrap();
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        *text = text
            .replace("\"builtin:rules\"\n", "\"builtin:rules\"\nsettings = \"rules.toml\"\n")
            .replace("brake_times = 0\n", "brake_times = 0\nin_flight = 1\n")
            .replace("[admin]", &format!("high_water = {HIGH_WATER}\n[admin]"));
    });
    convey.file("rules.toml", rules);
    if clocked {
        convey = convey.on_a_clock();
    }
    convey.start().await;
    convey.command(&["pause", "--all"]).await.json();
    played(&sandbox, &convey, contacts, RATE).await;
    convey.command(&["resume", "--all"]).await.json();
    convey.drained().await;
    (sandbox, convey)
}

/// So many new contacts; the ids of their webhooks.
async fn played(sandbox: &Sandbox, convey: &Convey, changes: usize, rate: f64) -> Vec<String> {
    let (kinds, target) = (vec![Kind::ContactCreated], convey.hook());
    let play = Play { changes, rate, kinds, target, retry_ms: 100, tries: 1_000, ..Play::default() };
    let played = sandbox.play(play).await.unwrap();
    assert_eq!(played.refused, 0);
    played.fired.into_iter().map(|fired| fired.webhook_id).collect()
}

/// The platform stops taking anything.
fn goes_down(sandbox: &Sandbox) {
    sandbox.set_faults(Faults { crm: None, ads: Some(Fault { status: Some(503), html: true, ..Fault::default() }) });
}

/// It is back, and refuses the token that convey has from now on.
fn refuses(sandbox: &Sandbox, convey: &Convey) {
    convey.file("ads.token", "nobody-knows-this-one");
    sandbox.set_faults(Faults::default());
}

async fn is_resting(convey: &Convey) -> Option<bool> {
    let pauses = convey.status().await?["status"]["pauses"].clone();
    Some(pauses.as_array()?.iter().any(|pause| pause["scope"]["destination"] == "ads" && pause["heals"] == true))
}

/// When each event that was accepted after the first `before` happened, in the order they came: seconds since the epoch.
fn order(sandbox: &Sandbox, before: usize) -> Vec<u64> {
    sandbox.accepted(before).iter().map(|told| told.event["event_time"].as_u64().unwrap()).collect()
}

/// Two hours without the platform and one with a token that it refuses, at two events a second: a hundredth of what a large customer has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_and_a_bad_token_lose_nothing_and_what_waits_leaves_by_its_deadline() {
    /// Deliveries that come one soon after the other, with the time that then passes.
    const STEP: usize = 75;
    const SPAN: Duration = Duration::from_millis(STEP as u64 * 1_500);
    const DOWN: usize = 4_800 / STEP;
    const REFUSED: usize = 2_400 / STEP;
    let (sandbox, mut convey) = at_rest(THRICE, true, 2_000).await;
    let (idle, before) = (resident_kib(convey.pid()).unwrap(), sandbox.accepted_count());
    let watch = Watch::of(convey.pid());
    let asked_before = asked(&sandbox, "ads", EVENTS).await;

    goes_down(&sandbox);
    let mut webhooks = Vec::new();
    for _ in 0..DOWN {
        webhooks.extend(played(&sandbox, &convey, STEP, RATE).await);
        convey.pass(&sandbox, SPAN).await;
    }
    let asked_in_vain = asked(&sandbox, "ads", EVENTS).await - asked_before;
    assert!(
        (1..2 * DOWN as u64).contains(&asked_in_vain),
        "it asks now and then, not for every event: {asked_in_vain}"
    );
    refuses(&sandbox, &convey);
    for _ in 0..REFUSED {
        webhooks.extend(played(&sandbox, &convey, STEP, RATE).await);
        convey.pass(&sandbox, SPAN).await;
    }
    eventually("the destination rests", async || is_resting(&convey).await?.then_some(())).await;
    assert_eq!(sandbox.accepted_count(), before, "nothing was taken meanwhile");

    eventually("all is read and translated", async || {
        let status = convey.status().await?["status"].clone();
        let left = status["connections"]["acme"]["waiting"].as_u64()? + status["changes"]["waiting"].as_u64()?;
        (left == 0).then_some(())
    })
    .await;
    convey.file("ads.token", &sandbox.summary().ads_token);
    eventually("its token works again", async || {
        convey.pass(&sandbox, Duration::from_secs(5)).await;
        (!is_resting(&convey).await?).then_some(())
    })
    .await;
    convey.drained().await;
    let most = watch.most_kib();
    assert!(most < idle + FLAT_KIB, "{} MiB, and {} MiB at most", idle / 1_024, most / 1_024);
    let order = order(&sandbox, before);
    assert_eq!(order.len(), 21_600);
    assert!(order.is_sorted(), "the nearest deadline goes first");

    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(webhooks.iter().map(String::as_str));
    let told = accepted_ids(&sandbox, &sandbox.summary().dataset);
    book.assert_exact(&book.event_ids(), &told);
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), told.len(), "none came twice");
}

/// Waits until nothing waits, however long that takes while it goes on.
async fn drained_while_it_moves(sandbox: &Sandbox, convey: &Convey, expected: usize) {
    let (mut last, mut since) = (sandbox.accepted_count(), Instant::now());
    let mut ticks = interval(Duration::from_millis(200));
    while sandbox.accepted_count() < expected {
        ticks.tick().await;
        if sandbox.accepted_count() > last {
            (last, since) = (sandbox.accepted_count(), Instant::now());
        }
        assert!(since.elapsed() < 3 * PATIENCE, "{last} of {expected}, and it does not go on:\n{}", convey.spoken());
    }
    convey.drained().await;
}

/// So many seconds, if the environment does not say how many.
#[expect(clippy::disallowed_methods, reason = "how long it takes is the caller's choice")]
fn seconds(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// The same in real time, at two hundred events a second: so many seconds down, half as many with a bad token unless that is said too. The full length
/// is 7200.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as CONVEY_SOAK_SECONDS and CONVEY_SOAK_REFUSED_SECONDS say: run by hand, with --release"]
#[expect(clippy::print_stderr, reason = "the figures are what the test is run for")]
async fn a_soak_without_the_platform_and_with_a_bad_token_loses_nothing() {
    const EACH_SECOND: usize = 200;
    let down = seconds("CONVEY_SOAK_SECONDS", 7_200);
    let refused = seconds("CONVEY_SOAK_REFUSED_SECONDS", down / 2);
    let (sandbox, mut convey) = at_rest(ONCE, false, 9_000).await;
    let (idle, before) = (resident_kib(convey.pid()).unwrap(), sandbox.accepted_count());
    let watch = Watch::of(convey.pid());
    let asked_before = asked(&sandbox, "ads", EVENTS).await;
    goes_down(&sandbox);
    let mut taken = played(&sandbox, &convey, EACH_SECOND * down, EACH_SECOND as f64).await.len();
    let in_vain = asked(&sandbox, "ads", EVENTS).await - asked_before;
    refuses(&sandbox, &convey);
    taken += played(&sandbox, &convey, EACH_SECOND * refused, EACH_SECOND as f64).await.len();
    eventually("the destination rests", async || is_resting(&convey).await?.then_some(())).await;
    convey.file("ads.token", &sandbox.summary().ads_token);
    let well = Instant::now();
    drained_while_it_moves(&sandbox, &convey, before + taken).await;
    let most = watch.most_kib();
    eprintln!(
        "{taken} events waited, {in_vain} requests in vain while it was down; {} MiB idle, {} MiB at most; all told {:.0?} after the token worked again",
        idle / 1_024,
        most / 1_024,
        well.elapsed()
    );
    assert!(most < idle + FLAT_KIB, "{} MiB, and {} MiB at most", idle / 1_024, most / 1_024);
    assert!(sandbox.repeated().is_empty() && sandbox.accepted_count() == before + taken);
    assert!(order(&sandbox, before).is_sorted(), "the nearest deadline goes first");
    let status = convey.status().await.unwrap();
    let ads = &status["status"]["destinations"]["ads"];
    assert_eq!(
        (ads["done"].as_u64(), ads["dead"].as_u64(), ads["expired"].as_u64()),
        (Some((before + taken) as u64), Some(0), Some(0))
    );
    assert!(convey.stop().await.success());
}
