//! Who reads what, when: the home region, those it granted keys, nobody else.

use domain::caseteam::{CaseTeam, TeamEvent};
use domain::ids::TaskId;
use domain::referral::{Referral, ReferralEvent};
use domain::sealed::PersonRole;
use domain::values::Role;
use eventsourcing::Clock;
use jiff::SignedDuration;
use proto::keys::v1 as pb;
use proto::types::v1::DisclosureBasis;
use service_runtime::grpc::moment;
use tonic::Code;
use uuid::Uuid;

use crate::world::{BEIJING, QINGDAO, SHANGHAI, World};
use crate::{NARRATIVE, assert_refused, team_place};

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[tokio::test]
async fn qingdao_reads_the_narrative_only_after_shanghai_granted_it() {
    let world = World::new().await;
    let case = world.contact("不想活了").await;
    let shanghai = world.person("sh-worker", Role::Worker);
    let qingdao = world.person("qd-worker", Role::Worker);
    let read = world.open(SHANGHAI, &shanghai, &case, &case.contact, NARRATIVE);
    assert_eq!(read.await.unwrap(), "不想活了");
    let read = world.open(QINGDAO, &qingdao, &case, &case.contact, NARRATIVE);
    assert_refused(read.await, Code::PermissionDenied, "TAKES_NO_PART");

    let sent = world.dispatch_to_qingdao(&case, "需要青岛接手").await;
    let read = world.open(QINGDAO, &qingdao, &case, &sent, "summary");
    assert_eq!(read.await.unwrap(), "需要青岛接手");
    let read = world.open(QINGDAO, &qingdao, &case, &case.contact, NARRATIVE);
    assert_refused(read.await, Code::FailedPrecondition, "TEXT_NOT_GRANTED");

    world.accept(&case, QINGDAO, world.desk("qd-12355")).await;
    let read = world.open(QINGDAO, &qingdao, &case, &case.contact, NARRATIVE);
    assert_eq!(read.await.unwrap(), "不想活了");

    let openings = world.keys_events(QINGDAO).await;
    let openings = openings.iter().filter(|event| *event == "TextOpened");
    assert_eq!(openings.count(), 2, "what was refused was not opened");
    world.stop().await;
}

#[tokio::test]
async fn a_text_that_comes_later_is_granted_by_itself() {
    let world = World::new().await;
    let case = world.contact("one").await;
    world.dispatch_to_qingdao(&case, "summary").await;
    world.accept(&case, QINGDAO, world.desk("qd-12355")).await;
    // Another caller: another key.
    let task = TaskId::new(case.id.region(), Uuid::now_v7());
    let place = team_place(&case, SHANGHAI, PersonRole::Caller);
    let evidence = world.seal(SHANGHAI, &place, "回访记录").await;
    let event = TeamEvent::TaskDone { task, evidence };
    let done = world
        .record::<CaseTeam>(SHANGHAI, place.stream.id, case.id, &event)
        .await;
    let qingdao = world.person("qd-supervisor", Role::Supervisor);
    let read = world.open(QINGDAO, &qingdao, &case, &done, "evidence");
    assert_eq!(read.await.unwrap(), "回访记录");
    world.stop().await;
}

#[tokio::test]
async fn what_qingdao_writes_about_the_case_shanghai_reads() {
    let world = World::new().await;
    let case = world.contact("one").await;
    world.dispatch_to_qingdao(&case, "summary").await;
    world.accept(&case, QINGDAO, world.desk("qd-12355")).await;
    let task = TaskId::new(QINGDAO.parse().unwrap(), Uuid::now_v7());
    let place = team_place(&case, QINGDAO, PersonRole::Subject);
    let evidence = world.seal(QINGDAO, &place, "已联系家人").await;
    assert_eq!(evidence.key.region().as_str(), QINGDAO);
    let event = TeamEvent::TaskDone { task, evidence };
    let done = world
        .record::<CaseTeam>(QINGDAO, place.stream.id, case.id, &event)
        .await;
    let shanghai = world.person("sh-worker", Role::Worker);
    let read = world.open(SHANGHAI, &shanghai, &case, &done, "evidence");
    assert_eq!(read.await.unwrap(), "已联系家人");
    world.stop().await;
}

#[tokio::test]
async fn a_third_region_gets_no_key_even_by_writing_that_the_case_was_sent_to_it() {
    let world = World::new().await;
    let case = world.contact("one").await;
    world.dispatch_to_qingdao(&case, "summary").await;
    let beijing = world.desk("bj-12355");
    let forged = world.dispatch(&case, BEIJING, beijing, beijing, "forged");
    forged.await;
    world.accept(&case, BEIJING, beijing).await;
    let third = world.person("bj-duty", Role::Worker);
    let read = world.open(BEIJING, &third, &case, &case.contact, NARRATIVE);
    assert_refused(read.await, Code::FailedPrecondition, "TEXT_NOT_GRANTED");
    let received = world.keys_events(BEIJING).await;
    assert!(!received.contains(&"KeysReceived".to_owned()));
    world.stop().await;
}

#[tokio::test]
async fn only_people_who_work_on_the_case_read_and_auditors_see_what_there_is() {
    let world = World::new().await;
    let case = world.contact("one").await;
    let forbidden = [
        ("sh-auditor", Role::Auditor),
        ("sh-admin", Role::Administrator),
        ("sh-visitor", Role::Visitor),
    ];
    for (code, role) in forbidden {
        let caller = world.person(code, role);
        let read = world.open(SHANGHAI, &caller, &case, &case.contact, NARRATIVE);
        assert_refused(read.await, Code::PermissionDenied, "ROLE_MAY_NOT_READ");
    }
    let shanghai = world.person("sh-supervisor", Role::Supervisor);
    let read = world.open(QINGDAO, &shanghai, &case, &case.contact, NARRATIVE);
    assert_refused(read.await, Code::PermissionDenied, "TAKES_NO_PART");
    let read = world.open(SHANGHAI, &shanghai, &case, &case.contact, "nothing");
    assert_refused(read.await, Code::NotFound, "NO_SUCH_TEXT");

    let list = || pb::ListSealedTextsRequest {
        case_id: case.id.to_string(),
        ..Default::default()
    };
    let auditor = world.person("sh-auditor", Role::Auditor);
    let mut api = world.api(SHANGHAI).await;
    let listed = api
        .list_sealed_texts(auditor.request(list()))
        .await
        .unwrap();
    let texts = listed.into_inner().texts;
    assert_eq!(texts.len(), 1);
    assert_eq!(texts[0].field, NARRATIVE);
    assert_eq!(texts[0].class(), pb::SealedClass::Narrative);
    assert_eq!(texts[0].standing(), pb::KeyStanding::Held);
    let outsider = world.person("bj-duty", Role::Worker);
    let mut api = world.api(BEIJING).await;
    let listed = api.list_sealed_texts(outsider.request(list())).await;
    assert_refused(listed, Code::PermissionDenied, "NOT_PERMITTED");
    world.stop().await;
}

#[tokio::test]
async fn a_unit_that_returned_the_case_reads_no_more() {
    let world = World::new().await;
    let case = world.contact("one").await;
    let sent = world.dispatch_to_qingdao(&case, "summary").await;
    let returned = ReferralEvent::Returned {
        hop: case.hop,
        to: world.desk("qd-12355"),
        note: None,
    };
    world
        .record::<Referral>(SHANGHAI, case.hop.0, case.id, &returned)
        .await;
    let qingdao = world.person("qd-worker", Role::Worker);
    let read = world.open(QINGDAO, &qingdao, &case, &sent, "summary");
    assert_refused(read.await, Code::PermissionDenied, "TAKES_NO_PART");
    world.stop().await;
}

#[tokio::test]
async fn when_the_grant_has_ended_nothing_is_read_not_even_by_an_old_request() {
    let world = World::new().await;
    let case = world.contact("one").await;
    let sent = world.dispatch_to_qingdao(&case, "summary").await;
    let qingdao = world.person("qd-worker", Role::Worker);
    world.advance(DAY * 29).await;
    let request = pb::OpenTextRequest {
        meta: Some(world.meta()),
        case_id: case.id.to_string(),
        event_id: sent.envelope.id.to_string(),
        field: "summary".to_owned(),
        purpose: pb::Purpose::ReferralDecision.into(),
    };
    let mut api = world.api(QINGDAO).await;
    for _ in 0..2 {
        let read = api
            .open_text(qingdao.request(request.clone()))
            .await
            .unwrap();
        assert_eq!(read.into_inner().text, "summary");
    }
    world.advance(DAY * 2).await;
    let again = api.open_text(qingdao.request(request)).await;
    assert_refused(again, Code::FailedPrecondition, "GRANT_ENDED");
    let read = world.open(QINGDAO, &qingdao, &case, &sent, "summary");
    assert_refused(read.await, Code::FailedPrecondition, "GRANT_ENDED");
    let shanghai = world.person("sh-worker", Role::Worker);
    let read = world.open(SHANGHAI, &shanghai, &case, &sent, "summary");
    assert_eq!(read.await.unwrap(), "summary");
    world.stop().await;
}

#[tokio::test]
async fn a_supervisor_grants_with_a_reason_and_everybody_concerned_sees_the_grant() {
    let world = World::new().await;
    let case = world.contact("one").await;
    let supervisor = world.person("sh-supervisor", Role::Supervisor);
    let mut api = world.api(SHANGHAI).await;
    let grant = pb::GrantKeysRequest {
        meta: Some(world.meta()),
        case_id: case.id.to_string(),
        to_region: BEIJING.to_owned(),
        classes: vec![pb::SealedClass::Narrative.into()],
        basis: DisclosureBasis::Judicial.into(),
        reason: "检察机关调阅".to_owned(),
        purpose: pb::Purpose::Judicial.into(),
        expires_at: Some(moment(world.clock.now() + DAY * 7)),
    };
    let unfounded = pb::GrantKeysRequest {
        meta: Some(world.meta()),
        reason: String::new(),
        ..grant.clone()
    };
    let refused = api.grant_keys(supervisor.request(unfounded)).await;
    assert_refused(refused, Code::InvalidArgument, "BASIS_REASON_MISSING");
    let worker = world.person("sh-worker", Role::Worker);
    let refused = api.grant_keys(worker.request(grant.clone())).await;
    assert_refused(refused, Code::PermissionDenied, "MAY_NOT_GRANT");

    api.grant_keys(supervisor.request(grant)).await.unwrap();
    world.settle().await;
    let list = pb::ListGrantsRequest {
        case_id: case.id.to_string(),
        ..Default::default()
    };
    let grants = api.list_grants(worker.request(list)).await.unwrap();
    let grants = grants.into_inner().grants;
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0].to_region, BEIJING);
    assert_eq!(grants[0].purpose(), pb::Purpose::Judicial);
    assert!(grants[0].keys_delivered > 0);
    assert!(
        world
            .keys_events(BEIJING)
            .await
            .contains(&"KeysReceived".to_owned())
    );
    world.stop().await;
}

#[tokio::test]
async fn a_second_person_does_not_read_with_the_request_of_the_first() {
    let world = World::new().await;
    let case = world.contact("one").await;
    let request = pb::OpenTextRequest {
        meta: Some(world.meta()),
        case_id: case.id.to_string(),
        event_id: case.contact.envelope.id.to_string(),
        field: NARRATIVE.to_owned(),
        purpose: pb::Purpose::CaseHandling.into(),
    };
    let mut api = world.api(SHANGHAI).await;
    let first = world.person("sh-worker", Role::Worker);
    let read = api.open_text(first.request(request.clone())).await.unwrap();
    assert_eq!(read.into_inner().text, "one");
    let second = world.person("sh-supervisor", Role::Supervisor);
    let refused = api.open_text(second.request(request)).await;
    assert_refused(refused, Code::AlreadyExists, "REQUEST_ID_REUSED");
    world.stop().await;
}

#[tokio::test]
async fn what_is_malformed_is_named() {
    let world = World::new().await;
    let case = world.contact("one").await;
    let worker = world.person("sh-worker", Role::Worker);
    let good = pb::OpenTextRequest {
        meta: Some(world.meta()),
        case_id: case.id.to_string(),
        event_id: case.contact.envelope.id.to_string(),
        field: "narrative".to_owned(),
        purpose: pb::Purpose::CaseHandling.into(),
    };
    let bad = [
        (
            "meta",
            pb::OpenTextRequest {
                meta: None,
                ..good.clone()
            },
        ),
        (
            "case_id",
            pb::OpenTextRequest {
                case_id: "x".to_owned(),
                ..good.clone()
            },
        ),
        (
            "event_id",
            pb::OpenTextRequest {
                event_id: "x".to_owned(),
                ..good.clone()
            },
        ),
        (
            "field",
            pb::OpenTextRequest {
                field: String::new(),
                ..good.clone()
            },
        ),
        (
            "purpose",
            pb::OpenTextRequest {
                purpose: 99,
                ..good
            },
        ),
    ];
    let mut api = world.api(SHANGHAI).await;
    for (field, request) in bad {
        let refused = api.open_text(worker.request(request)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with(field), "{refused}");
    }
    world.stop().await;
}
