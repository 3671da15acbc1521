//! A feed that does what a feed may do: deliver twice, deliver late, be away, hold a log back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use acceptance::World;
use eventsourcing::{Checkpoint, EventFeed, FeedError, FeedItem, LogId};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use segment_log::LocalFeed;
use tokio::sync::watch;

/// Every so many events, counted over all followers, the feed is away for one of them.
const AWAY_EVERY: usize = 900;

/// What the feeds of all regions do; clones do the same.
#[derive(Clone, Default)]
pub(crate) struct Troubles {
    /// Whether events come twice, old ones again, and the feed is away at times.
    unreliable: Arc<AtomicBool>,
    /// (region, log): the region does not get the log.
    held: watch::Sender<BTreeSet<(String, String)>>,
    delivered: Arc<AtomicUsize>,
    away: Arc<AtomicUsize>,
}

impl Troubles {
    pub(crate) fn unreliable() -> Self {
        Self {
            unreliable: Arc::new(AtomicBool::new(true)),
            ..Self::default()
        }
    }

    /// Three regions on such feeds.
    pub(crate) async fn world(&self, root: &std::path::Path, now: Timestamp) -> World {
        World::start_as(
            root,
            now,
            |_| {},
            |region, feed| {
                Arc::new(TroubledFeed {
                    region: region.to_string(),
                    feed,
                    troubles: self.clone(),
                })
            },
        )
        .await
    }

    /// From now on the region gets nothing more of the log.
    pub(crate) fn hold(&self, region: &str, log: &str) {
        let held = (region.to_owned(), log.to_owned());
        self.held.send_modify(|all| {
            all.insert(held);
        });
    }

    /// Whatever was held comes now.
    pub(crate) fn release(&self) {
        self.held.send_modify(BTreeSet::clear);
    }

    /// From now on the feed does what one hopes for.
    pub(crate) fn calm(&self) {
        self.unreliable.store(false, Ordering::SeqCst);
    }

    /// How many deliveries there were, and how often the feed was away.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let read = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        (read(&self.delivered), read(&self.away))
    }
}

struct TroubledFeed {
    region: String,
    feed: LocalFeed,
    troubles: Troubles,
}

impl EventFeed for TroubledFeed {
    fn follow(
        &self,
        log: &LogId,
        after: Checkpoint,
    ) -> BoxStream<'static, Result<FeedItem, FeedError>> {
        let place = (self.region.clone(), log.to_string());
        let held = self.troubles.held.subscribe();
        let items = self.feed.follow(log, after).then(move |item| {
            let (mut held, place) = (held.clone(), place.clone());
            async move {
                // The sender lives as long as the test.
                let _ = held.wait_for(|all| !all.contains(&place)).await;
                item
            }
        });
        let (troubles, log) = (self.troubles.clone(), log.clone());
        let mut first = None;
        let troubled = items.flat_map(move |item| {
            let unreliable = troubles.unreliable.load(Ordering::SeqCst);
            let event = match item {
                Ok(FeedItem::Event(event)) if unreliable => event,
                other => return stream::iter(vec![other]),
            };
            let first = first.get_or_insert_with(|| event.clone()).clone();
            let mut several: Vec<_> = [event.clone(), event, first]
                .map(|event| Ok(FeedItem::Event(event)))
                .into();
            if troubles.delivered.fetch_add(1, Ordering::Relaxed) % AWAY_EVERY == AWAY_EVERY - 1 {
                troubles.away.fetch_add(1, Ordering::Relaxed);
                // Away before the last of them is delivered: it has to be asked for again.
                several.truncate(1);
                several.insert(
                    0,
                    Err(FeedError::Unavailable {
                        log: log.clone(),
                        cause: "it is away".to_owned(),
                    }),
                );
            }
            stream::iter(several)
        });
        until_an_error(troubled.boxed())
    }
}

/// A feed's stream ends with its first error.
fn until_an_error(
    items: BoxStream<'static, Result<FeedItem, FeedError>>,
) -> BoxStream<'static, Result<FeedItem, FeedError>> {
    items
        .scan(false, |failed, item| {
            let ended = *failed;
            *failed = item.is_err();
            std::future::ready((!ended).then_some(item))
        })
        .boxed()
}
