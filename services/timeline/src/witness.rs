//! What the regions have witnessed of each other's logs: verification compares a log with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::directory::{LogWitness, WitnessEvent};
use eventsourcing::{
    Aggregate, Hash, LogId, Position, ProjectionStore, Recorded, Region, Rows, StoreError, decode,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `<log>/<position>/<witness>` -> what it saw there.
const WITNESSED: &str = "timeline-witnessed";

/// What one region saw at one place of another's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Witnessed {
    pub(crate) by: Region,
    pub(crate) position: Position,
    pub(crate) hash: Hash,
    pub(crate) at: Timestamp,
}

/// Remembers what an event witnesses, if it witnesses anything that this program knows.
pub(crate) fn take_in(event: &Recorded, rows: &mut Rows) -> Result<(), StoreError> {
    if event.envelope.subject.kind != LogWitness::KIND {
        return Ok(());
    }
    let Ok(WitnessEvent::HeadWitnessed(head)) = decode::<LogWitness>(&event.envelope) else {
        return Ok(());
    };
    let by = event.envelope.region;
    let key = format!("{}/{:016x}/{by}", head.log, head.at.position.0);
    let seen = Witnessed {
        by,
        position: head.at.position,
        hash: head.at.hash,
        at: event.envelope.recordedtime,
    };
    rows.put(WITNESSED, key.as_bytes(), &seen)
}

/// All that was witnessed of a log, by position.
pub(crate) fn of_log(
    rows: &Arc<dyn ProjectionStore>,
    log: &LogId,
) -> Result<BTreeMap<Position, Vec<Witnessed>>, StoreError> {
    let mut found: BTreeMap<Position, Vec<Witnessed>> = BTreeMap::new();
    for (_, value) in rows.scan(WITNESSED, format!("{log}/").as_bytes(), None, usize::MAX)? {
        let seen: Witnessed = serde_json::from_slice(&value)
            .map_err(|error| StoreError(format!("a witness is unreadable: {error}")))?;
        found.entry(seen.position).or_default().push(seen);
    }
    Ok(found)
}
