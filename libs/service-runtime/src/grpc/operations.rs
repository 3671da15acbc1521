//! The operators' service: parked cases and progress of everything in this process.

use std::sync::Arc;

use eventsourcing::{Actor, Region};
use proto::operations::v1 as pb;
use proto::operations::v1::operations_service_server::OperationsService;
use tokio::sync::oneshot;
use tonic::{Code, Request, Response, Status};

use super::fields::{field, required};
use super::status::{failure, internal};
use crate::parked::{Operation, ParkedEvent, ParkedOutcome, list_parked};
use crate::service::Running;

/// The role that may look at and decide about parked cases.
const OPERATOR: &str = "Administrator";

pub(super) struct Operations {
    pub(super) services: Arc<Vec<Arc<Running>>>,
}

#[tonic::async_trait]
impl OperationsService for Operations {
    async fn list_parked(
        &self,
        request: Request<pb::ListParkedRequest>,
    ) -> Result<Response<pb::ListParkedResponse>, Status> {
        operator(&request)?;
        let mut cases = Vec::new();
        for service in self.services.iter() {
            let events = list_parked(&service.rows).map_err(|error| internal(&error))?;
            // Sorted by policy and case: neighbours belong together.
            for of_case in events.chunk_by(|a, b| (&a.policy, &a.case) == (&b.policy, &b.case)) {
                cases.push(parked_case(service, of_case));
            }
        }
        Ok(Response::new(pb::ListParkedResponse { cases }))
    }

    async fn retry_parked(
        &self,
        request: Request<pb::RetryParkedRequest>,
    ) -> Result<Response<pb::RetryParkedResponse>, Status> {
        operator(&request)?;
        let request = request.into_inner();
        let case = request.case_id;
        let outcome = self
            .ask(&request.region, &request.policy, |answer| {
                Operation::Retry { case, answer }
            })
            .await?;
        Ok(Response::new(pb::RetryParkedResponse {
            done: count(outcome.done),
            still_parked: outcome.still_parked.unwrap_or_default(),
        }))
    }

    async fn skip_parked(
        &self,
        request: Request<pb::SkipParkedRequest>,
    ) -> Result<Response<pb::SkipParkedResponse>, Status> {
        let by = operator(&request)?;
        let request = request.into_inner();
        let reason = required("reason", &request.reason, 200)?.to_owned();
        let case = request.case_id;
        let outcome = self
            .ask(&request.region, &request.policy, |answer| Operation::Skip {
                case,
                by,
                reason,
                answer,
            })
            .await?;
        Ok(Response::new(pb::SkipParkedResponse {
            done: count(outcome.done),
            still_parked: outcome.still_parked.unwrap_or_default(),
        }))
    }

    async fn list_progress(
        &self,
        request: Request<pb::ListProgressRequest>,
    ) -> Result<Response<pb::ListProgressResponse>, Status> {
        operator(&request)?;
        let runners = self.services.iter().flat_map(|service| {
            service
                .progress
                .all()
                .into_iter()
                .map(|(runner, log, position)| pb::RunnerProgress {
                    region: service.region.to_string(),
                    service: service.name.to_owned(),
                    runner,
                    log: log.to_string(),
                    position: position.0,
                })
        });
        Ok(Response::new(pb::ListProgressResponse {
            runners: runners.collect(),
        }))
    }
}

impl Operations {
    async fn ask(
        &self,
        region: &str,
        policy: &str,
        operation: impl FnOnce(oneshot::Sender<ParkedOutcome>) -> Operation,
    ) -> Result<ParkedOutcome, Status> {
        let region: Region = field("region", region)?;
        let runner = self
            .services
            .iter()
            .filter(|service| service.region == region)
            .flat_map(|service| &service.operations)
            .find(|(name, _)| *name == policy)
            .map(|(_, runner)| runner)
            .ok_or_else(|| {
                failure(
                    Code::NotFound,
                    "NO_SUCH_POLICY",
                    "no such policy runs here",
                    "此处没有该策略",
                )
            })?;
        let (answer, answered) = oneshot::channel();
        let stopping = || {
            failure(
                Code::Unavailable,
                "STOPPING",
                "the service is stopping",
                "服务即将停止",
            )
        };
        runner
            .send(operation(answer))
            .await
            .map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())
    }
}

fn operator<T>(request: &Request<T>) -> Result<Actor, Status> {
    match request.extensions().get::<Actor>() {
        Some(actor @ Actor::Person { role, .. }) if role == OPERATOR => Ok(actor.clone()),
        _ => Err(failure(
            Code::PermissionDenied,
            "NOT_AN_OPERATOR",
            "only an administrator may do this",
            "仅管理员可执行此操作",
        )),
    }
}

fn parked_case(service: &Running, events: &[ParkedEvent]) -> pb::ParkedCase {
    let first = &events[0];
    pb::ParkedCase {
        region: service.region.to_string(),
        service: service.name.to_owned(),
        policy: first.policy.clone(),
        case_id: first.case.clone(),
        event: format!("{}@{}", first.log, first.position),
        event_type: first.event_type.clone(),
        recorded_at: Some(prost_types::Timestamp {
            seconds: first.recorded_at.as_second(),
            nanos: first.recorded_at.subsec_nanosecond(),
        }),
        cause: first.cause.clone(),
        waiting: count(events.len()),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
