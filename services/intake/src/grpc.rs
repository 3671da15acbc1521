//! The gRPC side: requests become commands for an intake, rows become answers.

mod answers;
mod lookups;
mod requests;
mod sealing;

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::acting::Acting;
use domain::ids::{DeskId, IntakeId, OrganizationId};
use domain::intake::consent::LegalBasis;
use domain::intake::{Intake, IntakeCommand};
use domain::values::Role;
use eventsourcing::{Actor, CommandHandler, ProjectionStore, Region, RequestContext, ScopedId};
use proto::intake::v1 as pb;
use proto::intake::v1::intake_service_server::IntakeService;
use proto::types::v1 as types;
use proto::types::v1::CommandResult;
use service_runtime::grpc::{Gate, failure, field, page_size, term, violation};
use tonic::{Code, Request, Response, Status};
use vault::Sealer;

use crate::projection;
use sealing::Sealing;

pub(crate) struct IntakeApi {
    pub(crate) region: Region,
    pub(crate) gate: Gate,
    pub(crate) commands: CommandHandler,
    pub(crate) directory: Arc<DirectoryView>,
    pub(crate) sealer: Sealer,
    pub(crate) rows: Arc<dyn ProjectionStore>,
}

type Answered<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl IntakeService for IntakeApi {
    async fn record_contact(
        &self,
        request: Request<pb::RecordContactRequest>,
    ) -> Answered<pb::RecordContactResponse> {
        let (mut call, request) = self.gate.command(request)?;
        let intake = IntakeId(ScopedId::derived(self.region, call.id, "intake"));
        call.case = Some(intake.case().0);
        let desk = self.open_desk(&request.desk_id)?;
        let contact = requests::contact(&self.seal(intake, "ContactRecorded"), request).await?;
        let contact = Box::new(contact);
        let command = IntakeCommand::RecordContact { desk, contact };
        self.decide(intake, &call, command).await
    }

    async fn describe_subject(
        &self,
        request: Request<pb::DescribeSubjectRequest>,
    ) -> Answered<pb::DescribeSubjectResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let subject = requests::subject(
            &self.seal(intake, "SubjectDescribed"),
            "subject",
            request.subject,
        )
        .await?;
        let command = IntakeCommand::DescribeSubject { subject };
        self.decide(intake, &call, command).await
    }

    async fn triage_intake(
        &self,
        request: Request<pb::TriageIntakeRequest>,
    ) -> Answered<pb::TriageIntakeResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let assessment =
            requests::assessment(&self.seal(intake, "Triaged"), request.assessment).await?;
        let command = IntakeCommand::Triage {
            assessment: Box::new(assessment),
            rules: self.rules()?,
        };
        self.decide(intake, &call, command).await
    }

    async fn reassess_intake(
        &self,
        request: Request<pb::ReassessIntakeRequest>,
    ) -> Answered<pb::ReassessIntakeResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let assessment =
            requests::assessment(&self.seal(intake, "Reassessed"), request.assessment).await?;
        let command = IntakeCommand::Reassess {
            assessment: Box::new(assessment),
            rules: self.rules()?,
        };
        self.decide(intake, &call, command).await
    }

    async fn tell_emergency_service(
        &self,
        request: Request<pb::TellEmergencyServiceRequest>,
    ) -> Answered<pb::TellEmergencyServiceResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let command = IntakeCommand::TellEmergencyService {
            service: term::<pb::EmergencyService, _>("service", request.service)?,
            note: self
                .seal(intake, "EmergencyServiceTold")
                .note(&request.note)
                .await?,
        };
        self.decide(intake, &call, command).await
    }

    async fn mark_safety(
        &self,
        request: Request<pb::MarkSafetyRequest>,
    ) -> Answered<pb::MarkSafetyResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let command = IntakeCommand::MarkSafety {
            mark: term::<pb::SafetyMark, _>("mark", request.mark)?,
            note: self
                .seal(intake, "SafetyMarked")
                .note(&request.note)
                .await?,
        };
        self.decide(intake, &call, command).await
    }

    async fn lift_safety_mark(
        &self,
        request: Request<pb::LiftSafetyMarkRequest>,
    ) -> Answered<pb::LiftSafetyMarkResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let command = IntakeCommand::LiftSafetyMark {
            mark: term::<pb::SafetyMark, _>("mark", request.mark)?,
            reason: self
                .seal(intake, "SafetyMarkLifted")
                .reason(&request.reason)
                .await?,
        };
        self.decide(intake, &call, command).await
    }

    async fn record_consent(
        &self,
        request: Request<pb::RecordConsentRequest>,
    ) -> Answered<pb::RecordConsentResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let entry = requests::consent(&self.seal(intake, "ConsentRecorded"), request).await?;
        self.check_known(&entry.receivers)?;
        let entry = Box::new(entry);
        let command = IntakeCommand::RecordConsent { entry };
        self.decide(intake, &call, command).await
    }

    async fn record_legal_basis(
        &self,
        request: Request<pb::RecordLegalBasisRequest>,
    ) -> Answered<pb::RecordLegalBasisResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let basis = LegalBasis {
            basis: term::<types::DisclosureBasis, _>("basis", request.basis)?,
            reason: self
                .seal(intake, "LegalBasisRecorded")
                .reason(&request.reason)
                .await?,
        };
        let command = IntakeCommand::RecordLegalBasis { basis };
        self.decide(intake, &call, command).await
    }

    async fn plan_callback(
        &self,
        request: Request<pb::PlanCallbackRequest>,
    ) -> Answered<pb::PlanCallbackResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let plan = requests::plan(&self.seal(intake, "CallbackPlanned"), &request).await?;
        let plan = Box::new(plan);
        let command = IntakeCommand::PlanCallback { plan };
        self.decide(intake, &call, command).await
    }

    async fn record_callback_attempt(
        &self,
        request: Request<pb::RecordCallbackAttemptRequest>,
    ) -> Answered<pb::RecordCallbackAttemptResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let command = IntakeCommand::RecordAttempt {
            outcome: term::<pb::CallbackOutcome, _>("outcome", request.outcome)?,
            note: self
                .seal(intake, "CallbackAttempted")
                .note(&request.note)
                .await?,
            rules: self.rules()?,
            relay: self.relay(&call),
        };
        self.decide(intake, &call, command).await
    }

    async fn open_case(
        &self,
        request: Request<pb::OpenCaseRequest>,
    ) -> Answered<pb::OpenCaseResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let command = IntakeCommand::OpenCase;
        self.decide(intake, &call, command).await
    }

    async fn propose_referral(
        &self,
        request: Request<pb::ProposeReferralRequest>,
    ) -> Answered<pb::ProposeReferralResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let command = IntakeCommand::ProposeReferral {
            relay: self.relay(&call),
            reason: self
                .seal(intake, "ReferralProposed")
                .reason(&request.reason)
                .await?,
        };
        self.decide(intake, &call, command).await
    }

    async fn end_without_case(
        &self,
        request: Request<pb::EndWithoutCaseRequest>,
    ) -> Answered<pb::EndWithoutCaseResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let command = IntakeCommand::EndWithoutCase {
            outcome: term::<pb::WithoutCase, _>("outcome", request.outcome)?,
            note: self
                .seal(intake, "EndedWithoutCase")
                .note(&request.note)
                .await?,
        };
        self.decide(intake, &call, command).await
    }

    async fn keep_case_here(
        &self,
        request: Request<pb::KeepCaseHereRequest>,
    ) -> Answered<pb::KeepCaseHereResponse> {
        let (call, request) = self.gate.command(request)?;
        let intake = self.own(&request.intake_id)?;
        let note = self.seal(intake, "KeptHere").note(&request.note).await?;
        let command = IntakeCommand::KeepHere { note };
        self.decide(intake, &call, command).await
    }

    async fn get_intake(
        &self,
        request: Request<pb::GetIntakeRequest>,
    ) -> Answered<pb::GetIntakeResponse> {
        let reader = self.reader(&self.gate.actor(&request)?)?;
        let request = request.into_inner();
        let id = self.own(&request.intake_id)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let found = projection::intake(self.rows.as_ref(), id)
            .map_err(|error| self.gate.store_failed(&error))?;
        let found = found.ok_or_else(not_found)?;
        check_may_read(reader, found.record.desk.organization)?;
        let intake = Some(answers::intake(&found));
        Ok(Response::new(pb::GetIntakeResponse { intake }))
    }

    async fn list_intakes(
        &self,
        request: Request<pb::ListIntakesRequest>,
    ) -> Answered<pb::ListIntakesResponse> {
        let reader = self.reader(&self.gate.actor(&request)?)?;
        let request = request.into_inner();
        let desk: DeskId = field("desk_id", &request.desk_id)?;
        let known = self
            .directory
            .desk(desk)
            .ok_or_else(lookups::unknown_desk)?;
        check_may_read(reader, known.organization)?;
        let size = page_size(request.page_size)?;
        let after = page_place(&request.page_token, desk)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let mut page = projection::intakes_of(self.rows.as_ref(), desk, after.as_deref(), size + 1)
            .map_err(|error| self.gate.store_failed(&error))?;
        let more = page.len() > size;
        page.truncate(size);
        let last = page.last().filter(|_| more);
        let next_page_token = last.map_or_else(String::new, |(place, _)| hex::encode(place));
        let intakes = page
            .iter()
            .map(|(_, found)| answers::intake(found))
            .collect();
        Ok(Response::new(pb::ListIntakesResponse {
            intakes,
            next_page_token,
        }))
    }
}

impl IntakeApi {
    async fn decide<R: From<CommandResult>>(
        &self,
        intake: IntakeId,
        call: &RequestContext,
        command: IntakeCommand,
    ) -> Answered<R> {
        let answer = self.commands.handle::<Intake>(intake.0, command, call);
        self.gate.answer(answer.await)
    }

    fn seal(&self, intake: IntakeId, event: &'static str) -> Sealing<'_> {
        Sealing {
            sealer: &self.sealer,
            intake,
            event,
        }
    }

    /// People of this region only; of which organization is seen when there is something to read.
    fn reader(&self, actor: &Actor) -> Result<Acting, Status> {
        Acting::of(actor)
            .filter(|reader| reader.organization.region() == self.region)
            .ok_or_else(not_shown)
    }
}

fn check_may_read(reader: Acting, owner: OrganizationId) -> Result<(), Status> {
    if reader.organization == owner || reader.role == Role::Auditor {
        return Ok(());
    }
    Err(not_shown())
}

fn page_place(token: &str, desk: DeskId) -> Result<Option<Vec<u8>>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    hex::decode(token)
        .ok()
        .filter(|place| place.starts_with(desk.to_string().as_bytes()))
        .map(Some)
        .ok_or_else(|| violation("page_token", "not a token of this list", "分页标记无效"))
}

fn not_found() -> Status {
    let (en, zh) = ("no such intake", "来访记录不存在");
    failure(Code::NotFound, "INTAKE_NOT_FOUND", en, zh)
}

fn not_shown() -> Status {
    let en = "only people of the desk's organization and auditors of its region may see this";
    let zh = "仅本服务台所属单位人员和本地区审计员可以查看";
    failure(Code::PermissionDenied, "NOT_PERMITTED", en, zh)
}
