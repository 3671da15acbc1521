//! One organization: a League committee, or an agency that works with it.

use eventsourcing::{Aggregate, Fact, Occasion, Rejection, RejectionKind};
use serde::{Deserialize, Serialize};

use super::{CONTEXT, Name, NotAdministrator, check_administrator};
use crate::ids::OrganizationId;
use crate::values::terms;

terms! {
    /// How far an organization's duty reaches. Ordered from the top.
    pub enum Level {
        National => "国家级",
        Province => "省级",
        City => "市级",
        District => "区县级",
    }
}

terms! {
    /// What an organization is.
    pub enum OrganizationKind {
        LeagueCommittee => "共青团委员会",
        Education => "教育部门",
        PublicSecurity => "公安机关",
        Procuratorate => "检察机关",
        WomensFederation => "妇女联合会",
        CivilAffairs => "民政部门",
        Health => "卫生健康部门",
        Community => "街道社区",
        SocialWork => "社会工作服务机构",
        School => "学校",
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum OrganizationCommand {
    Register {
        profile: OrganizationProfile,
        /// Whether the directory has the organization above it, in whatever region: looked up, since
        /// this stream does not know.
        parent_known: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum OrganizationEvent {
    OrganizationRegistered(OrganizationProfile),
}

impl Fact for OrganizationEvent {}

/// What is known of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationProfile {
    pub organization: OrganizationId,
    pub name: Name,
    pub level: Level,
    pub kind: OrganizationKind,
    /// The organization above it, possibly of another region; what it leaves undone goes there.
    pub parent: Option<OrganizationId>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrganizationRejection {
    #[error(transparent)]
    NotAdministrator(#[from] NotAdministrator),
    #[error("an organization cannot be above itself")]
    OwnParent,
    /// Escalation must always find somebody.
    #[error("a League committee below the national level must name the committee above it")]
    ParentMissing,
    #[error("the directory has no organization {0} that could be above it")]
    UnknownParent(OrganizationId),
    #[error("organization {0} is registered already")]
    AlreadyRegistered(OrganizationId),
}

impl Rejection for OrganizationRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotAdministrator(_) => RejectionKind::Forbidden,
            Self::OwnParent | Self::ParentMissing => RejectionKind::Invalid,
            Self::UnknownParent(_) => RejectionKind::NotFound,
            Self::AlreadyRegistered(_) => RejectionKind::AlreadyExists,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotAdministrator(_) => NotAdministrator::REASON,
            Self::OwnParent => "OWN_PARENT",
            Self::ParentMissing => "PARENT_MISSING",
            Self::UnknownParent(_) => "UNKNOWN_PARENT",
            Self::AlreadyRegistered(_) => "ORGANIZATION_ALREADY_REGISTERED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::NotAdministrator(no) => no.zh(),
            Self::OwnParent => "组织不能以自身为上级".to_owned(),
            Self::ParentMissing => "国家级以下的团委必须指明上级团委".to_owned(),
            Self::UnknownParent(id) => format!("名录中没有可作为上级的组织 {id}"),
            Self::AlreadyRegistered(id) => format!("组织 {id} 已登记"),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::OwnParent | Self::ParentMissing | Self::UnknownParent(_) => Some("parent_id"),
            Self::NotAdministrator(_) | Self::AlreadyRegistered(_) => None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Organization {
    #[default]
    Unknown,
    Registered(OrganizationProfile),
}

impl Organization {
    pub fn profile(&self) -> Option<&OrganizationProfile> {
        match self {
            Self::Unknown => None,
            Self::Registered(profile) => Some(profile),
        }
    }
}

impl Aggregate for Organization {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "organization";
    type Command = OrganizationCommand;
    type Event = OrganizationEvent;
    type Rejection = OrganizationRejection;

    fn decide(
        &self,
        command: &OrganizationCommand,
        on: &Occasion,
    ) -> Result<Vec<OrganizationEvent>, OrganizationRejection> {
        let OrganizationCommand::Register {
            profile,
            parent_known,
        } = command;
        check_administrator(&on.actor, profile.organization.region())?;
        if let Self::Registered(_) = self {
            let id = profile.organization;
            return Err(OrganizationRejection::AlreadyRegistered(id));
        }
        check_parent(profile, *parent_known)?;
        Ok(vec![OrganizationEvent::OrganizationRegistered(
            profile.clone(),
        )])
    }

    fn evolve(&mut self, event: &OrganizationEvent) {
        match event {
            OrganizationEvent::OrganizationRegistered(profile) => {
                *self = Self::Registered(profile.clone());
            }
        }
    }
}

fn check_parent(profile: &OrganizationProfile, known: bool) -> Result<(), OrganizationRejection> {
    let below_the_top =
        profile.kind == OrganizationKind::LeagueCommittee && profile.level != Level::National;
    match profile.parent {
        Some(parent) if parent == profile.organization => Err(OrganizationRejection::OwnParent),
        Some(parent) if !known => Err(OrganizationRejection::UnknownParent(parent)),
        None if below_the_top => Err(OrganizationRejection::ParentMissing),
        _ => Ok(()),
    }
}
