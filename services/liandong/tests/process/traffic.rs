//! Calls to the program made from its contract, and everything that comes back.

use std::collections::BTreeSet;
use std::time::Duration;

use prost::Message;
use proto::intake::v1::RecordContactResponse;
use proto::types::v1::CommandResult;
use protox::prost_reflect::{DescriptorPool, MethodDescriptor};
use serde_json::{Value, json};
use tonic::{Code, Request, Status};

use crate::marks::MARK;
use crate::messages::{Bytes, methods, request};
use crate::program::{CENTRAL, QINGDAO, Regions, SHANGHAI};

/// How long what was done before may take to arrive elsewhere.
pub(crate) const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

/// Where people call, and as whom.
pub(crate) type Who = (&'static str, &'static str, &'static str);
pub(crate) const SH_WORKER: Who = (SHANGHAI, "sh-worker", "Worker");
pub(crate) const SH_SUPERVISOR: Who = (SHANGHAI, "sh-supervisor", "Supervisor");
pub(crate) const QD_WORKER: Who = (QINGDAO, "qd-worker", "Worker");
pub(crate) const QD_AUTHORISED: Who = (QINGDAO, "qd-authorised", "Authorised");
pub(crate) const CENTRAL_WORKER: Who = (CENTRAL, "central-duty", "Worker");
pub(crate) const AUDITORS: [Who; 3] = [
    (SHANGHAI, "sh-auditor", "Auditor"),
    (CENTRAL, "central-auditor", "Auditor"),
    (QINGDAO, "qd-auditor", "Auditor"),
];

/// What was sent and what came back.
pub(crate) struct Traffic {
    pub(crate) contract: DescriptorPool,
    pub(crate) regions: Regions,
    /// The redacted fields of the commands that were recorded.
    pub(crate) marked: BTreeSet<String>,
    /// Commands that were not recorded, and why.
    pub(crate) refused: Vec<String>,
    /// Everything that came back, by what it answered.
    pub(crate) answers: Vec<(String, Vec<u8>)>,
}

impl Traffic {
    pub(crate) fn method(&self, name: &str) -> MethodDescriptor {
        let mut all = methods(&self.contract).into_iter();
        let found = all.find(|method| method.name() == name);
        found.unwrap_or_else(|| panic!("the contract has no {name}"))
    }

    /// Sends a request, with marks in its metadata, too; keeps whatever comes back.
    pub(crate) async fn call(
        &mut self,
        (region, worker, role): Who,
        method: &MethodDescriptor,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, Status> {
        let caller = self.regions.caller(worker, role);
        let mut request: Request<Vec<u8>> = caller.request(message);
        for key in ["traceparent", "tracestate", "x-note", "user-comment"] {
            request.metadata_mut().insert(key, MARK.parse().unwrap());
        }
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let mut client = tonic::client::Grpc::new(self.regions.node(region));
        client.ready().await.unwrap();
        let path = path.parse().unwrap();
        let answer = if method.is_server_streaming() {
            let opened = client.server_streaming(request, path, Bytes).await;
            match opened {
                Ok(opened) => {
                    let message = opened.into_inner().message().await;
                    message.map(Option::unwrap_or_default)
                }
                Err(status) => Err(status),
            }
        } else {
            let answer = client.unary(request, path, Bytes).await;
            answer.map(tonic::Response::into_inner)
        };
        let kept = match &answer {
            Ok(bytes) => bytes.clone(),
            Err(status) => format!(
                "{status:?} {} {:?}",
                String::from_utf8_lossy(status.details()),
                status.metadata()
            )
            .into_bytes(),
        };
        // What the keys service opens for whom it may is the one place where a text comes back.
        if method.name() != "OpenText" || answer.is_err() {
            self.answers
                .push((format!("{region} {}", method.name()), kept));
        }
        answer
    }

    /// A command that is recorded, at the latest when what it needs has arrived.
    pub(crate) async fn command(&mut self, who: Who, name: &str, said: Value) -> CommandResult {
        let method = self.method(name);
        let mut marked = BTreeSet::new();
        let message = request(&method.input(), &said, &mut marked);
        let message = message.encode_to_vec();
        let began = std::time::Instant::now();
        let answer = loop {
            match self.call(who, &method, message.clone()).await {
                Ok(answer) => break answer,
                Err(status) => {
                    let waits = matches!(
                        status.code(),
                        // Who leads a team is known once it stands.
                        Code::NotFound | Code::FailedPrecondition | Code::PermissionDenied
                    );
                    if !waits || began.elapsed() > ARRIVES_WITHIN {
                        self.refused.push(format!("{name}: {status:?}"));
                        return CommandResult::default();
                    }
                    tokio::task::yield_now().await;
                }
            }
        };
        self.marked.append(&mut marked);
        // Every response has its result in the same place.
        let answer = RecordContactResponse::decode(answer.as_slice()).unwrap();
        answer.result.unwrap()
    }

    pub(crate) async fn query(&mut self, who: Who, name: &str, said: Value) -> Vec<u8> {
        let method = self.method(name);
        let message = request(&method.input(), &said, &mut BTreeSet::new());
        let answer = self.call(who, &method, message.encode_to_vec()).await;
        answer.unwrap_or_else(|status| panic!("{name}: {status:?}"))
    }

    pub(crate) fn party(&self, code: &str) -> Value {
        let (organization, desk) = self.regions.desk(code);
        json!({ "organization_id": organization, "desk_id": desk })
    }
}
