//! The demo as a process: what it tells, what it leaves behind, and that its last words are true.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use liandong::story::chen_jia;
use serde_json::Value;
use tempfile::TempDir;

use crate::dev_system::{Dev, signal};
use crate::program::{Done, done, liandong, pasted, run};

/// Generous: a loaded machine, a build without optimisation. The aim is 2 s.
const FIRST_LINE_WITHIN: Duration = Duration::from_secs(20);

/// What must stand nowhere in the clear.
const SECRETS: [&str; 4] = [
    chen_jia::NARRATIVE,
    chen_jia::SUMMARY,
    chen_jia::NUMBER,
    "陈佳",
];

fn fresh() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Plays the demo without waiting, and keeps its logs.
fn play(keep: &Path, more: &[&str]) -> Done {
    let keep = keep.to_str().unwrap();
    let mut demo = liandong(&[&["demo", "--speed", "max", "--keep", keep], more].concat());
    let played = done(demo.output().unwrap());
    assert_eq!((played.code, played.err.as_str()), (0, ""));
    played
}

fn assert_keeps_secrets(what: &str, bytes: &[u8]) {
    for secret in SECRETS {
        let mut windows = bytes.windows(secret.len());
        assert!(
            !windows.any(|window| window == secret.as_bytes()),
            "{secret} stands in {what}"
        );
    }
}

fn assert_files_keep_secrets(folder: &Path) -> io::Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files += assert_files_keep_secrets(&path)?;
        } else {
            assert_keeps_secrets(&path.display().to_string(), &fs::read(&path)?);
            files += 1;
        }
    }
    Ok(files)
}

/// The call among the demo's last words that goes on like this.
fn call<'told>(told: &'told str, words: &str) -> &'told str {
    let mut lines = told.lines().filter(|line| line.starts_with("  "));
    let call = lines.find(|line| line.contains(words));
    call.unwrap_or_else(|| panic!("{words} is not in: {told}"))
}

#[test]
fn the_demo_tells_its_story_in_order_and_keeps_what_it_was_told() {
    let dir = fresh();
    let keep = dir.path().join("a story");
    let (english, begun) = (keep.to_str().unwrap(), Instant::now());
    let mut demo = liandong(&["demo", "--speed", "max", "--keep", english])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut told: Vec<String> = Vec::new();
    while !told
        .last()
        .is_some_and(|line| line.contains("received a contact"))
    {
        told.push(lines.next().expect("the story begins").unwrap());
    }
    assert_eq!(told.len(), 3, "an opening, then the timeline: {told:?}");
    let waited = begun.elapsed();
    println!("first line of the timeline after {waited:?}");
    assert!(waited < FIRST_LINE_WITHIN, "{waited:?}");
    told.extend(lines.map(Result::unwrap));
    let ended = done(demo.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));

    let mut rest = told.iter();
    for step in [
        "5 call-backs failed",
        "proposes a referral to Communist Youth League Central",
        "Referred onward to Qingdao",
        "accepted the case; custody pending",
        "Case team formed",
        "opened a narrative",
        "Follow-up done",
        "complete and unchanged",
        "log verify --data",
    ] {
        assert!(rest.any(|line| line.contains(step)), "{step}: {told:?}");
    }
    let told = told.join("\n");
    assert_keeps_secrets("what the demo says", told.as_bytes());
    assert!(assert_files_keep_secrets(&keep).unwrap() > 20);
    let verified = pasted(call(&told, "log verify"));
    assert_eq!(verified.code, 0, "{}", verified.err);
    let heads = pasted(call(&told, "log head"));
    assert_eq!(heads.code, 0, "{}", heads.err);

    run(&["demo", "--speed", "max", "--keep", english]).fails(2, &[english, "empty directory"]);
}

#[test]
fn the_demo_is_told_in_chinese_and_its_last_words_work_as_they_are_pasted() {
    let dir = fresh();
    let played = play(dir.path(), &["--lang", "zh"]);
    assert!(played.out.contains("管护责任"), "{}", played.out);
    assert!(played.out.contains("完整无改动"), "{}", played.out);
    assert_keeps_secrets("what the demo says", played.out.as_bytes());
    let verified = pasted(call(&played.out, "log verify"));
    assert_eq!(verified.code, 0, "{}", verified.err);

    // Served by a real clock, after a story whose clock was turned by hand.
    let serve = call(&played.out, " dev --data ");
    let (_, args) = serve.split_once(" dev ").unwrap();
    let mut args: Vec<&str> = args.split_whitespace().collect();
    args.extend(["--port", "0"]);
    let dev = Dev::begin(&args);
    for (words, says) in [
        ("case show", "管护责任"),
        ("case timeline", "受理"),
        ("case replay", "caseteam.TaskAdded"),
    ] {
        let read = call(&played.out, words).trim();
        let read = pasted(&format!("LIANDONG_URL={} {read}", dev.url()));
        assert_eq!(read.code, 0, "{words}: {}", read.err);
        assert!(read.out.contains(says), "{words}: {}", read.out);
        assert_keeps_secrets(words, read.out.as_bytes());
    }
    let contact = dev.record_contact();
    let listed = dev
        .ask("sh-auditor", &["case", "list", "--contacts", "-o", "json"])
        .json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2, "life goes on after the story");
    assert!(listed.iter().any(|case| case["case_id"] == contact));
    assert_eq!(dev.stop().0, Some(0));
    assert!(assert_files_keep_secrets(dir.path()).unwrap() > 20);
    assert_eq!(pasted(call(&played.out, "log verify")).code, 0);
}

#[test]
fn no_entry_is_left_untold_when_the_demo_ends() {
    let dir = fresh();
    let played = play(dir.path(), &["-o", "json"]);
    let ids = |entries: &[Value]| -> BTreeSet<String> {
        let ids = entries
            .iter()
            .map(|entry| entry["event_id"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    };
    let told: Vec<Value> = played
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let case = told[0]["case_id"].as_str().unwrap();

    let data = dir.path().to_str().unwrap();
    let dev = Dev::begin(&["--data", data, "--port", "0"]);
    let timeline = dev
        .ask("sh-auditor", &["case", "timeline", case, "-o", "json"])
        .json();
    // What has fallen due since then stands after the story.
    let story = &timeline.as_array().unwrap()[..told.len()];
    assert_eq!(ids(&told), ids(story));
    dev.stop();
}

#[test]
fn a_demo_that_is_ended_early_leaves_nothing_behind() {
    let temporary = fresh();
    let mut demo = liandong(&["demo", "--speed", "1"])
        .env("TMPDIR", temporary.path())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(demo.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("received a contact") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended by itself");
    }
    assert_ne!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    signal(&demo, "-INT");
    let ended = done(demo.wait_with_output().unwrap());
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(
        ended.err.contains("ended before the story"),
        "{}",
        ended.err
    );
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn a_demo_that_keeps_its_logs_makes_no_temporary_directory() {
    let (keep, temporary) = (fresh(), fresh());
    let kept = keep.path().to_str().unwrap();
    let mut demo = liandong(&["demo", "--speed", "max", "--keep", kept]);
    // None could be made here.
    demo.env("TMPDIR", temporary.path().join("nowhere"));
    let played = done(demo.output().unwrap());
    assert_eq!(played.code, 0, "{}", played.err);
}

#[test]
fn a_place_that_cannot_keep_a_story_is_wrong_usage() {
    let dir = fresh();
    let file = dir.path().join("file");
    fs::write(&file, "not ours").unwrap();
    let used = dir.path().to_str().unwrap();
    run(&["demo", "--keep", used]).fails(2, &[used, "empty directory"]);
    let file = file.to_str().unwrap();
    run(&["demo", "--keep", file]).fails(2, &[file, "empty directory"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
