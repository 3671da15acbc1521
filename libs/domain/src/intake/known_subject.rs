//! What the events of an intake say of the young person, as far as it decides whose consent counts.

use serde::{Deserialize, Serialize};

use super::IntakeEvent;
use super::contact::{AgeBand, Matter, SafetyMark};
use super::triage::RiskReason;

/// Unknown until an event says otherwise; an unknown age counts as under 14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSubject {
    pub age_band: AgeBand,
    pub guardian_suspected: bool,
}

impl Default for KnownSubject {
    fn default() -> Self {
        Self {
            age_band: AgeBand::Unknown,
            guardian_suspected: false,
        }
    }
}

impl KnownSubject {
    /// Takes in the next event of the intake.
    pub fn hear_of(&mut self, event: &IntakeEvent) {
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
