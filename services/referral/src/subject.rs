//! What the region's intake has recorded of a case's young person: it decides whose consent counts.

use std::sync::Arc;

use domain::ids::CaseId;
use domain::intake::contact::{AgeBand, Matter, SafetyMark};
use domain::intake::triage::RiskReason;
use domain::intake::{Intake, IntakeEvent};
use domain::referral::{Assignment, AssignmentEvent};
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

const UNKNOWN: Subject = Subject {
    age_band: AgeBand::Unknown,
    guardian_suspected: false,
};

/// Follows the region's own intake; and, for cases that began elsewhere, what came with them.
pub(crate) struct Subjects {
    pub(crate) logs: Vec<LogId>,
}

impl Projection for Subjects {
    fn name(&self) -> &'static str {
        "referral-subjects"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        let envelope = &event.envelope;
        let Some(case) = envelope.caseid.map(CaseId) else {
            return Ok(());
        };
        let key = case.to_string();
        let before: Option<Subject> = rows.get(SUBJECTS, key.as_bytes())?;
        let mut subject = before.unwrap_or(UNKNOWN);
        match envelope.subject.kind.as_str() {
            Intake::KIND => subject.hear_of_intake(&decode::<Intake>(envelope)?),
            // What was recorded here counts more than what comes back.
            Assignment::KIND if case.region() != envelope.region => {
                subject.hear_of_hop(&decode::<Assignment>(envelope)?);
            }
            _ => return Ok(()),
        }
        if before != Some(subject) {
            rows.put(SUBJECTS, key.as_bytes(), &subject)?;
        }
        Ok(())
    }
}

impl Subject {
    fn hear_of_hop(&mut self, event: &AssignmentEvent) {
        if let AssignmentEvent::Assigned(dispatch) = event {
            self.age_band = dispatch.submission.age_band;
            self.guardian_suspected = dispatch.submission.guardian_suspected;
        }
    }

    fn hear_of_intake(&mut self, event: &IntakeEvent) {
        match event {
            IntakeEvent::ContactRecorded { contact, .. } => {
                if let Matter::Concern {
                    subject: described, ..
                } = &contact.matter
                {
                    self.age_band = described.age_band;
                }
            }
            IntakeEvent::SubjectDescribed { subject: described } => {
                self.age_band = described.age_band;
            }
            IntakeEvent::Triaged { assessment, .. }
            | IntakeEvent::Reassessed { assessment, .. } => {
                self.guardian_suspected |=
                    assessment.reasons.contains(&RiskReason::GuardianSuspected);
            }
            // The mark is set because the guardian is the suspect; lifted when that is settled.
            IntakeEvent::SafetyMarked {
                mark: SafetyMark::NeverTellGuardian,
                ..
            } => {
                self.guardian_suspected = true;
            }
            IntakeEvent::SafetyMarkLifted {
                mark: SafetyMark::NeverTellGuardian,
                ..
            } => {
                self.guardian_suspected = false;
            }
            _ => {}
        }
    }
}

/// What is recorded of a case's young person, if anything is.
pub(crate) fn of(
    store: &Arc<dyn ProjectionStore>,
    case: CaseId,
) -> Result<Option<Subject>, StoreError> {
    Rows::new(store.clone()).get(SUBJECTS, case.to_string().as_bytes())
}
