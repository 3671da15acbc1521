//! Bad input: a typed refusal, and nothing changed.

use domain::values::Role;
use proto::caseteam::v1 as pb;
use proto::types::v1::CommandMeta;
use tonic::{Code, Request};

use crate::bench::{Bench, case, refusal};

type SpoilSeating = fn(&mut pb::SeatMemberRequest);
type SpoilTask = fn(&mut pb::AddTaskRequest);

/// A field, and what makes it unreadable.
const SPOILT_SEATINGS: [(&str, SpoilSeating); 7] = [
    ("meta", |seating| seating.meta = None),
    ("meta.request_id", |seating| {
        seating.meta = Some(CommandMeta::default());
    }),
    ("case_id", |seating| {
        seating.case_id = format!("31-{}", case(1).0.uuid);
    }),
    ("seat", |seating| seating.seat = None),
    ("seat.role", |seating| {
        seating.seat.as_mut().unwrap().role = 99;
    }),
    ("seat.organization_id", |seating| {
        seating.seat.as_mut().unwrap().organization_id.clear();
    }),
    ("seat.worker_id", |seating| {
        seating.seat.as_mut().unwrap().worker_id = "1".into();
    }),
];

const SPOILT_TASKS: [(&str, SpoilTask); 8] = [
    ("case_id", |task| task.case_id.clear()),
    ("kind", |task| task.kind = 0),
    ("owner_organization_id", |task| {
        task.owner_organization_id = "1".into();
    }),
    ("owner_worker_id", |task| task.owner_worker_id = "1".into()),
    ("due_at", |task| task.due_at = None),
    ("note", |task| task.note = "记".repeat(4001)),
    ("note", |task| task.kind = pb::TaskKind::Other.into()),
    ("request", |task| task.note = "x".repeat(256 * 1024)),
];

#[tokio::test]
async fn what_is_malformed_is_refused_and_names_its_field() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let lead = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client().await;
    let written = bench.recorded().await.len();
    let mut refusals = Vec::new();
    for (field, spoil) in SPOILT_SEATINGS {
        let seat = bench.seat(pb::TeamRole::Lawyer, "qd-school-worker");
        let mut seating = bench.seat_request(case(1), seat);
        spoil(&mut seating);
        let refused = client.seat_member(lead.request(seating)).await.unwrap_err();
        refusals.push((field, refused));
    }
    for (field, spoil) in SPOILT_TASKS {
        let mut task = bench.task_request(case(1), "qd-worker");
        spoil(&mut task);
        let refused = client.add_task(lead.request(task)).await.unwrap_err();
        refusals.push((field, refused));
    }
    let no_evidence = pb::CompleteTaskRequest {
        evidence: "  ".to_owned(),
        ..bench.completion(case(1), &case(1).to_string())
    };
    let refused = client
        .complete_task(lead.request(no_evidence))
        .await
        .unwrap_err();
    refusals.push(("evidence", refused));
    for (field, refused) in refusals {
        let expected = (Code::InvalidArgument, "FIELD_INVALID".to_owned());
        assert_eq!(refusal(&refused), expected, "{field}");
        assert!(
            refused.message().starts_with(&format!("{field}: ")),
            "{field}: {refused}"
        );
    }
    assert_eq!(bench.recorded().await.len(), written);
    bench.stop().await;
}

#[tokio::test]
async fn nobody_acts_unknown() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let task = bench.task_request(case(1), "qd-worker");
    let mut client = bench.client().await;
    let missing = client
        .add_task(Request::new(task.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&missing),
        (Code::Unauthenticated, "ACTOR_MISSING".to_owned())
    );

    let mut stranger = bench.caller("qd-worker", Role::Worker);
    stranger.person = case(7).to_string();
    let unknown = client
        .add_task(stranger.request(task.clone()))
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::PermissionDenied);

    let pretender = bench.caller("qd-worker", Role::Supervisor);
    let not_held = client.add_task(pretender.request(task)).await.unwrap_err();
    assert_eq!(not_held.code(), Code::PermissionDenied);
    bench.stop().await;
}

#[tokio::test]
async fn a_case_of_a_region_that_is_not_there_is_nobodys_here() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let task = pb::AddTaskRequest {
        case_id: format!("999999-{}", case(9).0.uuid),
        ..bench.task_request(case(1), "qd-worker")
    };
    let written = bench.recorded().await.len();
    let lead = bench.caller("qd-worker", Role::Worker);
    let refused = bench
        .client()
        .await
        .add_task(lead.request(task))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::PermissionDenied, "NOT_PERMITTED".to_owned())
    );
    assert_eq!(bench.recorded().await.len(), written);
    bench.stop().await;
}

#[tokio::test]
async fn whom_the_directory_does_not_know_gets_no_seat() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let lead = bench.caller("qd-worker", Role::Worker);
    let school = bench.seat(pb::TeamRole::SchoolContact, "qd-school-worker");
    let nobody = pb::Seat {
        organization_id: case(7).to_string(),
        ..school.clone()
    };
    let of_another = pb::Seat {
        worker_id: bench.caller("qd-police-worker", Role::Worker).person,
        ..school
    };
    let mut client = bench.client().await;
    for seat in [nobody, of_another] {
        let seating = bench.seat_request(case(1), seat);
        let refused = client.seat_member(lead.request(seating)).await.unwrap_err();
        assert_eq!(
            refusal(&refused),
            (Code::InvalidArgument, "NOT_IN_DIRECTORY".to_owned())
        );
    }
    bench.stop().await;
}

#[tokio::test]
async fn what_the_rules_refuse_has_a_code_and_a_reason() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let task = bench.school_has_a_task(case(1)).await;
    let lead = bench.caller("qd-worker", Role::Worker);
    let school = bench.caller("qd-school-worker", Role::Worker);
    let mut client = bench.client().await;

    let seat = bench.seat(pb::TeamRole::SchoolContact, "qd-school-worker");
    let again = bench.seat_request(case(1), seat);
    let refused = client.seat_member(lead.request(again)).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::AlreadyExists, "ALREADY_SEATED".to_owned())
    );

    let liaison = bench.removal(case(1), bench.seat(pb::TeamRole::Liaison, "sh-worker"));
    let refused = client
        .remove_member(lead.request(liaison))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "FOLLOWS_FROM_REFERRAL".to_owned())
    );

    let unseated = bench.task_request(case(1), "qd-police-worker");
    let refused = client.add_task(lead.request(unseated)).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "OWNER_NOT_SEATED".to_owned())
    );

    let own = bench.task_request(case(1), "qd-worker");
    let not_theirs = format!("370200-{}", own.meta.as_ref().unwrap().request_id);
    client.add_task(lead.request(own)).await.unwrap();
    let completion = bench.completion(case(1), &not_theirs);
    let refused = client
        .complete_task(school.request(completion))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::PermissionDenied, "NOT_YOUR_TASK".to_owned())
    );

    let unknown = bench.completion(case(1), &case(5).to_string());
    let refused = client
        .complete_task(school.request(unknown))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::NotFound, "TASK_UNKNOWN".to_owned())
    );

    let done = bench.completion(case(1), &task);
    client.complete_task(school.request(done)).await.unwrap();
    let twice = bench.cancellation(case(1), &task);
    let refused = client.cancel_task(lead.request(twice)).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "TASK_CLOSED".to_owned())
    );
    bench.stop().await;
}

#[tokio::test]
async fn who_may_not_is_told_so_before_the_text_is_looked_at_or_the_team_is_there() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let task = bench.school_has_a_task(case(1)).await;
    // Shanghai's workers are the liaison's; whoever only audits has no place in the team.
    let outsider = bench.caller("sh-auditor", Role::Auditor);
    let mut client = bench.client().await;
    for case in [case(1), case(404)] {
        let mut completion = bench.completion(case, &task);
        completion.evidence = "记".repeat(4001);
        let refused = client.complete_task(outsider.request(completion)).await;
        let code = refusal(&refused.unwrap_err()).0;
        assert_eq!(code, Code::PermissionDenied);
        let mut cancellation = bench.cancellation(case, &task);
        cancellation.note = "记".repeat(4001);
        let refused = client.cancel_task(outsider.request(cancellation)).await;
        let code = refusal(&refused.unwrap_err()).0;
        assert_eq!(code, Code::PermissionDenied);
    }
    drop(client);
    bench.stop().await;
}

#[tokio::test]
async fn a_repeat_gets_its_first_answer_and_seals_nothing_again() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let task = bench.school_has_a_task(case(1)).await;
    let lead = bench.caller("qd-worker", Role::Worker);
    let completion = bench.completion(case(1), &task);
    let mut client = bench.client().await;
    let first = client.complete_task(lead.request(completion.clone())).await;
    let again = client.complete_task(lead.request(completion)).await;
    let result = |answer: tonic::Response<pb::CompleteTaskResponse>| answer.into_inner().result;
    let (first, again) = (
        result(first.unwrap()).unwrap(),
        result(again.unwrap()).unwrap(),
    );
    assert!(again.repeated && !first.repeated);
    assert_eq!(again.events, first.events);
    drop(client);
    bench.stop().await;
}
