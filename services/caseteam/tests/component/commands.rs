//! Members and tasks.

use domain::values::Role;
use proto::caseteam::v1 as pb;
use tonic::Code;

use crate::bench::{Bench, case, refusal};

#[tokio::test]
async fn the_lead_unit_seats_members_and_gives_them_tasks() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let task = bench.school_has_a_task(case(1)).await;
    let team = bench.team(case(1)).await.team.unwrap();
    let school = bench.seat(pb::TeamRole::SchoolContact, "qd-school-worker");
    assert!(team.seats.contains(&school));
    assert_eq!(team.tasks[0].task_id, task);
    assert_eq!(team.tasks[0].status(), pb::TaskStatus::Open);
    bench.stop().await;
}

#[tokio::test]
async fn a_member_completes_its_task_and_leaves() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let task = bench.school_has_a_task(case(1)).await;
    let lead = bench.caller("qd-supervisor", Role::Supervisor);
    let school = bench.caller("qd-school-worker", Role::Worker);
    let mut client = bench.client().await;
    let seat = bench.seat(pb::TeamRole::SchoolContact, "qd-school-worker");

    let too_early = bench.removal(case(1), seat.clone());
    let refused = client
        .remove_member(lead.request(too_early))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "OWNS_OPEN_TASKS".to_owned())
    );

    let done = bench.completion(case(1), &task);
    let answer = client.complete_task(school.request(done)).await.unwrap();
    let result = answer.into_inner().result.unwrap();
    assert_eq!(result.events[0].r#type, "caseteam.TaskDone");
    let removal = pb::RemoveMemberRequest {
        note: "联络人已调岗".to_owned(),
        ..bench.removal(case(1), seat.clone())
    };
    client.remove_member(lead.request(removal)).await.unwrap();
    bench.settle().await;
    let team = bench.team(case(1)).await.team.unwrap();
    assert!(!team.seats.contains(&seat));
    assert_eq!(team.tasks[0].status(), pb::TaskStatus::Done);
    bench.stop().await;
}

#[tokio::test]
async fn the_lead_unit_takes_a_task_back() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let task = bench.school_has_a_task(case(1)).await;
    let lead = bench.caller("qd-worker", Role::Worker);
    let cancel = bench.cancellation(case(1), &task);
    bench
        .client()
        .await
        .cancel_task(lead.request(cancel))
        .await
        .unwrap();
    bench.settle().await;
    let team = bench.team(case(1)).await.team.unwrap();
    assert_eq!(team.tasks[0].status(), pb::TaskStatus::Cancelled);
    bench.stop().await;
}

#[tokio::test]
async fn what_people_write_is_stored_sealed() {
    let secret = "海边的灯塔";
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let lead = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client().await;
    let task = pb::AddTaskRequest {
        note: secret.to_owned(),
        ..bench.task_request(case(1), "qd-worker")
    };
    let id = format!("370200-{}", task.meta.as_ref().unwrap().request_id);
    client.add_task(lead.request(task)).await.unwrap();
    let done = pb::CompleteTaskRequest {
        evidence: secret.to_owned(),
        ..bench.completion(case(1), &id)
    };
    client.complete_task(lead.request(done)).await.unwrap();
    let recorded = bench.recorded().await;
    assert_eq!(recorded.len(), 3);
    for event in recorded {
        let text = String::from_utf8(event.body.bytes().to_vec()).unwrap();
        assert!(!text.contains(secret), "{}", event.envelope.event_type);
    }
    bench.stop().await;
}

#[tokio::test]
async fn the_same_request_is_recorded_once_and_answered_twice() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let lead = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client().await;
    let request = bench.task_request(case(1), "qd-worker");
    let first = client
        .add_task(lead.request(request.clone()))
        .await
        .unwrap()
        .into_inner();
    let first = first.result.unwrap();
    let written = bench.recorded().await.len();

    let mut with_old_etag = request.clone();
    with_old_etag.meta.as_mut().unwrap().etag = "1".to_owned();
    for again in [request.clone(), with_old_etag] {
        let repeated = client
            .add_task(lead.request(again))
            .await
            .unwrap()
            .into_inner();
        let repeated = repeated.result.unwrap();
        assert!(repeated.repeated && !first.repeated);
        assert_eq!(
            (&repeated.events, &repeated.etag),
            (&first.events, &first.etag)
        );
    }
    let other = pb::AddTaskRequest {
        kind: pb::TaskKind::LegalAid.into(),
        ..request
    };
    let refused = client.add_task(lead.request(other)).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned())
    );
    assert_eq!(bench.recorded().await.len(), written);
    bench.stop().await;
}

#[tokio::test]
async fn a_command_on_an_older_state_is_aborted() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let seen = bench.team(case(1)).await.etag;
    let lead = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client().await;
    let first = bench.task_request(case(1), "qd-worker");
    client.add_task(lead.request(first)).await.unwrap();

    let mut late = bench.task_request(case(1), "qd-worker");
    late.meta.as_mut().unwrap().etag = seen;
    let aborted = client.add_task(lead.request(late)).await.unwrap_err();
    assert_eq!(
        refusal(&aborted),
        (Code::Aborted, "CHANGED_MEANWHILE".to_owned())
    );
    bench.stop().await;
}

#[tokio::test]
async fn a_task_that_is_only_tried_out_is_not_stored() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let lead = bench.caller("qd-worker", Role::Worker);
    let written = bench.recorded().await.len();
    let mut task = bench.task_request(case(1), "qd-worker");
    task.meta.as_mut().unwrap().validate_only = true;
    let answer = bench
        .client()
        .await
        .add_task(lead.request(task))
        .await
        .unwrap();
    assert_eq!(answer.into_inner().result.unwrap().events.len(), 1);
    assert_eq!(bench.recorded().await.len(), written);
    bench.stop().await;
}
