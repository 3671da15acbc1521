//! The rows, fed event by event.

use domain::followup::{PlanEvent, VisitKind, VisitResult, VisitStatus};
use eventsourcing::testing::MemoryRows;
use eventsourcing::{Commit, first_due};
use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::samples::{at, case, charge, qingdao, recorded};

struct Fed {
    store: Arc<dyn ProjectionStore>,
    projection: PlanRows,
    version: u64,
}

impl Fed {
    fn new() -> Self {
        Self {
            store: Arc::new(MemoryRows::default()),
            projection: PlanRows {
                log: LogId::new(qingdao(), FollowUpPlan::CONTEXT),
            },
            version: 0,
        }
    }

    fn event(&mut self, of: u128, event: &PlanEvent) -> &mut Self {
        self.version += 1;
        let id = case(of).plan_in(qingdao()).0;
        let event = recorded::<FollowUpPlan>(qingdao(), id, case(of), self.version, event);
        let mut rows = Rows::new(self.store.clone());
        self.projection.project(&event, &mut rows).unwrap();
        let commit = Commit {
            changes: rows.into_changes(),
            checkpoint: None,
        };
        self.store.commit(commit).unwrap();
        self
    }

    /// A plan of unit number 1 with one visit, numbered as the case is.
    fn opened(&mut self, of: u128, due_at: &str) -> &mut Self {
        self.event(
            of,
            &PlanEvent::PlanOpened {
                charge: charge(1),
                risk: domain::values::RiskLevel::High,
                formed_at: at("2026-01-12T01:00:00Z"),
                rules_version: "2026-01".to_owned(),
            },
        );
        self.event(
            of,
            &PlanEvent::VisitPlanned {
                visit: visit(of),
                kind: VisitKind::Phone,
                due_at: at(due_at),
                rules_version: "2026-01".to_owned(),
            },
        )
    }

    fn owed_by(&self, unit: u128) -> Vec<VisitId> {
        let owed = owed_by(&self.store, charge(unit).unit.organization, "", 10).unwrap();
        owed.into_iter().map(|(_, owed)| owed.id).collect()
    }

    fn wakes_at(&self) -> Option<Timestamp> {
        first_due(&self.store).unwrap().map(|(at, _)| at)
    }
}

fn visit(n: u128) -> VisitId {
    VisitId::new(qingdao(), Uuid::from_u128(n))
}

fn done(n: u128) -> PlanEvent {
    PlanEvent::VisitDone {
        visit: visit(n),
        result: VisitResult::Done,
        kept_at: None,
        note: None,
    }
}

#[test]
fn what_is_owed_is_listed_first_due_first_page_by_page() {
    let mut fed = Fed::new();
    fed.opened(1, "2026-01-14T01:00:00Z");
    fed.opened(2, "2026-01-13T01:00:00Z");
    fed.opened(3, "2026-01-15T01:00:00Z");
    assert_eq!(fed.owed_by(1), [visit(2), visit(1), visit(3)]);
    let organization = charge(1).unit.organization;
    let first = owed_by(&fed.store, organization, "", 2).unwrap();
    let rest = owed_by(&fed.store, organization, &first[1].0, 2).unwrap();
    assert_eq!((first.len(), rest.len(), rest[0].1.id), (2, 1, visit(3)));
    assert_eq!(rest[0].1.case, case(3));
}

#[test]
fn the_clock_wakes_for_the_first_visit_that_is_still_owed() {
    let mut fed = Fed::new();
    fed.opened(1, "2026-01-14T01:00:00Z");
    fed.opened(2, "2026-01-13T01:00:00Z");
    assert_eq!(fed.wakes_at(), Some(at("2026-01-13T01:00:00Z")));
    fed.event(2, &done(2));
    assert_eq!(fed.wakes_at(), Some(at("2026-01-14T01:00:00Z")));
    let later = PlanEvent::VisitRescheduled {
        visit: visit(1),
        due_at: at("2026-01-20T01:00:00Z"),
        note: None,
    };
    fed.event(1, &later);
    assert_eq!(fed.wakes_at(), Some(at("2026-01-20T01:00:00Z")));
    let hop = charge(1).hop;
    fed.event(1, &PlanEvent::PlanWithdrawn { hop });
    assert_eq!(fed.wakes_at(), None);
    assert_eq!(fed.owed_by(1), []);
}

#[test]
fn a_plan_that_changes_hands_is_owed_by_the_new_unit_at_the_same_time() {
    let mut fed = Fed::new();
    fed.opened(1, "2026-01-14T01:00:00Z");
    fed.event(1, &PlanEvent::PlanHandedOver(charge(2)));
    assert_eq!((fed.owed_by(1), fed.owed_by(2)), (vec![], vec![visit(1)]));
    assert_eq!(fed.wakes_at(), Some(at("2026-01-14T01:00:00Z")));
}

#[test]
fn a_plan_is_read_as_it_stands_with_the_version_it_has() {
    let mut fed = Fed::new();
    fed.opened(1, "2026-01-14T01:00:00Z").event(1, &done(1));
    let row = plan(&fed.store, case(1).plan_in(qingdao()))
        .unwrap()
        .unwrap();
    assert_eq!((row.case, row.version), (case(1), Version(3)));
    assert_eq!(row.plan.visits[&visit(1)].status, VisitStatus::Done);
    assert_eq!(plan(&fed.store, case(2).plan_in(qingdao())).unwrap(), None);
}
