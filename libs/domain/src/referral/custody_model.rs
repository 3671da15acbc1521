//! Every order of events in small worlds of three regions: nobody is ever without a custodian, no
//! case has two, who lost a race is told so, and from everywhere there is a way on.
//!
//! The rules are those of the aggregates and of the reactions themselves. Explored are all
//! interleavings of what people do (by the transition table, each deed once for each hop), of the
//! clock, and of the news: a reader of a log lags as long as it likes (delay, partition), and hears
//! again, at any time, what it has heard (a repeated delivery, a lost checkpoint); the rules decide
//! again, though in a real log the request id would stop it. News of one log never overtake each
//! other: that is the contract of the feed, tested with the feeds.
//!
//! That there is a way on is shown by walking it: all news arrives, then somebody can answer, or the
//! clock does, until no hop is open. (`eventually` would not do: the checker overlooks loops.)
//!
//! `cargo test -p domain custody_model` takes less than a minute. `LIANDONG_LARGER_WORLDS=1 cargo test
//! --release -p domain custody_model` lets each follower of a region read at its own pace and turns
//! the clock once more; it takes as long as it takes.

mod beginnings;
mod book;
mod properties;
mod readers;
mod small_worlds;
mod world;

use std::collections::HashSet;
use std::sync::Mutex;

use eventsourcing::{Occasion, Region};
use stateright::{Model, Property};

use self::book::{Book, Id};
use self::readers::Reader;
use self::world::World;
use super::custody::{Custody, CustodyCommand, CustodyEvent, CustodyRejection};
use super::reactions::{Reaction, Seen};
use super::samples::*;
use super::words::HopCommand;
use crate::ids::ReferralId;

const REGIONS: [&str; 3] = [SHANGHAI, CENTRAL, QINGDAO];
/// Minutes after which the clock turns: more than any limit of these worlds.
const TURN: i64 = 300;

/// The rules in force, or broken ones.
#[derive(Clone, Copy)]
struct Rules {
    custody:
        fn(&Custody, &CustodyCommand, &Occasion) -> Result<Vec<CustodyEvent>, CustodyRejection>,
    followers: [fn(&Seen, Region) -> Option<Reaction>; 4],
}

/// What can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Somebody does what the table lets them do; to a region, if it is sending on.
    Does(ReferralId, HopCommand, Option<usize>),
    /// The next event of a log.
    Hears(Reader),
    HearsAgain(Id),
    ClockTurns,
    Expires(ReferralId),
}

/// How a world begins, and how far it goes.
#[derive(Clone, Copy)]
struct Small {
    begins: fn(&mut Book) -> World,
    /// What people may do.
    deeds: &'static [HopCommand],
    hops: usize,
    turns: u8,
    /// Whether each follower of a region reads at its own pace; else all read a log at one.
    apart: bool,
    /// What must come about somewhere in it.
    reached: &'static [&'static str],
}

struct Protocol {
    small: Small,
    book: Mutex<Book>,
    /// From where a way on is known.
    ways: Mutex<HashSet<u64>>,
}

impl Protocol {
    fn new(small: Small, rules: Rules) -> Self {
        Self {
            small,
            book: Mutex::new(Book::new(rules)),
            ways: Mutex::default(),
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let mut begun = (self.small.begins)(&mut self.book.lock().unwrap());
        begun.heard.clear();
        vec![if self.small.apart {
            begun.apart()
        } else {
            begun
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let more = world.hops.len() < self.small.hops;
        let onward: Vec<_> = (0..REGIONS.len()).filter(|_| more).collect();
        for hop in world.hops.keys() {
            let deeds = self.small.deeds.iter();
            for command in deeds.filter(|deed| !world.done.contains(&(*hop, **deed))) {
                if *command == HopCommand::ReferOnward {
                    steps.extend(
                        onward
                            .iter()
                            .map(|to| Step::Does(*hop, *command, Some(*to))),
                    );
                } else {
                    steps.push(Step::Does(*hop, *command, None));
                }
            }
            if world.turns > 0 {
                steps.push(Step::Expires(*hop));
            }
        }
        steps.extend(world.unheard.keys().map(|to| Step::Hears(*to)));
        steps.extend(world.heard.iter().map(|what| Step::HearsAgain(*what)));
        if world.turns < self.small.turns {
            steps.push(Step::ClockTurns);
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        world.take(step, &mut self.book.lock().unwrap())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self.small.reached)
    }
}
