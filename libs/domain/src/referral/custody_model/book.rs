//! What the rules say, each thing once: a world holds numbers of what stands here, so that a million
//! worlds are small, and a rule is asked only once for the same state and command.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use eventsourcing::{Aggregate, Occasion, Region, Version};

use super::readers::{self, CHAINS, Heard, News, PROSPECTS, Reader, Token, index};
use super::{REGIONS, Rules, TURN};
use crate::ids::ReferralId;
use crate::referral::assignment::Assignment;
use crate::referral::custody::Custody;
use crate::referral::reactions::{HopEvent, Reaction, Seen};
use crate::referral::requests::{Known, Next, steps};
use crate::referral::samples::*;
use crate::referral::sender::Referral;
use crate::referral::words::HopCommand;
use crate::values::Role;

/// The number of something in the book.
pub(super) type Id = u32;
/// Nothing has happened to it yet.
pub(super) const NEW: Id = 0;

/// Somebody of a region, or the system.
pub(super) type Who = Option<(usize, Role)>;

/// Things by number, and numbers by thing.
struct Shelf<T> {
    things: Vec<Arc<T>>,
    numbers: HashMap<String, Id>,
}

impl<T: Debug> Shelf<T> {
    fn empty() -> Self {
        Self {
            things: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    fn beginning_with(thing: T) -> Self {
        let mut shelf = Self::empty();
        shelf.put(thing);
        shelf
    }

    fn put(&mut self, thing: T) -> Id {
        let next = Id::try_from(self.things.len()).expect("a small world");
        let number = *self.numbers.entry(format!("{thing:?}")).or_insert(next);
        if number == next {
            self.things.push(Arc::new(thing));
        }
        number
    }

    fn get(&self, number: Id) -> Arc<T> {
        self.things[number as usize].clone()
    }
}

/// What an aggregate answered to a command.
pub(super) struct Decided {
    pub(super) after: Id,
    /// By event.
    pub(super) news: Vec<Vec<News<Id>>>,
    pub(super) tokens: Vec<Token>,
}

/// By whom a step is taken, what it is, what it meets, and when.
type Asked = (Who, Id, Id, u8);
/// A hop at its sender and receiver, custody at the sender, a command, and what it is sent on by.
type Request = (ReferralId, [Id; 3], HopCommand, Option<Next>);

/// A region and its follower, what it remembers, and an event.
type Hearing = ((usize, usize), Vec<Id>, Id);

pub(super) struct Book {
    rules: Rules,
    referrals: Shelf<(Referral, Version)>,
    assignments: Shelf<(Assignment, Version)>,
    custodies: Shelf<Custody>,
    steps: Shelf<Reaction>,
    events: Shelf<Seen>,
    decided: HashMap<Asked, Option<Arc<Decided>>>,
    requests: HashMap<Request, Arc<[Id]>>,
    heard: HashMap<Hearing, Heard<Id>>,
}

impl Book {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            referrals: Shelf::beginning_with((Referral::default(), Version(0))),
            assignments: Shelf::beginning_with((Assignment::default(), Version(0))),
            custodies: Shelf::beginning_with(Custody::default()),
            steps: Shelf::empty(),
            events: Shelf::empty(),
            decided: HashMap::new(),
            requests: HashMap::new(),
            heard: HashMap::new(),
        }
    }

    pub(super) fn referral(&self, number: Id) -> Arc<(Referral, Version)> {
        self.referrals.get(number)
    }

    pub(super) fn assignment(&self, number: Id) -> Arc<(Assignment, Version)> {
        self.assignments.get(number)
    }

    pub(super) fn custody(&self, number: Id) -> Arc<Custody> {
        self.custodies.get(number)
    }

    pub(super) fn step(&self, number: Id) -> Arc<Reaction> {
        self.steps.get(number)
    }

    pub(super) fn number(&mut self, step: Reaction) -> Id {
        self.steps.put(step)
    }

    /// What a follower hears, for people.
    pub(super) fn words(&self, follower: usize, what: Id) -> String {
        if follower < PROSPECTS {
            format!("{:?}", self.steps.get(what))
        } else {
            format!("{:?}", self.events.get(what).event)
        }
    }

    /// The steps of somebody's request about a hop.
    pub(super) fn request(
        &mut self,
        hop: ReferralId,
        numbers: [Id; 3],
        command: HopCommand,
        next: Option<Next>,
    ) -> Arc<[Id]> {
        let request = (hop, numbers, command, next);
        if let Some(known) = self.requests.get(&request) {
            return known.clone();
        }
        let [referral, assignment, custody] = numbers;
        let referral = self.referral(referral);
        let known = Known {
            hop,
            terms: referral.0.terms().expect("it was drafted"),
            referral: &referral.0,
            assignment: &self.assignment(assignment).0,
            custody: &self.custody(custody),
        };
        let steps = steps(&known, command, next).into_iter();
        let steps: Arc<[Id]> = steps.map(|step| self.steps.put(step)).collect();
        self.requests.insert(request, steps.clone());
        steps
    }

    /// What the rule says; none if it refuses.
    pub(super) fn decide(
        &mut self,
        who: Who,
        step: Id,
        before: Id,
        turns: u8,
    ) -> Option<Arc<Decided>> {
        let asked = (who, step, before, turns);
        if let Some(known) = self.decided.get(&asked) {
            return known.clone();
        }
        let now = at(i64::from(turns) * TURN);
        let on = Occasion {
            actor: who.map_or_else(system, |(region, role)| acting(REGIONS[region], role)),
            now,
            occurred_at: now,
        };
        let decided = self.ask(&self.step(step), before, &on).map(Arc::new);
        self.decided.insert(asked, decided.clone());
        decided
    }

    fn ask(&mut self, step: &Reaction, before: Id, on: &Occasion) -> Option<Decided> {
        let mut seen = Vec::new();
        let (here, after) = match step {
            Reaction::Referral(id, command) => {
                let (mut referral, mut version) = (*self.referral(before)).clone();
                for event in referral.decide(command, on).ok()? {
                    referral.evolve(&event);
                    version = version.next();
                    seen.push((version, HopEvent::Referral(event)));
                }
                (id.region(), self.referrals.put((referral, version)))
            }
            Reaction::Assignment(id, command) => {
                let (mut assignment, mut version) = (*self.assignment(before)).clone();
                for event in assignment.decide(command, on).ok()? {
                    assignment.evolve(&event);
                    version = version.next();
                    seen.push((version, HopEvent::Assignment(event)));
                }
                (id.region(), self.assignments.put((assignment, version)))
            }
            Reaction::Custody(id, command) => {
                let mut custody = (*self.custody(before)).clone();
                for event in (self.rules.custody)(&custody, command, on).ok()? {
                    custody.evolve(&event);
                    // Nobody looks at the version of custody.
                    seen.push((Version(1), HopEvent::Custody(event)));
                }
                (id.region(), self.custodies.put(custody))
            }
        };
        let tokens = seen.iter().filter_map(|(_, event)| Token::of(event, here));
        Some(Decided {
            after,
            tokens: tokens.collect(),
            news: self.news(here, seen),
        })
    }

    /// Who has to hear of these events.
    fn news(&mut self, here: Region, events: Vec<(Version, HopEvent)>) -> Vec<Vec<News<Id>>> {
        let mut all = Vec::new();
        for (version, event) in events {
            let hop = event.hop();
            let seen = Seen {
                region: here,
                case: case(),
                version,
                event,
            };
            let mut news = Vec::new();
            for (at, code) in REGIONS.into_iter().enumerate() {
                let reader = |follower| (at, index(here), follower);
                for (follower, follow) in self.rules.followers.into_iter().enumerate() {
                    if let Some(step) = follow(&seen, region(code)) {
                        let (to, what) = (reader(follower), self.steps.put(step));
                        news.push(News { to, what, hop });
                    }
                }
                for follower in [PROSPECTS, CHAINS] {
                    if readers::concerns(follower, &seen, at) {
                        let (to, what) = (reader(follower), self.events.put(seen.clone()));
                        news.push(News { to, what, hop });
                    }
                }
            }
            all.push(news);
        }
        all
    }

    /// A follower that remembers `past` hears an event.
    pub(super) fn hear(&mut self, to: Reader, past: Vec<Id>, event: Id) -> Heard<Id> {
        let (at, _, follower) = to;
        let asked = ((at, follower), past, event);
        if let Some(known) = self.heard.get(&asked) {
            return known.clone();
        }
        let past: Vec<_> = asked.1.iter().map(|seen| self.events.get(*seen)).collect();
        let past = past.iter().map(Arc::as_ref);
        let seen = self.events.get(event);
        let heard = readers::hear(follower, region(REGIONS[at]), past, &seen);
        let steps = heard.steps.into_iter().map(|step| self.steps.put(step));
        let heard = Heard {
            steps: steps.collect(),
            new: heard.new,
        };
        self.heard.insert(asked, heard.clone());
        heard
    }
}
