//! What else a desk does with an intake, from the contact to its end.

use proto::intake::v1 as pb;
use proto::types::v1::RiskLevel;

use crate::fixture::Fixture;

#[tokio::test]
async fn a_desk_learns_more_reassesses_and_keeps_the_case() {
    let mut desk = Fixture::start().await;
    let (worker, supervisor) = (desk.worker(), desk.supervisor());
    let intake_id = desk.triaged(RiskLevel::Low).await;

    let describe = pb::DescribeSubjectRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        subject: Some(pb::Subject {
            age_band: pb::AgeBand::UnderFourteen.into(),
            lives_in: String::new(),
            identity: String::new(),
        }),
    };
    let request = worker.request(describe);
    desk.client.describe_subject(request).await.unwrap();
    let mark = pb::MarkSafetyRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        mark: pb::SafetyMark::DoNotCallBack.into(),
        note: "父亲持有该手机".to_owned(),
    };
    desk.client.mark_safety(worker.request(mark)).await.unwrap();
    let marked = desk.get(&intake_id).await;
    assert_eq!(marked.age_band(), pb::AgeBand::UnderFourteen);
    assert_eq!(marked.lives_in, "");
    assert_eq!(marked.safety_marks, [pb::SafetyMark::DoNotCallBack as i32]);

    let lift = pb::LiftSafetyMarkRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        mark: pb::SafetyMark::DoNotCallBack.into(),
        reason: "手机已归还".to_owned(),
    };
    let request = supervisor.request(lift);
    desk.client.lift_safety_mark(request).await.unwrap();
    let mut worse = Fixture::assessment(RiskLevel::High);
    worse.flags = vec![pb::ReportFlag::SignsOfViolence.into()];
    let reassess = pb::ReassessIntakeRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        assessment: Some(worse),
    };
    let request = worker.request(reassess);
    desk.client.reassess_intake(request).await.unwrap();
    desk.open_case(&intake_id, desk.meta()).await.unwrap();
    let keep = pb::KeepCaseHereRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        note: String::new(),
    };
    desk.client
        .keep_case_here(worker.request(keep))
        .await
        .unwrap();

    let kept = desk.get(&intake_id).await;
    assert_eq!(kept.phase(), pb::Phase::KeptHere);
    assert_eq!(kept.outcome(), pb::Outcome::KeptHere);
    assert!(kept.safety_marks.is_empty());
    let triage = kept.triage.unwrap();
    assert_eq!(triage.risk(), RiskLevel::High);
    assert_eq!(triage.flags, [pb::ReportFlag::SignsOfViolence as i32]);
    desk.stop().await;
}

#[tokio::test]
async fn a_contact_that_became_no_case_ends_as_the_desk_says() {
    let mut desk = Fixture::start().await;
    for (ending, outcome) in [
        (pb::WithoutCase::ShortService, pb::Outcome::ShortService),
        (pb::WithoutCase::NotOpened, pb::Outcome::NotOpened),
    ] {
        let intake_id = desk.triaged(RiskLevel::Low).await;
        let end = pb::EndWithoutCaseRequest {
            meta: desk.meta(),
            intake_id: intake_id.clone(),
            outcome: ending.into(),
            note: String::new(),
        };
        let request = desk.worker().request(end);
        desk.client.end_without_case(request).await.unwrap();
        let ended = desk.get(&intake_id).await;
        assert_eq!(ended.phase(), pb::Phase::Ended);
        assert_eq!(ended.outcome(), outcome);
        assert_eq!(ended.first_action_due_at, None);
    }
    desk.stop().await;
}
