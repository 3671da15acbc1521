//! A recorded contact: what each event changes.

use jiff::Timestamp;

use super::Record;
use crate::intake::contact::{Matter, Subject};
use crate::intake::stage::Ending;
use crate::intake::{IntakeEvent, ProposalCause};

impl Record {
    pub(in crate::intake) fn evolve(&mut self, event: &IntakeEvent) {
        match event {
            // The first receipt stays the first.
            IntakeEvent::ContactRecorded { .. } => {}
            IntakeEvent::SubjectDescribed { subject } => self.describe(subject),
            IntakeEvent::Triaged {
                assessment,
                first_action_due_at,
                ..
            } => {
                self.first_action_due_at = *first_action_due_at;
                self.stage.assess(assessment);
            }
            IntakeEvent::Reassessed {
                assessment,
                first_action_due_at,
                worse_since,
                ..
            } => {
                if worse_since.is_some() {
                    self.first_action_missed = false;
                    self.first_action_since = *worse_since;
                }
                self.first_action_due_at = *first_action_due_at;
                self.stage.assess(assessment);
            }
            IntakeEvent::FirstActionMissed { .. } => self.first_action_missed = true,
            IntakeEvent::EmergencyServiceTold { service, at, .. } => {
                self.acted_at(*at);
                self.told.insert(*service);
            }
            IntakeEvent::SafetyMarked { mark, .. } => {
                self.safety.insert(*mark);
            }
            IntakeEvent::SafetyMarkLifted { mark, .. } => {
                self.safety.remove(mark);
            }
            IntakeEvent::ConsentRecorded { entry }
            | IntakeEvent::ConsentExpired { entry }
            | IntakeEvent::ConsentVoided { entry } => {
                self.consents.add((**entry).clone());
            }
            IntakeEvent::LegalBasisRecorded { basis } => self.legal_bases.push(basis.clone()),
            IntakeEvent::CallbackPlanned { plan } => self.callbacks.follow(plan),
            IntakeEvent::CallbackPlanCancelled { .. } => self.callbacks.drop_plan(),
            IntakeEvent::CallbackAttempted { attempt, .. } => {
                self.acted_at(Some(attempt.at));
                self.callbacks.add(*attempt);
            }
            IntakeEvent::CallbackMissed { .. } => self.callbacks.untried_until = None,
            IntakeEvent::CallbacksExhausted { .. } => self.callbacks.exhausted = true,
            IntakeEvent::CaseOpened { custodian, .. } => self.stage.open(*custodian),
            IntakeEvent::ReferralProposed { because, .. } => {
                if matches!(**because, ProposalCause::Supervisor { .. }) {
                    self.acted();
                }
                self.stage.propose_referral();
            }
            IntakeEvent::EndedWithoutCase { outcome, .. } => {
                self.acted();
                self.callbacks.drop_plan();
                self.stage.end(Ending::WithoutCase(*outcome));
            }
            IntakeEvent::KeptHere { .. } => self.stage.keep_here(),
            IntakeEvent::HandedOver { to, hop, .. } => {
                self.acted();
                self.callbacks.drop_plan();
                self.stage.end(Ending::HandedOver { to: *to, hop: *hop });
            }
        }
    }

    /// A person has done something at that moment; what is owed for a risk that became worse later
    /// is owed still.
    fn acted_at(&mut self, at: Option<Timestamp>) {
        if at.is_none() || at >= self.first_action_since {
            self.acted();
        }
    }

    /// A person has done something about it, or it is no longer this desk's to do.
    fn acted(&mut self) {
        self.first_action_due_at = None;
        self.first_action_missed = false;
    }

    fn describe(&mut self, known: &Subject) {
        if let Matter::Concern { subject, .. } = &mut self.contact.matter {
            *subject = known.clone();
        }
    }
}
