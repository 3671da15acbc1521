//! A case at a glance: one row a case, for the list of cases.

use std::sync::Arc;

use domain::ids::CaseId;
use domain::intake::{Intake, IntakeEvent};
use domain::referral::{Custody, CustodyEvent};
use domain::values::{CaseType, Party, RiskLevel};
use eventsourcing::{
    Aggregate, Body, Hash, Position, ProjectionError, ProjectionStore, Recorded, Rows, StoreError,
    decode,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const TABLE: &str = "timeline-summary";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CaseRow {
    pub(crate) case: CaseId,
    pub(crate) case_type: Option<CaseType>,
    pub(crate) risk: Option<RiskLevel>,
    pub(crate) custodian: Option<Party>,
    /// Of the token that names the custodian: an older one that comes late changes nothing.
    custody_epoch: u64,
    pub(crate) received_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) entries: u64,
    last_event: String,
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
            case_type: None,
            risk: None,
            custodian: None,
            custody_epoch: 0,
            received_at: at,
            updated_at: at,
            entries: 0,
            last_event: String::new(),
        }
    }

    fn assess(&mut self, case_type: CaseType, risk: RiskLevel) {
        self.case_type = Some(case_type);
        self.risk = Some(risk);
    }

    fn entrust(&mut self, custodian: Party, epoch: u64) {
        if epoch > self.custody_epoch {
            self.custodian = Some(custodian);
            self.custody_epoch = epoch;
        }
    }
}

/// Takes one event of the case into its row.
pub(crate) fn take_in(event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
    let envelope = &event.envelope;
    let Some(case) = envelope.caseid.map(CaseId) else {
        return Ok(());
    };
    let key = case.to_string();
    let row = rows.get::<CaseRow>(TABLE, key.as_bytes())?;
    let mut row = row.unwrap_or_else(|| CaseRow::begin(case, envelope.recordedtime));
    row.entries += 1;
    row.received_at = row.received_at.min(envelope.recordedtime);
    if envelope.recordedtime >= row.updated_at {
        row.updated_at = envelope.recordedtime;
        row.last_event = String::from_utf8_lossy(event.body.bytes()).into_owned();
    }
    match envelope.subject.kind.as_str() {
        Intake::KIND => match decode::<Intake>(envelope)? {
            IntakeEvent::Triaged { assessment, .. }
            | IntakeEvent::Reassessed { assessment, .. } => {
                row.assess(assessment.case_type, assessment.risk);
            }
            // Counts as the token until custody has made it.
            IntakeEvent::CaseOpened { custodian, .. } => row.entrust(custodian, 1),
            _ => {}
        },
        Custody::KIND => match decode::<Custody>(envelope)? {
            CustodyEvent::CustodyOpened {
                custodian, epoch, ..
            } => row.entrust(custodian, epoch),
            CustodyEvent::CustodyReleased { to, epoch, .. } => row.entrust(to, epoch),
            _ => {}
        },
        _ => {}
    }
    rows.put(TABLE, key.as_bytes(), &row)?;
    Ok(())
}

pub(crate) fn find(
    store: &Arc<dyn ProjectionStore>,
    case: CaseId,
) -> Result<Option<CaseRow>, StoreError> {
    let row = store.get(TABLE, case.to_string().as_bytes())?;
    row.map(|value| read(&value)).transpose()
}

/// At most `limit` cases after one, and where the next page begins.
pub(crate) fn list(
    store: &Arc<dyn ProjectionStore>,
    after: Option<CaseId>,
    limit: usize,
) -> Result<(Vec<CaseRow>, Option<CaseId>), StoreError> {
    let after = after.map(|case| case.to_string());
    let rows = store.scan(TABLE, b"", after.as_ref().map(String::as_bytes), limit + 1)?;
    let more = rows.len() > limit;
    let cases: Vec<CaseRow> = rows
        .iter()
        .take(limit)
        .map(|(_, value)| read(value))
        .collect::<Result<_, _>>()?;
    let next = cases.last().filter(|_| more).map(|last| last.case);
    Ok((cases, next))
}

fn read(value: &[u8]) -> Result<CaseRow, StoreError> {
    serde_json::from_slice(value)
        .map_err(|error| StoreError(format!("a row is unreadable: {error}")))
}
