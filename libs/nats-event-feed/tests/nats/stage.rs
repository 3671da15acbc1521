//! What these tests share: a server, a log on disk, and a publisher that runs between them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eventsourcing::{Checkpoint, EventFeed, EventLog, FeedError, FeedItem, LogId, Position};
use futures::StreamExt;
use nats_event_feed::testing::TestServers;
use nats_event_feed::{
    Answering, Circuit, Demand, Nats, NatsFeed, PublishedLog, Publisher, PublisherError,
};
use segment_log::{Options, SegmentLog};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const LOG: &str = "310000.referral";
/// Longer than a cluster takes to elect leaders.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn log_id() -> LogId {
    LOG.parse().unwrap()
}

pub(crate) fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

/// A log and its publisher.
pub(crate) struct Published {
    pub(crate) segment: Arc<SegmentLog>,
    pub(crate) log: Arc<PublishedLog>,
    pub(crate) stop: CancellationToken,
    pub(crate) publishing: JoinHandle<Result<(), PublisherError>>,
}

impl Published {
    /// Opens the log in `dir` and publishes it.
    pub(crate) async fn open(dir: &Path, servers: &TestServers, answering: Answering) -> Self {
        let (segment, _) = SegmentLog::open(dir, log_id(), &[], &Options::default()).unwrap();
        let segment = Arc::new(segment);
        let nats = Nats::connect(servers.settings(), "publisher")
            .await
            .unwrap();
        let incarnation = segment.incarnation();
        let (log, publisher) = Publisher::new(nats, segment.clone(), incarnation, answering);
        let stop = CancellationToken::new();
        let publishing = tokio::spawn(publisher.run(stop.clone()));
        Self {
            segment,
            log: Arc::new(log),
            stop,
            publishing,
        }
    }

    /// Waits until everything in the log is in the stream.
    pub(crate) async fn copied(&self) {
        let copied = async {
            loop {
                let copy = self.log.copy();
                if copy.at == self.log.head().position && copy.circuit == Circuit::Closed {
                    return;
                }
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, copied).await.unwrap();
    }

    pub(crate) async fn close(self) -> Result<(), PublisherError> {
        self.stop.cancel();
        let ended = self.publishing.await.unwrap();
        self.segment.close();
        ended
    }
}

/// Answers only what is copied, however long that takes.
pub(crate) fn patient() -> Answering {
    Answering {
        demand: Demand::Local,
        copied_within_ms: 60_000,
    }
}

/// One server, and a log published to it.
pub(crate) async fn published(count: usize) -> (TempDir, TestServers, Published) {
    let dir = tempfile::tempdir().unwrap();
    let servers = TestServers::start(dir.path(), count).await;
    let published = Published::open(&dir.path().join("log"), &servers, patient()).await;
    published.copied().await;
    (dir, servers, published)
}

pub(crate) async fn feed(servers: &TestServers) -> NatsFeed {
    let nats = Nats::connect(servers.settings(), "follower").await.unwrap();
    NatsFeed::new(nats, [log_id().region])
}

/// Follows from `at` until `position`, beginning again whenever the log is away.
pub(crate) async fn follow_to(
    feed: &NatsFeed,
    mut at: Checkpoint,
    position: Position,
) -> Result<Checkpoint, FeedError> {
    let log = log_id();
    let following = async {
        while at.position < position {
            let mut followed = feed.follow(&log, at);
            while at.position < position {
                match followed.next().await {
                    Some(Ok(FeedItem::Event(event))) => {
                        at.accept(event.position, &event.body.sha256(), &event.hash)
                            .unwrap();
                    }
                    Some(Ok(FeedItem::CaughtUp)) => {}
                    Some(Err(FeedError::Unavailable { .. })) | None => break,
                    Some(Err(broken)) => return Err(broken),
                }
            }
        }
        Ok(at)
    };
    tokio::time::timeout(PATIENCE, following).await.unwrap()
}

/// The first error of a follower that begins at `at`.
pub(crate) async fn refusal(feed: &NatsFeed, at: Checkpoint) -> FeedError {
    let mut followed = feed.follow(&log_id(), at);
    loop {
        if let Err(error) = followed.next().await.unwrap() {
            return error;
        }
    }
}
