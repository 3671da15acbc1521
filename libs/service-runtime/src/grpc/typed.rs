//! Every failure leaves as ours do: with a reason for programs and a sentence in both languages.
//!
//! tonic answers what it cannot read itself with a bare status, and lets a panic close the connection.
//! This layer, outside all others, gives the first its details and turns the second into INTERNAL.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::status::{failure, internal};

#[derive(Clone)]
pub(super) struct TypedLayer;

impl<S> Layer<S> for TypedLayer {
    type Service = TypedService<S>;

    fn layer(&self, inner: S) -> TypedService<S> {
        TypedService { inner }
    }
}

#[derive(Clone)]
pub(super) struct TypedService<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for TypedService<S>
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
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        async move {
            match answer.await {
                Ok(answered) => answered.map(typed),
                Err(panic) => Ok(panicked(panic.as_ref()).into_http()),
            }
        }
        .boxed()
    }
}

/// Whether a response is gRPC's; `/metrics` is not.
pub(super) fn is_grpc(response: &Response<Body>) -> bool {
    let kind = response.headers().get(http::header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

fn typed(mut response: Response<Body>) -> Response<Body> {
    if !is_grpc(&response) {
        return response;
    }
    type_status(response.headers_mut());
    response.map(|body| Body::new(Typed { body, ended: false }))
}

/// Gives a bare status in headers or trailers its details.
fn type_status(headers: &mut HeaderMap) {
    let Some(bare) = Status::from_header_map(headers) else {
        return;
    };
    if bare.code() == Code::Ok || !bare.details().is_empty() {
        return;
    }
    headers.remove("grpc-status");
    headers.remove("grpc-message");
    if let Err(error) = told(&bare).add_header(headers) {
        tracing::error!(%error, "a status could not be written");
    }
}

/// What tonic says of a request that never came to a handler, in our words: its own may repeat what
/// the caller sent.
fn told(bare: &Status) -> Status {
    match bare.code() {
        Code::OutOfRange if bare.message().contains("decoded message length too large") => failure(
            Code::InvalidArgument,
            "REQUEST_TOO_LARGE",
            "the request is larger than any request may be (1 MiB)",
            "请求超过 1 MiB 上限",
        ),
        Code::OutOfRange => internal(bare),
        Code::Internal => failure(
            Code::InvalidArgument,
            "REQUEST_MALFORMED",
            "the request cannot be read: it is not the message that this method takes",
            "请求无法解析：不是该方法所要求的消息",
        ),
        Code::Unimplemented => failure(
            Code::Unimplemented,
            "UNIMPLEMENTED",
            "the server has no such method, or does not read this encoding",
            "服务没有该方法，或不支持该编码",
        ),
        code => failure(
            code,
            code_name(code),
            &format!("the call failed: {}", code.description()),
            "调用失败",
        ),
    }
}

/// The code as gRPC writes it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// A bug of ours. What the panic says stays where the panic hook has written it.
fn panicked(_panic: &(dyn Any + Send)) -> Status {
    metrics::counter!("liandong_handler_panics_total").increment(1);
    internal(&"a handler panicked")
}

/// A response body whose trailers are typed, and which ends when it panics.
struct Typed {
    body: Body,
    ended: bool,
}

impl http_body::Body for Typed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let body = &mut self.body;
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(cx)));
        let polled = match polled {
            Ok(polled) => polled,
            Err(panic) => {
                self.ended = true;
                let mut trailers = HeaderMap::new();
                let added = panicked(panic.as_ref()).add_header(&mut trailers);
                Poll::Ready(Some(added.map(|()| Frame::trailers(trailers))))
            }
        };
        polled.map_ok(|frame| match frame.into_trailers() {
            Ok(mut trailers) => {
                type_status(&mut trailers);
                Frame::trailers(trailers)
            }
            Err(other) => other,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tonic_types::StatusExt;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_answers_internal_and_says_nothing_of_it() {
        let panics = tower::service_fn(|request: Request<Body>| async move {
            assert!(request.uri().path().is_empty(), "王小明");
            Ok::<_, Infallible>(Response::new(Body::empty()))
        });
        let answer = TypedLayer
            .layer(panics)
            .oneshot(Request::new(Body::empty()));
        let answer = answer.await.unwrap();
        let status = Status::from_header_map(answer.headers()).unwrap();
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("王小明"));
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "INTERNAL");
    }

    #[test]
    fn a_status_with_details_stays_as_it_is_and_a_bare_one_gets_its_own() {
        let ours = failure(Code::Internal, "OURS", "ours", "我们的");
        let bare = Status::internal("failed to decode: 王小明");
        for (status, reason) in [(ours, "OURS"), (bare, "REQUEST_MALFORMED")] {
            let mut headers = HeaderMap::new();
            status.add_header(&mut headers).unwrap();
            type_status(&mut headers);
            let typed = Status::from_header_map(&headers).unwrap();
            assert!(!typed.message().contains("王小明"));
            let details = typed.get_error_details();
            assert_eq!(details.error_info().unwrap().reason, reason);
            assert!(details.localized_message().is_some());
        }
    }
}
