//! What falls due.

use domain::values::Role;
use proto::followup::v1 as pb;
use proto::followup::v1::record_visit_request::Report;
use proto::types::v1::CommandMeta;
use service_runtime::grpc::moment;

use crate::bench::{Bench, case, hours_after_start};

const OPENED: [&str; 2] = ["followup.PlanOpened", "followup.VisitPlanned"];

#[tokio::test]
async fn a_visit_that_nobody_reports_is_missed_at_its_time_and_only_once() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    bench.advance(23).await;
    assert_eq!(bench.recorded_types().await, OPENED);
    bench.advance(24).await;
    let missed = [OPENED[0], OPENED[1], "followup.VisitMissed"];
    assert_eq!(bench.recorded_types().await, missed);
    let last = bench.recorded().await.pop().unwrap();
    assert_eq!(last.envelope.recordedtime, hours_after_start(24));

    let bench = bench.restart(false).await;
    bench.advance(48).await;
    assert_eq!(bench.recorded_types().await, missed);
    assert_eq!(bench.visit(case(1)).await.status(), pb::VisitStatus::Missed);
    bench.stop().await;
}

#[tokio::test]
async fn a_visit_that_was_reported_is_not_missed() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let worker = bench.caller("qd-worker", Role::Worker);
    let report = bench.report(case(1)).await;
    bench
        .client()
        .await
        .record_visit(worker.request(report))
        .await
        .unwrap();
    bench.advance(48).await;
    assert_eq!(
        bench.recorded_types().await,
        [OPENED[0], OPENED[1], "followup.VisitDone"]
    );
    bench.stop().await;
}

#[tokio::test]
async fn a_visit_put_off_is_missed_at_its_later_time_even_after_a_restart() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let worker = bench.caller("qd-worker", Role::Worker);
    let put_off = pb::RecordVisitRequest {
        report: Some(Report::RescheduledTo(moment(hours_after_start(72)))),
        ..bench.report(case(1)).await
    };
    bench
        .client()
        .await
        .record_visit(worker.request(put_off))
        .await
        .unwrap();
    let bench = bench.restart(true).await;
    bench.advance(71).await;
    assert_eq!(bench.visit(case(1)).await.status(), pb::VisitStatus::Owed);
    bench.advance(72).await;
    assert_eq!(bench.visit(case(1)).await.status(), pb::VisitStatus::Missed);
    bench.stop().await;
}

#[tokio::test]
async fn a_visit_that_was_kept_in_time_can_be_reported_after_it_was_marked_as_missed() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let mut report = bench.report(case(1)).await;
    bench.advance(30).await;
    assert_eq!(bench.visit(case(1)).await.status(), pb::VisitStatus::Missed);

    let kept_at = moment(hours_after_start(20));
    report.meta = Some(CommandMeta {
        occurred_at: Some(kept_at),
        ..bench.meta()
    });
    let worker = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client().await;
    client.record_visit(worker.request(report)).await.unwrap();
    bench.settle().await;
    let last = bench.recorded().await.pop().unwrap();
    assert_eq!(last.envelope.time, hours_after_start(20));
    assert_eq!(last.envelope.recordedtime, hours_after_start(30));
    let visit = bench.visit(case(1)).await;
    assert_eq!(visit.status(), pb::VisitStatus::Done);
    assert_eq!(visit.kept_at, Some(kept_at));
    drop(client);
    bench.stop().await;
}
