//! The server: limits, identity, deadlines, health, reflection, metrics, and an end in bounded time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use proto::operations::v1::operations_service_server::OperationsServiceServer;
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tower::ServiceBuilder;

use super::deadline::DeadlineLayer;
use super::health::Health;
use super::identity::{Identify, IdentityLayer};
use super::incoming::incoming;
use super::operations::Operations;
use super::typed::TypedLayer;
use crate::service::{AddRoutes, Running};
use crate::tasks::Tasks;

const KEEPALIVE: Duration = Duration::from_secs(30);
/// Calls end, and connections are cut, well before; else this is a bug of ours, and told.
const DRAIN: Duration = Duration::from_secs(10);
const MAX_STREAMS: u32 = 256;
const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// The server cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        address: SocketAddr,
        cause: std::io::Error,
    },
    #[error("cannot serve: {0}")]
    Serve(#[from] tonic::transport::Error),
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    #[error("cannot accept connections: {0}")]
    Accept(#[from] std::io::Error),
    #[error("open calls did not end within {0:?}")]
    Drain(Duration),
}

/// A bound address, not serving yet: so that it can be told before anything runs.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ServerError::Listen`].
    pub async fn bind(address: SocketAddr) -> Result<Self, ServerError> {
        let failed = |cause| ServerError::Listen { address, cause };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the services of one process as tasks, until they are told to stop.
    ///
    /// # Errors
    /// [`ServerError::Reflection`] if the contract's descriptors cannot be served.
    pub fn serve(
        self,
        services: Vec<(Arc<Running>, AddRoutes)>,
        identify: Arc<dyn Identify>,
        metrics: Option<PrometheusHandle>,
        tasks: &Tasks,
    ) -> Result<(), ServerError> {
        let (running, adds): (Vec<_>, Vec<_>) = services.into_iter().unzip();
        let (reporter, health) = tonic_health::server::health_reporter();
        let contexts: Vec<_> = running.iter().map(|service| service.name).collect();
        let told = Health::of(reporter, &contexts);
        let mut routes = base_routes(Routes::new(crate::tuned!(health)), running)?;
        for add in adds {
            routes = add(routes);
        }
        if let Some(metrics) = metrics {
            let render = axum::routing::get(move || async move { metrics.render() });
            let router = std::mem::take(routes.axum_router_mut());
            *routes.axum_router_mut() = router.route("/metrics", render);
        }
        let stop = tasks.stop().clone();
        let layers = ServiceBuilder::new()
            .layer(TypedLayer)
            .layer(DeadlineLayer { stop: stop.clone() })
            .layer(IdentityLayer { identify })
            .into_inner();
        let (connections, accepting) = incoming(self.listener, stop.clone());
        tasks.spawn(format!("accepting on {}", self.address), accepting);
        let router = tonic::transport::Server::builder()
            .accept_http1(true)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .max_concurrent_streams(MAX_STREAMS)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .layer(layers)
            .add_routes(routes.prepare());
        let serving =
            router.serve_with_incoming_shutdown(connections, stop.clone().cancelled_owned());
        tasks.spawn(format!("serving on {}", self.address), async move {
            told.tell(ServingStatus::Serving).await;
            let too_long = async {
                stop.cancelled().await;
                told.tell(ServingStatus::NotServing).await;
                tokio::time::sleep(DRAIN).await;
            };
            tokio::select! {
                served = serving => Ok(served?),
                () = too_long => Err(ServerError::Drain(DRAIN)),
            }
        });
        Ok(())
    }
}

/// Beside health: reflection in both versions that clients speak, and operations.
fn base_routes(health: Routes, running: Vec<Arc<Running>>) -> Result<Routes, ServerError> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let operations = Operations {
        services: Arc::new(running),
    };
    Ok(health
        .add_service(crate::tuned!(reflection().build_v1()?))
        .add_service(crate::tuned!(reflection().build_v1alpha()?))
        .add_service(crate::tuned!(OperationsServiceServer::new(operations))))
}

/// Compression both ways: a client that compresses gets UNIMPLEMENTED from a service that does not.
pub const COMPRESSION: CompressionEncoding = CompressionEncoding::Gzip;

/// The largest message taken; a command may be 256 KiB, which the gate says more kindly.
pub const MAX_DECODED_BYTES: usize = 1024 * 1024;

/// The largest message sent; lists are paged well below it.
pub const MAX_ENCODED_BYTES: usize = 4 * 1024 * 1024;

/// A generated server with the limits and compression that all of ours have.
#[macro_export]
macro_rules! tuned {
    ($server:expr) => {
        $server
            .accept_compressed($crate::grpc::COMPRESSION)
            .send_compressed($crate::grpc::COMPRESSION)
            .max_decoding_message_size($crate::grpc::MAX_DECODED_BYTES)
            .max_encoding_message_size($crate::grpc::MAX_ENCODED_BYTES)
    };
}
