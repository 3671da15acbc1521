//! What is queried: hops and custody as they stand, and the duties that wake the clock.
//!
//! A region knows its own sides of hops from its own log. Of hops between others it follows those
//! that concern it: because the chain began here, or because they are watched from here.

mod elsewhere;

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::ids::{CaseId, ReferralId};
use domain::referral::{
    Assignment, Custody, Dispatch, HopKind, HopState, HopView, Referral, RelayWatch, Terms,
};
use eventsourcing::{
    Aggregate, Due, LogId, Projection, ProjectionError, ProjectionStore, Recorded, Region, Rows,
    StoreError, Version, decode,
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) use self::elsewhere::Elsewhere;
use crate::inbox::{self, Change};

/// Duty of a referral: somebody owes it an answer.
pub(crate) const ANSWER: &str = "answer";
/// Duty of an assignment: it waits for information.
pub(crate) const PAUSE: &str = "pause";
/// Duty of a watch: nothing has been heard of an answer.
pub(crate) const SILENCE: &str = "silence";

/// Hop uuid -> row.
pub(crate) const HOPS: &str = "referral-hop";
/// `<case>/<hop>` -> hop uuid.
const BY_CASE: &str = "referral-case";
/// Case -> custody.
const CUSTODY: &str = "referral-custody";

/// A hop as this region knows it: as its sender, its receiver, or both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HopRow {
    pub(crate) case: CaseId,
    pub(crate) referral: Option<Known<Referral>>,
    pub(crate) assignment: Option<Known<Assignment>>,
    /// Where neither side is here.
    pub(crate) elsewhere: Option<Elsewhere>,
    /// The last event about it.
    pub(crate) last: Change,
}

/// An aggregate, folded by the same `evolve` that decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known<A> {
    pub(crate) state: A,
    pub(crate) version: Version,
}

impl HopRow {
    pub(crate) fn new(case: CaseId, last: Change) -> Self {
        Self {
            case,
            referral: None,
            assignment: None,
            elsewhere: None,
            last,
        }
    }

    /// The due time after which this region, which watches the hop, has heard nothing.
    pub(crate) fn silent_since(&self) -> Option<Timestamp> {
        self.elsewhere.as_ref()?.silent_since()
    }

    /// None until it is dispatched.
    pub(crate) fn dispatch(&self) -> Option<&Dispatch> {
        let received = self
            .assignment
            .as_ref()
            .and_then(|known| known.state.dispatch());
        let sent = self
            .referral
            .as_ref()
            .and_then(|known| known.state.dispatch());
        let elsewhere = self.elsewhere.as_ref();
        received
            .or(sent)
            .or(elsewhere.and_then(Elsewhere::dispatch))
    }

    pub(crate) fn terms(&self) -> Option<&Terms> {
        let sent = self.referral.as_ref().and_then(|known| known.state.terms());
        sent.or(self.dispatch().map(|dispatch| &dispatch.terms))
    }

    /// The receiver's view where this region is the receiver: it moves the hop from then on.
    pub(crate) fn view(&self) -> Option<&HopView> {
        let received = self.assignment.as_ref().map(|known| known.state.view());
        let sent = self.referral.as_ref().map(|known| known.state.view());
        let elsewhere = self.elsewhere.as_ref().map(Elsewhere::view);
        received.or(sent).or(elsewhere)
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
    /// The referral logs of all regions.
    pub(crate) logs: Vec<LogId>,
    pub(crate) directory: Arc<DirectoryView>,
}

impl Projection for HopRows {
    fn name(&self) -> &'static str {
        "referral-rows"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        if event.envelope.region != self.region {
            return self.far_hop(event, rows);
        }
        match event.envelope.subject.kind.as_str() {
            Referral::KIND => self.hop(event, rows, |row| &mut row.referral, answer_due),
            Assignment::KIND => self.hop(event, rows, |row| &mut row.assignment, pause_due),
            Custody::KIND => {
                custody_moved(event, rows)?;
                self.far_hop(event, rows)
            }
            RelayWatch::KIND => self.silence_raised(event, rows),
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
        let before = known.clone();
        let mut row = known.unwrap_or_else(|| HopRow::new(case, change(event)));
        row.last = change(event);
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
        self.put(before.as_ref(), &row, rows)
    }

    fn put(
        &self,
        before: Option<&HopRow>,
        row: &HopRow,
        rows: &mut Rows,
    ) -> Result<(), ProjectionError> {
        let uuid = row.last.hop;
        rows.put(HOPS, uuid.as_bytes(), row)?;
        rows.put(BY_CASE, format!("{}/{uuid}", row.case).as_bytes(), &uuid)?;
        Ok(inbox::changed(self.region, before, row, rows)?)
    }
}

fn change(event: &Recorded) -> Change {
    Change {
        hop: event.envelope.subject.id.uuid,
        event: event.envelope.id,
        event_type: event.envelope.event_type.clone(),
        at: event.envelope.recordedtime,
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

/// The hops of a case after a page token, by id, each with the token that follows it.
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
