//! How messages of alerts reach their targets when targets do not take them: news replaces what was not said, nobody waits for another.

use std::time::Duration;

use rustix::process::Signal;

use crate::ear::{Ear, Manner};
use crate::rig::{Convey, eventually, sandbox, skipped};

/// More than this machine's disk may have free, in MiB: the alert holds.
const MUCH: &str = "disk_free_mib = 1048576";
/// Less: it does not.
const LITTLE: &str = "disk_free_mib = 1";

/// Whether the disk is too large for the alert to hold.
pub fn is_vast(convey: &Convey) -> bool {
    let disk = rustix::fs::statvfs(convey.state()).unwrap();
    disk.f_bavail.saturating_mul(disk.f_frsize) >> 20 >= 1_048_576
}

/// Has a running convey take up another least room.
pub fn least(convey: Convey, from: &str, to: &str) -> Convey {
    let convey = convey.configure(|text| *text = text.replace(from, to));
    convey.signal(Signal::HUP);
    convey
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_said_is_not_said_once_there_is_news_of_the_same() {
    let sandbox = sandbox(1, 1).await;
    let ear = Ear::new().await;
    ear.will(Manner::Refuse);
    let mut convey = Convey::new(&sandbox.summary())
        .configure(|text| {
            text.push_str(&format!("[alerts]\n{MUCH}\n[alerts.to.ops]\nwebhook = {{ file = \"ops.url\" }}\n"));
        })
        .on_a_clock();
    convey.file("ops.url", &ear.url);
    if is_vast(&convey) {
        return skipped("what_was_not_said_is_not_said_once_there_is_news_of_the_same", "the disk is vast");
    }
    convey.start().await;
    eventually("it cannot be said", async || ear.refused("disk", "firing").then_some(())).await;
    let mut convey = least(convey, MUCH, LITTLE);
    eventually("its end cannot be said", async || {
        // What did not arrive is tried again after ten seconds and more.
        convey.pass(&sandbox, Duration::from_secs(10)).await;
        ear.refused("disk", "resolved").then_some(())
    })
    .await;
    ear.will(Manner::Take);
    eventually("its end is said", async || {
        convey.pass(&sandbox, Duration::from_secs(10)).await;
        (!ear.states("disk").is_empty()).then_some(())
    })
    .await;
    // A message that comes after all that could still be on its way.
    let mut convey = least(convey, LITTLE, MUCH);
    eventually("the next is said", async || {
        convey.pass(&sandbox, Duration::from_secs(10)).await;
        (ear.states("disk").len() >= 2).then_some(())
    })
    .await;
    assert_eq!(ear.states("disk"), ["resolved", "firing"], "what was over was not said to begin");
    assert!(convey.stop().await.success());
}

/// A target that does not answer has ten seconds, and holds up neither another target nor the next look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_does_not_answer_holds_no_other_and_is_given_up_after_ten_seconds() {
    const ROUNDS: usize = 3;
    let sandbox = sandbox(1, 1).await;
    let (ops, chat) = (Ear::new().await, Ear::new().await);
    ops.will(Manner::Hang);
    let mut convey = Convey::new(&sandbox.summary()).configure(|text| {
        text.push_str(&format!(
            "[alerts]\n{MUCH}\n[alerts.to.ops]\nwebhook = {{ file = \"ops.url\" }}\n[alerts.to.chat]\nwebhook = {{ file = \"chat.url\" }}\n"
        ));
    });
    convey.file("ops.url", &ops.url);
    convey.file("chat.url", &chat.url);
    if is_vast(&convey) {
        return skipped(
            "a_target_that_does_not_answer_holds_no_other_and_is_given_up_after_ten_seconds",
            "the disk is vast",
        );
    }
    convey.start().await;
    let mut overtook = false;
    // On a machine so busy that ten seconds passed meanwhile, nothing is shown: then once more.
    for round in 0..ROUNDS {
        eventually("one does not answer, the other has heard", async || {
            (ops.hanging() == 1 && chat.states("disk").len() == round * 2 + 1).then_some(())
        })
        .await;
        let given_up = ops.hung_up().len();
        convey = least(convey, MUCH, LITTLE);
        eventually("the other hears the end", async || (chat.states("disk").len() == round * 2 + 2).then_some(()))
            .await;
        overtook = ops.hung_up().len() == given_up;
        if overtook {
            break;
        }
        convey = least(convey, LITTLE, MUCH);
    }
    assert!(overtook, "the other waited {ROUNDS} times");
    eventually("it is given up", async || (!ops.hung_up().is_empty()).then_some(())).await;
    let waited = ops.hung_up()[0];
    assert!(waited >= Duration::from_secs(9), "{waited:?}");
    eventually("which is logged", async || convey.spoken().contains("an alert did not arrive").then_some(())).await;
    ops.will(Manner::Take);
    assert!(convey.stop().await.success());
}
