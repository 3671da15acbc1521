//! What the region's intake has recorded of a case's young person: it decides whose consent counts.

use std::sync::Arc;

use domain::ids::CaseId;
use domain::intake::contact::{AgeBand, Matter, SafetyMark};
use domain::intake::triage::RiskReason;
use domain::intake::{Intake, IntakeEvent};
use eventsourcing::{
    Aggregate, LogId, Projection, ProjectionError, ProjectionStore, Recorded, Rows, StoreError,
    decode,
};
use serde::{Deserialize, Serialize};

const SUBJECTS: &str = "referral-subject";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) age_band: AgeBand,
    pub(crate) guardian_suspected: bool,
}

/// Follows the region's own intake.
pub(crate) struct Subjects {
    pub(crate) log: LogId,
}

impl Projection for Subjects {
    fn name(&self) -> &'static str {
        "referral-subjects"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        let envelope = &event.envelope;
        let (Some(case), Intake::KIND) = (envelope.caseid, envelope.subject.kind.as_str()) else {
            return Ok(());
        };
        let key = case.to_string();
        let known: Option<Subject> = rows.get(SUBJECTS, key.as_bytes())?;
        let mut subject = known.unwrap_or(Subject {
            age_band: AgeBand::Unknown,
            guardian_suspected: false,
        });
        match decode::<Intake>(envelope)? {
            IntakeEvent::ContactRecorded { contact, .. } => {
                if let Matter::Concern {
                    subject: described, ..
                } = &contact.matter
                {
                    subject.age_band = described.age_band;
                }
            }
            IntakeEvent::SubjectDescribed { subject: described } => {
                subject.age_band = described.age_band;
            }
            IntakeEvent::Triaged { assessment, .. }
            | IntakeEvent::Reassessed { assessment, .. } => {
                subject.guardian_suspected |=
                    assessment.reasons.contains(&RiskReason::GuardianSuspected);
            }
            // The mark is set because the guardian is the suspect; lifted when that is settled.
            IntakeEvent::SafetyMarked {
                mark: SafetyMark::NeverTellGuardian,
                ..
            } => {
                subject.guardian_suspected = true;
            }
            IntakeEvent::SafetyMarkLifted {
                mark: SafetyMark::NeverTellGuardian,
                ..
            } => {
                subject.guardian_suspected = false;
            }
            _ => return Ok(()),
        }
        rows.put(SUBJECTS, key.as_bytes(), &subject)?;
        Ok(())
    }
}

/// What is recorded of a case's young person; none for a case of another region.
pub(crate) fn of(
    store: &Arc<dyn ProjectionStore>,
    case: CaseId,
) -> Result<Option<Subject>, StoreError> {
    Rows::new(store.clone()).get(SUBJECTS, case.to_string().as_bytes())
}
