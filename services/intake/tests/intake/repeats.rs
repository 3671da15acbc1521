//! Requests that come twice, late, or with what somebody saw before.

use proto::intake::v1 as pb;
use proto::types::v1::RiskLevel;
use tonic::Code;

use crate::fixture::{Carries, Fixture, names, refusal};

#[tokio::test]
async fn a_contact_that_is_sent_twice_is_recorded_once() {
    let mut desk = Fixture::start().await;
    let call = desk.call();
    let worker = desk.worker();
    let answer = desk
        .client
        .record_contact(worker.request(call.clone()))
        .await;
    let first = answer.unwrap().result();
    let head = desk.log().head();
    desk.later(5).await;
    let answer = desk.client.record_contact(worker.request(call)).await;
    let second = answer.unwrap().result();
    assert!(second.repeated && !first.repeated);
    assert_eq!(second.id, first.id);
    assert_eq!(second.case_id, first.case_id);
    assert_eq!(second.events, first.events);
    assert_eq!(desk.log().head(), head);
    desk.stop().await;
}

#[tokio::test]
async fn the_same_request_id_with_other_content_is_refused() {
    let mut desk = Fixture::start().await;
    let call = desk.call();
    let worker = desk.worker();
    let request = worker.request(call.clone());
    desk.client.record_contact(request).await.unwrap();
    let other = pb::RecordContactRequest {
        number: "来电号码乙".to_owned(),
        ..call
    };
    let head = desk.log().head();
    let refused = desk.client.record_contact(worker.request(other)).await;
    let reused = (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned());
    assert_eq!(refusal(refused), reused);
    assert_eq!(desk.log().head(), head);
    desk.stop().await;
}

#[tokio::test]
async fn a_repeat_gets_its_first_answer_whatever_etag_it_sends_and_a_new_request_does_not() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.triaged(RiskLevel::High).await;
    let mut meta = desk.meta();
    meta.as_mut().unwrap().etag = "2".to_owned();
    let first = desk.open_case(&intake_id, meta.clone()).await;
    let first = first.unwrap().result();
    assert_eq!(names(&first), ["intake.CaseOpened"]);
    let again = desk.open_case(&intake_id, meta).await.unwrap().result();
    assert!(again.repeated);
    assert_eq!(again.events, first.events);

    let mut stale = desk.meta();
    stale.as_mut().unwrap().etag = "2".to_owned();
    let refused = desk.open_case(&intake_id, stale).await;
    let changed = (Code::Aborted, "CHANGED_MEANWHILE".to_owned());
    assert_eq!(refusal(refused), changed);
    desk.stop().await;
}

#[tokio::test]
async fn what_is_only_validated_is_not_stored() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.triaged(RiskLevel::High).await;
    let head = desk.log().head();
    let mut meta = desk.meta();
    meta.as_mut().unwrap().validate_only = true;
    let answer = desk.open_case(&intake_id, meta).await.unwrap().result();
    assert_eq!(names(&answer), ["intake.CaseOpened"]);
    assert_eq!(desk.log().head(), head);
    desk.stop().await;
}
