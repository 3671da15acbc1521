//! The follow-up plan of a case in one region: which visits are owed, by when, and what came of each.
//!
//! A visit is owed until the unit in charge reports it, its time passes, or the plan is withdrawn;
//! each of these ends it for good. Putting it off keeps it owed, with a later due time.

use std::collections::BTreeMap;
use std::sync::Arc;

use eventsourcing::{Actor, Aggregate, Fact, Occasion};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rejection::PlanRejection;
use super::words::{
    Place, PlanCommandKind, PlanState, TRANSITIONS, VisitKind, VisitResult, VisitStatus,
};
use crate::acting::Acting;
use crate::directory::RuleSet;
use crate::ids::{ReferralId, VisitId, WorkerId};
use crate::sealed::{Sealed, Text};
use crate::values::{Party, RiskLevel, Role};

#[derive(Debug, Clone, PartialEq)]
pub enum PlanCommand {
    /// A team has formed.
    Open(Opening),
    /// Another unit leads the team now.
    HandOver(Charge),
    /// The team stood down.
    Withdraw,
    RecordVisit {
        visit: VisitId,
        report: Report,
        note: Option<Sealed<Text>>,
    },
    /// The clock says that the visit is due.
    MarkMissed { visit: VisitId },
}

/// What a plan opens from.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    pub charge: Charge,
    pub risk: RiskLevel,
    /// When the team formed: the first follow-up is due from then.
    pub formed_at: Timestamp,
    /// The id of the first visit.
    pub visit: VisitId,
    pub rules: Arc<RuleSet>,
}

/// Who owes the visits: the unit and worker who lead the team, and the hop they accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub hop: ReferralId,
    pub unit: Party,
    pub worker: WorkerId,
}

/// What a worker reports of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    TookPlace(VisitResult),
    PutOff { due_at: Timestamp },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum PlanEvent {
    PlanOpened {
        #[serde(flatten)]
        charge: Charge,
        risk: RiskLevel,
        formed_at: Timestamp,
        rules_version: String,
    },
    VisitPlanned {
        visit: VisitId,
        kind: VisitKind,
        due_at: Timestamp,
        rules_version: String,
    },
    PlanHandedOver(Charge),
    PlanWithdrawn {
        hop: ReferralId,
    },
    VisitDone {
        visit: VisitId,
        result: VisitResult,
        /// Only if it had been marked as missed before it was reported: when it took place, as the
        /// worker says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept_at: Option<Timestamp>,
        note: Option<Sealed<Text>>,
    },
    VisitRescheduled {
        visit: VisitId,
        due_at: Timestamp,
        note: Option<Sealed<Text>>,
    },
    VisitMissed {
        visit: VisitId,
        due_at: Timestamp,
    },
}

impl Fact for PlanEvent {
    fn rules_version(&self) -> Option<&str> {
        match self {
            Self::PlanOpened { rules_version, .. } | Self::VisitPlanned { rules_version, .. } => {
                Some(rules_version)
            }
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUpPlan {
    pub standing: Standing,
    /// All visits ever planned here, those of a withdrawn plan too.
    pub visits: BTreeMap<VisitId, Visit>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    #[default]
    Unopened,
    Open(Charge),
    Withdrawn(Charge),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    pub kind: VisitKind,
    pub due_at: Timestamp,
    pub status: VisitStatus,
    /// When it took place, if that was reported only after it had been marked as missed.
    pub kept_at: Option<Timestamp>,
}

type Decision = Result<Vec<PlanEvent>, PlanRejection>;

impl Aggregate for FollowUpPlan {
    const CONTEXT: &'static str = "followup";
    const KIND: &'static str = "plan";

    type Command = PlanCommand;
    type Event = PlanEvent;
    type Rejection = PlanRejection;

    fn decide(&self, command: &PlanCommand, on: &Occasion) -> Decision {
        let (kind, place) = (command.kind(), self.place(&on.actor));
        TRANSITIONS.allow(self.state(), kind, place)?;
        match (command.clone(), self.standing) {
            (PlanCommand::Open(opening), _) => self.open(&opening),
            (PlanCommand::HandOver(charge), _) => Ok(vec![PlanEvent::PlanHandedOver(charge)]),
            (PlanCommand::Withdraw, Standing::Open(Charge { hop, .. })) => {
                Ok(vec![PlanEvent::PlanWithdrawn { hop }])
            }
            (PlanCommand::Withdraw, _) => {
                Err(TRANSITIONS.wrong_state(self.state(), kind, place).into())
            }
            (
                PlanCommand::RecordVisit {
                    visit,
                    report,
                    note,
                },
                _,
            ) => self.record(visit, report, note, on),
            (PlanCommand::MarkMissed { visit }, _) => self.mark_missed(visit, on.now),
        }
    }

    fn evolve(&mut self, event: &PlanEvent) {
        match event {
            PlanEvent::PlanOpened { charge, .. } | PlanEvent::PlanHandedOver(charge) => {
                self.standing = Standing::Open(*charge);
            }
            PlanEvent::VisitPlanned {
                visit,
                kind,
                due_at,
                ..
            } => {
                let owed = Visit {
                    kind: *kind,
                    due_at: *due_at,
                    status: VisitStatus::Owed,
                    kept_at: None,
                };
                self.visits.insert(*visit, owed);
            }
            PlanEvent::PlanWithdrawn { .. } => self.withdraw(),
            PlanEvent::VisitDone {
                visit,
                result,
                kept_at,
                ..
            } => {
                self.end(*visit, (*result).into());
                if let Some(visit) = self.visits.get_mut(visit) {
                    visit.kept_at = *kept_at;
                }
            }
            PlanEvent::VisitRescheduled { visit, due_at, .. } => {
                if let Some(visit) = self.visits.get_mut(visit) {
                    visit.due_at = *due_at;
                }
            }
            PlanEvent::VisitMissed { visit, .. } => self.end(*visit, VisitStatus::Missed),
        }
    }
}

impl PlanCommand {
    pub fn kind(&self) -> PlanCommandKind {
        match self {
            Self::Open(_) => PlanCommandKind::OpenPlan,
            Self::HandOver(_) => PlanCommandKind::HandOverPlan,
            Self::Withdraw => PlanCommandKind::WithdrawPlan,
            Self::RecordVisit { .. } => PlanCommandKind::RecordVisit,
            Self::MarkMissed { .. } => PlanCommandKind::MarkMissed,
        }
    }
}

impl FollowUpPlan {
    pub fn state(&self) -> PlanState {
        match self.standing {
            Standing::Unopened => PlanState::Unopened,
            Standing::Open(_) => PlanState::Open,
            Standing::Withdrawn(_) => PlanState::Withdrawn,
        }
    }

    /// Who is in charge, or was when the plan was withdrawn.
    pub fn charge(&self) -> Option<Charge> {
        match self.standing {
            Standing::Unopened => None,
            Standing::Open(charge) | Standing::Withdrawn(charge) => Some(charge),
        }
    }

    /// Where an actor stands to this plan.
    pub fn place(&self, actor: &Actor) -> Place {
        if let Actor::System { .. } = actor {
            return Place::System;
        }
        let visits = |person: &Acting| match person.role {
            Role::Worker | Role::Supervisor | Role::Authorised | Role::Visitor => true,
            Role::Auditor | Role::Administrator => false,
        };
        match (Acting::of(actor).filter(visits), self.charge()) {
            (Some(person), Some(charge)) if person.organization == charge.unit.organization => {
                Place::Unit
            }
            _ => Place::Outsider,
        }
    }

    /// What is still owed.
    pub fn owed(&self) -> impl Iterator<Item = (&VisitId, &Visit)> {
        let visits = self.visits.iter();
        visits.filter(|(_, visit)| visit.status == VisitStatus::Owed)
    }

    fn open(&self, opening: &Opening) -> Decision {
        if self.visits.contains_key(&opening.visit) {
            return Err(PlanRejection::VisitKnown);
        }
        let rules = &opening.rules;
        let limit = rules.first_follow_up.of(opening.risk);
        Ok(vec![
            PlanEvent::PlanOpened {
                charge: opening.charge,
                risk: opening.risk,
                formed_at: opening.formed_at,
                rules_version: rules.version.clone(),
            },
            PlanEvent::VisitPlanned {
                visit: opening.visit,
                kind: VisitKind::Phone,
                due_at: rules.due(limit, opening.formed_at),
                rules_version: rules.version.clone(),
            },
        ])
    }

    fn record(
        &self,
        visit: VisitId,
        report: Report,
        note: Option<Sealed<Text>>,
        on: &Occasion,
    ) -> Decision {
        let marked = self.visits.get(&visit).map(|visit| visit.status) == Some(VisitStatus::Missed);
        match report {
            // Kept and not reported in time: what came of it is not lost, nor that it was marked.
            Report::TookPlace(result) if marked => Ok(vec![PlanEvent::VisitDone {
                visit,
                result,
                kept_at: Some(on.occurred_at),
                note,
            }]),
            _ => self.report_owed(visit, report, note, on.now),
        }
    }

    fn report_owed(
        &self,
        visit: VisitId,
        report: Report,
        note: Option<Sealed<Text>>,
        now: Timestamp,
    ) -> Decision {
        self.check_owed(visit)?;
        match report {
            Report::TookPlace(result) => Ok(vec![PlanEvent::VisitDone {
                visit,
                result,
                kept_at: None,
                note,
            }]),
            Report::PutOff { due_at } if due_at <= now => Err(PlanRejection::DueInPast),
            Report::PutOff { due_at } => Ok(vec![PlanEvent::VisitRescheduled {
                visit,
                due_at,
                note,
            }]),
        }
    }

    fn mark_missed(&self, visit: VisitId, now: Timestamp) -> Decision {
        let due_at = self.check_owed(visit)?.due_at;
        if now < due_at {
            return Err(PlanRejection::NotDueYet);
        }
        Ok(vec![PlanEvent::VisitMissed { visit, due_at }])
    }

    fn check_owed(&self, visit: VisitId) -> Result<&Visit, PlanRejection> {
        let visit = self.visits.get(&visit).ok_or(PlanRejection::VisitUnknown)?;
        match visit.status {
            VisitStatus::Owed => Ok(visit),
            ended => Err(PlanRejection::VisitNotOwed(ended)),
        }
    }

    fn withdraw(&mut self) {
        if let Standing::Open(charge) = self.standing {
            self.standing = Standing::Withdrawn(charge);
        }
        for visit in self.visits.values_mut() {
            if visit.status == VisitStatus::Owed {
                visit.status = VisitStatus::Withdrawn;
            }
        }
    }

    fn end(&mut self, visit: VisitId, status: VisitStatus) {
        if let Some(visit) = self.visits.get_mut(&visit) {
            visit.status = status;
        }
    }
}
