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
use domain::intake::contact::CallerRole;
use domain::intake::{Intake, IntakeCommand, IntakeRejection};
use domain::values::Role;
use eventsourcing::{
    Actor, Aggregate, Answer, CommandError, CommandHandler, ProjectionStore, Region, Rejected,
    RejectionKind, RequestContext, ScopedId, StreamId, Version, fold,
};
use proto::CommandRequest;
use proto::intake::v1 as pb;
use proto::intake::v1::intake_service_server::IntakeService;
use proto::types::v1 as types;
use proto::types::v1::CommandResult;
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
    /// Gives the command that `read` makes of a request about an intake, whose texts become part of
    /// `event`.
    async fn command<R: AboutIntake, T: From<CommandResult>>(
        &self,
        request: Request<R>,
        event: &'static str,
        read: impl Fn(&R, &Texts, &RequestContext) -> Result<IntakeCommand, Status> + Send + Sync,
    ) -> Answered<T> {
        let give = |call: RequestContext, asked: R| async move {
            let intake = self.own(asked.intake_id())?;
            let read = |said: &Texts| read(&asked, said, &call);
            self.give(&call, Place { intake, event }, read).await
        };
        self.gate.handle(&self.commands, request, give).await
    }

    /// Gives a command once it is known to be allowed: its texts are sealed only then.
    async fn give(
        &self,
        call: &RequestContext,
        place: Place,
        read: impl Fn(&Texts) -> Result<IntakeCommand, Status> + Send + Sync,
    ) -> Result<Answer, Status> {
        let texts = Texts::of(place);
        let trial = self.trial(place.intake, read(&texts)?, call).await?;
        if call.validate_only {
            return Ok(trial);
        }
        let command = read(&texts.seal(&self.sealer).await?)?;
        let answer = self
            .commands
            .handle::<Intake>(place.intake.0, command, call);
        answer.await.map_err(|error| self.gate.failed(&error))
    }

    /// What the rules say now. Who may not act learns neither whether the intake exists nor whether
    /// it has changed.
    async fn trial(
        &self,
        intake: IntakeId,
        command: IntakeCommand,
        call: &RequestContext,
    ) -> Result<Answer, Status> {
        let mut trial = RequestContext {
            validate_only: true,
            ..call.clone()
        };
        let commands = &self.commands;
        let decided = commands.handle::<Intake>(intake.0, command.clone(), &trial);
        let mut decided = decided.await;
        if let Err(CommandError::Conflict { .. }) = decided {
            trial.etag = None;
            let whatever_was_seen = commands.handle::<Intake>(intake.0, command, &trial).await;
            if let Err(CommandError::Rejected(no)) = whatever_was_seen
                && matches!(no.kind, RejectionKind::Forbidden | RejectionKind::NotFound)
            {
                decided = Err(no.into());
            }
        }
        decided.map_err(|error| match error {
            CommandError::Rejected(no)
                if no.kind == RejectionKind::NotFound && !self.knows_all(&call.actor) =>
            {
                let refused = Rejected::from(IntakeRejection::OtherOrganization);
                self.gate.failed(&refused.into())
            }
            error => self.gate.failed(&error),
        })
    }

    /// Who called, as far as that contact is recorded: whose number it is that they leave.
    async fn caller_of(&self, intake: IntakeId) -> Result<CallerRole, Status> {
        let stream = StreamId::new(Intake::KIND, intake.0);
        let history = self.commands.log().read(&stream, Version(1)).await;
        let history = history.map_err(|error| self.gate.failed(&error.into()))?;
        let state = fold::<Intake>(&history).map_err(|error| self.gate.failed(&error.into()))?;
        Ok(match state {
            Intake::Recorded(record) => record.contact.caller_role,
            // Nothing will be planned for it.
            Intake::NotRecorded => CallerRole::Anonymous,
        })
    }

    /// Whether somebody may know which intakes of the region exist: its committee and its auditors.
    fn knows_all(&self, actor: &Actor) -> bool {
        let committee = self.directory.committee(self.region);
        Acting::of(actor).is_some_and(|person| {
            let of_committee = committee.map(|unit| unit.organization) == Some(person.organization);
            of_committee || is_auditor_of(person, self.region)
        })
    }

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

/// A command about an intake that is there already.
trait AboutIntake: CommandRequest + Sync {
    fn intake_id(&self) -> &str;
}

macro_rules! about_an_intake {
    ($($request:ident,)+) => {$(
        impl AboutIntake for pb::$request {
            fn intake_id(&self) -> &str {
                &self.intake_id
            }
        }
    )+};
}

about_an_intake!(
    DescribeSubjectRequest,
    TriageIntakeRequest,
    ReassessIntakeRequest,
    TellEmergencyServiceRequest,
    MarkSafetyRequest,
    LiftSafetyMarkRequest,
    RecordConsentRequest,
    RecordLegalBasisRequest,
    RecordCallbackAttemptRequest,
    OpenCaseRequest,
    ProposeReferralRequest,
    EndWithoutCaseRequest,
    KeepCaseHereRequest,
);

fn is_auditor_of(person: Acting, region: Region) -> bool {
    person.role == Role::Auditor && person.organization.region() == region
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
