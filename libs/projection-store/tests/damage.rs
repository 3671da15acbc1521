//! Damaged files: the rows are one committed state, or the store says that it starts empty.
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use eventsourcing::testing::MemoryRows;
use eventsourcing::testing::contract::rows::{commit_at, delete, position_of, put};
use eventsourcing::{Change, ProjectionStore};
use projection_store::{SledStore, StoreSettings};
use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;

const COMMITS: u64 = 400;

/// What commit number `n` changes: rows that grow, are rewritten and vanish.
fn changes(n: u64) -> Vec<Change> {
    let key = |n: u64| n.to_be_bytes();
    vec![
        put("cases", &key(n), &vec![n.to_le_bytes()[0]; 3000]),
        put("cases", &key(n / 2), &n.to_be_bytes()),
        put("inbox", b"newest", &n.to_be_bytes()),
        delete("cases", &key(n / 3)),
    ]
}

/// A store with many commits, closed; a copy of it is damaged in each case. It was opened a few
/// times and fills several of sled's segments, so that damage also meets pages long settled.
fn written() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for session in 0..4 {
        let (store, _) = SledStore::open(directory.path(), StoreSettings::default()).unwrap();
        for n in (1..=COMMITS / 4).map(|n| session * COMMITS / 4 + n) {
            store.commit(commit_at(n, changes(n))).unwrap();
        }
    }
    directory
}

fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for file in files(from) {
        let copy = to.path().join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(&file, copy).unwrap();
    }
    to
}

/// Every file below `directory`, in an order that is the same for every copy.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The files that hold something; sled's own and none of ours.
fn damageable(directory: &Path) -> Vec<PathBuf> {
    let mut files = files(&directory.join("rows"));
    files.retain(|file| fs::metadata(file).unwrap().len() > 0);
    files
}

/// Opens, and compares what is there with what was committed up to the checkpoint that is there.
/// Whether the rows had to be given up.
fn opens_whole_or_empty(directory: &Path) -> bool {
    let (store, report) = SledStore::open(directory, StoreSettings::default()).unwrap();
    let position = position_of(&store);
    let model = MemoryRows::default();
    for n in 1..=position {
        model.commit(commit_at(n, changes(n))).unwrap();
    }
    for table in ["cases", "inbox"] {
        assert_eq!(
            store.scan(table, b"", None, usize::MAX),
            model.scan(table, b"", None, usize::MAX),
            "{table} at {position}, {report:?}"
        );
    }
    if report.rebuilt.is_some() {
        assert_eq!(position, 0, "what was given up is not gone");
    }
    // Either way it takes rows again.
    store
        .commit(commit_at(position + 1, changes(position + 1)))
        .unwrap();
    report.rebuilt.is_some()
}

#[test]
fn after_a_flipped_bit_the_rows_are_right_or_rebuilt() {
    let original = written();
    let rebuilt = Cell::new(0);
    proptest!(ProptestConfig::with_cases(150), |(file: Index, byte: Index, bit in 0..8_u8)| {
        let copy = copy(original.path());
        let files = damageable(copy.path());
        let file = &files[file.index(files.len())];
        let mut bytes = fs::read(file).unwrap();
        let byte = byte.index(bytes.len());
        bytes[byte] ^= 1 << bit;
        fs::write(file, bytes).unwrap();
        rebuilt.set(rebuilt.get() + u32::from(opens_whole_or_empty(copy.path())));
    });
    assert!(rebuilt.get() > 0, "no flipped bit was ever noticed");
}

#[test]
fn after_lost_bytes_the_rows_are_right_or_rebuilt() {
    let original = written();
    proptest!(ProptestConfig::with_cases(60), |(file: Index, kept: Index)| {
        let copy = copy(original.path());
        let files = damageable(copy.path());
        let file = &files[file.index(files.len())];
        let length = fs::metadata(file).unwrap().len();
        let kept = kept.index(usize::try_from(length).unwrap());
        let opened = OpenOptions::new().write(true).open(file).unwrap();
        opened.set_len(kept.try_into().unwrap()).unwrap();
        opens_whole_or_empty(copy.path());
    });
}

#[test]
fn files_that_are_gone_or_were_never_ours_are_rebuilt_not_trusted() {
    let original = written();
    let count = damageable(original.path()).len();
    for n in 0..count {
        let missing = copy(original.path());
        fs::remove_file(&damageable(missing.path())[n]).unwrap();
        opens_whole_or_empty(missing.path());

        let foreign = copy(original.path());
        fs::write(&damageable(foreign.path())[n], b"something else").unwrap();
        opens_whole_or_empty(foreign.path());
    }
}

#[test]
fn damaged_rows_are_kept_aside_once() {
    let original = written();
    for _ in 0..2 {
        for file in damageable(original.path()) {
            fs::write(file, b"something else").unwrap();
        }
        assert!(opens_whole_or_empty(original.path()));
        assert!(original.path().join("rows.damaged").is_dir());
    }
    assert_eq!(fs::read_dir(original.path()).unwrap().count(), 3);
}
