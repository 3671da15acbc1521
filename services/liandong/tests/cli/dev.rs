//! The development system as a process, and every client command against it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command};

use node::client::{Caller, new_meta};
use proto::intake::v1 as pb;
use proto::intake::v1::intake_service_client::IntakeServiceClient;
use serde_json::Value;
use service_runtime::SystemClock;
use tempfile::TempDir;

use crate::program::{Done, liandong, run};

/// `liandong dev` of Shanghai, killed if the test fails.
struct Dev {
    child: Child,
    out: BufReader<ChildStdout>,
    ready: Value,
}

impl Dev {
    /// Starts it, and waits until it says that everything serves.
    fn start(data: &Path, port: &str) -> Self {
        let data = data.to_str().unwrap();
        let args = [
            "dev",
            "-o",
            "json",
            "--data",
            data,
            "--port",
            port,
            "--regions",
            "310000",
        ];
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

    fn url(&self) -> &str {
        self.ready["regions"][0]["url"].as_str().unwrap()
    }

    /// Runs a client command against it.
    fn ask(&self, worker: &str, args: &[&str]) -> Done {
        run(&[args, &["--url", self.url(), "--as", worker]].concat())
    }

    /// Records a silent contact; says which case it is.
    fn record_contact(&self) -> String {
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
    fn stop(mut self) -> (Option<i32>, String) {
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

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([name, &id])
            .status()
            .unwrap()
            .success()
    );
}

fn fresh() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_case_is_read_by_every_command_and_its_log_beside_the_service() {
    let dir = fresh();
    let dev = Dev::start(dir.path(), "0");
    let case = dev.record_contact();

    let listed = dev.ask("sh-worker", &["case", "list", "-o", "json"]).json();
    assert_eq!(listed[0]["case_id"], case);
    let shown = dev
        .ask("sh-auditor", &["case", "show", &case, "-o", "json"])
        .json();
    assert_eq!(shown["case"]["case_id"], case);
    let timeline = dev
        .ask("sh-worker", &["case", "timeline", &case, "-o", "json"])
        .json();
    assert_eq!(timeline[0]["event_type"], "intake.ContactRecorded");
    assert_eq!(timeline[0]["actor"]["role"], "Worker");
    let table = dev.ask("sh-worker", &["case", "timeline", &case]);
    assert!(
        table.out.contains(timeline[0]["text_en"].as_str().unwrap()),
        "{}",
        table.out
    );

    let replayed = dev
        .ask("sh-worker", &["case", "replay", &case, "-o", "json"])
        .json();
    assert_eq!(replayed["aggregates"][0]["log"], "310000.intake");
    let before = ["case", "replay", &case, "--as-of", "2026-01-01T00:00:00Z"];
    dev.ask("sh-worker", &before)
        .fails(1, &["no event of this case"]);

    let data = dir.path().to_str().unwrap();
    let verified = run(&["log", "verify", "--data", data, "-o", "json"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
    let heads = run(&["log", "head", "--data", data, "-o", "json"]).json();
    let intake = heads
        .as_array()
        .unwrap()
        .iter()
        .find(|log| log["log"] == "310000.intake");
    assert_eq!(
        intake.unwrap()["hash"],
        timeline.as_array().unwrap().last().unwrap()["hash"]
    );

    assert_eq!(dev.stop(), (Some(0), String::new()));
}

#[test]
fn parked_cases_are_for_administrators() {
    let dir = fresh();
    let dev = Dev::start(dir.path(), "0");
    let listed = dev.ask("sh-admin", &["parked", "ls", "-o", "json"]);
    assert_eq!(
        (listed.code, listed.out.as_str()),
        (0, "[]\n"),
        "{}",
        listed.err
    );
    dev.ask("sh-worker", &["parked", "ls"])
        .fails(1, &["administrator", "--as"]);
    let retry = ["parked", "retry", "310000", "no-such-policy", "-"];
    dev.ask("sh-admin", &retry)
        .fails(1, &["no such policy", "parked ls"]);
    dev.ask("qd-worker", &["case", "list"]).fails(1, &["--as"]);
    dev.stop();
}

#[test]
fn a_second_system_on_the_same_data_or_port_is_refused() {
    let dir = fresh();
    let dev = Dev::start(dir.path(), "0");
    let data = dir.path().to_str().unwrap();
    run(&["dev", "--data", data, "--port", "0", "--regions", "310000"]).fails(1, &["in use"]);
    let port = dev.url().rsplit(':').next().unwrap().to_owned();
    let other = fresh();
    let other = other.path().to_str().unwrap();
    let taken = [
        "dev",
        "--data",
        other,
        "--port",
        &port,
        "--regions",
        "310000",
    ];
    run(&taken).fails(1, &[&port, "choose another --port"]);
    dev.stop();
}

#[test]
fn a_watch_goes_on_when_the_system_is_started_again_with_its_data() {
    let dir = fresh();
    let dev = Dev::start(dir.path(), "0");
    let port = dev.url().rsplit(':').next().unwrap().to_owned();
    let args = [
        "case",
        "watch",
        "-o",
        "json",
        "--url",
        dev.url(),
        "--as",
        "sh-worker",
    ];
    let mut watch = liandong(&args).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap());
    let mut next_case = || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let entry: Value = serde_json::from_str(&line).unwrap();
        entry["case_id"].as_str().unwrap().to_owned()
    };
    let first = dev.record_contact();
    assert_eq!(next_case(), first);
    // The watch of a system that ends must not keep it from ending.
    assert_eq!(dev.stop().0, Some(0));

    let dev = Dev::start(dir.path(), &port);
    let second = dev.record_contact();
    assert_eq!(next_case(), second);
    signal(&watch, "-INT");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
    dev.stop();
}

#[test]
fn a_person_is_told_calls_to_paste_with_ids_that_exist() {
    let dir = fresh();
    let data = dir.path().to_str().unwrap();
    let args = [
        "dev",
        "--data",
        data,
        "--port",
        "0",
        "--regions",
        "100000,310000",
    ];
    let mut child = liandong(&args).spawn().unwrap();
    let mut told = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    while !told.contains("Ctrl-C stops it") {
        assert_ne!(out.read_line(&mut told).unwrap(), 0, "ended early: {told}");
    }
    for part in [
        "Shanghai",
        "buf curl --protocol grpc",
        "liandong-person: 310000-",
        data,
    ] {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
    let paste = told
        .lines()
        .find(|line| line.contains("case list --url"))
        .unwrap();
    let arguments: Vec<&str> = paste.split_whitespace().skip(1).collect();
    assert_eq!(run(&arguments).code, 0);
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
