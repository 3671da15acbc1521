//! The operators' service: parked cases and progress of everything in this process.

use std::sync::Arc;

use eventsourcing::{Actor, Region, ScopedId, SkipReason};
use proto::operations::v1 as pb;
use proto::operations::v1::operations_service_server::OperationsService;
use tokio::sync::oneshot;
use tonic::{Code, Request, Response, Status};

use super::fields::{field, term};
use super::page::Page;
use super::status::{failure, internal};
use crate::parked::{Operation, ParkedEvent, ParkedOutcome, list_parked};
use crate::progress::Follower;
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
        let of = self.own(&request)?;
        let request = request.into_inner();
        let page = Page::try_new(request.page_size, &request.page_token)?;
        let mut cases = Vec::new();
        for service in of {
            let events = list_parked(&service.rows).map_err(|error| internal(&error))?;
            // Sorted by policy and case: neighbours belong together.
            for of_case in events.chunk_by(|a, b| (&a.policy, &a.case) == (&b.policy, &b.case)) {
                cases.push(parked_case(service, of_case));
            }
        }
        cases.sort_by_key(parked_key);
        let (cases, next_page_token) = page.of(cases, parked_key);
        Ok(Response::new(pb::ListParkedResponse {
            cases,
            next_page_token,
        }))
    }

    async fn retry_parked(
        &self,
        request: Request<pb::RetryParkedRequest>,
    ) -> Result<Response<pb::RetryParkedResponse>, Status> {
        let (_, of) = operator(&request)?;
        let request = request.into_inner();
        let case = request.case_id;
        let outcome = self
            .ask(of, &request.region, &request.policy, |answer| {
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
        let (by, of) = operator(&request)?;
        let request = request.into_inner();
        let reason = term::<pb::SkipReason, SkipReason>("reason", request.reason)?;
        let case = request.case_id;
        let outcome = self
            .ask(of, &request.region, &request.policy, |answer| {
                Operation::Skip {
                    case,
                    by,
                    reason,
                    answer,
                }
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
        let of = self.own(&request)?;
        let request = request.into_inner();
        let page = Page::try_new(request.page_size, &request.page_token)?;
        let all = of.into_iter().flat_map(|service| {
            let followers = service.progress.all().into_iter();
            followers.map(|follower| runner_progress(service, follower))
        });
        let mut runners: Vec<_> = all.collect();
        runners.sort_by_key(runner_key);
        let (runners, next_page_token) = page.of(runners, runner_key);
        Ok(Response::new(pb::ListProgressResponse {
            runners,
            next_page_token,
        }))
    }
}

impl Operations {
    /// The services of the operator's own region.
    fn own<T>(&self, request: &Request<T>) -> Result<Vec<&Arc<Running>>, Status> {
        let (_, region) = operator(request)?;
        let is_own = |service: &&Arc<Running>| service.region == region;
        let own: Vec<_> = self.services.iter().filter(is_own).collect();
        if own.is_empty() && !self.services.is_empty() {
            return Err(other_region());
        }
        Ok(own)
    }

    async fn ask(
        &self,
        of: Region,
        region: &str,
        policy: &str,
        operation: impl FnOnce(oneshot::Sender<ParkedOutcome>) -> Operation,
    ) -> Result<ParkedOutcome, Status> {
        let region: Region = field("region", region)?;
        if region != of {
            return Err(other_region());
        }
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

/// Who asks, and the region of the organization they act for.
fn operator<T>(request: &Request<T>) -> Result<(Actor, Region), Status> {
    let not_one = || {
        failure(
            Code::PermissionDenied,
            "NOT_AN_OPERATOR",
            "only an administrator may do this",
            "仅管理员可执行此操作",
        )
    };
    match request.extensions().get::<Actor>() {
        Some(
            actor @ Actor::Person {
                role, organization, ..
            },
        ) if role == OPERATOR => {
            let organization: ScopedId = organization.parse().map_err(|_| not_one())?;
            Ok((actor.clone(), organization.region))
        }
        _ => Err(not_one()),
    }
}

fn other_region() -> Status {
    failure(
        Code::PermissionDenied,
        "OTHER_REGION",
        "only an administrator of the region whose services these are may do this",
        "仅该地区所属单位的管理员可执行此操作",
    )
}

fn parked_key(case: &pb::ParkedCase) -> String {
    format!("{}/{}/{}", case.service, case.policy, case.case_id)
}

fn runner_key(of: &pb::RunnerProgress) -> String {
    format!("{}/{}/{}", of.service, of.runner, of.log)
}

fn runner_progress(service: &Running, follower: Follower) -> pb::RunnerProgress {
    pb::RunnerProgress {
        region: service.region.to_string(),
        service: service.name.to_owned(),
        runner: follower.runner,
        log: follower.log.to_string(),
        position: follower.position.0,
        caught_up: follower.caught_up,
        halted: follower.halted.unwrap_or_default(),
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
