//! The feed of logs that live in this process.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use eventsourcing::{
    ChainBroken, Checkpoint, EventFeed, EventLog, FeedError, FeedItem, LogId, Position, ReadError,
    Recorded,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// So many events are read at once.
const PAGE: usize = 256;

/// Feeds the logs that have been added to it.
#[derive(Clone, Default)]
pub struct LocalFeed {
    logs: Arc<RwLock<HashMap<LogId, Arc<dyn EventLog>>>>,
}

impl LocalFeed {
    /// From now on this log can be followed.
    pub fn add(&self, log: Arc<dyn EventLog>) {
        let mut logs = self.logs.write().expect("inserting cannot panic");
        logs.insert(log.id().clone(), log);
    }

    fn find(&self, log: &LogId) -> Option<Arc<dyn EventLog>> {
        let logs = self.logs.read().expect("inserting cannot panic");
        logs.get(log).cloned()
    }
}

impl EventFeed for LocalFeed {
    fn follow(
        &self,
        log: &LogId,
        after: Checkpoint,
    ) -> BoxStream<'static, Result<FeedItem, FeedError>> {
        let Some(log) = self.find(log) else {
            return stream::iter([Err(FeedError::UnknownLog(log.clone()))]).boxed();
        };
        let following = Following {
            log,
            at: after,
            page: Vec::new().into_iter(),
            stage: Stage::Begin,
        };
        stream::unfold(following, |mut following| async move {
            let item = following.next().await?;
            if item.is_err() {
                following.stage = Stage::Ended;
            }
            Some((item, following))
        })
        .boxed()
    }
}

struct Following {
    log: Arc<dyn EventLog>,
    at: Checkpoint,
    page: std::vec::IntoIter<Recorded>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The checkpoint has not been compared with the log yet.
    Begin,
    CatchingUp,
    Live,
    Ended,
}

impl Following {
    async fn next(&mut self) -> Option<Result<FeedItem, FeedError>> {
        if self.stage == Stage::Ended {
            return None;
        }
        Some(self.step().await)
    }

    async fn step(&mut self) -> Result<FeedItem, FeedError> {
        if self.stage == Stage::Begin {
            self.begin().await?;
            self.stage = Stage::CatchingUp;
        }
        loop {
            if let Some(event) = self.page.next() {
                return self.accept(event);
            }
            let page = self.log.read_all(self.at.position, PAGE).await;
            let page = page.map_err(|error| self.unread(error))?;
            let at_the_end = page.is_empty();
            self.page = page.into_iter();
            if at_the_end && self.stage == Stage::CatchingUp {
                self.stage = Stage::Live;
                return Ok(FeedItem::CaughtUp);
            }
            if at_the_end {
                self.log.wait_past(self.at.position).await;
            }
        }
    }

    /// What was followed before must still be there, with the same hash.
    async fn begin(&self) -> Result<(), FeedError> {
        let position = self.at.position;
        let head = self.log.head().position;
        if position > head {
            return Err(self.broken(ChainBroken::Gap {
                expected: position,
                found: head,
            }));
        }
        let hash = match position.0.checked_sub(1) {
            None => Some(Checkpoint::start(self.log.id()).hash),
            Some(before) => {
                let page = self.log.read_all(Position(before), 1).await;
                let page = page.map_err(|error| self.unread(error))?;
                page.first().map(|event| event.hash)
            }
        };
        if hash == Some(self.at.hash) {
            return Ok(());
        }
        Err(self.broken(ChainBroken::Differs { position }))
    }

    fn accept(&mut self, event: Recorded) -> Result<FeedItem, FeedError> {
        self.at
            .accept(event.position, &event.body.sha256(), &event.hash)
            .map_err(|broken| self.broken(broken))?;
        Ok(FeedItem::Event(Box::new(event)))
    }

    fn broken(&self, broken: ChainBroken) -> FeedError {
        let log = self.log.id().clone();
        FeedError::Broken { log, broken }
    }

    fn unread(&self, error: ReadError) -> FeedError {
        let log = self.log.id().clone();
        match error {
            ReadError::Damaged(damage) => FeedError::Damaged { log, damage },
            ReadError::Unavailable(cause) => FeedError::Unavailable { log, cause },
        }
    }
}
