//! The form of the file, and how its codes become ids.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::directory::{
    DeskProfile, Enrolment, Level, LineNumber, Name, OrganizationKind, OrganizationProfile,
    RegionProfile, RuleSet,
};
use domain::ids::OrganizationId;
use domain::values::{Party, Role};
use eventsourcing::Region;
use serde::Deserialize;

use super::{
    Codes, Entry, ReferenceData, ReferenceError, RegionEntries, desk_id, organization_id, worker_id,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    region: Vec<RegionTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionTable {
    /// GB/T 2260, six digits.
    code: Region,
    name: Name,
    rules: Option<RuleSet>,
    #[serde(default)]
    organization: Vec<OrganizationTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganizationTable {
    code: String,
    name: Name,
    level: Level,
    kind: OrganizationKind,
    /// Code of the organization above it, of any region of the file.
    parent: Option<String>,
    #[serde(default)]
    desk: Vec<DeskTable>,
    #[serde(default)]
    worker: Vec<WorkerTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeskTable {
    code: String,
    name: Name,
    #[serde(default)]
    lines: Vec<LineNumber>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkerTable {
    code: String,
    roles: BTreeSet<Role>,
    /// Code of a desk of the organization; its first, if not said.
    desk: Option<String>,
}

pub(super) fn read(text: &str) -> Result<ReferenceData, ReferenceError> {
    let file: File = toml::from_str(text)?;
    let mut data = ReferenceData::default();
    // All organizations first: a parent may stand below its children.
    for table in &file.region {
        data.codes.add_organizations(table)?;
    }
    for table in file.region {
        let region = table.code;
        if data.of(region).is_some() {
            return Err(ReferenceError::RegionTwice(region));
        }
        let entries = RegionEntries::read(table, &mut data.codes)?;
        data.regions.push(entries);
    }
    Ok(data)
}

impl Codes {
    fn add_organizations(&mut self, table: &RegionTable) -> Result<(), ReferenceError> {
        for OrganizationTable { code, .. } in &table.organization {
            let id = organization_id(table.code, code);
            if self.organizations.insert(code.clone(), id).is_some() {
                return Err(twice("organization", code));
            }
        }
        Ok(())
    }
}

impl RegionEntries {
    fn read(table: RegionTable, codes: &mut Codes) -> Result<Self, ReferenceError> {
        let mut entries = Self {
            profile: RegionProfile {
                region: table.code,
                name: table.name,
            },
            rules: table.rules.map(Arc::new),
            organizations: Vec::new(),
            desks: Vec::new(),
            workers: Vec::new(),
        };
        for organization in table.organization {
            entries.add(organization, codes)?;
        }
        Ok(entries)
    }

    fn add(&mut self, table: OrganizationTable, codes: &mut Codes) -> Result<(), ReferenceError> {
        let organization = organization_id(self.profile.region, &table.code);
        let mut desks = Vec::new();
        for desk in table.desk {
            desks.push(self.add_desk(desk, organization, codes)?);
        }
        for worker in table.worker {
            self.add_worker(worker, &desks, codes)?;
        }
        let parent = table
            .parent
            .map(|parent| {
                let id = codes.organizations.get(&parent).copied();
                id.ok_or_else(|| ReferenceError::UnknownParent {
                    organization: table.code.clone(),
                    parent,
                })
            })
            .transpose()?;
        let content = OrganizationProfile {
            organization,
            name: table.name,
            level: table.level,
            kind: table.kind,
            parent,
        };
        let code = table.code;
        self.organizations.push(Entry { code, content });
        Ok(())
    }

    fn add_desk(
        &mut self,
        table: DeskTable,
        organization: OrganizationId,
        codes: &mut Codes,
    ) -> Result<Party, ReferenceError> {
        let desk = desk_id(self.profile.region, &table.code);
        let party = Party { organization, desk };
        if codes.desks.insert(table.code.clone(), party).is_some() {
            return Err(twice("desk", &table.code));
        }
        let content = DeskProfile {
            desk,
            organization,
            name: table.name,
            lines: table.lines,
        };
        let code = table.code;
        self.desks.push(Entry { code, content });
        Ok(party)
    }

    fn add_worker(
        &mut self,
        table: WorkerTable,
        desks: &[Party],
        codes: &mut Codes,
    ) -> Result<(), ReferenceError> {
        let at = place(&table, desks, codes)?;
        let content = Enrolment {
            worker: worker_id(self.profile.region, &table.code),
            organization: at.organization,
            desk: at.desk,
            roles: table.roles,
        };
        let code = table.code;
        if codes
            .workers
            .insert(code.clone(), content.clone())
            .is_some()
        {
            return Err(twice("worker", &code));
        }
        self.workers.push(Entry { code, content });
        Ok(())
    }
}

/// The desk that the table names, if it is one of the organization's; else the first of these.
fn place(table: &WorkerTable, desks: &[Party], codes: &Codes) -> Result<Party, ReferenceError> {
    let worker = table.code.clone();
    let Some(code) = &table.desk else {
        let first = desks.first().copied();
        return first.ok_or(ReferenceError::NoDesk { worker });
    };
    codes
        .desks
        .get(code)
        .filter(|party| desks.contains(party))
        .copied()
        .ok_or_else(|| ReferenceError::UnknownDesk {
            worker,
            desk: code.clone(),
        })
}

fn twice(kind: &'static str, code: &str) -> ReferenceError {
    ReferenceError::CodeTwice {
        kind,
        code: code.to_owned(),
    }
}
