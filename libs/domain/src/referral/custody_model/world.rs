//! The logs of one case in three regions, and how far each follower has read each of them.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::book::{Book, Id, NEW, Who};
use super::readers::{CHAINS, News, PROSPECTS, Reader, Token, index};
use super::{REGIONS, Step};
use crate::ids::ReferralId;
use crate::referral::assignment::AssignmentCommand;
use crate::referral::reactions::{Reaction, expire};
use crate::referral::requests::{Next, parent};
use crate::referral::samples::*;
use crate::referral::terms::HopKind;
use crate::referral::transitions::TABLE;
use crate::referral::words::{HopCommand, HopRole};
use crate::values::Role;

/// What makes one moment differ from another: no log as such, but all that anybody knows of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct World {
    /// Each hop at its sender and at its receiver.
    pub(super) hops: BTreeMap<ReferralId, [Id; 2]>,
    /// The custody of each region.
    pub(super) custodies: [Id; 3],
    /// What each reader of a log has still to hear, in the order of the log.
    pub(super) unheard: BTreeMap<Reader, Vec<Vec<(usize, Id)>>>,
    /// Whether the followers of a region read a log each at its own pace, or all at one.
    pub(super) apart: bool,
    /// What was heard, and may be heard again: a delivery is repeated, or a checkpoint is lost.
    pub(super) heard: BTreeSet<Id>,
    /// By region, what its followers remember: in no order, and in the order of its log.
    prospects: [BTreeSet<Id>; 3],
    chains: [Vec<Id>; 3],
    /// Where custody has been given and taken.
    pub(super) tokens: Vec<Token>,
    /// What people have done: each deed once for each hop.
    pub(super) done: BTreeSet<(ReferralId, HopCommand)>,
    /// How often the clock has turned.
    pub(super) turns: u8,
}

#[derive(Clone, Copy)]
enum Place {
    Sender(ReferralId),
    Receiver(ReferralId),
    Custody(usize),
}

impl World {
    /// A step is taken; none if it cannot be, or nothing comes of it.
    pub(super) fn take(&self, step: Step, book: &mut Book) -> Option<Self> {
        match step {
            Step::Does(hop, command, to) => self.does(hop, command, to, book),
            Step::Hears(reader) => self.hears(reader, book),
            Step::HearsAgain(what) => self.hears_again(what, book),
            Step::ClockTurns => {
                let mut after = self.clone();
                after.turns += 1;
                Some(after)
            }
            Step::Expires(hop) => self.expires(hop, book),
        }
    }

    /// All of it in one append, or nothing if any of it is refused.
    pub(super) fn append(&self, who: Who, steps: &[Id], book: &mut Book) -> Option<Self> {
        let mut decided = Vec::new();
        for step in steps {
            let place = self.place(&book.step(*step));
            decided.push((place, book.decide(who, *step, self.at(place), self.turns)?));
        }
        let mut after = self.clone();
        for (place, decided) in &decided {
            *after.at_mut(*place) = decided.after;
            after.tokens.extend(&decided.tokens);
        }
        after.tokens.sort_unstable();
        for (_, decided) in &decided {
            decided
                .news
                .iter()
                .for_each(|news| after.publish(news, book));
        }
        (!steps.is_empty()).then_some(after)
    }

    /// One event, to all who have any use for it.
    fn publish(&mut self, event: &[News<Id>], book: &Book) {
        let mut fresh = BTreeSet::new();
        for News { to, what, hop } in event {
            let (at, from, follower) = *to;
            // Only what carries on a hop is of use to those who remember such.
            if follower == CHAINS && !hop.is_some_and(|hop| self.carries(hop, book)) {
                continue;
            }
            let reader = (at, from, if self.apart { follower } else { 0 });
            let unheard = self.unheard.entry(reader).or_default();
            if fresh.insert(reader) {
                unheard.push(Vec::new());
            }
            let event = unheard.last_mut().expect("it was just begun");
            event.push((follower, *what));
        }
    }

    fn place(&self, step: &Reaction) -> Place {
        match step {
            Reaction::Referral(id, _) => Place::Sender(*id),
            Reaction::Assignment(_, AssignmentCommand::Assign(sent)) => Place::Receiver(sent.hop),
            Reaction::Assignment(id, _) => {
                let mut known = self.hops.keys().filter(|hop| hop.0.uuid == id.0.uuid);
                let hop = known.next();
                Place::Receiver(*hop.expect("nothing reaches an assignment before its dispatch"))
            }
            Reaction::Custody(id, _) => Place::Custody(index(id.region())),
        }
    }

    fn at(&self, place: Place) -> Id {
        match place {
            Place::Sender(hop) => self.hops.get(&hop).map_or(NEW, |hop| hop[0]),
            Place::Receiver(hop) => self.hops.get(&hop).map_or(NEW, |hop| hop[1]),
            Place::Custody(region) => self.custodies[region],
        }
    }

    fn at_mut(&mut self, place: Place) -> &mut Id {
        match place {
            Place::Sender(hop) => &mut self.hops.entry(hop).or_default()[0],
            Place::Receiver(hop) => &mut self.hops.entry(hop).or_default()[1],
            Place::Custody(region) => &mut self.custodies[region],
        }
    }

    fn carries(&self, hop: ReferralId, book: &Book) -> bool {
        let referral = book.referral(self.hops.get(&hop).map_or(NEW, |hop| hop[0]));
        match referral.0.terms().map(|terms| terms.kind) {
            Some(HopKind::Onward { .. }) => true,
            Some(HopKind::Escalation { of }) => self.carries(of, book),
            Some(HopKind::ByWorker | HopKind::ByRule) | None => false,
        }
    }

    /// A reader hears one event, and does all that follows from it in its region.
    pub(super) fn hears(&self, reader: Reader, book: &mut Book) -> Option<Self> {
        let mut after = self.clone();
        let unheard = after.unheard.get_mut(&reader)?;
        let event = unheard.remove(0);
        if unheard.is_empty() {
            after.unheard.remove(&reader);
        }
        for (follower, what) in event {
            let steps = after.follows((reader.0, reader.1, follower), what, book);
            for step in steps {
                // What the chains say has no version: only its request id keeps it from counting again.
                if follower != CHAINS {
                    after.heard.insert(step);
                }
                // What its rules refuse by now is declined: each for itself, and the reader goes on.
                after = after.append(None, &[step], book).unwrap_or(after);
            }
        }
        Some(after)
    }

    fn follows(&mut self, to: Reader, what: Id, book: &mut Book) -> Vec<Id> {
        let (at, _, follower) = to;
        let memory = match follower {
            PROSPECTS => self.prospects[at].iter().copied().collect(),
            CHAINS => self.chains[at].clone(),
            _ => return vec![what],
        };
        let heard = book.hear(to, memory, what);
        if heard.new && follower == PROSPECTS {
            self.prospects[at].insert(what);
        } else if heard.new {
            self.chains[at].push(what);
        }
        heard.steps
    }

    /// Once more only: then it is as if it were new.
    fn hears_again(&self, step: Id, book: &mut Book) -> Option<Self> {
        let mut after = self.append(None, &[step], book)?;
        after.heard.remove(&step);
        Some(after)
    }

    /// At a due time that has passed, or not yet: the aggregate knows.
    fn expires(&self, hop: ReferralId, book: &mut Book) -> Option<Self> {
        let numbers = self.hops.get(&hop)?;
        let referral = book.referral(numbers[0]);
        let sent = referral.0.dispatch()?;
        let above = sent.escalate_to.and_then(parent);
        let steps = expire(sent, sent.escalate_to, above, &rules()).into_iter();
        let steps: Vec<_> = steps.map(|step| book.number(step)).collect();
        self.append(None, &steps, book)
    }

    pub(super) fn does(
        &self,
        hop: ReferralId,
        command: HopCommand,
        to: Option<usize>,
        book: &mut Book,
    ) -> Option<Self> {
        let [referral, assignment] = *self.hops.get(&hop)?;
        let custody = self.custodies[index(hop.region())];
        let steps = book.request(
            hop,
            [referral, assignment, custody],
            command,
            to.and_then(|to| self.next(hop, to, book)),
        );
        let sent = book.referral(referral);
        let terms = sent.0.terms()?;
        let states = [
            sent.0.view().state(),
            book.assignment(assignment).0.view().state(),
        ];
        let (state, place) = if command.is_senders() {
            (states[0], terms.from)
        } else {
            (states[1], terms.to)
        };
        let rows = TABLE.0.iter();
        let row = rows
            .filter(|row| row.from == state && row.command == command)
            .find(|row| row.by != HopRole::System || command == HopCommand::StartWork)?;
        let who = match row.by {
            HopRole::SenderWorker | HopRole::ReceiverWorker => Some(Role::Worker),
            HopRole::SenderSupervisor | HopRole::Relay => Some(Role::Supervisor),
            HopRole::ReceiverAuthorised => Some(Role::Authorised),
            HopRole::Visitor | HopRole::System => None,
        };
        let who = who.map(|role| (index(place.region()), role));
        let mut after = self.append(who, &steps, book)?;
        after.done.insert((hop, command));
        Some(after)
    }

    /// The hop by which this one is sent on: its number follows from what was sent on before.
    pub(super) fn next(&self, hop: ReferralId, to: usize, book: &Book) -> Option<Next> {
        let assignment = book.assignment(self.hops[&hop][1]);
        let receiver = assignment.0.terms()?.to.region();
        let earlier = assignment.0.view().child();
        let referral = |child| Some(book.referral(self.hops.get(&child)?[0]));
        let before = earlier.map_or(hop, |child| child);
        Some(Next {
            child: ReferralId::new(receiver, Uuid::new_v5(&before.0.uuid, b"onward")),
            to: unit(REGIONS[to]),
            earlier_child: earlier
                .and_then(referral)
                .and_then(|child| child.0.view().state()),
        })
    }
}
