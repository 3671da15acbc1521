//! Checking logs by their files.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventsourcing::testing::append;
use eventsourcing::{EventLog, LogId};
use segment_log::{Options, SegmentLog};
use serde_json::Value;

use crate::program::{done, liandong, run};

const LOG: &str = "310000.referral";

fn open(dir: &Path) -> SegmentLog {
    let options = Options {
        segment_bytes: 16 << 10,
        scrub_every: None,
        ..Options::default()
    };
    let id: LogId = LOG.parse().unwrap();
    SegmentLog::open(dir, id, &[], &options).unwrap().0
}

fn block_on<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(task)
}

/// A log of so many events, below a directory as services have it.
fn written(events: u128) -> (tempfile::TempDir, PathBuf, SegmentLog) {
    let dir = tempfile::tempdir().unwrap();
    let of_log = dir.path().join("data/310000/referral/log");
    let log = open(&of_log);
    block_on(async {
        for stream in 0..events {
            log.append(append(LOG, stream, 0, 1)).await.unwrap();
        }
    });
    (dir, of_log, log)
}

fn verify(dir: &Path, output: &str) -> crate::program::Done {
    run(&[
        "log",
        "verify",
        "--data",
        dir.to_str().unwrap(),
        "-o",
        output,
    ])
}

/// Where `what` stands for the last time in a file.
fn last_place(file: &Path, what: &str) -> usize {
    let bytes = fs::read(file).unwrap();
    let mut windows = bytes.windows(what.len()).enumerate();
    windows
        .rfind(|(_, window)| *window == what.as_bytes())
        .unwrap()
        .0
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0b100;
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_whole_log_is_said_to_be_whole_while_it_is_open() {
    let (dir, of_log, log) = written(60);
    let head = log.head();

    let table = verify(dir.path(), "table");
    assert_eq!((table.code, table.err.as_str()), (0, ""));
    let line = table
        .out
        .lines()
        .find(|line| line.starts_with(LOG))
        .unwrap();
    for word in [
        "whole",
        "60",
        &head.hash.to_string(),
        &of_log.display().to_string(),
    ] {
        assert!(line.contains(word), "{word} is not in: {line}");
    }

    let json = verify(dir.path(), "json");
    assert_eq!((json.code, json.err.as_str()), (0, ""));
    let found = json.json();
    assert_eq!(found["whole"], true);
    assert_eq!(found["logs"][0]["log"], LOG);
    assert_eq!(found["logs"][0]["events"], 60);
    assert_eq!(found["logs"][0]["head"], head.hash.to_string());
    assert_eq!(found["logs"][0]["damage"], Value::Null);
}

#[test]
fn a_flipped_bit_is_named_by_file_and_byte_and_in_an_event_by_position_and_stream() {
    let (dir, of_log, log) = written(3);
    drop(log);
    let segment = of_log.join("0000000001.seg");
    let at = last_place(&segment, "specversion");
    flip(&segment, at);
    let stream = "note/310000-00000000-0000-0000-0000-000000000002";

    let table = verify(dir.path(), "table");
    assert_eq!(table.code, 1);
    let named = table.err.lines().next().unwrap();
    let file = segment.display();
    assert!(
        named.contains(&format!("{file} is damaged at byte {at} ")),
        "{named}"
    );
    assert!(
        named.contains(&format!("(position 3, {stream})")),
        "{named}"
    );
    let todo = table.err.lines().last().unwrap();
    assert!(todo.contains("put a good copy"), "{todo}");
    assert!(table.out.contains("damaged"), "{}", table.out);

    let json = verify(dir.path(), "json");
    assert_eq!(json.code, 1);
    let found = json.json();
    assert_eq!(found["whole"], false);
    let damage = &found["logs"][0]["damage"];
    assert_eq!(damage["file"], file.to_string());
    assert_eq!(damage["offset"], at);
    assert_eq!(damage["position"], 3);
    assert_eq!(damage["stream"], stream);
}

#[test]
fn a_byte_in_reserved_space_is_named_and_belongs_to_no_event() {
    let (dir, of_log, log) = written(3);
    drop(log);
    let segment = of_log.join("0000000001.seg");
    let at = fs::read(&segment).unwrap().len() - 5_000;
    flip(&segment, at);
    let json = verify(dir.path(), "json");
    assert_eq!(json.code, 1);
    let damage = &json.json()["logs"][0]["damage"];
    assert_eq!(
        (&damage["offset"], &damage["position"]),
        (&at.into(), &Value::Null)
    );
}

#[test]
fn damage_in_one_log_is_told_beside_the_wholeness_of_another() {
    let (dir, of_log, log) = written(3);
    drop(log);
    drop(open(&dir.path().join("data/310000/zzz/log")));
    let segment = of_log.join("0000000001.seg");
    flip(&segment, last_place(&segment, "specversion"));
    let json = verify(dir.path(), "json");
    assert_eq!(json.code, 1);
    let wholes: Vec<Value> = json.json()["logs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|log| log["whole"].clone())
        .collect();
    assert_eq!(wholes, [false, true]);
    assert!(json.err.contains("1 of 2 logs"), "{}", json.err);
}

#[test]
fn a_log_that_is_being_written_is_whole() {
    let (dir, _, log) = written(1);
    let log = Arc::new(log);
    let enough = Arc::new(AtomicBool::new(false));
    let writer = {
        let (log, enough) = (Arc::clone(&log), Arc::clone(&enough));
        std::thread::spawn(move || {
            block_on(async {
                let mut stream = 1;
                while !enough.load(Ordering::SeqCst) {
                    log.append(append(LOG, stream, 0, 2)).await.unwrap();
                    stream += 1;
                }
            });
        })
    };
    for _ in 0..5 {
        let before = log.head().position.0;
        let json = verify(dir.path(), "json");
        assert_eq!(json.code, 0, "{}", json.err);
        assert!(json.json()["logs"][0]["events"].as_u64().unwrap() >= before);
    }
    enough.store(true, Ordering::SeqCst);
    writer.join().unwrap();
}

#[test]
fn the_end_of_each_log_is_told_while_it_is_open() {
    let (dir, of_log, log) = written(7);
    let data = dir.path().to_str().unwrap();
    let json = run(&["log", "head", "--data", data, "-o", "json"]);
    assert_eq!(json.code, 0, "{}", json.err);
    let expected = serde_json::json!([{
        "log": LOG,
        "dir": of_log.display().to_string(),
        "position": 7,
        "hash": log.head().hash.to_string(),
        "recorded_at": "1970-01-01T00:00:00Z",
        "unreadable": null,
    }]);
    assert_eq!(json.json(), expected);

    let table = run(&["log", "head", "--data", data]);
    assert_eq!(table.code, 0);
    let line = table
        .out
        .lines()
        .find(|line| line.starts_with(LOG))
        .unwrap();
    assert!(line.contains("1970-01-01 08:00:00"), "{line}");
}

#[test]
fn a_log_whose_end_cannot_be_read_does_not_hide_the_others() {
    let (dir, of_log, log) = written(7);
    drop(log);
    let other = dir.path().join("data/310000/intake/log");
    fs::create_dir_all(&other).unwrap();
    fs::copy(of_log.join("0000000001.seg"), other.join("0000000001.seg")).unwrap();
    flip(&other.join("0000000001.seg"), 20);
    let data = dir.path().to_str().unwrap();
    let done = run(&["log", "head", "--data", data, "-o", "json"]);
    assert_eq!(done.code, 1, "{}", done.err);
    let ends = done.json();
    assert!(
        ends[0]["unreadable"].as_str().unwrap().contains("intake"),
        "{ends}"
    );
    assert_eq!(ends[0]["position"], Value::Null);
    assert_eq!(ends[1]["position"], 7);
}

#[test]
fn what_a_write_has_not_finished_is_told_and_is_no_damage() {
    let (dir, of_log, log) = written(1);
    let segment = of_log.join("0000000001.seg");
    let used = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let start = used(&fs::read(&segment).unwrap());
    block_on(log.append(append(LOG, 2, 0, 1))).unwrap();
    drop(log);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[start + 60..].fill(0);
    fs::write(&segment, bytes).unwrap();
    let json = verify(dir.path(), "json");
    assert_eq!(json.code, 0, "{}", json.err);
    assert!(json.err.contains("not finished"), "{}", json.err);
    let found = json.json();
    assert_eq!(found["logs"][0]["unfinished"]["offset"], start);
    assert_eq!(
        found["logs"][0]["unfinished"]["file"],
        segment.display().to_string()
    );
}

#[test]
fn where_there_is_nothing_to_read_the_usage_was_wrong() {
    let empty = tempfile::tempdir().unwrap();
    let missing = empty.path().join("missing").display().to_string();
    let empty = empty.path().to_str().unwrap();
    for command in ["verify", "head"] {
        run(&["log", command, "--data", &missing]).fails(2, &[&missing, "liandong dev"]);
        run(&["log", command, "--data", empty]).fails(2, &[empty, "no log"]);
    }
}

#[test]
fn nobody_reading_the_answer_is_no_failure_but_damage_still_is() {
    let (dir, of_log, log) = written(3);
    drop(log);
    let data = dir.path().to_str().unwrap();
    let unread = || {
        let mut child = liandong(&["log", "verify", "--data", data])
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        done(child.wait_with_output().unwrap())
    };
    let whole = unread();
    assert_eq!((whole.code, whole.err.as_str()), (0, ""));
    let segment = of_log.join("0000000001.seg");
    flip(&segment, last_place(&segment, "specversion"));
    let damaged = unread();
    assert_eq!(damaged.code, 1);
    assert!(!damaged.err.contains("panicked"), "{}", damaged.err);
}
