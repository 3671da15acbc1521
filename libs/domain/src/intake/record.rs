//! A recorded contact: what each command leads to; call-backs are in `calling_back`, what each event changes in `folding`.

mod calling_back;
mod folding;

use std::collections::BTreeSet;

use eventsourcing::Occasion;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::callbacks::{Attempt, CallbackNumber, Callbacks};
use super::consent::{ConsentEntry, ConsentGiver, ConsentLedger, ConsentState, LegalBasis};
use super::contact::{Contact, Matter, SafetyMark, Subject};
use super::stage::Stage;
use super::transitions::CommandKind;
use super::triage::{Assessment, EmergencyService};
use super::{Decision, IntakeCommand, IntakeEvent, IntakeRejection, ProposalCause};
use crate::directory::RuleSet;
use crate::ids::ReferralId;
use crate::sealed::{Sealed, Text};
use crate::transitions::NotAllowed;
use crate::values::{DisclosureBasis, Party};

/// A recorded contact and all that has become of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub desk: Party,
    pub received_at: Timestamp,
    pub contact: Contact,
    pub safety: BTreeSet<SafetyMark>,
    pub told: BTreeSet<EmergencyService>,
    pub consents: ConsentLedger,
    pub legal_bases: Vec<LegalBasis>,
    pub callbacks: Callbacks,
    /// While the first thing that a person does about it is owed.
    pub first_action_due_at: Option<Timestamp>,
    /// It is owed still, though its time has passed.
    pub first_action_missed: bool,
    /// What was done before does not end the duty: the risk has become worse since.
    #[serde(default)]
    pub first_action_since: Option<Timestamp>,
    pub stage: Stage,
}

impl Record {
    pub(super) fn new(desk: Party, received_at: Timestamp, contact: &Contact) -> Self {
        Self {
            desk,
            received_at,
            contact: contact.clone(),
            safety: BTreeSet::new(),
            told: BTreeSet::new(),
            consents: ConsentLedger::default(),
            legal_bases: Vec::new(),
            callbacks: Callbacks::default(),
            first_action_due_at: None,
            first_action_missed: false,
            first_action_since: None,
            stage: match contact.matter {
                Matter::Concern { .. } => Stage::AwaitingTriage,
                Matter::NoCase { .. } => Stage::NoCase,
            },
        }
    }

    /// The table has allowed the command in this phase.
    pub(super) fn decide(&self, command: &IntakeCommand, on: &Occasion) -> Decision {
        match command {
            IntakeCommand::RecordContact { .. } => Err(self.not_in_phase(command.kind())),
            IntakeCommand::DescribeSubject { subject } => Ok(self.describe_subject(subject)),
            IntakeCommand::Triage { assessment, rules } => self.triage(assessment, rules),
            IntakeCommand::Reassess {
                assessment,
                rules,
                relay,
            } => self.reassess(assessment, rules, *relay, on),
            IntakeCommand::TellEmergencyService { service, note } => {
                Ok(vec![IntakeEvent::EmergencyServiceTold {
                    service: *service,
                    at: Some(on.occurred_at),
                    note: note.clone(),
                }])
            }
            IntakeCommand::MarkSafety { mark, note } => Ok(self.mark_safety(*mark, note.clone())),
            IntakeCommand::LiftSafetyMark { mark, reason } => self.lift_safety_mark(*mark, reason),
            IntakeCommand::RecordConsent { entry } => self.record_consent(entry, on),
            IntakeCommand::ExpireConsent { by, purpose } => {
                self.consents.expired(*by, *purpose, on.now).map(|entry| {
                    vec![IntakeEvent::ConsentExpired {
                        entry: Box::new(entry),
                    }]
                })
            }
            IntakeCommand::RecordLegalBasis { basis } => self.record_legal_basis(basis),
            IntakeCommand::PlanCallback { plan } => self.plan_callback(plan, on),
            IntakeCommand::RecordAttempt {
                outcome,
                note,
                rules,
                relay,
            } => {
                let attempt = Attempt {
                    at: on.occurred_at,
                    outcome: *outcome,
                };
                self.record_attempt(attempt, note.clone(), rules, *relay)
            }
            IntakeCommand::MarkFirstActionMissed => self.mark_first_action_missed(on),
            IntakeCommand::MarkCallbackMissed => self.mark_callback_missed(on),
            IntakeCommand::OpenCase => Ok(vec![self.case_opened()?]),
            IntakeCommand::ProposeReferral { relay, reason } => {
                let reason = reason.clone();
                let relay = relay.ok_or(IntakeRejection::NobodyRelays)?;
                let cause = ProposalCause::Supervisor { reason };
                Ok(vec![self.referral_proposed(relay, cause)?])
            }
            IntakeCommand::EndWithoutCase { outcome, note } => {
                Ok(vec![IntakeEvent::EndedWithoutCase {
                    outcome: *outcome,
                    note: note.clone(),
                }])
            }
            IntakeCommand::KeepHere { note } => self.keep_here(note.clone()),
            IntakeCommand::HandOver { to, hop, epoch } => self.hand_over(*to, *hop, *epoch),
        }
    }

    /// A young person under 14 has consented to nothing.
    fn describe_subject(&self, subject: &Subject) -> Vec<IntakeEvent> {
        let described = IntakeEvent::SubjectDescribed {
            subject: subject.clone(),
        };
        let mut events = vec![described];
        if subject.age_band.counts_as_under_fourteen() {
            events.extend(self.voided(ConsentGiver::Subject));
        }
        events
    }

    fn triage(&self, assessment: &Assessment, rules: &RuleSet) -> Decision {
        assessment.check()?;
        let limit = rules.first_action.of(assessment.risk);
        let nobody_acted = self.told.is_empty();
        let mut events = vec![IntakeEvent::Triaged {
            assessment: Box::new(assessment.clone()),
            first_action_due_at: nobody_acted.then(|| rules.due(limit, self.received_at)),
            rules_version: rules.version.clone(),
        }];
        events.extend(self.mark_suspected_guardian(assessment));
        Ok(events)
    }

    fn reassess(
        &self,
        assessment: &Assessment,
        rules: &RuleSet,
        relay: Option<Party>,
        on: &Occasion,
    ) -> Decision {
        assessment.check()?;
        let from = self.assessment()?.risk;
        // Levels are ordered worst first: a worse one owes a person's action anew, even where one
        // was missed; one that is still to come never moves back.
        let worse_since = (assessment.risk < from).then_some(on.occurred_at);
        let anew = worse_since.map(|at| rules.due(rules.first_action.of(assessment.risk), at));
        let owed = self.first_action_due_at;
        let first_action_due_at = if self.first_action_missed {
            anew.or(owed)
        } else {
            owed.into_iter().chain(anew).min()
        };
        let mut events = vec![IntakeEvent::Reassessed {
            from,
            assessment: Box::new(assessment.clone()),
            first_action_due_at,
            worse_since,
            rules_version: rules.version.clone(),
        }];
        events.extend(self.mark_suspected_guardian(assessment));
        self.with_rule(events, rules, relay)
    }

    /// What the assessment says and what the mark says is one truth.
    fn mark_suspected_guardian(&self, assessment: &Assessment) -> Vec<IntakeEvent> {
        if assessment.suspects_the_guardian() && !self.guardian_must_not_know() {
            self.mark_safety(SafetyMark::NeverTellGuardian, None)
        } else {
            Vec::new()
        }
    }

    fn mark_safety(&self, mark: SafetyMark, note: Option<Sealed<Text>>) -> Vec<IntakeEvent> {
        let mut events = vec![IntakeEvent::SafetyMarked { mark, note }];
        match mark {
            SafetyMark::DoNotCallBack if self.calls_the_contact() => {
                events.push(IntakeEvent::CallbackPlanCancelled { because: mark });
            }
            SafetyMark::DoNotCallBack => {}
            SafetyMark::NeverTellGuardian => events.extend(self.voided(ConsentGiver::Guardian)),
        }
        events
    }

    fn calls_the_contact(&self) -> bool {
        let plan = self.callbacks.plan.as_ref();
        plan.is_some_and(|plan| plan.number == CallbackNumber::OfContact)
    }

    fn voided(&self, by: ConsentGiver) -> impl Iterator<Item = IntakeEvent> {
        self.consents
            .voided(by)
            .map(|entry| IntakeEvent::ConsentVoided {
                entry: Box::new(entry),
            })
    }

    fn lift_safety_mark(&self, mark: SafetyMark, reason: &Sealed<Text>) -> Decision {
        if !self.safety.contains(&mark) {
            return Err(IntakeRejection::MarkNotSet);
        }
        let suspected = self
            .stage
            .assessment()
            .is_some_and(Assessment::suspects_the_guardian);
        if mark == SafetyMark::NeverTellGuardian && suspected {
            return Err(IntakeRejection::GuardianStillSuspected);
        }
        let reason = reason.clone();
        Ok(vec![IntakeEvent::SafetyMarkLifted { mark, reason }])
    }

    fn record_consent(&self, entry: &ConsentEntry, on: &Occasion) -> Decision {
        let asks = matches!(entry.state, ConsentState::Asked | ConsentState::Given);
        if asks && entry.by == ConsentGiver::Guardian && self.guardian_must_not_know() {
            return Err(IntakeRejection::GuardianMustNotKnow);
        }
        let Matter::Concern { subject, .. } = &self.contact.matter else {
            return Err(self.not_in_phase(CommandKind::RecordConsent));
        };
        self.consents.check(entry, subject.age_band, on.now)?;
        let entry = Box::new(entry.clone());
        Ok(vec![IntakeEvent::ConsentRecorded { entry }])
    }

    /// A guardian who is the suspect is neither asked nor told from then on.
    fn record_legal_basis(&self, basis: &LegalBasis) -> Decision {
        let mut events = vec![IntakeEvent::LegalBasisRecorded {
            basis: basis.clone(),
        }];
        match basis.basis {
            DisclosureBasis::ConsentSelf | DisclosureBasis::ConsentGuardian => {
                return Err(IntakeRejection::ConsentIsNoLegalBasis);
            }
            DisclosureBasis::GuardianSuspect if !self.guardian_must_not_know() => {
                events.extend(self.mark_safety(SafetyMark::NeverTellGuardian, None));
            }
            _ => {}
        }
        Ok(events)
    }

    fn mark_first_action_missed(&self, on: &Occasion) -> Decision {
        match self.first_action_due_at {
            Some(due_at) if due_at <= on.now && !self.first_action_missed => {
                Ok(vec![IntakeEvent::FirstActionMissed { due_at }])
            }
            _ => Err(IntakeRejection::NothingDue),
        }
    }

    fn case_opened(&self) -> Result<IntakeEvent, IntakeRejection> {
        let assessment = self.assessment()?;
        Ok(IntakeEvent::CaseOpened {
            custodian: self.desk,
            case_type: assessment.case_type,
            risk: assessment.risk,
            flags: assessment.flags.clone(),
        })
    }

    fn referral_proposed(
        &self,
        relay: Party,
        because: ProposalCause,
    ) -> Result<IntakeEvent, IntakeRejection> {
        if self.stage.referral_proposed() {
            return Err(IntakeRejection::AlreadyProposed);
        }
        let assessment = self.assessment()?;
        Ok(IntakeEvent::ReferralProposed {
            from: self.desk,
            to: relay,
            case_type: assessment.case_type,
            risk: assessment.risk,
            flags: assessment.flags.clone(),
            summary: assessment.summary.clone(),
            because: Box::new(because),
        })
    }

    fn keep_here(&self, note: Option<Sealed<Text>>) -> Decision {
        let assessment = self.assessment()?;
        Ok(vec![IntakeEvent::KeptHere {
            custodian: self.desk,
            case_type: assessment.case_type,
            risk: assessment.risk,
            flags: assessment.flags.clone(),
            note,
        }])
    }

    fn hand_over(&self, to: Party, hop: ReferralId, epoch: u64) -> Decision {
        if to == self.desk {
            return Err(IntakeRejection::CustodyStaysHere);
        }
        Ok(vec![IntakeEvent::HandedOver { to, hop, epoch }])
    }

    fn guardian_must_not_know(&self) -> bool {
        self.safety.contains(&SafetyMark::NeverTellGuardian)
    }

    /// The assessment in force; the table lets nothing through that needs one before there is one.
    fn assessment(&self) -> Result<&Assessment, IntakeRejection> {
        self.stage
            .assessment()
            .ok_or_else(|| self.not_in_phase(CommandKind::ReassessIntake))
    }

    fn not_in_phase(&self, command: CommandKind) -> IntakeRejection {
        IntakeRejection::NotAllowed(NotAllowed::WrongState {
            state: self.stage.phase(),
            command,
            allowed: Vec::new(),
        })
    }
}
