//! Replay: a case as of a moment, folded from the logs by the same rules that decide.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::caseteam::CaseTeam;
use domain::followup::FollowUpPlan;
use domain::intake::Intake;
use domain::keys::{Erasure, KeyGrant, KeyReceipt, PublishedKey, TextAccess};
use domain::referral::{Assignment, Custody, Referral};
use eventsourcing::{
    Aggregate, EventFeed, LogId, Recorded, ScopedId, StreamId, UnknownEvent, fold,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::reading::known_by;
use crate::verify::read_log;

/// A case as of a moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replayed {
    pub(crate) aggregates: Vec<AggregateState>,
    pub(crate) events: u64,
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
    let mut events = Vec::new();
    for log in logs {
        let report = read_log(feed, log, |event| {
            if event.envelope.caseid == Some(case) {
                events.push(event);
            }
        });
        let report = report.await;
        if let Some(problem) = report.problem {
            return Err(ReplayError::Unreadable {
                log: log.clone(),
                problem,
            });
        }
    }
    folded(known_by(events, as_of))
}

fn folded(events: Vec<Recorded>) -> Result<Replayed, ReplayError> {
    let count = events.len() as u64;
    let mut streams: BTreeMap<(LogId, StreamId), Vec<Recorded>> = BTreeMap::new();
    for event in events {
        let key = (event.envelope.log(), event.envelope.subject.clone());
        streams.entry(key).or_default().push(event);
    }
    let mut aggregates = Vec::new();
    for ((log, stream), history) in streams {
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
    })
}

/// The state of one stream; `None` for what is no aggregate: the notes of policies.
fn state(kind: &str, history: &[Recorded]) -> Result<Option<Value>, UnknownEvent> {
    let state = match kind {
        Intake::KIND => of::<Intake>(history)?,
        Referral::KIND => of::<Referral>(history)?,
        Assignment::KIND => of::<Assignment>(history)?,
        Custody::KIND => of::<Custody>(history)?,
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
