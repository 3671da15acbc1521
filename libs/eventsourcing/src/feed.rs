//! The port of a feed: follow a log, from a checkpoint on, for ever.

use futures::stream::BoxStream;

use crate::chain::{ChainBroken, Checkpoint};
use crate::envelope::Recorded;
use crate::ids::LogId;
use crate::log::Damage;

/// Brings the events of logs to whoever follows them: in log order, each at least once.
pub trait EventFeed: Send + Sync {
    /// First what is there after `after`, then `CaughtUp`, then what comes, as it comes.
    ///
    /// Gap and chain are checked before anything is yielded. After an error the stream ends.
    fn follow(
        &self,
        log: &LogId,
        after: Checkpoint,
    ) -> BoxStream<'static, Result<FeedItem, FeedError>>;
}

#[derive(Debug, Clone, PartialEq)]
pub enum FeedItem {
    Event(Box<Recorded>),
    /// Everything that was there when the feed looked has been yielded.
    CaughtUp,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    #[error("nobody here feeds {0}")]
    UnknownLog(LogId),
    /// What the log says now does not continue what was followed before: never followed further.
    #[error("{log} does not continue what was followed: {broken}")]
    Broken { log: LogId, broken: ChainBroken },
    /// The log is damaged below what it has acknowledged: following again does not mend it.
    #[error("{log}: {damage}")]
    Damaged { log: LogId, damage: Damage },
    /// The log is away or cannot be read now; following again later may work.
    #[error("{log} cannot be followed now: {cause}")]
    Unavailable { log: LogId, cause: String },
}
