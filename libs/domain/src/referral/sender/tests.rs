//! A hop at its sender, told in examples.

mod basis;

use eventsourcing::Version;
use eventsourcing::testing::given;

use super::*;
use crate::referral::reactions::{Reaction, escalation_of, expire};
use crate::referral::samples::*;
use crate::referral::words::HopState;
use crate::values::Role;

fn reached(state: HopState) -> Vec<ReferralEvent> {
    at_sender(&path(state))
}

fn send() -> ReferralCommand {
    ReferralCommand::Dispatch {
        tenure: Some(opened()),
        consents: vec![],
        escalate_to: Some(unit(CENTRAL)),
        rules: rules(),
    }
}

fn noted(moved: ReceiverMove, version: u64) -> ReferralEvent {
    ReferralEvent::ReceiverMoveNoted {
        hop: hop(1),
        moved,
        version: Version(version),
        withdraw: None,
    }
}

#[test]
fn a_worker_drafts_submits_and_a_supervisor_dispatches() {
    let worker_of_shanghai = acting(SHANGHAI, Role::Worker);
    given::<Referral>([])
        .by(worker_of_shanghai.clone())
        .when(ReferralCommand::Draft(Box::new(draft())))
        .then([ReferralEvent::Drafted(Box::new(draft()))]);
    given::<Referral>(reached(HopState::Draft))
        .by(worker_of_shanghai)
        .when(ReferralCommand::Submit(emergency()))
        .then([ReferralEvent::Submitted {
            hop: hop(1),
            by: worker(SHANGHAI, Role::Worker as u128),
            submission: emergency(),
        }]);
    given::<Referral>(reached(HopState::Submitted))
        .by(acting(SHANGHAI, Role::Supervisor))
        .at(at(0))
        .when(send())
        .then([ReferralEvent::Dispatched(Box::new(dispatch()))]);
}

#[test]
fn a_refused_submission_is_a_draft_again_and_can_be_submitted_again() {
    let refused = given::<Referral>(reached(HopState::Submitted))
        .by(acting(SHANGHAI, Role::Supervisor))
        .when(ReferralCommand::RefuseSubmission { reason: words() })
        .state();
    assert_eq!(refused.view().state(), Some(HopState::Draft));
    assert_eq!(refused.terms(), Some(&terms()));
}

#[test]
fn who_does_not_hold_the_custody_cannot_hand_it_over() {
    let elsewhere = Tenure {
        custodian: unit(NANJING),
        by_hop: None,
    };
    for tenure in [None, Some(elsewhere)] {
        given::<Referral>(reached(HopState::Submitted))
            .by(acting(SHANGHAI, Role::Supervisor))
            .when(ReferralCommand::Dispatch {
                tenure,
                consents: vec![],
                escalate_to: None,
                rules: rules(),
            })
            .then_rejected(ReferralRejection::NotCustodian);
    }
}

#[test]
fn a_sender_cancels_alone_until_the_hop_is_received_and_asks_afterwards() {
    let by = acting(SHANGHAI, Role::Worker);
    let cancel = ReferralCommand::Cancel {
        reason: words(),
        custody_told: true,
    };
    given::<Referral>(reached(HopState::Dispatched))
        .by(by.clone())
        .when(cancel)
        .then([ReferralEvent::Cancelled {
            hop: hop(1),
            to: unit(CENTRAL),
            reason: CancellationReason::Stated(words()),
            tenure: Some(opened()),
            custody_told: true,
        }]);
    let asked = given::<Referral>(reached(HopState::Received))
        .by(by)
        .when(ReferralCommand::RequestCancellation { reason: words() })
        .state();
    assert_eq!(asked.view().state(), Some(HopState::CancellationRequested));
}

#[test]
fn a_declined_cancellation_leads_back_to_the_former_state_and_may_be_asked_for_again() {
    let declined = noted(ReceiverMove::CancellationDeclined, 9);
    let mut history = at_sender(
        &[
            path(HopState::InProgress),
            vec![Move::S(SenderMove::CancellationRequested)],
        ]
        .concat(),
    );
    history.push(declined);
    let again = given::<Referral>(history)
        .by(acting(SHANGHAI, Role::Worker))
        .when(ReferralCommand::RequestCancellation { reason: words() });
    assert_eq!(
        again.state().view().state(),
        Some(HopState::CancellationRequested)
    );
}

#[test]
fn a_hop_expires_at_its_due_time_and_not_before() {
    let escalated = escalation_of(hop(1));
    let expire = || ReferralCommand::Expire {
        escalated: Some(escalated),
    };
    given::<Referral>(reached(HopState::Received))
        .by(system())
        .at(at(239))
        .when(expire())
        .then_rejected(ReferralRejection::NotYetDue(at(240)));
    given::<Referral>(reached(HopState::Received))
        .by(system())
        .at(at(240))
        .when(expire())
        .then([ReferralEvent::Expired {
            hop: hop(1),
            to: unit(CENTRAL),
            due_at: at(240),
            escalated,
        }]);
}

#[test]
fn the_due_time_is_the_one_that_the_receiver_last_told() {
    let answer_due_at = at(24 * 60 + 200);
    let mut history = reached(HopState::Received);
    history.push(noted(
        ReceiverMove::InformationRequested { answer_due_at },
        3,
    ));
    let expire = ReferralCommand::Expire {
        escalated: Some(escalation_of(hop(1))),
    };
    given::<Referral>(history)
        .by(system())
        .at(at(240))
        .when(expire)
        .then_rejected(ReferralRejection::NotYetDue(answer_due_at));
}

#[test]
fn nobody_is_above_the_top_so_its_duty_officer_is_alarmed_once() {
    let alarm = || ReferralCommand::Expire { escalated: None };
    let alarmed = given::<Referral>(reached(HopState::Dispatched))
        .by(system())
        .at(at(240))
        .when(alarm())
        .state();
    assert_eq!(alarmed.view().state(), Some(HopState::Dispatched));
    let mut history = reached(HopState::Dispatched);
    history.push(ReferralEvent::DutyOfficerAlarmed {
        hop: hop(1),
        to: unit(CENTRAL),
        due_at: at(240),
    });
    given::<Referral>(history.clone())
        .by(system())
        .at(at(250))
        .when(alarm())
        .then_rejected(ReferralRejection::AlreadyAlarmed);
    // A new due time has an alarm of its own.
    history.push(noted(ReceiverMove::Received, 2));
    let answer_due_at = at(400);
    let asked = ReceiverMove::InformationRequested { answer_due_at };
    history.push(noted(asked, 3));
    let again = given::<Referral>(history)
        .by(system())
        .at(at(400))
        .when(alarm())
        .then([ReferralEvent::DutyOfficerAlarmed {
            hop: hop(1),
            to: unit(CENTRAL),
            due_at: at(400),
        }]);
    assert!(again.state().view().alarmed());
}

#[test]
fn an_escalated_hop_is_made_and_sent_at_once_with_a_clock_of_its_own() {
    let sent = dispatch();
    let reactions = expire(&sent, Some(unit(NANJING)), None, &rules());
    let Some(Reaction::Referral(id, command)) = reactions.last() else {
        panic!("{reactions:?}");
    };
    let escalated = given::<Referral>([])
        .by(system())
        .at(at(240))
        .when(command.clone())
        .state();
    let dispatch = escalated.dispatch().unwrap();
    assert_eq!((dispatch.hop, dispatch.tenure), (*id, sent.tenure));
    assert_eq!(dispatch.answer_due_at, at(480));
    assert_eq!(dispatch.escalate_to, None);
    assert_eq!(escalated.view().state(), Some(HopState::Dispatched));
}

#[test]
fn what_would_be_escalated_to_its_own_sender_is_an_alarm() {
    let sent = dispatch();
    let reactions = expire(&sent, Some(sent.terms.from), None, &rules());
    let alarm = ReferralCommand::Expire { escalated: None };
    assert_eq!(reactions, [Reaction::Referral(sent.hop, alarm)]);
}

#[test]
fn information_is_given_late_after_the_wait_but_only_what_was_asked_for() {
    let supply = || ReferralCommand::SupplyInformation { answer: words() };
    let worker = acting(SHANGHAI, Role::Worker);
    given::<Referral>(reached(HopState::Received))
        .by(worker.clone())
        .when(supply())
        .then_rejected(ReferralRejection::NothingAsked);
    let mut history = reached(HopState::InfoRequested);
    history.push(noted(ReceiverMove::PauseEnded, 9));
    given::<Referral>(history.clone())
        .by(worker)
        .when(supply())
        .then([ReferralEvent::InformationSupplied {
            hop: hop(1),
            to: unit(CENTRAL),
            answer: words(),
            question: 1,
        }]);
    // A question that was never answered does not count against the next one.
    let answer_due_at = at(300);
    let asked = ReceiverMove::InformationRequested { answer_due_at };
    history.push(noted(asked, 10));
    history.push(ReferralEvent::InformationSupplied {
        hop: hop(1),
        to: unit(CENTRAL),
        answer: words(),
        question: 2,
    });
    let answered = given::<Referral>(history).state();
    assert_eq!(answered.view().state(), Some(HopState::Received));
}

#[test]
fn a_hop_whose_custody_has_gone_ends_without_asking_unless_it_may_still_count() {
    let because = WithdrawalReason::CustodyGone;
    let lapse = || ReferralCommand::Withdraw { because };
    let lapsed =
        |history: Vec<ReferralEvent>| given::<Referral>(history).by(system()).when(lapse());
    for state in [
        HopState::Dispatched,
        HopState::ReturnProposed,
        HopState::Expired,
    ] {
        let after = lapsed(reached(state)).state();
        assert_eq!(after.view().state(), Some(HopState::Cancelled));
        assert_eq!(after.view().due_at(), None);
    }
    let mut sent_on = reached(HopState::ReferredOnward);
    sent_on.push(noted(ReceiverMove::ChildDispatched, 9));
    lapsed(sent_on.clone()).then_rejected(ReferralRejection::NotHopeless);
    let answer_due_at = at(500);
    sent_on.push(noted(ReceiverMove::ChildEnded { answer_due_at }, 10));
    let dead_end = given::<Referral>(sent_on.clone()).state();
    assert_eq!(dead_end.expires_at(), Some(at(500)));
    let after = lapsed(sent_on).state();
    assert_eq!(after.view().state(), Some(HopState::Cancelled));
    let mut accepted = reached(HopState::CancellationRequested);
    accepted.push(noted(ReceiverMove::Accepted, 9));
    lapsed(accepted).then_rejected(ReferralRejection::NotHopeless);
}

#[test]
fn a_withdrawn_hop_is_cancelled_unless_its_receiver_has_it() {
    let because = WithdrawalReason::ParentCancelled;
    let withdrawn = |from| {
        let history = reached(from);
        let scenario = given::<Referral>(history).by(system());
        let then = scenario.when(ReferralCommand::Withdraw { because });
        then.state().view().state()
    };
    assert_eq!(withdrawn(HopState::Dispatched), Some(HopState::Cancelled));
    let asked = Some(HopState::CancellationRequested);
    assert_eq!(withdrawn(HopState::InfoRequested), asked);
}

#[test]
fn each_move_of_the_receiver_is_noted_once() {
    let again = ReferralCommand::NoteReceiverMove {
        moved: ReceiverMove::Received,
        version: Version(2),
    };
    given::<Referral>(reached(HopState::Received))
        .by(system())
        .when(again)
        .then_rejected(ReferralRejection::AlreadyNoted);
}

#[test]
fn no_person_takes_note_of_what_other_logs_say() {
    let note = ReferralCommand::NoteReceiverMove {
        moved: ReceiverMove::Accepted,
        version: Version(9),
    };
    given::<Referral>(reached(HopState::Dispatched))
        .by(acting(SHANGHAI, Role::Supervisor))
        .when(note)
        .then_rejected(ReferralRejection::NotSystem);
}
