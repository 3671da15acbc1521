//! Every (state, command, place): the table decides, and nothing else lets anybody in.

use super::*;
use crate::transitions::NotAllowed;
use crate::values::Term;

/// A history that leads to the state, with one open task of the school.
fn history_to(state: TeamState) -> Vec<TeamEvent> {
    let standing = || vec![formed(), school_seated(), added(1, SCHOOL)];
    match state {
        TeamState::Unformed => vec![],
        TeamState::CustodyPending => standing(),
        TeamState::CustodyConfirmed => [standing(), vec![confirmed()]].concat(),
        TeamState::StoodDown => [standing(), vec![stood_down()]].concat(),
    }
}

/// A command of the kind that the rules beyond the table accept wherever it makes sense.
fn command_of(kind: TeamCommandKind) -> TeamCommand {
    match kind {
        TeamCommandKind::Form => TeamCommand::Form(accepted(LAOSHAN, 2)),
        TeamCommandKind::ConfirmCustody => TeamCommand::ConfirmCustody { hop: hop(1) },
        TeamCommandKind::StandDown => TeamCommand::StandDown { hop: hop(5) },
        TeamCommandKind::SeatMember => sit(seat(TeamRole::Lawyer, LAOSHAN)),
        TeamCommandKind::RemoveMember => remove(seat(TeamRole::Lawyer, SCHOOL)),
        TeamCommandKind::AddTask => add(order(2, SCHOOL)),
        TeamCommandKind::CompleteTask => complete(1),
        TeamCommandKind::CancelTask => cancel(1),
    }
}

pub(super) fn actor_at(place: Place) -> Actor {
    match place {
        Place::System => Actor::system("team-follows-custody", "1"),
        Place::LeadUnit => acting(QINGDAO, 2, Role::Supervisor),
        Place::Member => acting(SCHOOL, 1, Role::Worker),
        Place::Outsider => acting(LAOSHAN, 1, Role::Worker),
    }
}

#[test]
fn every_cell_of_the_table_decides() {
    for state in TeamState::ALL.iter().copied() {
        for kind in TeamCommandKind::ALL.iter().copied() {
            for place in Place::ALL.iter().copied() {
                let mut team = CaseTeam::default();
                for event in history_to(state) {
                    team.evolve(&event);
                }
                let on = on(actor_at(place));
                let outcome = team.decide(&command_of(kind), &on);
                let gated = matches!(outcome, Err(TeamRejection::NotAllowed(_)));
                // Nobody has a place in a team that has not formed: an outsider is all one can be.
                let placed = team.place(&on.actor);
                let row = TRANSITIONS.0.contains(&(state, kind, placed));
                assert_eq!(gated, !row, "{state:?} {kind:?} {placed:?}: {outcome:?}");
            }
        }
    }
}

#[test]
fn a_refusal_for_the_state_says_what_would_be_allowed() {
    let allowed = |state, place| TRANSITIONS.allowed(state, place);
    assert_eq!(allowed(TeamState::StoodDown, Place::LeadUnit), []);
    assert_eq!(
        allowed(TeamState::CustodyPending, Place::Member),
        [TeamCommandKind::CompleteTask]
    );
    by_lead([formed(), stood_down()])
        .when(complete(1))
        .then_rejected(TeamRejection::NotAllowed(NotAllowed::WrongState {
            state: TeamState::StoodDown,
            command: TeamCommandKind::CompleteTask,
            allowed: vec![],
        }));
}
