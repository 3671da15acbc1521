//! Between the domain's values and the contract's messages.

use domain::caseteam::{Lead, Seat, Task};
use domain::ids::TeamId;
use domain::values::{Party, Term};
use proto::caseteam::v1 as pb;
use proto::types::v1 as types;
use service_runtime::grpc::{enum_number, field, moment, optional, term, violation};
use tonic::Status;

use crate::projection::{OwnedTask, TeamRow};

/// The seat that a request names.
pub(super) fn seat(message: Option<pb::Seat>) -> Result<Seat, Status> {
    let seat = message.ok_or_else(|| violation("seat", "it must be set", "必须填写"))?;
    Ok(Seat {
        role: term::<pb::TeamRole, _>("seat.role", seat.role)?,
        organization: field("seat.organization_id", &seat.organization_id)?,
        worker: optional("seat.worker_id", &seat.worker_id)?,
    })
}

/// `None` if the row only notes a void and no team ever formed.
pub(super) fn team(id: TeamId, row: &TeamRow) -> Option<pb::GetTeamResponse> {
    let team = row.team.team.as_ref()?;
    let mut tasks: Vec<&Task> = team.tasks.values().collect();
    tasks.sort_by_key(|task| (task.order.due_at, task.order.task));
    let message = pb::Team {
        team_id: id.to_string(),
        case_id: row.case.to_string(),
        state: enum_number::<pb::TeamState>(row.team.state().name()),
        status: enum_number::<pb::CaseStatus>(team.status.name()),
        case_type: enum_number::<types::CaseType>(team.case_type.name()),
        risk: enum_number::<types::RiskLevel>(team.risk.name()),
        lead: Some(acceptance(&team.lead)),
        claims: team.claims.iter().map(acceptance).collect(),
        liaison: Some(party(team.liaison)),
        observer: Some(party(team.observer)),
        seats: team.seats.iter().map(seat_message).collect(),
        tasks: tasks.into_iter().map(task_message).collect(),
    };
    Some(pb::GetTeamResponse {
        team: Some(message),
        etag: row.version.to_string(),
    })
}

pub(super) fn owned_task(owned: &OwnedTask) -> pb::OwnedTask {
    pb::OwnedTask {
        team_id: owned.team.to_string(),
        case_id: owned.case.to_string(),
        task: Some(task_message(&owned.task)),
    }
}

fn task_message(task: &Task) -> pb::Task {
    let order = &task.order;
    pb::Task {
        task_id: order.task.to_string(),
        kind: enum_number::<pb::TaskKind>(order.kind.name()),
        has_note: order.note.is_some(),
        owner_organization_id: order.owner.to_string(),
        owner_worker_id: order
            .worker
            .map(|worker| worker.to_string())
            .unwrap_or_default(),
        due_at: Some(moment(order.due_at)),
        status: enum_number::<pb::TaskStatus>(task.status.name()),
    }
}

fn seat_message(seat: &Seat) -> pb::Seat {
    pb::Seat {
        role: enum_number::<pb::TeamRole>(seat.role.name()),
        organization_id: seat.organization.to_string(),
        worker_id: seat
            .worker
            .map(|worker| worker.to_string())
            .unwrap_or_default(),
    }
}

fn acceptance(lead: &Lead) -> pb::Acceptance {
    pb::Acceptance {
        referral_id: lead.hop.to_string(),
        unit: Some(party(lead.lead)),
        worker_id: lead.lead_worker.to_string(),
    }
}

fn party(party: Party) -> types::Party {
    types::Party {
        organization_id: party.organization.to_string(),
        desk_id: party.desk.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use domain::caseteam::{
        CaseStatus, RemovalReason, TaskCancelReason, TaskKind, TaskStatus, TeamRole, TeamState,
    };
    use domain::values::{CaseType, RiskLevel};
    use proto::Word;

    use super::*;

    fn check<W: Word, T: Term + PartialEq + std::fmt::Debug + std::str::FromStr>() {
        for word in T::ALL.iter().copied() {
            let there = enum_number::<W>(word.name());
            assert!(
                term::<W, T>("word", there).is_ok_and(|back| back == word),
                "{word:?}"
            );
        }
    }

    #[test]
    fn every_word_of_the_domain_has_its_word_in_the_contract() {
        check::<pb::TeamState, TeamState>();
        check::<pb::CaseStatus, CaseStatus>();
        check::<pb::TeamRole, TeamRole>();
        check::<pb::RemovalReason, RemovalReason>();
        check::<pb::TaskKind, TaskKind>();
        check::<pb::TaskStatus, TaskStatus>();
        check::<pb::TaskCancelReason, TaskCancelReason>();
        check::<types::CaseType, CaseType>();
        check::<types::RiskLevel, RiskLevel>();
    }
}
