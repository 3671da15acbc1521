//! What the documents say of the tests: each that is named is there.

use std::collections::BTreeSet;
use std::fs;

use crate::{assert_none, assert_says, root, sources};

/// The tests that a row of a table of invariants names, after what holds.
fn named_tests(row: &str) -> Vec<&str> {
    let proofs = row.rsplit('|').nth(1).unwrap_or_default();
    proofs.split('`').skip(1).step_by(2).collect()
}

fn violations(document: &str, functions: &BTreeSet<String>) -> Vec<String> {
    let mut violations = Vec::new();
    for row in document.lines().filter(|line| line.starts_with("| **")) {
        let tests = named_tests(row);
        if tests.is_empty() {
            violations.push(format!("nothing proves: {row}"));
        }
        let missing = tests.iter().filter(|test| !functions.contains(**test));
        violations.extend(missing.map(|test| format!("there is no test {test}")));
    }
    violations
}

#[test]
fn every_invariant_is_proved_by_tests_that_are_there() {
    let document = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    assert!(document.contains("| **"), "the invariants were not found");
    let mut functions = BTreeSet::new();
    for source in sources::all() {
        let words = source.words();
        let named = words.windows(2).filter(|pair| pair[0] == "fn");
        functions.extend(named.map(|pair| pair[1].clone()));
    }
    assert_none(&violations(&document, &functions));
}

#[test]
fn an_invariant_without_a_test_is_found() {
    let functions = BTreeSet::from(["it_holds".to_owned()]);
    assert_none(&violations(
        "| **whole** | `all` or none | `it_holds` |",
        &functions,
    ));
    let gone = violations("| **whole** | `all` or none | `it_held` |", &functions);
    assert_says(&gone, "there is no test it_held");
    let silent = violations("| **whole** | `all` or none | |", &functions);
    assert_says(&silent, "nothing proves");
}
