//! Who may not act, and what is told to whoever acts at the wrong time; nothing is changed.

use domain::values::Role;
use eventsourcing::Position;
use node::client::Caller;
use proto::intake::v1 as pb;
use proto::types::v1::RiskLevel;
use tonic::{Code, Request};
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::fixture::{Fixture, refusal};

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
