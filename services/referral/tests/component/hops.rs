//! A hop from its draft to its end, in several regions.

use domain::ids::ReferralId;
use domain::intake::IntakeEvent;
use domain::intake::consent::{ConsentEntry, ConsentGiver, ConsentPurpose, ConsentState};
use domain::intake::contact::{AgeBand, Subject};
use domain::referral::HopCommand as C;
use domain::values::Role;
use proto::referral::v1 as pb;
use proto::referral::v1::HopState as S;
use proto::types::v1 as types;
use tonic::Code;

use crate::bench::{Bench, CENTRAL, QINGDAO, SHANGHAI, case, refusal, sealed};

#[tokio::test]
async fn a_case_goes_from_shanghai_through_central_to_qingdao_with_its_custody() {
    let bench = Bench::start().await;
    let first = bench
        .sent_at(case(1), "central-relay", types::RiskLevel::Immediate)
        .await;
    assert_eq!(bench.state(CENTRAL, first).await, S::Dispatched);
    bench
        .does("central-duty", Role::Worker, C::Receive, first)
        .await;
    bench
        .does("central-duty", Role::Worker, C::ReferOnward, first)
        .await;
    let onward = bench.hop(CENTRAL, first).await;
    assert_eq!(onward.state(), S::ReferredOnward);
    assert_eq!(bench.state(SHANGHAI, first).await, S::ReferredOnward);

    let second: ReferralId = onward.child_referral_id.parse().unwrap();
    let draft = bench.hop(CENTRAL, second).await;
    assert_eq!(
        (draft.state(), draft.kind()),
        (S::Draft, pb::HopKind::Onward)
    );
    assert_eq!(draft.follows_referral_id, first.to_string());
    assert_eq!(draft.origin, Some(bench.desk("sh-12355")));
    let duty = ("central-duty", Role::Supervisor);
    bench.send(second, duty, duty).await;
    bench
        .does("qd-worker", Role::Worker, C::Receive, second)
        .await;
    assert_eq!(bench.custodian(case(1)).await, SHANGHAI);

    bench
        .does("qd-authorised", Role::Authorised, C::Accept, second)
        .await;
    assert_eq!(bench.custodian(case(1)).await, QINGDAO);
    for code in [CENTRAL, QINGDAO] {
        let hop = bench.hop(code, second).await;
        let told = (
            hop.state(),
            hop.custody(),
            hop.state_zh.as_str(),
            hop.fhir_status.as_str(),
        );
        assert_eq!(
            told,
            (S::Accepted, pb::CustodyRuling::Released, "受理", "accepted")
        );
    }
    bench.add_tasks(QINGDAO, case(1), second, 3).await;
    bench.add_task(QINGDAO, case(1), second).await;
    assert_eq!(bench.state(CENTRAL, second).await, S::InProgress);
    assert_eq!(bench.count(QINGDAO, "referral.WorkStarted").await, 1);
    assert_eq!(bench.count(QINGDAO, "referral.PolicyDeclined").await, 0);
    // Where the chain began, people go on seeing what becomes of it.
    let worker = bench.caller("sh-worker", Role::Worker);
    let mut client = bench.client(SHANGHAI).await;
    let request = pb::GetReferralRequest {
        hop_id: second.to_string(),
        consistency_token: String::new(),
    };
    let seen = client.get_referral(worker.request(request)).await;
    let seen = seen.unwrap().into_inner().hop.unwrap();
    assert_eq!(
        (seen.state(), seen.custody()),
        (S::InProgress, pb::CustodyRuling::Released)
    );
    let request = pb::ListReferralsRequest {
        case_id: case(1).to_string(),
        ..pb::ListReferralsRequest::default()
    };
    let listed = client.list_referrals(worker.request(request)).await;
    assert_eq!(listed.unwrap().into_inner().hops.len(), 2);
    let desk_id = bench.desk("sh-12355").desk_id;
    let request = pb::ListInboxRequest {
        desk_id,
        ..pb::ListInboxRequest::default()
    };
    let inbox = client.list_inbox(worker.request(request)).await;
    let inbox = inbox.unwrap().into_inner().hops;
    let ids: Vec<_> = inbox.iter().map(|hop| &hop.referral_id).collect();
    assert_eq!(ids, [&second.to_string()]);
    bench.stop().await;
}

#[tokio::test]
async fn what_the_intake_proposes_is_drafted_once() {
    let bench = Bench::start().await;
    bench.open_case(case(1)).await;
    let proposed = IntakeEvent::ReferralProposed {
        from: bench.reference.desk("sh-12355").unwrap(),
        to: bench.reference.desk("central-relay").unwrap(),
        case_type: domain::values::CaseType::Protection,
        risk: domain::values::RiskLevel::High,
        flags: [].into(),
        summary: sealed(),
        because: Box::new(domain::intake::ProposalCause::CallbacksExhausted {
            failed_attempts: 5,
            rules_version: "2026-01".to_owned(),
        }),
    };
    bench.intake(case(1), &proposed).await;
    let auditor = bench.caller("sh-auditor", Role::Auditor);
    let request = pb::ListReferralsRequest {
        case_id: case(1).to_string(),
        ..pb::ListReferralsRequest::default()
    };
    let mut client = bench.client(SHANGHAI).await;
    let listed = client.list_referrals(auditor.request(request)).await;
    let hops = listed.unwrap().into_inner().hops;
    assert_eq!(hops.len(), 1);
    assert_eq!(
        (hops[0].state(), hops[0].kind()),
        (S::Draft, pb::HopKind::ByRule)
    );
    assert_eq!(hops[0].relay, Some(bench.desk("central-relay")));
    bench.stop().await;
}

#[tokio::test]
async fn a_submission_that_is_refused_can_be_made_again() {
    let bench = Bench::start().await;
    bench.open_case(case(1)).await;
    let hop = bench.drafted(case(1), "qd-12355").await;
    bench.does("sh-worker", Role::Worker, C::Submit, hop).await;
    bench
        .does("sh-supervisor", Role::Supervisor, C::RefuseSubmission, hop)
        .await;
    assert_eq!(bench.state(SHANGHAI, hop).await, S::Draft);
    bench.does("sh-worker", Role::Worker, C::Submit, hop).await;
    bench
        .does("sh-supervisor", Role::Supervisor, C::Dispatch, hop)
        .await;
    assert_eq!(bench.state(QINGDAO, hop).await, S::Dispatched);
    bench.stop().await;
}

#[tokio::test]
async fn a_unit_without_the_custody_of_the_case_cannot_hand_it_over() {
    let bench = Bench::start().await;
    bench.intake(case(1), &described(AgeBand::Unknown)).await;
    let hop = bench.drafted(case(1), "qd-12355").await;
    bench.does("sh-worker", Role::Worker, C::Submit, hop).await;
    let supervisor = bench.caller("sh-supervisor", Role::Supervisor);
    let refused = bench.command(C::Dispatch, SHANGHAI, hop, &supervisor).await;
    let expected = (Code::FailedPrecondition, "NOT_CUSTODIAN".to_owned());
    assert_eq!(refusal(&refused.unwrap_err()), expected);
    bench.stop().await;
}

#[tokio::test]
async fn a_proposed_return_is_upheld_and_the_case_stays_where_it_was() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    bench
        .does("qd-worker", Role::Worker, C::ProposeReturn, hop)
        .await;
    assert_eq!(bench.state(SHANGHAI, hop).await, S::ReturnProposed);
    bench
        .does("sh-supervisor", Role::Supervisor, C::UpholdReturn, hop)
        .await;
    for code in [SHANGHAI, QINGDAO] {
        assert_eq!(bench.state(code, hop).await, S::Returned);
    }
    assert_eq!(bench.custodian(case(1)).await, SHANGHAI);
    bench.stop().await;
}

#[tokio::test]
async fn a_cancellation_is_asked_for_declined_asked_for_again_and_confirmed() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    let ask = || bench.does("sh-worker", Role::Worker, C::RequestCancellation, hop);
    ask().await;
    assert_eq!(bench.state(QINGDAO, hop).await, S::CancellationRequested);
    bench
        .does(
            "qd-authorised",
            Role::Authorised,
            C::DeclineCancellation,
            hop,
        )
        .await;
    assert_eq!(bench.state(SHANGHAI, hop).await, S::Received);
    ask().await;
    bench
        .does(
            "qd-authorised",
            Role::Authorised,
            C::ConfirmCancellation,
            hop,
        )
        .await;
    for code in [SHANGHAI, QINGDAO] {
        assert_eq!(bench.state(code, hop).await, S::Cancelled);
    }
    bench.stop().await;
}

#[tokio::test]
async fn whose_consent_counts_follows_from_what_the_intake_recorded() {
    let bench = Bench::start().await;
    bench.open_case(case(1)).await;
    let hop = bench.drafted(case(1), "qd-12355").await;
    let worker = bench.caller("sh-worker", Role::Worker);
    let mut client = bench.client(SHANGHAI).await;
    let request = || pb::SubmitReferralRequest {
        meta: Some(bench.meta()),
        referral_id: hop.to_string(),
        basis: types::DisclosureBasis::ConsentSelf.into(),
        reason: String::new(),
    };
    // Nobody has said how old the young person is.
    let refused = client.submit_referral(worker.request(request())).await;
    let expected = (Code::InvalidArgument, "TOO_YOUNG_TO_CONSENT".to_owned());
    assert_eq!(refusal(&refused.unwrap_err()), expected);

    let old_enough = described(AgeBand::FourteenToSeventeen);
    bench.intake(case(1), &old_enough).await;
    // And nobody has asked for a consent, or it names others.
    let not_given = (Code::InvalidArgument, "CONSENT_NOT_GIVEN".to_owned());
    let refused = client.submit_referral(worker.request(request())).await;
    assert_eq!(refusal(&refused.unwrap_err()), not_given);
    let consent = |state, to| consented(&bench, state, to);
    let given = ConsentState::Given;
    bench.intake(case(1), &consent(given, "nj-league")).await;
    let refused = client.submit_referral(worker.request(request())).await;
    assert_eq!(refusal(&refused.unwrap_err()), not_given);

    bench.intake(case(1), &consent(given, "qd-league")).await;
    client
        .submit_referral(worker.request(request()))
        .await
        .unwrap();
    // What is withdrawn before the dispatch counts no more.
    let withdrawn = consent(ConsentState::Withdrawn, "qd-league");
    bench.intake(case(1), &withdrawn).await;
    let supervisor = bench.caller("sh-supervisor", Role::Supervisor);
    let refused = bench.command(C::Dispatch, SHANGHAI, hop, &supervisor).await;
    assert_eq!(refusal(&refused.unwrap_err()), not_given);
    bench.intake(case(1), &consent(given, "qd-league")).await;
    bench
        .does("sh-supervisor", Role::Supervisor, C::Dispatch, hop)
        .await;
    assert_eq!(bench.state(QINGDAO, hop).await, S::Dispatched);
    bench.stop().await;
}

fn described(age_band: AgeBand) -> IntakeEvent {
    let subject = Subject {
        age_band,
        lives_in: None,
        identity: None,
    };
    IntakeEvent::SubjectDescribed { subject }
}

/// The young person's own words about a referral to a unit.
fn consented(bench: &Bench, state: ConsentState, to: &str) -> IntakeEvent {
    let entry = ConsentEntry {
        state,
        by: ConsentGiver::Subject,
        purpose: ConsentPurpose::Referral,
        scope: [domain::sealed::SealedClass::Summary].into(),
        receivers: [bench.reference.organization(to).unwrap()].into(),
        valid_until: None,
        note: None,
    };
    IntakeEvent::ConsentRecorded {
        entry: entry.into(),
    }
}

#[tokio::test]
async fn custody_that_went_on_is_told_by_where_it_went() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    bench
        .does("qd-authorised", Role::Authorised, C::Accept, hop)
        .await;
    let auditor = bench.caller("sh-auditor", Role::Auditor);
    let request = pb::GetCustodyRequest {
        case_id: case(1).to_string(),
        ..pb::GetCustodyRequest::default()
    };
    let mut client = bench.client(SHANGHAI).await;
    let custody = client.get_custody(auditor.request(request)).await.unwrap();
    let custody = custody.into_inner().custody.unwrap();
    assert_eq!((custody.custodian, custody.epoch), (None, 0));
    assert_eq!(custody.passed_to, Some(bench.desk("qd-12355")));
    bench.stop().await;
}

#[tokio::test]
async fn custody_can_be_handed_on_and_back() {
    let bench = Bench::start().await;
    let there = bench.sent(case(1), "qd-12355").await;
    bench
        .does("qd-worker", Role::Worker, C::Receive, there)
        .await;
    bench
        .does("qd-authorised", Role::Authorised, C::Accept, there)
        .await;
    assert_eq!(bench.custodian(case(1)).await, QINGDAO);

    let worker = bench.caller("qd-worker", Role::Worker);
    let request = pb::DraftReferralRequest {
        from: Some(bench.desk("qd-12355")),
        ..bench.draft_request(case(1), "sh-12355")
    };
    let mut client = bench.client(QINGDAO).await;
    let drafted = client
        .draft_referral(worker.request(request))
        .await
        .unwrap();
    let back: ReferralId = drafted.into_inner().result.unwrap().id.parse().unwrap();
    let (submits, approves) = (
        ("qd-worker", Role::Worker),
        ("qd-supervisor", Role::Supervisor),
    );
    bench.send(back, submits, approves).await;
    bench
        .does("sh-worker", Role::Worker, C::Receive, back)
        .await;
    bench
        .does("sh-authorised", Role::Authorised, C::Accept, back)
        .await;
    assert_eq!(bench.custodian(case(1)).await, SHANGHAI);
    let auditor = bench.caller("sh-auditor", Role::Auditor);
    let request = pb::GetCustodyRequest {
        case_id: case(1).to_string(),
        ..pb::GetCustodyRequest::default()
    };
    let mut client = bench.client(SHANGHAI).await;
    let custody = client.get_custody(auditor.request(request)).await.unwrap();
    let custody = custody.into_inner().custody.unwrap();
    assert_eq!(
        (custody.epoch, custody.by_referral_id),
        (3, back.to_string())
    );
    bench.stop().await;
}
