//! Two at once: whoever is first, both sides are told the same, and one unit has the custody.

use domain::ids::ReferralId;
use domain::referral::HopCommand as C;
use domain::values::Role;
use proto::referral::v1 as pb;
use proto::referral::v1::HopState as S;
use proto::types::v1::CommandMeta;
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

/// Of two hops at once, and of what one of them was escalated to and sent on by, one is accepted.
#[tokio::test]
async fn what_was_not_accepted_is_taken_back_everywhere_and_alarms_nobody() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    bench.pass(4 * 60 + 1).await;
    let beside = bench.drafted(case(1), "nj-12355").await;
    let (submits, approves) = (
        ("sh-worker", Role::Worker),
        ("sh-supervisor", Role::Supervisor),
    );
    bench.send(beside, submits, approves).await;
    bench
        .does("nj-duty", Role::Worker, C::Receive, beside)
        .await;
    let expired = bench.hop(SHANGHAI, hop).await;
    let escalated: ReferralId = expired.escalated_referral_id.parse().unwrap();
    bench
        .does("central-duty", Role::Worker, C::Receive, escalated)
        .await;
    bench
        .does("central-duty", Role::Worker, C::ReferOnward, escalated)
        .await;
    let child = bench.hop(CENTRAL, escalated).await.child_referral_id;
    let child: ReferralId = child.parse().unwrap();

    bench
        .does("qd-authorised", Role::Authorised, C::Accept, hop)
        .await;
    assert_eq!(bench.custodian(case(1)).await, QINGDAO);
    for (code, lost) in [
        (SHANGHAI, beside),
        (NANJING, beside),
        (SHANGHAI, escalated),
        (CENTRAL, escalated),
        (CENTRAL, child),
    ] {
        assert_eq!(bench.state(code, lost).await, S::Cancelled, "{code}");
    }
    // An onward draft whose custody has gone cannot be sent any more.
    let duty = bench.caller("central-duty", Role::Worker);
    let refused = bench.command(C::Submit, CENTRAL, child, &duty).await;
    let expected = (Code::FailedPrecondition, "HOP_STATE".to_owned());
    assert_eq!(refusal(&refused.unwrap_err()), expected);
    bench.pass(7 * 24 * 60).await;
    for code in [SHANGHAI, CENTRAL] {
        assert_eq!(bench.count(code, "referral.DutyOfficerAlarmed").await, 0);
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_who_saw_the_same_one_is_stopped() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    let meta = || CommandMeta {
        etag: "1".to_owned(),
        ..bench.meta()
    };
    let people = [
        bench.caller("qd-worker", Role::Worker),
        bench.caller("qd-supervisor", Role::Supervisor),
    ];
    let receive = |who| bench.command_with(C::Receive, QINGDAO, hop, who, meta());
    let (one, other) = tokio::join!(receive(&people[0]), receive(&people[1]));
    let refused = match (one, other) {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
        both => panic!("{both:?}"),
    };
    assert_eq!(refused.code(), Code::Aborted);
    assert_eq!(bench.count(QINGDAO, "referral.Received").await, 1);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_equal_requests_at_once_one_is_the_other_s_repeat() {
    let bench = Bench::start().await;
    bench.open_case(case(1)).await;
    let worker = bench.caller("sh-worker", Role::Worker);
    let request = bench.draft_request(case(1), "qd-12355");
    let (mut one, mut other) = (bench.client(SHANGHAI).await, bench.client(SHANGHAI).await);
    let (one, other) = tokio::join!(
        one.draft_referral(worker.request(request.clone())),
        other.draft_referral(worker.request(request.clone())),
    );
    let result = |answer: Result<tonic::Response<pb::DraftReferralResponse>, _>| {
        answer.unwrap().into_inner().result.unwrap()
    };
    let (one, other) = (result(one), result(other));
    assert_eq!((&one.id, &one.events), (&other.id, &other.events));
    assert!(one.repeated != other.repeated);
    assert_eq!(bench.count(SHANGHAI, "referral.Drafted").await, 1);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_not_decided_again_when_the_rows_are_lost() {
    let bench = Bench::start().await;
    // Two acceptances at once.
    let first = bench.sent(case(1), "qd-12355").await;
    let second = bench.drafted(case(1), "nj-12355").await;
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
    // A hop that expires, is sent on from where it was escalated to, and is accepted late.
    let late = bench.sent(case(2), "qd-12355").await;
    bench
        .does("qd-worker", Role::Worker, C::Receive, late)
        .await;
    bench.pass(4 * 60 + 1).await;
    let escalated = bench.hop(SHANGHAI, late).await.escalated_referral_id;
    let escalated: ReferralId = escalated.parse().unwrap();
    bench
        .does("central-duty", Role::Worker, C::Receive, escalated)
        .await;
    bench
        .does("central-duty", Role::Worker, C::ReferOnward, escalated)
        .await;
    bench
        .does("qd-authorised", Role::Authorised, C::Accept, late)
        .await;
    // Work cannot start on what was not accepted.
    let idle = bench.sent(case(3), "qd-12355").await;
    bench.add_tasks(QINGDAO, case(3), idle, 2).await;
    assert_eq!(bench.count(QINGDAO, "referral.PolicyDeclined").await, 1);

    let before = bench.all_recorded().await;
    let bench = bench.restart_without_rows().await;
    assert_eq!(bench.all_recorded().await, before);
    assert_eq!(bench.state(CENTRAL, escalated).await, S::Cancelled);
    bench.stop().await;
}
