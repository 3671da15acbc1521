//! The view over real logs: what it answers, and that it answers the same after a restart.

use std::collections::BTreeMap;

use domain::directory::{
    DeskCommand, Level, Name, Organization, OrganizationCommand, Place, REFERENCE_DATA,
    RegionCommand, RegionEntry, RuleBook, RuleBookCommand, WorkerCommand,
};
use eventsourcing::testing::{MemoryLog, MemoryRows};
use eventsourcing::{
    Actor, Aggregate, CommandHandler, Commit, EventLog, Hash, HybridClock, Position,
    RequestContext, ScopedId, VirtualClock,
};
use futures::FutureExt;
use jiff::Timestamp;
use service_runtime::grpc::Identify;
use uuid::Uuid;

use super::*;

/// Directories of some regions, kept by the reference data's rule, and a view that follows them.
struct World {
    store: Arc<MemoryRows>,
    clock: Arc<VirtualClock>,
    logs: BTreeMap<Region, (MemoryLog, CommandHandler, Position)>,
    view: DirectoryView,
}

fn region(code: &str) -> Region {
    code.parse().unwrap()
}

fn shanghai() -> Region {
    region("310000")
}

fn qingdao() -> Region {
    region("370200")
}

fn organization(region: Region, number: u128) -> OrganizationId {
    OrganizationId::new(region, Uuid::from_u128(number))
}

fn desk(region: Region, number: u128) -> DeskId {
    DeskId::new(region, Uuid::from_u128(number))
}

fn worker() -> WorkerId {
    WorkerId::new(qingdao(), Uuid::from_u128(1))
}

fn name() -> Name {
    Name::try_new("名称", "Name").unwrap()
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(VirtualClock::new("2026-01-05T00:00Z".parse().unwrap()));
        let store = Arc::new(MemoryRows::default());
        let regions = vec![Region::CENTRAL, shanghai(), qingdao()];
        let logs = regions.iter().map(|&region| {
            let log = MemoryLog::new(LogId::new(region, CONTEXT));
            let order = Arc::new(HybridClock::new(clock.clone()));
            let handler = CommandHandler::new(Arc::new(log.clone()), order);
            (region, (log, handler, Position(0)))
        });
        Self {
            logs: logs.collect(),
            view: DirectoryView::load(&*store, regions).unwrap(),
            store,
            clock,
        }
    }

    fn command<A: Aggregate>(&mut self, id: ScopedId, command: A::Command) {
        let request = RequestContext {
            id: Uuid::new_v5(&Uuid::now_v7(), b"test"),
            digest: Hash::of(b""),
            actor: Actor::system(REFERENCE_DATA, "1"),
            on_behalf_of: None,
            etag: None,
            validate_only: false,
            occurred_at: None,
            case: None,
            cause: None,
            traceparent: None,
        };
        let (_, handler, _) = &self.logs[&id.region];
        let done = handler.handle::<A>(id, command, &request).now_or_never();
        done.expect("the model never waits").unwrap();
        self.follow();
    }

    /// What a projection runner does, one event at a time.
    fn follow(&mut self) {
        for (log, _, seen) in self.logs.values_mut() {
            let news = log.read_all(*seen, 100).now_or_never().unwrap().unwrap();
            for event in news {
                let mut rows = Rows::new(self.store.clone());
                self.view.project(&event, &mut rows).unwrap();
                let changes = rows.into_changes();
                let commit = Commit {
                    changes,
                    checkpoint: None,
                };
                self.store.commit(commit).unwrap();
                *seen = event.position;
                self.view.committed(&[event]);
            }
        }
    }

    fn register(
        &mut self,
        id: OrganizationId,
        level: Level,
        kind: OrganizationKind,
        parent: Option<OrganizationId>,
    ) {
        let profile = OrganizationProfile {
            organization: id,
            name: name(),
            level,
            kind,
            parent,
        };
        self.command::<Organization>(
            id.0,
            OrganizationCommand::Register {
                profile,
                parent_known: true,
            },
        );
    }

    fn open(&mut self, organization: OrganizationId, number: u128) -> Party {
        let desk = desk(organization.region(), number);
        let profile = DeskProfile {
            desk,
            organization,
            name: name(),
            lines: vec![],
        };
        let organization_known = true;
        self.command::<Desk>(
            desk.0,
            DeskCommand::Open {
                profile,
                organization_known,
            },
        );
        Party { organization, desk }
    }

    fn close(&mut self, desk: DeskId) {
        self.command::<Desk>(desk.0, DeskCommand::Close { desk });
    }

    fn enrol(&mut self, at: Party, roles: impl IntoIterator<Item = Role>) {
        let enrolment = Enrolment {
            worker: worker(),
            organization: at.organization,
            desk: at.desk,
            roles: roles.into_iter().collect(),
        };
        let place = Place::Known;
        self.command::<Worker>(worker().0, WorkerCommand::Enrol { enrolment, place });
    }

    /// The reference rules under another version's name.
    fn publish(&mut self, region: Region, version: &str) {
        let file = include_str!("../../../deploy/reference/china.toml");
        let mut file: toml::Table = file.parse().unwrap();
        let regions = file.remove("region").unwrap();
        let rules = regions[0].as_table().unwrap()["rules"].clone();
        let rules: RuleSet = rules.try_into().unwrap();
        let rules = Arc::new(RuleSet {
            version: version.to_owned(),
            ..rules
        });
        let publish = RuleBookCommand::Publish { region, rules };
        self.command::<RuleBook>(RuleBook::id(region).0, publish);
    }

    /// Central with a desk, and a Qingdao committee below it with a desk.
    fn with_committees() -> (Self, Party, Party) {
        let mut world = Self::new();
        let central = organization(Region::CENTRAL, 1);
        let league = organization(qingdao(), 1);
        let committee = OrganizationKind::LeagueCommittee;
        world.register(central, Level::National, committee, None);
        world.register(league, Level::City, committee, Some(central));
        let relay = world.open(central, 1);
        let desk = world.open(league, 1);
        (world, relay, desk)
    }
}

#[test]
fn an_organization_answers_through_the_open_desk_that_was_opened_first() {
    let (mut world, _, first) = World::with_committees();
    let league = first.organization;
    world
        .clock
        .turn_to("2026-01-06T00:00Z".parse::<Timestamp>().unwrap());
    let second = world.open(league, 0);
    assert_eq!(world.view.unit(league), Some(first));
    assert!(world.view.is_unit(first));

    world.close(first.desk);
    assert_eq!(world.view.unit(league), Some(second));
    assert!(!world.view.is_unit(first));
    assert!(world.view.desk(first.desk).is_some(), "it still has a name");
}

#[test]
fn what_is_left_undone_goes_to_the_nearest_committee_above() {
    let (mut world, relay, league) = World::with_committees();
    let (school, bureau) = (organization(qingdao(), 8), organization(qingdao(), 9));
    world.register(bureau, Level::City, OrganizationKind::Education, None);
    world.register(
        school,
        Level::District,
        OrganizationKind::School,
        Some(bureau),
    );

    let above = |id| world.view.parent_committee(id);
    assert_eq!(above(league.organization), Some(relay));
    assert_eq!(above(bureau), Some(league), "its region's committee");
    assert_eq!(above(school), Some(league), "through the bureau");
    assert_eq!(above(relay.organization), None, "nobody is above Central");
    assert_eq!(
        above(organization(shanghai(), 7)),
        Some(relay),
        "at last Central"
    );
}

#[test]
fn a_committee_without_an_open_desk_is_passed_over() {
    let (mut world, relay, league) = World::with_committees();
    let district = organization(qingdao(), 5);
    let committee = OrganizationKind::LeagueCommittee;
    world.register(
        district,
        Level::District,
        committee,
        Some(league.organization),
    );
    assert_eq!(world.view.parent_committee(district), Some(league));
    world.close(league.desk);
    assert_eq!(world.view.parent_committee(district), Some(relay));
}

#[test]
fn parents_in_a_circle_end_at_the_committee_of_the_region() {
    let (mut world, _, league) = World::with_committees();
    let (one, two) = (organization(qingdao(), 5), organization(qingdao(), 6));
    world.register(one, Level::City, OrganizationKind::Health, Some(two));
    world.register(two, Level::City, OrganizationKind::Health, Some(one));
    assert_eq!(world.view.parent_committee(one), Some(league));
}

#[test]
fn a_person_acts_only_as_the_directory_says() {
    let (mut world, relay, league) = World::with_committees();
    let of = league.organization;
    let may = |world: &World, organization, role| world.view.may_act(worker(), organization, role);
    assert_eq!(
        may(&world, of, Role::Worker),
        Err(WhyNot::UnknownPerson(worker()))
    );
    world.enrol(league, [Role::Worker, Role::Authorised]);
    assert_eq!(may(&world, of, Role::Authorised), Ok(()));
    assert_eq!(
        may(&world, of, Role::Supervisor),
        Err(WhyNot::RoleNotHeld {
            person: worker(),
            role: Role::Supervisor
        })
    );
    assert_eq!(
        may(&world, relay.organization, Role::Worker),
        Err(WhyNot::OtherOrganization {
            person: worker(),
            organization: relay.organization
        })
    );
    world.command::<Worker>(worker().0, WorkerCommand::Leave { worker: worker() });
    assert_eq!(
        may(&world, of, Role::Worker),
        Err(WhyNot::HasLeft(worker()))
    );
    assert!(world.view.holders(of, Role::Worker).is_empty());
}

#[test]
fn a_region_goes_by_its_own_rules_and_without_any_by_those_of_central() {
    let mut world = World::new();
    let in_force = |world: &World| {
        let rules = world.view.rules(qingdao());
        rules.map(|rules| rules.version.clone())
    };
    assert_eq!(in_force(&world), None);
    world.publish(Region::CENTRAL, "central-1");
    assert_eq!(in_force(&world).unwrap(), "central-1");
    world.publish(qingdao(), "qingdao-1");
    world.publish(Region::CENTRAL, "central-2");
    assert_eq!(in_force(&world).unwrap(), "qingdao-1");
}

#[test]
fn whoever_calls_is_known_by_the_directory_or_refused() {
    let (mut world, _, league) = World::with_committees();
    world.enrol(league, [Role::Worker]);
    let (person, organization) = (worker().to_string(), league.organization.to_string());
    let identify = |role: &str| world.view.identify(&person, &organization, role);
    assert_eq!(identify("Worker"), Ok(()));
    let refused = identify("Supervisor").unwrap_err();
    assert_eq!(refused.reason, "ROLE_NOT_HELD");
    assert!(refused.zh.contains("督导"), "{}", refused.zh);
    assert_eq!(identify("Chief").unwrap_err().reason, "ACTOR_MALFORMED");
    let nobody = world.view.identify("somebody", &organization, "Worker");
    assert_eq!(nobody.unwrap_err().reason, "ACTOR_MALFORMED");
}

#[test]
fn what_is_loaded_at_start_is_what_was_known() {
    let (mut world, _, league) = World::with_committees();
    world.enrol(league, [Role::Worker]);
    let profile = RegionProfile {
        region: qingdao(),
        name: name(),
    };
    let register = RegionCommand::Register(profile.clone());
    world.command::<RegionEntry>(RegionEntry::id(qingdao()), register);

    let loaded = DirectoryView::load(&*world.store, vec![]).unwrap();
    assert_eq!(loaded.regions(), vec![profile]);
    assert_eq!(loaded.organizations(), world.view.organizations());
    assert_eq!(loaded.desks(), world.view.desks());
    assert_eq!(loaded.workers(), world.view.workers());
    assert_eq!(loaded.unit(league.organization), Some(league));
}

#[test]
fn events_of_other_kinds_are_passed_over() {
    let world = World::new();
    let note = MemoryLog::new("310000.directory".parse().unwrap());
    let append = eventsourcing::testing::append("310000.directory", 1, 0, 1);
    note.append(append).now_or_never().unwrap().unwrap();
    let events = note
        .read_all(Position(0), 1)
        .now_or_never()
        .unwrap()
        .unwrap();
    let mut rows = Rows::new(world.store.clone());
    world.view.project(&events[0], &mut rows).unwrap();
    assert!(rows.into_changes().is_empty());
    world.view.committed(&events);
}
