//! What the service does by itself, and what becomes of it when something fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::caseteam::{CaseTeam, TeamCommand};
use domain::ids::CaseId;
use domain::values::Role;
use eventsourcing::testing::{AlteredLog, envelope};
use eventsourcing::{
    Aggregate, Append, AppendError, Body, Envelope, LogId, Region, StreamId, Version, Write,
};
use node::Hosting;
use proto::followup::v1 as pb;
use proto::operations::v1::operations_service_client::OperationsServiceClient;
use proto::operations::v1::{ListParkedRequest, ParkedCase};

use crate::bench::{Bench, case, hours_after_start, qingdao};

#[tokio::test]
async fn a_plan_opens_with_its_team_and_the_first_call_is_due_by_the_risk() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let plan = bench.plan(case(1)).await.plan.unwrap();
    let worker = bench.caller("qd-worker", Role::Worker);
    assert_eq!(plan.state(), pb::PlanState::Open);
    assert_eq!(plan.unit.unwrap().organization_id, worker.organization);
    assert_eq!(plan.worker_id, worker.person);
    let due_at = service_runtime::grpc::moment(hours_after_start(24));
    let visit = &plan.visits[0];
    assert_eq!(
        (visit.kind(), visit.due_at),
        (pb::VisitKind::Phone, Some(due_at))
    );
    for event in bench.recorded().await {
        assert_eq!(event.envelope.rulesversion.as_deref(), Some("2026-01"));
        assert_eq!(event.envelope.caseid, Some(case(1).0));
    }
    bench.stop().await;
}

#[tokio::test]
async fn a_plan_is_withdrawn_with_its_team_and_changes_hands_with_its_lead() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let stand_down = |hop| TeamCommand::StandDown { hop };
    let second = bench.formation("qd-community-worker", 2);
    bench.team(case(1), TeamCommand::Form(second.clone())).await;
    let first = bench.formation("qd-worker", 1).hop;
    bench.team(case(1), stand_down(first)).await;
    bench.settle().await;
    let plan = bench.plan(case(1)).await.plan.unwrap();
    let organization = second.lead.organization.to_string();
    assert_eq!(plan.unit.unwrap().organization_id, organization);
    assert_eq!(plan.visits[0].status(), pb::VisitStatus::Owed);

    bench.team(case(1), stand_down(second.hop)).await;
    bench.settle().await;
    let plan = bench.plan(case(1)).await.plan.unwrap();
    assert_eq!(plan.state(), pb::PlanState::Withdrawn);
    assert_eq!(plan.visits[0].status(), pb::VisitStatus::Withdrawn);
    bench.advance(48).await;
    assert_eq!(
        bench.visit(case(1)).await.status(),
        pb::VisitStatus::Withdrawn
    );
    bench.stop().await;
}

#[tokio::test]
async fn the_past_is_not_decided_again_when_the_rows_are_lost() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    bench.formed(case(2)).await;
    let hop = bench.formation("qd-worker", 1).hop;
    bench.team(case(2), TeamCommand::StandDown { hop }).await;
    bench.settle().await;
    let (before, plan) = (bench.recorded().await, bench.plan(case(1)).await);

    let bench = bench.restart(false).await;
    assert_eq!(bench.recorded().await, before);
    assert_eq!(bench.plan(case(1)).await, plan);
    bench.stop().await;
}

#[tokio::test]
async fn a_case_whose_event_nobody_understands_is_parked_and_the_others_go_on() {
    let bench = Bench::start().await;
    append_unknown(&bench, case(1)).await;
    bench.formed(case(2)).await;
    let parked = parked(&bench).await;
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].case_id, case(1).to_string());
    assert_eq!(parked[0].policy, "plan-follows-team");
    assert_eq!(bench.visit(case(2)).await.status(), pb::VisitStatus::Owed);
    bench.stop().await;
}

#[tokio::test]
async fn a_plan_without_rules_waits_until_there_are_some() {
    let bench = Bench::start_unknown(followup::HOSTING).await;
    bench.load(qingdao()).await;
    bench.forming(case(1)).await;
    assert_eq!(bench.recorded_types().await, [""; 0]);

    bench.load(Region::CENTRAL).await;
    bench.settle().await;
    assert_eq!(parked(&bench).await, []);
    assert_eq!(bench.visit(case(1)).await.status(), pb::VisitStatus::Owed);
    bench.stop().await;
}

#[tokio::test]
async fn a_policy_that_fails_once_tries_again_and_does_it_once() {
    static REFUSING: AtomicU32 = AtomicU32::new(0);
    const FLAKY: Hosting = Hosting {
        assemble: |parts| {
            // Its disk is full for the next so many appends.
            let log = AlteredLog::new(parts.log()).refusing(|_| {
                let one_less = |left: u32| left.checked_sub(1);
                let left = REFUSING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
                left.ok().map(|_| AppendError::Full)
            });
            let (ports, directory) = (&parts.ports, parts.directory.clone());
            followup::service(ports, Arc::new(log), directory, parts.sealer.clone())
        },
        ..followup::HOSTING
    };
    let bench = Bench::start_unknown(FLAKY).await;
    bench.load(Region::CENTRAL).await;
    bench.load(qingdao()).await;
    REFUSING.store(1, Ordering::SeqCst);
    bench.formed(case(1)).await;
    assert_eq!(REFUSING.load(Ordering::SeqCst), 0);
    assert_eq!(parked(&bench).await, []);
    assert_eq!(
        bench.recorded_types().await,
        ["followup.PlanOpened", "followup.VisitPlanned"]
    );
    bench.stop().await;
}

/// An event of a later version of the caseteam service.
async fn append_unknown(bench: &Bench, case: CaseId) {
    let team = case.team_in(qingdao()).0;
    let stream = StreamId::new(CaseTeam::KIND, team);
    let envelope = Envelope {
        event_type: "caseteam.NotKnownYet".to_owned(),
        dataschema: "urn:liandong:caseteam.NotKnownYet:1".to_owned(),
        subject: stream.clone(),
        caseid: Some(case.0),
        ..envelope("370200.caseteam", CaseTeam::KIND, 1)
    };
    let append = Append {
        request: envelope.requestid,
        writes: vec![Write {
            stream,
            expected: Version(0),
            events: vec![Body::seal(&envelope).unwrap()],
        }],
    };
    let log = bench
        .system
        .log(&LogId::new(qingdao(), "caseteam"))
        .unwrap();
    log.append(append).await.unwrap();
    bench.settle().await;
}

async fn operations(bench: &Bench) -> OperationsServiceClient<tonic::transport::Channel> {
    let url = bench.system.url(qingdao());
    OperationsServiceClient::connect(url).await.unwrap()
}

async fn parked(bench: &Bench) -> Vec<ParkedCase> {
    let admin = bench.caller("qd-admin", Role::Administrator);
    let listed = operations(bench)
        .await
        .list_parked(admin.request(ListParkedRequest::default()))
        .await;
    listed.unwrap().into_inner().cases
}
