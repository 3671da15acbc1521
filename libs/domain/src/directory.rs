//! Who exists and which limits hold: reference data, kept by commands and events like everything else.
//!
//! Every organization, desk and worker has a stream of its own in the log of its region; a region's
//! entry and its rule book are one stream each.

pub mod calendar;
pub mod desk;
pub mod names;
pub mod organization;
pub mod region;
pub mod rule_book;
pub mod rules;
pub mod witness;
pub mod worker;

pub use calendar::{Calendar, CalendarError, Weekday};
pub use desk::{Desk, DeskCommand, DeskEvent, DeskProfile, DeskRejection};
pub use names::{LineNumber, Name, NameError};
pub use organization::{
    Level, Organization, OrganizationCommand, OrganizationEvent, OrganizationKind,
    OrganizationProfile, OrganizationRejection,
};
pub use region::{RegionCommand, RegionEntry, RegionEvent, RegionProfile, RegionRejection};
pub use rule_book::{RuleBook, RuleBookCommand, RuleBookEvent, RuleBookRejection};
pub use rules::{CallbackRule, InfoPause, Limit, PerRisk, RuleSet};
pub use witness::{
    Head, LogWitness, WITNESS_HEADS, WitnessCommand, WitnessEvent, WitnessRejection,
};
pub use worker::{Enrolment, Place, Worker, WorkerCommand, WorkerEvent, WorkerRejection};

use eventsourcing::{Actor, Region};

use crate::ids::OrganizationId;
use crate::values::{Role, Term};

/// The service's word for itself: the logs are `<region>.directory`.
pub const CONTEXT: &str = "directory";

/// The system rule that brings the reference file into the directory; it needs no administrator,
/// because it makes the first one.
pub const REFERENCE_DATA: &str = "reference-data";

/// Only the region's own administrators keep its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only an administrator of an organization of region {0} may change its directory")]
pub struct NotAdministrator(pub Region);

impl NotAdministrator {
    pub(crate) const REASON: &'static str = "NOT_ADMINISTRATOR";

    pub(crate) fn zh(self) -> String {
        format!("只有地区 {} 所属组织的管理员可以变更该地区的名录", self.0)
    }
}

/// Whether the actor may change the directory of `region`.
fn check_administrator(actor: &Actor, region: Region) -> Result<(), NotAdministrator> {
    let may = match actor {
        Actor::System { rule, .. } => rule == REFERENCE_DATA,
        Actor::Person {
            organization, role, ..
        } => {
            let of_region = organization
                .parse()
                .is_ok_and(|id: OrganizationId| id.region() == region);
            of_region && role == Role::Administrator.name()
        }
    };
    if may {
        Ok(())
    } else {
        Err(NotAdministrator(region))
    }
}

#[cfg(test)]
mod tests;
