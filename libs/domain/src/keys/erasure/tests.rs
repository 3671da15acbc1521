//! Two people erase; nothing is erased without them.

use eventsourcing::Actor;
use eventsourcing::testing::given;
use proptest::prelude::*;

use super::super::testing::{at, case, id, key, known, person, region, system};
use super::*;
use crate::intake::AgeBand;

fn shanghai(number: u128, role: Role) -> Actor {
    person("310000", number, role)
}

const TEENAGER: AgeBand = AgeBand::FourteenToSeventeen;

fn propose() -> ErasureCommand {
    ErasureCommand::Propose {
        case: case(),
        ground: ErasureGround::SubjectRequest,
        known: known(TEENAGER),
    }
}

fn order() -> ErasureCommand {
    ErasureCommand::Order {
        case: case(),
        known: known(TEENAGER),
    }
}

fn complete(keys: &[u128]) -> ErasureCommand {
    ErasureCommand::Complete {
        case: case(),
        keys: keys.iter().copied().map(key).collect(),
    }
}

fn proposed() -> ErasureEvent {
    ErasureEvent::ErasureProposed {
        case: case(),
        ground: ErasureGround::SubjectRequest,
        proposed_by: WorkerId(id("310000", 1)),
    }
}

fn ordered() -> ErasureEvent {
    ErasureEvent::ErasureOrdered {
        case: case(),
        ground: ErasureGround::SubjectRequest,
        proposed_by: WorkerId(id("310000", 1)),
        ordered_by: WorkerId(id("310000", 2)),
    }
}

fn erased(keys: &[u128]) -> ErasureEvent {
    ErasureEvent::Erased {
        case: case(),
        keys: keys.iter().copied().map(key).collect(),
    }
}

#[test]
fn one_person_proposes_and_another_orders() {
    given::<Erasure>([])
        .by(shanghai(1, Role::Supervisor))
        .when(propose())
        .then([proposed()]);
    given::<Erasure>([proposed()])
        .by(shanghai(2, Role::Authorised))
        .when(order())
        .then([ordered()]);
}

#[test]
fn who_proposed_does_not_order_in_whatever_role() {
    given::<Erasure>([proposed()])
        .by(shanghai(1, Role::Authorised))
        .when(order())
        .then_rejected(ErasureRejection::SecondPersonNeeded);
}

#[test]
fn nobody_of_another_region_or_without_the_role_proposes_or_orders() {
    let home = region("310000");
    for other in [
        shanghai(3, Role::Worker),
        shanghai(3, Role::Auditor),
        person("370200", 3, Role::Authorised),
        system(),
    ] {
        given::<Erasure>([])
            .by(other.clone())
            .when(propose())
            .then_rejected(ErasureRejection::MayNotPropose(home));
        given::<Erasure>([proposed()])
            .by(other)
            .when(order())
            .then_rejected(ErasureRejection::MayNotOrder(home));
    }
    given::<Erasure>([proposed()])
        .by(shanghai(3, Role::Supervisor))
        .when(order())
        .then_rejected(ErasureRejection::MayNotOrder(home));
}

#[test]
fn under_fourteen_or_of_unknown_age_the_young_persons_own_request_does_not_do() {
    let propose_at = |age_band, ground| {
        given::<Erasure>([])
            .by(shanghai(1, Role::Supervisor))
            .when(ErasureCommand::Propose {
                case: case(),
                ground,
                known: known(age_band),
            })
    };
    for young in [AgeBand::UnderFourteen, AgeBand::Unknown] {
        propose_at(young, ErasureGround::SubjectRequest)
            .then_rejected(ErasureRejection::TooYoungToAsk);
        let ground = ErasureGround::GuardianRequest;
        propose_at(young, ground).then([ErasureEvent::ErasureProposed {
            case: case(),
            ground,
            proposed_by: WorkerId(id("310000", 1)),
        }]);
    }
}

#[test]
fn who_takes_no_part_erases_nothing_and_an_unknown_case_is_not_found() {
    for (known, why) in [
        (KnownCase::OfOthers, CaseRejection::TakesNoPart),
        (KnownCase::Unknown, CaseRejection::Unknown),
    ] {
        let case = case();
        let ground = ErasureGround::RetentionEnded;
        given::<Erasure>([])
            .by(shanghai(1, Role::Supervisor))
            .when(ErasureCommand::Propose {
                case,
                ground,
                known,
            })
            .then_rejected(ErasureRejection::Case(why));
        given::<Erasure>([proposed()])
            .by(shanghai(2, Role::Authorised))
            .when(ErasureCommand::Order { case, known })
            .then_rejected(ErasureRejection::Case(why));
    }
}

#[test]
fn nothing_is_erased_without_an_order() {
    for history in [vec![], vec![proposed()]] {
        given::<Erasure>(history)
            .when(complete(&[1]))
            .then_rejected(ErasureRejection::NotOrdered);
    }
    given::<Erasure>([ordered()])
        .by(shanghai(2, Role::Authorised))
        .when(complete(&[1]))
        .then_rejected(ErasureRejection::NotTheSystem(NotTheSystem));
}

#[test]
fn the_erased_keys_are_on_record_and_a_late_one_is_added() {
    given::<Erasure>([proposed(), ordered()])
        .when(complete(&[1, 2]))
        .then([erased(&[1, 2])]);
    let state = given::<Erasure>([proposed(), ordered(), erased(&[1, 2])])
        .when(complete(&[2, 3]))
        .then([erased(&[3])])
        .state();
    let keys = [key(1), key(2), key(3)].into();
    assert_eq!(state, Erasure::Erased { keys });
    given::<Erasure>([proposed(), ordered(), erased(&[1, 2])])
        .when(complete(&[2]))
        .then_rejected(ErasureRejection::AlreadyErased);
}

#[test]
fn a_case_without_a_key_can_be_erased_too() {
    given::<Erasure>([proposed(), ordered()])
        .when(complete(&[]))
        .then([erased(&[])]);
}

#[test]
fn another_region_records_the_copies_it_destroyed() {
    let copies = |numbers: &[u128]| numbers.iter().copied().map(key).collect::<BTreeSet<_>>();
    let command = |numbers: &[u128]| ErasureCommand::CompleteCopies {
        case: case(),
        keys: copies(numbers),
    };
    let event = |numbers: &[u128]| ErasureEvent::CopiesErased {
        case: case(),
        keys: copies(numbers),
    };
    given::<Erasure>([]).when(command(&[1])).then([event(&[1])]);
    given::<Erasure>([event(&[1])])
        .when(command(&[1, 2]))
        .then([event(&[2])]);
    given::<Erasure>([event(&[1])])
        .when(command(&[1]))
        .then_rejected(ErasureRejection::AlreadyErased);
}

#[test]
fn proposing_or_ordering_twice_is_refused_and_says_what_is_next() {
    given::<Erasure>([proposed()])
        .by(shanghai(2, Role::Authorised))
        .when(propose())
        .then_rejected(ErasureRejection::AlreadyProposed);
    assert_eq!(
        ErasureRejection::AlreadyProposed.allowed(),
        ["OrderErasure"]
    );
    for history in [vec![proposed(), ordered()], vec![ordered(), erased(&[1])]] {
        given::<Erasure>(history.clone())
            .by(shanghai(2, Role::Authorised))
            .when(propose())
            .then_rejected(ErasureRejection::AlreadyOrdered);
        given::<Erasure>(history)
            .by(shanghai(2, Role::Authorised))
            .when(order())
            .then_rejected(ErasureRejection::AlreadyOrdered);
    }
    given::<Erasure>([])
        .by(shanghai(2, Role::Authorised))
        .when(order())
        .then_rejected(ErasureRejection::NotProposed);
}

fn any_step() -> impl Strategy<Value = (Actor, ErasureCommand)> {
    let actors = prop_oneof![
        (
            1..4_u128,
            prop::sample::select(vec![Role::Worker, Role::Supervisor, Role::Authorised])
        )
            .prop_map(|(number, role)| shanghai(number, role)),
        Just(system()),
    ];
    let commands = prop_oneof![
        Just(propose()),
        Just(order()),
        prop::collection::vec(1..5_u128, 0..3).prop_map(|keys| complete(&keys)),
    ];
    (actors, commands)
}

proptest! {
    #[test]
    fn keys_are_erased_only_after_two_people_and_none_is_erased_twice(
        steps in prop::collection::vec(any_step(), 1..40),
    ) {
        let now = at("2026-01-01T00:00:00Z");
        let mut state = Erasure::default();
        let mut history = Vec::new();
        for (actor, command) in steps {
            let on = Occasion { actor, now, occurred_at: now };
            for event in state.decide(&command, &on).unwrap_or_default() {
                state.evolve(&event);
                history.push(event);
            }
        }
        let mut gone = BTreeSet::new();
        let mut people_agreed = false;
        for event in history {
            match event {
                ErasureEvent::ErasureOrdered { proposed_by, ordered_by, .. } => {
                    people_agreed = proposed_by != ordered_by;
                }
                ErasureEvent::Erased { keys, .. } => {
                    prop_assert!(people_agreed);
                    prop_assert!(keys.is_disjoint(&gone));
                    gone.extend(keys);
                }
                ErasureEvent::ErasureProposed { .. } | ErasureEvent::CopiesErased { .. } => {}
            }
        }
    }
}
