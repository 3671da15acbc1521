//! The development system as a process that a test runs, and a first contact in it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command};

use node::client::{Caller, new_meta};
use proto::intake::v1 as pb;
use proto::intake::v1::intake_service_client::IntakeServiceClient;
use serde_json::Value;
use service_runtime::SystemClock;

use crate::program::{Done, liandong, run};

/// `liandong dev`, killed if the test fails.
pub(crate) struct Dev {
    child: Child,
    out: BufReader<ChildStdout>,
    pub(crate) ready: Value,
}

impl Dev {
    /// Starts it for Shanghai.
    pub(crate) fn start(data: &Path, port: &str) -> Self {
        let data = data.to_str().unwrap();
        Self::begin(&["--data", data, "--port", port, "--regions", "310000"])
    }

    /// Starts it, and waits until it says that everything serves.
    pub(crate) fn begin(args: &[&str]) -> Self {
        let args = [&["dev", "-o", "json"], args].concat();
        let mut child = liandong(&args).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut said = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut said)
                .unwrap();
            panic!("not started: {said}");
        }
        let ready = serde_json::from_str(&line).unwrap();
        Self { child, out, ready }
    }

    pub(crate) fn url(&self) -> &str {
        self.ready["regions"][0]["url"].as_str().unwrap()
    }

    /// Runs a client command against it.
    pub(crate) fn ask(&self, worker: &str, args: &[&str]) -> Done {
        run(&[args, &["--url", self.url(), "--as", worker]].concat())
    }

    /// Records a silent contact; says which case it is.
    pub(crate) fn record_contact(&self) -> String {
        let of = |value: &Value| value.as_str().unwrap().to_owned();
        let worker = &self.ready["workers"]["sh-worker"];
        let caller = Caller {
            person: of(&worker["person"]),
            organization: of(&worker["organization"]),
            role: of(&worker["roles"][0]),
        };
        let contact = pb::RecordContactRequest {
            meta: Some(new_meta(&SystemClock)),
            desk_id: of(&self.ready["desks"]["sh-12355"]["desk"]),
            channel: pb::Channel::Phone.into(),
            line: pb::Line::YouthHotline.into(),
            caller_role: pb::CallerRole::Anonymous.into(),
            matter: Some(pb::record_contact_request::Matter::NoCase(pb::NoMatter {
                kind: pb::NonCase::Silent.into(),
                note: String::new(),
            })),
            ..pb::RecordContactRequest::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let recorded = runtime.unwrap().block_on(async {
            let mut intake = IntakeServiceClient::connect(self.url().to_owned())
                .await
                .unwrap();
            intake.record_contact(caller.request(contact)).await
        });
        recorded.unwrap().into_inner().result.unwrap().case_id
    }

    /// Tells it to end: exit code, and what it printed after it was ready.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        signal(&self.child, "-TERM");
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([name, &id])
            .status()
            .unwrap()
            .success()
    );
}
