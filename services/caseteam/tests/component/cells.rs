//! Each (state, command, place) that the table does not have, over the wire.

use domain::caseteam::{Place, TRANSITIONS, TeamCommandKind, TeamState};
use domain::ids::CaseId;
use domain::values::{Role, Term};
use node::client::Caller;
use proto::caseteam::v1 as pb;
use tonic::{Code, Status};

use crate::bench::{Bench, case, refusal};

/// Who stands where to a team of the Youth League with the school in it.
fn caller_at(bench: &Bench, place: Place) -> Option<Caller> {
    match place {
        // Policies call nobody.
        Place::System => None,
        Place::LeadUnit => Some(bench.caller("qd-supervisor", Role::Supervisor)),
        Place::Member => Some(bench.caller("qd-school-worker", Role::Worker)),
        Place::Outsider => Some(bench.caller("qd-police-worker", Role::Worker)),
    }
}

async fn call(
    bench: &Bench,
    who: &Caller,
    case: CaseId,
    command: TeamCommandKind,
) -> Option<Result<(), Status>> {
    let mut client = bench.client().await;
    let task = case.to_string();
    let lawyer = bench.seat(pb::TeamRole::Lawyer, "qd-community-worker");
    let called = match command {
        // Only policies command these: there is nothing to call.
        TeamCommandKind::Form | TeamCommandKind::ConfirmCustody | TeamCommandKind::StandDown => {
            return None;
        }
        TeamCommandKind::SeatMember => {
            let request = who.request(bench.seat_request(case, lawyer));
            client.seat_member(request).await.map(drop)
        }
        TeamCommandKind::RemoveMember => {
            let request = who.request(bench.removal(case, lawyer));
            client.remove_member(request).await.map(drop)
        }
        TeamCommandKind::AddTask => {
            let request = who.request(bench.task_request(case, "qd-worker"));
            client.add_task(request).await.map(drop)
        }
        TeamCommandKind::CompleteTask => {
            let request = who.request(bench.completion(case, &task));
            client.complete_task(request).await.map(drop)
        }
        TeamCommandKind::CancelTask => {
            let request = who.request(bench.cancellation(case, &task));
            client.cancel_task(request).await.map(drop)
        }
    };
    Some(called)
}

/// One case in each state, by its number.
async fn case_in(bench: &Bench, state: TeamState) -> CaseId {
    let (number, hop) = match state {
        TeamState::Unformed => return case(1),
        TeamState::CustodyPending => (2, 2),
        TeamState::CustodyConfirmed => (3, 3),
        TeamState::StoodDown => (4, 4),
    };
    let case = case(number);
    bench.accepted(case, "qd-authorised", hop).await;
    bench.school_has_a_task(case).await;
    if state == TeamState::CustodyConfirmed {
        bench.custody_taken(case, "qd-authorised", hop).await;
    }
    if state == TeamState::StoodDown {
        bench.voided(case, "qd-authorised", hop).await;
    }
    case
}

#[tokio::test]
async fn each_illegal_cell_is_refused_over_the_wire() {
    let bench = Bench::start().await;
    for state in TeamState::ALL.iter().copied() {
        let case = case_in(&bench, state).await;
        let written = bench.recorded().await.len();
        for place in Place::ALL.iter().copied() {
            let Some(who) = caller_at(&bench, place) else {
                continue;
            };
            for command in TeamCommandKind::ALL.iter().copied() {
                if TRANSITIONS.0.contains(&(state, command, place)) {
                    continue;
                }
                let Some(called) = call(&bench, &who, case, command).await else {
                    continue;
                };
                let cell = format!("{state:?} {command:?} {place:?}");
                // Where there is no team nobody has a place in it; whoever may in another state
                // is told that it is the state.
                let elsewhere = TRANSITIONS
                    .0
                    .iter()
                    .any(|row| (row.1, row.2) == (command, place));
                let expected = if elsewhere && state != TeamState::Unformed {
                    (Code::FailedPrecondition, "WRONG_STATE".to_owned())
                } else {
                    (Code::PermissionDenied, "NOT_PERMITTED".to_owned())
                };
                assert_eq!(refusal(&called.unwrap_err()), expected, "{cell}");
            }
        }
        assert_eq!(bench.recorded().await.len(), written);
    }
    bench.stop().await;
}
