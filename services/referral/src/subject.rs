//! What the region's intake has recorded of a case and its young person: it decides whose consent
//! counts and whether it was given, how grave the case is, and who opened it.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::ids::CaseId;
use domain::intake::consent::{ConsentEntry, ConsentPurpose, ConsentState};
use domain::intake::{Intake, IntakeEvent, KnownSubject, ReportFlag};
use domain::referral::{Assignment, AssignmentEvent, Consent};
use domain::values::{CaseType, Party, RiskLevel};
use eventsourcing::{
    Aggregate, LogId, Projection, ProjectionError, ProjectionStore, Recorded, Rows, StoreError,
    decode,
};
use serde::{Deserialize, Serialize};

const SUBJECTS: &str = "referral-subject";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) known: KnownSubject,
    /// Given for a referral, and neither withdrawn nor expired.
    pub(crate) consents: Vec<Consent>,
    /// As the intake here has assessed it last.
    pub(crate) assessed: Option<Assessed>,
    /// The desk here that opened the case.
    pub(crate) opened_by: Option<Party>,
}

/// What a hop says of the case where its intake is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Assessed {
    pub(crate) case_type: CaseType,
    pub(crate) risk: RiskLevel,
    pub(crate) flags: BTreeSet<ReportFlag>,
}

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
        let mut subject = before.clone().unwrap_or_default();
        match envelope.subject.kind.as_str() {
            Intake::KIND => subject.hear_of_intake(&decode::<Intake>(envelope)?),
            // What was recorded here counts more than what comes back.
            Assignment::KIND if case.region() != envelope.region => {
                subject.hear_of_hop(&decode::<Assignment>(envelope)?);
            }
            _ => return Ok(()),
        }
        if before.as_ref() != Some(&subject) {
            rows.put(SUBJECTS, key.as_bytes(), &subject)?;
        }
        Ok(())
    }
}

impl Subject {
    fn hear_of_hop(&mut self, event: &AssignmentEvent) {
        if let AssignmentEvent::Assigned(dispatch) = event {
            let told = &dispatch.submission;
            self.known = KnownSubject {
                age_band: told.age_band,
                guardian_suspected: told.guardian_suspected,
            };
            self.consents.clone_from(&told.consents);
        }
    }

    fn hear_of_intake(&mut self, event: &IntakeEvent) {
        self.known.hear_of(event);
        match event {
            IntakeEvent::Triaged { assessment, .. }
            | IntakeEvent::Reassessed { assessment, .. } => {
                self.assessed = Some(Assessed {
                    case_type: assessment.case_type,
                    risk: assessment.risk,
                    flags: assessment.flags.clone(),
                });
            }
            IntakeEvent::CaseOpened {
                custodian,
                case_type,
                risk,
                flags,
            } => {
                self.assessed = Some(Assessed {
                    case_type: *case_type,
                    risk: *risk,
                    flags: flags.clone(),
                });
                self.opened_by = Some(*custodian);
            }
            IntakeEvent::ConsentRecorded { entry } | IntakeEvent::ConsentExpired { entry } => {
                self.hear_of_consent(entry);
            }
            _ => {}
        }
    }

    /// The last line of each giver counts.
    fn hear_of_consent(&mut self, entry: &ConsentEntry) {
        if entry.purpose != ConsentPurpose::Referral {
            return;
        }
        self.consents.retain(|consent| consent.by != entry.by);
        if entry.state == ConsentState::Given {
            self.consents.push(Consent {
                by: entry.by,
                receivers: entry.receivers.clone(),
                valid_until: entry.valid_until,
            });
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
