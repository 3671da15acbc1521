//! Reference data: a file that says who exists, brought into the directory's log.
//!
//! Each entry is commanded once: its request id derives from its content, so loading a file again
//! changes nothing, and what people have changed since stands. A changed entry is a new command,
//! which the rules accept or refuse like any other.

mod file;
mod load;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use domain::directory::{DeskProfile, Enrolment, OrganizationProfile, RegionProfile, RuleSet};
use domain::ids::{DeskId, OrganizationId, WorkerId};
use domain::values::{Party, Role, Term};
use eventsourcing::Region;
use node::client::Caller;
use uuid::Uuid;

pub use load::{LoadError, Loaded, Refused};

/// Under which the codes of the file become ids: the same code is the same id everywhere.
const NAMESPACE: Uuid = Uuid::from_u128(0x6c69_616e_646f_5e67_8d69_7265_6374_6f72);

/// The content of a reference file, checked: every name it refers to is there.
#[derive(Debug, Clone, Default)]
pub struct ReferenceData {
    regions: Vec<RegionEntries>,
    codes: Codes,
}

/// What a region's directory is to have, in an order in which it can be commanded.
#[derive(Debug, Clone)]
struct RegionEntries {
    profile: RegionProfile,
    rules: Option<Arc<RuleSet>>,
    organizations: Vec<Entry<OrganizationProfile>>,
    desks: Vec<Entry<DeskProfile>>,
    workers: Vec<Entry<Enrolment>>,
}

#[derive(Debug, Clone)]
struct Entry<T> {
    code: String,
    content: T,
}

/// The readable names of the file.
#[derive(Debug, Clone, Default)]
struct Codes {
    organizations: BTreeMap<String, OrganizationId>,
    desks: BTreeMap<String, Party>,
    workers: BTreeMap<String, Enrolment>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    #[error("the reference file {path} cannot be read: {cause}")]
    Unreadable {
        path: PathBuf,
        cause: std::io::Error,
    },
    /// The message names the place in the file.
    #[error("the reference data are malformed: {0}")]
    Malformed(#[from] toml::de::Error),
    #[error("region {0} is there twice")]
    RegionTwice(Region),
    #[error("the {kind} `{code}` is there twice")]
    CodeTwice { kind: &'static str, code: String },
    #[error("the organization `{organization}` names the parent `{parent}`, which is not there")]
    UnknownParent {
        organization: String,
        parent: String,
    },
    #[error(
        "the worker `{worker}` works at the desk `{desk}`, which its organization does not have"
    )]
    UnknownDesk { worker: String, desk: String },
    #[error("the worker `{worker}` has no desk: their organization has none")]
    NoDesk { worker: String },
}

impl ReferenceData {
    pub fn read(path: &Path) -> Result<Self, ReferenceError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ReferenceError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        text.parse()
    }

    pub fn regions(&self) -> impl Iterator<Item = Region> {
        self.regions.iter().map(|entries| entries.profile.region)
    }

    /// What the file says of a region itself.
    pub fn region(&self, region: Region) -> Option<&RegionProfile> {
        self.of(region).map(|entries| &entries.profile)
    }

    /// The id of the organization with this code.
    pub fn organization(&self, code: &str) -> Option<OrganizationId> {
        self.codes.organizations.get(code).copied()
    }

    /// The desk with this code, and its organization.
    pub fn desk(&self, code: &str) -> Option<Party> {
        self.codes.desks.get(code).copied()
    }

    /// The worker with this code, as the file enrols them.
    pub fn worker(&self, code: &str) -> Option<&Enrolment> {
        self.codes.workers.get(code)
    }

    /// The worker with this code as a caller in one of their roles.
    pub fn caller(&self, code: &str, role: Role) -> Option<Caller> {
        let known = self.worker(code)?;
        known.roles.contains(&role).then(|| Caller {
            person: known.worker.to_string(),
            organization: known.organization.to_string(),
            role: role.name().to_owned(),
        })
    }

    /// All organizations by their codes.
    pub fn organizations(&self) -> impl Iterator<Item = (&str, OrganizationId)> {
        let all = self.codes.organizations.iter();
        all.map(|(code, id)| (code.as_str(), *id))
    }

    /// All desks by their codes, each with its organization.
    pub fn desks(&self) -> impl Iterator<Item = (&str, Party)> {
        let all = self.codes.desks.iter();
        all.map(|(code, party)| (code.as_str(), *party))
    }

    /// All workers by their codes, in the order of the file.
    pub fn workers(&self) -> impl Iterator<Item = (&str, &Enrolment)> {
        let all = self.regions.iter().flat_map(|entries| &entries.workers);
        all.map(|entry| (entry.code.as_str(), &entry.content))
    }

    /// The rule set that the file publishes in a region.
    pub fn rules(&self, region: Region) -> Option<&Arc<RuleSet>> {
        self.of(region).and_then(|entries| entries.rules.as_ref())
    }

    fn of(&self, region: Region) -> Option<&RegionEntries> {
        self.regions
            .iter()
            .find(|entries| entries.profile.region == region)
    }
}

impl FromStr for ReferenceData {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        file::read(text)
    }
}

fn organization_id(region: Region, code: &str) -> OrganizationId {
    OrganizationId::new(region, derived("organization", code))
}

fn desk_id(region: Region, code: &str) -> DeskId {
    DeskId::new(region, derived("desk", code))
}

fn worker_id(region: Region, code: &str) -> WorkerId {
    WorkerId::new(region, derived("worker", code))
}

fn derived(kind: &str, code: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{kind}/{code}").as_bytes())
}

#[cfg(test)]
mod tests;
