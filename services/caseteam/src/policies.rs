//! What the service does by itself: a team follows what the referral's logs say of its hop.

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::caseteam::{CaseTeam, Formation, TeamCommand};
use domain::ids::CaseId;
use domain::referral::{Acceptance, Assignment, AssignmentEvent, Custody, CustodyEvent};
use eventsourcing::{Aggregate, LogId, Policy, PolicyError, Recorded, Region, Rows, Step, decode};

/// A team forms when a unit of the region accepts, learns when custody has come, and stands down when
/// the custodian, wherever it is, has voided the acceptance.
pub(crate) struct TeamFollowsReferral {
    pub(crate) region: Region,
    /// The referral logs of all regions: any of them may have the custodian.
    pub(crate) logs: Vec<LogId>,
    pub(crate) directory: Arc<DirectoryView>,
}

impl Policy for TeamFollowsReferral {
    fn name(&self) -> &'static str {
        "team-follows-referral"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn react(&self, event: &Recorded, _rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let envelope = &event.envelope;
        let command = match envelope.subject.kind.as_str() {
            Assignment::KIND => self.accepted(decode::<Assignment>(envelope)?)?,
            Custody::KIND => self.ruled(decode::<Custody>(envelope)?),
            _ => None,
        };
        let (Some(command), Some(case)) = (command, envelope.caseid) else {
            return Ok(Vec::new());
        };
        let team = CaseId(case).team_in(self.region);
        Ok(vec![Step::of::<CaseTeam>(team.0, command)])
    }
}

impl TeamFollowsReferral {
    fn accepted(&self, event: AssignmentEvent) -> Result<Option<TeamCommand>, PolicyError> {
        match event {
            AssignmentEvent::Accepted(acceptance) if acceptance.unit.region() == self.region => {
                Ok(Some(TeamCommand::Form(self.formation(&acceptance)?)))
            }
            _ => Ok(None),
        }
    }

    fn ruled(&self, event: CustodyEvent) -> Option<TeamCommand> {
        match event {
            CustodyEvent::CustodyTaken { custodian, hop, .. } => {
                let here = custodian.region() == self.region;
                here.then_some(TeamCommand::ConfirmCustody { hop })
            }
            CustodyEvent::AcceptanceVoided { hop, unit, .. } => {
                let here = unit.region() == self.region;
                here.then_some(TeamCommand::StandDown { hop })
            }
            _ => None,
        }
    }

    fn formation(&self, acceptance: &Acceptance) -> Result<Formation, PolicyError> {
        let central = self.directory.committee(Region::CENTRAL);
        let no_central = || PolicyError::NotYet("Central is not in the directory yet".to_owned());
        Ok(Formation {
            hop: acceptance.hop,
            lead: acceptance.unit,
            lead_worker: acceptance.by,
            liaison: acceptance.origin,
            observer: central.ok_or_else(no_central)?,
            case_type: acceptance.case_type,
            risk: acceptance.risk,
        })
    }
}
