//! What happens at a desk, told as its workers would; and who and what the tests tell it with.

mod callbacks;
mod consent;
mod contact;
mod exhaustion;
mod histories;
mod outcomes;
mod table;
mod triage;

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;

use eventsourcing::testing::{Scenario, given};
use eventsourcing::{Actor, Region, StreamId};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::callbacks::{Attempt, CallbackNumber, CallbackOutcome, CallbackPlan};
use super::contact::{AgeBand, CallerRole, Channel, Contact, Line, Matter, NonCase, Subject};
use super::record::Record;
use super::transitions::CommandKind;
use super::triage::{Assessment, RiskReason, Subtype};
use super::{Intake, IntakeCommand, IntakeEvent, IntakeRejection};
use crate::directory::calendar::CalendarEntries;
use crate::directory::{CallbackRule, InfoPause, Limit, PerRisk, RuleSet, Weekday};
use crate::ids::{DeskId, KeyId, OrganizationId, ReferralId, WorkerId};
use crate::sealed::{PersonRole, Sealed, SealedClass, Text};
use crate::transitions::NotAllowed;
use crate::values::{CaseType, Party, RiskLevel, Role, Term};

const SHANGHAI: &str = "310000";
const QINGDAO: &str = "370200";

fn party(region: &str) -> Party {
    let region: Region = region.parse().unwrap();
    Party {
        organization: OrganizationId::new(region, Uuid::from_u128(1)),
        desk: DeskId::new(region, Uuid::from_u128(2)),
    }
}

fn desk() -> Party {
    party(SHANGHAI)
}

fn central() -> Party {
    party(Region::CENTRAL.as_str())
}

fn hop() -> ReferralId {
    ReferralId::new(Region::CENTRAL, Uuid::from_u128(7))
}

fn staff(role: Role) -> Actor {
    staff_of(desk(), role)
}

fn staff_of(party: Party, role: Role) -> Actor {
    let person = WorkerId::new(party.region(), Uuid::from_u128(3));
    Actor::person(
        &person.to_string(),
        &party.organization.to_string(),
        role.name(),
    )
}

fn worker() -> Actor {
    staff(Role::Worker)
}

fn supervisor() -> Actor {
    staff(Role::Supervisor)
}

fn rule() -> Actor {
    Actor::system("intake-test", "1")
}

/// Minutes after the contact.
fn at(minutes: i64) -> Timestamp {
    let received: Timestamp = "2026-01-05T01:00:00Z".parse().unwrap();
    received + SignedDuration::from_mins(minutes)
}

/// Something sealed; which words does not matter to any rule.
fn sealed(class: SealedClass) -> Sealed<Text> {
    Sealed {
        suite: 1,
        key: KeyId::new(desk().region(), Uuid::from_u128(9)),
        role: PersonRole::Subject,
        class,
        stream: StreamId::new("intake", desk().desk.0),
        event: "Noted".to_owned(),
        field: "words".to_owned(),
        commitment: "00".to_owned(),
        nonce: "00".to_owned(),
        ciphertext: "00".to_owned(),
        of: PhantomData,
    }
}

fn words() -> Sealed<Text> {
    sealed(SealedClass::Narrative)
}

fn subject(age_band: AgeBand) -> Subject {
    Subject {
        age_band,
        lives_in: Some(QINGDAO.parse().unwrap()),
        identity: None,
    }
}

/// A 17-year-old calls the youth hotline about herself.
fn call() -> Contact {
    Contact {
        channel: Channel::Phone,
        line: Some(Line::YouthHotline),
        number: Some(sealed(SealedClass::Identity)),
        original_number: None,
        caller_role: CallerRole::Oneself,
        caller_identity: None,
        matter: Matter::Concern {
            subject: subject(AgeBand::FourteenToSeventeen),
            narrative: words(),
        },
    }
}

fn call_about(age_band: AgeBand) -> Contact {
    Contact {
        matter: Matter::Concern {
            subject: subject(age_band),
            narrative: words(),
        },
        ..call()
    }
}

fn no_case(kind: NonCase) -> Contact {
    Contact {
        matter: Matter::NoCase { kind, note: None },
        ..call()
    }
}

fn record(contact: Contact) -> IntakeCommand {
    IntakeCommand::RecordContact {
        desk: desk(),
        contact: Box::new(contact),
    }
}

fn recorded(contact: Contact) -> IntakeEvent {
    IntakeEvent::ContactRecorded {
        desk: desk(),
        received_at: at(0),
        contact: Box::new(contact),
    }
}

fn assessment(risk: RiskLevel) -> Assessment {
    Assessment {
        case_type: CaseType::PsychologicalSupport,
        subtype: Subtype::SuicideIdeation,
        flags: BTreeSet::new(),
        risk,
        reasons: [RiskReason::ContactLost].into(),
        summary: sealed(SealedClass::Summary),
        note: None,
    }
}

fn triaged(risk: RiskLevel) -> IntakeEvent {
    IntakeEvent::Triaged {
        assessment: Box::new(assessment(risk)),
        first_action_due_at: Some(at(30)),
        rules_version: "2026-01".to_owned(),
    }
}

fn opened(risk: RiskLevel) -> IntakeEvent {
    IntakeEvent::CaseOpened {
        custodian: desk(),
        case_type: CaseType::PsychologicalSupport,
        risk,
        flags: BTreeSet::new(),
    }
}

fn kept_here(risk: RiskLevel) -> IntakeEvent {
    IntakeEvent::KeptHere {
        custodian: desk(),
        case_type: CaseType::PsychologicalSupport,
        risk,
        flags: BTreeSet::new(),
        note: None,
    }
}

fn plan() -> CallbackPlan {
    CallbackPlan {
        number: CallbackNumber::OfContact,
        from: at(0),
        until: at(120),
    }
}

fn planned() -> IntakeEvent {
    IntakeEvent::CallbackPlanned {
        plan: Box::new(plan()),
    }
}

fn attempted(number: u32, minutes: i64, outcome: CallbackOutcome) -> IntakeEvent {
    IntakeEvent::CallbackAttempted {
        number,
        attempt: Attempt {
            at: at(minutes),
            outcome,
        },
        note: None,
    }
}

fn attempt(outcome: CallbackOutcome) -> IntakeCommand {
    IntakeCommand::RecordAttempt {
        outcome,
        note: None,
        rules: rules(),
        relay: Some(central()),
    }
}

/// Five failed attempts within two hours at High or worse propose a referral.
fn rules() -> Arc<RuleSet> {
    let limits = PerRisk {
        immediate: Limit::Minutes(0),
        high: Limit::Minutes(120),
        medium: Limit::Minutes(24 * 60),
        low: Limit::WorkingDays(3),
        watch: Limit::Minutes(7 * 24 * 60),
    };
    let calendar = CalendarEntries {
        utc_offset_minutes: 480,
        weekend: [Weekday::Saturday, Weekday::Sunday].into(),
        holidays: BTreeSet::new(),
        make_up_days: BTreeSet::new(),
    };
    Arc::new(RuleSet {
        version: "2026-01".to_owned(),
        first_action: limits,
        answer: limits,
        return_decision: limits,
        relay_grace: limits,
        info_pause: InfoPause {
            at_most: Limit::Minutes(24 * 60),
            never_at: vec![RiskLevel::Immediate],
        },
        callbacks: CallbackRule {
            failed_attempts: 5,
            within_minutes: 120,
            risk_at_least: RiskLevel::High,
        },
        first_follow_up: limits,
        calendar: calendar.try_into().unwrap(),
    })
}

fn not_permitted(command: CommandKind) -> IntakeRejection {
    IntakeRejection::NotAllowed(NotAllowed::Forbidden { command })
}

fn record_of(intake: Intake) -> Record {
    match intake {
        Intake::Recorded(record) => *record,
        Intake::NotRecorded => panic!("every history begins with a contact"),
    }
}

/// A worker of the desk acts, ten minutes after the contact.
fn after(history: impl IntoIterator<Item = IntakeEvent>) -> Scenario<Intake> {
    given(history).by(worker()).at(at(10))
}

/// Planned, and `failed` attempts, ten minutes apart.
fn after_failures(risk: RiskLevel, failed: u32) -> Vec<IntakeEvent> {
    let attempts = (1..=failed)
        .map(|number| attempted(number, i64::from(number) * 10, CallbackOutcome::NoAnswer));
    [recorded(call()), triaged(risk), planned()]
        .into_iter()
        .chain(attempts)
        .collect()
}
