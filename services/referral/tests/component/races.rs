//! Two at once: whoever is first, both sides are told the same, and one unit has the custody.

use domain::ids::ReferralId;
use domain::referral::HopCommand as C;
use domain::values::Role;
use proto::referral::v1 as pb;
use proto::referral::v1::HopState as S;
use tonic::Code;

use crate::bench::{Bench, CENTRAL, NANJING, QINGDAO, SHANGHAI, case, refusal};

#[tokio::test]
async fn what_is_cancelled_cannot_be_accepted() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.does("sh-worker", Role::Worker, C::Cancel, hop).await;
    assert_eq!(bench.state(QINGDAO, hop).await, S::Cancelled);
    let authorised = bench.caller("qd-authorised", Role::Authorised);
    let refused = bench.command(C::Accept, QINGDAO, hop, &authorised).await;
    let expected = (Code::FailedPrecondition, "HOP_STATE".to_owned());
    assert_eq!(refusal(&refused.unwrap_err()), expected);
    assert_eq!(bench.custodian(case(1)).await, SHANGHAI);
    bench.stop().await;
}

#[tokio::test]
async fn what_is_accepted_cannot_be_cancelled_alone() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    bench
        .does("qd-authorised", Role::Authorised, C::Accept, hop)
        .await;
    let worker = bench.caller("sh-worker", Role::Worker);
    let refused = bench.command(C::Cancel, SHANGHAI, hop, &worker).await;
    let expected = (Code::FailedPrecondition, "HOP_STATE".to_owned());
    assert_eq!(refusal(&refused.unwrap_err()), expected);
    assert_eq!(bench.custodian(case(1)).await, QINGDAO);
    bench.stop().await;
}

/// However the two cross, there is one outcome, the same at both sides.
#[tokio::test(flavor = "multi_thread")]
async fn cancelled_and_accepted_at_once_ends_the_same_at_both_sides() {
    let bench = Bench::start().await;
    let (worker, receives, accepts) = (
        bench.caller("sh-worker", Role::Worker),
        bench.caller("qd-worker", Role::Worker),
        bench.caller("qd-authorised", Role::Authorised),
    );
    for n in 1..=8 {
        let hop = bench.sent(case(n), "qd-12355").await;
        let accept = async {
            bench.command(C::Receive, QINGDAO, hop, &receives).await?;
            bench.command(C::Accept, QINGDAO, hop, &accepts).await
        };
        let cancel = bench.command(C::Cancel, SHANGHAI, hop, &worker);
        let (accepted, cancelled) = tokio::join!(accept, cancel);
        bench.settle().await;

        let (here, there) = (
            bench.hop(SHANGHAI, hop).await,
            bench.hop(QINGDAO, hop).await,
        );
        assert_eq!(
            (here.state(), here.custody()),
            (there.state(), there.custody())
        );
        let custodian = bench.custodian(case(n)).await;
        match here.state() {
            S::Cancelled => {
                cancelled.unwrap();
                assert_eq!(custodian, SHANGHAI);
                let void = here.void_reason();
                assert_eq!(void == pb::VoidReason::CancelledFirst, accepted.is_ok());
            }
            S::Accepted => {
                accepted.unwrap();
                assert_eq!(custodian, QINGDAO);
            }
            // Received before the cancellation, which was refused, and not accepted after all.
            other => panic!("{other:?}: {accepted:?}, {cancelled:?}"),
        }
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_acceptances_at_once_one_gets_the_custody_and_the_other_is_told() {
    let bench = Bench::start().await;
    for n in 1..=4 {
        let first = bench.sent(case(n), "qd-12355").await;
        let second = bench.drafted(case(n), "nj-12355").await;
        let (submits, approves) = (
            ("sh-worker", Role::Worker),
            ("sh-supervisor", Role::Supervisor),
        );
        bench.send(second, submits, approves).await;
        bench
            .does("qd-worker", Role::Worker, C::Receive, first)
            .await;
        bench
            .does("nj-duty", Role::Worker, C::Receive, second)
            .await;
        let qingdao = bench.caller("qd-authorised", Role::Authorised);
        let nanjing = bench.caller("nj-duty", Role::Authorised);
        let (one, other) = tokio::join!(
            bench.command(C::Accept, QINGDAO, first, &qingdao),
            bench.command(C::Accept, NANJING, second, &nanjing),
        );
        one.unwrap();
        other.unwrap();
        bench.settle().await;

        let custodian = bench.custodian(case(n)).await;
        let (winner, loser, loser_at) = if custodian == QINGDAO {
            (first, second, NANJING)
        } else {
            (second, first, QINGDAO)
        };
        assert_eq!(bench.state(SHANGHAI, winner).await, S::Accepted);
        for code in [SHANGHAI, loser_at] {
            let told = bench.hop(code, loser).await;
            assert_eq!(told.state(), S::Cancelled);
            assert_eq!(told.void_reason(), pb::VoidReason::AcceptedElsewhere);
        }
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_of_one_unit_who_accept_at_once_one_does() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-education-desk").await;
    let education = bench.caller("qd-education-worker", Role::Worker);
    bench
        .command(C::Receive, QINGDAO, hop, &education)
        .await
        .unwrap();
    let accepts = bench.caller("qd-education-worker", Role::Authorised);
    let (one, other) = tokio::join!(
        bench.command(C::Accept, QINGDAO, hop, &accepts),
        bench.command(C::Accept, QINGDAO, hop, &accepts),
    );
    // The same person twice is no mistake; the second time changes nothing.
    one.unwrap();
    other.unwrap();
    assert_eq!(bench.count(QINGDAO, "referral.Accepted").await, 1);
    assert_eq!(bench.count(QINGDAO, "referral.AcceptRepeated").await, 1);
    bench.settle().await;
    assert_eq!(bench.custodian(case(1)).await, QINGDAO);
    bench.stop().await;
}

#[tokio::test]
async fn an_acceptance_after_expiry_is_honoured_and_the_escalated_hop_taken_back() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    bench.pass(4 * 60 + 1).await;
    let expired = bench.hop(SHANGHAI, hop).await;
    assert_eq!(expired.state(), S::Expired);
    assert_eq!(bench.state(QINGDAO, hop).await, S::Expired);
    let escalated: ReferralId = expired.escalated_referral_id.parse().unwrap();
    let at_central = bench.hop(CENTRAL, escalated).await;
    assert_eq!(at_central.kind(), pb::HopKind::Escalation);
    assert_eq!(at_central.state(), S::Dispatched);

    bench
        .does("qd-authorised", Role::Authorised, C::Accept, hop)
        .await;
    assert_eq!(bench.custodian(case(1)).await, QINGDAO);
    for code in [SHANGHAI, QINGDAO] {
        assert_eq!(bench.state(code, hop).await, S::Accepted);
    }
    for code in [SHANGHAI, CENTRAL] {
        assert_eq!(bench.state(code, escalated).await, S::Cancelled);
    }
    bench.stop().await;
}
