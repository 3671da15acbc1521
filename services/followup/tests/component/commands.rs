//! Reporting a visit.

use domain::values::Role;
use proto::followup::v1 as pb;
use proto::followup::v1::record_visit_request::Report;
use service_runtime::grpc::moment;
use tonic::Code;

use crate::bench::{Bench, case, hours_after_start, refusal, took_place};

#[tokio::test]
async fn whoever_visits_for_the_unit_reports_what_came_of_it() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let visitor = bench.caller("qd-visitor", Role::Visitor);
    let report = pb::RecordVisitRequest {
        report: Some(took_place(pb::VisitResult::Refused)),
        note: "约在下周再谈".to_owned(),
        ..bench.report(case(1)).await
    };
    let answer = bench
        .client()
        .await
        .record_visit(visitor.request(report))
        .await;
    let result = answer.unwrap().into_inner().result.unwrap();
    assert_eq!(result.case_id, case(1).to_string());
    assert_eq!(result.events[0].r#type, "followup.VisitDone");

    bench.settle().await;
    let visit = bench.visit(case(1)).await;
    assert_eq!(visit.status(), pb::VisitStatus::Refused);
    bench.stop().await;
}

#[tokio::test]
async fn a_visit_put_off_is_owed_later() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let later = moment(hours_after_start(72));
    let report = pb::RecordVisitRequest {
        report: Some(Report::RescheduledTo(later)),
        ..bench.report(case(1)).await
    };
    let worker = bench.caller("qd-worker", Role::Worker);
    bench
        .client()
        .await
        .record_visit(worker.request(report))
        .await
        .unwrap();
    bench.settle().await;
    let visit = bench.visit(case(1)).await;
    assert_eq!(
        (visit.status(), visit.due_at),
        (pb::VisitStatus::Owed, Some(later))
    );
    bench.stop().await;
}

#[tokio::test]
async fn what_was_learned_is_stored_sealed() {
    let secret = "海边的灯塔";
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let worker = bench.caller("qd-worker", Role::Worker);
    let report = pb::RecordVisitRequest {
        note: secret.to_owned(),
        ..bench.report(case(1)).await
    };
    bench
        .client()
        .await
        .record_visit(worker.request(report))
        .await
        .unwrap();
    bench.settle().await;
    for event in bench.recorded().await {
        let text = String::from_utf8(event.body.bytes().to_vec()).unwrap();
        assert!(!text.contains(secret), "{}", event.envelope.event_type);
    }
    bench.stop().await;
}

#[tokio::test]
async fn the_same_request_is_recorded_once_and_answered_twice() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let worker = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client().await;
    let report = bench.report(case(1)).await;
    let first = client
        .record_visit(worker.request(report.clone()))
        .await
        .unwrap();
    let written = bench.recorded().await.len();

    let mut retry = report.clone();
    retry.meta.as_mut().unwrap().etag = "1".to_owned();
    for again in [report.clone(), retry] {
        let repeated = client.record_visit(worker.request(again)).await.unwrap();
        let (first, repeated) = (
            first.get_ref().result.as_ref(),
            repeated.into_inner().result,
        );
        let (first, repeated) = (first.unwrap(), repeated.unwrap());
        assert!(repeated.repeated && !first.repeated);
        assert_eq!(
            (&repeated.events, &repeated.etag),
            (&first.events, &first.etag)
        );
    }
    let other = pb::RecordVisitRequest {
        report: Some(took_place(pb::VisitResult::Refused)),
        ..report
    };
    let refused = client
        .record_visit(worker.request(other))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::AlreadyExists, "REQUEST_ID_REUSED".to_owned())
    );
    assert_eq!(bench.recorded().await.len(), written);
    bench.stop().await;
}

#[tokio::test]
async fn a_report_on_an_older_state_is_aborted() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let worker = bench.caller("qd-worker", Role::Worker);
    let seen = bench.plan(case(1)).await.etag;
    let put_off = pb::RecordVisitRequest {
        report: Some(Report::RescheduledTo(moment(hours_after_start(72)))),
        ..bench.report(case(1)).await
    };
    let mut client = bench.client().await;
    client.record_visit(worker.request(put_off)).await.unwrap();

    let mut late = bench.report(case(1)).await;
    late.meta.as_mut().unwrap().etag = seen;
    let aborted = client.record_visit(worker.request(late)).await.unwrap_err();
    assert_eq!(
        refusal(&aborted),
        (Code::Aborted, "CHANGED_MEANWHILE".to_owned())
    );
    bench.stop().await;
}

#[tokio::test]
async fn a_report_that_is_only_tried_out_stores_nothing() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let worker = bench.caller("qd-worker", Role::Worker);
    let written = bench.recorded().await.len();
    let mut report = bench.report(case(1)).await;
    report.meta.as_mut().unwrap().validate_only = true;
    let answer = bench
        .client()
        .await
        .record_visit(worker.request(report))
        .await
        .unwrap();
    assert_eq!(answer.into_inner().result.unwrap().events.len(), 1);
    assert_eq!(bench.recorded().await.len(), written);
    bench.stop().await;
}
