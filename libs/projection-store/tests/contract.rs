//! The store does what the port says, and stays what it was over restarts.
#![expect(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::path::Path;
use std::sync::Arc;

use eventsourcing::ProjectionStore;
use eventsourcing::testing::contract::rows::{commit_at, keeps_the_contract, position_of, put};
use projection_store::{SledStore, StoreSettings};

fn open(directory: &Path) -> SledStore {
    let (store, report) = SledStore::open(directory, StoreSettings::default()).unwrap();
    assert_eq!(report.rebuilt, None);
    store
}

#[test]
fn the_store_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    keeps_the_contract(|| {
        let own = tempfile::tempdir_in(directory.path()).unwrap();
        Arc::new(open(&own.keep()))
    });
}

#[test]
fn rows_and_checkpoint_are_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store
        .commit(commit_at(5, vec![put("cases", b"a", b"1")]))
        .unwrap();
    drop(store);
    let store = open(directory.path());
    assert_eq!(position_of(&store), 5);
    assert_eq!(store.get("cases", b"a"), Ok(Some(b"1".to_vec())));
}

#[test]
fn a_second_opening_is_refused_and_harms_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.commit(commit_at(1, vec![])).unwrap();
    let Err(refused) = SledStore::open(directory.path(), StoreSettings::default()) else {
        panic!("two stores share a directory");
    };
    assert!(refused.to_string().contains("in use"), "{refused}");
    assert_eq!(position_of(&store), 1);
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"not a directory").unwrap();
    let Err(error) = SledStore::open(&file.join("store"), StoreSettings::default()) else {
        panic!("a store was made below a file");
    };
    assert!(error.to_string().contains("file/store"), "{error}");
}
