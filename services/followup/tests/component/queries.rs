//! Who sees what.

use domain::values::Role;
use proto::followup::v1 as pb;
use tonic::Code;

use crate::bench::{Bench, case, refusal};

fn list(organization_id: &str, page_size: i32, page_token: &str) -> pb::ListOwedVisitsRequest {
    pb::ListOwedVisitsRequest {
        organization_id: organization_id.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
        consistency_token: String::new(),
    }
}

#[tokio::test]
async fn what_a_unit_owes_is_listed_page_by_page() {
    let bench = Bench::start().await;
    for n in 1..=3 {
        bench.formed(case(n)).await;
    }
    let worker = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client().await;
    let first = client
        .list_owed_visits(worker.request(list(&worker.organization, 2, "")))
        .await;
    let first = first.unwrap().into_inner();
    let rest = list(&worker.organization, 2, &first.next_page_token);
    let rest = client
        .list_owed_visits(worker.request(rest))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(rest.next_page_token, "");
    let both = first.visits.iter().chain(&rest.visits);
    let mut cases: Vec<&str> = both.map(|owed| owed.case_id.as_str()).collect();
    cases.sort_unstable();
    assert_eq!(cases, [1, 2, 3].map(|n| case(n).to_string()));

    let too_many = list(&worker.organization, 201, "");
    let refused = client
        .list_owed_visits(worker.request(too_many))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    bench.stop().await;
}

#[tokio::test]
async fn a_report_is_seen_by_whoever_brings_its_token() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let worker = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client().await;
    let report = bench.report(case(1)).await;
    let answer = client.record_visit(worker.request(report)).await.unwrap();
    let request = pb::GetPlanRequest {
        case_id: case(1).to_string(),
        consistency_token: answer.into_inner().result.unwrap().consistency_token,
    };
    let plan = client
        .get_plan(worker.request(request))
        .await
        .unwrap()
        .into_inner()
        .plan;
    assert_eq!(plan.unwrap().visits[0].status(), pb::VisitStatus::Done);
    bench.stop().await;
}

#[tokio::test]
async fn others_see_nothing_and_do_not_learn_whether_there_is_a_plan() {
    let bench = Bench::start().await;
    bench.formed(case(1)).await;
    let mut client = bench.client().await;
    let police = bench.caller("qd-police-worker", Role::Worker);
    for case in [case(1), case(2)] {
        let request = pb::GetPlanRequest {
            case_id: case.to_string(),
            ..Default::default()
        };
        let refused = client.get_plan(police.request(request)).await.unwrap_err();
        assert_eq!(
            refusal(&refused),
            (Code::PermissionDenied, "NOT_PERMITTED".to_owned())
        );
    }
    let worker = bench.caller("qd-worker", Role::Worker);
    let others = list(&worker.organization, 0, "");
    let refused = client
        .list_owed_visits(police.request(others))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::PermissionDenied, "NOT_PERMITTED".to_owned())
    );

    let auditor = bench.caller("qd-auditor", Role::Auditor);
    let request = pb::GetPlanRequest {
        case_id: case(2).to_string(),
        ..Default::default()
    };
    let missing = client.get_plan(auditor.request(request)).await.unwrap_err();
    assert_eq!(refusal(&missing), (Code::NotFound, "NO_PLAN".to_owned()));
    bench.stop().await;
}
