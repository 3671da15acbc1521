//! How a command is given: tried first, so that whoever may not learns nothing and uses no key.

use domain::acting::Acting;
use domain::ids::IntakeId;
use domain::intake::contact::CallerRole;
use domain::intake::{Intake, IntakeCommand, IntakeRejection};
use domain::values::Role;
use eventsourcing::{
    Actor, Aggregate, Answer, CommandError, Region, Rejected, RejectionKind, RequestContext,
    StreamId, Version, fold,
};
use proto::CommandRequest;
use proto::intake::v1 as pb;
use proto::types::v1::CommandResult;
use tonic::{Request, Status};

use super::sealing::{Place, Texts};
use super::{Answered, IntakeApi};

/// A command about an intake that is there already.
pub(super) trait AboutIntake: CommandRequest + Sync {
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

impl IntakeApi {
    /// Gives the command that `read` makes of a request about an intake, whose texts become part of
    /// `event`.
    pub(super) async fn command<R: AboutIntake, T: From<CommandResult>>(
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
    pub(super) async fn give(
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

    /// What the rules say now. Who may not act does not learn whether the intake exists.
    async fn trial(
        &self,
        intake: IntakeId,
        command: IntakeCommand,
        call: &RequestContext,
    ) -> Result<Answer, Status> {
        let trial = RequestContext {
            validate_only: true,
            ..call.clone()
        };
        let decided = self.commands.handle::<Intake>(intake.0, command, &trial);
        decided.await.map_err(|error| match error {
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
    pub(super) async fn caller_of(&self, intake: IntakeId) -> Result<CallerRole, Status> {
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
    pub(super) fn knows_all(&self, actor: &Actor) -> bool {
        let committee = self.directory.committee(self.region);
        Acting::of(actor).is_some_and(|person| {
            let of_committee = committee.map(|unit| unit.organization) == Some(person.organization);
            of_committee || is_auditor_of(person, self.region)
        })
    }
}

fn is_auditor_of(person: Acting, region: Region) -> bool {
    person.role == Role::Auditor && person.organization.region() == region
}
