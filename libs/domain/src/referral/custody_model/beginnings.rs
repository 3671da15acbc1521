//! How worlds begin.

use super::book::Book;
use super::world::World;
use crate::ids::ReferralId;
use crate::referral::custody::CustodyCommand;
use crate::referral::reactions::Reaction;
use crate::referral::samples::*;
use crate::referral::sender::ReferralCommand;
use crate::referral::terms::{Draft, Terms};
use crate::referral::words::HopCommand;
use crate::values::Role;

impl World {
    /// Shanghai has opened the case.
    pub(super) fn opened(book: &mut Book) -> Self {
        let here = region(SHANGHAI);
        let open = CustodyCommand::Open {
            custodian: unit(SHANGHAI),
        };
        let step = book.number(Reaction::Custody(case().custody_in(here), open));
        let opened = Self::default().append(None, &[step], book);
        opened.expect("it is the first")
    }

    /// Shanghai has sent the case to a region; nobody has heard of it.
    pub(super) fn sent(self, hop: ReferralId, to: &str, book: &mut Book) -> Self {
        let terms = Terms {
            to: unit(to),
            relay: None,
            ..terms()
        };
        let draft = Box::new(Draft {
            hop,
            terms,
            tenure: None,
        });
        let drafted = Reaction::Referral(hop, ReferralCommand::Draft(draft));
        let step = book.number(drafted);
        let drafted = self.append(Some((0, Role::Worker)), &[step], book);
        let drafted = drafted.expect("a new hop");
        drafted
            .did(hop, HopCommand::Submit, book)
            .did(hop, HopCommand::Dispatch, book)
    }

    /// Somebody has done something.
    pub(super) fn did(self, hop: ReferralId, command: HopCommand, book: &mut Book) -> Self {
        let mut after = self.does(hop, command, None, book).expect("it is allowed");
        after.done.clear();
        after
    }

    /// A hop was received and sent on to a region, whose child is on its way.
    pub(super) fn sent_on(self, hop: ReferralId, to: usize, book: &mut Book) -> Self {
        let next = self.next(hop, to, book).expect("it has been assigned");
        let onward = self.does(hop, HopCommand::ReferOnward, Some(to), book);
        onward
            .expect("it is allowed")
            .did(next.child, HopCommand::Submit, book)
            .did(next.child, HopCommand::Dispatch, book)
    }

    /// Everybody has heard everything.
    pub(super) fn settled(mut self, book: &mut Book) -> Self {
        while let Some(to) = self.unheard.keys().next().copied() {
            self = self.hears(to, book).expect("there is something to hear");
        }
        self
    }

    /// A region has read all there is of a log.
    pub(super) fn told(mut self, at: usize, from: usize, book: &mut Book) -> Self {
        while let Some(after) = self.hears((at, from, 0), book) {
            self = after;
        }
        self
    }

    /// From here on, each follower reads at its own pace.
    pub(super) fn apart(mut self) -> Self {
        self.apart = true;
        for ((at, from, _), events) in std::mem::take(&mut self.unheard) {
            for (follower, what) in events.into_iter().flatten() {
                let unheard = self.unheard.entry((at, from, follower)).or_default();
                unheard.push(vec![(follower, what)]);
            }
        }
        self
    }
}
