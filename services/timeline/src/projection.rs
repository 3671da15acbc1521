//! What the timeline stores: each case's events in the order of arrival, an effect after its cause.

use std::sync::Arc;

use eventsourcing::{
    Body, Hash, LogId, Position, Projection, ProjectionError, ProjectionStore, Recorded, Rows,
    StoreError,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::reading::cause_of;
use crate::summary;

/// `<case>/<number>` -> event.
const BY_CASE: &str = "timeline-case";
/// `<number>` -> the key of the same event by case.
const BY_NUMBER: &str = "timeline-all";
/// Event id -> nothing: which events have been told.
const TOLD: &str = "timeline-told";
/// `<cause>/<event>` -> event that waits for its cause, and since when.
const HELD: &str = "timeline-held";
/// The store's own name and the last number given.
const COUNTER: &str = "timeline-counter";
const COUNTER_KEY: &[u8] = b"counter";

/// An effect does not wait longer than this (by recorded time) for a cause that does not come.
const HELD_AT_MOST: SignedDuration = SignedDuration::from_mins(1);

/// An event as it is stored in a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct EventRow {
    position: Position,
    hash: Hash,
    body: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct HeldRow {
    since: Timestamp,
    case: String,
    event: EventRow,
}

/// Numbers mean something only together with the store that gave them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Counter {
    store: Uuid,
    last: u64,
}

/// The projection.
pub(crate) struct TimelineRows {
    logs: Vec<LogId>,
}

impl TimelineRows {
    pub(crate) fn new(logs: Vec<LogId>) -> Self {
        Self { logs }
    }
}

impl Projection for TimelineRows {
    fn name(&self) -> &'static str {
        "timeline"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        let Some(case) = event.envelope.caseid else {
            return Ok(());
        };
        let case = case.to_string();
        summary::take_in(event, rows)?;
        let row = EventRow {
            position: event.position,
            hash: event.hash,
            body: String::from_utf8_lossy(event.body.bytes()).into_owned(),
        };
        release_overdue(event.envelope.recordedtime, rows)?;
        match cause_of(event) {
            Some(cause) if rows.get::<()>(TOLD, cause.as_bytes())?.is_none() => {
                let key = held_key(cause, event.envelope.id);
                let since = event.envelope.recordedtime;
                rows.put(
                    HELD,
                    key.as_bytes(),
                    &HeldRow {
                        since,
                        case,
                        event: row,
                    },
                )?;
            }
            _ => tell(event.envelope.id, &case, &row, rows)?,
        }
        Ok(())
    }
}

/// Gives the event its number, and then those that waited for it theirs.
fn tell(id: Uuid, case: &str, row: &EventRow, rows: &mut Rows) -> Result<(), StoreError> {
    let mut ready = vec![(id, case.to_owned(), row.clone())];
    while let Some((id, case, row)) = ready.pop() {
        let counter = rows.get::<Counter>(COUNTER, COUNTER_KEY)?;
        let mut counter = counter.unwrap_or_else(|| Counter {
            store: Uuid::new_v4(),
            last: 0,
        });
        counter.last += 1;
        let number = format!("{:016x}", counter.last);
        let key = format!("{case}/{number}");
        rows.put(COUNTER, COUNTER_KEY, &counter)?;
        rows.put(BY_CASE, key.as_bytes(), &row)?;
        rows.put(BY_NUMBER, number.as_bytes(), &key)?;
        rows.put(TOLD, id.as_bytes(), &())?;
        for (key, held) in rows.scan::<HeldRow>(HELD, format!("{id}/").as_bytes())? {
            let effect = effect_in(&key)?;
            rows.delete(HELD, &key);
            ready.push((effect, held.case, held.event));
        }
    }
    Ok(())
}

/// What has waited too long is told all the same: an entry out of order is better than none.
fn release_overdue(now: Timestamp, rows: &mut Rows) -> Result<(), StoreError> {
    for (key, held) in rows.scan::<HeldRow>(HELD, b"")? {
        if now.duration_since(held.since) > HELD_AT_MOST {
            let effect = effect_in(&key)?;
            rows.delete(HELD, &key);
            tell(effect, &held.case, &held.event, rows)?;
        }
    }
    Ok(())
}

fn held_key(cause: Uuid, effect: Uuid) -> String {
    format!("{cause}/{effect}")
}

fn effect_in(key: &[u8]) -> Result<Uuid, StoreError> {
    let effect = std::str::from_utf8(key)
        .ok()
        .and_then(|key| key.split_once('/'));
    effect
        .and_then(|(_, effect)| effect.parse().ok())
        .ok_or_else(|| StoreError("a waiting entry has no event id".to_owned()))
}

/// All events of a case that are known here, told or still waiting for their cause.
pub(crate) fn of_case(
    store: &Arc<dyn ProjectionStore>,
    case: &str,
) -> Result<Vec<Recorded>, StoreError> {
    let mut events = Vec::new();
    for (_, value) in store.scan(BY_CASE, format!("{case}/").as_bytes(), None, usize::MAX)? {
        events.push(recorded(&read::<EventRow>(&value)?)?);
    }
    for (_, value) in store.scan(HELD, b"", None, usize::MAX)? {
        let held: HeldRow = read(&value)?;
        if held.case == case {
            events.push(recorded(&held.event)?);
        }
    }
    Ok(events)
}

/// At most `limit` events after a cursor, of one case or of all, each with its own cursor.
pub(crate) fn after(
    store: &Arc<dyn ProjectionStore>,
    case: Option<&str>,
    cursor: &str,
    limit: usize,
) -> Result<Vec<(String, Recorded)>, StoreError> {
    let Some(counter) = store.get(COUNTER, COUNTER_KEY)? else {
        return Ok(Vec::new());
    };
    let counter: Counter = read(&counter)?;
    let prefix = format!("{}-", counter.store);
    // A cursor of another store (its rows have been rebuilt since) begins again: at least once.
    let number = cursor.strip_prefix(&prefix).unwrap_or_default();
    let mut found = Vec::new();
    match case {
        Some(case) => {
            let of_case = format!("{case}/");
            let from = format!("{of_case}{number}");
            let rows = store.scan(BY_CASE, of_case.as_bytes(), Some(from.as_bytes()), limit)?;
            for (key, value) in rows {
                let number = String::from_utf8_lossy(&key[of_case.len()..]).into_owned();
                found.push((format!("{prefix}{number}"), recorded(&read(&value)?)?));
            }
        }
        None => {
            for (number, key) in store.scan(BY_NUMBER, b"", Some(number.as_bytes()), limit)? {
                let key: String = read(&key)?;
                let value = store.get(BY_CASE, key.as_bytes())?;
                let value = value.ok_or_else(|| StoreError("an entry is missing".to_owned()))?;
                let number = String::from_utf8_lossy(&number).into_owned();
                found.push((format!("{prefix}{number}"), recorded(&read(&value)?)?));
            }
        }
    }
    Ok(found)
}

fn recorded(row: &EventRow) -> Result<Recorded, StoreError> {
    let unreadable = |error: eventsourcing::EnvelopeError| StoreError(error.to_string());
    let body = Body::from_bytes(row.body.clone().into()).map_err(unreadable)?;
    Recorded::read(row.position, row.hash, body).map_err(unreadable)
}

fn read<T: serde::de::DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value)
        .map_err(|error| StoreError(format!("a row is unreadable: {error}")))
}
