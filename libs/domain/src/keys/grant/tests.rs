//! What is granted, by whom, and that no grant narrows another.

use std::marker::PhantomData;

use eventsourcing::StreamId;
use eventsourcing::testing::given;
use proptest::prelude::*;

use eventsourcing::Actor;

use super::super::testing::{at, case, id, key, known, person, region, system};
use super::*;
use crate::intake::AgeBand;
use crate::values::Term;

fn delivered(number: u128, class: SealedClass) -> DeliveredKey {
    DeliveredKey {
        key: key(number),
        role: PersonRole::Subject,
        class,
        wrapped_for: "cc".to_owned(),
        encapsulated: "aa".to_owned(),
        ciphertext: "bb".to_owned(),
    }
}

fn reason() -> Sealed<Text> {
    Sealed {
        suite: 1,
        key: key(9),
        role: PersonRole::Subject,
        class: SealedClass::Narrative,
        stream: StreamId::new(KeyGrant::KIND, id("310000", 9)),
        event: "Noted".to_owned(),
        field: "reason".to_owned(),
        commitment: "00".to_owned(),
        nonce: "00".to_owned(),
        ciphertext: "00".to_owned(),
        of: PhantomData,
    }
}

fn terms(classes: &[SealedClass]) -> GrantTerms {
    GrantTerms {
        case: case(),
        to: region("370200"),
        classes: classes.iter().copied().collect(),
        basis: DisclosureBasis::Emergency,
        reason: None,
        purpose: Purpose::ReferralDecision,
        expires_at: Some(at("2026-02-01T00:00:00Z")),
    }
}

fn grant(terms: &GrantTerms, keys: &[DeliveredKey]) -> GrantCommand {
    GrantCommand::Grant {
        terms: Box::new(terms.clone()),
        keys: keys.to_vec(),
    }
}

fn by_person(terms: &GrantTerms) -> GrantCommand {
    GrantCommand::GrantByPerson {
        terms: Box::new(terms.clone()),
        case: known(AgeBand::FourteenToSeventeen),
    }
}

fn granted(terms: &GrantTerms, keys: &[DeliveredKey]) -> GrantEvent {
    GrantEvent::KeysGranted {
        terms: Box::new(terms.clone()),
        keys: keys.to_vec(),
    }
}

const SUMMARY: &[SealedClass] = &[SealedClass::Summary];

#[test]
fn a_dispatch_grants_the_summary() {
    let summary = [delivered(1, SealedClass::Summary)];
    given::<KeyGrant>([])
        .when(grant(&terms(SUMMARY), &summary))
        .then([granted(&terms(SUMMARY), &summary)]);
}

#[test]
fn a_grant_can_stand_before_the_receivers_public_key_is_known() {
    let state = given::<KeyGrant>([])
        .when(grant(&terms(SUMMARY), &[]))
        .then([granted(&terms(SUMMARY), &[])])
        .state();
    assert_eq!(state.terms, Some(terms(SUMMARY)));
}

#[test]
fn an_acceptance_widens_the_grant_and_delivers_only_what_is_new() {
    let summary = delivered(1, SealedClass::Summary);
    let narrative = delivered(2, SealedClass::Narrative);
    let accepted = GrantTerms {
        basis: DisclosureBasis::LegalDuty,
        purpose: Purpose::CaseHandling,
        expires_at: Some(at("2028-01-01T00:00:00Z")),
        ..terms(&[SealedClass::Narrative])
    };
    let widened = GrantTerms {
        classes: [SealedClass::Summary, SealedClass::Narrative].into(),
        ..accepted.clone()
    };
    given::<KeyGrant>([granted(&terms(SUMMARY), std::slice::from_ref(&summary))])
        .when(grant(&accepted, std::slice::from_ref(&narrative)))
        .then([granted(&widened, &[narrative])]);
}

#[test]
fn a_narrower_grant_takes_nothing_away() {
    let both = terms(&[SealedClass::Summary, SealedClass::Narrative]);
    let sooner = GrantTerms {
        expires_at: Some(at("2026-01-02T00:00:00Z")),
        ..terms(SUMMARY)
    };
    given::<KeyGrant>([granted(&both, &[])])
        .when(grant(&sooner, &[]))
        .then([]);
}

#[test]
fn what_the_system_has_granted_or_what_has_ended_suppresses_no_other_grant() {
    let summary = [delivered(1, SealedClass::Summary)];
    given::<KeyGrant>([granted(&terms(SUMMARY), &summary)])
        .when(grant(&terms(SUMMARY), &summary))
        .then([]);
}

#[test]
fn what_has_ended_meanwhile_is_not_granted() {
    given::<KeyGrant>([])
        .at(at("2026-02-01T00:00:00Z"))
        .when(grant(&terms(SUMMARY), &[]))
        .then([]);
}

#[test]
fn a_key_is_delivered_again_only_for_another_public_key() {
    let first = delivered(1, SealedClass::Summary);
    let again = DeliveredKey {
        wrapped_for: "dd".to_owned(),
        ..first.clone()
    };
    let keys = [first, again.clone()];
    given::<KeyGrant>([granted(&terms(SUMMARY), &keys[..1])])
        .when(grant(&terms(SUMMARY), &keys))
        .then([granted(&terms(SUMMARY), &[again])]);
}

#[test]
fn own_consent_counts_from_fourteen_on_only() {
    let consent = GrantTerms {
        basis: DisclosureBasis::ConsentSelf,
        ..terms(SUMMARY)
    };
    for young in [AgeBand::UnderFourteen, AgeBand::Unknown] {
        given::<KeyGrant>([])
            .by(person("310000", 1, Role::Supervisor))
            .when(GrantCommand::GrantByPerson {
                terms: Box::new(consent.clone()),
                case: known(young),
            })
            .then_rejected(BasisRejection::TooYoungToConsent.into());
    }
}

#[test]
fn who_takes_no_part_grants_nothing_and_an_unknown_case_is_not_found() {
    for (case, why) in [
        (KnownCase::OfOthers, CaseRejection::TakesNoPart),
        (KnownCase::Unknown, CaseRejection::Unknown),
    ] {
        let terms = Box::new(terms(SUMMARY));
        given::<KeyGrant>([])
            .by(person("310000", 1, Role::Supervisor))
            .when(GrantCommand::GrantByPerson { terms, case })
            .then_rejected(GrantRejection::Case(why));
    }
}

#[test]
fn a_supervisor_of_the_cases_region_grants_with_a_reason() {
    let with_reason = GrantTerms {
        reason: Some(reason()),
        ..terms(SUMMARY)
    };
    let supervisor = person("310000", 1, Role::Supervisor);
    given::<KeyGrant>([])
        .by(supervisor.clone())
        .when(by_person(&with_reason))
        .then([granted(&with_reason, &[])]);
    given::<KeyGrant>([])
        .by(supervisor.clone())
        .when(by_person(&terms(SUMMARY)))
        .then_rejected(BasisRejection::ReasonMissing.into());
    let consent = GrantTerms {
        basis: DisclosureBasis::ConsentSelf,
        ..terms(SUMMARY)
    };
    given::<KeyGrant>([])
        .by(supervisor)
        .when(by_person(&consent))
        .then([granted(&consent, &[])]);
}

#[test]
fn nobody_else_grants() {
    let others = [
        person("310000", 1, Role::Worker),
        person("310000", 1, Role::Auditor),
        person("370200", 1, Role::Supervisor),
        Actor::person("x", "y", "Supervisor"),
    ];
    for other in others {
        given::<KeyGrant>([])
            .by(other)
            .when(by_person(&terms(SUMMARY)))
            .then_rejected(GrantRejection::MayNotGrant(region("310000")));
    }
    given::<KeyGrant>([])
        .by(person("310000", 1, Role::Supervisor))
        .when(grant(&terms(SUMMARY), &[]))
        .then_rejected(GrantRejection::NotTheSystem(NotTheSystem));
}

#[test]
fn a_person_grants_to_another_region_and_until_a_moment_ahead() {
    let supervisor = person("310000", 1, Role::Supervisor);
    let consent = GrantTerms {
        basis: DisclosureBasis::ConsentSelf,
        ..terms(SUMMARY)
    };
    let home = region("310000");
    let bad = [
        (
            GrantTerms {
                to: home,
                ..consent.clone()
            },
            GrantRejection::ToItself(home),
        ),
        (
            GrantTerms {
                expires_at: None,
                ..consent.clone()
            },
            GrantRejection::ExpiryNotAhead,
        ),
        (
            GrantTerms {
                expires_at: Some(at("2025-12-31T00:00:00Z")),
                ..consent.clone()
            },
            GrantRejection::ExpiryNotAhead,
        ),
        (
            GrantTerms {
                classes: BTreeSet::new(),
                ..consent
            },
            GrantRejection::NoClass,
        ),
    ];
    for (terms, why) in bad {
        given::<KeyGrant>([])
            .by(supervisor.clone())
            .when(by_person(&terms))
            .then_rejected(why);
    }
}

#[test]
fn a_key_of_another_class_is_not_delivered_under_a_grant() {
    given::<KeyGrant>([])
        .when(grant(
            &terms(SUMMARY),
            &[delivered(2, SealedClass::Identity)],
        ))
        .then_rejected(GrantRejection::OtherClass(key(2)));
}

fn any_grant() -> impl Strategy<Value = GrantCommand> {
    let classes = prop::collection::btree_set(prop::sample::select(SealedClass::ALL), 1..3);
    (classes, 1..6_u128, 1..28_i8).prop_map(|(classes, number, day)| {
        let key = classes.first().map(|class| delivered(number, *class));
        let expires_at = jiff::civil::date(2026, 2, day).at(0, 0, 0, 0);
        let expires_at = expires_at.in_tz("UTC").unwrap().timestamp();
        let terms = GrantTerms {
            classes,
            expires_at: Some(expires_at),
            ..terms(&[])
        };
        grant(&terms, key.as_slice())
    })
}

proptest! {
    #[test]
    fn no_grant_narrows_an_earlier_one_and_no_key_is_delivered_twice(
        commands in prop::collection::vec(any_grant(), 1..20),
    ) {
        let on = Occasion {
            actor: system(),
            now: at("2026-01-01T00:00:00Z"),
            occurred_at: at("2026-01-01T00:00:00Z"),
        };
        let mut state = KeyGrant::default();
        for command in &commands {
            let before = state.clone();
            let Ok(events) = state.decide(command, &on) else { continue };
            for GrantEvent::KeysGranted { terms, keys } in &events {
                if let Some(earlier) = &before.terms {
                    prop_assert!(earlier.classes.is_subset(&terms.classes));
                    prop_assert!(earlier.expires_at <= terms.expires_at);
                }
                prop_assert!(keys.iter().all(|key| !before.delivered.contains_key(&key.key)));
            }
            for event in &events {
                state.evolve(event);
            }
        }
    }
}
