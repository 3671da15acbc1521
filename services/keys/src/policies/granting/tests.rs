//! In whatever order the logs are read, the same regions may have the same keys.

use domain::sealed::PersonRole;
use eventsourcing::ScopedId;
use uuid::Uuid;

use super::*;

const SHANGHAI: &str = "310000";
const CENTRAL: &str = "100000";
const QINGDAO: &str = "370200";

fn region(code: &str) -> Region {
    code.parse().unwrap()
}

fn id(code: &str, number: u128) -> ScopedId {
    ScopedId::new(region(code), Uuid::from_u128(number))
}

fn case() -> CaseId {
    CaseId(id(SHANGHAI, 1))
}

/// The one hop of a sender.
fn hop(from: &str) -> ReferralId {
    ReferralId(id(from, 7))
}

fn dispatched(from: &str, to: &str) -> Claim {
    Claim::Dispatched {
        hop: hop(from),
        to: region(to),
        basis: DisclosureBasis::Emergency,
        at: Timestamp::UNIX_EPOCH,
    }
}

fn accepted(from: &str, by: &str) -> Claim {
    Claim::Accepted {
        hop: hop(from),
        by: region(by),
        at: Timestamp::UNIX_EPOCH,
    }
}

fn ended(from: &str, by: &str) -> Claim {
    Claim::Ended {
        hop: hop(from),
        by: region(by),
    }
}

fn after(claims: &[Claim]) -> Granting {
    let mut granting = Granting::default();
    for claim in claims {
        granting.claim(claim);
    }
    granting
}

fn entitled(granting: &Granting) -> BTreeMap<Region, GrantTerms> {
    granting.entitled(case(), region(SHANGHAI), Timestamp::UNIX_EPOCH)
}

fn classes(granting: &Granting, to: &str) -> Vec<SealedClass> {
    let entitled = entitled(granting);
    let terms = entitled.get(&region(to));
    terms
        .into_iter()
        .flat_map(|terms| terms.classes.iter().copied())
        .collect()
}

/// All orders of a few claims.
fn orders(claims: &[Claim]) -> Vec<Vec<Claim>> {
    if claims.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for index in 0..claims.len() {
        let mut rest = claims.to_vec();
        let first = rest.remove(index);
        for mut order in orders(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

#[test]
fn in_whatever_order_the_logs_come_the_same_regions_are_entitled() {
    let claims = [
        dispatched(SHANGHAI, CENTRAL),
        dispatched(CENTRAL, QINGDAO),
        accepted(CENTRAL, QINGDAO),
    ];
    for order in orders(&claims) {
        let granting = after(&order);
        assert_eq!(classes(&granting, CENTRAL), [SealedClass::Summary]);
        assert_eq!(classes(&granting, QINGDAO), SealedClass::ALL);
        let terms = &entitled(&granting)[&region(QINGDAO)];
        assert_eq!(terms.purpose, Purpose::CaseHandling);
        assert_eq!(terms.basis, DisclosureBasis::Emergency);
    }
}

#[test]
fn a_hop_that_ended_entitles_to_nothing_in_whatever_order_that_is_heard() {
    let claims = [
        dispatched(SHANGHAI, QINGDAO),
        accepted(SHANGHAI, QINGDAO),
        ended(SHANGHAI, SHANGHAI),
    ];
    for order in orders(&claims) {
        assert_eq!(classes(&after(&order), QINGDAO), []);
    }
}

#[test]
fn after_a_return_only_a_further_hop_entitles_and_only_to_what_it_is_for() {
    let again = Claim::Dispatched {
        hop: ReferralId(id(SHANGHAI, 8)),
        to: region(QINGDAO),
        basis: DisclosureBasis::ConsentSelf,
        at: Timestamp::UNIX_EPOCH,
    };
    let claims = [
        dispatched(SHANGHAI, QINGDAO),
        accepted(SHANGHAI, QINGDAO),
        ended(SHANGHAI, SHANGHAI),
        again,
    ];
    for order in orders(&claims) {
        let granting = after(&order);
        assert_eq!(classes(&granting, QINGDAO), [SealedClass::Summary]);
    }
}

#[test]
fn who_has_no_part_in_the_case_ends_no_hop() {
    let granting = after(&[dispatched(SHANGHAI, QINGDAO), ended(SHANGHAI, CENTRAL)]);
    assert_eq!(classes(&granting, QINGDAO), [SealedClass::Summary]);
}

#[test]
fn a_region_that_was_not_sent_the_case_cannot_bring_itself_in() {
    let granting = after(&[
        dispatched(SHANGHAI, CENTRAL),
        dispatched(QINGDAO, QINGDAO),
        accepted(QINGDAO, QINGDAO),
        accepted(SHANGHAI, QINGDAO),
    ]);
    assert_eq!(classes(&granting, QINGDAO), []);
    assert_eq!(classes(&granting, CENTRAL), [SealedClass::Summary]);
}

#[test]
fn what_has_ended_in_time_entitles_no_more_while_the_rest_does() {
    let granting = after(&[
        dispatched(SHANGHAI, CENTRAL),
        dispatched(SHANGHAI, QINGDAO),
        accepted(SHANGHAI, QINGDAO),
    ]);
    let later = Timestamp::UNIX_EPOCH + DECIDING_FOR;
    let entitled = granting.entitled(case(), region(SHANGHAI), later);
    assert_eq!(
        entitled.keys().copied().collect::<Vec<_>>(),
        [region(QINGDAO)]
    );
}

fn delivered(key: KeyId, wrapped_for: &str) -> DeliveredKey {
    DeliveredKey {
        key,
        role: PersonRole::Subject,
        class: SealedClass::Summary,
        wrapped_for: wrapped_for.to_owned(),
        encapsulated: String::new(),
        ciphertext: String::new(),
    }
}

#[test]
fn a_receiver_is_owed_keys_of_its_classes_that_it_has_not_got_and_did_not_make() {
    let mut granting = after(&[dispatched(SHANGHAI, QINGDAO)]);
    let summary = (PersonRole::Subject, SealedClass::Summary);
    let narrative = (PersonRole::Subject, SealedClass::Narrative);
    let key = |number| KeyId(id(SHANGHAI, number));
    let keys = [
        (key(1), summary),
        (key(2), summary),
        (key(3), narrative),
        (KeyId(id(QINGDAO, 4)), summary),
    ];
    granting.keys.extend(keys);
    let terms = entitled(&granting)[&region(QINGDAO)].clone();
    granting.granted(&terms, &[delivered(key(1), "a")], false);
    assert_eq!(granting.owed(&terms, Some("a")), [(key(2), summary)]);
    assert!(granting.is_recorded(&terms) && !granting.all_arrived(&terms));

    // It publishes another public key before it has confirmed: both are wrapped for that one.
    let both = [(key(1), summary), (key(2), summary)];
    assert_eq!(granting.owed(&terms, Some("b")), both);
    granting.received(region(QINGDAO), [key(1), key(2)]);
    assert_eq!(granting.owed(&terms, Some("b")), []);
    assert!(granting.all_arrived(&terms));
}

#[test]
fn what_a_person_granted_stands_until_it_ends_whatever_becomes_of_the_hops() {
    let mut granting = after(&[dispatched(SHANGHAI, QINGDAO)]);
    let terms = GrantTerms {
        classes: [SealedClass::Narrative].into(),
        ..entitled(&granting)[&region(QINGDAO)].clone()
    };
    granting.granted(&terms, &[], true);
    granting.claim(&ended(SHANGHAI, SHANGHAI));
    assert_eq!(classes(&granting, QINGDAO), [SealedClass::Narrative]);
}
