//! What the tests of this crate begin with: a unit in Qingdao, and events as they stand in a log.

use domain::followup::Charge;
use domain::ids::{CaseId, DeskId, OrganizationId, ReferralId, WorkerId};
use domain::values::Party;
use eventsourcing::testing::envelope;
use eventsourcing::{
    Aggregate, Body, Envelope, Hash, Position, Recorded, Region, ScopedId, StreamId, encode,
};
use jiff::Timestamp;
use uuid::Uuid;

pub(crate) fn qingdao() -> Region {
    "370200".parse().unwrap()
}

/// Case number `n`, begun in Shanghai.
pub(crate) fn case(n: u128) -> CaseId {
    CaseId::new("310000".parse().unwrap(), Uuid::from_u128(n))
}

pub(crate) fn charge(of: u128) -> Charge {
    Charge {
        hop: ReferralId::new(Region::CENTRAL, Uuid::from_u128(of)),
        unit: Party {
            organization: OrganizationId::new(qingdao(), Uuid::from_u128(of)),
            desk: DeskId::new(qingdao(), Uuid::from_u128(of)),
        },
        worker: WorkerId::new(qingdao(), Uuid::from_u128(of)),
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An event of a case, as it is followed; nobody here checks the chain.
pub(crate) fn recorded<A: Aggregate>(
    region: Region,
    id: ScopedId,
    case: CaseId,
    version: u64,
    event: &A::Event,
) -> Recorded {
    let encoded = encode(event);
    let event_type = format!("{}.{}", A::CONTEXT, encoded.name);
    let envelope = Envelope {
        dataschema: format!("urn:liandong:{event_type}:{}", A::schema(&encoded.name)),
        event_type,
        subject: StreamId::new(A::KIND, id),
        caseid: Some(case.0),
        recordedtime: at("2026-01-12T01:00:00Z"),
        data: encoded.data,
        ..envelope(&format!("{region}.{}", A::CONTEXT), A::KIND, version)
    };
    let body = Body::seal(&envelope).unwrap();
    Recorded::read(Position(version), Hash::of(b""), body).unwrap()
}
