//! A case at a glance: one row a case, for the list of cases.

use std::sync::Arc;

use domain::ids::CaseId;
use domain::intake::{Intake, IntakeEvent};
use domain::referral::{Custody, CustodyEvent};
use domain::values::{CaseType, Party, RiskLevel};
use eventsourcing::{
    Aggregate, Body, Hash, Order, Position, ProjectionStore, Recorded, Rows, StoreError,
    UnknownEvent, decode,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::sentences::is_known;

const TABLE: &str = "timeline-summary";
/// The cases among the contacts: `<case>` -> nothing.
const OPENED: &str = "timeline-opened";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CaseRow {
    pub(crate) case: CaseId,
    /// Whether a case was opened; otherwise it is, so far, a contact.
    pub(crate) opened: bool,
    pub(crate) case_type: Option<CaseType>,
    pub(crate) risk: Option<RiskLevel>,
    pub(crate) custodian: Option<Party>,
    /// Of the token that names the custodian: an older one that comes late changes nothing.
    custody_epoch: u64,
    pub(crate) received_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) entries: u64,
    /// Events that are here and wait to be told until what came before them is.
    pub(crate) waiting: u64,
    /// Told events that this program does not know, from a newer one.
    pub(crate) unknown: u64,
    /// The event recorded last, and its place among those: whatever came first, the same one is last.
    last_event: String,
    last_place: Option<(Timestamp, Order, Uuid)>,
}

impl CaseRow {
    /// The event recorded last, to be told as a sentence.
    pub(crate) fn last_event(&self) -> Option<Recorded> {
        let body = Body::from_bytes(self.last_event.clone().into()).ok()?;
        Recorded::read(Position(0), Hash([0; 32]), body).ok()
    }

    fn begin(case: CaseId, at: Timestamp) -> Self {
        Self {
            case,
            opened: false,
            case_type: None,
            risk: None,
            custodian: None,
            custody_epoch: 0,
            received_at: at,
            updated_at: at,
            entries: 0,
            waiting: 0,
            unknown: 0,
            last_event: String::new(),
            last_place: None,
        }
    }

    fn assess(&mut self, case_type: CaseType, risk: RiskLevel) {
        self.case_type = Some(case_type);
        self.risk = Some(risk);
    }

    /// What the event says of the case as a whole.
    fn learn(&mut self, event: &Recorded) -> Result<(), UnknownEvent> {
        let envelope = &event.envelope;
        match envelope.subject.kind.as_str() {
            Intake::KIND => match decode::<Intake>(envelope)? {
                IntakeEvent::Triaged { assessment, .. }
                | IntakeEvent::Reassessed { assessment, .. } => {
                    self.assess(assessment.case_type, assessment.risk);
                }
                // Counts as the token until custody has made it.
                IntakeEvent::CaseOpened { custodian, .. } => {
                    self.opened = true;
                    self.entrust(custodian, 1);
                }
                _ => {}
            },
            Custody::KIND => {
                self.opened = true;
                match decode::<Custody>(envelope)? {
                    CustodyEvent::CustodyOpened {
                        custodian, epoch, ..
                    } => self.entrust(custodian, epoch),
                    CustodyEvent::CustodyReleased { to, epoch, .. } => self.entrust(to, epoch),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn entrust(&mut self, custodian: Party, epoch: u64) {
        if epoch > self.custody_epoch {
            self.custodian = Some(custodian);
            self.custody_epoch = epoch;
        }
    }
}

/// Takes one event of a case, as it is told, into its row.
pub(crate) fn take_in(event: &Recorded, rows: &mut Rows) -> Result<(), StoreError> {
    let envelope = &event.envelope;
    let Some(mut row) = row_of(event, rows)? else {
        return Ok(());
    };
    row.entries += 1;
    row.received_at = row.received_at.min(envelope.recordedtime);
    let place = Some((envelope.recordedtime, envelope.order, envelope.id));
    if place >= row.last_place {
        row.updated_at = envelope.recordedtime;
        row.last_place = place;
        row.last_event = String::from_utf8_lossy(event.body.bytes()).into_owned();
    }
    // A newer region writes what we do not know: that must not hide the rest of the case.
    if row.learn(event).is_err() || !is_known(event) {
        row.unknown += 1;
    }
    if row.opened {
        rows.put(OPENED, row.case.to_string().as_bytes(), &())?;
    }
    put(&row, rows)
}

/// An event of the case is here, and cannot be told yet.
pub(crate) fn waits(event: &Recorded, rows: &mut Rows) -> Result<(), StoreError> {
    let Some(mut row) = row_of(event, rows)? else {
        return Ok(());
    };
    row.waiting += 1;
    put(&row, rows)
}

/// The wait of one event has ended.
pub(crate) fn waits_no_longer(event: &Recorded, rows: &mut Rows) -> Result<(), StoreError> {
    let Some(mut row) = row_of(event, rows)? else {
        return Ok(());
    };
    row.waiting = row.waiting.saturating_sub(1);
    put(&row, rows)
}

fn row_of(event: &Recorded, rows: &Rows) -> Result<Option<CaseRow>, StoreError> {
    let Some(case) = event.envelope.caseid.map(CaseId) else {
        return Ok(None);
    };
    let row = rows.get::<CaseRow>(TABLE, case.to_string().as_bytes())?;
    Ok(Some(row.unwrap_or_else(|| {
        CaseRow::begin(case, event.envelope.recordedtime)
    })))
}

fn put(row: &CaseRow, rows: &mut Rows) -> Result<(), StoreError> {
    rows.put(TABLE, row.case.to_string().as_bytes(), row)
}

pub(crate) fn find(
    store: &Arc<dyn ProjectionStore>,
    case: CaseId,
) -> Result<Option<CaseRow>, StoreError> {
    let row = store.get(TABLE, case.to_string().as_bytes())?;
    row.map(|value| read(&value)).transpose()
}

/// At most `limit` cases after one, and where the next page begins; with `contacts`, also what never
/// became a case.
pub(crate) fn list(
    store: &Arc<dyn ProjectionStore>,
    contacts: bool,
    after: Option<CaseId>,
    limit: usize,
) -> Result<(Vec<CaseRow>, Option<CaseId>), StoreError> {
    let after = after.map(|case| case.to_string());
    let table = if contacts { TABLE } else { OPENED };
    let keys = store.scan(table, b"", after.as_ref().map(String::as_bytes), limit + 1)?;
    let more = keys.len() > limit;
    let mut cases: Vec<CaseRow> = Vec::new();
    for (key, _) in keys.iter().take(limit) {
        let row = store.get(TABLE, key)?;
        let row = row.ok_or_else(|| StoreError("a listed case is missing".to_owned()))?;
        cases.push(read(&row)?);
    }
    let next = cases.last().filter(|_| more).map(|last| last.case);
    Ok((cases, next))
}

fn read(value: &[u8]) -> Result<CaseRow, StoreError> {
    serde_json::from_slice(value)
        .map_err(|error| StoreError(format!("a row is unreadable: {error}")))
}
