//! What every feed does. Each function takes an empty log named [`LOG`] and a feed that brings it.

use std::sync::Arc;

use futures::future::{Either, select};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, pin_mut};

use crate::chain::{ChainBroken, Checkpoint, Hash};
use crate::feed::{EventFeed, FeedError, FeedItem};
use crate::ids::Position;
use crate::log::EventLog;
use crate::testing::append;
use crate::testing::contract::event_log::{LOG, all};

/// Makes a `#[test]` of every sentence of the contract.
///
/// `$run` runs a future to its end; `$fresh` is an async function that gives an empty log named
/// [`LOG`], a feed of it (an `Arc<dyn EventFeed>`), and whatever has to live as long as they.
#[macro_export]
macro_rules! event_feed_contract {
    ($run:path, $fresh:path) => {
        $crate::event_feed_contract!(@each $run, $fresh,
            what_is_there_comes_first_then_caught_up_then_what_comes
            an_empty_log_is_caught_up_with_at_once
            a_follower_resumes_at_its_checkpoint
            several_followers_see_the_same
            a_checkpoint_beyond_the_log_breaks_the_feed
            a_checkpoint_with_another_hash_breaks_the_feed
            a_log_that_nobody_feeds_is_named
        );
    };
    (@each $run:path, $fresh:path, $($sentence:ident)+) => {$(
        #[test]
        fn $sentence() {
            $run(async {
                let (log, feed, _alive) = $fresh().await;
                $crate::testing::contract::event_feed::$sentence(log, feed).await;
            });
        }
    )+};
}

type Log = Arc<dyn EventLog>;
type Feed = Arc<dyn EventFeed>;
type Followed = BoxStream<'static, Result<FeedItem, FeedError>>;

pub async fn what_is_there_comes_first_then_caught_up_then_what_comes(log: Log, feed: Feed) {
    for stream in 1..=300 {
        log.append(append(LOG, stream, 0, 2)).await.unwrap();
    }
    let mut followed = feed.follow(log.id(), Checkpoint::start(log.id()));
    let mut seen = Vec::new();
    for _ in 0..600 {
        seen.push(event(&mut followed).await);
    }
    assert_eq!(followed.next().await, Some(Ok(FeedItem::CaughtUp)));
    for stream in 301..=303 {
        let live = {
            let next = event(&mut followed);
            pin_mut!(next);
            assert!(
                (&mut next).now_or_never().is_none(),
                "nothing has happened yet"
            );
            let appending = log.append(append(LOG, stream, 0, 1));
            match select(next, appending).await {
                Either::Left((event, appending)) => {
                    appending.await.unwrap();
                    event
                }
                Either::Right((appended, next)) => {
                    appended.unwrap();
                    next.await
                }
            }
        };
        seen.push(live);
    }
    let stored: Vec<Position> = all(&log).await.iter().map(|event| event.position).collect();
    assert_eq!(seen, stored);
}

pub async fn an_empty_log_is_caught_up_with_at_once(log: Log, feed: Feed) {
    let mut followed = feed.follow(log.id(), Checkpoint::start(log.id()));
    assert_eq!(followed.next().await, Some(Ok(FeedItem::CaughtUp)));
    log.append(append(LOG, 1, 0, 1)).await.unwrap();
    assert_eq!(event(&mut followed).await, Position(1));
}

pub async fn a_follower_resumes_at_its_checkpoint(log: Log, feed: Feed) {
    for stream in 1..=10 {
        log.append(append(LOG, stream, 0, 1)).await.unwrap();
    }
    for event_before in all(&log).await {
        let after = Checkpoint {
            position: event_before.position,
            hash: event_before.hash,
        };
        let mut followed = feed.follow(log.id(), after);
        for position in after.position.0 + 1..=10 {
            assert_eq!(event(&mut followed).await, Position(position));
        }
        assert_eq!(followed.next().await, Some(Ok(FeedItem::CaughtUp)));
    }
}

pub async fn several_followers_see_the_same(log: Log, feed: Feed) {
    let start = Checkpoint::start(log.id());
    let mut early = feed.follow(log.id(), start);
    assert_eq!(early.next().await, Some(Ok(FeedItem::CaughtUp)));
    log.append(append(LOG, 1, 0, 3)).await.unwrap();
    let mut late = feed.follow(log.id(), start);
    for position in 1..=3 {
        assert_eq!(event(&mut late).await, Position(position));
        assert_eq!(event(&mut early).await, Position(position));
    }
}

pub async fn a_checkpoint_beyond_the_log_breaks_the_feed(log: Log, feed: Feed) {
    log.append(append(LOG, 1, 0, 1)).await.unwrap();
    let beyond = Checkpoint {
        position: Position(5),
        hash: Hash::of(b"seen before the log lost it"),
    };
    let mut followed = feed.follow(log.id(), beyond);
    let broken = FeedError::Broken {
        log: log.id().clone(),
        broken: ChainBroken::Gap {
            expected: Position(5),
            found: Position(1),
        },
    };
    assert_eq!(followed.next().await, Some(Err(broken)));
    assert_eq!(followed.next().await, None);
}

pub async fn a_checkpoint_with_another_hash_breaks_the_feed(log: Log, feed: Feed) {
    log.append(append(LOG, 1, 0, 3)).await.unwrap();
    for position in [0, 2, 3].map(Position) {
        let hash = Hash::of(b"of another past");
        let mut followed = feed.follow(log.id(), Checkpoint { position, hash });
        let broken = FeedError::Broken {
            log: log.id().clone(),
            broken: ChainBroken::Differs { position },
        };
        assert_eq!(followed.next().await, Some(Err(broken)));
        assert_eq!(followed.next().await, None);
    }
}

pub async fn a_log_that_nobody_feeds_is_named(_log: Log, feed: Feed) {
    let unknown = "999999.referral".parse().unwrap();
    let mut followed = feed.follow(&unknown, Checkpoint::start(&unknown));
    let error = FeedError::UnknownLog(unknown);
    assert_eq!(followed.next().await, Some(Err(error)));
    assert_eq!(followed.next().await, None);
}

/// The position of the next item, which is an event.
async fn event(followed: &mut Followed) -> Position {
    match followed.next().await {
        Some(Ok(FeedItem::Event(event))) => event.position,
        other => panic!("not an event but {other:?}"),
    }
}
