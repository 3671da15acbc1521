//! Who exists and which limits hold, as every service knows it: its own copy of the directory logs.
//!
//! The copy is a projection with rows in the service's store, so that it is there at start even when
//! no directory is; lookups are answered from memory. Nobody asks the directory per command.

mod book;
mod identify;
mod who;

use std::sync::{Arc, RwLock};

use domain::directory::{
    CONTEXT, Desk, DeskProfile, Enrolment, OrganizationKind, OrganizationProfile, RegionProfile,
    RuleSet, Worker,
};
use domain::ids::{DeskId, OrganizationId, WorkerId};
use domain::values::{Party, Role};
use eventsourcing::{
    LogId, Projection, ProjectionError, ProjectionStore, Recorded, Region, Rows, StoreError,
};

use book::Book;

pub use who::WhyNot;

/// The directory of some regions. Share it as an `Arc`: it is the projection and the lookups in one.
pub struct DirectoryView {
    regions: Vec<Region>,
    book: RwLock<Arc<Book>>,
}

impl DirectoryView {
    /// The directory as far as `store` has it; run it as a projection over that store to follow on.
    pub fn load(store: &dyn ProjectionStore, regions: Vec<Region>) -> Result<Self, StoreError> {
        Ok(Self {
            regions,
            book: RwLock::new(Arc::new(Book::load(store)?)),
        })
    }

    /// The book as it is now; later events make a new one.
    fn book(&self) -> Arc<Book> {
        Arc::clone(
            &self
                .book
                .read()
                .expect("no code panics while it holds the book"),
        )
    }

    pub fn region(&self, region: Region) -> Option<RegionProfile> {
        self.book().region(region).cloned()
    }

    pub fn regions(&self) -> Vec<RegionProfile> {
        self.book().regions().cloned().collect()
    }

    pub fn organization(&self, id: OrganizationId) -> Option<OrganizationProfile> {
        self.book().organization(id).cloned()
    }

    /// By region, then by id.
    pub fn organizations(&self) -> Vec<OrganizationProfile> {
        self.book().organizations().cloned().collect()
    }

    /// Open or closed; a closed desk still has a name.
    pub fn desk(&self, id: DeskId) -> Option<DeskProfile> {
        self.book().desk(id).and_then(Desk::profile).cloned()
    }

    /// Open and closed ones, by region, then by id.
    pub fn desks(&self) -> Vec<Desk> {
        self.book().desks().cloned().collect()
    }

    pub fn worker(&self, id: WorkerId) -> Option<Worker> {
        self.book().worker(id).cloned()
    }

    /// Those who work and those who have left, by region, then by id.
    pub fn workers(&self) -> Vec<Worker> {
        self.book().workers().cloned().collect()
    }

    /// Who works for an organization in a role now.
    pub fn holders(&self, organization: OrganizationId, role: Role) -> Vec<Enrolment> {
        self.book()
            .working()
            .filter(|known| known.organization == organization && known.roles.contains(&role))
            .cloned()
            .collect()
    }

    /// The organization and the desk that answers for it: of its open desks, the one opened first.
    pub fn unit(&self, organization: OrganizationId) -> Option<Party> {
        self.book().unit(organization)
    }

    /// Whether this organization acts through this desk, and the desk is open.
    pub fn is_unit(&self, party: Party) -> bool {
        match self.book().desk(party.desk) {
            Some(Desk::Open { profile, .. }) => profile.organization == party.organization,
            _ => false,
        }
    }

    /// Who is to act when this organization does not: the nearest League committee above it that has
    /// an open desk; for an agency outside the League, its region's committee; at last Central's.
    pub fn parent_committee(&self, organization: OrganizationId) -> Option<Party> {
        self.book().parent_committee(organization)
    }

    /// The unit that speaks for the League in a region; Central's is the relay.
    pub fn committee(&self, region: Region) -> Option<Party> {
        self.book().committee(region)
    }

    /// The rule set in force in a region: its own if it has published one, else Central's.
    pub fn rules(&self, region: Region) -> Option<Arc<RuleSet>> {
        let book = self.book();
        book.rules(region)
            .or_else(|| book.rules(Region::CENTRAL))
            .cloned()
    }

    /// Whether this person may act for this organization in this role.
    pub fn may_act(
        &self,
        person: WorkerId,
        organization: OrganizationId,
        role: Role,
    ) -> Result<(), WhyNot> {
        who::may_act(self.book().worker(person), person, organization, role)
    }
}

impl Projection for DirectoryView {
    fn name(&self) -> &'static str {
        "directory"
    }

    fn logs(&self) -> Vec<LogId> {
        self.regions
            .iter()
            .map(|&region| LogId::new(region, CONTEXT))
            .collect()
    }

    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError> {
        book::project(event, rows)
    }

    /// Lookups change only once the rows are safe, so that memory is never ahead of the store.
    fn committed(&self, events: &[Recorded]) {
        let mut next = Book::clone(&self.book());
        for event in events {
            next.take_in(event)
                .expect("the projection has read this event before it was committed");
        }
        *self
            .book
            .write()
            .expect("no code panics while it holds the book") = Arc::new(next);
    }
}

/// Whether an organization belongs to the League itself.
fn is_committee(profile: &OrganizationProfile) -> bool {
    profile.kind == OrganizationKind::LeagueCommittee
}

#[cfg(test)]
mod tests;
