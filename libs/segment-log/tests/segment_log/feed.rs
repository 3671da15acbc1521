//! A feed passes on nothing from a log that leaves out or changes an event.

use std::sync::Arc;

use eventsourcing::testing::contract::event_log::{LOG, chained};
use eventsourcing::testing::{AlteredLog, MemoryLog, append};
use eventsourcing::{
    ChainBroken, Checkpoint, EventFeed, EventLog, FeedError, FeedItem, Position, Recorded,
};
use futures::StreamExt;
use segment_log::LocalFeed;

use crate::support::{id, run};

/// What a follower gets of five events that are told as `tell` makes them.
fn followed(
    tell: impl Fn(Vec<Recorded>) -> Vec<Recorded> + Send + Sync + 'static,
) -> Vec<Result<Position, ChainBroken>> {
    run(async {
        let log = MemoryLog::new(id());
        log.import(chained(&id(), 5)).await.unwrap();
        let feed = LocalFeed::default();
        feed.add(Arc::new(AlteredLog::new(Arc::new(log)).telling(tell)));
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
