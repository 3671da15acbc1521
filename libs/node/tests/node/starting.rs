//! What a node compares before it serves, and what its clock remembers.

use eventsourcing::testing::append;
use eventsourcing::{
    Append, Body, Checkpoint, Commit, Envelope, Hash, Order, Position, ProjectionStore, Recorded,
};
use node::{Layout, NodeError};
use projection_store::{SledStore, StoreSettings};
use segment_log::{OpenError, Options};

use crate::bench::{CLOCKS, log, noon, qingdao, shanghai, start};

#[tokio::test]
async fn a_log_that_lacks_what_another_region_has_seen_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let system = start(dir.path(), Options::default(), None).await.unwrap();
    let name = shanghai().to_string();
    log(&system).append(append(&name, 1, 0, 1)).await.unwrap();
    system.stop().await.unwrap();

    let rows = Layout::new(dir.path()).rows(qingdao(), "referral");
    let (store, _) = SledStore::open(&rows, StoreSettings::default()).unwrap();
    let seen = Checkpoint {
        position: Position(2),
        hash: Hash::of(b"lost with the disk's cache"),
    };
    store
        .commit(Commit {
            changes: Vec::new(),
            checkpoint: Some(("follows".to_owned(), shanghai(), seen)),
        })
        .unwrap();
    drop(store);
    match start(dir.path(), Options::default(), None)
        .await
        .map(|_| ())
    {
        Err(NodeError::Log(OpenError::Behind { log, seen, .. })) => {
            assert_eq!((log, seen), (shanghai(), Position(2)));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_node_that_starts_anew_orders_after_all_it_has_recorded_even_if_the_wall_was_set_back() {
    let dir = tempfile::tempdir().unwrap();
    let system = start(dir.path(), Options::default(), None).await.unwrap();
    let an_hour_ahead = Order {
        millis: u64::try_from(noon().as_millisecond()).unwrap() + 3_600_000,
        counter: 7,
    };
    log(&system).append(ordered(an_hour_ahead)).await.unwrap();
    // Of two decided side by side, the one with the earlier moment was stored last.
    let last = Order {
        counter: 6,
        ..an_hour_ahead
    };
    log(&system).append(ordered(last)).await.unwrap();
    system.stop().await.unwrap();

    let system = start(dir.path(), Options::default(), None).await.unwrap();
    let clocks = CLOCKS.lock().unwrap().clone();
    assert!(clocks.iter().any(|clock| clock.tick() > an_hour_ahead));
    system.stop().await.unwrap();
}

/// An append of one event that was given this moment.
fn ordered(order: Order) -> Append {
    let mut append = append(&shanghai().to_string(), u128::from(order.counter), 0, 1);
    let body = append.writes[0].events[0].clone();
    let read = Recorded::read(Position(1), body.sha256(), body).unwrap();
    let envelope = Envelope {
        order,
        ..read.envelope
    };
    append.writes[0].events = vec![Body::seal(&envelope).unwrap()];
    append
}
