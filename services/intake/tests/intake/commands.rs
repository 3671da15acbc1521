//! What else a desk does with an intake, from the contact to its end.

use domain::intake::transitions::CommandKind;
use proto::intake::v1 as pb;
use proto::types::v1::RiskLevel;
use tonic::Code;

use crate::asked::{Asked, giver};
use crate::fixture::{Carries, Fixture, names, refusal};

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

#[tokio::test]
async fn a_suspected_guardian_is_marked_and_has_consented_to_nothing_until_it_is_settled() {
    let mut desk = Fixture::start().await;
    let (worker, supervisor) = (desk.worker(), desk.supervisor());
    let intake_id = desk.recorded().await;
    let mut client = desk.client.clone();
    let consent = Asked::good(CommandKind::RecordConsent, &desk, &intake_id).unwrap();
    let consent = consent.with(|asked| {
        if let Asked::RecordConsent(consent) = asked {
            consent.by = pb::ConsentGiver::Guardian.into();
        }
    });
    consent.send(&mut client, Some(&worker)).await.unwrap();
    let mut suspecting = Fixture::assessment(RiskLevel::High);
    suspecting.reasons = vec![pb::RiskReason::GuardianSuspected.into()];
    let triage = pb::TriageIntakeRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        assessment: Some(suspecting),
    };
    let answer = client.triage_intake(worker.request(triage)).await.unwrap();
    assert_eq!(
        names(&answer.result()),
        [
            "intake.Triaged",
            "intake.SafetyMarked",
            "intake.ConsentVoided"
        ]
    );
    let seen = desk.get(&intake_id).await;
    let never_tell = pb::SafetyMark::NeverTellGuardian;
    assert_eq!(seen.safety_marks, [never_tell as i32]);
    let last = seen.consents.last().unwrap();
    assert_eq!(last.state(), pb::ConsentState::Voided);

    let lift = |desk: &Fixture| {
        supervisor.request(pb::LiftSafetyMarkRequest {
            meta: desk.meta(),
            intake_id: intake_id.clone(),
            mark: never_tell.into(),
            reason: "已查清".to_owned(),
        })
    };
    let refused = client.lift_safety_mark(lift(&desk)).await;
    let suspected = "GUARDIAN_STILL_SUSPECTED".to_owned();
    assert_eq!(refusal(refused), (Code::FailedPrecondition, suspected));
    let settled = Asked::good(CommandKind::ReassessIntake, &desk, &intake_id).unwrap();
    settled.send(&mut client, Some(&worker)).await.unwrap();
    client.lift_safety_mark(lift(&desk)).await.unwrap();
    let seen = desk.get(&intake_id).await;
    assert!(seen.safety_marks.is_empty());
    // The consent of then does not come back, and its end is not waited for.
    desk.later(601).await;
    assert_eq!(desk.get(&intake_id).await.consents.len(), 2);
    desk.stop().await;
}

#[tokio::test]
async fn what_is_learned_after_the_end_about_dangers_and_bases_is_still_recorded() {
    let mut desk = Fixture::start().await;
    let mut client = desk.client.clone();
    let intake_id = desk.triaged(RiskLevel::Low).await;
    for kind in [
        CommandKind::EndWithoutCase,
        CommandKind::MarkSafety,
        CommandKind::RecordLegalBasis,
        CommandKind::LiftSafetyMark,
    ] {
        let asked = Asked::good(kind, &desk, &intake_id).unwrap();
        let who = giver(kind, &desk);
        asked.send(&mut client, Some(&who)).await.unwrap();
    }
    let seen = desk.get(&intake_id).await;
    assert_eq!(seen.phase(), pb::Phase::Ended);
    assert_eq!(seen.legal_bases.len(), 1);
    desk.stop().await;
}
