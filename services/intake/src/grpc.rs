//! The gRPC side: requests become commands for an intake, rows become answers.

mod answers;
mod giving;
mod lookups;
mod requests;
mod sealing;

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::acting::Acting;
use domain::ids::{DeskId, IntakeId, OrganizationId};
use domain::intake::IntakeCommand;
use domain::intake::consent::LegalBasis;
use domain::values::Role;
use eventsourcing::{Actor, CommandHandler, ProjectionStore, Region, RequestContext, ScopedId};
use proto::intake::v1 as pb;
use proto::intake::v1::intake_service_server::IntakeService;
use proto::types::v1 as types;
use service_runtime::grpc::{Gate, failure, field, page_size, term, violation};
use tonic::{Code, Request, Response, Status};
use vault::Sealer;

use crate::projection;
use requests::OF_REQUEST;
use sealing::{Place, Texts};

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
        let give = |mut call: RequestContext, asked: pb::RecordContactRequest| async move {
            let intake = IntakeId(ScopedId::derived(self.region, call.id, "intake"));
            call.case = Some(intake.case().0);
            let desk = self.open_desk(&asked.desk_id)?;
            let event = "ContactRecorded";
            let read = |said: &Texts| {
                let contact = Box::new(requests::contact(said, &asked)?);
                Ok(IntakeCommand::RecordContact { desk, contact })
            };
            self.give(&call, Place { intake, event }, read).await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn describe_subject(
        &self,
        request: Request<pb::DescribeSubjectRequest>,
    ) -> Answered<pb::DescribeSubjectResponse> {
        self.command(request, "SubjectDescribed", |asked, said, _| {
            let subject = requests::subject(said, OF_REQUEST, asked.subject.as_ref())?;
            Ok(IntakeCommand::DescribeSubject { subject })
        })
        .await
    }

    async fn triage_intake(
        &self,
        request: Request<pb::TriageIntakeRequest>,
    ) -> Answered<pb::TriageIntakeResponse> {
        self.command(request, "Triaged", |asked, said, _| {
            let assessment = requests::assessment(said, asked.assessment.as_ref())?;
            Ok(IntakeCommand::Triage {
                assessment: Box::new(assessment),
                rules: self.rules()?,
            })
        })
        .await
    }

    async fn reassess_intake(
        &self,
        request: Request<pb::ReassessIntakeRequest>,
    ) -> Answered<pb::ReassessIntakeResponse> {
        self.command(request, "Reassessed", |asked, said, call| {
            let assessment = requests::assessment(said, asked.assessment.as_ref())?;
            Ok(IntakeCommand::Reassess {
                assessment: Box::new(assessment),
                rules: self.rules()?,
                relay: self.relay(call),
            })
        })
        .await
    }

    async fn tell_emergency_service(
        &self,
        request: Request<pb::TellEmergencyServiceRequest>,
    ) -> Answered<pb::TellEmergencyServiceResponse> {
        self.command(request, "EmergencyServiceTold", |asked, said, _| {
            Ok(IntakeCommand::TellEmergencyService {
                service: term::<pb::EmergencyService, _>("service", asked.service)?,
                note: said.note(&asked.note)?,
            })
        })
        .await
    }

    async fn mark_safety(
        &self,
        request: Request<pb::MarkSafetyRequest>,
    ) -> Answered<pb::MarkSafetyResponse> {
        self.command(request, "SafetyMarked", |asked, said, _| {
            Ok(IntakeCommand::MarkSafety {
                mark: term::<pb::SafetyMark, _>("mark", asked.mark)?,
                note: said.note(&asked.note)?,
            })
        })
        .await
    }

    async fn lift_safety_mark(
        &self,
        request: Request<pb::LiftSafetyMarkRequest>,
    ) -> Answered<pb::LiftSafetyMarkResponse> {
        self.command(request, "SafetyMarkLifted", |asked, said, _| {
            Ok(IntakeCommand::LiftSafetyMark {
                mark: term::<pb::SafetyMark, _>("mark", asked.mark)?,
                reason: said.reason(&asked.reason)?,
            })
        })
        .await
    }

    async fn record_consent(
        &self,
        request: Request<pb::RecordConsentRequest>,
    ) -> Answered<pb::RecordConsentResponse> {
        self.command(request, "ConsentRecorded", |asked, said, _| {
            let entry = Box::new(requests::consent(said, asked)?);
            self.check_known(&entry.receivers)?;
            Ok(IntakeCommand::RecordConsent { entry })
        })
        .await
    }

    async fn record_legal_basis(
        &self,
        request: Request<pb::RecordLegalBasisRequest>,
    ) -> Answered<pb::RecordLegalBasisResponse> {
        self.command(request, "LegalBasisRecorded", |asked, said, _| {
            let basis = LegalBasis {
                basis: term::<types::DisclosureBasis, _>("basis", asked.basis)?,
                reason: said.reason(&asked.reason)?,
            };
            Ok(IntakeCommand::RecordLegalBasis { basis })
        })
        .await
    }

    async fn plan_callback(
        &self,
        request: Request<pb::PlanCallbackRequest>,
    ) -> Answered<pb::PlanCallbackResponse> {
        let give = |call: RequestContext, asked: pb::PlanCallbackRequest| async move {
            let intake = self.own(&asked.intake_id)?;
            let event = "CallbackPlanned";
            let caller = self.caller_of(intake).await?;
            let read = |said: &Texts| {
                let plan = Box::new(requests::plan(said, caller, &asked)?);
                Ok(IntakeCommand::PlanCallback { plan })
            };
            self.give(&call, Place { intake, event }, read).await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn record_callback_attempt(
        &self,
        request: Request<pb::RecordCallbackAttemptRequest>,
    ) -> Answered<pb::RecordCallbackAttemptResponse> {
        self.command(request, "CallbackAttempted", |asked, said, call| {
            Ok(IntakeCommand::RecordAttempt {
                outcome: term::<pb::CallbackOutcome, _>("outcome", asked.outcome)?,
                note: said.note(&asked.note)?,
                rules: self.rules()?,
                relay: self.relay(call),
            })
        })
        .await
    }

    async fn open_case(
        &self,
        request: Request<pb::OpenCaseRequest>,
    ) -> Answered<pb::OpenCaseResponse> {
        self.command(request, "CaseOpened", |_, _, _| Ok(IntakeCommand::OpenCase))
            .await
    }

    async fn propose_referral(
        &self,
        request: Request<pb::ProposeReferralRequest>,
    ) -> Answered<pb::ProposeReferralResponse> {
        self.command(request, "ReferralProposed", |asked, said, call| {
            Ok(IntakeCommand::ProposeReferral {
                relay: self.relay(call),
                reason: said.reason(&asked.reason)?,
            })
        })
        .await
    }

    async fn end_without_case(
        &self,
        request: Request<pb::EndWithoutCaseRequest>,
    ) -> Answered<pb::EndWithoutCaseResponse> {
        self.command(request, "EndedWithoutCase", |asked, said, _| {
            Ok(IntakeCommand::EndWithoutCase {
                outcome: term::<pb::WithoutCase, _>("outcome", asked.outcome)?,
                note: said.note(&asked.note)?,
            })
        })
        .await
    }

    async fn keep_case_here(
        &self,
        request: Request<pb::KeepCaseHereRequest>,
    ) -> Answered<pb::KeepCaseHereResponse> {
        self.command(request, "KeptHere", |asked, said, _| {
            let note = said.note(&asked.note)?;
            Ok(IntakeCommand::KeepHere { note })
        })
        .await
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
        let Some(found) = found else {
            return Err(self.nothing_for(reader));
        };
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
    fn nothing_for(&self, reader: Acting) -> Status {
        if self.knows_all(&reader.actor()) {
            not_found()
        } else {
            not_shown()
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
