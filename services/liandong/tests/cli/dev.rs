//! The development system as a process, and every client command against it.

use std::io::{BufRead, BufReader};
use std::process::Child;

use serde_json::Value;
use tempfile::TempDir;

use crate::dev_system::{Dev, signal};
use crate::program::{liandong, pasted, run};

fn fresh() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_case_is_read_by_every_command_and_its_log_beside_the_service() {
    let dir = fresh();
    let dev = Dev::start(dir.path(), "0");
    let case = dev.record_contact();

    let listed = dev
        .ask("sh-worker", &["case", "list", "--contacts", "-o", "json"])
        .json();
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
    run(&["dev", "--data", data, "--port", "0", "--regions", "310000"])
        .fails(1, &["another process", "--data"]);
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

/// What `dev` says to a person, until somebody stops it.
struct Told {
    child: Child,
    text: String,
}

impl Told {
    fn by(args: &[&str]) -> Self {
        let mut child = liandong(args).spawn().unwrap();
        let mut text = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while !text.contains("Ctrl-C stops it") {
            assert_ne!(out.read_line(&mut text).unwrap(), 0, "ended early: {text}");
        }
        Self { child, text }
    }

    /// The call that begins with these words, with the lines that it goes on for.
    fn call(&self, words: &str) -> String {
        let from = self
            .text
            .find(words)
            .unwrap_or_else(|| panic!("{words} is not in: {}", self.text));
        let mut lines = self.text[from..].lines();
        let mut call = String::new();
        for line in lines.by_ref() {
            call += line;
            call.push('\n');
            if !line.ends_with('\\') {
                break;
            }
        }
        call
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_calls_that_a_person_is_told_work_as_they_are_pasted() {
    let dir = fresh();
    let data = dir.path().join("its data");
    let data = data.to_str().unwrap();
    let mut told = Told::by(&[
        "dev",
        "--data",
        data,
        "--port",
        "0",
        "--regions",
        "100000,310000",
    ]);
    for part in ["Shanghai", "liandong-person: 310000-", data] {
        assert!(told.text.contains(part), "{part} is not in: {}", told.text);
    }
    let recorded = pasted(&told.call("buf curl --protocol grpc"));
    assert_eq!(recorded.code, 0, "{}", recorded.err);
    let recorded: Value = serde_json::from_str(&recorded.out).unwrap();
    let case = recorded["result"]["caseId"].as_str().unwrap();

    let program = env!("CARGO_BIN_EXE_liandong");
    let at = told.text.find("buf curl").unwrap();
    let list = &told.text[at..];
    let list = list
        .lines()
        .find(|line| line.contains("case list --contacts --url"))
        .unwrap();
    let listed = pasted(list);
    assert_eq!(listed.code, 0, "{}", listed.err);
    assert!(listed.out.contains(case), "{}", listed.out);
    let verified = pasted(&told.call(&format!("{program} log verify --data")));
    assert_eq!(verified.code, 0, "{}", verified.err);
    signal(&told.child, "-INT");
    assert_eq!(told.child.wait().unwrap().code(), Some(0));
}
