//! Which organizations take part in a case, as its events say: the intake desk, the parties of its
//! hops, the members of its teams. Only their people read its texts.

use domain::caseteam::{CaseTeam, Seat, TeamEvent};
use domain::ids::{OrganizationId, ReferralId};
use domain::intake::{Intake, IntakeEvent};
use domain::referral::{
    Assignment, AssignmentEvent, Custody, CustodyEvent, Referral, ReferralEvent,
};
use domain::values::{Party, Term};
use eventsourcing::{Aggregate, Recorded, Region, UnknownEvent, decode};

/// What changes of who takes part in a case. An organization may hold several places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Joins {
        organization: OrganizationId,
        place: String,
    },
    /// It may come back: both stand in one log, so their order is known.
    Leaves {
        organization: OrganizationId,
        place: String,
    },
    /// The place itself is no more: whoever was or will be heard to hold it, from whatever log.
    Ends { place: String },
}

/// What an event changes of who takes part.
pub(crate) fn parts(event: &Recorded) -> Result<Vec<Part>, UnknownEvent> {
    let envelope = &event.envelope;
    match envelope.subject.kind.as_str() {
        Intake::KIND => decode::<Intake>(envelope).map(|event| of_intake(&event)),
        Referral::KIND => decode::<Referral>(envelope).map(|event| of_referral(&event)),
        Assignment::KIND => decode::<Assignment>(envelope).map(|event| of_assignment(&event)),
        Custody::KIND => decode::<Custody>(envelope).map(|event| of_custody(&event)),
        CaseTeam::KIND => {
            decode::<CaseTeam>(envelope).map(|event| of_team(envelope.region, &event))
        }
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
            let parties = [
                (FROM, Some(terms.from)),
                (TO, Some(terms.to)),
                (RELAY, terms.relay),
            ];
            let parties = parties.into_iter();
            parties
                .filter_map(|(side, party)| Some(joins(party?, hop(side, dispatch.hop))))
                .collect()
        }
        // The sender keeps its place; the receiver that did not take the case over leaves.
        ReferralEvent::Returned { hop, .. } | ReferralEvent::Cancelled { hop, .. } => {
            vec![ends(*hop)]
        }
        _ => Vec::new(),
    }
}

fn of_assignment(event: &AssignmentEvent) -> Vec<Part> {
    match event {
        AssignmentEvent::Accepted(acceptance) => {
            vec![joins(acceptance.unit, hop(TO, acceptance.hop))]
        }
        AssignmentEvent::CancellationConfirmed { hop }
        | AssignmentEvent::AcceptanceLapsed { hop, .. } => vec![ends(*hop)],
        _ => Vec::new(),
    }
}

fn of_custody(event: &CustodyEvent) -> Vec<Part> {
    match event {
        CustodyEvent::AcceptanceVoided { hop, .. } => vec![ends(*hop)],
        _ => Vec::new(),
    }
}

fn of_team(region: Region, event: &TeamEvent) -> Vec<Part> {
    match event {
        TeamEvent::TeamFormed(formation) => {
            let of = formation.hop;
            vec![
                joins(formation.lead, hop(TO, of)),
                joins(formation.liaison, format!("liaison/{region}/{of}")),
                joins(formation.observer, format!("observer/{region}/{of}")),
            ]
        }
        TeamEvent::MemberSeated(seat) => vec![Part::Joins {
            organization: seat.organization,
            place: seated(region, seat),
        }],
        TeamEvent::MemberRemoved { seat, .. } => vec![Part::Leaves {
            organization: seat.organization,
            place: seated(region, seat),
        }],
        _ => Vec::new(),
    }
}

fn seated(region: Region, seat: &Seat) -> String {
    let worker = seat.worker.map(|worker| worker.to_string());
    let worker = worker.as_deref().unwrap_or("-");
    format!("seat/{region}/{}/{worker}", seat.role.name())
}

/// The sides of a hop.
const FROM: &str = "from";
const TO: &str = "to";
const RELAY: &str = "relay";

fn hop(side: &str, hop: ReferralId) -> String {
    format!("{side}/{hop}")
}

fn joins(party: Party, place: String) -> Part {
    Part::Joins {
        organization: party.organization,
        place,
    }
}

/// The receiver's side of a hop.
fn ends(of: ReferralId) -> Part {
    let place = hop(TO, of);
    Part::Ends { place }
}
