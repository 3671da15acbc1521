//! The gRPC API of the hops: requests become commands for the sender's or the receiver's aggregate.

mod decisions;
mod messages;
mod queries;
mod units;

use std::pin::Pin;
use std::sync::Arc;

use directory_view::DirectoryView;
use domain::ids::{AssignmentId, CaseId, ReferralId};
use domain::referral::roles::roles_between;
use domain::referral::{
    AssignmentCommand, Draft, HopCommand, HopKind, Referral, ReferralCommand, Terms,
};
use eventsourcing::{CommandHandler, ProjectionStore, Region, RequestContext, ScopedId};
use futures::Stream;
use proto::intake::v1::ReportFlag;
use proto::referral::v1 as pb;
use proto::referral::v1::referral_service_server::ReferralService;
use proto::types::v1 as types;
use service_runtime::grpc::{Gate, field, refused, term};
use tonic::{Request, Response, Status};
use vault::Sealer;

use self::decisions::may_give;
use crate::relay::relay_of;
use crate::subject::Assessed;

pub(crate) struct ReferralApi {
    pub(crate) region: Region,
    pub(crate) gate: Gate,
    pub(crate) commands: CommandHandler,
    pub(crate) directory: Arc<DirectoryView>,
    pub(crate) sealer: Sealer,
    pub(crate) rows: Arc<dyn ProjectionStore>,
}

#[tonic::async_trait]
impl ReferralService for ReferralApi {
    async fn draft_referral(
        &self,
        request: Request<pb::DraftReferralRequest>,
    ) -> Result<Response<pb::DraftReferralResponse>, Status> {
        let give = |mut call: RequestContext, request: pb::DraftReferralRequest| async move {
            let case: CaseId = field("case_id", &request.case_id)?;
            let from = self.own_unit("from", request.from.as_ref())?;
            let to = self.receiver(request.to.as_ref(), from)?;
            may_give(
                HopCommand::Draft,
                &roles_between(&call.actor, from, to, None),
            )?;
            let flags = request.flags.iter();
            let flags = flags.map(|flag| term::<ReportFlag, _>("flags", *flag));
            let stated = Assessed {
                case_type: term::<types::CaseType, _>("case_type", request.case_type)?,
                risk: term::<types::RiskLevel, _>("risk", request.risk)?,
                flags: flags.collect::<Result<_, _>>()?,
            };
            let assessed = self.assessed(case, stated).await?;
            let hop = ReferralId(ScopedId::derived(self.region, call.id, "hop"));
            let terms = Terms {
                from,
                to,
                origin: from,
                relay: relay_of(&self.directory, from, to),
                kind: HopKind::ByWorker,
                case_type: assessed.case_type,
                risk: assessed.risk,
                flags: assessed.flags,
                summary: self
                    .seal::<Referral>(case, hop.0, ("Drafted", "summary"), &request.summary)
                    .await?,
            };
            call.case = Some(case.0);
            let draft = Box::new(Draft {
                hop,
                terms,
                tenure: None,
            });
            let draft = ReferralCommand::Draft(draft);
            let drafted = self.commands.handle::<Referral>(hop.0, draft, &call).await;
            drafted.map_err(|error| refused(&error))
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn submit_referral(
        &self,
        request: Request<pb::SubmitReferralRequest>,
    ) -> Result<Response<pb::SubmitReferralResponse>, Status> {
        let give = |call: RequestContext, request: pb::SubmitReferralRequest| async move {
            let hop = self
                .sent(&request.referral_id, HopCommand::Submit, &call)
                .await?;
            let basis = term::<types::DisclosureBasis, _>("basis", request.basis)?;
            let submission = self.submission(&hop, basis, &request.reason).await?;
            self.decide_sent(&hop, ReferralCommand::Submit(submission), &call)
                .await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn refuse_submission(
        &self,
        request: Request<pb::RefuseSubmissionRequest>,
    ) -> Result<Response<pb::RefuseSubmissionResponse>, Status> {
        let give = |call: RequestContext, request: pb::RefuseSubmissionRequest| async move {
            let hop = self
                .sent(&request.referral_id, HopCommand::RefuseSubmission, &call)
                .await?;
            let reason = self
                .text(&hop, ("SubmissionRefused", "reason"), &request.reason)
                .await?;
            self.decide_sent(&hop, ReferralCommand::RefuseSubmission { reason }, &call)
                .await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn dispatch_referral(
        &self,
        request: Request<pb::DispatchReferralRequest>,
    ) -> Result<Response<pb::DispatchReferralResponse>, Status> {
        let give = |call: RequestContext, request: pb::DispatchReferralRequest| async move {
            let hop = self
                .sent(&request.referral_id, HopCommand::Dispatch, &call)
                .await?;
            let command = self.dispatch(&hop).await?;
            self.decide_sent(&hop, command, &call).await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn cancel_referral(
        &self,
        request: Request<pb::CancelReferralRequest>,
    ) -> Result<Response<pb::CancelReferralResponse>, Status> {
        let give = |call: RequestContext, request: pb::CancelReferralRequest| async move {
            let hop = self
                .sent(&request.referral_id, HopCommand::Cancel, &call)
                .await?;
            let reason = self
                .text(&hop, ("Cancelled", "reason"), &request.reason)
                .await?;
            let steps = self.cancellation(&hop, reason);
            let answer = self.commands.handle_all(&steps, &call).await;
            answer.map_err(|error| refused(&error))
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn request_cancellation(
        &self,
        request: Request<pb::RequestCancellationRequest>,
    ) -> Result<Response<pb::RequestCancellationResponse>, Status> {
        let give = |call: RequestContext, request: pb::RequestCancellationRequest| async move {
            let hop = self
                .sent(&request.referral_id, HopCommand::RequestCancellation, &call)
                .await?;
            let reason = self
                .text(&hop, ("CancellationRequested", "reason"), &request.reason)
                .await?;
            self.decide_sent(&hop, ReferralCommand::RequestCancellation { reason }, &call)
                .await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn supply_information(
        &self,
        request: Request<pb::SupplyInformationRequest>,
    ) -> Result<Response<pb::SupplyInformationResponse>, Status> {
        let give = |call: RequestContext, request: pb::SupplyInformationRequest| async move {
            let hop = self
                .sent(&request.referral_id, HopCommand::SupplyInformation, &call)
                .await?;
            let answer = self
                .text(&hop, ("InformationSupplied", "answer"), &request.answer)
                .await?;
            self.decide_sent(&hop, ReferralCommand::SupplyInformation { answer }, &call)
                .await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn uphold_return(
        &self,
        request: Request<pb::UpholdReturnRequest>,
    ) -> Result<Response<pb::UpholdReturnResponse>, Status> {
        let give = |call: RequestContext, request: pb::UpholdReturnRequest| async move {
            let hop = self
                .sent(&request.referral_id, HopCommand::UpholdReturn, &call)
                .await?;
            let note = self
                .optional_text(&hop, ("Returned", "note"), &request.note)
                .await?;
            self.decide_sent(&hop, ReferralCommand::UpholdReturn { note }, &call)
                .await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn receive_assignment(
        &self,
        request: Request<pb::ReceiveAssignmentRequest>,
    ) -> Result<Response<pb::ReceiveAssignmentResponse>, Status> {
        let give = |call: RequestContext, request: pb::ReceiveAssignmentRequest| async move {
            let id: AssignmentId = field("assignment_id", &request.assignment_id)?;
            self.decide_received(id, AssignmentCommand::Receive, &call)
                .await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn request_information(
        &self,
        request: Request<pb::RequestInformationRequest>,
    ) -> Result<Response<pb::RequestInformationResponse>, Status> {
        let give = |call: RequestContext, request: pb::RequestInformationRequest| async move {
            let kind = HopCommand::RequestInformation;
            let hop = self.received(&request.assignment_id, kind, &call).await?;
            let question = self
                .text(
                    &hop,
                    ("InformationRequested", "question"),
                    &request.question,
                )
                .await?;
            let command = AssignmentCommand::RequestInformation {
                question,
                rules: self.rules()?,
            };
            self.decide_received(AssignmentId(hop.id), command, &call)
                .await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn accept_assignment(
        &self,
        request: Request<pb::AcceptAssignmentRequest>,
    ) -> Result<Response<pb::AcceptAssignmentResponse>, Status> {
        let give = |call: RequestContext, request: pb::AcceptAssignmentRequest| async move {
            let id: AssignmentId = field("assignment_id", &request.assignment_id)?;
            self.decide_received(id, AssignmentCommand::Accept, &call)
                .await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn refer_onward(
        &self,
        request: Request<pb::ReferOnwardRequest>,
    ) -> Result<Response<pb::ReferOnwardResponse>, Status> {
        let give = |mut call: RequestContext, request: pb::ReferOnwardRequest| async move {
            let hop = self
                .received(&request.assignment_id, HopCommand::ReferOnward, &call)
                .await?;
            let reason = self
                .text(&hop, ("ReferredOnward", "reason"), &request.reason)
                .await?;
            call.case = Some(hop.case.0);
            let steps = self
                .onward(&hop, request.to.as_ref(), reason, &call)
                .await?;
            let answer = self.commands.handle_all(&steps, &call).await;
            answer.map_err(|error| refused(&error))
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn propose_return(
        &self,
        request: Request<pb::ProposeReturnRequest>,
    ) -> Result<Response<pb::ProposeReturnResponse>, Status> {
        let give = |call: RequestContext, request: pb::ProposeReturnRequest| async move {
            let hop = self
                .received(&request.assignment_id, HopCommand::ProposeReturn, &call)
                .await?;
            let command = AssignmentCommand::ProposeReturn {
                code: term::<pb::ReturnCode, _>("code", request.code)?,
                evidence: self
                    .text(&hop, ("ReturnProposed", "evidence"), &request.evidence)
                    .await?,
                rules: self.rules()?,
            };
            self.decide_received(AssignmentId(hop.id), command, &call)
                .await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn confirm_cancellation(
        &self,
        request: Request<pb::ConfirmCancellationRequest>,
    ) -> Result<Response<pb::ConfirmCancellationResponse>, Status> {
        let give = |call: RequestContext, request: pb::ConfirmCancellationRequest| async move {
            let id: AssignmentId = field("assignment_id", &request.assignment_id)?;
            self.decide_received(id, AssignmentCommand::ConfirmCancellation, &call)
                .await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn decline_cancellation(
        &self,
        request: Request<pb::DeclineCancellationRequest>,
    ) -> Result<Response<pb::DeclineCancellationResponse>, Status> {
        let give = |call: RequestContext, request: pb::DeclineCancellationRequest| async move {
            let kind = HopCommand::DeclineCancellation;
            let hop = self.received(&request.assignment_id, kind, &call).await?;
            let reason = self
                .text(&hop, ("CancellationDeclined", "reason"), &request.reason)
                .await?;
            let command = AssignmentCommand::DeclineCancellation { reason };
            self.decide_received(AssignmentId(hop.id), command, &call)
                .await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn get_referral(
        &self,
        request: Request<pb::GetReferralRequest>,
    ) -> Result<Response<pb::GetReferralResponse>, Status> {
        let actor = self.gate.actor(&request)?;
        self.get_hop(&actor, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn list_referrals(
        &self,
        request: Request<pb::ListReferralsRequest>,
    ) -> Result<Response<pb::ListReferralsResponse>, Status> {
        let actor = self.gate.actor(&request)?;
        self.hops_of_case(&actor, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn get_custody(
        &self,
        request: Request<pb::GetCustodyRequest>,
    ) -> Result<Response<pb::GetCustodyResponse>, Status> {
        let actor = self.gate.actor(&request)?;
        self.custody_of_case(&actor, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn get_transition_table(
        &self,
        request: Request<pb::GetTransitionTableRequest>,
    ) -> Result<Response<pb::GetTransitionTableResponse>, Status> {
        self.gate.actor(&request)?;
        Ok(Response::new(messages::table()))
    }

    async fn list_allowed_actions(
        &self,
        request: Request<pb::ListAllowedActionsRequest>,
    ) -> Result<Response<pb::ListAllowedActionsResponse>, Status> {
        let actor = self.gate.actor(&request)?;
        self.allowed_actions(&actor, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn list_inbox(
        &self,
        request: Request<pb::ListInboxRequest>,
    ) -> Result<Response<pb::ListInboxResponse>, Status> {
        let actor = self.gate.actor(&request)?;
        self.open_hops(&actor, request.into_inner())
            .await
            .map(Response::new)
    }

    type WatchInboxStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchInboxResponse, Status>> + Send>>;

    async fn watch_inbox(
        &self,
        request: Request<pb::WatchInboxRequest>,
    ) -> Result<Response<Self::WatchInboxStream>, Status> {
        let actor = self.gate.actor(&request)?;
        self.watched_inbox(actor, request.into_inner())
            .map(Response::new)
    }
}
