//! A server of a region, with a service in it that answers as none of ours would, and its callers.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::routing::post;
use eventsourcing::testing::MemoryRows;
use eventsourcing::{Checkpoint, EventFeed, FeedError, FeedItem, HybridClock, LogId, Region};
use futures::stream::BoxStream;
use metrics_exporter_prometheus::PrometheusHandle;
use service_runtime::grpc::{
    DigestKey, Gate, Identify, IdentityRefused, ORGANIZATION, PERSON, ROLE, Server,
};
use service_runtime::{AddRoutes, Ports, Progress, Running, Service, SystemClock, Tasks};
use tokio::sync::Notify;
use tokio_stream::StreamExt;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt;
use tower::ServiceExt;

/// An organization of Shanghai.
pub(crate) const LEAGUE: &str = "310000-00000000-0000-0000-0000-000000000001";

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

pub(crate) async fn serving() -> (Tasks, SocketAddr) {
    serving_these(|_, _| Vec::new()).await
}

/// Serves what `services` makes as parts of one process.
pub(crate) async fn serving_these(
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
        gate: Gate::new(
            DigestKey::new([7; 32]),
            progress.clone(),
            tasks.stop().clone(),
        ),
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
pub(crate) fn odd(ports: &Ports, tasks: &Tasks) -> Vec<(Arc<Running>, AddRoutes)> {
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
pub(crate) static ASKED: Notify = Notify::const_new();

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
pub(crate) async fn post_raw(
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
pub(crate) fn told(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let chinese = details.localized_message().expect("it speaks Chinese");
    assert!(!chinese.message.is_ascii());
    let info = details.error_info().expect("it has a reason");
    (status.code(), info.reason.clone())
}

pub(crate) async fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

pub(crate) fn as_person<T>(message: T, person: &str) -> Request<T> {
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

/// The status with which a stream ends.
pub(crate) async fn end_of<M>(stream: &mut Streaming<M>) -> Status {
    loop {
        if let Err(status) = stream.next().await.expect("a status comes before the end") {
            return status;
        }
    }
}
