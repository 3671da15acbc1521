//! The gRPC side: requests become commands for the case's team, rows become messages.

mod messages;

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::acting::Acting;
use domain::caseteam::{
    CaseTeam, Place, TRANSITIONS, TaskKind, TaskOrder, TeamCommand, TeamCommandKind, TeamRejection,
};
use domain::directory::Worker;
use domain::ids::{CaseId, OrganizationId, TaskId, WorkerId};
use domain::sealed::{PersonRole, Sealed, SealedClass, Text};
use eventsourcing::{
    Aggregate, Answer, CommandError, CommandHandler, ProjectionStore, Region, RequestContext,
    ScopedId, StreamId, Version, fold,
};
use node::sealing::seal;
use proto::caseteam::v1 as pb;
use proto::caseteam::v1::case_team_service_server::CaseTeamService;
use service_runtime::grpc::{
    Gate, failure, field, not_shown, optional, page_size, refused, rejected, required, term,
    timestamp,
};
use tonic::{Code, Request, Response, Status};
use vault::{Sealer, SealingPlace};

use crate::projection;

/// Characters of a note.
const LONGEST_NOTE: usize = 4000;

pub(crate) struct CaseTeamApi {
    pub(crate) region: Region,
    pub(crate) gate: Gate,
    pub(crate) commands: CommandHandler,
    pub(crate) directory: Arc<DirectoryView>,
    pub(crate) sealer: Sealer,
    pub(crate) rows: Arc<dyn ProjectionStore>,
}

#[tonic::async_trait]
impl CaseTeamService for CaseTeamApi {
    async fn seat_member(
        &self,
        request: Request<pb::SeatMemberRequest>,
    ) -> Result<Response<pb::SeatMemberResponse>, Status> {
        let give = async |call: RequestContext, request: pb::SeatMemberRequest| {
            let case = field("case_id", &request.case_id)?;
            let seat = messages::seat(request.seat)?;
            let in_directory = self.knows(seat.organization, seat.worker);
            let command = TeamCommand::SeatMember { seat, in_directory };
            self.decide(case, call, command).await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn remove_member(
        &self,
        request: Request<pb::RemoveMemberRequest>,
    ) -> Result<Response<pb::RemoveMemberResponse>, Status> {
        let give = async |call: RequestContext, request: pb::RemoveMemberRequest| {
            let case = field("case_id", &request.case_id)?;
            let seat = messages::seat(request.seat)?;
            let reason = term::<pb::RemovalReason, _>("reason", request.reason)?;
            self.may(case, &call, TeamCommandKind::RemoveMember).await?;
            let note = self.note(case, "MemberRemoved", &request.note).await?;
            let command = TeamCommand::RemoveMember { seat, reason, note };
            self.decide(case, call, command).await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn add_task(
        &self,
        request: Request<pb::AddTaskRequest>,
    ) -> Result<Response<pb::AddTaskResponse>, Status> {
        let give = async |call: RequestContext, request: pb::AddTaskRequest| {
            let case = field("case_id", &request.case_id)?;
            let kind = term::<pb::TaskKind, _>("kind", request.kind)?;
            if kind == TaskKind::Other {
                required("note", &request.note, LONGEST_NOTE)?;
            }
            let owner = field("owner_organization_id", &request.owner_organization_id)?;
            let worker = optional("owner_worker_id", &request.owner_worker_id)?;
            let due_at = timestamp("due_at", request.due_at.as_ref())?;
            self.may(case, &call, TeamCommandKind::AddTask).await?;
            let order = TaskOrder {
                task: TaskId(ScopedId::new(self.region, call.id)),
                kind,
                owner,
                worker,
                due_at,
                note: self.note(case, "TaskAdded", &request.note).await?,
            };
            let in_directory = self.knows(owner, worker);
            let command = TeamCommand::AddTask {
                order,
                in_directory,
            };
            self.decide(case, call, command).await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn complete_task(
        &self,
        request: Request<pb::CompleteTaskRequest>,
    ) -> Result<Response<pb::CompleteTaskResponse>, Status> {
        let give = async |call: RequestContext, request: pb::CompleteTaskRequest| {
            let case = field("case_id", &request.case_id)?;
            let task = field("task_id", &request.task_id)?;
            self.may(case, &call, TeamCommandKind::CompleteTask).await?;
            let evidence = self.sealed(case, "TaskDone", "evidence", &request.evidence);
            let evidence = evidence.await?;
            let command = TeamCommand::CompleteTask { task, evidence };
            self.decide(case, call, command).await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn cancel_task(
        &self,
        request: Request<pb::CancelTaskRequest>,
    ) -> Result<Response<pb::CancelTaskResponse>, Status> {
        let give = async |call: RequestContext, request: pb::CancelTaskRequest| {
            let case = field("case_id", &request.case_id)?;
            let task = field("task_id", &request.task_id)?;
            let reason = term::<pb::TaskCancelReason, _>("reason", request.reason)?;
            self.may(case, &call, TeamCommandKind::CancelTask).await?;
            let note = self.note(case, "TaskCancelled", &request.note).await?;
            let command = TeamCommand::CancelTask { task, reason, note };
            self.decide(case, call, command).await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn get_team(
        &self,
        request: Request<pb::GetTeamRequest>,
    ) -> Result<Response<pb::GetTeamResponse>, Status> {
        let actor = self.gate.actor(&request)?;
        let request = request.into_inner();
        let case: CaseId = field("case_id", &request.case_id)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let id = case.team_in(self.region);
        let row =
            projection::team(&self.rows, id).map_err(|error| self.gate.store_failed(&error))?;
        let place = row.as_ref().map(|row| row.team.place(&actor));
        if !Acting::is_auditor(&actor) && place.is_none_or(|place| place == Place::Outsider) {
            return Err(outsider());
        }
        let message = row.and_then(|row| messages::team(id, &row));
        message.map(Response::new).ok_or_else(|| {
            let en = "no team has formed for this case here";
            failure(Code::NotFound, "NO_TEAM", en, "本地尚未为该个案组建团队")
        })
    }

    async fn list_tasks(
        &self,
        request: Request<pb::ListTasksRequest>,
    ) -> Result<Response<pb::ListTasksResponse>, Status> {
        let actor = self.gate.actor(&request)?;
        let request = request.into_inner();
        let owner: OrganizationId = field("organization_id", &request.organization_id)?;
        let size = page_size(request.page_size)?;
        if !Acting::is_auditor(&actor)
            && Acting::of(&actor).is_none_or(|who| who.organization != owner)
        {
            return Err(outsider());
        }
        self.gate.wait_for(&request.consistency_token).await?;
        let mut page = projection::tasks_of(&self.rows, owner, &request.page_token, size + 1)
            .map_err(|error| self.gate.store_failed(&error))?;
        let more = page.len() > size;
        page.truncate(size);
        let last = page.last().filter(|_| more);
        let next_page_token = last.map_or_else(String::new, |(token, _)| token.clone());
        let tasks = page
            .iter()
            .map(|(_, task)| messages::owned_task(task))
            .collect();
        Ok(Response::new(pb::ListTasksResponse {
            tasks,
            next_page_token,
        }))
    }
}

impl CaseTeamApi {
    /// Has the case's team here decide.
    async fn decide(
        &self,
        case: CaseId,
        mut call: RequestContext,
        command: TeamCommand,
    ) -> Result<Answer, Status> {
        call.case = Some(case.0);
        let id = case.team_in(self.region).0;
        let answer = self.commands.handle::<CaseTeam>(id, command, &call);
        answer.await.map_err(|error| refused(&error))
    }

    /// Whether the caller may, before anything is said of the case or sealed for it.
    async fn may(
        &self,
        case: CaseId,
        call: &RequestContext,
        kind: TeamCommandKind,
    ) -> Result<(), Status> {
        let stream = StreamId::new(CaseTeam::KIND, case.team_in(self.region).0);
        let history = self.commands.log().read(&stream, Version(1)).await;
        let history = history.map_err(|error| refused(&CommandError::from(error)))?;
        let team: CaseTeam = fold(&history).map_err(|error| refused(&CommandError::from(error)))?;
        let allowed = TRANSITIONS.allow(team.state(), kind, team.place(&call.actor));
        allowed.map_err(|not| rejected(&TeamRejection::from(not).into()))
    }

    /// Whether the directory knows the organization, and the worker (if one is meant) as working for it.
    fn knows(&self, organization: OrganizationId, worker: Option<WorkerId>) -> bool {
        let works_there = |worker| match self.directory.worker(worker) {
            Some(Worker::Working(enrolment)) => enrolment.organization == organization,
            _ => false,
        };
        self.directory.organization(organization).is_some() && worker.is_none_or(works_there)
    }

    /// A note that may be left out.
    async fn note(
        &self,
        case: CaseId,
        event: &'static str,
        text: &str,
    ) -> Result<Option<Sealed<Text>>, Status> {
        if text.is_empty() {
            return Ok(None);
        }
        self.sealed(case, event, "note", text).await.map(Some)
    }

    async fn sealed(
        &self,
        case: CaseId,
        event: &'static str,
        name: &'static str,
        text: &str,
    ) -> Result<Sealed<Text>, Status> {
        let place = SealingPlace {
            case,
            stream: StreamId::new(CaseTeam::KIND, case.team_in(self.region).0),
            event,
            field: name,
            role: PersonRole::Subject,
            class: SealedClass::Narrative,
        };
        seal(&self.sealer, &place, text, LONGEST_NOTE).await
    }
}

fn outsider() -> Status {
    not_shown(
        "only members, people of the organization concerned and auditors may see this",
        "仅团队成员、相关单位人员和审计员可以查看",
    )
}
