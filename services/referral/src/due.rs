//! What falls due: an answer that did not come, information that did not come, news that did not
//! come.

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::directory::RuleSet;
use domain::referral::reactions::expire;
use domain::referral::relay_watch::silent_from;
use domain::referral::{
    Assignment, AssignmentCommand, HopState, HopView, Referral, RelayWatch, RelayWatchCommand,
};
use domain::values::Party;
use eventsourcing::{Aggregate, Due, DueRule, HybridClock, PolicyError, ProjectionStore, Step};

use crate::projection::{ANSWER, PAUSE, SILENCE, hop};

pub(crate) struct DueHops {
    pub(crate) rows: Arc<dyn ProjectionStore>,
    pub(crate) directory: Arc<DirectoryView>,
    pub(crate) clock: Arc<HybridClock>,
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
            (SILENCE, RelayWatch::KIND) => self.raise_silence(due),
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
        let rules = self.rules(due)?;
        let above = |unit: Party| self.directory.parent_committee(unit.organization);
        // Nobody was known above the receiver when it was dispatched; by now somebody may be.
        let to = sent.escalate_to.or_else(|| above(sent.terms.to));
        Ok(expire(sent, to, to.and_then(above), &rules)
            .into_iter()
            .map(Step::from)
            .collect())
    }

    /// Nothing was heard of a hop that is watched here: neither an answer nor that it expired.
    fn raise_silence(&self, due: &Due) -> Result<Vec<Step>, PolicyError> {
        let row = hop(&self.rows, due.stream.id.uuid)?;
        let owed = row.as_ref().and_then(|row| {
            let (sent, view) = (row.dispatch()?, row.view()?);
            view.due_at().map(|due_at| (sent, view, due_at))
        });
        let Some((sent, view, due_at)) = owed else {
            return Ok(Vec::new());
        };
        let (rules, risk) = (self.rules(due)?, sent.terms.risk);
        let until = silent_from(due_at, risk, &rules);
        if self.clock.now() < until {
            return Err(PolicyError::Failed(format!(
                "the owner may answer until {until}"
            )));
        }
        let raise = RelayWatchCommand::RaiseSilence {
            hop: sent.hop,
            owner: owner(view, sent.terms.from, sent.terms.to),
            due_at,
            risk,
            rules,
        };
        Ok(vec![Step::of::<RelayWatch>(due.stream.id, raise)])
    }

    fn rules(&self, due: &Due) -> Result<Arc<RuleSet>, PolicyError> {
        let rules = self.directory.rules(due.stream.id.region);
        rules.ok_or_else(|| PolicyError::Failed("no rule set is in the directory yet".to_owned()))
    }
}

/// Who owes the next answer: the decision on a return is the sender's.
fn owner(view: &HopView, from: Party, to: Party) -> Party {
    if view.state() == Some(HopState::ReturnProposed) {
        from
    } else {
        to
    }
}
