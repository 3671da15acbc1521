//! Deadlines: a call that runs out of time ends with DEADLINE_EXCEEDED, stream or not; and one that
//! is still open a moment after the server was told to stop ends with UNAVAILABLE.
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
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::status::failure;
use super::typed::is_grpc;

/// What a call gets if it names no deadline itself; streams then have none.
const DEFAULT: Duration = Duration::from_mins(1);
/// How much earlier than tonic's own time-out.
const EARLIER: Duration = Duration::from_millis(5);

/// How long an open call may go on once the server stops; watches end at once by themselves.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(super) struct DeadlineLayer {
    pub(super) stop: CancellationToken,
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> DeadlineService<S> {
        DeadlineService {
            inner,
            stop: self.stop.clone(),
        }
    }
}

#[derive(Clone)]
pub(super) struct DeadlineService<S> {
    inner: S,
    stop: CancellationToken,
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
        let stop = self.stop.clone();
        async move {
            let unary = ended(Some(until), stop.clone());
            let answered = tokio::select! {
                answered = answer => answered?,
                why = unary => return Ok(why.into_http()),
            };
            if !is_grpc(&answered) {
                return Ok(answered);
            }
            let stream = ended(asked.map(|_| until), stop);
            Ok(answered.map(|body| Body::new(Limited::new(body, stream))))
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

fn stopping() -> Status {
    failure(
        Code::Unavailable,
        "STOPPING",
        "the service is stopping: call again, elsewhere or later",
        "服务即将停止，请稍后重试",
    )
}

/// Resolves when a call must end, and says why.
async fn ended(until: Option<Instant>, stop: CancellationToken) -> Status {
    let up = async {
        match until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
    };
    let stopped = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = up => exceeded(),
        () = stopped => stopping(),
    }
}

/// A response body that ends with a status of ours when it must.
struct Limited {
    body: Body,
    end: BoxFuture<'static, Status>,
    ended: bool,
}

impl Limited {
    fn new(body: Body, end: impl Future<Output = Status> + Send + 'static) -> Self {
        Self {
            body,
            end: end.boxed(),
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
        // Asked first: a stream that always has more must end as well.
        let Poll::Ready(why) = self.end.as_mut().poll(cx) else {
            return Pin::new(&mut self.body).poll_frame(cx);
        };
        self.ended = true;
        let mut trailers = HeaderMap::new();
        let added = why.add_header(&mut trailers);
        Poll::Ready(Some(added.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::convert::Infallible;

    use http_body::Body as _;
    use tower::ServiceExt;

    fn call(timeout: Option<&str>) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        if let Some(timeout) = timeout {
            let headers = request.headers_mut();
            headers.insert("grpc-timeout", timeout.parse().unwrap());
        }
        request
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_answers_ends_with_deadline_exceeded_asked_for_or_not() {
        for (header, within) in [(Some("300m"), Duration::from_millis(300)), (None, DEFAULT)] {
            let never = tower::service_fn(|_: Request<Body>| {
                std::future::pending::<Result<Response<Body>, Infallible>>()
            });
            let layer = DeadlineLayer {
                stop: CancellationToken::new(),
            };
            let before = Instant::now();
            let response = layer.layer(never).oneshot(call(header)).await.unwrap();
            assert_eq!(response.headers()["grpc-status"], "4");
            assert!(before.elapsed() <= within);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_answers_ends_soon_after_the_stop() {
        let never = tower::service_fn(|_: Request<Body>| {
            std::future::pending::<Result<Response<Body>, Infallible>>()
        });
        let stop = CancellationToken::new();
        stop.cancel();
        let before = Instant::now();
        let layer = DeadlineLayer { stop };
        let response = layer.layer(never).oneshot(call(None)).await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "14");
        assert!(before.elapsed() <= GRACE + Duration::from_millis(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_by_its_deadline_though_it_always_has_more() {
        struct Endless;
        impl http_body::Body for Endless {
            type Data = Bytes;
            type Error = Status;

            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"more")))))
            }
        }
        let (until, stop) = (Instant::now(), CancellationToken::new());
        let mut body = Limited::new(Body::new(Endless), ended(Some(until), stop));
        tokio::time::advance(Duration::from_millis(5)).await;
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        let trailers = frame.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "4");
        assert!(body.is_end_stream());
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
