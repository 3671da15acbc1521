//! The gRPC side: requests become commands for the case's plan, rows become messages.

mod messages;

use std::sync::Arc;

use domain::acting::Acting;
use domain::followup::{
    FollowUpPlan, Place, PlanCommand, PlanCommandKind, PlanRejection, Report, TRANSITIONS,
};
use domain::ids::{CaseId, OrganizationId};
use domain::sealed::{PersonRole, Sealed, SealedClass, Text};
use eventsourcing::{
    Aggregate, CommandError, CommandHandler, ProjectionStore, Region, RequestContext, StreamId,
    Version, fold,
};
use node::sealing::seal;
use proto::followup::v1 as pb;
use proto::followup::v1::follow_up_service_server::FollowUpService;
use service_runtime::grpc::{Gate, failure, field, not_shown, page_size, refused, rejected};
use tonic::{Code, Request, Response, Status};
use vault::{Sealer, SealingPlace};

use crate::projection;

/// Characters of a note.
const LONGEST_NOTE: usize = 4000;

pub(crate) struct FollowUpApi {
    pub(crate) region: Region,
    pub(crate) gate: Gate,
    pub(crate) commands: CommandHandler,
    pub(crate) sealer: Sealer,
    pub(crate) rows: Arc<dyn ProjectionStore>,
}

#[tonic::async_trait]
impl FollowUpService for FollowUpApi {
    async fn record_visit(
        &self,
        request: Request<pb::RecordVisitRequest>,
    ) -> Result<Response<pb::RecordVisitResponse>, Status> {
        let give = |mut call: RequestContext, request: pb::RecordVisitRequest| async move {
            let case: CaseId = field("case_id", &request.case_id)?;
            let report = messages::report(request.report)?;
            let event = match report {
                Report::TookPlace(_) => "VisitDone",
                Report::PutOff { .. } => "VisitRescheduled",
            };
            let visit = field("visit_id", &request.visit_id)?;
            self.may_report(case, &call).await?;
            let command = PlanCommand::RecordVisit {
                visit,
                report,
                note: self.note(case, event, &request.note).await?,
            };
            call.case = Some(case.0);
            let id = case.plan_in(self.region).0;
            let answer = self.commands.handle::<FollowUpPlan>(id, command, &call);
            answer.await.map_err(|error| refused(&error))
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn get_plan(
        &self,
        request: Request<pb::GetPlanRequest>,
    ) -> Result<Response<pb::GetPlanResponse>, Status> {
        let actor = self.gate.actor(&request)?;
        let request = request.into_inner();
        let case: CaseId = field("case_id", &request.case_id)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let id = case.plan_in(self.region);
        let row =
            projection::plan(&self.rows, id).map_err(|error| self.gate.store_failed(&error))?;
        let place = row.as_ref().map(|row| row.plan.place(&actor));
        if !Acting::is_auditor(&actor) && place != Some(Place::Unit) {
            return Err(outsider());
        }
        let message = row.and_then(|row| messages::plan(id, &row));
        message.map(Response::new).ok_or_else(|| {
            let en = "no follow-up plan has been opened for this case here";
            failure(
                Code::NotFound,
                "NO_PLAN",
                en,
                "本地尚未为该个案建立随访计划",
            )
        })
    }

    async fn list_owed_visits(
        &self,
        request: Request<pb::ListOwedVisitsRequest>,
    ) -> Result<Response<pb::ListOwedVisitsResponse>, Status> {
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
        let mut page = projection::owed_by(&self.rows, owner, &request.page_token, size + 1)
            .map_err(|error| self.gate.store_failed(&error))?;
        let more = page.len() > size;
        page.truncate(size);
        let last = page.last().filter(|_| more);
        let next_page_token = last.map_or_else(String::new, |(token, _)| token.clone());
        let visits = page
            .iter()
            .map(|(_, owed)| messages::owed_visit(owed))
            .collect();
        Ok(Response::new(pb::ListOwedVisitsResponse {
            visits,
            next_page_token,
        }))
    }
}

impl FollowUpApi {
    /// Whether the caller may, before anything is said of the plan or sealed for it.
    async fn may_report(&self, case: CaseId, call: &RequestContext) -> Result<(), Status> {
        let stream = StreamId::new(FollowUpPlan::KIND, case.plan_in(self.region).0);
        let history = self.commands.log().read(&stream, Version(1)).await;
        let history = history.map_err(|error| refused(&CommandError::from(error)))?;
        let plan = fold::<FollowUpPlan>(&history);
        let plan = plan.map_err(|error| refused(&CommandError::from(error)))?;
        let (kind, place) = (PlanCommandKind::RecordVisit, plan.place(&call.actor));
        let allowed = TRANSITIONS.allow(plan.state(), kind, place);
        allowed.map_err(|not| rejected(&PlanRejection::from(not).into()))
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
        let place = SealingPlace {
            case,
            stream: StreamId::new(FollowUpPlan::KIND, case.plan_in(self.region).0),
            event,
            field: "note",
            role: PersonRole::Subject,
            class: SealedClass::Narrative,
        };
        seal(&self.sealer, &place, text, LONGEST_NOTE)
            .await
            .map(Some)
    }
}

fn outsider() -> Status {
    not_shown(
        "only people of the unit in charge and auditors may see this",
        "仅承办单位人员和审计员可以查看",
    )
}
