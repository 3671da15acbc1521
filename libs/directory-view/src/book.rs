//! The book that is looked into: the directory's aggregates, folded by the same `evolve` that decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::directory::{
    Desk, Enrolment, Organization, OrganizationProfile, RegionEntry, RegionProfile, RuleBook,
    RuleSet, Worker,
};
use domain::ids::{DeskId, OrganizationId, WorkerId};
use domain::values::Party;
use eventsourcing::{
    Aggregate, ProjectionError, ProjectionStore, Recorded, Region, Rows, ScopedId, StoreError,
    UnknownEvent, decode,
};
use serde::de::DeserializeOwned;

use crate::is_committee;

/// Rows read from the store at a time.
const PAGE: usize = 500;

#[derive(Clone, Default)]
pub(crate) struct Book {
    regions: Shelf<RegionEntry>,
    organizations: Shelf<Organization>,
    desks: Shelf<Desk>,
    workers: Shelf<Worker>,
    rules: Shelf<RuleBook>,
}

type Shelf<A> = BTreeMap<ScopedId, A>;

/// An aggregate that the book keeps; its kind names its rows.
trait Kept: Aggregate + DeserializeOwned {
    fn shelf(book: &mut Book) -> &mut Shelf<Self>;
}

macro_rules! kept {
    ($($aggregate:ty => $shelf:ident,)+) => {
        $(impl Kept for $aggregate {
            fn shelf(book: &mut Book) -> &mut Shelf<Self> {
                &mut book.$shelf
            }
        })+

        /// Everything the book keeps; streams of other kinds (a policy's notes) are none of it.
        const KINDS: &[Kind] = &[$(Kind::of::<$aggregate>(),)+];
    };
}

kept! {
    RegionEntry => regions,
    Organization => organizations,
    Desk => desks,
    Worker => workers,
    RuleBook => rules,
}

/// What is done alike for each kind of aggregate.
struct Kind {
    name: &'static str,
    load: fn(&dyn ProjectionStore, &mut Book) -> Result<(), StoreError>,
    project: fn(&Recorded, &mut Rows) -> Result<(), ProjectionError>,
    take_in: fn(&Recorded, &mut Book) -> Result<(), UnknownEvent>,
}

impl Kind {
    const fn of<A: Kept>() -> Self {
        Self {
            name: A::KIND,
            load: load::<A>,
            project: project_one::<A>,
            take_in: take_in::<A>,
        }
    }

    fn behind(event: &Recorded) -> Option<&'static Self> {
        KINDS
            .iter()
            .find(|kind| kind.name == event.envelope.subject.kind)
    }
}

fn load<A: Kept>(store: &dyn ProjectionStore, book: &mut Book) -> Result<(), StoreError> {
    let table = table::<A>();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store.scan(&table, b"", after.as_deref(), PAGE)?;
        for (key, value) in &page {
            let id = read_key(key)?;
            let state = serde_json::from_slice(value).map_err(|error| unreadable(&error))?;
            A::shelf(book).insert(id, state);
        }
        match page.into_iter().last() {
            Some((last, _)) => after = Some(last),
            None => return Ok(()),
        }
    }
}

fn project_one<A: Kept>(event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
    let table = table::<A>();
    let key = event.envelope.subject.id.to_string();
    let mut state: A = rows.get(&table, key.as_bytes())?.unwrap_or_default();
    state.evolve(&decode::<A>(&event.envelope)?);
    rows.put(&table, key.as_bytes(), &state)?;
    Ok(())
}

fn take_in<A: Kept>(event: &Recorded, book: &mut Book) -> Result<(), UnknownEvent> {
    let event_of = decode::<A>(&event.envelope)?;
    A::shelf(book)
        .entry(event.envelope.subject.id)
        .or_default()
        .evolve(&event_of);
    Ok(())
}

fn table<A: Kept>() -> String {
    format!("{}/{}", A::CONTEXT, A::KIND)
}

fn read_key(key: &[u8]) -> Result<ScopedId, StoreError> {
    let text = std::str::from_utf8(key).map_err(|error| unreadable(&error))?;
    text.parse().map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::error::Error) -> StoreError {
    StoreError(format!("a row of the directory is unreadable: {error}"))
}

/// Takes an event into the rows.
pub(crate) fn project(event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
    match Kind::behind(event) {
        Some(kind) => (kind.project)(event, rows),
        None => Ok(()),
    }
}

impl Book {
    pub(crate) fn load(store: &dyn ProjectionStore) -> Result<Self, StoreError> {
        let mut book = Self::default();
        for kind in KINDS {
            (kind.load)(store, &mut book)?;
        }
        Ok(book)
    }

    /// Takes an event into memory.
    pub(crate) fn take_in(&mut self, event: &Recorded) -> Result<(), UnknownEvent> {
        match Kind::behind(event) {
            Some(kind) => (kind.take_in)(event, self),
            None => Ok(()),
        }
    }

    pub(crate) fn region(&self, region: Region) -> Option<&RegionProfile> {
        self.regions
            .get(&RegionEntry::id(region))
            .and_then(RegionEntry::profile)
    }

    pub(crate) fn regions(&self) -> impl Iterator<Item = &RegionProfile> {
        self.regions.values().filter_map(RegionEntry::profile)
    }

    pub(crate) fn organization(&self, id: OrganizationId) -> Option<&OrganizationProfile> {
        self.organizations
            .get(&id.0)
            .and_then(Organization::profile)
    }

    pub(crate) fn organizations(&self) -> impl Iterator<Item = &OrganizationProfile> {
        self.organizations
            .values()
            .filter_map(Organization::profile)
    }

    pub(crate) fn desk(&self, id: DeskId) -> Option<&Desk> {
        self.desks.get(&id.0)
    }

    pub(crate) fn desks(&self) -> impl Iterator<Item = &Desk> {
        self.desks.values()
    }

    pub(crate) fn worker(&self, id: WorkerId) -> Option<&Worker> {
        self.workers.get(&id.0)
    }

    pub(crate) fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.workers.values()
    }

    pub(crate) fn working(&self) -> impl Iterator<Item = &Enrolment> {
        self.workers.values().filter_map(|worker| match worker {
            Worker::Working(enrolment) => Some(enrolment),
            Worker::Unknown | Worker::Left(_) => None,
        })
    }

    pub(crate) fn rules(&self, region: Region) -> Option<&Arc<RuleSet>> {
        self.rules
            .get(&RuleBook::id(region).0)
            .and_then(RuleBook::in_force)
    }

    pub(crate) fn unit(&self, organization: OrganizationId) -> Option<Party> {
        let open = self.desks.values().filter_map(|desk| match desk {
            Desk::Open { profile, opened_at } if profile.organization == organization => {
                Some((*opened_at, profile.desk))
            }
            _ => None,
        });
        let (_, desk) = open.min()?;
        Some(Party { organization, desk })
    }

    /// The region's highest committee that has an open desk.
    pub(crate) fn committee(&self, region: Region) -> Option<Party> {
        let mut committees: Vec<_> = self
            .organizations()
            .filter(|known| known.organization.region() == region && is_committee(known))
            .collect();
        committees.sort_by_key(|known| known.level);
        committees
            .into_iter()
            .find_map(|known| self.unit(known.organization))
    }

    pub(crate) fn parent_committee(&self, organization: OrganizationId) -> Option<Party> {
        let other_than_itself = |unit: &Party| unit.organization != organization;
        self.committee_above(organization)
            .or_else(|| {
                self.committee(organization.region())
                    .filter(other_than_itself)
            })
            .or_else(|| self.committee(Region::CENTRAL).filter(other_than_itself))
    }

    fn committee_above(&self, organization: OrganizationId) -> Option<Party> {
        // Regions register their organizations apart, so a chain of parents could run in a circle.
        let mut seen = vec![organization];
        let mut at = organization;
        while let Some(parent) = self.organization(at).and_then(|known| known.parent) {
            if seen.contains(&parent) {
                return None;
            }
            let committee = self
                .organization(parent)
                .filter(|known| is_committee(known))
                .and_then(|known| self.unit(known.organization));
            if committee.is_some() {
                return committee;
            }
            seen.push(parent);
            at = parent;
        }
        None
    }
}
