//! kill -9 in the middle of commits: rows and checkpoint stay one.
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use eventsourcing::ProjectionStore;
use eventsourcing::testing::contract::rows::{commit_at, position_of, put};
use projection_store::{SledStore, StoreSettings};

/// Set in the child, which this same test is, run again by itself.
const CHILD: &str = "PROJECTION_STORE_TEST_DIRECTORY";
/// What the child says after each commit.
const COMMITTED: &str = "committed";
const KILLS: u64 = 12;

#[test]
fn after_kill_nine_rows_and_checkpoint_are_of_the_same_commit() {
    if let Some(directory) = env::var_os(CHILD) {
        commit_until_killed(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut position = 0;
    for kill in 0..KILLS {
        run_and_kill(directory.path(), 1 + 60 * kill);
        let (store, report) = SledStore::open(directory.path(), StoreSettings::default()).unwrap();
        assert_eq!(report.rebuilt, None);
        let survived = position_of(&store);
        assert!(
            survived >= position,
            "a commit of an earlier run was lost: {survived} < {position}"
        );
        rows_are_those_of(&store, survived);
        position = survived;
    }
    assert!(position > KILLS, "the child was never killed at work");
}

fn rows_are_those_of(store: &SledStore, position: u64) {
    for key in [b"first", b"later"] {
        let expected = (position > 0).then(|| position.to_be_bytes().to_vec());
        assert_eq!(store.get("newest", key), Ok(expected));
    }
    let all = store.scan("all", b"", None, usize::MAX).unwrap();
    let expected = (1..=position).map(|n| (n.to_be_bytes().to_vec(), vec![7; 64]));
    assert!(all.into_iter().eq(expected), "rows up to {position}");
}

/// Kills the child when it has said of so many commits that they are done.
fn run_and_kill(directory: &Path, commits: u64) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("after_kill_nine_rows_and_checkpoint_are_of_the_same_commit")
        .env(CHILD, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    let mut left = commits;
    for line in said.lines() {
        left -= u64::from(line.unwrap() == COMMITTED);
        if left == 0 {
            break;
        }
    }
    assert_eq!(left, 0, "the child ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn commit_until_killed(directory: &Path) -> ! {
    let (store, _) = SledStore::open(directory, StoreSettings::default()).unwrap();
    // The harness has begun a line.
    println!();
    for n in position_of(&store) + 1.. {
        let changes = vec![
            put("newest", b"first", &n.to_be_bytes()),
            put("all", &n.to_be_bytes(), &[7; 64]),
            put("newest", b"later", &n.to_be_bytes()),
        ];
        store.commit(commit_at(n, changes)).unwrap();
        println!("{COMMITTED}");
    }
    unreachable!("it commits until it is killed")
}
