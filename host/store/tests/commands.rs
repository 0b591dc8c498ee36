//! Commands to the CRM.

use super::*;

fn done(key: &str, expected: Option<u64>, memory: Option<&str>) -> CommandSettlement {
    CommandSettlement {
        connection: "shop".into(),
        key: key.into(),
        contact: Some("ann".into()),
        expected,
        memory: memory.map(|text| text.as_bytes().to_vec()),
        id: Some("task-1".into()),
        changed: true,
        at: 30,
    }
}

#[tokio::test]
async fn a_key_is_carried_out_once() {
    let bench = bench().await;
    assert_eq!(bench.store.begin_command("shop", "k", "create-task", 10).await.unwrap(), Begun::New);
    let bench = bench.reopened().await;
    assert_eq!(bench.store.begin_command("shop", "k", "create-task", 20).await.unwrap(), Begun::Open { since: 10 });
    assert_eq!(bench.store.begin_command("cafe", "k", "create-task", 20).await.unwrap(), Begun::New);
    assert!(bench.store.settle_command(done("k", None, Some("wrote"))).await.unwrap());
    let memory = bench.store.memories("shop", &["ann".to_owned()]).await.unwrap().remove(0).unwrap();
    assert_eq!((memory.version, memory.bytes.as_slice()), (1, b"wrote".as_slice()));

    assert!(bench.store.settle_command(done("k", Some(1), Some("twice"))).await.unwrap());
    let again = bench.store.memories("shop", &["ann".to_owned()]).await.unwrap().remove(0).unwrap();
    assert_eq!(again.version, 1, "a repeated step replaces nothing");
    let ended = Begun::Done { id: Some("task-1".into()), changed: true, at: 30 };
    assert_eq!(bench.store.begin_command("shop", "k", "create-task", 40).await.unwrap(), ended);
    bench.store.fail_command("shop", "k", "late".into(), 50).await.unwrap();
    assert_eq!(bench.store.begin_command("shop", "k", "create-task", 60).await.unwrap(), ended);
}

#[tokio::test]
async fn memory_that_moved_on_is_left_and_the_command_is_done_all_the_same() {
    let bench = bench().await;
    bench.store.begin_command("shop", "one", "add-tags", 10).await.unwrap();
    bench.store.begin_command("shop", "two", "add-tags", 11).await.unwrap();
    bench.store.begin_command("shop", "three", "add-tags", 12).await.unwrap();
    assert!(bench.store.settle_command(done("one", None, Some("first"))).await.unwrap());
    assert!(!bench.store.settle_command(done("two", None, Some("stale"))).await.unwrap());
    assert!(bench.store.settle_command(done("three", None, None)).await.unwrap(), "no memory to replace");
    let memory = bench.store.memories("shop", &["ann".to_owned()]).await.unwrap().remove(0).unwrap();
    assert_eq!(memory.bytes, b"first");
    assert!(matches!(bench.store.begin_command("shop", "two", "add-tags", 20).await.unwrap(), Begun::Done { .. }));
}

#[tokio::test]
async fn a_command_that_never_left_may_be_begun_again() {
    let bench = bench().await;
    bench.store.begin_command("shop", "canary-key", "delete-contact", 10).await.unwrap();
    bench.store.fail_command("shop", "canary-key", "the grant is read-only".into(), 11).await.unwrap();
    let failed = bench.store.commands("shop", 9).await.unwrap();
    assert_eq!((failed[0].state, failed[0].ended_at), (CommandState::Failed, Some(11)));
    assert_eq!(failed[0].reason.as_deref(), Some("the grant is read-only"));
    assert_eq!(bench.store.begin_command("shop", "canary-key", "delete-contact", 20).await.unwrap(), Begun::New);
    bench.store.begin_command("shop", "next", "add-tags", 30).await.unwrap();
    let open = bench.store.commands("shop", 9).await.unwrap();
    assert_eq!(open.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["add-tags", "delete-contact"]);
    assert!(open.iter().all(|one| one.state == CommandState::Open && one.reason.is_none()));
    for file in std::fs::read_dir(bench.dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(memchr::memmem::find(&bytes, b"canary-key").is_none(), "of a key only a look-up is kept");
    }
}
