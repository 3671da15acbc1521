//! The program as a process: started, asked where it answers, killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use eventsourcing::{EventLog, Position, Recorded};
use node::client::Caller;
use proto::intake::v1::intake_service_client::IntakeServiceClient;
use segment_log::{Options, SegmentLog};
use serde_json::Value;
use tonic::transport::Channel;

const SHANGHAI: &str = "310000";

/// `liandong dev` of one region.
pub(crate) struct Program {
    child: Child,
    ready: Value,
}

/// Where contacts are recorded, and as whom.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) intake: IntakeServiceClient<Channel>,
    pub(crate) caller: Caller,
    pub(crate) id: String,
}

impl Program {
    /// Starts it and waits until it says that everything serves.
    pub(crate) fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_liandong"))
            .args([
                "-o",
                "json",
                "dev",
                "--port",
                "0",
                "--regions",
                SHANGHAI,
                "--data",
            ])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, ready }
    }

    pub(crate) async fn desk(&mut self) -> Desk {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let url = text(&self.ready["regions"][0]["url"]);
        let worker = &self.ready["workers"]["sh-worker"];
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        Desk {
            intake: IntakeServiceClient::new(channel),
            caller: Caller {
                person: text(&worker["person"]),
                organization: text(&worker["organization"]),
                role: "Worker".to_owned(),
            },
            id: text(&self.ready["desks"]["sh-12355"]["desk"]),
        }
    }

    /// SIGKILL: nothing is flushed, nobody is told.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It is dead already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every event of the intake log, read from its files.
pub(crate) async fn intake_log(data: &Path) -> Vec<Recorded> {
    let dir = data.join("data").join(SHANGHAI).join("intake/log");
    let id = format!("{SHANGHAI}.intake").parse().unwrap();
    let (log, _) = SegmentLog::open(&dir, id, &[], &Options::default()).unwrap();
    log.verify().await.unwrap();
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let after = events.last().map_or(Position(0), |last| last.position);
        let page = log.read_all(after, 1_000).await.unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}
