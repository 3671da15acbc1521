//! Opening a case, proposing a referral, and how an intake ends.

use super::*;
use crate::intake::transitions::Phase;
use crate::intake::{Outcome, ProposalCause, WithoutCase};

fn triaged_case() -> Vec<IntakeEvent> {
    vec![recorded(call()), triaged(RiskLevel::Immediate)]
}

fn open_case() -> Vec<IntakeEvent> {
    vec![
        recorded(call()),
        triaged(RiskLevel::Immediate),
        opened(RiskLevel::Immediate),
    ]
}

fn propose() -> IntakeCommand {
    IntakeCommand::ProposeReferral {
        relay: Some(central()),
        reason: words(),
    }
}

fn proposed_by_supervisor() -> IntakeEvent {
    IntakeEvent::ReferralProposed {
        from: desk(),
        to: central(),
        case_type: CaseType::PsychologicalSupport,
        risk: RiskLevel::Immediate,
        flags: BTreeSet::new(),
        summary: sealed(SealedClass::Summary),
        because: Box::new(ProposalCause::Supervisor { reason: words() }),
    }
}

fn handed_over() -> IntakeEvent {
    IntakeEvent::HandedOver {
        to: party(QINGDAO),
        hop: hop(),
        epoch: 2,
    }
}

fn hand_over(to: Party) -> IntakeCommand {
    IntakeCommand::HandOver {
        to,
        hop: hop(),
        epoch: 2,
    }
}

fn outcome(state: Intake) -> Option<Outcome> {
    record_of(state).stage.outcome()
}

#[test]
fn a_case_opens_after_triage_in_the_custody_of_the_desk() {
    after(triaged_case())
        .when(IntakeCommand::OpenCase)
        .then([opened(RiskLevel::Immediate)]);
    after([recorded(call())])
        .when(IntakeCommand::OpenCase)
        .then_rejected(IntakeRejection::NotAllowed(NotAllowed::WrongState {
            command: CommandKind::OpenCase,
            state: Phase::AwaitingTriage,
            allowed: vec![
                CommandKind::DescribeSubject,
                CommandKind::TriageIntake,
                CommandKind::TellEmergencyService,
                CommandKind::MarkSafety,
                CommandKind::RecordConsent,
                CommandKind::RecordLegalBasis,
            ],
        }));
}

#[test]
fn a_supervisor_proposes_a_referral_of_an_open_case_without_waiting() {
    after(open_case())
        .by(supervisor())
        .when(propose())
        .then([proposed_by_supervisor()]);
    after(open_case())
        .when(propose())
        .then_rejected(not_permitted(CommandKind::ProposeReferral));
}

#[test]
fn above_central_nobody_relays() {
    after(open_case())
        .by(supervisor())
        .when(IntakeCommand::ProposeReferral {
            relay: None,
            reason: words(),
        })
        .then_rejected(IntakeRejection::NobodyRelays);
}

#[test]
fn a_referral_is_proposed_once() {
    let mut history = open_case();
    history.push(proposed_by_supervisor());
    after(history)
        .by(supervisor())
        .when(propose())
        .then_rejected(IntakeRejection::AlreadyProposed);
}

#[test]
fn a_triaged_contact_ends_with_short_service_or_unopened() {
    for (ending, expected) in [
        (WithoutCase::ShortService, Outcome::ShortService),
        (WithoutCase::NotOpened, Outcome::NotOpened),
    ] {
        let state = after(triaged_case())
            .when(IntakeCommand::EndWithoutCase {
                outcome: ending,
                note: None,
            })
            .then([IntakeEvent::EndedWithoutCase {
                outcome: ending,
                note: None,
            }])
            .state();
        assert_eq!(outcome(state), Some(expected));
    }
}

#[test]
fn an_open_case_is_kept_here_and_can_still_be_proposed_for_referral() {
    let state = after(open_case())
        .when(IntakeCommand::KeepHere { note: None })
        .then([kept_here(RiskLevel::Immediate)])
        .state();
    assert_eq!(outcome(state), Some(Outcome::KeptHere));

    let mut history = open_case();
    history.push(kept_here(RiskLevel::Immediate));
    after(history)
        .by(supervisor())
        .when(propose())
        .then([proposed_by_supervisor()]);
}

#[test]
fn a_case_is_handed_over_when_another_unit_has_taken_custody_and_never_by_a_person() {
    for history in [
        open_case(),
        [open_case(), vec![kept_here(RiskLevel::Immediate)]].concat(),
    ] {
        let state = after(history)
            .by(rule())
            .when(hand_over(party(QINGDAO)))
            .then([handed_over()])
            .state();
        assert_eq!(outcome(state), Some(Outcome::HandedOver));
    }
    for role in Role::ALL {
        after(open_case())
            .by(staff(*role))
            .when(hand_over(party(QINGDAO)))
            .then_rejected(not_permitted(CommandKind::HandOver));
    }
}

#[test]
fn custody_that_stays_hands_nothing_over() {
    after(open_case())
        .by(rule())
        .when(hand_over(desk()))
        .then_rejected(IntakeRejection::CustodyStaysHere);
}
