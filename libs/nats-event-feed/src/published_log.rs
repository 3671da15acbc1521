//! A log whose appends are answered when its copy has them too, as long as the copy keeps up.

use std::sync::Arc;
use std::time::Duration;

use eventsourcing::{
    Append, AppendError, Appended, Durability, EventLog, Head, LogId, Position, ReadError,
    Recorded, StreamId, Verified, Version,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use crate::copy::{Circuit, Copy, CopyState};

/// When an append is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answering {
    /// What has to hold what was acknowledged.
    pub demand: Demand,
    /// How long an append waits for its copy before the circuit opens, in milliseconds.
    pub copied_within_ms: u64,
}

impl Default for Answering {
    fn default() -> Self {
        Self {
            demand: Demand::Local,
            copied_within_ms: 250,
        }
    }
}

/// What has to hold what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// The own disk; the answer says whether the copy has it too.
    Local,
    /// The copy as well: while it is away nothing is recorded.
    Replicated,
}

/// What a log has and its copy does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    pub events: u64,
    /// When the first of them was recorded.
    pub since: Option<Timestamp>,
}

/// A log and the state of its copy.
pub struct PublishedLog {
    log: Arc<dyn EventLog>,
    copy: Copy,
    answering: Answering,
}

impl PublishedLog {
    pub(crate) fn new(log: Arc<dyn EventLog>, copy: Copy, answering: Answering) -> Self {
        Self {
            log,
            copy,
            answering,
        }
    }

    /// How far the copy has come.
    pub fn copy(&self) -> CopyState {
        self.copy.state()
    }

    /// Waits until the stream's end has been compared with the log for the first time.
    pub async fn compared(&self) {
        self.copy.compared().await;
    }

    /// How far the copy is behind.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub async fn lag(&self) -> Result<Lag, ReadError> {
        let at = self.copy.state().at;
        let first = self.log.read_all(at, 1).await?;
        Ok(Lag {
            events: self.log.head().position.0.saturating_sub(at.0),
            since: first.first().map(|event| event.envelope.recordedtime),
        })
    }

    async fn append_and_wait(&self, append: Append) -> Result<Appended, AppendError> {
        self.may_append()?;
        let appended = self.log.append(append).await?;
        let limit = Duration::from_millis(self.answering.copied_within_ms);
        self.copy.wait_for(appended.last, limit).await;
        let durability = self.copy.durability(appended.last);
        if self.answering.demand == Demand::Replicated && durability == Durability::Local {
            // It stands in the log and will be copied: a repeat of the request tells.
            return Err(AppendError::Unavailable(format!(
                "position {} is recorded here, but not replicated yet",
                appended.last
            )));
        }
        Ok(Appended {
            durability,
            ..appended
        })
    }

    fn may_append(&self) -> Result<(), AppendError> {
        if self.answering.demand == Demand::Local {
            return Ok(());
        }
        let state = self.copy.state();
        match state.circuit {
            Circuit::Closed if state.replicated => Ok(()),
            Circuit::Closed => Err(AppendError::Unavailable(
                "this node may record only what is replicated, and its stream is not".to_owned(),
            )),
            Circuit::Open { why } | Circuit::Halted { why } => Err(AppendError::Unavailable(
                format!("this node may record only what is replicated: {why}"),
            )),
        }
    }
}

impl EventLog for PublishedLog {
    fn id(&self) -> &LogId {
        self.log.id()
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        self.append_and_wait(append).boxed()
    }

    fn durability(&self, position: Position) -> Durability {
        self.copy.durability(position)
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
        self.log.read_all(after, limit)
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
