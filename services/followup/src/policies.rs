//! What the service does by itself: a plan follows its team, and a visit that falls due is missed.

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::caseteam::{CaseTeam, Formation, TeamEvent};
use domain::followup::{Charge, FollowUpPlan, Opening, PlanCommand};
use domain::ids::VisitId;
use eventsourcing::{
    Aggregate, Due, DueRule, LogId, Policy, PolicyError, Recorded, Region, Rows, ScopedId, Step,
    decode,
};

use crate::projection::visit_of_duty;

/// A plan opens with its team, changes hands with the lead, and is withdrawn when the team stands down.
pub(crate) struct PlanFollowsTeam {
    pub(crate) region: Region,
    pub(crate) log: LogId,
    pub(crate) directory: Arc<DirectoryView>,
}

impl Policy for PlanFollowsTeam {
    fn name(&self) -> &'static str {
        "plan-follows-team"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn react(&self, event: &Recorded, _rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        if event.envelope.subject.kind != CaseTeam::KIND {
            return Ok(Vec::new());
        }
        let command = match decode::<CaseTeam>(&event.envelope)? {
            TeamEvent::TeamFormed(formation) => PlanCommand::Open(self.opening(event, &formation)?),
            TeamEvent::LeadHandedOver(lead) => PlanCommand::HandOver(Charge {
                hop: lead.hop,
                unit: lead.lead,
                worker: lead.lead_worker,
            }),
            TeamEvent::TeamStoodDown { .. } => PlanCommand::Withdraw,
            TeamEvent::LeadClaimed(_)
            | TeamEvent::CustodyConfirmed { .. }
            | TeamEvent::VoidNoted { .. }
            | TeamEvent::MemberSeated(_)
            | TeamEvent::MemberRemoved { .. }
            | TeamEvent::TaskAdded { .. }
            | TeamEvent::TaskDone { .. }
            | TeamEvent::TaskCancelled { .. } => return Ok(Vec::new()),
        };
        // A team and its plan are the same case in the same region: the same id.
        Ok(vec![Step::of::<FollowUpPlan>(
            event.envelope.subject.id,
            command,
        )])
    }
}

impl PlanFollowsTeam {
    fn opening(&self, event: &Recorded, formation: &Formation) -> Result<Opening, PolicyError> {
        let no_rules = || PolicyError::NotYet("no rule set is in force here yet".to_owned());
        Ok(Opening {
            charge: Charge {
                hop: formation.hop,
                unit: formation.lead,
                worker: formation.lead_worker,
            },
            risk: formation.risk,
            formed_at: event.envelope.recordedtime,
            visit: VisitId(ScopedId::derived(self.region, event.envelope.id, "visit")),
            rules: self.directory.rules(self.region).ok_or_else(no_rules)?,
        })
    }
}

/// Nobody has reported the visit by its due time.
pub(crate) struct VisitFallsDue;

impl DueRule for VisitFallsDue {
    fn name(&self) -> &'static str {
        "visit-falls-due"
    }

    fn command(&self, due: &Due) -> Result<Vec<Step>, PolicyError> {
        let visit = visit_of_duty(&due.duty);
        let missed = visit.map(|visit| {
            Step::of::<FollowUpPlan>(due.stream.id, PlanCommand::MarkMissed { visit })
        });
        Ok(missed.into_iter().collect())
    }
}
