//! Bad input: a typed error that names the field or the rule, and nothing changed.

use domain::values::Role;
use eventsourcing::Position;
use node::client::Caller;
use proto::intake::v1 as pb;
use proto::intake::v1::record_contact_request::Matter;
use proto::types::v1::{CommandMeta, RiskLevel};
use tonic::{Code, Request};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::fixture::{Fixture, field_at_fault, refusal};

type Change = fn(&mut pb::RecordContactRequest);

fn concern(request: &mut pb::RecordContactRequest) -> &mut pb::Concern {
    match &mut request.matter {
        Some(Matter::Concern(concern)) => concern,
        other => panic!("the call is about somebody, not {other:?}"),
    }
}

fn subject(request: &mut pb::RecordContactRequest) -> &mut pb::Subject {
    concern(request).subject.as_mut().unwrap()
}

fn meta(request: &mut pb::RecordContactRequest) -> &mut CommandMeta {
    request.meta.as_mut().unwrap()
}

#[tokio::test]
async fn a_malformed_contact_names_its_field_and_leaves_nothing_behind() {
    let mut desk = Fixture::start().await;
    let changes: [(&str, Change); 22] = [
        ("meta", |call| call.meta = None),
        ("meta.request_id", |call| meta(call).request_id = "7".into()),
        ("meta.request_id", |call| {
            meta(call).request_id = Uuid::new_v4().to_string();
        }),
        ("meta.etag", |call| meta(call).etag = "new".into()),
        ("desk_id", |call| call.desk_id = String::new()),
        ("desk_id", |call| call.desk_id = "310000-desk".into()),
        ("desk_id", |call| {
            call.desk_id = format!("310000-{}", Uuid::nil());
        }),
        ("desk_id", |call| {
            call.desk_id = format!("999999-{}", Uuid::nil());
        }),
        ("channel", |call| call.channel = 0),
        ("channel", |call| call.channel = 99),
        ("channel", |call| call.channel = -1),
        ("line", |call| call.line = 99),
        ("line", |call| call.line = 0),
        ("original_number", |call| {
            call.channel = pb::Channel::ForwardedCall.into();
        }),
        ("caller_role", |call| call.caller_role = 0),
        ("number", |call| call.number = "〇".repeat(1_001)),
        ("matter", |call| call.matter = None),
        ("concern.subject", |call| concern(call).subject = None),
        ("concern.subject.age_band", |call| {
            subject(call).age_band = 9;
        }),
        ("concern.subject.lives_in", |call| {
            subject(call).lives_in = "Qingdao".into();
        }),
        ("concern.narrative", |call| {
            concern(call).narrative = "  ".into();
        }),
        ("concern.narrative", |call| {
            concern(call).narrative = "说".repeat(16_001);
        }),
    ];
    for (field, change) in changes {
        let mut call = desk.call();
        change(&mut call);
        let refused = desk
            .client
            .record_contact(desk.worker().request(call))
            .await;
        assert_eq!(field_at_fault(refused), field);
    }
    assert_eq!(desk.log().head().position, Position(0));
    desk.stop().await;
}

#[tokio::test]
async fn a_request_of_more_than_256_kib_is_refused() {
    let mut desk = Fixture::start().await;
    let mut call = desk.call();
    concern(&mut call).narrative = "x".repeat(256 * 1024);
    let refused = desk
        .client
        .record_contact(desk.worker().request(call))
        .await;
    assert_eq!(field_at_fault(refused), "request");
    assert_eq!(desk.log().head().position, Position(0));
    desk.stop().await;
}

#[tokio::test]
async fn a_contact_of_the_future_is_refused() {
    let mut desk = Fixture::start().await;
    let mut call = desk.call();
    meta(&mut call).occurred_at = desk.in_minutes(60);
    let refused = desk
        .client
        .record_contact(desk.worker().request(call))
        .await;
    assert_eq!(field_at_fault(refused), "meta.occurred_at");
    desk.stop().await;
}

#[tokio::test]
async fn whoever_does_not_say_who_they_are_or_may_not_act_so_is_refused() {
    let mut desk = Fixture::start().await;
    let anonymous = desk.client.record_contact(Request::new(desk.call())).await;
    let nobody = (Code::Unauthenticated, "ACTOR_MISSING".to_owned());
    assert_eq!(refusal(anonymous), nobody);

    let stranger = Caller {
        person: format!("310000-{}", Uuid::now_v7()),
        ..desk.worker()
    };
    let pretender = Caller {
        role: "Supervisor".to_owned(),
        ..desk.worker()
    };
    let elsewhere = Caller {
        organization: desk
            .china
            .organization("central-league")
            .unwrap()
            .to_string(),
        ..desk.worker()
    };
    for (caller, reason) in [
        (stranger, "UNKNOWN_PERSON"),
        (pretender, "ROLE_NOT_HELD"),
        (elsewhere, "NOT_OF_THIS_ORGANIZATION"),
    ] {
        let refused = desk
            .client
            .record_contact(caller.request(desk.call()))
            .await;
        assert_eq!(
            refusal(refused),
            (Code::PermissionDenied, reason.to_owned())
        );
    }
    assert_eq!(desk.log().head().position, Position(0));
    desk.stop().await;
}

#[tokio::test]
async fn people_without_a_part_in_the_intake_may_do_nothing_with_it() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.triaged(RiskLevel::High).await;
    let head = desk.log().head();
    for (code, role, reason) in [
        ("sh-visitor", Role::Visitor, "NOT_PERMITTED"),
        ("sh-auditor", Role::Auditor, "NOT_PERMITTED"),
        ("central-duty", Role::Worker, "OTHER_ORGANIZATION"),
    ] {
        let caller = desk.china.caller(code, role).unwrap();
        let request = pb::OpenCaseRequest {
            meta: desk.meta(),
            intake_id: intake_id.clone(),
        };
        let refused = desk.client.open_case(caller.request(request)).await;
        assert_eq!(
            refusal(refused),
            (Code::PermissionDenied, reason.to_owned())
        );
    }
    assert_eq!(desk.log().head(), head);
    desk.stop().await;
}

#[tokio::test]
async fn intakes_of_other_regions_and_unknown_ones_are_told_apart() {
    let mut desk = Fixture::start().await;
    let unknown = format!("310000-{}", Uuid::now_v7());
    let refused = desk.open_case(&unknown, desk.meta()).await;
    let not_found = (Code::NotFound, "INTAKE_NOT_FOUND".to_owned());
    assert_eq!(refusal(refused), not_found);
    for elsewhere in ["999999", "100000"] {
        let id = format!("{elsewhere}-{}", Uuid::now_v7());
        let refused = desk.open_case(&id, desk.meta()).await;
        assert_eq!(field_at_fault(refused), "intake_id");
    }
    desk.stop().await;
}

#[tokio::test]
async fn a_command_in_the_wrong_phase_is_told_what_would_be_allowed() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.recorded().await;
    let head = desk.log().head();
    let refused = desk.open_case(&intake_id, desk.meta()).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let details = refused.get_error_details();
    let allowed = &details.error_info().unwrap().metadata["allowed"];
    assert!(
        allowed.split(',').any(|command| command == "TriageIntake"),
        "{allowed}"
    );
    assert!(!allowed.contains("OpenCase"));
    assert_eq!(desk.log().head(), head);

    desk.triage(&intake_id, RiskLevel::Low).await.unwrap();
    let again = desk.triage(&intake_id, RiskLevel::Low).await;
    assert_eq!(refusal(again).0, Code::FailedPrecondition);
    desk.stop().await;
}

#[tokio::test]
async fn parts_of_later_commands_name_their_fields_too() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.recorded().await;
    let worker = desk.worker();
    let triage = |assessment| {
        worker.request(pb::TriageIntakeRequest {
            meta: desk.meta(),
            intake_id: intake_id.clone(),
            assessment,
        })
    };
    let good = Fixture::assessment(RiskLevel::High);
    let bad: [(&str, Option<pb::Assessment>); 5] = [
        ("assessment", None),
        (
            "assessment.risk",
            Some(pb::Assessment {
                risk: 9,
                ..good.clone()
            }),
        ),
        (
            "assessment.flags",
            Some(pb::Assessment {
                flags: vec![1, 10],
                ..good.clone()
            }),
        ),
        (
            "assessment.reasons",
            Some(pb::Assessment {
                reasons: vec![],
                ..good.clone()
            }),
        ),
        (
            "assessment.summary",
            Some(pb::Assessment {
                summary: String::new(),
                ..good
            }),
        ),
    ];
    let mut client = desk.client.clone();
    for (field, assessment) in bad {
        let refused = client.triage_intake(triage(assessment)).await;
        assert_eq!(field_at_fault(refused), field);
    }
    let consent = pb::RecordConsentRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        state: pb::ConsentState::Given.into(),
        by: pb::ConsentGiver::Subject.into(),
        purpose: pb::ConsentPurpose::Referral.into(),
        scope: vec![pb::ConsentScope::Summary.into()],
        receiver_ids: vec![format!("310000-{}", Uuid::nil())],
        valid_until: None,
        note: String::new(),
    };
    let refused = client.record_consent(worker.request(consent)).await;
    assert_eq!(field_at_fault(refused), "receiver_ids");
    desk.stop().await;
}
