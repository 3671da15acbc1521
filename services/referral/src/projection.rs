//! What is queried: hops and custody as they stand, and the duties that wake the clock.
//!
//! A region knows its own sides of hops from its own log. Of hops between others it follows those
//! that concern it: because the chain began here, or because they are watched from here.

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::ids::{CaseId, ReferralId};
use domain::referral::reactions::{HopEvent, Seen};
use domain::referral::relay_watch::silent_from;
use domain::referral::{
    Assignment, AssignmentEvent, Custody, CustodyEvent, Dispatch, HopKind, HopState, HopView,
    Referral, ReferralEvent, RelayWatch, RelayWatchEvent, SenderMove, Terms,
};
use domain::values::Party;
use eventsourcing::{
    Aggregate, Due, LogId, Projection, ProjectionError, ProjectionStore, Recorded, Region, Rows,
    StoreError, StreamId, Version, decode,
};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::inbox::{self, Change};

/// Duty of a referral: somebody owes it an answer.
pub(crate) const ANSWER: &str = "answer";
/// Duty of an assignment: it waits for information.
pub(crate) const PAUSE: &str = "pause";

/// Duty of a watch: nothing has been heard of an answer.
pub(crate) const SILENCE: &str = "silence";

/// Hop uuid -> row.
const HOPS: &str = "referral-hop";
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

/// A hop between two other regions, told from their logs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Elsewhere {
    /// None while nothing but the custodian's ruling has been heard of it.
    dispatch: Option<Box<Dispatch>>,
    view: HopView,
    /// The due time about which nothing was heard, as was raised here.
    silent_since: Option<Timestamp>,
}

/// An aggregate, folded by the same `evolve` that decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known<A> {
    pub(crate) state: A,
    pub(crate) version: Version,
}

impl HopRow {
    fn new(case: CaseId, last: Change) -> Self {
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
        let elsewhere = self.elsewhere.as_ref()?;
        let due_at = elsewhere.view.due_at();
        elsewhere
            .silent_since
            .filter(|since| due_at == Some(*since))
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
            .or(elsewhere.and_then(|known| known.dispatch.as_deref()))
    }

    pub(crate) fn terms(&self) -> Option<&Terms> {
        let sent = self.referral.as_ref().and_then(|known| known.state.terms());
        sent.or(self.dispatch().map(|dispatch| &dispatch.terms))
    }

    /// The receiver's view where this region is the receiver: it moves the hop from then on.
    pub(crate) fn view(&self) -> Option<&HopView> {
        let received = self.assignment.as_ref().map(|known| known.state.view());
        let sent = self.referral.as_ref().map(|known| known.state.view());
        let elsewhere = self.elsewhere.as_ref().map(|known| &known.view);
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

    /// An event about a hop that may lie between two other regions.
    fn far_hop(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        let Some(seen) = Seen::read(event)? else {
            return Ok(());
        };
        let Some(hop) = seen.event.hop() else {
            return Ok(());
        };
        let before: Option<HopRow> = rows.get(HOPS, hop.0.uuid.as_bytes())?;
        let is_party = |row: &HopRow| row.referral.is_some() || row.assignment.is_some();
        let told = sent(&seen.event).filter(|sent| self.concerns(sent));
        // A ruling may be heard of before the hop that it is about.
        let begins = told.is_some() || is_ruling(&seen.event);
        if before.as_ref().map_or(!begins, is_party) {
            return Ok(());
        }
        let last = Change {
            hop: hop.0.uuid,
            ..change(event)
        };
        let mut row = before
            .clone()
            .unwrap_or_else(|| HopRow::new(seen.case, last.clone()));
        let mut far = row.elsewhere.take().unwrap_or_default();
        let was_due = self.silence_due(&far);
        let was = far.clone();
        if let (None, Some(sent)) = (&far.dispatch, told) {
            let answer_due_at = sent.answer_due_at;
            far.view.sent(SenderMove::Dispatched { answer_due_at });
            far.dispatch = Some(sent.clone());
        }
        seen.event.tell(&mut far.view);
        if far == was {
            return Ok(());
        }
        let due = self.silence_due(&far);
        if due != was_due {
            self.watch(event, hop, due, rows)?;
        }
        row.elsewhere = Some(far);
        row.last = last;
        self.put(before.as_ref(), &row, rows)
    }

    fn silence_raised(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        let RelayWatchEvent::OwnerSilent { hop, due_at, .. } =
            decode::<RelayWatch>(&event.envelope)?;
        let Some(before) = rows.get::<HopRow>(HOPS, hop.0.uuid.as_bytes())? else {
            return Ok(());
        };
        let mut row = before.clone();
        if let Some(far) = &mut row.elsewhere {
            far.silent_since = Some(due_at);
            row.last = change(event);
            self.put(Some(&before), &row, rows)?;
        }
        Ok(())
    }

    /// Neither side is here, but the first desk of the chain is, or whoever watches.
    fn concerns(&self, sent: &Dispatch) -> bool {
        let parties = [sent.terms.from, sent.terms.to];
        let here = |unit: Party| unit.region() == self.region;
        !parties.into_iter().any(here) && (here(sent.terms.origin) || self.watches(sent))
    }

    /// Whether it is relayed here, or would come here if nobody answered.
    fn watches(&self, sent: &Dispatch) -> bool {
        let mut watching = [sent.terms.relay, sent.escalate_to].into_iter().flatten();
        watching.any(|unit| unit.region() == self.region)
    }

    /// When the owner of a hop that is watched here is silent, unless something is heard.
    fn silence_due(&self, far: &Elsewhere) -> Option<Timestamp> {
        let sent = far.dispatch.as_ref().filter(|sent| self.watches(sent))?;
        far.view
            .due_at()
            .filter(|_| !far.view.alarmed())
            .map(|due_at| match self.directory.rules(self.region) {
                Some(rules) => silent_from(due_at, sent.terms.risk, &rules),
                // The rule that is woken asks again.
                None => due_at,
            })
    }

    fn watch(
        &self,
        event: &Recorded,
        hop: ReferralId,
        due: Option<Timestamp>,
        rows: &mut Rows,
    ) -> Result<(), ProjectionError> {
        let stream = StreamId::new(RelayWatch::KIND, hop.at(self.region).0);
        let Some(due_at) = due else {
            return Ok(rows.end_duty(&stream, SILENCE)?);
        };
        Ok(rows.start_duty(&Due {
            due_at,
            duty: SILENCE.to_owned(),
            stream,
            cause: event.envelope.id,
            case: event.envelope.caseid,
        })?)
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

/// The dispatch, as its sender or as its receiver records it.
fn sent(event: &HopEvent) -> Option<&Box<Dispatch>> {
    match event {
        HopEvent::Referral(ReferralEvent::Dispatched(sent))
        | HopEvent::Assignment(AssignmentEvent::Assigned(sent)) => Some(sent),
        _ => None,
    }
}

fn is_ruling(event: &HopEvent) -> bool {
    matches!(
        event,
        HopEvent::Custody(
            CustodyEvent::CustodyReleased { .. } | CustodyEvent::AcceptanceVoided { .. }
        )
    )
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
