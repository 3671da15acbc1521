//! Bad input and what is not allowed: a typed refusal, and nothing changed.

use domain::caseteam::TeamCommand;
use domain::followup::{Place, PlanCommandKind, PlanState, TRANSITIONS};
use domain::values::{Role, Term};
use proto::followup::v1 as pb;
use proto::followup::v1::record_visit_request::Report;
use proto::types::v1::CommandMeta;
use tonic::{Code, Request};

use crate::bench::{Bench, case, refusal};

type Spoil = fn(&mut pb::RecordVisitRequest);

/// A field, and what makes it unreadable.
const SPOILT: [(&str, Spoil); 10] = [
    ("meta", |report| report.meta = None),
    ("meta.request_id", |report| {
        report.meta = Some(CommandMeta::default());
    }),
    ("case_id", |report| report.case_id = "1".into()),
    ("case_id", |report| {
        report.case_id = format!("31-{}", case(1).0.uuid);
    }),
    ("visit_id", |report| report.visit_id.clear()),
    ("report", |report| report.report = None),
    ("result", |report| report.report = Some(Report::Result(99))),
    ("rescheduled_to", |report| {
        let (seconds, nanos) = (i64::MAX, 0);
        let never = prost_types::Timestamp { seconds, nanos };
        report.report = Some(Report::RescheduledTo(never));
    }),
    ("note", |report| report.note = "记".repeat(4001)),
    ("request", |report| report.note = "x".repeat(256 * 1024)),
];

#[tokio::test]
async fn what_is_malformed_is_refused_and_names_its_field() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let good = bench.report(case(1)).await;
    let worker = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client().await;
    let written = bench.recorded().await.len();
    for (field, spoil) in SPOILT {
        let mut report = good.clone();
        spoil(&mut report);
        let status = client
            .record_visit(worker.request(report))
            .await
            .unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::InvalidArgument, "FIELD_INVALID".to_owned()),
            "{field}"
        );
        assert!(
            status.message().starts_with(&format!("{field}: ")),
            "{field}: {status}"
        );
    }
    assert_eq!(bench.recorded().await.len(), written);
    bench.stop().await;
}

#[tokio::test]
async fn nobody_acts_unknown() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let report = bench.report(case(1)).await;
    let mut client = bench.client().await;
    let missing = client
        .record_visit(Request::new(report.clone()))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&missing),
        (Code::Unauthenticated, "ACTOR_MISSING".to_owned())
    );

    let mut stranger = bench.caller("qd-worker", Role::Worker);
    stranger.person = case(7).to_string();
    let unknown = client
        .record_visit(stranger.request(report.clone()))
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::PermissionDenied);

    let pretender = bench.caller("qd-worker", Role::Supervisor);
    let not_held = client
        .record_visit(pretender.request(report))
        .await
        .unwrap_err();
    assert_eq!(not_held.code(), Code::PermissionDenied);
    bench.stop().await;
}

#[tokio::test]
async fn a_case_of_a_region_that_is_not_there_is_nobodys_here() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let report = pb::RecordVisitRequest {
        case_id: format!("999999-{}", case(9).0.uuid),
        ..bench.report(case(1)).await
    };
    let written = bench.recorded().await.len();
    let worker = bench.caller("qd-worker", Role::Worker);
    let refused = bench
        .client()
        .await
        .record_visit(worker.request(report))
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
async fn a_visit_that_is_not_owed_is_refused() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let worker = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client().await;
    let unknown = pb::RecordVisitRequest {
        visit_id: case(5).to_string(),
        ..bench.report(case(1)).await
    };
    let refused = client
        .record_visit(worker.request(unknown))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::NotFound, "VISIT_UNKNOWN".to_owned())
    );

    client
        .record_visit(worker.request(bench.report(case(1)).await))
        .await
        .unwrap();
    let again = bench.report(case(1)).await;
    let refused = client
        .record_visit(worker.request(again))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "VISIT_NOT_OWED".to_owned())
    );

    let past = prost_types::Timestamp {
        seconds: 0,
        nanos: 0,
    };
    bench.formed(case(2)).await;
    let put_off = pb::RecordVisitRequest {
        report: Some(Report::RescheduledTo(past)),
        ..bench.report(case(2)).await
    };
    let refused = client
        .record_visit(worker.request(put_off))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::InvalidArgument, "DUE_IN_PAST".to_owned())
    );
    bench.stop().await;
}

/// Each cell of the only command that people have; the system's commands are on no wire.
#[tokio::test]
async fn each_illegal_cell_is_refused_over_the_wire() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    bench.formed(case(2)).await;
    let open = bench.report(case(1)).await;
    let withdrawn = bench.report(case(2)).await;
    let hop = bench.formation("qd-worker", 1).hop;
    bench.team(case(2), TeamCommand::StandDown { hop }).await;
    bench.settle().await;
    let mut client = bench.client().await;
    for state in PlanState::ALL.iter().copied() {
        for (place, who) in [
            (Place::Unit, "qd-supervisor"),
            (Place::Outsider, "qd-police-worker"),
        ] {
            let cell = (state, PlanCommandKind::RecordVisit, place);
            if TRANSITIONS.0.contains(&cell) {
                continue;
            }
            let role = if place == Place::Unit {
                Role::Supervisor
            } else {
                Role::Worker
            };
            let request = match state {
                PlanState::Unopened => pb::RecordVisitRequest {
                    case_id: case(3).to_string(),
                    ..open.clone()
                },
                PlanState::Open => open.clone(),
                PlanState::Withdrawn => withdrawn.clone(),
            };
            let request = pb::RecordVisitRequest {
                meta: Some(bench.meta()),
                ..request
            };
            let caller = bench.caller(who, role);
            let refused = client
                .record_visit(caller.request(request))
                .await
                .unwrap_err();
            // Where there is no plan nobody is of its unit.
            let expected = match (state, place) {
                (PlanState::Withdrawn, Place::Unit) => (Code::FailedPrecondition, "WRONG_STATE"),
                _ => (Code::PermissionDenied, "NOT_PERMITTED"),
            };
            assert_eq!(
                refusal(&refused),
                (expected.0, expected.1.to_owned()),
                "{cell:?}"
            );
        }
    }
    bench.stop().await;
}

#[tokio::test]
async fn who_may_not_report_is_told_so_before_the_note_is_looked_at() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let mut report = bench.report(case(1)).await;
    report.note = "记".repeat(4001);
    let outsider = bench.caller("sh-worker", Role::Worker);
    let mut client = bench.client().await;
    let refused = client.record_visit(outsider.request(report)).await;
    let refused = refusal(&refused.unwrap_err());
    assert_eq!(refused.0, Code::PermissionDenied);
    drop(client);
    bench.stop().await;
}
