//! A hop at its receiver, told in examples.

use eventsourcing::testing::given;

use super::*;
use crate::referral::samples::*;
use crate::values::{RiskLevel, Role};

fn reached(state: HopState) -> Vec<AssignmentEvent> {
    at_receiver(&path(state))
}

fn ask() -> AssignmentCommand {
    AssignmentCommand::RequestInformation {
        question: words(),
        rules: rules(),
    }
}

fn asked(paused_until: Option<Timestamp>, answer_due_at: Timestamp) -> AssignmentEvent {
    AssignmentEvent::InformationRequested {
        hop: hop(1),
        question: words(),
        paused_until,
        answer_due_at,
        rules_version: "2026-01".to_owned(),
    }
}

fn onward(tenure: Tenure, earlier_child: Option<HopState>) -> AssignmentCommand {
    AssignmentCommand::ReferOnward {
        child: hop(2),
        to: unit(QINGDAO),
        tenure,
        earlier_child,
        reason: words(),
    }
}

#[test]
fn a_dispatched_hop_arrives_once() {
    let assign = || AssignmentCommand::Assign(Box::new(dispatch()));
    given::<Assignment>([])
        .by(system())
        .when(assign())
        .then([AssignmentEvent::Assigned(Box::new(dispatch()))]);
    given::<Assignment>(reached(HopState::Dispatched))
        .by(system())
        .when(assign())
        .then_rejected(AssignmentRejection::AlreadyAssigned);
}

#[test]
fn the_authorised_person_accepts_what_was_received() {
    let by = worker(CENTRAL, Role::Authorised as u128);
    given::<Assignment>(reached(HopState::Received))
        .by(acting(CENTRAL, Role::Authorised))
        .when(AssignmentCommand::Accept)
        .then([AssignmentEvent::Accepted(Box::new(acceptance(by)))]);
}

#[test]
fn accepting_again_is_harmless_for_the_same_person_and_refused_to_another() {
    let by = worker(CENTRAL, Role::Authorised as u128);
    given::<Assignment>(reached(HopState::Accepted))
        .by(acting(CENTRAL, Role::Authorised))
        .when(AssignmentCommand::Accept)
        .then([AssignmentEvent::AcceptRepeated { hop: hop(1), by }]);
    given::<Assignment>(reached(HopState::Accepted))
        .by(person(CENTRAL, 77, Role::Authorised))
        .when(AssignmentCommand::Accept)
        .then_rejected(AssignmentRejection::AlreadyAccepted);
}

#[test]
fn an_acceptance_after_expiry_is_honoured() {
    let late = given::<Assignment>(reached(HopState::Expired))
        .by(acting(CENTRAL, Role::Authorised))
        .when(AssignmentCommand::Accept)
        .state();
    assert_eq!(late.view().state(), Some(HopState::Accepted));
}

#[test]
fn asking_stops_the_clock_for_a_day_at_most_and_keeps_the_time_that_was_left() {
    // Asked after an hour of four: three are left.
    let day_later = at(60 + 24 * 60);
    let paused = asked(Some(day_later), at(60 + 24 * 60 + 180));
    given::<Assignment>(reached(HopState::Received))
        .by(acting(CENTRAL, Role::Worker))
        .at(at(60))
        .when(ask())
        .then([paused.clone()]);
    let mut history = reached(HopState::Received);
    history.push(paused);
    // Answered two hours later.
    given::<Assignment>(history.clone())
        .by(system())
        .at(at(180))
        .when(AssignmentCommand::NoteInformation {
            answer: words(),
            question: 1,
            version: Version(5),
        })
        .then([AssignmentEvent::InformationArrived {
            hop: hop(1),
            answer: words(),
            question: 1,
            answer_due_at: at(360),
            version: Version(5),
        }]);
    given::<Assignment>(history.clone())
        .by(system())
        .at(at(180))
        .when(AssignmentCommand::EndPause)
        .then_rejected(AssignmentRejection::NotYetDue(day_later));
    let over = given::<Assignment>(history)
        .by(system())
        .at(day_later)
        .when(AssignmentCommand::EndPause)
        .state();
    assert_eq!(over.view().state(), Some(HopState::Received));
    assert_eq!(over.view().due_at(), Some(at(60 + 24 * 60 + 180)));
}

#[test]
fn the_clock_stops_only_once() {
    let mut history = reached(HopState::InfoRequested);
    history.push(AssignmentEvent::InformationArrived {
        hop: hop(1),
        answer: words(),
        question: 1,
        answer_due_at: at(300),
        version: Version(5),
    });
    given::<Assignment>(history)
        .by(acting(CENTRAL, Role::Worker))
        .at(at(70))
        .when(ask())
        .then([asked(None, at(300))]);
}

#[test]
fn information_that_comes_after_a_proposed_return_changes_nothing_of_its_clock() {
    let mut history = reached(HopState::Received);
    // The clock stood still until minute 1500; the return is proposed at once.
    history.push(asked(Some(at(1500)), at(1680)));
    history.push(AssignmentEvent::ReturnProposed {
        hop: hop(1),
        code: ReturnCode::InsufficientInfo,
        evidence: words(),
        decision_due_at: at(310),
        rules_version: "2026-01".to_owned(),
    });
    let arrived = given::<Assignment>(history)
        .by(system())
        .at(at(75))
        .when(AssignmentCommand::NoteInformation {
            answer: words(),
            question: 1,
            version: Version(5),
        })
        .state();
    assert_eq!(arrived.view().state(), Some(HopState::ReturnProposed));
    assert_eq!(arrived.view().due_at(), Some(at(310)));
    assert_eq!(arrived.paused_until(), None);
}

#[test]
fn a_late_answer_to_an_earlier_question_leaves_the_next_one_open() {
    let mut history = reached(HopState::InfoRequested);
    history.push(AssignmentEvent::PauseEnded { hop: hop(1) });
    history.push(asked(None, at(240)));
    let answered = |question| {
        let scenario = given::<Assignment>(history.clone()).by(system()).at(at(75));
        let noted = scenario.when(AssignmentCommand::NoteInformation {
            answer: words(),
            question,
            version: Version(5),
        });
        noted.state().view().state()
    };
    assert_eq!(answered(1), Some(HopState::InfoRequested));
    assert_eq!(answered(2), Some(HopState::Received));
}

#[test]
fn no_case_rests_between_a_hop_and_the_one_that_carries_it() {
    let note = |ended| AssignmentCommand::NoteChild {
        child: hop(2),
        ended,
        rules: rules(),
    };
    let scenario = given::<Assignment>(reached(HopState::ReferredOnward)).by(system());
    // Its clock runs until the other is dispatched.
    assert_eq!(scenario.state().view().due_at(), Some(at(240)));
    let mut history = reached(HopState::ReferredOnward);
    let dispatched = AssignmentEvent::ChildDispatched {
        hop: hop(1),
        child: hop(2),
    };
    given::<Assignment>(history.clone())
        .by(system())
        .when(note(false))
        .then([dispatched.clone()]);
    history.push(dispatched);
    let under_way = given::<Assignment>(history.clone()).by(system());
    assert_eq!(under_way.state().view().due_at(), None);
    // That came to nothing: four hours to find another.
    let ended = given::<Assignment>(history)
        .by(system())
        .at(at(300))
        .when(note(true))
        .state();
    assert_eq!(ended.view().state(), Some(HopState::ReferredOnward));
    assert_eq!(ended.view().due_at(), Some(at(540)));
}

#[test]
fn the_clock_never_stops_with_a_life_in_danger() {
    let mut urgent = dispatch();
    urgent.terms.risk = RiskLevel::Immediate;
    let history = [
        AssignmentEvent::Assigned(Box::new(urgent)),
        AssignmentEvent::Received { hop: hop(1) },
    ];
    given::<Assignment>(history)
        .by(acting(CENTRAL, Role::Worker))
        .at(at(5))
        .when(ask())
        .then([asked(None, at(240))]);
}

#[test]
fn a_proposed_return_has_a_clock_of_its_own() {
    let proposed = given::<Assignment>(reached(HopState::Received))
        .by(acting(CENTRAL, Role::Worker))
        .at(at(100))
        .when(AssignmentCommand::ProposeReturn {
            code: ReturnCode::NotOurArea,
            evidence: words(),
            rules: rules(),
        })
        .state();
    assert_eq!(proposed.view().due_at(), Some(at(340)));
}

#[test]
fn the_relay_sends_the_request_on_for_the_custody_that_was_asked_of_it() {
    given::<Assignment>(reached(HopState::Received))
        .by(acting(CENTRAL, Role::Supervisor))
        .when(onward(opened(), None))
        .then([AssignmentEvent::ReferredOnward {
            hop: hop(1),
            child: hop(2),
            to: unit(QINGDAO),
            reason: words(),
        }]);
}

#[test]
fn a_unit_that_accepted_sends_on_its_own_custody() {
    let own = Tenure {
        custodian: unit(CENTRAL),
        by_hop: Some(hop(1)),
    };
    let scenario = || given::<Assignment>(reached(HopState::Accepted));
    assert_eq!(scenario().state().onward_tenure(), Some(own));
    scenario()
        .by(acting(CENTRAL, Role::Authorised))
        .when(onward(opened(), None))
        .then_rejected(AssignmentRejection::TenureChanged);
}

#[test]
fn a_hop_is_sent_on_again_only_when_the_first_one_came_to_nothing() {
    let scenario = || {
        given::<Assignment>(reached(HopState::ReferredOnward)).by(acting(CENTRAL, Role::Authorised))
    };
    scenario()
        .when(onward(opened(), Some(HopState::Dispatched)))
        .then_rejected(AssignmentRejection::SentOnAlready);
    let again = scenario().when(onward(opened(), Some(HopState::Returned)));
    assert_eq!(again.state().view().child(), Some(hop(2)));
}

#[test]
fn a_cancellation_that_crossed_the_sending_on_takes_the_child_back() {
    let moved = SenderMove::Cancelled;
    let version = Version(4);
    given::<Assignment>(reached(HopState::ReferredOnward))
        .by(system())
        .when(AssignmentCommand::NoteSenderMove { moved, version })
        .then([AssignmentEvent::SenderMoveNoted {
            hop: hop(1),
            moved,
            version,
            withdraw: Some(hop(2)),
        }]);
}

#[test]
fn a_void_acceptance_cancels_the_hop() {
    let mut history = reached(HopState::InProgress);
    history.push(AssignmentEvent::ReferredOnward {
        hop: hop(1),
        child: hop(2),
        to: unit(QINGDAO),
        reason: words(),
    });
    let because = VoidReason::AcceptedElsewhere;
    let void = given::<Assignment>(history)
        .by(system())
        .when(AssignmentCommand::Void { because })
        .then([AssignmentEvent::AcceptanceLapsed {
            hop: hop(1),
            because,
        }]);
    assert_eq!(void.state().view().state(), Some(HopState::Cancelled));
}

#[test]
fn work_starts_once() {
    let started = given::<Assignment>(reached(HopState::Accepted))
        .by(system())
        .when(AssignmentCommand::StartWork)
        .state();
    assert_eq!(started.view().state(), Some(HopState::InProgress));
}

#[test]
fn each_move_of_the_sender_is_noted_once() {
    given::<Assignment>(reached(HopState::Cancelled))
        .by(system())
        .when(AssignmentCommand::NoteSenderMove {
            moved: SenderMove::Cancelled,
            version: Version(2),
        })
        .then_rejected(AssignmentRejection::AlreadyNoted);
}
