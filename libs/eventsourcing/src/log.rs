//! The port of a log: append all or nothing, read by stream or in order, prove the chain.

use futures::future::BoxFuture;
use jiff::Timestamp;
use uuid::Uuid;

use crate::chain::Hash;
use crate::envelope::{Body, Envelope, Recorded};
use crate::ids::{LogId, Position, StreamId, Version};

/// The record of one service of one region. One writer; as many readers as like.
pub trait EventLog: Send + Sync {
    fn id(&self) -> &LogId;

    /// Stores the writes, all or nothing. When it returns `Ok`, they are on disk.
    ///
    /// # Errors
    /// [`AppendError`]; then nothing of it is stored, or (poisoned, unavailable) the outcome is
    /// unknown until the log is opened again, and a repeat of the request tells.
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>>;

    /// The events of one stream with `version >= from`, in order; empty if there are none.
    fn read(
        &self,
        stream: &StreamId,
        from: Version,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>>;

    /// At most `limit` events after a position, in log order; empty at the head.
    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>>;

    /// The events that a request made, if this log knows the request.
    fn find_request(&self, request: Uuid) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>>;

    /// Takes over events of a copy of this log, at their positions, with their hashes and bytes.
    ///
    /// # Errors
    /// [`AppendError::Refused`] if they do not continue this log's chain: nothing was taken.
    /// [`AppendError::Full`]: those before the head were; when there is room, go on after it.
    fn import(&self, events: Vec<Recorded>) -> BoxFuture<'_, Result<Head, AppendError>>;

    /// How many disks hold the event at a position of this log.
    fn durability(&self, _position: Position) -> Durability {
        Durability::Local
    }

    /// The last durable position and the chain hash there.
    fn head(&self) -> Head;

    /// Resolves once the head is past `after` (at once if it is).
    fn wait_past(&self, after: Position) -> BoxFuture<'_, ()>;

    /// Reads everything and recomputes every hash.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] naming the first wrong place.
    fn verify(&self) -> BoxFuture<'_, Result<Verified, ReadError>>;
}

/// What is appended together.
#[derive(Debug, Clone)]
pub struct Append {
    /// The request that wants this; a log takes each request once.
    pub request: Uuid,
    pub writes: Vec<Write>,
}

/// Events for one stream that is expected to be at a version (0: not there yet).
#[derive(Debug, Clone)]
pub struct Write {
    pub stream: StreamId,
    pub expected: Version,
    pub events: Vec<Body>,
}

impl Append {
    /// What every log checks before it takes an append: the envelopes are complete, and say of
    /// themselves what the append says of them.
    ///
    /// # Errors
    /// [`AppendError::Refused`], naming what is wrong.
    pub fn envelopes(&self, log: &LogId) -> Result<Vec<Envelope>, AppendError> {
        let mut envelopes = Vec::new();
        for (index, write) in self.writes.iter().enumerate() {
            if self.writes[..index]
                .iter()
                .any(|earlier| earlier.stream == write.stream)
            {
                return Err(refused(format!("it writes to {} twice", write.stream)));
            }
            let mut version = write.expected;
            for body in &write.events {
                version = version.next();
                envelopes.push(self.envelope(log, &write.stream, version, body)?);
            }
        }
        if envelopes.is_empty() {
            return Err(refused("it has no events".to_owned()));
        }
        Ok(envelopes)
    }

    fn envelope(
        &self,
        log: &LogId,
        stream: &StreamId,
        version: Version,
        body: &Body,
    ) -> Result<Envelope, AppendError> {
        let envelope: Envelope = serde_json::from_slice(body.bytes())
            .map_err(|error| refused(format!("an event is malformed: {error}")))?;
        if envelope.log() != *log {
            return Err(refused(format!("an event is of log {}", envelope.log())));
        }
        envelope
            .check()
            .map_err(|error| refused(error.to_string()))?;
        if envelope.subject != *stream {
            return Err(refused(format!("an event is of {}", envelope.subject)));
        }
        if envelope.version != version {
            return Err(refused(format!(
                "an event of {stream} has version {}, not {version}",
                envelope.version
            )));
        }
        if envelope.requestid != self.request {
            return Err(refused("an event is of another request".to_owned()));
        }
        Ok(envelope)
    }
}

fn refused(why: String) -> AppendError {
    AppendError::Refused(why)
}

/// Where an append came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    pub first: Position,
    pub last: Position,
    pub durability: Durability,
}

/// How many disks hold what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// On this node's disk.
    Local,
    /// Also on the replicas.
    Replicated,
}

/// The end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub position: Position,
    pub hash: Hash,
    /// When the last event was recorded; `None` for an empty log.
    pub recorded_at: Option<Timestamp>,
}

/// What a verification has proved: this many events, chained without a hole up to this hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    pub events: u64,
    pub head: Hash,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Somebody else was first; `actual` is the winner's version.
    #[error("{stream} is at version {actual}, not {expected}")]
    Conflict {
        stream: StreamId,
        expected: Version,
        actual: Version,
    },
    /// This log has the request already: `find_request` has its events.
    #[error("request {0} was recorded before")]
    RequestKnown(Uuid),
    /// The append itself is wrong (empty, foreign, not the next position); a bug or a bad import.
    #[error("the append is refused: {0}")]
    Refused(String),
    /// No room for it; reads go on.
    #[error("the disk is full")]
    Full,
    /// A write or sync failed: the log takes nothing more until it is opened again.
    #[error("the log takes no writes: {0}")]
    Unavailable(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Damaged(#[from] Damage),
    #[error("the log cannot be read: {0}")]
    Unavailable(String),
}

/// The first wrong place of a log: what an operator needs to find and mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} is damaged at byte {offset}{}: {what}", .event.as_ref().map(|(position, stream)| format!(" (position {position}, {stream})")).unwrap_or_default())]
pub struct Damage {
    pub file: String,
    pub offset: u64,
    /// Position and stream, where the place lies in an event.
    pub event: Option<(Position, String)>,
    pub what: String,
}
