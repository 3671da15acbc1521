//! What happens to the stream, happens visibly: gone back, another past, holes, dying servers.

use std::time::Duration;

use eventsourcing::testing::append;
use eventsourcing::{ChainBroken, Checkpoint, EventLog, FeedError, Position};
use nats_event_feed::{Circuit, Nats, stream_name};

use crate::stage::{
    LOG, PATIENCE, Published, feed, follow_to, log_id, patient, published, refusal,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_another_past_is_refused_by_whoever_followed_the_first() {
    let (dir, mut servers, published) = published(1).await;
    published.log.append(append(LOG, 1, 0, 10)).await.unwrap();
    let head = published.log.head();
    published.close().await.unwrap();
    servers.kill(0);
    std::fs::remove_dir_all(servers.store(0)).unwrap();
    servers.begin(0);
    servers.until_ready().await;
    let forged = Published::open(&dir.path().join("forged"), &servers, patient()).await;
    forged.copied().await;
    forged.log.append(append(LOG, 1, 0, 4)).await.unwrap();
    let feed = feed(&servers).await;
    let seen = Checkpoint {
        position: head.position,
        hash: head.hash,
    };
    let went_back = FeedError::Broken {
        log: log_id(),
        broken: ChainBroken::Gap {
            expected: Position(10),
            found: Position(4),
        },
    };
    assert_eq!(refusal(&feed, seen).await, went_back);
    forged.log.append(append(LOG, 2, 0, 8)).await.unwrap();
    let differs = FeedError::Broken {
        log: log_id(),
        broken: ChainBroken::Differs {
            position: Position(10),
        },
    };
    assert_eq!(refusal(&feed, seen).await, differs);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_somebody_else_wrote_into_the_stream_stops_followers_at_its_place() {
    let (_dir, servers, published) = published(1).await;
    published.log.append(append(LOG, 1, 0, 3)).await.unwrap();
    let subject = nats_event_feed::subject(
        &log_id(),
        published.segment.incarnation(),
        "referral.Accepted",
    );
    let intruder = async_nats::connect(servers.settings().servers)
        .await
        .unwrap();
    let jetstream = async_nats::jetstream::new(intruder);
    let sent = jetstream.publish(subject, "{}".into()).await.unwrap();
    assert_eq!(sent.await.unwrap().sequence, 4);
    let error = refusal(&feed(&servers).await, Checkpoint::start(&log_id())).await;
    let differs = FeedError::Broken {
        log: log_id(),
        broken: ChainBroken::Differs {
            position: Position(4),
        },
    };
    assert_eq!(error, differs);
    // The publisher does not write over it either.
    published
        .segment
        .append(append(LOG, 2, 0, 1))
        .await
        .unwrap();
    let halted = tokio::time::timeout(PATIENCE, published.publishing)
        .await
        .unwrap();
    let error = halted.unwrap().unwrap_err().to_string();
    assert!(error.contains("other events after position 3"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_changed_by_hand_is_refused_and_says_what_is_wrong() {
    let (_dir, servers, published) = published(1).await;
    published.close().await.unwrap();
    let client = async_nats::connect(servers.settings().servers)
        .await
        .unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let stream = jetstream.get_stream(stream_name(&log_id())).await.unwrap();
    let mut config = stream.cached_info().config.clone();
    config.max_age = Duration::from_hours(1);
    jetstream.update_stream(config).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let again = Published::open(dir.path(), &servers, patient()).await;
    let refused = tokio::time::timeout(PATIENCE, again.publishing)
        .await
        .unwrap();
    let error = refused.unwrap().unwrap_err().to_string();
    assert!(error.contains("forgets with time"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_cannot_be_used_are_named() {
    let nobody = nats_event_feed::NatsSettings {
        servers: vec!["nats://127.0.0.1:1".to_owned()],
        ..toml_settings()
    };
    let error = Nats::connect(nobody, "test")
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("127.0.0.1:1"), "{error}");

    let (_dir, servers, _published) = published(1).await;
    let four = nats_event_feed::NatsSettings {
        replicas: 4,
        ..servers.settings()
    };
    let error = Nats::connect(four, "test").await.err().unwrap().to_string();
    assert!(error.contains("1, 3 or 5"), "{error}");
}

fn toml_settings() -> nats_event_feed::NatsSettings {
    serde_json::from_str(r#"{"servers": []}"#).unwrap()
}

/// Everything acknowledged is in the stream, once, in order, while one server after another is killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_what_it_acknowledged_while_its_servers_are_killed() {
    let (_dir, mut servers, published) = published(3).await;
    let feed = feed(&servers).await;
    let start = Checkpoint::start(&log_id());
    let log = published.log.clone();
    let writing = tokio::spawn(async move {
        for stream in 1..=400 {
            log.append(append(LOG, stream, 0, 3)).await.unwrap();
        }
        log.head()
    });
    let follower = {
        let feed = feed.clone();
        tokio::spawn(async move { follow_to(&feed, start, Position(1200)).await })
    };
    for round in 0..3 {
        let goal = Position(100 * (round + 1));
        let index = usize::try_from(round).unwrap();
        let there = async {
            while published.log.copy().at < goal {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, there).await.unwrap();
        servers.kill(index);
        servers.begin(index);
    }
    let head = tokio::time::timeout(PATIENCE, writing)
        .await
        .unwrap()
        .unwrap();
    published.copied().await;
    assert_eq!(published.log.copy().circuit, Circuit::Closed);
    let end = follower.await.unwrap().unwrap();
    assert_eq!((end.position, end.hash), (head.position, head.hash));
    let again = follow_to(&feed, start, head.position).await.unwrap();
    assert_eq!(again, end, "what is followed again is the same");
    published.close().await.unwrap();
}
