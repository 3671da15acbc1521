//! Which organizations take part in a case, as its events say: the intake desk, the parties of its
//! hops, the members of its teams. Only their people read its texts.

use domain::caseteam::{CaseTeam, TeamEvent};
use domain::ids::OrganizationId;
use domain::intake::{Intake, IntakeEvent};
use domain::referral::{
    Assignment, AssignmentEvent, Custody, CustodyEvent, Referral, ReferralEvent,
};
use domain::values::{Party, Term};
use eventsourcing::{Aggregate, Recorded, UnknownEvent, decode};

/// An organization comes to a place in a case, or leaves it. It may hold several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) organization: OrganizationId,
    pub(crate) place: String,
    pub(crate) leaves: bool,
}

/// What an event changes of who takes part.
pub(crate) fn parts(event: &Recorded) -> Result<Vec<Part>, UnknownEvent> {
    let envelope = &event.envelope;
    match envelope.subject.kind.as_str() {
        Intake::KIND => decode::<Intake>(envelope).map(|event| of_intake(&event)),
        Referral::KIND => decode::<Referral>(envelope).map(|event| of_referral(&event)),
        Assignment::KIND => decode::<Assignment>(envelope).map(|event| of_assignment(&event)),
        Custody::KIND => decode::<Custody>(envelope).map(|event| of_custody(&event)),
        CaseTeam::KIND => decode::<CaseTeam>(envelope).map(|event| of_team(&event)),
        _ => Ok(Vec::new()),
    }
}

fn of_intake(event: &IntakeEvent) -> Vec<Part> {
    match event {
        IntakeEvent::ContactRecorded { desk, .. } => vec![joins(*desk, "desk".to_owned())],
        _ => Vec::new(),
    }
}

fn of_referral(event: &ReferralEvent) -> Vec<Part> {
    match event {
        ReferralEvent::Dispatched(dispatch) => {
            let terms = &dispatch.terms;
            let parties = [Some(terms.from), Some(terms.to), terms.relay];
            let parties = parties.into_iter().flatten();
            parties
                .map(|party| joins(party, hop(&dispatch.hop)))
                .collect()
        }
        // The sender keeps its place; the receiver that did not take the case over leaves.
        ReferralEvent::Returned { hop: of, to, .. }
        | ReferralEvent::Cancelled { hop: of, to, .. } => vec![leaves(*to, hop(of))],
        _ => Vec::new(),
    }
}

fn of_assignment(event: &AssignmentEvent) -> Vec<Part> {
    match event {
        AssignmentEvent::Accepted(acceptance) => {
            vec![joins(acceptance.unit, hop(&acceptance.hop))]
        }
        _ => Vec::new(),
    }
}

fn of_custody(event: &CustodyEvent) -> Vec<Part> {
    match event {
        CustodyEvent::AcceptanceVoided { hop: of, unit, .. } => vec![leaves(*unit, hop(of))],
        _ => Vec::new(),
    }
}

fn of_team(event: &TeamEvent) -> Vec<Part> {
    match event {
        TeamEvent::TeamFormed(formation) => vec![
            joins(formation.lead, hop(&formation.hop)),
            joins(formation.liaison, format!("liaison/{}", formation.hop)),
            joins(formation.observer, format!("observer/{}", formation.hop)),
        ],
        TeamEvent::MemberSeated(seat) | TeamEvent::MemberRemoved { seat, .. } => {
            let worker = seat.worker.map(|worker| worker.to_string());
            let place = format!(
                "seat/{}/{}",
                seat.role.name(),
                worker.as_deref().unwrap_or("-")
            );
            vec![Part {
                organization: seat.organization,
                place,
                leaves: matches!(event, TeamEvent::MemberRemoved { .. }),
            }]
        }
        _ => Vec::new(),
    }
}

fn hop(of: &domain::ids::ReferralId) -> String {
    format!("hop/{of}")
}

fn joins(party: Party, place: String) -> Part {
    Part {
        organization: party.organization,
        place,
        leaves: false,
    }
}

fn leaves(party: Party, place: String) -> Part {
    Part {
        leaves: true,
        ..joins(party, place)
    }
}
