//! What the clock does, and what stops it.

use domain::ids::ReferralId;
use domain::referral::HopCommand as C;
use domain::values::Role;
use jiff::{SignedDuration, Timestamp};
use proto::referral::v1::{Hop, HopState as S};

use crate::bench::{Bench, CENTRAL, QINGDAO, SHANGHAI, case};

fn due_at(hop: &Hop) -> Timestamp {
    let due = hop.answer_due_at.as_ref().expect("an answer is awaited");
    Timestamp::new(due.seconds, due.nanos).unwrap()
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

#[tokio::test]
async fn the_clock_stands_still_while_information_is_looked_for() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.pass(60).await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    bench
        .does("qd-worker", Role::Worker, C::RequestInformation, hop)
        .await;
    bench.pass(10 * 60).await;
    assert_eq!(bench.state(SHANGHAI, hop).await, S::InfoRequested);
    bench
        .does("sh-worker", Role::Worker, C::SupplyInformation, hop)
        .await;
    // Three of the four hours are left.
    for code in [SHANGHAI, QINGDAO] {
        let told = bench.hop(code, hop).await;
        assert_eq!(
            (told.state(), due_at(&told)),
            (S::Received, bench.now() + minutes(180))
        );
    }
    bench.pass(181).await;
    assert_eq!(bench.state(QINGDAO, hop).await, S::Expired);
    bench.stop().await;
}

#[tokio::test]
async fn information_that_does_not_come_holds_a_hop_up_for_a_day_at_most() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    bench
        .does("qd-worker", Role::Worker, C::RequestInformation, hop)
        .await;
    let until = due_at(&bench.hop(QINGDAO, hop).await);
    assert_eq!(until, bench.now() + minutes(24 * 60 + 240));
    bench.pass(24 * 60).await;
    for code in [SHANGHAI, QINGDAO] {
        let told = bench.hop(code, hop).await;
        assert_eq!((told.state(), due_at(&told)), (S::Received, until));
    }
    bench.stop().await;
}

#[tokio::test]
async fn a_hop_that_nobody_answers_goes_up_until_the_duty_officer_at_the_top_is_alarmed() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.pass(241).await;
    let escalated = bench.hop(SHANGHAI, hop).await.escalated_referral_id;
    let escalated: ReferralId = escalated.parse().unwrap();
    assert_eq!(bench.state(CENTRAL, escalated).await, S::Dispatched);
    bench.pass(10 * 60).await;
    assert_eq!(
        bench.count(SHANGHAI, "referral.DutyOfficerAlarmed").await,
        1
    );
    // It stays with Central, who can still take it.
    bench
        .does("central-duty", Role::Worker, C::Receive, escalated)
        .await;
    bench
        .does("central-duty", Role::Authorised, C::Accept, escalated)
        .await;
    assert_eq!(bench.custodian(case(1)).await, CENTRAL);
    bench.stop().await;
}

#[tokio::test]
async fn a_return_that_nobody_decides_on_goes_up_too() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    bench.pass(200).await;
    bench
        .does("qd-worker", Role::Worker, C::ProposeReturn, hop)
        .await;
    // The decision has four hours of its own.
    bench.pass(239).await;
    assert_eq!(bench.state(SHANGHAI, hop).await, S::ReturnProposed);
    bench.pass(2).await;
    assert_eq!(bench.state(SHANGHAI, hop).await, S::Expired);
    assert_eq!(bench.count(SHANGHAI, "referral.Dispatched").await, 2);
    bench.stop().await;
}
