//! The inbox of each desk: its open hops by due time, and every change of them, numbered.

use std::sync::Arc;

use domain::ids::DeskId;
use domain::referral::{HopState, HopView};
use eventsourcing::{ProjectionStore, Region, Rows, StoreError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::projection::{HopRow, hop};

/// `<desk>/<due>/<hop>` -> hop uuid.
const OPEN: &str = "referral-inbox";
/// `<desk>/<number>` -> the hop after the change.
const CHANGES: &str = "referral-changes";
/// Desk -> the last number given, and the name of the store that gave it.
const COUNTERS: &str = "referral-change-count";
/// Where what has no due time stands: behind all that has one.
const NO_DUE: &str = "~";

/// Numbers mean something only together with the store that gave them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Counter {
    store: Uuid,
    last: u64,
}

/// A hop after an event about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Changed {
    pub(crate) uuid: Uuid,
    pub(crate) row: HopRow,
    pub(crate) event: Uuid,
    pub(crate) event_type: String,
}

/// A hop has changed: in the inboxes of this region's desks it moves, comes or goes.
pub(crate) fn changed(
    region: Region,
    before: Option<&HopRow>,
    change: &Changed,
    rows: &mut Rows,
) -> Result<(), StoreError> {
    let (uuid, after) = (change.uuid, &change.row);
    if let Some(before) = before {
        for desk in desks(before, region) {
            rows.delete(OPEN, open_key(desk, uuid, before).as_bytes());
        }
    }
    for desk in desks(after, region) {
        if !is_over(after) {
            rows.put(OPEN, open_key(desk, uuid, after).as_bytes(), &uuid)?;
        }
        let counter: Option<Counter> = rows.get(COUNTERS, desk.to_string().as_bytes())?;
        let mut counter = counter.unwrap_or_else(|| Counter {
            store: Uuid::new_v4(),
            last: 0,
        });
        counter.last += 1;
        rows.put(COUNTERS, desk.to_string().as_bytes(), &counter)?;
        rows.put(
            CHANGES,
            format!("{desk}/{:016x}", counter.last).as_bytes(),
            change,
        )?;
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

/// At most `limit` changes of a desk's hops after a cursor, each with its own cursor.
pub(crate) fn changes(
    store: &Arc<dyn ProjectionStore>,
    desk: DeskId,
    cursor: &str,
    limit: usize,
) -> Result<Vec<(String, Changed)>, StoreError> {
    let rows = Rows::new(store.clone());
    let counter: Option<Counter> = rows.get(COUNTERS, desk.to_string().as_bytes())?;
    let Some(counter) = counter else {
        return Ok(Vec::new());
    };
    let of_store = format!("{}-", counter.store);
    // A cursor of another store (its rows have been rebuilt since) begins again: at least once.
    let number = cursor.strip_prefix(&of_store).unwrap_or_default();
    let prefix = format!("{desk}/");
    let from = format!("{prefix}{number}");
    let mut found = Vec::new();
    for (key, value) in store.scan(CHANGES, prefix.as_bytes(), Some(from.as_bytes()), limit)? {
        let number = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let change: Changed = serde_json::from_slice(&value)
            .map_err(|error| StoreError(format!("a change is unreadable: {error}")))?;
        found.push((format!("{of_store}{number}"), change));
    }
    Ok(found)
}

/// The desks of this region that have to do with the hop.
fn desks(row: &HopRow, region: Region) -> Vec<DeskId> {
    let Some(terms) = row.terms() else {
        return Vec::new();
    };
    let sends = row.referral.is_some().then_some(terms.from.desk);
    let receives = row.assignment.is_some().then_some(terms.to.desk);
    sends
        .into_iter()
        .chain(receives)
        .filter(|desk| desk.region() == region)
        .collect()
}

fn is_over(row: &HopRow) -> bool {
    use HopState::{Cancelled, Expired, ReferredOnward, Returned};
    matches!(
        row.state(),
        Some(Returned | ReferredOnward | Cancelled | Expired)
    )
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
