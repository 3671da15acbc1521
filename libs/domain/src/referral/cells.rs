//! The transition table, cell by cell: what has a row is done, what has none is refused.

use eventsourcing::{Actor, Aggregate, Occasion, Rejection, RejectionKind};

use super::assignment::{Assignment, AssignmentCommand, AssignmentRejection};
use super::moves::ReceiverMove;
use super::roles::{hop_roles, places_in};
use super::samples::*;
use super::sender::{Referral, ReferralCommand, ReferralRejection};
use super::terms::Terms;
use super::transitions::{NotAllowed, Row, TABLE, Target, TransitionTable};
use super::words::{HopCommand, HopRole, HopState, ReturnCode, VoidReason, WithdrawalReason};
use crate::ids::ReferralId;
use crate::values::{Role, Term};

/// The hop of a test: at its sender and at its receiver, in the same state.
struct Hop {
    referral: Referral,
    assignment: Assignment,
    terms: Terms,
}

/// The relay is also the receiver; or nobody, to tell the two places apart.
fn hop_in(state: Option<HopState>, relayed: bool) -> Hop {
    let mut moves = state.map(path).unwrap_or_default();
    if state == Some(HopState::Received) {
        // Back from a question that nobody has answered: it still can be.
        moves = [
            path(HopState::InfoRequested),
            vec![Move::R(ReceiverMove::PauseEnded)],
        ]
        .concat();
    }
    let mut terms = terms();
    terms.relay = terms.relay.filter(|_| relayed);
    let mut hop = Hop {
        referral: Referral::default(),
        assignment: Assignment::default(),
        terms,
    };
    for mut event in at_sender(&moves) {
        use super::sender::ReferralEvent as E;
        match &mut event {
            E::Drafted(draft) => draft.terms = hop.terms.clone(),
            E::Dispatched(dispatch) => dispatch.terms = hop.terms.clone(),
            _ => {}
        }
        hop.referral.evolve(&event);
    }
    for mut event in at_receiver(&moves) {
        if let super::assignment::AssignmentEvent::Assigned(dispatch) = &mut event {
            dispatch.terms = hop.terms.clone();
        }
        hop.assignment.evolve(&event);
    }
    hop
}

/// Everybody: every directory role at the sender, at the receiver and elsewhere; and the system.
fn everybody() -> Vec<Actor> {
    let places = [SHANGHAI, CENTRAL, NANJING];
    let people = places
        .iter()
        .flat_map(|code| Role::ALL.iter().map(|role| acting(code, *role)));
    people.chain([system()]).collect()
}

fn states() -> Vec<Option<HopState>> {
    let all = HopState::ALL.iter().copied().map(Some);
    [None].into_iter().chain(all).collect()
}

/// An occasion late enough for whatever falls due.
fn late(actor: &Actor) -> Occasion {
    Occasion {
        actor: actor.clone(),
        now: at(600),
        occurred_at: at(600),
    }
}

/// A command of this kind for which every rule besides the table says yes.
enum Willing {
    Sender(ReferralCommand),
    Receiver(AssignmentCommand),
}

fn willing(kind: HopCommand, hop: &Hop) -> Willing {
    let reason = words();
    let mut draft = draft();
    draft.terms = hop.terms.clone();
    draft.tenure = Some(opened());
    let draft = Box::new(draft);
    let rules = rules();
    match kind {
        HopCommand::Draft => Willing::Sender(ReferralCommand::Draft(draft)),
        HopCommand::Submit => Willing::Sender(ReferralCommand::Submit(emergency())),
        HopCommand::RefuseSubmission => {
            Willing::Sender(ReferralCommand::RefuseSubmission { reason })
        }
        HopCommand::Dispatch => Willing::Sender(ReferralCommand::Dispatch {
            tenure: Some(opened()),
            consents: vec![],
            escalate_to: Some(unit(CENTRAL)),
            rules,
        }),
        HopCommand::Escalate => Willing::Sender(ReferralCommand::Escalate {
            draft,
            submission: emergency(),
            escalate_to: None,
            rules,
        }),
        HopCommand::Cancel => Willing::Sender(ReferralCommand::Cancel {
            reason,
            custody_told: true,
        }),
        HopCommand::RequestCancellation => {
            Willing::Sender(ReferralCommand::RequestCancellation { reason })
        }
        HopCommand::SupplyInformation => {
            Willing::Sender(ReferralCommand::SupplyInformation { answer: words() })
        }
        HopCommand::UpholdReturn => Willing::Sender(ReferralCommand::UpholdReturn { note: None }),
        HopCommand::Expire => Willing::Sender(ReferralCommand::Expire {
            escalated: Some(ReferralId::new(region(SHANGHAI), uuid::Uuid::from_u128(3))),
        }),
        HopCommand::Withdraw => Willing::Sender(ReferralCommand::Withdraw {
            because: WithdrawalReason::ParentCancelled,
        }),
        HopCommand::Lapse => Willing::Sender(ReferralCommand::Withdraw {
            because: WithdrawalReason::CustodyGone,
        }),
        HopCommand::Receive => Willing::Receiver(AssignmentCommand::Receive),
        HopCommand::RequestInformation => {
            Willing::Receiver(AssignmentCommand::RequestInformation {
                question: words(),
                rules,
            })
        }
        HopCommand::EndPause => Willing::Receiver(AssignmentCommand::EndPause),
        HopCommand::Accept => Willing::Receiver(AssignmentCommand::Accept),
        HopCommand::ReferOnward => Willing::Receiver(AssignmentCommand::ReferOnward {
            child: ReferralId::new(region(CENTRAL), uuid::Uuid::from_u128(4)),
            to: unit(QINGDAO),
            tenure: hop.assignment.onward_tenure().unwrap_or(opened()),
            earlier_child: Some(HopState::Returned),
            reason,
        }),
        HopCommand::ProposeReturn => Willing::Receiver(AssignmentCommand::ProposeReturn {
            code: ReturnCode::NotOurArea,
            evidence: words(),
            rules,
        }),
        HopCommand::ConfirmCancellation => {
            Willing::Receiver(AssignmentCommand::ConfirmCancellation)
        }
        HopCommand::DeclineCancellation => {
            Willing::Receiver(AssignmentCommand::DeclineCancellation { reason })
        }
        HopCommand::StartWork => Willing::Receiver(AssignmentCommand::StartWork),
        HopCommand::Void => Willing::Receiver(AssignmentCommand::Void {
            because: VoidReason::CancelledFirst,
        }),
    }
}

/// Decides by `table`; the state afterwards, or the table's refusal.
///
/// Panics on any other refusal: the command is willing.
fn decide(
    hop: &Hop,
    table: TransitionTable<'_>,
    kind: HopCommand,
    actor: &Actor,
) -> Result<Option<HopState>, NotAllowed> {
    match willing(kind, hop) {
        Willing::Sender(command) => match hop.referral.decide_by(table, &command, &late(actor)) {
            Ok(events) => {
                let mut after = hop.referral.clone();
                for event in &events {
                    after.evolve(event);
                }
                Ok(after.view().state())
            }
            Err(ReferralRejection::NotAllowed(no)) => Err(no),
            Err(other) => panic!("{kind:?}: {other:?}"),
        },
        Willing::Receiver(command) => {
            match hop.assignment.decide_by(table, &command, &late(actor)) {
                Ok(events) => {
                    let mut after = hop.assignment.clone();
                    for event in &events {
                        after.evolve(event);
                    }
                    Ok(after.view().state())
                }
                Err(AssignmentRejection::NotAllowed(no)) => Err(no),
                Err(other) => panic!("{kind:?}: {other:?}"),
            }
        }
    }
}

/// A hop is nothing to its receiver before it is dispatched.
fn state_for(kind: HopCommand, hop: &Hop) -> Option<HopState> {
    match willing(kind, hop) {
        Willing::Sender(_) => hop.referral.view().state(),
        Willing::Receiver(_) => hop.assignment.view().state(),
    }
}

fn roles_for(kind: HopCommand, hop: &Hop, actor: &Actor) -> Vec<HopRole> {
    match state_for(kind, hop) {
        None if !matches!(kind, HopCommand::Draft | HopCommand::Escalate) => places_in(actor, None),
        _ => hop_roles(actor, &hop.terms),
    }
}

#[test]
fn both_sides_stand_in_the_state_that_their_moves_lead_to() {
    for state in HopState::ALL {
        let hop = hop_in(Some(*state), true);
        assert_eq!(hop.referral.view().state(), Some(*state));
        if !matches!(state, HopState::Draft | HopState::Submitted) {
            assert_eq!(hop.assignment.view().state(), Some(*state));
        }
    }
}

#[test]
fn every_command_in_every_state_by_everybody_is_done_if_and_only_if_the_table_has_its_row() {
    for (state, kind) in states()
        .into_iter()
        .flat_map(|state| HopCommand::ALL.iter().map(move |kind| (state, *kind)))
    {
        let hop = hop_in(state, true);
        for actor in everybody() {
            let state = state_for(kind, &hop);
            let roles = roles_for(kind, &hop, &actor);
            let row = TABLE
                .0
                .iter()
                .find(|row| row.from == state && row.command == kind && roles.contains(&row.by));
            let cell = format!("{state:?} {kind:?} {actor:?}");
            match (decide(&hop, TABLE, kind, &actor), row) {
                (Ok(after), Some(row)) => match row.to {
                    Target::State(to) => assert_eq!(after, Some(to), "{cell}"),
                    Target::Former => assert_eq!(after, Some(HopState::Received), "{cell}"),
                },
                (Err(no), None) => {
                    let could = TABLE.0.iter().filter(|row| row.from == state);
                    let could = could.filter(|row| roles.contains(&row.by));
                    for row in could {
                        assert!(no.allowed.contains(&row.command), "{cell}: {no:?}");
                    }
                }
                (outcome, row) => panic!("{cell}: {outcome:?}, but the row is {row:?}"),
            }
        }
    }
}

/// Somebody who holds this place, and as little else as can be.
fn holder(role: HopRole) -> Actor {
    match role {
        HopRole::SenderWorker => acting(SHANGHAI, Role::Worker),
        HopRole::SenderSupervisor => acting(SHANGHAI, Role::Supervisor),
        HopRole::Relay => acting(CENTRAL, Role::Supervisor),
        HopRole::ReceiverWorker => acting(CENTRAL, Role::Worker),
        HopRole::ReceiverAuthorised => acting(CENTRAL, Role::Authorised),
        HopRole::Visitor => acting(NANJING, Role::Visitor),
        HopRole::System => system(),
    }
}

#[test]
fn without_its_row_each_move_is_refused() {
    for deleted in TABLE.0 {
        let hop = hop_in(deleted.from, deleted.by == HopRole::Relay);
        let actor = holder(deleted.by);
        decide(&hop, TABLE, deleted.command, &actor).unwrap();

        let others: Vec<Row> = TABLE
            .0
            .iter()
            .filter(|row| *row != deleted)
            .copied()
            .collect();
        let refused = decide(&hop, TransitionTable(&others), deleted.command, &actor);
        assert!(refused.is_err(), "{deleted:?}");
    }
}

#[test]
fn no_cell_stands_in_the_table_twice() {
    for (index, row) in TABLE.0.iter().enumerate() {
        let again = TABLE.0[index + 1..]
            .iter()
            .find(|other| (other.from, other.command, other.by) == (row.from, row.command, row.by));
        assert_eq!(again, None);
    }
}

#[test]
fn whoever_has_no_place_in_the_hop_is_refused_before_its_state_is_told() {
    let hop = hop_in(Some(HopState::Received), true);
    let stranger = acting(NANJING, Role::Authorised);
    let no = decide(&hop, TABLE, HopCommand::Accept, &stranger).unwrap_err();
    assert_eq!(no.kind(), RejectionKind::Forbidden);
    assert!(no.allowed.is_empty());
    // A hop that is not here is answered in the same words.
    let nothing = hop_in(None, true);
    let missing = decide(&nothing, TABLE, HopCommand::Accept, &stranger).unwrap_err();
    assert_eq!(
        (missing.zh(), missing.to_string()),
        (no.zh(), no.to_string())
    );
    assert_eq!(
        (missing.reason(), missing.allowed()),
        (no.reason(), no.allowed())
    );
}

#[test]
fn a_command_in_the_wrong_state_is_answered_with_what_would_be_allowed() {
    let hop = hop_in(Some(HopState::Dispatched), true);
    let authorised = acting(CENTRAL, Role::Authorised);
    let no = decide(&hop, TABLE, HopCommand::Accept, &authorised).unwrap_err();
    assert_eq!(no.kind(), RejectionKind::WrongState);
    assert_eq!(no.allowed(), ["Receive"]);
    assert_eq!(no.zh(), "转介环节处于“已派单”状态，不能执行“受理”");
}

#[test]
fn places_follow_from_the_organization_and_the_role() {
    use HopRole as H;
    let places = |code, role| hop_roles(&acting(code, role), &terms());
    assert_eq!(places(SHANGHAI, Role::Worker), [H::SenderWorker]);
    let both = [H::SenderWorker, H::SenderSupervisor];
    assert_eq!(places(SHANGHAI, Role::Supervisor), both);
    assert_eq!(places(CENTRAL, Role::Worker), [H::ReceiverWorker]);
    let all = [H::Relay, H::ReceiverWorker, H::ReceiverAuthorised];
    assert_eq!(places(CENTRAL, Role::Authorised), all);
    assert_eq!(places(NANJING, Role::Visitor), [H::Visitor]);
    assert_eq!(places(CENTRAL, Role::Visitor), []);
    assert_eq!(places(SHANGHAI, Role::Auditor), []);
    assert_eq!(places(NANJING, Role::Supervisor), []);
    assert_eq!(hop_roles(&system(), &terms()), [H::System]);
    let nobody = Actor::person("x", "y", "Worker");
    assert_eq!(hop_roles(&nobody, &terms()), []);
}
