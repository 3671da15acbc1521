//! Python's grpcio, with stubs that it generates itself from the contract.

use std::process::Command;

use acceptance::World;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{configuration, output, root, tool};

#[tokio::test(flavor = "multi_thread")]
async fn python_grpcio_drives_a_referral_and_watches_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(&folder.path().join("system"), Timestamp::now()).await;
    let mut config = configuration(&world);
    config["proto"] = json!(root().join("proto"));
    config["out"] = json!(folder.path().join("stubs"));

    let mut python = Command::new(tool("LIANDONG_PYTHON", "python"));
    python
        .arg(root().join("tests/foreign/drive.py"))
        .arg(config.to_string());
    let done = output(python);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");

    let saw: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        saw["repeated"],
        json!([false, true, true]),
        "a create retried is the same hop"
    );
    assert_eq!(
        saw["refused"], "PERMISSION_DENIED",
        "a worker may not dispatch"
    );
    assert!(
        saw["taken_zh"].as_str().unwrap().contains("管护责任"),
        "{saw}"
    );
    let events = saw["events"].as_array().unwrap();
    for expected in [
        "intake.CaseOpened",
        "referral.Dispatched",
        "referral.Accepted",
    ] {
        assert!(
            events.contains(&json!(expected)),
            "{expected} was not seen: {events:?}"
        );
    }
    world.stop().await;
}
