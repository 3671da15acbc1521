//! The directory's gRPC side: requests become commands, the view becomes answers.

mod own_log;
mod rules;
mod words;

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::directory::{
    DeskProfile, Enrolment, OrganizationKind, OrganizationProfile, RegionCommand, RegionEntry,
    RegionProfile, RuleBook, RuleBookCommand, Worker, WorkerCommand,
};
use domain::ids::{DeskId, OrganizationId, WorkerId};
use eventsourcing::{CommandHandler, Region, RequestContext, ScopedId};
use proto::directory::v1 as pb;
use proto::directory::v1::directory_service_server::DirectoryService;
use service_runtime::grpc::{Gate, Page, failure, field, optional, term, violation};
use tonic::{Code, Request, Response, Status};

pub(crate) struct DirectoryApi {
    pub(crate) gate: Gate,
    pub(crate) commands: CommandHandler,
    pub(crate) directory: Arc<DirectoryView>,
    pub(crate) region: Region,
    /// Held while a desk gets a worker or closes: what is looked up of the one must hold when the
    /// other is recorded, and they are two streams.
    pub(crate) desks: tokio::sync::Mutex<()>,
}

type Answered<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl DirectoryService for DirectoryApi {
    async fn register_region(
        &self,
        request: Request<pb::RegisterRegionRequest>,
    ) -> Answered<pb::RegisterRegionResponse> {
        let (call, request) = self.gate.command(request)?;
        let profile = RegionProfile {
            region: self.own("region", field("region", &request.region)?)?,
            name: words::name(request.name.as_ref())?,
        };
        let id = RegionEntry::id(self.region);
        let command = RegionCommand::Register(profile);
        self.gate.answer(
            self.commands
                .handle::<RegionEntry>(id, command, &call)
                .await,
        )
    }

    async fn register_organization(
        &self,
        request: Request<pb::RegisterOrganizationRequest>,
    ) -> Answered<pb::RegisterOrganizationResponse> {
        let (call, request) = self.gate.command(request)?;
        let id = self.derived(&call, "organization");
        let profile = OrganizationProfile {
            organization: OrganizationId(id),
            name: words::name(request.name.as_ref())?,
            level: term::<pb::Level, _>("level", request.level)?,
            kind: term::<pb::OrganizationKind, _>("kind", request.kind)?,
            parent: optional("parent_id", &request.parent_id)?,
        };
        self.gate.answer(self.register(profile, &call).await)
    }

    async fn open_desk(
        &self,
        request: Request<pb::OpenDeskRequest>,
    ) -> Answered<pb::OpenDeskResponse> {
        let (call, request) = self.gate.command(request)?;
        let profile = DeskProfile {
            desk: DeskId(self.derived(&call, "desk")),
            organization: field("organization_id", &request.organization_id)?,
            name: words::name(request.name.as_ref())?,
            lines: words::lines(request.lines)?,
        };
        self.gate.answer(self.open(profile, &call).await)
    }

    async fn close_desk(
        &self,
        request: Request<pb::CloseDeskRequest>,
    ) -> Answered<pb::CloseDeskResponse> {
        let (call, request) = self.gate.command(request)?;
        let desk: DeskId = field("desk_id", &request.desk_id)?;
        self.own("desk_id", desk.region())?;
        self.gate.answer(self.close(desk, &call).await)
    }

    async fn enrol_worker(
        &self,
        request: Request<pb::EnrolWorkerRequest>,
    ) -> Answered<pb::EnrolWorkerResponse> {
        let (call, request) = self.gate.command(request)?;
        let enrolment = Enrolment {
            worker: WorkerId(self.derived(&call, "worker")),
            organization: field("organization_id", &request.organization_id)?,
            desk: field("desk_id", &request.desk_id)?,
            roles: words::roles(&request.roles)?,
        };
        self.gate.answer(self.enrol(enrolment, &call).await)
    }

    async fn change_roles(
        &self,
        request: Request<pb::ChangeRolesRequest>,
    ) -> Answered<pb::ChangeRolesResponse> {
        let (call, request) = self.gate.command(request)?;
        let worker: WorkerId = field("worker_id", &request.worker_id)?;
        self.own("worker_id", worker.region())?;
        let roles = words::roles(&request.roles)?;
        let command = WorkerCommand::ChangeRoles { worker, roles };
        self.gate.answer(
            self.commands
                .handle::<Worker>(worker.0, command, &call)
                .await,
        )
    }

    async fn end_enrolment(
        &self,
        request: Request<pb::EndEnrolmentRequest>,
    ) -> Answered<pb::EndEnrolmentResponse> {
        let (call, request) = self.gate.command(request)?;
        let worker: WorkerId = field("worker_id", &request.worker_id)?;
        self.own("worker_id", worker.region())?;
        let command = WorkerCommand::Leave { worker };
        self.gate.answer(
            self.commands
                .handle::<Worker>(worker.0, command, &call)
                .await,
        )
    }

    async fn publish_rule_set(
        &self,
        request: Request<pb::PublishRuleSetRequest>,
    ) -> Answered<pb::PublishRuleSetResponse> {
        let (call, request) = self.gate.command(request)?;
        let command = RuleBookCommand::Publish {
            region: self.region,
            rules: Arc::new(rules::parse(request.rules)?),
        };
        let id = RuleBook::id(self.region).0;
        self.gate
            .answer(self.commands.handle::<RuleBook>(id, command, &call).await)
    }

    async fn list_regions(
        &self,
        request: Request<pb::ListRegionsRequest>,
    ) -> Answered<pb::ListRegionsResponse> {
        let request = self.query(request)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let regions = self.directory.regions();
        Ok(Response::new(pb::ListRegionsResponse {
            regions: regions.iter().map(words::region).collect(),
        }))
    }

    async fn get_organization(
        &self,
        request: Request<pb::GetOrganizationRequest>,
    ) -> Answered<pb::GetOrganizationResponse> {
        let request = self.query(request)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let id = field("organization_id", &request.organization_id)?;
        let known = self.directory.organization(id);
        let known = known.ok_or_else(|| unknown("UNKNOWN_ORGANIZATION", "organization", "组织"))?;
        Ok(Response::new(pb::GetOrganizationResponse {
            organization: Some(words::organization(&known)),
        }))
    }

    async fn list_organizations(
        &self,
        request: Request<pb::ListOrganizationsRequest>,
    ) -> Answered<pb::ListOrganizationsResponse> {
        let request = self.query(request)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let region = optional::<Region>("region", &request.region)?;
        let kind = (request.kind != pb::OrganizationKind::Unspecified as i32)
            .then(|| term::<pb::OrganizationKind, OrganizationKind>("kind", request.kind))
            .transpose()?;
        let page = Page::try_new(request.page_size, &request.page_token)?;
        let mut known = self.directory.organizations();
        known.retain(|known| region.is_none_or(|region| known.organization.region() == region));
        known.retain(|known| kind.is_none_or(|kind| known.kind == kind));
        let (known, next_page_token) = page.of(known, |known| known.organization.0);
        Ok(Response::new(pb::ListOrganizationsResponse {
            organizations: known.iter().map(words::organization).collect(),
            next_page_token,
        }))
    }

    async fn list_desks(
        &self,
        request: Request<pb::ListDesksRequest>,
    ) -> Answered<pb::ListDesksResponse> {
        let request = self.query(request)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let of = optional::<OrganizationId>("organization_id", &request.organization_id)?;
        let page = Page::try_new(request.page_size, &request.page_token)?;
        let mut known: Vec<_> = self
            .directory
            .desks()
            .iter()
            .filter_map(words::desk)
            .collect();
        known.retain(|(profile, _)| of.is_none_or(|of| profile.organization == of));
        let (known, next_page_token) = page.of(known, |(profile, _)| profile.desk.0);
        Ok(Response::new(pb::ListDesksResponse {
            desks: known.into_iter().map(|(_, desk)| desk).collect(),
            next_page_token,
        }))
    }

    async fn get_worker(
        &self,
        request: Request<pb::GetWorkerRequest>,
    ) -> Answered<pb::GetWorkerResponse> {
        let request = self.query(request)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let known = self
            .directory
            .worker(field("worker_id", &request.worker_id)?);
        let worker = known.as_ref().and_then(words::worker);
        let (_, worker) = worker.ok_or_else(|| unknown("UNKNOWN_WORKER", "worker", "工作人员"))?;
        Ok(Response::new(pb::GetWorkerResponse {
            worker: Some(worker),
        }))
    }

    async fn list_workers(
        &self,
        request: Request<pb::ListWorkersRequest>,
    ) -> Answered<pb::ListWorkersResponse> {
        let request = self.query(request)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let of: OrganizationId = field("organization_id", &request.organization_id)?;
        let page = Page::try_new(request.page_size, &request.page_token)?;
        let known = self.directory.workers();
        let mut known: Vec<_> = known.iter().filter_map(words::worker).collect();
        known.retain(|(enrolment, _)| enrolment.organization == of);
        let (known, next_page_token) = page.of(known, |(enrolment, _)| enrolment.worker.0);
        Ok(Response::new(pb::ListWorkersResponse {
            workers: known.into_iter().map(|(_, worker)| worker).collect(),
            next_page_token,
        }))
    }

    async fn get_rule_set(
        &self,
        request: Request<pb::GetRuleSetRequest>,
    ) -> Answered<pb::GetRuleSetResponse> {
        let request = self.query(request)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let known = self.directory.rules(field("region", &request.region)?);
        let known = known.ok_or_else(|| unknown("NO_RULES_IN_FORCE", "rule set", "规则集"))?;
        Ok(Response::new(pb::GetRuleSetResponse {
            rules: Some(rules::show(&known)),
        }))
    }
}

impl DirectoryApi {
    /// Everybody whom the directory knows may ask.
    fn query<T>(&self, request: Request<T>) -> Result<T, Status> {
        self.gate.actor(&request)?;
        Ok(request.into_inner())
    }

    fn derived(&self, call: &RequestContext, what: &str) -> ScopedId {
        ScopedId::derived(self.region, call.id, what)
    }

    /// Another region's directory is kept by that region's service.
    fn own(&self, field: &str, region: Region) -> Result<Region, Status> {
        if region == self.region {
            return Ok(region);
        }
        let own = self.region;
        Err(violation(
            field,
            format!("this is the directory of region {own}, not of {region}"),
            format!("本名录属于地区 {own}，不属于 {region}"),
        ))
    }
}

fn unknown(reason: &str, en: &str, zh: &str) -> Status {
    failure(
        Code::NotFound,
        reason,
        &format!("the directory has no such {en}"),
        &format!("名录中没有该{zh}"),
    )
}
