//! What the tests of this context share: regions, people, ids.

use eventsourcing::{Actor, Region, ScopedId};
use jiff::Timestamp;
use uuid::Uuid;

use super::KnownCase;
use crate::ids::{CaseId, KeyId};
use crate::intake::AgeBand;
use crate::values::{Role, Term};

pub(super) fn region(code: &str) -> Region {
    code.parse().unwrap()
}

pub(super) fn id(code: &str, number: u128) -> ScopedId {
    ScopedId::new(region(code), Uuid::from_u128(number))
}

/// A case of Shanghai.
pub(super) fn case() -> CaseId {
    CaseId(id("310000", 1))
}

/// What is known of the case in Shanghai.
pub(super) fn known(age_band: AgeBand) -> KnownCase {
    KnownCase::OwnPart {
        age_band,
        guardian_suspected: false,
    }
}

/// A data key of Shanghai.
pub(super) fn key(number: u128) -> KeyId {
    KeyId(id("310000", number))
}

/// Person `number` of a region's organization, in a role.
pub(super) fn person(code: &str, number: u128, role: Role) -> Actor {
    let (person, organization) = (id(code, number), id(code, 100));
    Actor::person(&person.to_string(), &organization.to_string(), role.name())
}

pub(super) fn system() -> Actor {
    Actor::system("test", "1")
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
