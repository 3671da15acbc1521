//! The plan's rules told as examples, and its table cell by cell.

mod histories;

use std::sync::Arc;

use eventsourcing::testing::{Scenario, given};
use eventsourcing::{Actor, Aggregate, Occasion, Region};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::*;
use crate::acting::Acting;
use crate::directory::calendar::CalendarEntries;
use crate::directory::{CallbackRule, InfoPause, Limit, PerRisk, RuleSet, Weekday};
use crate::ids::{DeskId, OrganizationId, ReferralId, VisitId, WorkerId};
use crate::transitions::NotAllowed;
use crate::values::{Party, RiskLevel, Role, Term};

const QINGDAO: u128 = 1;
const LAOSHAN: u128 = 2;

fn region() -> Region {
    "370200".parse().unwrap()
}

fn unit(of: u128) -> Party {
    Party {
        organization: OrganizationId::new(region(), Uuid::from_u128(of)),
        desk: DeskId::new(region(), Uuid::from_u128(of)),
    }
}

fn acting(of: u128, role: Role) -> Actor {
    let person = Acting {
        worker: WorkerId::new(region(), Uuid::from_u128(of)),
        organization: unit(of).organization,
        role,
    };
    person.actor()
}

fn charge(of: u128) -> Charge {
    Charge {
        hop: ReferralId::new(Region::CENTRAL, Uuid::from_u128(of)),
        unit: unit(of),
        worker: WorkerId::new(region(), Uuid::from_u128(of)),
    }
}

fn visit(n: u128) -> VisitId {
    VisitId::new(region(), Uuid::from_u128(n))
}

fn hours(n: i64) -> Timestamp {
    "2026-01-12T01:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(n)
}

fn rules() -> Arc<RuleSet> {
    let limit = PerRisk {
        immediate: Limit::Minutes(24 * 60),
        high: Limit::Minutes(24 * 60),
        medium: Limit::WorkingDays(1),
        low: Limit::WorkingDays(3),
        watch: Limit::WorkingDays(5),
    };
    let calendar = CalendarEntries {
        utc_offset_minutes: 480,
        weekend: [Weekday::Saturday, Weekday::Sunday].into(),
        holidays: [].into(),
        make_up_days: [].into(),
    };
    Arc::new(RuleSet {
        version: "2026-01".to_owned(),
        first_action: limit,
        answer: limit,
        return_decision: limit,
        relay_grace: limit,
        info_pause: InfoPause {
            at_most: Limit::Minutes(24 * 60),
            never_at: vec![],
        },
        callbacks: CallbackRule {
            failed_attempts: 5,
            within_minutes: 120,
            risk_at_least: RiskLevel::High,
        },
        first_follow_up: limit,
        calendar: calendar.try_into().unwrap(),
    })
}

fn open(n: u128, risk: RiskLevel) -> PlanCommand {
    PlanCommand::Open(Opening {
        charge: charge(QINGDAO),
        risk,
        formed_at: hours(0),
        visit: visit(n),
        rules: rules(),
    })
}

fn opened(risk: RiskLevel) -> PlanEvent {
    PlanEvent::PlanOpened {
        charge: charge(QINGDAO),
        risk,
        formed_at: hours(0),
        rules_version: "2026-01".to_owned(),
    }
}

fn planned(n: u128, due_at: Timestamp) -> PlanEvent {
    PlanEvent::VisitPlanned {
        visit: visit(n),
        kind: VisitKind::Phone,
        due_at,
        rules_version: "2026-01".to_owned(),
    }
}

fn withdrawn() -> PlanEvent {
    PlanEvent::PlanWithdrawn {
        hop: charge(QINGDAO).hop,
    }
}

fn report(n: u128, report: Report) -> PlanCommand {
    PlanCommand::RecordVisit {
        visit: visit(n),
        report,
        note: None,
    }
}

fn ended(n: u128, result: VisitResult) -> PlanEvent {
    PlanEvent::VisitDone {
        visit: visit(n),
        result,
        kept_at: None,
        note: None,
    }
}

fn missed(n: u128, due_at: Timestamp) -> PlanEvent {
    PlanEvent::VisitMissed {
        visit: visit(n),
        due_at,
    }
}

/// A plan with one visit owed, due after 24 hours, and then what is given.
fn owing(then: impl IntoIterator<Item = PlanEvent>) -> Scenario<FollowUpPlan> {
    let first = [opened(RiskLevel::Immediate), planned(1, hours(24))];
    given::<FollowUpPlan>(first.into_iter().chain(then)).at(hours(1))
}

#[test]
fn the_first_follow_up_is_a_phone_call_due_by_the_risk() {
    given::<FollowUpPlan>([])
        .when(open(1, RiskLevel::Immediate))
        .then([opened(RiskLevel::Immediate), planned(1, hours(24))]);
    // 09:00 on a Monday in China: the end of the third working day is Thursday's.
    given::<FollowUpPlan>([])
        .when(open(1, RiskLevel::Low))
        .then([opened(RiskLevel::Low), planned(1, hours(87))]);
}

#[test]
fn the_unit_in_charge_reports_that_a_visit_took_place() {
    for role in [
        Role::Worker,
        Role::Supervisor,
        Role::Authorised,
        Role::Visitor,
    ] {
        owing([])
            .by(acting(QINGDAO, role))
            .when(report(1, Report::TookPlace(VisitResult::Refused)))
            .then([ended(1, VisitResult::Refused)]);
    }
}

#[test]
fn a_visit_put_off_is_still_owed_later() {
    let put_off = PlanEvent::VisitRescheduled {
        visit: visit(1),
        due_at: hours(48),
        note: None,
    };
    let by_unit = |history: Vec<PlanEvent>| owing(history).by(acting(QINGDAO, Role::Worker));
    let state = by_unit(vec![])
        .when(report(1, Report::PutOff { due_at: hours(48) }))
        .then([put_off.clone()])
        .state();
    assert_eq!(state.owed().count(), 1);
    by_unit(vec![])
        .when(report(1, Report::PutOff { due_at: hours(1) }))
        .then_rejected(PlanRejection::DueInPast);
    owing([put_off])
        .at(hours(24))
        .when(PlanCommand::MarkMissed { visit: visit(1) })
        .then_rejected(PlanRejection::NotDueYet);
}

#[test]
fn a_visit_is_missed_when_its_time_comes_and_only_once() {
    let mark = || PlanCommand::MarkMissed { visit: visit(1) };
    owing([])
        .at(hours(24) - SignedDuration::from_millis(1))
        .when(mark())
        .then_rejected(PlanRejection::NotDueYet);
    owing([])
        .at(hours(24))
        .when(mark())
        .then([missed(1, hours(24))]);
    owing([missed(1, hours(24))])
        .at(hours(25))
        .when(mark())
        .then_rejected(PlanRejection::VisitNotOwed(VisitStatus::Missed));
}

#[test]
fn a_visit_that_was_kept_and_reported_only_after_it_was_marked_has_its_result() {
    let late = PlanEvent::VisitDone {
        visit: visit(1),
        result: VisitResult::Done,
        kept_at: Some(hours(30)),
        note: None,
    };
    let by_unit = |history: Vec<PlanEvent>| {
        let marked = owing(history).by(acting(QINGDAO, Role::Worker));
        marked.at(hours(30))
    };
    let plan = by_unit(vec![missed(1, hours(24))])
        .when(report(1, Report::TookPlace(VisitResult::Done)))
        .then([late.clone()])
        .state();
    let kept = &plan.visits[&visit(1)];
    assert_eq!(
        (kept.status, kept.kept_at),
        (VisitStatus::Done, Some(hours(30)))
    );
    by_unit(vec![missed(1, hours(24)), late])
        .when(report(1, Report::TookPlace(VisitResult::Refused)))
        .then_rejected(PlanRejection::VisitNotOwed(VisitStatus::Done));
    by_unit(vec![missed(1, hours(24))])
        .when(report(1, Report::PutOff { due_at: hours(48) }))
        .then_rejected(PlanRejection::VisitNotOwed(VisitStatus::Missed));
}

#[test]
fn a_visit_that_took_place_is_not_missed_and_not_reported_again() {
    owing([ended(1, VisitResult::Done)])
        .at(hours(24))
        .when(PlanCommand::MarkMissed { visit: visit(1) })
        .then_rejected(PlanRejection::VisitNotOwed(VisitStatus::Done));
    owing([ended(1, VisitResult::Done)])
        .by(acting(QINGDAO, Role::Worker))
        .when(report(1, Report::TookPlace(VisitResult::Done)))
        .then_rejected(PlanRejection::VisitNotOwed(VisitStatus::Done));
    owing([])
        .by(acting(QINGDAO, Role::Worker))
        .when(report(2, Report::TookPlace(VisitResult::Done)))
        .then_rejected(PlanRejection::VisitUnknown);
}

#[test]
fn a_withdrawn_plan_owes_nothing_and_may_open_again() {
    let state = owing([])
        .when(PlanCommand::Withdraw)
        .then([withdrawn()])
        .state();
    assert_eq!(state.owed().count(), 0);
    owing([withdrawn()])
        .when(open(2, RiskLevel::Immediate))
        .then([opened(RiskLevel::Immediate), planned(2, hours(24))]);
    owing([withdrawn()])
        .when(open(1, RiskLevel::Immediate))
        .then_rejected(PlanRejection::VisitKnown);
}

#[test]
fn when_the_lead_changes_the_new_unit_owes_the_visits() {
    let state = owing([])
        .when(PlanCommand::HandOver(charge(LAOSHAN)))
        .then([PlanEvent::PlanHandedOver(charge(LAOSHAN))])
        .state();
    assert_eq!(state.owed().count(), 1);
    assert_eq!(state.place(&acting(LAOSHAN, Role::Worker)), Place::Unit);
    assert_eq!(state.place(&acting(QINGDAO, Role::Worker)), Place::Outsider);
}

#[test]
fn whoever_only_watches_or_administers_reports_nothing() {
    for role in [Role::Auditor, Role::Administrator] {
        owing([])
            .by(acting(QINGDAO, role))
            .when(report(1, Report::TookPlace(VisitResult::Done)))
            .then_rejected(PlanRejection::NotAllowed(NotAllowed::Forbidden {
                command: PlanCommandKind::RecordVisit,
            }));
    }
}

#[test]
fn every_cell_of_the_table_decides() {
    for state in PlanState::ALL.iter().copied() {
        for kind in PlanCommandKind::ALL.iter().copied() {
            for place in Place::ALL.iter().copied() {
                let plan = plan_in(state);
                let on = Occasion {
                    actor: actor_at(place),
                    now: hours(24),
                    occurred_at: hours(24),
                };
                let outcome = plan.decide(&command_of(kind), &on);
                let gated = matches!(outcome, Err(PlanRejection::NotAllowed(_)));
                let row = TRANSITIONS
                    .0
                    .contains(&(state, kind, plan.place(&on.actor)));
                assert_eq!(gated, !row, "{state:?} {kind:?} {place:?}: {outcome:?}");
            }
        }
    }
}

fn plan_in(state: PlanState) -> FollowUpPlan {
    match state {
        PlanState::Unopened => FollowUpPlan::default(),
        PlanState::Open => owing([]).state(),
        PlanState::Withdrawn => owing([withdrawn()]).state(),
    }
}

fn command_of(kind: PlanCommandKind) -> PlanCommand {
    match kind {
        PlanCommandKind::OpenPlan => open(2, RiskLevel::Immediate),
        PlanCommandKind::HandOverPlan => PlanCommand::HandOver(charge(LAOSHAN)),
        PlanCommandKind::WithdrawPlan => PlanCommand::Withdraw,
        PlanCommandKind::RecordVisit => report(1, Report::TookPlace(VisitResult::Done)),
        PlanCommandKind::MarkMissed => PlanCommand::MarkMissed { visit: visit(1) },
    }
}

fn actor_at(place: Place) -> Actor {
    match place {
        Place::System => Actor::system("plan-follows-team", "1"),
        Place::Unit => acting(QINGDAO, Role::Visitor),
        Place::Outsider => acting(LAOSHAN, Role::Supervisor),
    }
}
