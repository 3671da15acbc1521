//! A lost log is rebuilt from its stream: same positions, hashes and bytes, under a new incarnation.
//!
//! The other way round needs nothing of its own: a publisher whose stream is gone or short fills it.

use eventsourcing::{
    AppendError, Checkpoint, EventFeed, EventLog, FeedError, FeedItem, Head, Position, Recorded,
};
use futures::StreamExt;

use crate::connection::Nats;
use crate::feed::NatsFeed;

/// So many events are written at once.
const PAGE: usize = 256;

/// The log could not be restored; what had been written of it continues when it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The stream is away, has a hole, or does not chain.
    #[error(transparent)]
    Stream(#[from] FeedError),
    #[error("the restored log takes no events: {0}")]
    Log(#[from] AppendError),
}

/// Fills `log`, which is empty or the beginning of the same past, with what its stream has.
///
/// `each` is told the last position written, and the last one there is.
///
/// # Errors
/// [`RestoreError`].
pub async fn restore_log(
    nats: &Nats,
    log: &dyn EventLog,
    mut each: impl FnMut(Position),
) -> Result<Head, RestoreError> {
    let head = log.head();
    let after = Checkpoint {
        position: head.position,
        hash: head.hash,
    };
    let feed = NatsFeed::new(nats.clone(), [log.id().region]);
    let mut followed = feed.follow(log.id(), after);
    let mut page: Vec<Recorded> = Vec::new();
    while let Some(item) = followed.next().await {
        let caught_up = match item? {
            FeedItem::Event(event) => {
                page.push(*event);
                false
            }
            FeedItem::CaughtUp => true,
        };
        if (caught_up || page.len() == PAGE) && !page.is_empty() {
            each(log.import(std::mem::take(&mut page)).await?.position);
        }
        if caught_up {
            break;
        }
    }
    Ok(log.head())
}
