//! What falls due: an answer that did not come, information that did not come.

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::referral::reactions::expire;
use domain::referral::{Assignment, AssignmentCommand, Referral};
use eventsourcing::{Aggregate, Due, DueRule, PolicyError, ProjectionStore, Step};

use crate::projection::{ANSWER, PAUSE, hop};

pub(crate) struct DueHops {
    pub(crate) rows: Arc<dyn ProjectionStore>,
    pub(crate) directory: Arc<DirectoryView>,
}

impl DueRule for DueHops {
    fn name(&self) -> &'static str {
        "hop-clock"
    }

    fn command(&self, due: &Due) -> Result<Vec<Step>, PolicyError> {
        match (due.duty.as_str(), due.stream.kind.as_str()) {
            (ANSWER, Referral::KIND) => self.expire(due),
            (PAUSE, Assignment::KIND) => {
                let end = AssignmentCommand::EndPause;
                Ok(vec![Step::of::<Assignment>(due.stream.id, end)])
            }
            _ => Ok(Vec::new()),
        }
    }
}

impl DueHops {
    fn expire(&self, due: &Due) -> Result<Vec<Step>, PolicyError> {
        // The duty is a row of the same store, put there with the hop's.
        let referral = hop(&self.rows, due.stream.id.uuid)?.and_then(|row| row.referral);
        let Some(sent) = referral.as_ref().and_then(|known| known.state.dispatch()) else {
            return Err(PolicyError::Failed(
                "the hop of the duty has no row".to_owned(),
            ));
        };
        let rules = self
            .directory
            .rules(due.stream.id.region)
            .ok_or_else(|| PolicyError::Failed("no rule set is in the directory yet".to_owned()))?;
        let above = sent
            .escalate_to
            .and_then(|to| self.directory.parent_committee(to.organization));
        Ok(expire(sent, above, &rules)
            .into_iter()
            .map(Step::from)
            .collect())
    }
}
