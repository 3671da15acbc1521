//! What the tests of this crate begin with: a case whose events lie in the logs of three regions.

use std::sync::Arc;

use eventsourcing::testing::{MemoryRows, envelope};
use eventsourcing::{
    Body, Checkpoint, Commit, Envelope, Hash, LogId, Order, Position, Projection, ProjectionStore,
    Recorded, Rows, ScopedId, StreamId, chain_hash,
};
use jiff::Timestamp;
use uuid::Uuid;

use crate::projection::{self, TimelineRows};

pub(crate) const SHANGHAI: &str = "310000.referral";
pub(crate) const CENTRAL: &str = "100000.referral";
pub(crate) const QINGDAO: &str = "370200.referral";
pub(crate) const LOGS: [&str; 3] = [SHANGHAI, CENTRAL, QINGDAO];

pub(crate) fn log(name: &str) -> LogId {
    name.parse().unwrap()
}

pub(crate) fn logs() -> Vec<LogId> {
    LOGS.map(log).to_vec()
}

pub(crate) fn case() -> ScopedId {
    ScopedId::new("310000".parse().unwrap(), Uuid::from_u128(1))
}

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millisecond(i64::try_from(millis).unwrap()).unwrap()
}

/// Version `version` of stream number `stream` of a log, by a clock that shows `millis`.
pub(crate) fn event(
    log: &str,
    stream: u128,
    version: u64,
    millis: u64,
    cause: Option<Uuid>,
) -> Envelope {
    let base = envelope(log, "note", version);
    let id = ScopedId::new(base.region, Uuid::from_u128(stream));
    Envelope {
        subject: StreamId::new("note", id),
        caseid: Some(case()),
        order: Order { millis, counter: 0 },
        recordedtime: at(millis),
        causationid: cause.unwrap_or(base.requestid),
        ..base
    }
}

/// The events of one log, as it would have recorded them.
pub(crate) fn chained(log: &LogId, events: &[Envelope]) -> Vec<Recorded> {
    let mut at = Checkpoint::start(log);
    let mut recorded = Vec::new();
    for envelope in events.iter().filter(|envelope| envelope.log() == *log) {
        let body = Body::seal(envelope).unwrap();
        let position = at.position.next();
        let hash: Hash = chain_hash(&at.hash, position, &body.sha256());
        at = Checkpoint { position, hash };
        recorded.push(Recorded::read(Position(position.0), hash, body).unwrap());
    }
    recorded
}

/// Takes events into the timeline's rows, each in a transaction of its own.
pub(crate) fn project(rows: &Arc<dyn ProjectionStore>, events: &[Recorded]) {
    let projection = TimelineRows::new(logs());
    for event in events {
        let mut changed = Rows::new(rows.clone());
        projection.project(event, &mut changed).unwrap();
        let at = Checkpoint {
            position: event.position,
            hash: event.hash,
        };
        let checkpoint = Some((projection::NAME.to_owned(), event.envelope.log(), at));
        let changes = changed.into_changes();
        rows.commit(Commit {
            changes,
            checkpoint,
        })
        .unwrap();
    }
}

pub(crate) fn empty_rows() -> Arc<dyn ProjectionStore> {
    Arc::new(MemoryRows::default())
}
