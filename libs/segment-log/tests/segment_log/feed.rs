//! A feed passes on nothing from a log that leaves out or changes an event.

use std::sync::Arc;

use eventsourcing::testing::contract::event_log::{LOG, chained};
use eventsourcing::testing::{MemoryLog, append};
use eventsourcing::{
    Append, AppendError, Appended, ChainBroken, Checkpoint, EventFeed, EventLog, FeedError,
    FeedItem, Head, LogId, Position, ReadError, Recorded, StreamId, Verified, Version,
};
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use segment_log::LocalFeed;
use uuid::Uuid;

use crate::support::{id, run};

/// A log that tells of its events as `tell` makes them.
struct Lying<F> {
    log: MemoryLog,
    tell: F,
}

impl<F: Fn(Vec<Recorded>) -> Vec<Recorded> + Send + Sync> EventLog for Lying<F> {
    fn id(&self) -> &LogId {
        self.log.id()
    }
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        self.log.append(append)
    }
    fn read(
        &self,
        stream: &StreamId,
        from: Version,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        self.log.read(stream, from)
    }
    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        let page = self.log.read_all(after, limit);
        async move { page.await.map(&self.tell) }.boxed()
    }
    fn find_request(&self, request: Uuid) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        self.log.find_request(request)
    }
    fn import(&self, events: Vec<Recorded>) -> BoxFuture<'_, Result<Head, AppendError>> {
        self.log.import(events)
    }
    fn head(&self) -> Head {
        self.log.head()
    }
    fn wait_past(&self, after: Position) -> BoxFuture<'_, ()> {
        self.log.wait_past(after)
    }
    fn verify(&self) -> BoxFuture<'_, Result<Verified, ReadError>> {
        self.log.verify()
    }
}

/// What a follower gets of five events that are told as `tell` makes them.
fn followed(
    tell: impl Fn(Vec<Recorded>) -> Vec<Recorded> + Send + Sync + 'static,
) -> Vec<Result<Position, ChainBroken>> {
    run(async {
        let log = MemoryLog::new(id());
        log.import(chained(&id(), 5)).await.unwrap();
        let feed = LocalFeed::default();
        feed.add(Arc::new(Lying { log, tell }));
        let items = feed.follow(&id(), Checkpoint::start(&id()));
        let items = items.take_while(|item| {
            let live = *item == Ok(FeedItem::CaughtUp);
            async move { !live }
        });
        let seen = items.map(|item| match item {
            Ok(FeedItem::Event(event)) => Ok(event.position),
            Err(FeedError::Broken { broken, .. }) => Err(broken),
            other => panic!("{other:?}"),
        });
        seen.collect().await
    })
}

#[test]
fn an_event_that_is_left_out_breaks_the_feed_before_the_next() {
    let seen = followed(|page| {
        let there = page
            .into_iter()
            .filter(|event| event.position != Position(3));
        there.collect()
    });
    let gap = ChainBroken::Gap {
        expected: Position(3),
        found: Position(4),
    };
    assert_eq!(seen, [Ok(Position(1)), Ok(Position(2)), Err(gap)]);
}

#[test]
fn an_event_that_is_changed_breaks_the_feed_at_its_place() {
    let forged = append(LOG, 9, 0, 1).writes[0].events[0].clone();
    let seen = followed(move |mut page| {
        for event in page
            .iter_mut()
            .filter(|event| event.position == Position(2))
        {
            event.body = forged.clone();
        }
        page
    });
    let differs = ChainBroken::Differs {
        position: Position(2),
    };
    assert_eq!(seen, [Ok(Position(1)), Err(differs)]);
}
