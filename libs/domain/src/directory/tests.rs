//! The directory's rules, told by example.

use std::sync::Arc;

use eventsourcing::testing::given;
use eventsourcing::{Actor, Region, Rejection};
use proptest::prelude::*;
use uuid::Uuid;

use super::rules::tests::rules;
use super::*;
use crate::ids::{DeskId, OrganizationId, WorkerId};
use crate::values::RiskLevel;

fn shanghai() -> Region {
    "310000".parse().unwrap()
}

fn qingdao() -> Region {
    "370200".parse().unwrap()
}

fn league(region: Region) -> OrganizationId {
    OrganizationId::new(region, Uuid::from_u128(1))
}

fn desk_id(region: Region) -> DeskId {
    DeskId::new(region, Uuid::from_u128(2))
}

fn worker_id(region: Region) -> WorkerId {
    WorkerId::new(region, Uuid::from_u128(3))
}

fn acting(region: Region, role: Role) -> Actor {
    let person = WorkerId::new(region, Uuid::from_u128(9)).to_string();
    Actor::person(&person, &league(region).to_string(), role.name())
}

fn administrator() -> Actor {
    acting(shanghai(), Role::Administrator)
}

fn committee(parent: Option<OrganizationId>) -> OrganizationProfile {
    OrganizationProfile {
        organization: league(shanghai()),
        name: Name::try_new("共青团上海市委员会", "Shanghai League Committee").unwrap(),
        level: Level::Province,
        kind: OrganizationKind::LeagueCommittee,
        parent,
    }
}

fn shanghai_committee() -> OrganizationProfile {
    committee(Some(league(Region::CENTRAL)))
}

fn desk_profile() -> DeskProfile {
    DeskProfile {
        desk: desk_id(shanghai()),
        organization: league(shanghai()),
        name: Name::try_new("上海12355", "Shanghai 12355").unwrap(),
        lines: vec!["12355".to_owned().try_into().unwrap()],
    }
}

fn register(profile: OrganizationProfile) -> OrganizationCommand {
    OrganizationCommand::Register {
        profile,
        parent_known: true,
    }
}

fn open_desk() -> DeskCommand {
    DeskCommand::Open {
        profile: desk_profile(),
        organization_known: true,
    }
}

fn desk_opened() -> DeskEvent {
    DeskEvent::DeskOpened {
        profile: desk_profile(),
        opened_at: "2026-01-01T00:00Z".parse().unwrap(),
    }
}

fn enrolment(roles: impl IntoIterator<Item = Role>) -> Enrolment {
    Enrolment {
        worker: worker_id(shanghai()),
        organization: league(shanghai()),
        desk: desk_id(shanghai()),
        roles: roles.into_iter().collect(),
    }
}

fn enrol_at(place: Place) -> WorkerCommand {
    WorkerCommand::Enrol {
        enrolment: enrolment([Role::Worker]),
        place,
    }
}

fn enrolled() -> WorkerEvent {
    WorkerEvent::WorkerEnrolled(enrolment([Role::Worker]))
}

fn change_roles(roles: impl IntoIterator<Item = Role>) -> WorkerCommand {
    WorkerCommand::ChangeRoles {
        worker: worker_id(shanghai()),
        roles: roles.into_iter().collect(),
    }
}

fn leave() -> WorkerCommand {
    WorkerCommand::Leave {
        worker: worker_id(shanghai()),
    }
}

fn left() -> WorkerEvent {
    WorkerEvent::WorkerLeft {
        worker: worker_id(shanghai()),
    }
}

fn publish(rules: RuleSet) -> RuleBookCommand {
    RuleBookCommand::Publish {
        region: shanghai(),
        rules: Arc::new(rules),
    }
}

fn published(version: &str) -> RuleBookEvent {
    RuleBookEvent::RuleSetPublished {
        rules: Arc::new(rules(version)),
    }
}

fn register_shanghai() -> RegionCommand {
    RegionCommand::Register(RegionProfile {
        region: shanghai(),
        name: Name::try_new("上海市", "Shanghai").unwrap(),
    })
}

#[test]
fn an_administrator_of_the_region_may_register_it_once() {
    let registered = given::<RegionEntry>([])
        .by(administrator())
        .when(register_shanghai())
        .state();
    assert_eq!(registered.profile().unwrap().name.en(), "Shanghai");

    let RegionCommand::Register(profile) = register_shanghai();
    given::<RegionEntry>([RegionEvent::RegionRegistered(profile)])
        .by(administrator())
        .when(register_shanghai())
        .then_rejected(RegionRejection::AlreadyRegistered(shanghai()));
}

#[test]
fn only_an_administrator_of_the_region_or_the_reference_data_may_change_it() {
    let others = [
        acting(qingdao(), Role::Administrator),
        acting(shanghai(), Role::Supervisor),
        Actor::person("p", "not an id", Role::Administrator.name()),
        Actor::system("another-rule", "1"),
    ];
    for other in others {
        let no = NotAdministrator(shanghai());
        given::<RegionEntry>([])
            .by(other.clone())
            .when(register_shanghai())
            .then_rejected(no.into());
        given::<Organization>([])
            .by(other.clone())
            .when(register(shanghai_committee()))
            .then_rejected(no.into());
        given::<Desk>([])
            .by(other.clone())
            .when(open_desk())
            .then_rejected(no.into());
        given::<Worker>([])
            .by(other.clone())
            .when(enrol_at(Place::Known))
            .then_rejected(no.into());
        given::<RuleBook>([])
            .by(other)
            .when(publish(rules("1")))
            .then_rejected(no.into());
    }
    given::<Worker>([])
        .by(Actor::system(REFERENCE_DATA, "1"))
        .when(enrol_at(Place::Known))
        .then([enrolled()]);
}

#[test]
fn who_may_not_is_not_told_what_is_there() {
    given::<Worker>([])
        .by(acting(qingdao(), Role::Administrator))
        .when(leave())
        .then_rejected(NotAdministrator(shanghai()).into());
}

#[test]
fn an_organization_is_registered_once() {
    let registered = OrganizationEvent::OrganizationRegistered(shanghai_committee());
    let register = register(shanghai_committee());
    given::<Organization>([])
        .by(administrator())
        .when(register.clone())
        .then([registered.clone()]);
    given::<Organization>([registered])
        .by(administrator())
        .when(register)
        .then_rejected(OrganizationRejection::AlreadyRegistered(league(shanghai())));
}

#[test]
fn escalation_always_finds_a_committee_above() {
    given::<Organization>([])
        .by(administrator())
        .when(register(committee(None)))
        .then_rejected(OrganizationRejection::ParentMissing);
    given::<Organization>([])
        .by(administrator())
        .when(register(committee(Some(league(shanghai())))))
        .then_rejected(OrganizationRejection::OwnParent);
}

#[test]
fn a_desk_is_opened_for_a_known_organization_of_its_region() {
    given::<Desk>([])
        .by(administrator())
        .when(open_desk())
        .then([desk_opened()]);
    given::<Desk>([])
        .by(administrator())
        .when(DeskCommand::Open {
            profile: desk_profile(),
            organization_known: false,
        })
        .then_rejected(DeskRejection::UnknownOrganization(league(shanghai())));
    given::<Desk>([])
        .by(administrator())
        .when(DeskCommand::Open {
            profile: DeskProfile {
                organization: league(qingdao()),
                ..desk_profile()
            },
            organization_known: true,
        })
        .then_rejected(DeskRejection::OtherRegion {
            desk: desk_id(shanghai()),
            organization: league(qingdao()),
        });
}

#[test]
fn a_desk_is_opened_once_and_closed_once() {
    let desk = desk_id(shanghai());
    let close = DeskCommand::Close { desk };
    let closed = DeskEvent::DeskClosed { desk };
    given::<Desk>([desk_opened()])
        .by(administrator())
        .when(open_desk())
        .then_rejected(DeskRejection::AlreadyOpened(desk));
    given::<Desk>([desk_opened()])
        .by(administrator())
        .when(close.clone())
        .then([closed.clone()]);
    given::<Desk>([desk_opened(), closed.clone()])
        .by(administrator())
        .when(close.clone())
        .then_rejected(DeskRejection::AlreadyClosed(desk));
    given::<Desk>([desk_opened(), closed])
        .by(administrator())
        .when(open_desk())
        .then_rejected(DeskRejection::AlreadyOpened(desk));
    given::<Desk>([])
        .by(administrator())
        .when(close)
        .then_rejected(DeskRejection::UnknownDesk(desk));
}

#[test]
fn a_worker_is_enrolled_at_an_open_desk_of_their_organization() {
    let (organization, desk) = (league(shanghai()), desk_id(shanghai()));
    let refused = [
        (
            Place::UnknownOrganization,
            WorkerRejection::UnknownOrganization(organization),
        ),
        (Place::UnknownDesk, WorkerRejection::UnknownDesk(desk)),
        (
            Place::DeskOfAnother,
            WorkerRejection::DeskOfAnother { desk, organization },
        ),
    ];
    for (place, why) in refused {
        given::<Worker>([])
            .by(administrator())
            .when(enrol_at(place))
            .then_rejected(why);
    }
    given::<Worker>([])
        .by(administrator())
        .when(enrol_at(Place::Known))
        .then([enrolled()]);
    given::<Worker>([enrolled()])
        .by(administrator())
        .when(enrol_at(Place::Known))
        .then_rejected(WorkerRejection::AlreadyEnrolled(worker_id(shanghai())));
}

#[test]
fn a_worker_of_another_region_is_refused() {
    let stranger = Enrolment {
        organization: league(qingdao()),
        ..enrolment([Role::Worker])
    };
    given::<Worker>([])
        .by(administrator())
        .when(WorkerCommand::Enrol {
            enrolment: stranger,
            place: Place::Known,
        })
        .then_rejected(WorkerRejection::OtherRegion {
            worker: worker_id(shanghai()),
            organization: league(qingdao()),
        });
}

#[test]
fn a_worker_always_has_a_role_until_they_leave() {
    given::<Worker>([enrolled()])
        .by(administrator())
        .when(change_roles([]))
        .then_rejected(WorkerRejection::NoRole);
    let promoted = given::<Worker>([enrolled()])
        .by(administrator())
        .when(change_roles([Role::Supervisor]))
        .state();
    assert_eq!(promoted, Worker::Working(enrolment([Role::Supervisor])));
    given::<Worker>([enrolled()])
        .by(administrator())
        .when(leave())
        .then([left()]);
}

#[test]
fn who_has_left_stays_left() {
    let gone = WorkerRejection::HasLeft(worker_id(shanghai()));
    for command in [change_roles([Role::Worker]), leave()] {
        given::<Worker>([enrolled(), left()])
            .by(administrator())
            .when(command)
            .then_rejected(gone.clone());
    }
    given::<Worker>([])
        .by(administrator())
        .when(leave())
        .then_rejected(WorkerRejection::UnknownWorker(worker_id(shanghai())));
}

#[test]
fn the_rules_published_last_are_in_force_and_a_version_is_never_used_twice() {
    let book = given::<RuleBook>([published("1")])
        .by(administrator())
        .when(publish(rules("2")))
        .then([published("2")])
        .state();
    assert_eq!(book.in_force().unwrap().version, "2");
    given::<RuleBook>([published("1"), published("2")])
        .by(administrator())
        .when(publish(rules("1")))
        .then_rejected(RuleBookRejection::VersionUsed("1".to_owned()));
}

#[test]
fn rules_that_nobody_could_keep_are_refused() {
    let mut no_time = rules("1");
    no_time.answer.low = Limit::WorkingDays(0);
    let mut no_attempts = rules("1");
    no_attempts.callbacks.failed_attempts = 0;
    let pause = |at_most| {
        let mut long = rules("1");
        long.info_pause.at_most = at_most;
        long
    };
    let mut stands_still = rules("1");
    stands_still.info_pause.never_at = vec![RiskLevel::High];
    let refused = [
        (
            no_time,
            RuleBookRejection::NoTime {
                field: "rules.answer",
                risk: RiskLevel::Low,
            },
        ),
        (no_attempts, RuleBookRejection::CallbacksNever),
        (
            pause(Limit::Minutes(24 * 60 + 1)),
            RuleBookRejection::PauseTooLong,
        ),
        (
            pause(Limit::WorkingDays(1)),
            RuleBookRejection::PauseTooLong,
        ),
        (stands_still, RuleBookRejection::PauseAtImmediate),
        (rules("version 1"), RuleBookRejection::VersionName),
        (rules(""), RuleBookRejection::VersionName),
    ];
    for (bad, why) in refused {
        given::<RuleBook>([])
            .by(administrator())
            .when(publish(bad))
            .then_rejected(why);
    }
}

#[test]
fn a_rejection_says_no_in_both_languages_and_names_the_field() {
    let no = RuleBookRejection::NoTime {
        field: "rules.answer",
        risk: RiskLevel::Low,
    };
    assert_eq!(no.to_string(), "rules.answer at Low leaves no time at all");
    assert_eq!(no.zh(), "风险等级“三级”的时限 rules.answer 不能为零");
    assert_eq!(no.field(), Some("rules.answer"));
}

fn any_worker_command() -> impl Strategy<Value = WorkerCommand> {
    let roles = proptest::collection::btree_set(prop::sample::select(Role::ALL), 0..3);
    prop_oneof![
        Just(enrol_at(Place::Known)),
        Just(enrol_at(Place::UnknownDesk)),
        roles.prop_map(change_roles),
        Just(leave()),
    ]
}

proptest! {
    #[test]
    fn whatever_is_commanded_a_worker_has_a_role_and_never_comes_back(
        commands in proptest::collection::vec(any_worker_command(), 0..20)
    ) {
        let on = eventsourcing::Occasion {
            actor: administrator(),
            now: jiff::Timestamp::UNIX_EPOCH,
            occurred_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let mut worker = Worker::default();
        let mut has_left = false;
        for command in commands {
            for event in eventsourcing::Aggregate::decide(&worker, &command, &on).unwrap_or_default() {
                eventsourcing::Aggregate::evolve(&mut worker, &event);
            }
            prop_assert!(!has_left || matches!(worker, Worker::Left(_)));
            has_left = matches!(worker, Worker::Left(_));
            prop_assert!(worker.enrolment().is_none_or(|known| !known.roles.is_empty()));
        }
    }
}
