//! What can be asked, and by whom.

use domain::values::Role;
use node::client::Caller;
use proto::intake::v1 as pb;
use proto::types::v1::{self as types, RiskLevel};
use tonic::Code;

use crate::fixture::{Carries, Fixture, field_at_fault, refusal};

fn get(intake_id: &str) -> pb::GetIntakeRequest {
    pb::GetIntakeRequest {
        intake_id: intake_id.to_owned(),
        consistency_token: String::new(),
    }
}

fn list(desk_id: String, page_size: i32, page_token: String) -> pb::ListIntakesRequest {
    pb::ListIntakesRequest {
        desk_id,
        page_size,
        page_token,
        consistency_token: String::new(),
    }
}

#[tokio::test]
async fn whoever_sends_the_token_of_their_command_sees_its_effect() {
    let mut desk = Fixture::start().await;
    let worker = desk.worker();
    let answer = desk
        .client
        .record_contact(worker.request(desk.call()))
        .await;
    let recorded = answer.unwrap().result();
    let ask = pb::GetIntakeRequest {
        intake_id: recorded.id.clone(),
        consistency_token: recorded.consistency_token.clone(),
    };
    let seen = desk.client.get_intake(worker.request(ask)).await.unwrap();
    let seen = seen.into_inner().intake.unwrap();
    assert_eq!(seen.intake_id, recorded.id);
    assert_eq!(seen.case_id, recorded.case_id);
    assert_eq!(seen.etag, recorded.etag);
    assert_eq!(seen.phase(), pb::Phase::AwaitingTriage);
    assert_eq!(seen.age_band(), pb::AgeBand::FourteenToSeventeen);
    assert_eq!(seen.lives_in, "370200");
    desk.stop().await;
}

#[tokio::test]
async fn the_first_receipt_stays_what_it_was() {
    let mut desk = Fixture::start().await;
    let mut call = desk.call();
    call.meta.as_mut().unwrap().occurred_at = desk.in_minutes(-30);
    let received_at = desk.in_minutes(-30);
    let request = desk.worker().request(call);
    let recorded = desk.client.record_contact(request).await.unwrap().result();
    assert_eq!(desk.get(&recorded.id).await.received_at, received_at);
    desk.later(10).await;
    desk.triage(&recorded.id, RiskLevel::Low).await.unwrap();
    assert_eq!(desk.get(&recorded.id).await.received_at, received_at);
    desk.stop().await;
}

#[tokio::test]
async fn a_desk_lists_its_intakes_newest_first_page_by_page() {
    let mut desk = Fixture::start().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(desk.recorded().await);
        desk.later(1).await;
    }
    ids.reverse();
    let worker = desk.worker();
    let mut listed = Vec::new();
    let mut token = String::new();
    for expected in [2, 2, 1] {
        let request = worker.request(list(desk.desk(), 2, token));
        let page = desk
            .client
            .list_intakes(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(page.intakes.len(), expected);
        listed.extend(page.intakes.into_iter().map(|intake| intake.intake_id));
        token = page.next_page_token;
    }
    assert_eq!(listed, ids);
    assert_eq!(token, "", "the last page has no next one");

    for (size, token, field) in [(201, "", "page_size"), (0, "6162", "page_token")] {
        let request = worker.request(list(desk.desk(), size, token.to_owned()));
        let refused = desk.client.list_intakes(request).await;
        assert_eq!(field_at_fault(refused), field);
    }
    desk.stop().await;
}

#[tokio::test]
async fn only_the_desks_own_people_and_auditors_of_the_region_may_look() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.recorded().await;
    desk.get(&intake_id).await;
    let caller = |code, role| desk.china.caller(code, role).unwrap();
    let may: [Caller; 2] = [
        caller("sh-visitor", Role::Visitor),
        caller("sh-auditor", Role::Auditor),
    ];
    let may_not: [Caller; 2] = [
        caller("central-duty", Role::Worker),
        caller("central-auditor", Role::Auditor),
    ];
    for reader in may {
        let asked = reader.request(get(&intake_id));
        desk.client.get_intake(asked).await.unwrap();
        let asked = reader.request(list(desk.desk(), 0, String::new()));
        desk.client.list_intakes(asked).await.unwrap();
    }
    let not_permitted = (Code::PermissionDenied, "NOT_PERMITTED".to_owned());
    let nowhere = format!("310000-{}", uuid::Uuid::now_v7());
    for reader in may_not {
        for id in [&intake_id, &nowhere] {
            let refused = desk.client.get_intake(reader.request(get(id))).await;
            assert_eq!(refusal(refused), not_permitted);
        }
        let asked = reader.request(list(desk.desk(), 0, String::new()));
        let refused = desk.client.list_intakes(asked).await;
        assert_eq!(refusal(refused), not_permitted);
    }
    let refused = desk
        .client
        .get_intake(desk.worker().request(get(&nowhere)))
        .await;
    let not_found = (Code::NotFound, "INTAKE_NOT_FOUND".to_owned());
    assert_eq!(refusal(refused), not_found);
    desk.stop().await;
}

#[tokio::test]
async fn an_intake_shows_everything_but_what_people_said() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.triaged(RiskLevel::High).await;
    let (worker, supervisor) = (desk.worker(), desk.supervisor());
    let told = pb::TellEmergencyServiceRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        service: pb::EmergencyService::Police.into(),
        note: String::new(),
    };
    desk.client
        .tell_emergency_service(worker.request(told))
        .await
        .unwrap();
    let basis = pb::RecordLegalBasisRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        basis: types::DisclosureBasis::GuardianSuspect.into(),
        reason: "监护人疑似施暴".to_owned(),
    };
    desk.client
        .record_legal_basis(worker.request(basis))
        .await
        .unwrap();
    desk.open_case(&intake_id, desk.meta()).await.unwrap();
    let propose = pb::ProposeReferralRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        reason: "情况危急".to_owned(),
    };
    desk.client
        .propose_referral(supervisor.request(propose))
        .await
        .unwrap();

    let seen = desk.get(&intake_id).await;
    let triage = seen.triage.clone().unwrap();
    assert_eq!(triage.risk(), RiskLevel::High);
    assert_eq!(triage.reasons, [pb::RiskReason::ContactLost as i32]);
    assert_eq!(seen.told, [pb::EmergencyService::Police as i32]);
    assert_eq!(
        seen.legal_bases,
        [types::DisclosureBasis::GuardianSuspect as i32]
    );
    assert_eq!(
        seen.safety_marks,
        [pb::SafetyMark::NeverTellGuardian as i32]
    );
    assert!(seen.referral_proposed && !seen.callbacks_exhausted);
    assert_eq!(seen.outcome(), pb::Outcome::Unspecified);
    let everything = format!("{seen:?}");
    for said in ["陈佳", "母亲", "轻生", "监护人疑似", "情况危急"] {
        assert!(!everything.contains(said), "{said}");
    }
    desk.stop().await;
}
