//! The team of a case in one region: formed when a unit accepts, led by that unit as long as it stands.
//!
//! The team works from the acceptance on, while custody is still pending. Which acceptance counts is
//! decided by the custodian elsewhere; here the events of that decision move the lead.

use std::collections::BTreeSet;

use eventsourcing::{Actor, Aggregate, Fact, Occasion};
use serde::{Deserialize, Serialize};

use super::rejection::TeamRejection;
use super::roster::{Formation, Lead, Seat, Standing, TaskOrder, Team};
use super::words::{
    Place, RemovalReason, TRANSITIONS, TaskCancelReason, TeamCommandKind, TeamState,
};
use crate::acting::Acting;
use crate::ids::{ReferralId, TaskId};
use crate::sealed::{Sealed, Text};
use crate::values::Role;

#[derive(Debug, Clone, PartialEq)]
pub enum TeamCommand {
    /// A unit accepted the case.
    Form(Formation),
    /// Custody was taken under this hop.
    ConfirmCustody { hop: ReferralId },
    /// The acceptance of this hop was voided.
    StandDown { hop: ReferralId },
    SeatMember {
        seat: Seat,
        /// Looked up: the directory knows the organization, and the worker as one of its own.
        in_directory: bool,
    },
    RemoveMember {
        seat: Seat,
        reason: RemovalReason,
        note: Option<Sealed<Text>>,
    },
    AddTask {
        order: TaskOrder,
        /// Looked up: the directory knows the owner, and the worker as one of its own.
        in_directory: bool,
    },
    CompleteTask {
        task: TaskId,
        evidence: Sealed<Text>,
    },
    CancelTask {
        task: TaskId,
        reason: TaskCancelReason,
        note: Option<Sealed<Text>>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum TeamEvent {
    TeamFormed(Formation),
    /// Another unit of the region accepted too: it leads if custody goes to it.
    LeadClaimed(Lead),
    LeadHandedOver(Lead),
    CustodyConfirmed {
        hop: ReferralId,
    },
    /// An acceptance on which no team stands was voided; it can never form or lead one.
    VoidNoted {
        hop: ReferralId,
    },
    TeamStoodDown {
        hop: ReferralId,
    },
    MemberSeated(Seat),
    MemberRemoved {
        #[serde(flatten)]
        seat: Seat,
        reason: RemovalReason,
        note: Option<Sealed<Text>>,
    },
    TaskAdded {
        /// Under which the team works: the hop is in progress from its first task on.
        hop: ReferralId,
        #[serde(flatten)]
        order: TaskOrder,
    },
    TaskDone {
        task: TaskId,
        evidence: Sealed<Text>,
    },
    TaskCancelled {
        task: TaskId,
        reason: TaskCancelReason,
        note: Option<Sealed<Text>>,
    },
}

impl Fact for TeamEvent {}

/// All that is known here of a case's team.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseTeam {
    /// None until one forms; the last one after it stood down.
    pub team: Option<Team>,
    /// Hops whose acceptance was voided, even where that was heard before the acceptance.
    voided: BTreeSet<ReferralId>,
}

pub(super) type Decision = Result<Vec<TeamEvent>, TeamRejection>;

impl Aggregate for CaseTeam {
    const CONTEXT: &'static str = "caseteam";
    const KIND: &'static str = "team";

    type Command = TeamCommand;
    type Event = TeamEvent;
    type Rejection = TeamRejection;

    fn decide(&self, command: &TeamCommand, on: &Occasion) -> Decision {
        let place = self.place(&on.actor);
        TRANSITIONS.allow(self.state(), command.kind(), place)?;
        match (command.clone(), &self.team) {
            (TeamCommand::Form(formation), _) => self.form(formation),
            (TeamCommand::StandDown { hop }, _) => self.stand_down(hop),
            (TeamCommand::ConfirmCustody { hop }, Some(team)) => team.confirm_custody(hop),
            (TeamCommand::SeatMember { seat, in_directory }, Some(team)) => {
                team.seat(seat, in_directory)
            }
            (TeamCommand::RemoveMember { seat, reason, note }, Some(team)) => {
                team.check_removal(seat)?;
                Ok(vec![TeamEvent::MemberRemoved { seat, reason, note }])
            }
            (
                TeamCommand::AddTask {
                    order,
                    in_directory,
                },
                Some(team),
            ) => team.add_task(order, in_directory, on.now),
            (TeamCommand::CompleteTask { task, evidence }, Some(team)) => {
                team.check_open(task, place, &on.actor)?;
                Ok(vec![TeamEvent::TaskDone { task, evidence }])
            }
            (TeamCommand::CancelTask { task, reason, note }, Some(team)) => {
                team.check_open(task, place, &on.actor)?;
                Ok(vec![TeamEvent::TaskCancelled { task, reason, note }])
            }
            (_, None) => Err(TRANSITIONS
                .wrong_state(self.state(), command.kind(), place)
                .into()),
        }
    }

    fn evolve(&mut self, event: &TeamEvent) {
        if let TeamEvent::TeamFormed(formation) = event {
            self.team = Some(Team::formed(formation));
        }
        if let TeamEvent::VoidNoted { hop } | TeamEvent::TeamStoodDown { hop } = event {
            self.voided.insert(*hop);
        }
        if let Some(team) = &mut self.team {
            team.evolve(event);
        }
    }
}

impl TeamCommand {
    pub fn kind(&self) -> TeamCommandKind {
        match self {
            Self::Form(_) => TeamCommandKind::Form,
            Self::ConfirmCustody { .. } => TeamCommandKind::ConfirmCustody,
            Self::StandDown { .. } => TeamCommandKind::StandDown,
            Self::SeatMember { .. } => TeamCommandKind::SeatMember,
            Self::RemoveMember { .. } => TeamCommandKind::RemoveMember,
            Self::AddTask { .. } => TeamCommandKind::AddTask,
            Self::CompleteTask { .. } => TeamCommandKind::CompleteTask,
            Self::CancelTask { .. } => TeamCommandKind::CancelTask,
        }
    }
}

impl CaseTeam {
    pub fn state(&self) -> TeamState {
        match self.team.as_ref().map(|team| team.standing) {
            None => TeamState::Unformed,
            Some(Standing::CustodyPending) => TeamState::CustodyPending,
            Some(Standing::CustodyConfirmed) => TeamState::CustodyConfirmed,
            Some(Standing::StoodDown) => TeamState::StoodDown,
        }
    }

    /// Where an actor stands to this team.
    pub fn place(&self, actor: &Actor) -> Place {
        let person = match (actor, Acting::of(actor)) {
            (Actor::System { .. }, _) => return Place::System,
            (Actor::Person { .. }, None) => return Place::Outsider,
            (Actor::Person { .. }, Some(person)) => person,
        };
        let works = matches!(
            person.role,
            Role::Worker | Role::Supervisor | Role::Authorised
        );
        match &self.team {
            Some(team) if works && person.organization == team.lead.lead.organization => {
                Place::LeadUnit
            }
            Some(team) if works && team.includes(person.organization, Some(person.worker)) => {
                Place::Member
            }
            _ => Place::Outsider,
        }
    }

    fn form(&self, formation: Formation) -> Decision {
        let hop = formation.hop;
        if self.voided.contains(&hop) {
            return Err(TeamRejection::AcceptanceVoided);
        }
        match &self.team {
            Some(team) if team.standing != Standing::StoodDown => {
                if team.lead.hop == hop || team.claim(hop).is_some() {
                    return Err(TeamRejection::HopKnown);
                }
                Ok(vec![TeamEvent::LeadClaimed(formation.acceptance())])
            }
            _ => Ok(vec![TeamEvent::TeamFormed(formation)]),
        }
    }

    fn stand_down(&self, hop: ReferralId) -> Decision {
        if self.voided.contains(&hop) {
            return Err(TeamRejection::AcceptanceVoided);
        }
        match &self.team {
            Some(team) if team.lead.hop == hop => team.lose_lead(hop),
            _ => Ok(vec![TeamEvent::VoidNoted { hop }]),
        }
    }
}
