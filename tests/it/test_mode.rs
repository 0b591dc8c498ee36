//! Test mode: for a while, events are marked as tests; it ends by itself, however the time passes.

use std::time::Duration;

use convey::sandbox::{Kind, Sandbox};
use serde_json::Value;

use crate::rig::{Convey, sandbox};
use crate::wire::{Letter, letters_of};

const MINUTE: Duration = Duration::from_secs(60);

/// Sends the letters; whether the platform was told that their events are tests, of each.
async fn marks(sandbox: &Sandbox, convey: &Convey, letters: &[Letter]) -> Vec<bool> {
    let before = sandbox.accepted_count();
    for letter in letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    let told = sandbox.accepted(before);
    assert!(!told.is_empty(), "somebody is told of");
    told.iter().map(|accepted| accepted.test).collect()
}

async fn modes(convey: &Convey) -> Value {
    convey.status().await.unwrap()["status"]["test_modes"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_mode_marks_events_outlives_a_restart_and_ends_by_itself() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 48).await;
    let mut eights = letters.chunks(8);
    let mut next = || eights.next().unwrap();
    let mut convey = Convey::new(&sandbox.summary()).on_a_clock();
    convey.start().await;
    for lasts in ["25h", "0m", "for ever"] {
        let said = convey.command(&["test-mode", "on", "--code", "TEST5", "--for", lasts]).await;
        assert!(said.code != Some(0) && said.stderr.contains("1h"), "it refuses to stay on, and says how: {said:?}");
    }
    assert_eq!(convey.command(&["test-mode", "on", "--code", " "]).await.code, Some(1));
    assert!(marks(&sandbox, &convey, next()).await.iter().all(|test| !test));

    let on = convey.command(&["test-mode", "on", "--code", "TEST5", "--for", "1h"]).await.json();
    assert_eq!(on["until"].as_u64().unwrap() - on["since"].as_u64().unwrap(), 3_600_000);
    assert!(marks(&sandbox, &convey, next()).await.iter().all(|test| *test));

    convey.kill().await;
    convey.start().await;
    convey.pass(&sandbox, 50 * MINUTE).await;
    assert_eq!(modes(&convey).await[0]["code"], "TEST5");
    assert!(marks(&sandbox, &convey, next()).await.iter().all(|test| *test), "it outlives a kill");
    convey.pass(&sandbox, 10 * MINUTE).await;
    assert!(marks(&sandbox, &convey, next()).await.iter().all(|test| !test), "it has ended by itself");
    assert_eq!(modes(&convey).await, Value::Array(Vec::new()));

    // It ends while nobody runs, too.
    convey.command(&["test-mode", "on", "--code", "TEST5", "--for", "24h"]).await.json();
    assert!(convey.stop().await.success());
    convey.pass(&sandbox, 24 * 60 * MINUTE).await;
    convey.start().await;
    assert!(marks(&sandbox, &convey, next()).await.iter().all(|test| !test));

    convey.command(&["test-mode", "on", "--code", "TEST5"]).await.json();
    let off = convey.command(&["test-mode", "off"]).await.json();
    assert_eq!(
        (&off["was_on"], &convey.command(&["test-mode", "off"]).await.json()["was_on"]),
        (&true.into(), &false.into())
    );
    assert!(marks(&sandbox, &convey, next()).await.iter().all(|test| !test));
    assert!(convey.stop().await.success());
    convey.book().await.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
}

/// A code that is left in the configuration would mark events for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_code_in_the_configuration_is_refused_with_the_command_to_use() {
    let sandbox = sandbox(1, 1).await;
    let convey = Convey::new(&sandbox.summary())
        .configure(|text| *text = text.replace("[destination.ads]\n", "[destination.ads]\ntest_code = \"TEST5\"\n"));
    let said = convey.command(&["check"]).await;
    assert!(said.code != Some(0) && said.stderr.contains("convey test-mode on"), "{said:?}");
}
