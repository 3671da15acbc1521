//! One region: that it takes part, and what it is called.

use eventsourcing::{Aggregate, Fact, Occasion, Region, Rejection, RejectionKind, ScopedId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CONTEXT, Name, NotAdministrator, check_administrator};

#[derive(Debug, Clone, PartialEq)]
pub enum RegionCommand {
    Register(RegionProfile),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum RegionEvent {
    RegionRegistered(RegionProfile),
}

impl Fact for RegionEvent {}

/// What is known of a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionProfile {
    pub region: Region,
    pub name: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegionRejection {
    #[error(transparent)]
    NotAdministrator(#[from] NotAdministrator),
    #[error("region {0} is registered already")]
    AlreadyRegistered(Region),
}

impl Rejection for RegionRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotAdministrator(_) => RejectionKind::Forbidden,
            Self::AlreadyRegistered(_) => RejectionKind::AlreadyExists,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotAdministrator(_) => NotAdministrator::REASON,
            Self::AlreadyRegistered(_) => "REGION_ALREADY_REGISTERED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::NotAdministrator(no) => no.zh(),
            Self::AlreadyRegistered(region) => format!("地区 {region} 已登记"),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum RegionEntry {
    #[default]
    Unknown,
    Registered(RegionProfile),
}

impl RegionEntry {
    /// The one stream of a region's entry.
    pub fn id(region: Region) -> ScopedId {
        ScopedId::new(region, Uuid::nil())
    }

    pub fn profile(&self) -> Option<&RegionProfile> {
        match self {
            Self::Unknown => None,
            Self::Registered(profile) => Some(profile),
        }
    }
}

impl Aggregate for RegionEntry {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "region";
    type Command = RegionCommand;
    type Event = RegionEvent;
    type Rejection = RegionRejection;

    fn decide(
        &self,
        command: &RegionCommand,
        on: &Occasion,
    ) -> Result<Vec<RegionEvent>, RegionRejection> {
        let RegionCommand::Register(profile) = command;
        check_administrator(&on.actor, profile.region)?;
        match self {
            Self::Unknown => Ok(vec![RegionEvent::RegionRegistered(profile.clone())]),
            Self::Registered(_) => Err(RegionRejection::AlreadyRegistered(profile.region)),
        }
    }

    fn evolve(&mut self, event: &RegionEvent) {
        match event {
            RegionEvent::RegionRegistered(profile) => *self = Self::Registered(profile.clone()),
        }
    }
}
