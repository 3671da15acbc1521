//! What is asked wrongly, or by nobody.

use proto::timeline::v1 as pb;
use tonic::{Code, Request, Status};

use crate::bench::{Bench, SHANGHAI, case, event, refusal};

fn names(status: &Status, field: &str) {
    let invalid = (Code::InvalidArgument, "FIELD_INVALID".to_owned());
    assert_eq!(refusal(status), invalid);
    assert!(status.message().starts_with(field), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_malformed_is_refused_by_its_field() {
    let bench = Bench::start().await;
    bench.append(&event(SHANGHAI, 1, 1, 10, None)).await;
    bench.settle().await;
    let mut client = bench.client().await;
    let good = pb::GetTimelineRequest {
        case_id: case(1).to_string(),
        ..pb::GetTimelineRequest::default()
    };
    let never = prost_types::Timestamp {
        seconds: i64::MAX,
        nanos: 0,
    };
    let store = uuid::Uuid::nil();
    let bad = [
        (
            "case_id",
            pb::GetTimelineRequest {
                case_id: "x".to_owned(),
                ..good.clone()
            },
        ),
        (
            "page_token",
            pb::GetTimelineRequest {
                page_token: "x".to_owned(),
                ..good.clone()
            },
        ),
        (
            "page_token",
            pb::GetTimelineRequest {
                page_token: format!("{store}-1"),
                ..good.clone()
            },
        ),
        (
            "as_of",
            pb::GetTimelineRequest {
                as_of: Some(never),
                ..good.clone()
            },
        ),
        (
            "page_size",
            pb::GetTimelineRequest {
                page_size: 201,
                ..good.clone()
            },
        ),
        (
            "consistency_token",
            pb::GetTimelineRequest {
                consistency_token: "x".to_owned(),
                ..good.clone()
            },
        ),
    ];
    for (field, request) in bad {
        let refused = client.get_timeline(bench.ask(request)).await;
        names(&refused.unwrap_err(), field);
    }
    for (field, case_id, cursor) in [("case_id", "7", ""), ("resume_cursor", "", "rubbish")] {
        let request = pb::WatchTimelineRequest {
            case_id: case_id.to_owned(),
            resume_cursor: cursor.to_owned(),
        };
        let refused = client.watch_timeline(bench.ask(request)).await;
        names(&refused.err().unwrap(), field);
    }
    let request = pb::ReplayCaseRequest {
        case_id: case(1).to_string(),
        as_of: Some(never),
    };
    names(
        &client.replay_case(bench.ask(request)).await.unwrap_err(),
        "as_of",
    );
    let request = pb::VerifyLogRequest {
        log: "shanghai".to_owned(),
    };
    names(
        &client.verify_log(bench.ask(request)).await.unwrap_err(),
        "log",
    );
    let request = pb::ListCasesRequest {
        page_token: "x".to_owned(),
        ..pb::ListCasesRequest::default()
    };
    names(
        &client.list_cases(bench.ask(request)).await.unwrap_err(),
        "page_token",
    );
    drop(client);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_or_a_log_that_nobody_knows_is_not_found() {
    let bench = Bench::start().await;
    let mut client = bench.client().await;
    let case_id = case(404).to_string();
    let unknown = (Code::NotFound, "CASE_UNKNOWN".to_owned());
    let request = pb::GetTimelineRequest {
        case_id: case_id.clone(),
        ..pb::GetTimelineRequest::default()
    };
    let timeline = client.get_timeline(bench.ask(request)).await;
    assert_eq!(refusal(&timeline.unwrap_err()), unknown);
    let request = pb::GetCaseRequest {
        case_id: case_id.clone(),
        ..pb::GetCaseRequest::default()
    };
    let found = client.get_case(bench.ask(request)).await;
    assert_eq!(refusal(&found.unwrap_err()), unknown);
    let request = pb::ReplayCaseRequest {
        case_id: case_id.clone(),
        as_of: None,
    };
    let replayed = client.replay_case(bench.ask(request)).await;
    assert_eq!(refusal(&replayed.unwrap_err()), unknown);
    let verified = client.verify_case(bench.ask(pb::VerifyCaseRequest { case_id }));
    assert_eq!(refusal(&verified.await.unwrap_err()), unknown);
    let request = pb::VerifyLogRequest {
        log: "440100.intake".to_owned(),
    };
    let verified = client.verify_log(bench.ask(request)).await;
    let not_followed = (Code::NotFound, "LOG_NOT_FOLLOWED".to_owned());
    assert_eq!(refusal(&verified.unwrap_err()), not_followed);
    drop(client);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_without_saying_who_they_are() {
    let bench = Bench::start().await;
    let mut client = bench.client().await;
    let listed = client.list_cases(Request::new(pb::ListCasesRequest::default()));
    assert_eq!(listed.await.unwrap_err().code(), Code::Unauthenticated);
    let watched = client.watch_timeline(Request::new(pb::WatchTimelineRequest::default()));
    assert_eq!(watched.await.err().unwrap().code(), Code::Unauthenticated);
    drop(client);
    bench.stop().await;
}
