//! One token: told in examples of every order in which news may come.

use eventsourcing::testing::given;

use super::*;
use crate::referral::samples::*;
use crate::values::Role;

fn open() -> CustodyEvent {
    CustodyEvent::CustodyOpened {
        custodian: unit(SHANGHAI),
        epoch: 1,
    }
}

fn claim(hop_number: u128, by: &str) -> Claim {
    Claim {
        hop: hop(hop_number),
        unit: unit(by),
        tenure: opened(),
    }
}

fn released(hop_number: u128, to: &str) -> CustodyEvent {
    CustodyEvent::CustodyReleased {
        from: unit(SHANGHAI),
        by_hop: None,
        to: unit(to),
        hop: hop(hop_number),
        epoch: 2,
    }
}

fn voided(hop_number: u128, by: &str, because: VoidReason) -> CustodyEvent {
    CustodyEvent::AcceptanceVoided {
        hop: hop(hop_number),
        unit: unit(by),
        because,
    }
}

#[test]
fn the_first_acceptance_gets_the_custody_and_the_second_is_void() {
    given::<Custody>([open()])
        .by(system())
        .when(CustodyCommand::NoteAcceptance(claim(1, QINGDAO)))
        .then([released(1, QINGDAO)]);
    given::<Custody>([open(), released(1, QINGDAO)])
        .by(system())
        .when(CustodyCommand::NoteAcceptance(claim(2, NANJING)))
        .then([voided(2, NANJING, VoidReason::AcceptedElsewhere)]);
}

#[test]
fn a_cancellation_that_stood_here_first_voids_the_acceptance() {
    let cancelled = CustodyEvent::CancellationNoted { hop: hop(1) };
    given::<Custody>([open(), cancelled])
        .by(system())
        .when(CustodyCommand::NoteAcceptance(claim(1, QINGDAO)))
        .then([voided(1, QINGDAO, VoidReason::CancelledFirst)]);
}

#[test]
fn a_cancellation_after_the_release_comes_too_late() {
    given::<Custody>([open(), released(1, QINGDAO)])
        .by(acting(SHANGHAI, Role::Worker))
        .when(CustodyCommand::NoteCancellation { hop: hop(1) })
        .then_rejected(CustodyRejection::AlreadyReleased);
}

#[test]
fn an_acceptance_may_be_heard_of_before_the_custody_it_asks_for_is_here() {
    let early = CustodyEvent::AcceptanceNoted;
    given::<Custody>([])
        .by(system())
        .when(CustodyCommand::NoteAcceptance(claim(1, QINGDAO)))
        .then([early(claim(1, QINGDAO))]);
    let both = [early(claim(1, QINGDAO)), early(claim(2, NANJING))];
    given::<Custody>(both)
        .by(system())
        .when(CustodyCommand::Open {
            custodian: unit(SHANGHAI),
        })
        .then([
            open(),
            released(1, QINGDAO),
            voided(2, NANJING, VoidReason::AcceptedElsewhere),
        ]);
}

#[test]
fn custody_that_comes_by_a_hop_goes_on_to_whoever_waits_for_it() {
    let by_hop = Claim {
        hop: hop(2),
        unit: unit(NANJING),
        tenure: Tenure {
            custodian: unit(QINGDAO),
            by_hop: Some(hop(1)),
        },
    };
    given::<Custody>([CustodyEvent::AcceptanceNoted(by_hop)])
        .by(system())
        .when(CustodyCommand::Take {
            from: unit(SHANGHAI),
            to: unit(QINGDAO),
            hop: hop(1),
            epoch: 2,
        })
        .then([
            CustodyEvent::CustodyTaken {
                custodian: unit(QINGDAO),
                from: unit(SHANGHAI),
                hop: hop(1),
                epoch: 2,
            },
            CustodyEvent::CustodyReleased {
                from: unit(QINGDAO),
                by_hop: Some(hop(1)),
                to: unit(NANJING),
                hop: hop(2),
                epoch: 3,
            },
        ]);
}

#[test]
fn whoever_asked_for_custody_that_never_came_is_told() {
    let by_hop = Claim {
        hop: hop(2),
        unit: unit(NANJING),
        tenure: Tenure {
            custodian: unit(QINGDAO),
            by_hop: Some(hop(1)),
        },
    };
    let lapsed = CustodyEvent::TenureLapsed { hop: hop(1) };
    let void = voided(2, NANJING, VoidReason::NeverCustodian);
    given::<Custody>([CustodyEvent::AcceptanceNoted(by_hop)])
        .by(system())
        .when(CustodyCommand::NoteLapse { hop: hop(1) })
        .then([lapsed, void]);
    given::<Custody>([lapsed])
        .by(system())
        .when(CustodyCommand::NoteAcceptance(by_hop))
        .then([void]);
}

#[test]
fn custody_may_come_back() {
    let back = CustodyCommand::Take {
        from: unit(QINGDAO),
        to: unit(SHANGHAI),
        hop: hop(3),
        epoch: 3,
    };
    let state = given::<Custody>([open(), released(1, QINGDAO)])
        .by(system())
        .when(back)
        .state();
    let held = state.held().unwrap();
    assert_eq!((held.epoch, held.tenure.by_hop), (3, Some(hop(3))));
}

#[test]
fn a_late_acceptance_for_an_earlier_custody_is_void_though_the_case_has_come_back() {
    let back = CustodyEvent::CustodyTaken {
        custodian: unit(SHANGHAI),
        from: unit(QINGDAO),
        hop: hop(3),
        epoch: 3,
    };
    given::<Custody>([open(), released(1, QINGDAO), back])
        .by(system())
        .when(CustodyCommand::NoteAcceptance(claim(2, NANJING)))
        .then([voided(2, NANJING, VoidReason::AcceptedElsewhere)]);
}

#[test]
fn nothing_is_taken_or_ruled_on_twice() {
    let taken = CustodyEvent::CustodyTaken {
        custodian: unit(QINGDAO),
        from: unit(SHANGHAI),
        hop: hop(1),
        epoch: 2,
    };
    given::<Custody>([taken])
        .by(system())
        .when(CustodyCommand::Take {
            from: unit(SHANGHAI),
            to: unit(QINGDAO),
            hop: hop(1),
            epoch: 2,
        })
        .then_rejected(CustodyRejection::AlreadyTaken);
    given::<Custody>([open(), released(1, QINGDAO)])
        .by(system())
        .when(CustodyCommand::NoteAcceptance(claim(1, QINGDAO)))
        .then_rejected(CustodyRejection::AlreadyNoted);
    given::<Custody>([open()])
        .by(system())
        .when(CustodyCommand::Open {
            custodian: unit(SHANGHAI),
        })
        .then_rejected(CustodyRejection::AlreadyOpened);
}

#[test]
fn no_person_moves_custody() {
    given::<Custody>([open()])
        .by(acting(SHANGHAI, Role::Supervisor))
        .when(CustodyCommand::NoteAcceptance(claim(1, QINGDAO)))
        .then_rejected(CustodyRejection::NotSystem);
}
