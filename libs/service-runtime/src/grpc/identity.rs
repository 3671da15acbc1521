//! Who calls: the one seam that real authentication replaces.
//!
//! Until then the acting person, organization and role stand in the request's metadata, are checked
//! against the directory, and are refused when unknown.

use std::sync::Arc;
use std::task::{Context, Poll};

use eventsourcing::Actor;
use futures::future::{BoxFuture, FutureExt, ready};
use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::status::failure;

/// Metadata: the acting person's id.
pub const PERSON: &str = "liandong-person";
/// Metadata: the id of the organization the person acts in.
pub const ORGANIZATION: &str = "liandong-organization";
/// Metadata: the role acted in, for instance `Supervisor`.
pub const ROLE: &str = "liandong-role";

/// What may be called by anybody: it says nothing about a case.
const OPEN: [&str; 3] = ["/grpc.health.", "/grpc.reflection.", "/metrics"];

/// Knows who exists.
pub trait Identify: Send + Sync + 'static {
    /// # Errors
    /// [`IdentityRefused`] saying why this person may not act so.
    fn identify(&self, person: &str, organization: &str, role: &str)
    -> Result<(), IdentityRefused>;

    /// Whether there is such an organization, of any region.
    fn knows_organization(&self, organization: &str) -> bool;
}

/// Goes along with a request past the identity layer, for what a handler must ask of the directory.
#[derive(Clone)]
pub(super) struct WhoExists(pub(super) Arc<dyn Identify>);

/// This person may not act so. The sentences name no other person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{en}")]
pub struct IdentityRefused {
    pub reason: &'static str,
    pub en: String,
    pub zh: String,
}

/// Puts the checked [`Actor`] into the request, or refuses it.
#[derive(Clone)]
pub(super) struct IdentityLayer {
    pub(super) identify: Arc<dyn Identify>,
}

impl<S> Layer<S> for IdentityLayer {
    type Service = IdentityService<S>;

    fn layer(&self, inner: S) -> IdentityService<S> {
        IdentityService {
            inner,
            identify: self.identify.clone(),
        }
    }
}

#[derive(Clone)]
pub(super) struct IdentityService<S> {
    inner: S,
    identify: Arc<dyn Identify>,
}

impl<S> Service<Request<Body>> for IdentityService<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if !OPEN
            .iter()
            .any(|open| request.uri().path().starts_with(open))
        {
            match actor(request.headers(), self.identify.as_ref()) {
                Ok(actor) => {
                    request.extensions_mut().insert(actor);
                    let who_exists = WhoExists(self.identify.clone());
                    request.extensions_mut().insert(who_exists);
                }
                Err(refused) => return ready(Ok(refused.into_http())).boxed(),
            }
        }
        self.inner.call(request).boxed()
    }
}

fn actor(headers: &HeaderMap, identify: &dyn Identify) -> Result<Actor, Status> {
    let person = header(headers, PERSON)?;
    let organization = header(headers, ORGANIZATION)?;
    let role = header(headers, ROLE)?;
    identify
        .identify(person, organization, role)
        .map_err(|refused| {
            failure(
                Code::PermissionDenied,
                refused.reason,
                &refused.en,
                &refused.zh,
            )
        })?;
    Ok(Actor::person(person, organization, role))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Status> {
    let value = headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if value.is_empty() {
        return Err(failure(
            Code::Unauthenticated,
            "ACTOR_MISSING",
            &format!("the metadata {name} must say who acts"),
            &format!("请求元数据缺少 {name}，无法确定操作人"),
        ));
    }
    Ok(value)
}
