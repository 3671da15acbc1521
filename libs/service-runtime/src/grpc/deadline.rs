//! Deadlines: a call that runs out of time ends with DEADLINE_EXCEEDED, stream or not.
//!
//! tonic's own time-out answers CANCELLED and never ends a stream that has begun. It cannot be
//! switched off, so this layer, inside it, is a little earlier.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use tokio::time::{Instant, Sleep};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::status::failure;

/// What a call gets if it names no deadline itself; streams then have none.
const DEFAULT: Duration = Duration::from_mins(1);
/// How much earlier than tonic's own time-out.
const EARLIER: Duration = Duration::from_millis(5);

#[derive(Clone)]
pub(super) struct DeadlineLayer;

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> DeadlineService<S> {
        DeadlineService { inner }
    }
}

#[derive(Clone)]
pub(super) struct DeadlineService<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for DeadlineService<S>
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

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = asked_for(request.headers());
        let until = Instant::now() + asked.map_or(DEFAULT, |asked| asked.saturating_sub(EARLIER));
        let answer = self.inner.call(request);
        async move {
            match tokio::time::timeout_at(until, answer).await {
                Err(_) => Ok(exceeded().into_http()),
                Ok(Ok(response)) if asked.is_some() => {
                    Ok(response.map(|body| Body::new(Limited::new(body, until))))
                }
                Ok(answered) => answered,
            }
        }
        .boxed()
    }
}

/// The `grpc-timeout` header: up to 8 digits and a unit (gRPC over HTTP/2, "Timeout").
fn asked_for(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

fn exceeded() -> Status {
    failure(
        Code::DeadlineExceeded,
        "DEADLINE_EXCEEDED",
        "the call ran out of the time it gave itself",
        "调用超过其设定的时限",
    )
}

/// A response body that ends with DEADLINE_EXCEEDED when its time is up.
struct Limited {
    body: Body,
    up: Pin<Box<Sleep>>,
    ended: bool,
}

impl Limited {
    fn new(body: Body, until: Instant) -> Self {
        Self {
            body,
            up: Box::pin(tokio::time::sleep_until(until)),
            ended: false,
        }
    }
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if self.up.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.ended = true;
        let mut trailers = HeaderMap::new();
        let added = exceeded().add_header(&mut trailers);
        Poll::Ready(Some(added.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_answers_ends_with_deadline_exceeded_asked_for_or_not() {
        use tower::ServiceExt;
        for (header, within) in [(Some("300m"), Duration::from_millis(300)), (None, DEFAULT)] {
            let never = tower::service_fn(|_: Request<Body>| {
                std::future::pending::<Result<Response<Body>, std::convert::Infallible>>()
            });
            let mut request = Request::new(Body::empty());
            if let Some(header) = header {
                request
                    .headers_mut()
                    .insert("grpc-timeout", header.parse().unwrap());
            }
            let before = Instant::now();
            let response = DeadlineLayer.layer(never).oneshot(request).await.unwrap();
            assert_eq!(response.headers()["grpc-status"], "4");
            assert!(before.elapsed() <= within);
        }
    }

    #[test]
    fn the_timeout_header_is_read_as_grpc_writes_it() {
        let with = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            asked_for(&headers)
        };
        assert_eq!(with("250m"), Some(Duration::from_millis(250)));
        assert_eq!(with("2S"), Some(Duration::from_secs(2)));
        for bad in ["", "S", "xS", "123456789S", "5s"] {
            assert_eq!(with(bad), None, "{bad}");
        }
    }
}
