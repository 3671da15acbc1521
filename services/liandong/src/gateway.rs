//! The gateway of a region whose services are processes of their own: one address for all of them.
//!
//! It looks at the path of a call only, and passes everything on as it is: who acts is checked by the
//! service that answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::{Request, State};
use axum::response::IntoResponse;
use service_runtime::{TaskFailed, Tasks};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint, Server};
use tower::{Service, ServiceExt};

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// A service that is silent for so long is asked whether it is still there.
const ALIVE_EVERY: Duration = Duration::from_secs(20);

/// Where the services answer, by context: `intake` -> `127.0.0.1:7401`.
type Services = Arc<BTreeMap<String, Channel>>;

/// Serves as tasks until they are told to stop; gives the bound address.
///
/// # Errors
/// If the address cannot be bound.
pub(crate) async fn start(
    listen: SocketAddr,
    services: &BTreeMap<String, SocketAddr>,
    tasks: &Tasks,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    let router = axum::Router::new()
        .fallback(forward)
        .with_state(channels(services)?);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
    };
    let (_, health) = tonic_health::server::health_reporter();
    let routes = Routes::from(router)
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    let stop = tasks.stop().clone();
    let serving = Server::builder()
        .add_routes(routes)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.cancelled_owned());
    tasks.spawn(format!("gateway on {address}"), serving);
    Ok(address)
}

fn channels(services: &BTreeMap<String, SocketAddr>) -> anyhow::Result<Services> {
    let channel = |address: &SocketAddr| -> anyhow::Result<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        Ok(endpoint
            .connect_timeout(CONNECT_WITHIN)
            .http2_keep_alive_interval(ALIVE_EVERY)
            .connect_lazy())
    };
    let channels = services
        .iter()
        .map(|(context, address)| Ok((context.clone(), channel(address)?)))
        .collect::<anyhow::Result<_>>()?;
    Ok(Arc::new(channels))
}

async fn forward(State(services): State<Services>, request: Request) -> axum::response::Response {
    let Some((context, channel)) = context_of(request.uri().path())
        .and_then(|context| Some((context, services.get(context)?.clone())))
    else {
        let path = request.uri().path();
        return Status::unimplemented(format!("no service of this region has {path}"))
            .into_http::<Body>()
            .into_response();
    };
    let context = context.to_owned();
    match pass_on(channel, request.map(Body::new)).await {
        Ok(response) => response.map(axum::body::Body::new),
        Err(error) => {
            tracing::warn!(context, %error, "a service does not answer");
            Status::unavailable(format!("the {context} service does not answer: try again"))
                .into_http::<Body>()
                .into_response()
        }
    }
}

async fn pass_on(
    mut channel: Channel,
    request: http::Request<Body>,
) -> Result<http::Response<Body>, tonic::transport::Error> {
    channel.ready().await?.call(request).await
}

/// `/liandong.intake.v1.IntakeService/RecordContact` -> `intake`.
fn context_of(path: &str) -> Option<&str> {
    let (context, _) = path.strip_prefix("/liandong.")?.split_once('.')?;
    Some(context)
}

/// Runs the gateway alone in its process, until it is told to end.
///
/// # Errors
/// If it cannot be started, or a task fails.
pub(crate) async fn run(
    listen: SocketAddr,
    services: &BTreeMap<String, SocketAddr>,
) -> anyhow::Result<Result<(), TaskFailed>> {
    let tasks = Tasks::new();
    start(listen, services, &tasks).await?;
    tokio::select! {
        told = crate::told_to_end() => told.map_err(|error| anyhow::anyhow!("{error:?}"))?,
        () = tasks.stop().cancelled() => {}
    }
    Ok(tasks.shutdown(DRAIN).await)
}

/// Open calls get so long to end.
const DRAIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_belongs_to_the_context_in_its_package() {
        assert_eq!(
            context_of("/liandong.intake.v1.IntakeService/RecordContact"),
            Some("intake")
        );
        assert_eq!(context_of("/grpc.health.v1.Health/Check"), None);
        assert_eq!(context_of("/metrics"), None);
    }
}
