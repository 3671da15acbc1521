//! The reference file of the demo, and files that are wrong.

use std::sync::Arc;

use domain::directory::{Limit, OrganizationKind, Worker, WorkerCommand};
use domain::values::{RiskLevel, Role};
use eventsourcing::testing::MemoryLog;
use eventsourcing::{
    Actor, CommandHandler, EventLog, HybridClock, LogId, Position, RequestContext, Version,
    VirtualClock, decode,
};
use futures::FutureExt;
use jiff::Timestamp;

use super::*;

const CHINA: &str = include_str!("../../../../deploy/reference/china.toml");

fn china() -> ReferenceData {
    CHINA.parse().unwrap()
}

fn region(code: &str) -> Region {
    code.parse().unwrap()
}

fn qingdao() -> (MemoryLog, CommandHandler) {
    let log = MemoryLog::new(LogId::new(region("370200"), "directory"));
    let clock = Arc::new(VirtualClock::new("2026-01-05T00:00Z".parse().unwrap()));
    let order = Arc::new(HybridClock::new(clock));
    let handler = CommandHandler::new(Arc::new(log.clone()), order);
    (log, handler)
}

fn load(data: &ReferenceData, handler: &CommandHandler) -> Loaded {
    let loaded = data.load(handler).now_or_never();
    loaded.expect("the model never waits").unwrap()
}

/// The file with one line changed.
fn with(old: &str, new: &str) -> ReferenceData {
    assert_eq!(CHINA.matches(old).count(), 1, "{old}");
    CHINA.replace(old, new).parse().unwrap()
}

fn worker(log: &MemoryLog, id: WorkerId) -> Worker {
    let stream = eventsourcing::StreamId::new("worker", id.0);
    let history = log.read(&stream, Version(1)).now_or_never().unwrap();
    eventsourcing::fold(&history.unwrap()).unwrap()
}

#[test]
fn the_file_names_every_region_of_the_practice_with_a_committee_that_has_a_desk() {
    let china = china();
    assert_eq!(china.regions().count(), 15);
    for entries in &china.regions {
        let committee = entries
            .organizations
            .iter()
            .find(|known| known.content.kind == OrganizationKind::LeagueCommittee)
            .expect("a committee");
        let id = committee.content.organization;
        assert!(
            entries
                .desks
                .iter()
                .any(|desk| desk.content.organization == id),
            "{}",
            committee.code
        );
    }
}

#[test]
fn codes_become_ids_of_their_region_and_always_the_same() {
    let china = china();
    let league = china.organization("sh-league").unwrap();
    assert_eq!(league.region(), region("310000"));
    assert_eq!(league, organization_id(region("310000"), "sh-league"));
    let desk = china.desk("sh-12355").unwrap();
    assert_eq!(desk.organization, league);
    let supervisor = china.worker("sh-supervisor").unwrap();
    assert_eq!(supervisor.desk, desk.desk);
    assert_eq!(supervisor.roles, [Role::Supervisor].into());
    assert_eq!(china.organization("nobody"), None);
}

#[test]
fn the_rules_of_the_file_are_the_limits_of_the_practice() {
    let china = china();
    let rules = china.rules(Region::CENTRAL).unwrap();
    assert_eq!(rules.answer.of(RiskLevel::Immediate), Limit::Minutes(30));
    assert_eq!(rules.answer.of(RiskLevel::Watch), Limit::WorkingDays(5));
    assert_eq!(rules.callbacks.failed_attempts, 5);
    // Saturday 14 February makes up, then Spring Festival to the 23rd.
    let friday: Timestamp = "2026-02-13T10:00+08:00".parse().unwrap();
    let due = rules.due(Limit::WorkingDays(2), friday);
    assert_eq!(due, "2026-02-25T00:00+08:00".parse().unwrap());
}

#[test]
fn every_region_of_the_file_is_loaded_whole() {
    let china = china();
    for region in china.regions() {
        let log = MemoryLog::new(LogId::new(region, "directory"));
        let clock = Arc::new(VirtualClock::new("2026-01-05T00:00Z".parse().unwrap()));
        let handler = CommandHandler::new(Arc::new(log), Arc::new(HybridClock::new(clock)));
        let loaded = load(&china, &handler);
        assert_eq!(loaded.refused, vec![], "{region}");
        assert!(loaded.recorded >= 4, "{region}");
    }
}

#[test]
fn loading_twice_changes_nothing() {
    let (log, handler) = qingdao();
    let first = load(&china(), &handler);
    let head = log.head();
    let second = load(&china(), &handler);
    assert_eq!(log.head(), head);
    assert_eq!(second.recorded, 0);
    assert_eq!(second.unchanged, first.recorded);
    assert_eq!(head.position, Position(first.recorded as u64));
}

#[test]
fn a_changed_file_records_only_the_changes_it_can() {
    let (log, handler) = qingdao();
    load(&china(), &handler);
    let before = log.head().position;
    let changed = with(
        "code = \"qd-supervisor\"\nroles = [\"Supervisor\"]",
        "code = \"qd-supervisor\"\nroles = [\"Supervisor\", \"Auditor\"]",
    );
    let loaded = load(&changed, &handler);
    assert_eq!((loaded.recorded, loaded.refused.len()), (1, 0));
    let news = log.read_all(before, 10).now_or_never().unwrap().unwrap();
    assert_eq!(news.len(), 1);
    assert_eq!(news[0].envelope.event_type, "directory.WorkerRolesChanged");
    assert!(decode::<Worker>(&news[0].envelope).is_ok());

    let renamed = with(
        "en = \"Qingdao Education Bureau\"",
        "en = \"Education Bureau\"",
    );
    let loaded = load(&renamed, &handler);
    let refused: Vec<_> = loaded
        .refused
        .iter()
        .map(|refused| (refused.entry.as_str(), refused.why.reason))
        .collect();
    assert_eq!(
        refused,
        [("qd-education", "ORGANIZATION_ALREADY_REGISTERED")]
    );
}

#[test]
fn what_people_have_changed_since_stands() {
    let (log, handler) = qingdao();
    let china = china();
    load(&china, &handler);
    let id = china.worker("qd-worker").unwrap().worker;
    let administrator = china.worker("qd-admin").unwrap();
    let request = RequestContext {
        id: Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            1_767_571_200,
            0,
        )),
        digest: eventsourcing::Hash::of(b"promote"),
        actor: Actor::person(
            &administrator.worker.to_string(),
            &administrator.organization.to_string(),
            "Administrator",
        ),
        on_behalf_of: None,
        etag: None,
        validate_only: false,
        occurred_at: None,
        case: None,
        cause: None,
        traceparent: None,
    };
    let roles = [Role::Worker, Role::Supervisor].into();
    let promote = WorkerCommand::ChangeRoles { worker: id, roles };
    let done = handler
        .handle::<Worker>(id.0, promote, &request)
        .now_or_never();
    done.unwrap().unwrap();

    let promoted = worker(&log, id);
    let loaded = load(&china, &handler);
    assert_eq!(loaded.changed_since, ["qd-worker"]);
    assert_eq!(loaded.recorded, 0);
    assert_eq!(worker(&log, id), promoted);
}

#[test]
fn a_region_that_the_file_does_not_have_is_refused() {
    let log = MemoryLog::new(LogId::new(region("999999"), "directory"));
    let clock = Arc::new(VirtualClock::new(Timestamp::UNIX_EPOCH));
    let handler = CommandHandler::new(Arc::new(log), Arc::new(HybridClock::new(clock)));
    let refused = china().load(&handler).now_or_never().unwrap();
    assert!(matches!(refused, Err(LoadError::UnknownRegion(_))));
}

#[test]
fn a_wrong_file_is_refused_with_the_entry_at_fault() {
    let refused = |old: &str, new: &str| {
        let text = CHINA.replacen(old, new, 1);
        assert_ne!(text, CHINA, "{old}");
        text.parse::<ReferenceData>().unwrap_err().to_string()
    };
    let twice = refused("code = \"qd-police\"", "code = \"qd-school\"");
    assert_eq!(twice, "the organization `qd-school` is there twice");
    let orphan = refused("parent = \"gd-league\"", "parent = \"xx-league\"");
    assert_eq!(
        orphan,
        "the organization `gz-league` names the parent `xx-league`, which is not there"
    );
    let desk = refused(
        "code = \"sh-worker\"",
        "code = \"sh-worker\"\ndesk = \"qd-12355\"",
    );
    assert!(desk.starts_with("the worker `sh-worker` works at the desk `qd-12355`"));
    let region = refused("code = \"370200\"", "code = \"310000\"");
    assert_eq!(region, "region 310000 is there twice");
    for (old, new, names) in [
        ("kind = \"School\"", "kind = \"Schools\"", "Schools"),
        ("level = \"National\"", "levels = \"National\"", "levels"),
        ("code = \"370200\"", "code = \"37020\"", "six digits"),
        (
            "weekend = [\"Saturday\"",
            "weekend = [\"Samstag\"",
            "Samstag",
        ),
        (
            "lines = [\"12355\"]",
            "lines = [\"12355a\"]",
            "3 to 20 digits",
        ),
    ] {
        let message = refused(old, new);
        assert!(message.contains(names), "{message}");
        assert!(message.contains("line"), "{message}");
    }
}
