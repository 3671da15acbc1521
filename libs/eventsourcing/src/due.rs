//! Duties with a due time: the only timers there are.
//!
//! An event that starts a duty carries its due time; a projection notes it here, ordered by time;
//! the runner in `service-runtime` wakes when the first falls due and commands what the service's
//! [`DueRule`] says. Whether it still applies is decided by the aggregate, not by the clock.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::command::Step;
use crate::ids::{ScopedId, StreamId};
use crate::projection::Rows;
use crate::rows::{ProjectionStore, StoreError};

/// Rows by due time: what to wake for.
const BY_TIME: &str = "due";
/// The same by stream and duty: how to find one that has ended.
const BY_DUTY: &str = "due-of";

/// Something owed by a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    pub due_at: Timestamp,
    /// Which duty of the stream: `answer`, or `visit/<id>`.
    pub duty: String,
    pub stream: StreamId,
    /// The event that started it.
    pub cause: Uuid,
    pub case: Option<ScopedId>,
}

/// What to command when a duty falls due.
pub trait DueRule: Send + Sync + 'static {
    /// Names the rule: the acting party of what it makes.
    fn name(&self) -> &'static str;

    fn version(&self) -> &'static str {
        "1"
    }

    /// The command; the aggregate rejects it if the duty no longer stands.
    fn command(&self, due: &Due) -> Vec<Step>;
}

impl Rows {
    /// A duty begins (or its due time moves).
    pub fn start_duty(&mut self, due: &Due) -> Result<(), StoreError> {
        self.end_duty(&due.stream, &due.duty)?;
        let key = key(due);
        self.put(BY_DUTY, duty_key(&due.stream, &due.duty).as_bytes(), &key)?;
        self.put(BY_TIME, key.as_bytes(), due)
    }

    /// A duty is done, or no longer owed; harmless if there was none.
    pub fn end_duty(&mut self, stream: &StreamId, duty: &str) -> Result<(), StoreError> {
        let of = duty_key(stream, duty);
        if let Some(key) = self.get::<String>(BY_DUTY, of.as_bytes())? {
            self.delete(BY_TIME, key.as_bytes());
            self.delete(BY_DUTY, of.as_bytes());
        }
        Ok(())
    }
}

/// The duty that falls due first.
pub fn first_due(store: &Arc<dyn ProjectionStore>) -> Result<Option<Due>, StoreError> {
    let rows = store.scan(BY_TIME, b"", None, 1)?;
    let Some((_, value)) = rows.first() else {
        return Ok(None);
    };
    serde_json::from_slice(value)
        .map(Some)
        .map_err(|error| StoreError(format!("a duty is unreadable: {error}")))
}

/// Text that sorts by time: signed milliseconds, moved into the unsigned range.
fn key(due: &Due) -> String {
    let millis = due.due_at.as_millisecond().cast_unsigned() ^ (1 << 63);
    format!("{millis:016x}/{}/{}", due.stream, due.duty)
}

fn duty_key(stream: &StreamId, duty: &str) -> String {
    format!("{stream}/{duty}")
}
