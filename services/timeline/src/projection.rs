//! What the timeline stores: each case's events, numbered as they are told, each after its predecessors.
//!
//! An event waits until its cause has been told and the version before it in its stream, however
//! long that takes: clocks say nothing here. Those that wait are counted in the case's summary.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use eventsourcing::{
    Body, Hash, LogId, Position, Projection, ProjectionError, ProjectionStore, Recorded, Rows,
    StoreError,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::reading::{Predecessor, predecessors};
use crate::summary;
use crate::witness;

/// `<case>/<number>` -> event.
const BY_CASE: &str = "timeline-case";
/// `<number>` -> the key of the same event by case.
const BY_NUMBER: &str = "timeline-all";
/// Event id -> nothing: which events have been told, or belong to no case and need no telling.
const TOLD: &str = "timeline-told";
/// Event id -> event that waits.
const HELD: &str = "timeline-held";
/// `<log>/<stream>/<version>` -> the id of the event there, if it waits.
const HELD_PLACES: &str = "timeline-held-place";
/// Event id -> the ids of those that wait for it.
const AWAITED: &str = "timeline-awaited";
/// The store's own name and the last number given.
const COUNTER: &str = "timeline-counter";
const COUNTER_KEY: &[u8] = b"counter";

/// The projection's name: its checkpoints are what verification compares the logs with.
pub(crate) const NAME: &str = "timeline";

/// An event as it is stored in a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct EventRow {
    position: Position,
    hash: Hash,
    body: String,
}

/// How far the telling has come. Numbers mean something only together with the store that gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) store: Uuid,
    /// The number of the last entry told.
    pub(crate) last: u64,
}

/// The text is no cursor that a watch has given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a token of this timeline")]
pub(crate) struct NoCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.store, self.last)
    }
}

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (store, last) = text.rsplit_once('-').ok_or(NoCursor)?;
        Ok(Self {
            store: store.parse().map_err(|_| NoCursor)?,
            last: u64::from_str_radix(last, 16).map_err(|_| NoCursor)?,
        })
    }
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
        NAME
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        witness::take_in(event, rows)?;
        let id = event.envelope.id;
        if let Some(predecessor) = awaited(event, rows)? {
            hold(event, predecessor, rows)?;
        } else {
            tell(event, rows)?;
            release(id, rows)?;
        }
        Ok(())
    }
}

/// A predecessor that has not been told yet. An event of no case is not told, and waits for nothing.
fn awaited(event: &Recorded, rows: &Rows) -> Result<Option<Uuid>, StoreError> {
    if event.envelope.caseid.is_none() {
        return Ok(None);
    }
    for predecessor in predecessors(event) {
        let id = match predecessor {
            Predecessor::Cause(id) => rows.get::<()>(TOLD, id.as_bytes())?.is_none().then_some(id),
            // It came before in the same log: if it does not wait, it has been told.
            Predecessor::Before(log, stream, version) => {
                rows.get(HELD_PLACES, format!("{log}/{stream}/{version}").as_bytes())?
            }
        };
        if id.is_some() {
            return Ok(id);
        }
    }
    Ok(None)
}

fn hold(event: &Recorded, predecessor: Uuid, rows: &mut Rows) -> Result<(), StoreError> {
    let id = event.envelope.id;
    rows.put(HELD, id.as_bytes(), &EventRow::of(event))?;
    rows.put(HELD_PLACES, place(event).as_bytes(), &id)?;
    wait_for(predecessor, id, rows)?;
    summary::waits(event, rows)
}

fn wait_for(predecessor: Uuid, event: Uuid, rows: &mut Rows) -> Result<(), StoreError> {
    let waiting = rows.get::<Vec<Uuid>>(AWAITED, predecessor.as_bytes())?;
    let mut waiting = waiting.unwrap_or_default();
    waiting.push(event);
    rows.put(AWAITED, predecessor.as_bytes(), &waiting)
}

/// Gives the event its number, if it belongs to a case.
fn tell(event: &Recorded, rows: &mut Rows) -> Result<(), StoreError> {
    rows.put(TOLD, event.envelope.id.as_bytes(), &())?;
    let Some(case) = event.envelope.caseid else {
        return Ok(());
    };
    let counter = rows.get::<Cursor>(COUNTER, COUNTER_KEY)?;
    let mut counter = counter.unwrap_or_else(|| Cursor {
        store: Uuid::new_v4(),
        last: 0,
    });
    counter.last += 1;
    let number = number(counter.last);
    let key = format!("{case}/{number}");
    rows.put(COUNTER, COUNTER_KEY, &counter)?;
    rows.put(BY_CASE, key.as_bytes(), &EventRow::of(event))?;
    rows.put(BY_NUMBER, number.as_bytes(), &key)?;
    summary::take_in(event, rows)
}

/// Tells those that waited for this event, and those that waited for them.
fn release(told: Uuid, rows: &mut Rows) -> Result<(), StoreError> {
    let mut told = VecDeque::from([told]);
    while let Some(id) = told.pop_front() {
        let waiting = rows.get::<Vec<Uuid>>(AWAITED, id.as_bytes())?;
        rows.delete(AWAITED, id.as_bytes());
        for effect in waiting.unwrap_or_default() {
            let held = rows.get::<EventRow>(HELD, effect.as_bytes())?;
            let held = held.ok_or_else(|| StoreError("a waiting event is missing".to_owned()))?;
            let event = held.read()?;
            if let Some(predecessor) = awaited(&event, rows)? {
                wait_for(predecessor, effect, rows)?;
                continue;
            }
            rows.delete(HELD, effect.as_bytes());
            rows.delete(HELD_PLACES, place(&event).as_bytes());
            summary::waits_no_longer(&event, rows)?;
            tell(&event, rows)?;
            told.push_back(effect);
        }
    }
    Ok(())
}

fn place(event: &Recorded) -> String {
    let envelope = &event.envelope;
    let (log, stream) = (envelope.log(), &envelope.subject);
    format!("{log}/{stream}/{}", envelope.version)
}

/// A number as a key: digits that sort.
fn number(number: u64) -> String {
    format!("{number:016x}")
}

/// How far the telling has come; `None` before anything was told.
pub(crate) fn told_so_far(store: &Arc<dyn ProjectionStore>) -> Result<Option<Cursor>, StoreError> {
    let counter = store.get(COUNTER, COUNTER_KEY)?;
    counter.map(|counter| read(&counter)).transpose()
}

/// What has been told of a case, up to a number.
pub(crate) fn of_case(
    store: &Arc<dyn ProjectionStore>,
    case: &str,
    up_to: u64,
) -> Result<Vec<Recorded>, StoreError> {
    let of_case = format!("{case}/");
    let last = format!("{of_case}{}", number(up_to));
    let rows = store.scan(BY_CASE, of_case.as_bytes(), None, usize::MAX)?;
    let told = rows
        .iter()
        .take_while(|(key, _)| key.as_slice() <= last.as_bytes());
    told.map(|(_, value)| read::<EventRow>(value)?.read())
        .collect()
}

/// At most `limit` events after a cursor, of one case or of all, each with its own cursor.
pub(crate) fn after(
    store: &Arc<dyn ProjectionStore>,
    case: Option<&str>,
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<Vec<(String, Recorded)>, StoreError> {
    let Some(counter) = told_so_far(store)? else {
        return Ok(Vec::new());
    };
    // A cursor of another store (its rows have been rebuilt since) begins again: at least once.
    let cursor = cursor.filter(|cursor| cursor.store == counter.store);
    let from = number(cursor.map_or(0, |cursor| cursor.last));
    let mut found = Vec::new();
    let mut take = |number: &[u8], value: &[u8]| {
        let number = String::from_utf8_lossy(number);
        let last = u64::from_str_radix(&number, 16)
            .map_err(|_| StoreError("an entry has no number".to_owned()))?;
        let cursor = Cursor { last, ..counter };
        found.push((cursor.to_string(), read::<EventRow>(value)?.read()?));
        Ok::<_, StoreError>(())
    };
    match case {
        Some(case) => {
            let of_case = format!("{case}/");
            let from = format!("{of_case}{from}");
            let rows = store.scan(BY_CASE, of_case.as_bytes(), Some(from.as_bytes()), limit)?;
            for (key, value) in rows {
                take(&key[of_case.len()..], &value)?;
            }
        }
        None => {
            for (number, key) in store.scan(BY_NUMBER, b"", Some(from.as_bytes()), limit)? {
                let key: String = read(&key)?;
                let value = store.get(BY_CASE, key.as_bytes())?;
                let value = value.ok_or_else(|| StoreError("an entry is missing".to_owned()))?;
                take(&number, &value)?;
            }
        }
    }
    Ok(found)
}

impl EventRow {
    fn of(event: &Recorded) -> Self {
        Self {
            position: event.position,
            hash: event.hash,
            body: String::from_utf8_lossy(event.body.bytes()).into_owned(),
        }
    }

    fn read(self) -> Result<Recorded, StoreError> {
        let unreadable = |error: eventsourcing::EnvelopeError| StoreError(error.to_string());
        let body = Body::from_bytes(self.body.into()).map_err(unreadable)?;
        Recorded::read(self.position, self.hash, body).map_err(unreadable)
    }
}

fn read<T: serde::de::DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value)
        .map_err(|error| StoreError(format!("a row is unreadable: {error}")))
}

#[cfg(test)]
mod tests;
