//! What opening a log asks, answers, and refuses.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eventsourcing::{Checkpoint, Damage, Head, LogId, Position, ReadError};

use crate::storage::{Disk, Storage};
use crate::torn::Torn;

/// How a log is kept.
#[derive(Clone)]
pub struct Options {
    /// The size of a segment's file. A larger append gets a segment of its own size.
    pub segment_bytes: u64,
    /// How many appends may wait; more wait for a place.
    pub queue_places: usize,
    /// How often the background scrub checks a closed segment; `None`: only when it is asked to.
    pub scrub_every: Option<Duration>,
    pub storage: Arc<dyn Storage>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 8 << 20,
            queue_places: 1024,
            scrub_every: Some(Duration::from_secs(30)),
            storage: Arc::new(Disk),
        }
    }
}

/// How a log was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReport {
    /// Where it ends: to be compared with whoever else has seen it.
    pub head: Head,
    /// Writes that had not finished, and where their bytes are kept now.
    pub torn: Vec<Torn>,
}

/// Why a log is not served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is in use by another process: stop that one first", dir.display())]
    Locked { dir: PathBuf },
    #[error("{} holds the log {found}, not the one asked for", dir.display())]
    OtherLog { dir: PathBuf, found: LogId },
    /// Bytes that were on disk have changed.
    #[error("{0}; put a good copy of the file in its place, or restore the log from its stream")]
    Damaged(Damage),
    /// Somebody has followed the log further than it goes now.
    #[error(
        "{log} ends at position {head}, but position {seen} was followed: acknowledged events are gone; \
         look into the files kept beside the segments, or restore the log from its stream"
    )]
    Behind {
        log: LogId,
        head: Position,
        seen: Position,
    },
    /// Somebody has followed a log of this name whose hashes differ.
    #[error(
        "{log} is not the log that was followed up to position {position}: its hash differs there"
    )]
    Differs { log: LogId, position: Position },
    #[error("{log} cannot be a log: its name is too long")]
    Name { log: LogId },
    #[error("{}: {source}", path.display())]
    Storage { path: PathBuf, source: io::Error },
    #[error("the log cannot be read: {0}")]
    Unreadable(String),
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(damage) => Self::Damaged(damage),
            ReadError::Unavailable(cause) => Self::Unreadable(cause),
        }
    }
}

/// What others have seen of a log must still be there.
pub(crate) fn check_seen(
    log: &LogId,
    head: Head,
    seen: &[Checkpoint],
    hash_at: impl Fn(Position) -> Result<eventsourcing::Hash, ReadError>,
) -> Result<(), OpenError> {
    for checkpoint in seen {
        let Checkpoint { position, hash } = *checkpoint;
        let log = log.clone();
        if position > head.position {
            return Err(OpenError::Behind {
                log,
                head: head.position,
                seen: position,
            });
        }
        if hash_at(position)? != hash {
            return Err(OpenError::Differs { log, position });
        }
    }
    Ok(())
}
