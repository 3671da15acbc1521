//! One worker: for which organization, at which desk, in which roles. Never a name: a random id.

use std::collections::BTreeSet;

use eventsourcing::{Aggregate, Fact, Occasion, Rejection, RejectionKind};
use serde::{Deserialize, Serialize};

use super::{CONTEXT, NotAdministrator, check_administrator};
use crate::ids::{DeskId, OrganizationId, WorkerId};
use crate::values::Role;

#[derive(Debug, Clone, PartialEq)]
pub enum WorkerCommand {
    Enrol {
        enrolment: Enrolment,
        place: Place,
    },
    ChangeRoles {
        worker: WorkerId,
        roles: BTreeSet<Role>,
    },
    Leave {
        worker: WorkerId,
    },
}

/// What the directory says of the organization and desk of an enrolment: looked up, since a worker's
/// stream does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The organization is there, and the desk is one of its open desks.
    Known,
    UnknownOrganization,
    /// No such desk, or it is closed.
    UnknownDesk,
    DeskOfAnother,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum WorkerEvent {
    WorkerEnrolled(Enrolment),
    WorkerRolesChanged {
        worker: WorkerId,
        roles: BTreeSet<Role>,
    },
    WorkerLeft {
        worker: WorkerId,
    },
}

impl Fact for WorkerEvent {}

/// What is known of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    pub worker: WorkerId,
    pub organization: OrganizationId,
    pub desk: DeskId,
    pub roles: BTreeSet<Role>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerRejection {
    #[error(transparent)]
    NotAdministrator(#[from] NotAdministrator),
    #[error("a worker needs at least one role; one who stops working leaves")]
    NoRole,
    #[error("worker {worker} and organization {organization} are of different regions")]
    OtherRegion {
        worker: WorkerId,
        organization: OrganizationId,
    },
    #[error("the directory has no organization {0}")]
    UnknownOrganization(OrganizationId),
    #[error("the directory has no open desk {0}")]
    UnknownDesk(DeskId),
    #[error("desk {desk} does not belong to organization {organization}")]
    DeskOfAnother {
        desk: DeskId,
        organization: OrganizationId,
    },
    #[error("the directory has no worker {0}")]
    UnknownWorker(WorkerId),
    #[error("worker {0} is enrolled already")]
    AlreadyEnrolled(WorkerId),
    #[error("worker {0} has left")]
    HasLeft(WorkerId),
}

impl Rejection for WorkerRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotAdministrator(_) => RejectionKind::Forbidden,
            Self::NoRole | Self::OtherRegion { .. } | Self::DeskOfAnother { .. } => {
                RejectionKind::Invalid
            }
            Self::UnknownOrganization(_) | Self::UnknownDesk(_) | Self::UnknownWorker(_) => {
                RejectionKind::NotFound
            }
            Self::AlreadyEnrolled(_) => RejectionKind::AlreadyExists,
            Self::HasLeft(_) => RejectionKind::WrongState,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotAdministrator(_) => NotAdministrator::REASON,
            Self::NoRole => "NO_ROLE",
            Self::OtherRegion { .. } => "OTHER_REGION",
            Self::UnknownOrganization(_) => "UNKNOWN_ORGANIZATION",
            Self::UnknownDesk(_) => "UNKNOWN_DESK",
            Self::DeskOfAnother { .. } => "DESK_OF_ANOTHER_ORGANIZATION",
            Self::UnknownWorker(_) => "UNKNOWN_WORKER",
            Self::AlreadyEnrolled(_) => "WORKER_ALREADY_ENROLLED",
            Self::HasLeft(_) => "WORKER_HAS_LEFT",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::NotAdministrator(no) => no.zh(),
            Self::NoRole => "工作人员至少须有一个角色；不再任职的应办理离岗".to_owned(),
            Self::OtherRegion {
                worker,
                organization,
            } => format!("工作人员 {worker} 与组织 {organization} 不属同一地区"),
            Self::UnknownOrganization(id) => format!("名录中没有组织 {id}"),
            Self::UnknownDesk(id) => format!("名录中没有在用的服务台 {id}"),
            Self::DeskOfAnother { desk, organization } => {
                format!("服务台 {desk} 不属于组织 {organization}")
            }
            Self::UnknownWorker(id) => format!("名录中没有工作人员 {id}"),
            Self::AlreadyEnrolled(id) => format!("工作人员 {id} 已登记"),
            Self::HasLeft(id) => format!("工作人员 {id} 已离岗"),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::NoRole => Some("roles"),
            Self::OtherRegion { .. } | Self::UnknownOrganization(_) => Some("organization_id"),
            Self::UnknownDesk(_) | Self::DeskOfAnother { .. } => Some("desk_id"),
            Self::UnknownWorker(_) => Some("worker_id"),
            Self::NotAdministrator(_) | Self::AlreadyEnrolled(_) | Self::HasLeft(_) => None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Worker {
    #[default]
    Unknown,
    Working(Enrolment),
    /// Kept: what they did remains theirs.
    Left(Enrolment),
}

impl Worker {
    pub fn enrolment(&self) -> Option<&Enrolment> {
        match self {
            Self::Unknown => None,
            Self::Working(enrolment) | Self::Left(enrolment) => Some(enrolment),
        }
    }
}

impl Aggregate for Worker {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "worker";
    type Command = WorkerCommand;
    type Event = WorkerEvent;
    type Rejection = WorkerRejection;

    fn decide(
        &self,
        command: &WorkerCommand,
        on: &Occasion,
    ) -> Result<Vec<WorkerEvent>, WorkerRejection> {
        match command {
            WorkerCommand::Enrol { enrolment, place } => {
                check_administrator(&on.actor, enrolment.worker.region())?;
                check_roles(&enrolment.roles)?;
                check_place(enrolment, *place)?;
                match self {
                    Self::Unknown => Ok(vec![WorkerEvent::WorkerEnrolled(enrolment.clone())]),
                    Self::Working(_) | Self::Left(_) => {
                        Err(WorkerRejection::AlreadyEnrolled(enrolment.worker))
                    }
                }
            }
            WorkerCommand::ChangeRoles { worker, roles } => {
                check_administrator(&on.actor, worker.region())?;
                check_roles(roles)?;
                self.check_working(*worker)?;
                let (worker, roles) = (*worker, roles.clone());
                Ok(vec![WorkerEvent::WorkerRolesChanged { worker, roles }])
            }
            WorkerCommand::Leave { worker } => {
                check_administrator(&on.actor, worker.region())?;
                self.check_working(*worker)?;
                Ok(vec![WorkerEvent::WorkerLeft { worker: *worker }])
            }
        }
    }

    fn evolve(&mut self, event: &WorkerEvent) {
        match event {
            WorkerEvent::WorkerEnrolled(enrolment) => *self = Self::Working(enrolment.clone()),
            WorkerEvent::WorkerRolesChanged { roles, .. } => {
                if let Self::Working(enrolment) = self {
                    enrolment.roles.clone_from(roles);
                }
            }
            WorkerEvent::WorkerLeft { .. } => {
                if let Self::Working(enrolment) = std::mem::take(self) {
                    *self = Self::Left(enrolment);
                }
            }
        }
    }
}

impl Worker {
    fn check_working(&self, worker: WorkerId) -> Result<(), WorkerRejection> {
        match self {
            Self::Unknown => Err(WorkerRejection::UnknownWorker(worker)),
            Self::Working(_) => Ok(()),
            Self::Left(_) => Err(WorkerRejection::HasLeft(worker)),
        }
    }
}

fn check_roles(roles: &BTreeSet<Role>) -> Result<(), WorkerRejection> {
    if roles.is_empty() {
        return Err(WorkerRejection::NoRole);
    }
    Ok(())
}

fn check_place(enrolment: &Enrolment, place: Place) -> Result<(), WorkerRejection> {
    let (worker, organization, desk) = (enrolment.worker, enrolment.organization, enrolment.desk);
    if worker.region() != organization.region() {
        return Err(WorkerRejection::OtherRegion {
            worker,
            organization,
        });
    }
    match place {
        Place::Known => Ok(()),
        Place::UnknownOrganization => Err(WorkerRejection::UnknownOrganization(organization)),
        Place::UnknownDesk => Err(WorkerRejection::UnknownDesk(desk)),
        Place::DeskOfAnother => Err(WorkerRejection::DeskOfAnother { desk, organization }),
    }
}
