//! Watching: what has been heard is heard once, also across a lost service; an end is an end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command};
use std::sync::{Arc, Mutex};

use proto::timeline::v1 as pb;
use proto::timeline::v1::watch_timeline_response::Payload;
use serde_json::Value;
use tonic::{Code, Status};

use crate::fake::{Script, at, with_services};
use crate::program::liandong;

fn entry(cursor: &str) -> pb::WatchTimelineResponse {
    let entry = pb::Entry {
        text_en: format!("entry {cursor}"),
        ..pb::Entry::default()
    };
    message(cursor, Payload::Entry(entry))
}

fn message(cursor: &str, payload: Payload) -> pb::WatchTimelineResponse {
    pb::WatchTimelineResponse {
        cursor: cursor.to_owned(),
        payload: Some(payload),
    }
}

fn draining() -> Status {
    service_runtime::grpc::failure(Code::Unavailable, "STOPPING", "resume at the cursor", "")
}

/// The program watching, and the lines it prints.
struct Watching {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watching {
    fn start(args: &[String]) -> Self {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut child = liandong(&args).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Waits for the next line.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    fn cursor(&mut self) -> Value {
        serde_json::from_str::<Value>(&self.line()).unwrap()["cursor"].clone()
    }

    /// Sends a signal, and waits for the end: exit code, what was still printed.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

async fn watching(args: Vec<String>, test: impl FnOnce(Watching) + Send + 'static) {
    let run = move || test(Watching::start(&args));
    tokio::task::spawn_blocking(run).await.unwrap();
}

fn asked(script: &Arc<Mutex<Script>>) -> Vec<String> {
    let script = script.lock().unwrap();
    let resumed = |asked: &String| asked.split("resume_cursor: ").nth(1).unwrap().to_owned();
    script.asked.iter().map(resumed).collect()
}

#[test]
fn a_watch_resumes_after_the_last_message_it_heard() {
    let watches = [
        (vec![entry("a"), entry("b")], Some(draining())),
        // A service that is back but not ready yet.
        (vec![], Some(draining())),
        (
            vec![entry("c"), message("d", Payload::Heartbeat(true))],
            Some(draining()),
        ),
        (vec![entry("e")], None),
    ];
    let script = Script {
        watches: watches.into(),
        ..Script::default()
    };
    with_services(script, |url, script| async move {
        watching(
            at(&url, "sh-worker", &["case", "watch", "-o", "json"]),
            |mut watch| {
                for cursor in ["a", "b", "c", "e"] {
                    assert_eq!(watch.cursor(), cursor);
                }
                assert_eq!(watch.end("-INT"), (Some(0), String::new()));
            },
        )
        .await;
        assert_eq!(asked(&script), ["\"\" }", "\"b\" }", "\"b\" }", "\"d\" }"]);
    });
}

#[test]
fn a_watch_begins_after_the_cursor_it_is_given_and_ends_when_told() {
    let script = Script {
        watches: [(
            vec![message("x", Payload::CaughtUp(true)), entry("y")],
            None,
        )]
        .into(),
        ..Script::default()
    };
    with_services(script, |url, script| async move {
        watching(
            at(&url, "sh-worker", &["case", "watch", "--resume", "x"]),
            |mut watch| {
                assert!(watch.line().ends_with("entry y\n"));
                assert_eq!(watch.end("-TERM"), (Some(0), String::new()));
            },
        )
        .await;
        assert_eq!(asked(&script), ["\"x\" }"]);
    });
}

#[test]
fn a_watch_that_is_refused_is_not_tried_again() {
    let forbidden = service_runtime::grpc::failure(
        Code::PermissionDenied,
        "ACTOR_UNKNOWN",
        "nobody knows you",
        "",
    );
    let script = Script {
        watches: [(vec![], Some(forbidden))].into(),
        ..Script::default()
    };
    with_services(script, |url, script| async move {
        let refused = crate::fake::run(at(&url, "sh-worker", &["case", "watch"])).await;
        refused.fails(1, &["nobody knows you", "--as"]);
        assert_eq!(asked(&script).len(), 1);
    });
}
