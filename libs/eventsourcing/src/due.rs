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
use crate::policy::PolicyError;
use crate::projection::Rows;
use crate::rows::{Change, ProjectionStore, StoreError};

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

impl Due {
    /// What removes exactly the row that woke us at `woken_at`; a duty restarted for later stays.
    pub fn row_removal(&self, woken_at: Timestamp) -> Vec<Change> {
        vec![Change::Delete {
            table: BY_TIME.to_owned(),
            key: self.key(woken_at).into_bytes(),
        }]
    }

    /// What makes it be looked at again at `until`, though it stays due since `due_at`; a duty that
    /// has ended or moved meanwhile is only not looked at again.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written down.
    pub fn row_postponed(
        &self,
        store: &Arc<dyn ProjectionStore>,
        woken_at: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Change>, StoreError> {
        let mut rows = Rows::new(store.clone());
        let of = duty_key(&self.stream, &self.duty);
        let woke_by = self.key(woken_at);
        rows.delete(BY_TIME, woke_by.as_bytes());
        if rows.get::<String>(BY_DUTY, of.as_bytes())? == Some(woke_by) {
            let key = self.key(until);
            rows.put(BY_TIME, key.as_bytes(), self)?;
            // Whoever ends the duty finds it where it is now.
            rows.put(BY_DUTY, of.as_bytes(), &key)?;
        }
        Ok(rows.into_changes())
    }

    /// Text that sorts by time: signed milliseconds, moved into the unsigned range. Rounded up:
    /// whoever wakes must never be early, or the aggregate says that nothing is due yet.
    fn key(&self, wake_at: Timestamp) -> String {
        let begun = wake_at.as_millisecond();
        let early = Timestamp::from_millisecond(begun).is_ok_and(|at| at < wake_at);
        let millis = (begun + i64::from(early)).cast_unsigned() ^ (1 << 63);
        format!("{millis:016x}/{}/{}", self.stream, self.duty)
    }
}

/// What to command when a duty falls due.
pub trait DueRule: Send + Sync + 'static {
    /// Names the rule: the acting party of what it makes.
    fn name(&self) -> &'static str;

    fn version(&self) -> &'static str {
        "1"
    }

    /// The command; the aggregate rejects it if the duty no longer stands. Empty for duties that are
    /// no concern of this rule.
    ///
    /// # Errors
    /// [`PolicyError`], if what the command needs cannot be had now: the duty is looked at again
    /// later.
    fn command(&self, due: &Due) -> Result<Vec<Step>, PolicyError>;
}

impl Rows {
    /// A duty begins (or its due time moves).
    pub fn start_duty(&mut self, due: &Due) -> Result<(), StoreError> {
        self.end_duty(&due.stream, &due.duty)?;
        let key = due.key(due.due_at);
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

/// The duty to look at first, and when.
pub fn first_due(store: &Arc<dyn ProjectionStore>) -> Result<Option<(Timestamp, Due)>, StoreError> {
    let unreadable = |what: String| StoreError(format!("a duty is unreadable: {what}"));
    let rows = store.scan(BY_TIME, b"", None, 1)?;
    let Some((key, value)) = rows.first() else {
        return Ok(None);
    };
    let due = serde_json::from_slice(value).map_err(|error| unreadable(error.to_string()))?;
    let wake_at = key
        .get(..16)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .and_then(|millis| Timestamp::from_millisecond((millis ^ (1 << 63)).cast_signed()).ok())
        .ok_or_else(|| unreadable("its key has no time".to_owned()))?;
    Ok(Some((wake_at, due)))
}

fn duty_key(stream: &StreamId, duty: &str) -> String {
    format!("{stream}/{duty}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Region, ScopedId};
    use crate::rows::Commit;
    use crate::testing::MemoryRows;

    fn due_at(due_at: Timestamp) -> Due {
        Due {
            due_at,
            duty: "answer".to_owned(),
            stream: StreamId::new("note", ScopedId::new(Region::CENTRAL, Uuid::nil())),
            cause: Uuid::nil(),
            case: None,
        }
    }

    fn commit(store: &Arc<dyn ProjectionStore>, changes: Vec<Change>) {
        let checkpoint = None;
        let commit = Commit {
            changes,
            checkpoint,
        };
        store.commit(commit).unwrap();
    }

    fn started(due: &Due) -> Arc<dyn ProjectionStore> {
        let store: Arc<dyn ProjectionStore> = Arc::new(MemoryRows::default());
        let mut rows = Rows::new(store.clone());
        rows.start_duty(due).unwrap();
        commit(&store, rows.into_changes());
        store
    }

    #[test]
    fn nobody_is_woken_before_the_duty_is_due() {
        for nanos in [-1_000_000, -1, 0, 1, 999_999, 1_000_000, 1_000_001] {
            let moment = Timestamp::from_nanosecond(nanos).unwrap();
            let due = due_at(moment);
            let (wake_at, found) = first_due(&started(&due)).unwrap().unwrap();
            assert_eq!(found, due);
            assert!(wake_at >= moment, "{wake_at} is before {moment}");
            assert!(wake_at.duration_since(moment).as_millis() < 1);
        }
    }

    #[test]
    fn a_duty_that_was_postponed_still_ends_and_one_that_ended_is_not_postponed() {
        let (then, later) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let due = due_at(then);
        let store = started(&due);
        commit(&store, due.row_postponed(&store, then, later).unwrap());
        assert_eq!(first_due(&store).unwrap(), Some((later, due.clone())));
        let mut rows = Rows::new(store.clone());
        rows.end_duty(&due.stream, &due.duty).unwrap();
        commit(&store, rows.into_changes());
        assert_eq!(first_due(&store).unwrap(), None);

        commit(&store, due.row_postponed(&store, then, later).unwrap());
        assert_eq!(first_due(&store).unwrap(), None);
    }
}
