//! What every [`ProjectionStore`] must do.
#![expect(
    clippy::unwrap_used,
    reason = "a suite says no by panicking, as a test does"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::prelude::*;

use crate::chain::{Checkpoint, Hash};
use crate::ids::{LogId, Position};
use crate::rows::{Change, Commit, ProjectionStore};
use crate::testing::MemoryRows;

type Store = Arc<dyn ProjectionStore>;

/// Runs the whole suite; `fresh` makes an empty store.
pub fn keeps_the_contract(fresh: impl Fn() -> Store) {
    a_new_store_is_empty(&fresh());
    a_row_is_read_until_it_is_deleted(&fresh());
    tables_do_not_mix(&fresh());
    a_scan_pages_through_a_prefix_in_key_order(&fresh());
    later_changes_of_a_commit_win(&fresh());
    checkpoints_move_with_their_rows(&fresh());
    a_refused_commit_changes_nothing(&fresh());
    readers_see_a_commit_whole_or_not_at_all(&fresh());
    any_history_reads_as_in_the_model(&fresh);
}

/// A change that writes a row.
pub fn put(table: &str, key: &[u8], value: &[u8]) -> Change {
    Change::Put {
        table: table.to_owned(),
        key: key.to_vec(),
        value: value.to_vec(),
    }
}

/// A change that deletes a row.
pub fn delete(table: &str, key: &[u8]) -> Change {
    Change::Delete {
        table: table.to_owned(),
        key: key.to_vec(),
    }
}

/// A commit that moves the suite's checkpoint to `position`.
pub fn commit_at(position: u64, changes: Vec<Change>) -> Commit {
    Commit {
        changes,
        checkpoint: Some(("cases".to_owned(), log(), checkpoint(position))),
    }
}

/// Where the suite's checkpoint stands; 0 before the first commit.
pub fn position_of(store: &dyn ProjectionStore) -> u64 {
    let checkpoint = store.checkpoint("cases", &log()).unwrap();
    checkpoint.map_or(0, |checkpoint| checkpoint.position.0)
}

/// Any commit of a few changes to a few tables and keys, so that they meet.
pub fn any_commit() -> impl Strategy<Value = Vec<Change>> {
    let table = prop::sample::select(vec!["cases", "case", "inbox"]);
    let key = prop::collection::vec(prop::sample::select(vec![0, b'a', b'b', 255]), 0..4);
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..40));
    let change = (table, key, value).prop_map(|(table, key, value)| match value {
        Some(value) => put(table, &key, &value),
        None => delete(table, &key),
    });
    prop::collection::vec(change, 0..8)
}

fn log() -> LogId {
    "310000.referral".parse().expect("a log's name")
}

fn checkpoint(position: u64) -> Checkpoint {
    Checkpoint {
        position: Position(position),
        hash: Hash::of(&position.to_be_bytes()),
    }
}

fn keys(store: &Store, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let rows = store.scan("cases", prefix.as_bytes(), after.map(str::as_bytes), limit);
    let keys = rows.unwrap().into_iter().map(|(key, _)| key);
    keys.map(|key| String::from_utf8(key).unwrap()).collect()
}

fn a_new_store_is_empty(store: &Store) {
    assert_eq!(store.get("cases", b"a"), Ok(None));
    assert_eq!(store.scan("cases", b"", None, 10), Ok(vec![]));
    assert_eq!(store.checkpoint("cases", &log()), Ok(None));
}

fn a_row_is_read_until_it_is_deleted(store: &Store) {
    store
        .commit(commit_at(1, vec![put("cases", b"a", b"1")]))
        .unwrap();
    assert_eq!(store.get("cases", b"a"), Ok(Some(b"1".to_vec())));
    store
        .commit(commit_at(2, vec![put("cases", b"a", b"")]))
        .unwrap();
    assert_eq!(store.get("cases", b"a"), Ok(Some(Vec::new())));
    let gone = vec![delete("cases", b"a"), delete("cases", b"never there")];
    store.commit(commit_at(3, gone)).unwrap();
    assert_eq!(store.get("cases", b"a"), Ok(None));
}

fn tables_do_not_mix(store: &Store) {
    let changes = vec![
        put("case", b"sa", b"1"),
        put("cases", b"a", b"2"),
        put("cases2", b"a", b"3"),
    ];
    store.commit(commit_at(1, changes)).unwrap();
    assert_eq!(store.get("case", b"sa"), Ok(Some(b"1".to_vec())));
    assert_eq!(
        store.scan("cases", b"", None, 10),
        Ok(vec![(b"a".to_vec(), b"2".to_vec())])
    );
}

fn a_scan_pages_through_a_prefix_in_key_order(store: &Store) {
    let changes = ["b/2", "a/1", "b/10", "b/1", "c/1", "b"].map(|key| {
        let key = key.as_bytes();
        put("cases", key, key)
    });
    store.commit(commit_at(1, changes.into())).unwrap();
    assert_eq!(keys(store, "b/", None, 10), ["b/1", "b/10", "b/2"]);
    assert_eq!(keys(store, "b/", None, 2), ["b/1", "b/10"]);
    assert_eq!(keys(store, "b/", Some("b/10"), 2), ["b/2"]);
    assert_eq!(keys(store, "b/", Some("b/11"), 2), ["b/2"]);
    assert_eq!(keys(store, "b/", Some("a"), 1), ["b/1"]);
    assert_eq!(keys(store, "b/", Some("c"), 9), [""; 0]);
    assert_eq!(keys(store, "", Some("b/2"), 9), ["c/1"]);
    assert_eq!(keys(store, "", None, 0), [""; 0]);
}

fn later_changes_of_a_commit_win(store: &Store) {
    let changes = vec![
        put("cases", b"a", b"1"),
        delete("cases", b"a"),
        put("cases", b"a", b"2"),
        put("cases", b"b", b"1"),
        delete("cases", b"b"),
    ];
    store.commit(commit_at(1, changes)).unwrap();
    assert_eq!(
        store.scan("cases", b"", None, 10),
        Ok(vec![(b"a".to_vec(), b"2".to_vec())])
    );
}

fn checkpoints_move_with_their_rows(store: &Store) {
    store.commit(commit_at(7, vec![])).unwrap();
    assert_eq!(store.checkpoint("cases", &log()), Ok(Some(checkpoint(7))));
    store
        .commit(commit_at(8, vec![put("cases", b"a", b"1")]))
        .unwrap();
    assert_eq!(store.checkpoint("cases", &log()), Ok(Some(checkpoint(8))));

    let rows_only = Commit {
        changes: vec![put("cases", b"b", b"1")],
        checkpoint: None,
    };
    store.commit(rows_only).unwrap();
    assert_eq!(store.checkpoint("cases", &log()), Ok(Some(checkpoint(8))));

    let elsewhere = "320200.referral".parse().unwrap();
    assert_eq!(store.checkpoint("cases", &elsewhere), Ok(None));
    assert_eq!(store.checkpoint("inbox", &log()), Ok(None));
    assert_eq!(store.seen(&log()), Ok(vec![checkpoint(8)]));
    assert_eq!(store.seen(&elsewhere), Ok(vec![]));
}

fn a_refused_commit_changes_nothing(store: &Store) {
    store
        .commit(commit_at(1, vec![put("cases", b"a", b"1")]))
        .unwrap();
    let refused = vec![
        put("cases", b"a", b"2"),
        put("cases", b"b", b"2"),
        put("no\0table", b"a", b"2"),
    ];
    assert!(store.commit(commit_at(2, refused)).is_err());
    assert_eq!(position_of(store.as_ref()), 1);
    assert_eq!(
        store.scan("cases", b"", None, 10),
        Ok(vec![(b"a".to_vec(), b"1".to_vec())])
    );
}

/// One writer gives all rows the same value in each commit; readers must never see two.
fn readers_see_a_commit_whole_or_not_at_all(store: &Store) {
    let done = AtomicBool::new(false);
    let same_in_all = |n: u64| {
        let rows = (0..20_u8).map(|key| put("cases", &[key], &n.to_be_bytes()));
        commit_at(n, rows.collect())
    };
    store.commit(same_in_all(1)).unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let mut seen = store.scan("cases", b"", None, 100).unwrap();
                    assert_eq!(seen.len(), 20);
                    seen.dedup_by(|one, other| one.1 == other.1);
                    assert_eq!(seen.len(), 1, "half a commit was seen");
                }
            });
        }
        for n in 2..200 {
            store.commit(same_in_all(n)).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(position_of(store.as_ref()), 199);
}

fn any_history_reads_as_in_the_model(fresh: &impl Fn() -> Store) {
    let history = prop::collection::vec(any_commit(), 1..12);
    let config = ProptestConfig {
        cases: 64,
        ..ProptestConfig::default()
    };
    proptest!(config, |(history in history, after in "[ab]{0,2}", limit in 0..6_usize)| {
        let (store, model) = (fresh(), MemoryRows::default());
        for (commit, position) in history.into_iter().zip(1..) {
            model.commit(commit_at(position, commit.clone())).unwrap();
            store.commit(commit_at(position, commit)).unwrap();
        }
        prop_assert_eq!(position_of(store.as_ref()), position_of(&model));
        for table in ["cases", "case", "inbox"] {
            for prefix in [&b""[..], b"a", &[255]] {
                let all = store.scan(table, prefix, None, usize::MAX);
                prop_assert_eq!(&all, &model.scan(table, prefix, None, usize::MAX));
                for (key, value) in all.unwrap() {
                    prop_assert_eq!(store.get(table, &key), Ok(Some(value)));
                }
                prop_assert_eq!(
                    store.scan(table, prefix, Some(after.as_bytes()), limit),
                    model.scan(table, prefix, Some(after.as_bytes()), limit)
                );
            }
        }
    });
}
