//! What falls due: an answer that did not come, information that did not come.

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::referral::reactions::expire;
use domain::referral::{Assignment, AssignmentCommand, Referral};
use eventsourcing::{Aggregate, Due, DueRule, ProjectionStore, Step};

use crate::projection::{ANSWER, PAUSE, hop};

pub(crate) struct DueHops {
    pub(crate) rows: Arc<dyn ProjectionStore>,
    pub(crate) directory: Arc<DirectoryView>,
}

impl DueRule for DueHops {
    fn name(&self) -> &'static str {
        "hop-clock"
    }

    fn command(&self, due: &Due) -> Vec<Step> {
        match (due.duty.as_str(), due.stream.kind.as_str()) {
            (ANSWER, Referral::KIND) => self.expire(due),
            (PAUSE, Assignment::KIND) => {
                vec![Step::of::<Assignment>(
                    due.stream.id,
                    AssignmentCommand::EndPause,
                )]
            }
            _ => Vec::new(),
        }
    }
}

impl DueHops {
    fn expire(&self, due: &Due) -> Vec<Step> {
        // The duty is a row of the same store, put there with the hop's.
        let row = hop(&self.rows, due.stream.id.uuid).ok().flatten();
        let referral = row.and_then(|row| row.referral);
        let Some(sent) = referral.as_ref().and_then(|known| known.state.dispatch()) else {
            return Vec::new();
        };
        let Some(rules) = self.directory.rules(due.stream.id.region) else {
            return Vec::new();
        };
        let above = sent
            .escalate_to
            .and_then(|to| self.directory.parent_committee(to.organization));
        expire(sent, above, &rules)
            .into_iter()
            .map(Step::from)
            .collect()
    }
}
