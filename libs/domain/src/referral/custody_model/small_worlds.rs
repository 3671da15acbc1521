//! The worlds, each around one race; and broken rules, each of which is found out.

use std::collections::BTreeSet;

use eventsourcing::{Aggregate, Occasion, Region};
use stateright::{Checker, HasDiscoveries, Model, Path};

use super::properties::{BOTH_TOLD, MOVED, ONE_CUSTODIAN, VOIDED, WAY_ON};
use super::world::World;
use super::{Protocol, Rules, Small, Step};
use crate::referral::custody::{Custody, CustodyCommand, CustodyEvent, CustodyRejection};
use crate::referral::reactions::{
    Reaction, Seen, keep_custody, tell_receiver, tell_sender, withdraw,
};
use crate::referral::samples::*;
use crate::referral::words::HopCommand::{
    Accept, Cancel, ConfirmCancellation, DeclineCancellation, Dispatch, ProposeReturn, Receive,
    ReferOnward, RequestCancellation, Submit, UpholdReturn,
};

const IN_FORCE: Rules = Rules {
    custody: Custody::decide,
    followers: [tell_receiver, tell_sender, keep_custody, withdraw],
};

/// Explores all of it.
fn check(mut small: Small) {
    if std::env::var_os("LIANDONG_LARGER_WORLDS").is_some() {
        small.turns += 1;
        small.apart = true;
    }
    let checker = Protocol::new(small, IN_FORCE).checker().spawn_bfs().join();
    println!(
        "{} moments, {} steps between them, {} deep",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
    for property in checker.model().properties() {
        let found = checker.discovery(property.name);
        match (property.expectation.discovery_is_failure(), found) {
            (true, Some(path)) => {
                panic!("not: {}\n{}", property.name, story(checker.model(), path))
            }
            (false, None) => panic!("never: {}", property.name),
            _ => {}
        }
    }
}

/// How it came to that, for people.
fn story(protocol: &Protocol, path: Path<World, Step>) -> String {
    let book = protocol.book.lock().unwrap();
    let told = path.into_vec().into_iter().filter_map(|(world, step)| {
        let step = step?;
        let what = match step {
            Step::Hears(reader) => world.unheard[&reader][0]
                .iter()
                .map(|(follower, what)| book.words(*follower, *what))
                .collect(),
            Step::HearsAgain(what) => vec![book.words(0, what)],
            Step::Does(..) | Step::ClockTurns | Step::Expires(_) => Vec::new(),
        };
        Some(format!("{step:?} {what:#?}\n"))
    });
    told.collect()
}

#[test]
fn the_relay_cancels_or_takes_back_what_qingdao_accepts() {
    check(Small {
        deeds: &[Receive, Accept, Cancel, ProposeReturn, UpholdReturn],
        reached: &[MOVED, VOIDED],
        ..SENT_ON
    });
}

#[test]
fn the_relay_asks_for_a_cancellation_while_qingdao_accepts() {
    check(Small {
        begins: |book| {
            let world = (SENT_ON.begins)(book);
            let child = *world.hops.keys().next().expect("Central's comes first");
            world.did(child, Receive, book).settled(book)
        },
        deeds: &[
            Accept,
            RequestCancellation,
            ConfirmCancellation,
            DeclineCancellation,
        ],
        reached: &[MOVED],
        ..SENT_ON
    });
}

#[test]
fn two_accept_and_the_sender_cancels() {
    check(Small {
        reached: &[MOVED, VOIDED],
        ..SENT_TO_TWO
    });
}

#[test]
fn one_accepts_while_every_follower_reads_at_its_own_pace() {
    check(Small {
        begins: |book| World::opened(book).sent(hop(1), QINGDAO, book),
        deeds: &[Receive, Accept, Cancel],
        hops: 1,
        turns: 0,
        apart: true,
        reached: &[MOVED],
    });
}

#[test]
fn qingdao_accepts_late_what_was_escalated_to_central() {
    check(Small {
        begins: |book| World::opened(book).sent(hop(1), QINGDAO, book),
        deeds: &[Receive, Accept, Cancel],
        hops: 2,
        turns: 1,
        apart: false,
        reached: &[MOVED, VOIDED],
    });
}

#[test]
fn central_redirects_and_accepts_or_does_not() {
    check(Small {
        begins: |book| {
            let world = World::opened(book);
            world.sent(hop(1), CENTRAL, book).settled(book)
        },
        deeds: &[Receive, Accept, ReferOnward, Submit, Dispatch],
        hops: 2,
        turns: 0,
        apart: false,
        reached: &[MOVED],
    });
}

#[test]
fn qingdao_hands_back_before_its_custody_has_come() {
    check(Small {
        begins: |book| {
            let world = World::opened(book).sent(hop(1), QINGDAO, book);
            let world = world.settled(book).did(hop(1), Receive, book);
            let world = world.did(hop(1), Accept, book).sent_on(hop(1), 0, book);
            world.told(2, 2, book)
        },
        deeds: &[Receive, Accept],
        hops: 2,
        turns: 0,
        apart: false,
        reached: &[MOVED],
    });
}

#[test]
fn central_sends_on_what_it_accepted_and_did_not_get() {
    check(Small {
        begins: |book| {
            let world = World::opened(book);
            let world = world
                .sent(hop(1), CENTRAL, book)
                .sent(hop(2), QINGDAO, book);
            let world = world.settled(book).did(hop(1), Receive, book);
            let world = world.did(hop(2), Receive, book).settled(book);
            let world = world.did(hop(1), Accept, book).sent_on(hop(1), 2, book);
            let child = *world.hops.keys().next().expect("Central's comes first");
            // Between the two all is known; Shanghai has heard of nothing.
            let world = world.told(1, 1, book).told(2, 1, book);
            let world = world.did(child, Receive, book);
            world.told(2, 2, book).told(1, 2, book)
        },
        deeds: &[Accept],
        hops: 3,
        turns: 0,
        apart: false,
        reached: &[MOVED, VOIDED],
    });
}

/// Central has sent on to Qingdao what Shanghai sent it.
const SENT_ON: Small = Small {
    begins: |book| {
        let world = World::opened(book).sent(hop(1), CENTRAL, book);
        let world = world.settled(book).did(hop(1), Receive, book);
        world.sent_on(hop(1), 2, book).settled(book)
    },
    deeds: &[],
    hops: 2,
    turns: 0,
    apart: false,
    reached: &[],
};

/// Shanghai asks two at once.
const SENT_TO_TWO: Small = Small {
    begins: |book| {
        let world = World::opened(book).sent(hop(1), CENTRAL, book);
        world.sent(hop(2), QINGDAO, book).settled(book)
    },
    deeds: &[Receive, Accept, Cancel],
    hops: 2,
    turns: 0,
    apart: false,
    reached: &[],
};

/// The checker finds what these rules break.
fn finds(broken: Rules, property: &'static str) {
    let found = HasDiscoveries::AnyOf(BTreeSet::from([property]));
    let checker = Protocol::new(SENT_TO_TWO, broken).checker();
    let checker = checker.finish_when(found).spawn_bfs().join();
    let path = checker.discovery(property);
    assert!(path.is_some(), "nobody noticed");
}

#[test]
fn a_custodian_that_releases_to_every_acceptance_is_found_out() {
    let custody = |custody: &Custody, command: &CustodyCommand, on: &Occasion| match *command {
        CustodyCommand::NoteAcceptance(claim) => Ok(vec![CustodyEvent::CustodyReleased {
            from: claim.tenure.custodian,
            by_hop: claim.tenure.by_hop,
            to: claim.unit,
            hop: claim.hop,
            epoch: 2,
        }]),
        _ => custody.decide(command, on),
    };
    let broken = Rules {
        custody,
        ..IN_FORCE
    };
    finds(broken, ONE_CUSTODIAN);
}

#[test]
fn a_custodian_that_tells_nobody_of_a_lost_race_is_found_out() {
    fn mute(
        custody: &Custody,
        command: &CustodyCommand,
        on: &Occasion,
    ) -> Result<Vec<CustodyEvent>, CustodyRejection> {
        let mut events = custody.decide(command, on)?;
        events.retain(|event| !matches!(event, CustodyEvent::AcceptanceVoided { .. }));
        Ok(events)
    }
    let broken = Rules {
        custody: mute,
        ..IN_FORCE
    };
    finds(broken, BOTH_TOLD);
    finds(broken, WAY_ON);
}

#[test]
fn a_receiver_that_never_takes_the_custody_is_found_out() {
    fn deaf(seen: &Seen, here: Region) -> Option<Reaction> {
        let reaction = keep_custody(seen, here)?;
        let take = matches!(reaction, Reaction::Custody(_, CustodyCommand::Take { .. }));
        (!take).then_some(reaction)
    }
    let broken = Rules {
        followers: [tell_receiver, tell_sender, deaf, withdraw],
        ..IN_FORCE
    };
    finds(broken, ONE_CUSTODIAN);
}
