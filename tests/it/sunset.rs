//! A version of the platform's API that ends is spoken of in time, once a day, by the clock that is given.

use convey::app::{App, check};
use convey::clock::Clock;
use convey::config;
use convey::engine::CodeCache;

use crate::rig::{Convey, sandbox};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// 23 February 2027: the end of the version that the destination uses for audiences.
const END: u64 = 1_803_340_800_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_ends_is_spoken_of_once_a_day_with_the_line_to_write() {
    let sandbox = sandbox(1, 1).await;
    let convey = Convey::new(&sandbox.summary())
        .configure(|text| text.push_str("[destination.ads.settings]\naudience_api_version = \"v25.0\"\n"));
    let file = convey.state().parent().unwrap().join("convey.toml");
    let config = config::load(&file).unwrap();
    let clock = Clock::manual(END - 61 * DAY_MS);
    let app = App::build(config.clone(), clock.clone(), None).await.unwrap();
    let flow = app.flow();
    assert_eq!((flow.warn_of_sunsets(), flow.sunsets()), (0, Vec::new()), "not yet");
    clock.set_ms(END - 30 * DAY_MS);
    assert_eq!([flow.warn_of_sunsets(), flow.warn_of_sunsets()], [1, 0], "once a day");
    clock.advance_ms(DAY_MS);
    assert_eq!(flow.warn_of_sunsets(), 1, "and again the next");
    let said = flow.sunsets().remove(0);
    assert_eq!((said.days_left, said.over, said.used_for.as_str()), (29, false, "audiences"));
    assert!(said.fix.ends_with("[destination.ads.settings]\naudience_api_version = \"v26.0\""), "{said:?}");
    clock.set_ms(END);
    assert!(flow.sunsets()[0].over);
    drop(app);

    let cache = || CodeCache::new(convey.state().join("compiled")).ok();
    let checked = check(&config, Clock::manual(END - 10 * DAY_MS), true, cache()).await.unwrap();
    assert!(checked.sunsets[0].to_string().contains("ends in 10 days (2027-02-23)"), "{:?}", checked.sunsets);
    assert!(check(&config, Clock::manual(END - 61 * DAY_MS), true, cache()).await.unwrap().sunsets.is_empty());
}
