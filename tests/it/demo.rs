//! `convey demo`: the whole way, with copies and overtaking, ends with a report that adds up.

use serde_json::Value;

use crate::program::Folder;

#[test]
fn a_disorderly_play_loses_nothing_and_tells_nothing_twice() {
    let folder = Folder::new();
    let arguments =
        ["demo", "--contacts", "40", "--format", "json", "--duplicate", "0.3", "--reorder", "0.3", "--log", "error"];
    let ran = folder.run(&arguments).ended(0);
    let report: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    let count = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{key}: {report}"));
    assert_eq!((count("lost"), count("duplicates"), count("dead")), (0, 0, 0), "{report}");
    assert!(count("swaps") >= 1);
    assert!(count("webhooks") > count("deliveries"), "copies came: {report}");
    assert!(count("deliveries") >= count("changes") && count("changes") > 40, "{report}");
    assert!(count("events_accepted") > 10 && count("skipped") > 0, "{report}");
    let by: u64 = report["skipped_by"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(by, count("skipped"));
    let (p50, p99) = (&report["latency_ms"]["p50"], &report["latency_ms"]["p99"]);
    assert!(p50.as_u64().unwrap() <= p99.as_u64().unwrap());
    let told: u64 = report["generations"].as_array().unwrap().iter().map(|told| told["events"].as_u64().unwrap()).sum();
    assert_eq!(told, count("events_accepted"), "each event has its generation");
    assert!(report["example"]["after"]["user_data"].is_object());
    let left: Vec<_> = std::fs::read_dir(folder.at("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "the demo leaves nothing: {left:?}");
}
