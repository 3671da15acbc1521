//! Parked cases: events that a policy could not act on, kept in order until somebody retries or skips.

use std::sync::Arc;

use eventsourcing::{
    Actor, Body, Change, Hash, LogId, Position, ProjectionStore, Recorded, Row, SkipReason,
    StoreError,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

const TABLE: &str = "parked";
/// Reference data and log-keeping events belong to no case; they park together.
const NO_CASE: &str = "-";

/// One event that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParkedEvent {
    pub policy: String,
    pub log: LogId,
    pub position: Position,
    /// The chain hash at that position.
    pub hash: Hash,
    pub event_id: uuid::Uuid,
    pub event_type: String,
    /// The case id, or `-`.
    pub case: String,
    pub cause: String,
    /// When the event had been recorded, by its own region.
    pub recorded_at: Timestamp,
    body: String,
    /// Where the row stands.
    #[serde(skip)]
    key: Vec<u8>,
}

/// A case that waits in one policy, and how much of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ParkedCase {
    pub service: &'static str,
    pub first: ParkedEvent,
    pub events: usize,
}

/// What came of a retry or a skip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedOutcome {
    /// How many events have been acted on now.
    pub done: usize,
    /// Why the case is still parked, if it is.
    pub still_parked: Option<String>,
}

/// What an operator asks of a policy's runner.
#[derive(Debug)]
pub enum Operation {
    Retry {
        case: String,
        answer: oneshot::Sender<ParkedOutcome>,
    },
    Skip {
        case: String,
        by: Actor,
        reason: SkipReason,
        answer: oneshot::Sender<ParkedOutcome>,
    },
}

impl Operation {
    pub(crate) fn into_parts(
        self,
    ) -> (
        String,
        Option<(Actor, SkipReason)>,
        oneshot::Sender<ParkedOutcome>,
    ) {
        match self {
            Self::Retry { case, answer } => (case, None, answer),
            Self::Skip {
                case,
                by,
                reason,
                answer,
            } => (case, Some((by, reason)), answer),
        }
    }
}

/// All parked events of a service, by policy and case, oldest first in each.
pub fn list_parked(rows: &Arc<dyn ProjectionStore>) -> Result<Vec<ParkedEvent>, StoreError> {
    let mut found = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = rows.scan(TABLE, b"", after.as_deref(), 256)?;
        let Some((last, _)) = page.last() else {
            return Ok(found);
        };
        after = Some(last.clone());
        for row in page {
            found.push(read(row)?);
        }
    }
}

/// The parked events of one policy.
pub(crate) struct Parked {
    policy: &'static str,
    rows: Arc<dyn ProjectionStore>,
}

impl Parked {
    pub(crate) fn new(policy: &'static str, rows: Arc<dyn ProjectionStore>) -> Self {
        Self { policy, rows }
    }

    /// Whether an earlier event of the same case is parked, so that this one must wait behind it.
    pub(crate) fn waits(&self, event: &Recorded) -> Result<bool, StoreError> {
        Ok(self.first(&case_of(event))?.is_some())
    }

    pub(crate) fn first(&self, case: &str) -> Result<Option<ParkedEvent>, StoreError> {
        let found = self
            .rows
            .scan(TABLE, self.prefix(case).as_bytes(), None, 1)?;
        found.into_iter().next().map(read).transpose()
    }

    pub(crate) fn add(&self, event: &Recorded, cause: &str) -> Result<Vec<Change>, StoreError> {
        let envelope = &event.envelope;
        let case = case_of(event);
        let number = self.next_number(&case)?;
        let key = format!("{}{number:016x}", self.prefix(&case));
        let parked = ParkedEvent {
            policy: self.policy.to_owned(),
            log: envelope.log(),
            position: event.position,
            hash: event.hash,
            event_id: envelope.id,
            event_type: envelope.event_type.clone(),
            case,
            cause: cause.to_owned(),
            recorded_at: envelope.recordedtime,
            body: String::from_utf8_lossy(event.body.bytes()).into_owned(),
            key: key.into_bytes(),
        };
        Ok(vec![parked.row()?])
    }

    /// Events of several logs wait in the order in which they came.
    fn next_number(&self, case: &str) -> Result<u64, StoreError> {
        let prefix = self.prefix(case);
        let found = self.rows.scan(TABLE, prefix.as_bytes(), None, usize::MAX)?;
        let last = found.last().and_then(|(key, _)| {
            u64::from_str_radix(std::str::from_utf8(&key[prefix.len()..]).ok()?, 16).ok()
        });
        Ok(last.map_or(0, |last| last + 1))
    }

    fn prefix(&self, case: &str) -> String {
        format!("{}/{case}/", self.policy)
    }
}

impl ParkedEvent {
    /// The event as it was followed.
    pub(crate) fn event(&self) -> Result<Recorded, StoreError> {
        let unreadable = |error: eventsourcing::EnvelopeError| StoreError(error.to_string());
        let body = Body::from_bytes(self.body.clone().into()).map_err(unreadable)?;
        Recorded::read(self.position, self.hash, body).map_err(unreadable)
    }

    /// It waits no longer.
    pub(crate) fn removal(&self) -> Change {
        Change::Delete {
            table: TABLE.to_owned(),
            key: self.key.clone(),
        }
    }

    /// It still waits, now for this cause.
    pub(crate) fn waits_for(&self, cause: &str) -> Result<Change, StoreError> {
        let cause = cause.to_owned();
        Self {
            cause,
            ..self.clone()
        }
        .row()
    }

    fn row(&self) -> Result<Change, StoreError> {
        let value = serde_json::to_vec(self).map_err(|error| StoreError(error.to_string()))?;
        Ok(Change::Put {
            table: TABLE.to_owned(),
            key: self.key.clone(),
            value,
        })
    }
}

fn case_of(event: &Recorded) -> String {
    event
        .envelope
        .caseid
        .map_or_else(|| NO_CASE.to_owned(), |case| case.to_string())
}

fn read((key, value): Row) -> Result<ParkedEvent, StoreError> {
    let parked: ParkedEvent = serde_json::from_slice(&value)
        .map_err(|error| StoreError(format!("a parked event is unreadable: {error}")))?;
    Ok(ParkedEvent { key, ..parked })
}
