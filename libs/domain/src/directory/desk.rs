//! One desk 服务台: where an organization answers, and on which lines.

use eventsourcing::{Aggregate, Fact, Occasion, Rejection, RejectionKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CONTEXT, LineNumber, Name, NotAdministrator, check_administrator};
use crate::ids::{DeskId, OrganizationId};

#[derive(Debug, Clone, PartialEq)]
pub enum DeskCommand {
    Open {
        profile: DeskProfile,
        /// Whether the directory has the organization: looked up, since this stream does not know.
        organization_known: bool,
    },
    Close {
        desk: DeskId,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum DeskEvent {
    DeskOpened {
        #[serde(flatten)]
        profile: DeskProfile,
        opened_at: Timestamp,
    },
    DeskClosed {
        desk: DeskId,
    },
}

impl Fact for DeskEvent {}

/// What is known of a desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskProfile {
    pub desk: DeskId,
    pub organization: OrganizationId,
    pub name: Name,
    /// The public lines it answers; a desk of a partner agency may have none.
    pub lines: Vec<LineNumber>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskRejection {
    #[error(transparent)]
    NotAdministrator(#[from] NotAdministrator),
    #[error("desk {desk} and organization {organization} are of different regions")]
    OtherRegion {
        desk: DeskId,
        organization: OrganizationId,
    },
    #[error("the directory has no organization {0}")]
    UnknownOrganization(OrganizationId),
    #[error("the directory has no desk {0}")]
    UnknownDesk(DeskId),
    #[error("desk {0} was opened already")]
    AlreadyOpened(DeskId),
    #[error("desk {0} is closed already")]
    AlreadyClosed(DeskId),
}

impl Rejection for DeskRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotAdministrator(_) => RejectionKind::Forbidden,
            Self::OtherRegion { .. } => RejectionKind::Invalid,
            Self::UnknownOrganization(_) | Self::UnknownDesk(_) => RejectionKind::NotFound,
            Self::AlreadyOpened(_) => RejectionKind::AlreadyExists,
            Self::AlreadyClosed(_) => RejectionKind::WrongState,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotAdministrator(_) => NotAdministrator::REASON,
            Self::OtherRegion { .. } => "OTHER_REGION",
            Self::UnknownOrganization(_) => "UNKNOWN_ORGANIZATION",
            Self::UnknownDesk(_) => "UNKNOWN_DESK",
            Self::AlreadyOpened(_) => "DESK_ALREADY_OPENED",
            Self::AlreadyClosed(_) => "DESK_ALREADY_CLOSED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::NotAdministrator(no) => no.zh(),
            Self::OtherRegion { desk, organization } => {
                format!("服务台 {desk} 与组织 {organization} 不属同一地区")
            }
            Self::UnknownOrganization(id) => format!("名录中没有组织 {id}"),
            Self::UnknownDesk(id) => format!("名录中没有服务台 {id}"),
            Self::AlreadyOpened(id) => format!("服务台 {id} 已设立"),
            Self::AlreadyClosed(id) => format!("服务台 {id} 已撤销"),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::OtherRegion { .. } | Self::UnknownOrganization(_) => Some("organization_id"),
            Self::UnknownDesk(_) => Some("desk_id"),
            Self::NotAdministrator(_) | Self::AlreadyOpened(_) | Self::AlreadyClosed(_) => None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Desk {
    #[default]
    Unknown,
    Open {
        profile: DeskProfile,
        opened_at: Timestamp,
    },
    Closed {
        profile: DeskProfile,
    },
}

impl Desk {
    pub fn profile(&self) -> Option<&DeskProfile> {
        match self {
            Self::Unknown => None,
            Self::Open { profile, .. } | Self::Closed { profile } => Some(profile),
        }
    }
}

impl Aggregate for Desk {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "desk";
    type Command = DeskCommand;
    type Event = DeskEvent;
    type Rejection = DeskRejection;

    fn decide(
        &self,
        command: &DeskCommand,
        on: &Occasion,
    ) -> Result<Vec<DeskEvent>, DeskRejection> {
        match command {
            DeskCommand::Open {
                profile,
                organization_known,
            } => {
                check_administrator(&on.actor, profile.desk.region())?;
                check_organization(profile, *organization_known)?;
                self.open(profile, on)
            }
            DeskCommand::Close { desk } => {
                check_administrator(&on.actor, desk.region())?;
                match self {
                    Self::Unknown => Err(DeskRejection::UnknownDesk(*desk)),
                    Self::Open { .. } => Ok(vec![DeskEvent::DeskClosed { desk: *desk }]),
                    Self::Closed { .. } => Err(DeskRejection::AlreadyClosed(*desk)),
                }
            }
        }
    }

    fn evolve(&mut self, event: &DeskEvent) {
        match event {
            DeskEvent::DeskOpened { profile, opened_at } => {
                *self = Self::Open {
                    profile: profile.clone(),
                    opened_at: *opened_at,
                };
            }
            DeskEvent::DeskClosed { .. } => {
                if let Self::Open { profile, .. } = std::mem::take(self) {
                    *self = Self::Closed { profile };
                }
            }
        }
    }
}

impl Desk {
    fn open(&self, profile: &DeskProfile, on: &Occasion) -> Result<Vec<DeskEvent>, DeskRejection> {
        match self {
            Self::Unknown => Ok(vec![DeskEvent::DeskOpened {
                profile: profile.clone(),
                opened_at: on.occurred_at,
            }]),
            Self::Open { .. } | Self::Closed { .. } => {
                Err(DeskRejection::AlreadyOpened(profile.desk))
            }
        }
    }
}

fn check_organization(profile: &DeskProfile, known: bool) -> Result<(), DeskRejection> {
    let (desk, organization) = (profile.desk, profile.organization);
    if desk.region() != organization.region() {
        return Err(DeskRejection::OtherRegion { desk, organization });
    }
    if known {
        Ok(())
    } else {
        Err(DeskRejection::UnknownOrganization(organization))
    }
}
