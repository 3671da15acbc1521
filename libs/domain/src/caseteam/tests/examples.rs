//! What a case team does, told as its people would tell it.

use super::*;
use crate::transitions::NotAllowed;

#[test]
fn a_team_forms_on_an_acceptance_with_lead_liaison_and_observer() {
    let state = team([])
        .when(TeamCommand::Form(accepted(QINGDAO, 1)))
        .then([formed()])
        .state();
    assert_eq!(state.state(), TeamState::CustodyPending);
    let team = state.team.unwrap();
    assert_eq!(team.status, CaseStatus::Assessing);
    let seats: Vec<Seat> = team.seats.into_iter().collect();
    let lead = Seat {
        worker: Some(worker(QINGDAO, 1)),
        ..seat(TeamRole::Lead, QINGDAO)
    };
    let observer = seat(TeamRole::Observer, CENTRAL);
    assert_eq!(seats, [lead, observer, seat(TeamRole::Liaison, SHANGHAI)]);
}

#[test]
fn custody_is_confirmed_once() {
    let confirm = TeamCommand::ConfirmCustody { hop: hop(1) };
    team([formed()]).when(confirm.clone()).then([confirmed()]);
    team([formed(), confirmed()])
        .when(confirm)
        .then_rejected(TeamRejection::CustodyAlreadyConfirmed);
    team([formed()])
        .when(TeamCommand::ConfirmCustody { hop: hop(7) })
        .then_rejected(TeamRejection::HopUnknown);
}

#[test]
fn a_team_stands_down_when_its_acceptance_is_voided_and_may_form_again_on_another() {
    let down = team([formed()])
        .when(TeamCommand::StandDown { hop: hop(1) })
        .then([stood_down()])
        .state();
    assert_eq!(down.state(), TeamState::StoodDown);
    team([formed(), stood_down()])
        .when(TeamCommand::Form(accepted(LAOSHAN, 2)))
        .then([TeamEvent::TeamFormed(accepted(LAOSHAN, 2))]);
    team([formed(), stood_down()])
        .when(TeamCommand::Form(accepted(QINGDAO, 1)))
        .then_rejected(TeamRejection::AcceptanceVoided);
}

#[test]
fn a_void_that_is_heard_before_its_acceptance_keeps_the_team_from_forming() {
    let noted = TeamEvent::VoidNoted { hop: hop(1) };
    team([])
        .when(TeamCommand::StandDown { hop: hop(1) })
        .then([noted.clone()]);
    team([noted])
        .when(TeamCommand::Form(accepted(QINGDAO, 1)))
        .then_rejected(TeamRejection::AcceptanceVoided);
}

#[test]
fn a_team_with_custody_does_not_stand_down() {
    team([formed(), confirmed()])
        .when(TeamCommand::StandDown { hop: hop(1) })
        .then_rejected(TeamRejection::CustodyAlreadyConfirmed);
}

#[test]
fn the_same_acceptance_forms_one_team() {
    team([formed()])
        .when(TeamCommand::Form(accepted(QINGDAO, 1)))
        .then_rejected(TeamRejection::HopKnown);
}

#[test]
fn a_second_acceptance_waits_and_leads_once_custody_is_taken_under_it() {
    let claimed = TeamEvent::LeadClaimed(lead(LAOSHAN, 2));
    team([formed()])
        .when(TeamCommand::Form(accepted(LAOSHAN, 2)))
        .then([claimed.clone()]);
    let state = team([formed(), claimed])
        .when(TeamCommand::ConfirmCustody { hop: hop(2) })
        .then([
            TeamEvent::LeadHandedOver(lead(LAOSHAN, 2)),
            TeamEvent::CustodyConfirmed { hop: hop(2) },
        ])
        .state();
    assert_eq!(state.state(), TeamState::CustodyConfirmed);
    let team = state.team.unwrap();
    assert_eq!(team.lead, lead(LAOSHAN, 2));
    assert!(team.seats.contains(&seat(TeamRole::Assist, QINGDAO)));
}

#[test]
fn a_second_acceptance_keeps_the_team_standing_when_the_first_is_voided() {
    let state = team([formed(), TeamEvent::LeadClaimed(lead(LAOSHAN, 2))])
        .when(TeamCommand::StandDown { hop: hop(1) })
        .then([
            TeamEvent::VoidNoted { hop: hop(1) },
            TeamEvent::LeadHandedOver(lead(LAOSHAN, 2)),
        ])
        .state();
    assert_eq!(state.state(), TeamState::CustodyPending);
}

#[test]
fn a_voided_second_acceptance_changes_nothing_for_the_team() {
    let state = team([formed(), TeamEvent::LeadClaimed(lead(LAOSHAN, 2))])
        .when(TeamCommand::StandDown { hop: hop(2) })
        .then([TeamEvent::VoidNoted { hop: hop(2) }])
        .state();
    let team = state.team.unwrap();
    assert_eq!((team.lead, team.claims), (lead(QINGDAO, 1), vec![]));
}

#[test]
fn members_are_seated_once_in_each_role() {
    let school = seat(TeamRole::SchoolContact, SCHOOL);
    by_lead([formed()])
        .when(sit(school))
        .then([school_seated()]);
    by_lead([formed(), school_seated()])
        .when(sit(school))
        .then_rejected(TeamRejection::AlreadySeated);
}

#[test]
fn whom_the_directory_does_not_know_gets_neither_seat_nor_task() {
    by_lead([formed()])
        .when(TeamCommand::SeatMember {
            seat: seat(TeamRole::Lawyer, LAOSHAN),
            in_directory: false,
        })
        .then_rejected(TeamRejection::NotInDirectory);
    by_lead([formed()])
        .when(TeamCommand::AddTask {
            order: order(1, QINGDAO),
            in_directory: false,
        })
        .then_rejected(TeamRejection::NotInDirectory);
}

#[test]
fn nobody_is_given_or_loses_a_seat_that_follows_from_the_referral() {
    for given_away in [
        seat(TeamRole::Lead, SCHOOL),
        seat(TeamRole::Liaison, SCHOOL),
    ] {
        by_lead([formed()])
            .when(sit(given_away))
            .then_rejected(TeamRejection::FollowsFromReferral(given_away.role));
    }
    for taken in [
        seat(TeamRole::Liaison, SHANGHAI),
        seat(TeamRole::Observer, CENTRAL),
    ] {
        by_lead([formed()])
            .when(remove(taken))
            .then_rejected(TeamRejection::FollowsFromReferral(taken.role));
    }
}

#[test]
fn the_lead_worker_is_replaced_by_seating_another_first() {
    let first = Seat {
        worker: Some(worker(QINGDAO, 1)),
        ..seat(TeamRole::Lead, QINGDAO)
    };
    let second = Seat {
        worker: Some(worker(QINGDAO, 2)),
        ..first
    };
    by_lead([formed()])
        .when(remove(first))
        .then_rejected(TeamRejection::LastLead);
    by_lead([formed(), TeamEvent::MemberSeated(second)])
        .when(remove(first))
        .then([TeamEvent::MemberRemoved {
            seat: first,
            reason: RemovalReason::DutyEnded,
            note: None,
        }]);
}

#[test]
fn a_member_with_open_tasks_stays() {
    let school = seat(TeamRole::SchoolContact, SCHOOL);
    by_lead([formed(), school_seated(), added(1, SCHOOL)])
        .when(remove(school))
        .then_rejected(TeamRejection::OwnsOpenTasks);
    by_lead([formed(), school_seated(), added(1, SCHOOL), done(1)])
        .when(remove(school))
        .then([TeamEvent::MemberRemoved {
            seat: school,
            reason: RemovalReason::DutyEnded,
            note: None,
        }]);
    by_lead([formed()])
        .when(remove(school))
        .then_rejected(TeamRejection::NotSeated);
}

#[test]
fn a_task_names_the_hop_it_puts_in_progress() {
    by_lead([formed()])
        .when(add(order(1, QINGDAO)))
        .then([added(1, QINGDAO)]);
}

#[test]
fn a_task_needs_an_owner_in_the_team_and_time_to_do_it() {
    by_lead([formed()])
        .when(add(order(1, SCHOOL)))
        .then_rejected(TeamRejection::OwnerNotSeated);
    let late = TaskOrder {
        due_at: now(),
        ..order(1, QINGDAO)
    };
    by_lead([formed()])
        .when(add(late))
        .then_rejected(TeamRejection::DueInPast);
    by_lead([formed(), added(1, QINGDAO)])
        .when(add(order(1, QINGDAO)))
        .then_rejected(TeamRejection::TaskKnown);
}

#[test]
fn a_member_completes_its_own_task_and_no_other() {
    let history = [
        formed(),
        school_seated(),
        added(1, SCHOOL),
        added(2, QINGDAO),
    ];
    let by_school = || team(history.clone()).by(acting(SCHOOL, 1, Role::Worker));
    by_school().when(complete(1)).then([done(1)]);
    by_school()
        .when(complete(2))
        .then_rejected(TeamRejection::NotYourTask);
    by_school()
        .when(complete(3))
        .then_rejected(TeamRejection::TaskUnknown);
    by_lead(history.clone()).when(complete(1)).then([done(1)]);
}

#[test]
fn a_task_given_to_one_worker_is_not_a_colleagues() {
    let personal = TeamEvent::TaskAdded {
        hop: hop(1),
        order: TaskOrder {
            worker: Some(worker(SCHOOL, 1)),
            ..order(1, SCHOOL)
        },
    };
    team([formed(), school_seated(), personal])
        .by(acting(SCHOOL, 2, Role::Worker))
        .when(complete(1))
        .then_rejected(TeamRejection::NotYourTask);
}

#[test]
fn a_closed_task_stays_closed() {
    by_lead([formed(), added(1, QINGDAO), done(1)])
        .when(complete(1))
        .then_rejected(TeamRejection::TaskClosed(TaskStatus::Done));
    let cancelled = by_lead([formed(), added(1, QINGDAO)])
        .when(cancel(1))
        .then([TeamEvent::TaskCancelled {
            task: task(1),
            reason: TaskCancelReason::NoLongerNeeded,
            note: None,
        }])
        .state();
    let tasks = cancelled.team.unwrap().tasks;
    assert_eq!(tasks[&task(1)].status, TaskStatus::Cancelled);
}

#[test]
fn whoever_only_watches_or_administers_decides_nothing() {
    for role in [Role::Visitor, Role::Auditor, Role::Administrator] {
        team([formed()])
            .by(acting(QINGDAO, 2, role))
            .when(add(order(1, QINGDAO)))
            .then_rejected(TeamRejection::NotAllowed(NotAllowed::Forbidden {
                command: TeamCommandKind::AddTask,
            }));
    }
}
