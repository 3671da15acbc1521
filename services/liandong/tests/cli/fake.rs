//! Services that answer what a test has written down, so that each answer can be awaited.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures::{Stream, StreamExt};
use proto::operations::v1 as operations;
use proto::operations::v1::operations_service_server::{
    OperationsService, OperationsServiceServer,
};
use proto::timeline::v1 as timeline;
use proto::timeline::v1::timeline_service_server::{TimelineService, TimelineServiceServer};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// What the services answer, and what they were asked.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) cases: Vec<timeline::CaseSummary>,
    pub(crate) entries: Vec<timeline::Entry>,
    pub(crate) replay: timeline::ReplayCaseResponse,
    /// One list a call: what is sent, and how it ends (`None`: it stays open).
    pub(crate) watches: VecDeque<(Vec<timeline::WatchTimelineResponse>, Option<Status>)>,
    pub(crate) parked: Vec<operations::ParkedCase>,
    pub(crate) still_parked: String,
    /// The requests, as text, with the metadata's role.
    pub(crate) asked: Vec<String>,
}

#[derive(Clone)]
struct Fake(Arc<Mutex<Script>>);

impl Fake {
    /// Takes down the request and looks at the script.
    fn answer<Q: std::fmt::Debug, A>(
        &self,
        request: Request<Q>,
        answer: impl FnOnce(&mut Script, Q) -> Result<A, Status>,
    ) -> Result<Response<A>, Status> {
        let role = request.metadata().get("liandong-role").cloned();
        let role = role.map(|role| role.to_str().unwrap().to_owned());
        let request = request.into_inner();
        let mut script = self.0.lock().unwrap();
        script.asked.push(format!("{} {request:?}", role.unwrap()));
        answer(&mut script, request).map(Response::new)
    }
}

/// Runs `test` beside the fake services; it gets their address and the script.
pub(crate) fn with_services<F: Future<Output = ()>>(
    script: Script,
    test: impl FnOnce(String, Arc<Mutex<Script>>) -> F,
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let script = Arc::new(Mutex::new(script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Fake(Arc::clone(&script));
        let server = tonic::transport::Server::builder()
            .add_service(TimelineServiceServer::new(fake.clone()))
            .add_service(OperationsServiceServer::new(fake))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::select! {
            served = server => panic!("the fake services ended: {served:?}"),
            () = test(url, script) => {}
        }
    });
}

/// Runs the program beside them.
pub(crate) async fn run(args: Vec<String>) -> crate::program::Done {
    let run = move || crate::program::run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// The arguments, with the address and a worker to act as.
pub(crate) fn at(url: &str, worker: &str, args: &[&str]) -> Vec<String> {
    let all = [args, &["--url", url, "--as", worker]].concat();
    all.into_iter().map(str::to_owned).collect()
}

#[tonic::async_trait]
impl TimelineService for Fake {
    async fn get_timeline(
        &self,
        request: Request<timeline::GetTimelineRequest>,
    ) -> Result<Response<timeline::GetTimelineResponse>, Status> {
        self.answer(request, |script, asked| {
            // One entry a page: a client that does not page misses the rest.
            let at: usize = asked.page_token.parse().unwrap_or(0);
            let next = at + 1;
            Ok(timeline::GetTimelineResponse {
                entries: script.entries.get(at).cloned().into_iter().collect(),
                next_page_token: if next < script.entries.len() {
                    next.to_string()
                } else {
                    String::new()
                },
            })
        })
    }

    type WatchTimelineStream =
        Pin<Box<dyn Stream<Item = Result<timeline::WatchTimelineResponse, Status>> + Send>>;

    async fn watch_timeline(
        &self,
        request: Request<timeline::WatchTimelineRequest>,
    ) -> Result<Response<Self::WatchTimelineStream>, Status> {
        self.answer(request, |script, _| {
            let (messages, end) = script.watches.pop_front().unwrap_or_default();
            let messages = futures::stream::iter(messages.into_iter().map(Ok));
            let stream: Self::WatchTimelineStream = match end {
                Some(status) => messages.chain(futures::stream::iter([Err(status)])).boxed(),
                None => messages.chain(futures::stream::pending()).boxed(),
            };
            Ok(stream)
        })
    }

    async fn replay_case(
        &self,
        request: Request<timeline::ReplayCaseRequest>,
    ) -> Result<Response<timeline::ReplayCaseResponse>, Status> {
        self.answer(request, |script, _| Ok(script.replay.clone()))
    }

    async fn get_case(
        &self,
        request: Request<timeline::GetCaseRequest>,
    ) -> Result<Response<timeline::GetCaseResponse>, Status> {
        self.answer(request, |script, asked| {
            let case = script
                .cases
                .iter()
                .find(|case| case.case_id == asked.case_id);
            let case = case.cloned().ok_or_else(|| {
                service_runtime::grpc::failure(
                    tonic::Code::NotFound,
                    "CASE_UNKNOWN",
                    "no event of this case is known here",
                    "此处没有该个案的任何记录",
                )
            })?;
            Ok(timeline::GetCaseResponse { case: Some(case) })
        })
    }

    async fn list_cases(
        &self,
        request: Request<timeline::ListCasesRequest>,
    ) -> Result<Response<timeline::ListCasesResponse>, Status> {
        self.answer(request, |script, asked| {
            let at: usize = asked.page_token.parse().unwrap_or(0);
            let next = at + 1;
            Ok(timeline::ListCasesResponse {
                cases: script.cases.get(at).cloned().into_iter().collect(),
                next_page_token: if next < script.cases.len() {
                    next.to_string()
                } else {
                    String::new()
                },
            })
        })
    }

    async fn verify_case(
        &self,
        _: Request<timeline::VerifyCaseRequest>,
    ) -> Result<Response<timeline::VerifyCaseResponse>, Status> {
        Err(Status::unimplemented("the program does not ask for this"))
    }

    async fn verify_log(
        &self,
        _: Request<timeline::VerifyLogRequest>,
    ) -> Result<Response<timeline::VerifyLogResponse>, Status> {
        Err(Status::unimplemented("the program does not ask for this"))
    }
}

#[tonic::async_trait]
impl OperationsService for Fake {
    async fn list_parked(
        &self,
        request: Request<operations::ListParkedRequest>,
    ) -> Result<Response<operations::ListParkedResponse>, Status> {
        self.answer(request, |script, _| {
            Ok(operations::ListParkedResponse {
                cases: script.parked.clone(),
                next_page_token: String::new(),
            })
        })
    }

    async fn retry_parked(
        &self,
        request: Request<operations::RetryParkedRequest>,
    ) -> Result<Response<operations::RetryParkedResponse>, Status> {
        self.answer(request, |script, _| {
            Ok(operations::RetryParkedResponse {
                done: 2,
                still_parked: script.still_parked.clone(),
            })
        })
    }

    async fn skip_parked(
        &self,
        request: Request<operations::SkipParkedRequest>,
    ) -> Result<Response<operations::SkipParkedResponse>, Status> {
        self.answer(request, |script, _| {
            Ok(operations::SkipParkedResponse {
                done: 1,
                still_parked: script.still_parked.clone(),
            })
        })
    }

    async fn list_progress(
        &self,
        _: Request<operations::ListProgressRequest>,
    ) -> Result<Response<operations::ListProgressResponse>, Status> {
        Err(Status::unimplemented("the program does not ask for this"))
    }
}
