//! Either is rebuilt from the other: the log from its stream, the stream from its log.

use eventsourcing::testing::append;
use eventsourcing::{Checkpoint, EventLog, Position};
use nats_event_feed::{Nats, restore_log};
use segment_log::{Options, SegmentLog};

use crate::stage::{LOG, Published, feed, follow_to, log_id, patient, published};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_log_is_rebuilt_from_its_stream_and_goes_on_under_a_new_incarnation() {
    let (dir, servers, published) = published(1).await;
    for stream in 1..=40 {
        published
            .segment
            .append(append(LOG, stream, 0, 10))
            .await
            .unwrap();
    }
    published.copied().await;
    let (head, old) = (published.log.head(), published.segment.incarnation());
    published.close().await.unwrap();
    std::fs::remove_dir_all(dir.path().join("log")).unwrap();

    let place = dir.path().join("restored");
    let (log, _) = SegmentLog::open(&place, log_id(), &[], &Options::default()).unwrap();
    let nats = Nats::connect(servers.settings(), "restore").await.unwrap();
    let mut told = Vec::new();
    let restored = restore_log(&nats, &log, |position| told.push(position))
        .await
        .unwrap();
    assert_eq!(restored.hash, head.hash);
    assert_eq!(told.last(), Some(&head.position));
    assert_eq!(log.verify().await.unwrap().events, 400);
    assert_ne!(log.incarnation(), old);
    log.close();

    let again = Published::open(&place, &servers, patient()).await;
    again.copied().await;
    again.log.append(append(LOG, 41, 0, 1)).await.unwrap();
    let feed = feed(&servers).await;
    let end = follow_to(&feed, Checkpoint::start(&log_id()), Position(401)).await;
    assert_eq!(end.unwrap().hash, again.log.head().hash);
    again.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_disk_that_comes_back_after_a_restore_publishes_nothing() {
    let (dir, servers, published) = published(1).await;
    published.log.append(append(LOG, 1, 0, 5)).await.unwrap();
    published.close().await.unwrap();
    let place = dir.path().join("restored");
    let (log, _) = SegmentLog::open(&place, log_id(), &[], &Options::default()).unwrap();
    let nats = Nats::connect(servers.settings(), "restore").await.unwrap();
    restore_log(&nats, &log, |_| {}).await.unwrap();
    log.close();
    let restored = Published::open(&place, &servers, patient()).await;
    restored.log.append(append(LOG, 2, 0, 1)).await.unwrap();

    let old = Published::open(&dir.path().join("log"), &servers, patient()).await;
    let stopped = tokio::time::timeout(crate::stage::PATIENCE, old.publishing).await;
    let error = stopped.unwrap().unwrap().unwrap_err().to_string();
    assert!(error.contains("is not published any more"), "{error}");
    restored.log.append(append(LOG, 3, 0, 1)).await.unwrap();
    restored.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_stream_is_filled_again_from_its_log_and_followers_go_on() {
    let (_dir, mut servers, published) = published(1).await;
    published.log.append(append(LOG, 1, 0, 300)).await.unwrap();
    let feed = feed(&servers).await;
    let start = Checkpoint::start(&log_id());
    let half = follow_to(&feed, start, Position(150)).await.unwrap();

    servers.kill(0);
    std::fs::remove_dir_all(servers.store(0)).unwrap();
    servers.begin(0);
    servers.until_ready().await;
    published.log.append(append(LOG, 2, 0, 1)).await.unwrap();
    published.copied().await;
    let end = follow_to(&feed, half, Position(301)).await.unwrap();
    assert_eq!(end.hash, published.log.head().hash);
    published.close().await.unwrap();
}
