//! Which hops of a region nothing can come of any more, because the custody that they ask for went
//! elsewhere, or never was: whoever accepted them would be told so, too late.
//!
//! What a region remembers of one case for that; the news may come in any order.

use eventsourcing::Region;
use serde::{Deserialize, Serialize};

use super::custody::CustodyEvent;
use super::reactions::{HopEvent, Seen};
use super::sender::ReferralEvent;
use super::terms::Tenure;
use crate::ids::ReferralId;

/// The hops of one region for a case, by the custody that they ask for, and which custody has gone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Prospects {
    hops: Vec<(ReferralId, Tenure)>,
    gone: Vec<Gone>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Gone {
    tenure: Tenure,
    /// The hop by which it went; none if it never was.
    to_hop: Option<ReferralId>,
}

impl Prospects {
    /// Takes note of an event of the case; answers with the hops of `here` to be given up because
    /// of it. Whether they are over already is for their own rules to say.
    pub fn hear(&mut self, seen: &Seen, here: Region) -> Vec<ReferralId> {
        match &seen.event {
            HopEvent::Custody(CustodyEvent::CustodyReleased {
                from, by_hop, hop, ..
            }) => self.went(Gone {
                tenure: Tenure {
                    custodian: *from,
                    by_hop: *by_hop,
                },
                to_hop: Some(*hop),
            }),
            // What this unit has sent on counted on a custody that it does not get.
            HopEvent::Custody(CustodyEvent::AcceptanceVoided { hop, unit, .. }) => {
                self.went(Gone {
                    tenure: Tenure {
                        custodian: *unit,
                        by_hop: Some(*hop),
                    },
                    to_hop: None,
                })
            }
            HopEvent::Referral(event) if seen.region == here => self.moved(event),
            _ => Vec::new(),
        }
    }

    fn went(&mut self, gone: Gone) -> Vec<ReferralId> {
        if !self.gone.contains(&gone) {
            self.gone.push(gone);
        }
        let of_tenure = self.hops.iter().filter(|(_, asked)| *asked == gone.tenure);
        let losing = of_tenure.map(|(hop, _)| *hop);
        losing.filter(|hop| Some(*hop) != gone.to_hop).collect()
    }

    fn moved(&mut self, event: &ReferralEvent) -> Vec<ReferralId> {
        match event {
            ReferralEvent::Drafted(draft) => draft
                .tenure
                .map(|tenure| self.asks(draft.hop, tenure))
                .unwrap_or_default(),
            ReferralEvent::Dispatched(sent) => self.asks(sent.hop, sent.tenure),
            // The hop that it was sent on by may have come to nothing.
            ReferralEvent::ReceiverMoveNoted { hop, .. } => {
                let asked = self.hops.iter().find(|(known, _)| known == hop);
                asked
                    .copied()
                    .map(|(hop, tenure)| self.asks(hop, tenure))
                    .unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    fn asks(&mut self, hop: ReferralId, tenure: Tenure) -> Vec<ReferralId> {
        if !self.hops.contains(&(hop, tenure)) {
            self.hops.push((hop, tenure));
        }
        let mut gone = self.gone.iter().filter(|gone| gone.tenure == tenure);
        let lost = gone.any(|gone| gone.to_hop != Some(hop));
        lost.then_some(hop).into_iter().collect()
    }
}
