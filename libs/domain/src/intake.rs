//! One contact 来电/来访: what was said, what the desk made of it, and whether it became a case.
//!
//! The case has its id from the moment the contact is recorded; it is open from `CaseOpened` on.
//! Here: commands, events, and the gate before every decision; the decisions are in [`record`].

pub mod callbacks;
pub mod consent;
pub mod contact;
mod known_subject;
pub mod record;
mod rejection;
pub mod stage;
pub mod transitions;
pub mod triage;

use std::collections::BTreeSet;
use std::sync::Arc;

use eventsourcing::{Actor, Aggregate, Fact, Occasion};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::callbacks::{Attempt, CallbackOutcome, CallbackPlan, Exhaustion};
use self::consent::{ConsentEntry, ConsentGiver, ConsentPurpose, LegalBasis};
pub use self::contact::AgeBand;
use self::contact::{Contact, SafetyMark, Subject};
pub use self::known_subject::KnownSubject;
use self::record::Record;
pub use self::rejection::IntakeRejection;
use self::transitions::{CommandKind, Part, Phase, TRANSITIONS};
pub use self::triage::ReportFlag;
use self::triage::{Assessment, EmergencyService};
use crate::acting::Acting;
use crate::directory::RuleSet;
use crate::ids::ReferralId;
use crate::sealed::{Sealed, Text};
use crate::transitions::NotAllowed;
use crate::values::{CaseType, Party, RiskLevel, terms};

/// The service's word for itself: the logs are `<region>.intake`.
pub const CONTEXT: &str = "intake";

type Decision = Result<Vec<IntakeEvent>, IntakeRejection>;

#[derive(Debug, Clone)]
pub enum IntakeCommand {
    RecordContact {
        /// The desk that took it; the actor's own.
        desk: Party,
        contact: Box<Contact>,
    },
    /// More is known about the young person than when the contact was recorded.
    DescribeSubject {
        subject: Subject,
    },
    Triage {
        assessment: Box<Assessment>,
        rules: Arc<RuleSet>,
    },
    /// Replaces the assessment; with its reasons, even where the level stays.
    Reassess {
        assessment: Box<Assessment>,
        rules: Arc<RuleSet>,
        /// Who relays a referral from here; none above Central.
        relay: Option<Party>,
    },
    TellEmergencyService {
        service: EmergencyService,
        note: Option<Sealed<Text>>,
    },
    MarkSafety {
        mark: SafetyMark,
        note: Option<Sealed<Text>>,
    },
    LiftSafetyMark {
        mark: SafetyMark,
        reason: Sealed<Text>,
    },
    RecordConsent {
        entry: Box<ConsentEntry>,
    },
    ExpireConsent {
        by: ConsentGiver,
        purpose: ConsentPurpose,
    },
    RecordLegalBasis {
        basis: LegalBasis,
    },
    PlanCallback {
        plan: Box<CallbackPlan>,
    },
    RecordAttempt {
        outcome: CallbackOutcome,
        note: Option<Sealed<Text>>,
        rules: Arc<RuleSet>,
        /// Who relays a referral from here; none above Central.
        relay: Option<Party>,
    },
    MarkFirstActionMissed,
    MarkCallbackMissed,
    OpenCase,
    /// A supervisor need not wait until the call-backs are exhausted.
    ProposeReferral {
        /// Who relays a referral from here; none above Central.
        relay: Option<Party>,
        reason: Sealed<Text>,
    },
    EndWithoutCase {
        outcome: WithoutCase,
        note: Option<Sealed<Text>>,
    },
    KeepHere {
        note: Option<Sealed<Text>>,
    },
    /// Another unit has taken over the custody of the case.
    HandOver {
        to: Party,
        hop: ReferralId,
        epoch: u64,
    },
}

impl IntakeCommand {
    pub fn kind(&self) -> CommandKind {
        match self {
            Self::RecordContact { .. } => CommandKind::RecordContact,
            Self::DescribeSubject { .. } => CommandKind::DescribeSubject,
            Self::Triage { .. } => CommandKind::TriageIntake,
            Self::Reassess { .. } => CommandKind::ReassessIntake,
            Self::TellEmergencyService { .. } => CommandKind::TellEmergencyService,
            Self::MarkSafety { .. } => CommandKind::MarkSafety,
            Self::LiftSafetyMark { .. } => CommandKind::LiftSafetyMark,
            Self::RecordConsent { .. } => CommandKind::RecordConsent,
            Self::ExpireConsent { .. } => CommandKind::ExpireConsent,
            Self::RecordLegalBasis { .. } => CommandKind::RecordLegalBasis,
            Self::PlanCallback { .. } => CommandKind::PlanCallback,
            Self::RecordAttempt { .. } => CommandKind::RecordCallbackAttempt,
            Self::MarkFirstActionMissed => CommandKind::MarkFirstActionMissed,
            Self::MarkCallbackMissed => CommandKind::MarkCallbackMissed,
            Self::OpenCase => CommandKind::OpenCase,
            Self::ProposeReferral { .. } => CommandKind::ProposeReferral,
            Self::EndWithoutCase { .. } => CommandKind::EndWithoutCase,
            Self::KeepHere { .. } => CommandKind::KeepCaseHere,
            Self::HandOver { .. } => CommandKind::HandOver,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum IntakeEvent {
    ContactRecorded {
        desk: Party,
        /// The first receipt; nothing ever changes it.
        received_at: Timestamp,
        contact: Box<Contact>,
    },
    SubjectDescribed {
        subject: Subject,
    },
    Triaged {
        assessment: Box<Assessment>,
        /// None if somebody has acted already.
        first_action_due_at: Option<Timestamp>,
        rules_version: String,
    },
    Reassessed {
        /// The level before.
        from: RiskLevel,
        assessment: Box<Assessment>,
        /// Still owed, or owed anew because the risk is worse.
        first_action_due_at: Option<Timestamp>,
        /// When it was found to be worse: only what is done from then on is done about that.
        #[serde(default)]
        worse_since: Option<Timestamp>,
        rules_version: String,
    },
    FirstActionMissed {
        due_at: Timestamp,
    },
    EmergencyServiceTold {
        service: EmergencyService,
        /// None in records from before it was kept: whenever it was.
        #[serde(default)]
        at: Option<Timestamp>,
        note: Option<Sealed<Text>>,
    },
    SafetyMarked {
        mark: SafetyMark,
        note: Option<Sealed<Text>>,
    },
    SafetyMarkLifted {
        mark: SafetyMark,
        reason: Sealed<Text>,
    },
    ConsentRecorded {
        entry: Box<ConsentEntry>,
    },
    ConsentExpired {
        entry: Box<ConsentEntry>,
    },
    /// It no longer counts, whatever its giver says: the guardian must not know, or the young person
    /// is under 14.
    ConsentVoided {
        entry: Box<ConsentEntry>,
    },
    LegalBasisRecorded {
        basis: LegalBasis,
    },
    CallbackPlanned {
        plan: Box<CallbackPlan>,
    },
    CallbackPlanCancelled {
        because: SafetyMark,
    },
    CallbackAttempted {
        /// Counted from 1.
        number: u32,
        attempt: Attempt,
        note: Option<Sealed<Text>>,
    },
    /// Its window has passed without an attempt.
    CallbackMissed {
        until: Timestamp,
    },
    /// The rule has fired: with these inputs, under these rules.
    CallbacksExhausted {
        exhaustion: Exhaustion,
        rules_version: String,
    },
    CaseOpened {
        custodian: Party,
        case_type: CaseType,
        risk: RiskLevel,
        flags: BTreeSet<ReportFlag>,
    },
    ReferralProposed {
        from: Party,
        /// The relay.
        to: Party,
        case_type: CaseType,
        risk: RiskLevel,
        flags: BTreeSet<ReportFlag>,
        summary: Sealed<Text>,
        because: Box<ProposalCause>,
    },
    EndedWithoutCase {
        outcome: WithoutCase,
        note: Option<Sealed<Text>>,
    },
    KeptHere {
        custodian: Party,
        case_type: CaseType,
        risk: RiskLevel,
        flags: BTreeSet<ReportFlag>,
        note: Option<Sealed<Text>>,
    },
    HandedOver {
        to: Party,
        hop: ReferralId,
        epoch: u64,
    },
}

/// Who proposed a referral, and on what grounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ProposalCause {
    CallbacksExhausted {
        failed_attempts: u32,
        rules_version: String,
    },
    Supervisor {
        reason: Sealed<Text>,
    },
}

impl ProposalCause {
    fn rules_version(&self) -> Option<&str> {
        match self {
            Self::CallbacksExhausted { rules_version, .. } => Some(rules_version),
            Self::Supervisor { .. } => None,
        }
    }
}

terms! {
    /// How a contact ends that became no case.
    pub enum WithoutCase {
        ShortService => "短期服务",
        NotOpened => "不开案",
    }
}

terms! {
    /// What became of an intake.
    pub enum Outcome {
        ShortService => "短期服务",
        NotOpened => "不开案",
        KeptHere => "本地办理",
        HandedOver => "已转出",
    }
}

impl Fact for IntakeEvent {
    fn rules_version(&self) -> Option<&str> {
        match self {
            Self::Triaged { rules_version, .. }
            | Self::Reassessed { rules_version, .. }
            | Self::CallbacksExhausted { rules_version, .. } => Some(rules_version),
            Self::ReferralProposed { because, .. } => because.rules_version(),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Intake {
    #[default]
    NotRecorded,
    Recorded(Box<Record>),
}

impl Aggregate for Intake {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "intake";

    type Command = IntakeCommand;
    type Event = IntakeEvent;
    type Rejection = IntakeRejection;

    fn decide(&self, command: &IntakeCommand, on: &Occasion) -> Decision {
        let kind = command.kind();
        let part = Part::of(&on.actor).ok_or(NotAllowed::Forbidden { command: kind })?;
        match (self, command) {
            (Self::NotRecorded, IntakeCommand::RecordContact { desk, contact }) => {
                check_organization(&on.actor, *desk)?;
                TRANSITIONS.allow(Phase::NotRecorded, kind, part)?;
                record_contact(*desk, contact, on)
            }
            (Self::NotRecorded, _) => match TRANSITIONS.allow(Phase::NotRecorded, kind, part) {
                Err(never @ NotAllowed::Forbidden { .. }) => Err(never.into()),
                _ => Err(IntakeRejection::NotFound),
            },
            (Self::Recorded(record), _) => {
                // Whoever may never do this is told only that, whosever intake it is.
                if let Err(never @ NotAllowed::Forbidden { .. }) =
                    TRANSITIONS.allow(record.stage.phase(), kind, part)
                {
                    return Err(never.into());
                }
                check_organization(&on.actor, record.desk)?;
                TRANSITIONS.allow(record.stage.phase(), kind, part)?;
                if on.occurred_at < record.received_at {
                    return Err(IntakeRejection::BeforeContact);
                }
                record.decide(command, on)
            }
        }
    }

    fn evolve(&mut self, event: &IntakeEvent) {
        match (self, event) {
            (
                intake @ Self::NotRecorded,
                IntakeEvent::ContactRecorded {
                    desk,
                    received_at,
                    contact,
                },
            ) => *intake = Self::Recorded(Box::new(Record::new(*desk, *received_at, contact))),
            (Self::Recorded(record), event) => record.evolve(event),
            // Every history begins with its contact.
            (Self::NotRecorded, _) => {}
        }
    }
}

/// People act for their own organization only; the rules of the system act for all.
fn check_organization(actor: &Actor, owner: Party) -> Result<(), IntakeRejection> {
    match Acting::of(actor) {
        Some(person) if person.organization != owner.organization => {
            Err(IntakeRejection::OtherOrganization)
        }
        _ => Ok(()),
    }
}

fn record_contact(desk: Party, contact: &Contact, on: &Occasion) -> Decision {
    contact.check()?;
    Ok(vec![IntakeEvent::ContactRecorded {
        desk,
        received_at: on.occurred_at,
        contact: Box::new(contact.clone()),
    }])
}

#[cfg(test)]
mod tests;
