//! A bulk change in the CRM: the usual number leaves, the rest waits for a person.

use convey::sandbox::Kind;

use crate::rig::{Convey, sandbox};
use crate::wire::letters_of;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_asks_for_more_than_usual_is_held_up() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 20).await;
    let mut convey = Convey::new(&sandbox.summary())
        .configure(|config| *config = config.replace("brake_times = 0", "brake_times = 10\nbrake_floor = 5"));
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    convey.drained().await;
    assert_eq!(convey.spoken().matches("the brake holds").count(), 1, "it is said once");
    assert!(convey.stop().await.success());
    assert_eq!(sandbox.accepted(0).len(), 5);
    let book = convey.book().await;
    let events: Vec<_> =
        book.accounts.iter().flat_map(|account| &account.changes).flat_map(|change| &change.events).collect();
    let states = |state: &str| events.iter().filter(|event| event.state == state).count();
    assert!(events.len() > 10, "{events:?}");
    assert_eq!((states("done"), states("dead")), (5, events.len() - 5), "{events:?}");
}
