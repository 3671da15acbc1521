//! A team that has formed: who leads, who sits in it, what they have to do, and the rules about that.

use std::collections::{BTreeMap, BTreeSet};

use eventsourcing::Actor;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rejection::TeamRejection;
use super::team::{Decision, TeamEvent};
use super::words::{CaseStatus, Place, TaskKind, TaskStatus, TeamRole};
use crate::acting::Acting;
use crate::ids::{OrganizationId, ReferralId, TaskId, WorkerId};
use crate::sealed::{Sealed, Text};
use crate::values::{CaseType, Party, RiskLevel};

/// What a team forms from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Formation {
    pub hop: ReferralId,
    /// The unit that accepted, and who did it for the unit.
    pub lead: Party,
    pub lead_worker: WorkerId,
    /// The desk where the case began.
    pub liaison: Party,
    /// League Central's.
    pub observer: Party,
    pub case_type: CaseType,
    pub risk: RiskLevel,
}

/// An acceptance: the hop, and the unit and worker who lead because of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    pub hop: ReferralId,
    pub lead: Party,
    pub lead_worker: WorkerId,
}

/// A place in the team: of an organization, or of one worker of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seat {
    pub role: TeamRole,
    pub organization: OrganizationId,
    pub worker: Option<WorkerId>,
}

/// Something to be done, by whom and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOrder {
    pub task: TaskId,
    pub kind: TaskKind,
    pub note: Option<Sealed<Text>>,
    pub owner: OrganizationId,
    /// The one worker of the owner who is to do it; anybody of the owner, if none.
    pub worker: Option<WorkerId>,
    pub due_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    pub standing: Standing,
    pub status: CaseStatus,
    pub case_type: CaseType,
    pub risk: RiskLevel,
    pub lead: Lead,
    /// Acceptances by others, oldest first, while the case is not theirs.
    pub claims: Vec<Lead>,
    pub liaison: Party,
    pub observer: Party,
    pub seats: BTreeSet<Seat>,
    pub tasks: BTreeMap<TaskId, Task>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    CustodyPending,
    CustodyConfirmed,
    StoodDown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub order: TaskOrder,
    pub status: TaskStatus,
}

impl Formation {
    pub(super) fn acceptance(&self) -> Lead {
        Lead {
            hop: self.hop,
            lead: self.lead,
            lead_worker: self.lead_worker,
        }
    }
}

impl Lead {
    fn seat(&self) -> Seat {
        Seat {
            role: TeamRole::Lead,
            organization: self.lead.organization,
            worker: Some(self.lead_worker),
        }
    }
}

impl Seat {
    fn unit(role: TeamRole, unit: Party) -> Self {
        Self {
            role,
            organization: unit.organization,
            worker: None,
        }
    }

    /// Whether it is a seat of the organization that this worker (or anybody) may act from.
    fn covers(&self, organization: OrganizationId, worker: Option<WorkerId>) -> bool {
        self.organization == organization
            && (self.worker.is_none() || worker.is_none() || self.worker == worker)
    }
}

impl TaskOrder {
    fn is_of(&self, person: &Acting) -> bool {
        self.owner == person.organization
            && self.worker.is_none_or(|worker| worker == person.worker)
    }
}

impl Team {
    pub(super) fn formed(formation: &Formation) -> Self {
        let lead = formation.acceptance();
        Self {
            standing: Standing::CustodyPending,
            status: CaseStatus::Assessing,
            case_type: formation.case_type,
            risk: formation.risk,
            lead,
            claims: Vec::new(),
            liaison: formation.liaison,
            observer: formation.observer,
            seats: BTreeSet::from([
                lead.seat(),
                Seat::unit(TeamRole::Liaison, formation.liaison),
                Seat::unit(TeamRole::Observer, formation.observer),
            ]),
            tasks: BTreeMap::new(),
        }
    }

    pub(super) fn evolve(&mut self, event: &TeamEvent) {
        match event {
            // The team has just been made from it.
            TeamEvent::TeamFormed(_) => {}
            TeamEvent::LeadClaimed(claim) => self.claims.push(*claim),
            TeamEvent::LeadHandedOver(lead) => self.hand_over(*lead),
            TeamEvent::CustodyConfirmed { .. } => self.standing = Standing::CustodyConfirmed,
            TeamEvent::VoidNoted { hop } => self.claims.retain(|claim| claim.hop != *hop),
            TeamEvent::TeamStoodDown { .. } => self.standing = Standing::StoodDown,
            TeamEvent::MemberSeated(seat) => {
                self.seats.insert(*seat);
            }
            TeamEvent::MemberRemoved { seat, .. } => {
                self.seats.remove(seat);
            }
            TeamEvent::TaskAdded { order, .. } => {
                let (order, status) = (order.clone(), TaskStatus::Open);
                self.tasks.insert(order.task, Task { order, status });
            }
            TeamEvent::TaskDone { task, .. } => self.close(*task, TaskStatus::Done),
            TeamEvent::TaskCancelled { task, .. } => self.close(*task, TaskStatus::Cancelled),
        }
    }

    /// The former lead unit stays on to assist: what it has open is still its own.
    fn hand_over(&mut self, lead: Lead) {
        self.claims.retain(|claim| claim.hop != lead.hop);
        let former = std::mem::replace(&mut self.lead, lead).lead;
        if former.organization != lead.lead.organization {
            self.seats.retain(|seat| seat.role != TeamRole::Lead);
            self.seats.insert(Seat::unit(TeamRole::Assist, former));
        }
        self.seats.insert(lead.seat());
        self.standing = Standing::CustodyPending;
    }

    fn close(&mut self, task: TaskId, status: TaskStatus) {
        if let Some(task) = self.tasks.get_mut(&task) {
            task.status = status;
        }
    }

    pub(super) fn claim(&self, hop: ReferralId) -> Option<Lead> {
        self.claims.iter().copied().find(|claim| claim.hop == hop)
    }

    pub(super) fn confirm_custody(&self, hop: ReferralId) -> Decision {
        let confirmed = TeamEvent::CustodyConfirmed { hop };
        if let Some(claim) = self.claim(hop) {
            return Ok(vec![TeamEvent::LeadHandedOver(claim), confirmed]);
        }
        match (self.lead.hop == hop, self.standing) {
            (false, _) => Err(TeamRejection::HopUnknown),
            (true, Standing::CustodyPending) => Ok(vec![confirmed]),
            (true, _) => Err(TeamRejection::CustodyAlreadyConfirmed),
        }
    }

    /// Another acceptance, if there is one, keeps the team standing.
    pub(super) fn lose_lead(&self, hop: ReferralId) -> Decision {
        match (self.standing, self.claims.first()) {
            (Standing::CustodyConfirmed, _) => Err(TeamRejection::CustodyAlreadyConfirmed),
            (_, Some(next)) => {
                let noted = TeamEvent::VoidNoted { hop };
                Ok(vec![noted, TeamEvent::LeadHandedOver(*next)])
            }
            (_, None) => Ok(vec![TeamEvent::TeamStoodDown { hop }]),
        }
    }

    pub(super) fn seat(&self, seat: Seat, in_directory: bool) -> Decision {
        if !in_directory {
            return Err(TeamRejection::NotInDirectory);
        }
        if self.follows_from_referral(seat) {
            return Err(TeamRejection::FollowsFromReferral(seat.role));
        }
        if self.seats.contains(&seat) {
            return Err(TeamRejection::AlreadySeated);
        }
        Ok(vec![TeamEvent::MemberSeated(seat)])
    }

    pub(super) fn check_removal(&self, seat: Seat) -> Result<(), TeamRejection> {
        if !self.seats.contains(&seat) {
            return Err(TeamRejection::NotSeated);
        }
        if self.follows_from_referral(seat) {
            return Err(TeamRejection::FollowsFromReferral(seat.role));
        }
        let others = || self.seats.iter().filter(|other| **other != seat);
        if !others().any(|other| other.role == TeamRole::Lead) {
            return Err(TeamRejection::LastLead);
        }
        let remaining = Self {
            seats: others().copied().collect(),
            ..self.clone()
        };
        if !self
            .open_tasks()
            .all(|task| remaining.includes(task.owner, task.worker))
        {
            return Err(TeamRejection::OwnsOpenTasks);
        }
        Ok(())
    }

    /// The lead of another unit, the liaison, and Central as observer.
    fn follows_from_referral(&self, seat: Seat) -> bool {
        match seat.role {
            TeamRole::Lead => seat.organization != self.lead.lead.organization,
            TeamRole::Liaison => true,
            TeamRole::Observer => seat == Seat::unit(TeamRole::Observer, self.observer),
            _ => false,
        }
    }

    pub(super) fn add_task(
        &self,
        order: TaskOrder,
        in_directory: bool,
        now: Timestamp,
    ) -> Decision {
        if !in_directory {
            return Err(TeamRejection::NotInDirectory);
        }
        if self.tasks.contains_key(&order.task) {
            return Err(TeamRejection::TaskKnown);
        }
        if order.due_at <= now {
            return Err(TeamRejection::DueInPast);
        }
        if !self.includes(order.owner, order.worker) {
            return Err(TeamRejection::OwnerNotSeated);
        }
        let hop = self.lead.hop;
        Ok(vec![TeamEvent::TaskAdded { hop, order }])
    }

    pub(super) fn check_open(
        &self,
        task: TaskId,
        place: Place,
        actor: &Actor,
    ) -> Result<(), TeamRejection> {
        let task = self.tasks.get(&task).ok_or(TeamRejection::TaskUnknown)?;
        let theirs = Acting::of(actor).is_some_and(|person| task.order.is_of(&person));
        if place == Place::Member && !theirs {
            return Err(TeamRejection::NotYourTask);
        }
        match task.status {
            TaskStatus::Open => Ok(()),
            closed @ (TaskStatus::Done | TaskStatus::Cancelled) => {
                Err(TeamRejection::TaskClosed(closed))
            }
        }
    }

    /// Every worker of the lead unit belongs to the team, and who has a seat.
    pub(super) fn includes(&self, organization: OrganizationId, worker: Option<WorkerId>) -> bool {
        organization == self.lead.lead.organization
            || self
                .seats
                .iter()
                .any(|seat| seat.covers(organization, worker))
    }

    fn open_tasks(&self) -> impl Iterator<Item = &TaskOrder> {
        let tasks = self.tasks.values();
        tasks
            .filter(|task| task.status == TaskStatus::Open)
            .map(|task| &task.order)
    }
}
