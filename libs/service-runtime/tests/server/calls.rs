//! What a call gets: known or not, compressed, malformed, too large, too late.

use std::time::Duration;

use eventsourcing::LogId;
use proto::operations::v1::operations_service_client::OperationsServiceClient;
use proto::operations::v1::{ListParkedRequest, ListProgressRequest, RetryParkedRequest};
use service_runtime::Ports;
use service_runtime::grpc::PERSON;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_stream::StreamExt;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_types::StatusExt;

use crate::fixture::{as_person, channel, end_of, odd, post_raw, serving, serving_these, told};

#[tokio::test]
async fn nobody_unknown_gets_in_and_the_refusal_says_why_in_both_languages() {
    let (tasks, address) = serving().await;
    let mut operations = OperationsServiceClient::new(channel(address).await);

    let nobody = operations
        .list_progress(ListProgressRequest::default())
        .await
        .unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    assert!(nobody.message().contains(PERSON), "{nobody}");

    let stranger = as_person(ListProgressRequest::default(), "eve");
    let refused = operations.list_progress(stranger).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let details = refused.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "UNKNOWN_PERSON");
    assert_eq!(details.localized_message().unwrap().locale, "zh-CN");

    operations
        .list_progress(as_person(ListProgressRequest::default(), "amy"))
        .await
        .unwrap();
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn a_client_that_compresses_everything_is_understood_everywhere() {
    let (tasks, address) = serving().await;
    let mut operations = OperationsServiceClient::new(channel(address).await)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let listed = as_person(ListParkedRequest::default(), "amy");
    operations.list_parked(listed).await.unwrap();
    let mut health = HealthClient::new(channel(address).await)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    health.check(HealthCheckRequest::default()).await.unwrap();

    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut v1 = ServerReflectionClient::new(channel(address).await)
        .send_compressed(CompressionEncoding::Gzip);
    let listed = v1
        .server_reflection_info(tokio_stream::once(list))
        .await
        .unwrap();
    let answer = listed.into_inner().next().await.unwrap().unwrap();
    assert!(format!("{answer:?}").contains("liandong.operations.v1.OperationsService"));
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn the_older_reflection_that_python_speaks_is_served_too() {
    use tonic_reflection::pb::v1alpha::ServerReflectionRequest;
    use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1alpha::server_reflection_request::MessageRequest;
    let (tasks, address) = serving().await;
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::FileContainingSymbol(
            "liandong.operations.v1.OperationsService".to_owned(),
        )),
    };
    let mut alpha = ServerReflectionClient::new(channel(address).await)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let found = alpha
        .server_reflection_info(tokio_stream::once(list))
        .await
        .unwrap();
    let answer = found.into_inner().next().await.unwrap().unwrap();
    assert!(
        format!("{answer:?}").contains("FileDescriptorResponse"),
        "{answer:?}"
    );
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_runs_out_of_its_time_ends_with_deadline_exceeded() {
    let (tasks, address) = serving().await;
    let mut health = HealthClient::new(channel(address).await);
    let mut request = Request::new(HealthCheckRequest::default());
    request.set_timeout(Duration::from_secs(1));
    let mut stream = health.watch(request).await.unwrap().into_inner();
    let ended = end_of(&mut stream).await;
    assert_eq!(
        told(&ended),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned())
    );
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn what_no_handler_has_read_is_refused_with_a_reason_in_both_languages() {
    let (tasks, address) = serving().await;
    let mut operations = OperationsServiceClient::new(channel(address).await);
    let huge = RetryParkedRequest {
        policy: "x".repeat(2 * 1024 * 1024),
        ..RetryParkedRequest::default()
    };
    let refused = operations.retry_parked(as_person(huge, "amy")).await;
    let refused = told(&refused.unwrap_err());
    assert_eq!(
        refused,
        (Code::InvalidArgument, "REQUEST_TOO_LARGE".to_owned())
    );

    let retry = "/liandong.operations.v1.OperationsService/RetryParked";
    let framed = [&[0, 0, 0, 0, 6][..], b"\xff\xfe\x13\x37\x00\xff"].concat();
    for rubbish in [b"\xc3\x28 rubbish, no frame".to_vec(), framed] {
        let answer = post_raw(address, retry, rubbish).await;
        let status = Status::from_header_map(answer.headers()).unwrap();
        let refused = told(&status);
        assert_eq!(
            refused,
            (Code::InvalidArgument, "REQUEST_MALFORMED".to_owned())
        );
    }
    let nowhere = post_raw(
        address,
        "/liandong.operations.v1.OperationsService/No",
        vec![],
    )
    .await;
    let status = Status::from_header_map(nowhere.headers()).unwrap();
    assert_eq!(
        told(&status),
        (Code::Unimplemented, "UNIMPLEMENTED".to_owned())
    );
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn a_handler_that_panics_answers_internal_and_the_server_goes_on() {
    let (tasks, address) = serving_these(odd).await;
    let answer = post_raw(address, "/odd/Panics", vec![]).await;
    let status = Status::from_header_map(answer.headers()).unwrap();
    assert_eq!(told(&status), (Code::Internal, "INTERNAL".to_owned()));
    let mut health = HealthClient::new(channel(address).await);
    health.check(HealthCheckRequest::default()).await.unwrap();
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn operators_see_their_own_region_page_by_page() {
    let (tasks, address) = serving_these(|ports, tasks| {
        for number in 0..5 {
            let log = LogId::new(ports.region, "intake");
            ports.progress.follows(&format!("runner-{number}"), &log);
        }
        odd(ports, tasks)
    })
    .await;
    let mut operations = OperationsServiceClient::new(channel(address).await);
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListProgressRequest {
            page_size: 2,
            page_token,
        };
        let page = operations.list_progress(as_person(request, "amy")).await;
        let page = page.unwrap().into_inner();
        assert!(page.runners.len() <= 2);
        seen.extend(page.runners.into_iter().map(|of| of.runner));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(
        seen,
        (0..5)
            .map(|number| format!("runner-{number}"))
            .collect::<Vec<_>>()
    );
    let elsewhere = RetryParkedRequest {
        region: "370200".to_owned(),
        ..RetryParkedRequest::default()
    };
    let refused = operations.retry_parked(as_person(elsewhere, "amy")).await;
    let refused = told(&refused.unwrap_err());
    assert_eq!(refused, (Code::PermissionDenied, "OTHER_REGION".to_owned()));
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();

    let (tasks, address) = serving_these(|ports, tasks| {
        let ports = Ports {
            region: "370200".parse().unwrap(),
            ..ports.clone()
        };
        odd(&ports, tasks)
    })
    .await;
    let mut operations = OperationsServiceClient::new(channel(address).await);
    let request = as_person(ListParkedRequest::default(), "amy");
    let refused = told(&operations.list_parked(request).await.unwrap_err());
    assert_eq!(refused, (Code::PermissionDenied, "OTHER_REGION".to_owned()));
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn metrics_are_served_as_plain_text_over_http_1() {
    let (tasks, address) = serving().await;
    metrics::counter!("liandong_test_total").increment(1);
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("liandong_test_total 1"), "{text}");
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn rubbish_on_the_socket_harms_nobody_else() {
    let (tasks, address) = serving().await;
    for rubbish in [
        &b"\x00\xff\x00\xff"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrubbish rubbish",
    ] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(rubbish).await.unwrap();
    }
    let mut health = HealthClient::new(channel(address).await);
    health.check(HealthCheckRequest::default()).await.unwrap();
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}
