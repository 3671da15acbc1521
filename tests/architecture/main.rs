//! The promises that the workspace makes about itself, checked.
//!
//! The rules are data, at the top of each file; each check is a function from what it reads to the
//! violations it finds, so that a test can show it a small wrong workspace and see it object.

mod dependencies;
mod documents;
mod domain_use;
mod manifests;
mod sources;

use std::path::PathBuf;

/// The root of the workspace.
fn root() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = tests.parent().expect("the tests lie in the workspace");
    root.to_owned()
}

/// Fails with every violation on a line of its own.
#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(
        violations.is_empty(),
        "the architecture is violated:\n  {}",
        violations.join("\n  ")
    );
}

/// Fails unless a violation says `part`: a check that finds nothing is no check.
#[track_caller]
fn assert_says(violations: &[String], part: &str) {
    assert!(
        violations.iter().any(|violation| violation.contains(part)),
        "no violation says {part:?}: {violations:?}"
    );
}
