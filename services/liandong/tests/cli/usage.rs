//! Wrong usage: exit code 2, and what would be right.

use std::fs;

use crate::program::run;

const CASE: &str = "310000-01999999-9999-7999-8999-999999999999";

#[test]
fn the_help_names_every_command_and_the_exit_codes() {
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    for word in [
        "demo",
        "dev",
        "case",
        "parked",
        "log",
        "--output",
        "--lang",
        "Exit codes",
    ] {
        assert!(help.out.contains(word), "{word} is not in: {}", help.out);
    }
}

#[test]
fn each_answer_says_in_its_help_which_fields_its_json_has() {
    let answers: &[&[&str]] = &[
        &["demo"],
        &["dev"],
        &["case", "list"],
        &["case", "show"],
        &["case", "timeline"],
        &["case", "watch"],
        &["case", "replay"],
        &["parked", "ls"],
        &["parked", "retry"],
        &["parked", "skip"],
        &["log", "verify"],
        &["log", "head"],
    ];
    for command in answers {
        let help = run(&[*command, &["--help"]].concat());
        assert_eq!(help.code, 0);
        assert!(help.out.contains("JSON: "), "{command:?}: {}", help.out);
    }
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    let wrong: &[&[&str]] = &[
        &[],
        &["dance"],
        &["case", "show"],
        &["case", "show", "310000"],
        &["case", "replay", CASE, "--as-of", "yesterday"],
        &["case", "list", "-o", "xml"],
        &["case", "list", "--role", "King"],
        &["demo", "--speed", "0"],
        &["demo", "--speed", "fast"],
        &["dev", "--port", "70000"],
        &["dev", "--regions", "31"],
        &["parked", "retry", "310000", "form-team", "no-case"],
        &["parked", "skip", "310000", "form-team", CASE],
        &["log", "verify"],
    ];
    for args in wrong {
        let done = run(args);
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{args:?}");
        assert!(!done.err.is_empty(), "{args:?}");
    }
}

#[test]
fn whoever_does_not_say_who_they_are_is_told_how() {
    run(&["case", "list"]).fails(2, &["--as sh-worker", "LIANDONG_PERSON"]);
    run(&["case", "list", "--role", "Worker"]).fails(2, &["belong together", "--as"]);
    run(&["case", "list", "--as", "nobody"]).fails(2, &["`nobody`", "sh-worker"]);
    run(&["case", "list", "--as", "sh-worker/Auditor"]).fails(2, &["use one of Worker"]);
}

#[test]
fn an_address_that_is_none_is_wrong_usage_and_one_that_is_silent_a_failure() {
    run(&["case", "list", "--as", "sh-worker", "--url", "12355"]).fails(2, &["12355", "--url"]);
    // Port 1 is reserved and nobody's.
    let silent = ["--as", "sh-worker", "--url", "http://127.0.0.1:1"];
    let silent = |args: &[&'static str]| run(&[args, &silent[..]].concat());
    silent(&["case", "list"]).fails(1, &["http://127.0.0.1:1", "liandong dev"]);
    // Whoever never answered is not waited for.
    silent(&["case", "watch"]).fails(1, &["http://127.0.0.1:1", "liandong dev"]);
}

#[test]
fn a_development_system_is_only_started_for_regions_that_exist() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data").display().to_string();
    let dev = |more: &[&'static str]| run(&[&["dev", "--data", &data][..], more].concat());
    dev(&["--regions", "310000,999999"]).fails(2, &["999999", "370200"]);
    dev(&["--regions", "310000,310000"]).fails(2, &["310000", "twice"]);
    dev(&["--reference", "/nowhere.toml"]).fails(2, &["/nowhere.toml"]);
    assert!(!fs::exists(data).unwrap());
}
