//! Replay: a case as of a moment, folded from the logs by the same rules that decide.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::caseteam::CaseTeam;
use domain::followup::FollowUpPlan;
use domain::intake::Intake;
use domain::keys::{Erasure, KeyGrant, KeyReceipt, PublishedKey, TextAccess};
use domain::referral::{Assignment, Custody, Referral, RelayWatch};
use eventsourcing::{
    Aggregate, Checkpoint, EventFeed, LogId, Recorded, ScopedId, StreamId, UnknownEvent, Version,
    fold,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::reading::{known_by, missing_causes, with_predecessors};
use crate::verify::read_log;

/// A case as of a moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replayed {
    pub(crate) aggregates: Vec<AggregateState>,
    pub(crate) events: u64,
    /// Replaying as of then gives the same again.
    pub(crate) last_recorded_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AggregateState {
    pub(crate) stream: StreamId,
    pub(crate) log: LogId,
    pub(crate) version: u64,
    pub(crate) state: Value,
    pub(crate) last_event_type: String,
    pub(crate) last_recorded_at: Timestamp,
}

/// Why a case cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error("{log} cannot be read: {problem}")]
    Unreadable { log: LogId, problem: String },
    /// Nothing is wrong with what was read; asking again later may work.
    #[error("{0}")]
    Away(String),
    #[error("{stream} in {log} lacks version {missing}: found {found}")]
    Hole {
        log: LogId,
        stream: StreamId,
        missing: Version,
        found: Version,
    },
    #[error(transparent)]
    Unknown(#[from] UnknownEvent),
}

/// Reads all logs from the first event, keeps the case's, folds what was known by `as_of`.
pub(crate) async fn replay(
    feed: &Arc<dyn EventFeed>,
    logs: &[LogId],
    case: ScopedId,
    as_of: Timestamp,
) -> Result<Replayed, ReplayError> {
    let mut ends: Vec<(&LogId, Checkpoint)> = Vec::new();
    let mut events = Vec::new();
    for log in logs {
        let end = read_on(feed, log, Checkpoint::start(log), case, &mut events).await?;
        ends.push((log, end));
    }
    if !missing_causes(&events).is_empty() {
        // An effect may have been recorded after the log of its cause was read. Now it is there.
        let mut later = Vec::new();
        for (log, end) in ends {
            read_on(feed, log, end, case, &mut later).await?;
        }
        events = with_predecessors(events, later);
    }
    folded(known_by(events, as_of))
}

async fn read_on(
    feed: &Arc<dyn EventFeed>,
    log: &LogId,
    after: Checkpoint,
    case: ScopedId,
    events: &mut Vec<Recorded>,
) -> Result<Checkpoint, ReplayError> {
    let report = read_log(feed, log, after, |event| {
        if event.envelope.caseid == Some(case) {
            events.push(event);
        }
    });
    let report = report.await;
    match report.problem {
        Some(problem) if report.away => Err(ReplayError::Away(problem)),
        Some(problem) => Err(ReplayError::Unreadable {
            log: log.clone(),
            problem,
        }),
        None => Ok(report.end()),
    }
}

fn folded(events: Vec<Recorded>) -> Result<Replayed, ReplayError> {
    let count = events.len() as u64;
    let last = events.iter().map(|event| event.envelope.recordedtime).max();
    let mut streams: BTreeMap<(LogId, StreamId), Vec<Recorded>> = BTreeMap::new();
    for event in events {
        let key = (event.envelope.log(), event.envelope.subject.clone());
        streams.entry(key).or_default().push(event);
    }
    let mut aggregates = Vec::new();
    for ((log, stream), history) in streams {
        whole(&log, &stream, &history)?;
        let (Some(state), Some(last)) = (state(&stream.kind, &history)?, history.last()) else {
            continue;
        };
        aggregates.push(AggregateState {
            log,
            version: last.envelope.version.0,
            last_event_type: last.envelope.event_type.clone(),
            last_recorded_at: last.envelope.recordedtime,
            stream,
            state,
        });
    }
    Ok(Replayed {
        aggregates,
        events: count,
        last_recorded_at: last,
    })
}

/// A state folded from a history with a hole would be one that never was.
fn whole(log: &LogId, stream: &StreamId, history: &[Recorded]) -> Result<(), ReplayError> {
    let mut missing = Version(1);
    for event in history {
        let found = event.envelope.version;
        if found != missing {
            let (log, stream) = (log.clone(), stream.clone());
            return Err(ReplayError::Hole {
                log,
                stream,
                missing,
                found,
            });
        }
        missing = missing.next();
    }
    Ok(())
}

/// The state of one stream; `None` for what is no aggregate: the notes of policies.
fn state(kind: &str, history: &[Recorded]) -> Result<Option<Value>, UnknownEvent> {
    let state = match kind {
        Intake::KIND => of::<Intake>(history)?,
        Referral::KIND => of::<Referral>(history)?,
        Assignment::KIND => of::<Assignment>(history)?,
        Custody::KIND => of::<Custody>(history)?,
        RelayWatch::KIND => of::<RelayWatch>(history)?,
        CaseTeam::KIND => of::<CaseTeam>(history)?,
        FollowUpPlan::KIND => of::<FollowUpPlan>(history)?,
        KeyGrant::KIND => of::<KeyGrant>(history)?,
        KeyReceipt::KIND => of::<KeyReceipt>(history)?,
        PublishedKey::KIND => of::<PublishedKey>(history)?,
        Erasure::KIND => of::<Erasure>(history)?,
        TextAccess::KIND => of::<TextAccess>(history)?,
        _ => return Ok(None),
    };
    Ok(Some(state))
}

fn of<A: Aggregate>(history: &[Recorded]) -> Result<Value, UnknownEvent> {
    let state: A = fold(history)?;
    Ok(serde_json::to_value(state).expect("states are plain data with text keys"))
}

#[cfg(test)]
mod tests;
