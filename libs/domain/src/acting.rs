//! The acting person as the rules see them: ids and a role instead of the envelope's strings.

use eventsourcing::Actor;

use crate::ids::{OrganizationId, WorkerId};
use crate::values::Role;

/// A person who acts for an organization in one of their roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acting {
    pub worker: WorkerId,
    pub organization: OrganizationId,
    pub role: Role,
}

impl Acting {
    /// `None` for the system, and for whoever is not known by such ids and such a role.
    pub fn of(actor: &Actor) -> Option<Self> {
        let Actor::Person {
            person,
            organization,
            role,
        } = actor
        else {
            return None;
        };
        Some(Self {
            worker: person.parse().ok()?,
            organization: organization.parse().ok()?,
            role: role.parse().ok()?,
        })
    }

    /// Whether this is an auditor: they read what they may not change.
    pub fn is_auditor(actor: &Actor) -> bool {
        Self::of(actor).is_some_and(|person| person.role == Role::Auditor)
    }

    /// The person as they stand in the envelope of an event.
    pub fn actor(&self) -> Actor {
        use crate::values::Term;
        Actor::person(
            &self.worker.to_string(),
            &self.organization.to_string(),
            self.role.name(),
        )
    }
}
