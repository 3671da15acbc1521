//! The publisher: in order, once, from where the stream ends; and what it tells of the copy.

use eventsourcing::testing::append;
use eventsourcing::{Checkpoint, Durability, EventLog, Position};
use nats_event_feed::{Answering, Circuit, Demand, PublisherError};

use crate::stage::{LOG, PATIENCE, Published, feed, follow_to, log_id, patient, published};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_log_is_in_the_stream_in_order_and_once_whatever_its_size() {
    let (_dir, servers, published) = published(1).await;
    for stream in 1..=20 {
        // 2,400 events: more than a batch takes.
        published
            .segment
            .append(append(LOG, stream, 0, 120))
            .await
            .unwrap();
    }
    published.copied().await;
    let head = published.log.head();
    let feed = feed(&servers).await;
    let end = follow_to(&feed, Checkpoint::start(&log_id()), head.position).await;
    assert_eq!(end.unwrap().hash, head.hash);
    published.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_goes_on_where_the_stream_ends() {
    let (dir, servers, published) = published(1).await;
    published.log.append(append(LOG, 1, 0, 3)).await.unwrap();
    published.close().await.unwrap();
    for stream in 2..=4 {
        let again = Published::open(&dir.path().join("log"), &servers, patient()).await;
        again.log.append(append(LOG, stream, 0, 3)).await.unwrap();
        again.copied().await;
        again.close().await.unwrap();
    }
    let feed = feed(&servers).await;
    follow_to(&feed, Checkpoint::start(&log_id()), Position(12))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_replicated_only_for_what_survives_the_loss_of_a_machine() {
    let (_dir, _servers, single) = published(1).await;
    let appended = single.log.append(append(LOG, 1, 0, 1)).await.unwrap();
    assert_eq!(appended.durability, Durability::Local);

    let (_dir, _servers, triple) = published(3).await;
    let appended = triple.log.append(append(LOG, 1, 0, 1)).await.unwrap();
    assert_eq!(appended.durability, Durability::Replicated);
    assert_eq!(triple.log.durability(Position(1)), Durability::Replicated);
    assert_eq!(triple.log.durability(Position(2)), Durability::Local);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nats_is_away_answers_are_local_at_once_and_everything_arrives_afterwards() {
    let (_dir, mut servers, published) = published(1).await;
    servers.kill(0);
    for stream in 1..=50 {
        let write = append(LOG, stream, 0, 1);
        published.segment.append(write).await.unwrap();
    }
    let opened = async {
        while !matches!(published.log.copy().circuit, Circuit::Open { .. }) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, opened).await.unwrap();
    let appended = published.log.append(append(LOG, 51, 0, 1)).await.unwrap();
    assert_eq!(appended.durability, Durability::Local);

    servers.begin(0);
    servers.until_ready().await;
    published.copied().await;
    let feed = feed(&servers).await;
    let end = follow_to(&feed, Checkpoint::start(&log_id()), Position(51)).await;
    assert_eq!(end.unwrap().hash, published.log.head().hash);
    published.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_demands_replication_records_nothing_while_the_copy_is_away() {
    let (dir, mut servers, published) = published(3).await;
    published.close().await.unwrap();
    let demanding = Answering {
        demand: Demand::Replicated,
        copied_within_ms: 30_000,
    };
    let published = Published::open(&dir.path().join("log"), &servers, demanding).await;
    published.copied().await;
    let appended = published.log.append(append(LOG, 1, 0, 1)).await.unwrap();
    assert_eq!(appended.durability, Durability::Replicated);

    for index in 0..3 {
        servers.kill(index);
    }
    let refused = async {
        loop {
            let head = published.log.head().position;
            let answer = published.log.append(append(LOG, 2, 0, 1)).await;
            match answer {
                Err(refused) if published.log.head().position == head => return refused,
                Ok(_) | Err(_) => {}
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert!(refused.to_string().contains("replicated"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writer_on_a_copy_of_the_log_is_stopped_and_its_tail_is_named() {
    let (dir, servers, published) = published(1).await;
    published.log.append(append(LOG, 1, 0, 5)).await.unwrap();
    published.close().await.unwrap();
    let (first, second) = (dir.path().join("log"), dir.path().join("copy"));
    copy_files(&first, &second);

    let first = Published::open(&first, &servers, patient()).await;
    first.copied().await;
    let second = Published::open(&second, &servers, Answering::default()).await;
    second.copied().await;
    first.log.append(append(LOG, 2, 0, 2)).await.unwrap();
    // The second one writes its own sixth event; the stream has another.
    second.log.append(append(LOG, 3, 0, 4)).await.unwrap();
    let stopped = tokio::time::timeout(PATIENCE, second.publishing)
        .await
        .unwrap();
    let Err(PublisherError::Halted { kept, why, .. }) = stopped.unwrap() else {
        panic!("the second writer goes on");
    };
    assert_eq!(kept, Position(5), "{why}");
    assert_eq!(
        second.segment.head().position,
        Position(9),
        "its own tail is kept"
    );

    first.log.append(append(LOG, 4, 0, 1)).await.unwrap();
    let feed = feed(&servers).await;
    let end = follow_to(&feed, Checkpoint::start(&log_id()), Position(8))
        .await
        .unwrap();
    assert_eq!(end.hash, first.log.head().hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_its_tail_is_not_published_over_what_the_stream_has() {
    let (dir, servers, published) = published(1).await;
    published.log.append(append(LOG, 1, 0, 5)).await.unwrap();
    let stopped = published.close().await;
    stopped.unwrap();
    let older = dir.path().join("older");
    copy_files(&dir.path().join("log"), &older);
    let again = Published::open(&dir.path().join("log"), &servers, patient()).await;
    again.log.append(append(LOG, 2, 0, 1)).await.unwrap();
    again.copied().await;
    again.close().await.unwrap();

    let older = Published::open(&older, &servers, Answering::default()).await;
    let stopped = tokio::time::timeout(PATIENCE, older.publishing)
        .await
        .unwrap();
    let error = stopped.unwrap().unwrap_err().to_string();
    assert!(error.contains("goes on to position 6"), "{error}");
}

fn copy_files(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
