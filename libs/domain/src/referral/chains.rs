//! What a region that sent a hop on must know of the hop that carries it: no case may rest between
//! the two. Remembered for one case, from the region's own log alone.

use std::sync::Arc;

use eventsourcing::{Aggregate, Region};
use serde::{Deserialize, Serialize};

use super::assignment::AssignmentCommand;
use super::reactions::{HopEvent, Reaction, Seen};
use super::sender::{Referral, ReferralEvent};
use super::terms::HopKind;
use super::words::HopState;
use crate::directory::RuleSet;
use crate::ids::ReferralId;

/// The hops by which a region sent on those that it had received.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Chains {
    links: Vec<Link>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Link {
    hop: ReferralId,
    /// The hop that was received.
    parent: ReferralId,
    /// The hop by which it was sent on; another than `hop`, if that is its escalation.
    child: ReferralId,
    referral: Referral,
}

/// What whoever sent a hop on must know of the hop that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildMove {
    parent: ReferralId,
    child: ReferralId,
    ended: bool,
}

impl ChildMove {
    /// As the receiver of the parent takes note of it.
    pub fn note(self, here: Region, rules: Arc<RuleSet>) -> Reaction {
        let command = AssignmentCommand::NoteChild {
            child: self.child,
            ended: self.ended,
            rules,
        };
        Reaction::Assignment(self.parent.at(here), command)
    }
}

impl Chains {
    /// Takes note of an event of this region's log.
    pub fn hear(&mut self, seen: &Seen, here: Region) -> Option<ChildMove> {
        let HopEvent::Referral(event) = &seen.event else {
            return None;
        };
        if seen.region != here {
            return None;
        }
        if let ReferralEvent::Drafted(draft) = event {
            self.begins(draft.hop, draft.terms.kind);
        }
        let link = self.links.iter_mut().find(|link| link.hop == event.hop())?;
        let was_over = is_over(&link.referral);
        link.referral.evolve(event);
        let (parent, child) = (link.parent, link.child);
        let dispatched = matches!(event, ReferralEvent::Dispatched(_));
        let over_now = !was_over && is_over(&link.referral);
        let ended = over_now && self.came_to_nothing(child);
        (dispatched || ended).then_some(ChildMove {
            parent,
            child,
            ended,
        })
    }

    fn begins(&mut self, hop: ReferralId, kind: HopKind) {
        let of = match kind {
            HopKind::Onward { parent } => Some((parent, hop)),
            HopKind::Escalation { of } => {
                let escalated = self.links.iter().find(|link| link.hop == of);
                escalated.map(|link| (link.parent, link.child))
            }
            HopKind::ByWorker | HopKind::ByRule => None,
        };
        if let Some((parent, child)) = of
            && self.links.iter().all(|link| link.hop != hop)
        {
            self.links.push(Link {
                hop,
                parent,
                child,
                referral: Referral::default(),
            });
        }
    }

    /// Neither the child nor what it was escalated to can still be accepted.
    fn came_to_nothing(&self, child: ReferralId) -> bool {
        let mut links = self.links.iter().filter(|link| link.child == child);
        links.all(|link| {
            is_over(&link.referral) || link.referral.view().state() == Some(HopState::Expired)
        })
    }
}

fn is_over(referral: &Referral) -> bool {
    matches!(
        referral.view().state(),
        Some(HopState::Returned | HopState::Cancelled)
    )
}
