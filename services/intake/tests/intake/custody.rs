//! What becomes of an intake when the custody of its case moves.

use std::sync::Arc;

use domain::ids::{CaseId, IntakeId, ReferralId};
use domain::referral::{Claim, Custody, CustodyCommand, Tenure};
use domain::values::Party;
use eventsourcing::{Actor, CommandHandler, Hash, HybridClock, Position, Region, RequestContext};
use proto::intake::v1 as pb;
use proto::types::v1::RiskLevel;
use uuid::Uuid;

use crate::fixture::{Fixture, shanghai};

/// Moves custody in Shanghai's referral log, as the referral service does.
async fn custody(desk: &Fixture, case: CaseId, command: CustodyCommand) {
    let clock = Arc::new(HybridClock::new(desk.clock.clone()));
    let handler = CommandHandler::new(desk.log_of(domain::referral::CONTEXT), clock);
    let request = RequestContext {
        id: Uuid::new_v5(&Uuid::now_v7(), b"custody"),
        digest: Hash::of(b""),
        actor: Actor::system("custody-test", "1"),
        on_behalf_of: None,
        etag: None,
        validate_only: false,
        occurred_at: None,
        case: Some(case.0),
        cause: None,
        traceparent: None,
    };
    let id = case.custody_in(shanghai()).0;
    handler
        .handle::<Custody>(id, command, &request)
        .await
        .unwrap();
}

/// Custody opens at the desk, and is released to a unit that has accepted a hop.
async fn release(desk: &Fixture, case: CaseId, to: Party) -> ReferralId {
    let custodian = desk.china.desk("sh-12355").unwrap();
    custody(desk, case, CustodyCommand::Open { custodian }).await;
    let hop = ReferralId::new(Region::CENTRAL, Uuid::from_u128(7));
    let by_hop = None;
    let claim = Claim {
        hop,
        unit: to,
        tenure: Tenure { custodian, by_hop },
    };
    custody(desk, case, CustodyCommand::NoteAcceptance(claim)).await;
    hop
}

#[tokio::test]
async fn a_case_is_handed_over_once_another_unit_has_its_custody() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.triaged(RiskLevel::High).await;
    desk.open_case(&intake_id, desk.meta()).await.unwrap();
    let id: IntakeId = intake_id.parse().unwrap();
    let qingdao = desk.china.desk("qd-12355").unwrap();
    release(&desk, id.case(), qingdao).await;

    let seen = desk.get(&intake_id).await;
    assert_eq!(seen.phase(), pb::Phase::Ended);
    assert_eq!(seen.outcome(), pb::Outcome::HandedOver);
    let to = seen.handed_over_to.unwrap();
    assert_eq!(to.desk_id, qingdao.desk.to_string());
    desk.stop().await;
}

#[tokio::test]
async fn custody_of_a_case_that_began_elsewhere_ends_no_intake_here() {
    let mut desk = Fixture::start().await;
    desk.triaged(RiskLevel::High).await;
    let head = desk.log().head();
    let foreign = CaseId::new("370200".parse().unwrap(), Uuid::from_u128(9));
    release(&desk, foreign, desk.china.desk("central-relay").unwrap()).await;
    desk.settle().await;
    assert_eq!(desk.log().head(), head);
    desk.stop().await;
}

#[tokio::test]
async fn a_release_that_no_longer_concerns_the_intake_is_declined_on_record() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.triaged(RiskLevel::Low).await;
    let id: IntakeId = intake_id.parse().unwrap();
    // The case was never opened here.
    release(&desk, id.case(), desk.china.desk("qd-12355").unwrap()).await;
    desk.settle().await;

    assert_eq!(desk.get(&intake_id).await.phase(), pb::Phase::Triaged);
    let log = desk.log();
    let events = log.read_all(Position(0), 100).await.unwrap();
    let last = events.last().unwrap();
    assert_eq!(last.envelope.event_type, "intake.PolicyDeclined");
    desk.stop().await;
}
