//! What holds at every moment, and when all news has arrived.

use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::Property;

use super::book::Book;
use super::readers::{PROSPECTS, Token, index};
use super::world::World;
use super::{Protocol, REGIONS, Step};
use crate::ids::ReferralId;
use crate::referral::custody::CustodyCommand;
use crate::referral::moves::Ruling;
use crate::referral::reactions::{Reaction, escalation_of};
use crate::referral::samples::*;
use crate::referral::words::{HopCommand, HopState};

pub(super) const ONE_CUSTODIAN: &str = "never nobody, never two";
pub(super) const BOTH_TOLD: &str = "who heard everything agrees, and is told who has the custody";
pub(super) const WAY_ON: &str = "there is a way on";
/// That there was something to check.
pub(super) const MOVED: &str = "custody comes to another region";
pub(super) const VOIDED: &str = "an acceptance is void";

pub(super) fn all(reached: &[&str]) -> Vec<Property<Protocol>> {
    let always = [
        Property::always(ONE_CUSTODIAN, |protocol: &Protocol, world: &World| {
            has_one_custodian(world, &protocol.book.lock().unwrap())
        }),
        Property::always(BOTH_TOLD, |protocol: &Protocol, world: &World| {
            !world.unheard.is_empty() || are_told(world, &protocol.book.lock().unwrap())
        }),
        Property::always(WAY_ON, Protocol::has_way_on),
    ];
    let sometimes = [
        Property::sometimes(MOVED, |_, world: &World| {
            world.tokens.contains(&Token::Taken(2, region(QINGDAO)))
        }),
        Property::sometimes(VOIDED, |protocol: &Protocol, world: &World| {
            let book = protocol.book.lock().unwrap();
            let mut hops = world.hops.values().map(|hop| book.assignment(hop[1]));
            hops.any(|hop| matches!(hop.0.view().ruling(), Some(Ruling::Voided(_))))
        }),
    ];
    let sometimes = sometimes
        .into_iter()
        .filter(|property| reached.contains(&property.name));
    always.into_iter().chain(sometimes).collect()
}

/// Somebody holds it, or it is on its way to somebody who is sure to hear of it; and nobody else.
fn has_one_custodian(world: &World, book: &Book) -> bool {
    let custodies = world.custodies.iter().map(|custody| book.custody(*custody));
    let holding = custodies.filter(|custody| custody.held().is_some()).count();
    let under_way = |token: &&Token| match **token {
        Token::Given(epoch, to) => !world.tokens.contains(&Token::Taken(epoch, to)),
        Token::Taken(..) => false,
    };
    let mut under_way = world.tokens.iter().filter(under_way);
    let sure = match (holding, under_way.next(), under_way.next()) {
        (1, None, None) => true,
        (0, Some(Token::Given(epoch, to)), None) => will_hear(world, *epoch, index(*to), book),
        _ => false,
    };
    sure && each_epoch_once(&world.tokens)
}

/// That custody was released to this region waits there to be heard.
fn will_hear(world: &World, of: u64, there: usize, book: &Book) -> bool {
    let readers = world.unheard.iter().filter(|((at, ..), _)| *at == there);
    let mut news = readers.flat_map(|(_, events)| events.iter().flatten());
    news.any(|(follower, what)| {
        let follows = *follower < PROSPECTS;
        follows
            && matches!(
                &*book.step(*what),
                Reaction::Custody(_, CustodyCommand::Take { epoch, .. }) if *epoch == of
            )
    })
}

/// Custody is given once from each to the next, and taken by nobody but whom it was given to.
fn each_epoch_once(tokens: &[Token]) -> bool {
    let mut given = vec![(1, region(SHANGHAI))];
    given.extend(tokens.iter().filter_map(|token| match token {
        Token::Given(epoch, to) => Some((*epoch, *to)),
        Token::Taken(..) => None,
    }));
    let mut taken: Vec<_> = tokens
        .iter()
        .filter(|token| matches!(token, Token::Taken(..)))
        .collect();
    let as_often = taken.len();
    taken.dedup();
    let counted = given
        .iter()
        .zip(1..)
        .all(|((epoch, _), next)| *epoch == next);
    let to_whom = |token: &&Token| match **token {
        Token::Taken(epoch, by) => given.contains(&(epoch, by)),
        Token::Given(..) => false,
    };
    counted && taken.len() == as_often && taken.iter().all(to_whom)
}

/// Both sides of each hop know the same of it, and what the custodian answered.
fn are_told(world: &World, book: &Book) -> bool {
    world.hops.iter().all(|(hop, numbers)| {
        let referral = book.referral(numbers[0]);
        let assignment = book.assignment(numbers[1]);
        let (here, there) = (referral.0.view(), assignment.0.view());
        let Some(sent) = referral.0.dispatch() else {
            return true;
        };
        let tenure = sent.tenure;
        let custody = book.custody(world.custodies[index(tenure.custodian.region())]);
        let gone = custody.gone().iter().any(|gone| gone.held.tenure == tenure);
        let won = here.ruling() == Some(Ruling::Released);
        here.state() == there.state()
            && here.due_at() == there.due_at()
            && here.ruling() == there.ruling()
            && here.ruling() == custody.ruling(*hop)
            && here.accepted() == there.accepted()
            && here.accepted() == here.ruling().is_some()
            // Nobody is kept busy with a hop whose custody another has got.
            && (!gone || won || here.due_at().is_none())
            && (here.accepted() || !here.child_under_way() || is_carried(world, here.child(), book))
    })
}

/// What a hop was sent on by has not come to nothing, as far as nobody has escalated it.
fn is_carried(world: &World, child: Option<ReferralId>, book: &Book) -> bool {
    let Some((child, numbers)) = child.and_then(|child| world.hops.get_key_value(&child)) else {
        return false;
    };
    let state = book.referral(numbers[0]).0.view().state();
    let over = matches!(state, Some(HopState::Returned | HopState::Cancelled));
    !over || world.hops.contains_key(&escalation_of(*child))
}

impl Protocol {
    /// All news may arrive, and then somebody can do something, and so on until nothing is open.
    fn has_way_on(&self, world: &World) -> bool {
        let mut book = self.book.lock().unwrap();
        let mut ways = self.ways.lock().unwrap();
        let mut walked = Vec::new();
        let mut world = world.clone();
        for _ in 0..500 {
            let mut hasher = DefaultHasher::new();
            world.hash(&mut hasher);
            walked.push(hasher.finish());
            if ways.contains(&hasher.finish()) {
                ways.extend(walked);
                return true;
            }
            world = match towards_the_end(&world, &mut book) {
                Way::On(next) => *next,
                Way::End => {
                    ways.extend(walked);
                    return true;
                }
                Way::None => return false,
            };
        }
        false
    }
}

enum Way {
    On(Box<World>),
    End,
    None,
}

impl Way {
    fn on(next: World) -> Self {
        Self::On(Box::new(next))
    }
}

/// The next step towards a moment in which no hop is open.
fn towards_the_end(world: &World, book: &mut Book) -> Way {
    if let Some(to) = world.unheard.keys().next() {
        let next = world.take(Step::Hears(*to), book);
        return next.map_or(Way::None, Way::on);
    }
    let open: Vec<_> = world
        .hops
        .keys()
        .copied()
        .filter(|hop| is_open(world, *hop, book))
        .collect();
    for hop in &open {
        let last = (0..REGIONS.len()).rev();
        let steps = [
            HopCommand::Accept,
            HopCommand::Receive,
            HopCommand::Dispatch,
            HopCommand::Submit,
            HopCommand::UpholdReturn,
            HopCommand::ConfirmCancellation,
            HopCommand::Cancel,
        ]
        .into_iter()
        .map(|command| Step::Does(*hop, command, None))
        .chain(last.map(|to| Step::Does(*hop, HopCommand::ReferOnward, Some(to))));
        for step in steps {
            if let Some(next) = world.take(step, book) {
                return Way::on(next);
            }
        }
    }
    // Nobody can do anything: the clock must.
    let mut later = world.clone();
    for _ in 0..3 {
        later.turns += 1;
        for hop in &open {
            if let Some(next) = later.take(Step::Expires(*hop), book) {
                return Way::on(next);
            }
        }
    }
    if open.is_empty() { Way::End } else { Way::None }
}

/// Somebody still has to answer, to decide, or to find another way.
fn is_open(world: &World, hop: ReferralId, book: &Book) -> bool {
    let referral = book.referral(world.hops[&hop][0]);
    let view = referral.0.view();
    match view.state() {
        Some(HopState::Returned | HopState::Cancelled | HopState::Expired) => false,
        Some(HopState::ReferredOnward) if view.child_under_way() => false,
        _ => !view.accepted() || view.ruling().is_none(),
    }
}
