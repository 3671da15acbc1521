//! The server as a client nobody here wrote would meet it: every trap of the stack, sprung once.

#![expect(
    clippy::unwrap_used,
    reason = "what tests share fails as they do: by panicking"
)]

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::routing::post;
use eventsourcing::testing::MemoryRows;
use eventsourcing::{Checkpoint, EventFeed, FeedError, FeedItem, HybridClock, LogId, Region};
use futures::stream::BoxStream;
use metrics_exporter_prometheus::PrometheusHandle;
use proto::operations::v1::operations_service_client::OperationsServiceClient;
use proto::operations::v1::{ListParkedRequest, ListProgressRequest, RetryParkedRequest};
use service_runtime::grpc::{
    DigestKey, Gate, Identify, IdentityRefused, ORGANIZATION, PERSON, ROLE, Server,
};
use service_runtime::{AddRoutes, Ports, Progress, Running, Service, SystemClock, Tasks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_stream::StreamExt;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_types::StatusExt;
use tower::ServiceExt;

/// An organization of Shanghai.
const LEAGUE: &str = "310000-00000000-0000-0000-0000-000000000001";

/// Knows `amy` of the league, as an administrator.
struct OnlyAmy;

impl Identify for OnlyAmy {
    fn identify(
        &self,
        person: &str,
        organization: &str,
        role: &str,
    ) -> Result<(), IdentityRefused> {
        if (person, organization, role) == ("amy", LEAGUE, "Administrator") {
            return Ok(());
        }
        Err(IdentityRefused {
            reason: "UNKNOWN_PERSON",
            en: "the directory has no such worker".to_owned(),
            zh: "名录中没有该工作人员".to_owned(),
        })
    }

    fn knows_organization(&self, organization: &str) -> bool {
        organization == LEAGUE
    }
}

async fn serving() -> (Tasks, SocketAddr) {
    serving_these(|_, _| Vec::new()).await
}

/// Serves what `services` makes as parts of one process.
async fn serving_these(
    services: impl FnOnce(&Ports, &Tasks) -> Vec<(Arc<Running>, AddRoutes)>,
) -> (Tasks, SocketAddr) {
    static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
    let metrics = METRICS.get_or_init(service_runtime::telemetry::start_metrics);
    let tasks = Tasks::new();
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.address();
    let services = services(&ports(&tasks), &tasks);
    let identify = Arc::new(OnlyAmy);
    server
        .serve(services, identify, Some(metrics.clone()), &tasks)
        .unwrap();
    (tasks, address)
}

/// Of Shanghai, with nothing to follow.
fn ports(tasks: &Tasks) -> Ports {
    let progress = Progress::default();
    let region: Region = "310000".parse().unwrap();
    Ports {
        region,
        regions: vec![region],
        feed: Arc::new(NoFeed),
        rows: Arc::new(MemoryRows::default()),
        clock: Arc::new(HybridClock::new(Arc::new(SystemClock))),
        gate: Gate::new(DigestKey([7; 32]), progress.clone(), tasks.stop().clone()),
        progress,
    }
}

struct NoFeed;

impl EventFeed for NoFeed {
    fn follow(
        &self,
        log: &LogId,
        _: Checkpoint,
    ) -> BoxStream<'static, Result<FeedItem, FeedError>> {
        Box::pin(futures::stream::iter([Err(FeedError::UnknownLog(
            log.clone(),
        ))]))
    }
}

/// A service named `followup` that answers some paths as no handler of ours would.
fn odd(ports: &Ports, tasks: &Tasks) -> Vec<(Arc<Running>, AddRoutes)> {
    let service = Service {
        name: "followup",
        routes: Box::new(|mut routes| {
            let router = std::mem::take(routes.axum_router_mut());
            *routes.axum_router_mut() = router
                .route("/odd/Panics", post(panics))
                .route("/odd/Never", post(never))
                .route("/odd/Endless", post(endless));
            routes
        }),
        projections: vec![],
        writes: None,
    };
    let (running, routes) = service.start(ports, tasks);
    vec![(Arc::new(running), routes)]
}

async fn panics(text: String) -> String {
    assert!(!text.is_empty(), "the handler has a bug");
    text
}

/// Somebody waits for an answer that never comes.
static ASKED: Notify = Notify::const_new();

async fn never() -> String {
    ASKED.notify_one();
    std::future::pending().await
}

async fn endless() -> ([(&'static str, &'static str); 1], axum::body::Body) {
    let more = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0_u8; 4096]));
    let body = axum::body::Body::from_stream(more);
    ([("content-type", "application/grpc")], body)
}

/// Sends these bytes as a request, and gives back what came, read or not.
async fn post_raw(
    address: SocketAddr,
    path: &str,
    body: Vec<u8>,
) -> http::Response<tonic::body::Body> {
    let request = http::Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header(PERSON, "amy")
        .header(ORGANIZATION, LEAGUE)
        .header(ROLE, "Administrator")
        .body(tonic::body::Body::new(axum::body::Body::from(body)))
        .unwrap();
    channel(address).await.oneshot(request).await.unwrap()
}

/// Code and reason of a status that has its details, as all of ours have.
#[track_caller]
fn told(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let chinese = details.localized_message().expect("it speaks Chinese");
    assert!(!chinese.message.is_ascii());
    let info = details.error_info().expect("it has a reason");
    (status.code(), info.reason.clone())
}

async fn channel(address: SocketAddr) -> Channel {
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
        (ORGANIZATION, LEAGUE),
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

/// The status with which a stream ends.
async fn end_of<M>(stream: &mut Streaming<M>) -> Status {
    loop {
        if let Err(status) = stream.next().await.expect("a status comes before the end") {
            return status;
        }
    }
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

#[tokio::test(start_paused = true)]
async fn the_server_ends_in_bounded_time_whatever_clients_keep_open() {
    let (tasks, address) = serving_these(odd).await;
    let mut health = HealthClient::new(channel(address).await);
    let of = HealthCheckRequest {
        service: "liandong.followup.v1.FollowUpService".to_owned(),
    };
    let mut watched = health.watch(of).await.unwrap().into_inner();
    let serving = watched.next().await.unwrap().unwrap();
    assert_eq!(serving.status(), ServingStatus::Serving);
    let mut reflection = ServerReflectionClient::new(channel(address).await);
    let asks_no_more = futures::stream::pending::<ServerReflectionRequest>();
    let reflected = reflection.server_reflection_info(asks_no_more);
    let mut reflected = reflected.await.unwrap().into_inner();
    // One that never reads, one that waits for its answer, one that has only said hello.
    let unread = post_raw(address, "/odd/Endless", vec![]).await;
    let unanswered = tokio::spawn(post_raw(address, "/odd/Never", vec![]));
    ASKED.notified().await;
    let mut hello = TcpStream::connect(address).await.unwrap();
    hello.write_all(HELLO).await.unwrap();

    let stopping = tokio::spawn(async move { tasks.shutdown(Duration::from_secs(9)).await });
    let drained = watched.next().await.unwrap().unwrap();
    assert_eq!(drained.status(), ServingStatus::NotServing);
    let stopped = (Code::Unavailable, "STOPPING".to_owned());
    assert_eq!(told(&end_of(&mut watched).await), stopped);
    assert_eq!(told(&end_of(&mut reflected).await), stopped);
    let unanswered = unanswered.await.unwrap();
    let unanswered = Status::from_header_map(unanswered.headers()).unwrap();
    assert_eq!(told(&unanswered), stopped);
    stopping.await.unwrap().unwrap();
    drop((unread, hello));
}

/// The preface of HTTP/2, and empty settings.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

#[tokio::test(start_paused = true)]
async fn a_connection_that_falls_silent_after_its_greeting_is_closed() {
    let (tasks, address) = serving().await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(HELLO).await.unwrap();
    let mut heard = Vec::new();
    let closed = silent.read_to_end(&mut heard);
    let closed = tokio::time::timeout(Duration::from_mins(5), closed).await;
    assert!(closed.is_ok(), "keep-alive asks, hears nothing, and closes");
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
