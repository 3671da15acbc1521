//! A feed of logs in memory that does what a bad day does: it stutters, repeats, breaks off, holds back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use eventsourcing::testing::MemoryLog;
use eventsourcing::{
    Checkpoint, Damage, EventFeed, EventLog, FeedError, FeedItem, LogId, Position,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::watch;

/// What goes wrong.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    /// Each event comes twice, and with it the log's first event again.
    pub(crate) stutters: bool,
    /// The log is away after so many events, over and over.
    pub(crate) away_every: Option<usize>,
    /// The stream just ends after so many events, over and over.
    pub(crate) ends_every: Option<usize>,
    /// The event at this place never comes.
    pub(crate) skips: Option<(LogId, Position)>,
    /// This log is damaged.
    pub(crate) damaged: Option<LogId>,
}

#[derive(Clone)]
pub(crate) struct BadFeed {
    pub(crate) logs: BTreeMap<LogId, MemoryLog>,
    faults: Faults,
    /// Logs of which nothing comes for now.
    pub(crate) held: watch::Sender<BTreeSet<LogId>>,
    yielded: Arc<AtomicUsize>,
}

impl BadFeed {
    pub(crate) fn new(logs: impl IntoIterator<Item = MemoryLog>, faults: Faults) -> Self {
        Self {
            logs: logs
                .into_iter()
                .map(|log| (log.id().clone(), log))
                .collect(),
            faults,
            held: watch::Sender::default(),
            yielded: Arc::default(),
        }
    }
}

struct Following {
    feed: BadFeed,
    log: MemoryLog,
    at: Position,
    caught_up: bool,
    ready: VecDeque<Result<FeedItem, FeedError>>,
    ended: bool,
}

impl EventFeed for BadFeed {
    fn follow(
        &self,
        log: &LogId,
        after: Checkpoint,
    ) -> BoxStream<'static, Result<FeedItem, FeedError>> {
        let Some(found) = self.logs.get(log) else {
            return stream::iter([Err(FeedError::UnknownLog(log.clone()))]).boxed();
        };
        let following = Following {
            feed: self.clone(),
            log: found.clone(),
            at: after.position,
            caught_up: false,
            ready: VecDeque::new(),
            ended: false,
        };
        stream::unfold(following, |mut following| async move {
            Some((following.next().await?, following))
        })
        .boxed()
    }
}

impl Following {
    async fn next(&mut self) -> Option<Result<FeedItem, FeedError>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if self.ended {
                return None;
            }
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let log = self.log.id().clone();
        let mut held = self.feed.held.subscribe();
        held.wait_for(|held| !held.contains(&log)).await.unwrap();
        if self.feed.faults.damaged.as_ref() == Some(&log) {
            return self.end(Some(FeedError::Damaged {
                log,
                damage: Damage {
                    file: "000001.seg".to_owned(),
                    offset: 4711,
                    event: None,
                    what: "a checksum is wrong".to_owned(),
                },
            }));
        }
        let page = self.log.read_all(self.at, 1).await.unwrap();
        let Some(event) = page.into_iter().next() else {
            if !self.caught_up {
                self.caught_up = true;
                return self.ready.push_back(Ok(FeedItem::CaughtUp));
            }
            return self.log.wait_past(self.at).await;
        };
        let yielded = self.feed.yielded.fetch_add(1, Ordering::SeqCst) + 1;
        let faults = &self.feed.faults;
        if faults
            .away_every
            .is_some_and(|every| yielded.is_multiple_of(every))
        {
            let cause = "away for a moment".to_owned();
            return self.end(Some(FeedError::Unavailable { log, cause }));
        }
        if faults
            .ends_every
            .is_some_and(|every| yielded.is_multiple_of(every))
        {
            return self.end(None);
        }
        self.at = event.position;
        if faults.skips == Some((log, event.position)) {
            return;
        }
        let item = FeedItem::Event(Box::new(event));
        self.ready.push_back(Ok(item.clone()));
        if faults.stutters {
            let first = self.log.read_all(Position(0), 1).await.unwrap().remove(0);
            self.ready.push_back(Ok(item));
            self.ready.push_back(Ok(FeedItem::Event(Box::new(first))));
        }
    }

    fn end(&mut self, error: Option<FeedError>) {
        self.ready.extend(error.map(Err));
        self.ended = true;
    }
}
