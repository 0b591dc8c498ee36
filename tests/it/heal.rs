//! A token that is refused: the destination rests, nothing is lost, and it goes on by itself once the token works.

use convey::sandbox::Kind;

use crate::rig::{Convey, accepted_ids, sandbox};
use crate::wire::letters_of;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_whose_token_is_refused_goes_on_by_itself() {
    let sandbox = sandbox(1, 1).await;
    let letters = letters_of(&sandbox, Kind::ContactCreated, 12).await;
    let mut convey = Convey::new(&sandbox.summary());
    convey.file("ads.token", "nobody-knows-this-one");
    convey.start().await;
    for letter in &letters {
        letter.insist(&convey.hook()).await;
    }
    let pause = convey.paused().await;
    assert_eq!((&pause["scope"]["destination"], &pause["heals"]), (&"ads".into(), &true.into()), "{pause}");
    assert!(sandbox.accepted(0).is_empty());

    convey.file("ads.token", &sandbox.summary().ads_token);
    convey.drained().await;
    assert!(convey.stop().await.success());
    let book = convey.book().await;
    book.assert_all_told(letters.iter().map(|letter| letter.id.as_str()));
    book.assert_exact(&book.event_ids(), &accepted_ids(&sandbox, &sandbox.summary().dataset));
    assert!(book.ambiguous.is_empty(), "a refusal is an answer");
}
