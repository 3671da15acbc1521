//! Whether a person may act as they say, and if not, exactly why.

use domain::directory::Worker;
use domain::ids::{OrganizationId, WorkerId};
use domain::values::{Role, Term};

/// Why a person may not act for an organization in a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    #[error("the directory has no worker {0}")]
    UnknownPerson(WorkerId),
    #[error("worker {person} does not work for organization {organization}")]
    OtherOrganization {
        person: WorkerId,
        organization: OrganizationId,
    },
    #[error("worker {0} has left")]
    HasLeft(WorkerId),
    #[error("worker {person} does not hold the role {role:?}")]
    RoleNotHeld { person: WorkerId, role: Role },
}

impl WhyNot {
    /// Stable, for programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownPerson(_) => "UNKNOWN_PERSON",
            Self::OtherOrganization { .. } => "NOT_OF_THIS_ORGANIZATION",
            Self::HasLeft(_) => "WORKER_HAS_LEFT",
            Self::RoleNotHeld { .. } => "ROLE_NOT_HELD",
        }
    }

    /// The same sentence in Chinese.
    pub fn zh(&self) -> String {
        match self {
            Self::UnknownPerson(person) => format!("名录中没有工作人员 {person}"),
            Self::OtherOrganization {
                person,
                organization,
            } => format!("工作人员 {person} 不在组织 {organization} 任职"),
            Self::HasLeft(person) => format!("工作人员 {person} 已离岗"),
            Self::RoleNotHeld { person, role } => {
                format!("工作人员 {person} 不具有“{}”角色", role.zh())
            }
        }
    }
}

pub(crate) fn may_act(
    known: Option<&Worker>,
    person: WorkerId,
    organization: OrganizationId,
    role: Role,
) -> Result<(), WhyNot> {
    let enrolment = known
        .and_then(Worker::enrolment)
        .ok_or(WhyNot::UnknownPerson(person))?;
    if enrolment.organization != organization {
        return Err(WhyNot::OtherOrganization {
            person,
            organization,
        });
    }
    match known {
        Some(Worker::Working(_)) if enrolment.roles.contains(&role) => Ok(()),
        Some(Worker::Working(_)) => Err(WhyNot::RoleNotHeld { person, role }),
        _ => Err(WhyNot::HasLeft(person)),
    }
}
