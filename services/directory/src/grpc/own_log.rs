//! What a command must know besides its own stream: looked up in the log that it writes to, so that
//! what was registered a moment ago is known.

use domain::directory::{
    Desk, DeskCommand, DeskProfile, Enrolment, Organization, OrganizationCommand,
    OrganizationProfile, Place, Worker, WorkerCommand,
};
use domain::ids::{DeskId, OrganizationId};
use eventsourcing::{
    Aggregate, Answer, CommandError, RequestContext, ScopedId, StreamId, Version, fold,
};

use super::DirectoryApi;

impl DirectoryApi {
    pub(super) async fn register(
        &self,
        profile: OrganizationProfile,
        call: &RequestContext,
    ) -> Result<Answer, CommandError> {
        let id = profile.organization.0;
        let command = OrganizationCommand::Register {
            parent_known: match profile.parent {
                Some(parent) => self.knows(parent).await?,
                None => false,
            },
            profile,
        };
        self.commands
            .handle::<Organization>(id, command, call)
            .await
    }

    pub(super) async fn open(
        &self,
        profile: DeskProfile,
        call: &RequestContext,
    ) -> Result<Answer, CommandError> {
        let organization: Organization = self.state(profile.organization.0).await?;
        let desk = profile.desk;
        let command = DeskCommand::Open {
            profile,
            organization_known: organization.profile().is_some(),
        };
        self.commands.handle::<Desk>(desk.0, command, call).await
    }

    pub(super) async fn enrol(
        &self,
        enrolment: Enrolment,
        call: &RequestContext,
    ) -> Result<Answer, CommandError> {
        let _desks = self.desks.lock().await;
        let organization: Organization = self.state(enrolment.organization.0).await?;
        let desk: Desk = self.state(enrolment.desk.0).await?;
        let worker = enrolment.worker;
        let command = WorkerCommand::Enrol {
            place: place(&enrolment, &organization, &desk),
            enrolment,
        };
        self.commands
            .handle::<Worker>(worker.0, command, call)
            .await
    }

    pub(super) async fn close(
        &self,
        desk: DeskId,
        call: &RequestContext,
    ) -> Result<Answer, CommandError> {
        let _desks = self.desks.lock().await;
        let command = DeskCommand::Close { desk };
        self.commands.handle::<Desk>(desk.0, command, call).await
    }

    /// Whether there is such an organization: of this region by its own log, of another by the view.
    async fn knows(&self, id: OrganizationId) -> Result<bool, CommandError> {
        if self.directory.organization(id).is_some() {
            return Ok(true);
        }
        let registered: Organization = self.state(id.0).await?;
        Ok(registered.profile().is_some())
    }

    /// What a stream of this log has come to; another region's is unknown here.
    async fn state<A: Aggregate>(&self, id: ScopedId) -> Result<A, CommandError> {
        let stream = StreamId::new(A::KIND, id);
        let history = self.commands.log().read(&stream, Version(1)).await?;
        Ok(fold(&history)?)
    }
}

fn place(enrolment: &Enrolment, organization: &Organization, desk: &Desk) -> Place {
    match (organization, desk) {
        (Organization::Unknown, _) => Place::UnknownOrganization,
        (_, Desk::Unknown | Desk::Closed { .. }) => Place::UnknownDesk,
        (_, Desk::Open { profile, .. }) if profile.organization != enrolment.organization => {
            Place::DeskOfAnother
        }
        (_, Desk::Open { .. }) => Place::Known,
    }
}
