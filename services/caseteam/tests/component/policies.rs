//! What the service does by itself, and what becomes of it when something fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::referral::{Assignment, AssignmentEvent};
use domain::values::Role;
use eventsourcing::testing::{AlteredLog, envelope};
use eventsourcing::{Aggregate, AppendError, Envelope, Region, ScopedId, StreamId};
use node::Hosting;
use proto::caseteam::v1 as pb;
use proto::operations::v1::operations_service_client::OperationsServiceClient;
use proto::operations::v1::{ListParkedRequest, ParkedCase};
use uuid::Uuid;

use crate::bench::{Bench, case, hop_id, qingdao};

#[tokio::test]
async fn a_team_forms_on_an_acceptance_while_custody_is_pending() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let team = bench.team(case(1)).await.team.unwrap();
    assert_eq!(team.team_id, case(1).team_in(qingdao()).to_string());
    assert_eq!(team.case_id, case(1).to_string());
    assert_eq!(team.state(), pb::TeamState::CustodyPending);
    assert_eq!(team.status(), pb::CaseStatus::Assessing);
    let lead = team.lead.unwrap();
    let authorised = bench.caller("qd-authorised", Role::Authorised);
    assert_eq!(
        (lead.referral_id, lead.worker_id),
        (hop_id(1).to_string(), authorised.person)
    );
    let central = bench.caller("central-duty", Role::Worker).organization;
    let shanghai = bench.caller("sh-worker", Role::Worker).organization;
    let roles: Vec<_> = team
        .seats
        .iter()
        .map(|seat| (seat.role(), &seat.organization_id))
        .collect();
    let expected = [
        (pb::TeamRole::Lead, &authorised.organization),
        (pb::TeamRole::Observer, &central),
        (pb::TeamRole::Liaison, &shanghai),
    ];
    assert_eq!(roles, expected);

    bench.custody_taken(case(1), "qd-authorised", 1).await;
    let team = bench.team(case(1)).await.team.unwrap();
    assert_eq!(team.state(), pb::TeamState::CustodyConfirmed);
    bench.stop().await;
}

#[tokio::test]
async fn a_team_stands_down_when_its_acceptance_is_voided_in_another_region() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    bench.voided(case(1), "qd-authorised", 1).await;
    let team = bench.team(case(1)).await.team.unwrap();
    assert_eq!(team.state(), pb::TeamState::StoodDown);
    bench.stop().await;
}

#[tokio::test]
async fn no_team_forms_on_an_acceptance_that_was_void_before_it_was_heard_of() {
    let bench = Bench::start().await;
    bench.voided(case(1), "qd-authorised", 1).await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    assert_eq!(
        bench.recorded_types().await,
        ["caseteam.VoidNoted", "caseteam.PolicyDeclined"]
    );
    bench.stop().await;
}

#[tokio::test]
async fn the_second_of_two_units_leads_if_custody_goes_to_it() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    bench.accepted(case(1), "qd-education-worker", 2).await;
    let team = bench.team(case(1)).await.team.unwrap();
    assert_eq!(
        (team.lead.unwrap().referral_id, team.claims.len()),
        (hop_id(1).to_string(), 1)
    );

    bench.custody_taken(case(1), "qd-education-worker", 2).await;
    bench.voided(case(1), "qd-authorised", 1).await;
    let team = bench.team(case(1)).await.team.unwrap();
    assert_eq!(team.state(), pb::TeamState::CustodyConfirmed);
    assert_eq!(
        (team.lead.unwrap().referral_id, team.claims.len()),
        (hop_id(2).to_string(), 0)
    );
    bench.stop().await;
}

#[tokio::test]
async fn the_past_is_not_decided_again_when_the_rows_are_lost() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    bench.custody_taken(case(1), "qd-authorised", 1).await;
    bench.school_has_a_task(case(1)).await;
    bench.voided(case(2), "qd-authorised", 2).await;
    bench.accepted(case(2), "qd-authorised", 2).await;
    let (before, team) = (bench.recorded().await, bench.team(case(1)).await);

    let bench = bench.restart(false).await;
    assert_eq!(bench.recorded().await, before);
    assert_eq!(bench.team(case(1)).await, team);
    bench.stop().await;
}

#[tokio::test]
async fn a_restart_goes_on_where_it_stopped() {
    let bench = Bench::start().await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    let bench = bench.restart(true).await;
    bench.custody_taken(case(1), "qd-authorised", 1).await;
    let types = ["caseteam.TeamFormed", "caseteam.CustodyConfirmed"];
    assert_eq!(bench.recorded_types().await, types);
    bench.stop().await;
}

#[tokio::test]
async fn a_case_whose_event_nobody_understands_is_parked_and_the_others_go_on() {
    let bench = Bench::start().await;
    let not_known_yet = Envelope {
        event_type: "referral.NotKnownYet".to_owned(),
        dataschema: "urn:liandong:referral.NotKnownYet:1".to_owned(),
        ..envelope("370200.referral", Assignment::KIND, 1)
    };
    let stream = StreamId::new(
        Assignment::KIND,
        ScopedId::new(qingdao(), Uuid::from_u128(1)),
    );
    bench.append(case(1), stream, not_known_yet).await;
    bench.accepted(case(1), "qd-authorised", 1).await;
    bench.accepted(case(2), "qd-authorised", 2).await;
    let parked = parked(&bench).await;
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].case_id, case(1).to_string());
    assert_eq!(parked[0].policy, "team-follows-referral");
    assert_eq!(
        bench.team(case(2)).await.team.unwrap().state(),
        pb::TeamState::CustodyPending
    );
    assert_eq!(bench.recorded_types().await, ["caseteam.TeamFormed"]);
    bench.stop().await;
}

#[tokio::test]
async fn a_team_without_an_observer_waits_until_central_is_known() {
    let bench = Bench::start_unknown(caseteam::HOSTING).await;
    bench.load(qingdao()).await;
    let acceptance = Box::new(bench.acceptance("qd-authorised", 1));
    let event = AssignmentEvent::Accepted(acceptance);
    let hop = Uuid::from_u128(1);
    bench
        .happened::<Assignment>(qingdao(), case(1), hop, &event)
        .await;
    assert_eq!(bench.recorded_types().await, [""; 0]);

    bench.load(Region::CENTRAL).await;
    assert_eq!(parked(&bench).await, []);
    assert_eq!(bench.recorded_types().await, ["caseteam.TeamFormed"]);
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
            caseteam::service(ports, Arc::new(log), directory, parts.sealer.clone())
        },
        ..caseteam::HOSTING
    };
    let bench = Bench::start_unknown(FLAKY).await;
    bench.load(Region::CENTRAL).await;
    bench.load(qingdao()).await;
    REFUSING.store(1, Ordering::SeqCst);
    bench.accepted(case(1), "qd-authorised", 1).await;
    assert_eq!(REFUSING.load(Ordering::SeqCst), 0);
    assert_eq!(parked(&bench).await, []);
    assert_eq!(bench.recorded_types().await, ["caseteam.TeamFormed"]);
    bench.stop().await;
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
