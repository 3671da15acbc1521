//! The team's rules told as examples, its table cell by cell, its invariants over random histories.

mod examples;
mod histories;
mod table;

use eventsourcing::testing::{Scenario, given};
use eventsourcing::{Actor, Aggregate, Occasion, Region, ScopedId, StreamId};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::*;
use crate::acting::Acting;
use crate::ids::{DeskId, KeyId, OrganizationId, ReferralId, TaskId, WorkerId};
use crate::sealed::{PersonRole, Sealed, SealedClass, Text};
use crate::values::{CaseType, Party, RiskLevel, Role};

const QINGDAO: u128 = 1;
const SHANGHAI: u128 = 2;
const CENTRAL: u128 = 3;
const LAOSHAN: u128 = 4;
const SCHOOL: u128 = 5;

fn region(of: u128) -> Region {
    let code = match of {
        SHANGHAI => "310000",
        CENTRAL => "100000",
        _ => "370200",
    };
    code.parse().unwrap()
}

fn organization(of: u128) -> OrganizationId {
    OrganizationId::new(region(of), Uuid::from_u128(of))
}

fn unit(of: u128) -> Party {
    Party {
        organization: organization(of),
        desk: DeskId::new(region(of), Uuid::from_u128(of)),
    }
}

/// Worker number `n` of an organization.
fn worker(of: u128, n: u128) -> WorkerId {
    WorkerId::new(region(of), Uuid::from_u128(of * 100 + n))
}

fn acting(of: u128, n: u128, role: Role) -> Actor {
    let person = Acting {
        worker: worker(of, n),
        organization: organization(of),
        role,
    };
    person.actor()
}

fn hop(n: u128) -> ReferralId {
    ReferralId::new(region(CENTRAL), Uuid::from_u128(n))
}

fn task(n: u128) -> TaskId {
    TaskId::new(region(QINGDAO), Uuid::from_u128(n))
}

fn sealed() -> Sealed<Text> {
    Sealed {
        suite: 1,
        key: KeyId::new(region(SHANGHAI), Uuid::from_u128(9)),
        role: PersonRole::Subject,
        class: SealedClass::Narrative,
        stream: StreamId::new(CaseTeam::KIND, ScopedId::new(region(QINGDAO), Uuid::nil())),
        event: "Noted".to_owned(),
        field: "note".to_owned(),
        commitment: "00".to_owned(),
        nonce: "01".to_owned(),
        ciphertext: "02".to_owned(),
        of: std::marker::PhantomData,
    }
}

fn accepted(of: u128, by_hop: u128) -> Formation {
    Formation {
        hop: hop(by_hop),
        lead: unit(of),
        lead_worker: worker(of, 1),
        liaison: unit(SHANGHAI),
        observer: unit(CENTRAL),
        case_type: CaseType::PsychologicalSupport,
        risk: RiskLevel::Immediate,
    }
}

fn lead(of: u128, by_hop: u128) -> Lead {
    Lead {
        hop: hop(by_hop),
        lead: unit(of),
        lead_worker: worker(of, 1),
    }
}

fn formed() -> TeamEvent {
    TeamEvent::TeamFormed(accepted(QINGDAO, 1))
}

fn confirmed() -> TeamEvent {
    TeamEvent::CustodyConfirmed { hop: hop(1) }
}

fn stood_down() -> TeamEvent {
    TeamEvent::TeamStoodDown { hop: hop(1) }
}

fn seat(role: TeamRole, of: u128) -> Seat {
    Seat {
        role,
        organization: organization(of),
        worker: None,
    }
}

fn school_seated() -> TeamEvent {
    TeamEvent::MemberSeated(seat(TeamRole::SchoolContact, SCHOOL))
}

fn remove(seat: Seat) -> TeamCommand {
    TeamCommand::RemoveMember {
        seat,
        reason: RemovalReason::DutyEnded,
        note: None,
    }
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn order(n: u128, owner: u128) -> TaskOrder {
    TaskOrder {
        task: task(n),
        kind: TaskKind::ContactSchool,
        note: Some(sealed()),
        owner: organization(owner),
        worker: None,
        due_at: now() + SignedDuration::from_hours(4),
    }
}

fn added(n: u128, owner: u128) -> TeamEvent {
    TeamEvent::TaskAdded {
        hop: hop(1),
        order: order(n, owner),
    }
}

fn sit(seat: Seat) -> TeamCommand {
    TeamCommand::SeatMember {
        seat,
        in_directory: true,
    }
}

fn add(order: TaskOrder) -> TeamCommand {
    TeamCommand::AddTask {
        order,
        in_directory: true,
    }
}

fn complete(n: u128) -> TeamCommand {
    TeamCommand::CompleteTask {
        task: task(n),
        evidence: sealed(),
    }
}

fn done(n: u128) -> TeamEvent {
    TeamEvent::TaskDone {
        task: task(n),
        evidence: sealed(),
    }
}

fn cancel(n: u128) -> TeamCommand {
    TeamCommand::CancelTask {
        task: task(n),
        reason: TaskCancelReason::NoLongerNeeded,
        note: None,
    }
}

fn team(history: impl IntoIterator<Item = TeamEvent>) -> Scenario<CaseTeam> {
    given::<CaseTeam>(history).at(now())
}

fn by_lead(history: impl IntoIterator<Item = TeamEvent>) -> Scenario<CaseTeam> {
    team(history).by(acting(QINGDAO, 2, Role::Worker))
}

fn on(actor: Actor) -> Occasion {
    Occasion {
        actor,
        now: now(),
        occurred_at: now(),
    }
}
