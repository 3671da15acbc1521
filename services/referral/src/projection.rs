//! What is queried: hops and custody as they stand, and the duties that wake the clock.

use std::sync::Arc;

use domain::ids::{CaseId, ReferralId};
use domain::referral::{
    Assignment, Custody, Dispatch, HopKind, HopState, HopView, Referral, Terms,
};
use eventsourcing::{
    Aggregate, Due, LogId, Projection, ProjectionError, ProjectionStore, Recorded, Region, Rows,
    StoreError, Version, decode,
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::inbox;

/// Duty of a referral: somebody owes it an answer.
pub(crate) const ANSWER: &str = "answer";
/// Duty of an assignment: it waits for information.
pub(crate) const PAUSE: &str = "pause";

/// Hop uuid -> row.
const HOPS: &str = "referral-hop";
/// `<case>/<number>` -> hop uuid, oldest first.
const BY_CASE: &str = "referral-case";
/// Case -> custody.
const CUSTODY: &str = "referral-custody";

/// A hop as this region knows it: as its sender, its receiver, or both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HopRow {
    pub(crate) case: CaseId,
    pub(crate) referral: Option<Known<Referral>>,
    pub(crate) assignment: Option<Known<Assignment>>,
    /// When the last event about it was recorded.
    pub(crate) updated_at: Timestamp,
}

/// An aggregate, folded by the same `evolve` that decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known<A> {
    pub(crate) state: A,
    pub(crate) version: Version,
}

impl HopRow {
    fn new(case: CaseId, updated_at: Timestamp) -> Self {
        Self {
            case,
            referral: None,
            assignment: None,
            updated_at,
        }
    }

    /// None until it is dispatched.
    pub(crate) fn dispatch(&self) -> Option<&Dispatch> {
        let received = self
            .assignment
            .as_ref()
            .and_then(|known| known.state.dispatch());
        received.or(self
            .referral
            .as_ref()
            .and_then(|known| known.state.dispatch()))
    }

    pub(crate) fn terms(&self) -> Option<&Terms> {
        let sent = self.referral.as_ref().and_then(|known| known.state.terms());
        let received = self
            .assignment
            .as_ref()
            .and_then(|known| known.state.dispatch());
        sent.or(received.map(|dispatch| &dispatch.terms))
    }

    /// The receiver's view where this region is the receiver: it moves the hop from then on.
    pub(crate) fn view(&self) -> Option<&HopView> {
        let received = self.assignment.as_ref().map(|known| known.state.view());
        received.or(self.referral.as_ref().map(|known| known.state.view()))
    }

    pub(crate) fn state(&self) -> Option<HopState> {
        self.view().and_then(HopView::state)
    }

    pub(crate) fn parent(&self) -> Option<ReferralId> {
        match self.terms()?.kind {
            HopKind::Onward { parent } => Some(parent),
            HopKind::Escalation { of } => Some(of),
            HopKind::ByWorker | HopKind::ByRule => None,
        }
    }
}

pub(crate) struct HopRows {
    pub(crate) region: Region,
    pub(crate) log: LogId,
}

impl Projection for HopRows {
    fn name(&self) -> &'static str {
        "referral-rows"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        match event.envelope.subject.kind.as_str() {
            Referral::KIND => self.hop(event, rows, |row| &mut row.referral, answer_due),
            Assignment::KIND => self.hop(event, rows, |row| &mut row.assignment, pause_due),
            Custody::KIND => custody_moved(event, rows),
            _ => Ok(()),
        }
    }
}

impl HopRows {
    fn hop<A: Aggregate + DeserializeOwned>(
        &self,
        event: &Recorded,
        rows: &mut Rows,
        side: impl Fn(&mut HopRow) -> &mut Option<Known<A>>,
        due: impl Fn(&A) -> (&'static str, Option<Timestamp>),
    ) -> Result<(), ProjectionError> {
        let envelope = &event.envelope;
        let Some(case) = envelope.caseid.map(CaseId) else {
            return Ok(());
        };
        let uuid = envelope.subject.id.uuid;
        let known: Option<HopRow> = rows.get(HOPS, uuid.as_bytes())?;
        if known.is_none() {
            let number = format!("{case}/{:016x}", event.position.0);
            rows.put(BY_CASE, number.as_bytes(), &uuid)?;
        }
        let before = known.clone();
        let mut row = known.unwrap_or_else(|| HopRow::new(case, envelope.recordedtime));
        row.updated_at = envelope.recordedtime;
        let side = side(&mut row);
        let mut state = side.take().map_or_else(A::default, |known| known.state);
        let was_due = due(&state).1;
        state.evolve(&decode::<A>(envelope)?);
        let (duty, due_at) = due(&state);
        *side = Some(Known {
            state,
            version: envelope.version,
        });
        match due_at {
            Some(due_at) if was_due != Some(due_at) => rows.start_duty(&Due {
                due_at,
                duty: duty.to_owned(),
                stream: envelope.subject.clone(),
                cause: envelope.id,
                case: envelope.caseid,
            })?,
            Some(_) => {}
            None => rows.end_duty(&envelope.subject, duty)?,
        }
        rows.put(HOPS, uuid.as_bytes(), &row)?;
        let change = inbox::Changed {
            uuid,
            row,
            event: envelope.id,
            event_type: envelope.event_type.clone(),
        };
        inbox::changed(self.region, before.as_ref(), &change, rows)?;
        Ok(())
    }
}

fn answer_due(referral: &Referral) -> (&'static str, Option<Timestamp>) {
    (ANSWER, referral.expires_at())
}

fn pause_due(assignment: &Assignment) -> (&'static str, Option<Timestamp>) {
    (PAUSE, assignment.paused_until())
}

fn custody_moved(event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
    let Some(case) = event.envelope.caseid else {
        return Ok(());
    };
    let key = case.to_string();
    let mut custody: Custody = rows.get(CUSTODY, key.as_bytes())?.unwrap_or_default();
    custody.evolve(&decode::<Custody>(&event.envelope)?);
    rows.put(CUSTODY, key.as_bytes(), &custody)?;
    Ok(())
}

/// One hop, by the uuid that its referral id and its assignment id share.
pub(crate) fn hop(
    store: &Arc<dyn ProjectionStore>,
    uuid: Uuid,
) -> Result<Option<HopRow>, StoreError> {
    Rows::new(store.clone()).get(HOPS, uuid.as_bytes())
}

/// The hops of a case after a page token, oldest first, each with the token that follows it.
pub(crate) fn hops_of(
    store: &Arc<dyn ProjectionStore>,
    case: CaseId,
    after: &str,
    limit: usize,
) -> Result<Vec<(String, Uuid, HopRow)>, StoreError> {
    let prefix = format!("{case}/");
    let after = format!("{prefix}{after}");
    let mut hops = Vec::new();
    for (key, value) in store.scan(BY_CASE, prefix.as_bytes(), Some(after.as_bytes()), limit)? {
        let token = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let uuid: Uuid = serde_json::from_slice(&value)
            .map_err(|error| StoreError(format!("a case's row is unreadable: {error}")))?;
        hops.extend(hop(store, uuid)?.map(|row| (token, uuid, row)));
    }
    Ok(hops)
}

/// Custody of a case, as far as this region has had it.
pub(crate) fn custody(
    store: &Arc<dyn ProjectionStore>,
    case: CaseId,
) -> Result<Option<Custody>, StoreError> {
    Rows::new(store.clone()).get(CUSTODY, case.to_string().as_bytes())
}
