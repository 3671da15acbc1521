//! The inbox of each desk: its open hops by due time, and its last changes, numbered.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::ids::DeskId;
use domain::referral::{HopState, HopView};
use eventsourcing::{ProjectionStore, Region, Rows, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::projection::{HopRow, hop};

/// `<desk>/<due>/<hop>` -> hop uuid.
const OPEN: &str = "referral-inbox";
/// `<desk>/<number>` -> what changed.
const CHANGES: &str = "referral-changes";
/// Desk -> the last number given, and the name of the store that gave it.
const COUNTERS: &str = "referral-change-count";
/// Where what has no due time stands: behind all that has one.
const NO_DUE: &str = "~";
/// Changes kept for those who resume; whoever was away for longer begins with the open hops again.
const KEPT: u64 = 1_000;

/// Numbers mean something only together with the store that gave them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Counter {
    store: Uuid,
    last: u64,
}

/// The last event about a hop, as its row remembers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) hop: Uuid,
    pub(crate) event: Uuid,
    pub(crate) event_type: String,
    pub(crate) at: Timestamp,
}

impl Change {
    /// By when it was recorded; between two at the same moment it does not matter, but it must always
    /// be the same one.
    pub(crate) fn is_later_than(&self, other: &Self) -> bool {
        (self.at, self.event) > (other.at, other.event)
    }
}

/// A change, and the hop as it stands now.
pub(crate) struct Entry {
    pub(crate) change: Change,
    pub(crate) row: HopRow,
}

/// A hop has changed: in the inboxes of this region's desks it moves, comes or goes.
pub(crate) fn changed(
    region: Region,
    before: Option<&HopRow>,
    after: &HopRow,
    rows: &mut Rows,
) -> Result<(), StoreError> {
    let change = &after.last;
    let (were, are) = (
        before
            .map(|before| desks(before, region))
            .unwrap_or_default(),
        desks(after, region),
    );
    if let Some(before) = before {
        for desk in &were {
            rows.delete(OPEN, open_key(*desk, change.hop, before).as_bytes());
        }
    }
    if !is_over(after) {
        for desk in &are {
            let key = open_key(*desk, change.hop, after);
            rows.put(OPEN, key.as_bytes(), &change.hop)?;
        }
    }
    // Whoever has nothing to do with it any more is told that, too.
    for desk in once(were.into_iter().chain(are)) {
        let counter: Option<Counter> = rows.get(COUNTERS, desk.to_string().as_bytes())?;
        let mut counter = counter.unwrap_or_else(|| Counter {
            store: Uuid::new_v4(),
            last: 0,
        });
        counter.last += 1;
        rows.put(COUNTERS, desk.to_string().as_bytes(), &counter)?;
        rows.put(CHANGES, change_key(desk, counter.last).as_bytes(), change)?;
        if counter.last > KEPT {
            let oldest = change_key(desk, counter.last - KEPT);
            rows.delete(CHANGES, oldest.as_bytes());
        }
    }
    Ok(())
}

/// Open hops of a desk after a page token, first due first, each with the token that follows it.
pub(crate) fn open(
    store: &Arc<dyn ProjectionStore>,
    desk: DeskId,
    after: &str,
    limit: usize,
) -> Result<Vec<(String, Uuid, HopRow)>, StoreError> {
    let prefix = format!("{desk}/");
    let after = format!("{prefix}{after}");
    let mut found = Vec::new();
    for (key, _) in store.scan(OPEN, prefix.as_bytes(), Some(after.as_bytes()), limit)? {
        let token = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let uuid = token.rsplit('/').next().and_then(|uuid| uuid.parse().ok());
        let uuid = uuid.ok_or_else(|| StoreError("an inbox row names no hop".to_owned()))?;
        found.extend(hop(store, uuid)?.map(|row| (token, uuid, row)));
    }
    Ok(found)
}

/// Where a watcher stands: `<store>-<number>` after a change, and `<store>-<number>/<token>` while
/// it is still told the hops that were open when that change was the last.
struct Cursor {
    last: u64,
    open_after: Option<String>,
}

impl Cursor {
    /// A cursor of another store (its rows have been rebuilt since), or of changes that are not kept
    /// any more, begins again: at least once.
    fn read(text: &str, counter: &Counter) -> Self {
        let of_store = format!("{}-", counter.store);
        let known = text.strip_prefix(&of_store).and_then(|rest| {
            let (number, token) = match rest.split_once('/') {
                Some((number, token)) => (number, Some(token.to_owned())),
                None => (rest, None),
            };
            let last = u64::from_str_radix(number, 16).ok()?;
            (last <= counter.last && counter.last - last <= KEPT).then_some(Self {
                last,
                open_after: token,
            })
        });
        known.unwrap_or(Self {
            last: counter.last,
            open_after: Some(String::new()),
        })
    }
}

/// At most `limit` entries of a desk after a cursor, each with its own cursor: first the hops that
/// are open, then what changes.
pub(crate) fn entries(
    store: &Arc<dyn ProjectionStore>,
    desk: DeskId,
    cursor: &str,
    limit: usize,
) -> Result<Vec<(String, Entry)>, StoreError> {
    let rows = Rows::new(store.clone());
    let counter: Option<Counter> = rows.get(COUNTERS, desk.to_string().as_bytes())?;
    let Some(counter) = counter else {
        return Ok(Vec::new());
    };
    let at = Cursor::read(cursor, &counter);
    let cursor_at = |number: u64| format!("{}-{number:016x}", counter.store);
    if let Some(after) = &at.open_after {
        let page = open(store, desk, after, limit)?;
        if !page.is_empty() {
            let entry = |(token, _, row): (String, Uuid, HopRow)| {
                let change = row.last.clone();
                let cursor = format!("{}/{token}", cursor_at(at.last));
                (cursor, Entry { change, row })
            };
            return Ok(page.into_iter().map(entry).collect());
        }
    }
    let prefix = format!("{desk}/");
    let from = change_key(desk, at.last);
    let mut found = Vec::new();
    for (key, value) in store.scan(CHANGES, prefix.as_bytes(), Some(from.as_bytes()), limit)? {
        let number = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let change: Change = serde_json::from_slice(&value)
            .map_err(|error| StoreError(format!("a change is unreadable: {error}")))?;
        let row = hop(store, change.hop)?;
        let row = row.ok_or_else(|| StoreError("a change names no hop".to_owned()))?;
        found.push((format!("{}-{number}", counter.store), Entry { change, row }));
    }
    Ok(found)
}

/// The desks of this region that have to do with the hop: each once.
fn desks(row: &HopRow, region: Region) -> Vec<DeskId> {
    let Some(terms) = row.terms() else {
        return Vec::new();
    };
    let sends = row.referral.is_some().then_some(terms.from.desk);
    let receives = row.assignment.is_some().then_some(terms.to.desk);
    // The first desk of the chain goes on seeing what becomes of it.
    let elsewhere = sends.is_none() && receives.is_none();
    let origin = elsewhere.then_some(terms.origin.desk);
    let above = row.dispatch().and_then(|sent| sent.escalate_to);
    let watching = [terms.relay, above].into_iter().flatten();
    let watching = watching
        .map(|unit| unit.desk)
        .filter(|_| row.silent_since().is_some());
    let all = sends
        .into_iter()
        .chain(receives)
        .chain(origin)
        .chain(watching);
    once(all.filter(|desk| desk.region() == region))
}

fn once(desks: impl Iterator<Item = DeskId>) -> Vec<DeskId> {
    let mut seen = Vec::new();
    for desk in desks {
        if !seen.contains(&desk) {
            seen.push(desk);
        }
    }
    seen
}

/// Nothing is left to be done about it here: what was sent on is open until it is under way.
fn is_over(row: &HopRow) -> bool {
    use HopState::{Cancelled, Expired, ReferredOnward, Returned};
    match row.state() {
        Some(Returned | Cancelled | Expired) => true,
        Some(ReferredOnward) => row.view().and_then(HopView::due_at).is_none(),
        _ => false,
    }
}

fn open_key(desk: DeskId, uuid: Uuid, row: &HopRow) -> String {
    let due_at = row.view().and_then(HopView::due_at);
    // Due times lie after 1970, so that digits sort as time does.
    let due = due_at.map_or_else(
        || NO_DUE.to_owned(),
        |at| format!("{:020}", at.as_millisecond()),
    );
    format!("{desk}/{due}/{uuid}")
}

fn change_key(desk: DeskId, number: u64) -> String {
    format!("{desk}/{number:016x}")
}
