//! The server as a client nobody here wrote would meet it: every trap of the stack, sprung once.

#![expect(
    clippy::unwrap_used,
    reason = "what tests share fails as they do: by panicking"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use proto::operations::v1::ListProgressRequest;
use proto::operations::v1::operations_service_client::OperationsServiceClient;
use service_runtime::Tasks;
use service_runtime::grpc::{Identify, IdentityRefused, ORGANIZATION, PERSON, ROLE, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_stream::StreamExt;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_types::StatusExt;

/// Knows `amy` of `league`, as an administrator.
struct OnlyAmy;

impl Identify for OnlyAmy {
    fn identify(
        &self,
        person: &str,
        organization: &str,
        role: &str,
    ) -> Result<(), IdentityRefused> {
        if (person, organization, role) == ("amy", "league", "Administrator") {
            return Ok(());
        }
        Err(IdentityRefused {
            reason: "UNKNOWN_PERSON",
            en: "the directory has no such worker".to_owned(),
            zh: "名录中没有该工作人员".to_owned(),
        })
    }
}

async fn serving() -> (Tasks, std::net::SocketAddr) {
    let tasks = Tasks::new();
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.address();
    let metrics = service_runtime::telemetry::start_metrics();
    server
        .serve(Vec::new(), Arc::new(OnlyAmy), Some(metrics), &tasks)
        .unwrap();
    (tasks, address)
}

async fn channel(address: std::net::SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

fn as_person<T>(message: T, person: &str) -> Request<T> {
    let mut request = Request::new(message);
    let fields = [
        (PERSON, person),
        (ORGANIZATION, "league"),
        (ROLE, "Administrator"),
    ];
    for (key, value) in fields {
        request
            .metadata_mut()
            .insert(key, MetadataValue::try_from(value).unwrap());
    }
    request
}

#[tokio::test]
async fn nobody_unknown_gets_in_and_the_refusal_says_why_in_both_languages() {
    let (tasks, address) = serving().await;
    let mut operations = OperationsServiceClient::new(channel(address).await);

    let nobody = operations
        .list_progress(ListProgressRequest {})
        .await
        .unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    assert!(nobody.message().contains(PERSON), "{nobody}");

    let stranger = as_person(ListProgressRequest {}, "eve");
    let refused = operations.list_progress(stranger).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let details = refused.get_error_details();
    assert_eq!(details.error_info().unwrap().reason, "UNKNOWN_PERSON");
    assert_eq!(details.localized_message().unwrap().locale, "zh-CN");

    operations
        .list_progress(as_person(ListProgressRequest {}, "amy"))
        .await
        .unwrap();
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn a_client_that_compresses_everything_reaches_health_and_reflection() {
    let (tasks, address) = serving().await;
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
    let mut alpha = ServerReflectionClient::new(channel(address).await);
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
    request.set_timeout(Duration::from_millis(200));
    let mut stream = health.watch(request).await.unwrap().into_inner();
    stream.next().await.unwrap().unwrap();
    let ended = stream.next().await.unwrap().unwrap_err();
    assert_eq!(ended.code(), Code::DeadlineExceeded);
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn the_server_ends_in_bounded_time_though_a_client_keeps_a_stream_open() {
    let (tasks, address) = serving().await;
    let mut health = HealthClient::new(channel(address).await);
    // Health knows nothing of stopping: this stream stays open until the limit.
    let mut stream = health
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    stream.next().await.unwrap().unwrap();
    let before = Instant::now();
    let ended = tasks.shutdown(Duration::from_secs(2)).await;
    assert!(ended.is_err(), "the open stream is reported");
    assert!(before.elapsed() < Duration::from_secs(4));
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
