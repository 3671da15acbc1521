//! Three regions as they are run for real: every service a process, NATS between them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use eventsourcing::Region;
use liandong::reference::CHINA;
use liandong::story::{Pace, Stage, chen_jia};
use nats_event_feed::testing::nats_server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// `liandong up`; killed with all that it started if the test ends early.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        // It has ended already if the test went well.
        let id = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        let _ = kill_process(id, Signal::TERM);
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_told_by_processes_that_speak_through_nats_only() {
    let root = tempfile::tempdir().unwrap();
    let mut up = Up(Command::new(env!("CARGO_BIN_EXE_liandong"))
        .args(["-o", "json", "up", "--port", "0", "--data"])
        .arg(root.path())
        .arg("--nats-server")
        .arg(nats_server())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap());
    let mut line = String::new();
    let mut said = BufReader::new(up.0.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let regions = ready["regions"].as_object().unwrap().iter();
    let urls = regions.map(|(region, url)| {
        let region: Region = region.parse().unwrap();
        (region, url.as_str().unwrap().to_owned())
    });

    let cast = Arc::new(CHINA.parse().unwrap());
    let stage = Stage::at(urls, cast, Pace::Real, |_| {}).await.unwrap();
    let case = chen_jia::play(&stage).await.unwrap().case;
    let verified = stage.verify(case).await.unwrap();
    assert!(verified.whole && verified.streams.len() > 5, "{verified:?}");
    stage.close().await;

    let id = Pid::from_raw(i32::try_from(up.0.id()).unwrap()).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    assert!(
        up.0.wait().unwrap().success(),
        "everything ends when it is told"
    );
}
