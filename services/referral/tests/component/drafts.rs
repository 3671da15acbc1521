//! What a draft may say of its case.

use domain::intake::IntakeEvent;
use domain::values::Role;
use proto::referral::v1 as pb;
use proto::types::v1 as types;
use tonic::Code;

use crate::bench::{Bench, SHANGHAI, case, refusal};

#[tokio::test]
async fn what_the_intake_recorded_of_a_case_is_on_its_hops_and_nothing_else() {
    use domain::intake::ReportFlag;
    use proto::intake::v1::ReportFlag as Told;
    let bench = Bench::start().await;
    let opened = IntakeEvent::CaseOpened {
        custodian: bench.reference.desk("sh-12355").unwrap(),
        case_type: domain::values::CaseType::PsychologicalSupport,
        risk: domain::values::RiskLevel::High,
        flags: [ReportFlag::SignsOfViolence].into(),
    };
    bench.intake(case(1), &opened).await;
    let worker = bench.caller("sh-worker", Role::Worker);
    let mut client = bench.client(SHANGHAI).await;
    let request = bench.draft_request(case(1), "qd-12355");
    let other_type = pb::DraftReferralRequest {
        case_type: types::CaseType::Protection.into(),
        ..request.clone()
    };
    let other_flag = pb::DraftReferralRequest {
        flags: vec![Told::OrganizedBegging.into()],
        ..request
    };
    for wrong in [other_type, other_flag] {
        let refused = client.draft_referral(worker.request(wrong)).await;
        let expected = (Code::InvalidArgument, "FIELD_INVALID".to_owned());
        assert_eq!(refusal(&refused.unwrap_err()), expected);
    }
    let hop = bench.drafted(case(1), "qd-12355").await;
    let told = bench.hop(SHANGHAI, hop).await;
    assert_eq!(told.flags().collect::<Vec<_>>(), [Told::SignsOfViolence]);
    bench.stop().await;
}

#[tokio::test]
async fn nobody_drafts_for_an_unknown_case_or_plays_down_a_known_one() {
    let bench = Bench::start().await;
    let worker = bench.caller("sh-worker", Role::Worker);
    let mut client = bench.client(SHANGHAI).await;
    let request = bench.draft_request(case(1), "qd-12355");
    let refused = client.draft_referral(worker.request(request.clone())).await;
    let expected = (Code::NotFound, "CASE_UNKNOWN".to_owned());
    assert_eq!(refusal(&refused.unwrap_err()), expected);

    bench.open_case(case(1)).await;
    let played_down = pb::DraftReferralRequest {
        risk: types::RiskLevel::Medium.into(),
        ..request.clone()
    };
    let refused = client.draft_referral(worker.request(played_down)).await;
    let expected = (Code::InvalidArgument, "FIELD_INVALID".to_owned());
    assert_eq!(refusal(&refused.unwrap_err()), expected);
    let worse = pb::DraftReferralRequest {
        risk: types::RiskLevel::Immediate.into(),
        meta: Some(bench.meta()),
        ..request
    };
    client.draft_referral(worker.request(worse)).await.unwrap();
    bench.stop().await;
}
