//! Who reads which log, and what the followers do about an event.

use eventsourcing::Region;

use super::REGIONS;
use crate::ids::ReferralId;
use crate::referral::chains::Chains;
use crate::referral::custody::CustodyEvent;
use crate::referral::prospects::Prospects;
use crate::referral::reactions::{HopEvent, Reaction, Seen};
use crate::referral::samples::rules;
use crate::referral::sender::{ReferralCommand, ReferralEvent};
use crate::referral::words::WithdrawalReason;

/// A region, the log that it reads, and its follower; where all read at one pace, the first.
pub(super) type Reader = (usize, usize, usize);
/// Followers that remember, after the four that only react.
pub(super) const PROSPECTS: usize = 4;
pub(super) const CHAINS: usize = 5;

/// Custody that went somewhere, by its epoch and region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Token {
    Given(u64, Region),
    Taken(u64, Region),
}

impl Token {
    pub(super) fn of(event: &HopEvent, here: Region) -> Option<Self> {
        match event {
            HopEvent::Custody(
                CustodyEvent::CustodyOpened { epoch, .. }
                | CustodyEvent::CustodyTaken { epoch, .. },
            ) => Some(Self::Taken(*epoch, here)),
            HopEvent::Custody(CustodyEvent::CustodyReleased { to, epoch, .. }) => {
                Some(Self::Given(*epoch, to.region()))
            }
            _ => None,
        }
    }
}

/// What a follower that remembers does about an event, and whether it changed its memory.
#[derive(Clone)]
pub(super) struct Heard<Step> {
    pub(super) steps: Vec<Step>,
    pub(super) new: bool,
}

/// A follower of the region `here` that remembers `past` hears an event.
pub(super) fn hear<'a>(
    follower: usize,
    here: Region,
    past: impl Iterator<Item = &'a Seen>,
    seen: &Seen,
) -> Heard<Reaction> {
    if follower == PROSPECTS {
        let mut prospects = Prospects::default();
        for earlier in past {
            prospects.hear(earlier, here);
        }
        let before = prospects.clone();
        let because = WithdrawalReason::CustodyGone;
        let lapse = |hop| Reaction::Referral(hop, ReferralCommand::Withdraw { because });
        let hopeless = prospects.hear(seen, here);
        Heard {
            steps: hopeless.into_iter().map(lapse).collect(),
            new: prospects != before,
        }
    } else {
        let mut chains = Chains::default();
        for earlier in past {
            chains.hear(earlier, here);
        }
        let before = chains.clone();
        let told = chains.hear(seen, here);
        let note = told.map(|told| told.note(here, rules()));
        Heard {
            steps: note.into_iter().collect(),
            new: chains != before,
        }
    }
}

/// Whether a follower that remembers has any use for an event.
pub(super) fn concerns(follower: usize, seen: &Seen, at: usize) -> bool {
    let own = index(seen.region) == at;
    match &seen.event {
        HopEvent::Referral(_) if follower == CHAINS => own,
        HopEvent::Referral(
            ReferralEvent::Drafted(_)
            | ReferralEvent::Dispatched(_)
            | ReferralEvent::ReceiverMoveNoted { .. },
        ) => own,
        HopEvent::Custody(
            CustodyEvent::CustodyReleased { .. } | CustodyEvent::AcceptanceVoided { .. },
        ) => follower == PROSPECTS,
        HopEvent::Referral(_) | HopEvent::Custody(_) | HopEvent::Assignment(_) => false,
    }
}

/// What one follower has to hear of an event.
#[derive(Clone, Copy)]
pub(super) struct News<Number> {
    pub(super) to: Reader,
    /// A step for followers that only react, an event for those that remember.
    pub(super) what: Number,
    pub(super) hop: Option<ReferralId>,
}

pub(super) fn index(region: Region) -> usize {
    let found = REGIONS.iter().position(|code| **code == *region.as_str());
    found.expect("a region of this test")
}
